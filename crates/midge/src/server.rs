//! `midge` and `mosquitto`: the server.

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;

use midge_config::{Config, ConfigError, Level, Loaded, LogTypes, Mentions, Note, Persistence};
use midge_server::{Identity, LogType, Options, StartError, words};
use midge_tools::flags::lossy;

use crate::command_line::{self, Serve, Wish};
use crate::files::FileSystem;
use crate::persistence::{self, Environment};
use crate::{Status, check, configuration, console_users, environment, help, subcommand};

/// Does what the words behind the program's name ask for.
pub(crate) fn run(identity: Identity, words: Vec<OsString>) -> Status {
    let first = words.first().map(|word| lossy(word).into_owned()).unwrap_or_default();
    match command_line::parse(words) {
        Ok(Wish::Help) => {
            crate::say(format_args!("{}", help::server(identity)));
            Status::Success
        }
        Ok(Wish::Version) => {
            crate::say(format_args!("{}", identity.version()));
            Status::Success
        }
        Ok(Wish::Serve(wish)) => serve(identity, &wish),
        Err(message) => {
            eprintln!("{message}");
            let hint = subcommand::hint(&first).filter(|_| identity == Identity::Midge);
            hint.iter().for_each(|hint| eprintln!("{hint}"));
            crate::say(format_args!("{}", help::server(identity)));
            Status::Usage
        }
    }
}

fn serve(identity: Identity, wish: &Serve) -> Status {
    if let (true, Some(path)) = (wish.tests_config, &wish.config_file) {
        return check::check(path, false);
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
        eprintln!("Error: unable to go into the background: {}.", words(&error));
        return Status::Failure;
    }
    if let Err(error) = midge_server::outlive_file_size_limit() {
        eprintln!("Error: unable to handle signals: {}.", words(&error));
        return Status::Failure;
    }
    let again = wish.clone();
    let reload = Box::new(move || reload(identity, &again, &environment));
    match midge_server::run(&options, reload) {
        Ok(()) => Status::Success,
        Err(error) => {
            if !error.is_told {
                eprintln!("{}", explained(&error, wish.config_file.as_deref()));
            }
            Status::Other(error.status)
        }
    }
}

/// What keeps the server from starting. Where nobody can look it up in a log, nothing runs yet either, and the file is asked for the
/// line.
fn explained(error: &StartError, config_file: Option<&str>) -> String {
    let text = error.to_string();
    let file = config_file.filter(|_| error.is_before_log);
    file.and_then(|file| check::located(&text, file)).unwrap_or(text)
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
    if keeps_unasked {
        config = config.with_local_console();
    }
    notes.extend(midge_config::traps(&config, &mentions));
    notes.extend(console_users::unknown(&config, &mentions));
    let mut options = Options::from_config(&config, identity);
    options.configuration = Arc::new(configuration::of(wish.config_file.as_deref(), &mentions, &notes));
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
    let options = options_for(config_file)?;
    match &options.persistence {
        Some(persistence) => Ok((persistence.folder.clone(), options)),
        None => {
            eprintln!("Error: a server with this configuration keeps nothing on disk (persistence is off).");
            Err(Status::Failure)
        }
    }
}

/// Where a server can be asked that is started with this configuration file, or without one. What is wrong was told.
pub(crate) fn admin_socket(config_file: Option<String>) -> Result<PathBuf, Status> {
    options_for(config_file)?.admin_socket().ok_or_else(|| {
        eprintln!(
            "Error: a server with this configuration has no socket to be asked through, as it keeps nothing on disk (persistence is \
             off). Give it one with 'admin_socket PATH'."
        );
        Status::Failure
    })
}

/// The options of a server that is started with this configuration file, or without one. Nothing is made. What is wrong was told.
fn options_for(config_file: Option<String>) -> Result<Options, Status> {
    let is_without_file = config_file.is_none();
    let mut config = load(&Serve { config_file, ..Serve::default() })?.config;
    let environment = Environment::of_process();
    let settled = persistence::relocate(&mut config.persistence, &environment).and_then(|()| {
        let persistence = &mut config.persistence;
        if is_without_file { persistence::look_for_user(persistence, &environment) } else { Ok(()) }
    });
    match settled {
        Ok(()) => Ok(Options::from_config(&config, Identity::Midge)),
        Err(message) => {
            eprintln!("{message}");
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
