//! Records as they are written: into one buffer for each turn.

use super::{
    AwayRecord, Content, EntryRecord, GroupName, Holder, IN_THIS_BATCH, PublisherRecord, RunRecord, SessionName,
    SessionRecord, SubscriptionRecord, WillRecord, entry_flag, holder_kind, kind, message_flag, publish_flag,
    session_flag,
};
use crate::ids::{Receiver, ShardId};
use crate::log_queue::{Appended, BATCH_HEADER_BYTES, LogQueue};
use crate::message::{Message, MessageParts};
use crate::queue::Run;
use crate::retained::StoredPayload;
use crate::turn::Now;
use midge_codec::QoS;

/// Version of the records in a batch. A server reads its own and all older ones.
pub const RECORD_VERSION: u8 = 3;

/// Bytes of a batch's stamp: version, flags, shard, monotonic milliseconds, wall seconds.
pub const STAMP_BYTES: usize = 20;

/// What a shard recorded and has not handed over.
#[derive(Default)]
pub(crate) struct Records {
    /// Room for header and stamp, then the records; empty while there is none.
    bytes: Vec<u8>,
    /// How many there are.
    count: u32,
    /// Messages whose records stand in it, and where.
    messages: Vec<(Message, u32)>,
}

/// Who brought a message, as far as the log is concerned.
#[derive(Clone, Copy, Default)]
pub(crate) struct Origin {
    /// The Session it came from.
    pub from: Option<SessionName>,
    /// The Packet Identifier, where a durable Session must remember it (QoS 2).
    pub packet_id: Option<u16>,
    /// It is the Session's Will.
    pub is_will: bool,
}

/// A buffer that a burst has blown up beyond this is given back.
const BYTES_KEPT: usize = 4 << 20;

/// Beyond this the turn is committed before more is handled.
const BYTES_MAX: usize = 4 << 20;

impl Records {
    /// Whether there is nothing to be handed over.
    pub(crate) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Whether so much has gathered that it should be handed over.
    pub(crate) fn is_full(&self) -> bool {
        self.bytes.len() > BYTES_MAX
    }

    /// Bytes so far.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes.len()
    }

    /// Hands everything over to the log; the messages have their identities from then on.
    pub(crate) fn hand_over(&mut self, log: &LogQueue, shard: ShardId, is_snapshot: bool, now: Now) -> Appended {
        self.begin();
        let stamp = &mut self.bytes[BATCH_HEADER_BYTES..BATCH_HEADER_BYTES + STAMP_BYTES];
        stamp[0] = RECORD_VERSION;
        stamp[1] = u8::from(is_snapshot);
        stamp[2..4].copy_from_slice(&shard.0.to_le_bytes());
        stamp[4..12].copy_from_slice(&now.monotonic_ms.to_le_bytes());
        stamp[12..20].copy_from_slice(&now.wall_s.to_le_bytes());
        let appended = log.append(&mut self.bytes);
        let count = std::mem::take(&mut self.count);
        if !is_snapshot {
            log.note_changes(u64::from(count));
        }
        for (message, at) in self.messages.drain(..) {
            message.set_identity(appended.address + u64::from(at));
        }
        self.bytes.clear();
        self.bytes.shrink_to(BYTES_KEPT);
        appended
    }

    /// A message and its receivers: `runs` are lists of one shard each.
    pub(crate) fn publish<'r>(
        &mut self,
        message: &Message,
        parts: &MessageParts<'_>,
        retained_sequence: u64,
        origin: &Origin,
        runs: impl Iterator<Item = (ShardId, &'r [Receiver])>,
    ) {
        let at = self.kind(kind::PUBLISH);
        message.set_identity(IN_THIS_BATCH | at as u64);
        self.messages.push((message.clone(), at as u32));
        let publisher = origin.from.zip(origin.packet_id);
        let will_of = origin.from.filter(|_| origin.is_will);
        let flags = flag(publish_flag::PUBLISHER, publisher.is_some())
            | flag(publish_flag::WILL, will_of.is_some())
            | flag(publish_flag::RETAINED, retained_sequence != 0);
        self.bytes.push(flags);
        if retained_sequence != 0 {
            self.u64(retained_sequence);
        }
        if let Some((session, packet_id)) = publisher {
            self.session(session);
            self.u16(packet_id);
        }
        if let Some(session) = will_of {
            self.session(session);
        }
        self.message(parts);
        let count_at = self.bytes.len();
        self.u32(0);
        for (shard, receivers) in runs {
            self.receivers(shard, receivers, origin, parts.qos);
        }
        let length = (self.bytes.len() - count_at - 4) as u32;
        self.bytes[count_at..count_at + 4].copy_from_slice(&length.to_le_bytes());
    }

    /// Those that are durable; not the publisher where it does not want its own `[MQTT-3.8.3-3]`.
    fn receivers(&mut self, shard: ShardId, receivers: &[Receiver], origin: &Origin, qos: QoS) {
        let count_at = self.bytes.len() + 2;
        self.u16(shard.0);
        self.u32(0);
        let mut count = 0_u32;
        for receiver in receivers.iter().filter(|receiver| receiver.options().is_kept(qos)) {
            let is_own = || origin.from.is_some_and(|from| (from.shard, from.slot) == (shard.0, receiver.slot));
            if receiver.options().is_no_local() && is_own() {
                continue;
            }
            let [slot, tagged] = receiver.to_words();
            self.u32(slot);
            self.u32(tagged);
            count += 1;
        }
        if count == 0 {
            self.bytes.truncate(count_at - 2);
        } else {
            self.bytes[count_at..count_at + 4].copy_from_slice(&count.to_le_bytes());
        }
    }

    /// `Accepted`
    pub(crate) fn accepted(&mut self, session: SessionName, packet_id: u16) {
        self.exchange_step(kind::ACCEPTED, session, packet_id);
    }

    /// `Released`
    pub(crate) fn released(&mut self, session: SessionName, packet_id: u16) {
        self.exchange_step(kind::RELEASED, session, packet_id);
    }

    /// `Done`
    pub(crate) fn done(&mut self, session: SessionName, message: u64) {
        self.kind(kind::DONE);
        self.session(session);
        self.u64(message);
    }

    /// `Sent`
    pub(crate) fn sent(&mut self, session: SessionName, message: u64, packet_id: u16, group: Option<GroupName>) {
        self.kind(kind::SENT);
        self.session(session);
        self.u64(message);
        self.u16(packet_id);
        self.bytes.push(u8::from(group.is_some()));
        if let Some(group) = group {
            self.group(group);
        }
    }

    /// `PubRec`
    pub(crate) fn pubrec(&mut self, session: SessionName, packet_id: u16) {
        self.exchange_step(kind::PUBREC, session, packet_id);
    }

    /// `Complete`
    pub(crate) fn complete(&mut self, session: SessionName, packet_id: u16) {
        self.exchange_step(kind::COMPLETE, session, packet_id);
    }

    /// `GroupDone`
    pub(crate) fn group_done(&mut self, group: GroupName, message: u64) {
        self.kind(kind::GROUP_DONE);
        self.group(group);
        self.u64(message);
    }

    /// `Began`
    pub(crate) fn began(&mut self, session: SessionName, client_id: &str, state: &SessionRecord<'_>) {
        self.kind(kind::BEGAN);
        self.session(session);
        self.text(client_id);
        self.state(state);
    }

    /// `Changed`
    pub(crate) fn changed(&mut self, session: SessionName, state: &SessionRecord<'_>) {
        self.kind(kind::CHANGED);
        self.session(session);
        self.state(state);
    }

    /// `Ended`
    pub(crate) fn ended(&mut self, session: SessionName) {
        self.kind(kind::ENDED);
        self.session(session);
    }

    /// `Subscribed`
    pub(crate) fn subscribed(&mut self, session: SessionName, subscription: &SubscriptionRecord<'_>) {
        self.kind(kind::SUBSCRIBED);
        self.session(session);
        self.text(subscription.filter);
        self.bytes.push(subscription.options.to_byte());
        self.u32(subscription.identifier);
        self.u64(subscription.replay_upto);
        self.u64(subscription.covered_upto);
    }

    /// `Unsubscribed`
    pub(crate) fn unsubscribed(&mut self, session: SessionName, filter: &str) {
        self.kind(kind::UNSUBSCRIBED);
        self.session(session);
        self.text(filter);
    }

    /// `Replayed`
    pub(crate) fn replayed(&mut self, session: SessionName, filter: &str) {
        self.kind(kind::REPLAYED);
        self.session(session);
        self.text(filter);
    }

    /// `Owner`
    pub(crate) fn owner(&mut self, session: SessionName, port: u16, username: Option<&str>) {
        self.kind(kind::OWNER);
        self.session(session);
        self.account(port, username);
    }

    /// `RetainedBy`
    pub(crate) fn retained_by(&mut self, number: u64, publisher: PublisherRecord<'_>) {
        self.kind(kind::RETAINED_BY);
        self.u64(number);
        self.text(publisher.client_id);
        self.account(publisher.port, publisher.username);
    }

    fn account(&mut self, port: u16, username: Option<&str>) {
        self.u16(port);
        self.bytes.push(username.is_some().into());
        username.into_iter().for_each(|username| self.text(username));
    }

    /// `ReplaySent`
    pub(crate) fn replay_sent(&mut self, session: SessionName, filter: &str, number: u64) {
        self.kind(kind::REPLAY_SENT);
        self.session(session);
        self.text(filter);
        self.u64(number);
    }

    /// `GroupBegan`
    pub(crate) fn group_began(&mut self, group: GroupName, share: &str) {
        self.kind(kind::GROUP_BEGAN);
        self.group(group);
        self.text(share);
    }

    /// `GroupEnded`
    pub(crate) fn group_ended(&mut self, group: GroupName) {
        self.kind(kind::GROUP_ENDED);
        self.group(group);
    }

    /// `Body`
    pub(crate) fn body(&mut self, message: &Message) {
        self.kind(kind::BODY);
        self.u64(message.identity());
        self.message(&message.parts());
    }

    /// `Entry`
    pub(crate) fn entry(&mut self, session: SessionName, entry: &EntryRecord, identifiers: &[u32]) {
        self.kind(kind::ENTRY);
        self.session(session);
        self.held(Some(entry));
        self.identifiers(identifiers);
    }

    /// `Exchange`
    pub(crate) fn exchange(
        &mut self,
        session: SessionName,
        packet_id: u16,
        entry: Option<&EntryRecord>,
        identifiers: &[u32],
    ) {
        self.kind(kind::EXCHANGE);
        self.session(session);
        self.u16(packet_id);
        self.held(entry);
        self.identifiers(identifiers);
    }

    /// `GroupHolds`
    pub(crate) fn group_holds(&mut self, group: GroupName, message: u64) {
        self.kind(kind::GROUP_HOLDS);
        self.group(group);
        self.u64(message);
    }

    /// `Run`. Returns where its state stands, which is only known when the entries are written.
    pub(crate) fn run(&mut self, holder: Holder) -> usize {
        self.kind(kind::RUN);
        self.holder(holder);
        let at = self.bytes.len();
        self.run_record(&RunRecord::default());
        at
    }

    /// What `Run` says.
    pub(crate) fn set_run(&mut self, at: usize, run: &RunRecord) {
        let end = self.bytes.len();
        self.run_record(run);
        self.bytes.copy_within(end.., at);
        self.bytes.truncate(end);
    }

    /// `RunEntry`
    pub(crate) fn run_entry(&mut self, entry: &EntryRecord, content: &Content<'_>) {
        self.kind(kind::RUN_ENTRY);
        self.held(Some(entry));
        self.bytes.push(flag(entry_flag::CONTENT, matches!(content, Content::Here(_))));
        match content {
            Content::Here(parts) => self.message(parts),
            Content::At(address) => self.u64(*address),
        }
    }

    /// `Stored`
    pub(crate) fn stored(&mut self, identity: u64, parts: &MessageParts<'_>) {
        self.kind(kind::STORED);
        self.u64(identity);
        self.message(parts);
    }

    /// `RunHeld`, with its `RunDone`
    pub(crate) fn run_held(&mut self, holder: Holder, run: &Run) {
        self.kind(kind::RUN_HELD);
        self.holder(holder);
        self.run_record(&run.record);
        for &message in run.done.iter().flat_map(|done| done.iter()) {
            self.kind(kind::RUN_DONE);
            self.u64(message);
        }
    }

    /// `Retained`
    pub(crate) fn retained(&mut self, sequence: u64, message: &Message, identity: u64) {
        self.kind(kind::RETAINED);
        self.u64(sequence);
        self.u64(identity);
        self.message(&message.parts());
    }

    /// `RetainedAt`: `parts` are without a payload.
    pub(crate) fn retained_at(&mut self, sequence: u64, parts: &MessageParts<'_>, stored: StoredPayload) {
        self.kind(kind::RETAINED_AT);
        self.u64(sequence);
        self.u64(stored.identity);
        self.u64(stored.at);
        self.u32(stored.bytes);
        self.message(parts);
    }

    fn run_record(&mut self, run: &RunRecord) {
        let RunRecord { origin, address, floor, first, last, messages, bytes, disk_bytes } = *run;
        [origin, address, floor, first, last].into_iter().for_each(|position| self.u64(position));
        self.u32(messages);
        self.u64(bytes);
        self.u64(disk_bytes);
    }

    fn begin(&mut self) {
        if self.bytes.is_empty() {
            self.bytes.resize(BATCH_HEADER_BYTES + STAMP_BYTES, 0);
        }
    }

    /// Begins a record; returns where, counted from the beginning of the batch.
    fn kind(&mut self, kind: u8) -> usize {
        self.begin();
        self.count += 1;
        self.bytes.push(kind);
        self.bytes.len() - 1
    }

    fn exchange_step(&mut self, kind: u8, session: SessionName, packet_id: u16) {
        self.kind(kind);
        self.session(session);
        self.u16(packet_id);
    }

    fn state(&mut self, state: &SessionRecord<'_>) {
        let away = state.away;
        let ends_at_ms = away.and_then(|away| away.ends_at_ms);
        let will_at_ms = away.and_then(|away| away.will_at_ms);
        let flags = flag(session_flag::DURABLE, state.is_durable)
            | flag(session_flag::AWAY, away.is_some())
            | flag(session_flag::ENDS, ends_at_ms.is_some())
            | flag(session_flag::WILL_WAITS, will_at_ms.is_some())
            | flag(session_flag::WILL_SAME, matches!(state.will, WillRecord::Same))
            | flag(session_flag::WILL_SET, matches!(state.will, WillRecord::Set { .. }));
        self.bytes.push(flags);
        self.u32(state.expiry_interval_s);
        self.u16(state.receive_maximum);
        if let Some(AwayRecord { sent_upto, .. }) = away {
            self.u64(sent_upto);
        }
        ends_at_ms.into_iter().chain(will_at_ms).for_each(|at| self.u64(at));
        if let WillRecord::Set { message, delay_s } = &state.will {
            self.u32(*delay_s);
            self.message(message);
        }
    }

    fn held(&mut self, entry: Option<&EntryRecord>) {
        let Some(entry) = entry else { return self.bytes.push(0) };
        let flags = entry.qos & entry_flag::QOS
            | entry_flag::MESSAGE
            | flag(entry_flag::RETAIN, entry.retain)
            | flag(entry_flag::DUP, entry.dup);
        self.bytes.push(flags);
        self.u64(entry.message);
    }

    /// `Identifier`, of the entry that was written last
    pub(crate) fn identifiers(&mut self, identifiers: &[u32]) {
        for &identifier in identifiers {
            self.kind(kind::IDENTIFIER);
            self.u32(identifier);
        }
    }

    fn message(&mut self, parts: &MessageParts<'_>) {
        let flags = parts.qos as u8
            | flag(message_flag::RETAIN, parts.retain)
            | flag(message_flag::EXPIRES, parts.expiry_interval_s.is_some())
            | flag(message_flag::RECEIVED, parts.received_ns != 0);
        self.bytes.push(flags);
        self.u16(parts.topic.len() as u16);
        self.u32(parts.properties.len() as u32);
        self.u32(parts.payload.len() as u32);
        if let Some(interval_s) = parts.expiry_interval_s {
            self.u32(parts.received_s);
            self.u32(interval_s);
        }
        if parts.received_ns != 0 {
            self.u64(parts.received_ns);
        }
        self.bytes.extend_from_slice(parts.topic.as_bytes());
        self.bytes.extend_from_slice(parts.properties);
        self.bytes.extend_from_slice(parts.payload);
    }

    fn text(&mut self, text: &str) {
        self.u16(text.len() as u16);
        self.bytes.extend_from_slice(text.as_bytes());
    }

    /// The shard is the batch's.
    fn session(&mut self, session: SessionName) {
        self.u32(session.slot);
        self.u32(session.generation);
    }

    fn holder(&mut self, holder: Holder) {
        match holder {
            Holder::Session(session) => {
                self.bytes.push(holder_kind::SESSION);
                self.session(session);
            }
            Holder::Group(group) => {
                self.bytes.push(holder_kind::GROUP);
                self.group(group);
            }
        }
    }

    fn group(&mut self, group: GroupName) {
        self.u32(group.slot);
        self.u32(group.generation);
    }

    fn u16(&mut self, value: u16) {
        self.bytes.extend_from_slice(&value.to_le_bytes());
    }

    fn u32(&mut self, value: u32) {
        self.bytes.extend_from_slice(&value.to_le_bytes());
    }

    fn u64(&mut self, value: u64) {
        self.bytes.extend_from_slice(&value.to_le_bytes());
    }
}

const fn flag(bit: u8, on: bool) -> u8 {
    if on { bit } else { 0 }
}
