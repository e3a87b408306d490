//! May this client publish that? Asked before any effect.

use crate::options::Options;
use midge_codec::{ReasonCode, topic_levels};

/// Proof that the question was asked and answered with yes. Only this module makes one, and routing wants one.
pub(crate) struct Allowed(());

/// The answer no.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Denied {
    /// As version 5 is told.
    pub code: ReasonCode,
    /// For the log.
    pub cause: &'static str,
    /// Whether a client that cannot be told is disconnected, rather than answered as if all were well.
    pub closes: bool,
}

/// Whether a client may publish to `topic` a payload of `payload_bytes`.
pub(crate) fn publish(options: &Options, topic: &str, payload_bytes: usize) -> Result<Allowed, Denied> {
    if topic.starts_with('$') && (topic.starts_with("$SYS") || topic.starts_with("$share")) {
        let cause = "topics of the server itself cannot be published to";
        return Err(Denied { code: ReasonCode::NOT_AUTHORIZED, cause, closes: false });
    }
    // A topic has at most as many levels as bytes plus one: most need no counting.
    if topic.len() >= options.topic_levels_max && topic_levels(topic) > options.topic_levels_max {
        let cause = "more topic levels than topic_levels_max";
        return Err(Denied { code: ReasonCode::TOPIC_NAME_INVALID, cause, closes: true });
    }
    if options.message_size_limit != 0 && payload_bytes > options.message_size_limit as usize {
        let cause = "payload above message_size_limit";
        return Err(Denied { code: ReasonCode::PACKET_TOO_LARGE, cause, closes: false });
    }
    Ok(Allowed(()))
}

/// What the server itself publishes needs no permission.
pub(crate) fn server() -> Allowed {
    Allowed(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(topic: &str, payload_bytes: usize, expected: Option<ReasonCode>) {
        let options = Options { topic_levels_max: 3, message_size_limit: 10, ..Options::default() };
        let code = publish(&options, topic, payload_bytes).err().map(|denied| denied.code);
        assert_eq!(code, expected, "{topic}");
    }

    #[test]
    fn the_servers_own_topics_and_what_is_above_limits_are_refused() {
        check("a/b/c", 10, None);
        check("$SYS/broker/uptime", 1, Some(ReasonCode::NOT_AUTHORIZED));
        check("$share/g/t", 1, Some(ReasonCode::NOT_AUTHORIZED));
        check("$other", 1, None);
        check("a/b/c/d", 1, Some(ReasonCode::TOPIC_NAME_INVALID));
        check("a", 11, Some(ReasonCode::PACKET_TOO_LARGE));
    }
}
