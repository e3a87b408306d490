//! What `db_dump` understands.

use super::Form;
use crate::flags::{Flag, Kind, Moment, Operand, Relation, Rule, Section, Table, Takes, usual};

pub(super) static TABLE: Table<Form> = Table {
    name: "db_dump",
    link: Some("mosquitto_db_dump"),
    summary: "show what stands in a mosquitto.db",
    synopsis: &["[--stats | --client-stats | --json] FILE"],
    description: "Shows what a server has kept: each entry of the file with all its fields, or what the options say. Versions 2 to \
                  6 of the format are read, which are those of Mosquitto 1.0 to 2.1.",
    sections: &[&FLAGS],
    rules: &[Rule {
        relation: Relation::OnlyOne(&["--stats", "--client-stats", "--json"]),
        moment: Moment::AtOnce,
        message: "Error: Only one of --stats, --client-stats and --json may be used at once.",
    }],
    operands: &[Operand {
        name: "FILE",
        kind: Kind::File,
        help: "A mosquitto.db; or the folder in which a server of Midge has kept its log, NAME.midge, which is also taken where \
               there is no NAME. That server must not run; of one that does, show what midge backup has copied.",
    }],
    statuses: &[
        ("0", "All of it was shown. As mosquitto_db_dump also where there is no FILE."),
        ("1", "It is damaged or something else, or the command line is wrong."),
    ],
};

static FLAGS: Section<Form> = Section {
    title: "Options",
    flags: &[
        Flag {
            names: &["--stats"],
            takes: Takes::Nothing(|form| {
                *form = Form::Stats;
                Ok(())
            }),
            repeats: false,
            help: "Show only how many entries there are of each kind.",
        },
        Flag {
            names: &["--client-stats"],
            takes: Takes::Nothing(|form| {
                *form = Form::ClientStats;
                Ok(())
            }),
            repeats: false,
            help: "Show one line for each client. It says how many subscriptions the client has (SC) and their bytes (SS), how \
                   many messages (MC) and their bytes (MS).",
        },
        Flag {
            names: &["--json"],
            takes: Takes::Nothing(|form| {
                *form = Form::Json;
                Ok(())
            }),
            repeats: false,
            help: "Show everything as one JSON object. Payloads are Base64.",
        },
        usual::short_help(),
        usual::version(),
    ],
};
