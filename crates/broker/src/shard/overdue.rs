//! Runs that are due while the log has enough to write.
//!
//! A message for a thousand absent Sessions is one record, but a thousand copies when their queues become runs. Written at once they
//! would gather in memory faster than any disk takes them: they are made as the log catches up, and no publisher is read on while
//! some are left.

use super::Shard;
use crate::limits;
use crate::log_queue::LogQueue;
use crate::turn::Turn;
use std::collections::BTreeSet;

/// See the module.
#[derive(Default)]
pub(super) struct Overdue {
    sessions: BTreeSet<u32>,
    /// When the log has come beyond this, more can be made.
    behind: u64,
}

impl Overdue {
    /// The position in the log with which it goes on; `None` where nothing is left.
    pub(super) fn awaited_position(&self) -> Option<u64> {
        (!self.sessions.is_empty()).then_some(self.behind + 1)
    }
}

impl Shard {
    /// A run of this Session's queue is made later. Not while others are made, or the log would count this shard twice.
    pub(super) fn put_off_run(&mut self, slot: u32) {
        let Some(log) = self.shared.log() else { return };
        if self.overdue.sessions.is_empty() {
            log.note_overdue();
            self.overdue.behind = log.durable();
        }
        self.overdue.sessions.insert(slot);
    }

    /// Makes runs that were put off, as far as the log takes them. `true`: there are more, come again without sleeping.
    pub(super) fn make_overdue_runs(&mut self, turn: &mut Turn) -> bool {
        if self.overdue.sessions.is_empty() {
            return false;
        }
        for _ in 0..limits::WORK_SESSIONS_MAX {
            if self.shared.log().is_none_or(LogQueue::is_over) {
                break;
            }
            let Some(slot) = self.overdue.sessions.pop_first() else { break };
            if self.is_run_due(slot) {
                self.make_runs(slot, turn);
            }
        }
        let Some(log) = self.shared.log() else { return false };
        if self.overdue.sessions.is_empty() {
            log.note_caught_up();
            return false;
        }
        self.overdue.behind = log.durable();
        !log.is_over()
    }
}
