//! The server's own certificates: one by default, others for the names that clients ask for (SNI, RFC 6066).

use std::path::Path;
use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::{CertifiedKey, SigningKey};

use super::client::cryptography;
use super::der::Certificate;
use super::listener::{TlsError, no_certificate, no_key, no_pair, passphrase};
use super::{chain, common_name, private_key};
use crate::words::words;

/// All certificates of a listener; the first one is for whoever asks for none of the others.
#[derive(Debug)]
pub(crate) struct Certificates(Vec<Named>);

#[derive(Debug)]
struct Named {
    names: Vec<String>,
    key: Arc<CertifiedKey>,
}

impl Certificates {
    pub(crate) fn new() -> Certificates {
        Certificates(Vec::new())
    }

    /// Adds the certificate of a file with its chain, as far as need be completed from `known`, and its key. Gives what the operator
    /// should know of them.
    pub(crate) fn add(
        &mut self,
        (certificate_file, key_file): (&Path, &Path),
        passphrase: Option<&[u8]>,
        known: &[CertificateDer<'static>],
        provider: &CryptoProvider,
    ) -> Result<Option<String>, TlsError> {
        let passphrase = passphrase.ok_or(NO_PASSPHRASE_FILE);
        let mut pair = load("server", (certificate_file, key_file), passphrase, provider)?;
        chain::complete(&mut pair.cert, known, &provider.signature_verification_algorithms);
        let remark = pair.cert.iter().find_map(|der| date_remark(der, certificate_file));
        let names = pair.cert.first().map(|first| host_names(first)).unwrap_or_default();
        self.0.push(Named { names, key: Arc::new(pair) });
        Ok(remark)
    }
}

/// Reads a certificate with its chain, and its key, of the `server` or of a `client`. For the pass phrase of the key there may be, in its place, where it should be.
pub(crate) fn load(
    whose: &str,
    (certificate_file, key_file): (&Path, &Path),
    passphrase: Result<&[u8], &str>,
    provider: &CryptoProvider,
) -> Result<CertifiedKey, TlsError> {
    let (chain, public_key) = read_certificate(whose, certificate_file)?;
    let key = read_key(whose, key_file, passphrase, provider)?;
    if key.public_key().is_some_and(|public| *public != *public_key) {
        return Err(no_pair(whose, certificate_file, key_file));
    }
    Ok(CertifiedKey::new(chain, key))
}

/// Whether a server could show the certificate of this file.
pub fn check_certificate(file: &Path) -> Result<(), TlsError> {
    read_certificate("server", file).map(drop)
}

/// Whether a server could use the key of this file, for which the pass phrase stands in the other one.
pub fn check_key(file: &Path, passphrase_file: Option<&Path>) -> Result<(), TlsError> {
    let passphrase = passphrase_file.map(passphrase).transpose()?;
    read_key("server", file, passphrase.as_deref().ok_or(NO_PASSPHRASE_FILE), &cryptography()).map(drop)
}

/// A certificate with its chain, and its public key.
fn read_certificate(whose: &str, file: &Path) -> Result<(Vec<CertificateDer<'static>>, Vec<u8>), TlsError> {
    let unable = |why: &str| no_certificate(whose, file, why);
    let chain = read_chain(file).map_err(|why| unable(&why))?;
    let first = chain.first().ok_or_else(|| unable("there is no certificate in it"))?;
    let certificate = Certificate::read(first).ok_or_else(|| unable("the first certificate is malformed"))?;
    let public_key = certificate.public_key_info.to_vec();
    Ok((chain, public_key))
}

fn read_key(
    whose: &str,
    file: &Path,
    passphrase: Result<&[u8], &str>,
    provider: &CryptoProvider,
) -> Result<Arc<dyn SigningKey>, TlsError> {
    let unable = |why: &str| no_key(whose, file, why);
    let pem = std::fs::read(file).map_err(|error| unable(&words(&error)))?;
    let key = private_key::read(&pem, passphrase).map_err(|why| unable(&why))?;
    provider.key_provider.load_private_key(key).map_err(|_| unable(NO_USABLE_KEY))
}

const NO_PASSPHRASE_FILE: &str = "no keyfile_passphrase_file says with which pass phrase";

/// The library does not say what is wrong with one.
const NO_USABLE_KEY: &str = "it is not a key that can be used: RSA needs 2048 to 8192 bits, ECDSA the curve P-256, P-384 or P-521, \
                             and beside them there is Ed25519";

/// What the operator should know of the dates of a certificate in this file.
pub(crate) fn date_remark(der: &[u8], file: &Path) -> Option<String> {
    let fault = date_fault(Certificate::read(der)?.validity_s, UnixTime::now().as_secs())?;
    let name = common_name(der).unwrap_or_default();
    Some(format!("certificate {name} in {} {fault}: clients refuse it.", file.display()))
}

/// The same of a certificate that vouches for clients.
pub(crate) fn issuer_remark(der: &[u8]) -> Option<String> {
    let fault = date_fault(Certificate::read(der)?.validity_s, UnixTime::now().as_secs())?;
    Some(format!("certificate {} in cafile or capath {fault}.", common_name(der).unwrap_or_default()))
}

/// Why a certificate, or a list of revoked ones, that is good from the first to the last of these is not good now.
pub(crate) fn date_fault((first_s, last_s): (u64, u64), now_s: u64) -> Option<String> {
    match now_s {
        _ if now_s < first_s => Some(format!("begins to be good in {}", shown(first_s - now_s))),
        _ if now_s > last_s => Some(format!("has expired {} ago", shown(now_s - last_s))),
        _ => None,
    }
}

/// A time in the unit that says enough.
fn shown(seconds: u64) -> String {
    let (count, unit) = match seconds {
        0..3600 => (seconds / 60, "minutes"),
        3600..172_800 => (seconds / 3600, "hours"),
        _ => (seconds / 86_400, "days"),
    };
    format!("{count} {unit}")
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let asked = hello.server_name().map(str::to_ascii_lowercase);
        let fits = |named: &&Named| named.key.key.choose_scheme(hello.signature_schemes()).is_some();
        let is_asked =
            |named: &&Named| asked.as_ref().is_some_and(|asked| named.names.iter().any(|name| is_for(name, asked)));
        let candidates = || self.0.iter().filter(fits);
        let named = candidates().find(is_asked).or_else(|| candidates().next()).or(self.0.first())?;
        Some(Arc::clone(&named.key))
    }
}

/// The hosts that a certificate is for; the common name is what people had before there were others.
pub(crate) fn host_names(der: &[u8]) -> Vec<String> {
    let names = Certificate::read(der).map(|certificate| certificate.dns_names()).unwrap_or_default();
    if names.is_empty() { common_name(der).map(|name| name.to_ascii_lowercase()).into_iter().collect() } else { names }
}

/// Whether a certificate's name is for that host. `*.example.org` is for all names with one label more.
pub(crate) fn is_for(name: &str, asked: &str) -> bool {
    match name.strip_prefix('*') {
        Some(rest) => asked.find('.').is_some_and(|dot| rest == &asked[dot..]),
        None => name == asked,
    }
}

/// The certificates of a PEM file. The error is a sentence's part for the operator.
pub(crate) fn read_chain(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    parse_chain(&std::fs::read(path).map_err(|error| words(&error))?)
}

/// The same of what such a file holds.
pub(crate) fn parse_chain(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    CertificateDer::pem_slice_iter(pem).collect::<Result<_, _>>().map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_that_have_passed_or_have_not_come_are_told() {
        let check =
            |now_s, expected: Option<&str>| assert_eq!(date_fault((10_000, 20_000), now_s).as_deref(), expected);
        check(9_000, Some("begins to be good in 16 minutes"));
        check(10_000, None);
        check(20_000, None);
        check(27_200, Some("has expired 2 hours ago"));
        check(20_000 + 90 * 86_400, Some("has expired 90 days ago"));
    }

    #[test]
    fn a_star_stands_for_one_label() {
        assert!(is_for("a.example", "a.example"));
        assert!(is_for("*.example", "a.example"));
        assert!(!is_for("*.example", "a.b.example"));
        assert!(!is_for("*.example", "example"));
        assert!(!is_for("a.example", "b.example"));
    }
}
