//! What goes through the pipe of a service.

use midge_broker::service::received_ns;
use midge_codec::{AcknowledgementKind, Packet, PacketId, Publish, QoS, ReasonCode, Version, fixed_header};

use super::{Point, Service};
use crate::client::packets::{self, Greeting};
use crate::client::{FOR_EVER_S, Wanted};
use crate::record::Record;

pub(super) fn connect(client_id: &str, window: u16) -> Vec<u8> {
    packets::connect(&Greeting {
        version: Version::V5,
        client_id,
        is_clean: false,
        expiry_s: FOR_EVER_S,
        receive_maximum: Some(window),
        alias_maximum: 0,
        will: None,
    })
}

/// What was retained before is no news.
pub(super) fn subscribe(packet_id: u16, filter: usize) -> Vec<u8> {
    let wanted = Wanted { filter, qos: 1, identifier: 0, retain_as_published: false };
    packets::subscribe(packet_id, &wanted, false, false, Version::V5)
}

pub(super) fn acknowledgement(packet_id: u16) -> Vec<u8> {
    packets::acknowledgement(AcknowledgementKind::PubAck, packet_id, Version::V5)
}

impl Service {
    /// Handles what was read, until a batch is full.
    pub(super) fn handle_unread(&mut self, record: &mut Record) -> Result<(), String> {
        while let Some(link) = &mut self.link {
            let header = fixed_header(&link.unread).map_err(|error| format!("the server sent nonsense: {error:?}"))?;
            let is_whole = |length: usize| length <= link.unread.len();
            let Some(header) = header.filter(|header| is_whole(header.packet_len())) else { return Ok(()) };
            if link.batch.len() >= self.habits.batch {
                return Ok(());
            }
            let bytes: Vec<u8> = link.unread.drain(..header.packet_len()).collect();
            let body = &bytes[usize::from(header.length)..];
            let packet = Packet::decode_from_server(Version::V5, header, body)
                .map_err(|error| format!("the server sent nonsense: {error:?}"))?;
            self.handle(record, &packet)?;
        }
        Ok(())
    }

    fn handle(&mut self, record: &mut Record, packet: &Packet<'_>) -> Result<(), String> {
        let Some(link) = &self.link else { return Ok(()) };
        let (begun, is_accepted) = (link.begun.step, link.is_accepted);
        match packet {
            Packet::ConnAck(it) if it.code == 0 && !is_accepted => self.handle_connack(record, it.session_present),
            Packet::ConnAck(it) if !is_accepted && self.may_be_refused(begun) => {
                self.say(|| format!("< CONNACK code={:#x}", it.code));
                self.ground.see(|seen| seen.refusals += u32::from(it.code == ReasonCode::QUOTA_EXCEEDED.0));
                self.close();
                Ok(())
            }
            Packet::SubAck(it) if is_accepted => self.handle_suback(record, it.packet_id.get(), it.codes),
            Packet::Publish(it) if is_accepted => self.handle_publish(it),
            // Whether it may say so is judged when the pipe ends.
            Packet::Disconnect(_) => Ok(()),
            other => Err(format!("{other:?} is not for a service")),
        }
    }

    fn handle_publish(&mut self, publish: &Publish<'_>) -> Result<(), String> {
        let time = publish.properties.forward.parts().last().and_then(received_ns);
        let (packet_id, text) = (publish.packet_id.map_or(0, PacketId::get), String::from_utf8_lossy(publish.payload));
        let number = text.split(' ').next().unwrap_or_default();
        let (topic, dup) = (publish.topic.to_owned(), publish.dup);
        self.say(|| format!("< PUBLISH {topic} id={packet_id} m={number} dup={dup} time={time:?}"));
        let Some(received_ns) = time.filter(|time| *time > 0) else {
            return Err(format!("message {number} on {topic} has no time of receipt"));
        };
        let Some(link) = self.link.as_mut().filter(|_| publish.qos == QoS::AtLeastOnce && !publish.retain) else {
            return Err(format!("message {number} came with {:?}", publish.qos));
        };
        let message = match number {
            "" => None,
            number => Some(number.parse().map_err(|_| format!("a strange payload: {text}"))?),
        };
        if link.batch.iter().any(|other| other.packet_id == packet_id) {
            return Err(format!("the identifier {packet_id} was given to two messages at once"));
        }
        link.batch.push_back(Point { packet_id, topic, message, received_ns, dup, position: self.log.0 });
        if link.batch.len() > usize::from(self.habits.window) {
            return Err(format!("more than Receive Maximum {}", self.habits.window));
        }
        Ok(())
    }
}
