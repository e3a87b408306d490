//! The bare loop: what a server does at least that acknowledges only what is on disk. Not a broker: it keeps nothing for anybody.
//!
//! A thread with a socket reads PUBLISH packets, hands what they would take in a log to a thread with a file, waits, and answers PUBACK.
//! The thread with the file writes that many bytes into a file whose size does not change, and has the disk keep them. So a
//! message crosses a socket twice, two threads twice and the disk once, and nothing else is done.
//!
//! The program is its own server here: started with [`FLAG`], a port and a folder.

use std::fs::File;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;

use crate::packets::{self, CONNECT, DISCONNECT, PUBACK, PUBLISH, Packet, SUBSCRIBE, Version};

/// The first argument of a bare loop.
pub(crate) const FLAG: &str = "--bare-loop";

/// A batch, and how to say that the disk has it.
struct Batch {
    bytes: usize,
    is_durable: Sender<()>,
}

/// Serves until it is killed.
pub(crate) fn serve(port: &str, folder: &Path) -> io::Result<()> {
    let port = port.parse().map_err(io::Error::other)?;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;
    let file = File::create(folder.join("log"))?;
    file.write_all_at(&vec![0; FILE_BYTES], 0)?;
    file.sync_all()?;
    let (batches, to_write) = mpsc::channel();
    thread::spawn(move || write(&file, &to_write));
    for stream in listener.incoming() {
        let (stream, batches) = (stream?, batches.clone());
        thread::spawn(move || answer(stream, &batches));
    }
    Ok(())
}

/// The thread with the file.
fn write(file: &File, batches: &Receiver<Batch>) -> io::Result<()> {
    let bytes = vec![b'.'; FILE_BYTES];
    let mut at = 0;
    for batch in batches {
        if at + batch.bytes > FILE_BYTES {
            at = 0;
        }
        file.write_all_at(&bytes[..batch.bytes], at as u64)?;
        file.sync_data()?;
        at += batch.bytes;
        // Whoever has gone meanwhile need not know.
        let _ = batch.is_durable.send(());
    }
    Ok(())
}

/// A thread with a socket.
fn answer(mut stream: TcpStream, batches: &Sender<Batch>) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let (is_durable, durable) = mpsc::channel();
    let (mut input, mut filled) = (vec![0; INPUT_BYTES], 0);
    loop {
        let count = stream.read(&mut input[filled..])?;
        filled += count;
        let (mut answers, mut bytes, mut at, mut is_over) = (Vec::new(), 0, 0, count == 0);
        while let Some((packet, length)) = Packet::split(&input[at..filled], Version::V3) {
            at += length;
            match packet.kind() {
                CONNECT => answers.extend_from_slice(&[0x20, 2, 0, 0]),
                SUBSCRIBE => {
                    let [high, low] = packet.id().to_be_bytes();
                    answers.extend_from_slice(&[0x90, 3, high, low, 1]);
                }
                PUBLISH => {
                    packets::acknowledge(&mut answers, PUBACK, packet.publish_id());
                    bytes += length + RECORD_BYTES;
                }
                DISCONNECT => is_over = true,
                _ => {}
            }
        }
        input.copy_within(at..filled, 0);
        filled -= at;
        if bytes > 0 {
            let batch = Batch { bytes: bytes + BATCH_BYTES, is_durable: is_durable.clone() };
            batches.send(batch).map_err(io::Error::other)?;
            durable.recv().map_err(io::Error::other)?;
        }
        stream.write_all(&answers)?;
        if is_over {
            return Ok(());
        }
    }
}

/// What Midge's log has around the bytes of a message, and around those of a batch, about.
const RECORD_BYTES: usize = 24;
const BATCH_BYTES: usize = 48;

const FILE_BYTES: usize = 64 << 20;
const INPUT_BYTES: usize = 256 << 10;
