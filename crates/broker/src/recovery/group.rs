//! A share group that is being put together.

use super::session::{Held, HeldQueue};
use crate::message::Message;

/// See the module.
pub(super) struct DraftGroup {
    pub share: Box<str>,
    pub held: HeldQueue,
}

impl DraftGroup {
    pub(super) fn new(share: &str) -> DraftGroup {
        DraftGroup { share: share.into(), held: HeldQueue::default() }
    }

    /// It may hold the message already; there is no second one.
    pub(super) fn hold(&mut self, identity: u64, message: Message) {
        if !self.held.contains(identity) {
            self.held.insert(Held::of(message));
        }
    }

    pub(super) fn done(&mut self, identity: u64) {
        self.held.take(identity);
    }

    pub(super) fn take(&mut self, identity: u64) -> Option<Message> {
        self.held.take(identity).map(|held| held.message)
    }
}
