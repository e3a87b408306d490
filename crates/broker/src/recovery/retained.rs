//! The Retained Messages that are being put together: for each topic the write with the highest number counts, wherever it
//! stands in the log, and also if it cleared the topic.

use crate::message::Message;
use crate::options::Options;
use crate::record::PublisherRecord;
use crate::record::{LARGE_MESSAGE_BYTES, batch_of_large};
use crate::retained::{Publishers, Retained, RetainedMessage, StoredPayload, limited};
use foldhash::fast::FixedState;
use hashbrown::HashTable;
use std::hash::BuildHasher;

/// See the module.
pub(super) struct DraftRetained {
    topics: Vec<Topic>,
    index: HashTable<u32>,
    hasher: FixedState,
    publishers: Publishers,
    /// Writes up to this number are covered by the snapshot, and count only if it has them.
    covered: u64,
    /// The highest number of any write.
    sequence: u64,
}

struct Topic {
    /// The write that counts: its message names the topic, and an empty payload clears it.
    message: RetainedMessage,
    sequence: u64,
}

impl DraftRetained {
    pub(super) fn new(covered: u64) -> DraftRetained {
        DraftRetained {
            topics: Vec::new(),
            index: HashTable::new(),
            hasher: FixedState::with_seed(0),
            publishers: Publishers::default(),
            covered,
            sequence: covered,
        }
    }

    /// A Retained Message of the snapshot.
    pub(super) fn restore(&mut self, sequence: u64, message: RetainedMessage) {
        self.sequence = self.sequence.max(sequence);
        let hash = self.hasher.hash_one(message.topic_bytes());
        let topics = &self.topics;
        let is_it = |&at: &u32| topics[at as usize].message.topic_bytes() == message.topic_bytes();
        match self.index.find(hash, is_it) {
            Some(&at) => {
                let known = &mut self.topics[at as usize];
                if sequence >= known.sequence {
                    *known = Topic { message, sequence };
                }
            }
            None => {
                let at = self.topics.len() as u32;
                self.topics.push(Topic { message, sequence });
                let (topics, hasher) = (&self.topics, &self.hasher);
                let hash_of = |&at: &u32| hasher.hash_one(topics[at as usize].message.topic_bytes());
                self.index.insert_unique(hash, at, hash_of);
            }
        }
    }

    /// A retained write.
    pub(super) fn publish(&mut self, sequence: u64, message: &Message, options: &Options, received_s: u32) {
        self.sequence = self.sequence.max(sequence);
        if sequence > self.covered {
            let identity = message.identity();
            let message = limited(&message.parts(), options, received_s).unwrap_or_else(|| message.clone());
            self.restore(sequence, on_disk_if_large(message, identity));
        }
    }

    /// Who brought a write, whether that counts or not.
    pub(super) fn brought_by(&mut self, sequence: u64, publisher: PublisherRecord<'_>) {
        self.publishers.enter(sequence, publisher, None);
    }

    /// What is there.
    pub(super) fn into_messages(self) -> impl Iterator<Item = RetainedMessage> {
        self.topics.into_iter().map(|topic| topic.message).filter(|message| !message.is_clear())
    }

    /// Puts what is there into the store; how many there are, and the bytes of payloads that stay in the log.
    pub(super) fn restore_into(&mut self, retained: &Retained) -> (u64, u64) {
        let topics = std::mem::take(&mut self.topics).into_iter().filter(|topic| !topic.message.is_clear());
        let (mut count, mut kept_bytes) = (0, 0);
        for Topic { message, sequence } in topics {
            count += 1;
            kept_bytes += message.stored().map_or(0, |stored| u64::from(stored.bytes));
            retained.restore(message, sequence);
            if let Some(publisher) = self.publishers.of_write(sequence) {
                retained.restore_publisher(sequence, publisher.record());
            }
        }
        retained.resume(self.sequence);
        (count, kept_bytes)
    }
}

/// A large payload stands in the batch of the message and need not be in memory.
fn on_disk_if_large(message: Message, identity: u64) -> RetainedMessage {
    let bytes = message.payload().len();
    if bytes < LARGE_MESSAGE_BYTES {
        return message.into();
    }
    let stored = StoredPayload { identity, at: batch_of_large(identity), bytes: bytes as u32 };
    RetainedMessage::without_payload(&message.parts(), stored)
}
