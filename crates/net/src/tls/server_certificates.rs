//! Which servers' certificates are good: those that lead to one that is trusted ([`super::issuers`]), and are for the host that
//! was asked for.

use std::net::IpAddr;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::WebPkiSupportedAlgorithms;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, DigitallySignedStruct, Error, SignatureScheme};

use super::certificates::{host_names, is_for};
use super::common_name;
use super::der::{Certificate, Purpose};
use super::issuers::Issuers;

/// Judges what servers show.
#[derive(Debug)]
pub(crate) struct ServerCertificates {
    issuers: Issuers,
    checks_names: bool,
}

impl ServerCertificates {
    /// Who judges by these certificates.
    pub(crate) fn new(
        trusted: Vec<CertificateDer<'static>>,
        checks_names: bool,
        algorithms: WebPkiSupportedAlgorithms,
    ) -> ServerCertificates {
        ServerCertificates { issuers: Issuers::new(trusted, Purpose::Servers, algorithms), checks_names }
    }
}

impl ServerCertVerifier for ServerCertificates {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        self.issuers.judge(end_entity, intermediates, now, true)?;
        if self.checks_names && !names(end_entity, server_name) {
            let presented = host_names(end_entity);
            return Err(CertificateError::NotValidForNameContext { expected: server_name.to_owned(), presented }.into());
        }
        Ok(ServerCertVerified::assertion())
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

/// Whether a certificate is for that host. Where it has no other name, the common name is one, as it was before there were others.
fn names(der: &[u8], server_name: &ServerName<'_>) -> bool {
    match server_name {
        ServerName::DnsName(asked) => {
            let asked = asked.as_ref().to_ascii_lowercase();
            host_names(der).iter().any(|name| is_for(name, asked.trim_end_matches('.')))
        }
        ServerName::IpAddress(asked) => is_for_address(der, IpAddr::from(*asked)),
        _ => false,
    }
}

fn is_for_address(der: &[u8], asked: IpAddr) -> bool {
    let Some(certificate) = Certificate::read(der) else { return false };
    let is_asked = |bytes: &[u8]| match asked {
        IpAddr::V4(asked) => bytes == asked.octets(),
        IpAddr::V6(asked) => bytes == asked.octets(),
    };
    let has_other_names = !certificate.dns_names().is_empty() || certificate.ip_addresses().next().is_some();
    let is_common_name = || common_name(der).and_then(|name| name.parse().ok()) == Some(asked);
    certificate.ip_addresses().any(is_asked) || !has_other_names && is_common_name()
}
