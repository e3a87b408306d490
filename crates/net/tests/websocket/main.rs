//! WebSocket from outside: the table of frames and of opening handshakes, and `tungstenite` as the other side.

mod client;
mod frames;
mod handshake;
mod tungstenite_client;

use midge_net::websocket::{Decoder, End};

/// A frame of a client. `first` is the first byte as it is sent: `0x82` is a final binary one.
fn client_frame(first: u8, payload: &[u8]) -> Vec<u8> {
    const MASK: [u8; 4] = [0x37, 0xFA, 0x21, 0x3D];
    let mut frame = vec![first];
    match payload.len() {
        length @ ..126 => frame.push(0x80 | length as u8),
        length @ ..0x1_0000 => {
            frame.push(0xFE);
            frame.extend((length as u16).to_be_bytes());
        }
        length => {
            frame.push(0xFF);
            frame.extend((length as u64).to_be_bytes());
        }
    }
    frame.extend(MASK);
    frame.extend(payload.iter().enumerate().map(|(index, byte)| byte ^ MASK[index % 4]));
    frame
}

/// All that decoding led to.
#[derive(Debug, Default, PartialEq)]
struct Outcome {
    payload: Vec<u8>,
    answers: Vec<u8>,
    end: Option<End>,
}

/// Decodes the pieces as so many reads.
fn decode<'a>(frame_size_max: u32, pieces: impl IntoIterator<Item = &'a [u8]>) -> Outcome {
    let mut decoder = Decoder::new(frame_size_max);
    let mut outcome = Outcome::default();
    for piece in pieces {
        let mut bytes = piece.to_vec();
        let decoded = decoder.decode(&mut bytes, &mut outcome.answers);
        outcome.payload.extend(&bytes[..decoded.length]);
        outcome.end = outcome.end.or(decoded.end);
    }
    outcome
}

/// Decodes the bytes in one read, cut in two at every place, and byte by byte: the outcome must be the same.
#[track_caller]
fn decode_every_way(frame_size_max: u32, bytes: &[u8]) -> Outcome {
    let whole = decode(frame_size_max, [bytes]);
    for cut in 0..bytes.len() {
        assert_eq!(decode(frame_size_max, [&bytes[..cut], &bytes[cut..]]), whole, "cut at {cut}: {bytes:02x?}");
    }
    assert_eq!(decode(frame_size_max, bytes.chunks(1)), whole, "byte by byte: {bytes:02x?}");
    whole
}
