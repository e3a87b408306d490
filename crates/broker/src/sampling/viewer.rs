//! Sampled Subscriptions: clients that are sent samples.

use midge_codec::topic_matches;

use super::{Gathered, Sample};
use crate::router::FilterId;

/// The sampled Subscriptions of a shard's clients. They last as long as their connections.
#[derive(Default)]
pub(crate) struct Viewers(Vec<Viewer>);

/// One of them.
pub(crate) struct Viewer {
    /// Of the Session.
    pub(crate) slot: u32,
    pub(crate) filter: Box<str>,
    /// What stands for the filter where one from the router is expected.
    pub(crate) number: FilterId,
    pub(crate) identifier: u32,
    pub(crate) retain_as_published: bool,
    interval_ms: u32,
    /// Nothing goes out before.
    rests_until_ms: u64,
    pending: Gathered,
    is_full: bool,
}

/// What a client may ask for.
pub(crate) const INTERVAL_MS_MIN: u32 = 100;
pub(crate) const INTERVAL_MS_MAX: u32 = 10_000;

/// Sampled Subscriptions of one client.
pub(crate) const VIEWERS_MAX: usize = 16;

/// Sampled Subscriptions of all clients, as far as a shard knows, which hears of others' a turn later. Each sample is compared with
/// the filters of all: ten times a second some thousands, which is a fifth of a core then.
pub(crate) const VIEWERS_IN_ALL_MAX: u32 = 256;

impl Viewer {
    pub(crate) fn new(
        slot: u32,
        filter: Box<str>,
        number: FilterId,
        (identifier, retain_as_published): (u32, bool),
        interval_ms: u32,
    ) -> Viewer {
        let interval_ms = interval_ms.clamp(INTERVAL_MS_MIN, INTERVAL_MS_MAX);
        Viewer {
            slot,
            filter,
            number,
            identifier,
            retain_as_published,
            interval_ms,
            rests_until_ms: 0,
            pending: Gathered::default(),
            is_full: false,
        }
    }

    fn due_ms(&self) -> Option<u64> {
        match (self.pending.is_empty(), self.is_full) {
            (true, _) => None,
            (false, true) => Some(0),
            (false, false) => Some(self.rests_until_ms),
        }
    }

    /// What is due. Then it rests for its interval.
    pub(crate) fn take_due(&mut self, now_ms: u64) -> Option<Vec<Sample>> {
        self.due_ms().filter(|&due_ms| due_ms <= now_ms)?;
        self.rests_until_ms = now_ms + u64::from(self.interval_ms);
        self.is_full = false;
        Some(self.pending.take())
    }

    /// Its client takes nothing at the moment: what it gets later is newer.
    pub(crate) fn put_off(&mut self, now_ms: u64) {
        if std::mem::take(&mut self.is_full) {
            self.pending.take();
        }
        self.rests_until_ms = now_ms + u64::from(self.interval_ms);
    }
}

impl Viewers {
    /// Enters a Subscription. `false`: in the place of one with the same filter.
    pub(crate) fn enter(&mut self, viewer: Viewer) -> bool {
        match self.0.iter_mut().find(|known| known.slot == viewer.slot && known.filter == viewer.filter) {
            Some(known) => {
                *known = viewer;
                false
            }
            None => {
                self.0.push(viewer);
                true
            }
        }
    }

    /// Those of a Session.
    pub(crate) fn of(&self, slot: u32) -> impl Iterator<Item = &Viewer> {
        self.0.iter().filter(move |viewer| viewer.slot == slot)
    }

    /// Removes what a Session is subscribed to by this filter.
    pub(crate) fn remove(&mut self, slot: u32, filter: &str) -> Option<Viewer> {
        let at = self.0.iter().position(|viewer| viewer.slot == slot && *viewer.filter == *filter)?;
        Some(self.0.swap_remove(at))
    }

    /// Removes one of a Session's.
    pub(crate) fn remove_any(&mut self, slot: u32) -> Option<Viewer> {
        let at = self.0.iter().position(|viewer| viewer.slot == slot)?;
        Some(self.0.swap_remove(at))
    }

    /// Samples came.
    pub(crate) fn add(&mut self, sample: &Sample) {
        for viewer in &mut self.0 {
            if topic_matches(&viewer.filter, &sample.topic) && !viewer.pending.add(sample) {
                viewer.is_full = true;
            }
        }
    }

    /// When something goes out next.
    pub(crate) fn due_ms(&self) -> Option<u64> {
        self.0.iter().filter_map(Viewer::due_ms).min()
    }

    /// One to which something is to be sent now.
    pub(crate) fn due(&mut self, now_ms: u64) -> Option<&mut Viewer> {
        self.0.iter_mut().find(|viewer| viewer.due_ms().is_some_and(|due_ms| due_ms <= now_ms))
    }
}
