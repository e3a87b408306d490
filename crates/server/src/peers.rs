//! What the shards' threads share beside the broker's own `Shared`: wake-ups, the lane for connections that move, the
//! settings in force, published counters, and the order to stop.
//!
//! What must hold: nothing here is locked for longer than a push or a take, and nothing is locked for each packet. A
//! connection on its way between shards is never refused: it has a Session to go to.

use std::io;
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Barrier, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::Thread;

use midge_broker::ReadRequest;
use midge_broker::ids::ShardId;
use midge_broker::sys::Totals;
use midge_net::{Address, Stream};
use midge_persistence::RunRead;
use mio::Waker;

use crate::authority::{Answer, Asker, Authority, Check, Failures, Workers};
use crate::console::{Incidents, LogFigures, Tally};
use crate::files::{Files, Portion};
use crate::inquiry::Inquiry;
use crate::persistence::Reads;
use crate::presence::Presence;
use crate::published::Published;
use crate::reload_order::ReloadOrder;
use crate::settings::Settings;
use crate::shard::accept::Handed;
use crate::shard::moves::Moved;

/// One for the process, shared by all shards and the thread that waits for signals.
pub(crate) struct Peers {
    peers: Box<[Peer]>,
    /// When it was last told that nothing can be accepted; 0: never.
    shortage_told_ms: AtomicU64,
    stopping: AtomicBool,
    /// The server was told to end.
    ending: AtomicBool,
    /// Nobody answers inquiries any more.
    have_ended: AtomicBool,
    /// Clients may come: the server's own services are there.
    lets_in: AtomicBool,
    /// The log's thread, where there is one.
    log: OnceLock<Thread>,
    /// Who reads from it.
    reads: OnceLock<Reads>,
    /// What is in force.
    settings: Mutex<Arc<Settings>>,
    /// How often it was replaced.
    settings_number: AtomicU64,
    workers: OnceLock<Workers>,
    /// Whether the operator wants what is in force to be another.
    pub(crate) reload_order: ReloadOrder,
    /// Which addresses have failed to log in.
    pub(crate) failures: Failures,
    /// Who reads files for browsers.
    pub(crate) files: Files,
    /// What the console is to know.
    pub(crate) incidents: Incidents,
    /// What the log's thread does.
    pub(crate) log_figures: LogFigures,
    pub(crate) presence: Presence,
    /// The most bytes that were seen on the heap.
    heap_maximum_bytes: AtomicU64,
    /// All shards have come to the same step of the orderly end.
    pub(crate) step: Barrier,
}

/// One shard as the others see it; on cache lines of its own.
#[repr(align(128))]
struct Peer {
    waker: Waker,
    lane: Mutex<Vec<Moved>>,
    inbox: Mutex<Inbox>,
    /// It has taken what was in its inbox.
    inbox_taken: Condvar,
    /// The number of the settings that are in force there.
    settings_number: AtomicU64,
    /// How often it has looked what there is to do.
    turns: AtomicU64,
    published: Published,
    route_times: Tally,
    /// How the system calls its thread; 0: it does not run yet.
    thread: AtomicU32,
}

/// What came for a shard from threads that are none.
#[derive(Default)]
pub(crate) struct Inbox {
    /// What was read from the log.
    pub(crate) read: Vec<RunRead>,
    /// What came of checks.
    pub(crate) answers: Vec<Answer>,
    /// What was read of files.
    pub(crate) portions: Vec<Portion>,
    /// What somebody wants to know.
    pub(crate) inquiries: Vec<Inquiry>,
    /// Connections that other threads have accepted, or made.
    pub(crate) handed: Vec<Handed>,
}

impl Inbox {
    fn is_empty(&self) -> bool {
        let Inbox { read, answers, portions, inquiries, handed } = self;
        let asks_nothing = inquiries.is_empty() && portions.is_empty() && handed.is_empty();
        read.is_empty() && answers.is_empty() && asks_nothing
    }
}

impl Peers {
    pub(crate) fn new(
        wakers: Vec<Waker>,
        settings: Arc<Settings>,
        reload_order: ReloadOrder,
        failures: Failures,
    ) -> Peers {
        let peer = |waker| Peer {
            waker,
            lane: Mutex::default(),
            inbox: Mutex::default(),
            inbox_taken: Condvar::new(),
            settings_number: AtomicU64::new(0),
            turns: AtomicU64::new(0),
            published: Published::default(),
            route_times: Tally::default(),
            thread: AtomicU32::new(0),
        };
        Peers {
            step: Barrier::new(wakers.len()),
            peers: wakers.into_iter().map(peer).collect(),
            shortage_told_ms: AtomicU64::new(0),
            stopping: AtomicBool::new(false),
            ending: AtomicBool::new(false),
            have_ended: AtomicBool::new(false),
            lets_in: AtomicBool::new(false),
            log: OnceLock::new(),
            reads: OnceLock::new(),
            settings: Mutex::new(settings),
            settings_number: AtomicU64::new(0),
            workers: OnceLock::new(),
            reload_order,
            failures,
            files: Files::default(),
            incidents: Incidents::default(),
            log_figures: LogFigures::default(),
            presence: Presence::default(),
            heap_maximum_bytes: AtomicU64::default(),
        }
    }

    /// So many bytes are on the heap; the most that were seen there.
    pub(crate) fn note_heap(&self, bytes: u64) -> u64 {
        self.heap_maximum_bytes.fetch_max(bytes, Ordering::Relaxed).max(bytes)
    }

    /// What is in force.
    pub(crate) fn settings(&self) -> Arc<Settings> {
        Arc::clone(&self.settings.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// From now on these are, also for those who are there.
    pub(crate) fn put_in_force(&self, settings: Arc<Settings>) {
        *self.settings.lock().unwrap_or_else(PoisonError::into_inner) = settings;
        self.settings_number.fetch_add(1, Ordering::Release);
        self.wake_all();
    }

    /// Another number: others are in force.
    pub(crate) fn settings_number(&self) -> u64 {
        self.settings_number.load(Ordering::Acquire)
    }

    /// On this shard these are.
    pub(crate) fn note_settings(&self, me: ShardId, number: u64) {
        self.peer(me).settings_number.store(number, Ordering::Release);
    }

    /// Whether the latest are in force on all shards.
    pub(crate) fn are_settings_in_force(&self) -> bool {
        let number = self.settings_number();
        self.peers.iter().all(|peer| peer.settings_number.load(Ordering::Acquire) == number)
    }

    /// Says who checks what takes its time.
    pub(crate) fn set_workers(&self, workers: Workers) {
        let was_new = self.workers.set(workers).is_ok();
        debug_assert!(was_new, "one set of workers");
    }

    /// Has something checked for who is at this address. `false`: too much waits already.
    pub(crate) fn hand_in(&self, asker: Asker, address: Address, check: Check, authority: &Arc<Authority>) -> bool {
        self.workers.get().is_some_and(|workers| workers.hand_in(asker, address, check, authority))
    }

    /// What came of a check. The caller wakes the shard.
    pub(crate) fn send_answer(&self, answer: Answer) {
        self.inbox(answer.asker.shard).answers.push(answer);
    }

    /// Something was read of a file. The caller wakes the shard.
    pub(crate) fn send_portion(&self, portion: Portion) {
        self.inbox(portion.asker.shard).portions.push(portion);
    }

    /// Has `shard` answer, or do it, in its next turn, and wakes it. What came first is done first.
    pub(crate) fn send_inquiry(&self, shard: ShardId, inquiry: Inquiry) {
        let mut inbox = self.inbox(shard);
        // Looked at with the inbox locked, as `note_ended` empties it.
        if !self.have_ended.load(Ordering::Relaxed) {
            inbox.inquiries.push(inquiry);
        }
        drop(inbox);
        self.wake(shard);
    }

    /// All shards have ended: who has asked something since, or will, hears that there is no answer.
    pub(crate) fn note_ended(&self) {
        self.have_ended.store(true, Ordering::Relaxed);
        self.shards().for_each(|shard| self.inbox(shard).inquiries.clear());
    }

    /// Gives `shard` a connection that was accepted elsewhere, and wakes it.
    pub(crate) fn hand(&self, shard: ShardId, handed: Handed) {
        self.inbox(shard).handed.push(handed);
        self.wake(shard);
    }

    /// This is the thread of a shard.
    pub(crate) fn note_thread(&self, me: ShardId) {
        let thread = rustix::thread::gettid().as_raw_nonzero().get();
        self.peer(me).thread.store(thread.unsigned_abs(), Ordering::Relaxed);
    }

    /// How the system calls the thread of a shard.
    pub(crate) fn thread(&self, shard: ShardId) -> u32 {
        self.peer(shard).thread.load(Ordering::Relaxed)
    }

    /// A pipe into the server for a service, over which it speaks MQTT: its end, which blocks.
    pub(crate) fn open_pipe(&self) -> io::Result<UnixStream> {
        let (ours, theirs) = UnixStream::pair()?;
        self.hand(ShardId(0), Handed::pipe(Stream::of_pair(ours)?));
        Ok(theirs)
    }

    /// All shards.
    pub(crate) fn shards(&self) -> impl ExactSizeIterator<Item = ShardId> + use<> {
        (0..self.peers.len() as u16).map(ShardId)
    }

    /// Ends the sleep of `shard`, or has its next one end at once.
    pub(crate) fn wake(&self, shard: ShardId) {
        // It fails when the counter behind it is full, and then a wake-up is under way already.
        let _ = self.peer(shard).waker.wake();
    }

    /// Says which thread writes the log.
    pub(crate) fn set_log(&self, thread: Thread) {
        let was_new = self.log.set(thread).is_ok();
        debug_assert!(was_new, "one log, one thread");
    }

    /// Ends the sleep of the log's thread.
    pub(crate) fn wake_log(&self) {
        if let Some(thread) = self.log.get() {
            thread.unpark();
        }
    }

    /// Says who reads from the log.
    pub(crate) fn set_reads(&self, reads: Reads) {
        let was_new = self.reads.set(reads).is_ok();
        debug_assert!(was_new, "one log, one reader");
    }

    /// Has something read from the log for `shard`.
    pub(crate) fn ask(&self, shard: ShardId, request: ReadRequest) {
        if let Some(reads) = self.reads.get() {
            reads.ask(shard, request);
        }
    }

    /// Something was read for `shard`. The caller wakes it.
    pub(crate) fn send_read(&self, shard: ShardId, read: RunRead) {
        self.inbox(shard).read.push(read);
    }

    /// Waits until `shard` has taken most of what was read for it: a disk reads faster than clients do, and what is read takes
    /// memory.
    pub(crate) fn wait_for_reads_taken(&self, shard: ShardId) {
        let is_full = |inbox: &mut Inbox| inbox.read.iter().map(RunRead::bytes).sum::<usize>() >= READ_AHEAD_BYTES_MAX;
        let taken = self.peer(shard).inbox_taken.wait_while(self.inbox(shard), is_full);
        drop(taken.unwrap_or_else(PoisonError::into_inner));
    }

    /// Takes what has come for `me`.
    pub(crate) fn take_inbox(&self, me: ShardId) -> Inbox {
        let inbox = std::mem::take(&mut *self.inbox(me));
        if !inbox.read.is_empty() {
            self.peer(me).inbox_taken.notify_one();
        }
        inbox
    }

    /// Puts connections on the lane to `shard`. The caller wakes it if it sleeps.
    pub(crate) fn send(&self, shard: ShardId, moved: &mut Vec<Moved>) {
        self.lane(shard).append(moved);
    }

    /// Takes the connections that have come for `me`.
    pub(crate) fn arrived(&self, me: ShardId) -> Vec<Moved> {
        std::mem::take(&mut *self.lane(me))
    }

    pub(crate) fn has_arrivals(&self, me: ShardId) -> bool {
        !self.lane(me).is_empty() || !self.inbox(me).is_empty()
    }

    pub(crate) fn published(&self, shard: ShardId) -> &Published {
        &self.peer(shard).published
    }

    /// How long messages were on their way through a shard. Its own thread counts.
    pub(crate) fn route_times(&self, shard: ShardId) -> &Tally {
        &self.peer(shard).route_times
    }

    /// Everything that the shards have published, summed.
    pub(crate) fn totals(&self) -> Totals {
        let mut totals = Totals::default();
        self.peers.iter().for_each(|peer| peer.published.add_to(&mut totals));
        totals
    }

    /// Whether it is to be told that nothing can be accepted. All shards find out at the same time, again and again.
    pub(crate) fn is_news_of_shortage(&self, now_ms: u64) -> bool {
        let told_ms = self.shortage_told_ms.load(Ordering::Relaxed);
        let is_news = told_ms == 0 || now_ms >= told_ms + SHORTAGE_TOLD_AGAIN_MS;
        let news_ms = now_ms.max(1);
        is_news
            && self.shortage_told_ms.compare_exchange(told_ms, news_ms, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }

    /// From now on clients may come. Whoever came before waits in the sockets.
    pub(crate) fn let_in(&self) {
        self.lets_in.store(true, Ordering::Release);
        self.wake_all();
    }

    pub(crate) fn lets_in(&self) -> bool {
        self.lets_in.load(Ordering::Acquire)
    }

    /// From now on the server is not to be counted on, though its shards go on for what has to be brought to an end before them.
    pub(crate) fn note_ending(&self) {
        self.ending.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_ending(&self) -> bool {
        self.ending.load(Ordering::Relaxed)
    }

    /// Has all shards end in order.
    pub(crate) fn stop(&self) {
        self.stopping.store(true, Ordering::Release);
        self.wake_all();
    }

    /// A shard has turned so many times.
    pub(crate) fn note_turn(&self, me: ShardId, turns: u64) {
        self.peer(me).turns.store(turns, Ordering::Relaxed);
    }

    /// How often each shard has turned. It will do so at least once more.
    pub(crate) fn turns(&self) -> Vec<u64> {
        let turns = self.peers.iter().map(|peer| peer.turns.load(Ordering::Relaxed)).collect();
        self.wake_all();
        turns
    }

    /// Ends the sleep of all shards.
    pub(crate) fn wake_all(&self) {
        self.shards().for_each(|shard| self.wake(shard));
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Acquire)
    }

    fn inbox(&self, shard: ShardId) -> MutexGuard<'_, Inbox> {
        self.peer(shard).inbox.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lane(&self, shard: ShardId) -> MutexGuard<'_, Vec<Moved>> {
        self.peer(shard).lane.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn peer(&self, shard: ShardId) -> &Peer {
        &self.peers[usize::from(shard.0)]
    }
}

/// What was read for a shard and it has not taken yet; about as much again is in its hands.
const READ_AHEAD_BYTES_MAX: usize = 2 << 20;

/// One line for each stretch of time in which nothing can be accepted.
const SHORTAGE_TOLD_AGAIN_MS: u64 = 60_000;

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{self, RecvTimeoutError};
    use std::time::Duration;

    use midge_broker::Purpose;
    use mio::{Poll, Token};

    use super::*;

    fn peers(wakers: Vec<Waker>) -> Peers {
        Peers::new(wakers, Arc::default(), ReloadOrder::expect().expect("held"), Failures::default())
    }

    /// One who asks is not left waiting by an end.
    #[test]
    fn who_asks_when_shards_have_ended_hears_that_nobody_answers() {
        let poll = Poll::new().expect("epoll");
        let peers = peers(vec![Waker::new(poll.registry(), Token(0)).expect("a waker")]);
        std::thread::scope(|scope| {
            let asked_before = scope.spawn(|| peers.inquire(ShardId(0), |_| ()));
            while peers.inbox(ShardId(0)).inquiries.is_empty() {
                std::thread::yield_now();
            }
            peers.note_ended();
            assert_eq!(asked_before.join().expect("no panic"), None);
        });
        assert_eq!(peers.inquire(ShardId(0), |_| ()), None);
    }

    #[test]
    fn a_disk_that_is_quicker_than_clients_waits_for_them() {
        let poll = Poll::new().expect("epoll");
        let peers = peers(vec![Waker::new(poll.registry(), Token(0)).expect("a waker")]);
        let me = ShardId(0);
        let request = ReadRequest { address: 0, purpose: Purpose::MoveRetained(0) };
        let read = |bytes| RunRead { request, run: vec![0; bytes], referred: Vec::new(), error: None };
        peers.send_read(me, read(READ_AHEAD_BYTES_MAX - 1));
        peers.wait_for_reads_taken(me);
        peers.send_read(me, read(1));
        let (done, is_done) = mpsc::channel();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                peers.wait_for_reads_taken(me);
                done.send(()).expect("somebody listens");
            });
            assert_eq!(is_done.recv_timeout(Duration::from_millis(50)), Err(RecvTimeoutError::Timeout));
            assert_eq!(peers.take_inbox(me).read.len(), 2);
            is_done.recv().expect("it goes on");
        });
    }

    #[test]
    fn a_shortage_is_told_once_a_minute() {
        let peers = peers(Vec::new());
        let told = [0, 0, 100, 59_999, 60_001, 60_002].map(|now_ms| peers.is_news_of_shortage(now_ms));
        assert_eq!(told, [true, false, false, false, true, false]);
    }
}
