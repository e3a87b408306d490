//! The layers over a real pair of sockets, against the client of rustls.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream as BlockingUnixStream;
use std::sync::Arc;
use std::time::Duration;

use mio::net::UnixStream;
use rustls::pki_types::ServerName;
use rustls::{ClientConnection, StreamOwned};

use super::*;
use crate::tls::TlsVersion;
use crate::tls::tests::{client_config, plain_listener};

type Client = StreamOwned<ClientConnection, BlockingUnixStream>;

/// Both ends after the handshake.
fn pair(version: TlsVersion) -> (Layered, Client) {
    let (server, mut client) = BlockingUnixStream::pair().expect("a pair");
    server.set_nonblocking(true).expect("set");
    let socket = Stream::Unix(UnixStream::from_std(server));
    let mut layered = Layered::new(socket, Some(plain_listener().begin(None).expect("begun")));
    let name = ServerName::try_from("localhost").expect("a name");
    let mut connection = ClientConnection::new(Arc::new(client_config(version, None)), name).expect("a client");
    let shaker = std::thread::spawn(move || {
        while connection.is_handshaking() {
            connection.complete_io(&mut client).expect("a handshake");
        }
        StreamOwned::new(connection, client)
    });
    while !shaker.is_finished() {
        assert!(read(&mut layered).is_empty());
        std::thread::sleep(Duration::from_millis(1));
    }
    read(&mut layered);
    (layered, shaker.join().expect("no panic"))
}

/// All plaintext that there is.
fn read(layered: &mut Layered) -> Vec<u8> {
    let mut room = vec![0; ROOM_BYTES_MIN];
    let mut all = Vec::new();
    loop {
        match layered.read(&mut room) {
            Ok(Received::Bytes { count, .. }) => all.extend_from_slice(&room[..count]),
            Ok(Received::End) => return all,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return all,
            Err(error) => panic!("{error}"),
        }
    }
}

#[test]
fn what_the_socket_does_not_take_is_kept_and_flushed() {
    for version in [TlsVersion::Tls12, TlsVersion::Tls13] {
        let (mut layered, mut client) = pair(version);
        let much: Vec<u8> = (0..3_000_000_u32).map(|number| (number / 3) as u8).collect();
        let expected = much.clone();
        let reader = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(50));
            let mut bytes = vec![0; expected.len()];
            client.read_exact(&mut bytes).expect("all of it");
            assert!(bytes == expected);
            client
        });
        let (mut written, mut was_full) = (0, false);
        while written < much.len() || layered.unsent() > 0 {
            let (one, other) = much[written..].split_at((much.len() - written) / 2);
            match layered.write_vectored(&[IoSlice::new(one), IoSlice::new(other)]) {
                Ok(count) => {
                    assert!(count <= WRITTEN_BYTES_MAX);
                    written += count;
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    was_full = true;
                    std::thread::sleep(Duration::from_millis(1));
                    layered.flush().expect("flushed");
                }
                Err(error) => panic!("{error}"),
            }
        }
        assert!(was_full && layered.unsent.capacity() == 0);
        let mut client = reader.join().expect("the same bytes");
        client.write_all(b"thanks").expect("written");
        assert_eq!(read(&mut layered), b"thanks");
        assert_eq!(layered.encryption.as_ref().expect("TLS").undecoded.capacity(), 0);
    }
}

#[test]
fn whoever_lets_go_says_so() {
    let (layered, mut client) = pair(TlsVersion::Tls13);
    drop(layered);
    assert_eq!(client.read(&mut [0; 8]).expect("close_notify and no broken end"), 0);
}

#[test]
fn the_end_comes_behind_the_last_bytes() {
    let (mut layered, mut client) = pair(TlsVersion::Tls12);
    client.write_all(b"last").expect("written");
    client.conn.send_close_notify();
    client.flush().expect("flushed");
    let mut room = vec![0; ROOM_BYTES_MIN];
    assert_eq!(layered.read(&mut room).expect("bytes"), Received::Bytes { count: 4, is_more: true });
    assert_eq!(layered.read(&mut room).expect("the end"), Received::End);
    // Our half goes on until we end it, and what comes then is only thrown away.
    layered.write_vectored(&[IoSlice::new(b"bye")]).expect("written");
    layered.shutdown_write().expect("shut down");
    let mut answer = Vec::new();
    client.read_to_end(&mut answer).expect("a whole answer");
    assert_eq!(answer, b"bye");
}

#[test]
fn a_failure_is_told_with_an_alert() {
    let (mut layered, mut client) = pair(TlsVersion::Tls13);
    client.write_all(b"before").expect("written");
    client
        .sock
        .write_all(&[23, 3, 3, 0, 20, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20])
        .expect("written");
    let mut room = vec![0; ROOM_BYTES_MIN];
    assert_eq!(layered.read(&mut room).expect("bytes"), Received::Bytes { count: 6, is_more: true });
    let error = layered.read(&mut room).expect_err("not from the client");
    assert_eq!(error.kind(), ErrorKind::InvalidData);
    let answer = client.read(&mut [0; 8]).expect_err("an alert").to_string();
    assert!(answer.contains("BadRecordMac"), "{answer}");
}

/// Each byte of a Hello that never ends has a record of its own.
#[test]
fn a_message_in_too_many_pieces_is_not_kept() {
    let (server, mut client) = BlockingUnixStream::pair().expect("a pair");
    server.set_nonblocking(true).expect("set");
    let socket = Stream::Unix(UnixStream::from_std(server));
    let mut layered = Layered::new(socket, Some(plain_listener().begin(None).expect("begun")));
    let begin = [1, 0, 0xf0, 0];
    let pieces: Vec<u8> = begin.into_iter().chain([0; 1000]).flat_map(|byte| [22, 3, 1, 0, 1, byte]).collect();
    let mut room = vec![0; 4 * ROOM_BYTES_MIN];
    let error = loop {
        client.write_all(&pieces).expect("written");
        match layered.read(&mut room) {
            Ok(received) => assert!(matches!(received, Received::Bytes { count: 0, .. }), "{received:?}"),
            Err(error) => break error.to_string(),
        }
        assert!(layered.encryption.as_ref().expect("TLS").undecoded.len() <= 96 * 1024);
    };
    assert_eq!(error, "a message of the handshake has too many pieces");
}
