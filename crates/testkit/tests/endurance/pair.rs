//! A publisher and a subscriber with Sessions that outlive their connections, which both lose again and again, in every way.
//!
//! The publisher numbers its messages and sends again what was not acknowledged, as a good client does. At QoS 1 the subscriber
//! must then see every number, with none left out, and may see some again; at QoS 2 it must see each once, in order.

use std::collections::{BTreeSet, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use midge_testkit::{Client, Kind, PATIENCE, Packet, Received};

use crate::churn::Random;
use crate::{World, add};

pub(crate) struct Pair {
    name: &'static str,
    qos: u8,
    publisher: &'static str,
    subscriber: &'static str,
}

pub(crate) const PAIRS: [Pair; 4] = [
    Pair { name: "one-3", qos: 1, publisher: V3, subscriber: V3 },
    Pair { name: "one-5", qos: 1, publisher: V5, subscriber: V5 },
    Pair { name: "two-3", qos: 2, publisher: V5, subscriber: V3 },
    Pair { name: "two-5", qos: 2, publisher: V3, subscriber: V5 },
];

const V3: &str = "v311";
const V5: &str = "v5 session-expiry-interval=1000";

/// One of the two: its Session, and the connection it has just now.
pub(crate) struct Durable<'a> {
    world: &'a World,
    connect: String,
    client: Client,
    random: Random,
    /// When the connection is to end.
    until: Instant,
}

/// A message on its way to the server.
struct Outstanding {
    id: u16,
    number: u64,
    /// PUBREC has come: PUBREL is to be sent again, not PUBLISH.
    is_received: bool,
}

impl Pair {
    /// Publishes until the time is over, then until everything is acknowledged.
    pub(crate) fn publish(&self, world: &World, received: &AtomicU64) {
        let mut durable = Durable::new(world, &format!("{} id=p-{}", self.publisher, self.name));
        let mut outstanding: VecDeque<Outstanding> = VecDeque::new();
        let mut next = 0;
        while world.goes_on() || !outstanding.is_empty() {
            let may = |next: u64| next < received.load(Ordering::Acquire) + AHEAD_MAX;
            while world.goes_on() && outstanding.len() < WINDOW && may(next) {
                let id = (next % 65_535) as u16 + 1;
                outstanding.push_back(Outstanding { id, number: next, is_received: false });
                durable.client.send(&self.packet(id, next, ""));
                next += 1;
                // Load, but not a flood: the crowd is to have its share of two cores.
                std::thread::sleep(BETWEEN_MESSAGES);
            }
            if !outstanding.is_empty() {
                let answer = durable.receive(PATIENCE).unwrap_or_else(|| panic!("{}: no answer", self.name));
                take_answer(&mut durable.client, &mut outstanding, &answer);
            } else {
                std::thread::sleep(Duration::from_millis(1));
            }
            if durable.is_over() {
                durable.come_again();
                for message in &outstanding {
                    let again = match message.is_received {
                        true => format!("PUBREL id={}", message.id),
                        false => self.packet(message.id, message.number, "dup"),
                    };
                    durable.client.send(&again);
                }
            }
        }
        add(&world.counts.pair_messages, next);
        let deadline = Instant::now() + PATIENCE;
        while received.load(Ordering::Acquire) < next {
            let got = received.load(Ordering::Acquire);
            assert!(Instant::now() < deadline, "{}: {next} published, {got} received", self.name);
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn packet(&self, id: u16, number: u64, dup: &str) -> String {
        format!("PUBLISH pairs/{} qos={} id={id} m={number} {dup}", self.name, self.qos)
    }

    /// The subscriber. To be there before the first message.
    pub(crate) fn subscribe<'a>(&self, world: &'a World) -> Durable<'a> {
        let mut durable = Durable::new(world, &format!("{} id=s-{}", self.subscriber, self.name));
        durable.client.send(&format!("SUBSCRIBE id=1 pairs/{} qos={}", self.name, self.qos));
        durable.client.expect(&format!("SUBACK id=1 0x0{}", self.qos));
        durable
    }

    /// Receives until a second after the time is over nothing comes any more.
    pub(crate) fn receive(&self, mut durable: Durable<'_>, received: &AtomicU64) {
        let mut expected = 0;
        let mut unreleased = BTreeSet::new();
        loop {
            // While the publisher is away, too, nothing comes.
            let Some(packet) = durable.receive(Duration::from_secs(1)) else {
                if durable.world.goes_on() {
                    continue;
                }
                return;
            };
            match packet.kind {
                Kind::Publish => {
                    if self.take(&packet, expected, &mut unreleased, &mut durable) {
                        expected += 1;
                        received.store(expected, Ordering::Release);
                    }
                }
                Kind::Pubrel => {
                    let id = packet.number("id").expect("an identifier");
                    unreleased.remove(&id);
                    durable.client.send(&format!("PUBCOMP id={id}"));
                }
                _ => panic!("{}: {packet}", self.name),
            }
            if durable.is_over() {
                durable.come_again();
            }
        }
    }

    /// Whether the message is a new one.
    fn take(&self, packet: &Packet, expected: u64, unreleased: &mut BTreeSet<u32>, durable: &mut Durable<'_>) -> bool {
        let id = packet.number("id").expect("an identifier");
        let number = u64::from(packet.number("m").expect("a number"));
        if self.qos == 1 {
            durable.client.send(&format!("PUBACK id={id}"));
            assert!(number <= expected, "{}: {expected} was expected, {number} came", self.name);
            add(&durable.world.counts.pair_repeats, u64::from(number < expected));
            return number == expected;
        }
        durable.client.send(&format!("PUBREC id={id}"));
        if unreleased.contains(&id) {
            assert!(packet.has("dup"), "{}: {packet} again, without DUP", self.name);
            return false;
        }
        unreleased.insert(id);
        assert_eq!(number, expected, "{}: {packet}", self.name);
        true
    }
}

fn take_answer(client: &mut Client, outstanding: &mut VecDeque<Outstanding>, answer: &Packet) {
    let id = answer.number("id").expect("an identifier") as u16;
    assert!(answer.codes()[0] < 0x80, "{answer}");
    match answer.kind {
        Kind::Puback | Kind::Pubcomp => outstanding.retain(|message| message.id != id),
        Kind::Pubrec => {
            let known = outstanding.iter_mut().find(|message| message.id == id);
            known.unwrap_or_else(|| panic!("{answer} for nothing")).is_received = true;
            client.send(&format!("PUBREL id={id}"));
        }
        _ => panic!("{answer}"),
    }
}

impl<'a> Durable<'a> {
    fn new(world: &'a World, connect: &str) -> Durable<'a> {
        let mut client = world.connect();
        client.send(&format!("CONNECT {connect}"));
        client.expect("CONNACK");
        let mut random = Random::new(connect.bytes().map(u64::from).sum());
        let until = Instant::now() + random.up_to(STAY_MAX);
        Durable { world, connect: connect.to_owned(), client, random, until }
    }

    /// The next packet; `None` when none came in time.
    fn receive(&mut self, patience: Duration) -> Option<Packet> {
        match self.client.receive_within(patience) {
            Received::Packet(packet, _) => Some(packet),
            Received::Silence => None,
            other => panic!("{}: {other}", self.connect),
        }
    }

    fn is_over(&self) -> bool {
        Instant::now() >= self.until
    }

    /// Leaves in some way, comes back after a while, and finds its Session as it was.
    fn come_again(&mut self) {
        add(&self.world.counts.pair_connections, 1);
        let mut old = std::mem::replace(&mut self.client, self.world.connect());
        let mut taken_over = None;
        match self.random.below(4) {
            0 => taken_over = Some(old),
            1 => old.send("DISCONNECT"),
            2 => old.reset(),
            // The stream ends in the middle of a packet.
            _ => old.send("hex 32 40 00"),
        }
        if self.random.below(2) == 0 {
            std::thread::sleep(self.random.up_to(AWAY_MAX));
        }
        self.client.send(&format!("CONNECT {}", self.connect));
        self.client.expect("CONNACK session-present");
        add(&self.world.counts.taken_over, u64::from(taken_over.is_some()));
        self.until = Instant::now() + self.random.up_to(STAY_MAX);
    }
}

/// Messages of one publisher that are not acknowledged.
const WINDOW: usize = 10;
/// How far a publisher runs ahead of its subscriber: well within `max_queued_messages`.
const AHEAD_MAX: u64 = 100;
const BETWEEN_MESSAGES: Duration = Duration::from_micros(500);
const STAY_MAX: Duration = Duration::from_millis(400);
const AWAY_MAX: Duration = Duration::from_millis(120);
