//! `midge export FILE`: what a server has kept, as a database for Mosquitto.

use std::ffi::OsString;
use std::path::PathBuf;

use lexopt::prelude::{Long, Short, Value};
use midge_config::Config;
use midge_server::{Identity, Options};

use crate::persistence::Environment;
use crate::{Status, help, server, subcommand};

/// What is to be exported, and where to.
#[derive(Debug, Default, PartialEq, Eq)]
struct Wish {
    file: PathBuf,
    config_file: Option<String>,
    log: Option<PathBuf>,
}

/// Does what the words behind `export` ask for.
pub(crate) fn run(words: Vec<OsString>) -> Status {
    subcommand::run(parse(words), help::EXPORT, export)
}

/// `None` is a wish for help. The error is the message for the user.
fn parse(words: Vec<OsString>) -> Result<Option<Wish>, String> {
    let (mut wish, mut file) = (Wish::default(), None);
    let mut parser = lexopt::Parser::from_args(words);
    while let Some(argument) = parser.next().map_err(|error| format!("Error: {error}."))? {
        match argument {
            Short('h') | Long("help") => return Ok(None),
            Short('c') | Long("config-file") => {
                let missing = "Error: -c argument given, but no config file specified.";
                let path = parser.value().map_err(|_| missing.to_owned())?;
                wish.config_file = Some(path.to_string_lossy().into_owned());
            }
            Long("log") => wish.log = Some(parser.value().map_err(|error| format!("Error: {error}."))?.into()),
            Value(path) if file.is_none() => file = Some(path.into()),
            other => return Err(format!("Error: {}.", other.unexpected())),
        }
    }
    if wish.log.is_some() && wish.config_file.is_some() {
        return Err("Error: -c and --log both say which log is meant.".to_owned());
    }
    wish.file = file.ok_or("Error: Where to? Name the file, such as mosquitto.db.")?;
    Ok(Some(wish))
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
            println!("{}", exported.told);
            exported.warnings.iter().for_each(|line| eprintln!("{line}"));
            Status::Success
        }
        Err(message) => {
            eprintln!("Error: {message}.");
            Status::Failure
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_and_a_file_are_named() {
        let check = |line: &str, expected: Result<Option<Wish>, &str>| {
            let words = line.split_whitespace().map(Into::into).collect();
            assert_eq!(parse(words), expected.map_err(str::to_owned), "{line}");
        };
        let wish = |config_file: Option<&str>, log: Option<&str>| {
            let (config_file, log) = (config_file.map(Into::into), log.map(Into::into));
            Ok(Some(Wish { file: "m.db".into(), config_file, log }))
        };
        check("m.db", wish(None, None));
        check("m.db -c a.conf", wish(Some("a.conf"), None));
        check("--log /l m.db", wish(None, Some("/l")));
        check("--help", Ok(None));
        check("", Err("Error: Where to? Name the file, such as mosquitto.db."));
        check("m.db -c a --log b", Err("Error: -c and --log both say which log is meant."));
    }
}
