//! Any MQTT Control Packet.

use crate::acknowledgement::{Acknowledgement, AcknowledgementKind};
use crate::auth::Auth;
use crate::connack::ConnAck;
use crate::connect::Connect;
use crate::disconnect::Disconnect;
use crate::error::DecodeError;
use crate::fixed_header::{FixedHeader, PacketType};
use crate::publish::Publish;
use crate::suback::{SubAck, UnsubAck};
use crate::subscribe::Subscribe;
use crate::unsubscribe::Unsubscribe;
use crate::version::Version;

/// One packet, as a view into the bytes it was read from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it, the types tell the rest")]
pub enum Packet<'a> {
    Connect(Connect<'a>),
    ConnAck(ConnAck<'a>),
    Publish(Publish<'a>),
    PubAck(Acknowledgement<'a>),
    PubRec(Acknowledgement<'a>),
    PubRel(Acknowledgement<'a>),
    PubComp(Acknowledgement<'a>),
    Subscribe(Subscribe<'a>),
    SubAck(SubAck<'a>),
    Unsubscribe(Unsubscribe<'a>),
    UnsubAck(UnsubAck<'a>),
    PingReq,
    PingResp,
    Disconnect(Disconnect<'a>),
    Auth(Auth<'a>),
}

impl<'a> Packet<'a> {
    /// Reads the packet with this header from `body`, which has as many bytes as the header says and is used up
    /// exactly. A CONNECT brings its own version. PUBLISH is read as one from a Client, see [`Publish::decode`].
    #[inline]
    pub fn decode(version: Version, header: FixedHeader, body: &'a [u8]) -> Result<Packet<'a>, DecodeError> {
        if header.first >> 4 == PacketType::Publish as u8 {
            return Publish::decode(version, header, body).map(Packet::Publish);
        }
        Packet::decode_other(version, header, body)
    }

    /// The same at the Client's end: a PUBLISH may have Subscription Identifiers.
    #[inline]
    pub fn decode_from_server(
        version: Version,
        header: FixedHeader,
        body: &'a [u8],
    ) -> Result<Packet<'a>, DecodeError> {
        if header.first >> 4 == PacketType::Publish as u8 {
            return Publish::decode_from_server(version, header, body).map(Packet::Publish);
        }
        Packet::decode_other(version, header, body)
    }

    /// Appends the whole packet. AUTH does not exist before version 5; nothing is appended for it then.
    pub fn encode(&self, version: Version, out: &mut Vec<u8>) {
        match self {
            Packet::Connect(packet) => packet.encode(out),
            Packet::ConnAck(packet) => packet.encode(version, out),
            Packet::Publish(packet) => packet.encode(version, out),
            Packet::PubAck(packet) => packet.encode(AcknowledgementKind::PubAck, version, out),
            Packet::PubRec(packet) => packet.encode(AcknowledgementKind::PubRec, version, out),
            Packet::PubRel(packet) => packet.encode(AcknowledgementKind::PubRel, version, out),
            Packet::PubComp(packet) => packet.encode(AcknowledgementKind::PubComp, version, out),
            Packet::Subscribe(packet) => packet.encode(version, out),
            Packet::SubAck(packet) => packet.encode(version, out),
            Packet::Unsubscribe(packet) => packet.encode(version, out),
            Packet::UnsubAck(packet) => packet.encode(version, out),
            Packet::PingReq => out.extend_from_slice(&[PacketType::PingReq.first_byte(), 0]),
            Packet::PingResp => out.extend_from_slice(&[PacketType::PingResp.first_byte(), 0]),
            Packet::Disconnect(packet) => packet.encode(version, out),
            Packet::Auth(packet) => packet.encode(version, out),
        }
    }

    /// Its type, for logs and counters.
    pub const fn packet_type(&self) -> PacketType {
        match self {
            Packet::Connect(_) => PacketType::Connect,
            Packet::ConnAck(_) => PacketType::ConnAck,
            Packet::Publish(_) => PacketType::Publish,
            Packet::PubAck(_) => PacketType::PubAck,
            Packet::PubRec(_) => PacketType::PubRec,
            Packet::PubRel(_) => PacketType::PubRel,
            Packet::PubComp(_) => PacketType::PubComp,
            Packet::Subscribe(_) => PacketType::Subscribe,
            Packet::SubAck(_) => PacketType::SubAck,
            Packet::Unsubscribe(_) => PacketType::Unsubscribe,
            Packet::UnsubAck(_) => PacketType::UnsubAck,
            Packet::PingReq => PacketType::PingReq,
            Packet::PingResp => PacketType::PingResp,
            Packet::Disconnect(_) => PacketType::Disconnect,
            Packet::Auth(_) => PacketType::Auth,
        }
    }

    fn decode_other(version: Version, header: FixedHeader, body: &'a [u8]) -> Result<Packet<'a>, DecodeError> {
        let Some(packet_type) = header.packet_type() else {
            return Err(DecodeError::malformed("reserved packet type"));
        };
        let acknowledgement = |kind| Acknowledgement::decode(kind, version, header, body);
        match packet_type {
            PacketType::Connect => Connect::decode(header, body).map(Packet::Connect),
            PacketType::ConnAck => ConnAck::decode(version, header, body).map(Packet::ConnAck),
            PacketType::Publish => Publish::decode(version, header, body).map(Packet::Publish),
            PacketType::PubAck => acknowledgement(AcknowledgementKind::PubAck).map(Packet::PubAck),
            PacketType::PubRec => acknowledgement(AcknowledgementKind::PubRec).map(Packet::PubRec),
            PacketType::PubRel => acknowledgement(AcknowledgementKind::PubRel).map(Packet::PubRel),
            PacketType::PubComp => acknowledgement(AcknowledgementKind::PubComp).map(Packet::PubComp),
            PacketType::Subscribe => Subscribe::decode(version, header, body).map(Packet::Subscribe),
            PacketType::SubAck => SubAck::decode(version, header, body).map(Packet::SubAck),
            PacketType::Unsubscribe => Unsubscribe::decode(version, header, body).map(Packet::Unsubscribe),
            PacketType::UnsubAck => UnsubAck::decode(version, header, body).map(Packet::UnsubAck),
            PacketType::PingReq => decode_empty(Packet::PingReq, version, header, body),
            PacketType::PingResp => decode_empty(Packet::PingResp, version, header, body),
            PacketType::Disconnect => Disconnect::decode(version, header, body).map(Packet::Disconnect),
            PacketType::Auth => Auth::decode(version, header, body).map(Packet::Auth),
        }
    }
}

/// PINGREQ and PINGRESP are nothing but a fixed header.
fn decode_empty<'a>(
    packet: Packet<'a>,
    version: Version,
    header: FixedHeader,
    body: &[u8],
) -> Result<Packet<'a>, DecodeError> {
    header.check_flags(version, 0)?;
    header.check_shortest_form(version)?;
    if !body.is_empty() {
        return Err(DecodeError::malformed("bytes behind the end of the packet"));
    }
    Ok(packet)
}
