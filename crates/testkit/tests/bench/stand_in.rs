//! A stand-in before a server that loses, doubles or exchanges messages on their way to clients, and counts them.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use midge_codec::fixed_header;

/// What becomes of every tenth message of a connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Mischief {
    Nothing,
    Lose,
    Double,
    /// It comes behind the next one.
    Exchange,
}

/// The stand-in.
pub(crate) struct StandIn {
    pub(crate) port: u16,
    messages: Arc<AtomicU64>,
}

impl StandIn {
    /// Stands before `server` until the test's process ends.
    pub(crate) fn new(server: SocketAddr, mischief: Mischief) -> StandIn {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let port = listener.local_addr().expect("a bound socket").port();
        let messages = Arc::new(AtomicU64::new(0));
        let count = Arc::clone(&messages);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let count = Arc::clone(&count);
                thread::spawn(move || pass_on(&client, server, mischief, &count));
            }
        });
        StandIn { port, messages }
    }

    /// Messages that the server has sent so far.
    pub(crate) fn messages(&self) -> u64 {
        self.messages.load(Ordering::SeqCst)
    }
}

/// A connection that cannot be passed on any more is closed, which both ends notice.
fn pass_on(client: &TcpStream, server: SocketAddr, mischief: Mischief, count: &AtomicU64) {
    let Ok(server) = TcpStream::connect(server) else { return };
    let (mut from_client, mut to_server) =
        (client.try_clone().expect("a socket"), server.try_clone().expect("a socket"));
    thread::spawn(move || {
        let _ended = std::io::copy(&mut from_client, &mut to_server);
        let _gone = to_server.shutdown(Shutdown::Write);
    });
    let _ended = pass_back(server, client, mischief, count);
    let _gone = client.shutdown(Shutdown::Both);
}

fn pass_back(
    mut server: TcpStream,
    mut client: &TcpStream,
    mischief: Mischief,
    count: &AtomicU64,
) -> std::io::Result<()> {
    let (mut bytes, mut buffer) = (Vec::new(), [0; 4096]);
    let (mut number, mut held) = (0, Vec::new());
    loop {
        let length = server.read(&mut buffer)?;
        if length == 0 {
            return Ok(());
        }
        bytes.extend_from_slice(&buffer[..length]);
        let mut out = Vec::new();
        while let Some(length) = packet_len(&bytes) {
            let packet: Vec<u8> = bytes.drain(..length).collect();
            let is_message = packet[0] >> 4 == 3;
            number += u64::from(is_message);
            count.fetch_add(u64::from(is_message), Ordering::SeqCst);
            match mischief {
                _ if !is_message || number % 10 != 0 => out.extend_from_slice(&packet),
                Mischief::Nothing => out.extend_from_slice(&packet),
                Mischief::Lose => {}
                Mischief::Double => out.extend([&packet[..], &packet[..]].concat()),
                Mischief::Exchange => {
                    held = packet;
                    continue;
                }
            }
            out.append(&mut held);
        }
        client.write_all(&out)?;
    }
}

/// The length of the first packet, if it is whole.
fn packet_len(bytes: &[u8]) -> Option<usize> {
    let length = fixed_header(bytes).ok()??.packet_len();
    (length <= bytes.len()).then_some(length)
}
