//! State of another server, written into a log that has nothing yet, so that the next start finds it there as its own.
//!
//! The order is the caller's: a message before the Sessions that hold it, and Subscriptions before messages that are still to
//! be routed. A queue is read back in the order in which its messages were written.

use crate::groups::GROUPS;
use crate::ids::{Receiver, ReceiverOptions, ShardId};
use crate::log_queue::{BATCH_HEADER_BYTES, LogQueue};
use crate::message::{Message, MessageParts};
use crate::record::{
    AwayRecord, EntryRecord, GroupName, LARGE_MESSAGE_BYTES, Origin, PublisherRecord, Records, STAMP_BYTES,
    SessionName, SessionRecord, SubscriptionRecord, WillRecord, batch_of_large,
};
use crate::retained::StoredPayload;
use crate::router::matching;
use crate::turn::Now;
use midge_codec::TopicFilter;
use std::collections::BTreeMap;

/// See the module.
pub struct Import {
    queue: LogQueue,
    now: Now,
    shards: u16,
    sessions: u32,
    /// The batch that is being filled, which is of this shard.
    records: Records,
    shard: ShardId,
    /// Who gets what is still to be routed: filters without `$share`.
    receivers: Vec<(Box<str>, ShardId, Receiver)>,
    groups: BTreeMap<Box<str>, u32>,
    retained_sequence: u64,
}

/// A message in the hands of a Session.
#[derive(Clone, Copy, Debug)]
pub struct ImportedEntry<'a> {
    /// Which one: as [`Import::message`] has said.
    pub message: u64,
    /// With which QoS it is delivered.
    pub qos: u8,
    /// With RETAIN.
    pub retain: bool,
    /// It may have been sent before.
    pub dup: bool,
    /// Subscription Identifiers that go with it.
    pub identifiers: &'a [u32],
}

impl Import {
    /// Nothing yet, for a log whose next batch stands at `next`, and a server with so many shards.
    pub fn new(next: u64, shards: u16, now: Now) -> Import {
        Import {
            queue: LogQueue::new(shards, next),
            now,
            shards,
            sessions: 0,
            records: Records::default(),
            shard: ShardId(0),
            receivers: Vec::new(),
            groups: BTreeMap::new(),
            retained_sequence: 0,
        }
    }

    /// What is to be written to the log by now; `batches` is empty.
    pub fn take(&mut self, batches: &mut Vec<u8>) {
        self.hand_over();
        self.queue.take(batches);
    }

    /// Whether so much waits that it should be written.
    pub fn is_full(&self) -> bool {
        self.records.is_full() || self.queue.is_behind()
    }

    /// A message that Sessions may hold. Gives its name, which is greater than those of all before it.
    pub fn message(&mut self, parts: &MessageParts<'_>) -> u64 {
        let message = self.placed(parts);
        self.records.body(&message);
        self.hand_over();
        message.identity()
    }

    /// The message that a topic retains, and who published it, if that is known.
    pub fn retain(&mut self, parts: &MessageParts<'_>, publisher: Option<PublisherRecord<'_>>) {
        self.retained_sequence += 1;
        let sequence = self.retained_sequence;
        if parts.payload.len() < LARGE_MESSAGE_BYTES {
            self.records.retained(sequence, &Message::new(parts), 0);
        } else {
            let identity = self.message(parts);
            let stored = StoredPayload { identity, at: batch_of_large(identity), bytes: parts.payload.len() as u32 };
            self.records.retained_at(sequence, &MessageParts { payload: &[], ..*parts }, stored);
        }
        publisher.into_iter().for_each(|publisher| self.records.retained_by(sequence, publisher));
    }

    /// A Session without a connection; it ends at this time of the server's clock, or never.
    pub fn session(&mut self, client_id: &str, expiry_interval_s: u32, ends_at_ms: Option<u64>) -> SessionName {
        let (shard, slot) = (self.sessions % u32::from(self.shards), self.sessions / u32::from(self.shards));
        self.sessions += 1;
        let name = SessionName { shard: shard as u16, slot, generation: 1 };
        let state = SessionRecord {
            is_durable: true,
            expiry_interval_s,
            receive_maximum: u16::MAX,
            will: WillRecord::None,
            away: Some(AwayRecord { ends_at_ms, ..AwayRecord::default() }),
        };
        self.of(name).began(name, client_id, &state);
        name
    }

    /// Where the Session's client came in, and its User Name.
    pub fn owner(&mut self, name: SessionName, port: u16, username: Option<&str>) {
        self.of(name).owner(name, port, username);
    }

    /// A Subscription with its options, and its identifier (0: none).
    pub fn subscription(
        &mut self,
        name: SessionName,
        filter: &TopicFilter<'_>,
        options: ReceiverOptions,
        identifier: u32,
    ) {
        let options = options.identifier(identifier != 0).durable(true);
        self.of(name).subscribed(name, &SubscriptionRecord::without_replay(filter.text(), options, identifier));
        let (shard, receiver) = match filter.share_name() {
            None => (ShardId(name.shard), Receiver::new(name.slot, name.generation, options)),
            Some(_) if self.groups.contains_key(filter.text()) => return,
            Some(_) => {
                let group = GroupName { slot: self.groups.len() as u32, generation: 1 };
                self.groups.insert(filter.text().into(), group.slot);
                self.records.group_began(group, filter.text());
                (GROUPS, Receiver::new(group.slot, group.generation, ReceiverOptions::group().durable(true)))
            }
        };
        self.receivers.push((filter.filter().into(), shard, receiver));
    }

    /// A message that waits for the client; one of a Session is not to come twice.
    pub fn queued(&mut self, name: SessionName, entry: &ImportedEntry<'_>) {
        self.of(name).entry(name, &entry.record(), entry.identifiers);
    }

    /// A QoS 2 exchange that has begun. Without a message it waits for PUBCOMP.
    pub fn exchange(&mut self, name: SessionName, packet_id: u16, entry: Option<&ImportedEntry<'_>>) {
        let record = entry.map(ImportedEntry::record);
        let identifiers = entry.map_or(&[][..], |entry| entry.identifiers);
        self.of(name).exchange(name, packet_id, record.as_ref(), identifiers);
    }

    /// A QoS 2 message that came from the client, and is not released: it goes to all who have subscribed. Without a message only its
    /// Packet Identifier is remembered.
    pub fn accepted(&mut self, name: SessionName, packet_id: u16, message: Option<&MessageParts<'_>>) {
        let Some(parts) = message else { return self.of(name).accepted(name, packet_id) };
        let message = self.placed(parts);
        let retained_sequence = if parts.retain { self.retained_sequence + 1 } else { 0 };
        self.retained_sequence += u64::from(parts.retain);
        self.shard = ShardId(name.shard);
        let matching = |(filter, ..): &&(Box<str>, _, _)| matching::matches(filter.as_bytes(), parts.topic.as_bytes());
        let receivers = self.receivers.iter().filter(matching);
        let runs = receivers.map(|(_, shard, receiver)| (*shard, std::slice::from_ref(receiver)));
        let origin = Origin { from: Some(name), packet_id: Some(packet_id), is_will: false };
        self.records.publish(&message, parts, retained_sequence, &origin, runs);
    }

    /// A message whose record is the next one, at the beginning of a batch, where it can be found alone.
    fn placed(&mut self, parts: &MessageParts<'_>) -> Message {
        self.hand_over();
        let message = Message::new(parts);
        message.set_identity(self.queue.next() + (BATCH_HEADER_BYTES + STAMP_BYTES) as u64);
        message
    }

    /// The records of this Session's shard.
    fn of(&mut self, name: SessionName) -> &mut Records {
        if self.shard.0 != name.shard || self.records.is_full() {
            self.hand_over();
            self.shard = ShardId(name.shard);
        }
        &mut self.records
    }

    fn hand_over(&mut self) {
        if !self.records.is_empty() {
            self.records.hand_over(&self.queue, self.shard, false, self.now);
        }
    }
}

impl ImportedEntry<'_> {
    fn record(&self) -> EntryRecord {
        EntryRecord { message: self.message, qos: self.qos, retain: self.retain, dup: self.dup }
    }
}
