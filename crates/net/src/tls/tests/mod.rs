//! A server's end and a client of the same library, in memory, and files made for each test.

use std::fs;
use std::io::{Read, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, KeyUsagePurpose};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{ClientConfig, ClientConnection, DigitallySignedStruct, Error, SignatureScheme};

use super::*;

/// A folder that goes with the test.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Folder {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("midge-tls-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let folder = std::env::temp_dir().join(name);
        fs::create_dir_all(&folder).expect("a folder");
        Folder(folder)
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.join(name);
        fs::write(&path, text).expect("written");
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// An authority, and what it signs.
struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new(name: &str) -> Authority {
        let key = KeyPair::generate().expect("a key");
        Authority(CertifiedIssuer::self_signed(Authority::params(name), key).expect("a certificate"))
    }

    /// An authority that this one has signed.
    fn authorise(&self, name: &str) -> Authority {
        let key = KeyPair::generate().expect("a key");
        Authority(CertifiedIssuer::signed_by(Authority::params(name), key, &self.0).expect("a certificate"))
    }

    fn params(name: &str) -> CertificateParams {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params
    }

    /// Certificate and key in PEM.
    fn sign(&self, name: &str, change: impl FnOnce(&mut CertificateParams)) -> (String, String) {
        let mut params = CertificateParams::new(vec![name.to_owned()]).expect("a name");
        params.distinguished_name.push(DnType::CommonName, name);
        change(&mut params);
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &self.0).expect("a certificate");
        (certificate.pem(), key.serialize_pem())
    }
}

fn options(folder: &Folder, (certificate, key): &(String, String)) -> TlsOptions {
    let files = (folder.write("cert.pem", certificate), folder.write("key.pem", key));
    TlsOptions { certificates: vec![files], ..TlsOptions::default() }
}

/// A listener with a certificate of its own.
pub(crate) fn plain_listener() -> TlsListener {
    let folder = Folder::new();
    let options = options(&folder, &Authority::new("ca").sign("localhost", |_| ()));
    TlsListener::open(&options).expect("opened").0
}

/// Takes any certificate: servers' are judged by other libraries.
#[derive(Debug)]
struct Trusting;

impl ServerCertVerifier for Trusting {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        aws_lc_rs::default_provider().signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(feature = "openssl")]
mod both_libraries;
#[cfg(feature = "openssl")]
mod by_openssl;
mod certificates;
mod connector;
#[cfg(feature = "openssl")]
mod openssl_client;
mod resumption;
mod revocations;

const BOTH: [TlsVersion; 2] = [TlsVersion::Tls12, TlsVersion::Tls13];

pub(crate) fn client_config(version: TlsVersion, identity: Option<&(String, String)>) -> ClientConfig {
    let versions = match version {
        TlsVersion::Tls12 => &[&rustls::version::TLS12],
        TlsVersion::Tls13 => &[&rustls::version::TLS13],
    };
    let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_protocol_versions(versions)
        .expect("versions")
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Trusting));
    match identity {
        None => builder.with_no_client_auth(),
        Some((certificate, key)) => {
            use rustls::pki_types::pem::PemObject;
            let chain = CertificateDer::pem_slice_iter(certificate.as_bytes());
            let chain = chain.collect::<Result<_, _>>().expect("certificates");
            let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).expect("a key");
            let key = aws_lc_rs::sign::any_supported_type(&key).expect("a key that signs");
            // The library's own way does not take certificates of version 1.
            let identity = SingleCertAndKey::from(CertifiedKey::new(chain, key));
            builder.with_client_cert_resolver(Arc::new(identity))
        }
    }
}

/// Both ends, with what is on its way between them.
struct Pair {
    server: Tls,
    client: ClientConnection,
    undecoded: Vec<u8>,
    /// What the client has decoded and nobody has looked at.
    received: Vec<u8>,
    /// So many bytes at a time come to the server.
    piece_bytes: usize,
}

impl Pair {
    fn new(listener: &TlsListener, config: ClientConfig) -> Pair {
        Pair::with_name(listener, config, "localhost")
    }

    /// With a client that asks for this host.
    fn with_name(listener: &TlsListener, config: ClientConfig, asked: &str) -> Pair {
        Pair::of(listener.begin(None).expect("begun"), config, asked)
    }

    fn of(server: Tls, config: ClientConfig, asked: &str) -> Pair {
        let name = ServerName::try_from(asked.to_owned()).expect("a name");
        let client = ClientConnection::new(Arc::new(config), name).expect("a client");
        Pair { server, client, undecoded: Vec::new(), received: Vec::new(), piece_bytes: usize::MAX }
    }

    /// Bytes for the server, and what it makes of them.
    fn receive(&mut self, bytes: &[u8]) -> Result<Vec<u8>, TlsFailure> {
        let mut plaintext = Vec::new();
        for piece in bytes.chunks(self.piece_bytes) {
            let mut room = vec![0; Tls::ROOM_BEFORE];
            room.extend_from_slice(&self.undecoded);
            room.extend_from_slice(piece);
            let mut outgoing = Outgoing::default();
            let result = self.server.receive(&mut room, Tls::ROOM_BEFORE, &mut outgoing);
            self.deliver(outgoing.bytes());
            let decoded = result?;
            plaintext.extend_from_slice(&room[..decoded.plaintext]);
            self.undecoded = room[decoded.used..].to_vec();
        }
        Ok(plaintext)
    }

    fn deliver(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            self.client.read_tls(&mut bytes).expect("memory");
            // What the client thinks of it is asked for when it is asked to go on.
            let _ = self.client.process_new_packets();
            let _ = self.client.reader().read_to_end(&mut self.received);
        }
    }

    /// Whatever the client has to say comes to the server, until nobody has.
    fn settle(&mut self) -> Result<Vec<u8>, TlsFailure> {
        let mut plaintext = Vec::new();
        loop {
            let mut bytes = Vec::new();
            while self.client.wants_write() {
                self.client.write_tls(&mut bytes).expect("memory");
            }
            if bytes.is_empty() {
                return Ok(plaintext);
            }
            plaintext.extend(self.receive(&bytes)?);
        }
    }

    fn send(&mut self, plaintext: &[u8]) -> Result<usize, TlsFailure> {
        let mut outgoing = Outgoing::default();
        self.server.send(plaintext, &mut self.undecoded, &mut outgoing)?;
        self.deliver(outgoing.bytes());
        Ok(outgoing.bytes().len())
    }

    fn client_reads(&mut self, count: usize) -> Vec<u8> {
        self.received.drain(..count).collect()
    }

    /// The alert that the client got.
    fn alert(&mut self) -> String {
        match self.client.process_new_packets() {
            Err(Error::AlertReceived(alert)) => format!("{alert:?}"),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn bytes_go_both_ways_however_they_are_cut() {
    let listener = plain_listener();
    for version in BOTH {
        for piece_bytes in [1, 2, 3, 5, 7, 100, usize::MAX] {
            let mut pair = Pair::new(&listener, client_config(version, None));
            pair.piece_bytes = piece_bytes;
            pair.settle().expect("a handshake");
            assert_eq!(pair.server.version(), Some(if version == TlsVersion::Tls13 { "TLSv1.3" } else { "TLSv1.2" }));
            pair.client.writer().write_all(b"hello").expect("memory");
            pair.client.writer().write_all(b" and more").expect("memory");
            assert_eq!(pair.settle().expect("decoded"), b"hello and more");
            pair.send(b"welcome").expect("encoded");
            assert_eq!(pair.client_reads(7), b"welcome");
            assert!(pair.undecoded.is_empty() && !pair.server.is_closed());
        }
    }
}

#[test]
fn what_comes_with_the_end_of_the_handshake_counts() {
    let mut pair = Pair::new(&plain_listener(), client_config(TlsVersion::Tls13, None));
    pair.client.writer().write_all(b"early bird").expect("memory");
    assert_eq!(pair.settle().expect("decoded"), b"early bird");
}

#[test]
fn much_at_once() {
    let listener = plain_listener();
    for version in BOTH {
        let mut pair = Pair::new(&listener, client_config(version, None));
        pair.settle().expect("a handshake");
        pair.client.set_buffer_limit(None);
        let much: Vec<u8> = (0..1_000_000_u32).map(|number| number as u8).collect();
        pair.client.writer().write_all(&much).expect("memory");
        pair.piece_bytes = 100_000;
        assert!(pair.settle().expect("decoded") == much);
        for part in much.chunks(100_000) {
            pair.send(part).expect("encoded");
            assert!(pair.client_reads(part.len()) == part);
        }
    }
}

#[test]
fn small_packets_of_one_write_share_a_record() {
    let mut pair = Pair::new(&plain_listener(), client_config(TlsVersion::Tls13, None));
    pair.settle().expect("a handshake");
    assert_eq!(pair.send(&[7; 1000]).expect("encoded"), 1000 + 5 + 1 + 16);
}

#[test]
fn the_end_is_said_and_heard() {
    let listener = plain_listener();
    for version in BOTH {
        let mut pair = Pair::new(&listener, client_config(version, None));
        pair.settle().expect("a handshake");
        pair.client.writer().write_all(b"last").expect("memory");
        pair.client.send_close_notify();
        assert_eq!(pair.settle().expect("decoded"), b"last");
        assert!(pair.server.is_closed());
        // Only one half has ended.
        pair.send(b"answer").expect("encoded");
        let mut outgoing = Outgoing::default();
        pair.server.close(&mut [], &mut outgoing).expect("closed");
        pair.deliver(outgoing.bytes());
        assert_eq!(pair.client_reads(6), b"answer");
        assert_eq!(pair.client.reader().read(&mut [0; 1]).expect("an end that was said"), 0);
    }
}

#[test]
fn keys_may_be_changed() {
    let mut pair = Pair::new(&plain_listener(), client_config(TlsVersion::Tls13, None));
    pair.settle().expect("a handshake");
    for _ in 0..5 {
        pair.client.refresh_traffic_keys().expect("version 1.3");
        pair.client.writer().write_all(b"on").expect("memory");
        assert_eq!(pair.settle().expect("decoded"), b"on");
        pair.send(b"on").expect("encoded");
        assert_eq!(pair.client_reads(2), b"on");
    }
}

#[test]
fn nothing_that_comes_makes_it_panic() {
    check_any_records(&plain_listener());
    check_changed_hellos(&plain_listener());
}

pub(super) fn check_any_records(listener: &TlsListener) {
    // Records of every type with lengths that are too long, too short and right.
    for first in 0..=255 {
        for length in [0_u16, 1, 5, 16_384, 65_535] {
            let mut bytes = vec![first, 3, 3];
            bytes.extend(length.to_be_bytes());
            bytes.extend([1; 40]);
            let mut pair = Pair::new(listener, client_config(TlsVersion::Tls13, None));
            let _ = pair.receive(&bytes);
            let _ = pair.send(b"x");
            let _ = pair.receive(&bytes);
        }
    }
}

/// A handshake with a changed byte fails or goes on.
pub(super) fn check_changed_hellos(listener: &TlsListener) {
    for version in BOTH {
        for at in 0..600 {
            let mut pair = Pair::new(listener, client_config(version, None));
            let mut bytes = Vec::new();
            pair.client.write_tls(&mut bytes).expect("memory");
            let at = at % bytes.len();
            bytes[at] ^= 0x55;
            let _ = pair.receive(&bytes);
            let _ = pair.settle();
            let _ = pair.send(b"x");
        }
    }
}

#[test]
fn what_was_changed_on_the_way_is_answered_with_an_alert() {
    let listener = plain_listener();
    for version in BOTH {
        let mut pair = Pair::new(&listener, client_config(version, None));
        pair.settle().expect("a handshake");
        pair.client.writer().write_all(b"hello").expect("memory");
        let mut bytes = Vec::new();
        pair.client.write_tls(&mut bytes).expect("memory");
        // Also a half record first, so that something is kept when the failure comes.
        let last = bytes.len() - 1;
        bytes[last] ^= 1;
        pair.receive(&bytes[..10]).expect("not complete");
        pair.receive(&bytes[10..]).expect_err("changed on the way");
        assert_eq!(pair.alert(), "BadRecordMac");
        assert!(pair.send(b"x").is_err());
    }
}

#[test]
fn a_half_message_between_two_writes_does_no_harm() {
    let mut pair = Pair::new(&plain_listener(), client_config(TlsVersion::Tls13, None));
    pair.settle().expect("a handshake");
    pair.client.refresh_traffic_keys().expect("version 1.3");
    let mut bytes = Vec::new();
    pair.client.write_tls(&mut bytes).expect("memory");
    let middle = bytes.len() / 2;
    pair.receive(&bytes[..middle]).expect("not complete");
    pair.send(b"meanwhile").expect("encoded");
    pair.receive(&bytes[middle..]).expect("complete");
    assert_eq!(pair.client_reads(9), b"meanwhile");
}

#[test]
fn who_does_not_speak_tls_is_told_apart() {
    let mut pair = Pair::new(&plain_listener(), client_config(TlsVersion::Tls13, None));
    let failure = pair.receive(b"\x10\x0c\x00\x04MQTT\x04\x02\x00\x3c\x00\x00").expect_err("a CONNECT");
    assert!(failure.is_refusal());
    assert_eq!(failure.to_string(), "client did not connect using TLS");
}

#[test]
#[cfg(not(feature = "openssl"))]
fn ciphers_and_versions_are_those_of_the_configuration() {
    let folder = Folder::new();
    let authority = Authority::new("ca");
    let options = TlsOptions {
        ciphers: Some("ECDHE-ECDSA-CHACHA20-POLY1305:HIGH".to_owned()),
        ciphers_tls13: Some("TLS_AES_128_GCM_SHA256".to_owned()),
        ..options(&folder, &authority.sign("localhost", |_| ()))
    };
    let (listener, remarks) = TlsListener::open(&options).expect("opened");
    let remark = "ciphers: HIGH choose nothing here; in force are ECDHE-ECDSA-CHACHA20-POLY1305.";
    assert!(remarks.iter().any(|line| line == remark), "{remarks:?}");
    for (version, cipher) in BOTH.into_iter().zip(["ECDHE-ECDSA-CHACHA20-POLY1305", "TLS_AES_128_GCM_SHA256"]) {
        let mut pair = Pair::new(&listener, client_config(version, None));
        pair.settle().expect("a handshake");
        assert_eq!(pair.server.cipher(), Some(cipher));
    }
    let only_new = TlsOptions { version_min: TlsVersion::Tls13, ..options.clone() };
    let (listener, _) = TlsListener::open(&only_new).expect("opened");
    let mut pair = Pair::new(&listener, client_config(TlsVersion::Tls12, None));
    pair.settle().expect_err("no version in common");
    assert_eq!(pair.alert(), "ProtocolVersion");
    let unknown = TlsOptions { ciphers: Some("HIGH:AES512".to_owned()), ..options };
    let error = TlsListener::open(&unknown).expect_err("no such cipher").to_string();
    assert_eq!(error, "Unable to set TLS ciphers. Check ciphers \"HIGH:AES512\": there is no cipher 'AES512'.");
}

#[test]
fn renewed_files_are_taken_when_they_fit() {
    let folder = Folder::new();
    let authority = Authority::new("ca");
    let options = options(&folder, &authority.sign("localhost", |_| ()));
    let (listener, _) = TlsListener::open(&options).expect("opened");
    let shown = |listener: &TlsListener| {
        let mut pair = Pair::new(listener, client_config(TlsVersion::Tls13, None));
        pair.settle().expect("a handshake");
        common_name(&pair.client.peer_certificates().expect("a chain")[0]).expect("a name")
    };
    assert_eq!(shown(&listener), "localhost");
    let (certificate, key) = authority.sign("renewed", |_| ());
    folder.write("cert.pem", &certificate);
    let error = TlsListener::open(&options).expect_err("the key is the old one").to_string();
    assert!(error.starts_with("Server certificate/key are inconsistent"), "{error}");
    folder.write("key.pem", &key);
    let (renewed, _) = TlsListener::open(&options).expect("read again");
    assert_eq!([shown(&listener), shown(&renewed)], ["localhost", "renewed"]);
}

#[test]
fn alpn_is_taken_and_not_needed() {
    let listener = plain_listener();
    check_protocols(&listener, &[], None);
    check_protocols(&listener, &["mqtt"], Some("mqtt"));
    check_protocols(&listener, &["h2", "http/1.1"], Some("http/1.1"));
}

/// As Mosquitto does it, and unlike RFC 7301: devices are told to say what some other service wants.
#[test]
fn protocols_that_nobody_knows_are_passed_over() {
    let listener = plain_listener();
    check_protocols(&listener, &["h2", "coap"], None);
}

/// What a client is told that says that it speaks these.
#[track_caller]
pub(super) fn check_protocols(listener: &TlsListener, offered: &[&str], agreed: Option<&str>) {
    for version in BOTH {
        for piece_bytes in [1, 100, usize::MAX] {
            let mut config = client_config(version, None);
            config.alpn_protocols = offered.iter().map(|name| name.as_bytes().to_vec()).collect();
            let mut pair = Pair::new(listener, config);
            pair.piece_bytes = piece_bytes;
            pair.settle().expect("a handshake");
            assert_eq!(pair.client.alpn_protocol(), agreed.map(str::as_bytes));
        }
    }
}

#[test]
fn secrets_are_logged_where_that_is_asked_for() {
    let folder = Folder::new();
    let path = folder.0.join("keys");
    let key_log = Some(Arc::new(KeyLog::open(&path).expect("opened")));
    let options = TlsOptions { key_log, ..options(&folder, &Authority::new("ca").sign("localhost", |_| ())) };
    let (listener, _) = TlsListener::open(&options).expect("opened");
    Pair::new(&listener, client_config(TlsVersion::Tls13, None)).settle().expect("a handshake");
    let text = fs::read_to_string(path).expect("written");
    assert!(text.contains("SERVER_TRAFFIC_SECRET_0 "), "{text}");
}
