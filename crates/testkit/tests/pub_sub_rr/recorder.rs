//! A TCP stand-in before a server, which passes everything on and records what clients send.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::Duration;

use midge_codec::{FixedHeader, Packet, Version, fixed_header};

/// The stand-in.
pub(crate) struct Recorder {
    port: u16,
    /// Connections so far.
    accepted: Arc<AtomicUsize>,
    records: Receiver<Vec<u8>>,
    /// Records that were taken.
    taken: usize,
}

impl Recorder {
    /// Stands before `server` until the test's process ends.
    pub(crate) fn new(server: SocketAddr) -> Recorder {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let port = listener.local_addr().expect("a bound socket").port();
        let (sender, records) = channel();
        let accepted = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&accepted);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                count.fetch_add(1, Ordering::SeqCst);
                let sender = sender.clone();
                thread::spawn(move || pass_on(&client, server, &sender));
            }
        });
        Recorder { port, accepted, records, taken: 0 }
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// What the clients have sent that came since the last time, and have left: their packets.
    pub(crate) fn take(&mut self) -> Vec<String> {
        let mut all = Vec::new();
        while self.taken < self.accepted.load(Ordering::SeqCst) {
            self.taken += 1;
            match self.records.recv_timeout(PATIENCE) {
                Ok(record) => all.extend(packets(&record)),
                Err(_) => all.push("a connection that does not end".to_owned()),
            }
        }
        all
    }
}

/// A connection that cannot be passed on any more is closed, which the client's test notices.
fn pass_on(client: &TcpStream, server: SocketAddr, sender: &Sender<Vec<u8>>) {
    let Ok(server) = TcpStream::connect(server) else { return };
    let (mut from_server, mut to_client) =
        (server.try_clone().expect("a socket"), client.try_clone().expect("a socket"));
    thread::spawn(move || {
        let _ended = std::io::copy(&mut from_server, &mut to_client);
        let _gone = to_client.shutdown(Shutdown::Both);
    });
    let (mut from_client, mut to_server) = (client, &server);
    let mut record = Vec::new();
    let mut buffer = [0; 4096];
    while let Ok(count @ 1..) = from_client.read(&mut buffer) {
        record.extend_from_slice(&buffer[..count]);
        if to_server.write_all(&buffer[..count]).is_err() {
            break;
        }
    }
    let _gone = server.shutdown(Shutdown::Write);
    let _nobody = sender.send(record);
}

/// The packets of a record, for people and to be compared. The Properties of CONNECT may stand in any order, and identifiers that
/// are made by chance are left out.
fn packets(record: &[u8]) -> Vec<String> {
    let mut packets = Vec::new();
    let mut version = Version::V311;
    let mut rest = record;
    while let Some(header) = fixed_header(rest).ok().flatten() {
        let Some(packet) = rest.get(..header.packet_len()) else { break };
        rest = &rest[packet.len()..];
        let decoded = decode(&mut version, header, &packet[usize::from(header.length)..]);
        packets.push(decoded.unwrap_or_else(|| format!("{packet:02x?}")));
    }
    if !rest.is_empty() {
        packets.push(format!("and {rest:02x?}"));
    }
    packets
}

fn decode(version: &mut Version, header: FixedHeader, body: &[u8]) -> Option<String> {
    let packet = Packet::decode(*version, header, body).ok()?;
    let Packet::Connect(mut connect) = packet else { return Some(format!("{packet:?}")) };
    *version = connect.version;
    let mut properties: Vec<String> = connect.properties.iter().map(|property| format!("{property:?}")).collect();
    properties.sort();
    connect.properties = midge_codec::Properties::EMPTY;
    if connect.client_id.starts_with("mosq-") {
        connect.client_id = "mosq-…";
    }
    Some(format!("{connect:?} {properties:?}"))
}

/// The end of a connection that has ended is told at once.
const PATIENCE: Duration = Duration::from_secs(5);
