//! Lists of revoked certificates, and certificates, as OpenSSL's tools write them without extensions: of version 1.

use base64ct::{Base64, Encoding};
use rcgen::{
    CertificateRevocationListParams, CrlDistributionPoint, CrlIssuingDistributionPoint, ExtendedKeyUsagePurpose,
    GeneralSubtree, KeyIdMethod, NameConstraints, RevokedCertParams, SerialNumber, SigningKey,
};
use rustls::pki_types::pem::PemObject;

use super::super::der::{BIT_STRING, Certificate, INTEGER, SEQUENCE, UTC_TIME};
use super::certificates::{check_client, check_later, revocation_of, strict};
use super::*;

type Verdict = Result<&'static str, (&'static str, &'static str)>;
const REVOKED: Verdict = Err(("certificate of the client is revoked", "CertificateRevoked"));
const UNKNOWN: Verdict =
    Err(("certificate of the client is of an issuer without a list of revoked certificates", "UnknownCA"));

fn element(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let contents = parts.concat();
    let length = u16::try_from(contents.len()).expect("short").to_be_bytes();
    [&[tag, 0x82], &length[..], &contents].concat()
}

fn pem(label: &str, der: &[u8]) -> String {
    let text = Base64::encode_string(der);
    let lines: Vec<&str> = text.as_bytes().chunks(64).filter_map(|line| str::from_utf8(line).ok()).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}

impl Authority {
    /// What this authority has signed.
    fn signed(&self, contents: &[u8]) -> Vec<u8> {
        let signature = self.0.key().sign(contents).expect("signed");
        element(SEQUENCE, &[contents, ECDSA_WITH_SHA256, &element(BIT_STRING, &[&[0], &signature])])
    }

    fn name(&self) -> Vec<u8> {
        Certificate::read(self.0.der()).expect("a certificate").subject.whole.to_vec()
    }

    /// A certificate of version 1 for a client.
    pub(super) fn sign_version_1(&self, name: &str, serial: u8) -> (String, String) {
        let (newer, key) = self.sign(name, |_| ());
        let newer = CertificateDer::from_pem_slice(newer.as_bytes()).expect("a certificate");
        let newer = Certificate::read(&newer).expect("a certificate");
        let validity = element(SEQUENCE, &[&time("200101000000Z"), &time("490101000000Z")]);
        let contents = element(
            SEQUENCE,
            &[
                &element(INTEGER, &[&[serial]]),
                ECDSA_WITH_SHA256,
                &self.name(),
                &validity,
                newer.subject.whole,
                newer.public_key_info,
            ],
        );
        (pem("CERTIFICATE", &self.signed(&contents)), key)
    }

    /// A list of version 1, of that time, on which certificates with these numbers stand.
    pub(super) fn revoke_version_1(&self, made: &str, last: Option<&str>, serials: &[u8]) -> String {
        let entry = |serial: &u8| element(SEQUENCE, &[&element(INTEGER, &[&[*serial]]), &time("200101000000Z")]);
        let entries: Vec<u8> = serials.iter().flat_map(entry).collect();
        let entries = if entries.is_empty() { Vec::new() } else { element(SEQUENCE, &[&entries]) };
        let last = last.map(time).unwrap_or_default();
        let contents = element(SEQUENCE, &[ECDSA_WITH_SHA256, &self.name(), &time(made), &last, &entries]);
        pem("X509 CRL", &self.signed(&contents))
    }
}

fn time(text: &str) -> Vec<u8> {
    element(UTC_TIME, &[text.as_bytes()])
}

/// The whole AlgorithmIdentifier.
const ECDSA_WITH_SHA256: &[u8] = &[0x30, 10, 6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2];
const THEN: &str = "200101000000Z";
const LAST: Option<&str> = Some("490101000000Z");

/// A listener that trusts this authority, with these lists.
fn listener(folder: &Folder, authority: &Authority, lists: &str) -> TlsOptions {
    TlsOptions { crlfile: Some(folder.write("crl.pem", lists)), ..strict(folder, authority) }
}

#[test]
fn old_certificates_and_old_lists_go_with_each_other_and_with_new_ones() {
    let (folder, authority) = (Folder::new(), Authority::new("ca"));
    let number = |serial: u64| authority.sign("new", |params| params.serial_number = Some(SerialNumber::from(serial)));
    let lists = [authority.revoke_version_1(THEN, LAST, &[7, 9]), revocation_of(7, &authority)];
    for list in lists {
        let options = listener(&folder, &authority, &list);
        check_client(&options, Some(&authority.sign_version_1("old", 8)), Ok("old"));
        check_client(&options, Some(&authority.sign_version_1("old", 7)), REVOKED);
        check_client(&options, Some(&number(8)), Ok("new"));
        check_client(&options, Some(&number(7)), REVOKED);
    }
    let nobody = authority.revoke_version_1(THEN, None, &[]);
    check_client(&listener(&folder, &authority, &nobody), Some(&number(7)), Ok("new"));
}

#[test]
fn who_is_there_goes_when_his_old_certificate_is_revoked() {
    let (folder, authority) = (Folder::new(), Authority::new("ca"));
    let before = listener(&folder, &authority, &authority.revoke_version_1(THEN, LAST, &[]));
    let other = Folder::new();
    // One that is too old for who comes now still says who is revoked.
    let after = listener(&other, &authority, &authority.revoke_version_1(THEN, Some("210101000000Z"), &[7]));
    check_later(&before, Some(&authority.sign_version_1("ann", 7)), &after, false);
    check_later(&before, Some(&authority.sign_version_1("ann", 8)), &after, true);
}

/// An authority for some names, or for servers, does not become one for all by leaving out the version.
#[test]
fn an_old_certificate_is_good_only_below_authorities_for_any_client() {
    let (folder, root) = (Folder::new(), Authority::new("root"));
    let check = |restrict: &dyn Fn(&mut CertificateParams), is_good: bool| {
        let mut params = Authority::params("middle");
        restrict(&mut params);
        let middle = CertifiedIssuer::signed_by(params, KeyPair::generate().expect("a key"), &root.0);
        let middle = Authority(middle.expect("a certificate"));
        let cafile = Some(folder.write("both.pem", &format!("{}{}", root.0.pem(), middle.0.pem())));
        let options = TlsOptions { cafile, ..strict(&folder, &root) };
        let refused = Err(("certificate of the client is of an unknown issuer", "UnknownCA"));
        check_client(&options, Some(&middle.sign_version_1("ann", 8)), if is_good { Ok("ann") } else { refused });
    };
    check(&|_| (), true);
    check(&|params| params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth], true);
    check(&|params| params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth], false);
    let names = || NameConstraints {
        permitted_subtrees: vec![GeneralSubtree::DnsName("example.org".to_owned())],
        excluded_subtrees: Vec::new(),
    };
    check(&|params| params.name_constraints = Some(names()), false);
}

#[test]
fn a_list_must_be_of_the_issuer_and_in_date() {
    let (folder, authority) = (Folder::new(), Authority::new("ca"));
    let ann = authority.sign_version_1("ann", 8);
    let check = |list: &str, expected| check_client(&listener(&folder, &authority, list), Some(&ann), expected);
    // Another one has taken its name.
    let impostor = Authority::new("ca");
    check(&impostor.revoke_version_1(THEN, LAST, &[]), UNKNOWN);
    check(&Authority::new("other").revoke_version_1(THEN, LAST, &[]), UNKNOWN);
    check(&authority.revoke_version_1("480101000000Z", LAST, &[]), EXPIRED);
    let old = authority.revoke_version_1(THEN, Some("210101000000Z"), &[]);
    check(&old, EXPIRED);
    // The newest that counts.
    let new = authority.revoke_version_1("210101000000Z", LAST, &[8]);
    check(&format!("{old}{new}"), REVOKED);
    let newer = authority.revoke_version_1("220101000000Z", LAST, &[]);
    check(&format!("{newer}{new}"), Ok("ann"));
    let dateless = TlsOptions { disable_client_cert_date_checks: true, ..listener(&folder, &authority, &old) };
    check_client(&dateless, Some(&ann), Ok("ann"));
}

const EXPIRED: Verdict = Err((
    "certificate of the client cannot be judged, as the list of revoked certificates has expired, or is not good yet",
    "UnknownCA",
));

/// Else everybody would be refused, and nobody would know before.
#[test]
fn lists_for_want_of_which_clients_are_refused_are_told() {
    let (folder, authority) = (Folder::new(), Authority::new("ca"));
    let check = |lists: &[&str], expected: &[&str]| {
        let options = listener(&folder, &authority, &lists.concat());
        let (_, remarks) = TlsListener::open(&options).expect("opened");
        let of_lists = remarks.iter().filter(|remark| remark.contains("crlfile"));
        let words = of_lists.map(|remark| remark.replace(|letter: char| letter.is_ascii_digit(), ""));
        assert_eq!(words.collect::<Vec<_>>(), expected);
    };
    let good = authority.revoke_version_1(THEN, LAST, &[]);
    let old = authority.revoke_version_1(THEN, Some("210101000000Z"), &[]);
    let future = authority.revoke_version_1("480101000000Z", LAST, &[]);
    let impostor = Authority::new("ca").revoke_version_1(THEN, LAST, &[]);
    let others = Authority::new("other").revoke_version_1(THEN, LAST, &[]);
    check(&[&good], &[]);
    check(&[&old, &good, &future, &others], &[]);
    let has_expired =
        "the list of revoked certificates of ca in crlfile has expired  days ago: its clients are refused.";
    check(&[&old], &[has_expired]);
    check(&[&old, &others, &impostor], &[has_expired]);
    let begins =
        "the list of revoked certificates of ca in crlfile begins to be good in  days: its clients are refused.";
    check(&[&future], &[begins]);
    let foreign =
        "no list in crlfile is of an authority in cafile or capath: clients with certificates of those are refused.";
    check(&[&others], &[foreign]);
    check(&[&impostor], &[foreign]);
    let dateless = TlsOptions { disable_client_cert_date_checks: true, ..listener(&folder, &authority, &old) };
    let (_, remarks) = TlsListener::open(&dateless).expect("opened");
    assert!(!remarks.iter().any(|remark| remark.contains("crlfile")), "{remarks:?}");
}

#[test]
fn each_authority_without_a_list_is_told_but_those_that_stand_above_others() {
    let (folder, first, second) = (Folder::new(), Authority::new("first"), Authority::new("second"));
    let middle = CertifiedIssuer::signed_by(Authority::params("middle"), KeyPair::generate().expect("a key"), &first.0);
    let middle = Authority(middle.expect("a certificate"));
    let check = |authorities: &[&Authority], of: &[&Authority], expected: &[&str]| {
        let certificates: String = authorities.iter().map(|authority| authority.0.pem()).collect();
        let lists: String = of.iter().map(|authority| authority.revoke_version_1(THEN, LAST, &[])).collect();
        let cafile = Some(folder.write("all.pem", &certificates));
        let (_, remarks) =
            TlsListener::open(&TlsOptions { cafile, ..listener(&folder, &first, &lists) }).expect("opened");
        let of_lists: Vec<_> = remarks.iter().filter(|remark| remark.contains("crlfile")).collect();
        assert_eq!(of_lists, expected);
    };
    let is_wanting = |name: &str| format!("no list in crlfile is of {name}: its clients are refused.");
    check(&[&first, &second], &[&first, &second], &[]);
    check(&[&first, &second], &[&first], &[&is_wanting("second")]);
    check(&[&second, &first, &middle], &[&second], &[&is_wanting("middle")]);
    check(&[&second, &first, &middle], &[&second, &middle], &[]);
}

#[test]
fn an_intermediate_authority_has_a_list_of_its_own() {
    let (folder, root) = (Folder::new(), Authority::new("root"));
    let middle = root.authorise("middle");
    let client = |serial: u64| {
        let (certificate, key) = middle.sign("ann", |params| params.serial_number = Some(SerialNumber::from(serial)));
        (format!("{certificate}{}", middle.0.pem()), key)
    };
    let lists = format!("{}{}", root.revoke_version_1(THEN, LAST, &[8]), middle.revoke_version_1(THEN, LAST, &[7]));
    let options = listener(&folder, &root, &lists);
    check_client(&options, Some(&client(8)), Ok("ann"));
    check_client(&options, Some(&client(7)), REVOKED);
    check_client(&listener(&folder, &root, &root.revoke_version_1(THEN, LAST, &[])), Some(&client(8)), UNKNOWN);
    // Of version 1, where the intermediate stands in cafile.
    let cafile = Some(folder.write("both.pem", &format!("{}{}", root.0.pem(), middle.0.pem())));
    let options = TlsOptions { cafile, ..listener(&folder, &root, &lists) };
    check_client(&options, Some(&middle.sign_version_1("ann", 8)), Ok("ann"));
    check_client(&options, Some(&middle.sign_version_1("ann", 7)), REVOKED);
}

#[test]
fn a_client_cannot_have_lists_looked_at_for_any_number_of_authorities() {
    let (folder, root) = (Folder::new(), Authority::new("root"));
    let middle = root.authorise("middle");
    // The library does not look at its key.
    let mut params = Authority::params("middle");
    params.not_after = rcgen::date_time_ymd(2020, 1, 1);
    let impostor = params.self_signed(&KeyPair::generate().expect("a key")).expect("a certificate").pem();
    let options = listener(&folder, &root, &middle.revoke_version_1(THEN, LAST, &[]));
    let (certificate, key) = middle.sign("ann", |_| ());
    let check = |impostors: usize, expected| {
        let sent = format!("{certificate}{}{}", impostor.repeat(impostors), middle.0.pem());
        check_client(&options, Some(&(sent, key.clone())), expected);
    };
    check(3, Ok("ann"));
    check(50, UNKNOWN);
}

/// It has no list, and nobody could revoke it.
#[test]
fn a_certificate_that_is_trusted_itself_needs_a_list_too() {
    let (folder, mut params) = (Folder::new(), Authority::params("ca"));
    params.key_usages = Vec::new();
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key"));
    let authority = Authority(authority.expect("a certificate"));
    let own = (authority.0.pem(), authority.0.key().serialize_pem());
    let other = Authority::new("other");
    check_client(&listener(&folder, &authority, &revocation_of(7, &other)), Some(&own), UNKNOWN);
    check_client(&listener(&folder, &authority, &revocation_of(7, &authority)), Some(&own), Ok("ca"));
}

#[test]
fn a_list_for_some_places_is_for_those_who_name_them() {
    let (folder, authority) = (Folder::new(), Authority::new("ca"));
    let point = |uri: &str| CrlDistributionPoint { uris: vec![uri.to_owned()] };
    let list = CertificateRevocationListParams {
        this_update: rcgen::date_time_ymd(2020, 1, 1),
        next_update: rcgen::date_time_ymd(2090, 1, 1),
        crl_number: SerialNumber::from(1),
        issuing_distribution_point: Some(CrlIssuingDistributionPoint {
            distribution_point: point("http://here"),
            scope: Some(rcgen::CrlScope::UserCertsOnly),
        }),
        revoked_certs: vec![RevokedCertParams {
            serial_number: SerialNumber::from(7),
            revocation_time: rcgen::date_time_ymd(2020, 1, 1),
            reason_code: Some(rcgen::RevocationReason::KeyCompromise),
            invalidity_date: None,
        }],
        key_identifier_method: KeyIdMethod::Sha256,
    };
    let list = list.signed_by(&authority.0).and_then(|list| list.pem()).expect("a list");
    let options = listener(&folder, &authority, &list);
    let client = |serial: u64, uri: &str| {
        authority.sign("ann", |params| {
            params.serial_number = Some(SerialNumber::from(serial));
            params.crl_distribution_points = vec![point("ldap://elsewhere"), point(uri)];
        })
    };
    check_client(&options, Some(&client(8, "http://here")), Ok("ann"));
    check_client(&options, Some(&client(7, "http://here")), REVOKED);
    check_client(&options, Some(&client(7, "http://there")), UNKNOWN);
}

#[test]
fn lists_that_are_damaged_or_for_something_else_are_told() {
    let (folder, authority) = (Folder::new(), Authority::new("ca"));
    let good = authority.revoke_version_1(THEN, LAST, &[7]);
    let der = rustls::pki_types::CertificateRevocationListDer::from_pem_slice(good.as_bytes()).expect("a list");
    let check = |der: &[u8], why: &str| {
        let options = listener(&folder, &authority, &pem("X509 CRL", der));
        let error = TlsListener::open(&options).expect_err(why).to_string();
        assert!(error.starts_with("Unable to load certificate revocation file ") && error.contains(why), "{error}");
    };
    for end in 0..der.len() {
        check(&der[..end], "a list in it is malformed");
    }
    // Whatever a byte is changed to, nothing panics.
    for at in 0..der.len() {
        let mut changed = der.to_vec();
        changed[at] ^= 0xff;
        let _ = TlsListener::open(&listener(&folder, &authority, &pem("X509 CRL", &changed)));
    }
    // One with something that must be known, and a list of changes (RFC 5280, 5.2.4), which would hide what stands on older lists.
    let unknown = [0x30, 12, 6, 3, 0x55, 0x1d, 0x7f, 1, 1, 0xff, 4, 2, 2, 0];
    let changes = [0x30, 12, 6, 3, 0x55, 0x1d, 0x1b, 1, 1, 0xff, 4, 2, 2, 0];
    let uncritical_changes = [0x30, 9, 6, 3, 0x55, 0x1d, 0x1b, 4, 2, 2, 0];
    let check = |extension: &[u8], why: &str| {
        let extensions = element(0xa0, &[&element(SEQUENCE, &[extension])]);
        let contents = [&element(INTEGER, &[&[1]]), ECDSA_WITH_SHA256, &authority.name(), &time(THEN), &extensions];
        let contents = element(SEQUENCE, &contents.map(|part: &[u8]| part));
        check(&authority.signed(&contents), why);
    };
    check(&unknown, "a list in it has a critical extension that is not known here");
    check(&changes, "a list in it is one of mere changes");
    check(&uncritical_changes, "a list in it is one of mere changes");
}
