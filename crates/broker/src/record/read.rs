//! Records as they are read back.

use super::{
    AwayRecord, Content, EntryRecord, GroupName, Holder, IN_THIS_BATCH, PublishRecord, PublisherRecord, Receivers,
    Record, RunRecord, SessionName, SessionRecord, Stamp, SubscriptionRecord, WillRecord, entry_flag, holder_kind,
    kind, message_flag, publish_flag, session_flag,
};
use crate::ids::{ReceiverOptions, ShardId};
use crate::log_queue::BATCH_HEADER_BYTES;
use crate::message::MessageParts;
use crate::record::write::{RECORD_VERSION, STAMP_BYTES};
use crate::retained::StoredPayload;
use midge_codec::QoS;

/// A batch whose records cannot be read. Its checksum was right, so it was written by something else than this version.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RecordError {
    /// Position in the log.
    pub position: u64,
    /// What is wrong.
    pub cause: &'static str,
}

impl std::fmt::Display for RecordError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let RecordError { position, cause } = self;
        write!(
            f,
            "{cause} at position {position} of the log; start the program that wrote it, or a newer one, or restore the log \
             from a copy (--repair does not help)"
        )
    }
}

impl std::error::Error for RecordError {}

/// The records of one batch.
#[derive(Clone, Copy, Debug)]
pub struct Batch<'a> {
    /// Who and when.
    pub stamp: Stamp,
    /// Where the batch stands.
    address: u64,
    content: &'a [u8],
    at: usize,
}

impl<'a> Batch<'a> {
    /// The batch at `address` with this content (without its header).
    pub fn open(address: u64, content: &'a [u8]) -> Result<Batch<'a>, RecordError> {
        let fail = |cause| RecordError { position: address, cause };
        let Some(stamp) = content.get(..STAMP_BYTES) else { return Err(fail("batch without a stamp")) };
        if stamp[0] == 0 || stamp[0] > RECORD_VERSION {
            return Err(fail("records of a newer version than this server knows"));
        }
        let mut reader = Batch { stamp: NO_STAMP, address, content, at: 2 };
        let shard = ShardId(reader.u16()?);
        let (monotonic_ms, wall_s) = (reader.u64()?, reader.u64()?);
        reader.stamp = Stamp { is_snapshot: stamp[1] & 1 != 0, shard, monotonic_ms, wall_s };
        Ok(reader)
    }

    /// The next record; `None` at the end.
    pub fn next_record(&mut self) -> Result<Option<Record<'a>>, RecordError> {
        if self.at == self.content.len() {
            return Ok(None);
        }
        let start = self.at;
        let record = match self.u8()? {
            kind::PUBLISH => Record::Publish(self.publish(start)?),
            kind::ACCEPTED => Record::Accepted(self.session()?, self.u16()?),
            kind::RELEASED => Record::Released(self.session()?, self.u16()?),
            kind::DONE => Record::Done(self.session()?, self.identity()?),
            kind::SENT => Record::Sent(self.session()?, self.identity()?, self.u16()?, self.maybe_group()?),
            kind::PUBREC => Record::PubRec(self.session()?, self.u16()?),
            kind::COMPLETE => Record::Complete(self.session()?, self.u16()?),
            kind::GROUP_DONE => Record::GroupDone(self.group()?, self.identity()?),
            kind::BEGAN => Record::Began(self.session()?, self.text()?, self.state()?),
            kind::CHANGED => Record::Changed(self.session()?, self.state()?),
            kind::ENDED => Record::Ended(self.session()?),
            kind::SUBSCRIBED => Record::Subscribed(self.session()?, self.subscription()?),
            kind::UNSUBSCRIBED => Record::Unsubscribed(self.session()?, self.text()?),
            kind::REPLAYED => Record::Replayed(self.session()?, self.text()?),
            kind::REPLAY_SENT => Record::ReplaySent(self.session()?, self.text()?, self.u64()?),
            kind::OWNER => {
                let session = self.session()?;
                let (port, username) = self.account()?;
                Record::Owner(session, port, username)
            }
            kind::RETAINED_BY => {
                let (number, client_id) = (self.u64()?, self.text()?);
                let (port, username) = self.account()?;
                Record::RetainedBy(number, PublisherRecord { client_id, username, port })
            }
            kind::GROUP_BEGAN => Record::GroupBegan(self.group()?, self.text()?),
            kind::GROUP_ENDED => Record::GroupEnded(self.group()?),
            kind::BODY => Record::Body(self.identity()?, self.message()?),
            kind::ENTRY => {
                let session = self.session()?;
                let entry = self.entry()?.ok_or_else(|| self.fail("entry without a message"))?;
                Record::Entry(session, entry)
            }
            kind::IDENTIFIER => Record::Identifier(self.u32()?),
            kind::EXCHANGE => Record::Exchange(self.session()?, self.u16()?, self.entry()?),
            kind::GROUP_HOLDS => Record::GroupHolds(self.group()?, self.identity()?),
            kind::RETAINED => Record::Retained(self.u64()?, self.identity()?, self.message()?),
            kind::RETAINED_AT => {
                let sequence = self.u64()?;
                let stored = StoredPayload { identity: self.identity()?, at: self.u64()?, bytes: self.u32()? };
                Record::RetainedAt(sequence, self.message()?, stored)
            }
            kind::RUN => Record::Run(self.holder()?, self.run()?),
            kind::RUN_ENTRY => {
                let entry = self.entry()?.ok_or_else(|| self.fail("entry without a message"))?;
                let has_content = self.u8()? & entry_flag::CONTENT != 0;
                let content = if has_content { Content::Here(self.message()?) } else { Content::At(self.u64()?) };
                Record::RunEntry(entry, content)
            }
            kind::STORED => Record::Stored(self.identity()?, self.message()?),
            kind::RUN_HELD => Record::RunHeld(self.holder()?, self.run()?),
            kind::RUN_DONE => Record::RunDone(self.u64()?),
            _ => return Err(self.fail("record of an unknown kind")),
        };
        Ok(Some(record))
    }

    /// The port where a client came in, and its User Name.
    fn account(&mut self) -> Result<(u16, Option<&'a str>), RecordError> {
        let (port, has_name) = (self.u16()?, self.u8()? != 0);
        Ok((port, if has_name { Some(self.text()?) } else { None }))
    }

    fn publish(&mut self, start: usize) -> Result<PublishRecord<'a>, RecordError> {
        let flags = self.u8()?;
        let retained_sequence = if flags & publish_flag::RETAINED != 0 { self.u64()? } else { 0 };
        let has_publisher = flags & publish_flag::PUBLISHER != 0;
        let publisher = if has_publisher { Some((self.session()?, self.u16()?)) } else { None };
        let will_of = if flags & publish_flag::WILL != 0 { Some(self.session()?) } else { None };
        let parts = self.message()?;
        let length = self.u32()? as usize;
        let receivers = Receivers(self.take(length)?);
        let identity = self.address + (BATCH_HEADER_BYTES + start) as u64;
        Ok(PublishRecord { identity, parts, retained_sequence, publisher, will_of, receivers })
    }

    fn state(&mut self) -> Result<SessionRecord<'a>, RecordError> {
        let flags = self.u8()?;
        let is = |bit| flags & bit != 0;
        let (expiry_interval_s, receive_maximum) = (self.u32()?, self.u16()?);
        let away = if is(session_flag::AWAY) {
            let sent_upto = self.u64()?;
            let ends_at_ms = if is(session_flag::ENDS) { Some(self.u64()?) } else { None };
            let will_at_ms = if is(session_flag::WILL_WAITS) { Some(self.u64()?) } else { None };
            Some(AwayRecord { ends_at_ms, will_at_ms, sent_upto })
        } else {
            None
        };
        let will = if is(session_flag::WILL_SET) {
            let delay_s = self.u32()?;
            WillRecord::Set { delay_s, message: self.message()? }
        } else if is(session_flag::WILL_SAME) {
            WillRecord::Same
        } else {
            WillRecord::None
        };
        Ok(SessionRecord { is_durable: is(session_flag::DURABLE), expiry_interval_s, receive_maximum, will, away })
    }

    fn subscription(&mut self) -> Result<SubscriptionRecord<'a>, RecordError> {
        Ok(SubscriptionRecord {
            filter: self.text()?,
            options: ReceiverOptions::from_byte(self.u8()?),
            identifier: self.u32()?,
            replay_upto: self.u64()?,
            covered_upto: self.u64()?,
        })
    }

    fn entry(&mut self) -> Result<Option<EntryRecord>, RecordError> {
        let flags = self.u8()?;
        if flags & entry_flag::MESSAGE == 0 {
            return Ok(None);
        }
        let message = self.identity()?;
        let (retain, dup) = (flags & entry_flag::RETAIN != 0, flags & entry_flag::DUP != 0);
        Ok(Some(EntryRecord { message, qos: flags & entry_flag::QOS, retain, dup }))
    }

    fn run(&mut self) -> Result<RunRecord, RecordError> {
        Ok(RunRecord {
            origin: self.identity()?,
            address: self.identity()?,
            floor: self.identity()?,
            first: self.u64()?,
            last: self.u64()?,
            messages: self.u32()?,
            bytes: self.u64()?,
            disk_bytes: self.u64()?,
        })
    }

    fn message(&mut self) -> Result<MessageParts<'a>, RecordError> {
        let flags = self.u8()?;
        let (topic_len, properties_len, payload_len) = (self.u16()?, self.u32()?, self.u32()?);
        let (received_s, expiry_interval_s) =
            if flags & message_flag::EXPIRES != 0 { (self.u32()?, Some(self.u32()?)) } else { (0, None) };
        let received_ns = if flags & message_flag::RECEIVED != 0 { self.u64()? } else { 0 };
        let topic = self.utf8(usize::from(topic_len))?;
        let properties = self.take(properties_len as usize)?;
        let payload = self.take(payload_len as usize)?;
        let qos = QoS::from_u8(flags & message_flag::QOS).ok_or_else(|| self.fail("QoS 3"))?;
        let retain = flags & message_flag::RETAIN != 0;
        Ok(MessageParts { topic, properties, payload, qos, retain, received_s, received_ns, expiry_interval_s })
    }

    fn session(&mut self) -> Result<SessionName, RecordError> {
        Ok(SessionName { shard: self.stamp.shard.0, slot: self.u32()?, generation: self.u32()? })
    }

    fn group(&mut self) -> Result<GroupName, RecordError> {
        Ok(GroupName { slot: self.u32()?, generation: self.u32()? })
    }

    fn holder(&mut self) -> Result<Holder, RecordError> {
        match self.u8()? {
            holder_kind::SESSION => Ok(Holder::Session(self.session()?)),
            holder_kind::GROUP => Ok(Holder::Group(self.group()?)),
            _ => Err(self.fail("run of nobody that is known")),
        }
    }

    fn maybe_group(&mut self) -> Result<Option<GroupName>, RecordError> {
        Ok(if self.u8()? != 0 { Some(self.group()?) } else { None })
    }

    fn identity(&mut self) -> Result<u64, RecordError> {
        let value = self.u64()?;
        Ok(if value & IN_THIS_BATCH == 0 { value } else { self.address + (value & !IN_THIS_BATCH) })
    }

    fn text(&mut self) -> Result<&'a str, RecordError> {
        let length = usize::from(self.u16()?);
        self.utf8(length)
    }

    fn utf8(&mut self, length: usize) -> Result<&'a str, RecordError> {
        let bytes = self.take(length)?;
        std::str::from_utf8(bytes).map_err(|_| self.fail("text that is not UTF-8"))
    }

    fn u8(&mut self) -> Result<u8, RecordError> {
        self.array::<1>().map(|[byte]| byte)
    }

    fn u16(&mut self) -> Result<u16, RecordError> {
        self.array().map(u16::from_le_bytes)
    }

    fn u32(&mut self) -> Result<u32, RecordError> {
        self.array().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Result<u64, RecordError> {
        self.array().map(u64::from_le_bytes)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], RecordError> {
        let rest = self.content.get(self.at..).unwrap_or_default();
        let (bytes, _) = rest.split_first_chunk::<N>().ok_or_else(|| self.fail("record that ends too early"))?;
        self.at += N;
        Ok(*bytes)
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], RecordError> {
        let end = self.at.checked_add(length);
        let bytes = end.and_then(|end| self.content.get(self.at..end));
        let bytes = bytes.ok_or_else(|| self.fail("record that ends too early"))?;
        self.at += length;
        Ok(bytes)
    }

    fn fail(&self, cause: &'static str) -> RecordError {
        RecordError { position: self.address + (BATCH_HEADER_BYTES + self.at) as u64, cause }
    }
}

const NO_STAMP: Stamp = Stamp { is_snapshot: false, shard: ShardId(0), monotonic_ms: 0, wall_s: 0 };
