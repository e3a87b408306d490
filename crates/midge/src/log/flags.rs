//! What `log` understands.

use std::ffi::OsString;
use std::path::PathBuf;

use midge_tools::flags::{Flag, Kind, Moment, Operand, Relation, Rule, Section, Stop, Table, Takes, usual};

use crate::subcommand;

/// What is to be shown.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Wish {
    /// A folder or a file.
    pub(super) place: PathBuf,
    pub(super) form: Form,
}

/// How it is to be shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Form {
    /// For people.
    #[default]
    Text,
    /// An object for each record.
    Json,
    /// Not at all: it is only checked.
    Verdict,
}

/// Reads the words behind `log`.
pub(super) fn parse(words: &[OsString]) -> Result<Wish, Stop> {
    let (wish, places) = subcommand::read(&TABLE, Wish::default(), words)?;
    let place = subcommand::only(&places, "Error: Which log? Name its folder.")?;
    Ok(Wish { place: place.into(), ..wish })
}

pub(super) static TABLE: Table<Wish> = Table {
    name: "log",
    link: None,
    summary: "show or check what a server has kept",
    synopsis: &["[--json | --verify] FOLDER | FILE"],
    description: "Shows what stands in a log: one line for each batch and each record, and what each file is. The server may be \
                  running: nothing is locked, and nothing is changed.\n\nA line begins with the position in the log, the time \
                  since the first batch that is shown, and the shard. #1234 names a message, 0/3 the Session in slot 3 of shard \
                  0 (0/3.2 the third that was there), v12 the twelfth retained write. A message that is handed on to \
                  another system tells when it was received, to the nanosecond, by which it is known there. A batch at \
                  the end that is not whole was torn by a crash or is being written just now; it is told, and is no \
                  fault.",
    sections: &[&FLAGS],
    rules: &[Rule {
        relation: Relation::NotBoth("--json", "--verify"),
        moment: Moment::AtTheEnd,
        message: "Error: --verify shows nothing, so that --json says nothing.",
    }],
    operands: &[Operand {
        name: "FOLDER",
        kind: Kind::Folder,
        help: "The folder NAME.midge with the segment files, or the one in which that stands (persistence_location); or one \
               segment file, also one that a repair set aside (.bad).",
    }],
    statuses: &[
        ("0", "All is well."),
        ("1", "Something is wrong with the log; it is told, with its place, on standard error."),
        ("3", "The command line is wrong."),
    ],
};

static FLAGS: Section<Wish> = Section {
    title: "Options",
    flags: &[
        Flag {
            names: &["--json"],
            takes: Takes::Nothing(|wish| {
                wish.form = Form::Json;
                Ok(())
            }),
            repeats: false,
            help: "One JSON object for each record, and nothing else. What is wrong is told on standard error.",
        },
        Flag {
            names: &["--verify"],
            takes: Takes::Nothing(|wish| {
                wish.form = Form::Verdict;
                Ok(())
            }),
            repeats: false,
            help: "Only check: all checksums, and that all records can be read.",
        },
        usual::short_help(),
        usual::version(),
    ],
};
