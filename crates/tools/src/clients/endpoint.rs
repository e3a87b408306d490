//! Where the server is, and the way to it, from the settings.

use std::io;
use std::path::Path;
use std::sync::Arc;

#[cfg(feature = "openssl")]
use midge_client_transport::PreSharedKey;
use midge_client_transport::{Connector, ConnectorOptions, Endpoint, KeyLog, Proxy, TlsVersion, WebSocket};

use super::settings::{Settings, Tls};
use crate::output::reason;

/// The way to the server.
///
/// # Errors
/// With the message for the user, where a file cannot be read or something cannot be done.
pub(crate) fn endpoint(settings: &Settings) -> Result<Endpoint, String> {
    let server = &settings.server;
    let port = port(settings);
    let mut endpoint = match &server.socket {
        Some(path) => Endpoint::unix(path),
        None => Endpoint::tcp(server.host.as_deref().unwrap_or("localhost"), port),
    };
    endpoint.bind = server.bind;
    endpoint.proxy = server.proxy.as_ref().map(|proxy| {
        let login = proxy.username.as_ref().map(|username| {
            let password = proxy.password.clone().unwrap_or_default();
            (username.as_str().into(), password.into())
        });
        Proxy { host: proxy.host.as_str().into(), port: proxy.port, login }
    });
    endpoint.websocket = server.is_websocket.then(WebSocket::default);
    if is_encrypted(settings, port) {
        endpoint.tls = Some(connector(&settings.tls)?);
    }
    Ok(endpoint)
}

/// The port that is named, or the usual one.
fn port(settings: &Settings) -> u16 {
    let tls = &settings.tls;
    let is_encrypted = tls.ca_file.is_some() || tls.ca_folder.is_some() || tls.psk.is_some();
    settings.server.port.unwrap_or(if is_encrypted { 8883 } else { 1883 })
}

/// Whether anything asks for encryption. Who shows a certificate does not mean to do so in plain text.
fn is_encrypted(settings: &Settings, port: u16) -> bool {
    let tls = &settings.tls;
    let has_authority = tls.ca_file.is_some() || tls.ca_folder.is_some() || tls.trusts_system || tls.psk.is_some();
    let is_port_for_it = port == 8883 && settings.server.socket.is_none();
    !tls.is_unwanted && (has_authority || tls.certificate_file.is_some() || is_port_for_it)
}

fn connector(tls: &Tls) -> Result<Connector, String> {
    #[cfg(not(feature = "openssl"))]
    if tls.psk.is_some() {
        let remedy = "use a midge that is built with --features openssl, or name the server's authority with --cafile";
        return Err(format!("Error: --psk cannot be used, as pre-shared keys need OpenSSL: {remedy}."));
    }
    let key_log = tls.key_log.as_deref().map(open_key_log).transpose()?;
    let options = ConnectorOptions {
        cafile: tls.ca_file.clone(),
        capath: tls.ca_folder.clone(),
        trusts_system: tls.trusts_system,
        certificate: tls.certificate_file.clone().zip(tls.key_file.clone()),
        passphrase: None,
        ignores_names: tls.is_insecure,
        version_min: if tls.version.as_deref() == Some("tlsv1.3") { TlsVersion::Tls13 } else { TlsVersion::Tls12 },
        version_max: None,
        ciphers: tls.ciphers.clone(),
        protocols: tls.alpn.iter().map(|protocol| protocol.as_bytes().into()).collect(),
        key_log,
        #[cfg(feature = "openssl")]
        psk: psk(tls)?,
    };
    let is_missing = || {
        [&tls.ca_file, &tls.ca_folder, &tls.certificate_file, &tls.key_file]
            .into_iter()
            .flatten()
            .any(|path| !path.exists())
    };
    Connector::open(&options).map_err(|error| {
        let missing = if is_missing() { "File not found. " } else { "" };
        format!("Error: Problem setting TLS options: {missing}{error}")
    })
}

#[cfg(feature = "openssl")]
fn psk(tls: &Tls) -> Result<Option<PreSharedKey>, String> {
    let (Some(digits), Some(identity)) = (&tls.psk, &tls.psk_identity) else { return Ok(None) };
    let wrong = || "Error: Problem setting TLS-PSK options: --psk has 1 to 512 hexadecimal digits.".to_owned();
    let key = midge_auth::pre_shared_key(digits).ok_or_else(wrong)?.into();
    Ok(Some(PreSharedKey { identity: identity.clone(), key }))
}

fn open_key_log(path: &Path) -> Result<Arc<KeyLog>, String> {
    let failed =
        |error: io::Error| format!("Error: Unable to open key log \"{}\": {}.", path.display(), reason(&error));
    KeyLog::open(path).map(Arc::new).map_err(failed)
}

#[cfg(test)]
mod tests {
    use midge_client_transport::Address;

    use super::super::flags;
    use super::super::settings::Tool;
    use super::*;

    #[track_caller]
    fn made(line: &str) -> Result<Endpoint, String> {
        let words: Vec<_> = line.split_whitespace().chain(["-n", "-o", "/dev/null"]).map(Into::into).collect();
        endpoint(&flags::read(Tool::Publisher, &words).unwrap_or_else(|stop| panic!("{line}: {stop:?}")))
    }

    #[test]
    fn the_way_to_a_server_without_encryption() {
        #[track_caller]
        fn check(line: &str, address: &str, is_websocket: bool) {
            let endpoint = made(line).unwrap();
            assert_eq!(endpoint.address.to_string(), address, "{line}");
            assert_eq!((endpoint.websocket.is_some(), endpoint.tls.is_some()), (is_websocket, false), "{line}");
        }
        check("-t a", "localhost:1883", false);
        check("-t a -h ::1 -p 1884 --ws", "[::1]:1884", true);
        check("-L ws://h/a", "h:1883", true);
        check("-t a --unix /run/m.sock", "/run/m.sock", false);
        check("-t a -p 8883 --no-tls", "localhost:8883", false);
    }

    #[test]
    fn a_proxy_stands_in_between() {
        let endpoint = made("-t a --proxy socks5h://u:p@proxy:1").unwrap();
        assert_eq!(endpoint.first(), Address::Tcp("proxy".into(), 1));
        assert_eq!(endpoint.proxy.unwrap().login, Some(("u".into(), "p".into())));
    }

    #[test]
    fn a_file_that_cannot_be_read_is_named() {
        for flag in ["--cafile", "--capath"] {
            let error = made(&format!("-t a {flag} /no/such")).unwrap_err();
            assert!(error.starts_with("Error: Problem setting TLS options: ") && error.contains("/no/such"), "{error}");
        }
    }

    #[cfg(not(feature = "openssl"))]
    #[test]
    fn a_key_needs_another_library() {
        let error = made("-t a --psk 1234 --psk-identity me").unwrap_err();
        assert!(error.contains("--psk cannot be used") && error.contains("--features openssl"), "{error}");
    }

    #[cfg(feature = "openssl")]
    #[test]
    fn a_key_stands_for_certificates() {
        assert!(made("-t a --psk 1234 --psk-identity me").unwrap().tls.is_some());
        let error = made("-t a --psk 12xy --psk-identity me").unwrap_err();
        assert_eq!(error, "Error: Problem setting TLS-PSK options: --psk has 1 to 512 hexadecimal digits.");
    }
}
