//! What `retained` understands beside what all clients do.

use super::super::retained::{self, TimeSource};
use super::super::settings::Settings;
use super::super::values;
use super::{STATUSES, TALK, client, connection, needs, not_both, output, tls, word};
use crate::flags::{Flag, Kind, Operand, Section, Table, Takes};

pub(super) static TABLE: Table<Settings> = Table {
    name: "retained",
    link: None,
    summary: "list, show or delete retained messages",
    synopsis: &[
        "list [-t FILTER] [--older-than AGE] [--json]",
        "get [-t FILTER] [--older-than AGE] [-v | -F FORMAT]",
        "delete -t FILTER [--older-than AGE] [--dry-run]",
    ],
    description: "Connects to an MQTT server, and lists its retained messages, shows them, or deletes them. 'delete' asks nothing: it \
                  writes the topic of each message that it has deleted to standard output, and with --dry-run the topics of those \
                  that it would delete.\n\nA server does not say when it has sent the last retained message, so they are taken to be \
                  all when none has come for a second (--wait). What this client may not read is not sent, and that is not told \
                  either.\n\nNo version of MQTT tells how old a retained message is. --older-than knows it only where the message \
                  says it itself (--time-property, --time-field) or has an expiry interval that was known when it was published \
                  (--expiry-was). Messages of unknown age are left alone, and counted.",
    sections: &[
        &SELECTION,
        &AGE,
        &ACTION,
        &connection::SECTION,
        &output::SECTION,
        &client::SECTION,
        &tls::SECTION,
        &TALK,
    ],
    rules: rules![],
    operands: &[Operand {
        name: "ACTION",
        kind: Kind::OneOf(&["list", "get", "delete"]),
        help: "list: a line for each message, with its size, QoS, age, time left until it expires, and topic. get: the messages, as \
               'midge sub' shows them. delete: delete them.",
    }],
    statuses: STATUSES,
};

static SELECTION: Section<Settings> = Section {
    title: "Selection",
    flags: &[
        Flag {
            names: &["-t", "--filter", "--topic"],
            takes: Takes::Word(
                word("FILTER", Kind::Text, "Error: -t argument given but no topic specified."),
                |settings, word| settings.add_topic("-t", word),
            ),
            repeats: true,
            help: "Messages on these topics. Without it: all (#), but for those that begin with $. 'delete' wants to be told.",
        },
        Flag {
            names: &["--older-than"],
            takes: put!(
                word("AGE", Kind::Text, "Error: --older-than argument given but no age specified."),
                retained.older_than_s = |word| retained::duration_s("--older-than", word).map(Some)
            ),
            repeats: false,
            help: "Only messages that are known to be older, such as 30d; w, d, h, m and s can follow each other, as in 1d12h.",
        },
        Flag {
            names: &["--wait"],
            takes: put!(
                word("SECONDS", Kind::Text, "Error: --wait argument given but no seconds specified."),
                retained.quiet_ms = retained::quiet_ms
            ),
            repeats: false,
            help: "So long nothing must have come until the messages are taken to be all; usually 1. More for servers far away.",
        },
    ],
};

static AGE: Section<Settings> = Section {
    title: "Age",
    flags: &[
        Flag {
            names: &["--time-property"],
            takes: put!(
                word("NAME", Kind::Text, "Error: --time-property argument given but no name specified."),
                retained.time =
                    |word| values::text("--time-property", word).map(|name| TimeSource::UserProperty(name.to_owned()))
            ),
            repeats: false,
            help: "The user property in which the message says when it was published: seconds or milliseconds since 1970, or \
                   2026-01-31T12:00:00Z. This is the usual way, with the name 'timestamp'.",
        },
        Flag {
            names: &["--time-field"],
            takes: put!(
                word("FIELD", Kind::Text, "Error: --time-field argument given but no field specified."),
                retained.time = |word| values::text("--time-field", word).and_then(TimeSource::field)
            ),
            repeats: false,
            help: "The field of a JSON payload in which it says so, such as meta.time or readings[0].at.",
        },
        Flag {
            names: &["--expiry-was"],
            takes: put!(
                word("TIME", Kind::Text, "Error: --expiry-was argument given but no time specified."),
                retained.time = |word| retained::duration_s("--expiry-was", word).map(TimeSource::ExpiryWas)
            ),
            repeats: false,
            help: "The message expiry interval with which the messages were published, such as 90d. The server says what is left of \
                   it.",
        },
    ],
};

static ACTION: Section<Settings> = Section {
    title: "Action",
    flags: &[
        Flag {
            names: &["--dry-run"],
            takes: on!(retained.is_dry_run),
            repeats: false,
            help: "With 'delete': delete nothing, only say what would be.",
        },
        Flag {
            names: &["--json"],
            takes: on!(retained.is_json),
            repeats: false,
            help: "With 'list': a JSON object on each line, with topic, bytes, qos, age and left (in seconds, or null).",
        },
    ],
};
