//! What the log says of a shard's doings, so that it can be done again after a crash.
//!
//! A batch is what one shard did in one turn: a stamp ([`Stamp`]) and records one behind the other. **Records set state and
//! name identities, they never count**: to replay one twice, or after its effect is known from a snapshot, changes nothing.
//!
//! - A *message* is named by the place of its record in the log ([`crate::message::Message::identity`]). A PUBLISH record holds the
//!   message once, with all Sessions and share groups it was routed to, the Packet Identifier it came under (QoS 2) and
//!   the number of its retained write. Receivers record only what becomes of it: `Done`, `Sent`, `PubRec`, `Complete`.
//! - A *Session* is named by shard, slot and generation; what a name stands for follows from the order of the log: `Began`
//!   binds it, `Ended` frees it. A receiver in a PUBLISH record whose name stands for nothing (any more) is passed over.
//! - Only what lasts is recorded: Sessions that outlive their connection, Retained Messages, Wills; of QoS 0 nothing.
//!
//! Everything is little-endian; `write` and `read` have the layout of each record side by side with its name.

mod read;
mod write;

pub use read::{Batch, RecordError};
pub(crate) use write::{Origin, Records};
pub use write::{RECORD_VERSION, STAMP_BYTES};

use crate::ids::{Receiver, ReceiverOptions, ShardId};
use crate::log_queue::{BATCH_HEADER_BYTES, LogQueue};
use crate::message::MessageParts;
use crate::retained::StoredPayload;
use crate::turn::Now;

/// There is a batch at least so often.
pub const HEARTBEAT_MS: u64 = 60_000;

/// A batch that says nothing but the time: it dates the end of a server that nobody used.
pub fn heartbeat(log: &LogQueue, now: Now) {
    Records::default().hand_over(log, ShardId(0), false, now);
}

/// How a Session is named in the log.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct SessionName {
    /// The shard it lives on.
    pub shard: u16,
    /// Its slot there.
    pub slot: u32,
    /// Which of the Sessions that this slot has had.
    pub generation: u32,
}

/// How a share group is named in the log.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct GroupName {
    /// Its number.
    pub slot: u32,
    /// Which of the groups that have had this number.
    pub generation: u32,
}

/// Whose queue a run is a stretch of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Holder {
    /// A Session's.
    Session(SessionName),
    /// A share group's.
    Group(GroupName),
}

/// Who did it and when.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Stamp {
    /// Whether the batch is part of a snapshot: state as it was, instead of something that happened.
    pub is_snapshot: bool,
    /// Whose Sessions the records speak of.
    pub shard: ShardId,
    /// The server's own clock, which goes on from start to start and never back.
    pub monotonic_ms: u64,
    /// Wall clock.
    pub wall_s: u64,
}

/// A message and those it was routed to.
#[derive(Clone, Copy, Debug)]
pub struct PublishRecord<'a> {
    /// Its identity: where the record stands.
    pub identity: u64,
    /// What was published.
    pub parts: MessageParts<'a>,
    /// The number of its retained write; 0 where there was none.
    pub retained_sequence: u64,
    /// The Session it came from and the Packet Identifier, where that must be remembered (QoS 2).
    pub publisher: Option<(SessionName, u16)>,
    /// The Session whose Will this is: it has none any more.
    pub will_of: Option<SessionName>,
    /// The receivers as the router found them, by shard.
    pub receivers: Receivers<'a>,
}

/// Receivers as they stand in a record.
#[derive(Clone, Copy, Default, Debug)]
pub struct Receivers<'a>(&'a [u8]);

/// Bytes of one receiver in a record.
const RECEIVER_BYTES: usize = 8;

impl Receivers<'_> {
    /// Each with the shard it lives on.
    pub fn iter(&self) -> impl Iterator<Item = (ShardId, Receiver)> {
        let mut rest = self.0;
        let mut shard = ShardId(0);
        let mut left = 0_u32;
        std::iter::from_fn(move || {
            while left == 0 {
                let (head, after) = rest.split_first_chunk::<6>()?;
                let [a, b, c, d, e, f] = *head;
                (shard, left) = (ShardId(u16::from_le_bytes([a, b])), u32::from_le_bytes([c, d, e, f]));
                rest = after;
            }
            let (words, after) = rest.split_first_chunk::<RECEIVER_BYTES>()?;
            let [a, b, c, d, e, f, g, h] = *words;
            (rest, left) = (after, left - 1);
            let words = [u32::from_le_bytes([a, b, c, d]), u32::from_le_bytes([e, f, g, h])];
            Some((shard, Receiver::from_words(words)))
        })
    }
}

/// What is said of a Will.
#[derive(Clone, Copy, Debug)]
pub enum WillRecord<'a> {
    /// There is none (any more).
    None,
    /// It stays as it was.
    Same,
    /// This is it.
    Set {
        /// The Will Message.
        message: MessageParts<'a>,
        /// Will Delay Interval.
        delay_s: u32,
    },
}

/// The state of a Session beside its Subscriptions and messages.
#[derive(Clone, Copy, Debug)]
pub struct SessionRecord<'a> {
    /// Whether it outlives its connection. One that does not is in the log for the sake of its Will.
    pub is_durable: bool,
    /// Session Expiry Interval in force.
    pub expiry_interval_s: u32,
    /// How many messages the client takes unacknowledged.
    pub receive_maximum: u16,
    /// Its Will.
    pub will: WillRecord<'a>,
    /// `None` while it is connected.
    pub away: Option<AwayRecord>,
}

/// A Session without a connection.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct AwayRecord {
    /// When it ends, monotonic; `None` is never.
    pub ends_at_ms: Option<u64>,
    /// When its Will is due, monotonic, if that waits.
    pub will_at_ms: Option<u64>,
    /// No message of a later identity has been sent to the client: those up to it are sent again with DUP.
    pub sent_upto: u64,
}

/// One record. Sessions are those of the batch's shard.
#[derive(Clone, Copy, Debug)]
pub enum Record<'a> {
    /// A message was published.
    Publish(PublishRecord<'a>),
    /// A QoS 2 message came that nobody is to keep: only its Packet Identifier is remembered.
    Accepted(SessionName, u16),
    /// PUBREL came: the Packet Identifier is free again.
    Released(SessionName, u16),
    /// A Session holds a message no longer.
    Done(SessionName, u64),
    /// A QoS 2 message is sent under a Packet Identifier. Where a share group gave it, the group holds it no longer.
    Sent(SessionName, u64, u16, Option<GroupName>),
    /// PUBREC came: PUBREL is due, and the message is not held any more.
    PubRec(SessionName, u16),
    /// The QoS 2 exchange is over.
    Complete(SessionName, u16),
    /// A share group is done with a message.
    GroupDone(GroupName, u64),
    /// A Session begins; whatever the name stood for before is gone.
    Began(SessionName, &'a str, SessionRecord<'a>),
    /// A Session has got or lost its connection.
    Changed(SessionName, SessionRecord<'a>),
    /// A Session ends.
    Ended(SessionName),
    /// A Subscription, new or with other options. `$share/NAME/FILTER` is a membership.
    Subscribed(SessionName, SubscriptionRecord<'a>),
    /// A Subscription ends.
    Unsubscribed(SessionName, &'a str),
    /// The Retained Messages for a Subscription are all under way, each with a record of its own.
    Replayed(SessionName, &'a str),
    /// Who the client of a Session is: its User Name, and the port where it came in.
    Owner(SessionName, u16, Option<&'a str>),
    /// Who published the Retained Message with this number.
    RetainedBy(u64, PublisherRecord<'a>),
    /// The Retained Message with this number has a record of its own: the replay for this Subscription does not send it again.
    ReplaySent(SessionName, &'a str, u64),
    /// A share group begins.
    GroupBegan(GroupName, &'a str),
    /// A share group ends, with what it held.
    GroupEnded(GroupName),
    /// Snapshot: a message that later records speak of.
    Body(u64, MessageParts<'a>),
    /// Snapshot: a Session holds a message.
    Entry(SessionName, EntryRecord),
    /// Snapshot: a Subscription Identifier that goes with the message of the last `Entry` or `Exchange`.
    Identifier(u32),
    /// Snapshot: a QoS 2 exchange that has begun. Without a message it waits for PUBCOMP.
    Exchange(SessionName, u16, Option<EntryRecord>),
    /// A share group holds a message.
    GroupHolds(GroupName, u64),
    /// The newest messages of a queue are in this batch from now on; or those of an older run are, which it replaces.
    Run(Holder, RunRecord),
    /// One of them.
    RunEntry(EntryRecord, Content<'a>),
    /// A large message is written again, to be referred to.
    Stored(u64, MessageParts<'a>),
    /// Snapshot: a run of a queue.
    RunHeld(Holder, RunRecord),
    /// Snapshot: a message in the run of the last `RunHeld` that is done with.
    RunDone(u64),
    /// Snapshot: a Retained Message, the number of its write and its identity (0: it has none).
    Retained(u64, u64, MessageParts<'a>),
    /// Snapshot: a Retained Message, the number of its write, and where its payload is.
    RetainedAt(u64, MessageParts<'a>, StoredPayload),
}

/// A Subscription.
#[derive(Clone, Copy, Debug)]
pub struct SubscriptionRecord<'a> {
    /// Topic Filter.
    pub filter: &'a str,
    /// Its options, as at delivery.
    pub options: ReceiverOptions,
    /// Subscription Identifier, 0 for none.
    pub identifier: u32,
    /// Retained writes up to this number are to be replayed for it; 0 for none.
    pub replay_upto: u64,
    /// Those up to this number do not reach it live as well.
    pub covered_upto: u64,
}

impl<'a> SubscriptionRecord<'a> {
    pub(crate) fn without_replay(filter: &'a str, options: ReceiverOptions, identifier: u32) -> Self {
        SubscriptionRecord { filter, options, identifier, replay_upto: 0, covered_upto: 0 }
    }
}

/// The client that published a Retained Message, as far as its rights depend on it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PublisherRecord<'a> {
    /// Client Identifier.
    pub client_id: &'a str,
    /// User Name.
    pub username: Option<&'a str>,
    /// The port of the listener where it came in; 0 for a Unix socket.
    pub port: u16,
}

/// A message in the hands of a Session.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct EntryRecord {
    /// Which one.
    pub message: u64,
    /// With which QoS it is delivered.
    pub qos: u8,
    /// With RETAIN.
    pub retain: bool,
    /// It may have been sent before.
    pub dup: bool,
}

/// What a message consists of.
#[derive(Clone, Copy, Debug)]
pub enum Content<'a> {
    /// It follows.
    Here(MessageParts<'a>),
    /// The batch at this address begins with the message.
    At(u64),
}

/// A run of a queue that is on disk.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct RunRecord {
    /// Its name, and its place among the runs of the queue: where its first batch stood.
    pub origin: u64,
    /// Where its batch stands.
    pub address: u64,
    /// The first position in the log that it needs.
    pub floor: u64,
    /// The lowest and the highest identity in it.
    pub first: u64,
    /// See `first`.
    pub last: u64,
    /// How many messages it has.
    pub messages: u32,
    /// Their topics, properties and payloads.
    pub bytes: u64,
    /// The bytes of its batch.
    pub disk_bytes: u64,
}

impl RunRecord {
    /// Messages that are still wanted when so many are done with, of which some may be of other runs.
    pub(crate) fn left(&self, done: usize) -> u64 {
        u64::from(self.messages).saturating_sub(done as u64)
    }

    /// What `bytes` of all its messages come to for so many of them.
    pub(crate) fn part(&self, bytes: u64, messages: u64) -> u64 {
        (u128::from(bytes) * u128::from(messages) / u128::from(self.messages.max(1))) as u64
    }

    /// The bytes of its batch that so many of its messages take.
    pub(crate) fn alive_bytes(&self, messages: u64) -> u64 {
        self.part(self.disk_bytes, messages)
    }
}

/// A message with so large a payload is not written again into runs: they refer to its record, which therefore begins a
/// batch.
pub const LARGE_MESSAGE_BYTES: usize = 8 << 10;

/// The batch that a large message begins.
pub(crate) fn batch_of_large(identity: u64) -> u64 {
    identity.saturating_sub((BATCH_HEADER_BYTES + STAMP_BYTES) as u64)
}

/// The batches to which a run refers, with whose help it is read. All of its records can be read, or this is an error.
pub fn references(address: u64, content: &[u8]) -> Result<Vec<u64>, RecordError> {
    let mut references = Vec::new();
    let mut batch = Batch::open(address, content)?;
    while let Some(record) = batch.next_record()? {
        if let Record::RunEntry(_, Content::At(at)) = record {
            references.push(at);
        }
    }
    Ok(references)
}

/// Kinds of record, as they stand in the log. Numbers are for ever.
mod kind {
    pub(super) const PUBLISH: u8 = 1;
    pub(super) const ACCEPTED: u8 = 2;
    pub(super) const RELEASED: u8 = 3;
    pub(super) const DONE: u8 = 4;
    pub(super) const SENT: u8 = 5;
    pub(super) const PUBREC: u8 = 6;
    pub(super) const COMPLETE: u8 = 7;
    pub(super) const GROUP_DONE: u8 = 8;
    pub(super) const BEGAN: u8 = 9;
    pub(super) const CHANGED: u8 = 10;
    pub(super) const ENDED: u8 = 11;
    pub(super) const SUBSCRIBED: u8 = 12;
    pub(super) const UNSUBSCRIBED: u8 = 13;
    pub(super) const REPLAYED: u8 = 14;
    pub(super) const GROUP_BEGAN: u8 = 15;
    pub(super) const GROUP_ENDED: u8 = 16;
    pub(super) const BODY: u8 = 17;
    pub(super) const ENTRY: u8 = 18;
    pub(super) const IDENTIFIER: u8 = 19;
    pub(super) const EXCHANGE: u8 = 20;
    pub(super) const GROUP_HOLDS: u8 = 21;
    pub(super) const RETAINED: u8 = 22;
    pub(super) const RUN: u8 = 23;
    pub(super) const RUN_ENTRY: u8 = 24;
    pub(super) const RUN_HELD: u8 = 25;
    pub(super) const RUN_DONE: u8 = 26;
    pub(super) const STORED: u8 = 27;
    pub(super) const RETAINED_AT: u8 = 28;
    pub(super) const REPLAY_SENT: u8 = 29;
    pub(super) const OWNER: u8 = 30;
    pub(super) const RETAINED_BY: u8 = 31;
}

/// Bits of a PUBLISH record.
mod publish_flag {
    pub(super) const PUBLISHER: u8 = 1;
    pub(super) const WILL: u8 = 1 << 1;
    pub(super) const RETAINED: u8 = 1 << 2;
}

/// Bits of a message in a record.
mod message_flag {
    pub(super) const QOS: u8 = 3;
    pub(super) const RETAIN: u8 = 1 << 2;
    pub(super) const EXPIRES: u8 = 1 << 3;
    pub(super) const RECEIVED: u8 = 1 << 4;
}

/// Bits of a Session's state, and how its Will is told.
mod session_flag {
    pub(super) const DURABLE: u8 = 1;
    pub(super) const AWAY: u8 = 1 << 1;
    pub(super) const WILL_SAME: u8 = 1 << 2;
    pub(super) const WILL_SET: u8 = 1 << 3;
    pub(super) const ENDS: u8 = 1 << 4;
    pub(super) const WILL_WAITS: u8 = 1 << 5;
}

/// Kinds of holder.
mod holder_kind {
    pub(super) const SESSION: u8 = 0;
    pub(super) const GROUP: u8 = 1;
}

/// Bits of a message in the hands of a Session.
mod entry_flag {
    pub(super) const QOS: u8 = 3;
    pub(super) const RETAIN: u8 = 1 << 2;
    pub(super) const DUP: u8 = 1 << 3;
    pub(super) const MESSAGE: u8 = 1 << 4;
    pub(super) const CONTENT: u8 = 1 << 5;
}

/// What stands in the same batch, a message or a run, is told as the distance from the batch's beginning: where the batch will
/// stand is not known yet.
pub(crate) const IN_THIS_BATCH: u64 = 1 << 63;

#[cfg(test)]
mod tests;
