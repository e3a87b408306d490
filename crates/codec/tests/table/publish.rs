//! PUBLISH, and what of its Properties a Server needs and passes on.

use midge_codec::Version::V5;
use midge_codec::{Packet, Property, Publish, PublishProperties, QoS, fixed_header};

use crate::{ALL, Row, V3, both, malformed, notation, packet_id, properties, protocol_error, reads};

const PLAIN: Publish<'static> = Publish {
    dup: false,
    qos: QoS::AtMostOnce,
    retain: false,
    topic: "a/b",
    packet_id: None,
    properties: PublishProperties::EMPTY,
    payload: b"hi",
};

fn publish(change: impl FnOnce(&mut Publish<'static>)) -> Packet<'static> {
    let mut publish = PLAIN;
    change(&mut publish);
    Packet::Publish(publish)
}

fn acknowledged(qos: QoS) -> Publish<'static> {
    Publish { qos, packet_id: Some(packet_id(10)), ..PLAIN }
}

pub(crate) fn rows() -> Vec<Row> {
    [good(), with_properties(), bad(), bad_properties()].into_iter().flatten().collect()
}

fn good() -> Vec<Row> {
    let qos_1 = acknowledged(QoS::AtLeastOnce);
    let qos_2 = acknowledged(QoS::ExactlyOnce);
    vec![
        both(V3, "QoS 0", "30 [ ('a/b') 'hi' ]", publish(|_| {})),
        both(&[V5], "QoS 0 in 5.0", "30 [ ('a/b') [] 'hi' ]", publish(|_| {})),
        both(V3, "byte for byte", "30070003612F626869", publish(|_| {})),
        both(&[V5], "byte for byte in 5.0", "30080003612F62006869", publish(|_| {})),
        both(V3, "no payload", "30 [ ('a/b') ]", publish(|p| p.payload = b"")),
        both(&[V5], "no payload in 5.0", "30 [ ('a/b') [] ]", publish(|p| p.payload = b"")),
        both(V3, "retained", "31 [ ('a/b') 'hi' ]", publish(|p| p.retain = true)),
        both(V3, "QoS 1", "32 [ ('a/b') 000A 'hi' ]", Packet::Publish(qos_1)),
        both(&[V5], "QoS 1 in 5.0", "32 [ ('a/b') 000A [] 'hi' ]", Packet::Publish(qos_1)),
        both(V3, "QoS 1, again", "3A [ ('a/b') 000A 'hi' ]", Packet::Publish(Publish { dup: true, ..qos_1 })),
        both(V3, "QoS 2", "34 [ ('a/b') 000A 'hi' ]", Packet::Publish(qos_2)),
        both(&[V5], "QoS 2, again, retained", "3D [ ('a/b') 000A [] 'hi' ]", {
            Packet::Publish(Publish { dup: true, retain: true, ..qos_2 })
        }),
        both(V3, "Packet Identifier 65535", "32 [ ('a/b') FFFF 'hi' ]", {
            Packet::Publish(Publish { packet_id: Some(packet_id(65_535)), ..qos_1 })
        }),
        both(V3, "topic of one separator", "30 [ ('/') 'hi' ]", publish(|p| p.topic = "/")),
        both(V3, "topic of $SYS", "30 [ ('$SYS/a') 'hi' ]", publish(|p| p.topic = "$SYS/a")),
        both(V3, "topic beyond ASCII", "30 [ (C3A4 '/' F09F9880) 'hi' ]", publish(|p| p.topic = "ä/😀")),
        both(V3, "topic with U+FEFF and U+00A0", "30 [ (EFBBBFC2A0) 'hi' ]", publish(|p| p.topic = "\u{feff}\u{a0}")),
        both(V3, "payload of any bytes", "30 [ ('a/b') 00FF80 ]", publish(|p| p.payload = b"\x00\xFF\x80")),
        both(V3, "empty properties are payload in 3.1.1", "30 [ ('a/b') 00 'hi' ]", publish(|p| p.payload = b"\0hi")),
        reads(V3, "Remaining Length of four bytes", "30 87808000 ('a/b') 'hi'", publish(|_| {})),
    ]
}

fn with_properties() -> Vec<Row> {
    let with = |list: &[Property<'_>]| publish(|p| p.properties = PublishProperties::new(properties(list)));
    vec![
        both(&[V5], "Payload Format Indicator", "30 [ ('a/b') [ 01 01 ] 'hi' ]", {
            with(&[Property::PayloadFormatIndicator(1)])
        }),
        both(&[V5], "Message Expiry Interval", "30 [ ('a/b') [ 02 FFFFFFFF ] 'hi' ]", {
            with(&[Property::MessageExpiryInterval(u32::MAX)])
        }),
        both(&[V5], "Topic Alias with topic", "30 [ ('a/b') [ 23 0001 ] 'hi' ]", with(&[Property::TopicAlias(1)])),
        both(&[V5], "Topic Alias 0 is left to the Server", "30 [ ('a/b') [ 23 0000 ] 'hi' ]", {
            with(&[Property::TopicAlias(0)])
        }),
        both(&[V5], "Topic Alias without topic", "30 [ () [ 23 FFFF ] 'hi' ]", {
            publish(|p| {
                p.topic = "";
                p.properties = PublishProperties::new(properties(&[Property::TopicAlias(65_535)]));
            })
        }),
        both(
            &[V5],
            "every property",
            "30 [ ('a/b') [ 01 00 02 0000003C 03 ('text') 08 ('r') 23 0007 09 (00) \
             26 ('k') ('v') 26 ('k') ('v') ] 'hi' ]",
            with(&[
                Property::PayloadFormatIndicator(0),
                Property::MessageExpiryInterval(60),
                Property::ContentType("text"),
                Property::ResponseTopic("r"),
                Property::TopicAlias(7),
                Property::CorrelationData(b"\0"),
                Property::UserProperty("k", "v"),
                Property::UserProperty("k", "v"),
            ]),
        ),
        both(&[V5], "empty values", "30 [ ('a/b') [ 03 () 09 () 26 () () ] 'hi' ]", {
            with(&[Property::ContentType(""), Property::CorrelationData(b""), Property::UserProperty("", "")])
        }),
    ]
}

fn bad() -> Vec<Row> {
    vec![
        malformed(ALL, "QoS 3", "36 [ ('a/b') 000A 00 'hi' ]"),
        malformed(ALL, "DUP at QoS 0", "38 [ ('a/b') 00 'hi' ]"),
        malformed(ALL, "empty", "3000"),
        malformed(ALL, "topic length cut", "300100"),
        malformed(ALL, "topic cut", "30 [ 0004 'a/b' ]"),
        malformed(ALL, "no Packet Identifier", "32 [ ('a/b') ]"),
        malformed(ALL, "Packet Identifier cut", "32 [ ('a/b') 00 ]"),
        protocol_error(ALL, "Packet Identifier 0", "32 [ ('a/b') 0000 00 'hi' ]"),
        malformed(ALL, "topic empty", "30 [ () 00 'hi' ]"),
        malformed(ALL, "topic with #", "30 [ ('a/#') 00 'hi' ]"),
        malformed(ALL, "topic with +", "30 [ ('+/b') 00 'hi' ]"),
        malformed(ALL, "topic with + inside a level", "30 [ ('a+b') 00 'hi' ]"),
        malformed(ALL, "long topic with a wildcard at its end", "30 [ ('abcdefgh/abcdefgh/#') 00 'hi' ]"),
        malformed(ALL, "topic with U+0000", "30 [ ('a' 00 'b') 00 'hi' ]"),
        malformed(ALL, "topic with U+0001", "30 [ ('a' 01 'b') 00 'hi' ]"),
        malformed(ALL, "topic with U+007F", "30 [ (7F) 00 'hi' ]"),
        malformed(ALL, "topic with U+0085", "30 [ ('a' C285) 00 'hi' ]"),
        malformed(ALL, "topic with a surrogate", "30 [ (EDA080) 00 'hi' ]"),
        malformed(ALL, "topic with overlong UTF-8", "30 [ (C0AF) 00 'hi' ]"),
        malformed(ALL, "topic is no text", "30 [ ('abcdefgh' FF) 00 'hi' ]"),
    ]
}

fn bad_properties() -> Vec<Row> {
    vec![
        malformed(&[V5], "no properties", "30 [ ('a/b') ]"),
        malformed(&[V5], "properties longer than the packet", "30 [ ('a/b') 0A 'hi' ]"),
        malformed(&[V5], "Property Length too long a form", "30 [ ('a/b') 8000 'hi' ]"),
        malformed(&[V5], "Property Length of five bytes", "30 [ ('a/b') FFFFFFFF7F 'hi' ]"),
        malformed(&[V5], "Remaining Length too long a form", "30 8800 ('a/b') 00 'hi'"),
        malformed(&[V5], "Property Length ends inside a value", "30 [ ('a/b') 02 23 0001 'hi' ]"),
        malformed(&[V5], "Topic Alias without value", "30 [ ('a/b') [ 23 ] 'hi' ]"),
        malformed(&[V5], "Content Type is no text", "30 [ ('a/b') [ 03 (FF) ] 'hi' ]"),
        malformed(&[V5], "Response Topic is no text", "30 [ ('a/b') [ 08 (FF) ] 'hi' ]"),
        malformed(&[V5], "Correlation Data cut", "30 [ ('a/b') [ 09 0002 00 ] 'hi' ]"),
        malformed(&[V5], "empty topic with other properties", "30 [ () [ 02 00000001 ] 'hi' ]"),
        protocol_error(&[V5], "Payload Format Indicator 2", "30 [ ('a/b') [ 01 02 ] 'hi' ]"),
        protocol_error(&[V5], "Response Topic with a wildcard", "30 [ ('a/b') [ 08 ('r/+') ] 'hi' ]"),
        protocol_error(&[V5], "Response Topic with #", "30 [ ('a/b') [ 08 ('#') ] 'hi' ]"),
        protocol_error(&[V5], "Response Topic empty", "30 [ ('a/b') [ 08 () ] 'hi' ]"),
        protocol_error(&[V5], "Topic Alias twice", "30 [ ('a/b') [ 23 0001 23 0001 ] 'hi' ]"),
        protocol_error(&[V5], "Subscription Identifier from a Client", "30 [ ('a/b') [ 0B 01 ] 'hi' ]"),
        protocol_error(&[V5], "Subscription Identifier 0", "30 [ ('a/b') [ 0B 00 ] 'hi' ]"),
    ]
}

#[test]
fn subscription_identifiers_come_from_servers() {
    let bytes = notation::bytes("30 [ ('a/b') [ 0B 01 26 ('k') ('v') 0B 01 0B FFFFFF7F ] 'hi' ]");
    let header = fixed_header(&bytes).unwrap().unwrap();
    let body = &bytes[usize::from(header.length)..];
    assert!(Packet::decode(V5, header, body).is_err());
    let Ok(Packet::Publish(publish)) = Packet::decode_from_server(V5, header, body) else {
        panic!("a Server may send this");
    };
    let ids: Vec<_> = publish.properties.raw.subscription_identifiers().collect();
    assert_eq!(ids, [1, 1, 268_435_455]);
    let mut encoded = Vec::new();
    Packet::Publish(publish).encode(V5, &mut encoded);
    assert_eq!(encoded, bytes);
}

#[test]
fn what_a_server_passes_on() {
    check_forward("", &[]);
    check_forward("23 0001", &[]);
    check_forward("02 00000001 23 0001", &[]);
    check_forward("01 01", &["01 01"]);
    check_forward("01 01 26 ('k') ('v')", &["01 01 26 ('k') ('v')"]);
    check_forward("23 0001 01 01", &["01 01"]);
    check_forward("01 01 23 0001", &["01 01"]);
    check_forward("01 01 23 0001 09 (00)", &["01 01", "09 (00)"]);
    check_forward("01 01 02 00000001 23 0001 09 (00)", &["01 01", "09 (00)"]);
    check_forward("01 01 02 00000001 03 ('t') 23 0001 09 (00)", &["01 01", "03 ('t')", "09 (00)"]);
    check_forward("0B 01 26 () () 0B 8001 26 () () 0B 03", &["26 () ()", "26 () ()"]);
}

fn check_forward(section: &str, parts: &[&str]) {
    let bytes = notation::bytes(&format!("30 [ ('a/b') [ {section} ] ]"));
    let header = fixed_header(&bytes).unwrap().unwrap();
    let publish = Publish::decode_from_server(V5, header, &bytes[usize::from(header.length)..]).expect(section);
    let forward = publish.properties.forward;
    let parts: Vec<_> = parts.iter().map(|part| notation::bytes(part)).collect();
    assert_eq!(forward.parts().collect::<Vec<_>>(), parts, "{section}");
    let whole = parts.concat();
    let mut appended = Vec::new();
    forward.append_to(&mut appended);
    assert_eq!(appended, whole, "{section}");
    assert_eq!((forward.len(), forward.is_empty()), (whole.len(), whole.is_empty()), "{section}");
    assert_eq!(PublishProperties::new(publish.properties.raw), publish.properties, "{section}");
}
