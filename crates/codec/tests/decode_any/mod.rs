//! What must hold for any bytes at all; run by the test beside this and by the fuzz target.

use midge_codec::{
    FixedHeader, Packet, Properties, PublishOut, PublishProperties, QoS, SubscriptionOptions, TopicFilter, Version,
    fixed_header, topic_matches,
};

/// Reads `data` as a stream of packets in every version and at both ends. Nothing may panic, and what is a packet must
/// be the same packet once it was written and read again. Returns how many packets there were.
pub(crate) fn decode_any(data: &[u8]) -> usize {
    let mut packets = 0;
    for version in Version::ALL {
        packets += read_stream(data, version, |version, header, body| Packet::decode(version, header, body));
        packets +=
            read_stream(data, version, |version, header, body| Packet::decode_from_server(version, header, body));
    }
    if let Ok(text) = std::str::from_utf8(data) {
        check_filter(text);
    }
    packets
}

type Decode = for<'a> fn(Version, FixedHeader, &'a [u8]) -> Result<Packet<'a>, midge_codec::DecodeError>;

fn read_stream(mut data: &[u8], version: Version, decode: Decode) -> usize {
    let mut packets = 0;
    while let Ok(Some(header)) = fixed_header(data) {
        let Some(whole) = data.get(..header.packet_len()) else { break };
        let Ok(packet) = decode(version, header, &whole[usize::from(header.length)..]) else { break };
        check_round_trip(version, packet, whole, decode);
        check_contents(version, packet);
        packets += 1;
        data = &data[whole.len()..];
    }
    packets
}

fn check_round_trip(version: Version, packet: Packet<'_>, original: &[u8], decode: Decode) {
    let mut encoded = Vec::new();
    packet.encode(version, &mut encoded);
    assert!(encoded.len() <= original.len(), "we write the shortest form: {packet:?}");
    let header = fixed_header(&encoded).expect("own header").expect("own header is whole");
    assert_eq!(header.packet_len(), encoded.len(), "{packet:?}");
    let again = decode(version, header, &encoded[usize::from(header.length)..]);
    assert_eq!(again, Ok(packet), "from {original:02x?} by {encoded:02x?}");
}

/// All that is read only when asked for.
fn check_contents(version: Version, packet: Packet<'_>) {
    match packet {
        Packet::Connect(packet) => {
            check_properties(packet.properties);
            if let Some(will) = packet.will {
                assert!(!will.topic.is_empty());
                check_properties(will.properties);
                check_forward(PublishProperties::new(will.properties));
            }
        }
        Packet::ConnAck(packet) => check_properties(packet.properties),
        Packet::Publish(packet) => {
            check_properties(packet.properties.raw);
            check_forward(packet.properties);
            check_publish_out(version, packet);
        }
        Packet::PubAck(packet) | Packet::PubRec(packet) | Packet::PubRel(packet) | Packet::PubComp(packet) => {
            check_properties(packet.properties);
        }
        Packet::Subscribe(packet) => {
            check_properties(packet.properties);
            assert_eq!(packet.filters.iter().count(), packet.filters.len());
            for (filter, options) in packet.filters.iter() {
                assert_eq!(SubscriptionOptions::from_u8(version, options.to_u8(version)), Ok(options));
                check_filter(filter.text());
            }
        }
        Packet::SubAck(packet) => check_properties(packet.properties),
        Packet::Unsubscribe(packet) => {
            check_properties(packet.properties);
            assert_eq!(packet.filters.iter().count(), packet.filters.len());
        }
        Packet::UnsubAck(packet) => check_properties(packet.properties),
        Packet::PingReq | Packet::PingResp => {}
        Packet::Disconnect(packet) => check_properties(packet.properties),
        Packet::Auth(packet) => check_properties(packet.properties),
    }
}

/// The iterator reaches the end: written again, its items are the section.
fn check_properties(properties: Properties<'_>) {
    let mut encoded = Vec::new();
    for property in properties.iter() {
        property.encode(&mut encoded);
    }
    assert_eq!(encoded, properties.raw());
}

fn check_forward(properties: PublishProperties<'_>) {
    let mut appended = Vec::new();
    properties.forward.append_to(&mut appended);
    assert_eq!(appended.len(), properties.forward.len());
    assert_eq!(appended, properties.forward.parts().collect::<Vec<_>>().concat());
    assert_eq!(PublishProperties::new(properties.raw), properties);
}

/// A message sent on is one that can be read, and is of the length that was foretold.
fn check_publish_out(version: Version, packet: midge_codec::Publish<'_>) {
    let mut forward = Vec::new();
    packet.properties.forward.append_to(&mut forward);
    let ids: Vec<u32> = packet.properties.raw.subscription_identifiers().collect();
    let publish = PublishOut {
        version,
        dup: packet.dup,
        qos: packet.qos,
        retain: packet.retain,
        topic: packet.topic.as_bytes(),
        packet_id: packet.packet_id.map_or(0, |id| id.get()),
        topic_alias: packet.properties.topic_alias,
        message_expiry_interval_s: packet.properties.message_expiry_interval_s,
        subscription_ids: &ids,
        forward: &forward,
        payload: packet.payload,
    };
    let mut out = Vec::new();
    let packet_id_offset = publish.encode(&mut out) as usize;
    assert_eq!(out.len(), publish.encoded_len());
    match packet.qos {
        QoS::AtMostOnce => assert_eq!(packet_id_offset, 0),
        _ => assert_eq!(out[packet_id_offset..][..2], publish.packet_id.to_be_bytes()),
    }
    let header = fixed_header(&out).expect("own header").expect("own header is whole");
    let again = Packet::decode_from_server(version, header, &out[usize::from(header.length)..]);
    let Ok(Packet::Publish(again)) = again else { panic!("{again:?} from {packet:?}") };
    assert_eq!((again.topic, again.payload, again.packet_id), (packet.topic, packet.payload, packet.packet_id));
    assert_eq!(again.properties.message_expiry_interval_s, packet.properties.message_expiry_interval_s);
    assert_eq!(again.properties.topic_alias, packet.properties.topic_alias);
    assert_eq!(again.properties.raw.subscription_identifiers().collect::<Vec<_>>(), ids);
    assert_eq!(again.properties.forward.parts().collect::<Vec<_>>().concat(), forward);
}

fn check_filter(text: &str) {
    let Ok(filter) = TopicFilter::parse(text) else { return };
    assert!(filter.text().ends_with(filter.filter()));
    assert!(filter.levels() >= 1);
    // A filter without wildcards is also a Topic Name, and matches exactly that.
    if !filter.has_wildcard() {
        assert!(topic_matches(filter.filter(), filter.filter()));
    }
}
