//! Mosquitto's tools as commands of one program.
//!
//! A command is a row of [`COMMANDS`]: how it is called, what it understands, and what it does. It reads its flags by a table
//! ([`flags`]), which also makes its `--help`, its manual page ([`man`]) and what shells complete ([`completions`]).
//!
//! Texts and exit statuses are Mosquitto's, because scripts wait for them. Data goes to standard output, talk to standard
//! error, and a reader that has gone away is a normal end.

mod admin;
mod bench;
mod called;
mod clients;
mod columns;
pub mod completions;
mod ctrl;
mod db_dump;
pub mod flags;
mod format;
mod json;
mod json_path;
pub mod man;
mod moment;
mod output;
mod passwd;
mod prompt;
mod property;
mod recording;
mod rewrite;
mod screen;
mod signal;
mod top;
mod trace;
mod url;

use std::ffi::OsString;

pub use called::{Called, Program, RunningServer};
use flags::Page;
pub use output::print;

/// All commands, in the order in which they are shown. One line for each, so that two branches that add one do not meet.
#[rustfmt::skip]
pub const COMMANDS: &[Command] = &[
    clients::PUB,
    clients::SUB,
    clients::RR,
    clients::RETAINED,
    clients::RECORD,
    clients::REPLAY,
    clients::DOCTOR,
    bench::COMMAND,
    top::COMMAND,
    trace::COMMAND,
    passwd::COMMAND,
    ctrl::COMMAND,
    signal::COMMAND,
    db_dump::COMMAND,
];

/// A command: `midge pub`, or `mosquitto_pub` where a link calls the program so. What Mosquitto does not have goes by no link.
pub struct Command {
    /// What it understands.
    pub page: fn() -> Page,
    /// Does what the words ask for; gives the exit status.
    pub run: fn(&Called, &[OsString]) -> u8,
}

impl Command {
    /// The one behind `midge`.
    pub fn named(name: &str) -> Option<&'static Command> {
        COMMANDS.iter().find(|command| (command.page)().name == name)
    }

    /// The one that Mosquitto calls so.
    pub fn linked(name: &str) -> Option<&'static Command> {
        COMMANDS.iter().find(|command| (command.page)().link == Some(name))
    }
}
