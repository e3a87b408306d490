//! What waits for one stream: incidents, and messages with their bytes one behind the other, so that nothing is allocated for a message.
//!
//! A stream takes all that waits for it at once, and hands it out one by one; a message is lent until the next one is asked for.

use std::collections::VecDeque;

use midge_client_core::Receipt;
use midge_codec::{Properties, QoS};

use crate::incoming::{Incident, Received};

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Waiting {
    items: VecDeque<Item>,
    /// Topic Names of the messages, in their order, and how much of that was handed out.
    topics: String,
    topics_read: usize,
    /// Properties and payload of each, and how much of that was handed out.
    bytes: Vec<u8>,
    bytes_read: usize,
    messages: usize,
}

#[derive(Debug)]
enum Item {
    Message(Head),
    Told(Box<Incident<'static>>),
}

/// A message without its bytes.
#[derive(Debug)]
struct Head {
    properties_bytes: u32,
    payload_bytes: u32,
    topic_bytes: u16,
    qos: QoS,
    retain: bool,
    receipt: Option<Receipt>,
}

impl Waiting {
    pub(crate) fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// Incidents, messages among them.
    pub(crate) fn len(&self) -> usize {
        self.items.len()
    }

    /// Messages that were added, and their bytes.
    pub(crate) fn load(&self) -> (usize, usize) {
        (self.messages, self.topics.len() + self.bytes.len())
    }

    /// Adds a message. How many bytes it takes.
    pub(crate) fn push(&mut self, message: &Received<'_>) -> usize {
        let Received { topic, payload, qos, retain, properties, receipt } = *message;
        let properties = properties.raw();
        self.topics.push_str(topic);
        if !properties.is_empty() {
            self.bytes.extend_from_slice(properties);
        }
        self.bytes.extend_from_slice(payload);
        self.items.push_back(Item::Message(Head {
            // They came in a packet, which bounds them.
            properties_bytes: properties.len() as u32,
            payload_bytes: payload.len() as u32,
            topic_bytes: topic.len() as u16,
            qos,
            retain,
            receipt,
        }));
        self.messages += 1;
        topic.len() + properties.len() + payload.len()
    }

    /// Adds an incident that is no message.
    pub(crate) fn tell(&mut self, incident: Incident<'static>) {
        self.items.push_back(Item::Told(Box::new(incident)));
    }

    /// Takes the oldest incident out that is no message.
    pub(crate) fn forget_told(&mut self) {
        let oldest = self.items.iter().position(|item| matches!(item, Item::Told(_)));
        oldest.map(|at| self.items.remove(at));
    }

    /// The next incident.
    pub(crate) fn next(&mut self) -> Option<Incident<'_>> {
        match self.items.pop_front()? {
            Item::Told(incident) => Some(*incident),
            Item::Message(head) => Some(Incident::Message(self.lend(&head))),
        }
    }

    fn lend(&mut self, head: &Head) -> Received<'_> {
        let topic = self.topics_read..self.topics_read + usize::from(head.topic_bytes);
        let properties = self.bytes_read..self.bytes_read + head.properties_bytes as usize;
        let payload = properties.end..properties.end + head.payload_bytes as usize;
        (self.topics_read, self.bytes_read) = (topic.end, payload.end);
        Received {
            topic: &self.topics[topic],
            payload: &self.bytes[payload],
            qos: head.qos,
            retain: head.retain,
            properties: Properties::from_raw(&self.bytes[properties]),
            receipt: head.receipt,
        }
    }

    /// What was handed out is not needed any more; nothing else may be here. The memory stays, unless it is much.
    pub(crate) fn clear(&mut self) {
        let held = self.bytes.capacity() + self.topics.capacity() + self.items.capacity() * size_of::<Item>();
        if held > KEPT_BYTES {
            *self = Waiting::default();
            return;
        }
        self.topics.clear();
        self.bytes.clear();
        (self.topics_read, self.bytes_read, self.messages) = (0, 0, 0);
    }
}

/// A stream for which nothing waits keeps no more than this: enough for what is read at a time of a busy one.
const KEPT_BYTES: usize = 64 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    fn message<'a>(topic: &'a str, payload: &'a [u8], properties: &'a [u8]) -> Received<'a> {
        let properties = Properties::from_raw(properties);
        Received { topic, payload, qos: QoS::AtLeastOnce, retain: false, properties, receipt: None }
    }

    #[test]
    fn messages_and_incidents_come_out_as_they_went_in() {
        let mut waiting = Waiting::default();
        let sent = [message("a/ä", b"one", &[0x01, 1]), message("b", b"", b""), message("c", b"three", b"")];
        for message in &sent {
            waiting.tell(Incident::Connected { session_present: false });
            waiting.push(message);
        }
        waiting.forget_told();
        assert_eq!((waiting.len(), waiting.load()), (5, (3, 4 + 3 + 2 + 1 + 1 + 5)));
        for (number, expected) in sent.iter().enumerate() {
            if number > 0 {
                assert!(matches!(waiting.next(), Some(Incident::Connected { .. })));
            }
            let Some(Incident::Message(message)) = waiting.next() else { panic!("no message") };
            assert_eq!(message, *expected);
        }
        assert!(waiting.next().is_none() && waiting.is_empty());
        waiting.clear();
        assert_eq!(waiting.load(), (0, 0));
        waiting.push(&message("d", &[0; 2 * KEPT_BYTES], b""));
        assert!(waiting.next().is_some());
        waiting.clear();
        assert_eq!(waiting.bytes.capacity(), 0, "much memory is given back");
    }
}
