//! A turn of a shard: what came of everything that was handled since the last commit, gathered so that the log, the
//! other shards and each socket are served once.

use crate::event::{Event, EventKind, EventMask};
use crate::ids::ConnectionId;
use crate::limits;
use crate::mail::Mail;
use crate::outbox::Outbox;
use crate::record::Records;
use crate::shard::ReadRequest;

/// The time, passed down once for each turn. Nothing in this crate asks a clock.
#[derive(Clone, Copy, Default, Debug)]
pub struct Now {
    /// Milliseconds since the process started; never goes back.
    pub monotonic_ms: u64,
    /// Wall clock, seconds since 1970. Only told, never reckoned with: it may jump.
    pub wall_s: u64,
    /// Nanoseconds into that second.
    pub wall_ns: u32,
}

impl Now {
    /// Monotonic seconds.
    pub const fn seconds(self) -> u64 {
        self.monotonic_ms / 1000
    }
}

/// Effects gathered during a turn, in the order in which they must be carried out: mail, packets, closes.
#[derive(Default)]
pub struct Turn {
    /// When the turn began.
    pub now: Now,
    /// Packets to be written.
    pub outbox: Outbox,
    /// Connections to be closed once what the outbox holds for them is written.
    pub closes: Vec<ConnectionId>,
    /// What happened, for the log.
    pub events: Vec<Event>,
    /// Which kinds of event anybody wants; others are not even made.
    pub wanted: EventMask,
    /// What goes to other shards.
    pub mail: Mail,
    /// What is to be in the log.
    pub(crate) records: Records,
    /// Something was handed over to the log, whose writer sleeps: wake it.
    pub wakes_writer: bool,
    /// What is to be read from the log.
    pub reads: Vec<ReadRequest>,
    /// Receivers that messages of this turn found.
    pub(crate) receivers: usize,
}

impl Turn {
    /// A turn of a server with `shards` shards.
    pub fn new(shards: u16) -> Turn {
        Turn { mail: Mail::new(shards), ..Turn::default() }
    }

    /// Whether so much has gathered that it should be committed before more is handled.
    pub fn is_full(&self) -> bool {
        self.outbox.is_full()
            || self.mail.is_full()
            || self.records.is_full()
            || self.events.len() > limits::TURN_EVENTS_MAX
            || self.receivers > limits::TURN_RECEIVERS_MAX
    }

    /// Everything was carried out: the next turn begins.
    pub fn clear(&mut self) {
        self.outbox.clear();
        self.receivers = 0;
    }

    /// Notes an event if anybody wants it. `make` runs only then.
    pub(crate) fn tell(&mut self, mask: EventMask, make: impl FnOnce() -> Event) {
        if self.wanted.contains(mask) {
            self.events.push(make());
        }
    }

    /// Notes something about a connection of `client_id` that has no Session.
    pub(crate) fn tell_client(
        &mut self,
        mask: EventMask,
        connection: ConnectionId,
        client_id: &str,
        kind: impl FnOnce() -> EventKind,
    ) {
        let client_id = || Some(client_id.into());
        self.tell(mask, || Event {
            connection: Some(connection),
            client_id: client_id(),
            username: None,
            kind: kind(),
        });
    }
}
