//! What a client does with the packets that come, and what it expects of them.

use midge_codec::{AcknowledgementKind, Packet, Publish, QoS, ReasonCode, Version, fixed_header};

use super::Client;
use super::packets;
use crate::record::{Ask, Delivery, Record};
use crate::topics;

impl Client {
    /// Handles every whole packet that was read.
    pub(super) fn handle_unread(&mut self, record: &mut Record) -> Result<(), String> {
        loop {
            let Some(link) = &mut self.link else { return Ok(()) };
            let header = fixed_header(&link.unread).map_err(|error| format!("the server sent nonsense: {error:?}"))?;
            let Some(header) = header.filter(|header| header.packet_len() <= link.unread.len()) else { return Ok(()) };
            let bytes: Vec<u8> = link.unread.drain(..header.packet_len()).collect();
            let body = &bytes[usize::from(header.length)..];
            let packet = Packet::decode_from_server(self.habits.version, header, body)
                .map_err(|error| format!("the server sent nonsense: {error:?}"))?;
            self.handle(record, &packet)?;
        }
    }

    fn handle(&mut self, record: &mut Record, packet: &Packet<'_>) -> Result<(), String> {
        let is_accepted = self.link.as_ref().is_some_and(|link| link.is_accepted);
        match packet {
            Packet::ConnAck(connack) => return self.handle_connack(record, connack),
            _ if !is_accepted => return Err(format!("{packet:?} before CONNACK")),
            Packet::Publish(publish) => return self.handle_publish(record, publish),
            Packet::PubAck(it) => {
                return self.handle_taken(record, it.packet_id.get(), it.reason_code, AcknowledgementKind::PubAck);
            }
            Packet::PubRec(it) => {
                return self.handle_taken(record, it.packet_id.get(), it.reason_code, AcknowledgementKind::PubRec);
            }
            Packet::PubComp(it) => return self.handle_pubcomp(it.packet_id.get(), it.reason_code),
            Packet::PubRel(it) => {
                let packet_id = it.packet_id.get();
                self.say(|| format!("< PUBREL id={packet_id} {:?}", it.reason_code));
                self.owe(AcknowledgementKind::PubComp, packet_id);
            }
            Packet::SubAck(it) => return self.handle_answer(record, it.packet_id.get(), it.codes),
            Packet::UnsubAck(it) => return self.handle_answer(record, it.packet_id.get(), it.codes),
            Packet::PingResp => {}
            Packet::Disconnect(it) => {
                self.say(|| format!("< DISCONNECT {:?}", it.reason_code));
                if it.reason_code != ReasonCode::SESSION_TAKEN_OVER {
                    return Err(format!("the server says goodbye: {:?}", it.reason_code));
                }
            }
            _ => return Err(format!("{packet:?} is not for clients")),
        }
        Ok(())
    }

    fn owe(&mut self, kind: AcknowledgementKind, packet_id: u16) {
        if let Some(link) = &mut self.link {
            link.answers.push_back((kind, packet_id));
        }
    }

    fn handle_publish(&mut self, record: &mut Record, publish: &Publish<'_>) -> Result<(), String> {
        let packet_id = publish.packet_id.map_or(0, midge_codec::PacketId::get);
        let topic = self.name_topic(publish)?;
        let text = String::from_utf8_lossy(publish.payload);
        let number = text.split(' ').next().unwrap_or_default().parse::<usize>();
        let (qos, dup, retain) = (publish.qos as u8, publish.dup, publish.retain);
        self.say(|| {
            let flags = format!("{}{}", if retain { " retain" } else { "" }, if dup { " dup" } else { "" });
            let identifiers: Vec<u32> = publish.properties.raw.subscription_identifiers().collect();
            format!("< PUBLISH {topic} qos={qos} id={packet_id} m={number:?}{flags} for={identifiers:?}")
        });
        let Some(link) = &mut self.link else { return Ok(()) };
        if qos > 0 {
            let is_open = !link.open.insert(packet_id);
            if is_open && !dup {
                return Err(format!("the identifier {packet_id} was given to two messages at once"));
            }
            let receive_maximum = self.habits.receive_maximum.unwrap_or(u16::MAX);
            if link.open.len() > usize::from(receive_maximum) {
                return Err(format!("more than Receive Maximum {receive_maximum}: {:?}", link.open));
            }
        }
        match publish.qos {
            QoS::AtMostOnce => {}
            QoS::AtLeastOnce => self.owe(AcknowledgementKind::PubAck, packet_id),
            QoS::ExactlyOnce => self.owe(AcknowledgementKind::PubRec, packet_id),
        }
        if qos == 2 && !self.memory.incoming.insert(packet_id) {
            return if dup { Ok(()) } else { Err(format!("the identifier {packet_id} is still in use")) };
        }
        let Ok(message) = number else {
            // Only what clears a Retained Message is empty.
            return if publish.payload.is_empty() { Ok(()) } else { Err(format!("a strange payload: {text}")) };
        };
        let Some(session) = self.memory.session else { return Err("a message without a Session".to_owned()) };
        let identifiers = publish.properties.raw.subscription_identifiers().collect();
        let delivery = Delivery { message, qos, dup, retain, identifiers, step: self.step() };
        record.deliver(session, &topic, delivery)
    }

    /// The topic, also where it is named by an alias alone.
    fn name_topic(&mut self, publish: &Publish<'_>) -> Result<String, String> {
        let Some(alias) = publish.properties.topic_alias else { return Ok(publish.topic.to_owned()) };
        if alias == 0 || alias > self.habits.alias_maximum {
            return Err(format!("Topic Alias {alias} is above the maximum"));
        }
        let Some(link) = &mut self.link else { return Ok(String::new()) };
        if !publish.topic.is_empty() {
            link.aliases_in.insert(alias, publish.topic.to_owned());
        }
        link.aliases_in.get(&alias).cloned().ok_or_else(|| format!("Topic Alias {alias} was never set"))
    }

    /// PUBACK or PUBREC: the server has the message.
    fn handle_taken(
        &mut self,
        record: &mut Record,
        packet_id: u16,
        code: ReasonCode,
        kind: AcknowledgementKind,
    ) -> Result<(), String> {
        self.say(|| format!("< {kind:?} id={packet_id} {code:?}"));
        let step = self.step();
        let is_first = kind == AcknowledgementKind::PubRec;
        let outgoing = self.memory.outgoing.iter_mut().find(|outgoing| outgoing.packet_id == packet_id);
        let Some(outgoing) = outgoing else { return Err(format!("{kind:?} {packet_id} answers nothing")) };
        let message = outgoing.message;
        let qos = record.messages[message].qos;
        if code == ReasonCode::QUOTA_EXCEEDED && self.ground.may_refuse() && (qos == 2) == is_first {
            self.memory.outgoing.retain(|outgoing| outgoing.packet_id != packet_id);
            self.ground.see(|seen| seen.refusals += 1);
            return record.refused(message, step);
        }
        if code.is_error() || (qos == 2) != is_first {
            return Err(format!("{kind:?} {packet_id} with {code:?} for a message of QoS {qos}"));
        }
        if is_first {
            outgoing.is_released = true;
        }
        record.acknowledged(message, step);
        if code == ReasonCode::NO_MATCHING_SUBSCRIBERS {
            check_nobody(record, message, step)?;
        }
        if is_first {
            self.say(|| format!("> PUBREL id={packet_id}"));
            self.write(&packets::acknowledgement(AcknowledgementKind::PubRel, packet_id, self.habits.version));
        } else {
            self.memory.outgoing.retain(|outgoing| outgoing.packet_id != packet_id);
        }
        Ok(())
    }

    fn handle_pubcomp(&mut self, packet_id: u16, code: ReasonCode) -> Result<(), String> {
        self.say(|| format!("< PUBCOMP id={packet_id} {code:?}"));
        let before = self.memory.outgoing.len();
        self.memory.outgoing.retain(|outgoing| outgoing.packet_id != packet_id || !outgoing.is_released);
        if self.memory.outgoing.len() == before {
            return Err(format!("PUBCOMP {packet_id} answers nothing"));
        }
        Ok(())
    }

    /// SUBACK or UNSUBACK.
    fn handle_answer(&mut self, record: &mut Record, packet_id: u16, codes: &[u8]) -> Result<(), String> {
        self.say(|| format!("< SUBACK or UNSUBACK id={packet_id} {codes:x?}"));
        let step = self.step();
        let questions = self.link.as_mut().and_then(|link| link.asked.remove(&packet_id));
        let (Some(questions), Some(session)) = (questions, self.memory.session) else {
            return Err(format!("SUBACK or UNSUBACK {packet_id} answers nothing"));
        };
        for (at, &question) in questions.iter().enumerate() {
            let asked = record.sessions[session].asked[question].clone();
            let code = codes.get(at).copied();
            match asked.ask {
                Ask::Subscribe { .. } if self.ground.may_refuse() && code == Some(self.refusal_of_subscription()) => {
                    self.ground.see(|seen| seen.refusals += 1);
                    record.refused_subscription(session, question);
                }
                Ask::Subscribe { qos, .. } if code != Some(qos) => {
                    return Err(format!("SUBSCRIBE {} was answered {codes:x?}", topics::FILTERS[asked.filter]));
                }
                Ask::Unsubscribe if self.habits.version == Version::V5 && code.is_none_or(|code| code >= 0x80) => {
                    return Err(format!("UNSUBSCRIBE {} was answered {codes:x?}", topics::FILTERS[asked.filter]));
                }
                _ => {}
            }
            record.answered(session, question, step);
        }
        Ok(())
    }

    fn refusal_of_subscription(&self) -> u8 {
        let is_v5 = self.habits.version == Version::V5;
        if is_v5 { ReasonCode::QUOTA_EXCEEDED.0 } else { ReasonCode::UNSPECIFIED_ERROR.0 }
    }

    /// On a new connection everything that is not complete is sent again, in its order.
    pub(super) fn send_again(&mut self, record: &mut Record) {
        for at in 0..self.memory.outgoing.len() {
            let outgoing = &self.memory.outgoing[at];
            let (packet_id, message) = (outgoing.packet_id, outgoing.message);
            if outgoing.is_released {
                self.say(|| format!("> PUBREL id={packet_id}"));
                self.write(&packets::acknowledgement(AcknowledgementKind::PubRel, packet_id, self.habits.version));
            } else {
                self.send_publish(record, message, packet_id, true);
            }
        }
    }
}

/// The server says that nobody has subscribed.
fn check_nobody(record: &Record, message: usize, step: u64) -> Result<(), String> {
    if record.may_refuse {
        // Who published what was refused may have lost its connection and not know it yet.
        return Ok(());
    }
    let it = &record.messages[message];
    for session in record.sessions.iter().filter(|session| session.here_since.is_some_and(|since| since < it.sent)) {
        if session.gets(it.topic, it.sent, step).is_some() && it.sends == 1 {
            return Err(format!("message {message} has no subscriber, but c{} is one", session.client));
        }
    }
    Ok(())
}
