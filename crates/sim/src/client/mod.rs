//! A client that keeps the rules, with a memory that outlives its connections and everything that happens to the server.
//!
//! What it keeps: its half of the Session State, and what it must know to tell whether the server kept the other half. It
//! publishes only after CONNACK. Where a CONNECT of its own may still be read by the server long after it has turned away, it
//! waits if that could do harm: then no server could tell which of two came first.

mod connecting;
mod deeds;
mod habits;
pub(crate) mod packets;
mod receive;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::rc::Rc;

use midge_codec::AcknowledgementKind;

use crate::ground::Ground;
use crate::network::{Moment, WireId};
use crate::record::{MessageId, Record, SessionId};
pub(crate) use habits::{FOR_EVER_S, Habits, Wanted};

/// A client.
pub(crate) struct Client {
    pub(crate) number: usize,
    pub(crate) name: String,
    pub(crate) habits: Habits,
    ground: Rc<Ground>,
    memory: Memory,
    link: Option<Link>,
    /// Connections whose CONNECT was never answered.
    unanswered: Vec<WireId>,
    /// The same, for ever.
    loose: Vec<WireId>,
    /// It may subscribe, publish and connect by itself no more.
    pub(crate) is_leaving: bool,
}

/// What it remembers from connection to connection.
#[derive(Default)]
struct Memory {
    session: Option<SessionId>,
    /// QoS 1 and 2 messages of its own that are not complete, oldest first.
    outgoing: VecDeque<Outgoing>,
    /// QoS 2 messages that it has and that were not released.
    incoming: BTreeSet<u16>,
    last_packet_id: u16,
    /// It has asked for a clean start, and been told nothing.
    must_be_clean: bool,
    /// Session Expiry Interval in force at the server, at least and at most.
    expiry_s: (u32, u32),
    /// Its connections since the last CONNACK, that one's first.
    wires: Vec<WireId>,
}

struct Outgoing {
    packet_id: u16,
    message: MessageId,
    is_released: bool,
}

/// Its Network Connection.
struct Link {
    wire: WireId,
    is_accepted: bool,
    /// The server has no room for its Session.
    is_refused: bool,
    is_clean: bool,
    expiry_s: u32,
    /// Of [`Record::wills`], [`Record::connectings`].
    will: Option<usize>,
    connecting: usize,
    sent: Moment,
    /// Session Expiry Interval that may have been in force when it was sent, at least and at most.
    expiry_before_s: (u32, u32),
    unread: Vec<u8>,
    answers: VecDeque<(AcknowledgementKind, u16)>,
    /// QoS 1 and 2 messages on this connection that it has not completed.
    open: BTreeSet<u16>,
    /// The server's limits.
    receive_maximum: u16,
    alias_maximum: u16,
    aliases_in: BTreeMap<u16, String>,
    aliases_out: Vec<&'static str>,
    /// SUBSCRIBE and UNSUBSCRIBE that were not answered: their questions.
    asked: BTreeMap<u16, Vec<usize>>,
}

impl Client {
    pub(crate) fn new(number: usize, habits: Habits, ground: Rc<Ground>) -> Client {
        Client {
            number,
            name: format!("c{number}"),
            habits,
            ground,
            memory: Memory::default(),
            link: None,
            unanswered: Vec::new(),
            loose: Vec::new(),
            is_leaving: false,
        }
    }

    /// Whether nothing of its own is under way.
    pub(crate) fn is_idle(&self) -> bool {
        self.memory.outgoing.is_empty()
            && self.memory.incoming.is_empty()
            && self.link.as_ref().is_some_and(|it| it.is_accepted && it.answers.is_empty() && it.asked.is_empty())
    }

    /// Whether something has arrived that it has not looked at.
    pub(crate) fn has_something_to_read(&self) -> bool {
        self.link.as_ref().is_some_and(|link| self.ground.network.borrow().is_client_readable(link.wire))
    }

    /// What it waits for, in words.
    pub(crate) fn waits_for(&self) -> String {
        let Some(link) = &self.link else { return format!("{} is not connected", self.name) };
        let messages: Vec<_> = self.memory.outgoing.iter().map(|it| it.message).collect();
        let (name, incoming) = (&self.name, &self.memory.incoming);
        let Link { is_accepted, asked, .. } = link;
        format!("{name}: accepted {is_accepted}, messages {messages:?}, to be released {incoming:?}, asked {asked:?}")
    }

    pub(crate) fn session(&self) -> Option<SessionId> {
        self.memory.session
    }

    fn step(&self) -> u64 {
        self.ground.moment().step
    }

    /// A Packet Identifier that it does not use now.
    fn packet_id(&mut self) -> Option<u16> {
        let most = self.ground.settings.packet_ids;
        let asked = self.link.as_ref().map(|link| &link.asked);
        for _ in 0..most {
            let id = self.memory.last_packet_id % most + 1;
            self.memory.last_packet_id = id;
            let is_used = self.memory.outgoing.iter().any(|outgoing| outgoing.packet_id == id)
                || asked.is_some_and(|asked| asked.contains_key(&id));
            if !is_used {
                return Some(id);
            }
        }
        None
    }

    fn write(&self, bytes: &[u8]) {
        if let Some(link) = &self.link {
            self.ground.network.borrow_mut().client_write(link.wire, bytes);
        }
    }

    fn say(&self, what: impl FnOnce() -> String) {
        self.ground.say(&self.name, what);
    }

    /// It has no connection any more.
    fn forget_link(&mut self, record: &mut Record) -> Option<Link> {
        let link = self.link.take()?;
        record.let_will(link.will, self.step());
        if let Some(session) = self.memory.session {
            record.sessions[session].here_since = None;
        }
        if link.is_accepted && self.memory.expiry_s.1 == 0 {
            // It ends with its connection, whatever the server says later.
            self.forget_session(record);
        }
        if !link.is_accepted {
            self.unanswered.push(link.wire);
            self.loose.push(link.wire);
        }
        Some(link)
    }

    /// The server has died, which the client may not know yet: a Session that ends with its connection is over.
    pub(crate) fn note_death(&self, record: &mut Record) {
        if let Some(session) = self.memory.session.filter(|_| self.memory.expiry_s.1 == 0) {
            record.end_session(session, self.step());
        }
    }

    /// Its Session, its half of it too, has ended.
    fn forget_session(&mut self, record: &mut Record) {
        let step = self.step();
        if let Some(session) = self.memory.session.take() {
            record.end_session(session, step);
        }
        self.memory.outgoing.clear();
        self.memory.incoming.clear();
    }
}
