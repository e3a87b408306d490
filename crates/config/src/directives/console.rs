//! The console, which Mosquitto does not have.

use core::net::IpAddr;

use super::Scope::Global;
use super::Take::{Text, Words};
use super::{Again, Directive, directive, listener};
use crate::draft::{Draft, Part};
use crate::web::server;

pub(super) const DIRECTIVES: &[Directive] = &[
    directive("console_listener", Global, Words(listener::open_console))
        .reloadable()
        .doc("Have the console on this port: a web page, an API, metrics, and MQTT at /mqtt. An address may follow.")
        .note(
            "Not in Mosquitto. Without an address it is 127.0.0.1, for this machine alone. Options of a listener stand below it, such as \
             certfile, keyfile and max_connections. A server called midge without a configuration file has it on port 9883, if that \
             is free.",
        ),
    directive("console_admin", Global, Text(Again::Adds, |draft, name| draft.config.console.admins.push(name)))
        .reloadable()
        .doc("This user may see and change everything on the console; may be given more than once.")
        .note(
            "Not in Mosquitto. He logs in with his password for MQTT. Where nothing checks who somebody is (no password_file, tokens or web service), nobody is that user. What \
             his rights to topics do not grant he neither sees nor changes.",
        ),
    directive("console_viewer", Global, Text(Again::Adds, |draft, name| draft.config.console.viewers.push(name)))
        .reloadable()
        .doc("This user may see everything on the console, and change nothing; may be given more than once.")
        .note("Not in Mosquitto. Prometheus may be such a user. On the machine itself everybody may, where clients need no user name (allow_anonymous)."),
    directive("console_host", Global, Text(Again::Adds, host))
        .reloadable()
        .doc("Answer browsers that call the console by this name; may be given more than once.")
        .note(
            "Not in Mosquitto. Addresses and localhost need no line. Any other name is refused, as pages of others could let their own name \
             lead here.",
        ),
    directive("console_history", Global, Text(Again::Adds, history))
        .default("#")
        .reloadable()
        .doc("Remember for an hour what is published to topics of this filter; may be given more than once.")
        .note("Not in Mosquitto. Of each topic at most one message in a tenth of a second is kept, and 16 MB in all, the newest."),
];

/// Browsers are compared by the name alone, so that anything around it would make the line one that never counts.
fn host(draft: &mut Draft, name: String) {
    let is_name = |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte));
    if is_name(&name) || name.parse::<IpAddr>().is_ok() {
        return draft.config.console.hosts.push(name);
    }
    let behind_scheme = name.split_once("://").map_or(&*name, |(_, rest)| rest);
    let (meant, _) = server(behind_scheme);
    let hint = match is_name(meant) && !meant.is_empty() {
        true => format!("It takes a name alone: {meant}."),
        false => "It takes a name alone, such as broker.example.org, and one line for each.".to_owned(),
    };
    draft.error_in(Part::Value, format!("Invalid 'console_host' value ({name})."), Some(hint));
}

fn history(draft: &mut Draft, filter: String) {
    if filter.contains('\0') || filter.len() > usize::from(u16::MAX) {
        return draft.error(format!("Invalid 'console_history' value ({filter})."));
    }
    let levels: Vec<&str> = filter.split('/').collect();
    let is_well_formed = levels.iter().enumerate().all(|(index, level)| match *level {
        "#" => index + 1 == levels.len(),
        "+" => true,
        level => !level.contains(['+', '#']),
    });
    match is_well_formed {
        true => {
            if draft.is_first("console_history", Global) {
                draft.config.console.history.clear();
            }
            draft.config.console.history.push(filter);
        }
        false => draft.error(format!("Invalid 'console_history' value ({filter}): it is no topic filter.")),
    }
}
