//! Retained Messages that are deleted together: a bounded number, each with what the server says to it.

use std::collections::{HashMap, HashSet};

use midge_client_core::{Accepted, Message, Refusal};
use midge_codec::{QoS, ReasonCode};

use super::super::publisher::refused;
use super::super::session::Line;
use super::show_topic;

/// See the module.
#[derive(Default)]
pub(super) struct Batch {
    /// Topics whose messages are still to be deleted.
    topics: Vec<Box<str>>,
    bytes: usize,
    /// Those under way, by the number of the message that deletes.
    under_way: HashMap<u64, Box<str>>,
    /// Those of this batch, and of the one before, for which the server has accepted that.
    deleted: HashSet<Box<str>>,
    deleted_before: HashSet<Box<str>>,
    /// Those that the server keeps.
    refused: HashSet<Box<str>>,
    complaints: Vec<String>,
    deleted_count: u64,
}

impl Batch {
    /// This one is to be deleted, if there is room.
    pub(super) fn add(&mut self, topic: &str) {
        if self.is_full() || self.refused.contains(topic) || self.topics.iter().any(|known| **known == *topic) {
            return;
        }
        if self.deleted_before.contains(topic) {
            self.refuse(topic.into(), "the server has accepted that, and still has it, or somebody has set it again");
            return;
        }
        self.bytes += topic.len();
        self.topics.push(topic.into());
    }

    pub(super) fn is_full(&self) -> bool {
        self.topics.len() >= TOPICS_MAX || self.bytes >= BYTES_MAX
    }

    pub(super) fn is_empty(&self) -> bool {
        self.topics.is_empty()
    }

    /// Whether so many were refused that going on is no use.
    pub(super) fn is_hopeless(&self) -> bool {
        self.refused.len() >= TOPICS_MAX
    }

    pub(super) fn deleted_count(&self) -> u64 {
        self.deleted_count
    }

    pub(super) fn refused_count(&self) -> usize {
        self.refused.len()
    }

    /// What is to be told about topics, once.
    pub(super) fn take_complaints(&mut self) -> impl Iterator<Item = String> + '_ {
        self.complaints.drain(..)
    }

    /// Publishes what deletes, as far as there is room. Whether the server has answered for all. Where it has QoS 0 only it
    /// does not, and what is shown is what was sent.
    ///
    /// # Errors
    /// With the message for the user, when the server takes no such messages.
    pub(super) fn delete(&mut self, line: &mut Line<'_>) -> Result<bool, String> {
        while let Some(topic) = self.topics.last() {
            let qos = line.client().limits().maximum_qos.min(QoS::AtLeastOnce);
            let nothing = Message { retain: true, ..Message::new(topic, &[], qos) };
            let accepted = match line.driver.publish(line.id, &nothing) {
                Ok(accepted) => accepted,
                Err(Refusal::Full) => break,
                Err(refusal) => return Err(refused(refusal)),
            };
            let Some(topic) = self.topics.pop() else { break };
            match accepted {
                Accepted::Held(number) => drop(self.under_way.insert(number, topic)),
                Accepted::Sent => {
                    show_topic(&topic, line.out);
                    self.note_deleted(topic);
                }
            }
        }
        Ok(self.topics.is_empty() && self.under_way.is_empty())
    }

    /// PUBACK came. Gives the topic whose message is deleted.
    pub(super) fn take_answer(&mut self, number: u64, reason_code: ReasonCode) -> Option<Box<str>> {
        let topic = self.under_way.remove(&number)?;
        if reason_code.is_error() {
            self.refuse(topic, reason_code.name());
            return None;
        }
        self.note_deleted(topic.clone());
        Some(topic)
    }

    /// This one is dealt with.
    pub(super) fn begin_next(&mut self) {
        self.bytes = 0;
        self.deleted_before = std::mem::take(&mut self.deleted);
    }

    fn note_deleted(&mut self, topic: Box<str>) {
        self.deleted_count += 1;
        self.deleted.insert(topic);
    }

    fn refuse(&mut self, topic: Box<str>, why: &str) {
        self.complaints.push(format!("Error: {} is not deleted: {why}.", topic.escape_debug()));
        self.refused.insert(topic);
    }
}

/// Topics of a batch, and topics that may be refused before there is no use in going on.
const TOPICS_MAX: usize = 1_000;

/// So many bytes of them, and one topic.
const BYTES_MAX: usize = 1 << 20;
