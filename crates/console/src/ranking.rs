//! The first clients by a column of the list, of all that there are. Only so many are kept as are wanted.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::net::SocketAddr;

use crate::source::{Client, Rates};

/// By what clients are sorted: members of the list, by their names.
pub(crate) const COLUMNS: &[&str] = &[
    "id",
    "username",
    "address",
    "version",
    "subscriptions",
    "inflight",
    "queued",
    "received_messages_per_s",
    "sent_messages_per_s",
    "since_ms",
];

/// A client, and what it does.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) client: Client,
    /// `None`: it is looked for the first time.
    pub(crate) rates: Option<Rates>,
}

/// Since when a client is connected, or away. Of whose Session does not tell, `went_ms` knows when he was seen to go.
pub(crate) fn since_ms(client: &Client, went_ms: impl FnOnce(&str) -> Option<u64>) -> Option<u64> {
    let connected_ms = client.connection.as_ref().map(|it| it.since_ms);
    connected_ms.or(client.left_ms).or_else(|| went_ms(&client.id))
}

/// See the module.
pub(crate) struct Ranking {
    column: String,
    is_descending: bool,
    limit: usize,
    now_ms: u64,
    first: BTreeMap<Standing, Seen>,
}

/// Where a client stands. Those whose value is not known come last in either order, and among equals the identifier decides.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Standing {
    is_unknown: bool,
    value: Directed,
    client_id: String,
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Directed {
    Up(Option<Measure>),
    Down(Reverse<Option<Measure>>),
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Measure {
    Number(u64),
    Address(SocketAddr),
    Text(String),
}

impl Ranking {
    /// Of the first `limit` by this column. `now_ms` is the wall clock.
    pub(crate) fn new(column: &str, is_descending: bool, limit: usize, now_ms: u64) -> Ranking {
        Ranking { column: column.to_owned(), is_descending, limit, now_ms, first: BTreeMap::new() }
    }

    /// Keeps this one if it is among the first so far. `went_ms` is asked where that decides: see [`since_ms`].
    pub(crate) fn offer(&mut self, seen: Seen, went_ms: impl FnOnce(&str) -> Option<u64>) {
        let measure = measure(&self.column, &seen, self.now_ms, went_ms);
        let is_unknown = measure.is_none();
        let value = if self.is_descending { Directed::Down(Reverse(measure)) } else { Directed::Up(measure) };
        let standing = Standing { is_unknown, value, client_id: seen.client.id.clone() };
        if self.first.len() >= self.limit {
            if self.first.last_key_value().is_some_and(|(last, _)| *last < standing) {
                return;
            }
            self.first.pop_last();
        }
        self.first.insert(standing, seen);
    }

    /// Those, in order.
    pub(crate) fn finish(self) -> impl Iterator<Item = Seen> {
        self.first.into_values()
    }
}

fn measure(column: &str, seen: &Seen, now_ms: u64, went_ms: impl FnOnce(&str) -> Option<u64>) -> Option<Measure> {
    let (client, connection) = (&seen.client, seen.client.connection.as_ref());
    let text = |text: &str| Measure::Text(text.to_lowercase());
    let rate = |of: fn(&Rates) -> f64| {
        let rates = seen.rates.or_else(|| rates_on_the_whole(client, now_ms))?;
        // The bits of what is not below 0 stand in the order of the numbers.
        connection.map(|_| Measure::Number(of(&rates).to_bits()))
    };
    match column {
        "username" => client.username.as_deref().map(text),
        "address" => connection.map(|it| it.address.parse().map_or_else(|_| text(&it.address), Measure::Address)),
        "version" => connection.map(|it| text(it.version)),
        "subscriptions" => Some(Measure::Number(client.subscriptions)),
        "inflight" => Some(Measure::Number(client.inflight)),
        "queued" => Some(Measure::Number(client.queued)),
        "received_messages_per_s" => rate(|rates| rates.received_messages_per_s),
        "sent_messages_per_s" => rate(|rates| rates.sent_messages_per_s),
        "since_ms" => since_ms(client, went_ms).map(Measure::Number),
        _ => Some(text(&client.id)),
    }
}

/// What a client has done in a second since it came: what can be told when nobody has looked before.
fn rates_on_the_whole(client: &Client, now_ms: u64) -> Option<Rates> {
    let connection = client.connection.as_ref()?;
    let passed_s = now_ms.saturating_sub(connection.since_ms).max(1) as f64 / 1000.0;
    Some(Rates {
        received_messages_per_s: connection.received_messages as f64 / passed_s,
        sent_messages_per_s: connection.sent_messages as f64 / passed_s,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::Connection;

    fn seen(id: &str, address: &str, queued: u64, received_messages: u64) -> Seen {
        let connection = Connection { address: address.to_owned(), received_messages, ..Connection::default() };
        let connection = (!address.is_empty()).then_some(connection);
        let client = Client { id: id.to_owned(), queued, connection, ..Client::default() };
        Seen { client, rates: None }
    }

    fn unknown(_: &str) -> Option<u64> {
        None
    }

    fn check(column: &str, is_descending: bool, limit: usize, expected: &[&str]) {
        let mut ranking = Ranking::new(column, is_descending, limit, 10_000);
        let all = [
            seen("b", "10.0.0.9:7", 3, 10),
            seen("away", "", 5, 0),
            seen("C", "10.0.0.10:1", 3, 30),
            seen("a", "/run/midge.sock", 0, 20),
        ];
        all.into_iter().for_each(|one| ranking.offer(one, unknown));
        let found: Vec<String> = ranking.finish().map(|one| one.client.id).collect();
        assert_eq!(found, expected, "{column}");
    }

    #[test]
    fn the_first_by_a_column_come_in_order() {
        check("id", false, 9, &["a", "away", "b", "C"]);
        check("id", true, 2, &["C", "b"]);
        check("queued", true, 3, &["away", "C", "b"]);
        check("queued", false, 1, &["a"]);
        check("received_messages_per_s", true, 2, &["C", "a"]);
    }

    #[test]
    fn addresses_are_numbers_and_what_is_not_known_comes_last() {
        check("address", false, 9, &["b", "C", "a", "away"]);
        check("address", true, 9, &["a", "C", "b", "away"]);
        check("username", true, 9, &["C", "a", "away", "b"]);
    }

    #[test]
    fn rates_of_now_count_more_than_those_on_the_whole() {
        let mut ranking = Ranking::new("sent_messages_per_s", true, 2, 10_000);
        let rates = Rates { sent_messages_per_s: 0.5, ..Rates::default() };
        ranking.offer(Seen { rates: Some(Rates::default()), ..seen("quiet", "10.0.0.1:1", 0, 0) }, unknown);
        ranking.offer(Seen { rates: Some(rates), ..seen("busy", "10.0.0.1:2", 0, 0) }, unknown);
        ranking.offer(Seen { rates: Some(rates), ..seen("also busy", "10.0.0.1:3", 0, 0) }, unknown);
        assert_eq!(ranking.finish().map(|one| one.client.id).collect::<Vec<_>>(), ["also busy", "busy"]);
    }

    #[test]
    fn when_somebody_went_is_asked_only_where_it_decides() {
        let asked = |column: &str, one: Seen| {
            let (mut ranking, mut asked) = (Ranking::new(column, false, 9, 10_000), false);
            ranking.offer(one, |_| {
                asked = true;
                None
            });
            asked
        };
        let away = || seen("away", "", 0, 0);
        assert!(asked("since_ms", away()));
        assert!(!asked("queued", away()) && !asked("since_ms", seen("there", "10.0.0.1:1", 0, 0)));
        let known = Seen { client: Client { left_ms: Some(7), ..away().client }, ..away() };
        assert!(!asked("since_ms", known));
    }

    #[test]
    fn every_column_is_one() {
        for column in COLUMNS {
            assert_eq!(
                measure(column, &seen("x", "10.0.0.1:1", 1, 1), 1, unknown) == Some(Measure::Text("x".to_owned())),
                *column == "id"
            );
        }
    }
}
