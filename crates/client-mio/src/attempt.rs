//! The way to a Server: its name is looked up, its addresses are tried one after the other.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::path::Path;

use midge_client_transport::{Address, Endpoint, Failure};
use midge_net::Stream;
use mio::net::{TcpStream, UnixStream};
use mio::{Interest, Registry, Token};
use rustix::io::Errno;
use socket2::{Domain, Protocol, Socket, Type};

use crate::resolver::{Resolver, literal};

/// A connection that is being made.
#[derive(Debug)]
pub(crate) struct Attempt {
    state: State,
    /// Not tried yet.
    addresses: VecDeque<SocketAddr>,
    /// What is tried now, or was asked for.
    to: Box<str>,
    /// When to give up what is tried now.
    pub(crate) deadline_ms: u64,
    /// When to give up everything.
    end_ms: u64,
}

#[derive(Debug)]
enum State {
    LookingUp(u64),
    Connecting(Stream),
    /// Nothing is tried: the next address comes first.
    Between,
}

/// Where, by whom and when: what an attempt needs of its surroundings.
pub(crate) struct Place<'a> {
    pub(crate) endpoint: &'a Endpoint,
    pub(crate) registry: &'a Registry,
    pub(crate) slot: usize,
    pub(crate) now_ms: u64,
}

impl Attempt {
    /// Begins it. `ticket` is one that no attempt before had.
    pub(crate) fn begin(place: &Place<'_>, resolver: &mut Resolver, ticket: u64) -> Result<Attempt, Failure> {
        let Place { endpoint, slot, now_ms, .. } = *place;
        let end_ms = now_ms.saturating_add(endpoint.timeout_ms);
        let first = endpoint.first();
        let to = first.to_string().into();
        let mut attempt =
            Attempt { state: State::Between, addresses: VecDeque::new(), to, deadline_ms: end_ms, end_ms };
        match &first {
            Address::Unix(path) => attempt.connect_unix(place, path)?,
            Address::Tcp(host, port) => match literal(host, *port) {
                Some(address) => attempt.try_addresses(place, [address].into())?,
                None => {
                    resolver.ask(slot, ticket, host, *port).map_err(|error| lookup_failed(host, error))?;
                    attempt.state = State::LookingUp(ticket);
                }
            },
        }
        Ok(attempt)
    }

    /// The name was looked up; that may be the answer to another question.
    pub(crate) fn handle_answer(
        &mut self,
        place: &Place<'_>,
        ticket: u64,
        addresses: io::Result<Vec<SocketAddr>>,
    ) -> Result<(), Failure> {
        let State::LookingUp(asked) = self.state else { return Ok(()) };
        let Address::Tcp(host, _) = &place.endpoint.first() else { return Ok(()) };
        if asked != ticket {
            return Ok(());
        }
        let addresses = addresses.map_err(|error| lookup_failed(host, error))?;
        if addresses.is_empty() {
            return Err(lookup_failed(host, io::Error::other("it has no address")));
        }
        self.try_addresses(place, addresses.into())
    }

    /// Something has happened to the socket. The stream, if it is there now.
    pub(crate) fn handle_ready(&mut self, place: &Place<'_>) -> Result<Option<Stream>, Failure> {
        let State::Connecting(stream) = &self.state else { return Ok(None) };
        match is_connected(stream) {
            Ok(false) => Ok(None),
            Ok(true) => match std::mem::replace(&mut self.state, State::Between) {
                State::Connecting(stream) => Ok(Some(stream)),
                _ => Ok(None),
            },
            Err(error) => self.go_on(place, connect_failed(&self.to, error)).map(|()| None),
        }
    }

    /// It has taken too long.
    pub(crate) fn handle_timeout(&mut self, place: &Place<'_>) -> Result<(), Failure> {
        if place.now_ms < self.deadline_ms {
            return Ok(());
        }
        self.go_on(place, Failure::TimedOut { to: self.to.clone() })
    }

    /// The rest of the addresses is tried; where there are none, that is the end.
    fn go_on(&mut self, place: &Place<'_>, failure: Failure) -> Result<(), Failure> {
        self.state = State::Between;
        if self.addresses.is_empty() || place.now_ms >= self.end_ms {
            return Err(failure);
        }
        let addresses = std::mem::take(&mut self.addresses);
        self.try_addresses(place, addresses)
    }

    fn try_addresses(&mut self, place: &Place<'_>, mut addresses: VecDeque<SocketAddr>) -> Result<(), Failure> {
        loop {
            let Some(address) = addresses.pop_front() else { return Ok(()) };
            self.to = address.to_string().into();
            match connect_tcp(place, address) {
                Ok(stream) => {
                    let share_ms = (self.end_ms - place.now_ms) / (addresses.len() as u64 + 1);
                    self.deadline_ms = place.now_ms + share_ms;
                    self.state = State::Connecting(stream);
                    self.addresses = addresses;
                    return Ok(());
                }
                Err(error) if addresses.is_empty() => return Err(connect_failed(&self.to, error)),
                Err(_) => {}
            }
        }
    }

    fn connect_unix(&mut self, place: &Place<'_>, path: &Path) -> Result<(), Failure> {
        let connected = UnixStream::connect(path).map(Stream::Unix);
        let stream = connected.and_then(|stream| register(place, stream));
        self.state = State::Connecting(stream.map_err(|error| connect_failed(&self.to, error))?);
        Ok(())
    }
}

/// Begins to connect, without waiting for it.
fn connect_tcp(place: &Place<'_>, address: SocketAddr) -> io::Result<Stream> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM.nonblocking(), Some(Protocol::TCP))?;
    // Packets are put together before they are written; waiting for more would only delay them.
    socket.set_tcp_nodelay(true)?;
    if let Some(ip) = place.endpoint.bind {
        socket.bind(&SocketAddr::new(ip, 0).into())?;
    }
    match socket.connect(&address.into()) {
        Err(error) if !is_under_way(&error) => return Err(error),
        _ => {}
    }
    register(place, Stream::Tcp(TcpStream::from_std(socket.into())))
}

fn register(place: &Place<'_>, mut stream: Stream) -> io::Result<Stream> {
    place.registry.register(&mut stream, Token(place.slot), Interest::READABLE | Interest::WRITABLE)?;
    Ok(stream)
}

/// Whether the connection is there; not yet is no error.
fn is_connected(stream: &Stream) -> io::Result<bool> {
    let (error, peer) = match stream {
        Stream::Tcp(stream) => (stream.take_error()?, stream.peer_addr().map(drop)),
        Stream::Unix(stream) => (stream.take_error()?, stream.peer_addr().map(drop)),
        Stream::Layered(_) => (None, Ok(())),
    };
    match (error, peer) {
        (Some(error), _) => Err(error),
        (None, Ok(())) => Ok(true),
        (None, Err(error)) if error.kind() == io::ErrorKind::NotConnected => Ok(false),
        (None, Err(error)) => Err(error),
    }
}

fn is_under_way(error: &io::Error) -> bool {
    error.raw_os_error() == Some(Errno::INPROGRESS.raw_os_error())
}

fn connect_failed(to: &str, error: io::Error) -> Failure {
    Failure::Connect { to: to.into(), error }
}

fn lookup_failed(host: &str, error: io::Error) -> Failure {
    Failure::Lookup { host: host.into(), error }
}
