//! SUBSCRIBE and SUBACK, UNSUBSCRIBE and UNSUBACK.

use midge_codec::Version::{V5, V31, V311};
use midge_codec::{
    Packet, Properties, Property, QoS, RetainHandling, SubAck, Subscribe, SubscribeFilters, SubscribeFiltersBuf,
    SubscriptionOptions, TopicFilter, UnsubAck, Unsubscribe, UnsubscribeFilters, UnsubscribeFiltersBuf,
};

use crate::{ALL, Row, SINCE_V311, V3, both, malformed, notation, packet_id, properties, protocol_error, reads};

const QOS_0: SubscriptionOptions = options(QoS::AtMostOnce);
const QOS_1: SubscriptionOptions = options(QoS::AtLeastOnce);
const QOS_2: SubscriptionOptions = options(QoS::ExactlyOnce);

const fn options(qos: QoS) -> SubscriptionOptions {
    SubscriptionOptions {
        qos,
        no_local: false,
        retain_as_published: false,
        retain_handling: RetainHandling::SendAlways,
    }
}

pub(crate) fn rows() -> Vec<Row> {
    [subscribe_good(), subscribe_bad(), suback(), unsubscribe(), unsuback()].into_iter().flatten().collect()
}

fn subscribe_filters(list: &[(&str, SubscriptionOptions)]) -> SubscribeFilters<'static> {
    let mut filters = SubscribeFiltersBuf::new();
    for &(filter, options) in list {
        filters.push(TopicFilter::parse(filter).expect(filter), options);
    }
    Box::leak(Box::new(filters)).as_filters()
}

fn subscribe(list: &[(&str, SubscriptionOptions)]) -> Packet<'static> {
    let filters = subscribe_filters(list);
    Packet::Subscribe(Subscribe { packet_id: packet_id(10), properties: Properties::EMPTY, filters })
}

fn subscribe_good() -> Vec<Row> {
    let with_properties = Packet::Subscribe(Subscribe {
        packet_id: packet_id(10),
        properties: properties(&[
            Property::SubscriptionIdentifier(268_435_455),
            Property::UserProperty("k", "v"),
            Property::UserProperty("k", "v"),
        ]),
        filters: subscribe_filters(&[("a", QOS_0)]),
    });
    let all_options = SubscriptionOptions {
        qos: QoS::ExactlyOnce,
        no_local: true,
        retain_as_published: true,
        retain_handling: RetainHandling::DoNotSend,
    };
    vec![
        both(V3, "SUBSCRIBE", "82 [ 000A ('a/b') 01 ]", subscribe(&[("a/b", QOS_1)])),
        both(&[V5], "SUBSCRIBE in 5.0", "82 [ 000A [] ('a/b') 01 ]", subscribe(&[("a/b", QOS_1)])),
        both(V3, "SUBSCRIBE byte for byte", "8206000A00016102", subscribe(&[("a", QOS_2)])),
        both(V3, "three filters", "82 [ 000A ('#') 00 ('a/+/b') 01 ('$share/g/a') 02 ]", {
            subscribe(&[("#", QOS_0), ("a/+/b", QOS_1), ("$share/g/a", QOS_2)])
        }),
        both(V3, "same filter twice", "82 [ 000A ('a') 00 ('a') 01 ]", subscribe(&[("a", QOS_0), ("a", QOS_1)])),
        both(&[V5], "all options", "82 [ 000A [] ('a') 2E ]", subscribe(&[("a", all_options)])),
        both(&[V5], "No Local", "82 [ 000A [] ('a') 04 ]", {
            subscribe(&[("a", SubscriptionOptions { no_local: true, ..QOS_0 })])
        }),
        both(&[V5], "Retain As Published on a share", "82 [ 000A [] ('$share/g/a') 08 ]", {
            subscribe(&[("$share/g/a", SubscriptionOptions { retain_as_published: true, ..QOS_0 })])
        }),
        both(&[V5], "Retain Handling 1", "82 [ 000A [] ('a') 10 ]", {
            subscribe(&[("a", SubscriptionOptions { retain_handling: RetainHandling::SendIfNew, ..QOS_0 })])
        }),
        both(
            &[V5],
            "Subscription Identifier and User Properties",
            "82 [ 000A [ 0B FFFFFF7F 26 ('k') ('v') 26 ('k') ('v') ] ('a') 00 ]",
            with_properties,
        ),
        reads(&[V31], "3.1 SUBSCRIBE sent again", "8A [ 000A ('a') 00 ]", subscribe(&[("a", QOS_0)])),
        reads(&[V31], "3.1 SUBSCRIBE without its flags", "80 [ 000A ('a') 00 ]", subscribe(&[("a", QOS_0)])),
    ]
}

fn subscribe_bad() -> Vec<Row> {
    vec![
        malformed(SINCE_V311, "SUBSCRIBE flags 0", "80 [ 000A 00 ('a') 00 ]"),
        malformed(SINCE_V311, "SUBSCRIBE flags with DUP", "8A [ 000A 00 ('a') 00 ]"),
        malformed(ALL, "SUBSCRIBE empty", "8200"),
        malformed(ALL, "SUBSCRIBE Packet Identifier cut", "820100"),
        malformed(ALL, "SUBSCRIBE with U+001F in a filter", "82 [ 000A 00 ('a' 1F) 00 ]"),
        malformed(ALL, "SUBSCRIBE Packet Identifier 0", "82 [ 0000 00 ('a') 00 ]"),
        protocol_error(V3, "SUBSCRIBE without filter", "82 [ 000A ]"),
        protocol_error(&[V5], "SUBSCRIBE without filter in 5.0", "82 [ 000A [] ]"),
        malformed(&[V5], "SUBSCRIBE without properties", "82 [ 000A ]"),
        malformed(V3, "filter empty", "82 [ 000A () 00 ]"),
        malformed(V3, "filter cut", "82 [ 000A 0002 'a' ]"),
        malformed(V3, "no options", "82 [ 000A ('a') ]"),
        malformed(V3, "second filter without options", "82 [ 000A ('a') 00 ('b') ]"),
        malformed(V3, "filter a#", "82 [ 000A ('a#') 00 ]"),
        malformed(V3, "filter #/a", "82 [ 000A ('#/a') 00 ]"),
        malformed(V3, "filter a+/b", "82 [ 000A ('a+/b') 00 ]"),
        malformed(V3, "filter with U+0000", "82 [ 000A ('a' 00) 00 ]"),
        malformed(V3, "filter is no text", "82 [ 000A (FF) 00 ]"),
        malformed(V3, "second filter malformed", "82 [ 000A ('a') 00 ('b#') 00 ]"),
        protocol_error(V3, "$share without filter", "82 [ 000A ('$share/g') 00 ]"),
        protocol_error(V3, "$share with empty filter", "82 [ 000A ('$share/g/') 00 ]"),
        protocol_error(V3, "$share with empty name", "82 [ 000A ('$share//a') 00 ]"),
        protocol_error(V3, "$share with + in its name", "82 [ 000A ('$share/+/a') 00 ]"),
        malformed(V3, "$share with a malformed filter", "82 [ 000A ('$share/g/a#') 00 ]"),
        malformed(V3, "QoS 3 in 3.1.1", "82 [ 000A ('a') 03 ]"),
        malformed(V3, "No Local in 3.1.1", "82 [ 000A ('a') 04 ]"),
        malformed(V3, "highest bit in 3.1.1", "82 [ 000A ('a') 80 ]"),
        protocol_error(&[V5], "QoS 3", "82 [ 000A [] ('a') 03 ]"),
        protocol_error(&[V5], "Retain Handling 3", "82 [ 000A [] ('a') 30 ]"),
        malformed(&[V5], "reserved bit 6", "82 [ 000A [] ('a') 40 ]"),
        malformed(&[V5], "reserved bit 7", "82 [ 000A [] ('a') 80 ]"),
        malformed(&[V5], "reserved bits and QoS 3", "82 [ 000A [] ('a') C3 ]"),
        protocol_error(&[V5], "No Local on a share", "82 [ 000A [] ('$share/g/a') 04 ]"),
        protocol_error(&[V5], "Subscription Identifier 0", "82 [ 000A [ 0B 00 ] ('a') 00 ]"),
        protocol_error(&[V5], "Subscription Identifier twice", "82 [ 000A [ 0B 01 0B 02 ] ('a') 00 ]"),
        malformed(&[V5], "Subscription Identifier of five bytes", "82 [ 000A [ 0B 8080808001 ] ('a') 00 ]"),
        malformed(&[V5], "Subscription Identifier too long a form", "82 [ 000A [ 0B 8100 ] ('a') 00 ]"),
        malformed(&[V5], "SUBSCRIBE with a Reason String", "82 [ 000A [ 1F () ] ('a') 00 ]"),
    ]
}

fn suback() -> Vec<Row> {
    let suback = |codes| Packet::SubAck(SubAck { packet_id: packet_id(10), properties: Properties::EMPTY, codes });
    let explained = Packet::SubAck(SubAck {
        packet_id: packet_id(10),
        properties: properties(&[Property::ReasonString("no"), Property::UserProperty("k", "v")]),
        codes: &[0x87],
    });
    vec![
        both(V3, "SUBACK", "90 [ 000A 00 01 02 80 ]", suback(&[0, 1, 2, 0x80])),
        both(&[V5], "SUBACK in 5.0", "90 [ 000A [] 00 01 02 ]", suback(&[0, 1, 2])),
        both(&[V5], "SUBACK every refusal", "90 [ 000A [] 80 83 87 8F 91 97 9E A1 A2 ]", {
            suback(&[0x80, 0x83, 0x87, 0x8F, 0x91, 0x97, 0x9E, 0xA1, 0xA2])
        }),
        both(&[V5], "SUBACK with properties", "90 [ 000A [ 1F ('no') 26 ('k') ('v') ] 87 ]", explained),
        malformed(V3, "SUBACK without code", "9002 000A"),
        both(&[V5], "SUBACK without code in 5.0", "9003 000A 00", suback(&[])),
        malformed(SINCE_V311, "SUBACK flags", "92 [ 000A 00 00 ]"),
        protocol_error(ALL, "SUBACK Packet Identifier 0", "90 [ 0000 00 00 ]"),
        protocol_error(V3, "SUBACK of QoS 3", "90 [ 000A 03 ]"),
        protocol_error(V3, "SUBACK with a refusal of 5.0", "90 [ 000A 87 ]"),
        protocol_error(&[V5], "SUBACK with an unknown code", "90 [ 000A [] 00 03 ]"),
        malformed(&[V5], "SUBACK with a Subscription Identifier", "90 [ 000A [ 0B 01 ] 00 ]"),
    ]
}

fn unsubscribe_filters(list: &[&str]) -> UnsubscribeFilters<'static> {
    let mut filters = UnsubscribeFiltersBuf::new();
    for filter in list {
        filters.push(TopicFilter::parse(filter).expect(filter));
    }
    Box::leak(Box::new(filters)).as_filters()
}

fn unsubscribe() -> Vec<Row> {
    let unsubscribe = |list: &[&str]| {
        let filters = unsubscribe_filters(list);
        Packet::Unsubscribe(Unsubscribe { packet_id: packet_id(10), properties: Properties::EMPTY, filters })
    };
    let with_properties = Packet::Unsubscribe(Unsubscribe {
        packet_id: packet_id(10),
        properties: properties(&[Property::UserProperty("k", "v")]),
        filters: unsubscribe_filters(&["a"]),
    });
    vec![
        both(V3, "UNSUBSCRIBE", "A2 [ 000A ('a/b') ]", unsubscribe(&["a/b"])),
        both(&[V5], "UNSUBSCRIBE in 5.0", "A2 [ 000A [] ('a/b') ]", unsubscribe(&["a/b"])),
        both(V3, "UNSUBSCRIBE of three", "A2 [ 000A ('#') ('a/+') ('$share/g/a') ]", {
            unsubscribe(&["#", "a/+", "$share/g/a"])
        }),
        both(&[V5], "UNSUBSCRIBE with properties", "A2 [ 000A [ 26 ('k') ('v') ] ('a') ]", with_properties),
        reads(&[V31], "3.1 UNSUBSCRIBE sent again", "AA [ 000A ('a') ]", unsubscribe(&["a"])),
        malformed(SINCE_V311, "UNSUBSCRIBE flags 0", "A0 [ 000A 00 ('a') ]"),
        malformed(ALL, "UNSUBSCRIBE empty", "A200"),
        malformed(ALL, "UNSUBSCRIBE Packet Identifier 0", "A2 [ 0000 00 ('a') ]"),
        protocol_error(V3, "UNSUBSCRIBE without filter", "A2 [ 000A ]"),
        protocol_error(&[V5], "UNSUBSCRIBE without filter in 5.0", "A2 [ 000A [] ]"),
        malformed(&[V5], "UNSUBSCRIBE without properties", "A2 [ 000A ]"),
        malformed(V3, "UNSUBSCRIBE of nothing", "A2 [ 000A () ]"),
        malformed(V3, "UNSUBSCRIBE of a#", "A2 [ 000A ('a#') ]"),
        malformed(V3, "UNSUBSCRIBE cut", "A2 [ 000A 0002 'a' ]"),
        malformed(V3, "UNSUBSCRIBE is no text", "A2 [ 000A (C3) ]"),
        protocol_error(V3, "UNSUBSCRIBE of a bad share", "A2 [ 000A ('$share/g') ]"),
        malformed(&[V5], "UNSUBSCRIBE with a Subscription Identifier", "A2 [ 000A [ 0B 01 ] ('a') ]"),
    ]
}

fn unsuback() -> Vec<Row> {
    let unsuback =
        |codes| Packet::UnsubAck(UnsubAck { packet_id: packet_id(10), properties: Properties::EMPTY, codes });
    let explained = Packet::UnsubAck(UnsubAck {
        packet_id: packet_id(10),
        properties: properties(&[Property::ReasonString("no"), Property::UserProperty("k", "v")]),
        codes: &[0x11],
    });
    vec![
        both(V3, "UNSUBACK", "B002 000A", unsuback(&[])),
        both(&[V5], "UNSUBACK in 5.0", "B0 [ 000A [] 00 11 80 83 87 8F 91 ]", {
            unsuback(&[0, 0x11, 0x80, 0x83, 0x87, 0x8F, 0x91])
        }),
        both(&[V5], "UNSUBACK with properties", "B0 [ 000A [ 1F ('no') 26 ('k') ('v') ] 11 ]", explained),
        malformed(V3, "UNSUBACK with a code in version 3", "B003 000A 00"),
        malformed(&[V5], "UNSUBACK of 3.1.1 in 5.0", "B002 000A"),
        malformed(&[V5], "UNSUBACK without code", "B003 000A 00"),
        malformed(SINCE_V311, "UNSUBACK flags", "B1 [ 000A 00 00 ]"),
        protocol_error(ALL, "UNSUBACK Packet Identifier 0", "B002 0000"),
        protocol_error(&[V5], "UNSUBACK with a code of SUBACK", "B0 [ 000A [] 01 ]"),
    ]
}

#[test]
fn filters_come_in_the_order_of_the_packet() {
    let bytes = notation::bytes("82 [ 000A [] ('a') 2E ('$share/g/b/+') 01 ]");
    let Ok(Packet::Subscribe(subscribe)) = crate::decode(V5, &bytes) else { panic!("SUBSCRIBE") };
    assert_eq!(subscribe.filters.len(), 2);
    let read: Vec<_> = subscribe
        .filters
        .iter()
        .map(|(filter, options)| (filter.share_name(), filter.filter(), filter.text(), options.to_u8(V5)))
        .collect();
    assert_eq!(read, [(None, "a", "a", 0x2E), (Some("g"), "b/+", "$share/g/b/+", 0x01)]);

    let bytes = notation::bytes("A2 [ 000A ('a') ('$share/g/b/+') ]");
    let Ok(Packet::Unsubscribe(unsubscribe)) = crate::decode(V311, &bytes) else { panic!("UNSUBSCRIBE") };
    assert_eq!(unsubscribe.filters.len(), 2);
    assert_eq!(unsubscribe.filters.iter().map(|filter| filter.text()).collect::<Vec<_>>(), ["a", "$share/g/b/+"]);
}

#[test]
fn options_of_5_are_left_out_of_a_subscribe_of_3() {
    let options = SubscriptionOptions { no_local: true, retain_as_published: true, ..QOS_1 };
    let mut encoded = Vec::new();
    subscribe(&[("a", options)]).encode(V311, &mut encoded);
    assert_eq!(encoded, notation::bytes("82 [ 000A ('a') 01 ]"));
}
