//! From a database of Mosquitto to a new log.

use std::collections::BTreeMap;

use midge_broker::message::MessageParts;
use midge_broker::record::SessionName;
use midge_broker::recovery::{Import, ImportedEntry};
use midge_codec::TopicFilter;

use super::database::{Database, Held, Publisher, Session, Step};

/// How much came over.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub(super) struct Imported {
    pub sessions: u64,
    pub subscriptions: u64,
    /// To and from clients, each once for each client.
    pub messages: u64,
    pub retained: u64,
}

/// Has `write` write all of the database.
pub(super) fn write<E>(
    database: &Database,
    import: Import,
    write: impl FnMut(&mut [u8]) -> Result<(), E>,
) -> Result<Imported, E> {
    let mut writing = Writing { database, import, write, places: BTreeMap::new(), imported: Imported::default() };
    writing.messages()?;
    let mut names = Vec::with_capacity(database.sessions.len());
    for session in &database.sessions {
        names.push(writing.session(session)?);
    }
    writing.retained()?;
    // They go to all who have subscribed, which is known by now.
    for (session, name) in database.sessions.iter().zip(names) {
        session.held.iter().filter(|held| held.step == Step::Accepted).for_each(|held| writing.accepted(name, held));
        writing.settle()?;
    }
    writing.finish()?;
    Ok(writing.imported)
}

struct Writing<'d, W> {
    database: &'d Database,
    import: Import,
    write: W,
    /// Of messages, by their numbers in the database.
    places: BTreeMap<u64, u64>,
    imported: Imported,
}

impl<E, W: FnMut(&mut [u8]) -> Result<(), E>> Writing<'_, W> {
    /// What waits for clients, in the order in which it came.
    fn messages(&mut self) -> Result<(), E> {
        let held = self.database.sessions.iter().flat_map(|session| &session.held);
        let mut wanted: Vec<u64> =
            held.filter(|held| matches!(held.step, Step::Queued | Step::Sent)).map(|held| held.message).collect();
        wanted.sort_unstable();
        wanted.dedup();
        for store_id in wanted {
            self.message(store_id);
            self.settle()?;
        }
        Ok(())
    }

    fn message(&mut self, store_id: u64) -> Option<u64> {
        let message = self.database.messages.get(&store_id)?;
        let place = self.import.message(&message.parts());
        self.places.insert(store_id, place);
        Some(place)
    }

    fn session(&mut self, session: &Session) -> Result<SessionName, E> {
        let Session { id, expiry_interval_s, ends_at_ms, port, username, .. } = session;
        let name = self.import.session(id, *expiry_interval_s, *ends_at_ms);
        self.imported.sessions += 1;
        if *port != 0 || username.is_some() {
            self.import.owner(name, *port, username.as_deref());
        }
        for subscribed in &session.subscriptions {
            if let Ok(filter) = TopicFilter::parse(&subscribed.filter) {
                self.import.subscription(name, &filter, subscribed.options, subscribed.identifier);
                self.imported.subscriptions += 1;
            }
        }
        let mut latest = 0;
        for held in &session.held {
            match held.step {
                Step::Queued | Step::Sent => self.outgoing(name, held, &mut latest),
                Step::Released => {
                    self.import.exchange(name, held.packet_id, None);
                    self.imported.messages += 1;
                }
                Step::Accepted => {}
            }
            self.settle()?;
        }
        Ok(name)
    }

    /// The queue comes back in the order of places: what is out of that order, such as a Retained Message of long ago or the
    /// second copy of a message, gets another place.
    fn outgoing(&mut self, name: SessionName, held: &Held, latest: &mut u64) {
        let known = self.places.get(&held.message).copied();
        let Some(message) = known.filter(|place| place > latest).or_else(|| self.message(held.message)) else { return };
        *latest = message;
        let Held { qos, retain, dup, ref identifiers, .. } = *held;
        let entry = ImportedEntry { message, qos: qos as u8, retain, dup, identifiers };
        match held.step {
            Step::Sent => self.import.exchange(name, held.packet_id, Some(&entry)),
            _ => self.import.queued(name, &entry),
        }
        self.imported.messages += 1;
    }

    fn retained(&mut self) -> Result<(), E> {
        for store_id in &self.database.retained {
            if let Some(message) = self.database.messages.get(store_id) {
                let publisher = self.database.publishers.get(store_id).map(Publisher::record);
                self.import.retain(&MessageParts { retain: true, ..message.parts() }, publisher);
                self.imported.retained += 1;
                self.settle()?;
            }
        }
        Ok(())
    }

    fn accepted(&mut self, name: SessionName, held: &Held) {
        let message = self.database.messages.get(&held.message);
        self.import.accepted(name, held.packet_id, message.map(|message| message.parts()).as_ref());
        self.imported.messages += 1;
    }

    /// Not more waits in memory than is good.
    fn settle(&mut self) -> Result<(), E> {
        if self.import.is_full() { self.finish() } else { Ok(()) }
    }

    fn finish(&mut self) -> Result<(), E> {
        let mut batches = Vec::new();
        self.import.take(&mut batches);
        if batches.is_empty() { Ok(()) } else { (self.write)(&mut batches) }
    }
}
