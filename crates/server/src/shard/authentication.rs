//! Who is who: clients wait for the answer without being read, and everybody is asked about again when it may be another.

use std::sync::Arc;

use midge_broker::{Authentication, Credentials, ListenerId, RefusedCredentials};

use super::connection::{Mark, Phase};
use super::delayed::Login;
use super::{Shard, connection_id};
use crate::authority::{Answer, Asked, Asker, NOT_NOW, Named, REFUSED};
use crate::log::LogType;
use crate::options::CertificateName;

impl Shard {
    /// Who that is; `None` where it takes its time: the connection is not read until the answer comes.
    pub(super) fn authenticate(&mut self, index: usize, credentials: Credentials) -> Option<Authentication> {
        let connection = &mut self.connections[index];
        let now_ms = self.turn.now.monotonic_ms;
        let delay_ms = match self.peers.reload_order.is_open() {
            true => RELOAD_MS,
            false => self.peers.failures.delay_ms(&connection.address, now_ms),
        };
        if delay_ms == 0 {
            return self.look_at_login(index, credentials);
        }
        connection.phase = Phase::Authenticating;
        let generation = connection.generation;
        self.delayed.push(now_ms + delay_ms, Login { index, generation, credentials });
        None
    }

    /// When the next login is to be looked at. None is before a reload is over, which is looked for now and then.
    pub(super) fn delayed_ms(&self) -> Option<u64> {
        let due_ms = self.delayed.next_ms()?;
        let is_reload = self.peers.reload_order.is_open();
        Some(if is_reload { due_ms.max(self.clock.monotonic_ms() + RELOAD_MS) } else { due_ms })
    }

    /// Looks at logins that have waited long enough.
    pub(super) fn take_delayed(&mut self, now_ms: u64) {
        if self.peers.reload_order.is_open() {
            return;
        }
        while let Some(Login { index, generation, credentials }) = self.delayed.pop_due(now_ms) {
            let asker = Asker { shard: self.id, index, generation, settings_number: self.settings_number };
            if self.awaits_answer(asker)
                && let Some(authentication) = self.look_at_login(index, credentials)
            {
                self.take_answer(asker, &authentication);
            }
        }
    }

    fn look_at_login(&mut self, index: usize, credentials: Credentials) -> Option<Authentication> {
        let settings = Arc::clone(&self.settings);
        let connection = &mut self.connections[index];
        let listener = ListenerId(connection.listener);
        let introduction = connection.take_introduction();
        let door = settings.door(listener);
        let trusts = |tls| door.encryption.as_ref().is_none_or(|encryption| encryption.listener.still_trusts(tls));
        if connection.is(Mark::Suspect) && !trusts(connection.stream.tls()) {
            return Some(REFUSED);
        }
        let asked = match door.username_of_certificate {
            Some(name) => {
                let named = match connection.stream.tls() {
                    Some(tls) => super::tls::named(tls, name),
                    None => introduction
                        .and_then(|it| it.common_name)
                        .filter(|_| name == CertificateName::CommonName)
                        .map(Named::ByCertificate),
                };
                settings.authority.name(listener, credentials.client_id, named)
            }
            None => settings.authority.ask(listener, credentials),
        };
        let check = match asked {
            Asked::Known(authentication) => {
                self.note_login(index, &authentication);
                return Some(authentication);
            }
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

    /// One that failed is told in a line that holds nothing but the address: nobody can forge it, and who watches the log can
    /// act on it.
    fn note_login(&mut self, index: usize, authentication: &Authentication) {
        if !matches!(authentication, Authentication::Refused(RefusedCredentials::NotAuthorized)) {
            return;
        }
        let address = &self.connections[index].address;
        self.peers.failures.add(address, self.turn.now.monotonic_ms);
        let text = format_args!("Failed login from {address}.");
        self.log.repeated_line(self.turn.now.wall_s, LogType::Notice, "failed logins", text);
    }

    /// Goes on with those who waited for an answer.
    pub(super) fn take_answers(&mut self) {
        for Answer { asker, authentication, trouble } in self.peers.take_answers(self.id) {
            if let Some(trouble) = trouble {
                let wall_s = self.turn.now.wall_s;
                self.log.repeated_line(wall_s, LogType::Warning, "web services", format_args!("Warning: {trouble}"));
            }
            if self.awaits_answer(asker) {
                self.note_login(asker.index, &authentication);
                self.take_answer(asker, &authentication);
            }
        }
    }

    fn awaits_answer(&self, asker: Asker) -> bool {
        let connection = self.connections.get(asker.index);
        connection.is_some_and(|it| it.generation == asker.generation && it.phase == Phase::Authenticating)
    }

    fn take_answer(&mut self, asker: Asker, authentication: &Authentication) {
        let connection = &mut self.connections[asker.index];
        connection.phase = Phase::Greeting;
        let input = connection.take_input();
        let listener = ListenerId(connection.listener);
        self.note_input(asker.index);
        let id = connection_id(asker.index);
        let first = self.broker.handle_authenticated(id, listener, &input, authentication, &mut self.turn);
        let used = self.welcome(asker.index, first, &input);
        self.keep(asker.index, used, &input);
        self.note_judged_by(asker.settings_number);
        if self.connections.contains(asker.index) {
            // What came meanwhile made its event then.
            self.queue_input(asker.index);
        }
    }
}

/// After so long it is looked whether a reload is over.
const RELOAD_MS: u64 = 1;
