//! Lists of revoked certificates (RFC 5280, 5), also those of version 1, which `openssl ca -gencrl` writes and the library does
//! not take.
//!
//! What must hold, as OpenSSL has it: only the client's own certificate is looked up; a list of its issuer must be there, be
//! signed by that issuer, and not be too old.

use std::collections::BTreeSet;

use rustls::CertificateError;
use rustls::crypto::WebPkiSupportedAlgorithms;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer};

use super::certificates::date_fault;
use super::chain::has_signed;
use super::der::{
    Certificate, Element, Extension, GENERALIZED_TIME, INTEGER, POINT_NAME, Reader, SEQUENCE, Signed, UTC_TIME,
    names_of_point, seconds,
};
use super::subject::common_name_in;

/// The lists of a file.
#[derive(Clone, Debug)]
pub(crate) struct Revocations(Vec<List>);

/// What an issuer has said at one time.
#[derive(Clone, Debug)]
struct List {
    der: CertificateRevocationListDer<'static>,
    issuer: Vec<u8>,
    /// Seconds since 1970.
    made_s: u64,
    /// The last second in which it counts; `None`: for ever.
    last_s: Option<u64>,
    serial_numbers: BTreeSet<Box<[u8]>>,
    /// Only certificates that name one of these places are looked up here; `None`: all.
    points: Option<Vec<Vec<u8>>>,
    /// The public key of the trusted certificate that has signed it: a long list is not hashed again for each client.
    signer: Option<Vec<u8>>,
}

impl Revocations {
    /// Those of a file in PEM, which must hold at least one list. The error is a sentence's part for the operator.
    pub(crate) fn parse(pem: &[u8]) -> Result<Revocations, String> {
        let mut lists = Vec::new();
        for der in CertificateRevocationListDer::pem_slice_iter(pem) {
            let der = der.map_err(|error| error.to_string())?;
            // A list that is for others than clients is one that nobody needs.
            lists.extend(List::read(der)?);
        }
        if lists.is_empty() { Err("there is no list for clients in it".to_owned()) } else { Ok(Revocations(lists)) }
    }

    /// The lists as they came.
    #[cfg(feature = "openssl")]
    pub(crate) fn ders(&self) -> impl Iterator<Item = &CertificateRevocationListDer<'static>> {
        self.0.iter().map(|list| &list.der)
    }

    /// Looks for who has signed the lists.
    pub(crate) fn find_signers(&mut self, trusted: &[&CertificateDer<'_>], algorithms: &WebPkiSupportedAlgorithms) {
        for list in &mut self.0 {
            let signer = trusted.iter().find_map(|der| Certificate::read(der).filter(|it| list.is_of(it, algorithms)));
            list.signer = signer.map(|signer| signer.public_key_info.to_vec());
        }
    }

    /// What the operator should know of lists for want of which clients of these `issuers` are refused. `now_s` as in
    /// [`Revocations::check`].
    pub(crate) fn remarks(&self, issuers: &[&CertificateDer<'_>], now_s: Option<u64>) -> Vec<String> {
        let mut remarks: Vec<String> = now_s.map(|now_s| self.date_remarks(now_s).collect()).unwrap_or_default();
        if self.0.iter().all(|list| list.signer.is_none()) {
            remarks.push(FOREIGN.to_owned());
        } else {
            remarks.extend(self.want_remarks(issuers));
        }
        remarks
    }

    /// One for each authority without a list. Those that stand above another one issue authorities and hardly ever clients.
    fn want_remarks(&self, issuers: &[&CertificateDer<'_>]) -> BTreeSet<String> {
        let issuers: Vec<_> = issuers.iter().filter_map(|der| Certificate::read(der)).collect();
        let has_list = |issuer: &&Certificate<'_>| {
            self.0.iter().any(|list| list.signer.as_deref() == Some(issuer.public_key_info))
        };
        let is_above = |issuer: &&Certificate<'_>| {
            let is_below = |other: &Certificate<'_>| !other.is_self_issued() && is_named(issuer, other);
            issuers.iter().any(is_below)
        };
        let wanting = issuers.iter().filter(|issuer| !has_list(issuer) && !is_above(issuer));
        wanting
            .map(|issuer| format!("no list in crlfile is of {}: its clients are refused.", name(issuer.subject)))
            .collect()
    }

    fn date_remarks(&self, now_s: u64) -> impl Iterator<Item = String> {
        let is_replaced =
            move |list: &List| self.0.iter().any(|other| other.is_in_date(now_s) && other.is_about_same(list));
        self.0.iter().filter(move |list| !is_replaced(list)).filter_map(move |list| list.date_remark(now_s))
    }

    /// Judges a certificate whose issuer is one of those that are trusted or that the client has sent. `now_s`, if dates of lists matter, is in seconds since 1970.
    pub(crate) fn check<'a>(
        &self,
        end_entity: &CertificateDer<'_>,
        (trusted, sent): (impl Iterator<Item = &'a [u8]>, impl Iterator<Item = &'a [u8]>),
        now_s: Option<u64>,
        algorithms: &WebPkiSupportedAlgorithms,
    ) -> Result<(), CertificateError> {
        let certificate = Certificate::read(end_entity).ok_or(CertificateError::BadEncoding)?;
        let is_its_issuer = |issuer: &Certificate<'_>| is_named(issuer, &certificate);
        let trusted = trusted.filter_map(Certificate::read).filter(is_its_issuer);
        let sent = sent.filter_map(Certificate::read).filter(is_its_issuer).take(SENT_MAX);
        let has_signed = |issuer: &Certificate<'_>| has_signed(issuer, &certificate.signed, algorithms);
        let issuers: Vec<_> = trusted.chain(sent).filter(has_signed).collect();
        let is_of_issuer = |list: &&List| issuers.iter().any(|issuer| list.is_of(issuer, algorithms));
        let lists: Vec<_> = self.0.iter().filter(|list| list.is_for(&certificate)).filter(is_of_issuer).collect();
        let good = lists.iter().filter(|list| now_s.is_none_or(|now_s| list.is_in_date(now_s)));
        match good.max_by_key(|list| list.made_s) {
            Some(list) if list.serial_numbers.contains(number(certificate.serial_number)) => {
                Err(CertificateError::Revoked)
            }
            Some(_) => Ok(()),
            None if lists.is_empty() => Err(CertificateError::UnknownRevocationStatus),
            None => Err(CertificateError::ExpiredRevocationList),
        }
    }
}

impl List {
    /// `None`: nothing that clients show can stand on it.
    fn read(der: CertificateRevocationListDer<'static>) -> Result<Option<List>, &'static str> {
        let signed = Signed::read(&der).ok_or(MALFORMED)?;
        let mut fields = signed.contents.inside();
        fields.optional(INTEGER);
        let algorithm = fields.expect(SEQUENCE).ok_or(MALFORMED)?;
        let issuer = fields.expect(SEQUENCE).ok_or(MALFORMED)?.contents.to_vec();
        let made_s = fields.next().and_then(seconds).ok_or(MALFORMED)?;
        let last = fields.optional(UTC_TIME).or_else(|| fields.optional(GENERALIZED_TIME));
        let last_s = last.map(|time| seconds(time).ok_or(MALFORMED)).transpose()?;
        let serial_numbers = fields.optional(SEQUENCE).map_or(Ok(BTreeSet::new()), read_entries)?;
        let extensions = fields.optional(EXTENSIONS).map(|whole| whole.inside().expect(SEQUENCE).ok_or(MALFORMED));
        let scope = extensions.transpose()?.map_or(Ok(Scope::All), read_extensions)?;
        if !fields.0.is_empty() || algorithm.contents != signed.algorithm {
            return Err(MALFORMED);
        }
        let points = match scope {
            Scope::Others => return Ok(None),
            Scope::All => None,
            Scope::Points(points) => Some(points),
        };
        Ok(Some(List { der, issuer, made_s, last_s, serial_numbers, points, signer: None }))
    }

    /// Whether it was made by whom this certificate names, with its key.
    fn is_of(&self, issuer: &Certificate<'_>, algorithms: &WebPkiSupportedAlgorithms) -> bool {
        let is_signed = || Signed::read(&self.der).is_some_and(|signed| has_signed(issuer, &signed, algorithms));
        issuer.subject.contents == self.issuer
            && issuer.may_revoke()
            && (self.signer.as_deref() == Some(issuer.public_key_info) || is_signed())
    }

    fn is_for(&self, certificate: &Certificate<'_>) -> bool {
        let names_one = |points: &Vec<Vec<u8>>| {
            certificate.distribution_points().iter().any(|name| points.iter().any(|point| point == name))
        };
        certificate.issuer.contents == self.issuer && self.points.as_ref().is_none_or(names_one)
    }

    /// Whether what one of them says is said by the other too, or what has become of it since.
    fn is_about_same(&self, other: &List) -> bool {
        (&self.issuer, &self.signer, &self.points) == (&other.issuer, &other.signer, &other.points)
    }

    /// Why it does not count now.
    fn date_remark(&self, now_s: u64) -> Option<String> {
        let fault = date_fault((self.made_s, self.last_s.unwrap_or(u64::MAX)), now_s)?;
        let name = name(Element { tag: SEQUENCE, contents: &self.issuer, whole: &[] });
        Some(format!("the list of revoked certificates of {name} in crlfile {fault}: its clients are refused."))
    }

    fn is_in_date(&self, now_s: u64) -> bool {
        self.made_s <= now_s && self.last_s.is_none_or(|last_s| now_s <= last_s)
    }
}

/// Whose certificates stand on a list.
enum Scope {
    All,
    /// Those that name one of these places.
    Points(Vec<Vec<u8>>),
    /// Not those of clients, or not all that are revoked.
    Others,
}

/// The serial numbers of what is revoked.
fn read_entries(entries: Element<'_>) -> Result<BTreeSet<Box<[u8]>>, &'static str> {
    let mut entries = entries.inside();
    let mut serial_numbers = BTreeSet::new();
    while !entries.0.is_empty() {
        let mut fields = entries.expect(SEQUENCE).ok_or(MALFORMED)?.inside();
        let serial_number = fields.expect(INTEGER).ok_or(MALFORMED)?;
        fields.next().and_then(seconds).ok_or(MALFORMED)?;
        // One that must be known says that the entry is of another issuer, or for what is not known yet.
        if let Some(extensions) = fields.optional(SEQUENCE) {
            each_extension(extensions, |extension| if extension.is_critical { Err(CRITICAL) } else { Ok(()) })?;
        }
        serial_numbers.insert(number(serial_number.contents).into());
    }
    Ok(serial_numbers)
}

fn read_extensions(extensions: Element<'_>) -> Result<Scope, &'static str> {
    let mut scope = Scope::All;
    each_extension(extensions, |extension| {
        match extension.identifier {
            ISSUING_DISTRIBUTION_POINT => scope = read_scope(extension.value).ok_or(MALFORMED)?,
            // It would hide what stands on the one before.
            CHANGES_OF => return Err(CHANGES),
            _ if extension.is_critical => return Err(CRITICAL),
            _ => {}
        }
        Ok(())
    })?;
    Ok(scope)
}

/// IssuingDistributionPoint (RFC 5280, 5.2.5).
fn read_scope(value: &[u8]) -> Option<Scope> {
    let mut fields = Reader(value).expect(SEQUENCE)?.inside();
    let mut scope = Scope::All;
    while let Some(field) = fields.next() {
        match field.tag {
            POINT_NAME => scope = Scope::Points(names_of_point(field).into_iter().map(<[u8]>::to_vec).collect()),
            ONLY_USERS => {}
            // What is left out where it is so may be said all the same.
            _ if field.contents == [0] => {}
            _ => return Some(Scope::Others),
        }
    }
    Some(scope)
}

fn each_extension(
    extensions: Element<'_>,
    mut look_at: impl FnMut(Extension<'_>) -> Result<(), &'static str>,
) -> Result<(), &'static str> {
    let mut extensions = extensions.inside();
    while !extensions.0.is_empty() {
        look_at(extensions.expect(SEQUENCE).and_then(Extension::read).ok_or(MALFORMED)?)?;
    }
    Ok(())
}

/// Whether a certificate names this one as its issuer.
fn is_named(issuer: &Certificate<'_>, by: &Certificate<'_>) -> bool {
    issuer.subject.contents == by.issuer.contents
}

/// Of an authority, for people.
fn name(subject: Element<'_>) -> String {
    common_name_in(subject).unwrap_or_default()
}

/// Some write zeros in front.
fn number(contents: &[u8]) -> &[u8] {
    let zeros = contents.iter().take_while(|byte| **byte == 0).count();
    &contents[zeros..]
}

/// Authorities of one name that a client may send: it could be hundreds, each of which costs as much as a part of a handshake.
const SENT_MAX: usize = 8;
const EXTENSIONS: u8 = 0xa0;
const ONLY_USERS: u8 = 0x81;
const ISSUING_DISTRIBUTION_POINT: &[u8] = &[0x55, 0x1d, 0x1c];
const FOREIGN: &str =
    "no list in crlfile is of an authority in cafile or capath: clients with certificates of those are refused.";
/// The extension that says of which list.
const CHANGES_OF: &[u8] = &[0x55, 0x1d, 0x1b];
const MALFORMED: &str = "a list in it is malformed";
const CHANGES: &str = "a list in it is one of mere changes, which do not count here";
const CRITICAL: &str = "a list in it has a critical extension that is not known here";
