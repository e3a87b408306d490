//! The module `broker` of Mosquitto 2.1: what the server itself consists of.

use super::module::{Command, Module};

pub(super) static BROKER: Module = Module {
    name: "broker",
    topic: "$CONTROL/broker/v1",
    remedy: "Mosquitto answers from 2.1 on, with 'enable_control_api true' in its configuration and for clients that may use the topic; \
             Midge as a server does not answer yet",
    summary: "Shows what the server itself consists of.",
    groups: &[("Server", COMMANDS)],
};

const COMMANDS: &[Command] = &[
    Command { name: "listListeners", arguments: &[], list: None, help: "Ports and protocols on which it listens." },
    Command { name: "listPlugins", arguments: &[], list: None, help: "What it has loaded, and where that answers." },
];
