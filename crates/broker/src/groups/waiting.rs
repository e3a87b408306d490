//! What waits in share groups: it is offered, pulled, given back. The back of a long queue is on disk, as of a Session's.
//!
//! What must hold: whoever sees a group sees its messages without a gap. So a run is written, or written again, while the
//! group is locked.

use super::group::{Group, Member};
use super::{GroupId, Groups, STRIPES};
use crate::ids::{Receiver, ShardId};
use crate::message::Message;
use crate::queue::{Move, Run};
use crate::record::RunRecord;
use crate::session::Kept;
use midge_codec::QoS;
use smallvec::SmallVec;
use std::collections::VecDeque;
use std::sync::atomic::Ordering;

/// What became of a message that was offered to a group.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Offer {
    /// This member gets it, with this QoS.
    To(Member, QoS),
    /// It waits in the group's queue, whose newest messages cost so much in memory.
    Queued { newest_cost: u64 },
    /// Nobody can take it, and it may not wait.
    Discarded,
    /// The group is no more.
    Gone,
}

/// How much may wait in a group; 0 is no bound.
#[derive(Clone, Copy, Debug)]
pub(crate) struct QueueBounds {
    pub messages: u64,
    pub bytes: u64,
}

/// On what terms messages are handed out.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Terms {
    /// With the QoS of the Subscription even where that of the message is less.
    pub upgrade: bool,
    /// Monotonic.
    pub now_s: u64,
}

/// What a group hands out.
#[derive(Default)]
pub(crate) struct HandedOut {
    pub given: SmallVec<[Given; 1]>,
    /// So many were passed over because they have expired.
    pub expired: u64,
    /// The run at this address is to be read, for [`Groups::take_run`].
    pub wanted_run: Option<u64>,
}

/// A message, and who gets it with which QoS.
pub(crate) struct Given {
    pub message: Message,
    pub member: Member,
    pub qos: QoS,
    /// How long it was in the queue, as far as that is known.
    pub waited_s: Option<u64>,
}

/// A group, and what waits in it.
pub(crate) struct WaitingInGroup {
    /// `$share/NAME/FILTER`
    pub share: Box<str>,
    pub messages: Vec<Message>,
    pub runs: Vec<Run>,
}

/// When messages become a run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SpillRule {
    /// They must cost more than this.
    pub least_cost: u64,
    /// About so much stays at the front.
    pub front_bytes: u64,
    /// Only if no member could take them.
    pub unless_ready: bool,
}

impl Groups {
    /// Finds a member for a message, in turn, or lets it wait.
    pub(crate) fn offer(
        &self,
        id: GroupId,
        published: QoS,
        terms: Terms,
        bounds: QueueBounds,
        message: impl FnOnce() -> Message,
    ) -> Offer {
        let offer = self.with_group(id, |group| group.offer(published, terms, bounds, message));
        offer.unwrap_or(Offer::Gone)
    }

    /// The next waiting message for this member, if it may have one.
    pub(crate) fn pull(&self, id: GroupId, shard: ShardId, session: Receiver, terms: Terms) -> HandedOut {
        self.with_group(id, |group| group.pull(shard, session, terms)).unwrap_or_default()
    }

    /// Takes back messages that a member had not begun, oldest first; they go to others before anything newer. `None` where the
    /// group has ended.
    pub(crate) fn give_back(&self, id: GroupId, messages: Vec<Message>, terms: Terms) -> Option<HandedOut> {
        self.with_group(id, |group| {
            group.take_back(messages, terms.now_s);
            group.hand_out_to_all(terms)
        })
    }

    /// The run that was wanted has been read. `None` where the group has ended.
    pub(crate) fn take_run(
        &self,
        id: GroupId,
        address: u64,
        messages: Vec<Message>,
        terms: Terms,
    ) -> Option<HandedOut> {
        self.with_group(id, |group| {
            let run = group.queue.runs().next().filter(|run| run.record.address == address).cloned()?;
            let messages = messages.into_iter().filter(|message| !run.is_done(message.identity()));
            group.queue.replace_run(address, messages.map(Kept::in_group));
            Some(group.hand_out_to_all(terms))
        })?
    }

    /// Has `write` make a run of about `run_bytes` of a durable group's newest messages. What they cost in memory; 0 where they
    /// stay.
    pub(crate) fn spill(
        &self,
        id: GroupId,
        rule: SpillRule,
        run_bytes: u64,
        write: impl FnOnce(&VecDeque<Kept>) -> Run,
    ) -> u64 {
        let spilled = self.with_group(id, |group| {
            let is_held = rule.unless_ready && group.has_ready();
            if !group.is_durable || is_held || group.queue.newest_cost() <= rule.least_cost {
                return 0;
            }
            let before = group.queue.memory_cost();
            let messages = group.queue.take_run(rule.front_bytes, run_bytes, |kept| {
                if kept.message.identity() == 0 { Move::StaysBehind } else { Move::Leaves }
            });
            if messages.is_empty() {
                return 0;
            }
            group.queue.push_run(write(&messages));
            before - group.queue.memory_cost()
        });
        spilled.unwrap_or_default()
    }

    /// The next run behind the one of that name with a floor before `before`.
    pub(crate) fn run_to_move(&self, id: GroupId, behind: u64, before: u64) -> Option<RunRecord> {
        let is_it = |run: &&Run| run.record.origin > behind && run.record.floor < before;
        self.with_group(id, |group| group.queue.movable_runs().find(is_it).map(|run| run.record))?
    }

    /// The run at this address, if it may be moved.
    pub(crate) fn movable_run(&self, id: GroupId, address: u64) -> Option<Run> {
        self.with_group(id, |group| movable_run(group, address).cloned())?
    }

    /// Has `write` write the run at this address again, if it may still be moved; `None`: nothing of it is wanted any more.
    pub(crate) fn move_run(&self, id: GroupId, address: u64, write: impl FnOnce() -> Option<RunRecord>) {
        self.with_group(id, |group| {
            let Some(origin) = movable_run(group, address).map(|run| run.record.origin) else { return };
            match write() {
                Some(record) => group.queue.move_run(record),
                None => group.queue.remove_run(origin),
            }
        });
    }

    /// The first durable group from this slot on, as they stand in the stripes one behind the other.
    pub(crate) fn durable_from(&self, slot: u32) -> Option<GroupId> {
        (slot % STRIPES..STRIPES).find_map(|stripe| {
            let first = if stripe == slot % STRIPES { slot / STRIPES } else { 0 };
            let guard = self.lock(stripe);
            let groups = &guard.groups;
            (first..groups.capacity() as u32).find_map(|key| {
                let group = groups.get(key as usize).filter(|group| group.is_durable)?;
                Some(GroupId { slot: key * STRIPES + stripe, generation: group.generation })
            })
        })
    }

    /// The slot behind that of this group.
    pub(crate) fn slot_behind(id: GroupId) -> u32 {
        id.slot + STRIPES
    }

    /// What waits in a group.
    pub(crate) fn waiting(&self, id: GroupId) -> Option<WaitingInGroup> {
        self.with_group(id, |group| WaitingInGroup {
            share: group.share.clone(),
            messages: group.queue.in_memory().map(|kept| kept.message.clone()).collect(),
            runs: group.queue.runs().cloned().collect(),
        })
    }

    /// Messages and bytes that wait in all groups, in memory and on disk.
    pub fn queued(&self) -> (u64, u64) {
        let mut sum = (0, 0);
        for stripe in 0..STRIPES {
            for (_, group) in &self.lock(stripe).groups {
                sum = (sum.0 + group.queue.len(), sum.1 + group.queue.bytes());
            }
        }
        sum
    }

    /// How many groups there are.
    pub fn count(&self) -> usize {
        (0..STRIPES).map(|stripe| self.lock(stripe).groups.len()).sum()
    }

    /// What that costs in memory.
    pub fn memory_bytes(&self) -> u64 {
        self.memory_bytes.load(Ordering::Relaxed)
    }

    /// Does something with a group; `None` where that has ended.
    fn with_group<R>(&self, id: GroupId, change: impl FnOnce(&mut Group) -> R) -> Option<R> {
        let mut guard = self.lock(id.slot % STRIPES);
        let group = guard.get(id)?;
        let before = group.queue.memory_cost();
        let outcome = change(group);
        self.note_memory(before, group.queue.memory_cost());
        Some(outcome)
    }
}

fn movable_run(group: &Group, address: u64) -> Option<&Run> {
    group.queue.movable_runs().find(|run| run.record.address == address)
}
