//! Flags that say what is published.

use super::super::settings::{Settings, Source};
use super::super::values;
use super::word;
use crate::flags::{Flag, Kind, Section, Takes};
use std::path::PathBuf;

/// Where the payload comes from, for a flag without a word.
macro_rules! source {
    ($source:ident) => {
        Takes::Nothing(|settings| {
            settings.message.source = Some(Source::$source);
            Ok(())
        })
    };
}

pub(super) static SECTION: Section<Settings> = Section {
    title: "Message",
    flags: &[
        Flag {
            names: &["-t", "--topic"],
            takes: Takes::Word(
                word("TOPIC", Kind::Text, "Error: -t argument given but no topic specified."),
                |settings, word| settings.add_topic("-t", word),
            ),
            repeats: false,
            help: "The topic to publish to.",
        },
        Flag {
            names: &["-m", "--message"],
            takes: put!(
                word("MESSAGE", Kind::Text, "Error: -m argument given but no message specified."),
                message.source = |word| Ok::<_, String>(Some(Source::Word(values::bytes(word))))
            ),
            repeats: false,
            help: "The payload.",
        },
        Flag {
            names: &["-f", "--file"],
            takes: put!(
                word("FILE", Kind::File, "Error: -f argument given but no file specified."),
                message.source = |word| Ok::<_, String>(Some(Source::File(PathBuf::from(word))))
            ),
            repeats: false,
            help: "The payload is what this file holds.",
        },
        Flag {
            names: &["-s", "--stdin-file"],
            takes: source!(StandardInput),
            repeats: false,
            help: "The payload is all of standard input.",
        },
        Flag {
            names: &["-n", "--null-message"],
            takes: source!(Nothing),
            repeats: false,
            help: "There is no payload: with -r, the retained message is removed.",
        },
        super::QOS,
    ],
};

pub(super) static MORE: Section<Settings> = Section {
    title: "More messages",
    flags: &[
        Flag {
            names: &["-l", "--stdin-line"],
            takes: source!(Lines),
            repeats: false,
            help: "Each line of standard input is a message. A connection that is lost is made again, and nothing of QoS 1 and 2 is lost.",
        },
        Flag {
            names: &["-r", "--retain"],
            takes: on!(message.retain),
            repeats: false,
            help: "The server keeps the message for those who subscribe later.",
        },
        Flag {
            names: &["--repeat"],
            takes: put!(
                word("COUNT", Kind::Text, "Error: --repeat argument given but no count specified."),
                message.count = values::repeat
            ),
            repeats: false,
            help: "Publish the message so many times (not with -l).",
        },
        Flag {
            names: &["--repeat-delay"],
            takes: put!(
                word("SECONDS", Kind::Text, "Error: --repeat-delay argument given but no time specified."),
                message.delay = values::repeat_delay
            ),
            repeats: false,
            help: "Wait so long in between, such as 0.5.",
        },
    ],
};

pub(super) static RESPONSE: Section<Settings> = Section {
    title: "Response",
    flags: &[
        Flag {
            names: &["-e"],
            takes: put!(
                word("TOPIC", Kind::Text, "Error: -e argument given but no response topic specified."),
                message.response_topic = |word| values::topic_name("-e", "response", word).map(Some)
            ),
            repeats: false,
            help: "The topic on which the response is awaited.",
        },
        super::TIMEOUT,
        Flag {
            names: &["--latency"],
            takes: on!(output.tells_latency),
            repeats: false,
            help: "Tell how long it took from the request to the response.",
        },
    ],
};
