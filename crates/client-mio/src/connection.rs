//! One connection: a state machine, and the socket that it has or will have.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use midge_client_core::{Client, Event};
use midge_client_transport::{Endpoint, Failure, Layers};
use midge_net::Stream;
use mio::Registry;

use crate::attempt::{Attempt, Place};
use crate::driver::{Chance, ConnectionId, Notice};
use crate::resolver::Resolver;
use crate::wire::{Room, Wire};

/// See the module.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) id: ConnectionId,
    pub(crate) client: Client,
    endpoint: Arc<Endpoint>,
    link: Link,
    /// The beginning of a packet that is not whole.
    unread: Vec<u8>,
    /// When to give up, from the beginning of an attempt until MQTT begins.
    open_by_ms: Option<u64>,
    /// When to give up writing, from the moment when the state machine has told the end of the connection.
    leave_by_ms: Option<u64>,
    /// Attempts so far: the answer to a look-up of an earlier one is not taken.
    attempts: u64,
    /// For the driver: it is in the list of those that are read, or of those that are settled, and its alarm.
    pub(crate) is_queued: bool,
    pub(crate) is_touched: bool,
    pub(crate) alarm_ms: Option<u64>,
}

#[derive(Debug)]
enum Link {
    None,
    Coming(Box<Attempt>),
    Open(Wire),
}

/// What connections need of their driver.
pub(crate) struct Turn<'a> {
    pub(crate) now_ms: u64,
    pub(crate) chance: &'a mut Chance,
    pub(crate) registry: &'a Registry,
    pub(crate) resolver: &'a mut Resolver,
    pub(crate) room: &'a mut Room,
    pub(crate) visit: &'a mut dyn FnMut(Notice<'_>),
}

impl Connection {
    pub(crate) fn new(id: ConnectionId, client: Client, endpoint: Arc<Endpoint>) -> Connection {
        Connection {
            id,
            client,
            endpoint,
            link: Link::None,
            unread: Vec::new(),
            open_by_ms: None,
            leave_by_ms: None,
            attempts: 0,
            is_queued: false,
            is_touched: false,
            alarm_ms: None,
        }
    }

    /// Whether there is no connection, and none is wanted.
    pub(crate) fn is_over(&self) -> bool {
        matches!(self.link, Link::None) && self.client.next_deadline_ms().is_none()
    }

    /// When to look at it without having been asked to.
    pub(crate) fn deadline_ms(&self) -> Option<u64> {
        match &self.link {
            Link::Coming(attempt) => Some(attempt.deadline_ms),
            Link::Open(_) => self.leave_by_ms.or(self.open_by_ms).or(self.client.next_deadline_ms()),
            Link::None => self.client.next_deadline_ms(),
        }
    }

    /// Something has happened to the socket.
    pub(crate) fn handle_ready(&mut self, is_readable: bool, is_writable: bool, turn: &mut Turn<'_>) {
        match &mut self.link {
            Link::None => {}
            Link::Open(wire) => {
                wire.has_more |= is_readable;
                wire.is_blocked &= !is_writable;
            }
            Link::Coming(attempt) => {
                match attempt.handle_ready(&place(&self.endpoint, self.id, turn.registry, turn.now_ms)) {
                    Ok(None) => {}
                    Ok(Some(stream)) => self.open(stream, turn),
                    Err(failure) => self.fail(&failure, turn),
                }
            }
        }
    }

    /// The name was looked up.
    pub(crate) fn handle_answer(&mut self, ticket: u64, found: io::Result<Vec<SocketAddr>>, turn: &mut Turn<'_>) {
        let Link::Coming(attempt) = &mut self.link else { return };
        let place = place(&self.endpoint, self.id, turn.registry, turn.now_ms);
        if let Err(failure) = attempt.handle_answer(&place, ticket, found) {
            self.fail(&failure, turn);
        }
    }

    /// Its alarm has rung.
    pub(crate) fn handle_timeout(&mut self, turn: &mut Turn<'_>) {
        let now_ms = turn.now_ms;
        match &mut self.link {
            Link::None => {}
            Link::Coming(attempt) => {
                let place = place(&self.endpoint, self.id, turn.registry, now_ms);
                if let Err(failure) = attempt.handle_timeout(&place) {
                    self.fail(&failure, turn);
                }
            }
            Link::Open(_) if self.leave_by_ms.is_some_and(|leave_by_ms| leave_by_ms <= now_ms) => self.close(turn),
            Link::Open(_) if self.open_by_ms.is_some_and(|open_by_ms| open_by_ms <= now_ms) => {
                self.fail(&Failure::TimedOut { to: self.endpoint.address.to_string().into() }, turn);
            }
            Link::Open(wire) => {
                if wire.has_more {
                    self.client.handle_unread(now_ms);
                }
                self.act(turn, |client, visit| client.handle_timeout(now_ms, visit));
            }
        }
    }

    /// Reads once, and handles every whole packet.
    pub(crate) fn read(&mut self, turn: &mut Turn<'_>) {
        if let Err(failure) = self.read_once(turn) {
            self.fail(&failure, turn);
        }
    }

    /// Whether the socket is to be read. Where the Server does not take our answers, more of what it sends would only make more.
    pub(crate) fn wants_read(&self) -> bool {
        let has_more = matches!(&self.link, Link::Open(wire) if wire.has_more);
        has_more && self.client.output().len() < UNWRITTEN_BYTES_MAX
    }

    fn read_once(&mut self, turn: &mut Turn<'_>) -> Result<(), Failure> {
        let Link::Open(wire) = &mut self.link else { return Ok(()) };
        let (in_room, outcome) = wire.read(&mut self.unread, turn.room);
        match in_room {
            Some(length) => self.handle_bytes_of_room(length, turn),
            None if !self.unread.is_empty() => self.handle_unread(turn),
            None => {}
        }
        outcome
    }

    fn handle_bytes_of_room(&mut self, length: usize, turn: &mut Turn<'_>) {
        let Turn { now_ms, room, visit, .. } = turn;
        let bytes = &room.buffer[..length];
        let visit = &mut telling(self.id, &mut self.leave_by_ms, *now_ms, *visit);
        let consumed = self.client.handle_bytes(*now_ms, bytes, visit);
        let rest = &bytes[consumed.bytes..];
        if rest.is_empty() {
            self.unread = Vec::new();
        } else {
            self.unread.clear();
            self.unread.extend_from_slice(rest);
        }
    }

    fn handle_unread(&mut self, turn: &mut Turn<'_>) {
        let visit = &mut telling(self.id, &mut self.leave_by_ms, turn.now_ms, turn.visit);
        let consumed = self.client.handle_bytes(turn.now_ms, &self.unread, visit);
        self.unread.drain(..consumed.bytes);
        if self.unread.is_empty() {
            self.unread = Vec::new();
        }
    }

    /// The end of a turn: writes, closes, and begins to connect, as the state machine wants it.
    pub(crate) fn settle(&mut self, turn: &mut Turn<'_>) {
        if matches!(self.link, Link::None) && self.client.wants_connection(turn.now_ms) {
            self.begin(turn);
        }
        if let Err(failure) = self.write(turn) {
            self.read_rest(turn);
            self.fail(&failure, turn);
        }
        let is_greeted = matches!(self.link, Link::Open(_)) && self.open_by_ms.is_none();
        if is_greeted && !self.client.is_connected() && self.leave_by_ms.is_none() {
            // The user leaves.
            self.leave_by_ms = Some(turn.now_ms.saturating_add(LEAVE_MS));
        }
        let is_flushed = match &self.link {
            Link::None => false,
            Link::Coming(_) => true,
            Link::Open(wire) => wire.is_flushed(),
        };
        if is_flushed && self.client.wants_close() {
            self.close(turn);
        }
    }

    fn begin(&mut self, turn: &mut Turn<'_>) {
        self.client.begin_connection();
        self.attempts += 1;
        self.open_by_ms = Some(turn.now_ms.saturating_add(self.endpoint.timeout_ms));
        let place = place(&self.endpoint, self.id, turn.registry, turn.now_ms);
        match Attempt::begin(&place, turn.resolver, self.attempts) {
            Ok(attempt) => self.link = Link::Coming(Box::new(attempt)),
            Err(failure) => self.fail(&failure, turn),
        }
    }

    /// The socket is there.
    fn open(&mut self, stream: Stream, turn: &mut Turn<'_>) {
        match Layers::begin(&self.endpoint) {
            Ok(layers) => self.link = Link::Open(Wire::new(stream, layers)),
            Err(failure) => self.fail(&failure, turn),
        }
    }

    /// Writes until the socket takes no more.
    fn write(&mut self, turn: &mut Turn<'_>) -> Result<(), Failure> {
        let Link::Open(wire) = &mut self.link else { return Ok(()) };
        wire.flush()?;
        if self.open_by_ms.is_some() && wire.is_open() {
            self.open_by_ms = None;
            self.client.handle_connected(turn.now_ms);
        }
        while !wire.is_blocked && !self.client.output().is_empty() {
            let count = wire.write(self.client.output())?;
            wire.flush()?;
            if count == 0 {
                return Ok(());
            }
            let visit = &mut telling(self.id, &mut self.leave_by_ms, turn.now_ms, turn.visit);
            self.client.handle_written(turn.now_ms, count, visit);
        }
        Ok(())
    }

    /// Nothing can be written any more: what has come before counts all the same, above all a DISCONNECT.
    fn read_rest(&mut self, turn: &mut Turn<'_>) {
        while self.leave_by_ms.is_none() {
            let is_empty = matches!(&self.link, Link::Open(wire) if !wire.has_more);
            if self.read_once(turn).is_err() || is_empty {
                return;
            }
        }
    }

    /// There is no connection, or there is none any more.
    fn fail(&mut self, failure: &Failure, turn: &mut Turn<'_>) {
        if let Link::Open(wire) = &mut self.link {
            // Perhaps an alert that says what we do not like; best effort, as the connection is lost.
            let _ = wire.flush();
        }
        // Where the end was told already, this is what comes of it.
        if self.leave_by_ms.is_none() {
            (turn.visit)(Notice::Failed(self.id, failure));
        }
        self.end(turn);
    }

    /// Ends the connection as the state machine wants it.
    fn close(&mut self, turn: &mut Turn<'_>) {
        if let Link::Open(wire) = &mut self.link {
            wire.close(turn.room);
        }
        self.end(turn);
    }

    fn end(&mut self, turn: &mut Turn<'_>) {
        self.link = Link::None;
        self.unread = Vec::new();
        self.open_by_ms = None;
        let (now_ms, random) = (turn.now_ms, turn.chance.next());
        self.act(turn, |client, visit| client.handle_closed(now_ms, random, visit));
        self.leave_by_ms = None;
    }

    fn act(&mut self, turn: &mut Turn<'_>, act: impl FnOnce(&mut Client, &mut dyn FnMut(Event<'_>))) {
        act(&mut self.client, &mut telling(self.id, &mut self.leave_by_ms, turn.now_ms, turn.visit));
    }
}

fn place<'a>(endpoint: &'a Endpoint, id: ConnectionId, registry: &'a Registry, now_ms: u64) -> Place<'a> {
    Place { endpoint, registry, slot: id.0, now_ms }
}

/// Hands events on, and notes when the end of the connection is told.
fn telling<'a>(
    id: ConnectionId,
    leave_by_ms: &'a mut Option<u64>,
    now_ms: u64,
    visit: &'a mut dyn FnMut(Notice<'_>),
) -> impl FnMut(Event<'_>) + 'a {
    move |event| {
        if matches!(event, Event::Disconnected(_)) {
            *leave_by_ms = Some(now_ms.saturating_add(LEAVE_MS));
        }
        visit(Notice::Event(id, event));
    }
}

/// While so much is unwritten nothing more is read.
const UNWRITTEN_BYTES_MAX: usize = 1 << 20;

/// So long a Server that does not read is waited for, when all that is left is to be written.
const LEAVE_MS: u64 = 2_000;
