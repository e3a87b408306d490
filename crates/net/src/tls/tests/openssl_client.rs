//! Clients with a pre-shared key, at servers that have it, and at others.

use super::super::connector::PreSharedKey;
use super::super::openssl_client::OpenSslClient;
use super::*;

#[derive(Debug)]
struct Keys;

impl PreSharedKeys for Keys {
    fn key(&self, identity: &str) -> Option<&[u8]> {
        (identity == "ann").then_some(&[1, 2, 3, 4])
    }
}

/// Both ends.
struct Ends {
    server: Tls,
    client: OpenSslClient,
    /// So many bytes at a time come to the client.
    piece_bytes: usize,
    /// What the client is still to be given.
    incoming: Vec<u8>,
}

impl Ends {
    /// With a client that speaks this version alone, and has this key.
    fn new(shown: &TlsOptions, version: TlsVersion, identity: &str, key: &[u8]) -> Ends {
        let psk = Some(PreSharedKey { identity: identity.to_owned(), key: key.into() });
        let options =
            ConnectorOptions { version_min: version, version_max: Some(version), psk, ..ConnectorOptions::default() };
        let client = match Connector::open(&options).expect("a connector").begin("localhost") {
            Ok(ClientTls::OpenSsl(client)) => *client,
            other => panic!("{other:?}"),
        };
        let (listener, _) = TlsListener::open(shown).expect("opened");
        let server = listener.begin(Some(Arc::new(Keys))).expect("begun");
        Ends { server, client, piece_bytes: usize::MAX, incoming: Vec::new() }
    }

    fn at_keys(version: TlsVersion, identity: &str, key: &[u8]) -> Ends {
        Ends::new(&TlsOptions { psk_hint: Some("hint".to_owned()), ..TlsOptions::default() }, version, identity, key)
    }

    /// Goes on until the client has nothing to say: what the server has decoded, and the client.
    fn settle(&mut self) -> Result<(Vec<u8>, Vec<u8>), TlsFailure> {
        let (mut decoded, mut received) = (Vec::new(), Vec::new());
        loop {
            let mut bytes = Vec::new();
            self.client.take_output(&mut bytes);
            if bytes.is_empty() && self.incoming.is_empty() {
                return Ok((decoded, received));
            }
            let mut room = [&vec![0; Tls::ROOM_BEFORE][..], &bytes].concat();
            let mut outgoing = Outgoing::default();
            // What it has against the client it says in an alert.
            if let Ok(Decoded { plaintext, .. }) = self.server.receive(&mut room, Tls::ROOM_BEFORE, &mut outgoing) {
                decoded.extend_from_slice(&room[..plaintext]);
            }
            self.incoming.extend_from_slice(outgoing.bytes());
            for piece in std::mem::take(&mut self.incoming).chunks(self.piece_bytes) {
                self.client.receive(piece, &mut received)?;
            }
        }
    }

    fn server_sends(&mut self, bytes: &[u8]) {
        let mut outgoing = Outgoing::default();
        self.server.send(bytes, &mut [], &mut outgoing).expect("sent");
        self.incoming.extend_from_slice(outgoing.bytes());
    }
}

#[test]
fn bytes_go_both_ways_with_the_right_key() {
    let much: Vec<u8> = (0..100_000_u32).map(|number| (number / 7) as u8).collect();
    for version in BOTH {
        for piece_bytes in [1, 100, usize::MAX] {
            let mut ends = Ends::at_keys(version, "ann", &[1, 2, 3, 4]);
            ends.piece_bytes = piece_bytes;
            // What is said before the end of the handshake comes behind it.
            ends.client.send(&much).expect("kept");
            let (decoded, _) = ends.settle().expect("a handshake");
            assert!(decoded == much && ends.server.psk_identity() == Some("ann"));
            ends.server_sends(&much);
            let (_, received) = ends.settle().expect("more");
            assert!(received == much);
            ends.client.close();
            ends.settle().expect("the end");
            assert!(ends.server.is_closed());
        }
    }
}

#[test]
fn the_end_of_the_server_is_heard() {
    for version in BOTH {
        let mut ends = Ends::at_keys(version, "ann", &[1, 2, 3, 4]);
        ends.settle().expect("a handshake");
        let mut outgoing = Outgoing::default();
        ends.server.close(&mut [], &mut outgoing).expect("closed");
        assert_eq!(ends.client.receive(outgoing.bytes(), &mut Vec::new()), Ok(false), "{version:?}");
    }
}

#[test]
fn a_server_that_does_not_have_the_key_is_not_believed() {
    #[track_caller]
    fn check(mut ends: Ends) {
        let failure = ends.settle().expect_err("nobody is believed").to_string();
        assert!(failure.contains("does not know this identity, has another key for it, or takes no keys"), "{failure}");
    }
    let folder = Folder::new();
    let certificate = Authority::new("ca").sign("localhost", |_| ());
    for version in BOTH {
        check(Ends::at_keys(version, "ann", &[1, 2, 3, 5]));
        check(Ends::at_keys(version, "eve", &[1, 2, 3, 4]));
        // Whatever it shows instead.
        check(Ends::new(&options(&folder, &certificate), version, "ann", &[1, 2, 3, 4]));
        let both = TlsOptions { psk_hint: Some("hint".to_owned()), ..options(&folder, &certificate) };
        check(Ends::new(&both, version, "eve", &[1, 2, 3, 4]));
    }
}

#[test]
fn what_is_no_tls_is_told() {
    let mut ends = Ends::at_keys(TlsVersion::Tls13, "ann", &[1, 2, 3, 4]);
    let failure = ends.client.receive(b"HTTP/1.1 400 Bad Request\r\n", &mut Vec::new()).expect_err("no TLS");
    assert_eq!(failure.to_string(), "the other side does not speak TLS on this port");
}

#[test]
fn what_is_too_long_is_not_cut() {
    for version in BOTH {
        Ends::at_keys(version, &"ann".repeat(100), &[1, 2, 3, 4]).settle().expect_err("nobody is believed");
        Ends::at_keys(version, "ann", &[1; 2000]).settle().expect_err("nobody is believed");
    }
}
