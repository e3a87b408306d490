//! Who is who: clients wait for the answer without being read, and everybody is asked about again when it may be another.

use midge_broker::{Authentication, Credentials, ListenerId};

use super::connection::{Mark, Phase};
use super::{Shard, connection_id};
use crate::authority::{Answer, Asked, Asker, NOT_NOW, REFUSED};

impl Shard {
    /// Who that is; `None` where it takes its time: the connection is not read until the answer comes.
    pub(super) fn authenticate(&mut self, index: usize, credentials: Credentials) -> Option<Authentication> {
        let connection = &self.connections[index];
        let listener = ListenerId(connection.listener);
        let encryption = self.settings.door(listener).encryption.as_ref();
        let trusts = |tls| encryption.is_none_or(|encryption| encryption.listener.still_trusts(tls));
        if connection.is(Mark::Suspect) && !trusts(connection.stream.tls()) {
            return Some(REFUSED);
        }
        if let Some(name) = self.settings.door(listener).username_of_certificate {
            let username = super::tls::username(connection.stream.tls(), name).map(Into::into);
            return Some(self.settings.authority.name(listener, credentials.client_id, username));
        }
        let check = match self.settings.authority.ask(listener, credentials) {
            Asked::Known(authentication) => return Some(authentication),
            Asked::Later(check) => check,
        };
        let asker =
            Asker { shard: self.id, index, generation: connection.generation, settings_number: self.settings_number };
        if !self.peers.hand_in(asker, check, &self.settings.authority) {
            return Some(NOT_NOW);
        }
        self.connections[index].phase = Phase::Authenticating;
        None
    }

    /// Goes on with those who waited for an answer.
    pub(super) fn take_answers(&mut self) {
        for Answer { asker, authentication } in self.peers.take_answers(self.id) {
            let connection = self.connections.get_mut(asker.index);
            let Some(connection) = connection.filter(|connection| connection.generation == asker.generation) else {
                continue;
            };
            if connection.phase != Phase::Authenticating {
                continue;
            }
            connection.phase = Phase::Greeting;
            let input = connection.take_input();
            self.note_input(asker.index);
            let listener = ListenerId(self.connections[asker.index].listener);
            let id = connection_id(asker.index);
            let first = self.broker.handle_authenticated(id, listener, &input, &authentication, &mut self.turn);
            let used = self.welcome(asker.index, first, &input);
            self.keep(asker.index, used, &input);
            self.note_judged_by(asker.settings_number);
            if self.connections.contains(asker.index) {
                // What came meanwhile made its event then.
                self.queue_input(asker.index);
            }
        }
    }
}
