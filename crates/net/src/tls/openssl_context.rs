//! What a listener demands of encrypted connections where OpenSSL serves it: pre-shared keys, and ciphers of which rustls does
//! not know.

use std::fmt;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use openssl::error::ErrorStack;
use openssl::pkey::{PKey, Private};
use openssl::ssl::{
    AlpnError, Ssl, SslContext, SslContextBuilder, SslFiletype, SslMethod, SslMode, SslOptions, SslSessionCacheMode,
    SslVerifyMode, SslVersion, select_next_proto,
};
use openssl::stack::Stack;
use openssl::x509::store::{X509Lookup, X509Store, X509StoreBuilder, X509StoreBuilderRef, X509StoreRef};
use openssl::x509::verify::X509VerifyFlags;
use openssl::x509::{X509, X509PurposeId, X509StoreContext};
use rustls::pki_types::CertificateDer;

use super::certificates::{date_remark, issuer_remark};
use super::listener::{
    ALPN, TlsError, TlsOptions, TlsVersion, cause, passphrase, readable_by_all, revocations, trusted,
};
use super::openssl_connection::OpenSslConnection;
use super::{PreSharedKeys, psk};

/// See the module.
pub(crate) struct OpenSslContext {
    context: SslContext,
    identity: Option<Identity>,
    /// By what the certificates of clients are judged, where they must have one.
    trust: Option<X509Store>,
    /// Clients may use pre-shared keys.
    takes_keys: bool,
}

/// What the server shows of itself.
#[derive(Clone)]
struct Identity {
    /// Its own certificate first.
    chain: Vec<X509>,
    key: PKey<Private>,
}

impl OpenSslContext {
    /// The server's end for one more connection, which may use one of `keys`.
    pub(crate) fn begin(&self, keys: Option<Arc<dyn PreSharedKeys>>) -> Result<OpenSslConnection, TlsError> {
        let mut ssl = Ssl::new(&self.context)?;
        if let Some(keys) = keys {
            psk::set_keys(&mut ssl, keys);
        }
        OpenSslConnection::new(ssl)
    }

    /// Whether a client that came with this chain of certificates, or with a pre-shared key, could come now. Which keys count is
    /// not known here.
    pub(crate) fn still_trusts(&self, chain: &[CertificateDer<'_>], has_key: bool) -> bool {
        match &self.trust {
            _ if has_key && self.takes_keys => true,
            Some(trust) => is_trusted(trust, chain).unwrap_or(false),
            None => self.identity.is_some(),
        }
    }
}

impl fmt::Debug for OpenSslContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenSslContext").field("takes_keys", &self.takes_keys).finish_non_exhaustive()
    }
}

/// Reads the files, apart from those of a certificate that is `known`.
pub(crate) fn build(
    options: &TlsOptions,
    known: Option<&OpenSslContext>,
    remarks: &mut Vec<String>,
) -> Result<OpenSslContext, TlsError> {
    let mut context = SslContext::builder(SslMethod::tls_server())?;
    set_rules(&mut context, options.version_min)?;
    set_ciphers(&mut context, options)?;
    let identity = match known {
        Some(known) => known.identity.clone(),
        None => read_identity(options, remarks)?,
    };
    if let Some(Identity { chain, key }) = &identity {
        context.set_certificate(&chain[0])?;
        chain[1..].iter().try_for_each(|certificate| context.add_extra_chain_cert(certificate.clone()))?;
        context.set_private_key(key)?;
    }
    let trust = set_trust(&mut context, options, remarks)?;
    if let Some(hint) = &options.psk_hint {
        psk::allow(&mut context, hint)?;
    }
    if let Some(key_log) = options.key_log.clone() {
        context.set_keylog_callback(move |_, line| key_log.write(line));
    }
    Ok(OpenSslContext { context: context.build(), identity, trust, takes_keys: options.psk_hint.is_some() })
}

/// Nothing is resumed: whoever comes again shows its key again, and a key that is gone is gone.
fn set_rules(context: &mut SslContextBuilder, version_min: TlsVersion) -> Result<(), ErrorStack> {
    context.set_options(
        SslOptions::NO_TICKET
            | SslOptions::NO_COMPRESSION
            | SslOptions::NO_RENEGOTIATION
            | SslOptions::CIPHER_SERVER_PREFERENCE,
    );
    context.set_session_cache_mode(SslSessionCacheMode::OFF);
    context.set_num_tickets(0)?;
    context.set_mode(SslMode::RELEASE_BUFFERS);
    context.set_min_proto_version(Some(match version_min {
        TlsVersion::Tls12 => SslVersion::TLS1_2,
        TlsVersion::Tls13 => SslVersion::TLS1_3,
    }))?;
    let ours: Vec<u8> =
        ALPN.iter().flat_map(|name| std::iter::once(name.len() as u8).chain(name.iter().copied())).collect();
    context.set_alpn_select_callback(move |_, theirs| {
        // The same name in what the client sent, which lives as long as is wanted.
        let chosen = select_next_proto(&ours, theirs).ok_or(AlpnError::ALERT_FATAL)?;
        let at = theirs.windows(chosen.len()).position(|window| window == chosen);
        at.map(|at| &theirs[at..at + chosen.len()]).ok_or(AlpnError::ALERT_FATAL)
    });
    Ok(())
}

fn set_ciphers(context: &mut SslContextBuilder, options: &TlsOptions) -> Result<(), TlsError> {
    let unable = |directive: &str, list: &str, error: &ErrorStack| {
        TlsError::new(format!("Unable to set TLS ciphers. Check {directive} \"{list}\": {}.", reason(error)))
    };
    let list = options.ciphers.as_deref().unwrap_or(CIPHERS);
    context.set_cipher_list(list).map_err(|error| unable("ciphers", list, &error))?;
    let list = options.ciphers_tls13.as_deref().unwrap_or(CIPHERS_TLS13);
    context.set_ciphersuites(list).map_err(|error| unable("ciphers_tls1.3", list, &error))
}

fn read_identity(options: &TlsOptions, remarks: &mut Vec<String>) -> Result<Option<Identity>, TlsError> {
    let [(certificate, key)] = &options.certificates[..] else {
        let text = "Unable to use several certificates on a listener with psk_hint or with ciphers that only OpenSSL has: \
                    name one certfile.";
        return if options.certificates.is_empty() { Ok(None) } else { Err(TlsError::new(text.to_owned())) };
    };
    let chain = read_certificates(certificate)?;
    let passphrase = options.passphrase_file.as_deref().map(passphrase).transpose()?.unwrap_or_default();
    let private = read_key(key, &passphrase)?;
    if !chain[0].public_key()?.public_eq(&private) {
        let (key, certificate) = (key.display(), certificate.display());
        return Err(TlsError::new(format!(
            "Server certificate/key are inconsistent: {key} is not the key of {certificate}."
        )));
    }
    let ders: Vec<Vec<u8>> = chain.iter().map(|certificate| certificate.to_der()).collect::<Result<_, _>>()?;
    remarks.extend(ders.iter().find_map(|der| date_remark(der, certificate)));
    remarks.extend(readable_by_all(key));
    Ok(Some(Identity { chain, key: private }))
}

/// All certificates of a file, at least one.
fn read_certificates(path: &Path) -> Result<Vec<X509>, TlsError> {
    let unable = |why: String| {
        let path = path.display();
        TlsError::new(format!("Unable to load server certificate \"{path}\". Check certfile: {why}."))
    };
    let pem = fs::read(path).map_err(|error| unable(cause(&error)))?;
    let chain = X509::stack_from_pem(&pem).map_err(|error| unable(reason(&error)))?;
    if chain.is_empty() {
        return Err(unable("there is no certificate in it".to_owned()));
    }
    Ok(chain)
}

fn read_key(path: &Path, passphrase: &[u8]) -> Result<PKey<Private>, TlsError> {
    let unable = |why: String| {
        let path = path.display();
        TlsError::new(format!("Unable to load server key file \"{path}\". Check keyfile: {why}."))
    };
    let pem = fs::read(path).map_err(|error| unable(cause(&error)))?;
    // Without a callback OpenSSL would ask at the terminal.
    let key = PKey::private_key_from_pem_callback(&pem, |room| {
        let length = passphrase.len().min(room.len());
        room[..length].copy_from_slice(&passphrase[..length]);
        Ok(length)
    });
    key.map_err(|error| unable(reason(&error)))
}

/// Demands certificates of clients, if that is wanted. Gives by what those are judged again that came before.
fn set_trust(
    context: &mut SslContextBuilder,
    options: &TlsOptions,
    remarks: &mut Vec<String>,
) -> Result<Option<X509Store>, TlsError> {
    // Also where nobody is asked for a certificate: files that cannot be read are told.
    let trusted = trusted(options)?;
    options.crlfile.as_deref().map(revocations).transpose()?;
    let mut flags = X509VerifyFlags::empty();
    let mut later = X509StoreBuilder::new()?;
    for der in trusted {
        let certificate = X509::from_der(&der)?;
        later.add_cert(certificate.clone())?;
        // OpenSSL completes the chain of our own certificate from here.
        context.cert_store_mut().add_cert(certificate.clone())?;
        if options.require_certificate {
            remarks.extend(issuer_remark(&der));
            context.add_client_ca(&certificate)?;
        }
    }
    if !options.require_certificate {
        return Ok(None);
    }
    if let Some(path) = &options.crlfile {
        load_revocations(context.cert_store_mut(), path)?;
        load_revocations(&mut later, path)?;
        flags |= X509VerifyFlags::CRL_CHECK;
    }
    later.set_flags(flags | X509VerifyFlags::NO_CHECK_TIME)?;
    later.set_purpose(X509PurposeId::SSL_CLIENT)?;
    if options.disable_client_cert_date_checks {
        flags |= X509VerifyFlags::NO_CHECK_TIME;
    }
    context.verify_param_mut().set_flags(flags)?;
    context.set_verify(SslVerifyMode::PEER | SslVerifyMode::FAIL_IF_NO_PEER_CERT);
    Ok(Some(later.build()))
}

/// Whether a chain of certificates, the client's own first, is good by these.
fn is_trusted(trust: &X509StoreRef, chain: &[CertificateDer<'_>]) -> Result<bool, ErrorStack> {
    let Some((first, others)) = chain.split_first() else { return Ok(false) };
    let mut stack = Stack::new()?;
    for certificate in others {
        stack.push(X509::from_der(certificate)?)?;
    }
    let first = X509::from_der(first)?;
    X509StoreContext::new()?.init(trust, &first, &stack, |context| context.verify_cert())
}

fn load_revocations(store: &mut X509StoreBuilderRef, path: &Path) -> Result<(), TlsError> {
    let lookup = store.add_lookup(X509Lookup::file())?;
    lookup.load_crl_file(path, SslFiletype::PEM).map(drop).map_err(|error| {
        let (path, why) = (path.display(), reason(&error));
        TlsError::new(format!("Unable to load certificate revocation file \"{path}\". Check crlfile: {why}."))
    })
}

impl From<ErrorStack> for TlsError {
    fn from(error: ErrorStack) -> TlsError {
        TlsError::new(format!("Unable to set up TLS: {}.", reason(&error)))
    }
}

/// The first of what OpenSSL says, in its words.
fn reason(error: &ErrorStack) -> String {
    let reason = error.errors().iter().find_map(|error| error.reason());
    reason.unwrap_or("OpenSSL does not say why").to_owned()
}

/// Mosquitto's.
const CIPHERS: &str = "DEFAULT:!aNULL:!eNULL:!LOW:!EXPORT:!SSLv2:@STRENGTH";

/// The first is the only one that goes with pre-shared keys.
const CIPHERS_TLS13: &str = "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256";
