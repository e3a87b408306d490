//! Flags that say how messages are shown.

use super::super::settings::Settings;
use super::super::values;
use super::word;
use crate::flags::{Flag, Kind, Section};

pub(super) static SECTION: Section<Settings> = Section {
    title: "Output",
    flags: &[
        Flag {
            names: &["-v", "--verbose"],
            takes: on!(output.is_verbose),
            repeats: false,
            help: "Show the topic before the payload.",
        },
        Flag {
            names: &["-N"],
            takes: on!(output.is_bare),
            repeats: false,
            help: "Add no end of line. On a terminal, show the bytes of messages as they are.",
        },
        Flag {
            names: &["-F"],
            takes: put!(
                word("FORMAT", Kind::Text, "Error: -F argument given but no format specified."),
                output.format = values::format
            ),
            repeats: false,
            help: "Show messages like this: text in which % and a letter stand for a field of the message, @ and a letter for the time \
                   as strftime writes it, and \\ and a letter for a control character.\n\nFields: %t topic, %p payload, %x %X payload in \
                   hexadecimal digits, %f %d payload as a float of 4 or 8 bytes, %l its length, %q QoS, %r retain, %m packet \
                   identifier, %j all as JSON, %J the same with the payload as JSON, %I time, %U seconds since 1970, @N nanoseconds, and of the \
                   properties %A topic alias, %C content type, %D correlation data, %E message expiry interval, %F payload format \
                   indicator, %P user properties, %R response topic, %S subscription identifier.\n\nBetween % and the letter may stand: \
                   - (left), 0 (zeros), a width, a point and a precision, and for hexadecimal digits what stands between groups \
                   of that many: %.2:x.\n\nEscapes: \\0 \\a \\e \\n \\r \\t \\v and \\\\; %% and @@ are % and @.",
        },
        Flag {
            names: &["--pretty"],
            takes: on!(output.is_pretty),
            repeats: false,
            help: "Show JSON (%j, %J) in lines.",
        },
    ],
};

pub(super) static LIVE: Section<Settings> = Section {
    title: "Live",
    flags: &[
        Flag {
            names: &["-w", "--watch"],
            takes: on!(output.is_watching),
            repeats: false,
            help: "Give each topic a line of the screen, which shows its last message.",
        },
        Flag {
            names: &["--table"],
            takes: on!(output.is_table),
            repeats: false,
            help: "Keep a table on the screen with a row for each topic: its last message, how old that is, and messages a second. \
                   Where standard output is no terminal, show topics and messages in lines.",
        },
        Flag {
            names: &["--chart"],
            takes: put!(
                word("FIELD", Kind::Text, "Error: --chart argument given but no field specified."),
                output.chart = values::chart
            ),
            repeats: false,
            help: "Draw the numbers that stand in this field of JSON payloads, such as temperature or readings[0].value; . is the \
                   payload itself. Few topics have axes, many a line each. Where standard output is no terminal, show topics and \
                   numbers in lines.",
        },
        Flag {
            names: &["--message-rate"],
            takes: on!(output.counts_only),
            repeats: false,
            help: "Show no messages, but how many have come in each second.",
        },
    ],
};
