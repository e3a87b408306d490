//! Flags that say where the server is.

use super::super::settings::Settings;
use super::super::values;
use super::word;
use crate::flags::{Flag, Kind, Section, Takes};
use crate::url::ProxyUrl;

pub(super) static SECTION: Section<Settings> = Section {
    title: "Connection",
    flags: &[
        HOST,
        PORT,
        Flag {
            names: &["-L", "--url"],
            takes: Takes::Word(
                word("URL", Kind::Text, "Error: -L argument given but no URL specified."),
                |settings, word| settings.take_url(word),
            ),
            repeats: false,
            help: "User, password, host, port and topic at once: mqtt://[USER[:PASSWORD]@]HOST[:PORT]/TOPIC, with mqtts:// \
                   encrypted, with ws:// and wss:// over WebSocket.",
        },
        SOCKET,
        WEBSOCKET,
        PROXY,
        BIND,
        Flag {
            names: &["--nodelay"],
            takes: Takes::Nothing(|_| Ok(())),
            repeats: false,
            help: "Send small packets at once. That is always so here; the flag is for scripts that have it.",
        },
        Flag {
            names: &["-S"],
            takes: Takes::Nothing(|_| {
                Err("Error: -S cannot be used, as SRV records are not looked up: name the server with -h and -p."
                    .to_owned())
            }),
            repeats: false,
            help: "Not available: SRV records are not looked up.",
        },
    ],
};

pub(crate) const PROXY: Flag<Settings> = Flag {
    names: &["--proxy"],
    takes: put!(
        word("URL", Kind::Text, "Error: --proxy argument given but no proxy url specified."),
        server.proxy = |word| ProxyUrl::parse(values::text("--proxy", word)?).map(Some)
    ),
    repeats: false,
    help: "Go through this SOCKS5 proxy: socks5h://[USER[:PASSWORD]@]HOST[:PORT]. It looks the server's name up. In user and \
           password, %25, %3a and %40 stand for %, : and @.",
};

pub(crate) const BIND: Flag<Settings> = Flag {
    names: &["-A"],
    takes: put!(
        word("ADDRESS", Kind::Text, "Error: -A argument given but no address specified."),
        server.bind = values::bind_address
    ),
    repeats: false,
    help: "Connect from this address of the own machine.",
};

pub(crate) const WEBSOCKET: Flag<Settings> =
    Flag { names: &["--ws"], takes: on!(server.is_websocket), repeats: false, help: "Speak MQTT over WebSocket." };

pub(crate) const HOST: Flag<Settings> = Flag {
    names: &["-h", "--host"],
    takes: put!(
        word("HOST", Kind::Host, "Error: -h argument given but no host specified."),
        server.host = values::some_text("-h")
    ),
    repeats: false,
    help: "The server's host; this machine, if none is named.",
};

pub(crate) const PORT: Flag<Settings> = Flag {
    names: &["-p", "--port"],
    takes: put!(
        word("PORT", Kind::Text, "Error: -p argument given but no port specified."),
        server.port = values::port
    ),
    repeats: false,
    help: "The server's port; 1883 if none is named, and 8883 with --cafile, --capath or --psk. On 8883 the connection is \
           encrypted, and those authorities are trusted that the system trusts, unless others are named.",
};

pub(crate) const SOCKET: Flag<Settings> = Flag {
    names: &["--unix"],
    takes: put!(
        word("PATH", Kind::File, "Error: --unix argument given but no socket path specified."),
        server.socket = values::some_path
    ),
    repeats: false,
    help: "Connect to the Unix socket at this path.",
};
