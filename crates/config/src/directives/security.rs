//! Who may come in, and what they are called.

use super::Scope::{Global, Listener, Plugin, Security, StatedListener};
use super::Take::{Bool, Integer, Path, Text, Words};
use super::{Again, Bounds, Directive, Given, directive};
use crate::draft::{Draft, Part};
use crate::plugin::{self, User};
use crate::value::shown;

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
    directive(
        "failed_login_delay",
        Global,
        Integer(
            Bounds { min: 0, max: 30, outside: "'failed_login_delay' must be between 0 and 30 inclusive." },
            |draft, seconds| draft.config.failed_login_delay_s = u16::try_from(seconds).ok(),
        ),
    )
    .doc("How many seconds clients wait at most where logins have failed several times; 0 is not at all.")
    .note(
        "Not in Mosquitto. 3 when the server is called midge, 0 when it is called mosquitto. Three failures with one User \
         Name from one address are free; after each further one the next such login waits, a tenth of a second and then twice \
         as long each time. They are looked at one after the other then; who would have to wait longer, and who comes when 32 \
         wait, is refused (Reason Code 0x9F). With many User Names one address has 32 guesses looked at in this time. One \
         failure is forgotten every half minute.",
    )
    .reloadable(),
    directive("plugin", Security, Words(|draft, given| plugin(draft, given, None)))
        .aliases(&["auth_plugin"])
        .doc("Ask this plugin of Mosquitto, which is built in here: the path of its file counts only by its name.").reloadable()
        .note(
            "Built in are mosquitto_password_file, mosquitto_acl_file and mosquitto_persist_sqlite; with any other the server \
             does not start.",
        ),
    directive("global_plugin", Global, Words(|draft, given| plugin(draft, given, Some(User::All))))
        .doc("As plugin, for all listeners, also with per_listener_settings.").reloadable(),
    directive("plugin_load", Global, Words(plugin_load)).doc("As plugin, for the listeners that name it: NAME PATH.").reloadable(),
    directive("plugin_use", StatedListener, Words(plugin_use))
        .doc("Ask the plugin that plugin_load has given this name about the clients of this listener.").reloadable(),
    directive(OPTION_PREFIXES[0], Plugin, Words(plugin_option))
        .aliases(&[OPTION_PREFIXES[1]])
        .doc("An option for the plugin above: plugin_opt_NAME VALUE.").reloadable()
        .note(
            "plugin_opt_password_file, plugin_opt_acl_file and plugin_opt_db_file name the file of the plugin; others have no \
             effect.",
        ),
    directive("auth_plugin_deny_special_chars", Plugin, Bool(deny_special_chars))
        .default("true")
        .doc("Grant nothing to clients with +, # or / in user name or identifier, without asking the plugin above.").reloadable()
        .note("Only for mosquitto_acl_file; without a plugin, acl_file asks for none of it."),
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

/// `user`: who asks it; `None` where that depends on the place of the line.
fn plugin(draft: &mut Draft, given: Given<'_>, user: Option<User>) {
    if let Some(path) = draft.text(given.name, given.words.rest()) {
        let user = user.unwrap_or_else(|| draft.plugin_user());
        plugin::Plugin::open(draft, given.name, &path, None, Some(user));
    }
}

fn plugin_load(draft: &mut Draft, given: Given<'_>) {
    let mut words = given.words;
    let Some(name) = draft.word(given.name, words.next()) else { return };
    let name = shown(name);
    if let Some(path) = draft.text(given.name, words.rest()) {
        plugin::Plugin::open(draft, given.name, &path, Some(name), None);
    }
}

fn plugin_use(draft: &mut Draft, given: Given<'_>) {
    let mut words = given.words;
    let Some(word) = draft.word(given.name, words.next()) else { return };
    let (name, user) = (shown(word), draft.plugin_user_here());
    let Some(at) = draft.plugins.iter().position(|plugin| plugin.is_named(&name)) else {
        let hint = Some("A plugin_load line has to stand above it.".to_owned());
        return draft.error_in(Part::Word(word), format!("There is no plugin '{name}'."), hint);
    };
    draft.plugins[at].add_user(user);
    draft.context.plugin = Some(at);
}

fn plugin_option(draft: &mut Draft, given: Given<'_>) {
    let option = OPTION_PREFIXES.iter().find_map(|prefix| given.name.strip_prefix(prefix)).unwrap_or_default();
    if option.len() < OPTION_BYTES_MIN {
        return draft.error("Invalid 'plugin_opt_' config option.");
    }
    let Some(value) = draft.text(option, given.words.rest()) else { return };
    let Some(plugin) = draft.plugin().filter(|plugin| plugin.is_built_in()) else { return };
    match plugin.take(option, &value) {
        None => draft.warn(format!("The '{}' option has no effect: what is built in has no such option.", given.name)),
        Some(None) => {}
        Some(Some(directive)) => draft.mention_path(directive, &value),
    }
}

fn deny_special_chars(draft: &mut Draft, denies: bool) {
    if let Some(plugin) = draft.plugin() {
        plugin.set_denies_special_chars(denies);
    }
}

const OPTION_PREFIXES: [&str; 2] = ["plugin_opt_", "auth_opt_"];

/// Mosquitto takes no shorter names.
const OPTION_BYTES_MIN: usize = 3;
