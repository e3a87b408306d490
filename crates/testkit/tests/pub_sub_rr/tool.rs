//! Our tools under Mosquitto's names.

use std::process::Command;

pub(crate) use midge_testkit::tool::{fails, fed, linked as tool, links, outcome, words};
use midge_testkit::{Process, Server};

/// The same for this server.
pub(crate) fn tool_of(server: &Server, line: &str) -> Command {
    midge_testkit::tool::to(server, tool(line))
}

/// A tool that goes on while others are at work; its standard output is looked at.
pub(crate) fn start(server: &Server, line: &str) -> Process {
    Process::start(tool_of(server, line))
}

/// It does what it is told and says nothing else.
#[track_caller]
pub(crate) fn check(command: Command, stdout: &str) {
    midge_testkit::tool::check(command, stdout, "");
}
