//! `-d`: a line for each packet, as Mosquitto's library tells them.

use midge_codec::{Acknowledgement, Packet, Version, fixed_header};

use crate::screen;

/// Tells packets.
pub(super) struct Trace {
    version: Version,
    /// The Client Identifier, which the server may give.
    client_id: String,
    /// Whether what was granted is told as well.
    tells_grants: bool,
}

impl Trace {
    pub(super) fn new(version: Version, client_id: &str, tells_grants: bool) -> Trace {
        Trace { version, client_id: client_id.to_owned(), tells_grants }
    }

    /// Appends the line of a packet that was sent.
    pub(super) fn tell_sent(&mut self, packet: &[u8], out: &mut Vec<u8>) {
        let Some(decoded) = self.decode(packet, Packet::decode) else { return };
        let text = match decoded {
            Packet::Connect(_) => "CONNECT".to_owned(),
            Packet::Publish(publish) => format!("PUBLISH {}", described(&publish)),
            Packet::PubAck(it) => format!("PUBACK (m{}, rc{})", it.packet_id.get(), it.reason_code.0),
            Packet::PubRec(it) => format!("PUBREC (m{}, rc{})", it.packet_id.get(), it.reason_code.0),
            Packet::PubRel(it) => format!("PUBREL (m{})", it.packet_id.get()),
            Packet::PubComp(it) => format!("PUBCOMP (m{})", it.packet_id.get()),
            Packet::Subscribe(subscribe) => {
                for (filter, options) in subscribe.filters.iter() {
                    let (id, filter, byte) = (subscribe.packet_id.get(), filter.text(), options.to_u8(self.version));
                    let (qos, others) = (byte & 3, byte & !3);
                    let text = format!("SUBSCRIBE (Mid: {id}, Topic: {filter}, QoS: {qos}, Options: 0x{others:02x})");
                    self.push("sending", &text, out);
                }
                return;
            }
            Packet::Unsubscribe(unsubscribe) => {
                for filter in unsubscribe.filters.iter() {
                    let text = format!("UNSUBSCRIBE (Mid: {}, Topic: {})", unsubscribe.packet_id.get(), filter.text());
                    self.push("sending", &text, out);
                }
                return;
            }
            Packet::PingReq => "PINGREQ".to_owned(),
            Packet::Disconnect(_) => "DISCONNECT".to_owned(),
            Packet::Auth(_) => "AUTH".to_owned(),
            _ => return,
        };
        self.push("sending", &text, out);
    }

    /// Appends the line of a packet that was received.
    pub(super) fn tell_received(&mut self, packet: &[u8], out: &mut Vec<u8>) {
        let Some(decoded) = self.decode(packet, Packet::decode_from_server) else { return };
        let answer = |it: Acknowledgement<'_>| format!("(Mid: {}, RC:{})", it.packet_id.get(), it.reason_code.0);
        let text = match decoded {
            Packet::ConnAck(connack) => {
                if let Some(assigned) = connack.properties.assigned_client_identifier() {
                    self.client_id = assigned.to_owned();
                }
                format!("CONNACK ({})", connack.code)
            }
            Packet::Publish(publish) => format!("PUBLISH {}", described(&publish)),
            Packet::PubAck(it) => format!("PUBACK {}", answer(it)),
            Packet::PubComp(it) => format!("PUBCOMP {}", answer(it)),
            Packet::PubRec(it) => format!("PUBREC (Mid: {})", it.packet_id.get()),
            Packet::PubRel(it) => format!("PUBREL (Mid: {})", it.packet_id.get()),
            Packet::SubAck(suback) => {
                self.push("received", "SUBACK", out);
                if self.tells_grants {
                    let codes: Vec<String> = suback.codes.iter().map(u8::to_string).collect();
                    let line = format!("Subscribed (mid: {}): {}\n", suback.packet_id.get(), codes.join(", "));
                    out.extend_from_slice(line.as_bytes());
                }
                return;
            }
            Packet::UnsubAck(_) => "UNSUBACK".to_owned(),
            Packet::PingResp => "PINGRESP".to_owned(),
            Packet::Disconnect(disconnect) => format!("DISCONNECT ({})", disconnect.reason_code.0),
            Packet::Auth(_) => "AUTH".to_owned(),
            _ => return,
        };
        self.push("received", &text, out);
    }

    fn push(&self, verb: &str, text: &str, out: &mut Vec<u8>) {
        let client_id = if self.client_id.is_empty() { "(null)" } else { &self.client_id };
        let line = format!("Client {client_id} {verb} {text}");
        out.extend_from_slice(&screen::shown(line.as_bytes()));
        out.push(b'\n');
    }

    fn decode<'a, E>(
        &self,
        packet: &'a [u8],
        decode: impl FnOnce(Version, midge_codec::FixedHeader, &'a [u8]) -> Result<Packet<'a>, E>,
    ) -> Option<Packet<'a>> {
        let header = fixed_header(packet).ok()??;
        decode(self.version, header, &packet[usize::from(header.length)..]).ok()
    }
}

fn described(publish: &midge_codec::Publish<'_>) -> String {
    let id = publish.packet_id.map_or(0, |id| id.get());
    let (dup, qos, retain) = (u8::from(publish.dup), publish.qos as u8, u8::from(publish.retain));
    format!("(d{dup}, q{qos}, r{retain}, m{id}, '{}', ... ({} bytes))", publish.topic, publish.payload.len())
}
