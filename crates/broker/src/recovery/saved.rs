//! What was recovered, as values for who wants to write it down elsewhere: long queues and large payloads too, read back from the
//! log.

use super::queue::{DraftQueue, Held};
use super::{Draft, Recovery};
use crate::ids::ReceiverOptions;
use crate::message::{Message, MessageParts};
use crate::retained::RetainedMessage;
use crate::shard::{ReadBatch, message_at, read_run};
use crate::turn::Now;
use midge_codec::QoS;
use std::collections::BTreeMap;

/// See the module.
#[derive(Default)]
pub struct Saved {
    /// Sessions that outlive their connection, at the time when the server had ended.
    pub sessions: Vec<SavedSession>,
    /// Retained Messages.
    pub retained: Vec<Message>,
    /// Messages that wait in share groups.
    pub in_groups: u64,
    /// Sessions that have a Will.
    pub wills: u64,
}

/// A Session without a connection.
pub struct SavedSession {
    /// Client Identifier.
    pub client_id: Box<str>,
    /// Session Expiry Interval.
    pub expiry_interval_s: u32,
    /// When it ends on the server's clock, if it does.
    pub ends_at_ms: Option<u64>,
    /// The port where its client came in, and its User Name.
    pub owner: Option<(u16, Option<Box<str>>)>,
    /// Topic Filters, with options and Subscription Identifiers (0: none).
    pub subscriptions: Vec<(Box<str>, ReceiverOptions, u32)>,
    /// Subscriptions for which Retained Messages are still to be sent.
    pub replays: u64,
    /// QoS 2 messages that came from the client and are not released.
    pub unreleased: u64,
    /// QoS 2 exchanges that have begun, by Packet Identifier; without a message they wait for PUBCOMP.
    pub exchanges: Vec<(u16, Option<SavedEntry>)>,
    /// What waits for the client, in order.
    pub queue: Vec<SavedEntry>,
}

/// A message in the hands of a Session.
pub struct SavedEntry {
    /// Which; its identity names it.
    pub message: Message,
    /// With which QoS it is delivered.
    pub qos: QoS,
    /// With RETAIN.
    pub retain: bool,
    /// It may have been sent before.
    pub dup: bool,
    /// Subscription Identifiers that go with it.
    pub identifiers: Vec<u32>,
}

impl From<Held> for SavedEntry {
    fn from(held: Held) -> SavedEntry {
        let Held { message, qos, retain, dup, identifiers, .. } = held;
        SavedEntry { message, qos, retain, dup, identifiers: identifiers.into_vec() }
    }
}

impl Recovery {
    /// Gives everything away. `read` gives the batch at an address, and those to which that refers; the server's clock shows
    /// `now`.
    ///
    /// # Errors
    ///
    /// What `read` says.
    pub fn save<E>(
        self,
        now: Now,
        mut read: impl FnMut(u64) -> Result<(Vec<u8>, Vec<ReadBatch>), E>,
    ) -> Result<Saved, E> {
        let mut saved = Saved::default();
        let ended_ms = self.clock.ended_ms(now);
        saved.in_groups = self.groups.values().map(|group| group.queue.messages()).sum();
        for mut draft in self.sessions.into_values() {
            draft.close(ended_ms);
            saved.wills += u64::from(draft.will.is_some());
            if draft.is_durable {
                saved.sessions.push(session(draft, &mut read)?);
            }
        }
        for message in self.retained.into_messages() {
            saved.retained.extend(whole(&message, &mut read)?);
        }
        Ok(saved)
    }
}

fn session<E>(
    draft: Draft,
    read: &mut impl FnMut(u64) -> Result<(Vec<u8>, Vec<ReadBatch>), E>,
) -> Result<SavedSession, E> {
    let away = draft.away.unwrap_or_default();
    let mut queue = queue(draft.queue, read)?;
    for entry in &mut queue {
        entry.dup |= entry.qos == QoS::AtLeastOnce && entry.message.identity() <= away.sent_upto;
    }
    let replays = draft.subscriptions.values().filter(|subscription| subscription.replays).count();
    let subscriptions = draft.subscriptions.into_iter();
    Ok(SavedSession {
        client_id: draft.client_id,
        expiry_interval_s: draft.expiry_interval_s,
        ends_at_ms: away.ends_at_ms,
        owner: draft.owner,
        subscriptions: subscriptions.map(|(filter, known)| (filter, known.options, known.identifier)).collect(),
        replays: replays as u64,
        unreleased: draft.inbound.len() as u64,
        exchanges: draft.exchanges.into_iter().map(|(id, held)| (id, held.map(Into::into))).collect(),
        queue,
    })
}

/// All of a queue, in order.
fn queue<E>(
    draft: DraftQueue,
    read: &mut impl FnMut(u64) -> Result<(Vec<u8>, Vec<ReadBatch>), E>,
) -> Result<Vec<SavedEntry>, E> {
    let (held, runs) = draft.into_parts();
    let mut entries: BTreeMap<u64, SavedEntry> = BTreeMap::new();
    for (address, is_done) in runs {
        let (run, referred) = read(address)?;
        read_run(address, &run, &referred, |entry, found, identifiers| {
            if !is_done.contains(&entry.message) {
                let message = Message::from_run(&found.parts, entry.message);
                let mut held = Held::with(message, entry);
                held.identifiers = identifiers.into();
                entries.insert(entry.message, held.into());
            }
        });
    }
    entries.extend(held.map(|held| (held.message.identity(), held.into())));
    Ok(entries.into_values().collect())
}

/// A Retained Message with its payload; `None` where that is not there.
fn whole<E>(
    message: &RetainedMessage,
    read: &mut impl FnMut(u64) -> Result<(Vec<u8>, Vec<ReadBatch>), E>,
) -> Result<Option<Message>, E> {
    let Some(stored) = message.stored() else { return Ok(message.whole().cloned()) };
    let (batch, _) = read(stored.at)?;
    let found: Option<MessageParts<'_>> = message_at(stored.identity, stored.at, &batch);
    Ok(found.map(|found| message.with_payload(found.payload)))
}
