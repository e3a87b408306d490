//! The queues of share groups on disk: any shard writes the back of one as a run, and has it read back for whoever is ready.

use super::Shard;
use super::run::{Purpose, ReadBatch, ReadRequest, read_run};
use crate::groups::{GroupId, HandedOut, SpillRule};
use crate::log_queue::{LogQueue, LogState};
use crate::message::Message;
use crate::record::{GroupName, Holder};
use crate::turn::Turn;
use std::sync::Arc;

impl Shard {
    /// A message was put into a group's queue, whose newest messages cost so much: where memory is wanted, they become a run.
    pub(super) fn spill_group_if_long(&mut self, group: GroupId, newest_cost: u64, turn: &mut Turn) {
        let run_bytes = self.options.queue_run_bytes;
        let is_long = self.is_logging() && newest_cost > run_bytes;
        if is_long && self.is_group_memory_wanted() {
            let rule = SpillRule { least_cost: run_bytes, front_bytes: run_bytes / 4, unless_ready: false };
            self.spill_group(group, rule, turn);
        }
    }

    fn is_group_memory_wanted(&self) -> bool {
        self.shared.groups().memory_bytes() >= self.options.queue_memory_bytes
    }

    /// A snapshot comes to this group: what waits while nobody is ready becomes a run, one with each call. Returns about how
    /// much that is.
    pub(super) fn spill_group_for_snapshot(&mut self, group: GroupId, turn: &mut Turn) -> u64 {
        if !self.shared.log().is_some_and(LogQueue::may_spill) {
            return 0;
        }
        let least_cost = self.worth_a_run(self.is_group_memory_wanted());
        self.spill_group(group, SpillRule { least_cost, front_bytes: 0, unless_ready: true }, turn)
    }

    /// The messages have their places in the log: they had to before others could see them. Not while the disk is full, as with
    /// a Session's queue.
    fn spill_group(&mut self, group: GroupId, rule: SpillRule, turn: &mut Turn) -> u64 {
        let shared = Arc::clone(&self.shared);
        let Some(log) = shared.log_within_lock().filter(|log| log.state() == LogState::Ready) else { return 0 };
        let run_bytes = self.options.queue_run_bytes;
        let holder = Holder::Group(group.name());
        shared.groups().spill(group, rule, run_bytes, |messages| self.write_run(holder, messages, log, turn))
    }

    /// The next run of a group was read: its messages go to those who are ready. Whether it was still wanted.
    pub(super) fn handle_group_run(
        &mut self,
        name: GroupName,
        address: u64,
        run: &[u8],
        referred: &[ReadBatch],
        turn: &mut Turn,
    ) -> bool {
        let group = GroupId::named(name);
        let mut messages = Vec::new();
        read_run(address, run, referred, |entry, found, _| {
            messages.push(Message::from_run(&found.parts, entry.message));
        });
        let terms = self.terms(turn);
        let Some(out) = self.shared.groups().take_run(group, address, messages, terms) else { return false };
        self.hand_on(group, out, turn);
        self.note_freed(run.len() as u64);
        true
    }

    /// What a group says beside what it gives: how long that had waited, that the next run is to be read, that messages have expired.
    pub(super) fn note_handed_out(&mut self, group: GroupId, out: &HandedOut, turn: &mut Turn) {
        self.counters.discarded[crate::event::DiscardReason::Expired as usize] += out.expired;
        out.given.iter().filter_map(|given| given.waited_s).for_each(|age_s| self.counters.queue_ages.add(age_s));
        let purpose = Purpose::Queue(Holder::Group(group.name()));
        turn.reads.extend(out.wanted_run.map(|address| ReadRequest { address, purpose }));
    }
}
