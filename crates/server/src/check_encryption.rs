//! All that is wrong with the encryption of a listener. A start reads one thing after the other and ends with the first fault; here
//! each is asked for alone, and then all of them together.

use std::path::{Path, PathBuf};

use midge_net::check_readable;
use midge_net::tls::{TlsError, TlsListener, TlsOptions, check_certificate, check_key};

use crate::options::ListenerOptions;

/// Why a start would refuse the encryption of a listener.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EncryptionFault {
    /// The directive to blame, where the value is that of several.
    pub directive: Option<&'static str>,
    /// The value of the option to blame, a path or a list of ciphers; `None`: not one alone.
    pub value: Option<String>,
    /// A sentence.
    pub text: String,
}

/// What the operator should know of the encryption of a listener, or all that a start would refuse it for. Files that cannot be
/// read at all are not spoken of.
pub fn check_encryption(listener: &ListenerOptions) -> Result<Vec<String>, Vec<EncryptionFault>> {
    let Some(whole) = &listener.tls else { return Ok(Vec::new()) };
    let bare = TlsOptions { psk_hint: whole.psk_hint.clone(), version_min: whole.version_min, ..TlsOptions::default() };
    // What it cannot do at all is wrong with each part, too.
    open(&bare).map_err(|error| vec![fault(&error, None)])?;
    let parts = parts(whole, &bare);
    let mut faults: Vec<_> =
        parts.into_iter().filter_map(|(value, part)| Some(fault(&open(&part).err()?, value))).collect();
    let serving = serving(whole, bare);
    // Who serves is not known before the ciphers do, and so not which keys do either.
    if open(&serving).is_ok() {
        faults.extend(whole.certificates.iter().flat_map(|pair| pair_faults(pair, whole, &serving)));
    }
    if !faults.is_empty() {
        return Err(faults);
    }
    let remarks = open(whole).map_err(|error| vec![fault(&error, None)])?;
    Ok(remarks.into_iter().map(|remark| format!("Warning: {remark}")).collect())
}

/// What is asked for, one thing at a time; a list of ciphers stands beside where it is that.
fn parts(whole: &TlsOptions, bare: &TlsOptions) -> Vec<(Option<String>, TlsOptions)> {
    let TlsOptions { cafile, capath, crlfile, ciphers, ciphers_tls13, .. } = whole.clone();
    let bare = || bare.clone();
    // Of those whom nobody has to show a certificate, an empty folder is none of their business.
    let require_certificate = whole.require_certificate && capath.is_some();
    vec![
        (None, TlsOptions { cafile, ..bare() }),
        (None, TlsOptions { capath, require_certificate, ..bare() }),
        (None, TlsOptions { crlfile, ..bare() }),
        (ciphers.clone(), TlsOptions { ciphers, ..bare() }),
        (ciphers_tls13.clone(), TlsOptions { ciphers_tls13, ..bare() }),
    ]
}

/// With what is asked for that has OpenSSL serve the listener, where it does.
fn serving(whole: &TlsOptions, bare: TlsOptions) -> TlsOptions {
    let TlsOptions { ciphers, ciphers_tls13, .. } = whole.clone();
    if whole.is_for_openssl() { TlsOptions { ciphers, ciphers_tls13, ..bare } } else { bare }
}

/// What is wrong with a certificate and with its key; where nothing is, why they cannot be had together.
fn pair_faults(pair: &(PathBuf, PathBuf), whole: &TlsOptions, serving: &TlsOptions) -> Vec<EncryptionFault> {
    let (certificate, key) = pair;
    let passphrase_file = whole.passphrase_file.as_deref();
    let alone = [
        ("certfile", Some(certificate).filter(|file| is_readable(file)).map(|file| check_certificate(file))),
        ("keyfile", Some(key).filter(|file| is_readable(file)).map(|file| check_key(file, passphrase_file))),
    ];
    let alone = alone.into_iter().filter_map(|(directive, checked)| {
        Some(EncryptionFault { directive: Some(directive), ..fault(&checked?.err()?, None) })
    });
    // OpenSSL may take what is not taken otherwise.
    let faults: Vec<_> = alone.filter(|_| !serving.is_for_openssl()).collect();
    if !faults.is_empty() {
        return faults;
    }
    let passphrase_file = whole.passphrase_file.clone();
    let together = TlsOptions { certificates: vec![pair.clone()], passphrase_file, ..serving.clone() };
    open(&together).err().map(|error| fault(&error, None)).into_iter().collect()
}

fn open(options: &TlsOptions) -> Result<Vec<String>, TlsError> {
    if !options.files().all(is_readable) {
        return Ok(Vec::new());
    }
    TlsListener::open(options).map(|(_, remarks)| remarks)
}

fn is_readable(path: &Path) -> bool {
    check_readable(path).is_ok()
}

fn fault(error: &TlsError, value: Option<String>) -> EncryptionFault {
    let file = error.file().map(|file| file.display().to_string());
    EncryptionFault { directive: None, value: file.or(value), text: error.to_string() }
}
