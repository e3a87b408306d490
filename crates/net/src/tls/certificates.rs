//! The server's own certificates: one by default, others for the names that clients ask for (SNI, RFC 6066).

use std::path::Path;
use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use super::der::Certificate;
use super::listener::{TlsError, cause};
use super::{chain, common_name, private_key};

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
        let no_certificate = |why: String| {
            let path = certificate_file.display();
            TlsError::new(format!("Unable to load server certificate \"{path}\". Check certfile: {why}."))
        };
        let no_key = |why: String| {
            let path = key_file.display();
            TlsError::new(format!("Unable to load server key file \"{path}\". Check keyfile: {why}."))
        };
        let mut chain = read_chain(certificate_file).map_err(no_certificate)?;
        let first = chain.first().ok_or_else(|| no_certificate("there is no certificate in it".to_owned()))?;
        let certificate =
            Certificate::read(first).ok_or_else(|| no_certificate("the first certificate is malformed".to_owned()))?;
        let pem = std::fs::read(key_file).map_err(|error| no_key(cause(&error)))?;
        let key = private_key::read(&pem, passphrase).map_err(no_key)?;
        let key = provider.key_provider.load_private_key(key).map_err(|error| no_key(error.to_string()))?;
        if key.public_key().is_some_and(|public| *public != *certificate.public_key_info) {
            return Err(TlsError::new(format!(
                "Server certificate/key are inconsistent: {} is not the key of {}.",
                key_file.display(),
                certificate_file.display()
            )));
        }
        let mut names = certificate.dns_names();
        if names.is_empty() {
            names.extend(common_name(first).map(|name| name.to_ascii_lowercase()));
        }
        chain::complete(&mut chain, known, &provider.signature_verification_algorithms);
        let remark = chain.iter().find_map(|der| date_remark(der, certificate_file));
        self.0.push(Named { names, key: Arc::new(CertifiedKey::new(chain, key)) });
        Ok(remark)
    }
}

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

/// Why a certificate that is good from the first to the last of these is not good now.
fn date_fault((first_s, last_s): (u64, u64), now_s: u64) -> Option<String> {
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

/// Whether a certificate's name is for that host. `*.example.org` is for all names with one label more.
fn is_for(name: &str, asked: &str) -> bool {
    match name.strip_prefix('*') {
        Some(rest) => asked.find('.').is_some_and(|dot| rest == &asked[dot..]),
        None => name == asked,
    }
}

/// The certificates of a PEM file. The error is a sentence's part for the operator.
pub(crate) fn read_chain(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let pem = std::fs::read(path).map_err(|error| cause(&error))?;
    CertificateDer::pem_slice_iter(&pem).collect::<Result<_, _>>().map_err(|error| error.to_string())
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
