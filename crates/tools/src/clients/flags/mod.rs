//! What the clients understand: a table for each, of sections that they share.

/// What a flag without a word sets.
macro_rules! on {
    ($($field:ident).+) => {
        $crate::flags::Takes::Nothing(|settings| {
            settings.$($field).+ = true;
            Ok(())
        })
    };
}

/// What a flag sets to what a function makes of its word.
macro_rules! put {
    ($word:expr, $($field:ident).+ = $make:expr) => {
        $crate::flags::Takes::Word($word, |settings, word| {
            settings.$($field).+ = $make(word)?;
            Ok(())
        })
    };
}

/// The rules of flags that say how the connection is encrypted, behind others.
macro_rules! encryption_rules {
    ($($rule:expr),* $(,)?) => {
        &[
            $($rule,)*
            needs("--cert", &["--key"], "Error: Both certfile and keyfile must be provided if one of them is set."),
            needs("--key", &["--cert"], "Error: Both certfile and keyfile must be provided if one of them is set."),
            needs("--keyform", &["--key"], "Error: If keyform is set, keyfile must be also specified."),
            needs(
                "--tls-engine-kpass-sha1",
                &["--tls-engine", "--keyform"],
                "Error: when using tls-engine-kpass-sha1, both tls-engine and keyform must also be provided.",
            ),
            not_both("--psk", "--cafile", "Error: Only one of --psk or --cafile/--capath may be used at once."),
            not_both("--psk", "--capath", "Error: Only one of --psk or --cafile/--capath may be used at once."),
            needs("--psk", &["--psk-identity"], "Error: --psk-identity required if --psk used."),
        ]
    };
}

/// The rules of all three, behind those of one.
macro_rules! rules {
    ($($rule:expr),* $(,)?) => {
        encryption_rules![
            $($rule,)*
            not_both("-i", "-I", "Error: -i and -I argument cannot be used together."),
            needs("--will-payload", &["--will-topic"], "Error: Will payload given, but no will topic given."),
            needs("--will-retain", &["--will-topic"], "Error: Will retain given, but no will topic given."),
        ]
    };
}

pub(crate) mod client;
pub(crate) mod connection;
mod doctor;
mod message;
mod output;
mod recording;
mod retained;
mod subscription;
pub(crate) mod tls;

use std::ffi::OsString;
use std::fs;

use super::settings::{Settings, Tool};
use super::values;
use crate::flags::options_file;
use crate::flags::{Flag, Kind, Moment, Page, Reader, Relation, Rule, Section, Stop, Table, Takes, Word, usual};

pub(crate) use {encryption_rules, on, put};

/// The settings that the words of the command line make, together with the options file.
pub(super) fn read(tool: Tool, words: &[OsString]) -> Result<Settings, Stop> {
    let table = table(tool);
    let mut reader = Reader::new(table, Settings::new(tool));
    for line in options_lines(table, words).map_err(Stop::Wrong)? {
        reader.read_with_operands_between(&line)?;
    }
    let operands = reader.read_with_operands_between(words)?;
    let mut settings = reader.finish()?;
    settings.operands = operands.into_iter().cloned().collect();
    settings.check().map_err(Stop::Wrong)?;
    Ok(settings)
}

/// What a tool tells of itself.
pub(super) fn page(tool: Tool) -> Page {
    table(tool).page()
}

fn table(tool: Tool) -> &'static Table<Settings> {
    match tool {
        Tool::Publisher => &PUBLISHER,
        Tool::Subscriber => &SUBSCRIBER,
        Tool::Requester => &REQUESTER,
        Tool::Retained => &retained::TABLE,
        Tool::Recorder => &recording::RECORDER,
        Tool::Replayer => &recording::REPLAYER,
        Tool::Doctor => &doctor::TABLE,
    }
}

/// The words of each line of the options file: that behind `-o`, or the user's own, which need not be there.
pub(crate) fn options_lines(table: &Table<Settings>, words: &[OsString]) -> Result<Vec<Vec<OsString>>, String> {
    let named: Vec<&OsString> = words.windows(2).filter(|pair| pair[0] == "-o").map(|pair| &pair[1]).collect();
    match (named.as_slice(), words.iter().filter(|word| *word == "-o").count()) {
        ([file], 1) => {
            let bytes = fs::read(file).map_err(|error| {
                format!("Error: Unable to read options file \"{}\": {}.", file.display(), crate::output::reason(&error))
            })?;
            Ok(options_file::words(&bytes))
        }
        (_, 0) => {
            let name = table.link.map_or_else(|| format!("midge_{}", table.name), str::to_owned);
            let bytes = options_file::usual_path(&name).and_then(|path| fs::read(path).ok());
            Ok(options_file::words(&bytes.unwrap_or_default()))
        }
        ([], _) => Err("Error: -o argument given but no options file specified.".to_owned()),
        _ => Err("Error: Duplicate -o argument given.".to_owned()),
    }
}

static PUBLISHER: Table<Settings> = Table {
    name: "pub",
    link: Some("mosquitto_pub"),
    summary: "publish messages",
    synopsis: &["-t TOPIC {-m MESSAGE | -f FILE | -s | -l | -n} [-h HOST] [-p PORT]", "-L URL {-m MESSAGE | …}"],
    description: "Connects to an MQTT server, publishes a message, or one for each line of standard input, and leaves when the \
                  server has them all.",
    sections: &[
        &connection::SECTION,
        &message::SECTION,
        &message::MORE,
        &client::SECTION,
        &client::WILL,
        &tls::SECTION,
        &TALK,
    ],
    rules: rules![one_message(&["-f", "-l", "-m", "-n", "-s"])],
    operands: &[],
    statuses: STATUSES,
};

static SUBSCRIBER: Table<Settings> = Table {
    name: "sub",
    link: Some("mosquitto_sub"),
    summary: "subscribe to topics and show the messages",
    synopsis: &["{-t TOPIC | -U TOPIC} [-h HOST] [-p PORT] [-v | -F FORMAT]", "-L URL [-t TOPIC]"],
    description: "Connects to an MQTT server, subscribes, and shows each message that comes on standard output, until it is ended. A \
                  connection that is lost is made again.\n\nOn a terminal, control characters of messages are shown as \
                  \\u001b and bytes that are no text as \\xff; elsewhere, and with -N, messages are what they are.",
    sections: &[
        &connection::SECTION,
        &subscription::SECTION,
        &subscription::SELECTION,
        &output::SECTION,
        &output::LIVE,
        &client::SECTION,
        &client::WILL,
        &tls::SECTION,
        &TALK,
    ],
    rules: rules![
        not_both("--chart", "--table", "Error: Only one of --chart and --table can be on the screen."),
        not_both("--chart", "-w", "Error: Only one of --chart and --watch can be on the screen."),
        not_both("--table", "-w", "Error: Only one of --table and --watch can be on the screen."),
        not_both("-R", "--retained-only", "Error: Combining '-R' and '--retained-only' makes no sense."),
    ],
    operands: &[],
    statuses: STATUSES,
};

static REQUESTER: Table<Settings> = Table {
    name: "rr",
    link: Some("mosquitto_rr"),
    summary: "publish a request and show the response",
    synopsis: &[
        "-t TOPIC -e TOPIC {-m MESSAGE | -f FILE | -s | -n} [-h HOST] [-p PORT]",
        "-L URL -e TOPIC {-m MESSAGE | …}",
    ],
    description: "Connects to an MQTT server, subscribes to the topic of the response, publishes the request, shows the first message \
                  that comes, and leaves. With MQTT version 5, which is the usual one here, the request tells where the response is \
                  awaited.",
    sections: &[
        &connection::SECTION,
        &message::SECTION,
        &message::RESPONSE,
        &subscription::RETAINED,
        &output::SECTION,
        &client::SECTION,
        &client::WILL,
        &tls::SECTION,
        &TALK,
    ],
    rules: rules![one_message(&["-f", "-m", "-n", "-s"])],
    operands: &[],
    statuses: STATUSES,
};

const STATUSES: &[(&str, &str)] = &[
    ("0", "All went well, or a signal or the end of the reader ended it."),
    ("1", "The command line is wrong, a file cannot be read, or there is no server."),
    ("5", "The server refuses the connection (4 and 5, or with MQTT version 5 the Reason Code, 128 and above)."),
    ("7", "The connection was lost before all was done."),
    ("27", "The time of -W is over."),
];

static TALK: Section<Settings> = Section {
    title: "Talk",
    flags: &[
        Flag {
            names: &["-d", "--debug"],
            takes: on!(is_debugging),
            repeats: false,
            help: "Tell each packet that is sent or received.",
        },
        Flag {
            names: &["--quiet"],
            takes: on!(is_quiet),
            repeats: false,
            help: "Tell nothing on standard error while working.",
        },
        OPTIONS_FILE,
        usual::help(),
        usual::version(),
    ],
};

pub(crate) const OPTIONS_FILE: Flag<Settings> = Flag {
    names: &["-o"],
    takes: Takes::Word(
        Word { name: "FILE", kind: Kind::File, missing: "Error: -o argument given but no options file specified." },
        // Its lines were read before all others.
        |_, _| Ok(()),
    ),
    repeats: false,
    help: "Read flags from this file first, one on each line, instead of from $XDG_CONFIG_HOME (or ~/.config) and the name \
           of the tool as Mosquitto calls it, or midge_NAME where Mosquitto has none.",
};

pub(crate) const QOS: Flag<Settings> = Flag {
    names: &["-q", "--qos"],
    takes: put!(
        word("QOS", Kind::OneOf(&["0", "1", "2"]), "Error: -q argument given but no QoS specified."),
        qos = |word| values::qos("QoS given: ", "", word)
    ),
    repeats: false,
    help: "QoS 0 (usual): a message may get lost. 1: it comes, perhaps twice. 2: it comes once.",
};

const TIMEOUT: Flag<Settings> = Flag {
    names: &["-W"],
    takes: put!(
        word("SECONDS", Kind::Text, "Error: -W argument given but no timeout specified."),
        timeout_s = values::timeout_s
    ),
    repeats: false,
    help: "Leave after so many seconds, with status 27.",
};

/// The word of a flag.
pub(crate) const fn word(name: &'static str, kind: Kind, missing: &'static str) -> Word {
    Word { name, kind, missing }
}

const fn one_message(flags: &'static [&'static str]) -> Rule {
    let message = "Error: Only one type of message can be sent at once.";
    Rule { relation: Relation::OnlyOne(flags), moment: Moment::AtOnce, message }
}

pub(crate) const fn not_both(one: &'static str, other: &'static str, message: &'static str) -> Rule {
    Rule { relation: Relation::NotBoth(one, other), moment: Moment::AtTheEnd, message }
}

pub(crate) const fn needs(one: &'static str, others: &'static [&'static str], message: &'static str) -> Rule {
    Rule { relation: Relation::Needs(one, others), moment: Moment::AtTheEnd, message }
}
