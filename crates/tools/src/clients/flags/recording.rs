//! What `record` and `replay` understand beside what all clients do.

use super::super::recording_settings as recording;
use super::super::settings::Settings;
use super::super::values;
use super::{STATUSES, TALK, client, connection, needs, not_both, tls, word};
use crate::flags::{Flag, Kind, Operand, Section, Table, Takes};
use crate::recording::Form;

pub(super) static RECORDER: Table<Settings> = Table {
    name: "record",
    link: None,
    summary: "record messages with their times",
    synopsis: &["FILE -t FILTER [-h HOST] [-p PORT] [--json] [--duration TIME]"],
    description: "Connects to an MQTT server, subscribes, and writes each message that comes into a file, with the time at which it \
                  came, its QoS, RETAIN and properties, until it is ended. 'midge replay' publishes them again.\n\nA connection that \
                  is lost is made again, and the recording says how long it was not there. To miss nothing of QoS 1 and 2 meanwhile, \
                  let the server keep the session (-c -i ID).",
    sections: &[&RECORDING, &connection::SECTION, &client::SECTION, &tls::SECTION, &TALK],
    rules: rules![],
    operands: &[Operand {
        name: "FILE",
        kind: Kind::File,
        help: "The file, which must not be there yet; - is standard output.",
    }],
    statuses: STATUSES,
};

pub(super) static REPLAYER: Table<Settings> = Table {
    name: "replay",
    link: None,
    summary: "publish recorded messages with the times that they had",
    synopsis: &["FILE [-h HOST] [-p PORT] [--speed FACTOR] [--from TIME] [--to TIME] [--map OLD=NEW]"],
    description: "Connects to an MQTT server and publishes what 'midge record' has recorded, or what stands in a file with a JSON \
                  object on each line, such as {\"time\":1.5,\"topic\":\"a\",\"payload\":\"x\"}. Messages of QoS 1 and 2 have reached the \
                  server when it ends.",
    sections: &[&REPLAY, &connection::SECTION, &client::SECTION, &tls::SECTION, &TALK],
    rules: rules![],
    operands: &[Operand { name: "FILE", kind: Kind::File, help: "The recording; - is standard input." }],
    statuses: STATUSES,
};

static RECORDING: Section<Settings> = Section {
    title: "Recording",
    flags: &[
        Flag {
            names: &["-t", "--topic"],
            takes: Takes::Word(
                word("FILTER", Kind::Text, "Error: -t argument given but no topic specified."),
                |settings, word| settings.add_topic("-t", word),
            ),
            repeats: true,
            help: "Record this topic. + stands for one level of it, and # for all that follow.",
        },
        Flag {
            names: &["-q", "--qos"],
            takes: put!(
                word("QOS", Kind::OneOf(&["0", "1", "2"]), "Error: -q argument given but no QoS specified."),
                qos = |word| values::qos("QoS given: ", "", word)
            ),
            repeats: false,
            help: "Have messages sent with this QoS at most; usually 2, so that each has the one with which it was published.",
        },
        Flag {
            names: &["--json"],
            takes: Takes::Nothing(|settings| {
                settings.recording.form = Form::Lines;
                Ok(())
            }),
            repeats: false,
            help: "Write lines of JSON, which other programs can read.",
        },
        Flag {
            names: &["--overwrite"],
            takes: on!(recording.overwrites),
            repeats: false,
            help: "Write over a file that is there.",
        },
        Flag {
            names: &["--duration"],
            takes: put!(
                word("TIME", Kind::Text, "Error: --duration argument given but no time specified."),
                recording.duration_s = |word| super::super::retained::duration_s("--duration", word).map(Some)
            ),
            repeats: false,
            help: "End after this time, such as 90s or 1h30m.",
        },
        Flag {
            names: &["-C"],
            takes: put!(
                word("COUNT", Kind::Text, "Error: -C argument given but no count specified."),
                subscription.count = values::count
            ),
            repeats: false,
            help: "End after so many messages.",
        },
    ],
};

static REPLAY: Section<Settings> = Section {
    title: "Replay",
    flags: &[
        Flag {
            names: &["--speed"],
            takes: put!(
                word("FACTOR", Kind::Text, "Error: --speed argument given but no factor specified."),
                recording.speed = recording::speed
            ),
            repeats: false,
            help: "10: ten times as fast as it was; 0.5: half as fast; max: as fast as the server takes it.",
        },
        Flag {
            names: &["--from"],
            takes: put!(
                word("TIME", Kind::Text, "Error: --from argument given but no time specified."),
                recording.from_us = |word| recording::offset_us("--from", word)
            ),
            repeats: false,
            help: "Begin here: seconds from the beginning of the recording, or a time such as 1h30m.",
        },
        Flag {
            names: &["--to"],
            takes: put!(
                word("TIME", Kind::Text, "Error: --to argument given but no time specified."),
                recording.to_us = |word| recording::offset_us("--to", word)
            ),
            repeats: false,
            help: "End here.",
        },
        Flag {
            names: &["--map"],
            takes: Takes::Word(
                word("OLD=NEW", Kind::Text, "Error: --map argument given but no topics specified."),
                |settings, word| settings.recording.add_map(word),
            ),
            repeats: true,
            help: "Publish topics that begin with OLD under NEW and what follows, such as sensors/=test/sensors/. Of several, the \
                   first that fits counts.",
        },
    ],
};
