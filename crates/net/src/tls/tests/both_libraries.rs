//! The same options mean the same, whichever library serves the listener.

use rcgen::SerialNumber;

use super::by_openssl::by_ciphers;
use super::certificates::{revocation_of, strict};
use super::*;

/// Whether a client with this certificate comes in at a listener with these options, which is the same with both libraries.
#[track_caller]
fn comes_in(options: &TlsOptions, identity: &(String, String)) -> bool {
    let outcome = |options: &TlsOptions, version| {
        let (listener, _) = TlsListener::open(options).expect("opened");
        let mut pair = Pair::new(&listener, client_config(version, Some(identity)));
        pair.settle().map(drop).map_err(|failure| failure.to_string())
    };
    let by_openssl = by_ciphers(options.clone());
    let outcomes = BOTH.map(|version| [outcome(options, version), outcome(&by_openssl, version)]);
    let first = outcomes[0][0].is_ok();
    assert!(outcomes.iter().flatten().all(|other| other.is_ok() == first), "{outcomes:?}");
    first
}

#[test]
fn both_libraries_trust_the_same_certificates() {
    let folder = Folder::new();
    let [root, other] = ["root", "other"].map(Authority::new);
    let middle = root.authorise("middle");
    let chained = |(certificate, key): (String, String)| (format!("{certificate}{}", middle.0.pem()), key);
    let with = |cafile: &[&Authority]| {
        let own = options(&folder, &root.sign("localhost", |_| ()));
        let text: Vec<String> = cafile.iter().map(|authority| authority.0.pem()).collect();
        TlsOptions { cafile: Some(folder.write("ca.pem", &text.concat())), require_certificate: true, ..own }
    };
    let plain = |authority: &Authority| authority.sign("ann", |_| ());
    let itself = |authority: &Authority| (authority.0.pem(), authority.0.key().serialize_pem());
    assert!(comes_in(&with(&[&root]), &plain(&root)));
    assert!(!comes_in(&with(&[&root]), &plain(&other)));
    assert!(comes_in(&with(&[&root, &other]), &plain(&other)));
    assert!(!comes_in(&with(&[&root]), &plain(&middle)));
    assert!(comes_in(&with(&[&root]), &chained(plain(&middle))));
    assert!(comes_in(&with(&[&root, &middle]), &plain(&middle)));
    assert!(!comes_in(&with(&[&middle]), &plain(&middle)));
    assert!(!comes_in(&with(&[&middle]), &chained(plain(&middle))));
    assert!(!comes_in(&with(&[&root]), &itself(&root)), "its key is for certificates only");
    assert!(comes_in(&with(&[&root]), &root.sign_version_1("ann", 8)));
    assert!(!comes_in(&with(&[&other]), &root.sign_version_1("ann", 8)));
    assert!(comes_in(&with(&[&root, &middle]), &middle.sign_version_1("ann", 8)));
    assert!(!comes_in(&with(&[&middle]), &middle.sign_version_1("ann", 8)));

    let expired = root.sign("old", |params| params.not_after = rcgen::date_time_ymd(2020, 1, 1));
    assert!(!comes_in(&with(&[&root]), &expired));
    let dateless = TlsOptions { disable_client_cert_date_checks: true, ..with(&[&root]) };
    assert!(comes_in(&dateless, &expired) && !comes_in(&dateless, &plain(&other)));
    let for_servers = root.sign("ann", |params| {
        params.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ServerAuth];
    });
    assert!(!comes_in(&with(&[&root]), &for_servers));
    let for_encryption = root.sign("ann", |params| params.key_usages = vec![KeyUsagePurpose::KeyEncipherment]);
    assert!(!comes_in(&with(&[&root]), &for_encryption));
    // One that is trusted and no authority.
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, "device");
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    let device = CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key"));
    let device = Authority(device.expect("a certificate"));
    assert!(comes_in(&with(&[&device]), &itself(&device)));
    assert!(!comes_in(&with(&[&device]), &plain(&device)));
    assert!(!comes_in(&with(&[&device]), &device.sign_version_1("ann", 8)));
    let mut params = Authority::params("old");
    params.not_after = rcgen::date_time_ymd(2020, 1, 1);
    let old = CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key"));
    let old = Authority(old.expect("a certificate"));
    assert!(!comes_in(&with(&[&old]), &plain(&old)) && !comes_in(&with(&[&old]), &old.sign_version_1("ann", 8)));
    let dateless = TlsOptions { disable_client_cert_date_checks: true, ..with(&[&old]) };
    assert!(comes_in(&dateless, &plain(&old)) && comes_in(&dateless, &old.sign_version_1("ann", 8)));
}

#[test]
fn both_libraries_bound_how_many_authorities_stand_below_one_another() {
    let bounded = |name: &str, below| {
        let mut params = Authority::params(name);
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(below));
        (params, KeyPair::generate().expect("a key"))
    };
    let folder = Folder::new();
    let check = |root_below: u8, middle_below: u8, expected: bool| {
        let (params, key) = bounded("root", root_below);
        let root = Authority(CertifiedIssuer::self_signed(params, key).expect("a certificate"));
        let (params, key) = bounded("middle", middle_below);
        let middle = Authority(CertifiedIssuer::signed_by(params, key, &root.0).expect("a certificate"));
        let lowest = middle.authorise("lowest");
        let (certificate, key) = lowest.sign("ann", |_| ());
        let texts = [root.0.pem(), middle.0.pem(), lowest.0.pem()];
        // Whether the file has an authority or the client sends it.
        for known in 1..=3 {
            let own = options(&folder, &root.sign("localhost", |_| ()));
            let cafile = Some(folder.write("ca.pem", &texts[..known].concat()));
            let options = TlsOptions { cafile, require_certificate: true, ..own };
            let identity = (format!("{certificate}{}", texts[known..].concat()), key.clone());
            assert_eq!(comes_in(&options, &identity), expected, "{root_below} {middle_below} {known}");
        }
    };
    check(2, 1, true);
    check(1, 1, false);
    check(0, 1, false);
    check(2, 0, false);
}

#[test]
fn both_libraries_take_the_same_for_revoked() {
    const THEN: &str = "200101000000Z";
    let (folder, root) = (Folder::new(), Authority::new("root"));
    let middle = root.authorise("middle");
    let with = |lists: &[String]| TlsOptions {
        crlfile: Some(folder.write("crl.pem", &lists.concat())),
        ..strict(&folder, &root)
    };
    let numbered = |authority: &Authority, serial: u64| {
        let (certificate, key) =
            authority.sign("ann", |params| params.serial_number = Some(SerialNumber::from(serial)));
        (format!("{certificate}{}", middle.0.pem()), key)
    };
    let list = |authority: &Authority, serials: &[u8]| authority.revoke_version_1(THEN, Some("490101000000Z"), serials);
    for lists in [[list(&root, &[7])], [revocation_of(7, &root)]] {
        assert!(comes_in(&with(&lists), &numbered(&root, 8)) && !comes_in(&with(&lists), &numbered(&root, 7)));
        let old = |serial| root.sign_version_1("ann", serial);
        assert!(comes_in(&with(&lists), &old(8)) && !comes_in(&with(&lists), &old(7)));
        assert!(!comes_in(&with(&lists), &numbered(&middle, 8)), "its issuer has no list");
    }
    // The list of the issuer alone counts.
    let lists = [list(&middle, &[7])];
    assert!(comes_in(&with(&lists), &numbered(&middle, 8)) && !comes_in(&with(&lists), &numbered(&middle, 7)));
    let expired = [root.revoke_version_1(THEN, Some("210101000000Z"), &[])];
    assert!(!comes_in(&with(&expired), &numbered(&root, 8)));
    let dateless = TlsOptions { disable_client_cert_date_checks: true, ..with(&expired) };
    assert!(comes_in(&dateless, &numbered(&root, 8)));
    assert!(comes_in(&with(&[root.revoke_version_1(THEN, None, &[])]), &numbered(&root, 8)));
    let newer = [root.revoke_version_1("210101000000Z", None, &[]), list(&root, &[7])];
    assert!(comes_in(&with(&newer), &numbered(&root, 7)));
    let impostor = [Authority::new("root").revoke_version_1(THEN, None, &[])];
    assert!(!comes_in(&with(&impostor), &numbered(&root, 8)));
}
