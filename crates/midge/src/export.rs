//! `midge export FILE`: what a server has kept, as a database for Mosquitto.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use midge_config::Config;
use midge_server::{Identity, Options};
use midge_tools::flags::{
    Flag, Kind, Moment, Operand, Relation, Rule, Section, Stop, Table, Takes, Word, lossy, usual,
};

use crate::log::find;
use crate::persistence::Environment;
use crate::subcommand::{self, Subcommand};
use crate::{Status, server};

/// What is to be exported, and where to.
#[derive(Debug, Default, PartialEq, Eq)]
struct Wish {
    file: PathBuf,
    config_file: Option<String>,
    log: Option<PathBuf>,
}

/// The row of the command.
pub(crate) const SUBCOMMAND: Subcommand =
    Subcommand { page: || TABLE.page(), run: |words| subcommand::run(&TABLE, parse(words), export) };

fn parse(words: &[OsString]) -> Result<Wish, Stop> {
    let (wish, files) = subcommand::read(&TABLE, Wish::default(), words)?;
    let file = subcommand::only(&files, "Error: Where to? Name the file, such as mosquitto.db.")?;
    Ok(Wish { file: file.into(), ..wish })
}

fn export(wish: Wish) -> Status {
    let Wish { file, config_file, log } = wish;
    let found = match log {
        Some(folder) => Ok((folder, Options::from_config(&Config::without_file(), Identity::Midge))),
        None => server::options_with_log(config_file),
    };
    let (folder, options) = match found {
        Ok(found) => found,
        Err(status) => return status,
    };
    let allows_symlinks = Environment::of_process().allows_symlinks;
    match midge_server::export(&folder, allows_symlinks, &options.broker, &file) {
        Ok(exported) => {
            crate::say(format_args!("{}", exported.told));
            exported.warnings.iter().for_each(|line| eprintln!("{line}"));
            Status::Success
        }
        Err(message) => {
            eprintln!("Error: {message}.");
            Status::Failure
        }
    }
}

/// Writes what the log in the folder holds into a new file. Gives what it has no words for; the error is the message for the
/// user, without its beginning.
pub(crate) fn export_to(folder: &Path, file: &Path) -> Result<Vec<String>, String> {
    let folder = find::log_in(folder)?;
    let options = Options::from_config(&Config::without_file(), Identity::Midge);
    let allows_symlinks = Environment::of_process().allows_symlinks;
    midge_server::export(&folder, allows_symlinks, &options.broker, file).map(|exported| exported.warnings)
}

static TABLE: Table<Wish> = Table {
    name: "export",
    link: None,
    summary: "write what a server has kept as a mosquitto.db",
    synopsis: &["FILE [-c FILE | --log FOLDER]"],
    description: "Writes what a server has kept into FILE, a mosquitto.db that Mosquitto 2 starts with: sessions, subscriptions, \
                  queued messages, QoS 2 exchanges and retained messages. The server must not run; of one that does, export what \
                  midge backup has copied. What the format has no place for is told on standard error.",
    sections: &[&FLAGS],
    rules: &[Rule {
        relation: Relation::NotBoth("-c", "--log"),
        moment: Moment::AtTheEnd,
        message: "Error: -c and --log both say which log is meant.",
    }],
    operands: &[Operand { name: "FILE", kind: Kind::File, help: "The new file, which must not be there yet." }],
    statuses: &[("0", "The file is written."), ("1", "It cannot be written."), ("3", "The command line is wrong.")],
};

static FLAGS: Section<Wish> = Section {
    title: "Options",
    flags: &[
        usual::config_file(
            "The server that is started with FILE. Without it: the one that you start as midge without a file.",
            |wish, word| {
                wish.config_file = Some(lossy(word).into_owned());
                Ok(())
            },
        ),
        Flag {
            names: &["--log"],
            takes: Takes::Word(
                Word {
                    name: "FOLDER",
                    kind: Kind::Folder,
                    missing: "Error: --log argument given, but no folder specified.",
                },
                |wish, word| {
                    wish.log = Some(word.into());
                    Ok(())
                },
            ),
            repeats: false,
            help: "The log in FOLDER, such as a copy.",
        },
        usual::short_help(),
        usual::version(),
    ],
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_and_a_file_are_named() {
        let check = |line: &str, expected: Result<Wish, &str>| {
            let words: Vec<_> = line.split_whitespace().map(Into::into).collect();
            assert_eq!(parse(&words), expected.map_err(|text| Stop::Wrong(text.to_owned())), "{line}");
        };
        let wish = |config_file: Option<&str>, log: Option<&str>| {
            let (config_file, log) = (config_file.map(Into::into), log.map(Into::into));
            Ok(Wish { file: "m.db".into(), config_file, log })
        };
        check("m.db", wish(None, None));
        check("m.db -c a.conf", wish(Some("a.conf"), None));
        check("--log /l m.db", wish(None, Some("/l")));
        check("", Err("Error: Where to? Name the file, such as mosquitto.db."));
        check("m.db -c a --log b", Err("Error: -c and --log both say which log is meant."));
    }
}
