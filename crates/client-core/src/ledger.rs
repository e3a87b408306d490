//! What the records of a log come to.

use std::collections::{BTreeMap, BTreeSet};

use midge_codec::{PacketId, PropertiesBuf, Property};

use crate::message::Message;
use crate::record::Record;
use crate::steps::{Saved, Step};

/// What a store keeps: messages that have not ended, and identifiers that mean something. Made of [`Record`]s, one by one or as a log
/// has them.
#[derive(Debug, Default)]
pub struct Ledger {
    last_number: u64,
    /// By number: the identifier under which it was sent, and its record.
    messages: BTreeMap<u64, (Option<PacketId>, Box<[u8]>)>,
    released: BTreeSet<u16>,
    received: BTreeSet<u16>,
    /// Bytes of the records of messages.
    bytes: u64,
}

impl Ledger {
    /// Takes over all records of a batch. Whether all were records.
    #[must_use]
    pub fn apply(&mut self, mut batch: &[u8]) -> bool {
        while !batch.is_empty() {
            let whole = batch;
            let Some(record) = Record::decode(&mut batch) else { return false };
            self.apply_one(&record, &whole[..whole.len() - batch.len()]);
        }
        true
    }

    fn apply_one(&mut self, record: &Record<'_>, bytes: &[u8]) {
        match *record {
            Record::Begin(last_number) => *self = Ledger { last_number, ..Ledger::default() },
            Record::Accepted { number, .. } => {
                self.last_number = self.last_number.max(number);
                self.bytes += bytes.len() as u64;
                self.messages.insert(number, (None, bytes.into()));
            }
            Record::Step(Step::Sent { number, packet_id }) => {
                if let Some((sent, _)) = self.messages.get_mut(&number) {
                    *sent = Some(packet_id);
                }
            }
            Record::Step(Step::Ended { number }) => {
                let ended = self.messages.remove(&number);
                self.bytes -= ended.map_or(0, |(_, bytes)| bytes.len() as u64);
            }
            Record::Step(Step::Released { packet_id }) => drop(self.released.insert(packet_id.get())),
            Record::Step(Step::Completed { packet_id }) => drop(self.released.remove(&packet_id.get())),
            Record::Step(Step::Received { packet_id }) => drop(self.received.insert(packet_id.get())),
            Record::Step(Step::Forgotten { packet_id }) => drop(self.received.remove(&packet_id.get())),
            Record::Step(Step::SessionBegan) => {
                self.released.clear();
                self.received.clear();
                self.messages.values_mut().for_each(|(sent, _)| *sent = None);
            }
        }
    }

    /// Bytes of the messages that are kept.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Whether nothing was ever kept.
    pub fn is_new(&self) -> bool {
        self.last_number == 0 && self.received.is_empty()
    }

    /// Records that come to the same.
    pub fn encode(&self, out: &mut Vec<u8>) {
        Record::Begin(self.last_number).encode(out);
        for (&number, (sent, bytes)) in &self.messages {
            out.extend_from_slice(bytes);
            if let &Some(packet_id) = sent {
                Record::Step(Step::Sent { number, packet_id }).encode(out);
            }
        }
        for packet_id in ids(&self.released) {
            Record::Step(Step::Released { packet_id }).encode(out);
        }
        for packet_id in ids(&self.received) {
            Record::Step(Step::Received { packet_id }).encode(out);
        }
    }

    /// Hands what is kept to `restore`, at this time in milliseconds since 1970: of a Message Expiry Interval what is left of it.
    pub fn with_saved<T>(&self, now_ms: u64, restore: impl FnOnce(&Saved<'_>) -> T) -> T {
        let properties: Vec<_> = self.accepted().map(|(at_ms, message)| age(&message, at_ms, now_ms)).collect();
        let messages = self.accepted().zip(self.messages.iter()).zip(&properties).map(|((accepted, kept), aged)| {
            let (number, (sent, _)) = kept;
            (*number, *sent, Message { properties: aged.as_properties(), ..accepted.1 })
        });
        restore(&Saved {
            last_number: self.last_number,
            messages: messages.collect(),
            released: ids(&self.released).collect(),
            received: ids(&self.received).collect(),
        })
    }

    fn accepted(&self) -> impl Iterator<Item = (u64, Message<'_>)> {
        self.messages.values().filter_map(|(_, bytes)| match Record::decode(&mut &bytes[..]) {
            Some(Record::Accepted { at_ms, message, .. }) => Some((at_ms, message)),
            _ => None,
        })
    }
}

fn ids(numbers: &BTreeSet<u16>) -> impl Iterator<Item = PacketId> {
    numbers.iter().filter_map(|&number| PacketId::new(number))
}

/// Its Properties after the time that has passed. A clock that was put back does not make it younger.
fn age(message: &Message<'_>, at_ms: u64, now_ms: u64) -> PropertiesBuf {
    let mut properties = PropertiesBuf::new();
    let passed_s = u32::try_from(now_ms.saturating_sub(at_ms) / 1000).unwrap_or(u32::MAX);
    for property in message.properties.iter() {
        properties.push(match property {
            Property::MessageExpiryInterval(interval_s) => {
                Property::MessageExpiryInterval(interval_s.saturating_sub(passed_s))
            }
            other => other,
        });
    }
    properties
}

#[cfg(test)]
mod tests {
    use midge_codec::QoS;

    use super::*;

    fn id(value: u16) -> PacketId {
        PacketId::new(value).expect("not 0")
    }

    fn accepted(number: u64, properties: &PropertiesBuf) -> Vec<u8> {
        let message = Message::new("t", b"x", QoS::ExactlyOnce);
        let message = Message { properties: properties.as_properties(), ..message };
        let mut bytes = Vec::new();
        Record::Accepted { number, at_ms: 10_000, message }.encode(&mut bytes);
        bytes
    }

    fn steps(steps: &[Step]) -> Vec<u8> {
        let mut bytes = Vec::new();
        steps.iter().for_each(|&step| Record::Step(step).encode(&mut bytes));
        bytes
    }

    /// What is kept, in short: the last number, messages with their identifiers, what was released, what was received.
    fn kept(ledger: &Ledger) -> String {
        ledger.with_saved(0, |saved| {
            let numbers = |ids: &[PacketId]| ids.iter().map(|id| id.get()).collect::<Vec<_>>();
            let message = |&(number, sent, _): &(_, Option<PacketId>, _)| (number, sent.map_or(0, PacketId::get));
            let messages: Vec<(u64, u16)> = saved.messages.iter().map(message).collect();
            format!("{} {messages:?} {:?} {:?}", saved.last_number, numbers(&saved.released), numbers(&saved.received))
        })
    }

    #[test]
    fn records_come_to_what_is_kept_and_back() {
        let mut ledger = Ledger::default();
        assert!(ledger.is_new());
        let none = PropertiesBuf::new();
        for number in 1..=4 {
            assert!(ledger.apply(&accepted(number, &none)));
        }
        let history = [
            Step::Sent { number: 1, packet_id: id(1) },
            Step::Sent { number: 2, packet_id: id(2) },
            Step::Sent { number: 3, packet_id: id(3) },
            Step::Ended { number: 1 },
            Step::Released { packet_id: id(1) },
            Step::Ended { number: 3 },
            Step::Released { packet_id: id(3) },
            Step::Completed { packet_id: id(3) },
            Step::Received { packet_id: id(8) },
            Step::Received { packet_id: id(9) },
            Step::Forgotten { packet_id: id(8) },
        ];
        assert!(ledger.apply(&steps(&history)));
        let expected = "4 [(2, 2), (4, 0)] [1] [9]";
        assert_eq!(kept(&ledger), expected);
        let mut bytes = Vec::new();
        ledger.encode(&mut bytes);
        let mut again = Ledger::default();
        assert!(again.apply(&accepted(7, &none)) && again.apply(&bytes));
        assert_eq!((&*kept(&again), again.bytes()), (expected, ledger.bytes()));
        assert!(again.apply(&steps(&[Step::SessionBegan])));
        assert_eq!(kept(&again), "4 [(2, 0), (4, 0)] [] []");
    }

    #[test]
    fn what_is_no_record_is_seen() {
        let whole = accepted(1, &PropertiesBuf::new());
        for cut in 1..whole.len() {
            assert!(!Ledger::default().apply(&whole[..cut]), "cut at {cut}");
        }
        assert!(!Ledger::default().apply(&[77; 9]));
    }

    #[test]
    fn messages_grow_old_while_nobody_is_there() {
        let mut properties = PropertiesBuf::new();
        properties.push(Property::MessageExpiryInterval(60)).push(Property::ContentType("a"));
        let mut ledger = Ledger::default();
        assert!(ledger.apply(&accepted(1, &properties)));
        let left = |now_ms| {
            ledger.with_saved(now_ms, |saved| {
                let (_, _, message) = &saved.messages[0];
                assert_eq!(message.properties.content_type(), Some("a"));
                message.properties.message_expiry_interval_s()
            })
        };
        assert_eq!([left(0), left(30_000), left(900_000)], [Some(60), Some(40), Some(0)]);
    }
}
