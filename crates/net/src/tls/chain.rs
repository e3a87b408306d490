//! The way from a certificate to one that clients know: who has signed it, among those that are there.

use rustls::crypto::WebPkiSupportedAlgorithms;
use rustls::pki_types::CertificateDer;

use super::der::{Certificate, Signed};

/// Adds to a chain, which begins with the server's own certificate, the issuers that are missing at its end and stand among
/// `known`, as far as they are not self-signed: those are no use to a client that does not know them. People name the
/// intermediate certificates in `cafile` alone, and OpenSSL takes them from there.
pub(crate) fn complete(
    chain: &mut Vec<CertificateDer<'static>>,
    known: &[CertificateDer<'static>],
    algorithms: &WebPkiSupportedAlgorithms,
) {
    while let Some(certificate) = chain.last().and_then(|last| Certificate::read(last)) {
        let is_missing = |issuer: &&CertificateDer<'_>| {
            !chain.contains(issuer) && !is_self_signed(issuer) && has_issued(issuer, &certificate, algorithms)
        };
        let Some(issuer) = known.iter().find(is_missing).cloned() else { return };
        chain.push(issuer);
    }
}

fn is_self_signed(certificate: &[u8]) -> bool {
    Certificate::read(certificate).is_some_and(|read| read.is_self_issued())
}

/// Whether the certificate `issuer` has signed the other: by name, and by its key.
pub(crate) fn has_issued(issuer: &[u8], certificate: &Certificate<'_>, algorithms: &WebPkiSupportedAlgorithms) -> bool {
    Certificate::read(issuer).is_some_and(|issuer| {
        issuer.subject.contents == certificate.issuer.contents && has_signed(&issuer, &certificate.signed, algorithms)
    })
}

/// Whether the signature was made with the key of `issuer`.
pub(crate) fn has_signed(
    issuer: &Certificate<'_>,
    signed: &Signed<'_>,
    algorithms: &WebPkiSupportedAlgorithms,
) -> bool {
    algorithms.all.iter().any(|algorithm| {
        *algorithm.signature_alg_id() == *signed.algorithm
            && *algorithm.public_key_alg_id() == *issuer.public_key_algorithm
            && algorithm.verify_signature(issuer.public_key, signed.contents.whole, signed.signature).is_ok()
    })
}
