//! CONNECT, CONNACK, and what a client may expect of its Session.

use midge_codec::{ConnAck, ReasonCode, Version};

use super::habits::FOR_EVER_S;
use super::packets::{self, Greeting};
use super::{Client, Link};
use crate::network::Break;
use crate::record::{Connecting, Message, Record, Will};

/// A Session that lives so long outlives every world.
const LONG_S: u32 = 100_000;

impl Client {
    /// Whether it could connect now: nothing that it sent before can come in between and do harm.
    pub(super) fn may_connect(&mut self, is_clean: bool) -> bool {
        let network = self.ground.network.borrow();
        self.unanswered.retain(|&wire| network.wire(wire).closed.is_none());
        self.unanswered.is_empty() || self.is_harmless(is_clean)
    }

    /// Whether it does not matter when the server reads this CONNECT.
    pub(super) fn is_harmless(&self, is_clean: bool) -> bool {
        !is_clean && self.expiry_s(is_clean) >= LONG_S && self.habits.will.is_none()
    }

    /// Whether the CONNECT of its present connection, if it was not read yet, may be read any time.
    pub(super) fn is_harmless_link(&self) -> bool {
        self.link.as_ref().is_some_and(|link| !link.is_clean && link.expiry_s >= LONG_S && link.will.is_none())
    }

    fn expiry_s(&self, is_clean: bool) -> u32 {
        match self.habits.version {
            Version::V5 if self.is_leaving => 0,
            Version::V5 => self.habits.expiry_s,
            _ if is_clean => 0,
            _ => FOR_EVER_S,
        }
    }

    /// Whether the next connection begins anew.
    pub(super) fn chooses_clean_start(&self, record: &Record) -> bool {
        let settings = &self.ground.settings;
        let wants =
            !self.ground.is_calm() && !self.habits.is_witness && self.ground.per_mille(settings.clean_per_mille);
        wants || self.is_leaving || self.memory.must_be_clean || self.may_mistake_its_session(record)
    }

    /// Its Session may have expired, and another one begun with a CONNECT that was never answered: Session Present would not
    /// tell them apart.
    fn may_mistake_its_session(&self, record: &Record) -> bool {
        let is_there = self.is_surely_there(record, false, self.memory.expiry_s.0, self.ground.now_ms());
        self.memory.session.is_some() && self.memory.wires.len() > 1 && !is_there
    }

    /// Connects; a connection that is there already is forgotten.
    pub(super) fn connect(&mut self, record: &mut Record, is_clean: bool) {
        let now = self.ground.moment();
        if let Some(old) = self.forget_link(record) {
            self.ground.network.borrow_mut().client_forget(old.wire, now);
        }
        let settings = &self.ground.settings;
        let fails = self.ground.one_in(2);
        let wire = self.ground.network.borrow_mut().open(settings.room_bytes, fails);
        let expiry_s = self.expiry_s(is_clean);
        let will = self.habits.will.filter(|_| !self.is_leaving).map(|habit| {
            let message = record.begin(Message {
                sends: 1,
                will: Some(record.wills.len()),
                ..Message::of(habit.topic, habit.qos, self.number, now.step)
            });
            record.wills.push(Will {
                message,
                wire,
                delay_s: habit.delay_s,
                expiry_s,
                is_accepted: false,
                is_disconnected: false,
                may_be_refused: false,
                may_come_since: None,
            });
            (habit, message.to_string())
        });
        let (will_number, connecting) = (will.is_some().then(|| record.wills.len() - 1), record.connectings.len());
        let client = self.number;
        record.connectings.push(Connecting { client, wire, is_clean, sent: now, accepted_ms: None });
        let bytes = packets::connect(&Greeting {
            version: self.habits.version,
            client_id: &self.name,
            is_clean,
            expiry_s,
            receive_maximum: self.habits.receive_maximum,
            alias_maximum: self.habits.alias_maximum,
            will,
        });
        self.say(|| {
            let will = record.wills.last().filter(|_| will_number.is_some()).map(|will| will.message);
            format!("> CONNECT clean={is_clean} expiry={expiry_s} will={will:?} on connection {wire}")
        });
        if is_clean {
            self.forget_session(record);
            self.memory.must_be_clean = true;
        }
        let (least, most) = self.memory.expiry_s;
        self.memory.expiry_s = (least.min(expiry_s), most.max(expiry_s));
        self.memory.wires.push(wire);
        self.link = Some(Link {
            wire,
            is_accepted: false,
            is_refused: false,
            is_clean,
            expiry_s,
            will: will_number,
            connecting,
            sent: now,
            expiry_before_s: (least, most),
            unread: Vec::new(),
            answers: Default::default(),
            open: Default::default(),
            receive_maximum: u16::MAX,
            alias_maximum: 0,
            aliases_in: Default::default(),
            aliases_out: Vec::new(),
            asked: Default::default(),
        });
        self.write(&bytes);
    }

    pub(super) fn handle_connack(&mut self, record: &mut Record, packet: &ConnAck<'_>) -> Result<(), String> {
        let present = packet.session_present;
        self.say(|| format!("< CONNACK session-present={present} code={:#x}", packet.code));
        let now_ms = self.ground.now_ms();
        let refusal = if self.habits.version == Version::V5 { ReasonCode::QUOTA_EXCEEDED.0 } else { 3 };
        let Some(link) = &mut self.link else { return Ok(()) };
        if self.ground.may_refuse() && packet.code == refusal && !link.is_accepted {
            link.is_refused = true;
            self.ground.see(|seen| seen.refusals += 1);
            return Ok(());
        }
        if packet.code != 0 || link.is_accepted {
            return Err(format!("CONNACK with code {:#x}", packet.code));
        }
        link.is_accepted = true;
        link.receive_maximum = packet.properties.receive_maximum().unwrap_or(u16::MAX);
        link.alias_maximum = packet.properties.topic_alias_maximum().unwrap_or(0);
        let (is_clean, wire, expiry_s, sent_ms) = (link.is_clean, link.wire, link.expiry_s, link.sent.ms);
        let before_s = link.expiry_before_s;
        record.connectings[link.connecting].accepted_ms = Some(now_ms);
        if let Some(will) = link.will {
            record.wills[will].is_accepted = true;
        }
        if present && is_clean {
            return Err("Session Present after a clean start".to_owned());
        }
        if present && self.is_surely_gone(record, before_s.1, sent_ms) {
            return Err("a Session has come back after its end".to_owned());
        }
        if !present && self.is_surely_there(record, is_clean, before_s.0, now_ms) {
            return Err("a Session is gone before its time".to_owned());
        }
        self.memory.must_be_clean = false;
        self.memory.expiry_s = (expiry_s, expiry_s);
        self.memory.wires = vec![wire];
        if !present {
            self.forget_session(record);
        }
        record.note_accepted(self.number, self.step());
        if self.memory.session.is_none() {
            self.memory.session = Some(record.begin_session(self.number, self.habits.no_local));
        }
        if let Some(session) = self.memory.session {
            record.sessions[session].here_since = Some(self.step());
        }
        self.send_again(record);
        Ok(())
    }

    /// Whether the Session it knows ended before `sent_ms`, whatever the server did when.
    fn is_surely_gone(&self, record: &Record, most_s: u32, sent_ms: u64) -> bool {
        let network = self.ground.network.borrow();
        let others = &self.memory.wires[..self.memory.wires.len() - 1];
        let closed_ms = others.iter().map(|&wire| network.wire(wire).closed.map(|closed| record.closed_ms(&closed)));
        let last_ms: Option<Vec<u64>> = closed_ms.collect();
        let Some(last_ms) = last_ms.and_then(|all| all.into_iter().max()) else {
            // Without any connection before, there was never a Session.
            return others.is_empty();
        };
        if most_s == 0 {
            return true;
        }
        most_s != FOR_EVER_S && last_ms + u64::from(most_s) * 1000 + record.late_ms() < sent_ms
    }

    /// Whether the Session it knows still lives at `now_ms`, whatever the server did when.
    fn is_surely_there(&self, record: &Record, is_clean: bool, least_s: u32, now_ms: u64) -> bool {
        if is_clean || self.memory.session.is_none() || least_s == 0 {
            return false;
        }
        let network = self.ground.network.borrow();
        let ended_ms = self.memory.wires.first().and_then(|&wire| network.wire(wire).ended).map_or(now_ms, |at| at.ms);
        now_ms + record.early_ms() < ended_ms + u64::from(least_s) * 1000
    }

    /// It begins anew with a Session that ends with its connection.
    pub(crate) fn leave(&mut self, record: &mut Record) {
        self.is_leaving = true;
        self.connect(record, true);
    }

    /// DISCONNECT, and the end of the connection.
    pub(crate) fn disconnect(&mut self, record: &mut Record) {
        let Some(link) = &self.link else { return };
        let may_ask = self.habits.version == Version::V5 && link.expiry_s > 0;
        let asked_s = (may_ask && !self.ground.is_calm() && self.ground.one_in(6)).then(|| {
            let expiries = [0, 3, FOR_EVER_S];
            expiries[self.ground.below(3)]
        });
        if let Some(seconds) = asked_s {
            let (least, most) = self.memory.expiry_s;
            self.memory.expiry_s = (least.min(seconds), most.max(seconds));
        }
        self.say(|| format!("> DISCONNECT expiry={asked_s:?}"));
        self.write(&packets::disconnect(asked_s, self.habits.version));
        if let Some(will) = self.link.as_ref().and_then(|link| link.will) {
            record.wills[will].is_disconnected = true;
        }
        self.close(record);
    }

    /// Closes.
    pub(super) fn close(&mut self, record: &mut Record) {
        let now = self.ground.moment();
        let Some(link) = self.forget_link(record) else { return };
        self.say(|| format!("closes connection {}", link.wire));
        self.ground.network.borrow_mut().client_close(link.wire, now);
    }

    /// The network breaks the connection. The client sees it now, or when it has read what still arrives.
    pub(super) fn be_cut(&mut self, record: &mut Record) {
        let now = self.ground.moment();
        let Some(link) = &self.link else { return };
        let is_silent = link.is_accepted && self.ground.per_mille(self.ground.settings.silent_per_mille);
        let how = if is_silent { Break::Silent } else { Break::Noticed };
        self.say(|| format!("loses connection {}, {how:?}", link.wire));
        self.ground.network.borrow_mut().cut(link.wire, how, &mut self.ground.random.borrow_mut(), now);
        record.let_will(link.will, now.step);
        if let Some(session) = self.memory.session {
            record.sessions[session].here_since = None;
        }
        if self.ground.one_in(2) {
            self.close(record);
        }
    }

    /// The server has ended the connection. It may do so only for a reason.
    pub(super) fn handle_end(&mut self, record: &mut Record) -> Result<(), String> {
        let now = self.ground.moment();
        let may_be_refused = self.may_be_refused();
        let Some(link) = self.forget_link(record) else { return Ok(()) };
        self.say(|| format!("sees the end of connection {}", link.wire));
        let may = may_be_refused || link.is_refused || self.may_be_ended(&link);
        self.ground.network.borrow_mut().client_close(link.wire, now);
        if may { Ok(()) } else { Err(format!("the server closed connection {} for no reason", link.wire)) }
    }

    /// Whether the network broke it, or a CONNECT of the client's own that was read late may have taken over.
    fn may_be_ended(&self, link: &Link) -> bool {
        let network = self.ground.network.borrow();
        let is_late = |&wire: &usize| network.wire(wire).closed.is_none_or(|closed| closed.at.step >= link.sent.step);
        network.wire(link.wire).is_cut() || self.loose.iter().any(is_late)
    }

    /// Whether the server may have no room for one of its messages, and cannot say so but by ending the connection.
    pub(super) fn may_be_refused(&self) -> bool {
        self.ground.may_refuse() && self.habits.version != Version::V5 && !self.memory.outgoing.is_empty()
    }
}
