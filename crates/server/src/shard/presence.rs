//! A shard's part in `sys_presence`: it notes whose Session has changed, and looks at the end of the turn how it stands with each.

use std::collections::BTreeMap;

use midge_broker::event::{Event, EventKind, EventMask};
use midge_broker::{ListedSession, service};
use midge_codec::QoS;

use super::Shard;
use crate::clock;
use crate::console::how_it_ended;
use crate::json::Object;
use crate::presence::{Change, SHARD, Standing, topic_of};

/// Whose Session has changed since that was told last.
#[derive(Default)]
pub(super) struct Changed {
    is_wanted: bool,
    clients: BTreeMap<Box<str>, News>,
}

/// What is known of a change beside how it stands.
enum News {
    /// It may be that somebody is gone of whom that was not told.
    PerhapsGone,
    /// Something has happened; how the connection ended, if it did.
    Change(Option<String>),
}

impl Changed {
    pub(super) fn new(is_wanted: bool) -> Changed {
        Changed { is_wanted, ..Changed::default() }
    }

    /// The events from which it is seen.
    pub(super) fn wanted_events(&self) -> EventMask {
        if self.is_wanted { EventMask::CONNECTION.with(EventMask::NOTICE) } else { EventMask::default() }
    }

    pub(super) fn note(&mut self, event: &Event) {
        let Some(client_id) = event.client_id.as_deref().filter(|_| self.is_wanted) else { return };
        match &event.kind {
            EventKind::Connected { .. } => self.note_client(client_id, None),
            // Whoever it was: of a Session that waits for somebody else this says nothing.
            EventKind::Refused { .. } => self.enter(client_id, News::PerhapsGone),
            EventKind::Disconnected(reason) => self.note_client(client_id, Some(how_it_ended(reason))),
            EventKind::SessionExpired => self.note_client(client_id, Some("session expired".to_owned())),
            _ => {}
        }
    }

    /// Something has happened to its Session.
    pub(super) fn note_client(&mut self, client_id: &str, reason: Option<String>) {
        self.enter(client_id, News::Change(reason));
    }

    /// What is known of a client's change already is more than that it may be gone.
    fn enter(&mut self, client_id: &str, news: News) {
        let adds = matches!(news, News::Change(_)) || !self.clients.contains_key(client_id);
        if self.is_wanted && !service::is_service(client_id) && adds {
            self.clients.insert(client_id.into(), news);
        }
    }
}

impl Shard {
    /// Notes the Sessions that were there before the server was started.
    pub(super) fn note_restored(&mut self) {
        let mut from = self.presence.is_wanted.then_some(0);
        while let Some(at) = from {
            let portion = self.broker.list_sessions(at);
            for session in &portion.sessions {
                self.presence.note_client(&session.client_id, None);
            }
            from = portion.next;
        }
    }

    /// Has it published how it stands now with those whose Sessions have changed, if there is room.
    pub(super) fn tell_presence(&mut self) {
        if self.presence.clients.is_empty() || self.peers.presence.room() == 0 {
            return;
        }
        let changed = std::mem::take(&mut self.presence.clients);
        let changes = changed.into_iter().filter_map(|(client_id, news)| {
            let session = self.broker.list_session(&client_id);
            let standing = match &session {
                Some(session) if session.connection.is_some() => Standing::Connected,
                Some(_) => Standing::Away,
                None => Standing::Gone,
            };
            let reason = match news {
                News::PerhapsGone if standing != Standing::Gone => return None,
                News::PerhapsGone => None,
                News::Change(reason) => reason,
            };
            let status = self.status(session.as_ref(), reason.as_deref());
            Some(Change { client_id, shard: self.id, standing, status })
        });
        self.peers.presence.add(changes);
        self.peers.wake(SHARD);
    }

    fn status(&self, session: Option<&ListedSession>, reason: Option<&str>) -> String {
        let mut status = Object::new();
        let connection = session.and_then(|session| session.connection.as_ref());
        status.flag("connected", connection.is_some());
        if let Some(connection) = connection {
            let passed_ms = self.turn.now.monotonic_ms.saturating_sub(connection.since_ms);
            status.number("time_ms", clock::wall_ms().saturating_sub(passed_ms));
            if let Some(socket) = self.connections.get(connection.id.0 as usize) {
                status.text("address", &socket.address.to_string());
            }
            if let Some(username) = session.and_then(|session| session.username.as_deref()) {
                status.text("username", username);
            }
            status.text("version", connection.version.number());
            status.number("keep_alive_s", connection.keep_alive_s).flag("clean_start", connection.is_clean_start);
        } else {
            let left_ms = session.and_then(ListedSession::left_at_ms);
            let passed_ms = left_ms.map_or(0, |left_ms| self.turn.now.monotonic_ms.saturating_sub(left_ms));
            status.number("time_ms", clock::wall_ms().saturating_sub(passed_ms));
            if let Some(reason) = reason {
                status.text("reason", reason);
            }
        }
        status.flag("session", session.is_some());
        status.finish()
    }

    /// Publishes what all shards have noted, where this is the one for it.
    pub(super) fn publish_presence(&mut self) {
        if self.id != SHARD {
            return;
        }
        let (changes, is_more) = self.peers.presence.take();
        for change in changes {
            self.publish_change(&change);
            if self.turn.is_full() {
                self.finish_turn();
            }
        }
        if is_more {
            self.peers.wake(SHARD);
        }
        if self.peers.presence.is_to_wake() {
            self.peers.wake_all();
        }
    }

    fn publish_change(&mut self, change: &Change) {
        let Change { client_id, shard, standing, status } = change;
        // Who has it by now has told, or will tell, how it stands.
        let is_elsewhere = self.shared.directory().shard_of(client_id).is_some_and(|other| other != *shard);
        if *standing == Standing::Gone && is_elsewhere {
            return;
        }
        let connected = if *standing == Standing::Connected { "1" } else { "0" };
        for (what, value) in [("connected", connected), ("status", status.as_str())] {
            let Some(topic) = topic_of(client_id, what) else { return };
            let (broker, turn) = (&mut self.broker, &mut self.turn);
            if *standing != Standing::Gone {
                broker.publish_from_server(&topic, value.as_bytes(), QoS::ExactlyOnce, true, turn);
            } else if self.shared.retained().holds(topic.as_bytes(), u64::MAX) {
                self.shared.retained().clear(&topic);
                broker.publish_from_server(&topic, value.as_bytes(), QoS::ExactlyOnce, false, turn);
            }
        }
    }
}
