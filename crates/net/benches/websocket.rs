//! Cost of a client's frame, and of the header of one of ours. 66 bytes are a small PUBLISH.
//!
//! `cargo bench -p midge-net`; add `--profile dist` for what is shipped. A frame is copied into the buffer before it is
//! decoded, as a read from the socket would; `copy` is that alone. `tungstenite` stands beside it for comparison.

use std::io::{self, Read, Write};

use divan::{Bencher, black_box};
use midge_net::websocket::{Decoder, FrameHeader};
use tungstenite::WebSocket;
use tungstenite::protocol::Role;

const LENGTHS: &[usize] = &[66, 1024, 16_384];

fn main() {
    divan::main();
}

/// A masked binary frame.
fn frame(length: usize) -> Vec<u8> {
    let mut frame = FrameHeader::binary(length).as_bytes().to_vec();
    frame[1] |= 0x80;
    frame.extend([0x37, 0xFA, 0x21, 0x3D]);
    frame.resize(frame.len() + length, b'x');
    frame
}

#[divan::bench(args = LENGTHS)]
fn copy(bencher: Bencher<'_, '_>, length: usize) {
    let frame = frame(length);
    let mut buffer = frame.clone();
    bencher.bench_local(|| black_box(&mut buffer).copy_from_slice(black_box(&frame)));
}

#[divan::bench(args = LENGTHS)]
fn decode(bencher: Bencher<'_, '_>, length: usize) {
    let frame = frame(length);
    let mut buffer = frame.clone();
    let (mut decoder, mut answers) = (Decoder::new(u32::MAX), Vec::new());
    bencher.bench_local(|| {
        buffer.copy_from_slice(black_box(&frame));
        decoder.decode(black_box(&mut buffer), &mut answers).length
    });
}

/// Ten frames that came in one read.
#[divan::bench(args = LENGTHS)]
fn decode_ten(bencher: Bencher<'_, '_>, length: usize) {
    let frames = frame(length).repeat(10);
    let mut buffer = frames.clone();
    let (mut decoder, mut answers) = (Decoder::new(u32::MAX), Vec::new());
    bencher.bench_local(|| {
        buffer.copy_from_slice(black_box(&frames));
        decoder.decode(black_box(&mut buffer), &mut answers).length
    });
}

#[divan::bench(args = LENGTHS)]
fn tungstenite(bencher: Bencher<'_, '_>, length: usize) {
    let mut server = WebSocket::from_raw_socket(Endless(frame(length)), Role::Server, None);
    bencher.bench_local(|| server.read().unwrap().len());
}

#[divan::bench(args = LENGTHS)]
fn frame_header(bencher: Bencher<'_, '_>, length: usize) {
    bencher.bench_local(|| FrameHeader::binary(black_box(length)));
}

/// The same frame again and again, as many with each read as there is room for, up to ten.
struct Endless(Vec<u8>);

impl Read for Endless {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut length = 0;
        for room in buffer.chunks_exact_mut(self.0.len()).take(10) {
            room.copy_from_slice(&self.0);
            length += room.len();
        }
        Ok(length)
    }
}

impl Write for Endless {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
