//! One program with many names: the server `midge`, and what it is when a link calls it otherwise.
//!
//! This crate turns words of the command line into calls; it decides nothing about MQTT. Data goes to standard output,
//! talk to standard error.

mod acl;
mod admin_socket;
mod backup;
mod check;
mod command_line;
mod configuration;
mod console_users;
mod environment;
mod export;
mod files;
mod help;
mod links;
mod log;
mod pages;
mod persistence;
mod server;
mod subcommand;

use std::env;
use std::ffi::OsString;
use std::fmt::Display;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use midge_server::Identity;
use midge_tools::{Called, Command, Program};

use subcommand::Subcommand;

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

fn run(name: &str, words: Vec<OsString>) -> Status {
    let first = words.first().and_then(|word| word.to_str()).unwrap_or_default();
    if let Some(tool) = Command::linked(name) {
        return Status::Other((tool.run)(&Called::by_link(name, program(Identity::Mosquitto)), &words));
    }
    if name == links::SERVER {
        return server::run(Identity::Mosquitto, words);
    }
    if let Some(tool) = Command::named(first) {
        return Status::Other((tool.run)(&Called::as_command(first, program(Identity::Midge)), &words[1..]));
    }
    match Subcommand::named(first) {
        Some(subcommand) => (subcommand.run)(&words[1..]),
        None => server::run(Identity::Midge, words),
    }
}

/// Writes a line for the user. Whoever reads may have had enough, as in `midge --help | head -1`.
fn say(line: impl Display) {
    let _ = writeln!(io::stdout(), "{line}");
}

/// What tools are told of us.
fn program(identity: Identity) -> Program {
    Program { version: identity.version_number(), export_log: export::export_to, admin_socket: admin_socket::of }
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
