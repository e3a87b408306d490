//! A raw client, over TCP or TLS: sends what it is told, right or wrong, and cuts what comes back into packets.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::packet::{Kind, Packet};
use crate::tls::{Encrypted, Trust};
use crate::websocket::{Control, Frames};
use crate::wire::{self, Level};

/// One Network Connection to the server under test.
#[derive(Debug)]
pub struct Client {
    stream: Stream,
    /// Where WebSocket is spoken.
    frames: Option<Frames>,
    /// Bytes read that no packet was cut from yet.
    unread: Vec<u8>,
    /// Set by the CONNECT that was sent; decides how packets are read.
    level: Level,
}

/// What carries the bytes.
#[derive(Debug)]
enum Stream {
    Plain(TcpStream),
    Unix(UnixStream),
    Encrypted(Box<Encrypted>),
}

impl Stream {
    /// Panics for a Unix socket.
    fn socket(&self) -> &TcpStream {
        match self {
            Stream::Plain(socket) => socket,
            Stream::Encrypted(encrypted) => encrypted.socket(),
            Stream::Unix(_) => panic!("not for a Unix socket"),
        }
    }

    fn set_read_timeout(&self, patience: Duration) -> std::io::Result<()> {
        match self {
            Stream::Unix(socket) => socket.set_read_timeout(Some(patience)),
            other => other.socket().set_read_timeout(Some(patience)),
        }
    }

    fn write_all(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        match self {
            Stream::Plain(socket) => socket.write_all(bytes),
            Stream::Unix(socket) => socket.write_all(bytes),
            Stream::Encrypted(encrypted) => encrypted.write_all(bytes),
        }
    }

    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        match self {
            Stream::Plain(socket) => socket.read(buffer),
            Stream::Unix(socket) => socket.read(buffer),
            Stream::Encrypted(encrypted) => encrypted.read(buffer),
        }
    }
}

/// What came, or did not come, from the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Received {
    /// A packet, and its bytes as they were on the wire.
    Packet(Packet, Vec<u8>),
    /// The server closed the connection, by FIN or RST.
    Closed,
    /// Nothing, or only a part of a packet, within the time given.
    Silence,
    /// Bytes that a server may not send, and the rule they break.
    Illegal(String, Vec<u8>),
}

/// How long a test waits for something that must come. Long, because the machine may be busy; a passing test never waits this long.
pub const PATIENCE: Duration = Duration::from_secs(8);

impl Client {
    /// Connects; panics where nobody listens.
    pub fn connect(address: SocketAddr) -> Client {
        Client::try_connect(address).unwrap_or_else(|error| panic!("connect to {address}: {error}"))
    }

    /// Connects, to a server that may be down.
    ///
    /// # Errors
    /// What the system says where nobody listens.
    pub fn try_connect(address: SocketAddr) -> std::io::Result<Client> {
        Ok(Client::over(Stream::Plain(socket(address)?)))
    }

    /// Connects with encryption, and waits for the handshake.
    ///
    /// # Errors
    /// Why there is none, for instance the server's alert.
    pub fn try_connect_tls(address: SocketAddr, trust: &Trust) -> std::io::Result<Client> {
        let encrypted = Encrypted::handshake(socket(address)?, trust)?;
        Ok(Client::over(Stream::Encrypted(Box::new(encrypted))))
    }

    /// Connects to a Unix socket; panics where nobody listens.
    pub fn connect_unix(path: &Path) -> Client {
        let socket = UnixStream::connect(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        Client::over(Stream::Unix(socket))
    }

    /// Sends these bytes first, as a proxy does, and then encrypts.
    ///
    /// # Errors
    /// As [`Client::try_connect_tls`].
    pub fn try_connect_tls_behind(address: SocketAddr, first: &[u8], trust: &Trust) -> std::io::Result<Client> {
        let mut socket = socket(address)?;
        socket.write_all(first)?;
        Ok(Client::over(Stream::Encrypted(Box::new(Encrypted::handshake(socket, trust)?))))
    }

    fn over(stream: Stream) -> Client {
        Client { stream, frames: None, unread: Vec::new(), level: 4 }
    }

    /// The encryption; panics where there is none.
    pub fn tls(&self) -> &Encrypted {
        match &self.stream {
            Stream::Encrypted(encrypted) => encrypted,
            _ => panic!("this connection is not encrypted"),
        }
    }

    /// The client's own address, as the server's log shows it.
    pub fn address(&self) -> SocketAddr {
        self.stream.socket().local_addr().expect("a connected socket has an address")
    }

    /// Sends packets, written in the notation or as `hex 10 00 …` and separated by ` & `, in one piece.
    pub fn send(&mut self, packets: &str) {
        let mut bytes = Vec::new();
        for text in packets.split(" & ") {
            if let Some(digits) = text.trim().strip_prefix("hex ") {
                bytes.extend(hex(digits));
                continue;
            }
            let packet = Packet::parse(text);
            if packet.kind == Kind::Connect {
                self.level = wire::level(&packet);
            }
            bytes.extend(wire::encode(&packet, self.level));
        }
        self.send_bytes(&bytes);
    }

    /// Sends bytes as they are, over WebSocket as one message. That the server has closed meanwhile is no error: what it answers
    /// is looked at, not this.
    pub fn send_bytes(&mut self, bytes: &[u8]) {
        match self.frames {
            Some(_) => self.send_frame(0x82, bytes),
            None => self.send_raw(bytes),
        }
    }

    /// Sends bytes past WebSocket.
    pub fn send_raw(&mut self, bytes: &[u8]) {
        match self.stream.write_all(bytes) {
            Err(error) if !matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::BrokenPipe) => {
                panic!("write: {error}")
            }
            _ => {}
        }
    }

    /// Reads packets as this protocol level from now on; for clients that send their CONNECT as bytes.
    pub fn speak(&mut self, level: Level) {
        self.level = level;
    }

    /// The next thing that comes from the server within `patience`.
    pub fn receive_within(&mut self, patience: Duration) -> Received {
        let deadline = Instant::now() + patience;
        loop {
            match wire::packet_len(&self.unread) {
                Err(rule) => return Received::Illegal(rule, std::mem::take(&mut self.unread)),
                Ok(Some(length)) if length <= self.unread.len() => {
                    let bytes: Vec<u8> = self.unread.drain(..length).collect();
                    return match wire::decode(&bytes, self.level) {
                        Ok(packet) => Received::Packet(packet, bytes),
                        Err(rule) => Received::Illegal(rule, bytes),
                    };
                }
                Ok(_) => {}
            }
            let Some(left) = deadline.checked_duration_since(Instant::now()).filter(|left| !left.is_zero()) else {
                return Received::Silence;
            };
            self.stream.set_read_timeout(left).expect("a read time-out");
            let mut buffer = [0; 16 * 1024];
            match self.stream.read(&mut buffer) {
                Ok(0) => return Received::Closed,
                Ok(length) => {
                    if let Err(rule) = self.take(&buffer[..length]) {
                        return Received::Illegal(rule, buffer[..length].to_vec());
                    }
                }
                Err(error) if error.kind() == ErrorKind::ConnectionReset => return Received::Closed,
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                    return Received::Silence;
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => panic!("read: {error}"),
            }
        }
    }

    fn take(&mut self, bytes: &[u8]) -> Result<(), String> {
        match &mut self.frames {
            Some(frames) => frames.take(bytes, &mut self.unread),
            None => {
                self.unread.extend(bytes);
                Ok(())
            }
        }
    }

    /// From here on there are frames.
    pub(crate) fn begin_frames(&mut self) {
        let early = std::mem::take(&mut self.unread);
        self.frames = Some(Frames::default());
        self.take(&early).expect("frames");
    }

    /// The first control frame that has come and was not asked for yet.
    pub(crate) fn next_control(&mut self) -> Option<Control> {
        let control = &mut self.frames.as_mut()?.control;
        (!control.is_empty()).then(|| control.remove(0))
    }

    /// Reads to the end of an HTTP head, or of the connection.
    pub fn read_head(&mut self) -> String {
        self.read_http(|bytes| bytes.windows(4).position(|end| end == b"\r\n\r\n").map(|at| at + 4))
    }

    /// Reads to the end of the connection.
    pub fn read_to_end(&mut self) -> String {
        self.read_http(|_| None)
    }

    /// Reads until `end` says how many bytes are wanted of what there is.
    fn read_http(&mut self, end: impl Fn(&[u8]) -> Option<usize>) -> String {
        self.stream.set_read_timeout(PATIENCE).expect("a read time-out");
        let mut buffer = [0; 16 * 1024];
        let length = loop {
            if let Some(length) = end(&self.unread) {
                break length;
            }
            match self.stream.read(&mut buffer) {
                Ok(0) => break self.unread.len(),
                Ok(length) => self.unread.extend(&buffer[..length]),
                Err(error) if error.kind() == ErrorKind::ConnectionReset => break self.unread.len(),
                Err(error) => panic!("read: {error}"),
            }
        };
        String::from_utf8_lossy(&self.unread.drain(..length).collect::<Vec<u8>>()).into_owned()
    }

    /// The next packet; panics where something else comes.
    pub fn receive(&mut self) -> Packet {
        match self.receive_within(PATIENCE) {
            Received::Packet(packet, _) => packet,
            other => panic!("expected a packet, got {other}"),
        }
    }

    /// Every packet that comes until nothing has come for `quiet`.
    pub fn receive_until_quiet(&mut self, quiet: Duration) -> Vec<Packet> {
        let mut packets = Vec::new();
        loop {
            match self.receive_within(quiet) {
                Received::Packet(packet, _) => packets.push(packet),
                Received::Silence | Received::Closed => return packets,
                illegal @ Received::Illegal(..) => panic!("{illegal}"),
            }
        }
    }

    /// Waits for the packet that the notation describes; panics, showing both, where something else comes.
    #[track_caller]
    pub fn expect(&mut self, notation: &str) -> Packet {
        let wanted = Packet::parse(notation);
        match self.receive_within(PATIENCE) {
            Received::Packet(got, _) if wanted.describes(&got) => got,
            other => panic!("\nexpected: {wanted}\n     got: {other}\n"),
        }
    }

    /// Waits for the server to close the connection; panics where something else comes.
    #[track_caller]
    pub fn expect_closed(&mut self) {
        match self.receive_within(PATIENCE) {
            Received::Closed => {}
            other => panic!("\nexpected: the connection closed\n     got: {other}\n"),
        }
    }

    /// Puts back a packet that was received: it comes again next.
    pub fn put_back(&mut self, bytes: &[u8]) {
        self.unread.splice(..0, bytes.iter().copied());
    }

    /// Half-closes: the server sees the end of the stream (FIN), this end can still read.
    pub fn finish(&mut self) {
        let _ = self.stream.socket().shutdown(std::net::Shutdown::Write);
    }

    /// Ends the connection by RST: whatever is under way is torn down, as when a process is killed with unread data.
    pub fn reset(self) {
        rustix::net::sockopt::set_socket_linger(self.stream.socket(), Some(Duration::ZERO)).expect("SO_LINGER");
    }
}

fn socket(address: SocketAddr) -> std::io::Result<TcpStream> {
    let socket = TcpStream::connect(address)?;
    socket.set_nodelay(true)?;
    socket.set_write_timeout(Some(PATIENCE))?;
    Ok(socket)
}

/// The bytes that hex digits stand for; blanks are left out.
pub fn hex(digits: &str) -> Vec<u8> {
    let digits: Vec<u8> = digits.bytes().filter(|byte| *byte != b' ').collect();
    assert!(digits.len().is_multiple_of(2), "an odd number of hex digits");
    digits
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).expect("ASCII"), 16).expect("hex digits"))
        .collect()
}

impl std::fmt::Display for Received {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Received::Packet(packet, _) => write!(f, "{packet}"),
            Received::Closed => write!(f, "the connection closed"),
            Received::Silence => write!(f, "nothing"),
            Received::Illegal(rule, bytes) => {
                write!(f, "bytes no server may send ({rule}): {:02x?}", &bytes[..bytes.len().min(60)])
            }
        }
    }
}
