//! What clients take of servers' certificates, and show of their own.

use rustls::CertificateError;

use super::*;

/// The client's end of these options, at a server with that certificate: what came of it.
fn connect(options: &ConnectorOptions, shown: &TlsOptions, asked: &str) -> Result<Pair, Error> {
    let (listener, _) = TlsListener::open(shown).expect("opened");
    let client = match Connector::open(options).expect("a connector").begin(asked)? {
        ClientTls::Rustls(client) => *client,
        #[cfg(feature = "openssl")]
        ClientTls::OpenSsl(_) => unreachable!("there is no key"),
    };
    let server = listener.begin(None).expect("begun");
    let mut pair = Pair { server, client, undecoded: Vec::new(), received: Vec::new(), piece_bytes: usize::MAX };
    let settled = pair.settle();
    pair.client.process_new_packets()?;
    settled.expect("the server is content");
    assert!(!pair.client.is_handshaking());
    Ok(pair)
}

/// A server with this certificate and key, and a client that goes by `cafile`.
#[track_caller]
fn check(cafile: &str, shown: &(String, String), asked: &str, expected: Option<&str>) {
    let folder = Folder::new();
    for version in BOTH {
        let cafile = Some(folder.write("ca.pem", cafile));
        let options = ConnectorOptions {
            cafile,
            version_min: version,
            version_max: Some(version),
            ..ConnectorOptions::default()
        };
        let told = match connect(&options, &super::options(&folder, shown), asked) {
            Ok(_) => None,
            Err(Error::InvalidCertificate(error)) => Some(name(&error)),
            Err(other) => panic!("{other:?}"),
        };
        assert_eq!(told, expected, "{version:?}, for {asked}");
    }
}

fn name(error: &CertificateError) -> &'static str {
    match error {
        CertificateError::UnknownIssuer => "issuer",
        CertificateError::NotValidForNameContext { .. } => "name",
        CertificateError::Expired => "expired",
        CertificateError::BadSignature => "signature",
        CertificateError::InvalidPurpose => "purpose",
        _ => "other",
    }
}

#[test]
fn a_certificate_is_good_for_the_hosts_that_it_names() {
    let authority = Authority::new("ca");
    let shown = authority.sign("localhost", |params| {
        let address = rcgen::SanType::IpAddress("127.0.0.1".parse().expect("an address"));
        params.subject_alt_names.push(address);
        params.subject_alt_names.push(rcgen::SanType::DnsName("*.example".try_into().expect("a name")));
    });
    let check = |asked: &str, expected| check(&authority.0.pem(), &shown, asked, expected);
    for asked in ["localhost", "LOCALHOST", "a.example", "127.0.0.1"] {
        check(asked, None);
    }
    for asked in ["example", "a.b.example", "127.0.0.2", "::1"] {
        check(asked, Some("name"));
    }
}

#[test]
fn a_common_name_is_a_name_where_there_is_no_other() {
    let authority = Authority::new("ca");
    let with_common_name = |name: &str| authority.sign(name, |params| params.subject_alt_names.clear());
    let check =
        |shown: &str, asked: &str, expected| check(&authority.0.pem(), &with_common_name(shown), asked, expected);
    check("broker.example", "broker.example", None);
    check("broker.example", "other.example", Some("name"));
    check("10.0.0.7", "10.0.0.7", None);
    check("10.0.0.7", "10.0.0.8", Some("name"));
}

#[test]
fn who_is_not_trusted_or_too_late_is_refused() {
    let authority = Authority::new("ca");
    let shown = authority.sign("localhost", |_| ());
    check(&Authority::new("other").0.pem(), &shown, "localhost", Some("issuer"));
    check(&Authority::new("ca").0.pem(), &shown, "localhost", Some("signature"));
    let expired = authority.sign("localhost", |params| params.not_after = rcgen::date_time_ymd(2020, 1, 1));
    check(&authority.0.pem(), &expired, "localhost", Some("expired"));
    let for_clients = authority.sign("localhost", |params| {
        params.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ClientAuth];
    });
    check(&authority.0.pem(), &for_clients, "localhost", Some("purpose"));
}

#[test]
fn a_certificate_that_nobody_has_signed_is_good_where_it_stands_in_cafile_itself() {
    let generated = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).expect("a certificate");
    let shown = (generated.cert.pem(), generated.signing_key.serialize_pem());
    check(&shown.0, &shown, "localhost", None);
    check(&shown.0, &shown, "other", Some("name"));
    check(&Authority::new("ca").0.pem(), &shown, "localhost", Some("issuer"));
}

#[test]
fn a_chain_may_come_from_the_server_or_from_capath() {
    let root = Authority::new("root");
    let middle = root.authorise("middle");
    let (leaf, key) = middle.sign("localhost", |_| ());
    check(&root.0.pem(), &(leaf.clone(), key.clone()), "localhost", Some("issuer"));
    check(&root.0.pem(), &(leaf.clone() + &middle.0.pem(), key.clone()), "localhost", None);
    let (folder, certificates) = (Folder::new(), Folder::new());
    certificates.write("root.pem", &root.0.pem());
    certificates.write("middle.pem", &middle.0.pem());
    certificates.write("readme", "no certificate");
    let options = ConnectorOptions { capath: Some(certificates.0.clone()), ..ConnectorOptions::default() };
    assert!(connect(&options, &super::options(&folder, &(leaf, key)), "localhost").is_ok());
}

#[test]
fn names_may_be_ignored_and_issuers_may_not() {
    let folder = Folder::new();
    let (authority, other) = (Authority::new("ca"), Authority::new("other"));
    let shown = options(&folder, &authority.sign("localhost", |_| ()));
    let connect = |authority: &Authority| {
        let cafile = Some(folder.write("ca.pem", &authority.0.pem()));
        let options = ConnectorOptions { cafile, ignores_names: true, ..ConnectorOptions::default() };
        connect(&options, &shown, "elsewhere")
    };
    assert!(connect(&authority).is_ok());
    assert!(connect(&other).is_err());
}

#[test]
fn a_client_shows_its_own_certificate_and_says_what_it_speaks() {
    let folder = Folder::new();
    let authority = Authority::new("ca");
    let shown = super::certificates::strict(&folder, &authority);
    let (certificate, key) = authority.sign("ann", |_| ());
    let files = (folder.write("ann.pem", &certificate), folder.write("ann.key", &key));
    let options = ConnectorOptions {
        cafile: shown.cafile.clone(),
        certificate: Some(files.clone()),
        protocols: vec![b"mqtt"[..].into()],
        ..ConnectorOptions::default()
    };
    let pair = connect(&options, &shown, "localhost").expect("a handshake");
    assert_eq!(common_name(&pair.server.peer_certificate().expect("a certificate")).as_deref(), Some("ann"));
    assert_eq!(pair.client.alpn_protocol(), Some(&b"mqtt"[..]));
    let swapped = ConnectorOptions { certificate: Some((files.1, files.0)), ..options };
    let error = Connector::open(&swapped).expect_err("a key is no certificate").to_string();
    assert!(error.starts_with("Unable to load client certificate"), "{error}");
}

#[test]
fn files_that_are_not_good_are_named() {
    let folder = Folder::new();
    let check = |options: ConnectorOptions, expected: &str| {
        let error = Connector::open(&options).expect_err(expected).to_string();
        assert!(error.contains(expected), "{error}");
    };
    let usual = ConnectorOptions::default;
    let cafile = Some(folder.write("empty.pem", ""));
    check(ConnectorOptions { cafile, ..usual() }, "there is no certificate in it");
    let capath = Some(folder.0.join("nowhere"));
    check(ConnectorOptions { capath, ..usual() }, "nowhere\": No such file or directory");
    let (version_min, version_max) = (TlsVersion::Tls13, Some(TlsVersion::Tls12));
    let cafile = Some(folder.write("ca.pem", &Authority::new("ca").0.pem()));
    let below = ConnectorOptions { cafile: cafile.clone(), version_min, version_max, ..usual() };
    check(below, "below the lowest");
    let (certificate, _) = Authority::new("ca").sign("ann", |_| ());
    let encrypted = include_str!("../testdata/encrypted_key.pem");
    let certificate = Some((folder.write("ann.pem", &certificate), folder.write("ann.key", encrypted)));
    check(ConnectorOptions { cafile, certificate, ..usual() }, "its pass phrase was not given");
}
