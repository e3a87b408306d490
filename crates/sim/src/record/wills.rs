//! Wills: which must have come, and which must not.

use super::{MessageId, Record};
use crate::network::{Closed, How, Moment, Network, WireId};

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
    /// Its client has sent what may be refused, which ends the connection.
    pub(crate) may_be_refused: bool,
    /// Before this step its client lived, connected, and had not said goodbye.
    pub(crate) may_come_since: Option<u64>,
}

/// A CONNECT that was written.
#[derive(Clone, Debug)]
pub(crate) struct Connecting {
    pub(crate) client: usize,
    pub(crate) wire: WireId,
    pub(crate) is_clean: bool,
    pub(crate) sent: Moment,
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
pub(super) const LATE_MS: u64 = 2_000;

impl Record {
    /// From now on the Will may come: its connection has ended, or may have.
    pub(crate) fn let_will(&mut self, will: Option<usize>, step: u64) {
        if let Some(will) = will {
            self.wills[will].may_come_since.get_or_insert(step);
        }
    }

    /// The client with this Will sends what the server can only refuse by ending the connection.
    pub(crate) fn let_refusable_will(&mut self, will: Option<usize>, step: u64) {
        self.let_will(will, step);
        if let Some(will) = will {
            self.wills[will].may_be_refused = true;
        }
    }

    /// The server has died, and with it connections whose clients may not know it yet.
    pub(crate) fn let_wills_of_the_dead(&mut self, network: &Network) {
        for will in &mut self.wills {
            if let Some(ended) = network.wire(will.wire).ended {
                will.may_come_since.get_or_insert(ended.step);
            }
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
        let Closed { at, how, has_read_all } = closed;
        let is_remembered = self.is_remembered(&closed);
        if will.may_be_refused && how == How::ByServer {
            return Fate::Open;
        }
        if will.is_disconnected {
            let is_in_order = has_read_all && how == How::ByServer && is_remembered;
            return if is_in_order { Fate::StaysAway } else { Fate::Open };
        }
        if how == How::ByServer {
            return Fate::Open;
        }
        let of_client = |connecting: &&Connecting| connecting.client == self.messages[will.message].publisher;
        let next = self.connectings.iter().filter(of_client).find(|connecting| connecting.wire > will.wire);
        if how == How::Died && next.is_some_and(|next| next.sent.step <= at.step) {
            // It may have taken over just before.
            return Fate::Open;
        }
        if will.delay_s == 0 || will.expiry_s == 0 {
            return Fate::Comes;
        }
        if how == How::Died || !is_remembered {
            return Fate::Open;
        }
        let (late_ms, skew_ms) = (self.late_ms(), 1000 * self.deaths.len() as u64);
        let delay_ms = u64::from(will.delay_s.min(will.expiry_s)) * 1000;
        let (due_ms, ended_ms) = (at.ms + delay_ms, network.wire(will.wire).ended.map_or(at.ms, |ended| ended.ms));
        match next {
            None if now_ms > due_ms + late_ms => Fate::Comes,
            Some(next) if next.sent.ms > due_ms + late_ms => Fate::Comes,
            Some(next) if next.is_clean && next.accepted_ms.is_some() => Fate::Comes,
            Some(next) if !next.is_clean && next.accepted_ms.is_some_and(|at| at + skew_ms < ended_ms + delay_ms) => {
                Fate::StaysAway
            }
            _ => Fate::Open,
        }
    }
}
