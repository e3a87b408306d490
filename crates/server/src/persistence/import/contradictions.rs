//! Where a database of Mosquitto contradicts itself: what it refers to is not in it, or is in it twice.
//!
//! The format has no checksums, and a chunk that was damaged may look right. Then what it held is gone, but others still name it.
//! A message that nobody names is no contradiction: a client may wait for it whose Session is not kept.

use std::collections::BTreeSet;
use std::fmt;

/// What is in a file, and what it lacks.
#[derive(Default)]
pub(super) struct Contradictions {
    /// All of the file, also those that do not come over.
    messages: BTreeSet<u64>,
    sessions: BTreeSet<Box<[u8]>>,
    /// Messages whose number another one has already.
    doubled: u64,
    /// Retained Messages that are not there.
    retained: u64,
    /// Messages for clients, or from them, that are not there.
    held: u64,
    /// Messages and Subscriptions of Sessions that are not there.
    orphans: u64,
}

impl Contradictions {
    pub(super) fn message(&mut self, store_id: u64) {
        self.doubled += u64::from(!self.messages.insert(store_id));
    }

    pub(super) fn session(&mut self, id: &[u8]) {
        self.sessions.insert(id.into());
    }

    /// Something belongs to the Session of this client.
    pub(super) fn belongs_to(&mut self, id: &[u8]) {
        self.orphans += u64::from(!self.sessions.contains(id));
    }

    /// At the end of the file: these are retained, and these are on their way.
    pub(super) fn settle(&mut self, retained: &[u64], held: impl Iterator<Item = u64>) {
        let is_missing = |store_id: &u64| !self.messages.contains(store_id);
        self.retained = retained.iter().filter(|store_id| is_missing(store_id)).count() as u64;
        self.held = held.filter(is_missing).count() as u64;
    }
}

/// A part of a sentence; nothing where there are none.
impl fmt::Display for Contradictions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let found = [
            (self.retained, "retained messages that it names are not in it"),
            (self.held, "messages for clients that it names are not in it"),
            (self.doubled, "messages have the number of another"),
            (self.orphans, "messages and subscriptions belong to clients that are not in it"),
        ];
        let mut separator = "";
        for (count, what) in found.into_iter().filter(|(count, _)| *count > 0) {
            write!(f, "{separator}{count} {what}")?;
            separator = ", ";
        }
        Ok(())
    }
}
