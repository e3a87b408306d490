//! CONNECT, CONNACK and AUTH: how a connection begins.

use midge_codec::{Auth, ConnAck, Packet, PropertiesBuf, Property, ReasonCode, Version};
use midge_protocol::{InboundAliases, OutboundAliases};

use super::packets::Fault;
use super::{Client, Phase};
use crate::event::{Cause, Event, Visit};
use crate::keep_alive::KeepAlive;
use crate::limits::Limits;
use crate::refusal::Refusal;
use crate::steps::Step;

impl Client {
    /// Whether it is time to make a connection.
    pub fn wants_connection(&self, now_ms: u64) -> bool {
        matches!(self.phase, Phase::Offline(Some(at_ms)) if at_ms <= now_ms)
    }

    /// The driver begins to make a connection, wanted or not. It ends in [`Client::handle_connected`] or
    /// [`Client::handle_closed`].
    pub fn begin_connection(&mut self) {
        if matches!(self.phase, Phase::Offline(_)) {
            self.phase = Phase::Opening;
            self.retry.is_over = false;
        }
    }

    /// The Network Connection is there: puts out CONNECT.
    pub fn handle_connected(&mut self, now_ms: u64) {
        self.phase = Phase::Greeting(now_ms);
        self.keep_alive = KeepAlive::new(now_ms);
        self.inbound_aliases = InboundAliases::default();
        self.is_authenticating = self.options.authentication.is_some();
        self.unanswered = self.unanswered.saturating_add(1);
        let client_id = self.assigned_client_id.as_deref().unwrap_or(&self.options.client_id);
        self.options.encode_connect(client_id, self.starts_clean(), self.output.end());
    }

    /// Version 5 goes on with the Session once there is one; before, Clean Session also says how long it lasts.
    fn starts_clean(&self) -> bool {
        self.options.clean_start && (self.options.version < Version::V5 || !self.has_session)
    }

    /// CONNACK.
    pub(super) fn handle_connack(&mut self, now_ms: u64, connack: &ConnAck<'_>, visit: Visit<'_>) -> Result<(), Fault> {
        if !matches!(self.phase, Phase::Greeting(_)) {
            return Err(Fault::protocol("a second CONNACK"));
        }
        if connack.code != 0 {
            self.unanswered -= 1;
            self.phase = Phase::Ending;
            visit(Event::Disconnected(Cause::Refused(*connack)));
            return Ok(());
        }
        if connack.session_present && self.starts_clean() {
            return Err(Fault::protocol("Session Present after a clean start"));
        }
        let was_unanswered = std::mem::take(&mut self.unanswered) > 1;
        self.take_over(now_ms, connack);
        // Version 3.1 has no word for it: who did not ask for a clean one counts on the Session.
        let is_unknown = self.options.version == Version::V31 && !self.options.clean_start;
        match connack.session_present || is_unknown {
            true if was_unanswered || is_unknown => self.inbox.set_aside(),
            true => {}
            false => self.lose_session(),
        }
        if !connack.session_present || was_unanswered {
            self.requests.subscribe_again();
        }
        self.outbox.exchanges.handle_connection();
        self.inbox.handle_connection();
        visit(Event::Connected(*connack));
        Ok(())
    }

    /// The connection is accepted, with these limits.
    fn take_over(&mut self, now_ms: u64, connack: &ConnAck<'_>) {
        self.phase = Phase::Online;
        self.has_session = true;
        self.is_authenticating = false;
        self.retry.online_since_ms = Some(now_ms);
        self.limits = Limits::new(connack, &self.options);
        self.outbound_aliases = OutboundAliases::new(self.limits.topic_aliases);
        if let Some(assigned) = connack.properties.assigned_client_identifier() {
            self.assigned_client_id = Some(assigned.into());
        }
    }

    /// The Server knows nothing of what was `[MQTT-3.2.2-5]`.
    fn lose_session(&mut self) {
        self.outbox.handle_session_lost();
        self.inbox.clear();
        self.note(Step::SessionBegan);
    }

    /// AUTH.
    pub(super) fn handle_auth(&mut self, auth: &Auth<'_>, visit: Visit<'_>) -> Result<(), Fault> {
        let Some(ours) = &self.options.authentication else {
            return Err(Fault::protocol("AUTH without an Authentication Method"));
        };
        let is_greeting = matches!(self.phase, Phase::Greeting(_));
        let is_expected = match auth.reason_code {
            ReasonCode::CONTINUE_AUTHENTICATION => self.is_authenticating,
            ReasonCode::SUCCESS => self.is_authenticating && !is_greeting,
            _ => false,
        };
        if !is_expected {
            return Err(Fault::protocol("AUTH that nobody has asked for"));
        }
        if auth.properties.authentication_method() != Some(&ours.method) {
            return Err(Fault::protocol("AUTH with another Authentication Method"));
        }
        if auth.reason_code == ReasonCode::SUCCESS {
            self.is_authenticating = false;
        }
        visit(Event::Authentication(*auth));
        Ok(())
    }

    /// Answers [`Event::Authentication`] with the next Authentication Data.
    ///
    /// # Errors
    /// When no authentication is under way.
    pub fn authenticate(&mut self, data: &[u8]) -> Result<(), Refusal> {
        let is_connected = matches!(self.phase, Phase::Greeting(_) | Phase::Online);
        if !self.is_authenticating || !is_connected {
            return Err(Refusal::NotNow);
        }
        self.send_auth(ReasonCode::CONTINUE_AUTHENTICATION, data)
    }

    /// Begins to authenticate once more on the same connection.
    ///
    /// # Errors
    /// When there is no connection, no [`Options::authentication`](crate::Options::authentication), or one is under way.
    pub fn reauthenticate(&mut self, data: &[u8]) -> Result<(), Refusal> {
        if self.is_authenticating || self.phase != Phase::Online {
            return Err(Refusal::NotNow);
        }
        self.send_auth(ReasonCode::REAUTHENTICATE, data)?;
        self.is_authenticating = true;
        Ok(())
    }

    fn send_auth(&mut self, reason_code: ReasonCode, data: &[u8]) -> Result<(), Refusal> {
        let Some(ours) = self.options.authentication.as_ref().filter(|_| self.options.version == Version::V5) else {
            return Err(Refusal::NotNow);
        };
        let mut properties = PropertiesBuf::new();
        properties.push(Property::AuthenticationMethod(&ours.method)).push(Property::AuthenticationData(data));
        let auth = Auth { reason_code, properties: properties.as_properties() };
        Packet::Auth(auth).encode(Version::V5, self.output.end());
        Ok(())
    }
}
