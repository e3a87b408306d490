//! What leaves a program: packets, each looked at as it is put out.

use std::collections::BTreeMap;

use midge_codec::{Packet, Publish, QoS, fixed_header};

use super::Library;
use crate::mutation::Mutation;
use crate::network::WireId;
use crate::record::{Ask, Record};
use crate::topics::FILTERS;

/// A Network Connection of the program.
pub(super) struct Wire {
    pub(super) id: WireId,
    /// CONNACK has come.
    pub(super) is_answered: bool,
    pub(super) unread: Vec<u8>,
    /// What the socket has not taken yet.
    pub(super) output: Vec<u8>,
    /// SUBSCRIBE and UNSUBSCRIBE that were not answered: their questions.
    pub(super) asked: BTreeMap<u16, Vec<usize>>,
    /// Topics that stand behind the aliases that were made.
    aliases: BTreeMap<u16, String>,
}

impl Wire {
    pub(super) fn new(id: WireId) -> Wire {
        let (unread, output) = (Vec::new(), Vec::new());
        Wire { id, is_answered: false, unread, output, asked: BTreeMap::new(), aliases: BTreeMap::new() }
    }
}

impl Library {
    /// The library hands over packets to be written. `Err`: one of them may not stand there.
    pub(super) fn put_out(&mut self, record: &mut Record, packets: &mut [u8]) -> Result<(), String> {
        let mut at = 0;
        while let Some(header) = fixed_header(&packets[at..]).map_err(|error| format!("it writes nonsense: {error}"))? {
            let packet = packets.get_mut(at..at + header.packet_len()).ok_or("it writes half a packet")?;
            if self.ground.is_mutated(Mutation::ForgottenDup) && packet[0] >> 4 == 3 {
                packet[0] &= !DUP;
            }
            let header = fixed_header(packet).ok().flatten().ok_or("it writes nonsense")?;
            let body = &packet[usize::from(header.length)..];
            let decoded = Packet::decode(self.options.version, header, body);
            match decoded.map_err(|error| format!("it writes nonsense: {error}"))? {
                Packet::Publish(publish) => self.note_publish(record, &publish)?,
                Packet::Subscribe(subscribe) => {
                    let asked = subscribe.filters.iter().map(|(filter, options)| {
                        (filter.filter(), Ask::Subscribe { qos: options.qos as u8, identifier: 0 })
                    });
                    self.note_asked(record, subscribe.packet_id.get(), asked);
                }
                Packet::Unsubscribe(unsubscribe) => {
                    let asked = unsubscribe.filters.iter().map(|filter| (filter.filter(), Ask::Unsubscribe));
                    self.note_asked(record, unsubscribe.packet_id.get(), asked);
                }
                other => self.say(|| format!("> {other:?}")),
            }
            at += header.packet_len();
        }
        if let Some(wire) = &mut self.wire {
            wire.output.extend_from_slice(packets);
        }
        Ok(())
    }

    /// A PUBLISH is put out, for the first time or again.
    fn note_publish(&mut self, record: &mut Record, publish: &Publish<'_>) -> Result<(), String> {
        let id: usize = String::from_utf8_lossy(publish.payload).parse().map_err(|_| "it writes a strange payload")?;
        let (step, dup) = (self.step(), publish.dup);
        self.say(|| {
            let packet_id = publish.packet_id.map_or(0, midge_codec::PacketId::get);
            format!("> PUBLISH {} qos={} id={packet_id} m={id} dup={dup}", publish.topic, publish.qos as u8)
        });
        let message = &mut record.messages[id];
        if self.topic_of(publish) != message.topic {
            return Err(format!("message {id} is sent to another topic"));
        }
        if publish.qos > QoS::AtMostOnce && message.sends > 0 {
            if message.sent_in.0 == self.sessions.0 && !dup {
                return Err(format!("message {id} is sent again without DUP"));
            }
            // Nobody knows whether it had come in the Session before.
            message.renewals += u32::from(message.sent_in != self.sessions);
        } else {
            message.session = self.session;
        }
        message.sent_in = self.sessions;
        record.sent(id, step);
        Ok(())
    }

    fn topic_of(&mut self, publish: &Publish<'_>) -> String {
        let Some(wire) = &mut self.wire else { return publish.topic.to_owned() };
        if let Some(alias) = publish.properties.topic_alias {
            if publish.topic.is_empty() {
                return wire.aliases.get(&alias).cloned().unwrap_or_default();
            }
            wire.aliases.insert(alias, publish.topic.to_owned());
        }
        publish.topic.to_owned()
    }

    fn note_asked<'a>(&mut self, record: &mut Record, packet_id: u16, asked: impl Iterator<Item = (&'a str, Ask)>) {
        let step = self.step();
        let mut questions = Vec::new();
        for (filter, ask) in asked {
            self.say(|| format!("> id={packet_id} {filter} {ask:?}"));
            let number = FILTERS.iter().position(|known| *known == filter);
            questions.extend(self.session.zip(number).map(|(session, number)| record.ask(session, number, ask, step)));
        }
        if let Some(wire) = &mut self.wire {
            wire.asked.insert(packet_id, questions);
        }
    }
}

const DUP: u8 = 0b1000;
