//! Certificates made for a test, and the client's end of encrypted connections.
//!
//! With `MIDGE_TEST_TLS` set, to `1.2` or `1.3`, all tests that start a server and connect to it do so encrypted.

use std::fmt;
use std::fs::OpenOptions;
use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CertifiedIssuer, DnType, IsCa, KeyIdMethod,
    KeyPair, KeyUsagePurpose, RevokedCertParams, SerialNumber,
};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, ServerConfig, StreamOwned};

use crate::client::PATIENCE;
use crate::environment::scratch_folder;

/// An authority that signs certificates.
#[derive(Debug)]
pub struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate and its key, in PEM.
#[derive(Clone, Debug)]
pub struct Issued {
    /// The certificate.
    pub certificate: String,
    /// Its key, as PKCS #8.
    pub key: String,
}

impl Authority {
    /// A new one of that name.
    pub fn new(name: &str) -> Authority {
        let mut params = CertificateParams::default();
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate().expect("a key");
        Authority(CertifiedIssuer::self_signed(params, key).expect("a certificate"))
    }

    /// Its own certificate in PEM.
    pub fn certificate(&self) -> String {
        self.0.pem()
    }

    /// A certificate for a server on this machine.
    pub fn server(&self) -> Issued {
        self.issue("localhost", &["localhost", "127.0.0.1"], |_| ())
    }

    /// A certificate for a client of that name.
    pub fn client(&self, name: &str) -> Issued {
        self.issue(name, &[], |_| ())
    }

    /// The list of those that are no longer good, by their serial numbers.
    pub fn revoke(&self, serial_numbers: &[u64]) -> String {
        let revoked = |number: &u64| RevokedCertParams {
            serial_number: SerialNumber::from(*number),
            revocation_time: rcgen::date_time_ymd(2020, 1, 1),
            reason_code: None,
            invalidity_date: None,
        };
        let list = CertificateRevocationListParams {
            this_update: rcgen::date_time_ymd(2020, 1, 1),
            next_update: rcgen::date_time_ymd(2090, 1, 1),
            crl_number: SerialNumber::from(1),
            issuing_distribution_point: None,
            revoked_certs: serial_numbers.iter().map(revoked).collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        list.signed_by(&self.0).and_then(|list| list.pem()).expect("a list")
    }

    /// A certificate with that common name, for those hosts and addresses; `change` does the rest.
    pub fn issue(&self, name: &str, hosts: &[&str], change: impl FnOnce(&mut CertificateParams)) -> Issued {
        let hosts: Vec<String> = hosts.iter().map(|host| (*host).to_owned()).collect();
        let mut params = CertificateParams::new(hosts).expect("names of hosts");
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, name);
        change(&mut params);
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &self.0).expect("a certificate");
        Issued { certificate: certificate.pem(), key: key.serialize_pem() }
    }
}

impl Issued {
    /// The certificate as it is shown (DER).
    pub fn der(&self) -> Vec<u8> {
        CertificateDer::from_pem_slice(self.certificate.as_bytes()).expect("PEM").to_vec()
    }

    fn identity(&self) -> (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>) {
        let key = PrivateKeyDer::from_pem_slice(self.key.as_bytes()).expect("PEM");
        (vec![self.der().into()], key)
    }

    /// Of a server that shows it, and asks clients for none.
    pub(crate) fn server_config(&self) -> Arc<ServerConfig> {
        let (certificates, key) = self.identity();
        let builder = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
        let builder = builder.with_safe_default_protocol_versions().expect("versions that there are");
        Arc::new(builder.with_no_client_auth().with_single_cert(certificates, key).expect("a pair"))
    }

    /// Writes `NAME.pem` and `NAME.key` into the folder, and says where they are.
    pub fn write(&self, folder: &Path, name: &str) -> (PathBuf, PathBuf) {
        let paths = (folder.join(format!("{name}.pem")), folder.join(format!("{name}.key")));
        std::fs::write(&paths.0, &self.certificate).expect("write a certificate");
        let owner_only = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&paths.1);
        owner_only.and_then(|mut file| file.write_all(self.key.as_bytes())).expect("write a key");
        paths
    }
}

/// What a client believes, and shows of itself.
#[derive(Clone, Debug)]
pub struct Trust(Arc<ClientConfig>);

/// Versions that a client offers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Versions {
    /// 1.2 alone.
    Tls12,
    /// 1.3 alone.
    Tls13,
}

impl Trust {
    /// In servers of this authority.
    pub fn new(authority: &Authority, versions: Versions, identity: Option<&Issued>) -> Trust {
        let mut roots = RootCertStore::empty();
        roots.add(authority.0.der().clone()).expect("an authority");
        let versions = match versions {
            Versions::Tls12 => &[&rustls::version::TLS12],
            Versions::Tls13 => &[&rustls::version::TLS13],
        };
        let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_protocol_versions(versions)
            .expect("versions that there are")
            .with_root_certificates(roots);
        let config = match identity {
            None => builder.with_no_client_auth(),
            Some(identity) => {
                let (certificates, key) = identity.identity();
                builder.with_client_auth_cert(certificates, key).expect("a pair")
            }
        };
        Trust(Arc::new(config))
    }

    /// The client's end of a connection that has not begun.
    pub fn begin(&self) -> ClientConnection {
        let name = ServerName::try_from("localhost").expect("a name");
        ClientConnection::new(Arc::clone(&self.0), name).expect("a client")
    }
}

/// An encrypted connection.
pub struct Encrypted(StreamOwned<ClientConnection, TcpStream>);

impl Encrypted {
    pub(crate) fn handshake(mut socket: TcpStream, trust: &Trust) -> io::Result<Encrypted> {
        let mut connection = trust.begin();
        socket.set_read_timeout(Some(PATIENCE))?;
        while connection.is_handshaking() {
            connection.complete_io(&mut socket)?;
        }
        Ok(Encrypted(StreamOwned::new(connection, socket)))
    }

    /// The certificate that the server has shown, as DER.
    pub fn server_certificate(&self) -> &[u8] {
        self.0.conn.peer_certificates().and_then(<[_]>::first).map_or(&[], AsRef::as_ref)
    }

    /// What was agreed.
    pub fn connection(&self) -> &ClientConnection {
        &self.0.conn
    }

    pub(crate) fn socket(&self) -> &TcpStream {
        &self.0.sock
    }

    pub(crate) fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all(bytes)?;
        self.0.flush()
    }

    /// An end that was not said (close_notify) is an error.
    pub(crate) fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer).map_err(|error| match error.kind() {
            ErrorKind::UnexpectedEof => io::Error::other("the server closed without close_notify"),
            _ => error,
        })
    }
}

impl fmt::Debug for Encrypted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Encrypted").field(&self.0.sock).finish()
    }
}

/// What all servers and clients of a test run share that is to be encrypted.
pub(crate) struct Everywhere {
    /// The clients'.
    pub(crate) trust: Trust,
    /// Lines of configuration below the listener.
    pub(crate) configuration: String,
}

/// Where `MIDGE_TEST_TLS` asks for it.
pub(crate) fn everywhere() -> Option<&'static Everywhere> {
    static EVERYWHERE: OnceLock<Option<Everywhere>> = OnceLock::new();
    let everywhere = EVERYWHERE.get_or_init(|| {
        let versions = match std::env::var("MIDGE_TEST_TLS").ok()?.as_str() {
            "1.2" => Versions::Tls12,
            "1.3" => Versions::Tls13,
            other => panic!("MIDGE_TEST_TLS is 1.2 or 1.3, not {other}"),
        };
        let authority = Authority::new("tests");
        let folder = scratch_folder(&format!("tls-everywhere-{}", std::process::id()));
        let (certificate, key) = authority.server().write(&folder, "server");
        let configuration = format!("certfile {}\nkeyfile {}", certificate.display(), key.display());
        Some(Everywhere { trust: Trust::new(&authority, versions, None), configuration })
    });
    everywhere.as_ref()
}
