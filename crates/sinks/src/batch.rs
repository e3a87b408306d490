//! Records that wait to be sent together.

use crate::{Format, LeftAlone, Message};

/// When a batch is sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// With so many messages, those that are left alone among them.
    pub messages: usize,
    /// With so many bytes. It may be more by one record.
    pub bytes: usize,
    /// When its first message has waited so long.
    pub wait_ms: u64,
}

/// See the module.
#[derive(Debug)]
pub struct Batch {
    limits: Limits,
    bytes: Vec<u8>,
    /// Where each record ends.
    ends: Vec<u32>,
    /// What is to be acknowledged when all of it is done with.
    packet_ids: Vec<u16>,
    due_ms: Option<u64>,
    /// When the first message was received.
    oldest_ns: u64,
}

impl Batch {
    /// An empty one.
    pub fn new(limits: Limits) -> Batch {
        Batch { limits, bytes: Vec::new(), ends: Vec::new(), packet_ids: Vec::new(), due_ms: None, oldest_ns: 0 }
    }

    /// Adds a message that came under this Packet Identifier. One that is left alone is acknowledged with the others.
    pub fn add(
        &mut self,
        format: &mut impl Format,
        message: &Message<'_>,
        packet_id: u16,
        now_ms: u64,
    ) -> Result<(), LeftAlone> {
        if self.packet_ids.is_empty() {
            self.oldest_ns = message.received_ns;
        }
        self.packet_ids.push(packet_id);
        self.due_ms.get_or_insert(now_ms + self.limits.wait_ms);
        format.append(message, &mut self.bytes)?;
        self.ends.push(self.bytes.len() as u32);
        Ok(())
    }

    /// Whether it is to be sent at once.
    pub fn is_full(&self) -> bool {
        self.packet_ids.len() >= self.limits.messages || self.bytes.len() >= self.limits.bytes
    }

    /// When it is to be sent; `None`: it has no message.
    pub fn due_ms(&self) -> Option<u64> {
        self.due_ms
    }

    /// Messages in it.
    pub fn messages(&self) -> usize {
        self.packet_ids.len()
    }

    /// When its first message was received, nanoseconds since 1970; 0 without one.
    pub fn oldest_ns(&self) -> u64 {
        if self.packet_ids.is_empty() { 0 } else { self.oldest_ns }
    }

    /// The records, and where each ends. What is to be acknowledged stays.
    pub(crate) fn take_records(&mut self) -> (Vec<u8>, Vec<u32>) {
        (std::mem::take(&mut self.bytes), std::mem::take(&mut self.ends))
    }

    /// All is done with: what is to be acknowledged, in the order in which it came. It is empty and can be filled again.
    pub fn finish(&mut self) -> impl Iterator<Item = u16> {
        self.due_ms = None;
        self.packet_ids.drain(..)
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        let limits = self.limits;
        *self = Batch::new(limits);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::JsonLines;

    #[test]
    fn it_is_sent_when_it_is_large_or_old() {
        let mut batch = Batch::new(Limits { messages: 2, bytes: 1000, wait_ms: 50 });
        let add = |batch: &mut Batch, payload: &[u8], id, now_ms| {
            let message = Message { topic: "a", payload, received_ns: 1000 * now_ms };
            batch.add(&mut JsonLines, &message, id, now_ms).expect("a record");
        };
        assert_eq!((batch.is_full(), batch.due_ms(), batch.oldest_ns()), (false, None, 0));
        add(&mut batch, b"1", 7, 100);
        assert_eq!((batch.is_full(), batch.due_ms(), batch.oldest_ns()), (false, Some(150), 100_000));
        add(&mut batch, b"2", 8, 120);
        assert_eq!((batch.is_full(), batch.due_ms(), batch.oldest_ns()), (true, Some(150), 100_000));
        assert_eq!(batch.finish().collect::<Vec<_>>(), [7, 8]);
        assert_eq!((batch.is_full(), batch.due_ms()), (false, None));
        add(&mut batch, &[b'x'; 2000], 9, 200);
        assert!(batch.is_full());
    }
}
