//! The server's own certificates: one by default, others for the names that clients ask for (SNI, RFC 6066).

use std::path::Path;
use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
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

    /// Adds the certificate of a file with its chain, as far as need be completed from `known`, and its key.
    pub(crate) fn add(
        &mut self,
        (certificate_file, key_file): (&Path, &Path),
        passphrase: Option<&[u8]>,
        known: &[CertificateDer<'static>],
        provider: &CryptoProvider,
    ) -> Result<(), TlsError> {
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
        self.0.push(Named { names, key: Arc::new(CertifiedKey::new(chain, key)) });
        Ok(())
    }
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
    fn a_star_stands_for_one_label() {
        assert!(is_for("a.example", "a.example"));
        assert!(is_for("*.example", "a.example"));
        assert!(!is_for("*.example", "a.b.example"));
        assert!(!is_for("*.example", "example"));
        assert!(!is_for("a.example", "b.example"));
    }
}
