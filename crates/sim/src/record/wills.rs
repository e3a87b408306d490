//! Wills: which must have come, and which must not.

use super::{MessageId, Record};
use crate::network::{Closed, Network, WireId};

/// A Will, as a CONNECT announced it.
#[derive(Clone, Debug)]
pub(crate) struct Will {
    pub(crate) message: MessageId,
    pub(crate) wire: WireId,
    pub(crate) delay_s: u32,
    pub(crate) expiry_s: u32,
    pub(crate) is_accepted: bool,
    /// DISCONNECT was written on its connection.
    pub(crate) is_disconnected: bool,
    /// Before this step its client lived, connected, and had not said goodbye.
    pub(crate) may_come_since: Option<u64>,
}

/// A CONNECT that was written.
#[derive(Clone, Debug)]
pub(crate) struct Connecting {
    pub(crate) client: usize,
    pub(crate) wire: WireId,
    pub(crate) is_clean: bool,
    pub(crate) sent_ms: u64,
    pub(crate) accepted_ms: Option<u64>,
}

/// What has to become of a Will.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Fate {
    Comes,
    StaysAway,
    Open,
}

/// How late a deadline may be looked at.
pub(crate) const LATE_MS: u64 = 2_000;

impl Record {
    /// From now on the Will may come: its connection has ended, or may have.
    pub(crate) fn let_will(&mut self, will: Option<usize>, step: u64) {
        if let Some(will) = will {
            self.wills[will].may_come_since.get_or_insert(step);
        }
    }

    /// At the end, everything having come to rest: every Will against its fate. Gives those that had to come, with the step since
    /// which they may have been published.
    pub(crate) fn check_wills(&self, network: &Network, now_ms: u64) -> Result<Vec<(MessageId, u64)>, String> {
        let mut have_come = Vec::new();
        for will in &self.wills {
            let came =
                self.sessions.iter().any(|session| session.deliveries.iter().any(|it| it.message == will.message));
            match self.fate(will, network, now_ms) {
                Fate::StaysAway if came => {
                    return Err(format!(
                        "Will {} came, though its client had left in order or was back: {will:?}",
                        will.message
                    ));
                }
                Fate::Comes => {
                    let ended = network.wire(will.wire).ended;
                    have_come.extend(ended.map(|ended| (will.message, ended.step)));
                }
                _ => {}
            }
        }
        Ok(have_come)
    }

    fn fate(&self, will: &Will, network: &Network, now_ms: u64) -> Fate {
        let Some(closed) = network.wire(will.wire).closed.filter(|_| will.is_accepted) else { return Fate::Open };
        let Closed { at, is_noticed, has_read_all } = closed;
        if will.is_disconnected {
            return if has_read_all && !is_noticed { Fate::StaysAway } else { Fate::Open };
        }
        if !is_noticed {
            return Fate::Open;
        }
        if will.delay_s == 0 || will.expiry_s == 0 {
            return Fate::Comes;
        }
        let due_ms = at.ms + u64::from(will.delay_s.min(will.expiry_s)) * 1000;
        let of_client = |connecting: &&Connecting| connecting.client == self.messages[will.message].publisher;
        let next = self.connectings.iter().filter(of_client).find(|connecting| connecting.wire > will.wire);
        match next {
            None if now_ms > due_ms + LATE_MS => Fate::Comes,
            Some(next) if next.sent_ms > due_ms + LATE_MS => Fate::Comes,
            Some(next) if next.is_clean && next.accepted_ms.is_some() => Fate::Comes,
            Some(next) if !next.is_clean && next.accepted_ms.is_some_and(|at| at < due_ms) => Fate::StaysAway,
            _ => Fate::Open,
        }
    }
}
