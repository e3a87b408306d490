//! What a listener demands of encrypted connections where rustls serves it, which is the usual case.

use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::CertificateDer;
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{NoServerSessionStorage, ResolvesServerCert};
use rustls::{ServerConfig, SupportedProtocolVersion};

use super::certificates::Certificates;
use super::ciphers::{self, Chosen, UnknownCipher};
use super::client_certificates::{self, ClientCertificates};
use super::listener::{ALPN, NEEDS_OPENSSL, TlsError, TlsOptions, TlsVersion, passphrase, readable_by_all};
use super::rustls_connection::RustlsConnection;
use super::trust::Trust;

/// See the module.
#[derive(Debug)]
pub(crate) struct RustlsContext {
    rules: Arc<Rules>,
    pub(crate) certificates: Arc<Certificates>,
}

/// What handshakes go by.
#[derive(Debug)]
pub(crate) struct Rules {
    config: Arc<ServerConfig>,
    /// The same for clients that offer only protocols of which we do not know (ALPN): they are not told of any.
    without_protocols: Arc<ServerConfig>,
    /// Who judges the certificates of clients, where they must have one.
    judge: Option<Arc<ClientCertificates>>,
}

impl RustlsContext {
    /// The server's end for one more connection.
    pub(crate) fn begin(&self) -> RustlsConnection {
        RustlsConnection::new(&self.rules)
    }

    /// What handshakes go by that are not ours.
    pub(crate) fn config(&self) -> Arc<ServerConfig> {
        self.rules.config(false)
    }

    /// Whether a client that came with this chain of certificates could come now.
    pub(crate) fn still_trusts(&self, chain: &[CertificateDer<'_>], has_checked_dates: bool) -> bool {
        self.rules.judge.as_ref().is_none_or(|judge| judge.still_trusts(chain, has_checked_dates))
    }
}

#[cfg(test)]
impl RustlsContext {
    /// The same with what the clients of another one are judged by, as if this one had come to know that.
    pub(crate) fn judged_as_by(&self, other: &RustlsContext) -> RustlsContext {
        let Rules { config, without_protocols, .. } = &*self.rules;
        let (config, without_protocols) = (Arc::clone(config), Arc::clone(without_protocols));
        let rules = Rules { config, without_protocols, judge: other.rules.judge.clone() };
        RustlsContext { rules: Arc::new(rules), certificates: Arc::clone(&self.certificates) }
    }
}

impl Rules {
    /// By which a handshake goes with a client that offers one of our protocols or none.
    pub(crate) fn config(&self, offers_known_protocol: bool) -> Arc<ServerConfig> {
        Arc::clone(if offers_known_protocol { &self.config } else { &self.without_protocols })
    }

    /// Judges a chain of certificates as if it were shown now.
    pub(crate) fn judge(&self, chain: &[CertificateDer<'_>]) -> Result<(), rustls::Error> {
        self.judge.as_ref().map_or(Ok(()), |judge| judge.check(chain))
    }

    /// Whether dates of clients' certificates are looked at.
    pub(crate) fn check_dates(&self) -> bool {
        self.judge.as_ref().is_some_and(|judge| judge.check_dates())
    }
}

/// Reads the files that are not read yet: certificates may be `known`.
pub(crate) fn build(
    options: &TlsOptions,
    trust: &Arc<Trust>,
    known: Option<Arc<Certificates>>,
    remarks: &mut Vec<String>,
) -> Result<RustlsContext, TlsError> {
    let provider = Arc::new(provider(options, remarks)?);
    // Also where nobody is asked for a certificate: they may complete our own.
    let trusted: Vec<_> = trust.certificates().cloned().collect();
    let certificates = match known {
        Some(known) => known,
        None => Arc::new(certificates(options, &trusted, &provider, remarks)?),
    };
    let versions: &[&SupportedProtocolVersion] = match options.version_min {
        TlsVersion::Tls12 => &[&rustls::version::TLS13, &rustls::version::TLS12],
        TlsVersion::Tls13 => &[&rustls::version::TLS13],
    };
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(versions)
        .map_err(|error| TlsError::new(format!("Unable to set up TLS: {error}.")))?;
    let judge = if options.require_certificate {
        let algorithms = provider.signature_verification_algorithms;
        let checks_dates = !options.disable_client_cert_date_checks;
        remarks.extend(client_certificates::remarks(trust, checks_dates, algorithms));
        Some(Arc::new(ClientCertificates::new(Arc::clone(trust), checks_dates, algorithms)))
    } else {
        None
    };
    let builder = match &judge {
        Some(judge) => builder.with_client_cert_verifier(Arc::clone(judge) as Arc<dyn ClientCertVerifier>),
        None => builder.with_no_client_auth(),
    };
    let mut config = builder.with_cert_resolver(Arc::clone(&certificates) as Arc<dyn ResolvesServerCert>);
    config.alpn_protocols = ALPN.iter().map(|name| name.to_vec()).collect();
    // Sessions are resumed by what clients keep; a store of ours would be locked by all event loops.
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.ticketer =
        aws_lc_rs::Ticketer::new().map_err(|error| TlsError::new(format!("Unable to set up TLS: {error}.")))?;
    config.send_tls13_tickets = 1;
    config.ignore_client_order = true;
    if let Some(key_log) = &options.key_log {
        config.key_log = Arc::clone(key_log) as Arc<dyn rustls::KeyLog>;
    }
    let mut without_protocols = config.clone();
    without_protocols.alpn_protocols.clear();
    let rules = Rules { config: Arc::new(config), without_protocols: Arc::new(without_protocols), judge };
    Ok(RustlsContext { rules: Arc::new(rules), certificates })
}

/// The cryptography, with no other ciphers than those wanted.
fn provider(options: &TlsOptions, remarks: &mut Vec<String>) -> Result<CryptoProvider, TlsError> {
    let chosen =
        |directive: &str, list: &Option<String>, chosen: Result<Chosen, UnknownCipher>, remarks: &mut Vec<_>| {
            let list = list.as_deref().unwrap_or_default();
            let unable = format!("Unable to set TLS ciphers. Check {directive} \"{list}\"");
            let chosen =
                chosen.map_err(|error| TlsError::new(format!("{unable}: there is no cipher '{}'.", error.0)))?;
            if chosen.suites.is_empty() {
                return Err(TlsError::new(format!("{unable}: none of these is offered here; {NEEDS_OPENSSL}.")));
            }
            if !chosen.ignored.is_empty() {
                let names: Vec<_> = chosen.suites.iter().map(|suite| ciphers::name(suite.suite())).collect();
                remarks.push(format!(
                    "{directive}: {} choose nothing here; in force are {}.",
                    chosen.ignored.join(", "),
                    names.join(", ")
                ));
            }
            Ok(chosen.suites)
        };
    let mut suites =
        chosen("ciphers_tls1.3", &options.ciphers_tls13, ciphers::tls13(options.ciphers_tls13.as_deref()), remarks)?;
    if options.version_min == TlsVersion::Tls12 {
        suites.extend(chosen("ciphers", &options.ciphers, ciphers::tls12(options.ciphers.as_deref()), remarks)?);
    }
    Ok(CryptoProvider { cipher_suites: suites, ..aws_lc_rs::default_provider() })
}

fn certificates(
    options: &TlsOptions,
    trusted: &[CertificateDer<'static>],
    provider: &CryptoProvider,
    remarks: &mut Vec<String>,
) -> Result<Certificates, TlsError> {
    let passphrase = options.passphrase_file.as_deref().map(passphrase).transpose()?;
    let mut certificates = Certificates::new();
    for (certificate, key) in &options.certificates {
        remarks.extend(certificates.add((certificate, key), passphrase.as_deref(), trusted, provider)?);
        remarks.extend(readable_by_all(key));
    }
    Ok(certificates)
}
