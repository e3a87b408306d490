//! The client's side of WebSocket, written independently of the server's: the opening handshake, and frames both ways.
//!
//! `MIDGE_TEST_WEBSOCKET=1` runs all tests over it: [`crate::Server`] then starts servers that speak WebSocket, and its clients do
//! too. With `MIDGE_TEST_TLS` beside it the frames are encrypted.

use std::time::Duration;

use crate::client::Client;

/// A request that asks for MQTT over WebSocket as programs do; `headers` are lines of their own, each with CRLF.
pub fn upgrade_request(headers: &str) -> String {
    format!(
        "GET /mqtt HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n{headers}\r\n"
    )
}

/// What a server answers to it, to the byte; the key is that of RFC 6455, section 1.3.
pub const UPGRADE_ANSWER: &str = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: WebSocket\r\nConnection: Upgrade\r\n\
                                  Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n";

/// The subprotocol that goes with that answer.
pub const MQTT: &str = "Sec-WebSocket-Protocol: mqtt\r\n";

/// Frames of one connection, behind the handshake.
#[derive(Debug, Default)]
pub(crate) struct Frames {
    /// Not whole yet.
    cut: Vec<u8>,
    /// What the server has said beside payload.
    pub(crate) control: Vec<Control>,
}

/// A control frame that came from the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Control {
    /// The end of what it sends, with a code or without.
    Close(Option<u16>),
    /// The answer to a ping.
    Pong(Vec<u8>),
}

impl Frames {
    /// Takes bytes off the wire and appends payload to `payload`. Strict: a frame that a server may not send is an error.
    pub(crate) fn take(&mut self, bytes: &[u8], payload: &mut Vec<u8>) -> Result<(), String> {
        self.cut.extend(bytes);
        while let Some(Frame { first, body, length }) = frame(&self.cut)? {
            if self.control.iter().any(|control| matches!(control, Control::Close(_))) {
                return Err("a frame behind the close frame".to_owned());
            }
            match (first, body) {
                (0x82, body) => payload.extend(body),
                (0x88, []) => self.control.push(Control::Close(None)),
                (0x88, [high, low, ..]) => self.control.push(Control::Close(Some(u16::from_be_bytes([*high, *low])))),
                (0x8A, body) => self.control.push(Control::Pong(body.to_vec())),
                (first, _) => return Err(format!("a frame that begins with {first:#04x}")),
            }
            self.cut.drain(..length);
        }
        Ok(())
    }
}

struct Frame<'a> {
    /// FIN and opcode.
    first: u8,
    body: &'a [u8],
    /// Of all of it.
    length: usize,
}

/// The frame at the beginning of `bytes`; nothing where it is not whole.
fn frame(bytes: &[u8]) -> Result<Option<Frame<'_>>, String> {
    let &[first, second, ref rest @ ..] = bytes else { return Ok(None) };
    if second & 0x80 != 0 {
        return Err("a server that masks".to_owned());
    }
    let (start, length) = match (second, rest) {
        (126, [a, b, ..]) => (4, u64::from(u16::from_be_bytes([*a, *b]))),
        (127, [a, b, c, d, e, f, g, h, ..]) => (10, u64::from_be_bytes([*a, *b, *c, *d, *e, *f, *g, *h])),
        (126 | 127, _) => return Ok(None),
        (length, _) => (2, u64::from(length)),
    };
    let end = start + length as usize;
    Ok(bytes.get(start..end).map(|body| Frame { first, body, length: end }))
}

/// A client's frame: `first` is FIN and opcode, 0x82 for a message of binary data.
pub fn client_frame(first: u8, payload: &[u8]) -> Vec<u8> {
    const MASK: [u8; 4] = [0x37, 0xFA, 0x21, 0x3D];
    let mut frame = vec![first];
    match payload.len() {
        length @ 0..126 => frame.push(0x80 | length as u8),
        length @ 126..0x1_0000 => {
            frame.push(0x80 | 126);
            frame.extend((length as u16).to_be_bytes());
        }
        length => {
            frame.push(0x80 | 127);
            frame.extend((length as u64).to_be_bytes());
        }
    }
    frame.extend(MASK);
    frame.extend(payload.iter().zip(MASK.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    frame
}

impl Client {
    /// Has the connection speak WebSocket from here on; panics where the server does not agree word for word.
    #[track_caller]
    pub fn upgrade(&mut self) {
        let answer = self.ask_upgrade(MQTT);
        assert_eq!(answer, UPGRADE_ANSWER);
        self.begin_frames();
    }

    /// The same where a web server answers, which says more than it has to; `headers` as in [`Client::ask_upgrade`].
    #[track_caller]
    pub fn upgrade_behind_http(&mut self, headers: &str) {
        let answer = self.ask_upgrade(&format!("{MQTT}{headers}")).to_lowercase();
        assert!(answer.starts_with("http/1.1 101 "), "{answer}");
        assert!(answer.contains("\r\nsec-websocket-accept: s3pplmbitxaq9kygzzhzrbk+xoo=\r\n"), "{answer}");
        assert!(answer.contains("\r\nsec-websocket-protocol: mqtt\r\n"), "{answer}");
        self.begin_frames();
    }

    /// Asks for WebSocket with these header lines; the head of the answer, or what came of it.
    pub fn ask_upgrade(&mut self, headers: &str) -> String {
        self.send_bytes(upgrade_request(headers).as_bytes());
        self.read_head()
    }

    /// Sends one frame as it is.
    pub fn send_frame(&mut self, first: u8, payload: &[u8]) {
        self.send_raw(&client_frame(first, payload));
    }

    /// Waits for this control frame; panics where it does not come.
    #[track_caller]
    pub fn expect_control(&mut self, expected: &Control) {
        for _ in 0..80 {
            if let Some(control) = self.next_control() {
                assert_eq!(&control, expected);
                return;
            }
            self.receive_within(Duration::from_millis(100));
        }
        panic!("no {expected:?} comes");
    }
}

/// Whether all clients and servers of this test run speak WebSocket.
pub(crate) fn is_everywhere() -> bool {
    std::env::var_os("MIDGE_TEST_WEBSOCKET").is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_come_in_any_pieces() {
        let bytes = [&b"\x82\x02hi\x8A\x01x\x82\x7E\x00\x80"[..], &[7; 128], b"\x88\x02\x03\xE8"].concat();
        for size in 1..bytes.len() {
            let (mut frames, mut payload) = (Frames::default(), Vec::new());
            bytes.chunks(size).for_each(|chunk| frames.take(chunk, &mut payload).expect("legal"));
            assert_eq!(payload, [&b"hi"[..], &[7; 128]].concat());
            assert_eq!(frames.control, [Control::Pong(b"x".to_vec()), Control::Close(Some(1000))]);
        }
    }

    #[test]
    fn what_a_server_may_not_send() {
        let check = |bytes: &[u8]| assert!(Frames::default().take(bytes, &mut Vec::new()).is_err(), "{bytes:02x?}");
        check(b"\x82\x81....x");
        check(b"\x81\x01x");
        check(b"\x02\x01x");
        check(b"\x88\x00\x82\x00");
    }
}
