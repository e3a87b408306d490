//! `midge` and `mosquitto`: the server.

use std::ffi::OsString;
use std::path::PathBuf;

use midge_config::{Config, ConfigError, Level, LogTypes, Note, Persistence};
use midge_server::{Identity, LogType, Options, PersistenceOptions};

use crate::command_line::{self, Serve, Wish};
use crate::files::FileSystem;
use crate::persistence::{self, Environment};
use crate::{Status, environment, help};

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
        return test_config(config, identity);
    }
    if let Err(message) = environment::set_umask() {
        eprintln!("{message}");
        return Status::Usage;
    }
    // Whoever only wants to try it out has written no file, and is surprised by nothing so much as by what is gone.
    let keeps_unasked = identity == Identity::Midge && wish.config_file.is_none();
    let environment = Environment::of_process();
    if let Err(message) = settle_persistence(&mut config.persistence, keeps_unasked, &environment) {
        eprintln!("{message}");
        return Status::Failure;
    }
    let mut options = Options::from_config(&config, identity);
    let notes = notes.iter().map(|note| (kind_of(note), note.to_string()));
    options.remarks.splice(0..0, notes);
    apply(&mut options, wish, keeps_unasked, &environment);
    environment::apply(&mut options.account);
    if wish.is_daemon
        && let Err(error) = midge_server::daemonize()
    {
        eprintln!("Error: unable to go into the background: {error}.");
        return Status::Failure;
    }
    let reload = || reload(identity, wish, &environment);
    match midge_server::run(&options, &reload) {
        Ok(()) => Status::Success,
        Err(error) => {
            if !error.is_told {
                eprintln!("{error}");
            }
            Status::Other(error.status)
        }
    }
}

/// What the configuration says by now. The error is for the log, in lines.
fn reload(identity: Identity, wish: &Serve, environment: &Environment) -> Result<Options, String> {
    let (mut config, _) = read(wish).map_err(|error| error.to_string())?;
    persistence::relocate(&mut config.persistence, environment)?;
    Ok(Options::from_config(&config, identity))
}

/// The rest of a test of the configuration, when its file is good: what is kept needs a place. Nothing is made.
fn test_config(mut config: Config, identity: Identity) -> Status {
    let environment = Environment::of_process();
    let checked = persistence::relocate(&mut config.persistence, &environment).and_then(|()| {
        let Some(options) = Options::from_config(&config, identity).persistence else { return Ok(None) };
        let options = PersistenceOptions { allow_symlinks: environment.allows_symlinks, ..options };
        midge_server::check_folder(&options).map_err(|error| format!("Error: {error}"))
    });
    match checked {
        Ok(warning) => {
            warning.iter().for_each(|warning| eprintln!("{warning}"));
            println!("Configuration file is OK.");
            Status::Success
        }
        Err(message) => {
            eprintln!("{message}");
            Status::Usage
        }
    }
}

/// The folder of the log of a server that is started with this configuration file, or without one; `None` where it keeps
/// nothing. Nothing is made. What is wrong was told.
pub(crate) fn log_folder(config_file: Option<String>) -> Result<Option<PathBuf>, Status> {
    let is_without_file = config_file.is_none();
    let (mut config, _) = load(&Serve { config_file, ..Serve::default() })?;
    let environment = Environment::of_process();
    let settled = persistence::relocate(&mut config.persistence, &environment).and_then(|()| {
        let persistence = &mut config.persistence;
        if is_without_file { persistence::look_for_user(persistence, &environment) } else { Ok(()) }
    });
    if let Err(message) = settled {
        eprintln!("{message}");
        return Err(Status::Failure);
    }
    Ok(Options::from_config(&config, Identity::Midge).persistence.map(|persistence| persistence.folder))
}

/// The configuration that the file and the command line make together.
fn load(wish: &Serve) -> Result<(Config, Vec<Note>), Status> {
    read(wish).map_err(|error| {
        error.notes.iter().for_each(|note| eprintln!("{note}"));
        eprintln!("{error}");
        Status::Usage
    })
}

fn read(wish: &Serve) -> Result<(Config, Vec<Note>), ConfigError> {
    let (config, notes) = match &wish.config_file {
        None => (Config::without_file(), Vec::new()),
        Some(path) => {
            let loaded = midge_config::load(path, &FileSystem)?;
            (loaded.config, loaded.notes)
        }
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

/// What is kept, where the file does not have the last word on it. The error is the message for the user.
fn settle_persistence(
    persistence: &mut Persistence,
    keeps_unasked: bool,
    environment: &Environment,
) -> Result<(), String> {
    persistence::relocate(persistence, environment)?;
    if keeps_unasked { persistence::keep_for_user(persistence, environment) } else { Ok(()) }
}

/// What no configuration file can say, and what is to be told of it.
fn apply(options: &mut Options, wish: &Serve, keeps_unasked: bool, environment: &Environment) {
    let remark = match &mut options.persistence {
        Some(persistence) => {
            persistence.repair = wish.repairs;
            persistence.allow_symlinks = environment.allows_symlinks;
            let folder = persistence.folder.display();
            // The server itself says where it keeps things; this is why, and the way back.
            let line = format!(
                "Without a configuration file, what is acknowledged is kept for the next start; to start with nothing, \
                 remove {folder}."
            );
            keeps_unasked.then_some((LogType::Information, line))
        }
        None if keeps_unasked => {
            let line =
                "Warning: nothing is kept on disk, because neither XDG_STATE_HOME nor HOME names a place for it.";
            Some((LogType::Warning, line.to_owned()))
        }
        None if wish.repairs => {
            let line = "Warning: --repair has nothing to do, because nothing is kept on disk (persistence is off).";
            Some((LogType::Warning, line.to_owned()))
        }
        None => None,
    };
    options.remarks.extend(remark);
    if keeps_unasked {
        // What it keeps is in a folder of whoever tries it out, and nobody on other machines can reach it.
        options.account.user = None;
    }
}

fn kind_of(note: &Note) -> LogType {
    match note.level {
        Level::Warning => LogType::Warning,
        Level::Information => LogType::Information,
    }
}
