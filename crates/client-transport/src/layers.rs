//! The layers of one connection, put together.

use crate::endpoint::{Address, Endpoint};
use crate::failure::Failure;
use crate::socks::Socks;
#[cfg(feature = "tls")]
use crate::tls::Tls;
#[cfg(feature = "websocket")]
use crate::websocket::Frames;

/// See the crate. A driver hands in what the socket gives ([`Layers::receive`]) and writes [`Layers::output`]. When
/// [`Layers::is_open`] says so for the first time, MQTT begins, with [`Layers::send`].
#[derive(Debug)]
pub struct Layers {
    /// Until the proxy has made the connection.
    proxy: Option<Socks>,
    #[cfg(feature = "tls")]
    tls: Option<Tls>,
    #[cfg(feature = "websocket")]
    websocket: Option<Frames>,
    /// What stands behind the proxy, until it can be sent.
    request: Vec<u8>,
    /// The memory of the last frame. Whoever is idle gives it back.
    #[cfg(feature = "websocket")]
    frame: Vec<u8>,
    output: Vec<u8>,
}

impl Layers {
    /// The layers of a new connection; `None` where MQTT stands on the socket itself. Puts out what the first of them has to say.
    ///
    /// # Errors
    /// When what was chosen cannot be asked for.
    pub fn begin(endpoint: &Endpoint) -> Result<Option<Box<Layers>>, Failure> {
        let (host, port) = match &endpoint.address {
            Address::Tcp(host, port) => (&**host, *port),
            Address::Unix(_) => ("localhost", 0),
        };
        let mut layers = Layers {
            proxy: None,
            #[cfg(feature = "tls")]
            tls: None,
            #[cfg(feature = "websocket")]
            websocket: None,
            request: Vec::new(),
            #[cfg(feature = "websocket")]
            frame: Vec::new(),
            output: Vec::new(),
        };
        let mut is_bare = true;
        if let (Some(proxy), Address::Tcp(..)) = (&endpoint.proxy, &endpoint.address) {
            layers.proxy = Some(Socks::begin(proxy, host, port, &mut layers.output)?);
            is_bare = false;
        }
        #[cfg(feature = "tls")]
        if let Some(connector) = &endpoint.tls {
            layers.tls = Some(Tls::begin(connector, host)?);
            is_bare = false;
        }
        #[cfg(feature = "websocket")]
        if let Some(asked) = &endpoint.websocket {
            let host = name_host(host, port);
            layers.websocket = Some(Frames::begin(asked, &host, &mut layers.request)?);
            is_bare = false;
        }
        if is_bare {
            return Ok(None);
        }
        if layers.proxy.is_none() {
            layers.ask()?;
        }
        Ok(Some(Box::new(layers)))
    }

    /// Whether MQTT can be sent.
    pub fn is_open(&self) -> bool {
        #[cfg(feature = "tls")]
        if self.tls.as_ref().is_some_and(|tls| !tls.is_open()) {
            return false;
        }
        #[cfg(feature = "websocket")]
        if self.websocket.as_ref().is_some_and(|frames| !frames.is_open()) {
            return false;
        }
        self.proxy.is_none()
    }

    /// The socket gave these bytes: appends the bytes of MQTT that were in them. Those count also where there is a failure behind
    /// them. What is to be answered, an alert for example, stands in the output.
    ///
    /// # Errors
    /// When the connection cannot go on, or has ended.
    pub fn receive(&mut self, bytes: &[u8], plain: &mut Vec<u8>) -> Result<(), Failure> {
        let mut bytes = bytes;
        if let Some(proxy) = &mut self.proxy {
            let used = proxy.receive(bytes, &mut self.output)?;
            bytes = &bytes[used..];
            if !proxy.is_done() {
                return Ok(());
            }
            self.proxy = None;
            self.ask()?;
        }
        let start = plain.len();
        let decrypted = self.decrypt(bytes, plain);
        self.unframe(plain, start)?;
        decrypted
    }

    fn decrypt(&mut self, bytes: &[u8], plain: &mut Vec<u8>) -> Result<(), Failure> {
        #[cfg(feature = "tls")]
        if let Some(tls) = &mut self.tls {
            let outcome = tls.receive(bytes, plain);
            tls.flush(&mut self.output);
            return outcome;
        }
        plain.extend_from_slice(bytes);
        Ok(())
    }

    #[cfg(feature = "websocket")]
    fn unframe(&mut self, plain: &mut Vec<u8>, start: usize) -> Result<(), Failure> {
        let Some(frames) = &mut self.websocket else { return Ok(()) };
        let mut answers = Vec::new();
        let outcome = frames.receive(plain, start, &mut answers);
        if !answers.is_empty() {
            self.encrypt(&answers)?;
        }
        outcome
    }

    #[cfg(not(feature = "websocket"))]
    #[expect(clippy::unnecessary_wraps, reason = "as with WebSocket")]
    fn unframe(&mut self, _: &mut Vec<u8>, _: usize) -> Result<(), Failure> {
        Ok(())
    }

    /// Puts out bytes of MQTT. They are best few and large: each call makes a frame, and a record. The output grows by them, so it had
    /// better be written before.
    ///
    /// # Errors
    /// When the connection cannot go on.
    pub fn send(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        #[cfg(feature = "websocket")]
        if let Some(frames) = &mut self.websocket {
            let mut frame = std::mem::take(&mut self.frame);
            frame.clear();
            frames.send(bytes, &mut frame)?;
            let sent = self.encrypt(&frame);
            self.frame = frame;
            return sent;
        }
        self.encrypt(bytes)
    }

    fn encrypt(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        #[cfg(feature = "tls")]
        if let Some(tls) = &mut self.tls {
            tls.send(bytes)?;
            tls.flush(&mut self.output);
            return Ok(());
        }
        self.output.extend_from_slice(bytes);
        Ok(())
    }

    /// Puts out what stands behind the proxy.
    fn ask(&mut self) -> Result<(), Failure> {
        let request = std::mem::take(&mut self.request);
        self.encrypt(&request)
    }

    /// Puts out that nothing more will be sent, as far as the layers have words for that.
    pub fn close(&mut self) {
        #[cfg(feature = "websocket")]
        if let Some(frames) = &mut self.websocket {
            let mut frame = Vec::new();
            frames.close(&mut frame);
            // Who cannot be told any more need not be.
            let _ = self.encrypt(&frame);
        }
        #[cfg(feature = "tls")]
        if let Some(tls) = &mut self.tls {
            tls.close();
            tls.flush(&mut self.output);
        }
    }

    /// What the socket is to be given.
    pub fn output(&self) -> &[u8] {
        &self.output
    }

    /// So many bytes of [`Layers::output`] were written.
    pub fn handle_written(&mut self, count: usize) {
        self.output.drain(..count.min(self.output.len()));
        if self.output.is_empty() {
            self.output = Vec::new();
            #[cfg(feature = "websocket")]
            {
                self.frame = Vec::new();
            }
        }
    }

    /// What it means that the socket has ended now.
    pub fn closed(&self) -> Failure {
        if self.is_open() {
            return Failure::Closed;
        }
        let sentence = "has closed the connection instead of an answer: check the port, and its log";
        if self.proxy.is_some() {
            return Failure::Proxy(sentence.into());
        }
        #[cfg(feature = "websocket")]
        if self.asks_for_websocket() {
            let sentence =
                "has closed the connection instead of switching to WebSocket: check that the port is for that";
            return Failure::WebSocket(format!("the server {sentence}").into());
        }
        Failure::Handshake(format!("the server {sentence}").into())
    }

    /// Whether the answer to the request for WebSocket is what is missing.
    #[cfg(feature = "websocket")]
    fn asks_for_websocket(&self) -> bool {
        #[cfg(feature = "tls")]
        let is_reached = self.tls.as_ref().is_none_or(Tls::is_open);
        #[cfg(not(feature = "tls"))]
        let is_reached = true;
        is_reached && self.websocket.as_ref().is_some_and(|frames| !frames.is_open())
    }

    /// The encryption, for those who want to know what was agreed; `None` also where it goes by a pre-shared key.
    #[cfg(feature = "tls")]
    pub fn tls(&self) -> Option<&rustls::ClientConnection> {
        self.tls.as_ref().and_then(Tls::connection)
    }
}

/// As the header Host has it: IPv6 in brackets, and the port where it is not the usual one of HTTP.
#[cfg(feature = "websocket")]
fn name_host(host: &str, port: u16) -> String {
    let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
    if matches!(port, 0 | 80 | 443) { host } else { format!("{host}:{port}") }
}
