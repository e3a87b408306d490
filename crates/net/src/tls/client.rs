//! What a client of a web service needs: whom it trusts, and the library's cryptography.

use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;

use rustls::RootCertStore;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::CertificateDer;

use super::certificates::parse_chain;
use crate::words::words;

/// The certificates that vouch for servers, of what a file holds. The error is a cause in words: there is none that does.
pub fn issuers(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let certificates = parse_chain(pem)?;
    match RootCertStore::empty().add_parsable_certificates(certificates.iter().cloned()) {
        (0, _) => Err("there is none in it".to_owned()),
        _ => Ok(certificates),
    }
}

/// Those that the system trusts. The error is a cause in words.
pub fn issuers_of_system() -> Result<Vec<CertificateDer<'static>>, String> {
    let path = SYSTEM_FILES.iter().map(Path::new).find(|path| path.exists());
    let path = path.ok_or("this system has no file of them; name one")?;
    issuers(&fs::read(path).map_err(|error| words(&error))?)
}

/// The cryptography of all our connections.
pub fn cryptography() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

/// What a handshake that failed like this has shown: whether anybody speaks TLS there. `None`: it was not about that.
pub fn speaks_tls(failure: &io::Error) -> Option<bool> {
    let error = failure.get_ref()?.downcast_ref::<rustls::Error>()?;
    Some(!matches!(error, rustls::Error::InvalidMessage(_)))
}

/// Where systems have them: Debian, Red Hat, Alpine and the BSDs.
const SYSTEM_FILES: [&str; 3] =
    ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem"];
