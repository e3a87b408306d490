//! What one client may do: what the ACL file grants it, and what else was granted with it, as the broker asks.

use std::sync::Arc;

use midge_auth::{Access, Acl, Rights};

/// Where there are several lists all have to grant it.
pub(super) struct Granted {
    lists: Box<[Rights]>,
    strict_suback: bool,
}

impl Granted {
    pub(super) fn new<'a>(
        lists: impl Iterator<Item = &'a Arc<Acl>>,
        username: Option<&str>,
        client_id: &str,
        strict_suback: bool,
    ) -> Granted {
        Granted { lists: lists.map(|acl| Rights::new(acl, username, client_id)).collect(), strict_suback }
    }

    fn may(&self, access: Access, topic: &str) -> bool {
        self.lists.iter().all(|rights| rights.check(access, topic).is_allowed())
    }
}

impl midge_broker::Rights for Granted {
    fn may_publish(&self, topic: &str) -> bool {
        self.may(Access::Publish, topic)
    }

    fn may_receive(&self, topic: &str) -> bool {
        self.may(Access::Receive, topic)
    }

    fn may_subscribe(&self, filter: &str) -> bool {
        let share = filter.strip_prefix("$share/").and_then(|rest| rest.split_once('/'));
        let filter = share.map_or(filter, |(_, filter)| filter);
        !self.strict_suback || self.lists.iter().all(|rights| rights.check_filter(filter).is_allowed())
    }
}

/// What may be granted to nobody of this name.
pub(super) struct Nothing;

impl midge_broker::Rights for Nothing {
    fn may_publish(&self, _: &str) -> bool {
        false
    }

    fn may_receive(&self, _: &str) -> bool {
        false
    }

    fn may_subscribe(&self, _: &str) -> bool {
        false
    }
}

/// Whether one of its names has characters that mean something in topics.
pub(super) fn has_special_chars(client_id: &str, username: Option<&str>) -> bool {
    const SPECIAL: [char; 3] = ['+', '#', '/'];
    client_id.contains(SPECIAL) || username.is_some_and(|username| username.contains(SPECIAL))
}
