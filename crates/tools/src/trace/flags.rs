//! What `trace` understands.

use crate::RunningServer;
use crate::admin::{FOLDER, ONE_SERVER, SERVER_FILE, socket};
use crate::bench::settings::count;
use crate::clients::flags::{on, put, word};
use crate::clients::values::text;
use crate::flags::{Flag, Kind, Section, Table, lossy, usual};

/// What its flags say.
#[derive(Default)]
pub(super) struct Options {
    pub(super) server: Option<RunningServer>,
    pub(super) client_id: Option<String>,
    pub(super) topic: Option<String>,
    pub(super) address: Option<String>,
    pub(super) count: Option<u64>,
    /// 0 is no limit.
    pub(super) seconds: Option<u64>,
    pub(super) shows_payload: bool,
    pub(super) is_json: bool,
}

pub(super) static TABLE: Table<Options> = Table {
    name: "trace",
    link: None,
    summary: "show the packets of a client, a topic or an address, live",
    synopsis: &[
        "{--client ID | --topic FILTER | --address ADDRESS}… [--payload] [--json] [FOLDER | -c FILE | --socket PATH]",
    ],
    description: "Shows the packets that a running server receives and sends, decoded, from now on; also the CONNECT of a client that \
                  comes later, and of one that is refused. The server needs no restart, and no other configuration. Where several \
                  of --client, --topic and --address are given, all of them hold.\n\n\
                  A line has the time, the client, > for a packet that it sends and < for one that it is sent, and what the packet says. \
                  Passwords are never shown. What is more than this terminal or file takes, the server leaves out and says so; it never \
                  waits. It ends after ten minutes, unless --seconds says something else.",
    sections: &[&SUBJECT, &OUTPUT, &SERVER],
    rules: &[ONE_SERVER],
    operands: &[FOLDER],
    statuses: &[
        ("0", "The trace has come to its end, or was interrupted."),
        ("1", "There is no such server, or the command line is wrong."),
    ],
};

static SUBJECT: Section<Options> = Section {
    title: "What is shown",
    flags: &[
        Flag {
            names: &["--client"],
            takes: put!(
                word("ID", Kind::Text, "Error: --client argument given but no client id specified."),
                client_id = |word| text("--client", word).map(|id| Some(id.to_owned()))
            ),
            repeats: false,
            help: "Packets of the client with this Client Identifier.",
        },
        Flag {
            names: &["--topic", "-t"],
            takes: put!(
                word("FILTER", Kind::Text, "Error: --topic argument given but no topic specified."),
                topic = |word| text("--topic", word).map(|topic| Some(topic.to_owned()))
            ),
            repeats: false,
            help: "PUBLISH packets with such a topic, of all clients, and the packets in which clients name such a topic: SUBSCRIBE, \
                   UNSUBSCRIBE, and CONNECT with a Will.",
        },
        Flag {
            names: &["--address"],
            takes: put!(
                word("ADDRESS", Kind::Text, "Error: --address argument given but no address specified."),
                address = |word| text("--address", word).map(|address| Some(address.to_owned()))
            ),
            repeats: false,
            help: "Packets of clients that come from this IP address, or from this address and port (10.0.0.7:50123, [::1]:50123), or by the \
                   Unix socket of this path.",
        },
        Flag {
            names: &["--count"],
            takes: put!(
                word("COUNT", Kind::Text, "Error: --count argument given but no count specified."),
                count = |word| count("--count", word).map(Some)
            ),
            repeats: false,
            help: "End after so many packets.",
        },
        Flag {
            names: &["--seconds"],
            takes: put!(
                word("SECONDS", Kind::Text, "Error: --seconds argument given but no time specified."),
                seconds = |word| seconds(&lossy(word)).map(Some)
            ),
            repeats: false,
            help: "End after so many seconds; usually 600. 0 is no limit.",
        },
    ],
};

static OUTPUT: Section<Options> = Section {
    title: "Output",
    flags: &[
        Flag {
            names: &["--payload"],
            takes: on!(shows_payload),
            repeats: false,
            help: "Show payloads, too: the first 1024 bytes of each.",
        },
        Flag {
            names: &["--json"],
            takes: on!(is_json),
            repeats: false,
            help: "An object of JSON on a line for each packet.",
        },
    ],
};

static SERVER: Section<Options> = Section {
    title: "Server",
    flags: &[
        usual::config_file(SERVER_FILE, |options, word| {
            options.server = Some(RunningServer::WithConfiguration(lossy(word).into_owned()));
            Ok(())
        }),
        socket(|options, word| {
            options.server = Some(RunningServer::AtSocket(word.into()));
            Ok(())
        }),
        usual::help(),
        usual::version(),
    ],
};

fn seconds(word: &str) -> Result<u64, String> {
    let number = word.parse().ok().filter(|seconds| *seconds <= 86_400);
    number.ok_or_else(|| format!("Error: Invalid --seconds argument \"{word}\": a number up to 86400 is wanted."))
}
