//! `midge` and `mosquitto`: the server.

use std::ffi::OsString;

use midge_config::{Config, Level, LogTypes, Note, Persistence};
use midge_server::{Identity, LogType, Options};

use crate::command_line::{self, Serve, Wish};
use crate::files::FileSystem;
use crate::persistence::{self, Environment};
use crate::{Status, help};

/// Does what the words behind the program's name ask for.
pub(crate) fn run(identity: Identity, words: Vec<OsString>) -> Status {
    match command_line::parse(words) {
        Ok(Wish::Help) => {
            println!("{}", help::server(identity));
            Status::Success
        }
        Ok(Wish::Version) => {
            println!("{}", identity.version());
            Status::Success
        }
        Ok(Wish::Serve(wish)) => serve(identity, &wish),
        Err(message) => {
            eprintln!("{message}");
            println!("{}", help::server(identity));
            Status::Usage
        }
    }
}

fn serve(identity: Identity, wish: &Serve) -> Status {
    let (mut config, notes) = match load(wish) {
        Ok(loaded) => loaded,
        Err(status) => return status,
    };
    if wish.tests_config {
        notes.iter().for_each(|note| eprintln!("{note}"));
        println!("Configuration file is OK.");
        return Status::Success;
    }
    let remarks = match settle_persistence(&mut config.persistence, identity, wish) {
        Ok(remarks) => remarks,
        Err(message) => {
            eprintln!("{message}");
            return Status::Failure;
        }
    };
    let mut options = Options::from_config(&config, identity);
    let notes = notes.iter().map(|note| (kind_of(note), note.to_string()));
    options.remarks.splice(0..0, notes);
    options.remarks.extend(remarks);
    match midge_server::run(&options) {
        Ok(()) => Status::Success,
        Err(error) => {
            if !error.is_told {
                eprintln!("{error}");
            }
            Status::Failure
        }
    }
}

/// The configuration that the file and the command line make together.
fn load(wish: &Serve) -> Result<(Config, Vec<Note>), Status> {
    let (config, notes) = match &wish.config_file {
        None => (Config::without_file(), Vec::new()),
        Some(path) => match midge_config::load(path, &FileSystem) {
            Ok(loaded) => (loaded.config, loaded.notes),
            Err(error) => {
                error.notes.iter().for_each(|note| eprintln!("{note}"));
                eprintln!("{error}");
                return Err(Status::Usage);
            }
        },
    };
    let mut config = config.with_ports(&wish.ports);
    if wish.is_verbose {
        config.log.types = LogTypes::ALL;
    }
    if wish.is_quiet {
        config.log.types = LogTypes::NONE;
    }
    Ok((config, notes))
}

/// What is kept, where the file does not have the last word on it. Gives lines for the log.
fn settle_persistence(
    persistence: &mut Persistence,
    identity: Identity,
    wish: &Serve,
) -> Result<Vec<(LogType, String)>, String> {
    let environment = Environment::of_process();
    let mut remarks = Vec::new();
    persistence::relocate(persistence, &environment)?;
    if identity == Identity::Midge && wish.config_file.is_none() {
        remarks.push(persistence::keep_for_user(persistence, &environment)?);
    }
    if wish.repairs && !persistence.on {
        remarks.push((LogType::Warning, "There is nothing to repair: persistence is off.".to_owned()));
    }
    Ok(remarks)
}

fn kind_of(note: &Note) -> LogType {
    match note.level {
        Level::Warning => LogType::Warning,
        Level::Information => LogType::Information,
    }
}
