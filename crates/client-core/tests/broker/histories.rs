//! Histories that chance writes, compared with what each QoS promises.
//!
//! QoS 2: acknowledged to the publisher, shown once to each subscriber whose Session was there all the time, and never
//! more than once unless the publisher's Session was lost while the message was not acknowledged. QoS 1: at least once. And each
//! message that was accepted ends once, and none is left under way.

use std::collections::BTreeMap;

use midge_broker::Options as Settings;
use midge_choices::Random;
use midge_client_core::{Acknowledge, Options};
use midge_codec::{QoS, Version};

use crate::partner::Partner;
use crate::world::World;
use crate::world::script::for_each_seed;

#[test]
fn nothing_is_lost_and_qos_2_is_shown_once() {
    for_each_seed(100, |shards, seed, random| {
        let mut history = History::new(shards, seed, random, Sessions::Last);
        history.play();
        history.judge();
    });
}

#[test]
fn a_lost_session_loses_and_doubles_only_what_it_must() {
    for_each_seed(100, |shards, seed, random| {
        let mut history = History::new(shards, seed, random, Sessions::AreLost);
        history.play();
        history.judge();
    });
}

/// What happens to Sessions at the server.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sessions {
    Last,
    /// Somebody else takes the Client Identifier now and then, and wants a clean start.
    AreLost,
}

struct History {
    random: Random,
    world: World,
    now_ms: u64,
    partners: Vec<Partner>,
    sessions: Sessions,
    is_killed: bool,
    published: Vec<Published>,
    /// Times that everybody came to rest.
    rests: usize,
    /// By partner, when its Session was taken away.
    taken: Vec<Vec<usize>>,
}

struct Published {
    by: usize,
    payload: u32,
    qos: QoS,
    number: Option<u64>,
    /// Between which times of rest.
    rests: usize,
    /// Sessions that its publisher had lost before.
    lost_before: usize,
    /// The same when it had ended.
    lost_until: Option<usize>,
}

impl History {
    fn new(shards: u16, seed: u64, mut random: Random, sessions: Sessions) -> History {
        let settings = Settings {
            max_inflight_messages: *random.pick(&[1, 3, 20]),
            max_queued_messages: 0,
            ..Settings::default()
        };
        let count = 2 + random.below(3);
        let partners = (0..count).map(|at| {
            let name = format!("p{at}");
            Partner::new(&name, options(&name, &mut random))
        });
        let partners = partners.collect();
        History {
            is_killed: random.one_in(3),
            world: World::new(settings, shards, seed),
            random,
            now_ms: 0,
            partners,
            sessions,
            published: Vec::new(),
            rests: 0,
            taken: vec![Vec::new(); count],
        }
    }

    fn play(&mut self) {
        self.come_to_rest();
        for _ in 0..3 {
            for _ in 0..120 {
                self.act();
            }
            self.come_to_rest();
        }
    }

    fn act(&mut self) {
        let at = self.random.below(self.partners.len());
        let most = if self.random.one_in(2) { usize::MAX } else { self.random.below(40) };
        let steps = self.random.below(6);
        let History { world, partners, now_ms, random, .. } = self;
        let partner = &mut partners[at];
        match random.below(24) {
            0 => partner.cut(world, *now_ms),
            1 if partner.has_store() => partner.kill(world, *now_ms),
            2 => self.pass_time(),
            3 if self.is_killed => self.kill_server(),
            4 if self.sessions == Sessions::AreLost => self.take_identifier(at),
            5..10 => self.publish(at),
            10..13 => partner.connect(world, *now_ms),
            13 | 14 if partner.acknowledges_by_hand() => partner.acknowledge(random),
            13..19 => partner.write(world, *now_ms, most),
            _ => partner.read(world, *now_ms, most),
        }
        self.note_ends();
        self.world.run(steps);
    }

    fn publish(&mut self, at: usize) {
        let qos = QoS::from_u8(self.random.below(3) as u8).expect("0 to 2");
        let payload = self.published.len() as u32;
        let number = self.partners[at].publish(self.now_ms, &format!("t/{at}"), payload, qos);
        let (rests, lost_before) = (self.rests, self.taken[at].len());
        self.published.push(Published { by: at, payload, qos, number, rests, lost_before, lost_until: None });
    }

    /// Notes how many Sessions a publisher had lost when its message ended.
    fn note_ends(&mut self) {
        for published in self.published.iter_mut().filter(|published| published.lost_until.is_none()) {
            let seen = &self.partners[published.by].seen;
            if published.number.is_some_and(|number| seen.ended.iter().any(|ended| ended.0 == number)) {
                published.lost_until = Some(self.taken[published.by].len());
            }
        }
    }

    fn pass_time(&mut self) {
        let ms = self.random.below(2_500) as u64;
        self.world.wait(ms);
        self.now_ms += ms;
        self.partners.iter_mut().for_each(|partner| partner.look_at_clock(self.now_ms));
    }

    /// What the server had not handed over to its log is gone.
    fn kill_server(&mut self) {
        self.world.restart_with_any_shards(0);
        self.partners.iter_mut().for_each(|partner| partner.cut(&mut self.world, self.now_ms));
    }

    fn take_identifier(&mut self, at: usize) {
        self.taken[at].push(self.rests);
        let connect = midge_testkit::Packet::parse(&format!("CONNECT v5 clean id={}", self.partners[at].name));
        let link = self.world.open();
        self.world.send(link, &midge_testkit::wire::encode(&connect, 5));
        self.world.settle();
        self.world.close(link);
        self.world.settle();
    }

    /// Everybody connects and goes on until nothing is on its way any more.
    fn come_to_rest(&mut self) {
        for _ in 0..ROUNDS_MAX {
            self.world.settle();
            let (world, now_ms) = (&mut self.world, self.now_ms);
            for partner in &mut self.partners {
                partner.read(world, now_ms, usize::MAX);
                partner.connect(world, now_ms);
                partner.acknowledge(&mut self.random);
                partner.write(world, now_ms, usize::MAX);
            }
            self.note_ends();
            if !self.world.step() && self.partners.iter().all(Partner::is_at_rest) {
                self.rests += 1;
                return;
            }
        }
        let busy: Vec<_> = self.partners.iter().filter(|partner| !partner.is_at_rest()).map(|it| &it.name).collect();
        panic!("some exchanges never end: {busy:?}");
    }

    fn judge(&self) {
        for partner in &self.partners {
            let mut numbers: Vec<_> = partner.seen.ended.iter().map(|ended| ended.0).collect();
            numbers.sort_unstable();
            let before = numbers.len();
            numbers.dedup();
            assert_eq!(before, numbers.len(), "{} was told twice of an end", partner.name);
            assert_eq!(partner.client.held(), (0, 0), "{}", partner.name);
            assert!(partner.client.received().is_empty(), "{}", partner.name);
        }
        for published in &self.published {
            self.judge_message(published);
        }
        if self.sessions == Sessions::Last && !self.is_killed {
            self.partners.iter().for_each(|partner| self.judge_order(partner));
        }
    }

    fn judge_message(&self, published: &Published) {
        let topic = format!("t/{}", published.by);
        let publisher = &self.partners[published.by];
        if let Some(number) = published.number {
            assert!(publisher.seen.ended.iter().any(|ended| ended.0 == number), "{number} of {topic} has not ended");
        }
        let doubtful = published.lost_until.map_or(0, |until| until - published.lost_before);
        for (at, partner) in self.partners.iter().enumerate() {
            let of_message = |it: &&(String, u32, QoS)| it.0 == topic && it.1 == published.payload;
            let got = partner.seen.done.iter().map(|&place| &partner.seen.shown[place]).filter(of_message);
            let copies = got.clone().count();
            let context = format!("{copies} copies of {topic} {} for {at}, {:?}", published.payload, published.qos);
            assert!(got.clone().all(|it| it.2 == published.qos), "{context}");
            let may_be_lost = published.qos == QoS::AtMostOnce || self.taken[at].contains(&published.rests);
            assert!(copies > 0 || may_be_lost, "lost: {context}");
            let most = match published.qos {
                QoS::AtMostOnce => 1,
                QoS::AtLeastOnce => usize::MAX,
                QoS::ExactlyOnce => 1 + doubtful,
            };
            assert!(copies <= most, "doubled: {context}");
        }
    }

    /// First copies of what one publisher sent at one QoS came in their order `[MQTT-4.6.0-1]`.
    fn judge_order(&self, partner: &Partner) {
        let mut last: BTreeMap<(&str, QoS), Vec<u32>> = BTreeMap::new();
        for (topic, payload, qos) in partner.seen.shown.iter().filter(|message| message.2 > QoS::AtMostOnce) {
            let seen = last.entry((topic, *qos)).or_default();
            if !seen.contains(payload) {
                let is_next = seen.last().is_none_or(|last| last < payload);
                assert!(is_next, "{}: {topic} {payload} after {seen:?}", partner.name);
                seen.push(*payload);
            }
        }
    }
}

/// Some kind of Client whose Session lasts.
fn options(name: &str, random: &mut Random) -> Options {
    let version = *random.pick(&[Version::V311, Version::V5, Version::V5]);
    Options {
        clean_start: false,
        session_expiry_interval_s: 1_000_000,
        keep_alive_s: *random.pick(&[0, 1, 5]),
        receive_maximum: *random.pick(&[1, 4, u16::MAX]),
        inflight_max: *random.pick(&[1, 5, 1_000]),
        topic_alias_maximum: *random.pick(&[0, 2]),
        acknowledge: *random.pick(&[Acknowledge::AtOnce, Acknowledge::ByHand]),
        tells_steps: true,
        ..Options::new(version, name)
    }
}

/// A round trip for each message under way, and more.
const ROUNDS_MAX: usize = 20_000;
