//! Many clients on one thread: non-blocking sockets, one buffer to read into, and one write for each socket in a turn.
//!
//! What packets mean is left to the scenario ([`Handler`]). A generator that is cheap beside every server it measures is the
//! point of all this.

use std::io::{ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};

use crate::packets::{self, CONNACK, Packet, SUBACK, Version};

/// Why a measurement came to nothing, for people.
pub(crate) type Fault = String;

/// What a scenario does with what the server sends.
pub(crate) trait Handler {
    fn packet(&mut self, clients: &mut Clients, client: usize, packet: Packet<'_>) -> Result<(), Fault>;

    /// The server closed a connection; for most scenarios a fault.
    fn ended(&mut self, _clients: &mut Clients, client: usize) -> Result<(), Fault> {
        Err(format!("the server closed the connection of client {client}"))
    }
}

/// Connections to one server, numbered from 0 in the order in which they were opened.
pub(crate) struct Clients {
    pub(crate) version: Version,
    /// Sessions outlive their connections, and those that there are go on.
    is_durable: bool,
    /// The number in the name of client 0.
    first_name: usize,
    address: SocketAddr,
    poll: Poll,
    events: Events,
    connections: Vec<Connection>,
    buffer: Vec<u8>,
    /// Those with bytes to be written.
    unwritten: Vec<usize>,
}

struct Connection {
    stream: Option<TcpStream>,
    /// The beginning of a packet whose end has not come.
    partial: Vec<u8>,
    out: Vec<u8>,
    written: usize,
    /// It is not connected yet or took less than it was given: the next readiness says when to go on.
    is_blocked: bool,
    is_unwritten: bool,
}

impl Clients {
    pub(crate) fn new(address: SocketAddr, version: Version) -> Result<Clients, Fault> {
        Ok(Clients {
            version,
            is_durable: false,
            first_name: 0,
            address,
            poll: Poll::new().map_err(|error| format!("no event loop: {error}"))?,
            events: Events::with_capacity(4096),
            connections: Vec::new(),
            buffer: vec![0; READ_BYTES],
            unwritten: Vec::new(),
        })
    }

    /// Those who come from now on have durable Sessions.
    pub(crate) fn durable(mut self) -> Clients {
        self.is_durable = true;
        self
    }

    /// Leaves that many names to others.
    pub(crate) fn skip_names(&mut self, count: usize) {
        self.first_name = count;
    }

    /// How many were opened.
    pub(crate) fn len(&self) -> usize {
        self.connections.len()
    }

    /// Opens `count` more clients, not too many at a time, each with the Topic Filters that `filters` gives for its number, and
    /// waits until all are connected and subscribed.
    pub(crate) fn enter(&mut self, count: usize, filters: &dyn Fn(usize) -> Vec<String>, qos: u8) -> Result<(), Fault> {
        let mut entrance = Entrance { filters, qos, last: self.len() + count, entered: 0 };
        for _ in 0..count.min(ENTERING_MAX) {
            entrance.open_next(self)?;
        }
        let mut progress = (0, Instant::now());
        while entrance.entered < count {
            self.turn(Duration::from_millis(10), &mut entrance)?;
            if entrance.entered > progress.0 {
                progress = (entrance.entered, Instant::now());
            } else if progress.1.elapsed() > ENTERING_PATIENCE {
                return Err(format!("only {} of {count} clients came in", entrance.entered));
            }
        }
        Ok(())
    }

    /// Has all clients say DISCONNECT, and waits until the server has closed every connection: then it has taken all that was sent.
    pub(crate) fn leave(mut self) -> Result<(), Fault> {
        let mut exit = Exit { gone: 0 };
        (0..self.len()).for_each(|client| packets::disconnect(self.out(client)));
        let start = Instant::now();
        while exit.gone < self.len() {
            self.turn(Duration::from_millis(10), &mut exit)?;
            if start.elapsed() > ENTERING_PATIENCE {
                return Err(format!("only {} of {} connections were closed", exit.gone, self.len()));
            }
        }
        Ok(())
    }

    /// The CONNECT of the client with that number.
    pub(crate) fn greeting(&self, client: usize) -> Vec<u8> {
        let mut greeting = Vec::new();
        let name = format!("load-{}", self.first_name + client);
        packets::connect(&mut greeting, &name, self.version, self.is_durable);
        greeting
    }

    /// Opens a connection; it says `greeting` first.
    pub(crate) fn open(&mut self, greeting: Vec<u8>) -> Result<(), Fault> {
        let client = self.connections.len();
        let connection = self.connect(client, greeting)?;
        self.connections.push(connection);
        Ok(())
    }

    /// Opens a connection in the place of one that has ended.
    pub(crate) fn open_again(&mut self, client: usize, greeting: Vec<u8>) -> Result<(), Fault> {
        self.connections[client] = self.connect(client, greeting)?;
        Ok(())
    }

    fn connect(&mut self, client: usize, greeting: Vec<u8>) -> Result<Connection, Fault> {
        let fault = |error| format!("client {client} cannot connect: {error}");
        let mut stream = TcpStream::connect(self.address).map_err(fault)?;
        let _ = stream.set_nodelay(true);
        let both = Interest::READABLE | Interest::WRITABLE;
        self.poll.registry().register(&mut stream, Token(client), both).map_err(fault)?;
        Ok(Connection {
            stream: Some(stream),
            partial: Vec::new(),
            out: greeting,
            written: 0,
            is_blocked: true,
            is_unwritten: false,
        })
    }

    /// Where to put what the client shall say; it is written at the end of the turn.
    #[inline]
    pub(crate) fn out(&mut self, client: usize) -> &mut Vec<u8> {
        let connection = &mut self.connections[client];
        if !connection.is_unwritten {
            connection.is_unwritten = true;
            self.unwritten.push(client);
        }
        &mut connection.out
    }

    /// Writes all that is to be written, waits for readiness as long as told, and gives what came to the handler.
    pub(crate) fn turn(&mut self, wait: Duration, handler: &mut dyn Handler) -> Result<(), Fault> {
        self.write_all();
        let mut events = std::mem::replace(&mut self.events, Events::with_capacity(0));
        match self.poll.poll(&mut events, Some(wait)) {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::Interrupted => events.clear(),
            Err(error) => return Err(format!("the event loop: {error}")),
        }
        for event in &events {
            let client = event.token().0;
            if event.is_writable() {
                self.connections[client].is_blocked = false;
                self.write(client);
            }
            let is_ending = event.is_read_closed() || event.is_error();
            if event.is_readable() || is_ending {
                self.read(client, is_ending, handler)?;
            }
        }
        self.events = events;
        self.write_all();
        Ok(())
    }

    fn write_all(&mut self) {
        while let Some(client) = self.unwritten.pop() {
            self.connections[client].is_unwritten = false;
            self.write(client);
        }
    }

    /// Errors are left for reading to find.
    fn write(&mut self, client: usize) {
        let connection = &mut self.connections[client];
        let Some(stream) = connection.stream.as_mut().filter(|_| !connection.is_blocked) else {
            return;
        };
        while connection.written < connection.out.len() {
            match stream.write(&connection.out[connection.written..]) {
                Ok(written) => connection.written += written,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => {
                    connection.is_blocked = true;
                    return;
                }
            }
        }
        connection.out.clear();
        connection.written = 0;
    }

    fn read(&mut self, client: usize, is_ending: bool, handler: &mut dyn Handler) -> Result<(), Fault> {
        let mut buffer = std::mem::take(&mut self.buffer);
        while let Some(stream) = &mut self.connections[client].stream {
            match stream.read(&mut buffer) {
                Ok(length) if length > 0 => {
                    self.take(client, &buffer[..length], handler)?;
                    // What comes later is another readiness: no need to ask in vain.
                    if length < buffer.len() && !is_ending {
                        break;
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                _ => {
                    self.connections[client].stream = None;
                    handler.ended(self, client)?;
                    break;
                }
            }
        }
        self.buffer = buffer;
        Ok(())
    }

    fn take(&mut self, client: usize, came: &[u8], handler: &mut dyn Handler) -> Result<(), Fault> {
        let mut partial = std::mem::take(&mut self.connections[client].partial);
        let mut bytes = came;
        if !partial.is_empty() {
            partial.extend_from_slice(came);
            bytes = &partial;
        }
        while let Some((packet, length)) = Packet::split(bytes, self.version) {
            handler.packet(self, client, packet)?;
            bytes = &bytes[length..];
        }
        self.connections[client].partial = bytes.to_vec();
        Ok(())
    }
}

/// Lets clients in, the next as soon as one is done.
struct Entrance<'a> {
    filters: &'a dyn Fn(usize) -> Vec<String>,
    qos: u8,
    /// The number behind the last client.
    last: usize,
    entered: usize,
}

impl Entrance<'_> {
    fn open_next(&self, clients: &mut Clients) -> Result<(), Fault> {
        if clients.len() == self.last {
            return Ok(());
        }
        let client = clients.len();
        let mut greeting = clients.greeting(client);
        let filters = (self.filters)(client);
        if !filters.is_empty() {
            packets::subscribe(&mut greeting, 1, &filters, self.qos, clients.version);
        }
        clients.open(greeting)
    }
}

impl Handler for Entrance<'_> {
    fn packet(&mut self, clients: &mut Clients, client: usize, packet: Packet<'_>) -> Result<(), Fault> {
        let expected = if (self.filters)(client).is_empty() { CONNACK } else { SUBACK };
        if !packet.is_granted() {
            return Err(format!("client {client} was refused"));
        }
        if packet.kind() == expected {
            self.entered += 1;
            self.open_next(clients)?;
        }
        Ok(())
    }
}

/// Counts those whose connection was closed.
struct Exit {
    gone: usize,
}

impl Handler for Exit {
    fn packet(&mut self, _clients: &mut Clients, _client: usize, _packet: Packet<'_>) -> Result<(), Fault> {
        Ok(())
    }

    fn ended(&mut self, _clients: &mut Clients, _client: usize) -> Result<(), Fault> {
        self.gone += 1;
        Ok(())
    }
}

const READ_BYTES: usize = 256 * 1024;
/// Below the backlog that servers give to `listen`.
pub(crate) const ENTERING_MAX: usize = 64;
const ENTERING_PATIENCE: Duration = Duration::from_secs(10);
