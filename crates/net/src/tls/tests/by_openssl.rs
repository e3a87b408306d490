//! Listeners that OpenSSL serves, with clients of OpenSSL's and of rustls.

use openssl::ssl::{ErrorCode, Ssl, SslContext, SslMethod, SslStream, SslVerifyMode, SslVersion};
use rcgen::SerialNumber;

use super::super::openssl_connection::Wire;
use super::certificates::{check_judged_again, check_later, revocation_of, strict};
use super::resumption::check_resumption;
use super::*;

#[derive(Debug)]
struct Keys;

/// Ann has another one, and it is somebody else who has hers.
#[derive(Debug)]
struct Others;

impl PreSharedKeys for Others {
    fn key(&self, identity: &str) -> Option<&[u8]> {
        Some(if identity == "ann" { &[4, 3, 2, 1] } else { &[1, 2, 3, 4] })
    }
}

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
    check_judged_again(&options, &authority);
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
    let only_keys = TlsOptions { psk_hint: Some("the hint".to_owned()), ..TlsOptions::default() };
    check_later(&open_to_all, None, &only_keys, false);
    let mut pair = KeyPair::new(&listener(TlsOptions::default()), TlsVersion::Tls13, "ann", &[1, 2, 3, 4]);
    pair.settle().expect("a handshake");
    let check = |after: &TlsOptions, is_trusted, needs_key: bool| {
        let after = TlsListener::open(after).expect("opened").0;
        assert_eq!(after.still_trusts(&pair.server, Some(&Keys)), is_trusted, "{after:?}");
        assert!(!is_trusted || after.still_trusts(&pair.server, Some(&Others)) != needs_key, "{after:?}");
    };
    check(&only_keys, true, true);
    check(&TlsOptions { psk_hint: Some("the hint".to_owned()), ..options.clone() }, true, true);
    check(&options, false, false);
    check(&open_to_all, true, false);
}

#[test]
fn a_certificate_out_of_reach_goes_on_to_serve() {
    let (folder, authority) = (Folder::new(), Authority::new("ca"));
    let options = TlsOptions { ciphers: Some("AES256:!aNULL".to_owned()), ..strict(&folder, &authority) };
    let (before, _) = TlsListener::open(&options).expect("opened");
    options.identity_files().for_each(|path| std::fs::remove_file(path).expect("it is there"));
    assert!(TlsListener::open(&options).is_err());
    let (after, _) = before.open_again(&options, true).expect("opened again");
    let ann = authority.sign("ann", |_| ());
    let mut pair = Pair::new(&after, client_config(TlsVersion::Tls13, Some(&ann)));
    pair.settle().expect("a handshake");
    assert_eq!(common_name(&pair.server.peer_certificate().expect("one")).as_deref(), Some("ann"));
}

/// A listener that only the ciphers make one of OpenSSL's.
pub(super) fn by_ciphers(options: TlsOptions) -> TlsOptions {
    TlsOptions { ciphers: Some("AES256:!aNULL".to_owned()), ..options }
}

#[test]
fn nothing_that_comes_makes_it_panic() {
    let folder = Folder::new();
    let options = by_ciphers(options(&folder, &Authority::new("ca").sign("localhost", |_| ())));
    let (listener, _) = TlsListener::open(&options).expect("opened");
    check_any_records(&listener);
    check_changed_hellos(&listener);
}

#[test]
fn protocols_are_as_with_the_other_library() {
    let folder = Folder::new();
    let options = by_ciphers(options(&folder, &Authority::new("ca").sign("localhost", |_| ())));
    let (listener, _) = TlsListener::open(&options).expect("opened");
    check_protocols(&listener, &[], None);
    check_protocols(&listener, &["mqtt"], Some("mqtt"));
    check_protocols(&listener, &["h2", "coap"], None);
}

#[test]
fn certificates_are_chosen_by_name() {
    let folder = Folder::new();
    let authority = Authority::new("ca");
    let mut options = by_ciphers(options(&folder, &authority.sign("first.example", |_| ())));
    let (certificate, key) = authority.sign("localhost", |_| ());
    options.certificates.push((folder.write("cert2.pem", &certificate), folder.write("key2.pem", &key)));
    let (listener, _) = TlsListener::open(&options).expect("opened");
    for version in BOTH {
        for (asked, expected) in
            [("localhost", "localhost"), ("first.example", "first.example"), ("x", "first.example")]
        {
            let mut pair = Pair::with_name(&listener, client_config(version, None), asked);
            pair.settle().expect("a handshake");
            let shown = common_name(&pair.client.peer_certificates().expect("a chain")[0]);
            assert_eq!(shown.as_deref(), Some(expected));
        }
    }
}

/// Also those that ask for another name.
#[test]
fn whatever_certificate_is_shown_clients_are_asked_for_theirs() {
    let (folder, authority) = (Folder::new(), Authority::new("ca"));
    let list = folder.write("crl.pem", &revocation_of(7, &authority));
    let mut options = TlsOptions { crlfile: Some(list), ..by_ciphers(strict(&folder, &authority)) };
    let (certificate, key) = authority.sign("other.example", |_| ());
    options.certificates.push((folder.write("cert2.pem", &certificate), folder.write("key2.pem", &key)));
    let (listener, _) = TlsListener::open(&options).expect("opened");
    let numbered = |serial| authority.sign("ann", |params| params.serial_number = Some(SerialNumber::from(serial)));
    let comes_in = |version, identity: Option<&(String, String)>, asked| {
        Pair::with_name(&listener, client_config(version, identity), asked).settle().is_ok()
    };
    for version in BOTH {
        for asked in ["localhost", "other.example"] {
            assert!(comes_in(version, Some(&numbered(8_u64)), asked));
            assert!(!comes_in(version, Some(&numbered(7)), asked));
            assert!(!comes_in(version, Some(&Authority::new("ca").sign("ann", |_| ())), asked));
            assert!(!comes_in(version, None, asked));
        }
    }
}

/// Where clients show who they are they do that each time.
#[test]
fn sessions_are_resumed_where_nobody_shows_who_he_is() {
    use rustls::HandshakeKind::{Full, Resumed};
    let (folder, authority) = (Folder::new(), Authority::new("ca"));
    let ann = authority.sign("ann", |_| ());
    let options = by_ciphers(strict(&folder, &authority));
    let open_to_all = TlsOptions { require_certificate: false, ..options.clone() };
    for version in BOTH {
        check_resumption(&open_to_all, &client_config(version, None), [Full, Resumed, Full]);
        check_resumption(&options, &client_config(version, Some(&ann)), [Full, Full, Full]);
        let with_keys = TlsOptions { psk_hint: Some("the hint".to_owned()), ..open_to_all.clone() };
        check_resumption(&with_keys, &client_config(version, None), [Full, Full, Full]);
    }
}

/// OpenSSL's list of errors is the thread's.
#[test]
fn what_went_wrong_for_one_client_is_nothing_to_another() {
    let (folder, authority) = (Folder::new(), Authority::new("ca"));
    let options = by_ciphers(strict(&folder, &authority));
    let (listener, _) = TlsListener::open(&options).expect("opened");
    let ann = authority.sign("ann", |_| ());
    let mut pair = Pair::new(&listener, client_config(TlsVersion::Tls13, Some(&ann)));
    pair.settle().expect("a handshake");
    openssl::x509::X509::from_der(b"no certificate").map_err(|error| error.put()).expect_err("none");
    pair.client.writer().write_all(b"hello").expect("memory");
    assert_eq!(pair.settle().expect("nothing is wrong"), b"hello");
    openssl::x509::X509::from_der(b"no certificate").map_err(|error| error.put()).expect_err("none");
    pair.send(b"hello").expect("nothing is wrong");
}

/// They are slow, so nobody has them who did not ask.
#[test]
fn ciphers_over_finite_fields_are_there_for_who_names_them() {
    let check = |ciphers: &str, expected: Option<&str>| {
        let listener = listener(TlsOptions { ciphers: Some(ciphers.to_owned()), ..TlsOptions::default() });
        let mut pair = KeyPair::new(&listener, TlsVersion::Tls12, "ann", &[1, 2, 3, 4]);
        let settled = pair.settle();
        assert_eq!(pair.server.cipher(), expected, "{settled:?}");
    };
    check("DHE-PSK-AES128-GCM-SHA256", Some("DHE-PSK-AES128-GCM-SHA256"));
    check("HIGH:!kECDHEPSK:!kPSK:!kRSAPSK", None);
}

/// Connections last longer than what was read from files.
#[test]
fn no_keys_are_kept_when_the_handshake_is_over() {
    let listener = listener(TlsOptions::default());
    for version in BOTH {
        let keys: Arc<dyn PreSharedKeys> = Arc::new(Keys);
        let mut pair = KeyPair::new(&listener, version, "ann", &[1, 2, 3, 4]);
        pair.server = listener.begin(Some(Arc::clone(&keys))).expect("begun");
        assert_eq!(Arc::strong_count(&keys), 2);
        pair.settle().expect("a handshake");
        assert_eq!((pair.server.psk_identity(), Arc::strong_count(&keys)), (Some("ann"), 1));
    }
}
