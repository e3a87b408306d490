//! The seam for a store that outlives the process: the steps of the Session, told one by one, and the way back in.
//!
//! A store keeps, for each message that was accepted and has not ended, its number, its content and the Packet Identifier
//! under which it was sent; the identifiers that wait for PUBCOMP; and the identifiers of QoS 2 messages that were received and
//! not released. [`Client::publish`](crate::Client::publish) and [`Step`]s say how that changes.
//!
//! What makes QoS 2 *exactly once* over the end of a process is one rule: **the steps that were taken are durable before the
//! output that was made with them is written.** So the driver asks for steps first, waits until they are durable, and then
//! writes. What may be lost is the last turn as a whole, as though it had not been. A step that is kept without its output
//! does no harm: the Server is sent the packet again.

use midge_codec::PacketId;

use crate::message::Message;

/// A change of the Session State that a store keeps.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Step {
    /// The message is sent under this identifier.
    Sent {
        /// The number of the message.
        number: u64,
        /// Its identifier in this Session.
        packet_id: PacketId,
    },
    /// The message has ended: it and its identifier can be forgotten.
    Ended {
        /// The number of the message.
        number: u64,
    },
    /// PUBREC has taken over the message of this identifier, which waits for PUBCOMP now. The message itself ends with a step
    /// of its own.
    Released {
        /// The identifier.
        packet_id: PacketId,
    },
    /// PUBCOMP came: the identifier is free.
    Completed {
        /// The identifier.
        packet_id: PacketId,
    },
    /// A QoS 2 message of this identifier was received, and is not to be shown again. It may be there already, where the one before
    /// was of another Session.
    Received {
        /// The identifier that the Server gave.
        packet_id: PacketId,
    },
    /// The identifier means a new message from now on: PUBREL came, or the message was of another Session. In that case it need not
    /// be there.
    Forgotten {
        /// The identifier that the Server gave.
        packet_id: PacketId,
    },
    /// A new Session: no identifier means anything any more. Messages that have not ended will be sent under others.
    SessionBegan,
}

/// What a store has kept.
#[derive(Clone, Debug, Default)]
pub struct Saved<'a> {
    /// The highest number that any message was given; 0 for none.
    pub last_number: u64,
    /// Messages that have not ended, oldest first: number, identifier under which it was sent, content. Of a Message
    /// Expiry Interval what is left of it.
    pub messages: Vec<(u64, Option<PacketId>, Message<'a>)>,
    /// Identifiers that wait for PUBCOMP.
    pub released: Vec<PacketId>,
    /// Identifiers of QoS 2 messages that were received and not released.
    pub received: Vec<PacketId>,
}
