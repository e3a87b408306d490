//! A day of reconnects, in virtual time: a server that comes and goes, and sometimes forgets everything, and a client that comes back.
//!
//! What must hold: delays stay within their bounds, each message that was accepted ends once, and whenever all is quiet nothing is left of
//! what was: no identifier in use, nothing in a queue, no more memory than queues that have been full.

use midge_choices::Random;
use midge_client_core::{Accepted, Client, Event, Message, Options, Reconnect, Refusal};
use midge_codec::{PropertiesBuf, QoS, SubscribeFiltersBuf, SubscriptionOptions, TopicFilter, Version};

use crate::BYTES;
use crate::world::{LinkId, World};

#[test]
fn a_day_of_reconnects_leaves_nothing_behind() {
    for (seed, version) in [(1, Version::V5), (2, Version::V311)] {
        let mut day = Day::new(seed, version);
        day.subscribe();
        while day.now_ms < DAY_MS {
            day.go_on();
        }
        day.judge();
    }
}

struct Day {
    random: Random,
    client: Client,
    /// Bytes that the client has allocated and not freed.
    client_bytes: isize,
    now_ms: u64,
    /// `None` while the server is not there.
    world: Option<World>,
    /// The server that comes back.
    gone: Option<World>,
    link: Option<LinkId>,
    unread: Vec<u8>,
    changes_ms: u64,
    publishes_ms: u64,
    closed_ms: u64,
    seen: Seen,
    accepted: Vec<u64>,
    refused: usize,
    attempts: usize,
    /// What the client had allocated when all was quiet.
    quiet: Vec<isize>,
}

/// What the client has told.
#[derive(Default)]
struct Seen {
    /// By number: how often it ended.
    ends: Vec<u8>,
    connections: usize,
    lost_sessions: usize,
    shown: usize,
}

impl Seen {
    fn note(&mut self, event: &Event<'_>) {
        match event {
            Event::Acknowledged { number, .. } | Event::Sent { number } | Event::Dropped { number, .. } => {
                self.ends[*number as usize] += 1;
            }
            Event::Connected(connack) => {
                self.connections += 1;
                self.lost_sessions += usize::from(!connack.session_present);
            }
            Event::Message(..) => self.shown += 1,
            _ => {}
        }
    }
}

impl Day {
    fn new(seed: u64, version: Version) -> Day {
        let options = Options {
            clean_start: false,
            session_expiry_interval_s: u32::MAX,
            keep_alive_s: 60,
            held_messages_max: 50,
            reconnect: Some(RECONNECT),
            ..Options::new(version, "c")
        };
        let before = BYTES.get();
        let client = Client::new(options);
        Day {
            random: Random::new(seed),
            client_bytes: BYTES.get() - before,
            client,
            now_ms: 0,
            world: Some(server(seed)),
            gone: None,
            link: None,
            unread: Vec::with_capacity(UNREAD_BYTES),
            changes_ms: 60_000,
            publishes_ms: 0,
            closed_ms: 0,
            // As large as it will be, so that noting an event allocates nothing.
            seen: Seen { ends: vec![0; NUMBERS_MAX], ..Seen::default() },
            accepted: Vec::new(),
            refused: 0,
            attempts: 0,
            quiet: Vec::new(),
        }
    }

    fn subscribe(&mut self) {
        let mut filters = SubscribeFiltersBuf::new();
        let options = SubscriptionOptions { qos: QoS::ExactlyOnce, ..SubscriptionOptions::default() };
        filters.push(TopicFilter::parse("t/#").expect("a filter"), options);
        self.act(|client, _| client.subscribe(filters, PropertiesBuf::new()).expect("a request"));
    }

    /// Lets the client do something, and counts what it allocates.
    fn act<T>(&mut self, act: impl FnOnce(&mut Client, &mut dyn FnMut(Event<'_>)) -> T) -> T {
        let Day { client, seen, client_bytes, .. } = self;
        let before = BYTES.get();
        let outcome = act(client, &mut |event| seen.note(&event));
        *client_bytes += BYTES.get() - before;
        outcome
    }

    /// The next thing happens, whatever it is.
    fn go_on(&mut self) {
        let due_ms = self.client.next_deadline_ms().unwrap_or(u64::MAX);
        let next_ms = due_ms.min(self.changes_ms).min(self.publishes_ms).max(self.now_ms);
        if let Some(world) = &mut self.world {
            world.wait(next_ms - self.now_ms);
        }
        self.now_ms = next_ms;
        if self.now_ms >= self.changes_ms {
            self.change();
        }
        if self.now_ms >= self.publishes_ms {
            self.publish();
        }
        if self.client.wants_connection(self.now_ms) {
            self.connect();
        }
        let now_ms = self.now_ms;
        self.act(|client, visit| client.handle_timeout(now_ms, visit));
        self.exchange();
        self.note_quiet();
    }

    /// The server goes, or comes back; perhaps as another one, that knows nobody.
    fn change(&mut self) {
        match self.world.take() {
            Some(mut world) => {
                if let Some(link) = self.link.take() {
                    world.cut(link);
                }
                world.settle();
                self.gone = Some(world);
                if self.client.is_connected() {
                    self.handle_closed();
                }
                self.changes_ms += 1_000 + self.random.below(OUTAGE_MS) as u64;
            }
            None => {
                let forgets = self.random.one_in(4);
                let known = self.gone.take().filter(|_| !forgets);
                self.world = Some(known.unwrap_or_else(|| server(self.random.next())));
                if let Some(world) = self.world.as_mut().filter(|_| !forgets) {
                    world.restart(1, 0);
                }
                self.changes_ms += 1_000 + self.random.below(UPTIME_MS) as u64;
            }
        }
    }

    fn publish(&mut self) {
        self.publishes_ms = self.now_ms + 1_000 + self.random.below(40_000) as u64;
        let qos = QoS::from_u8(self.random.below(3) as u8).expect("0 to 2");
        let now_ms = self.now_ms;
        match self.act(|client, _| client.publish(now_ms, &Message::new("t/1", b"payload", qos))) {
            Ok(Accepted::Held(number)) => self.accepted.push(number),
            Ok(Accepted::Sent) => {}
            Err(Refusal::Full) => self.refused += 1,
            Err(other) => panic!("{other}"),
        }
    }

    /// The client wants a connection, after a delay within its bounds.
    fn connect(&mut self) {
        self.attempts += 1;
        if self.attempts > 1 {
            let delay_ms = self.now_ms - self.closed_ms;
            let bounds = RECONNECT.least_ms / 2..=RECONNECT.most_ms;
            assert!(bounds.contains(&delay_ms), "after {delay_ms} ms");
        }
        self.act(|client, _| client.begin_connection());
        match &mut self.world {
            Some(world) => {
                self.link = Some(world.open());
                let now_ms = self.now_ms;
                self.act(|client, _| client.handle_connected(now_ms));
            }
            None => self.handle_closed(),
        }
    }

    fn handle_closed(&mut self) {
        self.unread.clear();
        self.closed_ms = self.now_ms;
        let (now_ms, random) = (self.now_ms, self.random.next());
        self.act(|client, visit| client.handle_closed(now_ms, random, visit));
    }

    /// Bytes go to and fro until nobody has any more.
    fn exchange(&mut self) {
        let now_ms = self.now_ms;
        while let (Some(world), Some(link)) = (&mut self.world, self.link) {
            let count = self.client.output().len();
            world.send(link, self.client.output());
            world.settle();
            self.unread.append(world.received(link));
            let (is_closed, is_quiet) = (world.is_closed(link), count == 0 && self.unread.is_empty());
            self.act(|client, visit| client.handle_written(now_ms, count, visit));
            let unread = std::mem::take(&mut self.unread);
            let consumed = self.act(|client, visit| client.handle_bytes(now_ms, &unread, visit));
            assert_eq!(consumed.bytes, unread.len(), "the server sends whole packets");
            if is_closed {
                self.link = None;
                self.handle_closed();
            }
            if is_quiet {
                return;
            }
        }
    }

    /// Where all is quiet and idle, nothing is in use.
    fn note_quiet(&mut self) {
        if self.client.is_online() && self.client.is_idle() && !self.client.awaits_release() {
            assert_eq!((self.client.held(), self.client.inflight().count()), ((0, 0), 0));
            assert!(self.client.received().is_empty());
            self.quiet.push(self.client_bytes);
        }
    }

    fn judge(&mut self) {
        // One that waits for the server is not lost.
        while !(self.client.is_online() && self.client.is_idle()) {
            self.publishes_ms = u64::MAX;
            self.go_on();
        }
        let ends: Vec<u8> = self.accepted.iter().map(|&number| self.seen.ends[number as usize]).collect();
        assert!(ends.iter().all(|&ends| ends == 1), "each ends once: {ends:?}");
        let told: u32 = self.seen.ends.iter().map(|&ends| u32::from(ends)).sum();
        assert_eq!(told as usize, self.accepted.len(), "nothing ends that was not accepted");
        let most = self.quiet.iter().max().copied().expect("quiet times");
        assert!(most <= QUIET_BYTES_MAX, "{most} bytes");
        let Seen { connections, lost_sessions, shown, .. } = self.seen;
        let (attempts, accepted, refused) = (self.attempts, self.accepted.len(), self.refused);
        println!("{connections} connections of {attempts} attempts, {lost_sessions} new Sessions");
        println!("{accepted} messages held and {refused} refused, {shown} shown");
        assert!(connections > 30 && attempts > 2 * connections && lost_sessions > 5, "it was a rough day");
        assert!(accepted > 1_000 && refused > 100 && shown > 1_000, "with much to do");
    }
}

fn server(seed: u64) -> World {
    World::new(midge_broker::Options { max_queued_messages: 0, ..midge_broker::Options::default() }, 1, seed)
}

const RECONNECT: Reconnect = Reconnect { least_ms: 1_000, most_ms: 120_000 };

const DAY_MS: u64 = 24 * 3_600_000;

/// The longest times that the server is there, and that it is not.
const UPTIME_MS: usize = 30 * 60_000;
const OUTAGE_MS: usize = 40 * 60_000;

/// Queues that have been full keep their room; a few bytes that are left of each message or attempt would be more than this.
const QUIET_BYTES_MAX: isize = 10_000;

/// More than a day of messages and requests.
const NUMBERS_MAX: usize = 100_000;

/// More than a server sends at a time here.
const UNREAD_BYTES: usize = 64 << 10;
