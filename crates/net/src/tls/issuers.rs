//! Whose certificates are good, by those that are trusted.
//!
//! The library judges chains of certificates of version 3, up to a trusted one above which is nobody; of that one it asks neither
//! its dates nor how many may stand below it, which is done here. What it never takes, and people have had for years, is judged here:
//! a certificate that is trusted itself because it stands in `cafile`, and certificates of version 1 that a trusted one has
//! signed.

use std::sync::Arc;
use std::time::Duration;

use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::WebPkiSupportedAlgorithms;
use rustls::pki_types::{CertificateDer, SubjectPublicKeyInfoDer, TrustAnchor, UnixTime};
use rustls::{CertificateError, DigitallySignedStruct, Error, OtherError, PeerMisbehaved};
use webpki::{EndEntityCert, KeyUsage, VerifiedPath, anchor_from_trusted_cert};

use super::chain::has_issued;
use super::der::{Certificate, Purpose};

/// Those that are trusted, and what for.
#[derive(Debug)]
pub(crate) struct Issuers {
    /// All of them.
    trusted: Vec<CertificateDer<'static>>,
    /// Those that may issue certificates, first those above which is nobody, and the same as the library takes them.
    issuers: Vec<CertificateDer<'static>>,
    anchors: Vec<TrustAnchor<'static>>,
    roots: usize,
    purpose: Purpose,
    pub(crate) algorithms: WebPkiSupportedAlgorithms,
}

impl Issuers {
    /// Those among `trusted` that may vouch for others of this `purpose`.
    pub(crate) fn new(
        trusted: Vec<CertificateDer<'static>>,
        purpose: Purpose,
        algorithms: WebPkiSupportedAlgorithms,
    ) -> Issuers {
        let issuers = trusted.iter().filter(|der| may_issue(der)).cloned();
        let (roots, intermediates): (Vec<_>, Vec<_>) = issuers.partition(|der| is_root(der));
        let anchored = |der: CertificateDer<'static>| Some((anchor_from_trusted_cert(&der).ok()?.to_owned(), der));
        let roots: Vec<_> = roots.into_iter().filter_map(anchored).collect();
        let count = roots.len();
        let (anchors, issuers) = roots.into_iter().chain(intermediates.into_iter().filter_map(anchored)).unzip();
        Issuers { trusted, issuers, anchors, roots: count, purpose, algorithms }
    }

    /// Whether it leads to one that is trusted.
    pub(crate) fn judge(
        &self,
        end_entity: &CertificateDer<'_>,
        sent: &[CertificateDer<'_>],
        now: UnixTime,
        checks_dates: bool,
    ) -> Result<(), Error> {
        let now_s = checks_dates.then(|| now.as_secs());
        let intermediates: Vec<_> = sent.iter().chain(&self.issuers[self.roots..]).cloned().collect();
        let roots = &self.anchors[..self.roots];
        let vouches = |root: &CertificateDer<'_>, below| self.vouches(root, below, now_s, |_| true);
        let Err(error) = self.find_path((end_entity, &intermediates), roots, now, &vouches) else { return Ok(()) };
        if !checks_dates && is_about_dates(&error) && self.judge_without_dates(end_entity, sent) {
            return Ok(());
        }
        self.judge_directly(end_entity, now, checks_dates).unwrap_or(Err(error))
    }

    /// Whether it does as if it were its own last moment, and those that are trusted had no dates.
    fn judge_without_dates(&self, end_entity: &CertificateDer<'_>, sent: &[CertificateDer<'_>]) -> bool {
        let Some(certificate) = Certificate::read(end_entity) else { return false };
        let moment = UnixTime::since_unix_epoch(Duration::from_secs(certificate.validity_s.1));
        let vouches = |issuer: &CertificateDer<'_>, below| self.vouches_for_any(issuer, below, None);
        self.find_path((end_entity, sent), &self.anchors, moment, &vouches).is_ok()
    }

    /// Has the library look for a way up to one of these anchors, and asks that one itself what the library does not.
    fn find_path(
        &self,
        (end_entity, intermediates): (&CertificateDer<'_>, &[CertificateDer<'_>]),
        anchors: &[TrustAnchor<'static>],
        now: UnixTime,
        vouches: &dyn Fn(&CertificateDer<'_>, usize) -> bool,
    ) -> Result<(), Error> {
        let end_entity = EndEntityCert::try_from(end_entity).map_err(refusal)?;
        let is_good = |path: &VerifiedPath<'_>| {
            let below = path.intermediate_certificates().count();
            let mut same = self.issuers.iter().zip(anchors).filter(|(_, anchor)| *anchor == path.anchor());
            same.any(|(issuer, _)| vouches(issuer, below)).then_some(()).ok_or(webpki::Error::UnknownIssuer)
        };
        let usage = match self.purpose {
            Purpose::Clients => KeyUsage::client_auth(),
            Purpose::Servers => KeyUsage::server_auth(),
        };
        let algorithms = self.algorithms.all;
        let found = end_entity.verify_for_usage(algorithms, anchors, intermediates, now, usage, None, Some(&is_good));
        found.map(drop).map_err(refusal)
    }

    /// Whether an issuer that is trusted may stand above so many others, up to a root. All of these must be as `is_enough` wants
    /// them.
    pub(crate) fn vouches(
        &self,
        der: &CertificateDer<'_>,
        below: usize,
        now_s: Option<u64>,
        is_enough: impl Fn(&Certificate<'_>) -> bool + Copy,
    ) -> bool {
        let Some(issuer) = Certificate::read(der) else { return false };
        let is_in_date = now_s.is_none_or(|now_s| (issuer.validity_s.0..=issuer.validity_s.1).contains(&now_s));
        let is_below = |above: &CertificateDer<'_>| {
            has_issued(above, &issuer, &self.algorithms) && self.vouches(above, below + 1, now_s, is_enough)
        };
        is_in_date
            && is_enough(&issuer)
            && below <= issuer.path_length().unwrap_or(BELOW_MAX).min(BELOW_MAX)
            && (issuer.is_self_issued() || self.issuers.iter().any(is_below))
    }

    /// The same where nobody compares for which names, and for what, each of them may vouch.
    fn vouches_for_any(&self, der: &CertificateDer<'_>, below: usize, now_s: Option<u64>) -> bool {
        self.vouches(der, below, now_s, |issuer| issuer.may_issue_for_any(self.purpose))
    }

    /// Those that are trusted and may issue others.
    pub(crate) fn issuers(&self) -> impl Iterator<Item = &CertificateDer<'static>> {
        self.issuers.iter()
    }

    /// Those of them above which are others.
    pub(crate) fn intermediates(&self) -> impl Iterator<Item = &CertificateDer<'static>> {
        self.issuers[self.roots..].iter()
    }

    /// Judges a certificate that the library does not take at all. `None`: it is right.
    fn judge_directly(&self, der: &CertificateDer<'_>, now: UnixTime, checks_dates: bool) -> Option<Result<(), Error>> {
        let certificate = Certificate::read(der)?;
        let is_trusted_itself =
            || certificate.is_self_issued() && self.trusted.iter().any(|trusted| **trusted == **der);
        let now_s = checks_dates.then(|| now.as_secs());
        let has_signed = |issuer: &CertificateDer<'_>| {
            has_issued(issuer, &certificate, &self.algorithms) && self.vouches_for_any(issuer, 0, now_s)
        };
        let is_signed = || certificate.is_version_1 && self.issuers.iter().any(has_signed);
        if !is_trusted_itself() && !is_signed() {
            // The library would call it malformed.
            return certificate.is_version_1.then(|| Err(CertificateError::UnknownIssuer.into()));
        }
        let (first_s, last_s) = certificate.validity_s;
        Some(match now.as_secs() {
            _ if !checks_dates => Ok(()),
            now_s if now_s < first_s => Err(CertificateError::NotValidYet.into()),
            now_s if now_s > last_s => Err(CertificateError::Expired.into()),
            _ => Ok(()),
        })
    }

    /// Whether a signature in the handshake of TLS 1.2 is that of the certificate.
    pub(crate) fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        match Certificate::read(certificate).filter(|certificate| certificate.is_version_1) {
            None => rustls::crypto::verify_tls12_signature(message, certificate, signature, &self.algorithms),
            Some(certificate) => {
                let candidates = self.algorithms.mapping.iter().find(|(scheme, _)| *scheme == signature.scheme);
                let (_, candidates) = candidates.ok_or(PeerMisbehaved::SignedHandshakeWithUnadvertisedSigScheme)?;
                let is_right = candidates.iter().any(|algorithm| {
                    *algorithm.public_key_alg_id() == *certificate.public_key_algorithm
                        && algorithm.verify_signature(certificate.public_key, message, signature.signature()).is_ok()
                });
                let wrong = Error::from(CertificateError::BadSignature);
                if is_right { Ok(HandshakeSignatureValid::assertion()) } else { Err(wrong) }
            }
        }
    }

    /// The same of TLS 1.3.
    pub(crate) fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        match Certificate::read(certificate).filter(|certificate| certificate.is_version_1) {
            None => rustls::crypto::verify_tls13_signature(message, certificate, signature, &self.algorithms),
            Some(certificate) => {
                let key = SubjectPublicKeyInfoDer::from(certificate.public_key_info);
                rustls::crypto::verify_tls13_signature_with_raw_key(message, &key, signature, &self.algorithms)
            }
        }
    }
}

/// As the library has it: so many authorities may stand between a root and a client.
const BELOW_MAX: usize = 6;

fn may_issue(der: &CertificateDer<'_>) -> bool {
    Certificate::read(der).is_some_and(|certificate| certificate.may_issue())
}

fn is_root(der: &CertificateDer<'_>) -> bool {
    Certificate::read(der).is_some_and(|certificate| certificate.is_self_issued())
}

/// Why the library finds no way to a root, as far as there are words for it.
fn refusal(error: webpki::Error) -> Error {
    let error = match error {
        webpki::Error::CertExpired { .. } => CertificateError::Expired,
        webpki::Error::CertNotValidYet { .. } => CertificateError::NotValidYet,
        webpki::Error::UnknownIssuer => CertificateError::UnknownIssuer,
        webpki::Error::InvalidSignatureForPublicKey => CertificateError::BadSignature,
        webpki::Error::RequiredEkuNotFoundContext(_) => CertificateError::InvalidPurpose,
        webpki::Error::BadDer | webpki::Error::BadDerTime => CertificateError::BadEncoding,
        other => CertificateError::Other(OtherError(Arc::new(other))),
    };
    error.into()
}

fn is_about_dates(error: &Error) -> bool {
    matches!(error, Error::InvalidCertificate(CertificateError::Expired | CertificateError::NotValidYet))
}
