//! Who is let in, and who may do what: as a script says.

use super::World;
use midge_broker::{Authentication, Credentials, Identity, ListenerId, RefusedCredentials, Renewed, Rights};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Users and what they may do. Whoever is not here is not let in; without a User Name one is nobody.
#[derive(Default)]
pub(crate) struct Authority {
    /// Everybody is let in.
    is_open: bool,
    users: BTreeMap<String, Grants>,
}

/// What is granted: each deed with the beginning of a topic.
#[derive(Clone, Default)]
struct Grants(Vec<(String, String)>);

impl Grants {
    fn may(&self, deed: &str, topic: &str) -> bool {
        self.0.iter().any(|(granted, beginning)| granted == deed && topic.starts_with(beginning))
    }
}

impl Rights for Grants {
    fn may_publish(&self, topic: &str) -> bool {
        self.may("publish", topic)
    }

    fn may_receive(&self, topic: &str) -> bool {
        self.may("receive", topic)
    }

    fn may_subscribe(&self, filter: &str) -> bool {
        self.may("subscribe", filter)
    }
}

impl Authority {
    /// Who that is.
    pub(super) fn ask(&self, credentials: &Credentials) -> Authentication {
        match self.identity(credentials) {
            Some(identity) => Authentication::Known(identity),
            None => Authentication::Refused(RefusedCredentials::NotAuthorized),
        }
    }

    fn identity(&self, credentials: &Credentials) -> Option<Arc<Identity>> {
        let username = credentials.username.clone();
        let grants = self.users.get(username.as_deref().unwrap_or("nobody")).cloned();
        let grants = grants.or_else(|| self.is_open.then(Grants::default))?;
        Some(Arc::new(Identity { username, port: 1883, rights: Some(Arc::new(grants)), ..Identity::default() }))
    }
}

impl World {
    /// Lets a user in, and grants a deed.
    pub(crate) fn grant(&mut self, user: &str, deed: &str, topic: &str) {
        let grants = self.authority.users.entry(user.to_owned()).or_default();
        grants.0.push((deed.to_owned(), topic.to_owned()));
        self.renew();
    }

    /// Takes a deed back; without one, the user is not let in any more.
    pub(crate) fn revoke(&mut self, user: &str, deed: &str) {
        match self.authority.users.get_mut(user) {
            Some(grants) if !deed.is_empty() => grants.0.retain(|granted| granted.0 != deed),
            _ => drop(self.authority.users.remove(user)),
        }
        self.renew();
    }

    /// From now on everybody is let in.
    pub(super) fn open_to_all(&mut self) {
        self.authority.is_open = true;
    }

    /// Everybody is looked at again, also those who were put back from the log.
    pub(crate) fn renew(&mut self) {
        if !self.options.listeners[0].authenticates {
            return;
        }
        let authority = std::mem::take(&mut self.authority);
        let renew =
            |_: Option<ListenerId>, credentials: &Credentials, _: &Identity| match authority.identity(credentials) {
                Some(identity) => Renewed::Known(identity),
                None => Renewed::Refused,
            };
        for number in 0..self.lanes.len() {
            let lane = self.begin(number);
            lane.shard.renew_identities(&renew, &mut lane.turn);
            self.note_closes(number);
        }
        self.authority = authority;
        self.settle();
    }
}
