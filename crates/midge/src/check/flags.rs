//! What `check` understands.

use std::ffi::OsString;

use midge_tools::flags::{Flag, Kind, Operand, Section, Stop, Table, Takes, lossy, usual};

use crate::subcommand;

/// What is to be checked.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Wish {
    pub(super) file: String,
    /// A warning makes it fail.
    pub(super) is_strict: bool,
}

/// Reads the words behind `check`.
pub(super) fn parse(words: &[OsString]) -> Result<Wish, Stop> {
    let (wish, files) = subcommand::read(&TABLE, Wish::default(), words)?;
    let file = subcommand::only(&files, "Error: Which file? Name the configuration file.")?;
    Ok(Wish { file: lossy(file).into_owned(), ..wish })
}

pub(super) static TABLE: Table<Wish> = Table {
    name: "check",
    link: None,
    summary: "tell what is wrong with a configuration file and the files it names, and what is dangerous about it",
    synopsis: &["[--strict] FILE"],
    description: "Reads FILE, the files that it includes and those that it names, and tells all for which a server would not \
                  start, and all that is right and dangerous: also whether users, folders, addresses and what is kept on disk \
                  are as it needs them. Run it as the user that starts the server. Nothing is changed, no server is started, and \
                  one may be running.\n\nWhere standard error is a terminal it has colours, unless the environment has a \
                  NO_COLOR.",
    sections: &[&FLAGS],
    rules: &[],
    operands: &[Operand { name: "FILE", kind: Kind::File, help: "The configuration file, a mosquitto.conf." }],
    statuses: &[
        ("0", "All is well."),
        ("1", "--strict finds a warning."),
        ("3", "Something is wrong, with the files or the command line."),
    ],
};

static FLAGS: Section<Wish> = Section {
    title: "Options",
    flags: &[
        Flag {
            names: &["--strict"],
            takes: Takes::Nothing(|wish| {
                wish.is_strict = true;
                Ok(())
            }),
            repeats: false,
            help: "Fail for warnings too.",
        },
        usual::short_help(),
        usual::version(),
    ],
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_file_is_checked() {
        let check = |line: &str, expected: Result<&str, &str>| {
            let words: Vec<_> = line.split_whitespace().map(Into::into).collect();
            let wish = |file: &str| Wish { file: file.to_owned(), is_strict: line.contains("--strict") };
            assert_eq!(parse(&words), expected.map(wish).map_err(|text| Stop::Wrong(text.to_owned())), "{line}");
        };
        check("a.conf", Ok("a.conf"));
        check("--strict a.conf", Ok("a.conf"));
        check("a.conf --strict", Ok("a.conf"));
        check("", Err("Error: Which file? Name the configuration file."));
        check("a.conf b.conf", Err("Error: Unexpected word 'b.conf'."));
        check("-x a.conf", Err("Error: Unknown option '-x'."));
    }
}
