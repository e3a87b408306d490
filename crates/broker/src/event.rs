//! What happened, for those who watch: one value for each line of a log. Others turn it into text.

use crate::ids::ConnectionId;
use crate::session::Session;
use midge_codec::{QoS, ReasonCode, Version};

/// Something worth telling.
#[derive(Clone, PartialEq, Debug)]
pub struct Event {
    /// The Network Connection it concerns, if it has one.
    pub connection: Option<ConnectionId>,
    /// The Client Identifier, once it is known.
    pub client_id: Option<Box<str>>,
    /// The User Name: as CONNECT gives it while that is looked at, then the one that its Session goes by, where somebody was asked
    /// who the client is.
    pub username: Option<Box<str>>,
    /// What it was.
    pub kind: EventKind,
}

impl Event {
    /// What happened to a Session, perhaps by its connection.
    pub(crate) fn of_session(session: Option<&Session>, connection: Option<ConnectionId>, kind: EventKind) -> Event {
        let identity = session.and_then(|session| session.identity.as_deref());
        let username = identity.and_then(|identity| identity.username.clone());
        Event { connection, client_id: session.map(|session| session.client_id.clone()), username, kind }
    }
}

/// A set of kinds, as `log_type` selects them.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct EventMask(pub u8);

impl EventMask {
    /// Connections made and ended.
    pub const CONNECTION: EventMask = EventMask(1);
    /// Refusals, discards, expired Sessions: what an operator should know.
    pub const NOTICE: EventMask = EventMask(1 << 1);
    /// Each packet.
    pub const PACKET: EventMask = EventMask(1 << 2);
    /// Each Subscription made.
    pub const SUBSCRIBE: EventMask = EventMask(1 << 3);
    /// Each Subscription removed.
    pub const UNSUBSCRIBE: EventMask = EventMask(1 << 4);
    /// All of them.
    pub const ALL: EventMask = EventMask(0x1f);

    /// Whether all of `other` is in this set.
    pub const fn contains(self, other: EventMask) -> bool {
        self.0 & other.0 == other.0
    }

    /// Both sets together.
    #[must_use]
    pub const fn with(self, other: EventMask) -> EventMask {
        EventMask(self.0 | other.0)
    }
}

/// What happened.
#[derive(Clone, PartialEq, Debug)]
pub enum EventKind {
    /// A CONNECT was accepted.
    Connected {
        /// Protocol version.
        version: Version,
        /// The client is another server.
        is_bridge: bool,
        /// Clean Start (Clean Session).
        clean_start: bool,
        /// Keep Alive in force, in seconds.
        keep_alive_s: u16,
        /// The Will that came along: Topic Name, payload bytes, QoS, RETAIN.
        will: Option<(Box<str>, usize, QoS, bool)>,
    },
    /// The Network Connection ended.
    Disconnected(DisconnectReason),
    /// A first packet was no acceptable CONNECT.
    Refused {
        /// The Reason Code (as version 5 would see it).
        reason: ReasonCode,
        /// Cause, in words.
        cause: &'static str,
    },
    /// A PUBLISH was refused by access rules or limits.
    PublishDenied {
        /// Its packet.
        packet: PublishSummary,
        /// The Reason Code (as version 5 would see it).
        code: ReasonCode,
        /// Cause, in words.
        cause: &'static str,
        /// So many others of this client were refused since it was told last; `None`: it is too early to tell again.
        more: Option<u64>,
    },
    /// A QoS 2 PUBLISH that is no repetition came with a Packet Identifier that is in use, and was not taken.
    IdentifierReused {
        /// Its packet.
        packet: PublishSummary,
        /// So many others of this client were not taken since it was told last.
        more: u64,
    },
    /// A PUBLISH came.
    ReceivedPublish(PublishSummary),
    /// A PUBLISH goes out.
    SendingPublish(PublishSummary),
    /// Any other packet came: its name, Packet Identifier (0: none) and Reason Code.
    Received(&'static str, u16, ReasonCode),
    /// Any other packet goes out: its name, Packet Identifier (0: none) and Reason Code.
    Sending(&'static str, u16, ReasonCode),
    /// CONNACK goes out.
    SendingConnAck {
        /// Session Present.
        session_present: bool,
        /// Reason Code or return code.
        code: u8,
    },
    /// A filter of a SUBSCRIBE, with the code that answers it.
    Subscribed {
        /// Topic Filter as it came.
        filter: Box<str>,
        /// Requested QoS.
        qos: QoS,
        /// Code in SUBACK.
        code: u8,
    },
    /// A filter of a SUBSCRIBE was refused by a limit.
    SubscriptionRefused {
        /// Topic Filter.
        filter: Box<str>,
        /// The Reason Code (as version 5 would see it).
        code: ReasonCode,
        /// Which limit, in words.
        cause: &'static str,
        /// So many others of this client were refused since it was told last.
        more: u64,
    },
    /// A client is read more slowly, because it sends more than it may.
    Throttled {
        /// Which limit, in words.
        cause: &'static str,
        /// So often that happened since it was told last.
        more: u64,
    },
    /// A filter of an UNSUBSCRIBE.
    Unsubscribed(Box<str>),
    /// A message for a client was discarded, the first for this reason since the client came or went.
    Discarded(DiscardReason),
    /// So many messages for a client were discarded since it came or went.
    DiscardedInAll(u32),
    /// Messages for a share group were discarded: how many, and the topic of one of them or the group's name.
    DiscardedShared(u64, Box<str>),
    /// A Session ended because its Session Expiry Interval had passed.
    SessionExpired,
    /// A service has ended that is not wanted any more.
    ServiceEnded {
        /// Messages that waited for it.
        waiting: u64,
    },
    /// The Will Message of a client is published.
    WillPublished(Box<str>),
}

/// A PUBLISH in one line.
#[derive(Clone, PartialEq, Debug)]
pub struct PublishSummary {
    /// DUP flag.
    pub dup: bool,
    /// QoS.
    pub qos: QoS,
    /// RETAIN flag.
    pub retain: bool,
    /// Packet Identifier, 0 at QoS 0.
    pub packet_id: u16,
    /// Topic Name.
    pub topic: Box<str>,
    /// Bytes of payload.
    pub payload_bytes: usize,
}

/// Why a Network Connection ended.
#[derive(Clone, PartialEq, Debug)]
pub enum DisconnectReason {
    /// DISCONNECT came.
    Disconnect,
    /// The socket ended without DISCONNECT.
    ClosedByClient,
    /// The socket failed; the text says how.
    SocketError(Box<str>),
    /// No CONNECT within the time allowed.
    ConnectTimeout,
    /// The server ended it with this Reason Code; the text says more.
    ByServer(ReasonCode, &'static str),
}

/// Why a message was discarded or refused for a receiver.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DiscardReason {
    /// The Session's queue is full.
    QueueFull,
    /// QoS 0 to a connection that does not read.
    SlowReader,
    /// Larger than the client's Maximum Packet Size.
    PacketTooLarge,
    /// Its Message Expiry Interval passed while it waited.
    Expired,
    /// No member of a share group could take it.
    ShareGroupFull,
    /// Its share group gave it to a member that may not receive it.
    NotAuthorized,
}

impl DiscardReason {
    /// All of them, in the order of [`crate::Counters::discarded`].
    pub const ALL: [DiscardReason; 6] = [
        DiscardReason::QueueFull,
        DiscardReason::SlowReader,
        DiscardReason::PacketTooLarge,
        DiscardReason::Expired,
        DiscardReason::ShareGroupFull,
        DiscardReason::NotAuthorized,
    ];
}
