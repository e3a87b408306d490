//! Who may come in, and what they are called.

use super::Scope::{Global, Listener, Plugin, Security, StatedListener};
use super::Take::{Bool, Path, Text, Words};
use super::{Again, Directive, Given, directive, nothing};
use crate::draft::Draft;

pub(super) const DIRECTIVES: &[Directive] = &[
    directive("allow_anonymous", Security, Bool(|draft, on| draft.security().allow_anonymous = Some(on)))
        .reloadable()
        .doc("Let in clients without a user name.")
        .note(
            "False once there is a listener, port or bind_address, since Mosquitto 2.0; true without, when only this \
             machine can connect. Without a password file, true lets in every user name too.",
        ),
    directive(
        "listener_allow_anonymous",
        Listener,
        Bool(|draft, on| draft.listener_security().allow_anonymous = Some(on)),
    )
    .reloadable()
    .doc("Let in clients without a user name on this listener; counts more than allow_anonymous."),
    directive(
        "allow_zero_length_clientid",
        Security,
        Bool(|draft, on| draft.security().allow_zero_length_clientid = Some(on)),
    )
    .default("true")
    .reloadable()
    .doc("Let in clients of MQTT 3.1.1 and 5 that leave their identifier to the server."),
    directive(
        "auto_id_prefix",
        Security,
        Text(Again::Error, |draft, prefix| {
            if is_short(draft, &prefix, "auto_id_prefix length must be <= 50.") {
                draft.security().auto_id_prefix = Some(prefix);
            }
        }),
    )
    .default("auto-")
    .reloadable()
    .doc("How the client identifiers that the server makes begin."),
    directive(
        "listener_auto_id_prefix",
        Listener,
        Text(Again::Error, |draft, prefix| {
            if is_short(draft, &prefix, "'listener_auto_id_prefix' length must be <= 50.") {
                draft.listener_security().auto_id_prefix = Some(prefix);
            }
        }),
    )
    .default("auto-")
    .reloadable()
    .doc("How the client identifiers that the server makes on this listener begin; counts more than auto_id_prefix."),
    directive(
        "clientid_prefixes",
        Global,
        Text(Again::Replaces, |draft, prefix| draft.config.clientid_prefixes = Some(prefix)),
    )
    .reloadable()
    .doc("Let in only clients whose identifier begins like this.")
    .note("One prefix, whatever the name says."),
    directive(
        "password_file",
        Security,
        Path(Again::Replaces, |draft, path| draft.security().password_file = Some(path)),
    )
    .reloadable()
    .doc("The file with user names and hashes of their passwords."),
    directive("acl_file", Security, Path(Again::Replaces, |draft, path| draft.security().acl_file = Some(path)))
        .reloadable()
        .doc("The file that says who may publish and receive what.")
        .note("Without it everybody who is let in may do everything."),
    directive("acl_strict_suback", Global, Bool(|draft, on| draft.config.acl_strict_suback = on))
        .default("false")
        .reloadable()
        .doc("Refuse a SUBSCRIBE for topics that the acl_file does not grant.")
        .note("Not in Mosquitto, which grants every SUBSCRIBE and then sends nothing."),
    directive("plugin", Security, Words(plugin))
        .aliases(&["auth_plugin"])
        .doc("Load this plugin, a shared object.")
        .refused("the plugin would not be asked who may do what."),
    directive("global_plugin", Global, Words(plugin))
        .doc("Load this plugin for all listeners, also with per_listener_settings.")
        .refused("the plugin would not be asked who may do what."),
    directive("plugin_load", Global, Words(plugin))
        .doc("Load a plugin under a name: NAME PATH.")
        .refused("the plugin would not be asked who may do what."),
    directive("plugin_use", StatedListener, Words(plugin))
        .doc("Ask the plugin of this name about the clients of this listener.")
        .refused("the plugin would not be asked who may do what."),
    directive(OPTION_PREFIXES[0], Plugin, Words(plugin_option))
        .aliases(&[OPTION_PREFIXES[1]])
        .doc("An option for the plugin above: plugin_opt_NAME VALUE.")
        .refused("there are no plugins."),
    directive("auth_plugin_deny_special_chars", Plugin, Bool(nothing))
        .default("true")
        .doc("Refuse user names and client identifiers with + or # without asking the plugin above.")
        .refused("there are no plugins."),
];

fn is_short(draft: &mut Draft, prefix: &str, otherwise: &str) -> bool {
    let short = prefix.len() <= PREFIX_BYTES_MAX;
    if !short {
        draft.error(otherwise);
    }
    short
}

/// Leaves room for the rest of an identifier.
const PREFIX_BYTES_MAX: usize = 50;

fn plugin(draft: &mut Draft, given: Given<'_>) {
    let mut words = given.words;
    draft.word(given.name, words.next());
    draft.context.plugin = true;
}

fn plugin_option(draft: &mut Draft, given: Given<'_>) {
    let option = OPTION_PREFIXES.iter().find_map(|prefix| given.name.strip_prefix(prefix)).unwrap_or_default();
    if option.len() < OPTION_BYTES_MIN {
        draft.error("Invalid 'plugin_opt_' config option.");
    } else if given.words.rest().is_empty() {
        draft.error(format!("Empty '{option}' value in configuration."));
    }
}

const OPTION_PREFIXES: [&str; 2] = ["plugin_opt_", "auth_opt_"];

/// Mosquitto takes no shorter names.
const OPTION_BYTES_MIN: usize = 3;
