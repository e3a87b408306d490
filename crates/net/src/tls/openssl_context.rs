//! What a listener demands of encrypted connections where OpenSSL serves it: pre-shared keys, and ciphers of which rustls does
//! not know.

use std::ffi::{c_int, c_long, c_void};
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use foreign_types::{ForeignType, ForeignTypeRef};
use openssl::error::ErrorStack;
use openssl::pkey::{PKey, Private};
use openssl::ssl::{
    AlpnError, NameType, SniError, Ssl, SslContext, SslContextBuilder, SslMethod, SslMode, SslOptions,
    SslSessionCacheMode, SslVerifyMode, SslVersion, select_next_proto,
};
use openssl::stack::Stack;
use openssl::x509::store::{X509Store, X509StoreBuilder, X509StoreBuilderRef, X509StoreRef};
use openssl::x509::verify::X509VerifyFlags;
use openssl::x509::{X509, X509Crl, X509PurposeId, X509StoreContext};
use rustls::pki_types::CertificateDer;

use super::certificates::{date_remark, host_names, is_for};
use super::client::cryptography;
use super::client_certificates;
use super::listener::{
    ALPN, TlsError, TlsOptions, TlsVersion, no_certificate, no_key, no_pair, passphrase, readable_by_all,
};
use super::openssl_connection::OpenSslConnection;
use super::trust::Trust;
use super::{PreSharedKeys, psk};
use crate::words::words;

/// See the module.
pub(crate) struct OpenSslContext {
    /// That of the first certificate, which knows the others.
    context: SslContext,
    identities: Vec<Identity>,
    /// By what the certificates of clients are judged, where they must have one.
    stores: Option<Stores>,
    /// Clients may use pre-shared keys.
    takes_keys: bool,
}

/// What the server shows of itself.
#[derive(Clone)]
struct Identity {
    /// Its own certificate first.
    chain: Vec<X509>,
    key: PKey<Private>,
    /// Of the hosts that it is for.
    names: Vec<String>,
}

/// By what those are judged again that came before.
struct Stores {
    dateless: X509Store,
    /// `None`: dates do not matter.
    dated: Option<X509Store>,
}

impl OpenSslContext {
    /// The server's end for one more connection, which may use one of `keys`.
    pub(crate) fn begin(&self, keys: Option<Arc<dyn PreSharedKeys>>) -> Result<OpenSslConnection, TlsError> {
        let mut ssl = Ssl::new(&self.context)?;
        if let Some(keys) = keys {
            psk::set_keys(&mut ssl, keys);
        }
        OpenSslConnection::new(ssl, self.stores.as_ref().is_some_and(|stores| stores.dated.is_some()))
    }

    /// Whether a client that came with this chain of certificates, or with a pre-shared key that still counts, could come now.
    pub(crate) fn still_trusts(&self, chain: &[CertificateDer<'_>], has_key: bool, has_checked_dates: bool) -> bool {
        match &self.stores {
            _ if has_key && self.takes_keys => true,
            Some(Stores { dateless, dated }) => {
                let store = dated.as_ref().filter(|_| !has_checked_dates).unwrap_or(dateless);
                is_trusted(store, chain).unwrap_or(false)
            }
            None => !self.identities.is_empty(),
        }
    }
}

impl fmt::Debug for OpenSslContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenSslContext").field("takes_keys", &self.takes_keys).finish_non_exhaustive()
    }
}

/// Reads the files that are not read yet: certificates may be `known`.
pub(crate) fn build(
    options: &TlsOptions,
    trust: &Arc<Trust>,
    known: Option<&OpenSslContext>,
    remarks: &mut Vec<String>,
) -> Result<OpenSslContext, TlsError> {
    let identities = match known {
        Some(known) => known.identities.clone(),
        None => read_identities(options, remarks)?,
    };
    if options.require_certificate {
        let algorithms = cryptography().signature_verification_algorithms;
        let checks_dates = !options.disable_client_cert_date_checks;
        remarks.extend(client_certificates::remarks(trust, checks_dates, algorithms));
    }
    let mut context = begin_context(options, identities.first(), trust)?;
    if identities.len() > 1 {
        let others = identities[1..].iter();
        let others = others.map(|identity| Ok(begin_context(options, Some(identity), trust)?.build()));
        choose_by_name(&mut context, &identities, others.collect::<Result<_, TlsError>>()?);
    }
    let stores = options.require_certificate.then(|| Stores::of(options, trust)).transpose()?;
    Ok(OpenSslContext { context: context.build(), identities, stores, takes_keys: options.psk_hint.is_some() })
}

/// What connections go by that show this certificate.
fn begin_context(
    options: &TlsOptions,
    identity: Option<&Identity>,
    trust: &Trust,
) -> Result<SslContextBuilder, TlsError> {
    let mut context = SslContext::builder(SslMethod::tls_server())?;
    set_rules(&mut context, options.version_min)?;
    set_resumption(&mut context, options)?;
    set_ciphers(&mut context, options)?;
    if let Some(Identity { chain, key, .. }) = identity {
        context.set_certificate(&chain[0])?;
        chain[1..].iter().try_for_each(|certificate| context.add_extra_chain_cert(certificate.clone()))?;
        context.set_private_key(key)?;
    }
    set_trust(&mut context, options, trust)?;
    if let Some(hint) = &options.psk_hint {
        psk::allow(&mut context, hint)?;
    }
    if let Some(key_log) = options.key_log.clone() {
        context.set_keylog_callback(move |_, line| key_log.write(line));
    }
    Ok(context)
}

/// Who asks for a name for which another certificate is, is shown that. `contexts` are those of all identities but the first.
fn choose_by_name(first: &mut SslContextBuilder, identities: &[Identity], contexts: Vec<SslContext>) {
    let all: Vec<Vec<String>> = identities.iter().map(|identity| identity.names.clone()).collect();
    first.set_servername_callback(move |ssl, _| {
        let asked = ssl.servername(NameType::HOST_NAME).map(str::to_ascii_lowercase);
        let place = asked.and_then(|asked| all.iter().position(|names| names.iter().any(|name| is_for(name, &asked))));
        // The first stays where it is the one, or none is.
        match place.and_then(|place| contexts.get(place.checked_sub(1)?)) {
            Some(context) => ssl.set_ssl_context(context).map_err(|_| SniError::ALERT_FATAL),
            None => Ok(()),
        }
    });
}

fn set_rules(context: &mut SslContextBuilder, version_min: TlsVersion) -> Result<(), ErrorStack> {
    context
        .set_options(SslOptions::NO_COMPRESSION | SslOptions::NO_RENEGOTIATION | SslOptions::CIPHER_SERVER_PREFERENCE);
    context.set_mode(SslMode::RELEASE_BUFFERS);
    context.set_min_proto_version(Some(match version_min {
        TlsVersion::Tls12 => SslVersion::TLS1_2,
        TlsVersion::Tls13 => SslVersion::TLS1_3,
    }))?;
    let ours: Vec<u8> =
        ALPN.iter().flat_map(|name| std::iter::once(name.len() as u8).chain(name.iter().copied())).collect();
    context.set_alpn_select_callback(move |_, theirs| {
        // The same name in what the client sent, which lives as long as is wanted.
        let chosen = select_next_proto(&ours, theirs).ok_or(AlpnError::NOACK)?;
        let at = theirs.windows(chosen.len()).position(|window| window == chosen);
        at.map(|at| &theirs[at..at + chosen.len()]).ok_or(AlpnError::NOACK)
    });
    Ok(())
}

/// Sessions are resumed by what clients keep, but not where they show who they are: OpenSSL keeps no chain of certificates by
/// which one could be judged again, and a key that is gone is gone.
fn set_resumption(context: &mut SslContextBuilder, options: &TlsOptions) -> Result<(), ErrorStack> {
    context.set_session_cache_mode(SslSessionCacheMode::OFF);
    context.set_session_id_context(b"mqtt")?;
    if options.require_certificate || options.psk_hint.is_some() {
        context.set_options(SslOptions::NO_TICKET);
        return context.set_num_tickets(0);
    }
    context.set_num_tickets(1)
}

fn set_ciphers(context: &mut SslContextBuilder, options: &TlsOptions) -> Result<(), TlsError> {
    let unable = |directive: &str, list: &str, error: &ErrorStack| {
        TlsError::new(format!("Unable to set TLS ciphers. Check {directive} \"{list}\": {}.", reason(error)))
    };
    let list = options.ciphers.as_deref().unwrap_or(CIPHERS);
    context.set_cipher_list(list).map_err(|error| unable("ciphers", list, &error))?;
    let list = options.ciphers_tls13.as_deref().unwrap_or(CIPHERS_TLS13);
    context.set_ciphersuites(list).map_err(|error| unable("ciphers_tls1.3", list, &error))?;
    if options.ciphers.as_deref().is_some_and(names_dhe) {
        allow_dhe(context);
    }
    Ok(())
}

/// Whether a list asks for ciphers with key exchange over a finite field, as very old clients have it. Groups such as `HIGH` do
/// not: OpenSSL would prefer it for pre-shared keys, and it holds up the event loop for milliseconds.
fn names_dhe(list: &str) -> bool {
    let mut words = list.split([':', ',', ' ', ';']).flat_map(|word| word.split('+'));
    words.any(|word| ["DHE", "EDH", "kDHE", "kEDH"].iter().any(|name| word.starts_with(name)))
}

/// Has OpenSSL choose the group for these ciphers, as strong as the certificate.
#[allow(unsafe_code)]
fn allow_dhe(context: &mut SslContextBuilder) {
    // In C it is a macro, of which the crate `openssl` has no name.
    unsafe extern "C" {
        fn SSL_CTX_ctrl(context: *mut c_void, command: c_int, number: c_long, pointer: *mut c_void) -> c_long;
    }
    const SSL_CTRL_SET_DH_AUTO: c_int = 118;
    // SAFETY: the context is alive and nobody else's while it is built; this command takes a number and no pointer.
    unsafe { SSL_CTX_ctrl(context.as_ptr().cast(), SSL_CTRL_SET_DH_AUTO, 1, std::ptr::null_mut()) };
}

fn read_identities(options: &TlsOptions, remarks: &mut Vec<String>) -> Result<Vec<Identity>, TlsError> {
    let passphrase = options.passphrase_file.as_deref().map(passphrase).transpose()?.unwrap_or_default();
    options.certificates.iter().map(|files| read_identity(files, &passphrase, remarks)).collect()
}

fn read_identity(
    (certificate, key): &(PathBuf, PathBuf),
    passphrase: &[u8],
    remarks: &mut Vec<String>,
) -> Result<Identity, TlsError> {
    let chain = read_certificates(certificate)?;
    let private = read_key(key, passphrase)?;
    if !chain[0].public_key()?.public_eq(&private) {
        return Err(no_pair("server", certificate, key));
    }
    let ders: Vec<Vec<u8>> = chain.iter().map(|certificate| certificate.to_der()).collect::<Result<_, _>>()?;
    remarks.extend(ders.iter().find_map(|der| date_remark(der, certificate)));
    remarks.extend(readable_by_all(key));
    Ok(Identity { chain, key: private, names: host_names(&ders[0]) })
}

/// All certificates of a file, at least one.
fn read_certificates(path: &Path) -> Result<Vec<X509>, TlsError> {
    let pem = fs::read(path).map_err(|error| no_certificate("server", path, &words(&error)))?;
    let chain = X509::stack_from_pem(&pem).map_err(|error| no_certificate("server", path, &reason(&error)))?;
    if chain.is_empty() {
        return Err(no_certificate("server", path, "there is no certificate in it"));
    }
    Ok(chain)
}

fn read_key(path: &Path, passphrase: &[u8]) -> Result<PKey<Private>, TlsError> {
    let pem = fs::read(path).map_err(|error| no_key("server", path, &words(&error)))?;
    // Without a callback OpenSSL would ask at the terminal.
    let key = PKey::private_key_from_pem_callback(&pem, |room| {
        let length = passphrase.len().min(room.len());
        room[..length].copy_from_slice(&passphrase[..length]);
        Ok(length)
    });
    key.map_err(|error| no_key("server", path, &reason(&error)))
}

/// Demands certificates of clients, if that is wanted.
fn set_trust(context: &mut SslContextBuilder, options: &TlsOptions, trust: &Trust) -> Result<(), TlsError> {
    // OpenSSL completes the chain of our own certificate from here.
    add_trusted(context.cert_store_mut(), trust)?;
    if !options.require_certificate {
        return Ok(());
    }
    for der in trust.certificates() {
        context.add_client_ca(X509::from_der(der)?.as_ref())?;
    }
    let flags = add_revocations(context.cert_store_mut(), trust)?;
    context.verify_param_mut().set_flags(match options.disable_client_cert_date_checks {
        true => flags | X509VerifyFlags::NO_CHECK_TIME,
        false => flags,
    })?;
    context.set_verify(SslVerifyMode::PEER | SslVerifyMode::FAIL_IF_NO_PEER_CERT);
    Ok(())
}

impl Stores {
    fn of(options: &TlsOptions, trust: &Trust) -> Result<Stores, TlsError> {
        let store = |date_flags| -> Result<X509Store, TlsError> {
            let mut store = X509StoreBuilder::new()?;
            add_trusted(&mut store, trust)?;
            let flags = add_revocations(&mut store, trust)?;
            store.set_flags(flags | date_flags)?;
            store.set_purpose(X509PurposeId::SSL_CLIENT)?;
            Ok(store.build())
        };
        let dates_matter = !options.disable_client_cert_date_checks;
        let dated = dates_matter.then(|| store(X509VerifyFlags::empty())).transpose()?;
        Ok(Stores { dateless: store(X509VerifyFlags::NO_CHECK_TIME)?, dated })
    }
}

fn add_trusted(store: &mut X509StoreBuilderRef, trust: &Trust) -> Result<(), ErrorStack> {
    trust.certificates().try_for_each(|der| store.add_cert(X509::from_der(der)?))
}

/// Adds the lists of `crlfile`, where there is one. Gives how it is looked for what stands on them.
fn add_revocations(store: &mut X509StoreBuilderRef, trust: &Trust) -> Result<X509VerifyFlags, ErrorStack> {
    let Some(revocations) = &trust.revocations else { return Ok(X509VerifyFlags::empty()) };
    revocations.ders().try_for_each(|der| add_crl(store, &X509Crl::from_der(der)?))?;
    Ok(X509VerifyFlags::CRL_CHECK)
}

/// The crate `openssl` takes lists from files only, which may be out of reach.
#[allow(unsafe_code)]
fn add_crl(store: &mut X509StoreBuilderRef, list: &X509Crl) -> Result<(), ErrorStack> {
    unsafe extern "C" {
        fn X509_STORE_add_crl(store: *mut c_void, list: *mut c_void) -> c_int;
    }
    // SAFETY: both are alive, the store is nobody else's while it is built, and it counts the list as its own too.
    match unsafe { X509_STORE_add_crl(store.as_ptr().cast(), list.as_ptr().cast()) } {
        1 => Ok(()),
        _ => Err(ErrorStack::get()),
    }
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

impl From<ErrorStack> for TlsError {
    fn from(error: ErrorStack) -> TlsError {
        TlsError::new(format!("Unable to set up TLS: {}.", reason(&error)))
    }
}

/// The first of what OpenSSL says, in its words.
pub(super) fn reason(error: &ErrorStack) -> String {
    let reason = error.errors().iter().find_map(|error| error.reason());
    reason.unwrap_or("OpenSSL does not say why").to_owned()
}

/// Mosquitto's.
const CIPHERS: &str = "DEFAULT:!aNULL:!eNULL:!LOW:!EXPORT:!SSLv2:@STRENGTH";

/// The first is the only one that goes with pre-shared keys.
const CIPHERS_TLS13: &str = "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256";
