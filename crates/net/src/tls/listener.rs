//! What a listener demands of encrypted connections: read from files at start, read again when they have changed.

use std::fmt;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

#[cfg(feature = "openssl")]
use openssl::ssl::SslContext;
use rustls::crypto::CryptoProvider;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer};
use rustls::server::{NoServerSessionStorage, UnbufferedServerConnection};
use rustls::{ServerConfig, SupportedProtocolVersion};

use super::certificates::{Certificates, read_chain};
use super::ciphers::{self, Chosen, UnknownCipher};
use super::client_certificates::ClientCertificates;
#[cfg(feature = "openssl")]
use super::openssl_context;
use super::rustls_connection::RustlsConnection;
use super::{KeyLog, Library, PreSharedKeys, Tls};

/// What is asked for. Fields go by the options of the configuration.
#[derive(Clone, Debug, Default)]
pub struct TlsOptions {
    /// Files of certificates with their chains, each with the file of its key. The first is for whoever asks for no name.
    pub certificates: Vec<(PathBuf, PathBuf)>,
    /// The file whose first line is the pass phrase of keys that are encrypted.
    pub passphrase_file: Option<PathBuf>,
    /// The file with the certificates by which clients' are judged.
    pub cafile: Option<PathBuf>,
    /// The folder with the same.
    pub capath: Option<PathBuf>,
    /// The file with lists of revoked certificates.
    pub crlfile: Option<PathBuf>,
    /// Let in only clients with a certificate.
    pub require_certificate: bool,
    /// Whether the dates of clients' certificates do not matter.
    pub disable_client_cert_date_checks: bool,
    /// Clients may use pre-shared keys, and are sent this hint which to use.
    pub psk_hint: Option<String>,
    /// For TLS 1.2, as OpenSSL takes it.
    pub ciphers: Option<String>,
    /// For TLS 1.3, as OpenSSL takes it.
    pub ciphers_tls13: Option<String>,
    /// The lowest version that is let in.
    pub version_min: TlsVersion,
    /// Where secrets are written for those who look into traffic.
    pub key_log: Option<Arc<KeyLog>>,
}

/// A version of TLS.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum TlsVersion {
    /// 1.2.
    #[default]
    Tls12,
    /// 1.3.
    Tls13,
}

/// Why a listener cannot have what is asked for, a sentence.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TlsError(String);

impl TlsError {
    pub(crate) fn new(text: String) -> TlsError {
        TlsError(text)
    }
}

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for TlsError {}

/// The encryption of a listener. Connections keep what was in force when they began.
#[derive(Debug)]
pub struct TlsListener {
    options: TlsOptions,
    /// Locked for as long as it takes to count one user more, once for each connection.
    in_force: RwLock<InForce>,
}

/// By whom connections are encrypted, and how.
#[derive(Clone, Debug)]
enum InForce {
    Rustls(Arc<ServerConfig>),
    #[cfg(feature = "openssl")]
    OpenSsl(SslContext),
}

impl TlsListener {
    /// Reads the files. Beside the listener, sentences that the operator should know.
    pub fn open(options: TlsOptions) -> Result<(TlsListener, Vec<String>), TlsError> {
        let (in_force, remarks) = build(&options)?;
        Ok((TlsListener { options, in_force: RwLock::new(in_force) }, remarks))
    }

    /// Reads the files again, for connections that come from now on. On error everything stays as it was. Nobody resumes what
    /// was agreed under the old ones: a certificate may have been revoked.
    pub fn reload(&self) -> Result<Vec<String>, TlsError> {
        let (in_force, remarks) = build(&self.options)?;
        *self.in_force.write().unwrap_or_else(PoisonError::into_inner) = in_force;
        Ok(remarks)
    }

    /// The server's end for one more connection. It may use one of `keys`, where the listener has a hint for them.
    pub fn begin(&self, keys: Option<Arc<dyn PreSharedKeys>>) -> Result<Tls, TlsError> {
        let in_force = self.in_force.read().unwrap_or_else(PoisonError::into_inner).clone();
        match in_force {
            InForce::Rustls(config) => {
                drop(keys);
                let connection =
                    UnbufferedServerConnection::new(config).map_err(|error| TlsError(error.to_string()))?;
                Ok(Tls(Library::Rustls(RustlsConnection::new(connection))))
            }
            #[cfg(feature = "openssl")]
            InForce::OpenSsl(context) => Ok(Tls(Library::OpenSsl(openssl_context::begin(&context, keys)?))),
        }
    }
}

/// What rustls cannot do is done by OpenSSL.
#[cfg(feature = "openssl")]
fn build(options: &TlsOptions) -> Result<(InForce, Vec<String>), TlsError> {
    let TlsOptions { ciphers, ciphers_tls13, .. } = options;
    if options.psk_hint.is_some() || ciphers::are_for_openssl(ciphers.as_deref(), ciphers_tls13.as_deref()) {
        let (context, remarks) = openssl_context::build(options)?;
        return Ok((InForce::OpenSsl(context), remarks));
    }
    build_rustls(options)
}

/// What rustls cannot do is refused.
#[cfg(not(feature = "openssl"))]
fn build(options: &TlsOptions) -> Result<(InForce, Vec<String>), TlsError> {
    match options.psk_hint {
        Some(_) => Err(TlsError(format!("Unable to use pre-shared keys: {NEEDS_OPENSSL}."))),
        None => build_rustls(options),
    }
}

const NEEDS_OPENSSL: &str = "that needs a server built with `cargo build --release --features openssl`";

fn build_rustls(options: &TlsOptions) -> Result<(InForce, Vec<String>), TlsError> {
    let mut remarks = Vec::new();
    let provider = Arc::new(provider(options, &mut remarks)?);
    let certificates = certificates(options, &provider, &mut remarks)?;
    let versions: &[&SupportedProtocolVersion] = match options.version_min {
        TlsVersion::Tls12 => &[&rustls::version::TLS13, &rustls::version::TLS12],
        TlsVersion::Tls13 => &[&rustls::version::TLS13],
    };
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(versions)
        .map_err(|error| TlsError(format!("Unable to set up TLS: {error}.")))?;
    // Also where nobody is asked for a certificate: files that cannot be read are told.
    let trusted = trusted(options)?;
    let builder = if options.require_certificate {
        let revocations = options.crlfile.as_deref().map(revocations).transpose()?;
        let checks_dates = !options.disable_client_cert_date_checks;
        let verifier = ClientCertificates::new(trusted, revocations, checks_dates, &provider)?;
        builder.with_client_cert_verifier(Arc::new(verifier))
    } else {
        builder.with_no_client_auth()
    };
    let mut config = builder.with_cert_resolver(Arc::new(certificates));
    config.alpn_protocols = ALPN.iter().map(|name| name.to_vec()).collect();
    // Sessions are resumed by what clients keep; a store of ours would be locked by all event loops.
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.ticketer =
        aws_lc_rs::Ticketer::new().map_err(|error| TlsError(format!("Unable to set up TLS: {error}.")))?;
    config.send_tls13_tickets = 1;
    config.ignore_client_order = true;
    if let Some(key_log) = &options.key_log {
        config.key_log = Arc::clone(key_log) as Arc<dyn rustls::KeyLog>;
    }
    Ok((InForce::Rustls(Arc::new(config)), remarks))
}

/// What a client may say that it will speak. One that says something else is refused (RFC 7301), one that says nothing is not:
/// MQTT, WebSocket as browsers begin it, and what devices made for one large service say.
pub(crate) const ALPN: [&[u8]; 3] = [b"mqtt", b"http/1.1", b"x-amzn-mqtt-ca"];

/// The cryptography, with no other ciphers than those wanted.
fn provider(options: &TlsOptions, remarks: &mut Vec<String>) -> Result<CryptoProvider, TlsError> {
    let chosen =
        |directive: &str, list: &Option<String>, chosen: Result<Chosen, UnknownCipher>, remarks: &mut Vec<_>| {
            let list = list.as_deref().unwrap_or_default();
            let unable = format!("Unable to set TLS ciphers. Check {directive} \"{list}\"");
            let chosen = chosen.map_err(|error| TlsError(format!("{unable}: there is no cipher '{}'.", error.0)))?;
            if chosen.suites.is_empty() {
                return Err(TlsError(format!("{unable}: none of these is offered here; {NEEDS_OPENSSL}.")));
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
    provider: &CryptoProvider,
    remarks: &mut Vec<String>,
) -> Result<Certificates, TlsError> {
    let passphrase = options.passphrase_file.as_deref().map(passphrase).transpose()?;
    let mut certificates = Certificates::new();
    for (certificate, key) in &options.certificates {
        certificates.add((certificate, key), passphrase.as_deref(), provider)?;
        remarks.extend(readable_by_all(key));
    }
    Ok(certificates)
}

/// What is to be said of a key that is no secret.
pub(crate) fn readable_by_all(key: &Path) -> Option<String> {
    let is_public = fs::metadata(key).is_ok_and(|metadata| metadata.mode() & 0o004 != 0);
    is_public.then(|| format!("everybody on this machine can read the key {}; chmod 600 it.", key.display()))
}

/// The first line of the file.
pub(crate) fn passphrase(path: &Path) -> Result<Vec<u8>, TlsError> {
    let text = fs::read(path).map_err(|error| {
        TlsError(format!("Unable to read keyfile_passphrase_file \"{}\": {}.", path.display(), cause(&error)))
    })?;
    let line = text.split(|byte| *byte == b'\n').next().unwrap_or_default();
    Ok(line.strip_suffix(b"\r").unwrap_or(line).to_vec())
}

/// The certificates of `cafile` and `capath`.
pub(crate) fn trusted(options: &TlsOptions) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let unable = |directive: &str, path: &Path, why: &str| {
        TlsError(format!("Unable to load CA certificates. Check {directive} \"{}\": {why}.", path.display()))
    };
    let mut trusted = Vec::new();
    if let Some(path) = &options.cafile {
        trusted = read_chain(path).map_err(|why| unable("cafile", path, &why))?;
        if trusted.is_empty() {
            return Err(unable("cafile", path, "there is no certificate in it"));
        }
    }
    if let Some(path) = &options.capath {
        let entries = fs::read_dir(path).map_err(|error| unable("capath", path, &cause(&error)))?;
        // Whatever is no certificate has another reason to be there.
        entries.flatten().for_each(|entry| trusted.extend(read_chain(&entry.path()).unwrap_or_default()));
        if trusted.is_empty() && options.require_certificate {
            return Err(unable("capath", path, "there is no certificate in it"));
        }
    }
    Ok(trusted)
}

fn revocations(path: &Path) -> Result<Vec<CertificateRevocationListDer<'static>>, TlsError> {
    let unable = |why: &str| {
        let path = path.display();
        TlsError(format!("Unable to load certificate revocation file \"{path}\". Check crlfile: {why}."))
    };
    let pem = fs::read(path).map_err(|error| unable(&cause(&error)))?;
    let lists: Result<Vec<_>, _> = CertificateRevocationListDer::pem_slice_iter(&pem).collect();
    let lists = lists.map_err(|error| unable(&error.to_string()))?;
    if lists.is_empty() {
        return Err(unable("there is no list in it"));
    }
    Ok(lists)
}

/// The system's words without the number that Rust adds.
pub(crate) fn cause(error: &io::Error) -> String {
    let text = error.to_string();
    let end = text.find(" (os error").unwrap_or(text.len());
    text[..end].to_owned()
}
