//! What the console is told of listeners, Subscriptions and rights, in its own words.

use std::ffi::OsString;
use std::net::UdpSocket;

use midge_auth::Access;
use midge_broker::ListedSubscription;
use midge_console::EntranceKind;
use midge_console::source::{Explanation, Listener, Subscription};

use crate::authority::Why;
use crate::options::Endpoint;
use crate::settings::{Door, Settings};

pub(super) fn describe_subscription(listed: ListedSubscription) -> Subscription {
    let shared = listed.filter.strip_prefix("$share/").and_then(|rest| rest.split_once('/'));
    let (share, filter) = match shared {
        Some((share, filter)) => (Some(share.to_owned()), filter.to_owned()),
        None => (None, listed.filter.to_string()),
    };
    Subscription {
        client_id: listed.client_id.into(),
        filter,
        share,
        qos: listed.qos,
        no_local: listed.is_no_local,
        retain_as_published: listed.is_retain_as_published,
        identifier: listed.identifier,
    }
}

pub(super) fn describe_listener(settings: &Settings, number: usize, door: &Door) -> Listener {
    let (port, address) = match door.of.as_ref().map(|at| &at.endpoint) {
        Some(Endpoint::Tcp { host, port, .. }) => (*port, host.clone().unwrap_or_else(|| "*".to_owned())),
        Some(Endpoint::Unix(path)) => (0, path.display().to_string()),
        None => (0, String::new()),
    };
    Listener {
        port,
        address,
        protocol: match (door.http, &door.websocket) {
            (Some(EntranceKind::Console), _) => "console",
            (Some(EntranceKind::HttpApi), _) => "http_api",
            (None, Some(_)) => "websockets",
            (None, None) => "mqtt",
        },
        tls: door.encryption.is_some(),
        mtls: door.encryption.as_ref().is_some_and(|encryption| encryption.options.require_certificate),
        clients: door.gate.open().into(),
        max_connections: door.gate.max(),
        anonymous: settings.broker.listeners.get(number).is_some_and(|rules| rules.allow_anonymous),
    }
}

/// The port, or the path.
pub(super) fn name_of(door: &Door) -> String {
    match door.of.as_ref().map(|at| &at.endpoint) {
        Some(Endpoint::Tcp { port, .. }) => port.to_string(),
        Some(Endpoint::Unix(path)) => path.display().to_string(),
        None => String::new(),
    }
}

pub(super) fn port_of(door: &Door) -> Option<u16> {
    match door.of.as_ref().map(|at| &at.endpoint)? {
        Endpoint::Tcp { port, .. } => Some(*port),
        Endpoint::Unix(_) => None,
    }
}

/// The address by which this machine reaches others, and so others it. Nothing is sent to find it out.
pub(super) fn host_hint() -> Option<String> {
    let socket = UdpSocket::bind(("0.0.0.0", 0)).ok()?;
    // An address of the documentation (RFC 5737): the system only looks by which way it would go.
    socket.connect(("192.0.2.1", 9)).ok()?;
    let ip = socket.local_addr().ok()?.ip();
    (!ip.is_unspecified() && !ip.is_loopback()).then(|| ip.to_string())
}

/// What somebody at this machine types to run this program: its name alone where shells find it by that, else with its folder. Under
/// another name it takes other words.
pub(super) fn program() -> Option<String> {
    let path = std::env::current_exe().ok()?;
    let name = path.file_name().filter(|name| *name == "midge" && path.exists())?;
    let is_found = |folders: OsString| std::env::split_paths(&folders).any(|folder| Some(&*folder) == path.parent());
    let shown = if std::env::var_os("PATH").is_some_and(is_found) { name } else { path.as_os_str() };
    shown.to_str().map(str::to_owned)
}

pub(super) fn explained(why: Why, access: Access, topic: &str) -> Explanation {
    let Why { decision, acl_file, is_special, is_all } = why;
    if access == Access::Publish && midge_broker::is_server_topic(topic) {
        let why = "Topics of the server itself cannot be published to.".to_owned();
        return Explanation { allowed: false, rule: None, why };
    }
    if is_special {
        let why = "User Name or Client Identifier has a '+', '#' or '/' in it, and so is granted nothing.".to_owned();
        return Explanation { allowed: false, rule: None, why };
    }
    let rule = decision.line().zip(acl_file).map(|(line, file)| {
        let text = std::fs::read_to_string(&file).ok();
        let text = text.and_then(|text| Some(text.lines().nth(line as usize - 1)?.trim().to_owned()));
        (file, line, text.unwrap_or_default())
    });
    let more = if is_all { "" } else { " What tokens and web services grant counts beside it when somebody logs in." };
    let told = decision.to_string();
    let why = format!("{}{}.{more}", told[..1].to_uppercase(), &told[1..]);
    Explanation { allowed: decision.is_allowed(), rule, why }
}
