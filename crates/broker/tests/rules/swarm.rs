//! Histories that chance writes, compared with a model that is obviously right: clients of all versions subscribe, publish at
//! every QoS, are cut anywhere, come back, take over their own connections, read or do not, while shards come between each
//! other; in some of them the server is killed and started again. `MIDGE_TEST_SEEDS` runs more of them, `MIDGE_TEST_SEED` says where to begin.
//!
//! The model knows who was subscribed when a message was published (Subscriptions change only while nothing is on its way)
//! and what each QoS promises: QoS 2 once; QoS 1 at least once, and again only with DUP unless its publisher sent it again;
//! QoS 0 at most once. Messages of one publisher on one topic arrive in their order, those acknowledged and those not
//! each for themselves. A share group gets each message as one Session would.

use crate::world::World;
use crate::world::device::{Delivery, Device, all_leave, come_to_rest};
use crate::world::script::for_each_seed;
use midge_broker::{Counters, Options};
use midge_choices::Random;
use std::collections::BTreeMap;

/// What was published, and who was to get it.
struct Published {
    qos: u8,
    /// By device, the QoS with which the message reaches it; shared Subscriptions left out.
    receivers: BTreeMap<usize, u8>,
    /// Whether the share group was to get it.
    is_shared: bool,
}

struct Swarm {
    random: Random,
    world: World,
    devices: Vec<Device>,
    /// By device: its filters and their QoS.
    filters: Vec<BTreeMap<&'static str, u8>>,
    /// By topic and payload; the payload is a number that counts up for each publisher.
    published: BTreeMap<(String, u32), Published>,
    counts: Vec<u32>,
    congested: Vec<bool>,
    /// The server is killed and started again from time to time.
    is_killed: bool,
}

const FILTERS: [&str; 8] = ["t/+", "t/0", "t/1", "+/2", "#", "+/#", "u/#", "u/0/+"];
const SHARED: &str = "$share/g/t/+";

#[test]
fn a_swarm_agrees_with_the_model() {
    for_each_seed(150, |shards, seed, mut random| {
        let bound = if random.one_in(4) { 3 } else { 0 };
        let options = Options {
            max_queued_messages: bound,
            max_inflight_messages: *random.pick(&[1, 3, 20]),
            queue_qos0_messages: random.one_in(3),
            queue_memory_bytes: if random.one_in(2) { 0 } else { 1 << 20 },
            queue_run_bytes: *random.pick(&[200, 1000]),
            ..Options::default()
        };
        let is_killed = bound == 0 && random.one_in(2);
        let mut swarm = Swarm::new(World::new(options, shards, seed), random);
        swarm.is_killed = is_killed;
        for _ in 0..3 {
            swarm.change_subscriptions();
            for _ in 0..150 {
                swarm.act();
            }
            swarm.come_to_rest();
        }
        swarm.judge();
        all_leave(&mut swarm.world, swarm.devices);
    });
}

impl Swarm {
    fn new(world: World, mut random: Random) -> Swarm {
        let connects = [
            "v311",
            "v5 session-expiry-interval=100000",
            "v5 session-expiry-interval=100000 receive-maximum=1",
            "v5 session-expiry-interval=100000 receive-maximum=4",
        ];
        let count = 3 + random.below(4);
        let devices: Vec<Device> =
            (0..count).map(|number| Device::new(&format!("d{number}"), random.pick::<&str>(&connects))).collect();
        Swarm {
            random,
            world,
            filters: vec![BTreeMap::new(); count],
            published: BTreeMap::new(),
            counts: vec![0; count],
            congested: vec![false; count],
            is_killed: false,
            devices,
        }
    }

    /// The last two are members of the share group, or nothing: so it is known whose copy is whose.
    fn is_member(&self, device: usize) -> bool {
        device + 2 >= self.devices.len()
    }

    fn change_subscriptions(&mut self) {
        self.come_to_rest();
        for at in 0..self.devices.len() {
            for _ in 0..self.random.below(3) {
                let filter = if self.is_member(at) { SHARED } else { *self.random.pick(&FILTERS) };
                let qos = if self.is_member(at) { 2 } else { self.random.below(3) as u8 };
                if self.random.one_in(3) {
                    self.filters[at].remove(filter);
                    self.devices[at].unsubscribe(&mut self.world, filter);
                } else {
                    self.filters[at].insert(filter, qos);
                    self.devices[at].subscribe(&mut self.world, &format!("{filter} qos={qos}"));
                }
            }
        }
        self.come_to_rest();
    }

    fn come_to_rest(&mut self) {
        for at in 0..self.devices.len() {
            self.set_congested(at, false);
        }
        come_to_rest(&mut self.world, &mut self.devices);
    }

    fn set_congested(&mut self, at: usize, is_congested: bool) {
        if let Some(link) = self.devices[at].link()
            && self.congested[at] != is_congested
        {
            if is_congested { self.world.congest(link) } else { self.world.drain(link) }
        }
        self.congested[at] = is_congested;
    }

    fn act(&mut self) {
        let at = self.random.below(self.devices.len());
        let steps = self.random.below(8);
        let device = &mut self.devices[at];
        device.receive(&mut self.world);
        if self.is_killed && self.random.one_in(40) {
            return self.kill();
        }
        match self.random.below(20) {
            0 => {
                device.cut(&mut self.world);
                self.congested[at] = false;
            }
            1 => {
                device.connect(&mut self.world);
                self.congested[at] = false;
            }
            2 => {
                device.disconnect(&mut self.world);
                self.congested[at] = false;
            }
            3 => self.set_congested(at, true),
            4 => self.set_congested(at, false),
            5 => self.world.wait(100),
            6..12 => self.publish(at),
            12..15 if !device.is_connected() => device.connect(&mut self.world),
            _ => device.answer(&mut self.world, self.random.below(5)),
        }
        self.world.run(steps);
    }

    /// What the server had not handed over to its log is gone, and everybody has to come back. Or the log is written anew.
    fn kill(&mut self) {
        if self.random.one_in(2) {
            return self.world.snapshot();
        }
        self.world.restart_with_any_shards(0);
        self.devices.iter_mut().for_each(|device| device.cut(&mut self.world));
        self.congested.fill(false);
    }

    fn publish(&mut self, at: usize) {
        if !self.devices[at].can_publish() {
            return;
        }
        let qos = self.random.below(3) as u8;
        let topic = if self.random.one_in(4) { format!("u/0/{at}") } else { format!("t/{at}") };
        self.counts[at] += 1;
        let number = self.counts[at];
        let mut receivers = BTreeMap::new();
        for (device, filters) in self.filters.iter().enumerate().filter(|(device, _)| !self.is_member(*device)) {
            let granted = filters.iter().filter(|(filter, _)| matches(filter, &topic)).map(|(_, qos)| *qos).max();
            receivers.extend(granted.map(|granted| (device, granted.min(qos))));
        }
        let is_shared = topic.starts_with("t/") && self.filters.iter().any(|filters| filters.contains_key(SHARED));
        self.devices[at].publish(&mut self.world, &format!("{topic} qos={qos} m={number}"));
        self.published.insert((topic, number), Published { qos, receivers, is_shared });
    }

    /// Compares what everybody got with what was published.
    fn judge(&self) {
        // Where a bound was reached something may be missing; nothing may be there that should not.
        let is_complete = self.world.count(Counters::publish_dropped) == self.world.count(|it| it.discarded[1]);
        for (at, device) in self.devices.iter().enumerate().filter(|(at, _)| !self.is_member(*at)) {
            let mut copies: BTreeMap<(String, u32), Vec<&Delivery>> = BTreeMap::new();
            for delivery in &device.received {
                copies.entry(key(delivery)).or_default().push(delivery);
            }
            for (key, published) in &self.published {
                let got = copies.remove(key).unwrap_or_default();
                let context =
                    || format!("{} got {got:?} of {key:?}, published with QoS {}", device.name, published.qos);
                match published.receivers.get(&at) {
                    Some(qos) => check_copies(&got, published.qos, *qos, is_complete, &context),
                    None => assert!(got.is_empty(), "without a Subscription: {}", context()),
                }
            }
            assert!(copies.is_empty(), "{} got what nobody published: {copies:?}", device.name);
            self.check_order(device, is_complete);
        }
        let members = self.devices.iter().enumerate().filter(|(at, _)| self.is_member(*at));
        let mut copies: BTreeMap<(String, u32), Vec<&Delivery>> = BTreeMap::new();
        for delivery in members.flat_map(|(_, member)| &member.received) {
            copies.entry(key(delivery)).or_default().push(delivery);
        }
        for (key, published) in &self.published {
            let got = copies.remove(key).unwrap_or_default();
            let context = || format!("the group got {got:?} of {key:?}, published with QoS {}", published.qos);
            if published.is_shared {
                check_copies(&got, published.qos, published.qos, is_complete, &context);
            } else {
                assert!(got.is_empty(), "without a member: {}", context());
            }
        }
    }

    /// The first copies of what one publisher sent on one topic came in their order.
    fn check_order(&self, device: &Device, is_complete: bool) {
        let mut seen: BTreeMap<(&str, u8), Vec<u32>> = BTreeMap::new();
        for delivery in &device.received {
            let key = key(delivery);
            let is_acknowledged = delivery.qos > 0;
            if self.published[&key].qos == 1 && !(is_acknowledged && is_complete) {
                // Discarded (for a slow reader, in a full queue) and then sent again by its publisher: a message of its own.
                continue;
            }
            // A server that was killed remembers what was on its way at QoS 2, and sends that first.
            let kind = if self.is_killed { delivery.qos } else { u8::from(is_acknowledged) };
            let numbers = seen.entry((&delivery.topic, kind)).or_default();
            if !numbers.contains(&key.1) {
                let in_order = numbers.last().is_none_or(|last| *last < key.1);
                assert!(in_order, "{}: {delivery:?} after {numbers:?}", device.name);
                numbers.push(key.1);
            }
        }
    }
}

fn key(delivery: &Delivery) -> (String, u32) {
    (delivery.topic.clone(), delivery.payload.parse().expect("a number"))
}

/// What one receiver may have got of one message.
fn check_copies(got: &[&Delivery], published: u8, qos: u8, is_complete: bool, context: &dyn Fn() -> String) {
    assert!(got.iter().all(|copy| copy.qos == qos), "QoS {qos} was to be: {}", context());
    assert!(qos == 0 || !got.is_empty() || !is_complete, "lost: {}", context());
    // A QoS 1 publisher that was cut sends again, and that is a message of its own.
    if published != 1 {
        let originals = got.iter().filter(|copy| !copy.is_dup).count();
        let most = if qos == 1 { got.len() } else { 1 };
        assert!(originals <= 1 && got.len() <= most, "too often: {}", context());
    }
}

fn matches(filter: &str, topic: &str) -> bool {
    let mut levels = topic.split('/');
    for wanted in filter.split('/') {
        match (wanted, levels.next()) {
            ("#", _) => return true,
            ("+", Some(_)) => {}
            (wanted, Some(level)) if wanted == level => {}
            _ => return false,
        }
    }
    levels.next().is_none()
}
