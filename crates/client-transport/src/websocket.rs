//! The layer of WebSocket.

use midge_net::websocket::{
    CloseCode, Decoded, Decoder, End, FrameHeader, Opening, Rejection, mask, masked_close_frame,
};
use rustix::rand::{GetRandomFlags, getrandom};

use crate::endpoint::WebSocket;
use crate::failure::Failure;

/// WebSocket on one connection.
#[derive(Debug)]
pub(crate) struct Frames {
    state: State,
    decoder: Decoder,
    chance: Chance,
    /// The last word was said.
    is_closed: bool,
}

#[derive(Debug)]
enum State {
    /// The answer is not whole.
    Opening(Opening, Vec<u8>),
    Open,
}

impl Frames {
    /// Puts out the request.
    pub(crate) fn begin(asked: &WebSocket, host: &str, out: &mut Vec<u8>) -> Result<Frames, Failure> {
        let is_good = |text: &str| !text.contains(|letter: char| letter.is_control());
        let fields = asked.fields.iter().flat_map(|(name, value)| [name, value]);
        if !asked.path.starts_with('/') || asked.path.contains(' ') || !is_good(&asked.path) {
            return Err(Failure::Settings("the path for WebSocket begins with a slash and has no spaces"));
        }
        if !fields.into_iter().all(|text| is_good(text)) {
            return Err(Failure::Settings("a header for WebSocket has a control character"));
        }
        let mut chance = Chance::default();
        let mut nonce = [0; 16];
        for part in nonce.as_chunks_mut().0 {
            *part = chance.next()?;
        }
        let opening = Opening::new(nonce);
        opening.append_request(host, &asked.path, &asked.fields, out);
        let state = State::Opening(opening, Vec::new());
        // How large a packet may be is said elsewhere; payload is handed on as it comes.
        Ok(Frames { state, decoder: Decoder::for_client(u32::MAX), chance, is_closed: false })
    }

    pub(crate) fn is_open(&self) -> bool {
        matches!(self.state, State::Open)
    }

    /// Leaves of the bytes from `start` on their payload, also of what came before a failure, and appends what is to be
    /// answered.
    pub(crate) fn receive(&mut self, bytes: &mut Vec<u8>, start: usize, answers: &mut Vec<u8>) -> Result<(), Failure> {
        if let State::Opening(opening, received) = &mut self.state {
            received.extend(bytes.drain(start..));
            let Some(length) = opening.decode_answer(received).map_err(|rejection| failure(&rejection))? else {
                return Ok(());
            };
            bytes.extend_from_slice(&received[length..]);
            self.state = State::Open;
        }
        let Decoded { length, end } = self.decoder.decode(&mut bytes[start..], answers);
        bytes.truncate(start + length);
        self.is_closed |= end.is_some();
        match end {
            None => Ok(()),
            Some(End::Closed(None | Some(CloseCode::NORMAL))) => Err(Failure::Closed),
            Some(End::Closed(Some(code))) => {
                Err(Failure::WebSocket(format!("the server has closed the WebSocket with code {code}").into()))
            }
            Some(End::Violated(violation)) => {
                Err(Failure::WebSocket(format!("the server breaks the rules of WebSocket: {violation}").into()))
            }
        }
    }

    /// Appends one frame with this payload.
    pub(crate) fn send(&mut self, payload: &[u8], out: &mut Vec<u8>) -> Result<(), Failure> {
        if self.is_closed {
            return Ok(());
        }
        let key = self.chance.next()?;
        out.extend_from_slice(FrameHeader::masked(payload.len(), key).as_bytes());
        let begin = out.len();
        out.extend_from_slice(payload);
        mask(&mut out[begin..], key);
        Ok(())
    }

    /// Appends the frame that ends what we send, the first time.
    pub(crate) fn close(&mut self, out: &mut Vec<u8>) {
        if self.is_open() && !std::mem::replace(&mut self.is_closed, true) {
            out.extend_from_slice(&masked_close_frame(CloseCode::NORMAL));
        }
    }
}

fn failure(rejection: &Rejection) -> Failure {
    let remedy = match rejection {
        Rejection::Status(401 | 403, _) => ": it wants to know who asks, or knows no such page",
        Rejection::Status(404, _) => ": check the path",
        Rejection::Status(..) => "",
        Rejection::NotHttp => ": check the port",
        Rejection::HeadTooLarge | Rejection::Malformed(_) => ": check whether it is an MQTT server",
    };
    Failure::WebSocket(format!("the server does not switch to WebSocket ({rejection}){remedy}").into())
}

/// Masks must not be foreseen (RFC 6455 section 5.3). The system is asked for many at once, as each time costs. A generator of a
/// library for encryption costs more: the first number alone a tenth of a second.
#[derive(Debug, Default)]
struct Chance(Vec<u8>);

impl Chance {
    fn next(&mut self) -> Result<[u8; 4], Failure> {
        if self.0.is_empty() {
            let mut bytes = vec![0; CHANCE_BYTES];
            // The kernel gives so few at once or none.
            getrandom(&mut bytes, GetRandomFlags::empty())
                .map_err(|_| Failure::Settings("the system gives no random numbers"))?;
            self.0 = bytes;
        }
        let left = self.0.len() - 4;
        let key = self.0[left..].try_into().unwrap_or_default();
        self.0.truncate(left);
        Ok(key)
    }
}

const CHANCE_BYTES: usize = 64;
