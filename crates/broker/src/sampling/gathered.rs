//! The newest of each topic, in the order in which topics came first.

use std::hash::BuildHasher;
use std::sync::Arc;

use foldhash::fast::FixedState;
use hashbrown::HashTable;

use super::{RetainedWrite, Sample};
use crate::message::MessageParts;

/// Samples, one for each topic.
#[derive(Default)]
pub(crate) struct Gathered {
    samples: Vec<Sample>,
    /// By topic: its index there. In it topics have no order, and nothing is ever read in its order.
    index: HashTable<u32>,
    bytes: usize,
}

/// How much is gathered at most.
const TOPICS_MAX: usize = 16 << 10;
const BYTES_MAX: usize = 4 << 20;

impl Gathered {
    /// A message came, of whose payload so many bytes are kept. `false`: there is no more room after this.
    pub(crate) fn note(
        &mut self,
        parts: &MessageParts<'_>,
        retained: Option<RetainedWrite>,
        kept_bytes: usize,
        received_ms: u64,
    ) -> bool {
        let beginning = &parts.payload[..kept_bytes];
        let payload_bytes = parts.payload.len() as u32;
        match self.find(parts.topic) {
            Some(index) => {
                let sample = &mut self.samples[index];
                sample.count = sample.count.saturating_add(1);
                (sample.payload_bytes, sample.received_ms) = (payload_bytes, received_ms);
                (sample.retain, sample.retained) = (parts.retain, sample.retained.max(retained));
                // Values of a sensor are mostly as long as the one before.
                match Arc::get_mut(&mut sample.payload).filter(|known| known.len() == beginning.len()) {
                    Some(known) => known.copy_from_slice(beginning),
                    None => self.replace_payload(index, beginning.into()),
                }
            }
            None => self.push(Sample {
                topic: parts.topic.into(),
                payload: beginning.into(),
                payload_bytes,
                count: 1,
                received_ms,
                retain: parts.retain,
                retained,
            }),
        }
        self.has_room()
    }

    /// A sample of another shard: it stands for more messages of its topic. `false`: there is no more room after this.
    pub(crate) fn add(&mut self, sample: &Sample) -> bool {
        match self.find(&sample.topic) {
            Some(index) => {
                let known = &mut self.samples[index];
                known.count = known.count.saturating_add(sample.count);
                known.retained = known.retained.max(sample.retained);
                if known.received_ms <= sample.received_ms {
                    known.retain = sample.retain;
                    (known.payload_bytes, known.received_ms) = (sample.payload_bytes, sample.received_ms);
                    self.replace_payload(index, Arc::clone(&sample.payload));
                }
            }
            None => self.push(sample.clone()),
        }
        self.has_room()
    }

    /// All of it; nothing is left.
    pub(crate) fn take(&mut self) -> Vec<Sample> {
        self.index.clear();
        self.bytes = 0;
        std::mem::take(&mut self.samples)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.samples.is_empty()
    }

    fn has_room(&self) -> bool {
        self.samples.len() < TOPICS_MAX && self.bytes < BYTES_MAX
    }

    fn find(&self, topic: &str) -> Option<usize> {
        let is_it = |&index: &u32| *self.samples[index as usize].topic == *topic;
        self.index.find(hash(topic), is_it).map(|&index| index as usize)
    }

    fn push(&mut self, sample: Sample) {
        let Gathered { samples, index, bytes } = self;
        *bytes += sample.bytes();
        index.insert_unique(hash(&sample.topic), samples.len() as u32, |&index| hash(&samples[index as usize].topic));
        samples.push(sample);
    }

    fn replace_payload(&mut self, index: usize, payload: Arc<[u8]>) {
        let known = &mut self.samples[index].payload;
        self.bytes = self.bytes + payload.len() - known.len();
        *known = payload;
    }
}

/// Clients choose topics, and one who makes them fall together gets a poor impression of what he publishes, for a tenth of a second.
fn hash(topic: &str) -> u64 {
    FixedState::default().hash_one(topic)
}
