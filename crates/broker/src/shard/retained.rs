//! Retained Messages whose payload is in the log only: read for a new Subscription, and moved when the log is swept.
//!
//! A replay looks where the payload stands right before it is read, and again when it is not there any more: the log may have
//! been swept meanwhile, or the message replaced, and then the new one has gone out live.

use super::Shard;
use super::run::{Purpose, ReadRequest, message_at};
use crate::log_queue::LogQueue;
use crate::message::MessageParts;
use crate::record::{SessionName, batch_of_large};
use crate::replay::Replay;
use crate::retained::{RetainedMessage, StoredPayload};
use crate::turn::Turn;
use std::sync::Arc;

/// A Retained Message that is being moved.
pub(super) struct Moving {
    /// Its place in the store.
    pub index: u32,
    sequence: u64,
    message: RetainedMessage,
}

impl Shard {
    /// Large Retained Messages of this turn have their place in the log, and leave memory.
    pub(super) fn put_retained_on_disk(&mut self) {
        for (message, sequence) in self.large_retained.drain(..) {
            if let Some(identity) = message.place() {
                let bytes = message.payload().len() as u32;
                let stored = StoredPayload { identity, at: batch_of_large(identity), bytes };
                self.shared.retained().put_on_disk(message.topic_bytes(), sequence, stored);
            }
        }
    }

    /// Has the payload read of the message that this Session's replay sends next.
    pub(super) fn read_retained(&mut self, slot: u32, turn: &mut Turn) {
        let purpose = Purpose::Replay(self.session_name(slot));
        let Some(replay) = self.replay_mut(slot) else { return };
        let upto = replay.cursor.upto();
        let Some(topic) = replay.fetched.front().map(|(message, _)| message.topic_bytes().to_vec()) else { return };
        let found = self.shared.retained().get(&topic).filter(|(_, sequence)| *sequence <= upto);
        let Some(replay) = self.replay_mut(slot) else { return };
        let Some(found) = found else {
            replay.fetched.pop_front();
            return;
        };
        let stored = found.0.stored();
        replay.fetched[0] = found;
        if let Some(StoredPayload { at, .. }) = stored {
            replay.reading = Some(at);
            turn.reads.push(ReadRequest { address: at, purpose });
        }
    }

    /// A payload was read for a replay. One that is not there is looked for again. Where it should be there it is given up:
    /// whether the message was still wanted from that place.
    pub(super) fn handle_retained(&mut self, name: SessionName, address: u64, read: &[u8], turn: &mut Turn) -> bool {
        let slot = name.slot;
        if !self.is_there(name) {
            return false;
        }
        let shared = Arc::clone(&self.shared);
        let Some(replay) = self.replay_mut(slot).filter(|replay| replay.reading == Some(address)) else {
            return false;
        };
        replay.reading = None;
        let Some((front, number)) = replay.fetched.front() else { return false };
        let stored = front.stored().filter(|stored| stored.at == address);
        let mut is_lost = false;
        match stored.and_then(|stored| message_at(stored.identity, address, read)) {
            Some(found) => replay.fetched[0] = (front.with_payload(found.payload).into(), *number),
            None => {
                let now = shared.retained().get(front.topic_bytes()).and_then(|(message, _)| message.stored());
                is_lost = now == stored;
                if is_lost {
                    replay.fetched.pop_front();
                }
            }
        }
        self.pump(slot, turn);
        is_lost
    }

    fn replay_mut(&mut self, slot: u32) -> Option<&mut Replay> {
        self.sessions.get_mut(slot)?.replays.as_mut()?.front_mut()
    }

    /// Begins to move a Retained Message whose payload stands where the log is to end. `None`: that needs no reading.
    pub(super) fn move_retained(
        &self,
        index: u32,
        message: &mut RetainedMessage,
        sequence: u64,
        log: &LogQueue,
        turn: &mut Turn,
    ) -> Option<Moving> {
        let stored = message.stored().filter(|stored| stored.at < log.move_before())?;
        if let Some(at) = log.place_of_large(stored.identity) {
            let stored = StoredPayload { at, ..stored };
            self.shared.retained().put_on_disk(message.topic_bytes(), sequence, stored);
            *message = RetainedMessage::without_payload(&message.parts(), stored);
            return None;
        }
        turn.reads.push(ReadRequest { address: stored.at, purpose: Purpose::MoveRetained(index) });
        Some(Moving { index, sequence, message: message.clone() })
    }

    /// The payload has come. Returns whether it was still to be moved.
    pub(super) fn handle_retained_to_move(&mut self, index: u32, address: u64, read: &[u8], turn: &mut Turn) -> bool {
        let Some(Moving { sequence, message, .. }) = self.retained_to_move_came(index) else { return false };
        let shared = Arc::clone(&self.shared);
        let Some((log, stored)) = shared.log().zip(message.stored()) else { return false };
        if let Some(found) = message_at(stored.identity, address, read) {
            let parts = MessageParts { payload: found.payload, ..message.parts() };
            let at = self.store_again(stored.identity, &parts, log, turn);
            self.note_moved(found.payload.len() as u64);
            shared.retained().put_on_disk(message.topic_bytes(), sequence, StoredPayload { at, ..stored });
        }
        shared.retained().get(message.topic_bytes()).is_some_and(|(_, current)| current == sequence)
    }
}
