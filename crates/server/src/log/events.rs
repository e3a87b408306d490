//! What the broker tells, as objects of JSON (`log_format json`): one for each event, what it is about in members of its own.

use midge_broker::event::{DisconnectReason, Event, EventKind, PublishSummary};
use midge_net::Address;

use super::lines::{discard, ended, refusal};
use super::object::Members;
use super::records::Attributes;
use super::{LogBuffer, LogType};

/// Adds the object of one event. `address` is that of its connection, where it has one. `false`: too many such were told already.
pub(super) fn write(log: &mut LogBuffer, wall_s: u64, event: &Event, address: Option<&Address>) -> bool {
    let Head { kind, subject, .. } = head(event);
    if subject.is_some_and(|subject| !log.admits(wall_s, kind, subject)) {
        return false;
    }
    log.object(wall_s, kind, |object| describe(object, event, address));
    true
}

/// The same members, for the record of a line.
pub(super) fn attributes(event: &Event, address: Option<&Address>) -> Attributes {
    let mut attributes = Attributes::default();
    describe(&mut attributes, event, address);
    attributes
}

fn describe(members: &mut dyn Members, event: &Event, address: Option<&Address>) {
    members.text("event", head(event).name);
    if let Some(id) = &event.client_id {
        members.text("client_id", id);
    }
    if let Some(username) = &event.username {
        members.text("username", username);
    }
    if let Some(address) = address {
        members.text("address", &address.to_string());
    }
    fill(members, &event.kind);
}

/// What an event is called, and who wants to know.
struct Head {
    kind: LogType,
    name: &'static str,
    /// What it is about, if clients can cause it without end.
    subject: Option<&'static str>,
}

fn head(event: &Event) -> Head {
    let (kind, name, subject) = match &event.kind {
        EventKind::Connected { .. } => (LogType::Notice, "connected", None),
        EventKind::Disconnected(_) => {
            let subject = event.client_id.is_none().then_some("connections without CONNECT");
            (LogType::Notice, "disconnected", subject)
        }
        EventKind::Refused { .. } => (LogType::Notice, "refused", Some("refused connections")),
        EventKind::PublishDenied { more: None, .. } => (LogType::Debug, "publish_denied", None),
        EventKind::PublishDenied { .. } => (LogType::Notice, "publish_denied", Some("refused messages")),
        EventKind::SubscriptionRefused { .. } => {
            (LogType::Notice, "subscription_refused", Some("refused subscriptions"))
        }
        EventKind::IdentifierReused { .. } => (LogType::Warning, "identifier_reused", Some("reused identifiers")),
        EventKind::Throttled { .. } => (LogType::Notice, "throttled", Some("slowed clients")),
        EventKind::ReceivedPublish(_) | EventKind::Received(..) => (LogType::Debug, "received", None),
        EventKind::SendingPublish(_) | EventKind::Sending(..) | EventKind::SendingConnAck { .. } => {
            (LogType::Debug, "sending", None)
        }
        EventKind::Subscribed { .. } => (LogType::Subscribe, "subscribed", None),
        EventKind::Unsubscribed(_) => (LogType::Unsubscribe, "unsubscribed", None),
        EventKind::Discarded(_) | EventKind::DiscardedInAll(_) => {
            (LogType::Notice, "discarded", Some("discarded messages"))
        }
        EventKind::DiscardedShared(..) => (LogType::Notice, "discarded", Some("messages of share groups")),
        EventKind::ServiceEnded { .. } => (LogType::Warning, "service_ended", None),
        EventKind::SessionExpired => (LogType::Notice, "session_expired", None),
        EventKind::WillPublished(_) => (LogType::Debug, "will_published", None),
    };
    Head { kind, name, subject }
}

fn fill(members: &mut dyn Members, kind: &EventKind) {
    match kind {
        EventKind::Connected { .. } => fill_connected(members, kind),
        EventKind::Disconnected(reason) => fill_disconnected(members, reason),
        EventKind::Refused { reason, cause, .. } => {
            members.number("reason_code", reason.0.into());
            members.text("reason", refusal(*reason, cause));
            members.text("cause", cause);
        }
        EventKind::PublishDenied { packet, code, cause, more } => {
            fill_publish(members, packet);
            members.number("reason_code", code.0.into());
            members.text("cause", cause);
            members.number("others", more.unwrap_or(0));
        }
        EventKind::SubscriptionRefused { filter, code, cause, more } => {
            members.text("topic", filter);
            members.number("reason_code", code.0.into());
            members.text("cause", cause);
            members.number("others", *more);
        }
        EventKind::IdentifierReused { packet, more } => {
            fill_publish(members, packet);
            members.number("others", *more);
        }
        EventKind::Throttled { cause, more } => {
            members.text("cause", cause);
            members.number("others", *more);
        }
        EventKind::ReceivedPublish(packet) | EventKind::SendingPublish(packet) => {
            members.text("packet", "PUBLISH");
            fill_publish(members, packet);
        }
        EventKind::Received(name, packet_id, code) | EventKind::Sending(name, packet_id, code) => {
            members.text("packet", name);
            members.number("packet_id", (*packet_id).into());
            members.number("reason_code", code.0.into());
        }
        EventKind::SendingConnAck { session_present, code } => {
            members.text("packet", "CONNACK");
            members.flag("session_present", *session_present);
            members.number("reason_code", (*code).into());
        }
        EventKind::Subscribed { filter, qos, code } => {
            members.text("topic", filter);
            members.number("qos", *qos as u64);
            members.number("reason_code", (*code).into());
        }
        EventKind::Unsubscribed(topic) | EventKind::WillPublished(topic) => members.text("topic", topic),
        EventKind::Discarded(reason) => members.text("reason", discarded(discard(*reason))),
        EventKind::DiscardedInAll(count) => members.number("count", (*count).into()),
        EventKind::DiscardedShared(count, name) => {
            members.text("topic", name);
            members.number("count", *count);
        }
        EventKind::ServiceEnded { waiting } => members.number("waiting", *waiting),
        EventKind::SessionExpired => {}
    }
}

fn fill_connected(members: &mut dyn Members, kind: &EventKind) {
    let EventKind::Connected { version, clean_start, keep_alive_s, will, .. } = kind else { return };
    members.text("version", version.number());
    members.flag("clean_start", *clean_start);
    members.number("keep_alive_s", (*keep_alive_s).into());
    if let Some((topic, _, _, _)) = will {
        members.text("will_topic", topic);
    }
}

fn fill_disconnected(members: &mut dyn Members, reason: &DisconnectReason) {
    match reason {
        DisconnectReason::Disconnect => members.text("reason", "disconnected by client"),
        DisconnectReason::ClosedByClient => members.text("reason", "connection closed by client"),
        DisconnectReason::SocketError(text) => {
            members.text("reason", "bad socket read/write");
            members.text("cause", text);
        }
        DisconnectReason::ConnectTimeout => members.text("reason", "exceeded timeout"),
        DisconnectReason::ByServer(code, cause) => {
            members.number("reason_code", code.0.into());
            members.text("reason", ended(*code));
            members.text("cause", cause);
        }
    }
}

fn fill_publish(members: &mut dyn Members, packet: &PublishSummary) {
    members.text("topic", &packet.topic);
    members.number("qos", packet.qos as u64);
    members.flag("retain", packet.retain);
    members.flag("dup", packet.dup);
    members.number("packet_id", packet.packet_id.into());
    members.number("payload_bytes", packet.payload_bytes as u64);
}

/// What stands in brackets in a sentence; nothing: the usual reason.
fn discarded(remark: &'static str) -> &'static str {
    match remark.trim_start_matches(" (").trim_end_matches(')') {
        "" => "queue full",
        remark => remark,
    }
}
