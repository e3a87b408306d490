//! New connections. All shards wait on all listening sockets; who is free accepts.

use std::io;

use midge_net::{Address, Stream, sys};
use mio::Token;

use super::connection::Phase;
use super::{Shard, WAKER};
use crate::log::LogType;

/// What a shard remembers of the listening sockets.
pub(super) struct Acceptor {
    /// By socket: connections wait there.
    noticed: Vec<bool>,
    is_open: bool,
    resume_at_ms: Option<u64>,
}

impl Acceptor {
    pub(super) fn new(sockets: usize) -> Acceptor {
        Acceptor { noticed: vec![false; sockets], is_open: false, resume_at_ms: None }
    }

    /// An event says that connections wait.
    pub(super) fn notice(&mut self, socket: usize) {
        self.noticed[socket] = true;
    }

    /// When accepting goes on, if it rests.
    pub(super) fn resume_at_ms(&self) -> Option<u64> {
        self.resume_at_ms
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

/// The token of a listening socket.
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
        for (at, socket) in self.peers.sockets.iter().enumerate() {
            sys::add_shared_listener(self.poll.registry(), &socket.socket, token_of(at))?;
        }
        self.acceptor.is_open = true;
        Ok(())
    }

    /// Waits on them no more.
    pub(super) fn close_doors(&mut self) {
        if !std::mem::take(&mut self.acceptor.is_open) {
            return;
        }
        for socket in &self.peers.sockets {
            // It can only fail for a socket that is not registered, which is what is wanted.
            let _ = sys::remove_shared_listener(self.poll.registry(), &socket.socket);
        }
        self.acceptor.noticed.fill(false);
    }

    /// Accepts what waits, some from each socket.
    pub(super) fn accept(&mut self) {
        for at in 0..self.acceptor.noticed.len() {
            if std::mem::take(&mut self.acceptor.noticed[at]) {
                self.accept_from(at);
            }
        }
    }

    /// Goes on after a rest.
    pub(super) fn accept_again(&mut self, now_ms: u64) {
        if self.acceptor.is_rested(now_ms)
            && let Err(error) = self.open_doors()
        {
            self.acceptor.rest(now_ms);
            self.warn(format_args!("Warning: unable to wait for new connections: {error}"));
        }
    }

    fn accept_from(&mut self, at: usize) {
        for _ in 0..ACCEPTS_PER_TURN {
            match self.peers.sockets[at].socket.accept() {
                Ok((stream, address)) => self.admit(at, stream, address),
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
            self.warn(format_args!("Warning: unable to accept new connections for now: {error}"));
        }
    }

    fn admit(&mut self, at: usize, stream: Stream, address: Address) {
        self.sockets.accepted += 1;
        let socket = &self.peers.sockets[at];
        let (listener, port) = (socket.listener, socket.socket.port());
        let wall_s = self.turn.now.wall_s;
        if self.log.wants_connections() {
            let text = format_args!("New connection from {address} on port {port}.");
            self.log.repeated_line(wall_s, LogType::Notice, "new connections", text);
        }
        if let Err(directive) = self.peers.enter(listener) {
            let text = format_args!("Client connection from {} denied: {directive} exceeded.", address.host());
            return self.log.repeated_line(wall_s, LogType::Notice, "denied connections", text);
        }
        let stream = match &self.peers.transport(listener).tls {
            None => stream,
            Some(tls) => match tls.begin(self.authority.pre_shared_keys(listener)) {
                Ok(tls) => stream.with_tls(tls),
                Err(error) => {
                    self.peers.leave(listener);
                    return self.warn(format_args!("Warning: unable to serve a new connection: {error}"));
                }
            },
        };
        let index = self.insert(stream, address, listener.0, Phase::Greeting);
        if let Err(error) = self.register(index) {
            self.remove(index);
            return self.warn(format_args!("Warning: unable to serve a new connection: {error}"));
        }
        let generation = self.connections[index].generation;
        self.greetings.push(self.turn.now.monotonic_ms, index, generation);
    }
}

/// Connections accepted from one socket in one turn: enough that a storm of them is worked off in batches, few enough
/// that those who are connected are not kept waiting (an accept costs about 3 µs).
const ACCEPTS_PER_TURN: usize = 64;

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
        let mut acceptor = Acceptor::new(1);
        acceptor.rest(1_000);
        assert!(!acceptor.is_rested(1_099));
        assert_eq!(acceptor.resume_at_ms(), Some(1_100));
        assert!(acceptor.is_rested(1_100));
        assert_eq!(acceptor.resume_at_ms(), None);
    }
}
