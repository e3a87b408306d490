//! May this client publish that? Asked before any effect.

use crate::identity::Identity;
use crate::message::MessageParts;
use crate::options::Options;
use crate::retained::Growth;
use crate::shared::Shared;
use midge_codec::{QoS, ReasonCode, topic_levels};

/// Proof that the question was asked and answered with yes. Only this module makes one, and routing wants one.
pub(crate) struct Allowed(());

/// The answer no.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Denied {
    /// As version 5 is told.
    pub code: ReasonCode,
    /// For the log.
    pub cause: &'static str,
    /// Whether a client that cannot be told is disconnected, rather than answered as if all were well. No acknowledgement tells
    /// of a malformed packet.
    pub closes: bool,
    /// Only for want of room in the log: it does not count for a message that leaves nothing there ([`unrecorded`]).
    pub is_for_log: bool,
    /// Because enough is retained.
    pub is_for_retained: bool,
}

impl Denied {
    const fn new(code: ReasonCode, cause: &'static str) -> Denied {
        Denied { code, cause, closes: false, is_for_log: false, is_for_retained: false }
    }
}

/// Whether a client may publish this message. `restricted`: who it is, where there is something that it may not do.
pub(crate) fn publish(
    options: &Options,
    shared: &Shared,
    restricted: Option<&Identity>,
    message: &MessageParts<'_>,
) -> Result<Allowed, Denied> {
    will(options, restricted, message)?;
    if shared.is_memory_short() && may_be_kept(options, message) {
        // A client that cannot be told must not take the message for delivered: without an acknowledgement it comes again.
        let closes = message.qos > QoS::AtMostOnce;
        return Err(Denied { closes, ..Denied::new(ReasonCode::QUOTA_EXCEEDED, "memory_limit reached") });
    }
    retain(options, shared, message)?;
    if shared.is_log_full() && may_be_kept(options, message) && !makes_room(shared, message) {
        let closes = message.qos > QoS::AtMostOnce;
        let denied = Denied::new(ReasonCode::QUOTA_EXCEEDED, "no room for the log");
        return Err(Denied { closes, is_for_log: true, ..denied });
    }
    Ok(Allowed(()))
}

/// Whether a client's Will may be published. There is room for it: it was taken when the client came, and nobody could send it
/// again.
pub(crate) fn will(
    options: &Options,
    restricted: Option<&Identity>,
    message: &MessageParts<'_>,
) -> Result<Allowed, Denied> {
    let (topic, payload_bytes) = (message.topic, message.payload.len());
    if topic.starts_with('$') && is_server_topic(topic) {
        let cause = "topics of the server itself cannot be published to";
        return Err(Denied::new(ReasonCode::NOT_AUTHORIZED, cause));
    }
    // A topic has at most as many levels as bytes plus one: most need no counting.
    if topic.len() >= options.topic_levels_max && topic_levels(topic) > options.topic_levels_max {
        let cause = "more topic levels than topic_levels_max";
        return Err(Denied { closes: true, ..Denied::new(ReasonCode::MALFORMED_PACKET, cause) });
    }
    if options.message_size_limit != 0 && payload_bytes > options.message_size_limit as usize {
        // Mosquitto says 0x95, which PUBACK and PUBREC do not know `[MQTT-3.4.2-1]`: paho-mqtt fails on such a code.
        let cause = "payload above message_size_limit";
        return Err(Denied::new(ReasonCode::QUOTA_EXCEEDED, cause));
    }
    if restricted.is_some_and(|client| !client.may_publish(topic)) {
        let cause = "not authorised";
        return Err(Denied::new(ReasonCode::NOT_AUTHORIZED, cause));
    }
    Ok(Allowed(()))
}

/// Whether a message may stay longer than its delivery takes. To clear a Retained Message makes room instead.
fn may_be_kept(options: &Options, message: &MessageParts<'_>) -> bool {
    let is_retained = message.retain && !message.payload.is_empty();
    is_retained || message.qos > QoS::AtMostOnce || options.queue_qos0_messages
}

/// Whether a message may be retained that is to be. To clear one is always allowed.
pub(crate) fn retain(options: &Options, shared: &Shared, message: &MessageParts<'_>) -> Result<(), Denied> {
    let (max_messages, max_bytes) = (options.max_retained_messages, options.max_retained_bytes);
    if !message.retain || message.payload.is_empty() || max_messages.is_none() && max_bytes.is_none() {
        return Ok(());
    }
    let Growth { messages, bytes } = shared.retained().growth(message.topic, message.payload.len());
    let is_over = |value: Option<u64>, max: Option<u64>| value.zip(max).is_some_and(|(value, max)| value > max);
    let cause = match (is_over(messages, max_messages), is_over(bytes, max_bytes)) {
        (true, _) => "max_retained_messages reached",
        (false, true) => "max_retained_bytes reached",
        (false, false) => return Ok(()),
    };
    Err(Denied { is_for_retained: true, ..Denied::new(ReasonCode::QUOTA_EXCEEDED, cause) })
}

/// Whether the message clears one that is there. With QoS 1 or 2 too: else nobody could make room who waits for answers.
fn makes_room(shared: &Shared, message: &MessageParts<'_>) -> bool {
    message.retain && message.payload.is_empty() && shared.retained().holds(message.topic.as_bytes(), u64::MAX)
}

/// Topics that only the server publishes to, but for the state that a bridge tells of itself.
pub fn is_server_topic(topic: &str) -> bool {
    let is_bridge_state =
        || topic.strip_prefix("$SYS/broker/connection/").is_some_and(|rest| rest.split('/').nth(1) == Some("state"));
    topic.starts_with("$share") || topic.starts_with("$SYS") && !is_bridge_state()
}

/// A QoS 2 message that was taken over before: it is answered once more and goes nowhere.
pub(crate) fn repeat() -> Allowed {
    Allowed(())
}

/// A message that was refused for want of room in the log, and would leave nothing there.
pub(crate) fn unrecorded() -> Allowed {
    Allowed(())
}

/// What the server itself publishes needs no permission.
pub(crate) fn server() -> Allowed {
    Allowed(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log_queue::{LogQueue, LogState};

    fn denied(shared: &Shared, topic: &str, payload: &str, qos: QoS, retain: bool) -> Option<Denied> {
        let options = Options { topic_levels_max: 3, message_size_limit: 10, ..Options::default() };
        let payload = payload.as_bytes();
        let message = MessageParts {
            topic,
            properties: &[],
            payload,
            qos,
            retain,
            received_s: 0,
            received_ns: 0,
            expiry_interval_s: None,
        };
        publish(&options, shared, None, &message).err()
    }

    #[test]
    fn a_full_disk_refuses_what_would_have_to_be_kept() {
        let shared = Shared::new(1, 0).with_log(LogQueue::new(1, 0));
        let denied = |qos, retain| denied(&shared, "t", "x", qos, retain).map(|denied| denied.cause);
        assert_eq!(denied(QoS::AtLeastOnce, true), None);
        shared.log().expect("a log").set_state(LogState::Full);
        assert_eq!(denied(QoS::AtLeastOnce, false), Some("no room for the log"));
        assert_eq!(denied(QoS::AtMostOnce, true), Some("no room for the log"));
        assert_eq!(denied(QoS::AtMostOnce, false), None);
    }

    #[test]
    fn a_full_disk_lets_retained_messages_be_cleared() {
        let shared = Shared::new(1, 0).with_log(LogQueue::new(1, 0));
        shared.log().expect("a log").set_state(LogState::Full);
        let clears = || denied(&shared, "t", "", QoS::AtLeastOnce, true).is_none();
        assert!(!clears(), "there is nothing");
        let parts = MessageParts {
            topic: "t",
            properties: &[],
            payload: b"x",
            qos: QoS::AtMostOnce,
            retain: true,
            received_s: 0,
            received_ns: 0,
            expiry_interval_s: None,
        };
        shared.retained().keep(crate::message::Message::new(&parts));
        assert!(clears());
    }

    #[track_caller]
    fn check(topic: &str, payload_bytes: usize, expected: Option<ReasonCode>) {
        let payload = "x".repeat(payload_bytes);
        let denied = denied(&Shared::new(1, 0), topic, &payload, QoS::AtLeastOnce, false);
        assert_eq!(denied.map(|denied| denied.code), expected, "{topic}");
    }

    #[test]
    fn the_servers_own_topics_and_what_is_above_limits_are_refused() {
        check("a/b/c", 10, None);
        check("$SYS/broker/uptime", 1, Some(ReasonCode::NOT_AUTHORIZED));
        check("$share/g/t", 1, Some(ReasonCode::NOT_AUTHORIZED));
        check("$other", 1, None);
        check("a/b/c/d", 1, Some(ReasonCode::MALFORMED_PACKET));
        check("a", 11, Some(ReasonCode::QUOTA_EXCEEDED));
    }

    /// `closes`: `None` where the message is let through.
    #[track_caller]
    fn check_short(payload: &str, qos: QoS, retain: bool, closes: Option<bool>) {
        let shared = Shared::new(1, 0);
        shared.set_memory_short(true);
        let denied = denied(&shared, "a", payload, qos, retain);
        assert_eq!(denied.map(|denied| denied.closes), closes, "{payload} {qos:?} {retain}");
        assert!(denied.is_none_or(|denied| denied.code == ReasonCode::QUOTA_EXCEEDED));
    }

    #[test]
    fn while_memory_is_short_nothing_is_taken_that_would_be_kept() {
        check_short("x", QoS::AtMostOnce, false, None);
        check_short("x", QoS::AtLeastOnce, false, Some(true));
        check_short("x", QoS::ExactlyOnce, true, Some(true));
        check_short("x", QoS::AtMostOnce, true, Some(false));
        check_short("", QoS::AtMostOnce, true, None);
    }
}
