//! Deadlines that have passed, and mail that has come.

use super::Shard;
use super::deliver::Publication;
use crate::limits;
use crate::mail::{Opened, OpenedContent, Parcel};
use crate::message::MessageParts;
use crate::turn::Turn;

impl Shard {
    /// Handles every deadline that has passed: Keep Alive, ends of identities, Will Delay, Session Expiry, expiry of Retained Messages.
    pub fn handle_timeouts(&mut self, turn: &mut Turn) {
        self.expire_keep_alive(turn);
        self.expire_permits(turn);
        self.expire_absences(turn);
        self.replayed.expire(turn.now.monotonic_ms);
        self.sweep_retained(turn);
        self.hand_out_samples(turn);
    }

    /// Looks at some of the Retained Messages and removes those that have expired `[MQTT-3.3.2-5]`.
    fn sweep_retained(&mut self, turn: &Turn) {
        if self.retained_sweep_at_ms.is_none_or(|at| at > turn.now.monotonic_ms) {
            return;
        }
        let retained = self.shared.retained();
        retained.expire(turn.now.seconds(), limits::RETAINED_SWEEP_NODES_MAX);
        let next_ms = turn.now.monotonic_ms + limits::RETAINED_SWEEP_EVERY_MS;
        self.retained_sweep_at_ms = retained.has_expiring().then_some(next_ms);
    }

    /// When something may be due next, in monotonic milliseconds.
    pub fn next_deadline_ms(&self) -> Option<u64> {
        let deadlines = [
            self.keep_alive.next_deadline_ms(),
            self.permits.next_deadline_ms(),
            self.absences.next_deadline_ms(),
            self.replayed.next_deadline_ms(),
            self.retained_sweep_at_ms,
            self.sampler.due_ms(),
            self.viewers.due_ms(),
        ];
        deadlines.into_iter().flatten().min()
    }

    /// What another shard has sent.
    pub fn handle_mail(&mut self, parcel: &Parcel, turn: &mut Turn) {
        parcel.open(|letter| match letter {
            Opened::Publish { envelope, content, runs, receivers } => {
                let (message, inline) = match content {
                    OpenedContent::Shared(message) => (Some(message.clone()), None),
                    OpenedContent::Inline { topic, properties, payload } => (None, Some((topic, properties, payload))),
                };
                let (topic, properties, payload) = match (&message, inline) {
                    (Some(message), _) => (message.topic(), message.properties(), message.payload()),
                    (None, Some(inline)) => inline,
                    (None, None) => return,
                };
                let parts = MessageParts {
                    topic,
                    properties,
                    payload,
                    qos: envelope.qos,
                    retain: envelope.retain,
                    received_s: envelope.received_s,
                    received_ns: message.as_ref().map_or(0, |message| message.parts().received_ns),
                    expiry_interval_s: envelope.expiry_interval_s,
                };
                let mut publication = Publication::from_mail(envelope, parts, message.clone());
                let mut rest = receivers;
                let lists = runs.iter().map(|&(filter, len)| {
                    let (list, after) = rest.split_at(len as usize);
                    rest = after;
                    (filter, list)
                });
                self.deliver(&mut publication, lists, turn);
            }
            Opened::Assigned { group, member, identifier, qos, message } => {
                self.deliver_assigned(group, member, identifier, qos, message.clone(), turn);
            }
            Opened::Watch { shard, is_on } => self.sampler.watch(shard, is_on),
            Opened::Sample(sample) => self.viewers.add(sample),
        });
    }
}
