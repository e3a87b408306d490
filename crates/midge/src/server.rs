//! `midge` and `mosquitto`: the server.

use std::ffi::OsString;

use midge_config::{Config, Level, LogTypes, Note};
use midge_server::{Identity, LogType, Options};

use crate::command_line::{self, Serve, Wish};
use crate::files::FileSystem;
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
    let (config, notes) = match load(wish) {
        Ok(loaded) => loaded,
        Err(status) => return status,
    };
    if wish.tests_config {
        notes.iter().for_each(|note| eprintln!("{note}"));
        println!("Configuration file is OK.");
        return Status::Success;
    }
    let mut options = Options::from_config(&config, identity);
    let notes = notes.iter().map(|note| (kind_of(note), note.to_string()));
    options.remarks.splice(0..0, notes);
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

fn kind_of(note: &Note) -> LogType {
    match note.level {
        Level::Warning => LogType::Warning,
        Level::Information => LogType::Information,
    }
}
