//! Mail between shards: one parcel for each peer and turn, without an object for each message.
//!
//! A parcel is a handful of flat lists that are filled and read in the same order. Small QoS 0 messages travel as bytes;
//! what a Session may have to keep travels as a counted reference.

use crate::groups::GroupId;
use crate::ids::{Receiver, ShardId};
use crate::message::{Message, MessageParts};
use crate::router::{FilterId, MatchRun};
use crate::sampling::Sample;
use midge_codec::QoS;

/// What one shard has for another after a turn.
#[derive(Default, Debug)]
pub struct Parcel {
    letters: Vec<Letter>,
    runs: Vec<(FilterId, u32)>,
    receivers: Vec<Receiver>,
    bytes: Vec<u8>,
    messages: Vec<Message>,
    samples: Vec<Sample>,
    publishes: u64,
    /// For those who measure how long messages are on their way: when what came here began to be handled, by a clock of theirs.
    pub stamp: u64,
}

#[derive(Clone, Copy, Debug)]
enum Letter {
    Publish { envelope: Envelope, content: Content, runs: u32 },
    Assigned { group: GroupId, member: Receiver, identifier: u32, qos: QoS },
    Watch { shard: ShardId, is_on: bool },
    Sample,
}

/// What delivery needs to know of a PUBLISH beside its content.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Envelope {
    /// QoS it was published with.
    pub qos: QoS,
    /// RETAIN it was published with.
    pub retain: bool,
    /// When it was received, in monotonic seconds.
    pub received_s: u32,
    /// Message Expiry Interval.
    pub expiry_interval_s: Option<u32>,
    /// Sequence number of its retained write; 0 where there was none.
    pub retained_sequence: u64,
}

#[derive(Clone, Copy, Debug)]
enum Content {
    Inline { topic_len: u32, properties_len: u32, payload_len: u32 },
    Shared,
}

/// One letter, as its reader sees it.
pub(crate) enum Opened<'a> {
    /// A message and who is to get it, already looked up.
    Publish { envelope: Envelope, content: OpenedContent<'a>, runs: &'a [(FilterId, u32)], receivers: &'a [Receiver] },
    /// A message that a share group gives to one of its members.
    Assigned { group: GroupId, member: Receiver, identifier: u32, qos: QoS, message: &'a Message },
    /// A client of `shard` has made or given up a sampled Subscription.
    Watch { shard: ShardId, is_on: bool },
    /// A sample for the clients that have one.
    Sample(&'a Sample),
}

/// A message on its way between shards.
pub(crate) enum OpenedContent<'a> {
    Inline { topic: &'a str, properties: &'a [u8], payload: &'a [u8] },
    Shared(&'a Message),
}

/// Payloads from this size on travel as a reference even at QoS 0.
pub(crate) const INLINE_PAYLOAD_BYTES_MAX: usize = 2048;

impl Parcel {
    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.letters.is_empty()
    }

    /// How many messages are in it for those who have subscribed.
    pub fn publishes(&self) -> u64 {
        self.publishes
    }

    /// Roughly how much memory it holds, for bounds.
    pub fn bytes(&self) -> usize {
        self.bytes.len()
            + self.receivers.len() * size_of::<Receiver>()
            + self.letters.len() * size_of::<Letter>()
            + self.messages.iter().map(Message::bytes).sum::<usize>()
            + self.samples.iter().map(Sample::bytes).sum::<usize>()
    }

    /// Empties it, keeping its buffers.
    pub fn clear(&mut self) {
        self.letters.clear();
        self.runs.clear();
        self.receivers.clear();
        self.bytes.clear();
        self.messages.clear();
        self.samples.clear();
        self.publishes = 0;
    }

    /// Adds that a client of `shard` has made or given up a sampled Subscription.
    pub(crate) fn watch(&mut self, shard: ShardId, is_on: bool) {
        self.letters.push(Letter::Watch { shard, is_on });
    }

    /// Adds a sample.
    pub(crate) fn sample(&mut self, sample: Sample) {
        self.samples.push(sample);
        self.letters.push(Letter::Sample);
    }

    /// Adds a message for the receivers of `runs`, whose ranges point into `receivers`. `message` where it is shared.
    pub(crate) fn publish(
        &mut self,
        envelope: Envelope,
        parts: &MessageParts<'_>,
        message: Option<&Message>,
        runs: &[MatchRun],
        receivers: &[Receiver],
    ) {
        let content = match message {
            Some(message) => {
                self.messages.push(message.clone());
                Content::Shared
            }
            None => {
                self.bytes.extend_from_slice(parts.topic.as_bytes());
                self.bytes.extend_from_slice(parts.properties);
                self.bytes.extend_from_slice(parts.payload);
                Content::Inline {
                    topic_len: parts.topic.len() as u32,
                    properties_len: parts.properties.len() as u32,
                    payload_len: parts.payload.len() as u32,
                }
            }
        };
        for run in runs {
            let range = run.start as usize..run.start as usize + run.len as usize;
            self.runs.push((run.filter, run.len));
            self.receivers.extend_from_slice(&receivers[range]);
        }
        self.letters.push(Letter::Publish { envelope, content, runs: runs.len() as u32 });
        self.publishes += 1;
    }

    /// Adds a message for a member of a share group.
    pub(crate) fn assign(&mut self, group: GroupId, member: Receiver, identifier: u32, qos: QoS, message: Message) {
        self.messages.push(message);
        self.letters.push(Letter::Assigned { group, member, identifier, qos });
        self.publishes += 1;
    }

    /// Reads the letters in the order in which they were written.
    pub(crate) fn open(&self, mut read: impl FnMut(Opened<'_>)) {
        let (mut runs_at, mut receivers_at, mut bytes_at, mut messages_at) = (0, 0, 0, 0);
        let mut samples = self.samples.iter();
        for letter in &self.letters {
            match *letter {
                Letter::Publish { envelope, content, runs } => {
                    let runs = &self.runs[runs_at..runs_at + runs as usize];
                    runs_at += runs.len();
                    let count: usize = runs.iter().map(|run| run.1 as usize).sum();
                    let receivers = &self.receivers[receivers_at..receivers_at + count];
                    receivers_at += count;
                    let content = match content {
                        Content::Shared => {
                            messages_at += 1;
                            OpenedContent::Shared(&self.messages[messages_at - 1])
                        }
                        Content::Inline { topic_len, properties_len, payload_len } => {
                            let bytes = &self.bytes[bytes_at..];
                            let (topic, bytes) = bytes.split_at(topic_len as usize);
                            let (properties, bytes) = bytes.split_at(properties_len as usize);
                            let payload = &bytes[..payload_len as usize];
                            bytes_at += topic.len() + properties.len() + payload.len();
                            let topic = std::str::from_utf8(topic).unwrap_or_default();
                            OpenedContent::Inline { topic, properties, payload }
                        }
                    };
                    read(Opened::Publish { envelope, content, runs, receivers });
                }
                Letter::Assigned { group, member, identifier, qos } => {
                    messages_at += 1;
                    let message = &self.messages[messages_at - 1];
                    read(Opened::Assigned { group, member, identifier, qos, message });
                }
                Letter::Watch { shard, is_on } => read(Opened::Watch { shard, is_on }),
                Letter::Sample => {
                    if let Some(sample) = samples.next() {
                        read(Opened::Sample(sample));
                    }
                }
            }
        }
    }
}

/// The parcels of a turn, one for each peer.
#[derive(Default)]
pub struct Mail {
    parcels: Vec<Parcel>,
}

/// Beyond this the turn is committed before more is handled.
const PARCEL_BYTES_MAX: usize = 1 << 20;

impl Mail {
    /// Empty parcels for `shards` shards.
    pub fn new(shards: u16) -> Mail {
        Mail { parcels: (0..shards).map(|_| Parcel::default()).collect() }
    }

    /// The parcel for `shard`.
    pub(crate) fn parcel(&mut self, shard: ShardId) -> &mut Parcel {
        &mut self.parcels[usize::from(shard.0)]
    }

    /// Whether some parcel has grown so large that it should be posted.
    pub fn is_full(&self) -> bool {
        self.parcels.iter().any(|parcel| {
            parcel.bytes.len() + parcel.receivers.len() * size_of::<Receiver>() > PARCEL_BYTES_MAX
                || parcel.letters.len() > PARCEL_BYTES_MAX / 64
        })
    }

    /// The parcels with something in them.
    pub fn parcels(&mut self) -> impl Iterator<Item = (ShardId, &mut Parcel)> {
        self.parcels
            .iter_mut()
            .enumerate()
            .filter(|(_, parcel)| !parcel.is_empty())
            .map(|(shard, parcel)| (ShardId(shard as u16), parcel))
    }
}
