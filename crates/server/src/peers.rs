//! What the shards' threads share beside the broker's own `Shared`: wake-ups, the lane for connections that move, the
//! listeners, who decides whom to let in, published counters, and the order to stop.
//!
//! What must hold: nothing here is locked for longer than a push or a take, and nothing is locked for each packet. A
//! connection on its way between shards is never refused: it has a Session to go to.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Barrier, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::Thread;

use midge_broker::ReadRequest;
use midge_broker::ids::{ListenerId, ShardId};
use midge_broker::sys::Totals;
use midge_net::Listener;
use midge_net::tls::TlsListener;
use midge_persistence::RunRead;
use mio::Waker;

use crate::authority::{Answer, Asker, Authority, Check, Failures, Workers};
use crate::files::{Files, Portion};
use crate::options::{CertificateName, ProxyOptions, WebSocketOptions};
use crate::persistence::Reads;
use crate::published::Published;
use crate::shard::moves::Moved;

/// One for the process, shared by all shards and the thread that waits for signals.
pub(crate) struct Peers {
    peers: Box<[Peer]>,
    /// Every listening socket, each accepted from by all shards.
    pub(crate) sockets: Vec<Socket>,
    /// By [`ListenerId`].
    gates: Vec<Gate>,
    /// By [`ListenerId`].
    transports: Vec<Transport>,
    /// Over all listeners.
    gate: Gate,
    /// When it was last told that nothing can be accepted; 0: never.
    shortage_told_ms: AtomicU64,
    stopping: AtomicBool,
    /// The log's thread, where there is one.
    log: OnceLock<Thread>,
    /// Who reads from it.
    reads: OnceLock<Reads>,
    authority: Mutex<Arc<Authority>>,
    /// How often it was replaced.
    authority_number: AtomicU64,
    workers: OnceLock<Workers>,
    /// Which addresses have failed to log in.
    pub(crate) failures: Failures,
    /// Who reads files for browsers.
    pub(crate) files: Files,
    /// All shards have come to the same step of the orderly end.
    pub(crate) step: Barrier,
}

/// One listening socket.
pub(crate) struct Socket {
    pub(crate) listener: ListenerId,
    pub(crate) socket: Listener,
}

/// What lies between the socket and the bytes of MQTT on a listener.
pub(crate) struct Transport {
    pub(crate) proxy: Option<ProxyOptions>,
    pub(crate) tls: Option<TlsListener>,
    pub(crate) websocket: Option<WebSocketOptions>,
    /// What of a client's certificate is its User Name; `None`: it says itself who it is.
    pub(crate) username_of_certificate: Option<CertificateName>,
}

/// Where clients come in, and who decides whether they do.
#[derive(Default)]
pub(crate) struct Doors {
    /// By listener.
    pub(crate) transports: Vec<Transport>,
    /// A listener may have several.
    pub(crate) sockets: Vec<Socket>,
    pub(crate) authority: Arc<Authority>,
    pub(crate) failures: Failures,
}

/// How many connections a listener has, and may have.
pub(crate) struct Gate {
    open: AtomicU32,
    max: Option<u32>,
}

/// One shard as the others see it; on cache lines of its own.
#[repr(align(128))]
struct Peer {
    waker: Waker,
    lane: Mutex<Vec<Moved>>,
    /// What was read for it from the log.
    read: Mutex<Vec<RunRead>>,
    /// What came of checks for it.
    answers: Mutex<Vec<Answer>>,
    /// What was read for it of files.
    portions: Mutex<Vec<Portion>>,
    /// The number of the authority that decides there.
    authority_number: AtomicU64,
    /// How often it has looked what there is to do.
    turns: AtomicU64,
    published: Published,
}

impl Peers {
    pub(crate) fn new(wakers: Vec<Waker>, doors: Doors, gates: Vec<Gate>, gate: Gate) -> Peers {
        let peer = |waker| Peer {
            waker,
            lane: Mutex::default(),
            read: Mutex::default(),
            answers: Mutex::default(),
            portions: Mutex::default(),
            authority_number: AtomicU64::new(0),
            turns: AtomicU64::new(0),
            published: Published::default(),
        };
        Peers {
            step: Barrier::new(wakers.len()),
            peers: wakers.into_iter().map(peer).collect(),
            sockets: doors.sockets,
            transports: doors.transports,
            gates,
            gate,
            shortage_told_ms: AtomicU64::new(0),
            stopping: AtomicBool::new(false),
            log: OnceLock::new(),
            reads: OnceLock::new(),
            authority: Mutex::new(doors.authority),
            authority_number: AtomicU64::new(0),
            workers: OnceLock::new(),
            failures: doors.failures,
            files: Files::default(),
        }
    }

    /// Who decides whom to let in.
    pub(crate) fn authority(&self) -> Arc<Authority> {
        Arc::clone(&self.authority.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// From now on this one does, also about those who are there.
    pub(crate) fn set_authority(&self, authority: Arc<Authority>) {
        *self.authority.lock().unwrap_or_else(PoisonError::into_inner) = authority;
        self.authority_number.fetch_add(1, Ordering::Release);
        self.wake_all();
    }

    /// Another number: another one decides.
    pub(crate) fn authority_number(&self) -> u64 {
        self.authority_number.load(Ordering::Acquire)
    }

    /// On this shard this one decides.
    pub(crate) fn note_authority(&self, me: ShardId, number: u64) {
        self.peer(me).authority_number.store(number, Ordering::Release);
    }

    /// Whether the latest one decides on all shards.
    pub(crate) fn is_authority_in_force(&self) -> bool {
        let number = self.authority_number();
        self.peers.iter().all(|peer| peer.authority_number.load(Ordering::Acquire) == number)
    }

    /// Says who checks what takes its time.
    pub(crate) fn set_workers(&self, workers: Workers) {
        let was_new = self.workers.set(workers).is_ok();
        debug_assert!(was_new, "one set of workers");
    }

    /// Has something checked. `false`: too much waits already.
    pub(crate) fn hand_in(&self, asker: Asker, check: Check, authority: &Arc<Authority>) -> bool {
        self.workers.get().is_some_and(|workers| workers.hand_in(asker, check, authority))
    }

    /// What came of a check. The caller wakes the shard.
    pub(crate) fn send_answer(&self, answer: Answer) {
        self.answers(answer.asker.shard).push(answer);
    }

    /// Takes what came of checks for `me`.
    pub(crate) fn take_answers(&self, me: ShardId) -> Vec<Answer> {
        std::mem::take(&mut *self.answers(me))
    }

    /// Something was read of a file. The caller wakes the shard.
    pub(crate) fn send_portion(&self, portion: Portion) {
        self.portions(portion.asker.shard).push(portion);
    }

    /// Takes what was read of files for `me`.
    pub(crate) fn take_portions(&self, me: ShardId) -> Vec<Portion> {
        std::mem::take(&mut *self.portions(me))
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
        self.read(shard).push(read);
    }

    /// Takes what was read for `me`.
    pub(crate) fn take_read(&self, me: ShardId) -> Vec<RunRead> {
        std::mem::take(&mut *self.read(me))
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
        let has_news = !self.answers(me).is_empty() || !self.portions(me).is_empty();
        has_news || !self.lane(me).is_empty() || !self.read(me).is_empty()
    }

    pub(crate) fn published(&self, shard: ShardId) -> &Published {
        &self.peer(shard).published
    }

    /// Everything that the shards have published, summed.
    pub(crate) fn totals(&self) -> Totals {
        let mut totals = Totals::default();
        self.peers.iter().for_each(|peer| peer.published.add_to(&mut totals));
        totals
    }

    /// The port of `listener`; 0 for a Unix socket.
    pub(crate) fn port(&self, listener: ListenerId) -> u16 {
        let socket = self.sockets.iter().find(|socket| socket.listener == listener);
        socket.map_or(0, |socket| socket.socket.port())
    }

    /// What lies between socket and bytes on `listener`.
    pub(crate) fn transport(&self, listener: ListenerId) -> &Transport {
        &self.transports[usize::from(listener.0)]
    }

    /// Counts one more connection of `listener`, or names the directive that forbids it.
    pub(crate) fn enter(&self, listener: ListenerId) -> Result<(), &'static str> {
        if !self.gates[usize::from(listener.0)].enter() {
            return Err("max_connections");
        }
        if !self.gate.enter() {
            self.gates[usize::from(listener.0)].leave();
            return Err("global_max_connections");
        }
        Ok(())
    }

    /// One connection of `listener` less.
    pub(crate) fn leave(&self, listener: ListenerId) {
        self.gates[usize::from(listener.0)].leave();
        self.gate.leave();
    }

    /// Whether it is to be told that nothing can be accepted. All shards find out at the same time, again and again.
    pub(crate) fn is_news_of_shortage(&self, now_ms: u64) -> bool {
        let told_ms = self.shortage_told_ms.load(Ordering::Relaxed);
        let is_news = told_ms == 0 || now_ms >= told_ms + SHORTAGE_TOLD_AGAIN_MS;
        let news_ms = now_ms.max(1);
        is_news
            && self.shortage_told_ms.compare_exchange(told_ms, news_ms, Ordering::Relaxed, Ordering::Relaxed).is_ok()
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

    fn wake_all(&self) {
        (0..self.peers.len()).for_each(|shard| self.wake(ShardId(shard as u16)));
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Acquire)
    }

    fn read(&self, shard: ShardId) -> MutexGuard<'_, Vec<RunRead>> {
        self.peer(shard).read.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn answers(&self, shard: ShardId) -> MutexGuard<'_, Vec<Answer>> {
        self.peer(shard).answers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn portions(&self, shard: ShardId) -> MutexGuard<'_, Vec<Portion>> {
        self.peer(shard).portions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lane(&self, shard: ShardId) -> MutexGuard<'_, Vec<Moved>> {
        self.peer(shard).lane.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn peer(&self, shard: ShardId) -> &Peer {
        &self.peers[usize::from(shard.0)]
    }
}

impl Gate {
    /// `max`: `None` is no bound.
    pub(crate) fn new(max: Option<u32>) -> Gate {
        Gate { open: AtomicU32::new(0), max }
    }

    /// Counts one more connection, unless the listener has as many as it may.
    fn enter(&self) -> bool {
        let open = self.open.fetch_add(1, Ordering::Relaxed);
        let may = self.max.is_none_or(|max| open < max);
        if !may {
            self.leave();
        }
        may
    }

    fn leave(&self) {
        self.open.fetch_sub(1, Ordering::Relaxed);
    }
}

/// One line for each stretch of time in which nothing can be accepted.
const SHORTAGE_TOLD_AGAIN_MS: u64 = 60_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shortage_is_told_once_a_minute() {
        let peers = Peers::new(Vec::new(), Doors::default(), Vec::new(), Gate::new(None));
        let told = [0, 0, 100, 59_999, 60_001, 60_002].map(|now_ms| peers.is_news_of_shortage(now_ms));
        assert_eq!(told, [true, false, false, false, true, false]);
    }

    #[test]
    fn a_gate_lets_in_as_many_as_it_may() {
        let gate = Gate::new(Some(2));
        assert_eq!([gate.enter(), gate.enter(), gate.enter()], [true, true, false]);
        gate.leave();
        assert_eq!([gate.enter(), gate.enter()], [true, false]);
        assert!(Gate::new(None).enter());
        assert!(!Gate::new(Some(0)).enter());
    }
}
