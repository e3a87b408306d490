//! What must have come by the end, when everybody was connected and everything has come to rest.

use super::{MessageId, Record, SessionId, describe};
use crate::topics;

/// Who did not get what he should have.
pub(crate) struct Missing(pub(crate) Vec<String>);

impl Record {
    /// At least once: everything acknowledged, for each Session that held a matching Subscription all the while and lives. The
    /// `wills` are messages that came into being some time after a step.
    pub(crate) fn missing(&self, wills: &[(MessageId, u64)], now: u64) -> Missing {
        let mut missing = Vec::new();
        let acknowledged = self.messages.iter().enumerate().filter_map(|(id, message)| {
            let acknowledged = message.acknowledged.filter(|_| message.qos > 0 && message.will.is_none())?;
            Some((id, message.sent, acknowledged))
        });
        let wills = wills.iter().filter(|will| self.messages[will.0].qos > 0).map(|&(id, since)| (id, since, now));
        for (id, from, to) in acknowledged.chain(wills) {
            let message = &self.messages[id];
            if message.expires || message.is_clear {
                continue;
            }
            for (number, session) in
                self.sessions.iter().enumerate().filter(|(_, it)| it.ended.is_none() && !it.is_service)
            {
                let is_own = session.no_local && session.client == message.publisher;
                let gets = session.must_get(message, from, to).is_some_and(|qos| qos > 0);
                if gets && !is_own && !self.has(number, id) {
                    missing.push(format!("c{} never got {}", session.client, describe(id, message)));
                }
            }
            for share in topics::FIRST_SHARE..topics::FILTERS.len() {
                if topics::matches(share, message.topic) && self.is_missing_in(share, id, from, to) {
                    missing.push(format!("{} never got {}", topics::FILTERS[share], describe(id, message)));
                }
            }
        }
        Missing(missing)
    }

    /// Whether a share group should have got a message and did not. A message that was begun with QoS 2 may end with the
    /// Session of the member that had it.
    fn is_missing_in(&self, share: usize, id: MessageId, from: u64, to: u64) -> bool {
        let message = &self.messages[id];
        let members = || self.sessions.iter().enumerate().filter(|(number, _)| self.has_asked(*number, share));
        let is_held = members().any(|(_, it)| it.ended.is_none() && it.holds(share, from, u64::MAX).is_some());
        let is_wanted = self.share_qos(share).is_some_and(|qos| qos > 0);
        let may_end = message.qos == 2 && members().any(|(_, it)| it.may_end_since(from));
        let _ = to;
        is_held && is_wanted && !may_end && !members().any(|(number, _)| self.has(number, id))
    }

    fn has(&self, session: SessionId, message: MessageId) -> bool {
        self.sessions[session].deliveries.iter().any(|delivery| delivery.message == message)
    }
}
