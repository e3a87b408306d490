//! `log_dest topic`: lines below `$SYS/broker/log`, on their way from the writer to the one shard that publishes them.
//!
//! What must hold: publishing a line makes no further line for the same place, or there would be no end of them. So lines
//! about packets never go there.

use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};

use midge_broker::ids::ShardId;

use super::LogType;
use crate::peers::Peers;

/// The shard that publishes them.
pub(crate) const SHARD: ShardId = ShardId(0);

/// How long a line waits for a client that is away.
pub(crate) const EXPIRY_INTERVAL_S: u32 = 20;

/// Lines that wait to be published.
#[derive(Default)]
pub(crate) struct Topics {
    lines: Mutex<Vec<(LogType, Box<str>)>>,
    peers: OnceLock<Weak<Peers>>,
}

/// Where a line of this kind is published; packets are not.
pub(crate) fn topic_of(kind: LogType) -> Option<&'static str> {
    match kind {
        LogType::Error => Some("$SYS/broker/log/E"),
        LogType::Warning => Some("$SYS/broker/log/W"),
        LogType::Notice => Some("$SYS/broker/log/N"),
        LogType::Information => Some("$SYS/broker/log/I"),
        LogType::Subscribe => Some("$SYS/broker/log/M/subscribe"),
        LogType::Unsubscribe => Some("$SYS/broker/log/M/unsubscribe"),
        LogType::Debug => None,
    }
}

impl Topics {
    /// From now on there is somebody to publish them.
    pub(crate) fn begin(&self, peers: &Arc<Peers>) {
        let was_new = self.peers.set(Arc::downgrade(peers)).is_ok();
        debug_assert!(was_new, "one set of shards");
    }

    /// Hands lines over. What comes before anybody could have subscribed, or too quickly, is left out.
    pub(super) fn hand_over<'a>(&self, lines: impl Iterator<Item = (LogType, &'a str)>) {
        let Some(peers) = self.peers.get().and_then(Weak::upgrade) else { return };
        let mut waiting = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        let room = LINES_MAX.saturating_sub(waiting.len());
        let published = lines.filter(|(kind, _)| topic_of(*kind).is_some());
        waiting.extend(published.take(room).map(|(kind, line)| (kind, line.into())));
        drop(waiting);
        peers.wake(SHARD);
    }

    /// What is to be published now.
    pub(crate) fn take(&self) -> Vec<(LogType, Box<str>)> {
        std::mem::take(&mut *self.lines.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// As many as a shard publishes in one turn without anybody noticing.
const LINES_MAX: usize = 1000;
