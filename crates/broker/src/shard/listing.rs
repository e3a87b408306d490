//! What there is, for those who want to see all of it: Sessions, Subscriptions and Retained Messages, a portion at a time.
//!
//! What must hold: a portion is a small part of a turn, however much there is and however long the names are, and it
//! changes nothing. What is there from the first portion to the last is listed; what comes or goes meanwhile may be
//! listed or not. A Subscription may be listed twice, when another one of its Session ends meanwhile.

use super::Shard;
use crate::ids::{ConnectionId, ListenerId, ReceiverOptions};
use crate::limits;
use crate::retained::{Found, RetainedMessage};
use crate::session::{Port, Session};
use midge_codec::Version;

/// A Session, as others see it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ListedSession {
    /// Whose it is.
    pub client_id: Box<str>,
    /// User Name, where it was asked who the client is.
    pub username: Option<Box<str>>,
    /// Its connection; `None` while the client is away.
    pub connection: Option<ListedConnection>,
    /// Where it lives on its shard, and which of those that have lived there it is.
    pub place: (u32, u32),
    /// Session Expiry Interval in force, in seconds; `u32::MAX` is for ever.
    pub expiry_interval_s: u32,
    /// While the client is away: when the Session ends, in monotonic milliseconds; `None` is never.
    pub ends_at_ms: Option<u64>,
    /// Subscriptions, shared ones included.
    pub subscriptions: u64,
    /// Messages that were sent and are not acknowledged.
    pub inflight: u64,
    /// Messages that wait to be sent, in memory or on disk.
    pub queued: u64,
    /// Their topics, properties and payloads, in bytes.
    pub queued_bytes: u64,
    /// Messages that were discarded since the client came or went.
    pub discarded: u32,
}

impl ListedSession {
    /// Since when the client is away, in monotonic milliseconds. Known of a Session that ends some day: its end tells, also after
    /// the server was started anew.
    pub fn left_at_ms(&self) -> Option<u64> {
        self.ends_at_ms?.checked_sub(u64::from(self.expiry_interval_s) * 1000)
    }
}

/// The connection of a Session, as others see it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ListedConnection {
    /// Whoever owns the sockets knows it by this.
    pub id: ConnectionId,
    /// Where it came in.
    pub listener: ListenerId,
    /// Protocol version.
    pub version: Version,
    /// The client is another server.
    pub is_bridge: bool,
    /// It came with Clean Start (Clean Session).
    pub is_clean_start: bool,
    /// Keep Alive in force, in seconds; 0 for none.
    pub keep_alive_s: u16,
    /// When its CONNECT came, in monotonic milliseconds.
    pub since_ms: u64,
    /// When its last packet came, in monotonic milliseconds.
    pub last_packet_ms: u64,
    /// It does not read what it is sent.
    pub is_congested: bool,
    /// PUBLISH packets that came.
    pub messages_received: u64,
    /// Bytes of packets that came.
    pub bytes_received: u64,
}

/// Some of the Sessions of a shard.
#[derive(Clone, Debug)]
pub struct SessionPortion {
    /// In no order.
    pub sessions: Vec<ListedSession>,
    /// Where the next portion begins; `None` at the end. A portion may be empty and not the last.
    pub next: Option<u32>,
}

/// A Subscription, as others see it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ListedSubscription {
    /// Whose it is.
    pub client_id: Box<str>,
    /// The whole Topic Filter: with the mount point, and with `$share/NAME/` where it is shared.
    pub filter: Box<str>,
    /// Granted QoS, 0 to 2.
    pub qos: u8,
    /// Messages of the client itself do not come back to it.
    pub is_no_local: bool,
    /// RETAIN is forwarded as it was published.
    pub is_retain_as_published: bool,
    /// Subscription Identifier.
    pub identifier: Option<u32>,
    /// Where a listing goes on that ends with this one.
    pub behind: SubscriptionCursor,
}

/// Where a listing of a shard's Subscriptions goes on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SubscriptionCursor {
    slot: u32,
    /// So many are left of the shared Subscriptions of the Session there, and of the others. They are listed from their ends:
    /// the last one takes the place of one that ends.
    memberships: usize,
    subscriptions: usize,
}

/// Some of the Subscriptions of a shard.
#[derive(Clone, Debug)]
pub struct SubscriptionPortion {
    /// By Session, else in no order.
    pub subscriptions: Vec<ListedSubscription>,
    /// Where the next portion begins; `None` at the end. A portion may be empty and not the last.
    pub next: Option<SubscriptionCursor>,
}

/// A Retained Message, as others see it.
#[derive(Debug)]
pub struct ListedRetained {
    /// The message.
    pub message: RetainedMessage,
    /// The Client Identifier of who published it, where that matters (`check_retain_source`) and is known.
    pub publisher: Option<Box<str>>,
    /// Its place. One behind it is where a listing goes on that ends with it.
    pub place: u32,
}

/// Some of the Retained Messages.
#[derive(Debug)]
pub struct RetainedPortion {
    /// In no order. Those that have expired are not among them.
    pub messages: Vec<ListedRetained>,
    /// Where the next portion begins; `None` at the end. A portion may be empty and not the last.
    pub next: Option<u32>,
}

impl SubscriptionCursor {
    /// Before all Subscriptions.
    pub const START: SubscriptionCursor = SubscriptionCursor::at_slot(0);

    /// Before those of the Session in this slot of the shard.
    pub const fn at_slot(slot: u32) -> SubscriptionCursor {
        SubscriptionCursor { slot, memberships: usize::MAX, subscriptions: usize::MAX }
    }

    /// The slot of the Session at which a listing goes on.
    pub const fn slot(self) -> u32 {
        self.slot
    }

    /// As numbers, to be kept by others.
    pub const fn to_parts(self) -> (u32, usize, usize) {
        (self.slot, self.memberships, self.subscriptions)
    }

    /// The opposite of [`SubscriptionCursor::to_parts`]. Any numbers are harmless.
    pub const fn from_parts((slot, memberships, subscriptions): (u32, usize, usize)) -> Self {
        SubscriptionCursor { slot, memberships, subscriptions }
    }
}

impl Shard {
    /// The Sessions of this shard, those that are away included: `from` is 0, or where the portion before ended.
    pub fn list_sessions(&self, from: u32) -> SessionPortion {
        let (mut sessions, mut bytes) = (Vec::new(), 0);
        let end = self.sessions.end().min(from.saturating_add(limits::LISTED_MAX));
        for slot in from..end {
            let Some(session) = self.sessions.get(slot) else { continue };
            let listed = self.listed(slot, session);
            bytes += listed.client_id.len() + listed.username.as_ref().map_or(0, |username| username.len());
            sessions.push(listed);
            if bytes > limits::LISTED_BYTES_MAX {
                return SessionPortion { sessions, next: Some(slot + 1) };
            }
        }
        SessionPortion { sessions, next: (end < self.sessions.end()).then_some(end) }
    }

    /// The connection of the client with this identifier, where its Session lives here and it has one.
    pub fn connection_of(&self, client_id: &str) -> Option<ConnectionId> {
        let slot = self.sessions.find(client_id, self.shared.directory().hash(client_id))?;
        self.sessions.port(slot).and_then(Port::connection)
    }

    /// The Session of this client, where it lives here.
    pub fn list_session(&self, client_id: &str) -> Option<ListedSession> {
        let slot = self.sessions.find(client_id, self.shared.directory().hash(client_id))?;
        self.sessions.get(slot).map(|session| self.listed(slot, session))
    }

    fn listed(&self, slot: u32, session: &Session) -> ListedSession {
        let generation = self.sessions.port(slot).map_or(0, |port| port.generation);
        let username = session.identity.as_ref().and_then(|identity| identity.username.clone());
        ListedSession {
            client_id: session.client_id.clone(),
            username,
            connection: self.listed_connection(slot),
            place: (slot, generation),
            expiry_interval_s: session.expiry_interval_s,
            ends_at_ms: session.ends_at_ms,
            subscriptions: (session.subscriptions.len() + session.memberships().len()) as u64,
            inflight: session.outbound.as_ref().map_or(0, |outbound| outbound.len() as u64),
            queued: session.queue.as_ref().map_or(0, |queue| queue.len()),
            queued_bytes: session.queue.as_ref().map_or(0, |queue| queue.bytes()),
            discarded: session.discards,
        }
    }

    fn listed_connection(&self, slot: u32) -> Option<ListedConnection> {
        let port = self.sessions.port(slot)?;
        let id = port.connection()?;
        let connection = self.connection(id)?;
        Some(ListedConnection {
            id,
            listener: connection.listener,
            version: connection.version,
            is_bridge: connection.is_bridge,
            is_clean_start: connection.is_clean_start,
            keep_alive_s: connection.keep_alive_s,
            since_ms: connection.since_ms,
            last_packet_ms: connection.last_packet_ms,
            is_congested: port.is(Port::CONGESTED),
            messages_received: connection.received.messages,
            bytes_received: connection.received.bytes,
        })
    }

    /// The Subscriptions of this shard's Sessions from a cursor on.
    pub fn list_subscriptions(&self, from: SubscriptionCursor) -> SubscriptionPortion {
        let (mut at, mut subscriptions, mut bytes) = (from, Vec::new(), 0);
        for _ in 0..limits::LISTED_MAX {
            if at.slot >= self.sessions.end() {
                return SubscriptionPortion { subscriptions, next: None };
            }
            if let Some(listed) = self.list_next(&mut at) {
                bytes += listed.client_id.len() + listed.filter.len();
                subscriptions.push(listed);
            }
            if bytes > limits::LISTED_BYTES_MAX {
                break;
            }
        }
        SubscriptionPortion { subscriptions, next: Some(at) }
    }

    /// The Retained Messages of the server in a portion of their store: `from` is 0, or where the portion before ended.
    pub fn list_retained(&self, from: u32, now_s: u64) -> RetainedPortion {
        let (retained, mut portion) = (self.shared.retained(), Vec::new());
        let next = retained.portion(from, limits::LISTED_MAX, &mut portion);
        let there = portion.into_iter().filter(|found| !found.message.is_expired(now_s));
        let messages = there.map(|Found { place, message, publisher, .. }| {
            let publisher = publisher.map(|publisher| publisher.record().client_id.into());
            ListedRetained { message, publisher, place }
        });
        RetainedPortion { messages: messages.collect(), next }
    }

    /// One Subscription; `None` where none was left in this slot, and the next one is looked at.
    fn list_next(&self, at: &mut SubscriptionCursor) -> Option<ListedSubscription> {
        let Some(session) = self.sessions.get(at.slot) else {
            *at = SubscriptionCursor::at_slot(at.slot + 1);
            return None;
        };
        let listed = |filter, options: ReceiverOptions, identifier: u32, behind| ListedSubscription {
            client_id: session.client_id.clone(),
            filter,
            qos: options.qos(),
            is_no_local: options.is_no_local(),
            is_retain_as_published: options.is_retain_as_published(),
            identifier: Some(identifier).filter(|identifier| *identifier != 0),
            behind,
        };
        let memberships = session.memberships();
        let left = &memberships[..at.memberships.min(memberships.len())];
        if let Some((membership, left)) = left.split_last() {
            at.memberships = left.len();
            return Some(listed(membership.share.clone(), membership.options, 0, *at));
        }
        if let Some((subscription, left)) = session.subscriptions.first(at.subscriptions).split_last() {
            at.subscriptions = left.len();
            let mut filter = String::new();
            self.shared.router().text(subscription.place.filter, &mut filter);
            return Some(listed(filter.into(), subscription.options, subscription.identifier, *at));
        }
        *at = SubscriptionCursor::at_slot(at.slot + 1);
        None
    }
}
