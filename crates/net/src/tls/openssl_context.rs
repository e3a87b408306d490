//! What a listener demands of encrypted connections where OpenSSL serves it: pre-shared keys, and ciphers of which rustls does
//! not know.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use openssl::error::ErrorStack;
use openssl::pkey::PKey;
use openssl::ssl::{
    AlpnError, Ssl, SslContext, SslContextBuilder, SslFiletype, SslMethod, SslMode, SslOptions, SslSessionCacheMode,
    SslVerifyMode, SslVersion, select_next_proto,
};
use openssl::x509::X509;
use openssl::x509::store::X509Lookup;
use openssl::x509::verify::X509VerifyFlags;

use super::listener::{ALPN, TlsError, TlsOptions, TlsVersion, cause, passphrase, readable_by_all, trusted};
use super::openssl_connection::OpenSslConnection;
use super::{PreSharedKeys, psk};

/// The server's end for one more connection, which may use one of `keys`.
pub(crate) fn begin(context: &SslContext, keys: Option<Arc<dyn PreSharedKeys>>) -> Result<OpenSslConnection, TlsError> {
    let mut ssl = Ssl::new(context)?;
    if let Some(keys) = keys {
        psk::set_keys(&mut ssl, keys);
    }
    OpenSslConnection::new(ssl)
}

/// Reads the files. Beside the context, sentences that the operator should know.
pub(crate) fn build(options: &TlsOptions) -> Result<(SslContext, Vec<String>), TlsError> {
    let mut remarks = Vec::new();
    let mut context = SslContext::builder(SslMethod::tls_server())?;
    set_rules(&mut context, options.version_min)?;
    set_ciphers(&mut context, options)?;
    set_certificate(&mut context, options, &mut remarks)?;
    set_trust(&mut context, options)?;
    if let Some(hint) = &options.psk_hint {
        psk::allow(&mut context, hint)?;
    }
    if let Some(key_log) = options.key_log.clone() {
        context.set_keylog_callback(move |_, line| key_log.write(line));
    }
    Ok((context.build(), remarks))
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

fn set_certificate(
    context: &mut SslContextBuilder,
    options: &TlsOptions,
    remarks: &mut Vec<String>,
) -> Result<(), TlsError> {
    let [(certificate, key)] = &options.certificates[..] else {
        let text = "Unable to use several certificates on a listener with psk_hint or with ciphers that only OpenSSL has: \
                    name one certfile.";
        return if options.certificates.is_empty() { Ok(()) } else { Err(TlsError::new(text.to_owned())) };
    };
    let no_key = |why: String| {
        TlsError::new(format!("Unable to load server key file \"{}\". Check keyfile: {why}.", key.display()))
    };
    context.set_certificate_chain_file(certificate).map_err(|error| {
        let (path, why) = (certificate.display(), reason(&error));
        TlsError::new(format!("Unable to load server certificate \"{path}\". Check certfile: {why}."))
    })?;
    let passphrase = options.passphrase_file.as_deref().map(passphrase).transpose()?.unwrap_or_default();
    let pem = fs::read(key).map_err(|error| no_key(cause(&error)))?;
    // Without a callback OpenSSL would ask at the terminal.
    let private = PKey::private_key_from_pem_callback(&pem, |room| {
        let length = passphrase.len().min(room.len());
        room[..length].copy_from_slice(&passphrase[..length]);
        Ok(length)
    });
    let private = private.map_err(|error| no_key(reason(&error)))?;
    context.set_private_key(&private).and_then(|()| context.check_private_key()).map_err(|_| {
        let (key, certificate) = (key.display(), certificate.display());
        TlsError::new(format!("Server certificate/key are inconsistent: {key} is not the key of {certificate}."))
    })?;
    remarks.extend(readable_by_all(key));
    Ok(())
}

/// By which certificates those of clients are judged.
fn set_trust(context: &mut SslContextBuilder, options: &TlsOptions) -> Result<(), TlsError> {
    let trusted = trusted(options)?;
    if !options.require_certificate {
        return Ok(());
    }
    for certificate in trusted {
        let certificate = X509::from_der(&certificate)?;
        context.add_client_ca(&certificate)?;
        context.cert_store_mut().add_cert(certificate)?;
    }
    let mut flags = X509VerifyFlags::empty();
    if let Some(path) = &options.crlfile {
        load_revocations(context, path)?;
        flags |= X509VerifyFlags::CRL_CHECK;
    }
    if options.disable_client_cert_date_checks {
        flags |= X509VerifyFlags::NO_CHECK_TIME;
    }
    context.verify_param_mut().set_flags(flags)?;
    context.set_verify(SslVerifyMode::PEER | SslVerifyMode::FAIL_IF_NO_PEER_CERT);
    Ok(())
}

fn load_revocations(context: &mut SslContextBuilder, path: &Path) -> Result<(), TlsError> {
    let lookup = context.cert_store_mut().add_lookup(X509Lookup::file())?;
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
