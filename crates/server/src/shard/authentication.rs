//! Who is who: clients wait for the answer without being read, and everybody is asked about again when it may be another.

use std::sync::Arc;

use midge_broker::{Authentication, Credentials, ListenerId, RefusedCredentials};
use midge_codec::ReasonCode;
use midge_net::Address;

use super::connection::{Mark, Phase};
use super::delayed::Login;
use super::{Shard, connection_id};
use crate::authority::{Answer, Asked, Asker, Check, Look, NOT_NOW, Named, REFUSED, Turn};
use crate::log::{About, LogType};
use crate::options::CertificateName;

impl Shard {
    /// Who that is; `None` where it takes its time: the connection is not read until the answer comes.
    pub(super) fn authenticate(&mut self, index: usize, credentials: Credentials) -> Option<Authentication> {
        let (generation, since_ms) = (self.connections[index].generation, self.turn.now.monotonic_ms);
        self.look_or_wait(Login { index, generation, credentials, since_ms, line: None })
    }

    /// When the next login is to be looked at. None is before a reload is over, which is looked for now and then.
    pub(super) fn delayed_ms(&self) -> Option<u64> {
        let due_ms = self.delayed.next_ms()?;
        let is_reload = self.peers.reload_order.is_open();
        Some(if is_reload { due_ms.max(self.clock.monotonic_ms() + RELOAD_MS) } else { due_ms })
    }

    /// Looks at logins that have waited long enough.
    pub(super) fn take_delayed(&mut self, now_ms: u64) {
        if self.delayed.next_ms().is_none_or(|due_ms| due_ms > now_ms) || self.peers.reload_order.is_open() {
            return;
        }
        while let Some(login) = self.delayed.pop_due(now_ms) {
            let asker = self.asker(login.index, login.generation);
            if !self.awaits_answer(asker) {
                self.leave_line(&login);
            } else if let Some(authentication) = self.look_or_wait(login) {
                self.take_answer(asker, &authentication);
            }
        }
    }

    /// What comes of a login, or `None`: it waits, for a reload, for others that stand in its line or for the answer.
    fn look_or_wait(&mut self, mut login: Login) -> Option<Authentication> {
        let now_ms = self.turn.now.monotonic_ms;
        let due_ms = if self.peers.reload_order.is_open() {
            now_ms + RELOAD_MS
        } else {
            match self.look(&login, now_ms) {
                Look::Now(turn) => return self.look_at_login(login, turn),
                Look::Later(due_ms, line) => {
                    login.line = Some(line);
                    due_ms
                }
                Look::Never => {
                    self.sockets.logins_refused += 1;
                    return Some(Authentication::Refused(RefusedCredentials::TooOften));
                }
            }
        };
        self.connections[login.index].phase = Phase::Authenticating;
        self.delayed.push(due_ms, login);
        None
    }

    /// Whether a login has to wait for others that may be guesses. Who shows a certificate, has a key or is let in as anybody guesses
    /// nothing.
    fn look(&self, login: &Login, now_ms: u64) -> Look {
        let connection = &self.connections[login.index];
        let listener = ListenerId(connection.listener);
        let is_named = self.settings.door(listener).username_of_certificate.is_some();
        if is_named || !self.settings.authority.judges(listener, &login.credentials) {
            self.leave_line(login);
            return Look::Now(None);
        }
        self.peers.failures.look(&connection.address, &login.credentials, (login.since_ms, login.line), now_ms)
    }

    fn leave_line(&self, login: &Login) {
        if let Some(line) = login.line {
            self.peers.failures.leave(line);
        }
    }

    fn asker(&self, index: usize, generation: u32) -> Asker {
        Asker { shard: self.id, index, generation, settings_number: self.settings_number, turn: None }
    }

    fn look_at_login(&mut self, login: Login, turn: Option<Turn>) -> Option<Authentication> {
        let Login { index, credentials, .. } = login;
        let settings = Arc::clone(&self.settings);
        let connection = &mut self.connections[index];
        let listener = ListenerId(connection.listener);
        let introduction = connection.take_introduction();
        let door = settings.door(listener);
        if connection.is(Mark::Suspect) && !self.is_still_let_in(index) {
            return Some(REFUSED);
        }
        let connection = &self.connections[index];
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
        self.take_asked(index, turn, asked)
    }

    /// Whether its encryption, and what a proxy has seen of it, would let a connection in now.
    fn is_still_let_in(&self, index: usize) -> bool {
        let connection = &self.connections[index];
        let (listener, seen) = (ListenerId(connection.listener), Some(connection.seen_by_proxy()));
        self.settings.still_lets_in(listener, connection.stream.tls(), seen)
    }

    /// What is known at once, or `None`: it is asked elsewhere.
    fn take_asked(&mut self, index: usize, turn: Option<Turn>, asked: Asked) -> Option<Authentication> {
        let check = match asked {
            Asked::Known(authentication) => {
                self.note_login(index, turn, &authentication);
                return Some(authentication);
            }
            Asked::Later(check) => check,
        };
        let connection = &self.connections[index];
        let (asker, address) = (Asker { turn, ..self.asker(index, connection.generation) }, connection.address.clone());
        if !self.peers.hand_in(asker, address, check, &self.settings.authority) {
            self.note_login(index, turn, &NOT_NOW);
            return Some(NOT_NOW);
        }
        self.connections[index].phase = Phase::Authenticating;
        None
    }

    /// A login was looked at by this shard.
    fn note_login(&mut self, index: usize, turn: Option<Turn>, authentication: &Authentication) {
        if let Some(turn) = turn {
            self.peers.failures.note(turn, authentication, self.turn.now.monotonic_ms);
        }
        let address = self.connections[index].address.clone();
        self.tell_login(&address, authentication);
    }

    /// One that failed is told in a line that holds nothing but the address: nobody can forge it, and who watches the log can
    /// act on it.
    fn tell_login(&mut self, address: &Address, authentication: &Authentication) {
        if !matches!(authentication, Authentication::Refused(RefusedCredentials::NotAuthorized)) {
            return;
        }
        let text = format_args!("Failed login from {address}.");
        let code = Some(ReasonCode::NOT_AUTHORIZED);
        let about = About { reason_code: code, ..About::connection("failed_login", address) };
        self.log.repeated_line_about(self.turn.now.wall_s, LogType::Notice, ("failed logins", &about), text);
    }

    /// Goes on with those who waited for an answer.
    pub(super) fn take_answers(&mut self, answers: Vec<Answer>) {
        for Answer { asker, address, check, authentication, trouble } in answers {
            if let Some(trouble) = trouble {
                let wall_s = self.turn.now.wall_s;
                self.log.repeated_line(wall_s, LogType::Warning, "web services", format_args!("Warning: {trouble}"));
            }
            if !self.awaits_answer(asker) {
                // Who does not wait for the answer has guessed all the same.
                authentication.iter().for_each(|authentication| self.tell_login(&address, authentication));
                continue;
            }
            let authentication = match authentication {
                _ if asker.settings_number != self.settings_number => self.ask_again(asker.index, asker.turn, check),
                None => self.authenticate(asker.index, check.into_credentials()),
                Some(authentication) => {
                    self.tell_login(&address, &authentication);
                    Some(authentication)
                }
            };
            if let Some(authentication) = authentication {
                self.take_answer(asker, &authentication);
            }
        }
    }

    /// What is in force is something else than when it was asked: nobody is welcomed by what was before.
    fn ask_again(&mut self, index: usize, turn: Option<Turn>, check: Check) -> Option<Authentication> {
        if !self.is_still_let_in(index) {
            return Some(REFUSED);
        }
        let asked = self.settings.authority.ask_again(check);
        self.take_asked(index, turn, asked)
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
        if self.connections.contains(asker.index) {
            // What came meanwhile made its event then.
            self.queue_input(asker.index);
        }
    }
}

/// After so long it is looked whether a reload is over.
const RELOAD_MS: u64 = 1;
