//! Which packet may carry which Property, and how often (table 2-4 of the specification, row by row).

use midge_codec::Version::V5;
use midge_codec::{Packet, Properties, PropertiesBuf, Property, ReasonCode, fixed_header};

use crate::notation;

/// Packets with Properties: name, what stands before the section, what behind it.
const PACKETS: [(&str, &str, &str); 14] = [
    ("CONNECT", "10 [ ('MQTT') 05 02 003C [ ", " ] ('c1') ]"),
    ("Will", "10 [ ('MQTT') 05 06 003C [] ('c1') [ ", " ] ('w') () ]"),
    ("CONNACK", "20 [ 00 00 [ ", " ] ]"),
    ("PUBLISH", "30 [ ('a') [ ", " ] ]"),
    ("PUBACK", "40 [ 0001 00 [ ", " ] ]"),
    ("PUBREC", "50 [ 0001 00 [ ", " ] ]"),
    ("PUBREL", "62 [ 0001 00 [ ", " ] ]"),
    ("PUBCOMP", "70 [ 0001 00 [ ", " ] ]"),
    ("SUBSCRIBE", "82 [ 0001 [ ", " ] ('a') 00 ]"),
    ("SUBACK", "90 [ 0001 [ ", " ] 00 ]"),
    ("UNSUBSCRIBE", "A2 [ 0001 [ ", " ] ('a') ]"),
    ("UNSUBACK", "B0 [ 0001 [ ", " ] 00 ]"),
    ("DISCONNECT", "E0 [ 00 [ ", " ] ]"),
    ("AUTH", "F0 [ 18 [ ", " ] ]"),
];

const EVERY_ACKNOWLEDGEMENT: &str = "PUBACK PUBREC PUBREL PUBCOMP SUBACK UNSUBACK";

/// Each Property with its bytes and the packets that may carry it.
fn table() -> Vec<(Property<'static>, &'static str, String)> {
    let row = |property, bytes, packets: &str| (property, bytes, packets.to_string());
    vec![
        row(Property::PayloadFormatIndicator(1), "01 01", "PUBLISH Will"),
        row(Property::MessageExpiryInterval(0x0102_0304), "02 01020304", "PUBLISH Will"),
        row(Property::ContentType("t"), "03 ('t')", "PUBLISH Will"),
        row(Property::ResponseTopic("r"), "08 ('r')", "PUBLISH Will"),
        row(Property::CorrelationData(b"\0"), "09 (00)", "PUBLISH Will"),
        row(Property::SubscriptionIdentifier(128), "0B 8001", "PUBLISH SUBSCRIBE"),
        row(Property::SessionExpiryInterval(0x0102_0304), "11 01020304", "CONNECT CONNACK DISCONNECT"),
        row(Property::AssignedClientIdentifier("c"), "12 ('c')", "CONNACK"),
        row(Property::ServerKeepAlive(0x0102), "13 0102", "CONNACK"),
        row(Property::AuthenticationMethod("m"), "15 ('m')", "CONNECT CONNACK AUTH"),
        row(Property::AuthenticationData(b"\0"), "16 (00)", "CONNECT CONNACK AUTH"),
        row(Property::RequestProblemInformation(1), "17 01", "CONNECT"),
        row(Property::WillDelayInterval(0x0102_0304), "18 01020304", "Will"),
        row(Property::RequestResponseInformation(1), "19 01", "CONNECT"),
        row(Property::ResponseInformation("i"), "1A ('i')", "CONNACK"),
        row(Property::ServerReference("s"), "1C ('s')", "CONNACK DISCONNECT"),
        (Property::ReasonString("no"), "1F ('no')", format!("CONNACK DISCONNECT AUTH {EVERY_ACKNOWLEDGEMENT}")),
        row(Property::ReceiveMaximum(0x0102), "21 0102", "CONNECT CONNACK"),
        row(Property::TopicAliasMaximum(0x0102), "22 0102", "CONNECT CONNACK"),
        row(Property::TopicAlias(0x0102), "23 0102", "PUBLISH"),
        row(Property::MaximumQoS(1), "24 01", "CONNACK"),
        row(Property::RetainAvailable(1), "25 01", "CONNACK"),
        (
            Property::UserProperty("k", "v"),
            "26 ('k') ('v')",
            format!("CONNECT CONNACK PUBLISH Will SUBSCRIBE UNSUBSCRIBE DISCONNECT AUTH {EVERY_ACKNOWLEDGEMENT}"),
        ),
        row(Property::MaximumPacketSize(0x0102_0304), "27 01020304", "CONNECT CONNACK"),
        row(Property::WildcardSubscriptionAvailable(1), "28 01", "CONNACK"),
        row(Property::SubscriptionIdentifierAvailable(1), "29 01", "CONNACK"),
        row(Property::SharedSubscriptionAvailable(1), "2A 01", "CONNACK"),
    ]
}

#[test]
fn every_property_is_written_and_read_as_its_bytes() {
    for (property, bytes, _) in table() {
        let bytes = notation::bytes(bytes);
        let mut buf = PropertiesBuf::new();
        buf.push(property);
        assert_eq!(buf.as_properties().raw(), bytes, "{property:?}");
        assert_eq!(buf.as_properties().iter().collect::<Vec<_>>(), [property]);
        assert_eq!(property.id(), bytes[0]);
    }
}

#[test]
fn every_property_in_every_packet() {
    for (property, bytes, packets) in table() {
        for (packet, before, behind) in PACKETS {
            // CONNECT with Authentication Data wants the method too, which is a rule of its own.
            let method =
                if packet == "CONNECT" && property.id() == 0x16 { Property::AuthenticationMethod("m").id() } else { 0 };
            let more = if method == 0 { "" } else { "15 ('m')" };
            let once = decode(&format!("{before} {bytes} {more} {behind}"));
            let twice = decode(&format!("{before} {bytes} {more} {bytes} {behind}"));
            let allowed = packets.split(' ').any(|name| name == packet);
            let repeatable =
                matches!(property, Property::UserProperty(..)) || packet == "PUBLISH" && property.id() == 0x0B;
            let expected_twice = match (allowed, repeatable) {
                (false, _) => Err(ReasonCode::MALFORMED_PACKET),
                (true, false) => Err(ReasonCode::PROTOCOL_ERROR),
                (true, true) => Ok(()),
            };
            let expected_once = if allowed { Ok(()) } else { Err(ReasonCode::MALFORMED_PACKET) };
            assert_eq!(once, expected_once, "{property:?} in {packet}");
            assert_eq!(twice, expected_twice, "{property:?} twice in {packet}");
        }
    }
}

/// A property cut anywhere inside is malformed, whatever it is.
#[test]
fn every_property_cut_short() {
    for (property, bytes, packets) in table() {
        let bytes = notation::bytes(bytes);
        for (packet, before, behind) in PACKETS.into_iter().filter(|row| packets.split(' ').any(|name| name == row.0)) {
            for len in 1..bytes.len() {
                let cut: String = bytes[..len].iter().map(|byte| format!("{byte:02X}")).collect();
                let decoded = decode(&format!("{before} {cut} {behind}"));
                assert_eq!(decoded, Err(ReasonCode::MALFORMED_PACKET), "{property:?} cut to {len} in {packet}");
            }
        }
    }
}

#[test]
fn finders() {
    let mut buf = PropertiesBuf::new();
    assert!(buf.is_empty() && buf.as_properties().is_empty());
    for (property, _, _) in table() {
        buf.push(property);
    }
    buf.push(Property::UserProperty("k", "w"));
    let all = buf.as_properties();
    assert_eq!(buf.len(), all.raw().len());
    assert_eq!(all.payload_format_indicator(), Some(1));
    assert_eq!(all.message_expiry_interval_s(), Some(0x0102_0304));
    assert_eq!(all.content_type(), Some("t"));
    assert_eq!(all.response_topic(), Some("r"));
    assert_eq!(all.correlation_data(), Some(&b"\0"[..]));
    assert_eq!(all.subscription_identifier(), Some(128));
    assert_eq!(all.session_expiry_interval_s(), Some(0x0102_0304));
    assert_eq!(all.assigned_client_identifier(), Some("c"));
    assert_eq!(all.server_keep_alive_s(), Some(0x0102));
    assert_eq!(all.authentication_method(), Some("m"));
    assert_eq!(all.authentication_data(), Some(&b"\0"[..]));
    assert!(all.request_problem_information());
    assert_eq!(all.will_delay_interval_s(), Some(0x0102_0304));
    assert!(all.request_response_information());
    assert_eq!(all.response_information(), Some("i"));
    assert_eq!(all.server_reference(), Some("s"));
    assert_eq!(all.reason_string(), Some("no"));
    assert_eq!(all.receive_maximum(), Some(0x0102));
    assert_eq!(all.topic_alias_maximum(), Some(0x0102));
    assert_eq!(all.topic_alias(), Some(0x0102));
    assert_eq!(all.maximum_qos(), Some(1));
    assert!(all.retain_available());
    assert_eq!(all.user_properties().collect::<Vec<_>>(), [("k", "v"), ("k", "w")]);
    assert_eq!(all.maximum_packet_size(), Some(0x0102_0304));
    assert!(all.wildcard_subscription_available());
    assert!(all.subscription_identifier_available());
    assert!(all.shared_subscription_available());
}

#[test]
fn finders_where_there_is_nothing() {
    let none = Properties::EMPTY;
    assert_eq!(none.session_expiry_interval_s(), None);
    assert_eq!(none.reason_string(), None);
    assert_eq!(none.subscription_identifier(), None);
    assert!(none.request_problem_information(), "absent means 1");
    assert!(!none.request_response_information(), "absent means 0");
    assert!(none.retain_available() && none.wildcard_subscription_available());
    assert!(none.subscription_identifier_available() && none.shared_subscription_available());
}

#[test]
fn finders_see_a_no() {
    let mut buf = PropertiesBuf::new();
    buf.push(Property::RequestProblemInformation(0)).push(Property::RequestResponseInformation(0));
    buf.push(Property::RetainAvailable(0)).push(Property::WildcardSubscriptionAvailable(0));
    buf.push(Property::SubscriptionIdentifierAvailable(0)).push(Property::SharedSubscriptionAvailable(0));
    let no = buf.as_properties();
    assert!(!no.request_problem_information() && !no.request_response_information() && !no.retain_available());
    assert!(!no.wildcard_subscription_available() && !no.subscription_identifier_available());
    assert!(!no.shared_subscription_available());
}

#[test]
fn properties_of_a_publish_that_is_no_packet() {
    let of_publish = |text: &str| Properties::of_publish(&notation::bytes(text)).map(|found| found.iter().count());
    assert_eq!(of_publish(""), Ok(0));
    assert_eq!(of_publish("01 01 0B 05"), Ok(2));
    assert_eq!(of_publish("01 01 11 00000005").map_err(|error| error.reason_code()), Err(ReasonCode::MALFORMED_PACKET));
    assert_eq!(of_publish("01").map_err(|error| error.reason_code()), Err(ReasonCode::MALFORMED_PACKET));
}

/// At the Client's end, where Subscription Identifiers may come in a PUBLISH.
fn decode(text: &str) -> Result<(), ReasonCode> {
    let bytes = notation::bytes(text);
    let header = fixed_header(&bytes).unwrap().unwrap();
    match Packet::decode_from_server(V5, header, &bytes[usize::from(header.length)..]) {
        Ok(_) => Ok(()),
        Err(error) => Err(error.reason_code()),
    }
}
