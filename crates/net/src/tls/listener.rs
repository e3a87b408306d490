//! What a listener demands of encrypted connections, read from files. It never changes: where files have, another takes its place,
//! and connections keep what was in force when they began.

use std::fmt;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer};

use super::certificates::read_chain;
#[cfg(feature = "openssl")]
use super::ciphers;
#[cfg(feature = "openssl")]
use super::openssl_context::{self, OpenSslContext};
use super::rustls_context::{self, RustlsContext};
use super::{KeyLog, Library, PreSharedKeys, Tls};

/// What is asked for. Fields go by the options of the configuration.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TlsOptions {
    /// Files of certificates with their chains, each with the file of its key. The first is for whoever asks for no name.
    pub certificates: Vec<(PathBuf, PathBuf)>,
    /// The file whose first line is the pass phrase of keys that are encrypted.
    pub passphrase_file: Option<PathBuf>,
    /// The file with the certificates by which clients' are judged, and which complete the chains of our own.
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

impl TlsOptions {
    /// The files and folders that decide whose certificates are good.
    pub fn trust_files(&self) -> impl Iterator<Item = &Path> {
        [&self.cafile, &self.capath, &self.crlfile].into_iter().flatten().map(PathBuf::as_path)
    }

    /// The files of what the server shows of itself.
    pub fn identity_files(&self) -> impl Iterator<Item = &Path> {
        let pairs = self.certificates.iter().flat_map(|(certificate, key)| [certificate, key]);
        pairs.chain(&self.passphrase_file).map(PathBuf::as_path)
    }

    /// All that is read.
    pub fn files(&self) -> impl Iterator<Item = &Path> {
        self.identity_files().chain(self.trust_files())
    }
}

/// The encryption of a listener.
#[derive(Debug)]
pub struct TlsListener(Context);

/// By whom connections are encrypted, and how.
#[derive(Debug)]
enum Context {
    Rustls(RustlsContext),
    #[cfg(feature = "openssl")]
    OpenSsl(OpenSslContext),
}

impl TlsListener {
    /// Reads the files. Beside the listener, sentences that the operator should know. Nobody resumes with it what was agreed
    /// with another one: a certificate may have been revoked.
    pub fn open(options: &TlsOptions) -> Result<(TlsListener, Vec<String>), TlsError> {
        let mut remarks = Vec::new();
        let context = build(options, None, &mut remarks)?;
        Ok((TlsListener(context), remarks))
    }

    /// The same with certificates and keys as this one has them, whose files may be out of reach by now.
    pub fn open_again(&self, options: &TlsOptions) -> Result<(TlsListener, Vec<String>), TlsError> {
        let mut remarks = Vec::new();
        let context = build(options, Some(&self.0), &mut remarks)?;
        Ok((TlsListener(context), remarks))
    }

    /// The server's end for one more connection. It may use one of `keys`, where the listener has a hint for them.
    pub fn begin(&self, keys: Option<Arc<dyn PreSharedKeys>>) -> Result<Tls, TlsError> {
        match &self.0 {
            Context::Rustls(context) => {
                drop(keys);
                context.begin().map(|connection| Tls(Library::Rustls(connection)))
            }
            #[cfg(feature = "openssl")]
            Context::OpenSsl(context) => context.begin(keys).map(|connection| Tls(Library::OpenSsl(connection))),
        }
    }

    /// Whether the other side of a connection that began with another listener has a certificate that is good here too, or needs
    /// none. Time alone takes nothing away from it: dates count when it connects. As costly as a part of a handshake.
    pub fn still_trusts(&self, connection: Option<&Tls>) -> bool {
        let chain = || connection.map_or_else(Vec::new, Tls::peer_certificates);
        match &self.0 {
            Context::Rustls(context) => context.still_trusts(&chain()),
            #[cfg(feature = "openssl")]
            Context::OpenSsl(context) => {
                context.still_trusts(&chain(), connection.is_some_and(|tls| tls.psk_identity().is_some()))
            }
        }
    }
}

/// What rustls cannot do is done by OpenSSL.
#[cfg(feature = "openssl")]
fn build(options: &TlsOptions, known: Option<&Context>, remarks: &mut Vec<String>) -> Result<Context, TlsError> {
    let TlsOptions { ciphers, ciphers_tls13, .. } = options;
    if options.psk_hint.is_none() && !ciphers::are_for_openssl(ciphers.as_deref(), ciphers_tls13.as_deref()) {
        return build_rustls(options, known, remarks);
    }
    let known = match known {
        Some(Context::OpenSsl(known)) => Some(known),
        _ => None,
    };
    openssl_context::build(options, known, remarks).map(Context::OpenSsl)
}

/// What rustls cannot do is refused.
#[cfg(not(feature = "openssl"))]
fn build(options: &TlsOptions, known: Option<&Context>, remarks: &mut Vec<String>) -> Result<Context, TlsError> {
    match options.psk_hint {
        Some(_) => Err(TlsError(format!("Unable to use pre-shared keys: {NEEDS_OPENSSL}."))),
        None => build_rustls(options, known, remarks),
    }
}

pub(crate) const NEEDS_OPENSSL: &str = "that needs a server built with `cargo build --release --features openssl`";

fn build_rustls(options: &TlsOptions, known: Option<&Context>, remarks: &mut Vec<String>) -> Result<Context, TlsError> {
    let known = match known {
        Some(Context::Rustls(known)) => Some(Arc::clone(&known.certificates)),
        _ => None,
    };
    rustls_context::build(options, known, remarks).map(Context::Rustls)
}

/// What a client may say that it will speak. One that says something else is refused (RFC 7301), one that says nothing is not:
/// MQTT, WebSocket as browsers begin it, and what devices made for one large service say.
pub(crate) const ALPN: [&[u8]; 3] = [b"mqtt", b"http/1.1", b"x-amzn-mqtt-ca"];

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

/// The lists of `crlfile`.
pub(crate) fn revocations(path: &Path) -> Result<Vec<CertificateRevocationListDer<'static>>, TlsError> {
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
