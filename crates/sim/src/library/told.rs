//! What the library tells its user.

use midge_client_core::{Cause, Client, Event, Receipt};
use midge_codec::{ConnAck, Packet, PacketId, Publish, QoS, ReasonCode, fixed_header};

use super::Library;
use crate::record::{Delivery, Record};

impl Library {
    /// Lets the library do something, and takes what it tells. `Err`: a promise was broken.
    pub(super) fn act_on<T>(
        &mut self,
        record: &mut Record,
        act: impl FnOnce(&mut Client, &mut dyn FnMut(Event<'_>)) -> T,
    ) -> Result<T, String> {
        // Events borrow from the library, which stands aside meanwhile.
        let mut client = std::mem::replace(&mut self.client, Client::new(self.options.clone()));
        let mut told = Ok(());
        let outcome = act(&mut client, &mut |event| {
            if told.is_ok() {
                told = self.handle(record, &event);
            }
        });
        self.client = client;
        self.store.add_steps(&mut self.client, &self.ground);
        told.map(|()| outcome)
    }

    fn handle(&mut self, record: &mut Record, event: &Event<'_>) -> Result<(), String> {
        match event {
            Event::PacketReceived(packet) => return self.note_answer(record, packet),
            Event::PacketSent(_) | Event::Answered { .. } => {}
            Event::Connected(connack) => self.note_session(record, connack),
            Event::Message(publish, receipt) => return self.take_message(record, publish, *receipt),
            Event::Acknowledged { number, reason_code, .. } => {
                let id = *self.numbers.get(number).ok_or(format!("{number} was never published, and has ended"))?;
                self.say(|| format!("message {id} has ended: {reason_code}"));
                if reason_code.is_error() {
                    return Err(format!("message {id} was refused: {reason_code}"));
                }
                record.acknowledged(id, self.step());
            }
            Event::Sent { .. } => {}
            Event::Disconnected(cause) if is_usual(cause) => self.say(|| format!("is told: {cause:?}")),
            other => return Err(format!("it is told {other:?}")),
        }
        Ok(())
    }

    /// Which Session this is for the record. One that may be another is not counted on any more, but may go on.
    fn note_session(&mut self, record: &mut Record, connack: &ConnAck<'_>) {
        self.say(|| format!("< CONNACK session-present={}", connack.session_present));
        if let Some(wire) = &mut self.wire {
            wire.is_answered = true;
        }
        self.has_connected = true;
        let is_doubtful = std::mem::take(&mut self.is_doubtful);
        if is_doubtful || !connack.session_present {
            self.doubt_session(record);
        }
        self.sessions.0 += u64::from(!connack.session_present);
        self.sessions.1 += u64::from(is_doubtful);
        if self.session.is_none() || !connack.session_present {
            self.session = Some(record.begin_session(self.number, false));
        }
    }

    fn take_message(
        &mut self,
        record: &mut Record,
        publish: &Publish<'_>,
        receipt: Option<Receipt>,
    ) -> Result<(), String> {
        let text = String::from_utf8_lossy(publish.payload);
        let message = text.split(' ').next().and_then(|number| number.parse().ok());
        let Some(message) = message else { return Err(format!("a strange payload: {text:.20}")) };
        let (qos, dup, retain) = (publish.qos as u8, publish.dup, publish.retain);
        self.say(|| format!("is shown {} qos={qos} m={message} dup={dup}", publish.topic));
        let Some(session) = self.session else { return Err("a message without a Session".to_owned()) };
        let delivery = Delivery { message, qos, dup, retain, identifiers: Vec::new(), step: self.step() };
        let topic = publish.topic.to_owned();
        let is_once = publish.qos == QoS::ExactlyOnce;
        if !is_once {
            record.deliver(session, &topic, delivery.clone())?;
        }
        let shown = is_once.then_some((session, topic, delivery));
        match receipt {
            Some(receipt) => self.open.push_back((receipt, shown)),
            None => self.store.add_shown(shown),
        }
        Ok(())
    }

    /// SUBACK or UNSUBACK answers a question.
    fn note_answer(&mut self, record: &mut Record, packet: &[u8]) -> Result<(), String> {
        let Ok(Some(header)) = fixed_header(packet) else { return Ok(()) };
        let body = &packet[usize::from(header.length)..];
        let packet_id = match Packet::decode_from_server(self.options.version, header, body) {
            Ok(Packet::SubAck(suback)) => suback.packet_id,
            Ok(Packet::UnsubAck(unsuback)) => unsuback.packet_id,
            Ok(other) => {
                self.say(|| format!("< {:.100}", format!("{other:?}")));
                return Ok(());
            }
            Err(error) => return Err(format!("the server sent nonsense: {error}")),
        };
        self.say(|| format!("< SUBACK or UNSUBACK id={packet_id:?}"));
        let questions = self.wire.as_mut().and_then(|wire| wire.asked.remove(&PacketId::get(packet_id)));
        let (Some(questions), Some(session)) = (questions, self.session) else {
            return Err(format!("SUBACK or UNSUBACK {packet_id:?} answers nothing"));
        };
        questions.into_iter().for_each(|question| record.answered(session, question, self.step()));
        Ok(())
    }
}

/// What may end a connection in these worlds.
fn is_usual(cause: &Cause<'_>) -> bool {
    match cause {
        Cause::Closed | Cause::Left | Cause::KeepAliveTimeout | Cause::ConnAckTimeout => true,
        Cause::Dismissed(disconnect) => disconnect.reason_code == ReasonCode::SESSION_TAKEN_OVER,
        Cause::Refused(_) | Cause::ProtocolError(..) => false,
    }
}
