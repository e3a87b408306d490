//! Questions to shards by threads that are none. A shard answers in its next turn, from what its broker knows then.
//!
//! What must hold: an answer is a small part of a turn and changes nothing, so that messages do not notice; an order of the operator
//! is as small. Who wants to
//! know all of something asks for portions, one after the other, each when the one before has come.
//!
//! What is asked for most stands here as well, for whoever shows it to people: the server as a whole ([`overview`]), its clients
//! ([`clients`]), and those among them that have most of something ([`ranking`]).

mod clients;
mod overview;
mod ranking;

use std::sync::mpsc;

use midge_broker::ids::ShardId;

pub(crate) use self::clients::{Client, ClientCursor, ClientPortion, ClientSocket, protocol};
pub(crate) use self::overview::OverviewSource;
pub(crate) use self::ranking::{Ranking, SortKey};
use crate::peers::Peers;
use crate::shard::Shard;
use crate::trace::TraceOrder;

/// What somebody wants of a shard.
pub(crate) enum Inquiry {
    /// To know something. What is done with the answer: it is handed on, and nothing is waited for.
    Question(Box<dyn FnOnce(&Shard) + Send>),
    /// Something to be done.
    Order(Box<dyn FnOnce(&mut Shard) + Send>),
    /// To see packets, or not any more.
    Trace(TraceOrder),
}

impl Peers {
    /// Asks `shard` and waits for its answer; `None`: it has ended, or ends before it answers. Not to be called by shards.
    pub(crate) fn inquire<T: Send + 'static>(
        &self,
        shard: ShardId,
        question: impl FnOnce(&Shard) -> T + Send + 'static,
    ) -> Option<T> {
        let (sender, receiver) = mpsc::sync_channel(1);
        // Nobody may be waiting any more, and then the answer is not missed.
        let answer = move |shard: &Shard| drop(sender.try_send(question(shard)));
        self.send_inquiry(shard, Inquiry::Question(Box::new(answer)));
        receiver.recv().ok()
    }

    /// Waits until what was acknowledged before has come to where it is wanted, be that on another shard, as far as it is not written to
    /// disk first. Blocks for a turn or two of each shard.
    pub(crate) fn settle(&self) {
        // Every shard answers in the middle of a turn, after mail and before input: the first answer says that what it acknowledged is on its
        // way to others, the second that they have it, and the third that they have written it to its receivers.
        for _ in 0..3 {
            for shard in self.shards() {
                let _ = self.inquire(shard, |_| ());
            }
        }
    }

    /// Has `shard` do something, and waits until it is done; `None`: it ended before. Otherwise as [`Peers::inquire`].
    pub(crate) fn order<T: Send + 'static>(
        &self,
        shard: ShardId,
        order: impl FnOnce(&mut Shard) -> T + Send + 'static,
    ) -> Option<T> {
        let (sender, receiver) = mpsc::sync_channel(1);
        let order = move |shard: &mut Shard| drop(sender.try_send(order(shard)));
        self.send_inquiry(shard, Inquiry::Order(Box::new(order)));
        receiver.recv().ok()
    }
}
