//! The topics under `$SYS/broker/` by which the server tells of itself: what each is called, where its value comes from,
//! and when it is worth publishing again.
//!
//! Names, values and rhythm are Mosquitto's, because exporters and dashboards read them: everything once at the start,
//! later only what changed, at wall-clock seconds that the interval divides. Those below `limits/` are ours, and not there
//! before there is something to tell. Summing the shards' counters, the clock, and the retained publish itself are left to the caller.

/// Counters and gauges of the whole server, summed over its shards. Counters only grow.
#[derive(Clone, Default, Debug)]
pub struct Totals {
    /// Since the start of the process.
    pub uptime_s: u64,
    /// Sessions, with and without a Network Connection.
    pub sessions: u64,
    /// Sessions that have a Network Connection now.
    pub sessions_connected: u64,
    /// Open sockets, also those whose CONNECT has not come yet.
    pub sockets_open: u64,
    /// Counter: sockets accepted.
    pub sockets: u64,
    /// Counter: CONNECT packets received.
    pub connections: u64,
    /// Counter: Sessions ended by `persistent_client_expiration` or their Session Expiry Interval.
    pub clients_expired: u64,
    /// Application Messages held now: queued, inflight or retained.
    pub messages_stored: u64,
    /// Their payload bytes.
    pub messages_stored_bytes: u64,
    /// Those among them that were sent and are not acknowledged.
    pub messages_inflight: u64,
    /// Subscriptions of all Sessions.
    pub subscriptions: u64,
    /// Shared Subscriptions among them.
    pub shared_subscriptions: u64,
    /// Retained Messages, those under `$SYS` included.
    pub retained: u64,
    /// Memory in use, in bytes.
    pub heap_current_bytes: u64,
    /// The most that ever was in use, in bytes.
    pub heap_maximum_bytes: u64,
    /// Counter: MQTT Control Packets received.
    pub packets_received: u64,
    /// Counter: MQTT Control Packets sent.
    pub packets_sent: u64,
    /// Counter: bytes read from Network Connections.
    pub bytes_received: u64,
    /// Counter: bytes written to Network Connections.
    pub bytes_sent: u64,
    /// Counter: PUBLISH packets received.
    pub publish_received: u64,
    /// Counter: PUBLISH packets sent.
    pub publish_sent: u64,
    /// Counter: Application Messages discarded by a limit.
    pub publish_dropped: u64,
    /// Counter: payload bytes of PUBLISH packets received.
    pub publish_bytes_received: u64,
    /// Counter: payload bytes of PUBLISH packets sent.
    pub publish_bytes_sent: u64,
    /// Counter: connections that were closed at once, because enough were there or came.
    pub sockets_refused: u64,
    /// Counter: clients refused because others from their address had failed to log in.
    pub logins_refused: u64,
    /// Counter: Topic Filters of SUBSCRIBE packets refused by a limit.
    pub subscriptions_refused: u64,
    /// Counter: messages that were to be retained, refused by a limit.
    pub retained_refused: u64,
    /// Counter: how often a client was not read for a while, because it had sent more than it may.
    pub pauses: u64,
    /// MQTT Control Packets encoded but not yet taken by their sockets.
    pub packet_out_count: u64,
    /// Their bytes.
    pub packet_out_bytes: u64,
}

/// What was published last, and the moving averages. One for the server.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Absent until the first call, which publishes everything.
    last: Option<Last>,
}

impl Report {
    /// A report that has said nothing yet.
    pub fn new() -> Self {
        Report::default()
    }

    /// Calls `emit(topic, value)` for everything worth publishing now. Each is to be published with the RETAIN flag.
    ///
    /// The first call gives every topic but `clients/maximum`, which comes with the second Session. Later calls give
    /// `uptime` always, a number when it changed, a load when it is 0.01 or more from the value published last (Mosquitto
    /// compares with the value computed last, so that a slow decline is never seen). `now_ms` is monotonic;
    /// `version` is the whole text, such as `midge version 1.0.0`.
    pub fn publish(&mut self, totals: &Totals, now_ms: u64, version: &str, emit: &mut dyn FnMut(&str, &str)) {
        emit(UPTIME, &format!("{} seconds", totals.uptime_s));
        match &mut self.last {
            Some(last) => {
                last.publish_loads(totals, now_ms, emit);
                last.publish_numbers(totals, emit);
            }
            None => {
                emit(VERSION, version);
                self.last = Some(Last::publish_all(totals, now_ms, emit));
            }
        }
    }
}

/// The next wall-clock time, in milliseconds, whose second is divisible by `interval_s`; later than `now_wall_ms`.
/// An interval of 0 turns `$SYS` off: `u64::MAX`.
pub fn next_due_wall_ms(now_wall_ms: u64, interval_s: u32) -> u64 {
    let interval_ms = u64::from(interval_s) * 1000;
    match now_wall_ms.checked_div(interval_ms) {
        Some(intervals) => (intervals + 1).saturating_mul(interval_ms),
        None => u64::MAX,
    }
}

#[derive(Clone, Debug)]
struct Last {
    at_ms: u64,
    numbers: [u64; NUMBERS.len()],
    loads: [Load; LOADS.len()],
}

/// One counter's speed.
#[derive(Clone, Copy, Debug)]
struct Load {
    counter: u64,
    per_minute: [f64; WINDOWS_MIN.len()],
    published: [f64; WINDOWS_MIN.len()],
}

impl Last {
    fn publish_all(totals: &Totals, now_ms: u64, emit: &mut dyn FnMut(&str, &str)) -> Self {
        for load in &LOADS {
            load.topics.iter().for_each(|topic| emit(topic, "0.00"));
        }
        let zero = [0.0; WINDOWS_MIN.len()];
        let loads = LOADS.map(|load| Load { counter: (load.counter)(totals), per_minute: zero, published: zero });
        let numbers = NUMBERS.map(|number| {
            let value = (number.value)(totals);
            match number.when {
                When::Changed => number.emit(value, emit),
                When::AboveOne if value > 1 => number.emit(value, emit),
                When::AboveNone if value > 0 => number.emit(value, emit),
                When::AboveOne | When::AboveNone => {}
            }
            value
        });
        Last { at_ms: now_ms, numbers, loads }
    }

    fn publish_numbers(&mut self, totals: &Totals, emit: &mut dyn FnMut(&str, &str)) {
        for (number, last) in NUMBERS.iter().zip(&mut self.numbers) {
            let value = (number.value)(totals);
            let worth_it = match number.when {
                When::Changed => value != *last,
                When::AboveOne => value > (*last).max(1),
                When::AboveNone => value > *last,
            };
            if worth_it {
                *last = value;
                number.emit(value, emit);
            }
        }
    }

    fn publish_loads(&mut self, totals: &Totals, now_ms: u64, emit: &mut dyn FnMut(&str, &str)) {
        if now_ms <= self.at_ms {
            return;
        }
        let minutes = (now_ms - self.at_ms) as f64 / 60_000.0;
        self.at_ms = now_ms;
        for (named, load) in LOADS.iter().zip(&mut self.loads) {
            let counter = (named.counter)(totals);
            let rate = counter.saturating_sub(load.counter) as f64 / minutes;
            load.counter = counter;
            for (window, topic) in named.topics.iter().enumerate() {
                let old = load.per_minute[window];
                let new = rate + (-minutes / WINDOWS_MIN[window]).exp() * (old - rate);
                load.per_minute[window] = new;
                if (new - load.published[window]).abs() >= 0.01 {
                    load.published[window] = new;
                    emit(topic, &format!("{new:.2}"));
                }
            }
        }
    }
}

/// A whole number under one or two names.
#[derive(Clone, Copy)]
struct Number {
    topics: &'static [&'static str],
    when: When,
    value: fn(&Totals) -> u64,
}

/// When a number is worth publishing.
#[derive(Clone, Copy)]
enum When {
    Changed,
    /// A maximum: when it rises, and not before it is 2.
    AboveOne,
    /// What Mosquitto does not know: not before there is something to tell, so that who counts topics finds its number of them.
    AboveNone,
}

impl Number {
    fn emit(&self, value: u64, emit: &mut dyn FnMut(&str, &str)) {
        let text = value.to_string();
        self.topics.iter().for_each(|topic| emit(topic, &text));
    }
}

#[derive(Clone, Copy)]
struct NamedLoad {
    topics: [&'static str; WINDOWS_MIN.len()],
    counter: fn(&Totals) -> u64,
}

/// Over how many minutes the loads are averaged.
const WINDOWS_MIN: [f64; 3] = [1.0, 5.0, 15.0];

macro_rules! sys {
    ($($part:literal),+) => { concat!("$SYS/broker/", $($part),+) };
}

macro_rules! number {
    ($when:ident, $($topic:literal)=+, $value:expr) => {
        Number { topics: &[$(sys!($topic)),+], when: When::$when, value: $value }
    };
}

macro_rules! load {
    ($name:literal, $counter:expr) => {
        NamedLoad {
            topics: [sys!("load/", $name, "/1min"), sys!("load/", $name, "/5min"), sys!("load/", $name, "/15min")],
            counter: $counter,
        }
    };
}

const VERSION: &str = sys!("version");
const UPTIME: &str = sys!("uptime");

const NUMBERS: [Number; 29] = [
    number!(Changed, "clients/total", |t| t.sessions),
    number!(AboveOne, "clients/maximum", |t| t.sessions),
    number!(Changed, "clients/disconnected" = "clients/inactive", |t| t.sessions.saturating_sub(t.sessions_connected)),
    number!(Changed, "clients/connected" = "clients/active", |t| t.sockets_open),
    number!(Changed, "clients/expired", |t| t.clients_expired),
    number!(Changed, "messages/stored" = "store/messages/count", |t| t.messages_stored),
    number!(Changed, "store/messages/bytes", |t| t.messages_stored_bytes),
    number!(Changed, "subscriptions/count", |t| t.subscriptions),
    number!(Changed, "shared_subscriptions/count", |t| t.shared_subscriptions),
    number!(Changed, "retained messages/count", |t| t.retained),
    number!(Changed, "heap/current", |t| t.heap_current_bytes),
    number!(Changed, "heap/maximum", |t| t.heap_maximum_bytes),
    number!(Changed, "messages/received", |t| t.packets_received),
    number!(Changed, "messages/sent", |t| t.packets_sent),
    number!(Changed, "bytes/received", |t| t.bytes_received),
    number!(Changed, "bytes/sent", |t| t.bytes_sent),
    number!(Changed, "publish/messages/dropped", |t| t.publish_dropped),
    number!(Changed, "publish/messages/received", |t| t.publish_received),
    number!(Changed, "publish/messages/sent", |t| t.publish_sent),
    number!(Changed, "publish/bytes/received", |t| t.publish_bytes_received),
    number!(Changed, "publish/bytes/sent", |t| t.publish_bytes_sent),
    number!(Changed, "packet/out/count", |t| t.packet_out_count),
    number!(Changed, "packet/out/bytes", |t| t.packet_out_bytes),
    number!(Changed, "connections/socket/count", |t| t.sockets),
    number!(AboveNone, "limits/connections/refused", |t| t.sockets_refused),
    number!(AboveNone, "limits/logins/refused", |t| t.logins_refused),
    number!(AboveNone, "limits/subscriptions/refused", |t| t.subscriptions_refused),
    number!(AboveNone, "limits/retained/refused", |t| t.retained_refused),
    number!(AboveNone, "limits/clients/paused", |t| t.pauses),
];

const LOADS: [NamedLoad; 9] = [
    load!("messages/received", |t| t.packets_received),
    load!("messages/sent", |t| t.packets_sent),
    load!("publish/dropped", |t| t.publish_dropped),
    load!("publish/received", |t| t.publish_received),
    load!("publish/sent", |t| t.publish_sent),
    load!("bytes/received", |t| t.bytes_received),
    load!("bytes/sent", |t| t.bytes_sent),
    load!("sockets", |t| t.sockets),
    load!("connections", |t| t.connections),
];

#[cfg(test)]
mod tests {
    use super::*;

    /// The server under test: totals that the test changes, and what was published of them.
    #[derive(Default)]
    struct World {
        report: Report,
        totals: Totals,
        now_ms: u64,
    }

    impl World {
        /// Publishes `seconds` later and gives back what came out, without the common prefix, in order.
        fn after(&mut self, seconds: u64) -> Vec<(String, String)> {
            self.now_ms += seconds * 1000;
            self.totals.uptime_s += seconds;
            let mut published = Vec::new();
            self.report.publish(&self.totals, self.now_ms, "midge version 7", &mut |topic, value| {
                let name = topic.strip_prefix("$SYS/broker/").expect("all are below $SYS/broker/");
                published.push((name.to_owned(), value.to_owned()));
            });
            published
        }

        /// The moving averages of the load whose first topic this is, to two decimals.
        fn loads(&self, first_topic: &str) -> [f64; 3] {
            let last = self.report.last.as_ref().expect("something was published");
            let index = LOADS.iter().position(|load| load.topics[0].ends_with(first_topic));
            last.loads[index.expect("there is such a load")].per_minute.map(|value| (value * 100.0).round() / 100.0)
        }

        #[track_caller]
        fn check(&mut self, seconds: u64, expected: &[(&str, &str)]) {
            let published = self.after(seconds);
            let got: Vec<_> = published.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
            assert_eq!(got, expected);
        }
    }

    const ALL: [&str; 56] = [
        "version",
        "uptime",
        "clients/total",
        "clients/maximum",
        "clients/disconnected",
        "clients/inactive",
        "clients/connected",
        "clients/active",
        "clients/expired",
        "messages/stored",
        "store/messages/count",
        "store/messages/bytes",
        "subscriptions/count",
        "shared_subscriptions/count",
        "retained messages/count",
        "heap/current",
        "heap/maximum",
        "messages/received",
        "messages/sent",
        "bytes/received",
        "bytes/sent",
        "publish/messages/dropped",
        "publish/messages/received",
        "publish/messages/sent",
        "publish/bytes/received",
        "publish/bytes/sent",
        "packet/out/count",
        "packet/out/bytes",
        "connections/socket/count",
        "load/messages/received/1min",
        "load/messages/received/5min",
        "load/messages/received/15min",
        "load/messages/sent/1min",
        "load/messages/sent/5min",
        "load/messages/sent/15min",
        "load/publish/dropped/1min",
        "load/publish/dropped/5min",
        "load/publish/dropped/15min",
        "load/publish/received/1min",
        "load/publish/received/5min",
        "load/publish/received/15min",
        "load/publish/sent/1min",
        "load/publish/sent/5min",
        "load/publish/sent/15min",
        "load/bytes/received/1min",
        "load/bytes/received/5min",
        "load/bytes/received/15min",
        "load/bytes/sent/1min",
        "load/bytes/sent/5min",
        "load/bytes/sent/15min",
        "load/sockets/1min",
        "load/sockets/5min",
        "load/sockets/15min",
        "load/connections/1min",
        "load/connections/5min",
        "load/connections/15min",
    ];

    fn sorted(mut names: Vec<String>) -> Vec<String> {
        names.sort();
        names
    }

    #[test]
    fn the_start_publishes_every_topic_but_the_maximum() {
        let published = World::default().after(0);
        let names = sorted(published.into_iter().map(|(name, _)| name).collect());
        let expected = ALL.iter().filter(|name| **name != "clients/maximum").map(|name| (*name).to_owned());
        assert_eq!(names, sorted(expected.collect()));
    }

    #[test]
    fn with_two_sessions_at_the_start_it_publishes_all_56() {
        let mut world = World::default();
        world.totals.sessions = 2;
        let names = sorted(world.after(0).into_iter().map(|(name, _)| name).collect());
        assert_eq!(names, sorted(ALL.iter().map(|name| (*name).to_owned()).collect()));
    }

    #[test]
    fn each_number_comes_from_its_own_total() {
        let totals = Totals {
            uptime_s: 1,
            sessions: 40,
            sessions_connected: 10,
            sockets_open: 12,
            sockets: 3,
            connections: 4,
            clients_expired: 5,
            messages_stored: 6,
            messages_stored_bytes: 7,
            messages_inflight: 0,
            subscriptions: 8,
            shared_subscriptions: 9,
            retained: 11,
            heap_current_bytes: 13,
            heap_maximum_bytes: 14,
            packets_received: 15,
            packets_sent: 16,
            bytes_received: 17,
            bytes_sent: 18,
            publish_received: 19,
            publish_sent: 20,
            publish_dropped: 21,
            publish_bytes_received: 22,
            publish_bytes_sent: 23,
            packet_out_count: 24,
            packet_out_bytes: 25,
            sockets_refused: 26,
            logins_refused: 30,
            subscriptions_refused: 27,
            retained_refused: 28,
            pauses: 29,
        };
        let mut world = World { totals, ..World::default() };
        let published = world.after(0);
        let numbers: Vec<_> = published.iter().filter(|(name, _)| !name.starts_with("load/")).collect();
        let expected = [
            ("uptime", "1 seconds"),
            ("version", "midge version 7"),
            ("clients/total", "40"),
            ("clients/maximum", "40"),
            ("clients/disconnected", "30"),
            ("clients/inactive", "30"),
            ("clients/connected", "12"),
            ("clients/active", "12"),
            ("clients/expired", "5"),
            ("messages/stored", "6"),
            ("store/messages/count", "6"),
            ("store/messages/bytes", "7"),
            ("subscriptions/count", "8"),
            ("shared_subscriptions/count", "9"),
            ("retained messages/count", "11"),
            ("heap/current", "13"),
            ("heap/maximum", "14"),
            ("messages/received", "15"),
            ("messages/sent", "16"),
            ("bytes/received", "17"),
            ("bytes/sent", "18"),
            ("publish/messages/dropped", "21"),
            ("publish/messages/received", "19"),
            ("publish/messages/sent", "20"),
            ("publish/bytes/received", "22"),
            ("publish/bytes/sent", "23"),
            ("packet/out/count", "24"),
            ("packet/out/bytes", "25"),
            ("connections/socket/count", "3"),
            ("limits/connections/refused", "26"),
            ("limits/logins/refused", "30"),
            ("limits/subscriptions/refused", "27"),
            ("limits/retained/refused", "28"),
            ("limits/clients/paused", "29"),
        ];
        let got: Vec<_> = numbers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(got, expected);
    }

    #[test]
    fn a_quiet_server_repeats_its_uptime_only() {
        let mut world = World::default();
        world.after(0);
        world.check(10, &[("uptime", "10 seconds")]);
        world.check(10, &[("uptime", "20 seconds")]);
    }

    #[test]
    fn numbers_are_published_when_they_change_in_either_direction() {
        let mut world = World::default();
        world.after(0);
        world.totals.subscriptions = 3;
        world.check(10, &[("uptime", "10 seconds"), ("subscriptions/count", "3")]);
        world.check(10, &[("uptime", "20 seconds")]);
        world.totals.subscriptions = 1;
        world.check(10, &[("uptime", "30 seconds"), ("subscriptions/count", "1")]);
    }

    #[test]
    fn the_maximum_of_clients_appears_with_the_second_and_only_rises() {
        let mut world = World::default();
        world.after(0);
        let maximum_after = |world: &mut World, sessions| {
            world.totals.sessions = sessions;
            let published = world.after(10);
            published.into_iter().find(|(name, _)| name == "clients/maximum").map(|(_, value)| value)
        };
        assert_eq!(maximum_after(&mut world, 1), None);
        assert_eq!(maximum_after(&mut world, 2).as_deref(), Some("2"));
        assert_eq!(maximum_after(&mut world, 1), None);
        assert_eq!(maximum_after(&mut world, 2), None);
        assert_eq!(maximum_after(&mut world, 5).as_deref(), Some("5"));
    }

    #[test]
    fn a_maximum_of_clients_from_before_the_start_is_not_forgotten() {
        let mut world = World::default();
        world.totals.sessions = 9;
        world.after(0);
        world.totals.sessions = 8;
        assert!(world.after(10).iter().all(|(name, _)| name != "clients/maximum"));
    }

    /// Twelve accepted sockets in each minute, seen every ten seconds.
    #[test]
    fn loads_approach_the_rate_by_their_window_and_fall_back_afterwards() {
        let mut world = World::default();
        world.after(0);
        world.totals.sockets = 2;
        world.check(
            10,
            &[
                ("uptime", "10 seconds"),
                ("load/sockets/1min", "1.84"),
                ("load/sockets/5min", "0.39"),
                ("load/sockets/15min", "0.13"),
                ("connections/socket/count", "2"),
            ],
        );
        for _ in 0..5 {
            world.totals.sockets += 2;
            world.after(10);
        }
        // One minute: 12 * (1 - 1/e^(1/1, 1/5, 1/15)).
        assert_eq!(world.loads("load/sockets/1min"), [7.59, 2.18, 0.77]);
        world.after(1200);
        assert_eq!(world.loads("load/sockets/1min"), [0.0, 0.04, 0.2]);
    }

    #[test]
    fn no_time_has_passed_so_there_is_no_rate() {
        let mut world = World::default();
        world.after(0);
        world.totals.sockets = 6;
        world.check(0, &[("uptime", "0 seconds"), ("connections/socket/count", "6")]);
        world.after(60);
        assert_eq!(world.loads("load/sockets/1min"), [3.79, 1.09, 0.39], "the six still count");
    }

    /// In steps of 10 s this load loses about one percent of 0.13, far less than 0.01: it must be seen falling all the same.
    #[test]
    fn a_slow_decline_is_published() {
        let mut world = World::default();
        world.after(0);
        world.totals.connections = 2;
        world.after(10);
        let published = (0..600).flat_map(|_| world.after(10));
        let last = published.filter(|(name, _)| name == "load/connections/15min").last();
        assert_eq!(last.map(|(_, value)| value).as_deref(), Some("0.01"));
    }

    #[test]
    fn the_interval_divides_the_second_it_is_due() {
        let check = |now_ms, interval_s, expected| assert_eq!(next_due_wall_ms(now_ms, interval_s), expected);
        check(1_000_003_500, 10, 1_000_010_000);
        check(1_000_010_000, 10, 1_000_020_000);
        check(1_000_009_999, 10, 1_000_010_000);
        check(1_500, 1, 2_000);
        check(1_500, 65_535, 65_535_000);
        check(u64::MAX - 1, 10, u64::MAX);
        check(1_500, 0, u64::MAX);
    }
}
