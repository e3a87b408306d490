//! A batch on its way: which records are to be sent now, and what an answer means for them.
//!
//! What must hold: each record is taken, or set aside with the target's reason; one that is refused keeps no other from being
//! taken. Where a target does not say which record it means, halves are tried, then halves of these.

use crate::batch::Batch;
use crate::{Blame, Format};

/// What a target says to a request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Answer {
    /// It has all of it.
    Taken,
    /// Some or all of the records will never be taken.
    Refused {
        /// How many, if it says so.
        dropped: Option<u64>,
        /// Why.
        reason: String,
    },
    /// It was too much at once.
    TooLarge(String),
    /// The same is to be tried again, until it does.
    Later {
        /// Why not now.
        reason: String,
        /// What people can do about it.
        remedy: &'static str,
    },
}

/// A record that the target refuses.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SetAside {
    /// Why.
    pub reason: String,
    /// What was sent.
    pub record: Vec<u8>,
}

/// See the module.
pub struct Delivery {
    records: Vec<Vec<u8>>,
    /// The whole batch, while that is what is sent.
    whole: Option<(Vec<u8>, Vec<u32>)>,
    /// What is left to be sent: each is one request, the last one is next.
    requests: Vec<Vec<usize>>,
    /// How often each record was amended: one that still is not taken after that is hopeless.
    amended: Vec<u8>,
    taken: u64,
}

impl Delivery {
    /// Of all records of a batch, which is empty afterwards but for its acknowledgements.
    pub fn of(batch: &mut Batch) -> Delivery {
        let (bytes, ends) = batch.take_records();
        let whole = (!ends.is_empty()).then_some((bytes, ends));
        Delivery { records: Vec::new(), whole, requests: Vec::new(), amended: Vec::new(), taken: 0 }
    }

    /// Writes the next request into `body`; the same one until [`Delivery::answered`]. `false`: there is no more.
    pub fn write_request(&self, format: &impl Format, body: &mut Vec<u8>) -> bool {
        body.clear();
        if let Some((bytes, _)) = &self.whole {
            format.body(bytes, body);
            return true;
        }
        let Some(request) = self.requests.last() else { return false };
        let records: Vec<u8> = request.iter().flat_map(|&at| self.records[at].iter().copied()).collect();
        format.body(&records, body);
        true
    }

    /// Records that were taken so far.
    pub fn taken(&self) -> u64 {
        self.taken
    }

    /// What came of the request: what is set aside because of that. Nothing changes where it is to be tried later.
    pub fn answered(&mut self, format: &mut impl Format, answer: Answer) -> Vec<SetAside> {
        match answer {
            Answer::Later { .. } => Vec::new(),
            Answer::Taken => {
                self.taken += self.whole.take().map_or_else(
                    || self.requests.pop().map_or(0, |request| request.len() as u64),
                    |(_, ends)| ends.len() as u64,
                );
                Vec::new()
            }
            Answer::Refused { dropped, reason } => self.refused(format, dropped, &reason),
            Answer::TooLarge(reason) => {
                let request = self.next_request();
                self.split(request, &reason)
            }
        }
    }

    /// The records of the request, which is no longer there.
    fn next_request(&mut self) -> Vec<usize> {
        let Some((bytes, ends)) = self.whole.take() else { return self.requests.pop().unwrap_or_default() };
        let starts = std::iter::once(0).chain(ends.iter().copied());
        self.records = starts.zip(&ends).map(|(start, &end)| bytes[start as usize..end as usize].to_vec()).collect();
        self.amended = vec![0; ends.len()];
        (0..ends.len()).collect()
    }

    /// Those that are meant are amended or set aside; all others are sent again, for what is said of one may hide what is to be said of
    /// another. Where nobody can tell which are meant, halves are tried.
    fn refused(&mut self, format: &mut impl Format, dropped: Option<u64>, reason: &str) -> Vec<SetAside> {
        let request = self.next_request();
        let is_none_taken = dropped.is_some_and(|dropped| dropped >= request.len() as u64);
        let blames: Vec<Blame> = request.iter().map(|&at| format.blame(reason, &self.records[at])).collect();
        let is_blamed = |blame: &Blame| match blame {
            Blame::Taken => false,
            Blame::Unknown => is_none_taken,
            Blame::Amended(_) | Blame::Hopeless => true,
        };
        if !blames.iter().any(is_blamed) {
            return self.split(request, reason);
        }
        let (mut again, mut aside) = (Vec::new(), Vec::new());
        for (at, blame) in request.into_iter().zip(blames) {
            match blame {
                blame if !is_blamed(&blame) => again.push(at),
                Blame::Amended(record) if self.amended[at] < AMENDED_MAX => {
                    self.records[at] = record;
                    self.amended[at] += 1;
                    again.push(at);
                }
                _ => aside.push(self.set_aside(at, reason)),
            }
        }
        if !again.is_empty() {
            self.requests.push(again);
        }
        aside
    }

    /// Tries halves, or sets the one record aside that is left.
    fn split(&mut self, mut request: Vec<usize>, reason: &str) -> Vec<SetAside> {
        if let [at] = request[..] {
            return vec![self.set_aside(at, reason)];
        }
        let later = request.split_off(request.len() / 2);
        self.requests.extend([later, request].into_iter().filter(|half| !half.is_empty()));
        Vec::new()
    }

    fn set_aside(&mut self, at: usize, reason: &str) -> SetAside {
        SetAside { reason: reason.to_owned(), record: std::mem::take(&mut self.records[at]) }
    }
}

/// How long to wait before the next try: longer and longer, up to half a minute.
#[derive(Clone, Copy, Debug)]
pub struct BackOff {
    next_ms: u64,
}

impl Default for BackOff {
    fn default() -> BackOff {
        BackOff { next_ms: FIRST_MS }
    }
}

impl BackOff {
    /// It did not work: when to try again.
    pub fn failed(&mut self) -> u64 {
        let wait_ms = self.next_ms;
        self.next_ms = (wait_ms * 2).min(LONGEST_MS);
        wait_ms
    }

    /// It did.
    pub fn worked(&mut self) {
        *self = BackOff::default();
    }
}

/// More fields than have another type than InfluxDB knows, mostly.
const AMENDED_MAX: u8 = 16;

const FIRST_MS: u64 = 250;
const LONGEST_MS: u64 = 30_000;

#[cfg(test)]
mod tests;
