//! What is logged, and where to.

use super::Scope::Global;
use super::Take::{Bool, Choice, Integer, Text, Words};
use super::{Again, Bounds, Directive, Given, directive};
use crate::config::LogTypes;
use crate::draft::{Draft, Part};
use crate::value::{shown, text};

pub(super) const DIRECTIVES: &[Directive] = &[
    directive("log_dest", Global, Words(log_dest))
        .default("stderr")
        .reloadable()
        .doc("Where log lines go: stderr, stdout, file PATH, syslog, journald, topic, none; may be given more than once, each adds.")
        .note(
            "The first one replaces the default. A none takes back those above it. Topics are those below $SYS/broker/log. \
             The file is opened again at SIGHUP and SIGRTMIN. journald is not in Mosquitto. dlt and android do not work yet, and \
             the server does not start with them.",
        ),
    directive(
        "log_type",
        Global,
        Choice(
            &[
                "none",
                "error",
                "warning",
                "notice",
                "information",
                "debug",
                "subscribe",
                "unsubscribe",
                "internal",
                "websockets",
                "all",
            ],
            log_type,
        ),
    )
    .reloadable()
    .doc("A kind of line that is logged; may be given more than once, each adds. Otherwise error to information.")
    .note("The first one replaces the default. -v on the command line means all, -q none, whatever is said here."),
    directive(
        "log_facility",
        Global,
        Integer(Bounds { min: 0, max: 7, outside: "Invalid 'log_facility' value ({})." }, |draft, number| {
            draft.config.log.facility = Some(number as u8);
        }),
    )
    .reloadable()
    .doc("Which of LOCAL0 to LOCAL7 the lines have in syslog; otherwise DAEMON."),
    directive("log_format", Global, Choice(&["text", "json"], |draft, word| draft.config.log.json = word == "json"))
        .default("text")
        .reloadable()
        .doc("Whether a line is a sentence, or an object of JSON with what it is about in members of its own.")
        .note("Not in Mosquitto, whose sentences are what other programs wait for."),
    directive("log_timestamp", Global, Bool(|draft, on| draft.config.log.timestamp = on))
        .default("true")
        .reloadable()
        .doc("Begin each line with the time."),
    directive(
        "log_timestamp_format",
        Global,
        Text(Again::Error, |draft, format| draft.config.log.timestamp_format = Some(format)),
    )
    .reloadable()
    .doc("How the time is written, as strftime takes it, such as %Y-%m-%dT%H:%M:%S; otherwise seconds since 1970."),
    directive("connection_messages", Global, Bool(|draft, on| draft.config.connection_messages = on))
        .default("true")
        .reloadable()
        .doc("Log clients that connect and disconnect."),
];

fn log_dest(draft: &mut Draft, given: Given<'_>) {
    let mut words = given.words;
    let Some(word) = draft.word(given.name, words.next()) else {
        return;
    };
    if !draft.log_dest_given {
        draft.log_dest_given = true;
        draft.config.log.stderr = false;
    }
    let log = &mut draft.config.log;
    match word {
        b"none" => {
            (log.stderr, log.stdout, log.file) = (false, false, None);
            (log.syslog, log.journald, log.topic) = (false, false, false);
        }
        b"stderr" => log.stderr = true,
        b"stdout" => log.stdout = true,
        b"syslog" => log.syslog = true,
        b"journald" => log.journald = true,
        b"topic" => log.topic = true,
        b"file" => match (words.rest(), &log.file) {
            ([], _) => draft.error("Empty \"log_dest file\" value in configuration."),
            (_, Some(_)) => draft.error("Duplicate \"log_dest file\" value."),
            (path, None) => match text(path) {
                Some(path) => log.file = Some(path),
                None => draft.error("Malformed UTF-8 in configuration."),
            },
        },
        b"dlt" | b"android" => {
            let text = format!("The 'log_dest' option does not work yet with '{}'.", shown(word));
            let hint = "Lines can go to stderr, stdout, file PATH, syslog, journald and topic.";
            draft.error_in(Part::Word(word), text, Some(hint.to_owned()));
        }
        _ => draft.invalid(given.name, word),
    }
}

fn log_type(draft: &mut Draft, word: &'static str) {
    let types = match word {
        "none" => LogTypes::NONE,
        "error" => LogTypes::ERROR,
        "warning" => LogTypes::WARNING,
        "notice" => LogTypes::NOTICE,
        "information" => LogTypes::INFORMATION,
        "debug" => LogTypes::DEBUG,
        "subscribe" => LogTypes::SUBSCRIBE,
        "unsubscribe" => LogTypes::UNSUBSCRIBE,
        "internal" => LogTypes::INTERNAL,
        "websockets" => LogTypes::WEBSOCKETS,
        _ => LogTypes::ALL,
    };
    let first = draft.is_first("log_type", Global);
    let before = if first || word == "none" { LogTypes::NONE } else { draft.config.log.types };
    draft.config.log.types = before.with(types);
}
