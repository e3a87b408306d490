//! What was refused, denied, discarded or ended: the last of it, those that are alike counted together; and how the connection of
//! each client ended that is away.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;

use serde_json::{Value, json};

use crate::remedies::remedy;

/// Something that somebody should know of.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Incident {
    /// When, in milliseconds since 1970.
    pub time_ms: u64,
    /// What kind it is.
    pub kind: Kind,
    /// Why, in words.
    pub reason: String,
    /// The Reason Code, as version 5 would see it.
    pub reason_code: Option<u8>,
    /// Whom it happened to.
    pub client_id: Option<String>,
    /// Where he is.
    pub address: Option<String>,
    /// User Name.
    pub username: Option<String>,
    /// What it was about.
    pub topic: Option<String>,
    /// How often.
    pub count: u64,
}

/// What kind of incident.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Kind {
    /// A connection was not taken.
    Refused,
    /// A message or a Subscription was not taken.
    Denied,
    /// A message did not get to a receiver.
    Discarded,
    /// A connection ended without the client's word.
    Disconnected,
    /// The client said that it goes. No problem, but worth remembering.
    Left,
    /// The server itself has a word to say.
    Server,
}

impl Kind {
    /// A word for it.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Refused => "refused",
            Kind::Denied => "denied",
            Kind::Discarded => "discarded",
            Kind::Disconnected | Kind::Left => "disconnected",
            Kind::Server => "server",
        }
    }
}

/// Incidents that are alike.
#[derive(Clone, Debug)]
pub(crate) struct Problem {
    /// Ever higher: the newest has the highest.
    pub(crate) number: u64,
    /// The newest of them, with the count of all.
    pub(crate) incident: Incident,
}

/// See the module.
#[derive(Default)]
pub(crate) struct Problems {
    /// The oldest first.
    list: VecDeque<Problem>,
    number: u64,
    totals: BTreeMap<(Kind, String), u64>,
    /// Counts by minute since 1970, the newest last.
    minutes: VecDeque<(u64, u64)>,
}

impl Problems {
    /// Adds one.
    pub(crate) fn add(&mut self, incident: Incident) {
        self.number += 1;
        self.count(&incident);
        let newest = self.list.iter().rev().take(ALIKE_WITHIN);
        let alike = newest.enumerate().find(|(_, problem)| problem.is_like(&incident)).map(|(behind, _)| behind);
        let before = alike.and_then(|behind| self.list.remove(self.list.len() - 1 - behind));
        let count = incident.count + before.map_or(0, |before| before.incident.count);
        self.list.push_back(Problem { number: self.number, incident: Incident { count, ..incident } });
        if self.list.len() > PROBLEMS_MAX {
            self.list.pop_front();
        }
    }

    fn count(&mut self, incident: &Incident) {
        // What the server says of itself has as many texts as there are paths and addresses.
        let reason = if incident.kind == Kind::Server { TOLD_IN_THE_LOG } else { &incident.reason };
        let key = (incident.kind, reason.to_owned());
        if self.totals.len() < TOTALS_MAX || self.totals.contains_key(&key) {
            *self.totals.entry(key).or_default() += incident.count;
        }
        let minute = incident.time_ms / 60_000;
        match self.minutes.back_mut() {
            Some((last, count)) if *last == minute => *count += incident.count,
            _ => self.minutes.push_back((minute, incident.count)),
        }
        if self.minutes.len() > 60 {
            self.minutes.pop_front();
        }
    }

    /// Those with a lower number, the newest first.
    pub(crate) fn before(&self, number: u64) -> impl Iterator<Item = &Problem> {
        self.list.iter().rev().filter(move |problem| problem.number < number)
    }

    /// How many there were in the last hour.
    pub(crate) fn last_hour(&self, now_ms: u64) -> u64 {
        let first = (now_ms / 60_000).saturating_sub(59);
        self.minutes.iter().filter(|(minute, _)| *minute >= first).map(|(_, count)| count).sum()
    }

    /// How many there were since the start, by reason.
    pub(crate) fn totals(&self) -> impl Iterator<Item = Value> {
        self.totals.iter().map(|((kind, reason), count)| json!({"kind": kind.name(), "reason": reason, "count": count}))
    }
}

impl Problem {
    fn is_like(&self, other: &Incident) -> bool {
        let of = |incident: &Incident| (incident.kind, incident.reason_code);
        let about = &self.incident;
        of(about) == of(other)
            && (&about.reason, &about.client_id, &about.username) == (&other.reason, &other.client_id, &other.username)
            && about.topic == other.topic
            && host(about.address.as_deref()) == host(other.address.as_deref())
    }

    pub(crate) fn describe(&self) -> Value {
        let incident = &self.incident;
        json!({
            "time_ms": incident.time_ms,
            "kind": incident.kind.name(),
            "reason": incident.reason,
            "reason_code": incident.reason_code,
            "client_id": incident.client_id,
            "address": incident.address,
            "username": incident.username,
            "topic": incident.topic,
            "count": incident.count,
            "remedy": remedy(incident),
        })
    }
}

/// Each connection of a client has another port.
fn host(address: Option<&str>) -> Option<&str> {
    address.map(|address| address.rsplit_once(':').map_or(address, |(host, _)| host))
}

/// How a connection ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct LastDisconnect {
    pub(crate) time_ms: u64,
    pub(crate) reason: String,
    pub(crate) reason_code: Option<u8>,
}

/// How the connections of clients ended, of as many as there is room for.
#[derive(Default)]
pub(crate) struct LastDisconnects {
    by_client: HashMap<Arc<str>, LastDisconnect>,
    order: VecDeque<Arc<str>>,
}

impl LastDisconnects {
    pub(crate) fn note(&mut self, incident: &Incident) {
        let (Kind::Disconnected | Kind::Left, Some(client_id)) = (incident.kind, &incident.client_id) else { return };
        let last = LastDisconnect {
            time_ms: incident.time_ms,
            reason: incident.reason.clone(),
            reason_code: incident.reason_code,
        };
        match self.by_client.get_mut(client_id.as_str()) {
            Some(known) => *known = last,
            None => {
                let client_id: Arc<str> = client_id.as_str().into();
                self.order.push_back(Arc::clone(&client_id));
                self.by_client.insert(client_id, last);
            }
        }
        if self.order.len() > LAST_DISCONNECTS_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.by_client.remove(&oldest);
        }
    }

    pub(crate) fn of(&self, client_id: &str) -> Option<&LastDisconnect> {
        self.by_client.get(client_id)
    }
}

/// Problems that are kept, at some hundred bytes each.
const PROBLEMS_MAX: usize = 2_000;

/// One that is like one of so many before it is counted with it.
const ALIKE_WITHIN: usize = 200;

/// Reasons that are counted: there are some dozen, apart from those that the system words.
const TOTALS_MAX: usize = 200;

/// All that the server says of itself.
const TOLD_IN_THE_LOG: &str = "told in the log";

/// Clients of whom it is known how they went.
const LAST_DISCONNECTS_MAX: usize = 50_000;

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn incident(kind: Kind, reason: &str, client_id: &str, time_ms: u64) -> Incident {
        Incident {
            time_ms,
            kind,
            reason: reason.to_owned(),
            reason_code: None,
            client_id: Some(client_id.to_owned()),
            address: Some(format!("10.0.0.1:{time_ms}")),
            username: None,
            topic: None,
            count: 1,
        }
    }

    #[test]
    fn those_that_are_alike_are_counted_together_and_are_news() {
        let mut problems = Problems::default();
        for (client, time_ms) in [("a", 1), ("b", 2), ("a", 3)] {
            problems.add(incident(Kind::Refused, "not authorised", client, time_ms));
        }
        let told: Vec<_> = problems
            .before(u64::MAX)
            .map(|problem| (problem.incident.client_id.as_deref(), problem.incident.time_ms, problem.incident.count))
            .collect();
        assert_eq!(told, [(Some("a"), 3, 2), (Some("b"), 2, 1)]);
        assert_eq!(problems.before(3).count(), 1);
        let totals: Vec<_> = problems.totals().collect();
        assert_eq!(totals, [json!({"kind": "refused", "reason": "not authorised", "count": 3})]);
    }

    #[test]
    fn the_last_hour_is_counted_and_the_list_has_an_end() {
        let mut problems = Problems::default();
        for minute in 0..100 {
            for client in 0..30 {
                problems.add(incident(Kind::Denied, "no", &format!("{minute}-{client}"), minute * 60_000));
            }
        }
        assert_eq!(problems.last_hour(99 * 60_000), 60 * 30);
        assert_eq!(problems.last_hour(200 * 60_000), 0);
        assert_eq!(problems.before(u64::MAX).count(), PROBLEMS_MAX);
    }

    #[test]
    fn how_a_client_went_is_remembered() {
        let mut last = LastDisconnects::default();
        last.note(&incident(Kind::Disconnected, "exceeded timeout", "a", 1));
        last.note(&incident(Kind::Left, "the client said goodbye", "a", 2));
        last.note(&incident(Kind::Refused, "no", "b", 3));
        let reason = |client: &str| last.of(client).map(|last| (last.time_ms, last.reason.clone()));
        assert_eq!(reason("a"), Some((2, "the client said goodbye".to_owned())));
        assert_eq!(reason("b"), None);
    }
}
