//! Topic Alias, each direction with a map of its own that dies with the Network Connection `[MQTT-3.3.2-7]`.

use foldhash::quality::FixedState;
use hashbrown::HashTable;
use std::hash::BuildHasher;

/// Aliases that the peer has set.
#[derive(Default, Debug)]
pub struct InboundAliases {
    topics: Vec<Option<Box<str>>>,
}

/// Why an alias cannot be used.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AliasError {
    /// 0 or above the maximum that we announced `[MQTT-3.3.2-8]` `[MQTT-3.3.2-9]`.
    OutOfRange,
    /// Never set on this connection.
    Unknown,
}

impl InboundAliases {
    /// The aliases that were set, with the Topic Names that they mean now.
    pub fn iter(&self) -> impl Iterator<Item = (u16, &str)> {
        (1..).zip(&self.topics).filter_map(|(alias, topic)| Some((alias, topic.as_deref()?)))
    }

    /// The Topic Name meant by an alias. A `topic` that is not empty sets or changes it.
    pub fn resolve<'a>(&'a mut self, alias: u16, topic: &'a str, maximum: u16) -> Result<&'a str, AliasError> {
        if alias == 0 || alias > maximum {
            return Err(AliasError::OutOfRange);
        }
        let at = usize::from(alias) - 1;
        if topic.is_empty() {
            return self.topics.get(at).and_then(Option::as_deref).ok_or(AliasError::Unknown);
        }
        if at >= self.topics.len() {
            self.topics.resize(at + 1, None);
        }
        if self.topics[at].as_deref() != Some(topic) {
            self.topics[at] = Some(topic.into());
        }
        Ok(topic)
    }
}

/// Aliases that we have set: the first topics sent on the connection get one each, until the peer's maximum is reached.
#[derive(Debug)]
pub struct OutboundAliases {
    maximum: u16,
    topics: Vec<Box<[u8]>>,
    index: HashTable<u16>,
}

/// How to name a topic in an outgoing PUBLISH.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Aliased {
    /// By its name alone.
    No,
    /// By name and alias, which sets the alias.
    Set(u16),
    /// By the alias alone.
    Known(u16),
}

impl OutboundAliases {
    /// `maximum` is the smaller of the peer's Topic Alias Maximum and our own limit `[MQTT-3.1.2-26]`.
    pub fn new(maximum: u16) -> Self {
        OutboundAliases { maximum, topics: Vec::new(), index: HashTable::new() }
    }

    /// The aliases that were set, with the Topic Names for which they stand until the end of the connection.
    pub fn iter(&self) -> impl Iterator<Item = (u16, &str)> {
        (1..).zip(&self.topics).filter_map(|(alias, topic)| Some((alias, std::str::from_utf8(topic).ok()?)))
    }

    /// The alias for a topic that is about to be sent.
    pub fn alias(&mut self, topic: &[u8]) -> Aliased {
        if self.maximum == 0 {
            return Aliased::No;
        }
        let hash = hash(topic);
        if let Some(&at) = self.index.find(hash, |&at| *self.topics[usize::from(at)] == *topic) {
            return Aliased::Known(at + 1);
        }
        let at = self.topics.len();
        if at >= usize::from(self.maximum) {
            return Aliased::No;
        }
        self.topics.push(topic.into());
        let topics = &self.topics;
        self.index.insert_unique(hash, at as u16, |&at| self::hash(&topics[usize::from(at)]));
        Aliased::Set(at as u16 + 1)
    }
}

/// An attacker who finds topics that collide slows down only his own connection, which has few of them.
fn hash(topic: &[u8]) -> u64 {
    FixedState::default().hash_one(topic)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_topic_sets_an_alias_that_stands_for_it_from_then_on() {
        let mut aliases = InboundAliases::default();
        assert_eq!(aliases.resolve(2, "", 3), Err(AliasError::Unknown));
        assert_eq!(aliases.resolve(2, "a/b", 3), Ok("a/b"));
        assert_eq!(aliases.resolve(2, "", 3), Ok("a/b"));
        assert_eq!(aliases.resolve(2, "c", 3), Ok("c"));
        assert_eq!(aliases.resolve(2, "", 3), Ok("c"));
        assert_eq!(aliases.resolve(0, "c", 3), Err(AliasError::OutOfRange));
        assert_eq!(aliases.resolve(4, "c", 3), Err(AliasError::OutOfRange));
        assert_eq!(aliases.iter().collect::<Vec<_>>(), [(2, "c")]);
    }

    #[test]
    fn we_name_the_first_topics_by_alias_and_the_others_in_full() {
        let mut aliases = OutboundAliases::new(2);
        assert_eq!(aliases.alias(b"a"), Aliased::Set(1));
        assert_eq!(aliases.alias(b"b"), Aliased::Set(2));
        assert_eq!(aliases.alias(b"a"), Aliased::Known(1));
        assert_eq!(aliases.alias(b"c"), Aliased::No);
        assert_eq!(aliases.iter().collect::<Vec<_>>(), [(1, "a"), (2, "b")]);
        assert_eq!(OutboundAliases::new(0).alias(b"a"), Aliased::No);
    }
}
