//! The clients that have most of something: bytes a second, messages that wait, bytes that they do not read.
//!
//! Shards keep counts and no rates. Who looks again and again keeps what it saw, and the difference is the rate; so that it costs
//! something only while somebody looks.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::ops::ControlFlow;

use super::Client;
use crate::json::Object;
use crate::peers::Peers;

/// By what clients are ranked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum SortKey {
    /// Bytes a second that come from it, and go to it.
    Traffic,
    /// Messages a second that come from it.
    Received,
    /// Messages a second that go to it.
    Sent,
    /// Messages that wait in its Session, or are under way.
    Queued,
    /// Bytes that its socket has not taken: the slowest readers come first.
    Waiting,
    /// How long it has been connected.
    Connected,
}

impl SortKey {
    /// With their names.
    pub(crate) const ALL: [(&'static str, SortKey); 6] = [
        ("traffic", SortKey::Traffic),
        ("received", SortKey::Received),
        ("sent", SortKey::Sent),
        ("queued", SortKey::Queued),
        ("waiting", SortKey::Waiting),
        ("connected", SortKey::Connected),
    ];

    /// The one with this name.
    pub(crate) fn named(name: &str) -> Option<SortKey> {
        SortKey::ALL.iter().find(|(known, _)| *known == name).map(|(_, key)| *key)
    }

    fn value(self, client: &Client, rates: &Rates, now_ms: u64) -> f64 {
        let session = &client.session;
        match self {
            SortKey::Traffic => rates.bytes_received + rates.bytes_sent,
            SortKey::Received => rates.messages_received,
            SortKey::Sent => rates.messages_sent,
            SortKey::Queued => (session.queued + session.inflight) as f64,
            SortKey::Waiting => client.socket.as_ref().map_or(0.0, |socket| socket.waiting_bytes as f64),
            SortKey::Connected => {
                session.connection.as_ref().map_or(0.0, |it| 1.0 + now_ms.saturating_sub(it.since_ms) as f64)
            }
        }
    }
}

/// What each client had counted when somebody looked last. 56 bytes for each connection, while somebody looks.
#[derive(Default)]
pub(crate) struct Ranking {
    seen: HashMap<Key, Counts>,
    looked_ms: Option<u64>,
}

/// A connection: the shard, where its Session lives there, and since when.
type Key = (u16, (u32, u32), u64);

#[derive(Clone, Copy, Default)]
struct Counts {
    messages_received: u64,
    bytes_received: u64,
    messages_sent: u64,
    bytes_sent: u64,
}

/// A second's worth of each count.
#[derive(Clone, Copy, Default, PartialEq, Debug)]
pub(crate) struct Rates {
    pub(crate) messages_received: f64,
    pub(crate) bytes_received: f64,
    pub(crate) messages_sent: f64,
    pub(crate) bytes_sent: f64,
}

/// What somebody sees who looks.
pub(crate) struct Ranked {
    /// The first ones, in order.
    pub(crate) clients: Vec<(Client, Rates)>,
    /// Those whose sockets have most that they do not take, whatever it is ranked by; none where all are read.
    pub(crate) slowest: Vec<Client>,
    /// All Sessions that there are.
    pub(crate) sessions: u64,
}

impl Ranking {
    /// The first `limit` clients by this key. Rates are those since it was looked last, and 0 the first time.
    pub(crate) fn look(&mut self, peers: &Peers, key: SortKey, limit: usize, now_ms: u64) -> Ranked {
        let (mut first, mut slowest, mut sessions) = (First::new(limit), First::new(SLOWEST), 0);
        self.each(peers, now_ms, |client, rates| {
            sessions += 1;
            let waiting = SortKey::Waiting.value(&client, &Rates::default(), now_ms);
            if waiting > 0.0 {
                slowest.offer(waiting, client.clone());
            }
            let rates = rates.unwrap_or_default();
            first.offer(key.value(&client, &rates, now_ms), (client, rates));
        });
        Ranked { clients: first.finish(), slowest: slowest.finish(), sessions }
    }

    /// Hands on all clients with their rates since it was looked last; `None` the first time. Who looks again at once, as several
    /// together do, is told those since the look before.
    pub(crate) fn each(&mut self, peers: &Peers, now_ms: u64, mut visit: impl FnMut(Client, Option<Rates>)) {
        let passed_ms = self.looked_ms.map(|looked_ms| now_ms.saturating_sub(looked_ms));
        let passed_s = passed_ms.map(|passed_ms| passed_ms.max(1) as f64 / 1000.0);
        let mut seen = HashMap::with_capacity(self.seen.len());
        peers.each_client(|client| {
            let rates = self.note(&client, &mut seen, passed_s);
            visit(client, rates);
            ControlFlow::Continue(())
        });
        if passed_ms.is_none_or(|passed_ms| passed_ms >= SHORTEST_MS) {
            (self.seen, self.looked_ms) = (seen, Some(now_ms));
        }
    }

    /// Writes into `now` what the client has counted; the rates since the look before.
    fn note(&self, client: &Client, now: &mut HashMap<Key, Counts>, passed_s: Option<f64>) -> Option<Rates> {
        let (Some(connection), Some(socket)) = (&client.session.connection, &client.socket) else {
            return passed_s.map(|_| Rates::default());
        };
        let key = (client.shard.0, client.session.place, connection.since_ms);
        let counts = Counts {
            messages_received: connection.messages_received,
            bytes_received: connection.bytes_received,
            messages_sent: socket.messages_sent,
            bytes_sent: socket.bytes_sent,
        };
        now.insert(key, counts);
        // Of who has come since, all counts.
        let before = self.seen.get(&key).copied().unwrap_or_default();
        passed_s.map(|passed_s| counts.rates_since(before, passed_s))
    }
}

impl Counts {
    fn rates_since(self, before: Counts, passed_s: f64) -> Rates {
        let rate = |now: u64, before: u64| now.saturating_sub(before) as f64 / passed_s;
        Rates {
            messages_received: rate(self.messages_received, before.messages_received),
            bytes_received: rate(self.bytes_received, before.bytes_received),
            messages_sent: rate(self.messages_sent, before.messages_sent),
            bytes_sent: rate(self.bytes_sent, before.bytes_sent),
        }
    }
}

impl Rates {
    /// Adds them to what is told of a client.
    pub(crate) fn tell(&self, object: &mut Object) {
        object
            .decimal("messages_received_per_s", self.messages_received)
            .decimal("bytes_received_per_s", self.bytes_received)
            .decimal("messages_sent_per_s", self.messages_sent)
            .decimal("bytes_sent_per_s", self.bytes_sent);
    }
}

/// The first few of many, without keeping the others.
struct First<T> {
    limit: usize,
    kept: Vec<(f64, T)>,
}

impl<T> First<T> {
    fn new(limit: usize) -> First<T> {
        First { limit, kept: Vec::new() }
    }

    fn offer(&mut self, value: f64, item: T) {
        self.kept.push((value, item));
        if self.kept.len() >= 2 * self.limit.max(1) {
            self.cut();
        }
    }

    fn cut(&mut self) {
        // A stable sort: among equals whoever was seen first.
        self.kept.sort_by_key(|(value, _)| Reverse(value.to_bits()));
        self.kept.truncate(self.limit);
    }

    fn finish(mut self) -> Vec<T> {
        self.cut();
        self.kept.into_iter().map(|(_, item)| item).collect()
    }
}

/// Over less than this, rates would be chance.
const SHORTEST_MS: u64 = 500;

/// Slow readers that are told beside the ranking.
const SLOWEST: usize = 5;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_of_many_are_kept_in_order() {
        let mut first = First::new(3);
        for number in [5, 1, 9, 7, 9, 0, 3, 8_u32] {
            first.offer(f64::from(number) / 2.0, number);
        }
        assert_eq!(first.finish(), [9, 9, 8]);
        let mut none = First::new(0);
        none.offer(1.0, ());
        assert!(none.finish().is_empty());
    }

    #[test]
    fn a_rate_is_what_came_in_a_second() {
        let before = Counts { messages_received: 10, bytes_received: 1000, ..Counts::default() };
        let now = Counts { messages_received: 20, bytes_received: 1500, messages_sent: 4, bytes_sent: 8 };
        let expected = Rates { messages_received: 5.0, bytes_received: 250.0, messages_sent: 2.0, bytes_sent: 4.0 };
        assert_eq!(now.rates_since(before, 2.0), expected);
        assert_eq!(
            before.rates_since(now, 2.0),
            Rates::default(),
            "counts that have gone back are of another connection"
        );
    }

    #[test]
    fn keys_go_by_their_names() {
        for (name, key) in SortKey::ALL {
            assert_eq!(SortKey::named(name), Some(key));
        }
        assert_eq!(SortKey::named("x"), None);
    }
}
