//! What was published in the last hour, as samples: bounded in bytes over all topics, the newest kept.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Bound;
use std::sync::Arc;

use midge_codec::topic_matches;

/// A message that stands for those that came with it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Sample {
    /// Topic Name.
    pub topic: String,
    /// The payload of the newest one, or its beginning.
    pub payload: Vec<u8>,
    /// How long that payload is in all.
    pub payload_bytes: u64,
    /// When that came, in milliseconds since 1970.
    pub time_ms: u64,
    /// How many there were, this one included.
    pub count: u64,
}

/// A sample of one topic.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Point {
    /// When it came.
    pub time_ms: u64,
    /// How many messages it stands for.
    pub count: u64,
    /// The payload of the newest of them, or its beginning.
    pub payload: Box<[u8]>,
    /// How long that payload is in all.
    pub payload_bytes: u64,
}

impl Point {
    fn is_long(&self) -> bool {
        self.payload.len() > BEGINNING_BYTES
    }

    /// What it takes of memory because it is long.
    fn long_bytes(&self) -> usize {
        self.payload.len().saturating_sub(BEGINNING_BYTES)
    }

    /// Whether there is only the beginning of its payload.
    pub fn is_truncated(&self) -> bool {
        (self.payload.len() as u64) < self.payload_bytes
    }
}

/// See the module.
#[derive(Debug)]
pub struct History {
    topics: BTreeMap<Arc<str>, VecDeque<Point>>,
    /// The topics of all points, in the order in which these came.
    order: VecDeque<Arc<str>>,
    /// The topics of those with long payloads, in the same order.
    long: VecDeque<Arc<str>>,
    /// What is there behind the beginnings of these.
    long_bytes: usize,
    bytes: usize,
    bytes_max: usize,
    /// Since when nothing is missing.
    begun_ms: u64,
}

impl History {
    /// Nothing yet; from `now_ms` on.
    pub fn new(bytes_max: usize, now_ms: u64) -> History {
        History {
            topics: BTreeMap::new(),
            order: VecDeque::new(),
            long: VecDeque::new(),
            long_bytes: 0,
            bytes: 0,
            bytes_max,
            begun_ms: now_ms,
        }
    }

    /// Adds a sample, and forgets the oldest ones that have no room any more. A payload that is larger than a tenth of all there may
    /// be is not kept, and of long ones that take more than half of it the oldest keep their beginnings only: pictures must not drive out
    /// the numbers beside them.
    pub fn append(&mut self, sample: Sample) {
        let Sample { topic, payload, payload_bytes, time_ms, count } = sample;
        if payload.len() > self.bytes_max / 10 {
            return;
        }
        let topic = match self.topics.get_key_value(topic.as_str()) {
            Some((topic, _)) => Arc::clone(topic),
            None => {
                self.bytes += topic_bytes(&topic);
                Arc::from(topic)
            }
        };
        self.bytes += POINT_BYTES + payload.len();
        self.order.push_back(Arc::clone(&topic));
        let point = Point { time_ms, count, payload: payload.into(), payload_bytes };
        if point.is_long() {
            self.long_bytes += point.long_bytes();
            self.long.push_back(Arc::clone(&topic));
        }
        self.topics.entry(topic).or_default().push_back(point);
        while self.long_bytes > self.bytes_max / 2 {
            self.cut_oldest_long();
        }
        while self.bytes > self.bytes_max {
            self.forget_oldest();
        }
    }

    /// Forgets what is older than an hour.
    pub fn forget_before(&mut self, time_ms: u64) {
        while self.oldest_ms().is_some_and(|oldest_ms| oldest_ms < time_ms) {
            self.forget_oldest();
        }
        self.begun_ms = self.begun_ms.max(time_ms);
    }

    /// Forgets everything that none of these filters matches.
    pub fn keep_only(&mut self, filters: &[String]) {
        let is_wanted = |topic: &str| filters.iter().any(|filter| topic_matches(filter, topic));
        let bytes = &mut self.bytes;
        self.topics.retain(|topic, points| {
            let stays = is_wanted(topic);
            if !stays {
                let of_points: usize = points.iter().map(|point| POINT_BYTES + point.payload.len()).sum();
                *bytes -= topic_bytes(topic) + of_points;
            }
            stays
        });
        self.order.retain(|topic| is_wanted(topic));
        self.long.retain(|topic| is_wanted(topic));
        self.long_bytes = self.topics.values().flatten().map(Point::long_bytes).sum();
    }

    fn oldest_ms(&self) -> Option<u64> {
        self.topics.get(self.order.front()?)?.front().map(|point| point.time_ms)
    }

    fn cut_oldest_long(&mut self) {
        let points = self.long.pop_front().and_then(|topic| self.topics.get_mut(&topic));
        let Some(point) = points.into_iter().flatten().find(|point| point.is_long()) else { return };
        let bytes = point.long_bytes();
        point.payload = point.payload[..BEGINNING_BYTES].into();
        self.long_bytes -= bytes;
        self.bytes -= bytes;
    }

    fn forget_oldest(&mut self) {
        let Some(topic) = self.order.pop_front() else { return };
        let Some(points) = self.topics.get_mut(&topic) else { return };
        if let Some(point) = points.pop_front() {
            self.bytes -= POINT_BYTES + point.payload.len();
            if point.is_long() {
                self.long.pop_front();
                self.long_bytes -= point.long_bytes();
            }
            self.begun_ms = self.begun_ms.max(point.time_ms + 1);
        }
        if points.is_empty() {
            self.topics.remove(&topic);
            self.bytes -= topic_bytes(&topic);
        }
    }

    /// The samples of a topic that came at `since_ms` or later, the oldest first.
    pub fn points(&self, topic: &str, since_ms: u64) -> impl Iterator<Item = &Point> {
        self.topics.get(topic).into_iter().flatten().filter(move |point| point.time_ms >= since_ms)
    }

    /// From when on nothing is missing.
    pub fn complete_from_ms(&self) -> u64 {
        self.begun_ms
    }

    /// The topics behind this one in alphabetical order, each with its newest sample and how many messages all of its samples stand for.
    pub fn topics_after(&self, topic: &str) -> impl Iterator<Item = (&str, Option<&Point>, u64)> {
        let behind = self.topics.range::<str, _>((Bound::Excluded(topic), Bound::Unbounded));
        behind.map(|(topic, points)| (&**topic, points.back(), points.iter().map(|point| point.count).sum()))
    }

    /// Whether there are samples of this topic.
    pub fn knows(&self, topic: &str) -> bool {
        self.topics.contains_key(topic)
    }

    /// Memory in use, about.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Topics with samples.
    pub fn len(&self) -> usize {
        self.topics.len()
    }

    /// Whether there is nothing.
    pub fn is_empty(&self) -> bool {
        self.topics.is_empty()
    }
}

fn topic_bytes(topic: &str) -> usize {
    TOPIC_BYTES + topic.len()
}

/// What stays of a long payload when there are many.
const BEGINNING_BYTES: usize = 4 << 10;

/// A point without its payload, and its place in the order.
const POINT_BYTES: usize = size_of::<Point>() + size_of::<Arc<str>>();

/// A topic without its name: its place among the others, and what its queue needs at least.
const TOPIC_BYTES: usize = 128;

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(topic: &str, payload: &[u8], time_ms: u64) -> Sample {
        let (topic, payload_bytes) = (topic.to_owned(), payload.len() as u64);
        Sample { topic, payload: payload.to_vec(), payload_bytes, time_ms, count: 2 }
    }

    fn times(history: &History, topic: &str) -> Vec<u64> {
        history.points(topic, 0).map(|point| point.time_ms).collect()
    }

    #[test]
    fn samples_are_found_by_topic_and_time() {
        let mut history = History::new(1 << 20, 5);
        for (topic, time_ms) in [("a", 10), ("b", 11), ("a", 12), ("a", 14)] {
            history.append(sample(topic, b"x", time_ms));
        }
        assert_eq!(times(&history, "a"), [10, 12, 14]);
        assert_eq!(history.points("a", 12).map(|point| point.time_ms).collect::<Vec<_>>(), [12, 14]);
        assert_eq!(times(&history, "c"), [0; 0]);
        let after = |topic: &str| -> Vec<_> {
            let of = |(topic, newest, messages): (&str, Option<&Point>, u64)| {
                (topic.to_owned(), newest.map(|point| point.time_ms), messages)
            };
            history.topics_after(topic).map(of).collect()
        };
        assert_eq!(after(""), [("a".to_owned(), Some(14), 6), ("b".to_owned(), Some(11), 2)]);
        assert_eq!(after("a"), [("b".to_owned(), Some(11), 2)]);
        assert_eq!(history.complete_from_ms(), 5);
    }

    #[test]
    fn the_newest_are_kept_and_it_is_known_what_is_missing() {
        let bytes_max = 20_000;
        let mut history = History::new(bytes_max, 0);
        for time_ms in 0..1_000 {
            history.append(sample(if time_ms % 2 == 0 { "even" } else { "odd" }, &[0; 100], time_ms));
            assert!(history.bytes() <= bytes_max);
        }
        let even = times(&history, "even");
        assert_eq!(even.last(), Some(&998));
        assert!(even.len() > 30, "{}", even.len());
        assert_eq!(history.complete_from_ms(), even[0].min(times(&history, "odd")[0]));
    }

    #[test]
    fn what_is_old_or_not_wanted_any_more_goes() {
        let mut history = History::new(1 << 20, 0);
        for (topic, time_ms) in [("a/1", 10), ("b", 11), ("a/2", 12)] {
            history.append(sample(topic, b"x", time_ms));
        }
        history.forget_before(11);
        assert_eq!((times(&history, "a/1"), history.knows("a/1")), (Vec::new(), false));
        assert_eq!(history.complete_from_ms(), 11);
        history.keep_only(&["a/#".to_owned()]);
        assert_eq!((history.knows("b"), history.knows("a/2"), history.len()), (false, true, 1));
        history.keep_only(&[]);
        assert_eq!((history.bytes(), history.is_empty()), (0, true));
    }

    #[test]
    fn of_a_beginning_it_is_known_how_much_is_missing_and_only_what_is_there_takes_memory() {
        let (mut whole, mut cut) = (History::new(1 << 20, 0), History::new(1 << 20, 0));
        whole.append(sample("a", b"beginning", 1));
        cut.append(Sample { payload_bytes: 30_000, ..sample("a", b"beginning", 1) });
        let told = |history: &History| history.points("a", 0).map(|it| (it.payload_bytes, it.is_truncated())).next();
        assert_eq!((told(&whole), told(&cut)), (Some((9, false)), Some((30_000, true))));
        assert_eq!(whole.bytes(), cut.bytes());
    }

    #[test]
    fn long_ones_drive_nothing_out_and_the_newest_of_them_are_whole() {
        let mut history = History::new(1 << 20, 0);
        for time_ms in 0..200 {
            history.append(sample("picture", &[7; 30_000], time_ms));
            history.append(sample("number", b"7", time_ms));
            assert!(history.bytes() <= 1 << 20);
        }
        // The oldest are gone when beginnings fill the other half.
        assert_eq!(times(&history, "number").last(), Some(&199));
        assert!(times(&history, "number").len() > 100, "{:?}", times(&history, "number"));
        let of_pictures: Vec<_> = history.points("picture", 0).map(Point::is_truncated).collect();
        let first_whole = of_pictures.iter().position(|is_truncated| !is_truncated).expect("some are whole");
        let whole_count = (1 << 19) / (30_000 - BEGINNING_BYTES);
        assert_eq!(of_pictures.len() - first_whole, whole_count);
        assert!(of_pictures[first_whole..].iter().all(|is_truncated| !is_truncated));
        history.keep_only(&["number".to_owned()]);
        assert_eq!((history.long_bytes, history.long.len()), (0, 0));
        history.append(sample("picture", &[7; 30_000], 300));
        history.forget_before(301);
        assert_eq!((history.bytes(), history.long_bytes, history.long.len()), (0, 0, 0));
    }

    #[test]
    fn one_that_is_too_large_drives_nothing_out() {
        let mut history = History::new(10_000, 0);
        history.append(sample("a", b"x", 1));
        history.append(sample("a", &[0; 5_000], 2));
        assert_eq!(times(&history, "a"), [1]);
    }
}
