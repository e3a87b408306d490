//! What the broker tells, as log lines.
//!
//! The wording is Mosquitto's, to the byte where there is a line of its: log watchers (fail2ban and the like), exporters
//! and test suites read them. Everything a client has chosen goes through [`Escaped`].

use std::fmt;

use midge_broker::event::{DiscardReason, DisconnectReason, Event, EventKind, EventMask, PublishSummary};
use midge_codec::{ReasonCode, Version};
use midge_net::Address;

use super::{Escaped, LogBuffer, LogType, ToldEvent, events};

/// Adds the lines of one event. `address` is that of its connection, where it has one.
pub(crate) fn write(log: &mut LogBuffer, wall_s: u64, event: &Event, address: Option<&Address>) {
    let is_json = log.is_json();
    if is_json && !events::write(log, wall_s, event, address) {
        return;
    }
    if log.is_exported() {
        let event_told = ToldEvent { attributes: events::attributes(event, address), is_logged: is_json };
        log.of_event(event_told, |log| write_sentences(log, wall_s, event, address));
    } else if !is_json {
        write_sentences(log, wall_s, event, address);
    }
}

fn write_sentences(log: &mut LogBuffer, wall_s: u64, event: &Event, address: Option<&Address>) {
    let client = Client { id: event.client_id.as_deref(), address };
    let mut line = |kind, text: fmt::Arguments<'_>| log.line(wall_s, kind, text);
    let debug = LogType::Debug;
    match &event.kind {
        EventKind::Connected { .. } => write_connected(log, wall_s, event, &client),
        EventKind::Disconnected(reason) => write_disconnected(log, wall_s, reason, &client),
        EventKind::Refused { reason, cause, .. } => {
            let ended = Ended { client: &client, reason: Some(refusal(*reason, cause)), cause: Some(cause) };
            ended.write(log, wall_s, Some("refused connections"));
        }
        EventKind::PublishDenied { packet, code, cause, more } => {
            line(debug, format_args!("Denied PUBLISH from {client} {}", Publish(packet)));
            let Some(more) = more else { return };
            let topic = Escaped(&packet.topic);
            let others = others(*more);
            let text = format_args!("Refused PUBLISH from {client} to '{topic}': {cause} (0x{:02x}).{others}", code.0);
            log.repeated_line(wall_s, LogType::Notice, "refused messages", text);
        }
        EventKind::SubscriptionRefused { filter, code, cause, more } => {
            let (filter, others) = (Escaped(filter), others(*more));
            let text =
                format_args!("Refused subscription of {client} to '{filter}': {cause} (0x{:02x}).{others}", code.0);
            log.repeated_line(wall_s, LogType::Notice, "refused subscriptions", text);
        }
        EventKind::IdentifierReused { packet, more } => {
            let from = fmt::from_fn(|f| address.map_or(Ok(()), |address| write!(f, " [{address}]")));
            let (topic, others, packet_id) = (Escaped(&packet.topic), others(*more), packet.packet_id);
            let text = format_args!(
                "Warning: a message of {client}{from} for '{topic}' was not taken: its Packet Identifier {packet_id} belongs to one \
                 that is not finished, and it is not marked as a repetition.{others}"
            );
            log.repeated_line(wall_s, LogType::Warning, "reused identifiers", text);
        }
        EventKind::Throttled { cause, more } => {
            let again = fmt::from_fn(|f| match more {
                0 => Ok(()),
                more => write!(f, " It had to wait {more} times since the last such line."),
            });
            let text = format_args!("Client {client} is read more slowly: {cause}.{again}");
            log.repeated_line(wall_s, LogType::Notice, "slowed clients", text);
        }
        EventKind::ReceivedPublish(packet) => {
            line(debug, format_args!("Received PUBLISH from {client} {}", Publish(packet)));
        }
        EventKind::SendingPublish(packet) => {
            line(debug, format_args!("Sending PUBLISH to {client} {}", Publish(packet)));
        }
        EventKind::Received(name, packet_id, code) => {
            line(
                debug,
                format_args!(
                    "Received {name} from {client}{}",
                    ReceivedDetail { name, packet_id: *packet_id, code: *code }
                ),
            );
        }
        EventKind::Sending(name, packet_id, code) => {
            line(
                debug,
                format_args!(
                    "Sending {name} to {client}{}",
                    SendingDetail { name, packet_id: *packet_id, code: *code }
                ),
            );
        }
        EventKind::SendingConnAck { session_present, code } => {
            line(debug, format_args!("Sending CONNACK to {client} ({}, {code})", u8::from(*session_present)));
        }
        EventKind::Subscribed { filter, qos, code } => {
            let filter = Escaped(filter);
            line(debug, format_args!("\t{filter} (QoS {})", *qos as u8));
            if *code < 0x80 {
                line(LogType::Subscribe, format_args!("{client} {code} {filter}"));
            }
        }
        EventKind::Unsubscribed(filter) => {
            let filter = Escaped(filter);
            line(debug, format_args!("\t{filter}"));
            line(LogType::Unsubscribe, format_args!("{client} {filter}"));
        }
        EventKind::Discarded(reason) => {
            let text = format_args!("Outgoing messages are being dropped for client {client}{}.", discard(*reason));
            log.repeated_line(wall_s, LogType::Notice, "discarded messages", text);
        }
        EventKind::DiscardedInAll(count) => {
            let text = format_args!("{count} messages for client {client} were dropped in all.");
            log.repeated_line(wall_s, LogType::Notice, "discarded messages", text);
        }
        EventKind::DiscardedShared(count, name) => {
            let reason = discard(DiscardReason::ShareGroupFull);
            let text = format_args!("{count} messages of '{}' are being dropped{reason}.", Escaped(name));
            log.repeated_line(wall_s, LogType::Notice, "messages of share groups", text);
        }
        EventKind::ServiceEnded { waiting } => {
            let text = format_args!(
                "{client} is not in the configuration any more: its session has ended, and {waiting} messages that waited in it are \
                 gone."
            );
            line(LogType::Warning, text);
        }
        EventKind::SessionExpired => {
            line(LogType::Notice, format_args!("Expiring client {client} due to timeout."));
        }
        EventKind::WillPublished(topic) => {
            line(debug, format_args!("Publishing the will of {client} on '{}'.", Escaped(topic)));
        }
    }
}

/// The set of events to which this one belongs.
pub(crate) fn mask(kind: &EventKind) -> EventMask {
    match kind {
        EventKind::Connected { .. } | EventKind::Disconnected(_) => EventMask::CONNECTION,
        EventKind::ReceivedPublish(_)
        | EventKind::SendingPublish(_)
        | EventKind::Received(..)
        | EventKind::Sending(..)
        | EventKind::SendingConnAck { .. } => EventMask::PACKET,
        EventKind::Subscribed { .. } => EventMask::SUBSCRIBE,
        EventKind::Unsubscribed(_) => EventMask::UNSUBSCRIBE,
        _ => EventMask::NOTICE,
    }
}

/// How many more there were than are told.
fn others(more: u64) -> impl fmt::Display {
    fmt::from_fn(move |f| match more {
        0 => Ok(()),
        more => write!(f, " {more} others of this client were refused since the last such line."),
    })
}

fn write_connected(log: &mut LogBuffer, wall_s: u64, event: &Event, client: &Client<'_>) {
    let EventKind::Connected { version, is_bridge, clean_start, keep_alive_s, will } = &event.kind else {
        return;
    };
    let version = match version {
        Version::V31 => 1,
        Version::V311 => 2,
        Version::V5 => 5,
    };
    let name = event.username.as_deref().map(|name| format!(", u'{}'", Escaped(name))).unwrap_or_default();
    let from = client.address.map(Address::to_string).unwrap_or_default();
    let clean = u8::from(*clean_start);
    let kind = if *is_bridge { "bridge" } else { "client" };
    let text =
        format_args!("New {kind} connected from {from} as {client} (p{version}, c{clean}, k{keep_alive_s}{name}).");
    log.line(wall_s, LogType::Notice, text);
    match will {
        None => log.line(wall_s, LogType::Debug, format_args!("No will message specified.")),
        Some((topic, bytes, qos, retain)) => {
            let (retain, qos) = (u8::from(*retain), *qos as u8);
            let text = format_args!("Will message specified ({bytes} bytes) (r{retain}, q{qos}).");
            log.line(wall_s, LogType::Debug, text);
            log.line(wall_s, LogType::Debug, format_args!("\t{}", Escaped(topic)));
        }
    }
}

fn write_disconnected(log: &mut LogBuffer, wall_s: u64, reason: &DisconnectReason, client: &Client<'_>) {
    let socket_error;
    let (reason, cause) = match reason {
        DisconnectReason::Disconnect => (None, None),
        DisconnectReason::ClosedByClient => (Some("connection closed by client"), None),
        DisconnectReason::SocketError(text) => {
            socket_error = format!("bad socket read/write: {text}");
            (Some(socket_error.as_str()), None)
        }
        DisconnectReason::ConnectTimeout => (Some("exceeded timeout"), Some("no CONNECT came in time")),
        DisconnectReason::ByServer(code, cause) => (Some(ended(*code)), Some(*cause)),
    };
    // Whoever comes without a CONNECT can come without end.
    let subject = client.id.is_none().then_some("connections without CONNECT");
    Ended { client, reason, cause }.write(log, wall_s, subject);
}

/// A client as lines name it: its identifier, or where it comes from.
struct Client<'a> {
    id: Option<&'a str>,
    address: Option<&'a Address>,
}

impl fmt::Display for Client<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.id.filter(|id| !id.is_empty()), self.address) {
            (Some(id), _) => write!(f, "{}", Escaped(id)),
            (None, Some(address)) => write!(f, "{}", address.host()),
            (None, None) => f.write_str("(null)"),
        }
    }
}

/// The end of a connection.
struct Ended<'a> {
    client: &'a Client<'a>,
    /// One of a fixed set, which log watchers know.
    reason: Option<&'a str>,
    /// What it was in this case.
    cause: Option<&'a str>,
}

impl Ended<'_> {
    /// The line that others wait for; before it one with the cause, where that says more than the reason. `subject`: what
    /// such lines are about, if anybody can cause them without end.
    fn write(&self, log: &mut LogBuffer, wall_s: u64, subject: Option<&'static str>) {
        if let Some(cause) = self.cause.filter(|cause| Some(*cause) != self.reason) {
            log.repeated_line(wall_s, LogType::Information, "causes", format_args!("{}: {cause}.", self.named()));
        }
        let named = self.named();
        let reason = fmt::from_fn(|f| match self.reason {
            Some(reason) => write!(f, ": {reason}"),
            None => Ok(()),
        });
        let text = format_args!("{named} disconnected{reason}.");
        match subject {
            Some(subject) => log.repeated_line(wall_s, LogType::Notice, subject, text),
            None => log.line(wall_s, LogType::Notice, text),
        }
    }

    /// `Client ID [ADDRESS:PORT]`
    fn named(&self) -> impl fmt::Display {
        fmt::from_fn(|f| match self.client.address {
            Some(address) => write!(f, "Client {} [{address}]", self.client),
            None => write!(f, "Client {} [(null):0]", self.client),
        })
    }
}

/// `(d0, q1, r0, m7, 'topic', ... (5 bytes))`
struct Publish<'a>(&'a PublishSummary);

impl fmt::Display for Publish<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let PublishSummary { dup, qos, retain, packet_id, topic, payload_bytes } = self.0;
        let (dup, retain, topic) = (u8::from(*dup), u8::from(*retain), Escaped(topic));
        let qos = *qos as u8;
        write!(f, "(d{dup}, q{qos}, r{retain}, m{packet_id}, '{topic}', ... ({payload_bytes} bytes))")
    }
}

struct ReceivedDetail {
    name: &'static str,
    packet_id: u16,
    code: ReasonCode,
}

impl fmt::Display for ReceivedDetail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name {
            "PUBACK" | "PUBCOMP" => write!(f, " (Mid: {}, RC:{})", self.packet_id, self.code.0),
            "PUBREC" | "PUBREL" => write!(f, " (Mid: {})", self.packet_id),
            _ => Ok(()),
        }
    }
}

struct SendingDetail {
    name: &'static str,
    packet_id: u16,
    code: ReasonCode,
}

impl fmt::Display for SendingDetail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name {
            "PUBACK" | "PUBREC" => write!(f, " (m{}, rc{})", self.packet_id, self.code.0),
            "PUBREL" | "PUBCOMP" => write!(f, " (m{})", self.packet_id),
            "DISCONNECT" => write!(f, " (rc{})", self.code.0),
            _ => Ok(()),
        }
    }
}

/// Why the server ended a connection.
pub(crate) fn ended(code: ReasonCode) -> &'static str {
    match code {
        ReasonCode::MALFORMED_PACKET => "malformed packet",
        ReasonCode::PROTOCOL_ERROR => "protocol error",
        ReasonCode::IMPLEMENTATION_SPECIFIC_ERROR => "implementation specific error",
        ReasonCode::UNSUPPORTED_PROTOCOL_VERSION => "unsupported protocol version",
        ReasonCode::CLIENT_IDENTIFIER_NOT_VALID => "client identifier not valid",
        ReasonCode::BAD_USER_NAME_OR_PASSWORD => "bad username or password",
        ReasonCode::NOT_AUTHORIZED => "not authorised",
        ReasonCode::SERVER_UNAVAILABLE => "server unavailable",
        ReasonCode::SERVER_BUSY => "server busy",
        ReasonCode::BANNED => "client banned",
        ReasonCode::SERVER_SHUTTING_DOWN => "server shutting down",
        ReasonCode::BAD_AUTHENTICATION_METHOD => "bad authentication method",
        ReasonCode::KEEP_ALIVE_TIMEOUT => "exceeded timeout",
        ReasonCode::SESSION_TAKEN_OVER => "session taken over",
        ReasonCode::TOPIC_FILTER_INVALID => "topic filter invalid",
        ReasonCode::TOPIC_NAME_INVALID => "topic name invalid",
        ReasonCode::RECEIVE_MAXIMUM_EXCEEDED => "receive maximum exceeded",
        ReasonCode::TOPIC_ALIAS_INVALID => "topic alias invalid",
        ReasonCode::PACKET_TOO_LARGE => "oversize packet",
        ReasonCode::QUOTA_EXCEEDED => "quota exceeded",
        ReasonCode::ADMINISTRATIVE_ACTION => "administrative action",
        ReasonCode::RETAIN_NOT_SUPPORTED | ReasonCode::QOS_NOT_SUPPORTED => "used disallowed feature",
        ReasonCode::MAXIMUM_CONNECT_TIME => "maximum connect time",
        ReasonCode::CONNECTION_RATE_EXCEEDED => "connection rate exceeded",
        _ => "unspecified error",
    }
}

/// Why a CONNECT was refused.
pub(crate) fn refusal(reason: ReasonCode, cause: &'static str) -> &'static str {
    match reason {
        // It says nothing; the cause does.
        ReasonCode::UNSPECIFIED_ERROR => cause,
        ReasonCode::MALFORMED_PACKET => "protocol error",
        reason => ended(reason),
    }
}

/// What is added to Mosquitto's line where it says more.
pub(super) fn discard(reason: DiscardReason) -> &'static str {
    match reason {
        DiscardReason::QueueFull => "",
        DiscardReason::SlowReader => " (it does not read them)",
        DiscardReason::PacketTooLarge => " (larger than its maximum packet size)",
        DiscardReason::Expired => " (expired while waiting)",
        DiscardReason::ShareGroupFull => " (no member of the share group has room)",
        DiscardReason::NotAuthorized => " (its share group gives it what it may not read)",
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use midge_codec::QoS;

    use super::super::{Log, LogDestination, LogOptions, LogTypes};
    use super::*;

    #[track_caller]
    fn check_client((client_id, username): (Option<&str>, Option<&str>), kind: EventKind, expected: &[&str]) {
        let path = std::env::temp_dir().join(format!("midge-lines-{:?}", std::thread::current().id()));
        let _ = std::fs::remove_file(&path);
        let options = LogOptions {
            types: LogTypes::ALL,
            timestamp: false,
            destinations: vec![LogDestination::File(path.clone())],
            ..LogOptions::default()
        };
        let mut log = LogBuffer::new(Log::open(options, None).expect("opened"));
        let event =
            Event { connection: None, client_id: client_id.map(Into::into), username: username.map(Into::into), kind };
        let address = Address::V4(Ipv4Addr::LOCALHOST, 4711);
        write(&mut log, 1, &event, Some(&address));
        log.flush(1);
        log.log().settle();
        let text = std::fs::read_to_string(&path).expect("a file");
        assert_eq!(text.lines().collect::<Vec<_>>(), expected);
        std::fs::remove_file(path).expect("removed");
    }

    #[track_caller]
    fn check(kind: EventKind, expected: &[&str]) {
        check_client((Some("c1"), None), kind, expected);
    }

    fn publish() -> PublishSummary {
        PublishSummary {
            dup: false,
            qos: QoS::AtLeastOnce,
            retain: true,
            packet_id: 7,
            topic: "a/b".into(),
            payload_bytes: 5,
        }
    }

    #[test]
    fn connections_that_are_made() {
        let check = |version, username: Option<&str>, will, expected: &[&str]| {
            let kind = EventKind::Connected { version, is_bridge: false, clean_start: false, keep_alive_s: 42, will };
            check_client((Some("c1"), username), kind, expected);
        };
        let line = "New client connected from 127.0.0.1:4711 as c1 (p5, c0, k42).";
        check(Version::V5, None, None, &[line, "No will message specified."]);
        let line = "New client connected from 127.0.0.1:4711 as c1 (p2, c0, k42, u'ann\\x0a').";
        let will = Some(("w/t".into(), 3, QoS::ExactlyOnce, true));
        let will_lines = ["Will message specified (3 bytes) (r1, q2).", "\tw/t"];
        check(Version::V311, Some("ann\n"), will, &[line, will_lines[0], will_lines[1]]);
        let line = "New client connected from 127.0.0.1:4711 as c1 (p1, c0, k42).";
        check(Version::V31, None, None, &[line, "No will message specified."]);
    }

    #[test]
    fn connections_that_end() {
        let ended = |reason, expected| check(EventKind::Disconnected(reason), &[expected]);
        ended(DisconnectReason::Disconnect, "Client c1 [127.0.0.1:4711] disconnected.");
        let line = "Client c1 [127.0.0.1:4711] disconnected: connection closed by client.";
        ended(DisconnectReason::ClosedByClient, line);
        let line = "Client c1 [127.0.0.1:4711] disconnected: bad socket read/write: No route to host.";
        ended(DisconnectReason::SocketError("No route to host".into()), line);
        let by_server = |code, cause, expected| ended(DisconnectReason::ByServer(code, cause), expected);
        let line = "Client c1 [127.0.0.1:4711] disconnected: session taken over.";
        by_server(ReasonCode::SESSION_TAKEN_OVER, "session taken over", line);
        let by_server =
            EventKind::Disconnected(DisconnectReason::ByServer(ReasonCode::MALFORMED_PACKET, "reserved flag is set"));
        let lines = [
            "Client c1 [127.0.0.1:4711]: reserved flag is set.",
            "Client c1 [127.0.0.1:4711] disconnected: malformed packet.",
        ];
        check(by_server, &lines);
    }

    #[test]
    fn connections_that_never_were() {
        let lines = [
            "Client 127.0.0.1 [127.0.0.1:4711]: no CONNECT came in time.",
            "Client 127.0.0.1 [127.0.0.1:4711] disconnected: exceeded timeout.",
        ];
        check_client((None, None), EventKind::Disconnected(DisconnectReason::ConnectTimeout), &lines);
        let lines = [
            "Client 127.0.0.1 [127.0.0.1:4711]: first packet is not CONNECT.",
            "Client 127.0.0.1 [127.0.0.1:4711] disconnected: protocol error.",
        ];
        check_client(
            (None, None),
            EventKind::Refused { reason: ReasonCode::PROTOCOL_ERROR, cause: "first packet is not CONNECT" },
            &lines,
        );
        let line = "Client c1 [127.0.0.1:4711] disconnected: not authorised.";
        check(EventKind::Refused { reason: ReasonCode::NOT_AUTHORIZED, cause: "not authorised" }, &[line]);
        let line = "Client c1 [127.0.0.1:4711] disconnected: keep alive above max_keepalive.";
        let cause = "keep alive above max_keepalive";
        check(EventKind::Refused { reason: ReasonCode::UNSPECIFIED_ERROR, cause }, &[line]);
    }

    #[test]
    fn packets() {
        let received = "Received PUBLISH from c1 (d0, q1, r1, m7, 'a/b', ... (5 bytes))";
        check(EventKind::ReceivedPublish(publish()), &[received]);
        let sending = "Sending PUBLISH to c1 (d0, q1, r1, m7, 'a/b', ... (5 bytes))";
        check(EventKind::SendingPublish(publish()), &[sending]);
        let received = |name, expected| check(EventKind::Received(name, 1, ReasonCode::SUCCESS), &[expected]);
        received("PUBACK", "Received PUBACK from c1 (Mid: 1, RC:0)");
        received("PUBREC", "Received PUBREC from c1 (Mid: 1)");
        received("PUBREL", "Received PUBREL from c1 (Mid: 1)");
        received("SUBSCRIBE", "Received SUBSCRIBE from c1");
        received("PINGREQ", "Received PINGREQ from c1");
        let sending = |name, expected| check(EventKind::Sending(name, 1, ReasonCode::SUCCESS), &[expected]);
        sending("PUBACK", "Sending PUBACK to c1 (m1, rc0)");
        sending("PUBREC", "Sending PUBREC to c1 (m1, rc0)");
        sending("PUBREL", "Sending PUBREL to c1 (m1)");
        sending("PUBCOMP", "Sending PUBCOMP to c1 (m1)");
        sending("SUBACK", "Sending SUBACK to c1");
        sending("DISCONNECT", "Sending DISCONNECT to c1 (rc0)");
        let connack = EventKind::SendingConnAck { session_present: true, code: 0 };
        check(connack, &["Sending CONNACK to c1 (1, 0)"]);
    }

    #[test]
    fn subscriptions() {
        let subscribed = |code| EventKind::Subscribed { filter: "a/#".into(), qos: QoS::ExactlyOnce, code };
        check(subscribed(1), &["\ta/# (QoS 2)", "c1 1 a/#"]);
        check(subscribed(0x80), &["\ta/# (QoS 2)"]);
        check(EventKind::Unsubscribed("a/#".into()), &["\ta/#", "c1 a/#"]);
    }

    #[test]
    fn what_is_discarded_denied_or_expired() {
        let line = "Outgoing messages are being dropped for client c1.";
        check(EventKind::Discarded(DiscardReason::QueueFull), &[line]);
        check(EventKind::DiscardedInAll(7), &["7 messages for client c1 were dropped in all."]);
        let line = "2 messages of 'a/b' are being dropped (no member of the share group has room).";
        check(EventKind::DiscardedShared(2, "a/b".into()), &[line]);
        check(EventKind::SessionExpired, &["Expiring client c1 due to timeout."]);
        let denied = |more| EventKind::PublishDenied {
            packet: publish(),
            code: ReasonCode::NOT_AUTHORIZED,
            cause: "$SYS belongs to the server",
            more,
        };
        let each = "Denied PUBLISH from c1 (d0, q1, r1, m7, 'a/b', ... (5 bytes))";
        let told = "Refused PUBLISH from c1 to 'a/b': $SYS belongs to the server (0x87).";
        check(denied(Some(0)), &[each, told]);
        check(denied(None), &[each]);
        let told = format!("{told} 41 others of this client were refused since the last such line.");
        check(denied(Some(41)), &[each, &told]);
    }
}
