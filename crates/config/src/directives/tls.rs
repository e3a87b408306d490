//! Encryption of a listener, and what a certificate says of its client.

use super::Scope::{Global, Listener, ListenerOrDefault, Security};
use super::Take::{Anything, Bool, Path, Text};
use super::{Again, Directive, directive, nothing};

const CLEAR: &str = "connections would not be encrypted.";
const ANYBODY: &str = "clients would be let in without a certificate being looked at.";
const ENGINE: &str = "keys are read from files, OpenSSL and its engines are not used.";

pub(super) const DIRECTIVES: &[Directive] = &[
    directive("certfile", ListenerOrDefault, Path(Again::Replaces, nothing))
        .reloadable()
        .doc("The file with the server's certificate and those between it and the root.")
        .refused(CLEAR),
    directive("keyfile", ListenerOrDefault, Path(Again::Replaces, nothing))
        .reloadable()
        .doc("The file with the key of the server's certificate.")
        .refused(CLEAR),
    directive("cafile", Listener, Path(Again::Replaces, nothing))
        .reloadable()
        .doc("The file with the certificates that clients' certificates are judged by.")
        .refused(CLEAR),
    directive("capath", ListenerOrDefault, Path(Again::Replaces, nothing))
        .reloadable()
        .doc("The folder with the certificates that clients' certificates are judged by.")
        .refused(CLEAR),
    directive("crlfile", ListenerOrDefault, Path(Again::Replaces, nothing))
        .reloadable()
        .doc("The file with the certificates that are no longer good.")
        .refused("clients with certificates that were revoked would be let in."),
    directive("require_certificate", ListenerOrDefault, Bool(nothing))
        .default("false")
        .doc("Let in only clients with a certificate.")
        .refused(ANYBODY),
    directive("use_identity_as_username", ListenerOrDefault, Bool(nothing))
        .default("false")
        .doc("Take the common name of the client's certificate for its user name.")
        .note("Neither password file nor allow_anonymous is asked then.")
        .refused(ANYBODY),
    directive("use_subject_as_username", ListenerOrDefault, Bool(nothing))
        .default("false")
        .doc("Take the whole subject of the client's certificate for its user name.")
        .refused(ANYBODY),
    directive("disable_client_cert_date_checks", Listener, Bool(nothing))
        .default("false")
        .doc("Let in clients whose certificate is past its end or before its beginning.")
        .planned("there is no TLS."),
    directive("tls_version", Listener, Text(Again::Error, nothing))
        .doc("The lowest version of TLS: tlsv1.2 or tlsv1.3.")
        .note("A minimum, whatever the name says.")
        .planned("there is no TLS."),
    directive("ciphers", ListenerOrDefault, Text(Again::Replaces, nothing))
        .doc("Which ciphers may be used with TLS 1.2.")
        .planned("there is no TLS."),
    directive("ciphers_tls1.3", ListenerOrDefault, Text(Again::Replaces, nothing))
        .doc("Which ciphers may be used with TLS 1.3.")
        .planned("there is no TLS."),
    directive("psk_file", Security, Path(Again::Replaces, nothing))
        .reloadable()
        .doc("The file with names and pre-shared keys of clients.")
        .refused("nobody would be asked for a key."),
    directive("psk_hint", ListenerOrDefault, Text(Again::Error, nothing))
        .doc("Encrypt with pre-shared keys, and send this to clients as a hint which to use.")
        .refused(CLEAR),
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
