//! What a listener demands of encrypted connections, read from files. It never changes: where files have, another takes its place,
//! and connections keep what was in force when they began.

use std::fmt;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::ciphers;
#[cfg(feature = "openssl")]
use super::openssl_context::{self, OpenSslContext};
use super::rustls_context::{self, RustlsContext};
use super::trust::Trust;
use super::{KeyLog, Library, PreSharedKeys, Tls};
use crate::words::words;

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
pub struct TlsError {
    text: String,
    /// The file to blame.
    file: Option<PathBuf>,
}

impl TlsError {
    pub(crate) fn new(text: String) -> TlsError {
        TlsError { text, file: None }
    }

    fn of_file(file: &Path, text: String) -> TlsError {
        TlsError { text, file: Some(file.to_path_buf()) }
    }

    /// The file to blame, where one alone is.
    pub fn file(&self) -> Option<&Path> {
        self.file.as_deref()
    }
}

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
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

    /// Whether OpenSSL serves the listener, where it is built in: rustls has no pre-shared keys, and not what these ciphers mean.
    pub fn is_for_openssl(&self) -> bool {
        let (ciphers, ciphers_tls13) = (self.ciphers.as_deref(), self.ciphers_tls13.as_deref());
        cfg!(feature = "openssl") && (self.psk_hint.is_some() || ciphers::are_for_openssl(ciphers, ciphers_tls13))
    }

    /// All that is read.
    pub fn files(&self) -> impl Iterator<Item = &Path> {
        self.identity_files().chain(self.trust_files())
    }
}

/// The encryption of a listener.
#[derive(Debug)]
pub struct TlsListener {
    context: Context,
    trust: Arc<Trust>,
}

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
        let trust = Arc::new(Trust::read(options, None, &mut remarks)?);
        let context = build(options, &trust, None, &mut remarks)?;
        Ok((TlsListener { context, trust }, remarks))
    }

    /// The same after this one. What decides whose certificates are good is as this one has it, file by file, where the process
    /// may not read it any more; all of the server's own certificates and keys are so if it `keeps_identity`.
    pub fn open_again(
        &self,
        options: &TlsOptions,
        keeps_identity: bool,
    ) -> Result<(TlsListener, Vec<String>), TlsError> {
        let mut remarks = Vec::new();
        let trust = Arc::new(Trust::read(options, Some(&self.trust), &mut remarks)?);
        let context = build(options, &trust, keeps_identity.then_some(&self.context), &mut remarks)?;
        Ok((TlsListener { context, trust }, remarks))
    }

    /// The server's end for one more connection. It may use one of `keys`, where the listener has a hint for them.
    pub fn begin(&self, keys: Option<Arc<dyn PreSharedKeys>>) -> Result<Tls, TlsError> {
        match &self.context {
            Context::Rustls(context) => {
                drop(keys);
                Ok(Tls(Library::Rustls(context.begin())))
            }
            #[cfg(feature = "openssl")]
            Context::OpenSsl(context) => context.begin(keys).map(|connection| Tls(Library::OpenSsl(connection))),
        }
    }

    /// What rustls goes by, for who speaks HTTP with its own streams; `None`: another library serves this listener.
    pub fn rustls(&self) -> Option<Arc<rustls::ServerConfig>> {
        match &self.context {
            Context::Rustls(context) => Some(context.config()),
            #[cfg(feature = "openssl")]
            Context::OpenSsl(_) => None,
        }
    }

    /// Whether the other side of a connection that began with another listener has a certificate that is good here too, or one of
    /// `keys`, or needs neither. Time alone takes nothing away from it: dates count when it connects, and where they begin to.
    /// As costly as a part of a handshake.
    pub fn still_trusts(&self, connection: &Tls, keys: Option<&dyn PreSharedKeys>) -> bool {
        let (chain, has_checked_dates) = (connection.peer_certificates(), connection.course().has_checked_dates);
        match &self.context {
            Context::Rustls(context) => {
                let _ = keys;
                context.still_trusts(&chain, has_checked_dates)
            }
            #[cfg(feature = "openssl")]
            Context::OpenSsl(context) => {
                let has_key = keys.is_some_and(|keys| connection.has_key_of(keys));
                context.still_trusts(&chain, has_key, has_checked_dates)
            }
        }
    }
}

/// What rustls cannot do is done by OpenSSL.
#[cfg(feature = "openssl")]
fn build(
    options: &TlsOptions,
    trust: &Arc<Trust>,
    known: Option<&Context>,
    remarks: &mut Vec<String>,
) -> Result<Context, TlsError> {
    if !options.is_for_openssl() {
        return build_rustls(options, trust, known, remarks);
    }
    let known = match known {
        Some(Context::OpenSsl(known)) => Some(known),
        _ => None,
    };
    openssl_context::build(options, trust, known, remarks).map(Context::OpenSsl)
}

/// What rustls cannot do is refused.
#[cfg(not(feature = "openssl"))]
fn build(
    options: &TlsOptions,
    trust: &Arc<Trust>,
    known: Option<&Context>,
    remarks: &mut Vec<String>,
) -> Result<Context, TlsError> {
    match options.psk_hint {
        Some(_) => Err(TlsError::new(format!("Unable to use pre-shared keys: {NEEDS_OPENSSL}."))),
        None => build_rustls(options, trust, known, remarks),
    }
}

pub(crate) const NEEDS_OPENSSL: &str = "that needs a server built with `cargo build --release --features openssl`";

fn build_rustls(
    options: &TlsOptions,
    trust: &Arc<Trust>,
    known: Option<&Context>,
    remarks: &mut Vec<String>,
) -> Result<Context, TlsError> {
    let known = match known {
        Some(Context::Rustls(known)) => Some(Arc::clone(&known.certificates)),
        _ => None,
    };
    rustls_context::build(options, trust, known, remarks).map(Context::Rustls)
}

/// What a client may say that it will speak (RFC 7301): MQTT, WebSocket as browsers begin it, and what devices made for one large
/// service say. One that says something else is told nothing of it, as one that says nothing.
pub(crate) const ALPN: [&[u8]; 3] = [b"mqtt", b"http/1.1", b"x-amzn-mqtt-ca"];

/// What is to be said of a key that is no secret.
pub(crate) fn readable_by_all(key: &Path) -> Option<String> {
    let is_public = fs::metadata(key).is_ok_and(|metadata| metadata.mode() & 0o004 != 0);
    let key = key.display();
    is_public.then(|| {
        format!(
            "every user of this machine can read the keyfile {key}: give it to the group that the server runs as, and chmod 640 {key}"
        )
    })
}

/// The first line of the file.
pub(crate) fn passphrase(path: &Path) -> Result<Vec<u8>, TlsError> {
    let text = fs::read(path).map_err(|error| {
        let text = format!("Unable to read keyfile_passphrase_file \"{}\": {}.", path.display(), words(&error));
        TlsError::of_file(path, text)
    })?;
    let line = text.split(|byte| *byte == b'\n').next().unwrap_or_default();
    Ok(line.strip_suffix(b"\r").unwrap_or(line).to_vec())
}

/// The certificates of `cafile` or `capath`, whichever the directive is, do not do, for this reason.
pub(crate) fn no_authorities(directive: &str, path: &Path, why: &str) -> TlsError {
    TlsError::of_file(path, format!("Unable to load CA certificates. Check {directive} \"{}\": {why}.", path.display()))
}

/// A certificate of our own, who are the `server` or a `client`, does not do, for this reason.
pub(crate) fn no_certificate(whose: &str, path: &Path, why: &str) -> TlsError {
    TlsError::of_file(
        path,
        format!("Unable to load {whose} certificate \"{}\". Check certfile: {why}.", path.display()),
    )
}

/// The same of a key.
pub(crate) fn no_key(whose: &str, path: &Path, why: &str) -> TlsError {
    TlsError::of_file(path, format!("Unable to load {whose} key file \"{}\". Check keyfile: {why}.", path.display()))
}

/// Each does, and not together.
pub(crate) fn no_pair(whose: &str, certificate: &Path, key: &Path) -> TlsError {
    let (key_shown, certificate) = (key.display(), certificate.display());
    let whose = whose[..1].to_uppercase() + &whose[1..];
    let text = format!("{whose} certificate/key are inconsistent: {key_shown} is not the key of {certificate}.");
    TlsError::of_file(key, text)
}

/// A list of revoked certificates does not do, for this reason.
pub(crate) fn no_revocations(path: &Path, why: &str) -> TlsError {
    TlsError::of_file(
        path,
        format!("Unable to load certificate revocation file \"{}\". Check crlfile: {why}.", path.display()),
    )
}
