//! The client's end of the opening handshake (RFC 6455 section 4.1).

use std::fmt;

use base64ct::{Base64, Encoding};

use super::handshake::{Subprotocol, accept};
use super::request_head::{elements, field_line, split_line};

/// An opening handshake that waits for its answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Opening {
    /// Sixteen bytes of chance in base64.
    key: [u8; KEY_LENGTH],
}

/// Why an answer is none that frames may follow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rejection {
    /// The bytes are no HTTP.
    NotHttp,
    /// The head has more bytes than anybody needs.
    HeadTooLarge,
    /// The server does not want to: a status, and what it calls that.
    Status(u16, Box<str>),
    /// It says that it switches, and not as it should.
    Malformed(&'static str),
}

impl Opening {
    /// One with these bytes of chance.
    pub fn new(chance: [u8; 16]) -> Opening {
        let mut key = [0; KEY_LENGTH];
        let written = Base64::encode(&chance, &mut key).map_or(0, str::len);
        debug_assert_eq!(written, KEY_LENGTH);
        Opening { key }
    }

    /// Appends the request. `host` has the port behind it where that is not the usual one; `path` begins with a slash; `fields` are
    /// further ones. None of these may have control characters: they would be read as something else.
    pub fn append_request(&self, host: &str, path: &str, fields: &[(Box<str>, Box<str>)], out: &mut Vec<u8>) {
        let key = str::from_utf8(&self.key).unwrap_or_default();
        let protocol = Subprotocol::Mqtt.name();
        let head = format!(
            "GET {path} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: {key}\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: {protocol}\r\n"
        );
        out.extend_from_slice(head.as_bytes());
        for (name, value) in fields {
            out.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
        }
        out.extend_from_slice(b"\r\n");
    }

    /// Reads the answer at the start of `bytes`; gives how many bytes it had. `None`: more bytes are needed. What is behind it are
    /// frames already.
    ///
    /// # Errors
    /// When that is no answer that frames may follow.
    pub fn decode_answer(&self, bytes: &[u8]) -> Result<Option<usize>, Rejection> {
        let Some((line, mut rest)) = split_line(bytes) else { return missing(bytes) };
        let (status, reason) = status_line(line).ok_or(Rejection::NotHttp)?;
        if status != 101 {
            return Err(Rejection::Status(status, reason.into()));
        }
        let mut answer = Answer::default();
        while let Some((line, behind)) = split_line(rest) {
            rest = behind;
            if line.is_empty() {
                answer.check(&self.key)?;
                return Ok(Some(bytes.len() - rest.len()));
            }
            let (name, value) = field_line(line).map_err(|_| Rejection::Malformed("a header that is none"))?;
            answer.take(name, value);
        }
        missing(bytes)
    }
}

/// The headers that matter.
#[derive(Default)]
struct Answer<'a> {
    names_websocket: bool,
    is_hop_to_upgrade: bool,
    accept: Option<&'a [u8]>,
    subprotocol: Option<&'a [u8]>,
    has_extensions: bool,
}

impl<'a> Answer<'a> {
    fn take(&mut self, name: &str, value: &'a [u8]) {
        let is = |other: &str| name.eq_ignore_ascii_case(other);
        let has = |element: &[u8]| elements(value).any(|other| other.eq_ignore_ascii_case(element));
        if is("Upgrade") {
            self.names_websocket |= has(b"websocket");
        } else if is("Connection") {
            self.is_hop_to_upgrade |= has(b"upgrade");
        } else if is("Sec-WebSocket-Accept") {
            self.accept = Some(value);
        } else if is("Sec-WebSocket-Protocol") {
            self.subprotocol = Some(value);
        } else if is("Sec-WebSocket-Extensions") {
            self.has_extensions |= !value.is_empty();
        }
    }

    fn check(&self, key: &[u8]) -> Result<(), Rejection> {
        let wrong = if !self.names_websocket || !self.is_hop_to_upgrade {
            "it does not switch to WebSocket"
        } else if self.accept != accept(key).as_ref().map(|accept| &accept[..]) {
            "Sec-WebSocket-Accept is not for our key"
        } else if self.subprotocol != Some(Subprotocol::Mqtt.name().as_bytes()) {
            "the subprotocol is not mqtt"
        } else if self.has_extensions {
            "it uses an extension that nobody asked for"
        } else {
            return Ok(());
        };
        Err(Rejection::Malformed(wrong))
    }
}

fn missing(bytes: &[u8]) -> Result<Option<usize>, Rejection> {
    let is_http = bytes.iter().zip(b"HTTP/1.").all(|(byte, expected)| byte == expected);
    match () {
        () if !is_http => Err(Rejection::NotHttp),
        () if bytes.len() >= HEAD_LENGTH_MAX => Err(Rejection::HeadTooLarge),
        () => Ok(None),
    }
}

/// Status and reason (RFC 9112 section 4).
fn status_line(line: &[u8]) -> Option<(u16, &str)> {
    let line = str::from_utf8(line).ok()?.strip_prefix("HTTP/1.")?;
    let (minor, rest) = line.split_once(' ')?;
    let (status, reason) = rest.split_once(' ').unwrap_or((rest, ""));
    let is_number = minor.len() == 1 && status.len() == 3 && status.bytes().all(|byte| byte.is_ascii_digit());
    let is_text = !reason.contains(|letter: char| letter.is_control());
    (is_number && is_text).then(|| Some((status.parse().ok()?, reason)))?
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Rejection::NotHttp => f.write_str("the answer is no HTTP"),
            Rejection::HeadTooLarge => f.write_str("the answer has no end"),
            Rejection::Status(status, reason) if reason.is_empty() => write!(f, "status {status}"),
            Rejection::Status(status, reason) => write!(f, "status {status} {reason}"),
            Rejection::Malformed(wrong) => f.write_str(wrong),
        }
    }
}

impl std::error::Error for Rejection {}

/// Sixteen bytes in base64.
const KEY_LENGTH: usize = 24;

/// Proxies add their own.
const HEAD_LENGTH_MAX: usize = 16 << 10;
