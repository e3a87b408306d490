//! Who is who: clients wait for the answer without being read, and everybody is asked about again when it may be another.

use midge_broker::{Authentication, Credentials, Identity, ListenerId};

use super::connection::Phase;
use super::{Shard, connection_id};
use crate::authority::{Answer, Asked, Asker, NOT_NOW};

impl Shard {
    /// Who that is; `None` where it takes its time: the connection is not read until the answer comes.
    pub(super) fn authenticate(&mut self, index: usize, credentials: Credentials) -> Option<Authentication> {
        let connection = &self.connections[index];
        let listener = ListenerId(connection.listener);
        if let Some(name) = self.peers.transport(listener).username_of_certificate {
            let username = super::tls::username(connection.stream.tls(), name).map(Into::into);
            return Some(self.authority.name(listener, credentials.client_id, username));
        }
        let check = match self.authority.ask(listener, credentials) {
            Asked::Known(authentication) => return Some(authentication),
            Asked::Later(check) => check,
        };
        let asker = Asker { shard: self.id, index, generation: connection.generation };
        if !self.peers.hand_in(asker, check, &self.authority) {
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
            if self.connections.contains(asker.index) {
                // What came meanwhile made its event then.
                self.queue_input(asker.index);
            }
        }
    }

    /// Where another one decides by now whom to let in, everybody is asked about again.
    pub(super) fn look_at_authority(&mut self) {
        let number = self.peers.authority_number();
        if std::mem::replace(&mut self.authority_number, number) == number {
            return;
        }
        self.authority = self.peers.authority();
        let authority = &self.authority;
        let renew = |_, credentials: &Credentials, identity: &Identity| authority.renew(credentials, identity);
        self.broker.renew_identities(&renew, &mut self.turn);
        self.note_closes();
        self.peers.note_authority(self.id, number);
    }
}
