//! Any packet there can be: written and read again it is the same, in every version that has it.

use midge_codec::{
    Acknowledgement, Auth, ConnAck, Connect, DecodeError, Disconnect, Packet, PacketId, Properties, PropertiesBuf,
    Property, Publish, PublishOut, PublishProperties, QoS, ReasonCode, RetainHandling, SubAck, Subscribe,
    SubscribeFiltersBuf, SubscriptionOptions, TopicFilter, UnsubAck, Unsubscribe, UnsubscribeFiltersBuf, Version, Will,
    fixed_header, topic_matches,
};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

fn check(version: Version, packet: Packet<'_>) -> Result<(), TestCaseError> {
    let mut bytes = Vec::new();
    packet.encode(version, &mut bytes);
    prop_assert_eq!(decode(version, &bytes), Ok(packet), "{:02x?}", bytes);
    Ok(())
}

/// At the Client's end, which reads all that the Server's end reads, and Subscription Identifiers too.
fn decode(version: Version, bytes: &[u8]) -> Result<Packet<'_>, DecodeError> {
    let header = fixed_header(bytes)?.expect("a whole header");
    assert_eq!(header.packet_len(), bytes.len());
    Packet::decode_from_server(version, header, &bytes[usize::from(header.length)..])
}

/// A Property that owns its strings.
#[derive(Clone, Debug)]
struct Owned {
    id: u8,
    number: u32,
    name: String,
    value: String,
}

impl Owned {
    fn as_property(&self) -> Property<'_> {
        let bit = (self.number % 2) as u8;
        let short = self.number as u16;
        match self.id {
            0x01 => Property::PayloadFormatIndicator(bit),
            0x02 => Property::MessageExpiryInterval(self.number),
            0x03 => Property::ContentType(&self.value),
            0x08 => Property::ResponseTopic("response/topic"),
            0x09 => Property::CorrelationData(self.value.as_bytes()),
            0x0B => Property::SubscriptionIdentifier(self.number % 268_435_455 + 1),
            0x11 => Property::SessionExpiryInterval(self.number),
            0x12 => Property::AssignedClientIdentifier(&self.value),
            0x13 => Property::ServerKeepAlive(short),
            0x15 => Property::AuthenticationMethod(&self.value),
            0x16 => Property::AuthenticationData(self.value.as_bytes()),
            0x17 => Property::RequestProblemInformation(bit),
            0x18 => Property::WillDelayInterval(self.number),
            0x19 => Property::RequestResponseInformation(bit),
            0x1A => Property::ResponseInformation(&self.value),
            0x1C => Property::ServerReference(&self.value),
            0x1F => Property::ReasonString(&self.value),
            0x21 => Property::ReceiveMaximum(short.max(1)),
            0x22 => Property::TopicAliasMaximum(short),
            0x23 => Property::TopicAlias(short),
            0x24 => Property::MaximumQoS(bit),
            0x25 => Property::RetainAvailable(bit),
            0x26 => Property::UserProperty(&self.name, &self.value),
            0x27 => Property::MaximumPacketSize(self.number.max(1)),
            0x28 => Property::WildcardSubscriptionAvailable(bit),
            0x29 => Property::SubscriptionIdentifierAvailable(bit),
            0x2A => Property::SharedSubscriptionAvailable(bit),
            other => panic!("no Property has {other:#x}"),
        }
    }
}

/// Some of these Properties in any order; those in `repeated` as often as chance has it.
fn properties(ids: &'static [u8], repeated: &'static [u8]) -> impl Strategy<Value = PropertiesBuf> {
    let once = subsequence(ids, 0..=ids.len());
    let again = vec(select(repeated), 0..3);
    (once, again)
        .prop_map(|(once, again)| [once, again].concat())
        .prop_shuffle()
        .prop_flat_map(|ids| ids.into_iter().map(property).collect::<Vec<_>>())
        .prop_map(|list| {
            let mut buf = PropertiesBuf::new();
            for owned in &list {
                buf.push(owned.as_property());
            }
            buf
        })
}

fn property(id: u8) -> impl Strategy<Value = Owned> {
    (any::<u32>(), text(), text()).prop_map(move |(number, name, value)| Owned { id, number, name, value })
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![4 => "[^\0]{0,12}", 1 => "[a-z]{100,300}"]
}

/// A string without control characters.
fn name() -> impl Strategy<Value = String> {
    prop_oneof![4 => r"\PC{0,12}", 1 => "[a-z]{100,300}"]
}

fn topic() -> impl Strategy<Value = String> {
    prop_oneof!["[a-z/]{1,24}", r"[^\p{C}+#]{1,40}"]
}

fn filter() -> impl Strategy<Value = String> {
    let level = prop_oneof![Just("+".to_string()), "[a-z]{0,4}", r"[^\p{C}+#/]{1,3}"];
    let share = prop_oneof![3 => Just(String::new()), 1 => "[a-z]{1,4}".prop_map(|name| format!("$share/{name}/"))];
    (share, vec(level, 1..5), any::<bool>())
        .prop_map(|(share, levels, all)| format!("{share}{}{}", levels.join("/"), if all { "/#" } else { "" }))
        .prop_filter("a filter is not empty", |text| TopicFilter::parse(text).is_ok())
}

fn version() -> impl Strategy<Value = Version> {
    select(&Version::ALL)
}

fn qos() -> impl Strategy<Value = QoS> {
    select(&[QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce])
}

fn packet_id() -> impl Strategy<Value = PacketId> {
    (1..=u16::MAX).prop_map(|value| PacketId::new(value).expect("not 0"))
}

fn options() -> impl Strategy<Value = SubscriptionOptions> {
    let handling = select(&[RetainHandling::SendAlways, RetainHandling::SendIfNew, RetainHandling::DoNotSend]);
    (qos(), any::<bool>(), handling).prop_map(|(qos, retain_as_published, retain_handling)| SubscriptionOptions {
        qos,
        no_local: false,
        retain_as_published,
        retain_handling,
    })
}

/// Properties for this version: none before 5.
fn of(buf: &PropertiesBuf, version: Version) -> Properties<'_> {
    if version == Version::V5 { buf.as_properties() } else { Properties::EMPTY }
}

const USER_PROPERTY: &[u8] = &[0x26];
const WILL: &[u8] = &[0x01, 0x02, 0x03, 0x08, 0x09, 0x18];
const PUBLISH: &[u8] = &[0x01, 0x02, 0x03, 0x08, 0x09, 0x23];
const CONNECT: &[u8] = &[0x11, 0x15, 0x17, 0x19, 0x21, 0x22, 0x27];
const CONNACK: &[u8] =
    &[0x11, 0x12, 0x13, 0x15, 0x16, 0x1A, 0x1C, 0x1F, 0x21, 0x22, 0x24, 0x25, 0x27, 0x28, 0x29, 0x2A];

proptest! {
    #[test]
    fn connect(
        version in version(),
        (bridge, clean_start, keep_alive_s) in any::<(bool, bool, u16)>(),
        client_id in name(),
        will in proptest::option::of(
            (qos(), any::<bool>(), topic(), vec(any::<u8>(), 0..200), properties(WILL, USER_PROPERTY))
        ),
        username in proptest::option::of(name()),
        password in proptest::option::of(vec(any::<u8>(), 0..20)),
        connect_properties in properties(CONNECT, USER_PROPERTY),
    ) {
        let will = will.as_ref().map(|(qos, retain, topic, payload, properties)| Will {
            qos: *qos,
            retain: *retain,
            topic,
            payload,
            properties: of(properties, version),
        });
        let username = username.as_deref();
        let password = password.as_deref().filter(|_| username.is_some() || version == Version::V5);
        let properties = of(&connect_properties, version);
        let client_id = &client_id;
        let connect =
            Connect { version, bridge, clean_start, keep_alive_s, client_id, will, username, password, properties };
        check(version, Packet::Connect(connect))?;
    }

    #[test]
    fn connack(
        version in version(),
        present in any::<bool>(),
        refused in any::<bool>(),
        buf in properties(CONNACK, USER_PROPERTY),
    ) {
        let session_present = present && !refused && version > Version::V31;
        let code = match (refused, version) {
            (false, _) => 0,
            (true, Version::V5) => 0x87,
            (true, _) => 5,
        };
        check(version, Packet::ConnAck(ConnAck { session_present, code, properties: of(&buf, version) }))?;
    }

    #[test]
    fn publish(
        version in version(),
        (dup, retain) in any::<(bool, bool)>(),
        qos in qos(),
        topic in topic(),
        id in packet_id(),
        buf in properties(PUBLISH, &[0x26, 0x0B]),
        payload in vec(any::<u8>(), 0..300),
    ) {
        let dup = dup && qos > QoS::AtMostOnce;
        let packet_id = Some(id).filter(|_| qos > QoS::AtMostOnce);
        let properties = PublishProperties::new(of(&buf, version));
        let publish = Publish { dup, qos, retain, topic: &topic, packet_id, properties, payload: &payload };
        check(version, Packet::Publish(publish))?;
    }

    #[test]
    fn publish_out(
        version in version(),
        (dup, retain) in any::<(bool, bool)>(),
        qos in qos(),
        topic in topic(),
        id in packet_id(),
        (topic_alias, message_expiry_interval_s) in any::<(Option<u16>, Option<u32>)>(),
        subscription_ids in vec(1..=268_435_455_u32, 0..4),
        buf in properties(&[0x01, 0x03, 0x08, 0x09], USER_PROPERTY),
        payload in vec(any::<u8>(), 0..300),
    ) {
        let dup = dup && qos > QoS::AtMostOnce;
        let out = PublishOut {
            version,
            dup,
            qos,
            retain,
            topic: topic.as_bytes(),
            packet_id: id.get(),
            topic_alias,
            message_expiry_interval_s,
            subscription_ids: &subscription_ids,
            forward: buf.as_properties().raw(),
            payload: &payload,
        };
        let mut bytes = Vec::new();
        let packet_id_offset = out.encode(&mut bytes) as usize;
        prop_assert_eq!(bytes.len(), out.encoded_len());
        let Ok(Packet::Publish(publish)) = decode(version, &bytes) else { panic!("{bytes:02x?}") };
        prop_assert_eq!((publish.dup, publish.qos, publish.retain), (dup, qos, retain));
        prop_assert_eq!((publish.topic, publish.payload), (&topic[..], &payload[..]));
        prop_assert_eq!(publish.packet_id, Some(id).filter(|_| qos > QoS::AtMostOnce));
        if qos > QoS::AtMostOnce {
            prop_assert_eq!(&bytes[packet_id_offset..][..2], id.get().to_be_bytes());
        }
        if version == Version::V5 {
            prop_assert_eq!(publish.properties.topic_alias, topic_alias);
            prop_assert_eq!(publish.properties.message_expiry_interval_s, message_expiry_interval_s);
            prop_assert_eq!(publish.properties.raw.subscription_identifiers().collect::<Vec<_>>(), subscription_ids);
            let mut forward = Vec::new();
            publish.properties.forward.append_to(&mut forward);
            prop_assert_eq!(&forward[..], buf.as_properties().raw());
        }
    }

    #[test]
    fn acknowledgements(
        version in version(),
        packet_id in packet_id(),
        failed in any::<bool>(),
        buf in properties(&[0x1F], USER_PROPERTY),
    ) {
        let failed = failed && version == Version::V5;
        let properties = of(&buf, version);
        let with = |code| {
            let reason_code = if failed { code } else { ReasonCode::SUCCESS };
            Acknowledgement { packet_id, reason_code, properties }
        };
        check(version, Packet::PubAck(with(ReasonCode::QUOTA_EXCEEDED)))?;
        check(version, Packet::PubRec(with(ReasonCode::NO_MATCHING_SUBSCRIBERS)))?;
        check(version, Packet::PubRel(with(ReasonCode::PACKET_IDENTIFIER_NOT_FOUND)))?;
        check(version, Packet::PubComp(with(ReasonCode::PACKET_IDENTIFIER_NOT_FOUND)))?;
    }

    #[test]
    fn subscribe(
        version in version(),
        packet_id in packet_id(),
        list in vec((filter(), options(), any::<bool>()), 1..6),
        buf in properties(&[0x0B], USER_PROPERTY),
    ) {
        let mut filters = SubscribeFiltersBuf::new();
        let mut expected = Vec::new();
        for (text, options, no_local) in &list {
            let filter = TopicFilter::parse(text).expect("a filter");
            let no_local = *no_local && filter.share_name().is_none();
            let options = if version == Version::V5 {
                SubscriptionOptions { no_local, ..*options }
            } else {
                SubscriptionOptions { qos: options.qos, ..SubscriptionOptions::default() }
            };
            filters.push(filter, options);
            expected.push((filter, options));
        }
        let subscribe = Subscribe { packet_id, properties: of(&buf, version), filters: filters.as_filters() };
        prop_assert_eq!(subscribe.filters.iter().collect::<Vec<_>>(), expected);
        check(version, Packet::Subscribe(subscribe))?;
    }

    #[test]
    fn suback(
        version in version(),
        packet_id in packet_id(),
        codes in vec(select(&[0_u8, 1, 2, 0x80]), 1..200),
        buf in properties(&[0x1F], USER_PROPERTY),
    ) {
        check(version, Packet::SubAck(SubAck { packet_id, properties: of(&buf, version), codes: &codes }))?;
    }

    #[test]
    fn unsubscribe(
        version in version(),
        packet_id in packet_id(),
        list in vec(filter(), 1..6),
        buf in properties(USER_PROPERTY, USER_PROPERTY),
    ) {
        let mut filters = UnsubscribeFiltersBuf::new();
        for text in &list {
            filters.push(TopicFilter::parse(text).expect("a filter"));
        }
        let unsubscribe = Unsubscribe { packet_id, properties: of(&buf, version), filters: filters.as_filters() };
        prop_assert_eq!(unsubscribe.filters.iter().map(|filter| filter.text()).collect::<Vec<_>>(), list);
        check(version, Packet::Unsubscribe(unsubscribe))?;
    }

    #[test]
    fn unsuback(
        version in version(),
        packet_id in packet_id(),
        codes in vec(select(&[0_u8, 0x11, 0x87]), 1..9),
        buf in properties(&[0x1F], USER_PROPERTY),
    ) {
        let codes = if version == Version::V5 { &codes[..] } else { &[] };
        check(version, Packet::UnsubAck(UnsubAck { packet_id, properties: of(&buf, version), codes }))?;
    }

    #[test]
    fn disconnect_and_auth(
        version in version(),
        code in select(&[0_u8, 0x04, 0x82, 0x8E, 0x9D]),
        buf in properties(&[0x11, 0x1C, 0x1F], USER_PROPERTY),
        auth in properties(&[0x15, 0x16, 0x1F], USER_PROPERTY),
    ) {
        let reason_code = ReasonCode(if version == Version::V5 { code } else { 0 });
        check(version, Packet::Disconnect(Disconnect { reason_code, properties: of(&buf, version) }))?;
        let auth = Auth { reason_code: ReasonCode::CONTINUE_AUTHENTICATION, properties: auth.as_properties() };
        check(Version::V5, Packet::Auth(auth))?;
    }

    /// Putting `+` in place of levels and `#` behind them gives filters that match; a level more or less does not.
    #[test]
    fn a_topic_matches_the_filters_made_from_it(topic in "[a-c/]{1,8}", holes in any::<u8>(), tail in any::<bool>()) {
        let mut levels: Vec<&str> = topic.split('/').collect();
        for (index, level) in levels.iter_mut().enumerate() {
            if holes >> (index % 8) & 1 == 1 {
                *level = "+";
            }
        }
        let filter = levels.join("/");
        prop_assert!(topic_matches(&filter, &topic));
        prop_assert!(!topic_matches(&filter, &[&topic, "/"].concat()));
        let filter_of_all = format!("{filter}/#");
        prop_assert!(topic_matches(&filter_of_all, &topic));
        prop_assert!(topic_matches(&filter_of_all, &[&topic, "/d"].concat()));
        if tail {
            levels.pop();
            levels.push("#");
            prop_assert!(topic_matches(&levels.join("/"), &topic));
        }
        prop_assert!(!topic_matches(&[&filter, "/+"].concat(), &topic));
    }
}
