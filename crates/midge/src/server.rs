//! `midge` and `mosquitto`: the server.

use std::ffi::OsString;
use std::path::PathBuf;

use midge_config::{Config, ConfigError, Level, Loaded, LogTypes, Mentions, Note, Persistence};
use midge_server::{Identity, LogType, Options};

use crate::command_line::{self, Serve, Wish};
use crate::files::FileSystem;
use crate::persistence::{self, Environment};
use crate::{Status, check, environment, help};

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
    if let (true, Some(path)) = (wish.tests_config, &wish.config_file) {
        return check::check(path);
    }
    let loaded = match load(wish) {
        Ok(loaded) => loaded,
        Err(status) => return status,
    };
    if let Err(message) = environment::set_umask() {
        eprintln!("{message}");
        return Status::Usage;
    }
    let environment = Environment::of_process();
    let options = match options_of(loaded, identity, wish, &environment) {
        Ok(options) => options,
        Err(message) => {
            eprintln!("{message}");
            return Status::Failure;
        }
    };
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
    let loaded = read(wish).map_err(|error| error.to_string())?;
    options_of(loaded, identity, wish, environment)
}

/// What a configuration, the command line and the environment mean together. The error is the message for the user.
fn options_of(loaded: Loaded, identity: Identity, wish: &Serve, environment: &Environment) -> Result<Options, String> {
    let Loaded { mut config, mut notes, mentions } = loaded;
    // Whoever only wants to try it out has written no file, and is surprised by nothing so much as by what is gone.
    let keeps_unasked = identity == Identity::Midge && wish.config_file.is_none();
    settle_persistence(&mut config.persistence, keeps_unasked, environment)?;
    notes.extend(midge_config::traps(&config, &mentions));
    let mut options = Options::from_config(&config, identity);
    let notes = notes.iter().map(|note| (kind_of(note), note.to_string()));
    options.remarks.splice(0..0, notes);
    apply(&mut options, wish, keeps_unasked, environment);
    options.tls_key_log = wish.tls_key_log.as_ref().map(PathBuf::from);
    environment::apply(&mut options.account);
    Ok(options)
}

/// The folder of the log of a server that is started with this configuration file, or without one, and its options. Nothing is
/// made. What is wrong was told, also where it keeps nothing.
pub(crate) fn options_with_log(config_file: Option<String>) -> Result<(PathBuf, Options), Status> {
    let is_without_file = config_file.is_none();
    let mut config = load(&Serve { config_file, ..Serve::default() })?.config;
    let environment = Environment::of_process();
    let settled = persistence::relocate(&mut config.persistence, &environment).and_then(|()| {
        let persistence = &mut config.persistence;
        if is_without_file { persistence::look_for_user(persistence, &environment) } else { Ok(()) }
    });
    if let Err(message) = settled {
        eprintln!("{message}");
        return Err(Status::Failure);
    }
    let options = Options::from_config(&config, Identity::Midge);
    match &options.persistence {
        Some(persistence) => Ok((persistence.folder.clone(), options)),
        None => {
            eprintln!("Error: a server with this configuration keeps nothing on disk (persistence is off).");
            Err(Status::Failure)
        }
    }
}

/// The configuration that the file and the command line make together. What is wrong was told.
pub(crate) fn load(wish: &Serve) -> Result<Loaded, Status> {
    read(wish).map_err(|error| {
        error.notes.iter().for_each(|note| eprintln!("{note}"));
        eprintln!("{error}");
        Status::Other(error.status)
    })
}

fn read(wish: &Serve) -> Result<Loaded, ConfigError> {
    let loaded = match &wish.config_file {
        None => Loaded { config: Config::without_file(), notes: Vec::new(), mentions: Mentions::default() },
        Some(path) => midge_config::load(path, &FileSystem)?,
    };
    let mut config = loaded.config.with_ports(&wish.ports);
    if wish.is_verbose {
        config.log.types = LogTypes::ALL;
    }
    if wish.is_quiet {
        config.log.types = LogTypes::NONE;
    }
    Ok(Loaded { config, ..loaded })
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
