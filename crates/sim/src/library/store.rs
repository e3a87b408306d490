//! The durable outbox of a program: the real records and what they come to, on a disk that keeps what was saved.

use midge_client_core::{Client, Ledger, Message, Options, Record, Step};

use super::Shown;
use crate::ground::Ground;
use crate::mutation::Mutation;
use crate::record::MessageId;

/// See the module.
#[derive(Default)]
pub(super) struct Store {
    ledger: Ledger,
    unsaved: Vec<u8>,
    /// What counts when that is saved: messages that were shown, and those that were accepted.
    shown: Vec<Shown>,
    promised: Vec<MessageId>,
}

impl Store {
    /// A message was accepted; its number in the world, if it must end.
    pub(super) fn add_message(&mut self, number: u64, message: &Message<'_>, ground: &Ground, id: Option<MessageId>) {
        if !ground.is_mutated(Mutation::ForgottenAccepted) || !number.is_multiple_of(8) {
            Record::Accepted { number, at_ms: ground.now_ms(), message: *message }.encode(&mut self.unsaved);
        }
        self.promised.extend(id);
    }

    /// Takes over the steps of the client.
    pub(super) fn add_steps(&mut self, client: &mut Client, ground: &Ground) {
        for step in client.take_steps() {
            let is_forgotten = match step {
                Step::Released { .. } => ground.is_mutated(Mutation::ForgottenRelease),
                Step::Received { .. } => ground.is_mutated(Mutation::ForgottenReceived),
                Step::Ended { number } => ground.is_mutated(Mutation::DoubledReplay) && number.is_multiple_of(4),
                _ => false,
            };
            if !is_forgotten {
                Record::Step(step).encode(&mut self.unsaved);
            }
        }
    }

    /// A message was shown, and is not to be shown again when this is saved.
    pub(super) fn add_shown(&mut self, shown: Option<Shown>) {
        self.shown.extend(shown);
    }

    pub(super) fn is_saved(&self) -> bool {
        self.unsaved.is_empty() && self.shown.is_empty() && self.promised.is_empty()
    }

    /// Everything is on the disk now: what counts from now on.
    pub(super) fn save(&mut self) -> (Vec<Shown>, Vec<MessageId>) {
        let are_records = self.ledger.apply(&std::mem::take(&mut self.unsaved));
        assert!(are_records, "records that nobody can read");
        (std::mem::take(&mut self.shown), std::mem::take(&mut self.promised))
    }

    /// The program is killed.
    pub(super) fn forget_unsaved(&mut self) {
        self.unsaved.clear();
        self.shown.clear();
        self.promised.clear();
    }

    /// The client that goes on with what was saved. What stands in the log is read anew, as a start does.
    pub(super) fn restore(&mut self, options: Options, now_ms: u64) -> Client {
        let mut records = Vec::new();
        self.ledger.encode(&mut records);
        self.ledger = Ledger::default();
        let are_records = self.ledger.apply(&records);
        assert!(are_records, "records that nobody can read");
        self.ledger.with_saved(now_ms, |saved| Client::restore(options, saved, now_ms))
    }
}
