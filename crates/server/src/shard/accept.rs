//! New connections. All shards wait on all listening sockets; who is free accepts.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use midge_broker::ids::ListenerId;
use midge_net::{Address, Stream, sys, words};
use mio::Token;

use super::connection::{Mark, Phase};
use super::memory_limit::MEMORY_LIMIT;
use super::{Shard, WAKER};
use crate::log::{About, LogType};
use crate::settings::{Encryption, Settings, Socket};

/// What a shard remembers of the listening sockets.
#[derive(Default)]
pub(super) struct Acceptor {
    /// The numbers of sockets at which connections wait.
    noticed: Vec<usize>,
    is_open: bool,
    resume_at_ms: Option<u64>,
    /// Connections for which there is no room yet, in the order in which they came.
    waiting: Vec<Newcomer>,
}

/// A connection that came when there were as many as there may be. Somebody may have gone before it came, and nobody has read that
/// yet, here or on another shard.
struct Newcomer {
    listener: ListenerId,
    stream: Stream,
    address: Address,
    /// Somebody in front of us has seen TLS.
    is_encrypted_before: bool,
    until_ms: u64,
}

/// A connection that was accepted, or made, by a thread that is no shard.
pub(crate) struct Handed {
    /// A console's, or [`ListenerId::SERVICES`].
    pub(crate) listener: ListenerId,
    pub(crate) stream: Stream,
    pub(crate) address: Address,
    /// It is encrypted as far as that thread.
    pub(crate) is_encrypted: bool,
}

impl Handed {
    /// Our end of the pipe of one of the server's own services.
    pub(crate) fn pipe(stream: Stream) -> Handed {
        let address = Address::Unix(Arc::new(PathBuf::from("itself")));
        Handed { listener: ListenerId::SERVICES, stream, address, is_encrypted: false }
    }
}

impl Acceptor {
    /// An event says that connections wait.
    pub(super) fn notice(&mut self, socket: usize) {
        self.noticed.push(socket);
    }

    /// When accepting goes on, if it rests.
    pub(super) fn resume_at_ms(&self) -> Option<u64> {
        self.resume_at_ms
    }

    /// For how long to sleep at most, because somebody waits for room.
    pub(super) fn wait_ms(&self) -> Option<u64> {
        (!self.waiting.is_empty()).then_some(WAIT_STEP_MS)
    }

    /// Out of descriptors: rest, or a level-triggered event would come again and again.
    fn rest(&mut self, now_ms: u64) {
        self.resume_at_ms = Some(now_ms + REST_MS);
    }

    /// Whether the rest is over.
    fn is_rested(&mut self, now_ms: u64) -> bool {
        self.resume_at_ms.take_if(|at| *at <= now_ms).is_some()
    }
}

/// The token of the listening socket of that number.
fn token_of(socket: usize) -> Token {
    Token(WAKER.0 - 1 - socket)
}

/// The opposite of [`token_of`]; `None` for a connection's token.
pub(super) fn socket_of(token: Token) -> Option<usize> {
    let socket = WAKER.0 - 1 - token.0;
    (socket < SOCKETS_MAX).then_some(socket)
}

impl Shard {
    /// Begins to wait on the listening sockets.
    pub(super) fn open_doors(&mut self) -> io::Result<()> {
        // Those of the console are accepted from by its own thread.
        let of_shards = |socket: &&Socket| self.settings.door(socket.listener).http.is_none();
        for socket in self.settings.sockets.iter().filter(of_shards) {
            sys::add_shared_listener(self.poll.registry(), &*socket.socket, token_of(socket.number))?;
        }
        self.acceptor.is_open = true;
        Ok(())
    }

    /// Waits on them no more.
    pub(super) fn close_doors(&mut self) {
        if !std::mem::take(&mut self.acceptor.is_open) {
            return;
        }
        for socket in &self.settings.sockets {
            // It can only fail for a socket that is not registered, which is what is wanted.
            let _ = sys::remove_shared_listener(self.poll.registry(), &*socket.socket);
        }
        self.acceptor.noticed.clear();
    }

    /// Waits on the listening sockets of `settings` from now on. A listener that stays misses nothing: who knocks meanwhile is
    /// still there afterwards.
    pub(super) fn change_doors(&mut self, settings: Arc<Settings>) {
        let was_open = self.acceptor.is_open;
        self.close_doors();
        // Their listener may be another one from now on.
        self.admit_waiting(u64::MAX);
        self.settings = settings;
        if was_open && let Err(error) = self.open_doors() {
            self.acceptor.rest(self.turn.now.monotonic_ms);
            self.warn(format_args!("Warning: unable to wait for new connections: {}", words(&error)));
        }
    }

    /// Accepts what waits, some from each socket.
    pub(super) fn accept(&mut self) {
        for number in std::mem::take(&mut self.acceptor.noticed) {
            let sockets = &self.settings.sockets;
            if let Some(socket) = sockets.iter().find(|socket| socket.number == number).cloned() {
                self.accept_from(&socket);
            }
        }
    }

    /// Goes on after a rest.
    pub(super) fn accept_again(&mut self, now_ms: u64) {
        if self.acceptor.is_rested(now_ms)
            && let Err(error) = self.open_doors()
        {
            self.acceptor.rest(now_ms);
            self.warn(format_args!("Warning: unable to wait for new connections: {}", words(&error)));
        }
    }

    fn accept_from(&mut self, socket: &Socket) {
        for _ in 0..ACCEPTS_PER_TURN {
            match socket.socket.accept() {
                Ok((stream, address)) => self.admit(socket.listener, stream, address, false),
                Err(error) => match error.kind() {
                    io::ErrorKind::WouldBlock => return,
                    // It came and went; or a signal.
                    io::ErrorKind::ConnectionAborted | io::ErrorKind::Interrupted => {}
                    _ => return self.rest_from_accepting(&error),
                },
            }
        }
    }

    /// Mostly out of file descriptors or memory. Whoever waits is accepted later; those who are connected are served.
    fn rest_from_accepting(&mut self, error: &io::Error) {
        self.close_doors();
        let now_ms = self.turn.now.monotonic_ms;
        self.acceptor.rest(now_ms);
        if self.peers.is_news_of_shortage(now_ms) {
            self.warn(format_args!("Warning: unable to accept new connections for now: {}", words(error)));
        }
    }

    /// Takes what other threads have accepted and hand over.
    pub(super) fn take_handed(&mut self, handed: Vec<Handed>) {
        for Handed { listener, stream, address, is_encrypted } in handed {
            if listener == ListenerId::SERVICES {
                self.serve_service(stream, address);
            // A reload may have made the listener another one meanwhile.
            } else if self.settings.doors.get(usize::from(listener.0)).is_some_and(|door| door.http.is_some()) {
                self.admit(listener, stream, address, is_encrypted);
            }
        }
    }

    fn admit(&mut self, listener: ListenerId, stream: Stream, address: Address, is_encrypted_before: bool) {
        self.sockets.accepted += 1;
        let door = self.settings.door(listener);
        let is_encrypted = door.encryption.is_some() && door.http.is_none();
        if door.proxy.is_none() {
            self.tell_arrival(listener, &address);
        }
        let now_ms = self.turn.now.monotonic_ms;
        if is_encrypted && self.shared.is_memory_short() {
            return self.tell_denied(&address, MEMORY_LIMIT);
        }
        if let Err(directive) = self.settings.count_arrival(listener, &address, now_ms) {
            return self.tell_denied(&address, directive);
        }
        let until_ms = now_ms + WAIT_MS;
        self.find_room(Newcomer { listener, stream, address, is_encrypted_before, until_ms }, now_ms);
    }

    /// Lets those in who wait, as far as there is room now, and sends those away who have waited long enough.
    pub(super) fn admit_waiting(&mut self, now_ms: u64) {
        for newcomer in std::mem::take(&mut self.acceptor.waiting) {
            self.find_room(newcomer, now_ms);
        }
    }

    fn find_room(&mut self, newcomer: Newcomer, now_ms: u64) {
        match self.settings.enter(newcomer.listener) {
            Ok(()) => self.begin(newcomer),
            Err(_) if now_ms < newcomer.until_ms && self.acceptor.waiting.len() < WAITING_MAX => {
                self.acceptor.waiting.push(newcomer);
            }
            Err(directive) => self.tell_denied(&newcomer.address, directive),
        }
    }

    fn begin(&mut self, newcomer: Newcomer) {
        let Newcomer { listener, stream, address, is_encrypted_before, .. } = newcomer;
        let door = self.settings.door(listener);
        let (is_proxied, behind_proxy) = (door.proxy.is_some(), Phase::behind_proxy(door));
        let encryption = door.encryption.as_ref().filter(|_| door.http.is_none());
        let begin =
            |encryption: &Encryption| encryption.listener.begin(self.settings.authority.pre_shared_keys(listener));
        let stream = match encryption.map(begin).transpose() {
            Ok(None) if behind_proxy == Phase::Greeting => stream,
            Ok(tls) => stream.with_layers(tls),
            Err(error) => {
                self.settings.leave(listener);
                return self.warn(format_args!("Warning: unable to serve a new connection: {error}"));
            }
        };
        let phase = if is_proxied { Phase::Proxied } else { behind_proxy };
        let index = self.insert(stream, address, listener.0, phase);
        self.connections[index].set(Mark::ProxiedTls, is_encrypted_before);
        if let Err(error) = self.register(index) {
            self.remove(index);
            return self.warn(format_args!("Warning: unable to serve a new connection: {error}"));
        }
        let generation = self.connections[index].generation;
        self.greetings.push(self.turn.now.monotonic_ms, index, generation);
    }

    /// Serves one of the server's own services: like a client, but nobody asks how many of them there may be.
    fn serve_service(&mut self, stream: Stream, address: Address) {
        let index = self.insert(stream, address, ListenerId::SERVICES.0, Phase::Greeting);
        if let Err(error) = self.register(index) {
            self.remove(index);
            self.warn(format_args!("Warning: unable to serve a pipe of the server itself: {error}"));
        }
    }

    /// Ends a connection that has come only so far, because this directive does not allow it.
    pub(super) fn deny(&mut self, index: usize, directive: &str) {
        let connection = &mut self.connections[index];
        connection.phase = Phase::Ending;
        self.ended.push(index);
        let address = connection.address.clone();
        self.tell_denied(&address, directive);
    }

    /// A connection is closed again, because this directive does not allow it.
    pub(super) fn tell_denied(&mut self, address: &Address, directive: &str) {
        self.sockets.refused += 1;
        self.witness.note_refused(&format!("{directive} exceeded"), address);
        let text = format_args!("Client connection from {} denied: {directive} exceeded.", address.host());
        let about = About::connection("denied", address);
        self.log.repeated_line_about(self.turn.now.wall_s, LogType::Notice, ("denied connections", &about), text);
    }

    /// As [`Shard::tell_arrival`], where it was not known at first from where.
    pub(super) fn tell_new_connection(&mut self, index: usize) {
        let connection = &self.connections[index];
        let (listener, address) = (ListenerId(connection.listener), connection.address.clone());
        self.tell_arrival(listener, &address);
    }

    fn tell_arrival(&mut self, listener: ListenerId, address: &Address) {
        if self.log.wants_connections() {
            let port = self.settings.port(listener);
            let text = format_args!("New connection from {address} on port {port}.");
            let about = About::connection("new_connection", address);
            self.log.repeated_line_about(self.turn.now.wall_s, LogType::Notice, ("new connections", &about), text);
        }
    }
}

/// Connections accepted from one socket in one turn: enough that a storm of them is worked off in batches, few enough
/// that those who are connected are not kept waiting (an accept costs about 3 µs).
const ACCEPTS_PER_TURN: usize = 64;

/// How long a connection waits for room: no turn takes as long.
const WAIT_MS: u64 = 20;

/// After so long it is looked whether there is room.
const WAIT_STEP_MS: u64 = 1;

/// Connections that wait for room.
const WAITING_MAX: usize = ACCEPTS_PER_TURN;

/// How long to accept nothing when the process is out of descriptors. Connections end meanwhile, or do not.
const REST_MS: u64 = 100;

/// More listening sockets than anybody opens; what lies below their tokens is a connection's.
const SOCKETS_MAX: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_tell_sockets_from_connections() {
        assert_eq!(socket_of(token_of(0)), Some(0));
        assert_eq!(socket_of(token_of(17)), Some(17));
        assert_eq!(socket_of(Token(0)), None);
        assert_eq!(socket_of(Token(19_000)), None);
        assert_ne!(token_of(0), WAKER);
    }

    #[test]
    fn a_rest_ends() {
        let mut acceptor = Acceptor::default();
        acceptor.rest(1_000);
        assert!(!acceptor.is_rested(1_099));
        assert_eq!(acceptor.resume_at_ms(), Some(1_100));
        assert!(acceptor.is_rested(1_100));
        assert_eq!(acceptor.resume_at_ms(), None);
    }
}
