//! Who published the Retained Messages. Known where new Subscriptions are only given what its publisher may still publish
//! (`check_retain_source`), of messages that were retained while that was so.
//!
//! What must hold: a write has a publisher for as long as its message is retained; a client is held once, however much it has
//! published.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use crate::identity::{Identity, Renew, Renewed, Rights};
use crate::record::PublisherRecord;

/// A client, known by its Client Identifier, its User Name and where it came in.
pub(crate) struct Publisher {
    client_id: Box<str>,
    username: Option<Box<str>>,
    port: u16,
    standing: RwLock<Standing>,
}

/// What a client may publish by now.
#[derive(Clone)]
enum Standing {
    Everything,
    Granted(Arc<dyn Rights>),
    /// It would not be let in any more.
    Nothing,
}

/// See the module.
#[derive(Default)]
pub(crate) struct Publishers {
    /// By the number of the write.
    by_write: BTreeMap<u64, Arc<Publisher>>,
    /// By Client Identifier.
    clients: BTreeMap<Box<str>, Vec<Arc<Publisher>>>,
}

impl Publisher {
    pub(crate) fn record(&self) -> PublisherRecord<'_> {
        PublisherRecord { client_id: &self.client_id, username: self.username.as_deref(), port: self.port }
    }

    /// Whether it may still publish to this topic.
    pub(crate) fn may_publish(&self, topic: &str) -> bool {
        match &*self.standing.read().unwrap_or_else(PoisonError::into_inner) {
            Standing::Everything => true,
            Standing::Granted(rights) => rights.may_publish(topic),
            Standing::Nothing => false,
        }
    }

    /// What it may do is asked about again. Its password is not: that it may be another by now says nothing of what it published.
    pub(crate) fn renew(&self, renew: &Renew<'_>) {
        let identity = Identity { username: self.username.clone(), port: self.port, ..Identity::default() };
        self.stand(match identity.renewed(renew, None, &self.client_id) {
            Renewed::Known(identity) => Standing::of(identity.rights.as_ref()),
            Renewed::Refused => Standing::Nothing,
        });
    }

    fn stand(&self, standing: Standing) {
        *self.standing.write().unwrap_or_else(PoisonError::into_inner) = standing;
    }
}

impl Standing {
    fn of(rights: Option<&Arc<dyn Rights>>) -> Standing {
        rights.map_or(Standing::Everything, |rights| Standing::Granted(Arc::clone(rights)))
    }
}

impl Publishers {
    /// This client, which may do what `rights` say (`None`: everything), has brought the write.
    pub(crate) fn enter(&mut self, v: u64, client: PublisherRecord<'_>, rights: Option<&Arc<dyn Rights>>) {
        let publisher = self.client(client);
        publisher.stand(Standing::of(rights));
        self.by_write.insert(v, publisher);
    }

    /// The message of the write is not retained any more.
    pub(super) fn leave(&mut self, v: u64) {
        let Some(publisher) = self.by_write.remove(&v) else { return };
        // Whoever looks up a publisher beside lets go of it soon: then it stays until its next write leaves.
        if Arc::strong_count(&publisher) > 2 {
            return;
        }
        if let Some(those) = self.clients.get_mut(&publisher.client_id) {
            those.retain(|one| !Arc::ptr_eq(one, &publisher));
            if those.is_empty() {
                self.clients.remove(&publisher.client_id);
            }
        }
    }

    pub(crate) fn of_write(&self, v: u64) -> Option<&Arc<Publisher>> {
        self.by_write.get(&v)
    }

    /// Each client once.
    pub(super) fn all(&self) -> Vec<Arc<Publisher>> {
        self.clients.values().flatten().cloned().collect()
    }

    fn client(&mut self, client: PublisherRecord<'_>) -> Arc<Publisher> {
        if let Some(known) = self.clients.get(client.client_id).and_then(|those| find(those, client)) {
            return Arc::clone(known);
        }
        let publisher = Arc::new(Publisher {
            client_id: client.client_id.into(),
            username: client.username.map(Into::into),
            port: client.port,
            standing: RwLock::new(Standing::Everything),
        });
        self.clients.entry(client.client_id.into()).or_default().push(Arc::clone(&publisher));
        publisher
    }
}

fn find<'p>(those: &'p [Arc<Publisher>], client: PublisherRecord<'_>) -> Option<&'p Arc<Publisher>> {
    those.iter().find(|one| one.record() == client)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ADA: PublisherRecord<'_> = PublisherRecord { client_id: "c", username: Some("ada"), port: 1883 };
    const BOB: PublisherRecord<'_> = PublisherRecord { client_id: "c", username: Some("bob"), port: 1883 };

    #[test]
    fn a_client_is_held_once_and_goes_with_its_last_message() {
        let mut publishers = Publishers::default();
        publishers.enter(1, ADA, None);
        publishers.enter(2, ADA, None);
        publishers.enter(3, BOB, None);
        assert_eq!((publishers.all().len(), publishers.by_write.len()), (2, 3));
        publishers.leave(1);
        assert!(publishers.of_write(1).is_none() && publishers.of_write(2).is_some());
        assert_eq!(publishers.all().len(), 2);
        publishers.leave(2);
        publishers.leave(3);
        publishers.leave(3);
        assert!(publishers.clients.is_empty() && publishers.by_write.is_empty());
    }

    #[test]
    fn what_it_may_do_is_what_was_said_last() {
        let mut publishers = Publishers::default();
        publishers.enter(1, ADA, None);
        let ada = Arc::clone(&publishers.all()[0]);
        assert!(ada.may_publish("t"));
        ada.renew(&|_, _, _| Renewed::Refused);
        assert!(!ada.may_publish("t"));
        publishers.enter(2, ADA, None);
        assert!(ada.may_publish("t"), "it was let in again");
    }
}
