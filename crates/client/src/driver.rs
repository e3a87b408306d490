//! The task: makes connections, moves bytes, and tells the state machine the time.

use std::cell::RefCell;
use std::future::poll_fn;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

use midge_client_transport::{Endpoint, Failure};
use tokio::task::JoinHandle;
use tokio::time::sleep_until;

use crate::incoming::Incident;
use crate::shared::{Shared, State};
use crate::socket::Socket;

/// Drives the client until its user leaves. `keeper` is who keeps its outbox.
pub(crate) async fn drive(shared: Arc<Shared>, endpoint: Arc<Endpoint>, keeper: Option<JoinHandle<()>>) {
    while wait_for_turn(&shared).await {
        shared.lock().client.begin_connection();
        match connect(&shared, &endpoint).await {
            None => {}
            Some(Err(failure)) => shared.lock().inbox.tell(Incident::Failed(Arc::new(failure))),
            Some(Ok(socket)) => {
                shared.lock().client.handle_connected(shared.now_ms());
                let mut connection = Connection { shared: &shared, socket, unread: Vec::new(), leave_by_ms: None };
                if let Err(failure) = connection.serve().await {
                    connection.fail(failure);
                }
            }
        }
        let (now_ms, random) = (shared.now_ms(), RandomState::new().hash_one(0));
        let mut state = shared.lock();
        state.act(|client, visit| client.handle_closed(now_ms, random, visit));
        if let Some(gate) = &mut state.gate {
            gate.handle_closed();
        }
    }
    if let Some(keeper) = keeper {
        end_outbox(&shared, keeper).await;
    }
    shared.lock().end();
    shared.room.notify_waiters();
    shared.kept.notify_waiters();
    shared.over.notify_waiters();
}

/// Waits until everything is kept, and the folder is free for others.
async fn end_outbox(shared: &Shared, keeper: JoinHandle<()>) {
    // A log that has failed keeps nothing; what it has will be sent again.
    let _ = shared.wait_until_kept(None).await;
    if let Some(gate) = &mut shared.lock().gate {
        gate.is_closed = true;
    }
    shared.gathered.notify_one();
    let _ = keeper.await;
}

/// Waits until a connection is wanted; `false`: none will be.
async fn wait_for_turn(shared: &Shared) -> bool {
    loop {
        let at_ms = {
            let mut state = shared.lock();
            if state.has_failed() {
                return false;
            }
            state.leave_if_done();
            state.client.next_deadline_ms()
        };
        let Some(at_ms) = at_ms else { return false };
        if at_ms <= shared.now_ms() {
            return true;
        }
        tokio::select! {
            () = sleep_until(shared.instant(at_ms).into()) => {}
            () = shared.wake.notified() => {}
        }
    }
}

/// A connection; `None` where the user leaves meanwhile.
async fn connect(shared: &Shared, endpoint: &Endpoint) -> Option<Result<Socket, Failure>> {
    // Apart, so that a connection that is there does not hold the room for what it took to make it.
    let mut connecting = Box::pin(Socket::connect(endpoint));
    while !shared.lock().client.wants_close() {
        tokio::select! {
            outcome = &mut connecting => return Some(outcome),
            () = shared.wake.notified() => {}
        }
    }
    None
}

/// A connection that is there.
struct Connection<'a> {
    shared: &'a Shared,
    socket: Socket,
    /// The beginning of a packet that is not whole.
    unread: Vec<u8>,
    /// When to give up writing, from the moment when the connection is over for the state machine.
    leave_by_ms: Option<u64>,
}

impl Connection<'_> {
    /// Serves it until it ends.
    async fn serve(&mut self) -> Result<(), Failure> {
        let shared = self.shared;
        // Deadlines move with every packet, and nearly always to later: then it is left to go off too early.
        let alarm = sleep_until(shared.instant(NEVER_MS).into());
        // Kept over the turns: to begin and to end waiting costs more than to go on.
        let wake = shared.wake.notified();
        tokio::pin!(alarm, wake);
        while let Some(Wait { is_blocked, may_read, deadline_ms }) = self.turn()? {
            let deadline = shared.instant(deadline_ms).into();
            if deadline < alarm.deadline() || alarm.is_elapsed() {
                alarm.as_mut().reset(deadline);
            }
            tokio::select! {
                biased;
                () = &mut alarm => self.handle_timeout(may_read),
                () = &mut wake => wake.set(shared.wake.notified()),
                outcome = self.work(may_read, is_blocked) => outcome?,
            }
        }
        Ok(())
    }

    /// Writes what may leave, and says what to wait for; `None`: the connection is to be closed, and is.
    fn turn(&mut self) -> Result<Option<Wait>, Failure> {
        let mut state = self.shared.lock();
        if state.has_failed() {
            return Ok(None);
        }
        let now_ms = self.shared.now_ms();
        state.end_holding_if_due(now_ms);
        let is_blocked = self.write(&mut state, now_ms)?;
        if std::mem::take(&mut state.has_ended) {
            // There may be room for one who waits to publish.
            self.shared.room.notify_one();
        }
        if !state.client.is_connected() {
            self.leave_by_ms.get_or_insert(now_ms + LEAVE_MS);
        }
        let is_late = self.leave_by_ms.is_some_and(|leave_by_ms| leave_by_ms <= now_ms);
        if state.client.wants_close() && !is_blocked || is_late {
            ROOM.with_borrow_mut(|room| self.socket.close(room));
            return Ok(None);
        }
        // Who is slow to listen is sent no more, unless he waits for an answer himself: his handler may publish. Where the Server is
        // slow, it is read on for a while, or both would wait.
        let has_room = state.inbox.has_room() || state.is_waited_for();
        let may_read = has_room && state.client.output().len() < UNWRITTEN_BYTES_MAX;
        state.is_paused = !may_read;
        let held_until_ms = state.inbox.held.deadline_ms().filter(|_| state.client.is_online());
        let next_ms = state.client.next_deadline_ms().into_iter().chain(held_until_ms).min();
        let deadline_ms = self.leave_by_ms.or(next_ms).unwrap_or(NEVER_MS);
        Ok(Some(Wait { is_blocked, may_read, deadline_ms }))
    }

    /// Writes what may leave, as far as the socket takes it. Whether it does not take all.
    fn write(&mut self, state: &mut State, now_ms: u64) -> Result<bool, Failure> {
        if !self.socket.flush()? {
            return Ok(true);
        }
        loop {
            // When all was written there may be nothing left to do.
            state.leave_if_done();
            let open = self.shared.open_bytes(state);
            if open == 0 {
                break;
            }
            let count = self.socket.write(&state.client.output()[..open])?;
            if count == 0 {
                return Ok(true);
            }
            if let Some(gate) = &mut state.gate {
                gate.handle_written(count);
            }
            state.act(|client, visit| client.handle_written(now_ms, count, visit));
        }
        self.socket.flush().map(|is_done| !is_done)
    }

    /// Waits until the socket can do something. What there is to be read is handled at once.
    async fn work(&mut self, may_read: bool, is_blocked: bool) -> Result<(), Failure> {
        poll_fn(|context| {
            if is_blocked && let Poll::Ready(outcome) = self.socket.poll_writable(context) {
                return Poll::Ready(outcome);
            }
            if may_read { self.poll_read(context) } else { Poll::Pending }
        })
        .await
    }

    fn handle_timeout(&self, may_read: bool) {
        let now_ms = self.shared.now_ms();
        let mut state = self.shared.lock();
        if !may_read {
            state.client.handle_unread(now_ms);
        }
        state.act(|client, visit| client.handle_timeout(now_ms, visit));
    }

    /// Reads once, and hands on every whole packet.
    fn poll_read(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        ROOM.with_borrow_mut(|room| {
            let outcome = ready!(self.socket.poll_read(context, room, &mut self.unread));
            self.handle_bytes(&room[..*outcome.as_ref().unwrap_or(&0)]);
            Poll::Ready(outcome.map(drop))
        })
    }

    fn handle_bytes(&mut self, bytes: &[u8]) {
        let now_ms = self.shared.now_ms();
        if self.unread.is_empty() {
            let consumed = self.shared.lock().act(|client, visit| client.handle_bytes(now_ms, bytes, visit));
            self.unread.extend_from_slice(&bytes[consumed.bytes..]);
            return;
        }
        self.unread.extend_from_slice(bytes);
        let unread = &self.unread;
        let consumed = self.shared.lock().act(|client, visit| client.handle_bytes(now_ms, unread, visit));
        self.unread.drain(..consumed.bytes);
        if self.unread.is_empty() {
            self.unread = Vec::new();
        }
    }

    /// The connection has broken. What has come before counts all the same, above all a DISCONNECT; where the end was told already,
    /// this is what comes of it.
    fn fail(&mut self, failure: Failure) {
        // Perhaps an alert that says what we do not like; best effort.
        let _ = self.socket.flush();
        for _ in 0..LAST_READS {
            let context = &mut Context::from_waker(Waker::noop());
            if !matches!(self.poll_read(context), Poll::Ready(Ok(()))) {
                break;
            }
        }
        let mut state = self.shared.lock();
        if state.client.is_connected() {
            state.inbox.tell(Incident::Failed(Arc::new(failure)));
        }
    }
}

/// What a turn waits for.
struct Wait {
    /// Something is left to be written.
    is_blocked: bool,
    may_read: bool,
    /// When to look again.
    deadline_ms: u64,
}

thread_local! {
    /// What is read, until it is handled: a connection that is idle keeps no buffer.
    static ROOM: RefCell<Box<[u8]>> = RefCell::new(vec![0; READ_BYTES].into_boxed_slice());
}

/// Read at a time.
const READ_BYTES: usize = 64 << 10;

/// So often what is left in a socket is read that has broken: it may hold as much as that.
const LAST_READS: usize = 16;

/// While so much is unwritten nothing more is read: answers to it would only take memory.
const UNWRITTEN_BYTES_MAX: usize = 1 << 20;

/// So long a Server that does not read is waited for, when all that is left is to be written.
const LEAVE_MS: u64 = 2_000;

/// A year: where there is no deadline.
const NEVER_MS: u64 = 365 * 24 * 3_600_000;
