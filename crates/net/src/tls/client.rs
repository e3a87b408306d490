//! TLS towards a web service: blocking, with the library's own buffers, as few are asked at a time.

use std::io::{self, Read, Write};
use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use super::certificates::read_chain;
use super::listener::TlsError;

/// How a client trusts servers.
pub struct TlsClient(Arc<ClientConfig>);

impl TlsClient {
    /// Trusts the certificates of this file; without one those that the system does.
    pub fn open(cafile: Option<&Path>) -> Result<TlsClient, TlsError> {
        let of_system = || SYSTEM_FILES.iter().map(Path::new).find(|path| path.exists());
        let Some(path) = cafile.or_else(of_system) else {
            return Err(TlsError::new("This system has no file of trusted certificates; name one.".to_owned()));
        };
        let unusable =
            |why: &str| TlsError::new(format!("Unable to trust the certificates of \"{}\": {why}.", path.display()));
        let certificates = read_chain(path).map_err(|why| unusable(&why))?;
        let mut roots = RootCertStore::empty();
        let (taken, _) = roots.add_parsable_certificates(certificates);
        if taken == 0 {
            return Err(unusable("there is none in it"));
        }
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let config = config.map_err(|error| unusable(&error.to_string()))?;
        Ok(TlsClient(Arc::new(config.with_root_certificates(roots).with_no_client_auth())))
    }

    /// Encryption over this socket, to the server of this name or address. The handshake comes with what is first written.
    pub fn connect<S: Read + Write>(&self, host: &str, socket: S) -> io::Result<impl Read + Write + use<S>> {
        let invalid = |error: &dyn std::fmt::Display| io::Error::new(io::ErrorKind::InvalidInput, error.to_string());
        let name = ServerName::try_from(host.to_owned()).map_err(|error| invalid(&error))?;
        let connection = ClientConnection::new(Arc::clone(&self.0), name).map_err(|error| invalid(&error))?;
        Ok(StreamOwned::new(connection, socket))
    }
}

/// Where systems have them: Debian, Red Hat, Alpine and the BSDs.
const SYSTEM_FILES: [&str; 3] =
    ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem"];
