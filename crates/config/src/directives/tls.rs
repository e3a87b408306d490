//! Encryption of a listener, and what a certificate says of its client.

use super::Scope::{Global, Listener, ListenerOrDefault, Security};
use super::Take::{Anything, Bool, Path, Text};
use super::{Again, Directive, directive, nothing};
use crate::config::TlsVersion;
use crate::draft::Draft;

const ENGINE: &str = "keys are read from files, OpenSSL and its engines are not used.";

pub(super) const DIRECTIVES: &[Directive] = &[
    directive(
        "certfile",
        ListenerOrDefault,
        Path(Again::Adds, |draft, path| draft.listener().tls.certfiles.push(path)),
    )
    .reloadable()
    .doc("The file with the server's certificate and those between it and the root.")
    .note("Given again, another certificate with the next keyfile; clients choose by the name of the server (SNI)."),
    directive("keyfile", ListenerOrDefault, Path(Again::Adds, |draft, path| draft.listener().tls.keyfiles.push(path)))
        .reloadable()
        .doc("The file with the key of the server's certificate."),
    directive(
        "keyfile_passphrase_file",
        ListenerOrDefault,
        Path(Again::Replaces, |draft, path| draft.listener().tls.keyfile_passphrase_file = Some(path)),
    )
    .reloadable()
    .doc("The file whose first line is the pass phrase of a keyfile that is encrypted.")
    .note("Not in Mosquitto, which asks at the terminal."),
    directive("cafile", Listener, Path(Again::Replaces, |draft, path| draft.listener().tls.cafile = Some(path)))
        .reloadable()
        .doc("The file with the certificates that clients' certificates are judged by.")
        .note("Only looked at with require_certificate."),
    directive(
        "capath",
        ListenerOrDefault,
        Path(Again::Replaces, |draft, path| draft.listener().tls.capath = Some(path)),
    )
    .reloadable()
    .doc("The folder with the certificates that clients' certificates are judged by.")
    .note("All files in it count, whatever their names."),
    directive(
        "crlfile",
        ListenerOrDefault,
        Path(Again::Replaces, |draft, path| draft.listener().tls.crlfile = Some(path)),
    )
    .reloadable()
    .doc("The file with the certificates that are no longer good.")
    .note(
        "It needs a list of each authority that has signed certificates of clients, and none may be out of date: else these clients \
         are refused, of which the start, a reload and `midge check` warn. Lists of version 1, as `openssl ca -gencrl` writes them, \
         do too. Lists of mere changes (delta CRLs) do not.",
    ),
    directive(
        "require_certificate",
        ListenerOrDefault,
        Bool(|draft, on| draft.listener().tls.require_certificate = on),
    )
    .default("false")
    .reloadable()
    .doc("Let in only clients with a certificate."),
    directive(
        "use_identity_as_username",
        ListenerOrDefault,
        Bool(|draft, on| draft.listener().tls.use_identity_as_username = on),
    )
    .default("false")
    .reloadable()
    .doc("Take the common name of the client's certificate, or the identity of its pre-shared key, for its user name.")
    .note("Neither password file nor allow_anonymous is asked then."),
    directive(
        "use_subject_as_username",
        ListenerOrDefault,
        Bool(|draft, on| draft.listener().tls.use_subject_as_username = on),
    )
    .default("false")
    .reloadable()
    .doc("Take the whole subject of the client's certificate for its user name: CN=ann,O=Example.")
    .note("As RFC 2253 writes it, the last part first. use_identity_as_username counts more."),
    directive(
        "disable_client_cert_date_checks",
        Listener,
        Bool(|draft, on| draft.listener().tls.disable_client_cert_date_checks = on),
    )
    .default("false")
    .reloadable()
    .doc("Let in clients whose certificate is past its end or before its beginning."),
    directive("tls_version", Listener, Text(Again::Error, |draft, word| tls_version(draft, &word)))
        .reloadable()
        .doc("The lowest version of TLS: tlsv1.2 or tlsv1.3.")
        .note("A minimum, whatever the name says."),
    directive(
        "ciphers",
        ListenerOrDefault,
        Text(Again::Replaces, |draft, list| draft.listener().tls.ciphers = Some(list)),
    )
    .reloadable()
    .doc("Which ciphers may be used with TLS 1.2, as OpenSSL writes them.")
    .note(
        "Names of ciphers choose, names of groups such as HIGH choose nothing: none of those here is weak. In a server that is \
         built with the cargo feature openssl, all of OpenSSL's ciphers can be chosen and all its words count; ciphers with DHE, \
         which are slow, are there only where they are named.",
    ),
    directive(
        "ciphers_tls1.3",
        ListenerOrDefault,
        Text(Again::Replaces, |draft, list| draft.listener().tls.ciphers_tls13 = Some(list)),
    )
    .reloadable()
    .doc("Which ciphers may be used with TLS 1.3."),
    directive("psk_file", Security, Path(Again::Replaces, |draft, path| draft.security().psk_file = Some(path)))
        .reloadable()
        .with_feature("openssl")
        .doc("The file with the pre-shared keys of clients, one a line: identity:key, the key in hexadecimal.")
        .note("Only listeners with a psk_hint ask for keys. Whose key is gone or another when the file is read again is let go."),
    directive("psk_hint", ListenerOrDefault, Text(Again::Error, |draft, hint| draft.listener().tls.psk_hint = Some(hint)))
        .reloadable()
        .with_feature("openssl")
        .doc("Encrypt with pre-shared keys, and send this to clients as a hint which to use.")
        .note(
            "Needs a psk_file. With use_identity_as_username the identity of the key is the user name; without it a key \
             encrypts and names nobody.",
        ),
    directive("dhparamfile", Global, Anything)
        .doc("Once the file with Diffie-Hellman parameters.")
        .ignored("it is no longer needed."),
    directive("tls_engine", ListenerOrDefault, Text(Again::Error, nothing))
        .doc("The OpenSSL engine to use.")
        .ignored(ENGINE),
    directive("tls_engine_kpass_sha1", ListenerOrDefault, Text(Again::Error, nothing))
        .doc("The hash of the password of the OpenSSL engine's key.")
        .ignored(ENGINE),
    directive("tls_keyform", ListenerOrDefault, Text(Again::Error, nothing))
        .default("pem")
        .doc("Whether the key is in a file (pem) or in an OpenSSL engine.")
        .ignored(ENGINE),
];

fn tls_version(draft: &mut Draft, word: &str) {
    let version = match word {
        "tlsv1.3" => TlsVersion::Tls13,
        "tlsv1.2" => TlsVersion::Tls12,
        "tlsv1.1" | "tlsv1" => {
            draft.warn(format!("'{word}' is not safe and not offered; the lowest version is tlsv1.2."));
            TlsVersion::Tls12
        }
        _ => return draft.late_error(format!("Unsupported tls_version \"{word}\".")),
    };
    draft.listener().tls.version_min = version;
}
