//! Samples: what is published, seen by those who want an impression of all of it and not every message.
//!
//! A page that shows everything that happens would cost the server a delivery for each message, and could not draw it either. So the
//! shard to which a message comes looks at it (at so many in a time, however many there are), keeps the newest of each topic for a
//! tenth of a second, and hands that on: by mail to shards whose clients have sampled Subscriptions, and to whoever keeps a history.
//! With nobody interested it costs a comparison for each message.
//!
//! [`Sampler`] is the end where messages come in, [`viewer`] the one where clients are sent something.

mod gathered;
pub(crate) mod viewer;

use std::collections::VecDeque;
use std::sync::Arc;

use crate::ids::ShardId;
use crate::message::MessageParts;

pub(crate) use gathered::Gathered;

/// What stands for the messages of one topic in some tenth of a second.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Sample {
    /// Their Topic Name.
    pub topic: Arc<str>,
    /// The payload of the newest; its beginning where it is longer than [`SAMPLE_PAYLOAD_BYTES_MAX`], or came with many other long ones.
    pub payload: Arc<[u8]>,
    /// How long that payload is in all.
    pub payload_bytes: u32,
    /// How many messages there were, by estimate where more came than could be looked at.
    pub count: u32,
    /// When the newest came: milliseconds since 1970.
    pub received_ms: u64,
    /// RETAIN of the newest, as it was published.
    pub retain: bool,
    /// The last of them that was published with RETAIN, be it the newest or not.
    pub retained: Option<RetainedWrite>,
}

/// What a PUBLISH with RETAIN did to the Retained Message of its topic. Of two the later one is the greater.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct RetainedWrite {
    /// Its number among all retained writes.
    pub sequence: u64,
    /// Whether there is a Retained Message since; an empty payload takes it away.
    pub is_kept: bool,
}

/// Samples of a shard from some number on.
#[derive(Debug)]
pub struct SamplePortion {
    /// In the order in which they were gathered.
    pub samples: Vec<Sample>,
    /// The number to ask for next.
    pub next: u64,
}

/// What a sample holds of a payload at most: documents and small pictures are whole.
pub const SAMPLE_PAYLOAD_BYTES_MAX: usize = 64 << 10;

/// What it holds in any case. A payload that is longer is copied as long as there is room in [`LONG_BYTES_WATCHED`].
const SAMPLE_PAYLOAD_BYTES_SURE: usize = 4 << 10;

/// For how long the newest of each topic is waited for.
const GATHERED_MS: u64 = 100;

/// Messages that are looked at in [`REFILL_MS`]: all of them up to two hundred thousand a second while a client watches, up to
/// twenty-five thousand for the history alone.
const LOOKS_WATCHED: u32 = 2048;
const LOOKS_KEPT: u32 = 256;
const REFILL_MS: u64 = 10;

/// What is copied in [`REFILL_MS`] of payloads that are longer than [`SAMPLE_PAYLOAD_BYTES_SURE`]: some microseconds. One of them is
/// whole with the history alone, too.
const LONG_BYTES_WATCHED: usize = 256 << 10;
const LONG_BYTES_KEPT: usize = SAMPLE_PAYLOAD_BYTES_MAX;

/// What a shard holds for whoever keeps the history and asks about once a second.
const KEPT_MAX: usize = 16 << 10;
const KEPT_BYTES_MAX: usize = 4 << 20;
/// Beyond this only beginnings are added, so that long payloads do not drive out what else was published.
const KEPT_LONG_BYTES_MAX: usize = 2 << 20;

/// Samples that one question is answered with: some tens of microseconds.
const PORTION_MAX: usize = 1024;

/// Looks at what is published on a shard.
#[derive(Default)]
pub(crate) struct Sampler {
    /// Messages that may be looked at until there are more. Nothing while nobody is interested.
    looks_left: u32,
    /// Bytes of long payloads that may be copied until then.
    long_bytes_left: usize,
    refill_at_ms: u64,
    /// Sampled Subscriptions of each shard.
    watchers: Vec<u32>,
    keeps_history: bool,
    gathered: Gathered,
    /// When that goes out.
    due_ms: Option<u64>,
    /// Messages that were published, looked at or not, when the gathering began.
    published_before: u64,
    looked: u64,
    kept: VecDeque<Sample>,
    kept_bytes: usize,
    /// The number of the first that is kept.
    kept_from: u64,
}

impl Sampler {
    /// Whether the next message is to be looked at.
    #[inline]
    pub(crate) fn is_looking(&self) -> bool {
        self.looks_left != 0
    }

    /// Looks at a message; `published` is how many there were on this shard, with this one. `retained` is what its RETAIN has done.
    pub(crate) fn look(
        &mut self,
        parts: &MessageParts<'_>,
        retained: Option<RetainedWrite>,
        published: u64,
        monotonic_ms: u64,
        wall_ms: u64,
    ) {
        self.looks_left -= 1;
        if self.due_ms.is_none() {
            self.due_ms = Some(monotonic_ms + GATHERED_MS);
            self.published_before = published.saturating_sub(1);
            self.looked = 0;
        }
        self.looked += 1;
        let kept_bytes = self.kept_of_payload(parts.payload.len());
        if !self.gathered.note(parts, retained, kept_bytes, wall_ms) {
            // What is known so far is enough of an impression.
            self.looks_left = 0;
            self.due_ms = Some(monotonic_ms);
        }
    }

    /// How much is copied of a payload that is so long.
    fn kept_of_payload(&mut self, payload_bytes: usize) -> usize {
        let wanted = payload_bytes.min(SAMPLE_PAYLOAD_BYTES_MAX);
        if wanted <= SAMPLE_PAYLOAD_BYTES_SURE {
            return wanted;
        }
        match self.long_bytes_left.checked_sub(wanted) {
            Some(left) => {
                self.long_bytes_left = left;
                wanted
            }
            None => SAMPLE_PAYLOAD_BYTES_SURE,
        }
    }

    /// A turn ends: after a while there are looks again.
    #[inline]
    pub(crate) fn refill(&mut self, now_ms: u64) {
        if self.refill_at_ms <= now_ms {
            self.refill_at_ms = now_ms + REFILL_MS;
            self.renew();
        }
    }

    fn renew(&mut self) {
        (self.looks_left, self.long_bytes_left) = match (self.is_watched(), self.keeps_history) {
            (true, _) => (LOOKS_WATCHED, LONG_BYTES_WATCHED),
            (false, true) => (LOOKS_KEPT, LONG_BYTES_KEPT),
            (false, false) => (0, 0),
        };
    }

    fn is_watched(&self) -> bool {
        self.watchers.iter().any(|&count| count > 0)
    }

    /// Sampled Subscriptions on all shards.
    pub(crate) fn watchers(&self) -> u32 {
        self.watchers.iter().sum()
    }

    /// A client of that shard has made or given up a sampled Subscription.
    pub(crate) fn watch(&mut self, shard: ShardId, is_on: bool) {
        let index = usize::from(shard.0);
        if self.watchers.len() <= index {
            self.watchers.resize(index + 1, 0);
        }
        let count = &mut self.watchers[index];
        *count = if is_on { *count + 1 } else { count.saturating_sub(1) };
        self.renew();
    }

    /// Whether samples are kept for whoever asks.
    pub(crate) fn keep_history(&mut self, keeps: bool) {
        self.keeps_history = keeps;
        self.renew();
        if !keeps {
            self.kept_from += self.kept.len() as u64;
            self.kept = VecDeque::new();
            self.kept_bytes = 0;
        }
    }

    /// When what was gathered goes out.
    pub(crate) fn due_ms(&self) -> Option<u64> {
        self.due_ms
    }

    /// Takes what is due, and the shards that want it; `published` as for [`Sampler::look`].
    pub(crate) fn take_due(&mut self, now_ms: u64, published: u64) -> Option<(Vec<Sample>, Vec<ShardId>)> {
        self.due_ms.filter(|&due_ms| due_ms <= now_ms)?;
        self.due_ms = None;
        let mut samples = self.gathered.take();
        let all = published - self.published_before;
        if all > self.looked {
            for sample in &mut samples {
                let estimate = u64::from(sample.count) * all / self.looked;
                sample.count = u32::try_from(estimate).unwrap_or(u32::MAX);
            }
        }
        if self.keeps_history {
            self.keep(&samples);
        }
        let watching = self.watchers.iter().enumerate().filter(|(_, count)| **count > 0);
        Some((samples, watching.map(|(shard, _)| ShardId(shard as u16)).collect()))
    }

    fn keep(&mut self, samples: &[Sample]) {
        for sample in samples {
            let has_room = self.kept_bytes < KEPT_LONG_BYTES_MAX;
            let sample = if has_room { sample.clone() } else { sample.beginning() };
            self.kept_bytes += sample.bytes();
            self.kept.push_back(sample);
        }
        while self.kept.len() > KEPT_MAX || self.kept_bytes > KEPT_BYTES_MAX {
            let Some(oldest) = self.kept.pop_front() else { break };
            self.kept_bytes -= oldest.bytes();
            self.kept_from += 1;
        }
    }

    /// What is kept from this number on. What went before has been lost to newer ones.
    pub(crate) fn kept_since(&self, number: u64) -> SamplePortion {
        let begin = number.max(self.kept_from);
        let skipped = usize::try_from(begin - self.kept_from).unwrap_or(usize::MAX).min(self.kept.len());
        let samples: Vec<Sample> = self.kept.iter().skip(skipped).take(PORTION_MAX).cloned().collect();
        SamplePortion { next: self.kept_from + (skipped + samples.len()) as u64, samples }
    }
}

impl Sample {
    /// What it takes of memory, for bounds.
    pub fn bytes(&self) -> usize {
        size_of::<Sample>() + self.topic.len() + self.payload.len()
    }

    /// The same with no more of its payload than there is in any case.
    fn beginning(&self) -> Sample {
        match self.payload.get(..SAMPLE_PAYLOAD_BYTES_SURE) {
            Some(beginning) if beginning.len() < self.payload.len() => {
                Sample { payload: beginning.into(), ..self.clone() }
            }
            _ => self.clone(),
        }
    }
}

#[cfg(test)]
mod tests;
