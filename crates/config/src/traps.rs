//! What is legal and hardly meant: places where a configuration does what it says, and surprises whoever wrote it.
//!
//! Each trap is a function from the values to sentences, which say what to do. What files look like from outside (who may
//! read them) is left to the caller.

mod console;

use crate::config::{Address, Config, Listener};
use crate::report::{Level, Mention, Mentions, Note, Place};
use crate::sinks::{InfluxDb, Sinks};
use crate::web::{is_open, is_this_machine};

/// The traps that this configuration steps into: those of listeners first, in their order.
pub fn traps(config: &Config, mentions: &Mentions) -> Vec<Note> {
    let note = |(place, text): (&Place, String)| Note { level: Level::Warning, text, place: place.clone() };
    let listeners = config.listeners.iter().filter(|listener| !listener.is_wrong()).flat_map(|listener| {
        let place = listener.place.as_ref();
        let who = who_comes_in(listener).filter(|_| !mentions.are_faulty(WHO_COMES_IN));
        let traps = [who, plain_passwords(listener).filter(|_| !mentions.are_faulty(ENCRYPTION))];
        place.into_iter().flat_map(move |place| traps.clone().into_iter().flatten().map(move |text| (place, text)))
    });
    let queues =
        unbounded_queues(config).and_then(|text| Some((&mentions.last_of("max_queued_messages")?.place, text)));
    let folder = unnamed_folder(config).and_then(|text| Some((&mentions.last_of("persistence")?.place, text)));
    let sinks = lossy_sinks(config).filter_map(|(directive, text)| Some((&mentions.last_of(directive)?.place, text)));
    let console = console::traps(config, mentions);
    let secrets = plain_secrets(config, mentions);
    listeners.chain(queues).chain(folder).chain(sinks).chain(console).chain(secrets).map(note).collect()
}

/// Options that decide who comes in. Where a line of one is wrong, it is not known who would.
const WHO_COMES_IN: &[&str] = &[
    "allow_anonymous",
    "listener_allow_anonymous",
    "password_file",
    "auth_jwt_algorithms",
    "auth_http_user_url",
    "plugin",
    "global_plugin",
    "plugin_load",
    "plugin_use",
    "plugin_opt_",
];

/// And whether passwords can be read on their way.
const ENCRYPTION: &[&str] =
    &["certfile", "keyfile", "psk_hint", "enable_proxy_protocol", "proxy_protocol_v2_require_tls"];

/// Everybody, or nobody.
fn who_comes_in(listener: &Listener) -> Option<String> {
    if listener.names_by_encryption() {
        // Nobody comes in without a certificate or a pre-shared key.
        return None;
    }
    let is_checked = listener.is_checked();
    let text = if listener.allow_anonymous {
        if is_local(listener) {
            return None;
        }
        let who = if is_checked { "clients without a user name" } else { "all clients" };
        format!(
            "{who} are let in without a password, from other machines too. To refuse them write `allow_anonymous false`{}; \
             to serve this machine only, put 127.0.0.1 behind the port.",
            if is_checked { "" } else { " and a `password_file`" }
        )
    } else if !is_checked && !listener.anonymous_stated {
        "every client is refused on this listener, as there is no password_file. To let clients in without a password, add \
         the line `allow_anonymous true`; to refuse them without this warning, `allow_anonymous false`."
            .to_owned()
    } else {
        return None;
    };
    Some(text)
}

/// Of a listener that can be reached over a network.
fn plain_passwords(listener: &Listener) -> Option<String> {
    // Behind such a proxy the way of the clients is encrypted; the way from there is the operator's own.
    let is_encrypted = listener.tls.is_on() || listener.proxy_protocol_v2_require_tls;
    (listener.is_checked() && !is_encrypted && !is_local(listener)).then(|| {
        "passwords cross the network unencrypted. Give the listener a `certfile` and a `keyfile`, put 127.0.0.1 behind the \
         port, or have this listener in a network that you trust."
            .to_owned()
    })
}

pub(crate) fn is_local(listener: &Listener) -> bool {
    match &listener.address {
        Address::Unix(_) => true,
        Address::Tcp { host: None, .. } => false,
        Address::Tcp { host: Some(host), .. } => is_this_machine(host),
    }
}

/// Secrets that other systems are told.
fn plain_secrets<'a>(config: &Config, mentions: &'a Mentions) -> impl Iterator<Item = (&'a Place, String)> {
    let warning = |(mention, what): (&'a Mention, &str)| {
        let text = format!(
            "{what} the network unencrypted on the way to this service. Write https:// where it has that, or have it in a \
             network that you trust."
        );
        (&mention.place, text)
    };
    let InfluxDb { url, database, username, password, token, .. } = &config.sinks.influxdb;
    // The one or the other, as its version has it: what the other one would be is not used.
    let secret = match (database, username.is_some() || password.is_some(), token.is_some()) {
        (Some(_), true, _) => Some("user name and password cross"),
        (None, _, true) => Some("the token crosses"),
        _ => None,
    };
    let influxdb = url.as_ref().filter(|url| is_open(url)).and(mentions.last_of("influxdb_url")).zip(secret);
    let is_asked = |url: &str| config.listeners.iter().any(|listener| listener.http.user_url.as_deref() == Some(url));
    let services = mentions.lines.iter().filter(move |mention| {
        mention.directive == "auth_http_user_url" && is_open(&mention.value) && is_asked(&mention.value)
    });
    influxdb.into_iter().chain(services.map(|mention| (mention, "passwords of clients cross"))).map(warning)
}

fn unbounded_queues(config: &Config) -> Option<String> {
    let is_bounded = config.max_queued_messages.is_some() || config.max_queued_bytes.is_some();
    (!is_bounded && !config.persistence.on).then(|| {
        "nothing bounds what waits for a client that is away, and all of it is in memory. Bound it with \
         `max_queued_messages` or `max_queued_bytes`, or have it on disk with `persistence true`."
            .to_owned()
    })
}

/// What an outage of another system costs.
fn lossy_sinks(config: &Config) -> impl Iterator<Item = (&'static str, String)> {
    let Sinks { influxdb, webhook, file } = &config.sinks;
    let are_there = [
        ("influxdb_url", "InfluxDB", influxdb.url.is_some()),
        ("webhook_url", "the web service", webhook.url.is_some()),
        ("file_sink", "the file", file.path.is_some()),
    ];
    let is_kept = config.persistence.on;
    are_there.into_iter().filter(move |(.., is_there)| *is_there && !is_kept).map(|(directive, name, _)| {
        let text = format!(
            "persistence is off: what waits for {name} is in memory only. While it cannot be written to, 64 MiB of messages \
             wait and later ones are lost, and all are when the server ends. Write `persistence true` to lose none."
        );
        (directive, text)
    })
}

fn unnamed_folder(config: &Config) -> Option<String> {
    (config.persistence.on && config.persistence.location.is_none()).then(|| {
        "what is kept goes into the folder in which the server is started, which may be another one next time. Name it with \
         `persistence_location`."
            .to_owned()
    })
}
