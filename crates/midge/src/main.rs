//! One program with many names: the server `midge`, and what it is when a link calls it otherwise.
//!
//! This crate turns words of the command line into calls; it decides nothing about MQTT. Data goes to standard output,
//! talk to standard error.

mod acl;
mod backup;
mod check;
mod command_line;
mod environment;
mod export;
mod files;
mod help;
mod json;
mod links;
mod log;
mod persistence;
mod server;
mod subcommand;

use std::env;
use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;

/// How the program ends, as scripts around Mosquitto expect it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Status {
    /// All went well; also help, version, and a server that was told to stop.
    Success,
    /// It could not do its work: port in use, file not writable.
    Failure,
    /// The command line or the configuration is wrong.
    Usage,
    /// Another that scripts know from Mosquitto.
    Other(u8),
}

impl From<Status> for ExitCode {
    fn from(status: Status) -> ExitCode {
        ExitCode::from(match status {
            Status::Success => 0,
            Status::Failure => 1,
            Status::Usage => 3,
            Status::Other(status) => status,
        })
    }
}

fn main() -> ExitCode {
    let mut words = env::args_os();
    let called = words.next().unwrap_or_default();
    let words: Vec<OsString> = words.collect();
    run(&name_of(&called), words).into()
}

fn run(name: &str, mut words: Vec<OsString>) -> Status {
    match (links::Tool::named(name), words.first().and_then(|word| word.to_str())) {
        (Some(links::Tool::Server), _) => server::run(midge_server::Identity::Mosquitto, words),
        (None, Some("links")) => links::run(&words[1..]),
        (None, Some("backup")) => backup::run(words.split_off(1)),
        (None, Some("check")) => check::run(words.split_off(1)),
        (None, Some("acl")) => acl::run(words.split_off(1)),
        (None, Some("export")) => export::run(words.split_off(1)),
        (None, Some("log")) => log::run(words.split_off(1)),
        (None, _) => server::run(midge_server::Identity::Midge, words),
    }
}

/// The name by which the program was called, without folders.
fn name_of(called: &OsString) -> String {
    let name = Path::new(called).file_name().unwrap_or(called);
    name.to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_is_the_last_part_of_the_path() {
        assert_eq!(name_of(&"/usr/sbin/mosquitto".into()), "mosquitto");
        assert_eq!(name_of(&"midge".into()), "midge");
        assert_eq!(name_of(&"".into()), "");
    }
}
