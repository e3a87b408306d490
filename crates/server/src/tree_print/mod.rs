//! SIGUSR2: the tree of Subscriptions and retained topics, on standard output where Mosquitto prints it.
//!
//! A thread of its own asks the shards for portions (`inquiry`), keeps what comes first in the order of the tree, prints
//! that, and asks again for what comes behind it, until nothing is left. So neither shards nor the thread that waits for
//! signals are held up, and memory has a bound ([`SELECTION_BYTES_MAX`]) however many Subscriptions there are: a large tree
//! takes more passes. It is not of one instant: what comes or goes meanwhile is in it or not.

mod outline;
mod selection;

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use midge_net::words;

use midge_broker::SubscriptionCursor;
use midge_broker::ids::ShardId;

use self::outline::Outline;
use self::selection::{Entry, Mark, Path, Selection};
use crate::abort::AbortOnPanic;
use crate::clock::Clock;
use crate::journal::Journal;
use crate::log::{Log, LogBuffer, LogType};
use crate::peers::Peers;

/// See the module.
pub(crate) struct TreePrint {
    peers: Arc<Peers>,
    clock: Clock,
    log: Arc<Log>,
    is_printing: AtomicBool,
}

impl TreePrint {
    pub(crate) fn new(peers: Arc<Peers>, clock: Clock, log: Arc<Log>) -> Arc<TreePrint> {
        Arc::new(TreePrint { peers, clock, log, is_printing: AtomicBool::new(false) })
    }

    /// Has the tree printed. While one is being printed, which may wait for who reads it, there is no second one.
    pub(crate) fn order(self: &Arc<Self>, journal: &mut Journal) {
        if self.is_printing.swap(true, Ordering::Relaxed) {
            let text = format_args!("SIGUSR2: the tree of subscriptions is still being printed.");
            journal.line(LogType::Notice, text);
            return;
        }
        let prints = Arc::clone(self);
        let thread = thread::Builder::new().name("tree-print".to_owned());
        let started = thread.spawn(move || {
            let _on_panic = AbortOnPanic;
            prints.run();
        });
        if let Err(error) = started {
            self.is_printing.store(false, Ordering::Relaxed);
            let text =
                format_args!("Warning: SIGUSR2: the tree of subscriptions cannot be printed: {}.", words(&error));
            journal.line(LogType::Warning, text);
        }
    }

    fn run(&self) {
        let mut outline = Outline::new(io::stdout());
        let printed = self.print(&mut outline);
        let mut journal = Journal(LogBuffer::new(Arc::clone(&self.log)));
        // Before it is told: who has read that may order the next one.
        self.is_printing.store(false, Ordering::Relaxed);
        match printed {
            Ok(()) => {
                let (subscriptions, retained) = (outline.subscriptions, outline.retained);
                let text = format_args!(
                    "SIGUSR2: the tree of subscriptions was printed to standard output \
                     (subscriptions: {subscriptions}, retained messages: {retained})."
                );
                journal.line(LogType::Notice, text);
            }
            Err(error) => {
                let text =
                    format_args!("Warning: SIGUSR2: the tree of subscriptions cannot be printed: {}.", words(&error));
                journal.line(LogType::Warning, text);
            }
        }
    }

    fn print(&self, outline: &mut Outline<impl io::Write>) -> io::Result<()> {
        let mut behind = None;
        loop {
            let mut selection = Selection::new(behind, SELECTION_BYTES_MAX);
            self.peers.shards().for_each(|shard| self.gather_subscriptions(shard, &mut selection));
            self.gather_retained(&mut selection);
            let (entries, last) = selection.finish();
            entries.into_iter().try_for_each(|entry| outline.write(entry))?;
            behind = last;
            if behind.is_none() {
                return outline.finish();
            }
        }
    }

    fn gather_subscriptions(&self, shard: ShardId, selection: &mut Selection) {
        let mut from = Some(SubscriptionCursor::START);
        while let Some(portion) =
            from.and_then(|from| self.peers.inquire(shard, move |shard| shard.broker().list_subscriptions(from)))
        {
            for listed in portion.subscriptions {
                let mark = Mark::Subscriber { client_id: listed.client_id, qos: listed.qos };
                selection.offer(Entry { path: Path::new(&listed.filter), mark });
            }
            from = portion.next;
        }
    }

    /// They belong to no shard. One is asked all the same, so that no other thread ever holds up those that publish.
    fn gather_retained(&self, selection: &mut Selection) {
        let mut from = Some(0);
        let now_s = self.clock.now().seconds();
        while let Some(portion) =
            from.and_then(|from| self.peers.inquire(ShardId(0), move |shard| shard.broker().list_retained(from, now_s)))
        {
            for listed in portion.messages {
                selection.offer(Entry { path: Path::new(listed.message.topic()), mark: Mark::Retained });
            }
            from = portion.next;
        }
    }
}

/// What one pass holds: the Subscriptions of a hundred thousand Clients.
const SELECTION_BYTES_MAX: usize = 16 << 20;
