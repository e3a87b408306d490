//! A socket with its layers, as the bytes of MQTT: how it is made, read and written.

use std::future::poll_fn;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use midge_client_transport::{Address, Endpoint, Failure, Layers};
use tokio::io::{AsyncRead, ReadBuf};
use tokio::net::{TcpSocket, TcpStream, UnixStream, lookup_host};
use tokio::time::timeout;

/// See the module.
#[derive(Debug)]
pub(crate) struct Socket {
    stream: Stream,
    layers: Option<Box<Layers>>,
}

#[derive(Debug)]
enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
}

/// The same of either.
macro_rules! of_either {
    ($stream:expr, $inner:ident => $result:expr) => {
        match $stream {
            Stream::Tcp($inner) => $result,
            Stream::Unix($inner) => $result,
        }
    };
}

impl Socket {
    /// Makes a connection, up to where MQTT can begin.
    pub(crate) async fn connect(endpoint: &Endpoint) -> Result<Socket, Failure> {
        let connecting = async {
            let mut socket = Socket { stream: connect(endpoint).await?, layers: Layers::begin(endpoint)? };
            socket.open().await.map(|()| socket)
        };
        match timeout(Duration::from_millis(endpoint.timeout_ms), connecting).await {
            Ok(outcome) => outcome,
            Err(_) => Err(Failure::TimedOut { to: endpoint.address.to_string().into() }),
        }
    }

    /// Lets the layers have their handshakes.
    async fn open(&mut self) -> Result<(), Failure> {
        let mut plain = Vec::new();
        while self.layers.as_ref().is_some_and(|layers| !layers.is_open()) {
            if self.flush()? {
                // A Server says nothing of MQTT before CONNECT.
                poll_fn(|context| self.poll_read(context, &mut [0; HANDSHAKE_BYTES], &mut plain)).await?;
            } else {
                self.writable().await?;
            }
        }
        Ok(())
    }

    async fn writable(&self) -> Result<(), Failure> {
        of_either!(&self.stream, stream => stream.writable().await).map_err(Failure::Broken)
    }

    /// Waits until something can be written.
    pub(crate) fn poll_writable(&self, context: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        let polled = match &self.stream {
            Stream::Tcp(stream) => stream.poll_write_ready(context),
            Stream::Unix(stream) => stream.poll_write_ready(context),
        };
        polled.map_err(Failure::Broken)
    }

    /// Waits until something can be read, and reads once into `room`. The bytes of MQTT that came are in `room` then, so many, or behind what is in `unread`. They count also where
    /// there is a failure.
    pub(crate) fn poll_read(
        &mut self,
        context: &mut Context<'_>,
        room: &mut [u8],
        unread: &mut Vec<u8>,
    ) -> Poll<Result<usize, Failure>> {
        let mut filled = ReadBuf::new(room);
        let read = of_either!(&mut self.stream, stream => Pin::new(stream).poll_read(context, &mut filled));
        ready!(read).map_err(Failure::Broken)?;
        let count = filled.filled().len();
        if count == 0 {
            return Poll::Ready(Err(self.layers.as_ref().map_or(Failure::Closed, |layers| layers.closed())));
        }
        Poll::Ready(match &mut self.layers {
            None => Ok(count),
            Some(layers) => layers.receive(&room[..count], unread).map(|()| 0),
        })
    }

    /// Takes some bytes of MQTT, and writes them as far as the socket does now. How many: none, when it takes none.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<usize, Failure> {
        let Some(layers) = &mut self.layers else { return self.write_to_socket(bytes) };
        if !layers.output().is_empty() {
            return Ok(0);
        }
        let taken = bytes.len().min(WRITTEN_BYTES_MAX);
        layers.send(&bytes[..taken])?;
        self.flush().map(|_| taken)
    }

    /// Writes what layers have put out. Whether that is all.
    pub(crate) fn flush(&mut self) -> Result<bool, Failure> {
        while let Some(mut layers) = self.layers.take_if(|layers| !layers.output().is_empty()) {
            let written = self.write_to_socket(layers.output());
            layers.handle_written(*written.as_ref().unwrap_or(&0));
            self.layers = Some(layers);
            if written? == 0 {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn write_to_socket(&self, bytes: &[u8]) -> Result<usize, Failure> {
        match of_either!(&self.stream, stream => stream.try_write(bytes)) {
            Ok(0) => Err(Failure::Closed),
            Ok(count) => Ok(count),
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(0),
            Err(error) => Err(Failure::Broken(error)),
        }
    }

    /// Says that nothing more comes, and throws away what is left to be read: whoever closes a socket in which something waits takes back
    /// what he has just sent.
    pub(crate) fn close(&mut self, room: &mut [u8]) {
        if let Some(layers) = &mut self.layers {
            layers.close();
        }
        // Best effort: who does not read any more does not need it.
        let _ = self.flush();
        while of_either!(&self.stream, stream => stream.try_read(room)).is_ok_and(|count| count > 0) {}
    }
}

async fn connect(endpoint: &Endpoint) -> Result<Stream, Failure> {
    let first = endpoint.first();
    let failed = |to: String| move |error| Failure::Connect { to: to.into(), error };
    let (host, port) = match &first {
        Address::Unix(path) => {
            let connected = UnixStream::connect(path).await;
            return connected.map(Stream::Unix).map_err(failed(first.to_string()));
        }
        Address::Tcp(host, port) => (&**host, *port),
    };
    let lookup_failed = |error| Failure::Lookup { host: host.into(), error };
    let mut failure = lookup_failed(io::Error::other("it has no address"));
    for address in lookup_host((host, port)).await.map_err(lookup_failed)? {
        match connect_tcp(address, endpoint.bind).await {
            Ok(stream) => return Ok(Stream::Tcp(stream)),
            Err(error) => failure = failed(address.to_string())(error),
        }
    }
    Err(failure)
}

async fn connect_tcp(address: SocketAddr, bind: Option<IpAddr>) -> io::Result<TcpStream> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // Packets are put together before they are written; waiting for more would only delay them.
    socket.set_nodelay(true)?;
    if let Some(ip) = bind {
        socket.bind(SocketAddr::new(ip, 0))?;
    }
    socket.connect(address).await
}

/// Put through layers at a time: one frame, four records.
const WRITTEN_BYTES_MAX: usize = 64 << 10;

/// Read at a time while layers have their handshakes.
const HANDSHAKE_BYTES: usize = 4 << 10;
