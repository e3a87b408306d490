//! The crowd: clients of all versions that do whatever comes to their mind and leave as they like. Nothing is counted on here but
//! that the server answers, keeps the rules of what it may send, and closes only when another connection takes the place.

use std::time::Duration;

use midge_testkit::{Client, Kind, PATIENCE, Packet, Received};

use crate::{World, add};

/// Comes, does something and leaves, until the time is over.
pub(crate) fn churn(world: &World, number: u64) {
    let mut random = Random::new(number + 1000);
    while world.goes_on() {
        let mut client = world.connect();
        if greet(world, &mut client, &mut random) {
            for _ in 0..random.below(20) {
                if !act(world, &mut client, &mut random) {
                    break;
                }
            }
        }
        leave(client, &mut random);
        std::thread::sleep(random.up_to(Duration::from_millis(3)));
    }
}

/// CONNECT, as one of a few identifiers that all of the crowd share. Whether it was accepted.
fn greet(world: &World, client: &mut Client, random: &mut Random) -> bool {
    let version = random.one_of(&[
        "v31 clean",
        "v31",
        "v311 clean",
        "v311",
        "v5 clean",
        "v5 session-expiry-interval=2",
        "v5 session-expiry-interval=500 receive-maximum=3",
        "v5 clean session-expiry-interval=500 topic-alias-maximum=4",
    ]);
    let will = random.one_of(&["", "", "will=churn/3 will.m=gone will.qos=1", "will=churn/4 will.m=gone will.retain"]);
    let id = random.below(IDENTIFIERS);
    client.send(&format!("CONNECT {version} {will} id=churn-{id} keep-alive=60"));
    match client.receive_within(PATIENCE) {
        Received::Packet(packet, _) => {
            assert!(packet.kind == Kind::Connack && packet.codes() == [0], "{packet}");
            true
        }
        Received::Closed => {
            add(&world.counts.taken_over, 1);
            false
        }
        other => panic!("CONNACK was expected, got {other}"),
    }
}

/// One thing that clients do. Whether the connection goes on.
fn act(world: &World, client: &mut Client, random: &mut Random) -> bool {
    let id = 1 + random.below(60_000);
    let filter = random.one_of(&[
        "churn/1",
        "churn/2",
        "churn/+",
        "churn/#",
        "+/3",
        "$share/one/churn/+",
        "$share/two/churn/5",
        "$share/two/#",
        "churn/deep/+/+/leaf",
    ]);
    let topic = match random.below(8) {
        0 => format!("churn/deep/{}/{}/leaf", random.below(10), random.below(10)),
        _ => format!("churn/{}", random.below(TOPICS)),
    };
    let qos = random.below(3);
    let payload = format!("\"x\"*{}", 1 + random.below(800));
    let (retain, payload) = match random.below(6) {
        0 => ("retain", payload.as_str()),
        1 => ("retain", "\"\""),
        _ => ("", payload.as_str()),
    };
    match random.below(8) {
        0 | 1 => client.send(&format!("SUBSCRIBE id={id} {filter} qos={qos}")),
        2 => client.send(&format!("UNSUBSCRIBE id={id} {filter}")),
        3 => client.send("PINGREQ"),
        _ => {
            let id = if qos == 0 { String::new() } else { format!("id={id}") };
            client.send(&format!("PUBLISH {topic} qos={qos} {id} m={payload} {retain}"));
            add(&world.counts.published, 1);
        }
    }
    listen(world, client, random.up_to(Duration::from_millis(4)))
}

/// Takes what has come, and answers as the specification wants. Whether the connection goes on.
fn listen(world: &World, client: &mut Client, patience: Duration) -> bool {
    for _ in 0..PACKETS_PER_LISTENING {
        match client.receive_within(patience) {
            Received::Packet(packet, _) => answer(world, client, &packet),
            Received::Silence => return true,
            Received::Closed => {
                add(&world.counts.taken_over, 1);
                return false;
            }
            illegal @ Received::Illegal(..) => panic!("{illegal}"),
        }
    }
    true
}

fn answer(world: &World, client: &mut Client, packet: &Packet) {
    let id = packet.number("id").unwrap_or(0);
    match packet.kind {
        Kind::Publish => {
            add(&world.counts.received, 1);
            match packet.number("qos") {
                Some(1) => client.send(&format!("PUBACK id={id}")),
                Some(_) => client.send(&format!("PUBREC id={id}")),
                None => {}
            }
        }
        Kind::Pubrec => client.send(&format!("PUBREL id={id}")),
        Kind::Pubrel => client.send(&format!("PUBCOMP id={id}")),
        Kind::Disconnect => assert_eq!(packet.codes(), [0x8e], "{packet}"),
        _ => {}
    }
}

fn leave(mut client: Client, random: &mut Random) {
    match random.below(5) {
        0 | 1 => client.send("DISCONNECT"),
        2 => client.reset(),
        3 => client.send("hex 30 7f 00"),
        _ => {}
    }
}

/// Numbers at random, the same for the same seed (SplitMix64).
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Random {
        Random(seed)
    }

    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound
    }

    pub(crate) fn up_to(&mut self, most: Duration) -> Duration {
        // A time-out of nothing would be for ever.
        Duration::from_micros(1 + self.below(most.as_micros() as u64))
    }

    fn one_of<'a>(&mut self, choices: &[&'a str]) -> &'a str {
        choices[self.below(choices.len() as u64) as usize]
    }
}

const IDENTIFIERS: u64 = 16;
const TOPICS: u64 = 24;
const PACKETS_PER_LISTENING: usize = 100;
