//! The packets that a client sends, as bytes and as words.

use midge_codec::{
    AcknowledgementKind, Connect, Disconnect, Packet, PacketId, Properties, PropertiesBuf, Property, Publish,
    PublishProperties, QoS, ReasonCode, RetainHandling, Subscribe, SubscribeFiltersBuf, SubscriptionOptions,
    TopicFilter, Unsubscribe, UnsubscribeFiltersBuf, Version, Will, encode_acknowledgement,
};

use super::habits::{Wanted, WillHabit};
use crate::topics::FILTERS;

/// What CONNECT says.
pub(crate) struct Greeting<'a> {
    pub(crate) version: Version,
    pub(crate) client_id: &'a str,
    pub(crate) is_clean: bool,
    pub(crate) expiry_s: u32,
    pub(crate) receive_maximum: Option<u16>,
    pub(crate) alias_maximum: u16,
    pub(crate) will: Option<(WillHabit, String)>,
}

/// What PUBLISH says.
pub(super) struct Publishing<'a> {
    pub(super) topic: &'a str,
    pub(super) payload: &'a [u8],
    pub(super) qos: u8,
    pub(super) retain: bool,
    pub(super) dup: bool,
    pub(super) packet_id: u16,
    pub(super) alias: Option<u16>,
    pub(super) expiry_s: Option<u32>,
}

pub(crate) fn connect(greeting: &Greeting<'_>) -> Vec<u8> {
    let (mut properties, mut will_properties) = (PropertiesBuf::new(), PropertiesBuf::new());
    if greeting.version == Version::V5 {
        properties.push(Property::SessionExpiryInterval(greeting.expiry_s));
        if let Some(maximum) = greeting.receive_maximum {
            properties.push(Property::ReceiveMaximum(maximum));
        }
        if greeting.alias_maximum > 0 {
            properties.push(Property::TopicAliasMaximum(greeting.alias_maximum));
        }
        if let Some((will, _)) = &greeting.will
            && will.delay_s > 0
        {
            will_properties.push(Property::WillDelayInterval(will.delay_s));
        }
    }
    let will = greeting.will.as_ref().map(|(will, payload)| Will {
        qos: qos(will.qos),
        retain: false,
        topic: will.topic,
        payload: payload.as_bytes(),
        properties: will_properties.as_properties(),
    });
    let packet = Packet::Connect(Connect {
        version: greeting.version,
        bridge: false,
        clean_start: greeting.is_clean,
        keep_alive_s: 0,
        client_id: greeting.client_id,
        will,
        username: None,
        password: None,
        properties: properties.as_properties(),
    });
    encode(&packet, greeting.version)
}

pub(super) fn publish(publishing: &Publishing<'_>, version: Version) -> Vec<u8> {
    let mut properties = PropertiesBuf::new();
    if let Some(seconds) = publishing.expiry_s {
        properties.push(Property::MessageExpiryInterval(seconds));
    }
    if let Some(alias) = publishing.alias {
        properties.push(Property::TopicAlias(alias));
    }
    let packet = Packet::Publish(Publish {
        dup: publishing.dup,
        qos: qos(publishing.qos),
        retain: publishing.retain,
        topic: publishing.topic,
        packet_id: PacketId::new(publishing.packet_id),
        properties: PublishProperties { raw: properties.as_properties(), ..PublishProperties::default() },
        payload: publishing.payload,
    });
    encode(&packet, version)
}

pub(crate) fn subscribe(packet_id: u16, wanted: &Wanted, no_local: bool, replays: bool, version: Version) -> Vec<u8> {
    let mut properties = PropertiesBuf::new();
    if wanted.identifier > 0 {
        properties.push(Property::SubscriptionIdentifier(wanted.identifier));
    }
    let filter = TopicFilter::parse(FILTERS[wanted.filter]).expect("filters are valid");
    let options = SubscriptionOptions {
        qos: qos(wanted.qos),
        no_local: no_local && filter.share_name().is_none(),
        retain_as_published: wanted.retain_as_published,
        retain_handling: if replays { RetainHandling::SendAlways } else { RetainHandling::DoNotSend },
    };
    let mut filters = SubscribeFiltersBuf::new();
    filters.push(filter, options);
    let packet = Packet::Subscribe(Subscribe {
        packet_id: PacketId::new(packet_id).expect("not 0"),
        properties: properties.as_properties(),
        filters: filters.as_filters(),
    });
    encode(&packet, version)
}

pub(super) fn unsubscribe(packet_id: u16, filter: usize, version: Version) -> Vec<u8> {
    let mut filters = UnsubscribeFiltersBuf::new();
    filters.push(TopicFilter::parse(FILTERS[filter]).expect("filters are valid"));
    let packet = Packet::Unsubscribe(Unsubscribe {
        packet_id: PacketId::new(packet_id).expect("not 0"),
        properties: Properties::EMPTY,
        filters: filters.as_filters(),
    });
    encode(&packet, version)
}

pub(super) fn disconnect(expiry_s: Option<u32>, version: Version) -> Vec<u8> {
    let mut properties = PropertiesBuf::new();
    if let Some(seconds) = expiry_s {
        properties.push(Property::SessionExpiryInterval(seconds));
    }
    let properties = properties.as_properties();
    encode(&Packet::Disconnect(Disconnect { reason_code: ReasonCode::SUCCESS, properties }), version)
}

pub(crate) fn acknowledgement(kind: AcknowledgementKind, packet_id: u16, version: Version) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode_acknowledgement(kind, version, packet_id, ReasonCode::SUCCESS, &mut bytes);
    bytes
}

fn encode(packet: &Packet<'_>, version: Version) -> Vec<u8> {
    let mut bytes = Vec::new();
    packet.encode(version, &mut bytes);
    bytes
}

fn qos(level: u8) -> QoS {
    QoS::from_u8(level).expect("0 to 2")
}
