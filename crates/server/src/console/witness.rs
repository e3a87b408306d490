//! What a shard has seen that the console's page of problems tells: refusals, denials, discards and ends of connections.
//!
//! A shard notes it where it would tell the operator's log, and hands it over at the end of a turn, with one lock if there was
//! anything. Where nobody takes it the oldest is forgotten.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use midge_broker::event::{DiscardReason, DisconnectReason, Event, EventKind, EventMask};
use midge_codec::ReasonCode;
use midge_console::{Incident, Kind};
use midge_net::Address;

use crate::clock;
use crate::log::lines::{ended, refusal};

/// What all shards have noted and nobody has taken yet.
#[derive(Default)]
pub(crate) struct Incidents(Mutex<VecDeque<Incident>>);

impl Incidents {
    /// Takes them.
    pub(crate) fn take(&self) -> Vec<Incident> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner)).into()
    }

    /// Adds some.
    pub(crate) fn add(&self, incidents: impl Iterator<Item = Incident>) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.extend(incidents);
        let too_many = all.len().saturating_sub(INCIDENTS_MAX);
        all.drain(..too_many);
    }
}

/// One shard's.
#[derive(Default)]
pub(crate) struct Witness {
    is_watching: bool,
    seen: Vec<Incident>,
}

impl Witness {
    /// Whether there is a console.
    pub(crate) fn set_watching(&mut self, is_watching: bool) {
        self.is_watching = is_watching;
    }

    /// The events that are to be told of.
    pub(crate) fn wanted_events(&self) -> EventMask {
        if self.is_watching { EventMask::CONNECTION.with(EventMask::NOTICE) } else { EventMask::default() }
    }

    /// Notes an event, if it is one of those. `is_of_page`: a browser's connection to the console.
    pub(crate) fn note(&mut self, event: &Event, address: Option<&Address>, is_of_page: bool) {
        if !self.is_watching || self.seen.len() >= SEEN_MAX {
            return;
        }
        let Some(mut incident) = incident(event, address) else { return };
        if is_of_page && event.kind == EventKind::Disconnected(DisconnectReason::ClosedByClient) {
            // Whoever closes a page has no time for farewells.
            (incident.kind, incident.reason) = (Kind::Left, "the page was closed".to_owned());
        }
        self.seen.push(incident);
    }

    /// Notes that a connection from there was refused before anybody knew whose it is.
    pub(crate) fn note_refused(&mut self, reason: &str, address: &Address) {
        if self.is_watching && self.seen.len() < SEEN_MAX {
            let about = Incident { address: Some(address.to_string()), ..nothing() };
            self.seen.push(Incident { kind: Kind::Refused, reason: reason.to_owned(), ..about });
        }
    }

    /// Hands over what was noted.
    pub(crate) fn hand_over(&mut self, incidents: &Incidents) {
        if !self.seen.is_empty() {
            incidents.add(self.seen.drain(..));
        }
    }
}

/// A login to the console that failed.
pub(super) fn failed_login(username: Option<&str>, address: &Address) -> Incident {
    let (username, address) = (username.map(shortened), Some(address.to_string()));
    Incident { kind: Kind::Refused, reason: "login to the console".to_owned(), username, address, ..nothing() }
}

/// Something that the server itself has to say.
pub(crate) fn trouble(text: &str) -> Incident {
    Incident { kind: Kind::Server, reason: text.to_owned(), ..nothing() }
}

fn nothing() -> Incident {
    Incident {
        time_ms: clock::wall_ms(),
        kind: Kind::Server,
        reason: String::new(),
        reason_code: None,
        client_id: None,
        address: None,
        username: None,
        topic: None,
        count: 1,
    }
}

fn incident(event: &Event, address: Option<&Address>) -> Option<Incident> {
    let told = told(&event.kind)?;
    let text = |text: &Option<Box<str>>| text.as_deref().filter(|text| !text.is_empty()).map(shortened);
    Some(Incident {
        kind: told.kind,
        reason: told.reason,
        reason_code: told.code.map(|code| code.0),
        client_id: text(&event.client_id),
        address: address.map(Address::to_string),
        username: text(&event.username),
        topic: told.topic.as_deref().map(shortened),
        count: told.count,
        ..nothing()
    })
}

/// What others have chosen, and so how long it is: some thousand of these are kept.
fn shortened(text: &str) -> String {
    match text.char_indices().nth(NAME_CHARACTERS_MAX) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}

/// What is told of an event.
struct Told {
    kind: Kind,
    reason: String,
    code: Option<ReasonCode>,
    topic: Option<String>,
    count: u64,
}

impl Told {
    fn new(kind: Kind, reason: impl Into<String>) -> Told {
        Told { kind, reason: reason.into(), code: None, topic: None, count: 1 }
    }
}

fn told(kind: &EventKind) -> Option<Told> {
    Some(match kind {
        EventKind::Refused { reason, cause } => {
            let words = refusal(*reason, cause);
            let words = if words == *cause { words.to_owned() } else { format!("{words}: {cause}") };
            Told { code: Some(*reason), ..Told::new(Kind::Refused, words) }
        }
        EventKind::PublishDenied { packet, code, cause, .. } => {
            Told { code: Some(*code), topic: Some(packet.topic.to_string()), ..Told::new(Kind::Denied, *cause) }
        }
        EventKind::SubscriptionRefused { filter, code, cause, more } => {
            let topic = Some(filter.to_string());
            Told {
                code: Some(*code),
                topic,
                count: 1 + more,
                ..Told::new(Kind::Denied, format!("subscription: {cause}"))
            }
        }
        EventKind::IdentifierReused { packet, more } => {
            let topic = Some(packet.topic.to_string());
            Told { topic, count: 1 + more, ..Told::new(Kind::Denied, "Packet Identifier in use") }
        }
        EventKind::Throttled { cause, more } => {
            Told { count: 1 + more, ..Told::new(Kind::Server, format!("client is read more slowly: {cause}")) }
        }
        EventKind::Discarded(reason) => Told::new(Kind::Discarded, discarded(*reason)),
        EventKind::DiscardedInAll(count) if *count > 1 => {
            // The first of each reason was told when it happened.
            let more = u64::from(*count) - 1;
            Told { count: more, ..Told::new(Kind::Discarded, "for the reasons told before") }
        }
        EventKind::DiscardedShared(count, name) => {
            let reason = discarded(DiscardReason::ShareGroupFull);
            Told { topic: Some(name.to_string()), count: *count, ..Told::new(Kind::Discarded, reason) }
        }
        EventKind::Disconnected(reason) => disconnected(reason),
        _ => return None,
    })
}

/// How a connection ended, in words.
pub(crate) fn how_it_ended(reason: &DisconnectReason) -> String {
    disconnected(reason).reason
}

fn disconnected(reason: &DisconnectReason) -> Told {
    match reason {
        DisconnectReason::Disconnect => Told::new(Kind::Left, "the client said goodbye"),
        DisconnectReason::ClosedByClient => Told::new(Kind::Disconnected, "connection closed by client"),
        DisconnectReason::SocketError(text) => Told::new(Kind::Disconnected, format!("bad socket read/write: {text}")),
        DisconnectReason::ConnectTimeout => Told::new(Kind::Disconnected, "no CONNECT came in time"),
        DisconnectReason::ByServer(code, cause) => {
            let words = ended(*code);
            let words = if words == *cause { words.to_owned() } else { format!("{words}: {cause}") };
            Told { code: Some(*code), ..Told::new(Kind::Disconnected, words) }
        }
    }
}

/// In words that are labels of metrics too.
pub(super) fn discarded(reason: DiscardReason) -> &'static str {
    match reason {
        DiscardReason::QueueFull => "queue full",
        DiscardReason::SlowReader => "the client does not read",
        DiscardReason::PacketTooLarge => "larger than the client's maximum packet size",
        DiscardReason::Expired => "expired while waiting",
        DiscardReason::ShareGroupFull => "no member of the share group has room",
        DiscardReason::NotAuthorized => "the member of the share group may not read it",
    }
}

/// Incidents that wait for the console, which takes them once a second.
const INCIDENTS_MAX: usize = 10_000;

/// Of names and topics so much is told.
const NAME_CHARACTERS_MAX: usize = 200;

/// And of one turn.
const SEEN_MAX: usize = 1_000;

#[cfg(test)]
mod tests {
    use super::*;

    fn event(kind: EventKind) -> Event {
        Event { connection: None, client_id: Some("c1".into()), username: Some("ada".into()), kind }
    }

    fn noted(kind: EventKind) -> Vec<Incident> {
        let (mut witness, incidents) = (Witness::default(), Incidents::default());
        witness.set_watching(true);
        witness.note(&event(kind), Some(&Address::of(([10, 0, 0, 1], 5).into())), false);
        witness.hand_over(&incidents);
        incidents.take()
    }

    #[test]
    fn what_somebody_should_know_is_noted_with_whom_it_happened_to() {
        let [refused] = &noted(EventKind::Refused { reason: ReasonCode::NOT_AUTHORIZED, cause: "not authorised" })[..]
        else {
            panic!("one incident");
        };
        let told = (refused.kind, refused.reason.as_str(), refused.reason_code, refused.client_id.as_deref());
        assert_eq!(told, (Kind::Refused, "not authorised", Some(0x87), Some("c1")));
        assert_eq!((refused.username.as_deref(), refused.address.as_deref()), (Some("ada"), Some("10.0.0.1:5")));
        let reason = |kind| noted(kind).pop().map(|incident| (incident.kind, incident.reason, incident.count));
        let discarded = EventKind::Discarded(DiscardReason::QueueFull);
        assert_eq!(reason(discarded), Some((Kind::Discarded, "queue full".to_owned(), 1)));
        let goodbye = EventKind::Disconnected(DisconnectReason::Disconnect);
        assert_eq!(reason(goodbye), Some((Kind::Left, "the client said goodbye".to_owned(), 1)));
        let timeout = DisconnectReason::ByServer(ReasonCode::KEEP_ALIVE_TIMEOUT, "keep alive");
        let timeout = reason(EventKind::Disconnected(timeout));
        assert_eq!(timeout, Some((Kind::Disconnected, "exceeded timeout: keep alive".to_owned(), 1)));
        assert_eq!(reason(EventKind::DiscardedInAll(5)).map(|told| told.2), Some(4));
        assert_eq!(reason(EventKind::DiscardedInAll(1)), None);
        assert_eq!(reason(EventKind::SessionExpired), None);
    }

    #[test]
    fn a_page_that_is_closed_is_no_problem() {
        let check = |is_of_page, expected| {
            let (mut witness, incidents) = (Witness::default(), Incidents::default());
            witness.set_watching(true);
            let closed = event(EventKind::Disconnected(DisconnectReason::ClosedByClient));
            witness.note(&closed, None, is_of_page);
            witness.hand_over(&incidents);
            assert_eq!(incidents.take().pop().map(|incident| incident.kind), Some(expected));
        };
        check(true, Kind::Left);
        check(false, Kind::Disconnected);
    }

    #[test]
    fn long_names_take_no_more_room_than_short_ones() {
        let long = Event { client_id: Some("é".repeat(60_000).into()), ..event(EventKind::DiscardedInAll(5)) };
        let client_id = incident(&long, None).and_then(|incident| incident.client_id).expect("an incident");
        assert_eq!((client_id.chars().count(), client_id.ends_with("é…")), (NAME_CHARACTERS_MAX + 1, true));
        assert_eq!(shortened(&"a".repeat(NAME_CHARACTERS_MAX)), "a".repeat(NAME_CHARACTERS_MAX));
    }

    #[test]
    fn without_a_console_nothing_is_noted() {
        let (mut witness, incidents) = (Witness::default(), Incidents::default());
        witness.note(&event(EventKind::DiscardedInAll(5)), None, false);
        witness.hand_over(&incidents);
        assert_eq!(incidents.take(), []);
        assert_eq!(witness.wanted_events(), EventMask::default());
    }

    #[test]
    fn what_nobody_takes_is_forgotten_in_time() {
        let incidents = Incidents::default();
        incidents.add((0..INCIDENTS_MAX + 5).map(|number| trouble(&number.to_string())));
        let taken = incidents.take();
        assert_eq!((taken.len(), taken[0].reason.as_str()), (INCIDENTS_MAX, "5"));
    }
}
