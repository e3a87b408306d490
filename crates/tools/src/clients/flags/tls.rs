//! Flags that say how the connection is encrypted.

use super::super::settings::Settings;
use super::super::values;
use super::word;
use crate::flags::{Flag, Kind, Section, Takes};

pub(crate) static SECTION: Section<Settings> = Section {
    title: "Encryption",
    flags: &[
        Flag {
            names: &["--cafile"],
            takes: put!(
                word("FILE", Kind::File, "Error: --cafile argument given but no file specified."),
                tls.ca_file = values::some_path
            ),
            repeats: false,
            help: "Encrypt, and trust the authorities of this file (PEM).",
        },
        Flag {
            names: &["--capath"],
            takes: put!(
                word("DIR", Kind::Folder, "Error: --capath argument given but no directory specified."),
                tls.ca_folder = values::some_path
            ),
            repeats: false,
            help: "Encrypt, and trust the authorities of the files in this folder.",
        },
        Flag {
            names: &["--tls-use-os-certs"],
            takes: on!(tls.trusts_system),
            repeats: false,
            help: "Encrypt, and trust the authorities that the system trusts.",
        },
        Flag {
            names: &["--cert"],
            takes: put!(
                word("FILE", Kind::File, "Error: --cert argument given but no file specified."),
                tls.certificate_file = values::some_path
            ),
            repeats: false,
            help: "The client's own certificate, with the chain above it (PEM). It needs --key.",
        },
        Flag {
            names: &["--key"],
            takes: put!(
                word("FILE", Kind::File, "Error: --key argument given but no file specified."),
                tls.key_file = values::some_path
            ),
            repeats: false,
            help: "The private key of that certificate (PEM).",
        },
        Flag {
            names: &["--keyform"],
            takes: put!(
                word("FORM", Kind::OneOf(&["pem"]), "Error: --keyform argument given but no keyform specified."),
                tls.key_form = values::some_text("--keyform")
            ),
            repeats: false,
            help: "How the key is kept: pem. Engines of OpenSSL are not used.",
        },
        Flag {
            names: &["--ciphers"],
            takes: put!(
                word("LIST", Kind::Text, "Error: --ciphers argument given but no ciphers specified."),
                tls.ciphers = values::some_text("--ciphers")
            ),
            repeats: false,
            help: "Ciphers of TLS 1.2 that are allowed, by OpenSSL's names, separated by colons.",
        },
        Flag {
            names: &["--tls-version"],
            takes: put!(
                word(
                    "VERSION",
                    Kind::OneOf(&["tlsv1.3", "tlsv1.2"]),
                    "Error: --tls-version argument given but no version specified."
                ),
                tls.version = values::tls_version
            ),
            repeats: false,
            help: "The lowest version of TLS that is allowed: tlsv1.2, which is usual, or tlsv1.3.",
        },
        Flag {
            names: &["--tls-alpn"],
            takes: put!(
                word("PROTOCOL", Kind::Text, "Error: --tls-alpn argument given but no protocol specified."),
                tls.alpn = values::some_text("--tls-alpn")
            ),
            repeats: false,
            help: "Tell the server this protocol (ALPN), as some that share a port want it.",
        },
        Flag {
            names: &["--insecure"],
            takes: on!(tls.is_insecure),
            repeats: false,
            help: "Accept a server whose certificate is of another name. Whoever has any certificate of the authority can then pretend to \
                   be the server.",
        },
        Flag {
            names: &["--no-tls"],
            takes: on!(tls.is_unwanted),
            repeats: false,
            help: "Do not encrypt, whatever else is said, not on port 8883 either.",
        },
        Flag {
            names: &["--tls-keylog"],
            takes: put!(
                word("FILE", Kind::File, "Error: --tls-keylog argument given but no file specified."),
                tls.key_log = values::some_path
            ),
            repeats: false,
            help: "Append the secrets of the connection to this file, with which Wireshark can read what was sent.",
        },
        Flag {
            names: &["--psk"],
            takes: put!(
                word("KEY", Kind::Text, "Error: --psk argument given but no key specified."),
                tls.psk = values::some_text("--psk")
            ),
            repeats: false,
            help: "Encrypt with this key, in hexadecimal digits, that the server knows as well. It needs --psk-identity.",
        },
        Flag {
            names: &["--psk-identity"],
            takes: put!(
                word("NAME", Kind::Text, "Error: --psk-identity argument given but no identity specified."),
                tls.psk_identity = values::some_text("--psk-identity")
            ),
            repeats: false,
            help: "The name by which the server knows that key.",
        },
        Flag {
            names: &["--tls-engine"],
            takes: put!(
                word("ENGINE", Kind::Text, "Error: --tls-engine argument given but no engine_id specified."),
                tls.engine = values::some_text("--tls-engine")
            ),
            repeats: false,
            help: "Not available: engines of OpenSSL are not used.",
        },
        Flag {
            names: &["--tls-engine-kpass-sha1"],
            takes: Takes::Word(
                word("SHA1", Kind::Text, "Error: --tls-engine-kpass-sha1 argument given but no kpass sha1 specified."),
                // It needs an engine, and there is none.
                |_, _| Ok(()),
            ),
            repeats: false,
            help: "Not available either.",
        },
    ],
};
