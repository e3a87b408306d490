//! Which clients' certificates are good.
//!
//! The library judges chains of certificates of version 3. What it never takes, and people have had for years, is judged here:
//! a certificate that is trusted itself because it stands in `cafile`, and certificates of version 1 that a trusted one has
//! signed. Both only where nothing is revoked, as they are not looked up there.

use std::sync::Arc;

use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms};
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, SubjectPublicKeyInfoDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{VerifierBuilderError, WebPkiClientVerifier};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, PeerMisbehaved, RootCertStore, SignatureScheme,
};

use super::chain::has_signed;
use super::der::Certificate;
use super::listener::TlsError;

/// Judges what clients present.
#[derive(Debug)]
pub(crate) struct ClientCertificates {
    /// `None`: none that is trusted may issue others.
    chains: Option<Arc<dyn ClientCertVerifier>>,
    trusted: Vec<CertificateDer<'static>>,
    algorithms: WebPkiSupportedAlgorithms,
    has_revocations: bool,
    checks_dates: bool,
}

impl ClientCertificates {
    /// `trusted` are the certificates of `cafile` and `capath`, `revocations` the lists of `crlfile`.
    pub(crate) fn new(
        trusted: Vec<CertificateDer<'static>>,
        revocations: Option<Vec<CertificateRevocationListDer<'static>>>,
        checks_dates: bool,
        provider: &Arc<CryptoProvider>,
    ) -> Result<ClientCertificates, TlsError> {
        let mut roots = RootCertStore::empty();
        // The library takes any of its roots for an issuer: whoever has a certificate that is trusted could make himself others.
        // Nor does it look at their dates, so that one that has expired would vouch for ever.
        let now_s = UnixTime::now().as_secs();
        let is_good = |der: &&CertificateDer<'_>| may_issue(der) && (!checks_dates || is_in_date(der, now_s));
        roots.add_parsable_certificates(trusted.iter().filter(is_good).cloned());
        let has_revocations = revocations.is_some();
        // As OpenSSL does it: only the client's own certificate is looked up, and a list must be there and not be too old.
        let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots.clone()), Arc::clone(provider))
            .with_crls(revocations.unwrap_or_default())
            .only_check_end_entity_revocation()
            .enforce_revocation_expiration();
        let chains = if roots.is_empty() { None } else { Some(builder.build().map_err(|error| no_verifier(&error))?) };
        let algorithms = provider.signature_verification_algorithms;
        Ok(ClientCertificates { chains, trusted, algorithms, has_revocations, checks_dates })
    }

    /// Whether a certificate that another one took when its client came is good by what is known now. Dates alone make none bad.
    pub(crate) fn still_trusts(&self, end_entity: &CertificateDer<'_>, intermediates: &[CertificateDer<'_>]) -> bool {
        match self.verify(end_entity, intermediates, UnixTime::now(), false) {
            Ok(_) => true,
            Err(error) => is_about_dates(&error) || is_about_dates_of_lists(&error),
        }
    }

    fn verify(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
        checks_dates: bool,
    ) -> Result<ClientCertVerified, Error> {
        let judge = |now| match &self.chains {
            Some(chains) => chains.verify_client_cert(end_entity, intermediates, now),
            None => Err(CertificateError::UnknownIssuer.into()),
        };
        let error = match judge(now) {
            Ok(verified) => return Ok(verified),
            Err(error) => error,
        };
        if is_about_dates(&error) && !checks_dates {
            // As if it were the last moment of the certificate: its issuer lives longer, or it is judged by a date after all.
            let last_s = Certificate::read(end_entity).map_or(0, |certificate| certificate.validity_s.1);
            return judge(UnixTime::since_unix_epoch(std::time::Duration::from_secs(last_s)));
        }
        match self.is_trusted_directly(end_entity, now, checks_dates) {
            Some(Ok(())) => Ok(ClientCertVerified::assertion()),
            Some(Err(error)) => Err(error.into()),
            None => Err(error),
        }
    }

    /// A certificate that the library does not take at all. `None`: it is right.
    fn is_trusted_directly(
        &self,
        der: &CertificateDer<'_>,
        now: UnixTime,
        checks_dates: bool,
    ) -> Option<Result<(), CertificateError>> {
        if self.has_revocations {
            return None;
        }
        let certificate = Certificate::read(der)?;
        let is_trusted_itself = || {
            certificate.issuer.contents == certificate.subject.contents
                && self.trusted.iter().any(|trusted| **trusted == **der)
        };
        let is_signed = || {
            certificate.is_version_1
                && self.trusted.iter().any(|der| {
                    may_issue(der)
                        && (!checks_dates || is_in_date(der, now.as_secs()))
                        && has_signed(der, &certificate, &self.algorithms)
                })
        };
        if !is_trusted_itself() && !is_signed() {
            return None;
        }
        let (first_s, last_s) = certificate.validity_s;
        Some(match now.as_secs() {
            _ if !checks_dates => Ok(()),
            now_s if now_s < first_s => Err(CertificateError::NotValidYet),
            now_s if now_s > last_s => Err(CertificateError::Expired),
            _ => Ok(()),
        })
    }
}

impl ClientCertVerifier for ClientCertificates {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.chains.as_ref().map_or(&[], |chains| chains.root_hint_subjects())
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        self.verify(end_entity, intermediates, now, self.checks_dates)
    }

    fn verify_tls12_signature(
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

    fn verify_tls13_signature(
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

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

fn may_issue(der: &[u8]) -> bool {
    Certificate::read(der).is_some_and(|certificate| certificate.may_issue())
}

fn is_in_date(der: &[u8], now_s: u64) -> bool {
    Certificate::read(der).is_some_and(|read| (read.validity_s.0..=read.validity_s.1).contains(&now_s))
}

fn no_verifier(error: &VerifierBuilderError) -> TlsError {
    let hint = match error {
        VerifierBuilderError::InvalidCrl(_) => {
            " Lists of version 1 are not taken: have OpenSSL write others, by `crl_extensions` in its configuration"
        }
        _ => "",
    };
    TlsError::new(format!("Unable to verify certificates of clients. Check cafile, capath and crlfile: {error}.{hint}"))
}

fn is_about_dates_of_lists(error: &Error) -> bool {
    use CertificateError::{ExpiredRevocationList, ExpiredRevocationListContext};
    matches!(error, Error::InvalidCertificate(ExpiredRevocationList | ExpiredRevocationListContext { .. }))
}

fn is_about_dates(error: &Error) -> bool {
    use CertificateError::{Expired, ExpiredContext, NotValidYet, NotValidYetContext};
    matches!(
        error,
        Error::InvalidCertificate(Expired | ExpiredContext { .. } | NotValidYet | NotValidYetContext { .. })
    )
}
