//! A share group that is being put together.

use super::queue::{DraftQueue, Held};
use crate::message::Message;

/// See the module.
pub(super) struct DraftGroup {
    pub share: Box<str>,
    pub queue: DraftQueue,
}

impl DraftGroup {
    pub(super) fn new(share: &str) -> DraftGroup {
        DraftGroup { share: share.into(), queue: DraftQueue::default() }
    }

    /// It has the message, in memory or in the hands of a member, wherever it was before.
    pub(super) fn hold(&mut self, message: Message) {
        self.queue.done_in_run(message.identity());
        self.queue.insert(Held::of(message));
    }
}
