//! Random traffic with `tungstenite`, both ways: what it masks is what we read, what we write is what it reads.

use std::io::{self, Cursor, Read, Write};

use midge_net::websocket::{CloseCode, End, FrameHeader, HandshakeOptions, Request, close_frame, decode_request};
use proptest::collection::vec;
use proptest::prelude::*;
use tungstenite::protocol::frame::Frame;
use tungstenite::protocol::frame::coding::{CloseCode as TheirCode, Data, OpCode};
use tungstenite::protocol::{Role, WebSocketConfig};
use tungstenite::{Bytes, HandshakeError, Message, WebSocket};

use crate::decode;

/// What the client has to read, and what it wrote.
#[derive(Default)]
struct Wire {
    incoming: Cursor<Vec<u8>>,
    outgoing: Vec<u8>,
}

#[derive(Clone, Debug)]
enum Act {
    Binary(Vec<u8>),
    /// One message in several frames.
    Fragments(Vec<Vec<u8>>),
    Ping(Vec<u8>),
    Pong(Vec<u8>),
}

fn any_act() -> impl Strategy<Value = Act> {
    prop_oneof![
        4 => vec(any::<u8>(), 0..300).prop_map(Act::Binary),
        1 => vec(any::<u8>(), 65_400..65_700).prop_map(Act::Binary),
        2 => vec(vec(any::<u8>(), 0..200), 1..4).prop_map(Act::Fragments),
        2 => vec(any::<u8>(), 0..=125).prop_map(Act::Ping),
        1 => vec(any::<u8>(), 0..=125).prop_map(Act::Pong),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn what_it_sends_is_what_we_read(
        acts in vec(any_act(), 0..12),
        code in prop_oneof![Just(None), (3000_u16..5000).prop_map(Some)],
        cuts in vec(any::<prop::sample::Index>(), 0..20),
    ) {
        let mut client = client();
        let (mut payload, mut answers) = (Vec::new(), Vec::new());
        for act in &acts {
            send(&mut client, act, &mut payload, &mut answers);
        }
        let close = code.map(|code| tungstenite::protocol::CloseFrame { code: code.into(), reason: "bye".into() });
        client.close(close).expect("written");
        match code {
            Some(code) => answers.extend(close_frame(CloseCode(code))),
            None => answers.extend([0x88, 0]),
        }

        let bytes = &client.get_ref().outgoing;
        let outcome = decode(u32::MAX, cut(bytes, &cuts));
        prop_assert_eq!(outcome.end, Some(End::Closed(code.map(CloseCode))));
        prop_assert!(outcome.payload == payload);
        prop_assert!(outcome.answers == answers);

        // It takes the answers for pongs and a good end.
        let pongs = acts.iter().filter(|act| matches!(act, Act::Ping(_))).count();
        let messages = read_all(&mut client, outcome.answers);
        prop_assert_eq!(messages.iter().filter(|message| message.is_pong()).count(), pongs);
        prop_assert!(messages.last().is_some_and(Message::is_close));
        prop_assert!(!client.can_read());
    }

    #[test]
    fn what_we_send_is_what_it_reads(turns in vec(vec(any::<u8>(), 0..400), 0..10), large in 65_000..70_000_usize) {
        let large = vec![b'x'; large];
        let mut bytes = Vec::new();
        for payload in turns.iter().chain([&large]) {
            bytes.extend(FrameHeader::binary(payload.len()).as_bytes());
            bytes.extend(payload);
        }
        bytes.extend(close_frame(CloseCode::GOING_AWAY));

        let messages = read_all(&mut client(), bytes);
        let (close, messages) = messages.split_last().expect("a close frame");
        let expected: Vec<Message> = turns.into_iter().chain([large]).map(Message::from).collect();
        prop_assert!(messages == expected);
        let Message::Close(Some(close)) = close else { panic!("{close:?}") };
        prop_assert_eq!(close.code, TheirCode::Away);
    }
}

#[test]
fn its_handshake_is_answered_to_its_content() {
    let request = tungstenite::ClientRequestBuilder::new("ws://example.org/mqtt".parse().expect("an URI"))
        .with_sub_protocol("other")
        .with_sub_protocol("mqtt");
    let handshake = tungstenite::client(request, Wire::default());
    let Err(HandshakeError::Interrupted(mut handshake)) = handshake else { panic!("no answer was given yet") };

    let wire = handshake.get_mut().get_mut();
    let options = HandshakeOptions { head_length_max: 4096, origins: &[] };
    let (request, length) = decode_request(&wire.outgoing, &options).expect("a request").expect("a whole one");
    assert_eq!(length, wire.outgoing.len());
    let Request::Upgrade(upgrade) = request else { panic!("{request:?}") };
    assert_eq!(upgrade.target, "/mqtt");
    upgrade.append_answer(wire.incoming.get_mut());

    let (_, answer) = handshake.handshake().expect("content");
    assert_eq!(answer.headers()["Sec-WebSocket-Protocol"], "mqtt");
}

fn client() -> WebSocket<Wire> {
    WebSocket::from_raw_socket(Wire::default(), Role::Client, Some(WebSocketConfig::default()))
}

/// Has the client send, and notes what we are to read and to answer.
fn send(client: &mut WebSocket<Wire>, act: &Act, payload: &mut Vec<u8>, answers: &mut Vec<u8>) {
    let bytes = |bytes: &Vec<u8>| Bytes::copy_from_slice(bytes);
    let mut send = |message| client.send(message).expect("written");
    match act {
        Act::Binary(message) => {
            payload.extend(message);
            send(Message::Binary(bytes(message)));
        }
        Act::Fragments(fragments) => {
            for (index, fragment) in fragments.iter().enumerate() {
                let data = if index == 0 { Data::Binary } else { Data::Continue };
                payload.extend(fragment);
                let is_last = index + 1 == fragments.len();
                send(Message::Frame(Frame::message(bytes(fragment), OpCode::Data(data), is_last)));
            }
        }
        Act::Ping(message) => {
            answers.extend([0x8A, message.len() as u8]);
            answers.extend(message);
            send(Message::Ping(bytes(message)));
        }
        Act::Pong(message) => send(Message::Pong(bytes(message))),
    }
}

/// Gives the client something to read; returns its messages. It must find nothing wrong.
fn read_all(client: &mut WebSocket<Wire>, bytes: Vec<u8>) -> Vec<Message> {
    client.get_mut().incoming = Cursor::new(bytes);
    let mut messages = Vec::new();
    loop {
        match client.read() {
            Ok(message) => messages.push(message),
            Err(tungstenite::Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => return messages,
            Err(error) => panic!("{error}"),
        }
    }
}

fn cut<'a>(bytes: &'a [u8], cuts: &[prop::sample::Index]) -> Vec<&'a [u8]> {
    let mut places: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len())).chain([0, bytes.len()]).collect();
    places.sort_unstable();
    places.windows(2).map(|pair| &bytes[pair[0]..pair[1]]).collect()
}

impl Read for Wire {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.incoming.read(buffer)? {
            0 => Err(io::ErrorKind::WouldBlock.into()),
            length => Ok(length),
        }
    }
}

impl Write for Wire {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.outgoing.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
