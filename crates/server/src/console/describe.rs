//! What the console is told of listeners, Subscriptions and rights, in its own words.

use std::ffi::OsString;
use std::net::UdpSocket;

use midge_auth::{Access, Decision};
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

pub(super) fn describe_listener(settings: &Settings, number: usize, name: String) -> Listener {
    let door = &settings.doors[number];
    let (port, address) = match door.of.as_ref().map(|at| &at.endpoint) {
        Some(Endpoint::Tcp { host, port, .. }) => (*port, host.clone().unwrap_or_else(|| "*".to_owned())),
        Some(Endpoint::Unix(path)) => (0, path.display().to_string()),
        None => (0, String::new()),
    };
    Listener {
        name,
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

/// What listeners are called, by their numbers: the port, or the path; the address too where several have the port. One that is gone
/// has no name.
pub(super) fn names(settings: &Settings) -> Vec<String> {
    let endpoints: Vec<_> = settings.doors.iter().map(|door| door.of.as_ref().map(|at| &at.endpoint)).collect();
    endpoints.iter().map(|endpoint| endpoint.map(|endpoint| name(endpoint, &endpoints)).unwrap_or_default()).collect()
}

fn name(endpoint: &Endpoint, all: &[Option<&Endpoint>]) -> String {
    let (host, port) = match endpoint {
        Endpoint::Unix(path) => return path.display().to_string(),
        Endpoint::Tcp { host, interface, port, .. } => (host.as_ref().or(interface.as_ref()), *port),
    };
    let has_port = |other: &&&Endpoint| matches!(other, Endpoint::Tcp { port: its, .. } if *its == port);
    match host.map_or("*", String::as_str) {
        _ if all.iter().flatten().filter(has_port).count() == 1 => port.to_string(),
        host if host.contains(':') => format!("[{host}]:{port}"),
        host => format!("{host}:{port}"),
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
        return Explanation { why: OWN_TOPIC.to_owned(), ..Explanation::default() };
    }
    if is_special {
        return Explanation { why: SPECIAL_NAME.to_owned(), ..Explanation::default() };
    }
    let rule = decision.line().zip(acl_file).map(|(line, file)| {
        let text = std::fs::read_to_string(&file).ok();
        let text = text.and_then(|text| Some(text.lines().nth(line as usize - 1)?.trim().to_owned()));
        (file, line, text.unwrap_or_default())
    });
    let more = if is_all { String::new() } else { format!(" {OTHERS_GRANT}") };
    let why = format!("{}{more}", sentence(decision));
    Explanation { allowed: decision.is_allowed(), rule, why, ..Explanation::default() }
}

fn sentence(decision: Decision) -> String {
    let told = decision.to_string();
    format!("{}{}.", told[..1].to_uppercase(), &told[1..])
}

const OWN_TOPIC: &str = "Topics of the server itself cannot be published to.";
const SPECIAL_NAME: &str = "User Name or Client Identifier has a '+', '#' or '/' in it, and so is granted nothing.";
const OTHERS_GRANT: &str = "What tokens and web services grant counts beside it when somebody logs in.";

#[cfg(test)]
mod tests {
    use midge_net::Family;

    use super::*;

    /// Which sentence it is; who adds a decision comes by here.
    fn of(decision: Decision) -> String {
        use Decision::{
            Allowed, AlwaysGranted, Denied, NoFile, NoRule, NoRuleForAnonymous, NoRulesForUser, WildcardInClientId,
            WildcardInUserName,
        };
        match decision {
            Allowed { line } | Denied { line } => sentence(decision).replace(&line.to_string(), "{n}"),
            NoFile | AlwaysGranted | WildcardInUserName | WildcardInClientId | NoRule | NoRulesForUser
            | NoRuleForAnonymous => sentence(decision),
        }
    }

    #[test]
    fn the_page_explains_in_each_of_its_languages() {
        let decisions = [
            Decision::Allowed { line: 7 },
            Decision::Denied { line: 7 },
            Decision::NoFile,
            Decision::AlwaysGranted,
            Decision::WildcardInUserName,
            Decision::WildcardInClientId,
            Decision::NoRule,
            Decision::NoRulesForUser,
            Decision::NoRuleForAnonymous,
        ];
        let others = [OWN_TOPIC, SPECIAL_NAME, OTHERS_GRANT].map(str::to_owned);
        let texts = [
            include_str!("../../../console/web/src/i18n/said_ja.ts"),
            include_str!("../../../console/web/src/i18n/said_ko.ts"),
        ];
        for told in decisions.map(of).into_iter().chain(others) {
            let keys = [format!("'{}':", told.replace('\'', "\\'")), format!("\"{told}\":")];
            let is_said = |text: &&str| keys.iter().any(|key| text.contains(key));
            assert!(texts.iter().all(is_said), "{told} is not among web/src/i18n/said_*.ts");
        }
    }

    #[test]
    fn listeners_are_called_by_their_port_as_long_as_that_says_which() {
        let tcp = |host: Option<&str>, port| {
            let host = host.map(str::to_owned);
            Some(Endpoint::Tcp { host, port, family: Family::Any, interface: None })
        };
        let unix = Some(Endpoint::Unix("/run/midge.sock".into()));
        let all = [tcp(None, 1883), unix, tcp(Some("::1"), 1884), None, tcp(Some("10.0.0.1"), 1884), tcp(None, 1884)];
        let all: Vec<Option<&Endpoint>> = all.iter().map(Option::as_ref).collect();
        let names: Vec<String> = all.iter().flatten().map(|endpoint| name(endpoint, &all)).collect();
        assert_eq!(names, ["1883", "/run/midge.sock", "[::1]:1884", "10.0.0.1:1884", "*:1884"]);
    }
}
