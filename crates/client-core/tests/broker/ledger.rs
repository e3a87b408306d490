//! A store as it could be written to disk: what was accepted, and the steps of the Session.

use std::collections::{BTreeMap, BTreeSet};

use midge_client_core::{Client, Message, Saved, Step};
use midge_codec::{PacketId, QoS};

/// What is kept of one Client.
#[derive(Default)]
pub(crate) struct Ledger {
    last_number: u64,
    messages: BTreeMap<u64, Entry>,
    released: BTreeSet<PacketId>,
    received: BTreeSet<PacketId>,
}

struct Entry {
    topic: String,
    payload: Vec<u8>,
    qos: QoS,
    packet_id: Option<PacketId>,
}

impl Ledger {
    /// A message was accepted.
    pub(crate) fn accept(&mut self, number: u64, message: &Message<'_>) {
        self.last_number = number;
        let (topic, payload) = (message.topic.to_owned(), message.payload.to_owned());
        self.messages.insert(number, Entry { topic, payload, qos: message.qos, packet_id: None });
    }

    /// Takes the steps over, and looks whether the Client stands where they say.
    pub(crate) fn follow(&mut self, client: &mut Client) {
        for step in client.take_steps() {
            self.apply(step);
        }
        let sent = self.messages.values().filter_map(|entry| entry.packet_id);
        let mut ours: Vec<_> = sent.chain(self.released.iter().copied()).collect();
        let mut theirs: Vec<_> = client.inflight().collect();
        ours.sort();
        theirs.sort();
        assert_eq!(ours, theirs, "identifiers in use");
        assert!(self.received.iter().all(|id| client.received().contains(&id.get())), "received");
    }

    fn apply(&mut self, step: Step) {
        let known = match step {
            Step::Sent { number, packet_id } => {
                let entry = self.messages.get_mut(&number);
                entry.is_some_and(|entry| entry.packet_id.replace(packet_id).is_none())
            }
            Step::Ended { number } => self.messages.remove(&number).is_some(),
            Step::Released { packet_id } => {
                let entry = self.messages.values_mut().find(|entry| entry.packet_id == Some(packet_id));
                entry.is_some_and(|entry| entry.packet_id.take().is_some()) && self.released.insert(packet_id)
            }
            Step::Completed { packet_id } => self.released.remove(&packet_id),
            Step::Received { packet_id } => {
                self.received.insert(packet_id);
                true
            }
            Step::Forgotten { packet_id } => {
                self.received.remove(&packet_id);
                true
            }
            Step::SessionBegan => {
                self.released.clear();
                self.received.clear();
                self.messages.values_mut().for_each(|entry| entry.packet_id = None);
                true
            }
        };
        assert!(known, "{step:?} does not fit what was told before");
    }

    /// What a new program reads.
    pub(crate) fn saved(&self) -> Saved<'_> {
        Saved {
            last_number: self.last_number,
            messages: self
                .messages
                .iter()
                .map(|(number, entry)| {
                    (*number, entry.packet_id, Message::new(&entry.topic, &entry.payload, entry.qos))
                })
                .collect(),
            released: self.released.iter().copied().collect(),
            received: self.received.iter().copied().collect(),
        }
    }
}
