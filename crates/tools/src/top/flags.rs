//! What `top` understands.

use std::time::Duration;

use super::sort::SortKey;
use crate::RunningServer;
use crate::admin::{FOLDER, ONE_SERVER, SERVER_FILE, socket};
use crate::bench::settings::{count, duration};
use crate::clients::flags::{not_both, on, put, word};
use crate::flags::{Flag, Kind, Section, Table, Takes, lossy, usual};

/// What its flags say.
pub(super) struct Options {
    pub(super) server: Option<RunningServer>,
    pub(super) sort: SortKey,
    pub(super) interval: Duration,
    /// How often it is looked; `None`: until somebody ends it.
    pub(super) looks: Option<u64>,
    pub(super) limit: usize,
    pub(super) is_json: bool,
}

impl Default for Options {
    fn default() -> Self {
        let (sort, interval) = (SortKey::Traffic, Duration::from_secs(2));
        Self { server: None, sort, interval, looks: None, limit: 20, is_json: false }
    }
}

pub(super) static TABLE: Table<Options> = Table {
    name: "top",
    link: None,
    summary: "show what a running server does: rates, clients, queues, slow readers",
    synopsis: &["[--sort KEY] [--interval SECONDS] [-n COUNT | --once] [--json] [FOLDER | -c FILE | --socket PATH]"],
    description: "Shows the server as a whole, and the clients that have most of something, anew every few seconds. In a terminal, keys \
                  choose by what clients are sorted: t by traffic, r by messages a second that come from them, s by messages a second \
                  that go to them, u by messages that wait in their queues or are under way, w by bytes that they do not read (slow \
                  readers), c by how long they have been connected. p pauses, and q ends it. Elsewhere it writes lines, or an object \
                  of JSON each time.\n\n\
                  Clients that are away are shown with the messages that wait for them. Rates are those since the last look.",
    sections: &[&OUTPUT, &SERVER],
    rules: &[ONE_SERVER, not_both("-n", "--once", "Error: -n and --once both say how often.")],
    operands: &[FOLDER],
    statuses: &[
        ("0", "It was told to end, or has shown what it was to show."),
        ("1", "There is no such server, or it has ended, or the command line is wrong."),
    ],
};

static OUTPUT: Section<Options> = Section {
    title: "Output",
    flags: &[
        Flag {
            names: &["--sort"],
            takes: put!(
                word("KEY", Kind::OneOf(SortKey::NAMES), "Error: --sort argument given but no key specified."),
                sort = |word| SortKey::parse(&lossy(word))
            ),
            repeats: false,
            help: "By what clients are sorted: traffic (usually), received, sent, queued, waiting or connected.",
        },
        Flag {
            names: &["--interval"],
            takes: put!(
                word("SECONDS", Kind::Text, "Error: --interval argument given but no time specified."),
                interval = |word| duration("--interval", word).map(|interval| interval.clamp(SHORTEST, LONGEST))
            ),
            repeats: false,
            help: "Look again after so many seconds; usually 2, at least 0.1 and at most 60.",
        },
        Flag {
            names: &["-n"],
            takes: put!(
                word("COUNT", Kind::Text, "Error: -n argument given but no count specified."),
                looks = |word| count("-n", word).map(Some)
            ),
            repeats: false,
            help: "Look so often, and end.",
        },
        Flag {
            names: &["--once"],
            takes: Takes::Nothing(|options| {
                options.looks = Some(1);
                Ok(())
            }),
            repeats: false,
            help: "Look once, and end.",
        },
        Flag {
            names: &["--limit"],
            takes: put!(
                word("COUNT", Kind::Text, "Error: --limit argument given but no count specified."),
                limit = |word| count::<u16>("--limit", word).map(|limit| usize::from(limit).min(LIMIT_MAX))
            ),
            repeats: false,
            help: "Show so many clients, where it is no terminal; usually 20, at most 1000.",
        },
        Flag {
            names: &["--json"],
            takes: on!(is_json),
            repeats: false,
            help: "An object of JSON on a line for each look: server, rates, and clients.",
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

const SHORTEST: Duration = Duration::from_millis(100);

/// The server waits longer than that for the next question.
const LONGEST: Duration = Duration::from_secs(60);

const LIMIT_MAX: usize = 1_000;
