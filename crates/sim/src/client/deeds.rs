//! What a client does by itself.

use super::habits::Wanted;
use super::packets::{self, Publishing};
use super::{Client, Outgoing};
use crate::network::Read;
use crate::record::{Ask, Message, MessageId, Record};
use crate::settings::Deed;
use midge_codec::AcknowledgementKind;

/// Bytes from which a payload is shared, not copied, by the server; large ones are a little larger.
const LARGE_BYTES: usize = 17_000;

impl Client {
    /// It is its turn. `Err`: the server broke a promise.
    pub(crate) fn act(&mut self, record: &mut Record) -> Result<(), String> {
        let settings = &self.ground.settings;
        let deed = Deed::ALL[self.ground.random.borrow_mut().weighted(&settings.deeds)];
        if self.link.is_none() {
            let is_clean = self.chooses_clean_start(record);
            let may = deed == Deed::Connect || self.ground.is_calm() || self.habits.is_witness;
            if may && self.may_connect(is_clean) {
                self.connect(record, is_clean);
            }
            return Ok(());
        }
        if self.ground.is_calm() || self.habits.is_witness {
            self.read(record, usize::MAX)?;
            self.answer(record, usize::MAX);
            let is_accepted = self.link.as_ref().is_some_and(|link| link.is_accepted);
            if self.habits.is_witness && is_accepted && !self.is_leaving {
                self.subscribe_first(record);
            }
            return Ok(());
        }
        let is_accepted = self.link.as_ref().is_some_and(|link| link.is_accepted);
        match deed {
            Deed::Read => {
                self.read(record, if self.ground.one_in(4) { 1 + self.ground.below(60) } else { usize::MAX })?
            }
            Deed::Answer => self.answer(record, 1 + self.ground.below(5)),
            Deed::Publish if is_accepted => self.publish(record),
            Deed::Subscribe if is_accepted && !self.habits.filters.is_empty() => {
                let wanted = self.habits.filters[self.ground.below(self.habits.filters.len())];
                self.subscribe(record, wanted);
            }
            Deed::Unsubscribe if is_accepted && !self.habits.filters.is_empty() => {
                let wanted = self.habits.filters[self.ground.below(self.habits.filters.len())];
                self.unsubscribe(record, wanted.filter);
            }
            Deed::ConnectAgain => {
                let is_clean = self.chooses_clean_start(record);
                let is_settled = is_accepted || self.is_harmless_link() && self.is_harmless(is_clean);
                if is_settled && self.may_connect(is_clean) {
                    self.connect(record, is_clean);
                }
            }
            Deed::Disconnect if is_accepted => self.disconnect(record),
            Deed::Close => self.close(record),
            Deed::Cut => self.be_cut(record),
            _ => {}
        }
        Ok(())
    }

    /// Reads what has arrived, up to `most` bytes.
    pub(crate) fn read(&mut self, record: &mut Record, most: usize) -> Result<(), String> {
        let Some(link) = &mut self.link else { return Ok(()) };
        let read = self.ground.network.borrow_mut().client_read(link.wire, most);
        match read {
            Read::Bytes(bytes) => {
                link.unread.extend(bytes);
                self.handle_unread(record)
            }
            Read::Nothing => Ok(()),
            Read::End => self.handle_end(record),
        }
    }

    /// Sends some of the acknowledgements that it owes.
    pub(crate) fn answer(&mut self, _record: &mut Record, count: usize) {
        for _ in 0..count {
            let Some(link) = &mut self.link else { return };
            let Some((kind, packet_id)) = link.answers.pop_front() else { return };
            if matches!(kind, AcknowledgementKind::PubAck | AcknowledgementKind::PubComp) {
                link.open.remove(&packet_id);
            }
            if kind == AcknowledgementKind::PubComp {
                self.memory.incoming.remove(&packet_id);
            }
            self.say(|| format!("> {kind:?} id={packet_id}"));
            self.write(&packets::acknowledgement(kind, packet_id, self.habits.version));
        }
    }

    fn subscribe_first(&mut self, record: &mut Record) {
        let has_asked = self.memory.session.is_none_or(|session| !record.sessions[session].asked.is_empty());
        if !has_asked {
            self.subscribe(record, self.habits.filters[0]);
        }
    }

    fn subscribe(&mut self, record: &mut Record, wanted: Wanted) {
        let (Some(session), Some(packet_id)) = (self.memory.session, self.packet_id()) else { return };
        let may_choose = self.habits.version == midge_codec::Version::V5 && !self.habits.is_witness;
        let replays = !(may_choose && self.ground.one_in(5));
        let Wanted { filter, qos, identifier, .. } = wanted;
        let ask = Ask::Subscribe { qos, identifier };
        let question = record.ask(session, filter, ask, self.step());
        self.note_question(packet_id, question);
        self.say(|| {
            format!("> SUBSCRIBE id={packet_id} {} qos={qos} replays={replays}", crate::topics::FILTERS[filter])
        });
        let bytes = packets::subscribe(packet_id, &wanted, self.habits.no_local, replays, self.habits.version);
        self.write(&bytes);
    }

    fn unsubscribe(&mut self, record: &mut Record, filter: usize) {
        let (Some(session), Some(packet_id)) = (self.memory.session, self.packet_id()) else { return };
        let question = record.ask(session, filter, Ask::Unsubscribe, self.step());
        self.note_question(packet_id, question);
        self.say(|| format!("> UNSUBSCRIBE id={packet_id} {}", crate::topics::FILTERS[filter]));
        self.write(&packets::unsubscribe(packet_id, filter, self.habits.version));
    }

    fn note_question(&mut self, packet_id: u16, question: usize) {
        if let Some(link) = &mut self.link {
            link.asked.insert(packet_id, vec![question]);
        }
    }

    fn publish(&mut self, record: &mut Record) {
        let ground = self.ground.clone();
        let Some(link) = &self.link else { return };
        let inflight_max = self.habits.inflight_max.min(usize::from(link.receive_maximum));
        let topic = self.habits.topics[ground.below(self.habits.topics.len())];
        let retain = topic.starts_with("r/");
        let qos = ground.below(3) as u8;
        if qos > 0 && self.memory.outgoing.len() >= inflight_max {
            return;
        }
        let packet_id = if qos == 0 { Some(0) } else { self.packet_id() };
        let Some(packet_id) = packet_id else { return };
        let expires =
            self.habits.version == midge_codec::Version::V5 && ground.per_mille(ground.settings.expiry_per_mille);
        let sent = self.step();
        let message = record.begin(Message {
            retain,
            is_clear: retain && ground.one_in(8),
            session: self.memory.session,
            expires,
            ..Message::of(topic, qos, self.number, sent)
        });
        if qos > 0 {
            self.memory.outgoing.push_back(Outgoing { packet_id, message, is_released: false });
        }
        self.send_publish(record, message, packet_id, false);
    }

    /// Writes a PUBLISH, for the first time or again.
    pub(super) fn send_publish(&mut self, record: &mut Record, id: MessageId, packet_id: u16, dup: bool) {
        record.sent(id, self.step());
        let message = &record.messages[id];
        let mut payload = if message.is_clear { String::new() } else { id.to_string() };
        // What follows the number depends on it alone: a repetition is the same.
        if !message.is_clear && (id * 7919 % 1000) < self.ground.settings.large_per_mille as usize {
            payload.push(' ');
            payload.extend(std::iter::repeat_n('x', LARGE_BYTES));
        }
        if message.qos > 0 && self.may_be_refused() {
            record.let_refusable_will(self.link.as_ref().and_then(|link| link.will), self.step());
        }
        let message = &record.messages[id];
        let (alias, is_named) = self.alias(message.topic);
        self.say(|| {
            let Message { topic, qos, retain, .. } = message;
            let flags = format!("{}{}", if *retain { " retain" } else { "" }, if dup { " dup" } else { "" });
            let bytes = payload.len();
            format!("> PUBLISH {topic} qos={qos} id={packet_id} m={id}{flags} alias={alias:?} ({bytes} bytes)")
        });
        let publishing = Publishing {
            topic: if is_named { message.topic } else { "" },
            payload: payload.as_bytes(),
            qos: message.qos,
            retain: message.retain,
            dup,
            packet_id,
            alias,
            expiry_s: message.expires.then_some(1),
        };
        self.write(&packets::publish(&publishing, self.habits.version));
    }

    /// A Topic Alias, if it likes, and whether the topic is named too.
    fn alias(&mut self, topic: &'static str) -> (Option<u16>, bool) {
        let likes = self.habits.likes_aliases && self.ground.one_in(2);
        let Some(link) = self.link.as_mut().filter(|link| likes && link.alias_maximum > 0) else { return (None, true) };
        if let Some(at) = link.aliases_out.iter().position(|known| *known == topic) {
            return (Some(at as u16 + 1), self.ground.one_in(4));
        }
        if link.aliases_out.len() < usize::from(link.alias_maximum) {
            link.aliases_out.push(topic);
        } else {
            let at = self.ground.below(link.aliases_out.len());
            link.aliases_out[at] = topic;
        }
        let at = link.aliases_out.iter().position(|known| *known == topic).unwrap_or(0);
        (Some(at as u16 + 1), true)
    }
}
