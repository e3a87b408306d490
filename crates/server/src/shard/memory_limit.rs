//! `memory_limit`: once a second one shard looks at how much memory is in use, and says to all when it is more than allowed.
//!
//! It is a brake and not a wall: what the broker then refuses is whatever would need more for long (clients, messages to be
//! kept); everything that only passes through, or makes room, goes on. Who has not come in yet may not begin a handshake of TLS then,
//! and has little kept.

use super::Shard;
use crate::heap;
use crate::log::LogType;

/// The limit, and whether it is reached.
pub(crate) struct MemoryLimit {
    /// `None`: there is none.
    limit_bytes: Option<u64>,
    is_reached: bool,
    due_ms: u64,
}

/// What is new since the last look.
#[derive(PartialEq, Eq, Debug)]
enum News {
    Reached,
    Over,
}

impl MemoryLimit {
    /// Looked at for the first time at once.
    pub(crate) fn new(limit_bytes: Option<u64>) -> MemoryLimit {
        MemoryLimit { limit_bytes, is_reached: false, due_ms: 0 }
    }

    /// Another limit, looked at at once.
    pub(crate) fn set(&mut self, limit_bytes: Option<u64>) {
        (self.limit_bytes, self.due_ms) = (limit_bytes, 0);
    }

    /// When to look again, on the monotonic clock.
    pub(crate) fn due_ms(&self) -> Option<u64> {
        (self.limit_bytes.is_some() || self.is_reached).then_some(self.due_ms)
    }

    fn look(&mut self, used_bytes: u64) -> Option<News> {
        let was_reached = std::mem::replace(
            &mut self.is_reached,
            self.limit_bytes.is_some_and(|limit_bytes| used_bytes > limit_bytes),
        );
        match (was_reached, self.is_reached) {
            (false, true) => Some(News::Reached),
            (true, false) => Some(News::Over),
            _ => None,
        }
    }
}

impl Shard {
    /// Compares memory in use with its limit, if it is time.
    pub(super) fn look_at_memory(&mut self) {
        let now = self.turn.now;
        let is_due = |memory: &MemoryLimit| memory.due_ms().is_some_and(|due_ms| due_ms <= now.monotonic_ms);
        let Some(memory) = self.memory_limit.as_mut().filter(|memory| is_due(memory)) else { return };
        memory.due_ms = now.monotonic_ms + INTERVAL_MS;
        let (used, limit) = (heap::used_bytes(), memory.limit_bytes);
        let Some(news) = memory.look(used) else { return };
        self.shared.set_memory_short(news == News::Reached);
        let text = match news {
            News::Reached => "is reached: new clients and messages that would have to be kept are refused",
            News::Over => "is no longer reached: clients and messages are accepted again",
        };
        let limit = limit.map_or_else(|| "any number of".to_owned(), |limit| limit.to_string());
        let text = format_args!("Warning: memory_limit {text} ({used} of {limit} bytes are in use).");
        self.log.line(now.wall_s, LogType::Warning, text);
    }
}

/// The directive.
pub(super) const MEMORY_LIMIT: &str = "memory_limit";

/// Between two looks. Memory grows by what the network brings in that time, a fraction of any sensible limit.
const INTERVAL_MS: u64 = 1_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reaching_the_limit_and_coming_back_are_told_once_each() {
        let mut memory = MemoryLimit::new(Some(100));
        let looks = [100, 101, 200, 100, 99, 101].map(|used| memory.look(used));
        assert_eq!(looks, [None, Some(News::Reached), None, Some(News::Over), None, Some(News::Reached)]);
        memory.set(None);
        assert_eq!(memory.look(101), Some(News::Over));
    }
}
