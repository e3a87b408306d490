//! Which clients' certificates are good: those that lead to one that is trusted ([`super::issuers`]), are for clients, and are not
//! revoked ([`super::revocations`]).

use std::sync::Arc;

use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::WebPkiSupportedAlgorithms;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{CertificateError, DigitallySignedStruct, DistinguishedName, Error, SignatureScheme};

use super::certificates::issuer_remark;
use super::common_name;
use super::der::{Certificate, Purpose};
use super::issuers::Issuers;
use super::trust::Trust;

/// Judges what clients present.
#[derive(Debug)]
pub(crate) struct ClientCertificates {
    trust: Arc<Trust>,
    issuers: Issuers,
    /// The names of those that may vouch for clients.
    names: Vec<DistinguishedName>,
    checks_dates: bool,
}

impl ClientCertificates {
    /// Who judges by what these files held.
    pub(crate) fn new(
        trust: Arc<Trust>,
        checks_dates: bool,
        algorithms: WebPkiSupportedAlgorithms,
    ) -> ClientCertificates {
        let issuers = Issuers::new(trust.certificates().cloned().collect(), Purpose::Clients, algorithms);
        let subject = |der| Certificate::read(der).map(|it| DistinguishedName::from(it.subject.whole.to_vec()));
        let names = issuers.issuers().filter_map(|der| subject(der)).collect();
        ClientCertificates { trust, issuers, names, checks_dates }
    }

    /// Whether a certificate that was taken when its client came is good by what is known now. Dates alone make none bad that
    /// were looked at then.
    pub(crate) fn still_trusts(&self, chain: &[CertificateDer<'_>], has_checked_dates: bool) -> bool {
        let checks_dates = self.checks_dates && !has_checked_dates;
        self.judge(chain, UnixTime::now(), checks_dates).is_ok()
    }

    /// Whether dates matter.
    pub(crate) fn check_dates(&self) -> bool {
        self.checks_dates
    }

    /// Judges a chain, the client's own certificate first, as if it came now.
    pub(crate) fn check(&self, chain: &[CertificateDer<'_>]) -> Result<(), Error> {
        self.judge(chain, UnixTime::now(), self.checks_dates)
    }

    fn judge(&self, chain: &[CertificateDer<'_>], now: UnixTime, checks_dates: bool) -> Result<(), Error> {
        let (end_entity, intermediates) = chain.split_first().ok_or(Error::NoCertificatesPresented)?;
        self.issuers.judge(end_entity, intermediates, now, checks_dates)?;
        if !Certificate::read(end_entity).is_some_and(|it| it.may_be_shown_by_clients()) {
            return Err(CertificateError::InvalidPurpose.into());
        }
        let Some(revocations) = &self.trust.revocations else { return Ok(()) };
        let (trusted, sent) = (self.trust.certificates().map(AsRef::as_ref), intermediates.iter().map(AsRef::as_ref));
        let now_s = checks_dates.then(|| now.as_secs());
        Ok(revocations.check(end_entity, (trusted, sent), now_s, &self.issuers.algorithms)?)
    }
}

impl ClientCertVerifier for ClientCertificates {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &self.names
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let chain: Vec<_> = std::iter::once(end_entity).chain(intermediates).cloned().collect();
        self.judge(&chain, now, self.checks_dates).map(|()| ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.issuers.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.issuers.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.issuers.algorithms.supported_schemes()
    }
}

/// What the operator should know of certificates by which clients' are judged.
pub(crate) fn remarks(trust: &Arc<Trust>, checks_dates: bool, algorithms: WebPkiSupportedAlgorithms) -> Vec<String> {
    let judge = ClientCertificates::new(Arc::clone(trust), checks_dates, algorithms);
    let issuers = &judge.issuers;
    let rootless = issuers.intermediates().filter(|der| !issuers.vouches(der, 0, None, |_| true)).map(|der| {
        let name = common_name(der).unwrap_or_default();
        format!("certificate {name} in cafile or capath vouches for nobody: that of its own issuer is not there.")
    });
    let now_s = checks_dates.then(|| UnixTime::now().as_secs());
    let of_clients: Vec<_> = issuers.issuers().collect();
    let lists = trust.revocations.iter().flat_map(|lists| lists.remarks(&of_clients, now_s));
    trust.certificates().filter_map(|der| issuer_remark(der)).chain(rootless).chain(lists).collect()
}
