//! Mount points: a listener's clients live below a prefix of all topics, and do not know it.
//!
//! What must hold: inside the server every topic and every Topic Filter is written out in full, so that routing, rights, Retained
//! Messages and the log know nothing of mount points; a client is sent nothing that does not stand below its own. A Session that
//! comes back through another listener keeps its Subscriptions, and sees of what waits what that listener shows.

use super::Shard;
use crate::message::MessageParts;
use crate::session::Port;
use midge_codec::{TopicFilter, topic_levels};

impl Shard {
    /// Whether a topic is to be seen from where this Session's client came in.
    pub(super) fn is_visible(&self, port: Port, topic: &str) -> bool {
        !port.is(Port::MOUNTED) || self.strip(port, topic).is_some()
    }

    /// A message under the name that this Session's client knows.
    pub(super) fn as_seen<'m>(&self, port: Port, parts: &MessageParts<'m>) -> MessageParts<'m> {
        let topic = if port.is(Port::MOUNTED) { self.strip(port, parts.topic) } else { None };
        MessageParts { topic: topic.unwrap_or(parts.topic), ..*parts }
    }

    fn strip<'t>(&self, port: Port, topic: &'t str) -> Option<&'t str> {
        let connection = port.connection().and_then(|id| self.connection(id))?;
        let mount_point = &*connection.agreed_at_listener().mount_point;
        topic.strip_prefix(mount_point).filter(|rest| !rest.is_empty())
    }
}

/// A Topic Filter in full; `None` where there is no mount point. A Share Name stays in front.
pub(super) fn mounted(mount_point: &str, filter: &TopicFilter<'_>) -> Option<String> {
    let (share, rest) = filter.text().split_at(filter.text().len() - filter.filter().len());
    (!mount_point.is_empty()).then(|| [share, mount_point, rest].concat())
}

/// Levels of a Topic Filter in full.
pub(super) fn mounted_levels(mount_point: &str, filter: &TopicFilter<'_>) -> usize {
    topic_levels(mount_point) - 1 + filter.levels()
}
