//! Who publishes what to whom.

/// How many publish how many topics to how many.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Shape {
    pub(super) publishers: usize,
    pub(super) subscribers: usize,
    /// Publisher p has the topics t with t mod publishers = p mod topics; subscriber s takes topic s mod topics.
    pub(super) topics: usize,
    /// Each subscriber takes all topics instead.
    pub(super) takes_all: bool,
    /// Each publisher is the subscriber with its number.
    pub(super) is_to_self: bool,
}

/// The messages of one publisher on one topic.
#[derive(Debug)]
pub(super) struct Stream {
    pub(super) publisher: usize,
    pub(super) topic: Box<str>,
    topic_number: usize,
    /// How many subscribers take it.
    pub(super) receivers: u64,
    /// Its place in the ledgers of those.
    pub(super) place: u32,
}

/// All streams of a run. Payloads name them by their places.
#[derive(Debug)]
pub(super) struct Streams {
    shape: Shape,
    prefix: Box<str>,
    list: Vec<Stream>,
}

impl Shape {
    /// Whether this thread of so many has this subscriber. One that shares a topic with a publisher is on its thread where each
    /// publisher has a topic.
    pub(super) fn is_subscriber_of(self, thread: usize, threads: usize, subscriber: usize) -> bool {
        let number = if self.takes_all || self.topics == 1 { subscriber } else { subscriber % self.topics };
        number % threads == thread
    }

    /// Connections.
    pub(super) fn clients(self) -> usize {
        self.subscribers + if self.is_to_self { 0 } else { self.publishers }
    }
}

impl Streams {
    /// On topics that begin with this prefix and a slash.
    pub(super) fn new(shape: Shape, prefix: &str) -> Streams {
        let mut streams = Streams { shape, prefix: prefix.into(), list: Vec::new() };
        let mut places = vec![0; shape.topics];
        for publisher in 0..shape.publishers {
            for topic in (publisher % shape.topics..shape.topics).step_by(shape.publishers) {
                let place = if shape.takes_all { streams.list.len() as u32 } else { places[topic] };
                places[topic] += 1;
                let receivers = streams.receivers(topic);
                let name = streams.topic(topic);
                streams.list.push(Stream { publisher, topic: name, topic_number: topic, receivers, place });
            }
        }
        streams
    }

    pub(super) fn list(&self) -> &[Stream] {
        &self.list
    }

    /// The Topic Filter of a subscriber.
    pub(super) fn filter(&self, subscriber: usize) -> Box<str> {
        match self.shape.takes_all {
            true => format!("{}/#", self.prefix).into(),
            false => self.topic(subscriber % self.shape.topics),
        }
    }

    /// The streams that a subscriber takes, in the order of their places in its ledger.
    pub(super) fn taken_by(&self, subscriber: usize) -> impl Iterator<Item = usize> {
        let Shape { takes_all, topics, .. } = self.shape;
        let is_taken = move |stream: &Stream| takes_all || stream.topic_number == subscriber % topics;
        let taken = self.list.iter().enumerate().filter(move |(_, stream)| is_taken(stream));
        taken.map(|(place, _)| place)
    }

    fn topic(&self, number: usize) -> Box<str> {
        format!("{}/{number}", self.prefix).into()
    }

    fn receivers(&self, topic: usize) -> u64 {
        let Shape { subscribers, topics, takes_all, .. } = self.shape;
        match takes_all {
            true => subscribers as u64,
            false => (subscribers / topics + usize::from(topic < subscribers % topics)) as u64,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(shape: Shape, expected: &[(usize, &str, u64, u32)]) -> Streams {
        let streams = Streams::new(shape, "b");
        let told = streams.list().iter().map(|it| (it.publisher, &*it.topic, it.receivers, it.place));
        assert_eq!(told.collect::<Vec<_>>(), expected, "{shape:?}");
        streams
    }

    fn shape(publishers: usize, subscribers: usize, topics: usize) -> Shape {
        Shape { publishers, subscribers, topics, ..Shape::default() }
    }

    #[test]
    fn publishers_share_the_topics_among_them() {
        check(shape(2, 2, 2), &[(0, "b/0", 1, 0), (1, "b/1", 1, 0)]);
        check(shape(1, 3, 2), &[(0, "b/0", 2, 0), (0, "b/1", 1, 0)]);
        let streams = check(shape(3, 2, 2), &[(0, "b/0", 1, 0), (1, "b/1", 1, 0), (2, "b/0", 1, 1)]);
        assert_eq!(streams.taken_by(0).collect::<Vec<_>>(), [0, 2]);
        check(shape(0, 5, 5), &[]);
    }

    #[test]
    fn who_takes_all_takes_every_stream() {
        let streams = check(Shape { takes_all: true, ..shape(2, 3, 2) }, &[(0, "b/0", 3, 0), (1, "b/1", 3, 1)]);
        assert_eq!((&*streams.filter(2), streams.taken_by(2).count()), ("b/#", 2));
    }

    #[test]
    fn each_subscriber_is_on_one_thread() {
        for shape in [shape(4, 9, 4), shape(1, 9, 1), Shape { takes_all: true, ..shape(3, 9, 3) }] {
            for subscriber in 0..9 {
                let threads = (0..3).filter(|&thread| shape.is_subscriber_of(thread, 3, subscriber));
                assert_eq!(threads.count(), 1, "{shape:?} {subscriber}");
            }
        }
    }
}
