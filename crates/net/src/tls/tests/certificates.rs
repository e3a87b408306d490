//! The server's certificates, those of clients, and files with them that are not good.

use std::fs;
use std::path::Path;
use std::time::Duration;

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, DnType, IsCa, KeyIdMethod, KeyPair,
    RevokedCertParams, SerialNumber,
};

use rustls::pki_types::pem::PemObject;
use rustls::server::danger::ClientCertVerifier;

use super::super::client_certificates::ClientCertificates;
use super::super::trust::Trust;
use super::*;

#[test]
fn certificates_are_chosen_by_name() {
    let folder = Folder::new();
    let authority = Authority::new("ca");
    let mut options = options(&folder, &authority.sign("first.example", |_| ()));
    let (certificate, key) = authority.sign("localhost", |_| ());
    options.certificates.push((folder.write("cert2.pem", &certificate), folder.write("key2.pem", &key)));
    let (listener, _) = TlsListener::open(&options).expect("opened");
    let mut pair = Pair::new(&listener, client_config(TlsVersion::Tls13, None));
    pair.settle().expect("a handshake");
    let shown = common_name(&pair.client.peer_certificates().expect("a chain")[0]);
    assert_eq!(shown.as_deref(), Some("localhost"));
}

/// What stands in `certfile` and in `cafile`, and whose certificates clients are `expected` to be shown.
#[track_caller]
fn check_shown(chain: &[&str], cafile: &[&str], key: &str, expected: &[&str]) {
    let folder = Folder::new();
    let options = options(&folder, &(chain.concat(), key.to_owned()));
    let options = TlsOptions { cafile: Some(folder.write("ca.pem", &cafile.concat())), ..options };
    let (listener, _) = TlsListener::open(&options).expect("opened");
    let mut pair = Pair::new(&listener, client_config(TlsVersion::Tls13, None));
    pair.settle().expect("a handshake");
    let shown = pair.client.peer_certificates().expect("a chain").iter().map(|certificate| common_name(certificate));
    assert_eq!(shown.map(|name| name.expect("a name")).collect::<Vec<_>>(), expected);
}

#[test]
fn intermediate_certificates_may_stand_in_cafile() {
    let root = Authority::new("root");
    let (middle, renewed) = (root.authorise("middle"), root.authorise("middle"));
    let (leaf, key) = middle.sign("localhost", |_| ());
    let [root, middle, renewed] = [&root, &middle, &renewed].map(|authority| authority.0.pem());
    check_shown(&[&leaf], &[&root, &middle], &key, &["localhost", "middle"]);
    check_shown(&[&leaf], &[&renewed, &middle, &root], &key, &["localhost", "middle"]);
    check_shown(&[&leaf, &middle], &[&root, &middle], &key, &["localhost", "middle"]);
    check_shown(&[&leaf], &[&renewed, &root], &key, &["localhost"]);
    check_shown(&[&leaf], &[&leaf], &key, &["localhost"]);
}

/// A listener that wants certificates of clients.
pub(super) fn strict(folder: &Folder, authority: &Authority) -> TlsOptions {
    TlsOptions {
        cafile: Some(folder.write("ca.pem", &authority.0.pem())),
        require_certificate: true,
        ..options(folder, &authority.sign("localhost", |_| ()))
    }
}

#[track_caller]
pub(super) fn check_client(
    options: &TlsOptions,
    identity: Option<&(String, String)>,
    expected: Result<&str, (&str, &str)>,
) {
    let (listener, _) = TlsListener::open(options).expect("opened");
    for version in BOTH {
        let mut pair = Pair::new(&listener, client_config(version, identity));
        match (pair.settle(), expected) {
            (Ok(_), Ok(name)) => {
                let certificate = pair.server.peer_certificate().expect("a certificate");
                assert_eq!(common_name(&certificate).as_deref(), Some(name));
            }
            (Err(failure), Err((text, alert))) => {
                assert_eq!(failure.to_string(), text);
                assert_eq!(pair.alert(), alert);
            }
            (got, expected) => panic!("{got:?}, expected {expected:?}"),
        }
    }
}

#[test]
fn clients_show_certificates_and_bad_ones_get_the_alert_that_says_so() {
    let folder = Folder::new();
    let authority = Authority::new("ca");
    let options = strict(&folder, &authority);
    check_client(&options, Some(&authority.sign("ann", |_| ())), Ok("ann"));
    let text = "client did not provide a certificate";
    let (listener, _) = TlsListener::open(&options).expect("opened");
    let mut pair = Pair::new(&listener, client_config(TlsVersion::Tls13, None));
    let failure = pair.settle().expect_err("no certificate");
    assert!(failure.is_refusal() && failure.to_string() == text, "{failure}");
    assert_eq!(pair.alert(), "CertificateRequired");
    let other = Authority::new("other").sign("bob", |_| ());
    check_client(&options, Some(&other), Err(("certificate of the client is of an unknown issuer", "UnknownCA")));
    let expired = authority.sign("old", |params| params.not_after = rcgen::date_time_ymd(2020, 1, 1));
    check_client(&options, Some(&expired), Err(("certificate of the client has expired", "CertificateExpired")));
    let unchecked = TlsOptions { disable_client_cert_date_checks: true, ..options };
    check_client(&unchecked, Some(&expired), Ok("old"));
}

/// A list on which the certificate with this number stands.
pub(super) fn revocation_of(serial: u64, authority: &Authority) -> String {
    let list = CertificateRevocationListParams {
        this_update: rcgen::date_time_ymd(2020, 1, 1),
        next_update: rcgen::date_time_ymd(2090, 1, 1),
        crl_number: SerialNumber::from(1),
        issuing_distribution_point: None,
        revoked_certs: vec![RevokedCertParams {
            serial_number: SerialNumber::from(serial),
            revocation_time: rcgen::date_time_ymd(2020, 1, 1),
            reason_code: None,
            invalidity_date: None,
        }],
        key_identifier_method: KeyIdMethod::Sha256,
    };
    list.signed_by(&authority.0).expect("a list").pem().expect("a text")
}

/// Who was good when he came does not go because time has passed.
#[test]
fn dates_count_when_a_client_comes_and_where_they_begin_to() {
    let authority = Authority::new("ca");
    let expired = authority.sign("expired", |params| params.not_after = rcgen::date_time_ymd(2020, 1, 1));
    let chain = [CertificateDer::from_pem_slice(expired.0.as_bytes()).expect("a certificate")];
    let folder = Folder::new();
    let options = strict(&folder, &authority);
    let trust = Arc::new(Trust::read(&options, None, &mut Vec::new()).expect("read"));
    let judge = ClientCertificates::new(trust, true, aws_lc_rs::default_provider().signature_verification_algorithms);
    assert!(judge.still_trusts(&chain, true) && !judge.still_trusts(&chain, false));
}

/// A server may start before its clock is right, and runs for years.
#[test]
fn dates_of_authorities_count_when_a_client_comes() {
    const YEAR_S: u64 = 31_556_952;
    let between = |name: &str, first, last| {
        let mut params = Authority::params(name);
        params.not_before = rcgen::date_time_ymd(first, 1, 1);
        params.not_after = rcgen::date_time_ymd(last, 1, 1);
        (params, KeyPair::generate().expect("a key"))
    };
    let (params, key) = between("root", 2030, 2050);
    let root = Authority(CertifiedIssuer::self_signed(params, key).expect("a certificate"));
    let (params, key) = between("middle", 2035, 2040);
    let middle = Authority(CertifiedIssuer::signed_by(params, key, &root.0).expect("a certificate"));
    let folder = Folder::new();
    let both = format!("{}{}", root.0.pem(), middle.0.pem());
    let options = TlsOptions { cafile: Some(folder.write("ca.pem", &both)), ..TlsOptions::default() };
    let trust = Arc::new(Trust::read(&options, None, &mut Vec::new()).expect("read"));
    let algorithms = aws_lc_rs::default_provider().signature_verification_algorithms;
    let judges =
        [true, false].map(|checks_dates| ClientCertificates::new(Arc::clone(&trust), checks_dates, algorithms));
    let check = |identity: &(String, String), year: u64, expected: bool| {
        let der = CertificateDer::from_pem_slice(identity.0.as_bytes()).expect("a certificate");
        let now = UnixTime::since_unix_epoch(Duration::from_secs((year - 1970) * YEAR_S + YEAR_S / 2));
        let outcomes = [0, 1].map(|judge| judges[judge].verify_client_cert(&der, &[], now).is_ok());
        assert_eq!(outcomes, [expected, true], "{year}");
    };
    for (authority, good) in [(&root, 2030..2050), (&middle, 2035..2040)] {
        for identity in [authority.sign("ann", |_| ()), authority.sign_version_1("ann", 8)] {
            [2029, 2032, 2037, 2042, 2052].iter().for_each(|year| check(&identity, *year, good.contains(year)));
        }
        // Of the time before there was such an authority.
        let old = authority.sign("old", |params| params.not_after = rcgen::date_time_ymd(2010, 1, 1));
        check(&old, 2037, false);
    }
}

#[test]
fn revoked_certificates_are_known_by_the_list() {
    let folder = Folder::new();
    let authority = Authority::new("ca");
    let list = revocation_of(7, &authority);
    let options = TlsOptions { crlfile: Some(folder.write("crl.pem", &list)), ..strict(&folder, &authority) };
    let good = authority.sign("good", |params| params.serial_number = Some(SerialNumber::from(8)));
    check_client(&options, Some(&good), Ok("good"));
    let bad = authority.sign("bad", |params| params.serial_number = Some(SerialNumber::from(7)));
    check_client(&options, Some(&bad), Err(("certificate of the client is revoked", "CertificateRevoked")));

    let before = TlsOptions { crlfile: None, ..options.clone() };
    check_later(&before, Some(&good), &options, true);
    check_later(&before, Some(&bad), &options, false);
}

/// Whether a client that came while `before` held is still trusted when `after` does.
#[track_caller]
pub(super) fn check_later(
    before: &TlsOptions,
    identity: Option<&(String, String)>,
    after: &TlsOptions,
    is_trusted: bool,
) {
    let open = |options| TlsListener::open(options).expect("opened").0;
    let mut pair = Pair::new(&open(before), client_config(TlsVersion::Tls13, identity));
    pair.settle().expect("a handshake");
    assert_eq!(open(after).still_trusts(&pair.server, None), is_trusted);
}

/// Who was let in by `options`, which demand certificates of `authority`, is judged by what counts later.
pub(super) fn check_judged_again(options: &TlsOptions, authority: &Authority) {
    let client = authority.sign("client", |_| ());
    check_later(options, Some(&client), options, true);
    let other = Folder::new();
    let other = TlsOptions { cafile: Some(other.write("ca.pem", &Authority::new("other").0.pem())), ..options.clone() };
    check_later(options, Some(&client), &other, false);
    let open_to_all = TlsOptions { require_certificate: false, ..options.clone() };
    check_later(options, Some(&client), &open_to_all, true);
    check_later(&open_to_all, None, options, false);
    let expired = authority.sign("expired", |params| params.not_after = rcgen::date_time_ymd(2020, 1, 1));
    let dateless = TlsOptions { disable_client_cert_date_checks: true, ..options.clone() };
    check_later(&dateless, Some(&expired), &dateless, true);
    // Nobody has looked at its dates before.
    check_later(&dateless, Some(&expired), options, false);
    check_later(&dateless, Some(&expired), &other, false);
}

#[test]
fn who_was_let_in_is_judged_again_by_who_may_come_now() {
    let (folder, authority) = (Folder::new(), Authority::new("ca"));
    check_judged_again(&strict(&folder, &authority), &authority);
}

#[test]
fn a_certificate_that_is_trusted_itself_is_enough() {
    let folder = Folder::new();
    let mut params = CertificateParams::new(vec!["self".to_owned()]).expect("a name");
    params.distinguished_name.push(DnType::CommonName, "self");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().expect("a key");
    let own = (params.self_signed(&key).expect("a certificate").pem(), key.serialize_pem());
    let options = TlsOptions {
        cafile: Some(folder.write("ca.pem", &own.0)),
        require_certificate: true,
        ..options(&folder, &own)
    };
    check_client(&options, Some(&own), Ok("self"));
}

/// Its dates are looked at like those of any other.
#[test]
fn a_certificate_that_is_trusted_itself_is_good_for_as_long_as_it_says() {
    let folder = Folder::new();
    let mut params = CertificateParams::new(vec!["device".to_owned()]).expect("a name");
    params.distinguished_name.push(DnType::CommonName, "device");
    params.not_after = rcgen::date_time_ymd(2020, 1, 1);
    let key = KeyPair::generate().expect("a key");
    let own = (params.self_signed(&key).expect("a certificate").pem(), key.serialize_pem());
    let options = TlsOptions {
        cafile: Some(folder.write("ca.pem", &own.0)),
        require_certificate: true,
        ..options(&folder, &own)
    };
    check_client(&options, Some(&own), Err(("certificate of the client has expired", "CertificateExpired")));
    check_client(&TlsOptions { disable_client_cert_date_checks: true, ..options }, Some(&own), Ok("device"));
}

/// Who has a certificate that is trusted for itself cannot make others with its key.
#[test]
fn what_is_trusted_and_is_no_authority_has_no_word_for_others() {
    let folder = Folder::new();
    let mut params = CertificateParams::new(vec!["device".to_owned()]).expect("a name");
    params.distinguished_name.push(DnType::CommonName, "device");
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    let device = CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key")).expect("a certificate");
    let device = Authority(device);
    let unknown = Err(("certificate of the client is of an unknown issuer", "UnknownCA"));
    let alone = strict(&folder, &device);
    check_client(&alone, Some(&(device.0.pem(), device.0.key().serialize_pem())), Ok("device"));
    check_client(&alone, Some(&device.sign("admin", |_| ())), unknown);
    let authority = Authority::new("ca");
    let both = folder.write("both.pem", &[authority.0.pem(), device.0.pem()].concat());
    let beside = TlsOptions { cafile: Some(both), ..alone };
    check_client(&beside, Some(&authority.sign("ann", |_| ())), Ok("ann"));
    check_client(&beside, Some(&device.sign("admin", |_| ())), unknown);
}

#[test]
fn an_authority_whose_time_is_over_vouches_for_nobody() {
    let folder = Folder::new();
    let mut params = Authority::params("old");
    params.not_after = rcgen::date_time_ymd(2020, 1, 1);
    let old = CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key")).expect("a certificate");
    let old = Authority(old);
    let options = strict(&folder, &old);
    let client = old.sign("ann", |_| ());
    check_client(&options, Some(&client), Err(("certificate of the client is of an unknown issuer", "UnknownCA")));
    let (_, remarks) = TlsListener::open(&options).expect("opened");
    assert!(
        remarks.iter().any(|remark| remark.starts_with("certificate old in cafile or capath has expired")),
        "{remarks:?}"
    );
    check_client(&TlsOptions { disable_client_cert_date_checks: true, ..options }, Some(&client), Ok("ann"));
}

#[test]
fn a_leaf_as_cafile_asks_nobody_for_a_certificate() {
    let folder = Folder::new();
    let authority = Authority::new("ca");
    let pair = authority.sign("localhost", |_| ());
    let options = TlsOptions { cafile: Some(folder.write("leaf.pem", &pair.0)), ..options(&folder, &pair) };
    let (listener, _) = TlsListener::open(&options).expect("opened");
    let mut pair = Pair::new(&listener, client_config(TlsVersion::Tls13, Some(&authority.sign("ann", |_| ()))));
    pair.settle().expect("a handshake");
    assert!(pair.server.peer_certificate().is_none());
}

/// An intermediate certificate is good if there is a root above it, whoever has sent that.
#[test]
fn an_authority_without_a_root_vouches_for_nobody() {
    let folder = Folder::new();
    let root = Authority::new("root");
    let (middle, own) = (root.authorise("middle"), root.sign("localhost", |_| ()));
    let ann = middle.sign("ann", |_| ());
    let with = |cafile: &[&Authority]| {
        let text: Vec<String> = cafile.iter().map(|authority| authority.0.pem()).collect();
        let cafile = Some(folder.write("ca.pem", &text.concat()));
        TlsOptions { cafile, require_certificate: true, ..options(&folder, &own) }
    };
    check_client(&with(&[&root, &middle]), Some(&ann), Ok("ann"));
    let unknown = Err(("certificate of the client is of an unknown issuer", "UnknownCA"));
    check_client(&with(&[&middle]), Some(&ann), unknown);
    let (_, remarks) = TlsListener::open(&with(&[&middle])).expect("opened");
    let remark = "certificate middle in cafile or capath vouches for nobody: that of its own issuer is not there.";
    assert!(remarks.iter().any(|line| line == remark), "{remarks:?}");
    let both = (format!("{}{}", ann.0, middle.0.pem()), ann.1.clone());
    check_client(&with(&[&root]), Some(&both), Ok("ann"));
    check_client(&with(&[&root]), Some(&ann), unknown);
}

#[test]
fn authorities_may_stand_in_a_folder() {
    let folder = Folder::new();
    let authority = Authority::new("ca");
    let path = folder.0.join("authorities");
    fs::create_dir_all(&path).expect("a folder");
    fs::write(path.join("ca.pem"), authority.0.pem()).expect("written");
    fs::write(path.join("README"), "not a certificate").expect("written");
    let options = TlsOptions { cafile: None, capath: Some(path), ..strict(&folder, &authority) };
    check_client(&options, Some(&authority.sign("ann", |_| ())), Ok("ann"));
}

#[test]
fn files_that_are_not_good_are_told_with_path_and_cause() {
    let folder = Folder::new();
    let authority = Authority::new("ca");
    let good = strict(&folder, &authority);
    let check = |change: &dyn Fn(&mut TlsOptions), expected: &str| {
        let mut options = good.clone();
        change(&mut options);
        let error = TlsListener::open(&options).expect_err(expected).to_string();
        let error = error.replace(&format!("{}/", folder.0.display()), "");
        assert_eq!(error, expected);
    };
    let missing = folder.0.join("none");
    let text = folder.write("text", "not a certificate");
    let no_file = "No such file or directory";
    let at = |path: &Path, key: &Path| vec![(path.to_owned(), key.to_owned())];
    let (certificate, key) = good.certificates[0].clone();
    let expected = format!("Unable to load server certificate \"none\". Check certfile: {no_file}.");
    check(&|options| options.certificates = at(&missing, &key), &expected);
    let expected = "Unable to load server certificate \"text\". Check certfile: there is no certificate in it.";
    check(&|options| options.certificates = at(&text, &key), expected);
    let expected = format!("Unable to load server key file \"none\". Check keyfile: {no_file}.");
    check(&|options| options.certificates = at(&certificate, &missing), &expected);
    let expected = "Unable to load server key file \"text\". Check keyfile: there is no private key in it.";
    check(&|options| options.certificates = at(&certificate, &text), expected);
    let expected = format!("Unable to load CA certificates. Check cafile \"none\": {no_file}.");
    check(&|options| options.cafile = Some(missing.clone()), &expected);
    let expected = "Unable to load CA certificates. Check cafile \"text\": there is no certificate in it.";
    check(&|options| options.cafile = Some(text.clone()), expected);
    let expected = format!("Unable to load certificate revocation file \"none\". Check crlfile: {no_file}.");
    check(&|options| options.crlfile = Some(missing.clone()), &expected);
    // Also where nobody is asked for a certificate: whoever turns that on should not find out then.
    let unasked = |options: &mut TlsOptions| {
        options.require_certificate = false;
        options.crlfile = Some(missing.clone());
    };
    check(&unasked, &expected);
}

#[test]
fn a_key_that_everybody_can_read_is_told() {
    use std::os::unix::fs::PermissionsExt;
    let folder = Folder::new();
    let options = options(&folder, &Authority::new("ca").sign("localhost", |_| ()));
    let key = &options.certificates[0].1;
    fs::set_permissions(key, fs::Permissions::from_mode(0o644)).expect("set");
    let (_, remarks) = TlsListener::open(&options).expect("opened");
    assert!(remarks[0].contains("every user of this machine") && remarks[0].contains("key.pem"), "{remarks:?}");
    fs::set_permissions(key, fs::Permissions::from_mode(0o600)).expect("set");
    assert!(TlsListener::open(&options).expect("opened").1.is_empty());
}
