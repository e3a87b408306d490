//! Our tools as commands of `midge`, and servers for them.

use std::process::Command;

use midge_testkit::environment::{debian_program, need};
pub(crate) use midge_testkit::tool::{check, fails, outcome, tool};
use midge_testkit::{Launch, Server};

/// The same for this server.
pub(crate) fn tool_of(server: &Server, line: &str) -> Command {
    midge_testkit::tool::to(server, tool(line))
}

/// Ours, and Debian's Mosquitto where it is found, both with these lines of configuration.
pub(crate) fn servers(configuration: &str) -> Vec<Server> {
    let debians = need(debian_program("mosquitto")).map(|program| Launch::new().program(program).start(configuration));
    [Some(Server::start(configuration)), debians].into_iter().flatten().collect()
}

/// Publishes with these flags.
#[track_caller]
pub(crate) fn publish(server: &Server, flags: &str) {
    check(tool_of(server, &format!("pub -q 1 {flags}")), "", "");
}
