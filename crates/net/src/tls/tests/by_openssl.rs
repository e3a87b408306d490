//! Listeners that OpenSSL serves, with clients of OpenSSL's and of rustls.

use openssl::ssl::{ErrorCode, Ssl, SslContext, SslMethod, SslStream, SslVerifyMode, SslVersion};
use rcgen::SerialNumber;

use super::super::openssl_connection::Wire;
use super::certificates::{check_later, revocation_of, strict};
use super::*;

#[derive(Debug)]
struct Keys;

impl PreSharedKeys for Keys {
    fn key(&self, identity: &str) -> Option<&[u8]> {
        (identity == "ann").then_some(&[1, 2, 3, 4])
    }
}

/// A listener for pre-shared keys.
fn listener(more: TlsOptions) -> TlsListener {
    let options = TlsOptions { psk_hint: Some("the hint".to_owned()), ..more };
    TlsListener::open(&options).expect("opened").0
}

/// Both ends.
struct KeyPair {
    server: Tls,
    client: SslStream<Wire>,
    /// So many bytes at a time come to the server.
    piece_bytes: usize,
}

impl KeyPair {
    /// With a client that has this key.
    fn new(listener: &TlsListener, version: TlsVersion, identity: &'static str, key: &'static [u8]) -> KeyPair {
        let mut context = SslContext::builder(SslMethod::tls_client()).expect("a context");
        let version = match version {
            TlsVersion::Tls12 => SslVersion::TLS1_2,
            TlsVersion::Tls13 => SslVersion::TLS1_3,
        };
        context.set_max_proto_version(Some(version)).expect("set");
        context.set_min_proto_version(Some(version)).expect("set");
        context.set_verify(SslVerifyMode::NONE);
        context.set_psk_client_callback(move |_, hint, name, room| {
            assert!(hint == Some(b"the hint") || version == SslVersion::TLS1_3, "only 1.2 has hints: {hint:?}");
            name[..identity.len()].copy_from_slice(identity.as_bytes());
            name[identity.len()] = 0;
            room[..key.len()].copy_from_slice(key);
            Ok(key.len())
        });
        let mut ssl = Ssl::new(&context.build()).expect("a client");
        ssl.set_connect_state();
        let client = SslStream::new(ssl, Wire::default()).expect("a stream");
        let server = listener.begin(Some(Arc::new(Keys))).expect("begun");
        KeyPair { server, client, piece_bytes: usize::MAX }
    }

    /// Has the client read what has come to it; whether it goes on.
    fn client_reads(&mut self, received: &mut Vec<u8>) -> Result<(), ErrorCode> {
        let mut room = [0; 4096];
        loop {
            match self.client.ssl_read(&mut room) {
                Ok(count) => received.extend_from_slice(&room[..count]),
                Err(error) if error.code() == ErrorCode::WANT_READ => return Ok(()),
                Err(error) => return Err(error.code()),
            }
        }
    }

    /// Goes on until neither has anything to say. What the server has decoded, and the client.
    fn settle(&mut self) -> Result<(Vec<u8>, Vec<u8>), TlsFailure> {
        let (mut decoded, mut received) = (Vec::new(), Vec::new());
        loop {
            let _ = self.client_reads(&mut received);
            let bytes = std::mem::take(&mut self.client.get_mut().outgoing);
            if bytes.is_empty() {
                return Ok((decoded, received));
            }
            for piece in bytes.chunks(self.piece_bytes) {
                decoded.extend(self.server_receives(piece)?);
            }
        }
    }

    fn server_receives(&mut self, bytes: &[u8]) -> Result<Vec<u8>, TlsFailure> {
        let mut room = [&vec![0; Tls::ROOM_BEFORE][..], bytes].concat();
        let mut outgoing = Outgoing::default();
        let result = self.server.receive(&mut room, Tls::ROOM_BEFORE, &mut outgoing);
        self.client.get_mut().incoming.extend_from_slice(outgoing.bytes());
        let decoded = result?;
        assert_eq!(decoded.used, room.len(), "nothing is left to the caller");
        Ok(room[..decoded.plaintext].to_vec())
    }

    fn server_sends(&mut self, bytes: &[u8]) {
        let mut outgoing = Outgoing::default();
        self.server.send(bytes, &mut [], &mut outgoing).expect("sent");
        self.client.get_mut().incoming.extend_from_slice(outgoing.bytes());
    }
}

#[test]
fn the_right_key_encrypts_and_names() {
    let listener = listener(TlsOptions::default());
    for (version, name) in BOTH.into_iter().zip(["TLSv1.2", "TLSv1.3"]) {
        for piece_bytes in [1, 100, usize::MAX] {
            let mut pair = KeyPair::new(&listener, version, "ann", &[1, 2, 3, 4]);
            pair.piece_bytes = piece_bytes;
            pair.settle().expect("a handshake");
            assert_eq!((pair.server.version(), pair.server.psk_identity()), (Some(name), Some("ann")));
            assert!(pair.server.cipher().is_some() && pair.server.peer_certificate().is_none());
            let much: Vec<u8> = (0..100_000_u32).map(|number| (number / 7) as u8).collect();
            pair.client.ssl_write(&much).expect("memory");
            pair.server_sends(&much);
            let (decoded, received) = pair.settle().expect("more");
            assert!(decoded == much && received == much);
            let mut outgoing = Outgoing::default();
            pair.server.close(&mut [], &mut outgoing).expect("closed");
            pair.client.get_mut().incoming.extend_from_slice(outgoing.bytes());
            assert_eq!(pair.client_reads(&mut Vec::new()), Err(ErrorCode::ZERO_RETURN));
        }
    }
}

#[test]
fn the_end_and_a_failure_come_behind_the_last_bytes() {
    let listener = listener(TlsOptions::default());
    for version in BOTH {
        let mut pair = KeyPair::new(&listener, version, "ann", &[1, 2, 3, 4]);
        pair.settle().expect("a handshake");
        pair.client.ssl_write(b"last").expect("memory");
        let _ = pair.client.shutdown();
        assert_eq!(pair.settle().expect("all").0, b"last");
        assert!(pair.server.is_closed());

        let mut pair = KeyPair::new(&listener, version, "ann", &[1, 2, 3, 4]);
        pair.settle().expect("a handshake");
        pair.client.ssl_write(b"before").expect("memory");
        pair.client.get_mut().outgoing.extend_from_slice(&[23, 3, 3, 0, 32]);
        pair.client.get_mut().outgoing.extend_from_slice(&[7; 32]);
        assert_eq!(pair.settle().expect("what came before").0, b"before");
        assert!(pair.server.failure().is_some() && pair.server.is_ended());
        assert!(pair.server.send(b"x", &mut [], &mut Outgoing::default()).is_err());
    }
}

#[test]
fn who_has_no_key_or_another_is_refused() {
    let listener = listener(TlsOptions::default());
    let check = |identity, key, expected: &str| {
        for version in BOTH {
            let mut pair = KeyPair::new(&listener, version, identity, key);
            let failure = pair.settle().expect_err("no handshake");
            assert_eq!(failure.to_string(), expected, "{version:?}");
            assert_eq!(pair.server.psk_identity(), None);
        }
    };
    check("ann", &[1, 2, 3, 5], "client has another key for the identity 'ann'");
    check("e\u{1b}e", &[1, 2, 3, 4], "psk_file has no identity 'e\\u{1b}e'");
    let mut pair = KeyPair::new(&listener, TlsVersion::Tls13, "ann", &[1]);
    let failure = pair.server_receives(b"\x10\x0c\x00\x04MQTT\x04\x02\x00\x3c\x00\x00").expect_err("a CONNECT");
    assert!(failure.is_refusal());
    assert_eq!(failure.to_string(), "client did not connect using TLS");
}

/// A key that does not go with the cipher is passed over in TLS 1.3, and nobody has shown that he has it.
#[test]
fn an_identity_without_its_key_names_nobody() {
    let folder = Folder::new();
    let certificate = Authority::new("ca").sign("localhost", |_| ());
    let check = |ciphers: Option<&str>, expected| {
        let more = TlsOptions { ciphers_tls13: ciphers.map(str::to_owned), ..options(&folder, &certificate) };
        let mut pair = KeyPair::new(&listener(more), TlsVersion::Tls13, "ann", &[1, 2, 3, 4]);
        pair.settle().expect("a handshake");
        assert_eq!(pair.server.psk_identity(), expected);
    };
    check(Some("TLS_AES_256_GCM_SHA384"), None);
    check(None, Some("ann"));
}

#[test]
fn certificates_serve_too() {
    let (folder, authority) = (Folder::new(), Authority::new("ca"));
    let ann = authority.sign("ann", |_| ());
    let options = TlsOptions {
        cafile: Some(folder.write("ca.pem", &authority.0.pem())),
        require_certificate: true,
        ciphers: Some("AES256:!aNULL".to_owned()),
        ..options(&folder, &authority.sign("localhost", |_| ()))
    };
    let (listener, _) = TlsListener::open(&options).expect("opened");
    for version in BOTH {
        let mut pair = Pair::new(&listener, client_config(version, Some(&ann)));
        pair.settle().expect("a handshake");
        assert_eq!(common_name(&pair.server.peer_certificate().expect("one")).as_deref(), Some("ann"));
        if version == TlsVersion::Tls12 {
            assert_eq!(pair.server.cipher(), Some("ECDHE-ECDSA-AES256-GCM-SHA384"));
        }
        let mut pair = Pair::new(&listener, client_config(version, None));
        let failure = pair.settle().expect_err("no certificate");
        assert_eq!(
            (failure.to_string().as_str(), failure.is_refusal()),
            ("client did not provide a certificate", true)
        );
        let stranger = Authority::new("other").sign("ann", |_| ());
        let mut pair = Pair::new(&listener, client_config(version, Some(&stranger)));
        let failure = pair.settle().expect_err("of nobody that is trusted").to_string();
        assert!(failure.starts_with("certificate of the client is not accepted: "), "{failure}");
    }
    let unknown = TlsOptions { ciphers: Some("NO-SUCH".to_owned()), ..options };
    let error = TlsListener::open(&unknown).expect_err("no such cipher").to_string();
    assert_eq!(error, "Unable to set TLS ciphers. Check ciphers \"NO-SUCH\": no cipher match.");
}

#[test]
fn who_was_let_in_is_judged_again_by_who_may_come_now() {
    let (folder, authority) = (Folder::new(), Authority::new("ca"));
    let by_openssl = |options: TlsOptions| TlsOptions { ciphers: Some("AES256:!aNULL".to_owned()), ..options };
    let by_rustls = strict(&folder, &authority);
    let options = by_openssl(by_rustls.clone());
    let other = Folder::new();
    let other = TlsOptions { cafile: Some(other.write("ca.pem", &Authority::new("other").0.pem())), ..options.clone() };
    let client = authority.sign("client", |params| params.serial_number = Some(SerialNumber::from(8)));
    let revoked = authority.sign("revoked", |params| params.serial_number = Some(SerialNumber::from(7)));
    let list = folder.write("crl.pem", &revocation_of(7, &authority));
    let revoking = TlsOptions { crlfile: Some(list), ..options.clone() };
    for before in [&options, &by_rustls] {
        check_later(before, Some(&client), &options, true);
        check_later(before, Some(&client), &other, false);
        check_later(before, Some(&client), &revoking, true);
        check_later(before, Some(&revoked), &revoking, false);
    }
    check_later(&options, Some(&client), &by_rustls, true);
    let open_to_all = TlsOptions { require_certificate: false, ..options.clone() };
    check_later(&options, Some(&client), &open_to_all, true);
    check_later(&open_to_all, None, &options, false);
    let expired = authority.sign("expired", |params| params.not_after = rcgen::date_time_ymd(2020, 1, 1));
    let dateless = TlsOptions { disable_client_cert_date_checks: true, ..options.clone() };
    check_later(&dateless, Some(&expired), &options, true);
    check_later(&dateless, Some(&expired), &other, false);

    let only_keys = TlsOptions { psk_hint: Some("the hint".to_owned()), ..TlsOptions::default() };
    check_later(&open_to_all, None, &only_keys, false);
    let mut pair = KeyPair::new(&listener(TlsOptions::default()), TlsVersion::Tls13, "ann", &[1, 2, 3, 4]);
    pair.settle().expect("a handshake");
    let check = |after: &TlsOptions, is_trusted| {
        let after = TlsListener::open(after).expect("opened").0;
        assert_eq!(after.still_trusts(Some(&pair.server)), is_trusted, "{after:?}");
    };
    check(&only_keys, true);
    check(&TlsOptions { psk_hint: Some("the hint".to_owned()), ..options.clone() }, true);
    check(&options, false);
    check(&open_to_all, true);
}

#[test]
fn a_certificate_out_of_reach_goes_on_to_serve() {
    let (folder, authority) = (Folder::new(), Authority::new("ca"));
    let options = TlsOptions { ciphers: Some("AES256:!aNULL".to_owned()), ..strict(&folder, &authority) };
    let (before, _) = TlsListener::open(&options).expect("opened");
    options.identity_files().for_each(|path| std::fs::remove_file(path).expect("it is there"));
    assert!(TlsListener::open(&options).is_err());
    let (after, _) = before.open_again(&options).expect("opened again");
    let ann = authority.sign("ann", |_| ());
    let mut pair = Pair::new(&after, client_config(TlsVersion::Tls13, Some(&ann)));
    pair.settle().expect("a handshake");
    assert_eq!(common_name(&pair.server.peer_certificate().expect("one")).as_deref(), Some("ann"));
}
