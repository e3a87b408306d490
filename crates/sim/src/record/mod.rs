//! What is known of a world from outside: what was published and acknowledged, who asked for what, what came. The promises
//! of a server are checked against it.
//!
//! It is no second server: it knows no queues, windows or Packet Identifiers, only *when* something was asked and answered.
//! Between question and answer the server may have acted at any time, so every judgement names an interval and holds a
//! fault against the server only where it is one wherever in the interval the server acted. Time is counted in steps of the
//! world.

mod deliveries;
mod end;
mod points;
mod retained;
mod subscriptions;
mod wills;

use crate::network::{Closed, Moment};
pub(crate) use deliveries::Delivery;
pub(crate) use subscriptions::{Ask, Asked};
use wills::LATE_MS;
pub(crate) use wills::{Connecting, Will};

/// Number of a message; its payload begins with it.
pub(crate) type MessageId = usize;

/// Number of a Session, as clients tell them apart.
pub(crate) type SessionId = usize;

/// Everything.
#[derive(Default)]
pub(crate) struct Record {
    pub(crate) messages: Vec<Message>,
    pub(crate) sessions: Vec<Session>,
    pub(crate) wills: Vec<Will>,
    /// Of all clients, in the order in which they were sent.
    pub(crate) connectings: Vec<Connecting>,
    /// When the server died.
    pub(crate) deaths: Vec<Death>,
    /// The server may have no room for a message.
    pub(crate) may_refuse: bool,
    /// What services were told.
    pub(crate) receipts: points::Receipts,
}

/// The server died.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Death {
    pub(crate) at: Moment,
    /// What it did since this step without telling anybody may be forgotten.
    pub(crate) unsafe_since: u64,
}

/// An Application Message.
#[derive(Clone, Debug)]
pub(crate) struct Message {
    pub(crate) topic: &'static str,
    pub(crate) qos: u8,
    pub(crate) retain: bool,
    /// It clears the Retained Message of its topic.
    pub(crate) is_clear: bool,
    pub(crate) publisher: usize,
    /// The Session in which it was published; none for Wills.
    pub(crate) session: Option<SessionId>,
    /// It may end before it is delivered.
    pub(crate) expires: bool,
    /// When its first PUBLISH was written; and the last.
    pub(crate) sent: u64,
    pub(crate) sent_last: u64,
    /// How many PUBLISH packets were written for it.
    pub(crate) sends: u32,
    /// When its PUBACK or PUBREC was read.
    pub(crate) acknowledged: Option<u64>,
    /// The server has no room for it: it has no effect.
    pub(crate) is_refused: bool,
    /// Since when it is never sent again, nor on its way.
    pub(crate) settled: Option<u64>,
    /// The connection whose Will it is.
    pub(crate) will: Option<usize>,
    /// Of a library: the last of its Sessions in which it was sent, and how often it was sent in one that may be another, as nobody
    /// knew whether it had come.
    pub(crate) sent_in: (u64, u64),
    pub(crate) renewals: u32,
}

impl Message {
    /// A plain one that was not sent yet, and is not bound to a Session.
    pub(crate) fn of(topic: &'static str, qos: u8, publisher: usize, sent: u64) -> Message {
        Message {
            topic,
            qos,
            retain: false,
            is_clear: false,
            publisher,
            session: None,
            expires: false,
            sent,
            sent_last: sent,
            sends: 0,
            acknowledged: None,
            is_refused: false,
            settled: None,
            will: None,
            sent_in: (0, 0),
            renewals: 0,
        }
    }
}

/// A Session, as far as its client knows.
#[derive(Default)]
pub(crate) struct Session {
    pub(crate) client: usize,
    /// Its client left it, or was told that it is gone: when.
    pub(crate) ended: Option<u64>,
    /// Its client has been answered since: the server knows it too, since when at the latest.
    pub(crate) gone: Option<u64>,
    /// Its client is connected since then, and nothing has disturbed the connection.
    pub(crate) here_since: Option<u64>,
    /// What was asked about Subscriptions, oldest first.
    pub(crate) asked: Vec<Asked>,
    pub(crate) deliveries: Vec<Delivery>,
    /// Own messages are not wanted.
    pub(crate) no_local: bool,
    /// It is one of the server's own, whose target these deliveries have.
    pub(crate) is_service: bool,
}

impl Session {
    /// Whether the server may have ended it at this step or later.
    pub(crate) fn may_end_since(&self, step: u64) -> bool {
        self.ended.is_some() && self.gone.is_none_or(|gone| gone >= step)
    }
}

impl Record {
    /// A client is about to publish.
    pub(crate) fn begin(&mut self, message: Message) -> MessageId {
        self.messages.push(message);
        self.messages.len() - 1
    }

    /// A PUBLISH for it was written.
    pub(crate) fn sent(&mut self, message: MessageId, step: u64) {
        let message = &mut self.messages[message];
        message.sends += 1;
        message.sent_last = step;
    }

    /// The server has taken it over.
    pub(crate) fn acknowledged(&mut self, message: MessageId, step: u64) {
        let message = &mut self.messages[message];
        message.acknowledged.get_or_insert(step);
        message.settled.get_or_insert(step);
    }

    /// The server has no room for it. `Err`: somebody has it all the same.
    pub(crate) fn refused(&mut self, id: MessageId, step: u64) -> Result<(), String> {
        let message = &mut self.messages[id];
        message.settled.get_or_insert(step);
        // What was sent before may have been taken, and forgotten by a server that died.
        message.is_refused = message.sends == 1;
        let has_come =
            message.is_refused && self.sessions.iter().any(|it| it.deliveries.iter().any(|it| it.message == id));
        if has_come {
            Err(format!("it was refused, and delivered: {}", describe(id, &self.messages[id])))
        } else {
            Ok(())
        }
    }

    /// A Session begins.
    pub(crate) fn begin_session(&mut self, client: usize, no_local: bool) -> SessionId {
        self.sessions.push(Session { client, no_local, ..Session::default() });
        self.sessions.len() - 1
    }

    /// The Session of a service begins.
    pub(crate) fn begin_service(&mut self, client: usize) -> SessionId {
        self.sessions.push(Session { client, is_service: true, ..Session::default() });
        self.sessions.len() - 1
    }

    /// How often the server has died since a step.
    pub(crate) fn deaths_since(&self, step: u64) -> usize {
        self.deaths.iter().filter(|death| death.at.step >= step).count()
    }

    /// When a connection ended for the server, at the latest. Where it forgot that, dying, it ends it anew each time that it dies.
    pub(crate) fn closed_ms(&self, closed: &Closed) -> u64 {
        if self.is_remembered(closed) {
            return closed.at.ms;
        }
        self.deaths.iter().map(|death| death.at.ms).fold(closed.at.ms, u64::max)
    }

    /// Whether the server surely remembers how a connection ended.
    pub(crate) fn is_remembered(&self, closed: &Closed) -> bool {
        let forgets = |death: &Death| death.unsafe_since <= closed.at.step && closed.at.step <= death.at.step;
        !self.deaths.iter().any(forgets)
    }

    /// How late a deadline may be looked at. The server's clock counts the time off in whole seconds of the clock on the wall,
    /// and the log tells only to a heartbeat when it died: who was connected then is taken to have been so up to the next one.
    pub(crate) fn late_ms(&self) -> u64 {
        let unknown_ms = if self.deaths.is_empty() { 0 } else { UNKNOWN_MS };
        LATE_MS + unknown_ms + self.early_ms()
    }

    /// How early a Session may end, for the same whole seconds.
    pub(crate) fn early_ms(&self) -> u64 {
        1000 * self.deaths.len() as u64
    }

    /// A Session may have ended.
    pub(crate) fn end_session(&mut self, session: SessionId, step: u64) {
        self.sessions[session].ended.get_or_insert(step);
    }

    /// A CONNECT of this client was answered: what it had left before is gone.
    pub(crate) fn note_accepted(&mut self, client: usize, step: u64) {
        for session in self.sessions.iter_mut().filter(|session| session.client == client && session.ended.is_some()) {
            session.gone.get_or_insert(step);
        }
    }
}

/// What a client, or the end of its connection, has to do with a message, in words.
pub(crate) fn describe(id: MessageId, message: &Message) -> String {
    let Message { topic, qos, publisher, sends, sent, acknowledged, .. } = message;
    let acknowledged = acknowledged.map_or("never acknowledged".to_owned(), |step| format!("acknowledged at {step}"));
    let what = if message.will.is_some() { "will" } else { "message" };
    format!(
        "{what} {id} of c{publisher} on {topic} with QoS {qos}, sent {sends} times since step {sent}, {acknowledged}"
    )
}

/// Between two heartbeats of the log, of which one may be late.
const UNKNOWN_MS: u64 = 65_000;
