//! Clients that come, are accepted, and go.

use std::sync::Arc;

use midge_client_core::Event;
use midge_client_mio::{ConnectionId, Driver, Notice};
use midge_codec::{PropertiesBuf, ReasonCode};

use super::board::{Counts, Phase};
use super::pace::Schedule;
use super::round::Round;
use super::scenario::Pace;
use super::worker::{Load, Tally, is_broken};

/// The clients of one thread.
pub(super) struct Storm {
    round: Arc<Round>,
    thread: usize,
    /// By connection: since when it is awaited.
    since_ns: Vec<u64>,
    /// Who is there or on the way.
    present: usize,
    /// Who was accepted and is to go.
    accepted: Vec<ConnectionId>,
    /// Who goes.
    leaving: Vec<ConnectionId>,
    schedule: Schedule,
    /// How many have begun.
    begun: u64,
    /// How many are still to come.
    left: u64,
    /// Who was due from here to there is measured.
    measured_ns: std::ops::Range<u64>,
    tally: Tally,
}

impl Storm {
    pub(super) fn new(round: &Arc<Round>, thread: usize) -> Storm {
        Storm {
            thread,
            since_ns: Vec::new(),
            present: 0,
            accepted: Vec::new(),
            leaving: Vec::new(),
            schedule: Schedule::default(),
            begun: 0,
            left: round.plan.share(thread, round.plan.threads),
            measured_ns: u64::MAX..u64::MAX,
            tally: Tally::new(),
            round: Arc::clone(round),
        }
    }

    fn counts(&self) -> &Counts {
        self.round.board.counts(self.thread)
    }

    /// Who was accepted says DISCONNECT; whose connection is closed has been here.
    fn dismiss(&mut self, driver: &mut Driver) -> bool {
        let has_acted = !self.accepted.is_empty();
        for id in self.accepted.drain(..) {
            driver.client_mut(id).disconnect(ReasonCode::SUCCESS, &PropertiesBuf::new(), &mut |_| {});
            self.leaving.push(id);
        }
        let before = self.leaving.len();
        self.leaving.retain(|&id| {
            let is_over = driver.is_over(id);
            if is_over {
                driver.remove(id);
            }
            !is_over
        });
        let gone = before - self.leaving.len();
        self.present -= gone;
        self.counts().done.add(gone as u64);
        has_acted || gone > 0
    }

    /// As many as may come now.
    fn invite(&mut self, driver: &mut Driver) -> bool {
        let now_ns = self.round.board.now_ns();
        let mut has_invited = false;
        while self.left > 0 && self.present < PRESENT_MAX {
            let since_ns = match self.round.plan.pace {
                Pace::Window(_) if self.present >= self.window() => break,
                Pace::Window(_) => now_ns,
                Pace::Rate(_) => match self.schedule.due(now_ns) {
                    Some((_, due_ns)) => due_ns,
                    None => break,
                },
            };
            self.schedule.advance();
            self.connect(driver, since_ns);
            has_invited = true;
        }
        has_invited
    }

    /// This thread's part of those that may be there at a time.
    fn window(&self) -> usize {
        let threads = self.round.plan.threads;
        match self.round.plan.pace {
            Pace::Window(window) => (window + threads - 1 - self.thread) / threads,
            Pace::Rate(_) => PRESENT_MAX,
        }
    }

    fn connect(&mut self, driver: &mut Driver, since_ns: u64) {
        let server = &self.round.server;
        // Numbers are not used twice: the server may not know yet that one has gone.
        let number = self.begun as usize * self.round.plan.threads + self.thread;
        let id = driver.add(server.client(number), Arc::clone(&server.endpoint));
        if self.since_ns.len() <= id.slot() {
            self.since_ns.resize(id.slot() + 1, 0);
        }
        self.since_ns[id.slot()] = since_ns;
        self.present += 1;
        self.begun += 1;
        self.left -= 1;
        self.counts().published.add(1);
        self.counts().due.add(1);
    }
}

impl Load for Storm {
    fn begin(&mut self, phase: Phase, _: &mut Driver) {
        let now_ns = self.round.board.now_ns();
        let is_loaded = matches!(phase, Phase::WarmUp | Phase::Measure);
        if let (true, 0, Pace::Rate(rate)) = (is_loaded, self.begun, self.round.plan.pace) {
            let (start_ns, threads) = (self.round.board.load_since_ns(), self.round.plan.threads);
            self.schedule = Schedule::new(start_ns, rate, threads, [self.thread].into_iter());
        }
        match phase {
            Phase::Measure => self.measured_ns.start = now_ns,
            Phase::Drain => {
                self.measured_ns.end = now_ns;
                self.tally.behind = if self.left > 0 { self.schedule.behind(now_ns) } else { 0 };
            }
            _ => {}
        }
    }

    fn act(&mut self, phase: Phase, driver: &mut Driver) -> bool {
        let has_dismissed = self.dismiss(driver);
        let is_loaded = matches!(phase, Phase::WarmUp | Phase::Measure);
        is_loaded && self.invite(driver) || has_dismissed
    }

    fn handle(&mut self, notice: &Notice<'_>) {
        match notice {
            Notice::Event(id, Event::Connected(_)) => {
                self.accepted.push(*id);
                let now_ns = self.round.board.now_ns();
                self.tally.record(&self.measured_ns, self.since_ns[id.slot()], now_ns);
            }
            Notice::Event(_, event) if is_broken(event) => {
                self.counts().broken.add(1);
                self.round.note_end(event);
            }
            Notice::Failed(_, failure) => self.round.note_failure(failure),
            _ => {}
        }
    }

    /// Who is not accepted when the run ends is let go with the driver.
    fn is_over(&self, _: &Driver) -> bool {
        self.leaving.is_empty() && self.accepted.is_empty()
    }

    fn finish(self) -> Tally {
        self.tally
    }
}

/// More at a time would only wait for each other.
const PRESENT_MAX: usize = 10_000;
