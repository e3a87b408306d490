//! What is promised beside delivery: a Will comes once where it is due and never else, a message to a share group goes to one of
//! its members, a Retained Message is replayed until it is cleared.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use midge_testkit::{Client, Kind, PATIENCE};

use crate::churn::Random;
use crate::{World, add};

pub(crate) const PROMISES: [fn(&World); 3] = [wills, shares, retained_messages];

/// A mortal with a numbered Will dies or leaves in peace; a watcher sees the Wills of those who died, in their order, and no other.
fn wills(world: &World) {
    let mut random = Random::new(1);
    let mut watcher = greet(world, "v5 clean id=watcher");
    subscribe(&mut watcher, "wills", 1);
    let mut number = 0;
    while world.goes_on() {
        number += 1;
        let connect = format!("v311 clean id=mortal will=wills will.m={number} will.qos=1");
        let mut mortal = greet(world, &connect);
        let dies = match random.below(4) {
            0 => {
                mortal.send("DISCONNECT");
                mortal.expect_closed();
                false
            }
            1 => {
                mortal.reset();
                true
            }
            2 => {
                drop(mortal);
                true
            }
            // Taken over by a namesake without a Will.
            _ => {
                let mut namesake = greet(world, "v311 clean id=mortal");
                mortal.expect_closed();
                namesake.send("DISCONNECT");
                namesake.expect_closed();
                true
            }
        };
        if dies {
            let will = watcher.expect(&format!("PUBLISH wills qos=1 id=? m={number}"));
            watcher.send(&format!("PUBACK id={}", will.number("id").expect("an identifier")));
            add(&world.counts.wills, 1);
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Three members stay; of every dozen messages each goes to exactly one of them.
fn shares(world: &World) {
    let mut members = ["a", "b", "c"].map(|name| greet(world, &format!("v5 clean id=member-{name}")));
    members.iter_mut().for_each(|member| subscribe(member, "$share/team/work", 1));
    let mut publisher = greet(world, "v311 clean id=foreman");
    let mut number = 0u32;
    while world.goes_on() {
        let batch = number..number + 12;
        number = batch.end;
        for number in batch.clone() {
            publisher.send(&format!("PUBLISH work qos=1 id={} m={number}", 1 + number % 60_000));
            publisher.expect(&format!("PUBACK id={}", 1 + number % 60_000));
        }
        let mut taken: BTreeMap<u32, usize> = BTreeMap::new();
        let deadline = Instant::now() + PATIENCE;
        while taken.len() < batch.len() {
            assert!(Instant::now() < deadline, "of {batch:?} only {taken:?} came");
            for member in &mut members {
                for packet in member.receive_until_quiet(Duration::from_millis(1)) {
                    assert_eq!(packet.kind, Kind::Publish, "{packet}");
                    member.send(&format!("PUBACK id={}", packet.number("id").expect("an identifier")));
                    *taken.entry(packet.number("m").expect("a number")).or_default() += 1;
                }
            }
        }
        assert!(taken.keys().copied().eq(batch) && taken.values().all(|times| *times == 1), "{taken:?}");
        add(&world.counts.shared, taken.len() as u64);
    }
}

/// Set on one connection, seen by each new Subscription, replaced, cleared, seen no more.
fn retained_messages(world: &World) {
    let mut keeper = greet(world, "v5 clean id=keeper");
    let mut number = 0u32;
    while world.goes_on() {
        number += 1;
        let topic = format!("kept/{}", number % 50);
        for value in [format!("old-{number}"), format!("new-{number}")] {
            keeper.send(&format!("PUBLISH {topic} qos=1 id=1 m={value} retain"));
            keeper.expect("PUBACK id=1 0x??");
        }
        let mut visitor = greet(world, "v311 clean id=visitor");
        subscribe(&mut visitor, "kept/#", 0);
        visitor.expect(&format!("PUBLISH {topic} m=new-{number} retain"));
        keeper.send(&format!("PUBLISH {topic} qos=1 id=1 m=\"\" retain"));
        keeper.expect("PUBACK id=1 0x??");
        visitor.expect(&format!("PUBLISH {topic}"));
        subscribe(&mut visitor, "kept/#", 0);
        visitor.send("PINGREQ");
        visitor.expect("PINGRESP");
        add(&world.counts.retained, 1);
        std::thread::sleep(Duration::from_millis(2));
    }
}

fn greet(world: &World, connect: &str) -> Client {
    let mut client = world.connect();
    client.send(&format!("CONNECT {connect}"));
    client.expect("CONNACK");
    client
}

fn subscribe(client: &mut Client, filter: &str, qos: u8) {
    client.send(&format!("SUBSCRIBE id=9 {filter} qos={qos}"));
    client.expect(&format!("SUBACK id=9 0x0{qos}"));
}
