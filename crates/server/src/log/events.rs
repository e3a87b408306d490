//! What the broker tells, as objects of JSON (`log_format json`): one for each event, what it is about in members of its own.

use midge_broker::event::{DisconnectReason, Event, EventKind, PublishSummary};
use midge_net::Address;

use super::lines::{discard, ended, refusal};
use super::object::Object;
use super::{LogBuffer, LogType};

/// Adds the object of one event. `address` is that of its connection, where it has one.
pub(super) fn write(log: &mut LogBuffer, wall_s: u64, event: &Event, address: Option<&Address>) {
    let Head { kind, name, subject } = head(event);
    if subject.is_some_and(|subject| !log.admits(wall_s, kind, subject)) {
        return;
    }
    log.object(wall_s, kind, |object| {
        object.text("event", name);
        if let Some(id) = &event.client_id {
            object.text("client_id", id);
        }
        if let Some(username) = &event.username {
            object.text("username", username);
        }
        if let Some(address) = address {
            object.text("address", &address.to_string());
        }
        fill(object, &event.kind);
    });
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

fn fill(object: &mut Object<'_>, kind: &EventKind) {
    match kind {
        EventKind::Connected { .. } => fill_connected(object, kind),
        EventKind::Disconnected(reason) => fill_disconnected(object, reason),
        EventKind::Refused { reason, cause, .. } => {
            object.number("reason_code", reason.0.into());
            object.text("reason", refusal(*reason, cause));
            object.text("cause", cause);
        }
        EventKind::PublishDenied { packet, code, cause, more } => {
            fill_publish(object, packet);
            object.number("reason_code", code.0.into());
            object.text("cause", cause);
            object.number("others", more.unwrap_or(0));
        }
        EventKind::SubscriptionRefused { filter, code, cause, more } => {
            object.text("topic", filter);
            object.number("reason_code", code.0.into());
            object.text("cause", cause);
            object.number("others", *more);
        }
        EventKind::IdentifierReused { packet, more } => {
            fill_publish(object, packet);
            object.number("others", *more);
        }
        EventKind::Throttled { cause, more } => {
            object.text("cause", cause);
            object.number("others", *more);
        }
        EventKind::ReceivedPublish(packet) | EventKind::SendingPublish(packet) => {
            object.text("packet", "PUBLISH");
            fill_publish(object, packet);
        }
        EventKind::Received(name, packet_id, code) | EventKind::Sending(name, packet_id, code) => {
            object.text("packet", name);
            object.number("packet_id", (*packet_id).into());
            object.number("reason_code", code.0.into());
        }
        EventKind::SendingConnAck { session_present, code } => {
            object.text("packet", "CONNACK");
            object.flag("session_present", *session_present);
            object.number("reason_code", (*code).into());
        }
        EventKind::Subscribed { filter, qos, code } => {
            object.text("topic", filter);
            object.number("qos", *qos as u64);
            object.number("reason_code", (*code).into());
        }
        EventKind::Unsubscribed(topic) | EventKind::WillPublished(topic) => object.text("topic", topic),
        EventKind::Discarded(reason) => object.text("reason", discarded(discard(*reason))),
        EventKind::DiscardedInAll(count) => object.number("count", (*count).into()),
        EventKind::DiscardedShared(count, name) => {
            object.text("topic", name);
            object.number("count", *count);
        }
        EventKind::ServiceEnded { waiting } => object.number("waiting", *waiting),
        EventKind::SessionExpired => {}
    }
}

fn fill_connected(object: &mut Object<'_>, kind: &EventKind) {
    let EventKind::Connected { version, clean_start, keep_alive_s, will, .. } = kind else { return };
    object.text("version", version.number());
    object.flag("clean_start", *clean_start);
    object.number("keep_alive_s", (*keep_alive_s).into());
    if let Some((topic, _, _, _)) = will {
        object.text("will_topic", topic);
    }
}

fn fill_disconnected(object: &mut Object<'_>, reason: &DisconnectReason) {
    match reason {
        DisconnectReason::Disconnect => object.text("reason", "disconnected by client"),
        DisconnectReason::ClosedByClient => object.text("reason", "connection closed by client"),
        DisconnectReason::SocketError(text) => {
            object.text("reason", "bad socket read/write");
            object.text("cause", text);
        }
        DisconnectReason::ConnectTimeout => object.text("reason", "exceeded timeout"),
        DisconnectReason::ByServer(code, cause) => {
            object.number("reason_code", code.0.into());
            object.text("reason", ended(*code));
            object.text("cause", cause);
        }
    }
}

fn fill_publish(object: &mut Object<'_>, packet: &PublishSummary) {
    object.text("topic", &packet.topic);
    object.number("qos", packet.qos as u64);
    object.flag("retain", packet.retain);
    object.flag("dup", packet.dup);
    object.number("packet_id", packet.packet_id.into());
    object.number("payload_bytes", packet.payload_bytes as u64);
}

/// What stands in brackets in a sentence; nothing: the usual reason.
fn discarded(remark: &'static str) -> &'static str {
    match remark.trim_start_matches(" (").trim_end_matches(')') {
        "" => "queue full",
        remark => remark,
    }
}
