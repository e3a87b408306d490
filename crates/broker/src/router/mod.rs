//! Who receives a Topic Name: every Topic Filter of every Session, read by all shards.

mod matching;

use std::collections::BTreeMap;
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use crate::ids::{Receiver, ShardId};

/// A Topic Filter that somebody is subscribed to. The number may be used again once its last receiver is gone.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct FilterId(pub u32);

/// Where a receiver stands: its filter, and its position in that filter's list for its shard.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Place {
    /// The Topic Filter.
    pub filter: FilterId,
    /// Index in the list of the receiver's shard.
    pub position: u32,
}

/// The receivers of one filter on one shard, as a range of [`Matches::receivers`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MatchRun {
    /// The filter that matched.
    pub filter: FilterId,
    /// The shard on which these receivers live.
    pub shard: ShardId,
    /// Index of the first one.
    pub start: u32,
    /// How many there are, at least 1.
    pub len: u32,
}

/// Everybody a Topic Name leads to, grouped by filter and shard. Kept by the caller and used again.
#[derive(Default, Debug)]
pub struct Matches {
    /// One for each filter that matched and each shard with receivers of it.
    pub runs: Vec<MatchRun>,
    /// The receivers of all runs.
    pub receivers: Vec<Receiver>,
}

impl Matches {
    /// Forgets everything but its capacity.
    pub fn clear(&mut self) {
        self.runs.clear();
        self.receivers.clear();
    }

    /// Whether nobody receives the message.
    pub fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    /// The receivers of one run.
    pub fn of(&self, run: MatchRun) -> &[Receiver] {
        &self.receivers[run.start as usize..][..run.len as usize]
    }

    fn push(&mut self, filter: FilterId, shard: ShardId, receivers: &[Receiver]) {
        if receivers.is_empty() {
            return;
        }
        let start = self.receivers.len() as u32;
        self.receivers.extend_from_slice(receivers);
        self.runs.push(MatchRun {
            filter,
            shard,
            start,
            len: receivers.len() as u32,
        });
    }
}

/// What one shard remembers of the wildcard filters that recent Topic Names matched.
#[derive(Debug)]
pub struct RouteCache {}

impl RouteCache {
    /// An empty cache that will not hold more than about `bytes_max` bytes.
    pub fn new(_bytes_max: usize) -> RouteCache {
        RouteCache {}
    }
}

/// Whether a Topic Filter (without a `$share` prefix) matches a Topic Name.
pub(crate) fn matches(filter: &str, topic: &str) -> bool {
    matching::matches(filter.as_bytes(), topic.as_bytes())
}

/// See the module.
#[derive(Default)]
pub struct Router {
    table: RwLock<Table>,
}

#[derive(Default)]
struct Table {
    by_text: BTreeMap<String, FilterId>,
    by_id: BTreeMap<FilterId, (String, BTreeMap<ShardId, Vec<Receiver>>)>,
    last: u32,
}

impl Router {
    /// An empty router whose tables are keyed with `seed`.
    pub fn new(_seed: u64) -> Router {
        Router::default()
    }

    /// Adds a receiver under `filter`: validated, without a `$share` prefix. The caller knows that this Session is not
    /// there yet.
    pub fn subscribe(&self, filter: &str, shard: ShardId, receiver: Receiver) -> Place {
        let mut table = self.write();
        let id = match table.by_text.get(filter) {
            Some(&id) => id,
            None => {
                table.last += 1;
                let id = FilterId(table.last);
                table.by_text.insert(filter.to_owned(), id);
                table.by_id.insert(id, (filter.to_owned(), BTreeMap::new()));
                id
            }
        };
        let mut position = 0;
        if let Some((_, lists)) = table.by_id.get_mut(&id) {
            let list = lists.entry(shard).or_default();
            position = list.len() as u32;
            list.push(receiver);
        }
        Place {
            filter: id,
            position,
        }
    }

    /// Gives a Subscription new options (or its Session a new slot).
    pub fn replace(&self, place: Place, shard: ShardId, receiver: Receiver) {
        if let Some((_, lists)) = self.write().by_id.get_mut(&place.filter)
            && let Some(list) = lists.get_mut(&shard)
        {
            list[place.position as usize] = receiver;
        }
    }

    /// Removes a receiver. The last one of that filter's list for the shard moves into the gap and is returned: its
    /// position is now `place.position`, which the caller notes in its Session.
    pub fn unsubscribe(&self, place: Place, shard: ShardId) -> Option<Receiver> {
        let mut table = self.write();
        let table = &mut *table;
        let (text, lists) = table.by_id.get_mut(&place.filter)?;
        let list = lists.get_mut(&shard)?;
        list.swap_remove(place.position as usize);
        let moved = list.get(place.position as usize).copied();
        if list.is_empty() {
            lists.remove(&shard);
            if lists.is_empty() {
                table.by_text.remove(text);
                table.by_id.remove(&place.filter);
            }
        }
        moved
    }

    /// The filter with this text, if anybody is subscribed to it.
    pub fn find(&self, filter: &str) -> Option<FilterId> {
        self.read().by_text.get(filter).copied()
    }

    /// Appends the text of a filter to `out`.
    pub fn text(&self, filter: FilterId, out: &mut String) {
        if let Some((text, _)) = self.read().by_id.get(&filter) {
            out.push_str(text);
        }
    }

    /// Adds everybody whose filter matches `topic` to `matches`. `cache` belongs to the calling shard.
    pub fn route(&self, topic: &str, _cache: &mut RouteCache, matches: &mut Matches) {
        for (&id, (text, lists)) in &self.read().by_id {
            if matching::matches(text.as_bytes(), topic.as_bytes()) {
                for (&shard, list) in lists {
                    matches.push(id, shard, list);
                }
            }
        }
    }

    /// How many different filters there are.
    pub fn filters(&self) -> usize {
        self.read().by_id.len()
    }

    fn read(&self) -> RwLockReadGuard<'_, Table> {
        self.table.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Table> {
        self.table.write().unwrap_or_else(PoisonError::into_inner)
    }
}
