//! What a client demands of encrypted connections, read from files.

#[cfg(feature = "openssl")]
use std::fmt;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use rustls::client::ResolvesClientCert;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::sign::SingleCertAndKey;
use rustls::{ClientConfig, ClientConnection, SupportedProtocolVersion};

use super::KeyLog;
use super::certificates::{load, parse_chain};
use super::ciphers::{self, UnknownCipher};
use super::client::{cryptography, issuers_of_system};
use super::listener::{TlsError, TlsVersion, no_authorities};
#[cfg(feature = "openssl")]
use super::openssl_client::{OpenSslClient, OpenSslConnector};
use super::server_certificates::ServerCertificates;
use crate::regular_file::read_regular_file;
use crate::words::words;

/// What is asked for. By default the system says whom to trust, and the server's name has to be right.
#[derive(Clone, Debug, Default)]
pub struct ConnectorOptions {
    /// The file with the certificates by which servers' are judged.
    pub cafile: Option<PathBuf>,
    /// A folder of such files.
    pub capath: Option<PathBuf>,
    /// Whether those count too that the system trusts. They do in any case where nothing else is named.
    pub trusts_system: bool,
    /// The file of our own certificate with its chain, and that of its key.
    pub certificate: Option<(PathBuf, PathBuf)>,
    /// The pass phrase of the key, where it is encrypted.
    pub passphrase: Option<Box<[u8]>>,
    /// Whether a certificate may be for another host than the one that was asked for.
    pub ignores_names: bool,
    /// The lowest version that is spoken.
    pub version_min: TlsVersion,
    /// The highest.
    pub version_max: Option<TlsVersion>,
    /// Which ciphers of TLS 1.2 are offered, by OpenSSL's names; all that are safe where there is no list.
    pub ciphers: Option<String>,
    /// What is offered to be spoken (RFC 7301); nothing, if it is empty.
    pub protocols: Vec<Box<[u8]>>,
    /// Where secrets are written for those who look into traffic.
    pub key_log: Option<Arc<KeyLog>>,
    /// What server and client prove themselves with in place of certificates, of which none counts then.
    #[cfg(feature = "openssl")]
    pub psk: Option<PreSharedKey>,
}

/// A key that server and client have agreed upon beforehand.
#[cfg(feature = "openssl")]
#[derive(Clone, PartialEq, Eq)]
pub struct PreSharedKey {
    /// The name by which the server knows it.
    pub identity: String,
    /// The key.
    pub key: Box<[u8]>,
}

/// Without the key, which is nothing for a log.
#[cfg(feature = "openssl")]
impl fmt::Debug for PreSharedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PreSharedKey").field("identity", &self.identity).finish_non_exhaustive()
    }
}

/// What all encrypted connections of a client go by. They resume what was agreed before.
#[derive(Clone, Debug)]
pub struct Connector(Library);

/// Who encrypts them.
#[derive(Clone, Debug)]
enum Library {
    Rustls(Arc<ClientConfig>),
    #[cfg(feature = "openssl")]
    OpenSsl(Arc<OpenSslConnector>),
}

/// The client's end of one connection. It knows no socket.
#[derive(Debug)]
pub enum ClientTls {
    /// With certificates.
    Rustls(Box<ClientConnection>),
    /// With a pre-shared key.
    #[cfg(feature = "openssl")]
    OpenSsl(Box<OpenSslClient>),
}

impl Connector {
    /// Reads the files.
    ///
    /// # Errors
    /// With a sentence that names the file and says what is wrong with it.
    pub fn open(options: &ConnectorOptions) -> Result<Connector, TlsError> {
        #[cfg(feature = "openssl")]
        if let Some(psk) = &options.psk {
            return OpenSslConnector::open(options, psk)
                .map(|connector| Connector(Library::OpenSsl(Arc::new(connector))));
        }
        let provider = provider(options.ciphers.as_deref())?;
        let algorithms = provider.signature_verification_algorithms;
        let judge = ServerCertificates::new(trusted(options)?, !options.ignores_names, algorithms);
        let own = match &options.certificate {
            None => None,
            Some((certificate, key)) => {
                let passphrase = options.passphrase.as_deref().ok_or("its pass phrase was not given");
                Some(load("client", (certificate, key), passphrase, &provider)?)
            }
        };
        let builder = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&versions(options)?)
            .map_err(|error| TlsError::new(format!("Unable to set up TLS: {error}.")))?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(judge));
        let mut config = match own {
            None => builder.with_no_client_auth(),
            Some(pair) => {
                let resolver: Arc<dyn ResolvesClientCert> = Arc::new(SingleCertAndKey::from(pair));
                builder.with_client_cert_resolver(resolver)
            }
        };
        config.alpn_protocols = options.protocols.iter().map(|protocol| protocol.to_vec()).collect();
        if let Some(key_log) = &options.key_log {
            config.key_log = Arc::clone(key_log) as Arc<dyn rustls::KeyLog>;
        }
        Ok(Connector(Library::Rustls(Arc::new(config))))
    }

    /// The client's end of one more connection, to a host that is named or has this address.
    ///
    /// # Errors
    /// When that can be no host's name.
    pub fn begin(&self, host: &str) -> Result<ClientTls, rustls::Error> {
        let config = match &self.0 {
            Library::Rustls(config) => Arc::clone(config),
            #[cfg(feature = "openssl")]
            Library::OpenSsl(connector) => {
                let client = connector.begin(host);
                let client = client.map_err(|error| rustls::Error::General(error.to_string()))?;
                return Ok(ClientTls::OpenSsl(Box::new(client)));
            }
        };
        let name = ServerName::try_from(host.to_owned());
        let name = name.map_err(|_| rustls::Error::General(format!("'{host}' can be no host's name")))?;
        ClientConnection::new(config, name).map(|connection| ClientTls::Rustls(Box::new(connection)))
    }
}

/// Cryptography with these ciphers.
fn provider(ciphers: Option<&str>) -> Result<Arc<CryptoProvider>, TlsError> {
    let Some(list) = ciphers else { return Ok(cryptography()) };
    let none =
        |word: &str| TlsError::new(format!("Unable to set TLS ciphers: \"{word}\" names none that is supported."));
    let chosen = ciphers::tls12(Some(list)).map_err(|UnknownCipher(word)| none(&word))?;
    let tls13 = ciphers::tls13(None).map_err(|UnknownCipher(word)| none(&word))?;
    if chosen.suites.is_empty() {
        return Err(none(list));
    }
    let cipher_suites = [tls13.suites, chosen.suites].concat();
    Ok(Arc::new(CryptoProvider { cipher_suites, ..aws_lc_rs::default_provider() }))
}

fn versions(options: &ConnectorOptions) -> Result<Vec<&'static SupportedProtocolVersion>, TlsError> {
    let (tls12, tls13) = (&rustls::version::TLS12, &rustls::version::TLS13);
    match (options.version_min, options.version_max) {
        (TlsVersion::Tls12, None | Some(TlsVersion::Tls13)) => Ok(vec![tls13, tls12]),
        (TlsVersion::Tls12, Some(TlsVersion::Tls12)) => Ok(vec![tls12]),
        (TlsVersion::Tls13, None | Some(TlsVersion::Tls13)) => Ok(vec![tls13]),
        (TlsVersion::Tls13, Some(TlsVersion::Tls12)) => {
            Err(TlsError::new("The highest version of TLS is below the lowest.".to_owned()))
        }
    }
}

fn trusted(options: &ConnectorOptions) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let mut trusted = Vec::new();
    if let Some(path) = &options.cafile {
        let certificates = read_regular_file(path).map_err(|error| words(&error)).and_then(|pem| parse_chain(&pem));
        match certificates {
            Ok(certificates) if certificates.is_empty() => {
                return Err(no_authorities("cafile", path, "there is no certificate in it"));
            }
            Ok(certificates) => trusted.extend(certificates),
            Err(why) => return Err(no_authorities("cafile", path, &why)),
        }
    }
    if let Some(path) = &options.capath {
        let entries = fs::read_dir(path).map_err(|error| no_authorities("capath", path, &words(&error)))?;
        // Whatever is no certificate has another reason to be there.
        let certificates =
            entries.flatten().filter_map(|entry| parse_chain(&read_regular_file(&entry.path()).ok()?).ok());
        trusted.extend(certificates.flatten());
        if trusted.is_empty() {
            return Err(no_authorities("capath", path, "there is no certificate in it"));
        }
    }
    if options.trusts_system || options.cafile.is_none() && options.capath.is_none() {
        let of_system = issuers_of_system();
        let unable = |why| TlsError::new(format!("Unable to load the CA certificates of the system: {why}."));
        trusted.extend(of_system.map_err(unable)?);
    }
    Ok(trusted)
}
