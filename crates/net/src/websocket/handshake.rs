//! The opening handshake (RFC 6455 section 4.2), and what comes in its place.

use base64ct::{Base64, Encoding};
use sha1::{Digest, Sha1};

use super::request_head::{RequestHead, elements};
use super::{ForwardedFor, Refusal};

/// What a listener allows.
#[derive(Clone, Copy, Debug)]
pub struct HandshakeOptions<'a> {
    /// Bytes of request line and headers.
    pub head_length_max: usize,
    /// The origins (`https://example.org`) whose pages may connect; empty: all. What has no Origin is no browser, and may.
    pub origins: &'a [String],
}

/// A request that deserves more than a refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request<'a> {
    /// The opening handshake of a client that may come in.
    Upgrade(Upgrade<'a>),
    /// Plain HTTP: for a file if there are any, else for [`Refusal::UpgradeRequired`].
    Plain(PlainRequest<'a>),
}

/// An opening handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Upgrade<'a> {
    /// What was asked for; any path will do.
    pub target: &'a str,
    /// What will be spoken.
    pub subprotocol: Subprotocol,
    /// Through whom the request came, if whom we got it from can be believed.
    pub forwarded_for: ForwardedFor,
    accept: [u8; ACCEPT_LENGTH],
}

/// A request for something to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlainRequest<'a> {
    /// What is asked for, as it was sent.
    pub target: &'a str,
    /// The answer is to have a head only.
    pub is_head: bool,
    /// Through whom the request came, if whom we got it from can be believed.
    pub forwarded_for: ForwardedFor,
}

/// The names under which clients ask for MQTT.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subprotocol {
    /// `mqtt` `[MQTT-6.0.0-4]`.
    Mqtt,
    /// `mqttv3.1`, from before there was a standard.
    MqttV31,
}

/// Reads the request at the start of `bytes`; with it comes how many bytes it had. `None`: more bytes are needed. What
/// is behind the request are frames already.
pub fn decode_request<'a>(
    bytes: &'a [u8],
    options: &HandshakeOptions<'_>,
) -> Result<Option<(Request<'a>, usize)>, Refusal> {
    let Some(head) = RequestHead::decode(bytes, options.head_length_max)? else { return Ok(None) };
    let is_head = match head.method {
        "GET" => false,
        "HEAD" => true,
        _ => return Err(Refusal::Method),
    };
    let fields = Fields::of(&head)?;
    let request = if fields.asks_for_upgrade() && !is_head && head.minor_version > 0 {
        Request::Upgrade(fields.upgrade(head.target, options.origins)?)
    } else {
        Request::Plain(PlainRequest { target: head.target, is_head, forwarded_for: fields.forwarded_for })
    };
    Ok(Some((request, head.length)))
}

impl Upgrade<'_> {
    /// Appends the answer behind which frames follow. Order and case of the headers are Mosquitto's, which clients that
    /// compare text rely on.
    pub fn append_answer(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: WebSocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ",
        );
        out.extend_from_slice(&self.accept);
        out.extend_from_slice(b"\r\nSec-WebSocket-Protocol: ");
        out.extend_from_slice(self.subprotocol.name().as_bytes());
        out.extend_from_slice(b"\r\n\r\n");
    }
}

impl Subprotocol {
    /// The name on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Subprotocol::Mqtt => "mqtt",
            Subprotocol::MqttV31 => "mqttv3.1",
        }
    }

    fn of(name: &[u8]) -> Option<Subprotocol> {
        [Subprotocol::Mqtt, Subprotocol::MqttV31].into_iter().find(|known| known.name().as_bytes() == name)
    }
}

/// The headers that matter.
#[derive(Default)]
struct Fields<'a> {
    host: Option<&'a [u8]>,
    key: Option<&'a [u8]>,
    version: Option<&'a [u8]>,
    origin: Option<&'a [u8]>,
    subprotocol: Option<Subprotocol>,
    names_websocket: bool,
    is_hop_to_upgrade: bool,
    has_body: bool,
    forwarded_for: ForwardedFor,
}

impl<'a> Fields<'a> {
    fn of(head: &RequestHead<'a>) -> Result<Fields<'a>, Refusal> {
        let mut fields = Fields::default();
        for (name, value) in head.fields() {
            fields.take(name, value)?;
        }
        // RFC 9112 section 3.2; older clients of HTTP know no Host.
        if fields.host.is_none() && head.minor_version > 0 {
            return Err(Refusal::Malformed("no Host header"));
        }
        Ok(fields)
    }

    /// Names compare without case (RFC 9110 section 5.1). A list may be spread over several lines, anything else is said
    /// once.
    fn take(&mut self, name: &str, value: &'a [u8]) -> Result<(), Refusal> {
        let is = |other: &str| name.eq_ignore_ascii_case(other);
        let has = |element: &[u8]| elements(value).any(|other| other.eq_ignore_ascii_case(element));
        if is("Host") {
            return once(&mut self.host, value);
        } else if is("Sec-WebSocket-Key") {
            return once(&mut self.key, value);
        } else if is("Sec-WebSocket-Version") {
            return once(&mut self.version, value);
        } else if is("Origin") {
            return once(&mut self.origin, value);
        } else if is("Sec-WebSocket-Protocol") {
            // The client lists them by preference (section 4.1).
            self.subprotocol = self.subprotocol.or_else(|| elements(value).find_map(Subprotocol::of));
        } else if is("Upgrade") {
            self.names_websocket |= has(b"websocket");
        } else if is("Connection") {
            self.is_hop_to_upgrade |= has(b"upgrade");
        } else if is("Transfer-Encoding") || is("Content-Length") {
            self.has_body |= value != b"0";
        } else if is("X-Forwarded-For") {
            self.forwarded_for.take(value);
        }
        Ok(())
    }

    /// Both headers are needed: Upgrade speaks to the next hop only, and a proxy that does not know it may pass it on
    /// (RFC 9110 section 7.8).
    fn asks_for_upgrade(&self) -> bool {
        self.names_websocket && self.is_hop_to_upgrade
    }

    fn upgrade(self, target: &'a str, origins: &[String]) -> Result<Upgrade<'a>, Refusal> {
        if !self.origin_is_allowed(origins) {
            return Err(Refusal::Origin);
        }
        if self.version != Some(b"13") {
            return Err(Refusal::WebSocketVersion);
        }
        if self.has_body {
            return Err(Refusal::Malformed("opening handshake with a body"));
        }
        let accept = self.key.and_then(accept).ok_or(Refusal::Malformed("no Sec-WebSocket-Key of 16 bytes"))?;
        let subprotocol = self.subprotocol.ok_or(Refusal::Subprotocol)?;
        Ok(Upgrade { target, subprotocol, forwarded_for: self.forwarded_for, accept })
    }

    /// Scheme and host have no case (RFC 6454 section 4).
    fn origin_is_allowed(&self, origins: &[String]) -> bool {
        let Some(origin) = self.origin else { return true };
        origins.is_empty() || origins.iter().any(|allowed| origin.eq_ignore_ascii_case(allowed.as_bytes()))
    }
}

fn once<'a>(field: &mut Option<&'a [u8]>, value: &'a [u8]) -> Result<(), Refusal> {
    match field.replace(value) {
        None => Ok(()),
        Some(_) => Err(Refusal::Malformed("header that may be there only once is there twice")),
    }
}

/// `Sec-WebSocket-Accept` for a key (section 4.2.2). This proves that we speak WebSocket, no more: that SHA-1 is broken does
/// not matter here.
pub(crate) fn accept(key: &[u8]) -> Option<[u8; ACCEPT_LENGTH]> {
    if !is_key(key) {
        return None;
    }
    let hash = Sha1::new().chain_update(key).chain_update(GUID).finalize();
    let mut accept = [0; ACCEPT_LENGTH];
    Base64::encode(&hash, &mut accept).ok()?;
    Some(accept)
}

/// Sixteen bytes in base64. Only the form is looked at, as the bytes mean nothing; so keys that somebody made up pass, though
/// the last digit has bits too many.
fn is_key(key: &[u8]) -> bool {
    let is_digit = |byte: &u8| byte.is_ascii_alphanumeric() || b"+/".contains(byte);
    key.strip_suffix(b"==").is_some_and(|digits| digits.len() == 22 && digits.iter().all(is_digit))
}

const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// A SHA-1 in base64.
const ACCEPT_LENGTH: usize = 28;
