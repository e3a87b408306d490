//! The event loop: what its user does, and the turn.

use std::hash::{BuildHasher, RandomState};
use std::io::{self, ErrorKind};
use std::os::fd::AsFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

use midge_client_core::{Accepted, Client, Event, Message, Refusal};
use midge_client_transport::{Endpoint, Failure};
use mio::{Events, Poll, Token, Waker};
use slab::Slab;

use crate::connection::{Connection, Turn};
use crate::resolver::Resolver;
use crate::timers::Timers;
use crate::watch::{Watch, WatchId};
use crate::wire::Room;

/// Connections of one thread.
#[derive(Debug)]
pub struct Driver {
    poll: Poll,
    events: Events,
    waker: Arc<Waker>,
    connections: Slab<Connection>,
    watches: Slab<Watch>,
    /// To be read.
    ready: Vec<usize>,
    /// The memory of the list before.
    spare: Vec<usize>,
    /// To be settled at the end of the turn.
    touched: Vec<usize>,
    timers: Timers,
    resolver: Resolver,
    room: Room,
    start: Instant,
    now_ms: u64,
    chance: Chance,
}

/// A connection. When it was removed, another one may have the same.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct ConnectionId(pub(crate) usize);

impl ConnectionId {
    /// A small number, for tables: connections have the smallest that are free, from 0 on.
    pub fn slot(self) -> usize {
        self.0
    }

    /// The connection with this number.
    pub fn of_slot(slot: usize) -> ConnectionId {
        ConnectionId(slot)
    }
}

/// What a turn tells.
#[derive(Debug)]
pub enum Notice<'a> {
    /// What the state machine of this connection tells.
    Event(ConnectionId, Event<'a>),
    /// A connection could not be made, or has broken; [`Event::Disconnected`] follows. It is made again when
    /// [`Options::reconnect`](midge_client_core::Options::reconnect) says so, and else the connection is over.
    Failed(ConnectionId, &'a Failure),
    /// This file can be read, or has ended.
    Ready(WatchId),
}

/// Whoever is told.
pub type Visit<'a> = &'a mut dyn FnMut(Notice<'_>);

impl Driver {
    /// Without connections.
    ///
    /// # Errors
    /// When the system has no event queue left for us.
    pub fn new() -> io::Result<Driver> {
        let poll = Poll::new()?;
        let waker = Arc::new(Waker::new(poll.registry(), WAKER)?);
        Ok(Driver {
            events: Events::with_capacity(EVENTS_MAX),
            resolver: Resolver::new(Arc::clone(&waker)),
            waker,
            poll,
            connections: Slab::new(),
            watches: Slab::new(),
            ready: Vec::new(),
            spare: Vec::new(),
            touched: Vec::new(),
            timers: Timers::default(),
            room: Room::new(),
            start: Instant::now(),
            now_ms: 0,
            chance: Chance::default(),
        })
    }

    /// Adds a client, which connects with the next turn. `endpoint` may be shared by many.
    pub fn add(&mut self, client: Client, endpoint: impl Into<Arc<Endpoint>>) -> ConnectionId {
        let entry = self.connections.vacant_entry();
        let id = ConnectionId(entry.key());
        entry.insert(Connection::new(id, client, endpoint.into()));
        self.touch(id.0);
        id
    }

    /// Takes a client out. Its connection, if there is one, is closed without a word; [`Client::disconnect`] and a few turns until
    /// [`Driver::is_over`] are the polite way.
    ///
    /// # Panics
    /// When there is no such connection.
    pub fn remove(&mut self, id: ConnectionId) -> Client {
        self.connections.remove(id.0).client
    }

    /// The state machine of a connection.
    ///
    /// # Panics
    /// When there is no such connection.
    pub fn client(&self, id: ConnectionId) -> &Client {
        &self.connections[id.0].client
    }

    /// The same, to be told something. What that puts out is written with the next turn.
    ///
    /// # Panics
    /// When there is no such connection.
    pub fn client_mut(&mut self, id: ConnectionId) -> &mut Client {
        self.touch(id.0);
        &mut self.connections[id.0].client
    }

    /// Publishes a message: [`Client::publish`].
    ///
    /// # Errors
    /// When it is no message, when the Server does not take it, or when there is no room.
    ///
    /// # Panics
    /// When there is no such connection.
    pub fn publish(&mut self, id: ConnectionId, message: &Message<'_>) -> Result<Accepted, Refusal> {
        let now_ms = self.now_ms;
        self.client_mut(id).publish(now_ms, message)
    }

    /// Whether a client has no connection, and wants none any more.
    ///
    /// # Panics
    /// When there is no such connection.
    pub fn is_over(&self, id: ConnectionId) -> bool {
        self.connections[id.0].is_over()
    }

    /// Milliseconds since the driver was made, as of the last wait.
    pub fn now_ms(&self) -> u64 {
        self.now_ms
    }

    /// The time on the clock of [`Driver::now_ms`].
    pub fn ms_of(&self, instant: Instant) -> u64 {
        instant.saturating_duration_since(self.start).as_millis() as u64
    }

    /// Ends the wait of a turn from another thread.
    pub fn waker(&self) -> Arc<Waker> {
        Arc::clone(&self.waker)
    }

    /// Watches a file, such as standard input. Each turn tells it as [`Notice::Ready`] for as long as one read would not block, be it
    /// that it has ended. The file is left in the mode in which it is. A regular file can always be read.
    ///
    /// # Errors
    /// When the system cannot watch it.
    pub fn watch(&mut self, file: &impl AsFd) -> io::Result<WatchId> {
        let entry = self.watches.vacant_entry();
        let key = entry.key();
        entry.insert(Watch::new(file, Token(FIRST_WATCH + key), self.poll.registry())?);
        Ok(WatchId(key))
    }

    /// Whether a file is told of: not, while there is no room for what is in it.
    ///
    /// # Panics
    /// When it is not watched.
    pub fn set_watching(&mut self, id: WatchId, is_wanted: bool) {
        self.watches[id.0].set_wanted(is_wanted);
    }

    /// Watches a file no more.
    ///
    /// # Panics
    /// When it is not watched.
    pub fn unwatch(&mut self, id: WatchId) {
        self.watches.remove(id.0).end(self.poll.registry());
    }

    /// Waits until something can be done, at the longest until `until_ms` on the clock of [`Driver::now_ms`], and does it. May do
    /// nothing. `visit` is told what has happened, in its order.
    ///
    /// # Errors
    /// When the system cannot wait. What goes wrong with one connection is told, and no error.
    pub fn turn(&mut self, until_ms: Option<u64>, visit: Visit<'_>) -> io::Result<()> {
        self.tick();
        // What was said to the clients since. Who is told something now may have an answer to it.
        let mut has_told = false;
        self.settle(&mut |notice| {
            has_told = true;
            visit(notice);
        });
        self.wait(if has_told { Some(0) } else { until_ms })?;
        self.tick();
        self.take_events(visit);
        self.take_answers(visit);
        // Before anybody is judged by the time: it may be us who were away.
        self.read(visit);
        self.take_alarms(visit);
        self.settle(visit);
        Ok(())
    }

    fn tick(&mut self) {
        self.now_ms = self.start.elapsed().as_millis() as u64;
    }

    fn wait(&mut self, until_ms: Option<u64>) -> io::Result<()> {
        let mut is_ready = !self.ready.is_empty();
        for (_, watch) in &mut self.watches {
            is_ready |= watch.prepare(self.poll.registry())?;
        }
        let until_ms = [until_ms, self.timers.next_ms()].into_iter().flatten().min();
        let timeout = match until_ms {
            _ if is_ready => Some(Duration::ZERO),
            until_ms => until_ms.map(|until_ms| Duration::from_millis(until_ms.saturating_sub(self.now_ms))),
        };
        match self.poll.poll(&mut self.events, timeout) {
            Err(error) if error.kind() == ErrorKind::Interrupted => self.events.clear(),
            outcome => outcome?,
        }
        Ok(())
    }

    fn take_events(&mut self, visit: Visit<'_>) {
        let events = std::mem::replace(&mut self.events, Events::with_capacity(0));
        for event in &events {
            match event.token() {
                WAKER => {}
                Token(token) if token >= FIRST_WATCH => {
                    let key = token - FIRST_WATCH;
                    if self.watches.get_mut(key).is_some_and(Watch::note_ready) {
                        visit(Notice::Ready(WatchId(key)));
                    }
                }
                Token(slot) => {
                    let (is_readable, is_writable) = (event.is_readable(), event.is_writable());
                    self.with(slot, visit, |connection, turn| connection.handle_ready(is_readable, is_writable, turn));
                }
            }
        }
        self.events = events;
        for (key, _) in self.watches.iter().filter(|(_, watch)| watch.is_always_ready()) {
            visit(Notice::Ready(WatchId(key)));
        }
    }

    fn take_answers(&mut self, visit: Visit<'_>) {
        for answer in self.resolver.take() {
            self.with(answer.slot, visit, |connection, turn| {
                connection.handle_answer(answer.ticket, answer.addresses, turn);
            });
        }
    }

    fn take_alarms(&mut self, visit: Visit<'_>) {
        while let Some((at_ms, slot)) = self.timers.take(self.now_ms) {
            let Some(connection) = self.connections.get_mut(slot).filter(|it| it.alarm_ms == Some(at_ms)) else {
                continue;
            };
            connection.alarm_ms = None;
            self.with(slot, visit, Connection::handle_timeout);
        }
    }

    /// Reads each that is ready once; what has more comes again in the next turn.
    fn read(&mut self, visit: Visit<'_>) {
        let mut ready = std::mem::replace(&mut self.ready, std::mem::take(&mut self.spare));
        for &slot in &ready {
            self.with(slot, visit, |connection, turn| {
                connection.is_queued = false;
                connection.read(turn);
            });
        }
        ready.clear();
        self.spare = ready;
    }

    /// Lets a connection do something, and has it settled at the end of the turn.
    fn with(&mut self, slot: usize, visit: Visit<'_>, act: impl FnOnce(&mut Connection, &mut Turn<'_>)) {
        let Driver { connections, poll, resolver, room, now_ms, chance, .. } = self;
        let Some(connection) = connections.get_mut(slot) else { return };
        let turn = &mut Turn { now_ms: *now_ms, chance, registry: poll.registry(), resolver, room, visit };
        act(connection, turn);
        self.touch(slot);
        let connection = &mut self.connections[slot];
        if !connection.is_queued && connection.wants_read() {
            connection.is_queued = true;
            self.ready.push(slot);
        }
    }

    fn touch(&mut self, slot: usize) {
        let connection = &mut self.connections[slot];
        if !std::mem::replace(&mut connection.is_touched, true) {
            self.touched.push(slot);
        }
    }

    /// Writes, closes and connects where something has changed, and sets alarms.
    fn settle(&mut self, visit: Visit<'_>) {
        let mut touched = std::mem::take(&mut self.touched);
        for &slot in &touched {
            self.with(slot, visit, |connection, turn| connection.settle(turn));
            let Some(connection) = self.connections.get_mut(slot) else { continue };
            connection.is_touched = false;
            let Some(deadline_ms) = connection.deadline_ms() else { continue };
            if connection.alarm_ms.is_none_or(|alarm_ms| deadline_ms < alarm_ms) {
                connection.alarm_ms = Some(deadline_ms);
                self.timers.set(deadline_ms, slot);
            }
        }
        touched.clear();
        self.touched = touched;
    }
}

/// Numbers for delays, from a seed of the system's.
#[derive(Debug, Default)]
pub(crate) struct Chance {
    seed: RandomState,
    count: u64,
}

impl Chance {
    pub(crate) fn next(&mut self) -> u64 {
        self.count += 1;
        self.seed.hash_one(self.count)
    }
}

/// Taken with one wait.
const EVENTS_MAX: usize = 1024;

const WAKER: Token = Token(usize::MAX);

/// Below are the slots of connections.
const FIRST_WATCH: usize = usize::MAX / 2;
