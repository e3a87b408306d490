//! What a Client tells its user. Events are visited while bytes are handled, and borrow from them.

use midge_codec::{Auth, ConnAck, Disconnect, Properties, Publish, ReasonCode};

use crate::receipts::Receipt;
use crate::refusal::Refusal;

/// Something happened.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Event<'a> {
    /// CONNACK: the Server has accepted the connection. Its limits are in [`Client::limits`](crate::Client::limits).
    Connected(ConnAck<'a>),
    /// AUTH: the Server asks for the next step of enhanced authentication, which
    /// [`Client::authenticate`](crate::Client::authenticate) answers; or says that a re-authentication has succeeded.
    Authentication(Auth<'a>),
    /// A message. Its Topic Name is always there, also where the packet had an alias in its place. The receipt is there where
    /// it is to be acknowledged by hand.
    Message(Publish<'a>, Option<Receipt>),
    /// The Server answers for a message of QoS 1 or 2, or has refused it: PUBACK or PUBREC came, with this code. This message
    /// has ended.
    Acknowledged {
        /// The number that [`Client::publish`](crate::Client::publish) gave.
        number: u64,
        /// Success before version 5.
        reason_code: ReasonCode,
        /// Reason String and User Properties.
        properties: Properties<'a>,
    },
    /// A message of QoS 0 that had to wait has been sent. This message has ended.
    Sent {
        /// The number that [`Client::publish`](crate::Client::publish) gave.
        number: u64,
    },
    /// A message was not sent, or is not sent again. This message has ended.
    Dropped {
        /// The number that [`Client::publish`](crate::Client::publish) gave.
        number: u64,
        /// Why.
        why: DropReason,
    },
    /// SUBACK or UNSUBACK came.
    Answered {
        /// The number that [`Client::subscribe`](crate::Client::subscribe) or
        /// [`Client::unsubscribe`](crate::Client::unsubscribe) gave.
        number: u64,
        /// One for each filter, in the order of the request; none for UNSUBACK before version 5.
        codes: &'a [u8],
        /// Reason String and User Properties.
        properties: Properties<'a>,
    },
    /// A request cannot be sent to this Server.
    RequestDropped {
        /// The number of the request.
        number: u64,
        /// Why.
        why: DropReason,
    },
    /// The Session was lost, and a Subscription that had been there could not be made again.
    SubscriptionLost {
        /// Its Topic Filter.
        filter: &'a str,
        /// What SUBACK says.
        reason_code: ReasonCode,
    },
    /// The connection is over. What has not ended is kept for the next one.
    Disconnected(Cause<'a>),
    /// This packet came, and is handled next. Told where [`Options::tells_packets`](crate::Options::tells_packets) is set.
    PacketReceived(&'a [u8]),
    /// This packet was put out. Told as the one before, at the latest before it is written.
    PacketSent(&'a [u8]),
}

/// Why a message was not sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DropReason {
    /// The Server to which it would go now does not take it.
    Refused(Refusal),
    /// Its Message Expiry Interval had passed before it could be sent for the first time.
    Expired,
    /// [`Client::abandon`](crate::Client::abandon).
    Abandoned,
}

/// Why a connection is over.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Cause<'a> {
    /// We have said DISCONNECT.
    Left,
    /// The Server has refused the connection with CONNACK.
    Refused(ConnAck<'a>),
    /// The Server has said DISCONNECT.
    Dismissed(Disconnect<'a>),
    /// What the Server sent is not allowed; it was told so, in version 5.
    ProtocolError(ReasonCode, &'static str),
    /// CONNACK did not come in time.
    ConnAckTimeout,
    /// PINGRESP did not come in time.
    KeepAliveTimeout,
    /// The Network Connection ended without a word, or could not be made.
    Closed,
}

/// Whoever is told. Visited in the order in which things happened.
pub type Visit<'a> = &'a mut dyn FnMut(Event<'_>);
