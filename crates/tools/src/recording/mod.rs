//! Recordings: messages with the time at which they came, in a file that says what it is.
//!
//! There are two forms of the same: records of bytes ([`binary`]) and lines of JSON ([`lines`]). A [`Reader`] finds out which it is,
//! and reads as far as the file is whole: one that was cut off is good up to the cut.
//!
//! What must hold: a recording does not lie. While there was no connection, there is a [`Entry::Gap`]; one that was not brought
//! to its end has no [`Entry::End`].

mod binary;
mod lines;
mod reader;

use midge_codec::{Publish, QoS};

pub(crate) use reader::{Duration, Reader, Trouble};

/// The form of a recording.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Form {
    /// Records of bytes.
    Binary,
    /// Lines of JSON.
    Lines,
}

/// What a recording is of.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Origin {
    /// When it began, in microseconds since 1970.
    pub(crate) start_us: u64,
    /// Whose messages.
    pub(crate) server: String,
    /// Which of them.
    pub(crate) filters: Vec<String>,
}

/// What happened. Times are in microseconds since the beginning.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Entry {
    /// A message came.
    Message {
        /// When.
        time_us: u64,
        /// The message.
        message: Recorded,
    },
    /// There was no connection, or not all Subscriptions: messages may be missing.
    Gap {
        /// Until when.
        time_us: u64,
        /// How long.
        lasted_us: u64,
    },
    /// The recording was ended.
    End {
        /// When.
        time_us: u64,
    },
}

/// A message as it came.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Recorded {
    /// Topic Name.
    pub(crate) topic: String,
    /// Quality of Service.
    pub(crate) qos: QoS,
    /// RETAIN.
    pub(crate) retain: bool,
    /// Properties that belong to the message, as MQTT encodes them.
    pub(crate) properties: Vec<u8>,
    /// Application data.
    pub(crate) payload: Vec<u8>,
}

impl Entry {
    /// When it happened, or was over.
    pub(crate) fn time_us(&self) -> u64 {
        match self {
            Entry::Message { time_us, .. } | Entry::Gap { time_us, .. } | Entry::End { time_us } => *time_us,
        }
    }
}

impl Recorded {
    /// A copy of what came. What belongs to one connection only (alias, Subscription Identifier) is left out.
    pub(crate) fn of(publish: &Publish<'_>) -> Recorded {
        use midge_codec::{PropertiesBuf, Property};
        let mut properties = PropertiesBuf::new();
        for property in publish.properties.raw.iter() {
            if !matches!(property, Property::TopicAlias(_) | Property::SubscriptionIdentifier(_)) {
                properties.push(property);
            }
        }
        Recorded {
            topic: publish.topic.to_owned(),
            qos: publish.qos,
            retain: publish.retain,
            properties: properties.as_properties().raw().to_vec(),
            payload: publish.payload.to_vec(),
        }
    }
}

impl Form {
    /// Appends what stands at the beginning.
    pub(crate) fn push_origin(self, origin: &Origin, out: &mut Vec<u8>) {
        match self {
            Form::Binary => binary::push_origin(origin, out),
            Form::Lines => lines::push_origin(origin, out),
        }
    }

    /// Appends an entry.
    pub(crate) fn push(self, entry: &Entry, out: &mut Vec<u8>) {
        match self {
            Form::Binary => binary::push(entry, out),
            Form::Lines => lines::push(entry, out),
        }
    }
}

#[cfg(test)]
mod tests;
