//! `-D COMMAND PROPERTY VALUE`: Properties of the packets that a tool sends, by the specification's names.

use std::ffi::OsStr;
use std::fmt;

use midge_codec::{PropertiesBuf, Property};

use self::Packet::{Auth, ConnAck, Connect, Disconnect, PubAck, PubComp, PubRec, PubRel, Publish, SubAck, Subscribe};
use self::Packet::{UnsubAck, Unsubscribe, Will};

/// The Properties that were asked for, for each packet that a tool sends.
#[derive(Clone, Debug, Default)]
pub(crate) struct PacketProperties {
    /// Of CONNECT.
    pub(crate) connect: PropertiesBuf,
    /// Of the Will in CONNECT.
    pub(crate) will: PropertiesBuf,
    /// Of PUBLISH.
    pub(crate) publish: PropertiesBuf,
    /// Of SUBSCRIBE.
    pub(crate) subscribe: PropertiesBuf,
    /// Of UNSUBSCRIBE.
    pub(crate) unsubscribe: PropertiesBuf,
    /// Of DISCONNECT.
    pub(crate) disconnect: PropertiesBuf,
}

impl PacketProperties {
    /// Takes the words behind `-D` from `next` and adds what they say.
    ///
    /// # Errors
    /// With the message for the user, as Mosquitto words it.
    pub(crate) fn add<'w>(&mut self, mut next: impl FnMut() -> Option<&'w OsStr>) -> Result<(), String> {
        let mut word = || match next() {
            Some(word) => word.to_str().ok_or("Error: Malformed UTF-8 in --property argument."),
            None => Err("Error: --property argument given but not enough arguments specified."),
        };
        let (command, name, value) = (word()?, word()?, word()?);
        let packet = Packet::named(command)
            .ok_or_else(|| format!("Error: Invalid command {command} given in --property argument.\n{PACKETS}"))?;
        // A Server says for which Subscriptions a message is.
        let is_senders = |name| packet != Publish || name != "subscription-identifier";
        let row = ROWS.iter().find(|row| row.name == name);
        let row = row.ok_or_else(|| {
            let names: Vec<_> = ROWS
                .iter()
                .filter(|row| row.packets.contains(&packet) && is_senders(row.name))
                .map(|row| row.name)
                .collect();
            let names = names.join(", ");
            format!("Error: Invalid property name {name} given in --property argument.\nProperties of {command} are: {names}.")
        })?;
        if !row.packets.contains(&packet) {
            return Err(format!("Error: {name} property not allowed for {command} in --property argument."));
        }
        let refusal = || format!("Error: {name} property not supported for {command} in --property argument.");
        let properties = self.of(packet).filter(|_| is_senders(name)).ok_or_else(refusal)?;
        let is_repeated = !matches!(row.value, Value::Pair(_));
        let property = match row.value {
            Value::Byte(make) => make(number(name, value, u64::from(u8::MAX))? as u8),
            Value::Short(make) => make(number(name, value, u64::from(u16::MAX))? as u16),
            Value::Long(make) | Value::Variable(make) => make(number(name, value, u64::from(u32::MAX))? as u32),
            Value::Text(make) => make(short_enough(name, value)?),
            Value::Bytes(make) => make(short_enough(name, value)?.as_bytes()),
            Value::Pair(make) => make(short_enough(name, value)?, short_enough(name, word()?)?),
        };
        check_value(name, value, &property)?;
        if is_repeated && properties.as_properties().iter().any(|known| known.id() == property.id()) {
            return Err(format!("Error: {name} property given twice for {command}, which takes one."));
        }
        properties.push(property);
        Ok(())
    }

    /// Those of a packet that a tool sends and lets the user say something in.
    fn of(&mut self, packet: Packet) -> Option<&mut PropertiesBuf> {
        Some(match packet {
            Connect => &mut self.connect,
            Will => &mut self.will,
            Publish => &mut self.publish,
            Subscribe => &mut self.subscribe,
            Unsubscribe => &mut self.unsubscribe,
            Disconnect => &mut self.disconnect,
            Auth | ConnAck | PubAck | PubComp | PubRec | PubRel | SubAck | UnsubAck => return None,
        })
    }
}

/// A packet, or the Will in CONNECT.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Packet {
    Connect,
    ConnAck,
    Publish,
    PubAck,
    PubRec,
    PubRel,
    PubComp,
    Subscribe,
    SubAck,
    Unsubscribe,
    UnsubAck,
    Disconnect,
    Auth,
    Will,
}

impl Packet {
    /// By its name; capitals do not matter.
    fn named(name: &str) -> Option<Packet> {
        ALL.into_iter().find(|packet| packet.to_string().eq_ignore_ascii_case(name))
    }
}

impl fmt::Display for Packet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

const ALL: [Packet; 14] = [
    Connect,
    ConnAck,
    Publish,
    PubAck,
    PubRec,
    PubRel,
    PubComp,
    Subscribe,
    SubAck,
    Unsubscribe,
    UnsubAck,
    Disconnect,
    Auth,
    Will,
];

/// Those whose Properties the user can name.
const PACKETS: &str = "Packets are: connect, publish, subscribe, unsubscribe, disconnect, will.";

/// How a Property is made of what the user writes.
enum Value {
    Byte(fn(u8) -> Property<'static>),
    Short(fn(u16) -> Property<'static>),
    Long(fn(u32) -> Property<'static>),
    Variable(fn(u32) -> Property<'static>),
    Text(for<'a> fn(&'a str) -> Property<'a>),
    Bytes(for<'a> fn(&'a [u8]) -> Property<'a>),
    Pair(for<'a> fn(&'a str, &'a str) -> Property<'a>),
}

/// A Property: its name, its value, and the packets that may carry it (table 2-4).
struct Row {
    name: &'static str,
    value: Value,
    packets: &'static [Packet],
}

const fn row(name: &'static str, value: Value, packets: &'static [Packet]) -> Row {
    Row { name, value, packets }
}

const ROWS: &[Row] = &[
    row("payload-format-indicator", Value::Byte(Property::PayloadFormatIndicator), &[Publish, Will]),
    row("message-expiry-interval", Value::Long(Property::MessageExpiryInterval), &[Publish, Will]),
    row("content-type", Value::Text(|value| Property::ContentType(value)), &[Publish, Will]),
    row("response-topic", Value::Text(|value| Property::ResponseTopic(value)), &[Publish, Will]),
    row("correlation-data", Value::Bytes(|value| Property::CorrelationData(value)), &[Publish, Will]),
    row("subscription-identifier", Value::Variable(Property::SubscriptionIdentifier), &[Publish, Subscribe]),
    row("session-expiry-interval", Value::Long(Property::SessionExpiryInterval), &[Connect, ConnAck, Disconnect]),
    row("assigned-client-identifier", Value::Text(|value| Property::AssignedClientIdentifier(value)), &[ConnAck]),
    row("server-keep-alive", Value::Short(Property::ServerKeepAlive), &[ConnAck]),
    row("authentication-method", Value::Text(|value| Property::AuthenticationMethod(value)), &[Connect, ConnAck, Auth]),
    row("authentication-data", Value::Bytes(|value| Property::AuthenticationData(value)), &[Connect, ConnAck, Auth]),
    row("request-problem-information", Value::Byte(Property::RequestProblemInformation), &[Connect]),
    row("will-delay-interval", Value::Long(Property::WillDelayInterval), &[Will]),
    row("request-response-information", Value::Byte(Property::RequestResponseInformation), &[Connect]),
    row("response-information", Value::Text(|value| Property::ResponseInformation(value)), &[ConnAck]),
    row("server-reference", Value::Text(|value| Property::ServerReference(value)), &[ConnAck, Disconnect]),
    row(
        "reason-string",
        Value::Text(|value| Property::ReasonString(value)),
        &[ConnAck, PubAck, PubRec, PubRel, PubComp, SubAck, UnsubAck, Disconnect, Auth],
    ),
    row("receive-maximum", Value::Short(Property::ReceiveMaximum), &[Connect, ConnAck]),
    row("topic-alias-maximum", Value::Short(Property::TopicAliasMaximum), &[Connect, ConnAck]),
    row("topic-alias", Value::Short(Property::TopicAlias), &[Publish]),
    row("maximum-qos", Value::Byte(Property::MaximumQoS), &[ConnAck]),
    row("retain-available", Value::Byte(Property::RetainAvailable), &[ConnAck]),
    row("user-property", Value::Pair(|name, value| Property::UserProperty(name, value)), &ALL),
    row("maximum-packet-size", Value::Long(Property::MaximumPacketSize), &[Connect, ConnAck]),
    row("wildcard-subscription-available", Value::Byte(Property::WildcardSubscriptionAvailable), &[ConnAck]),
    row("subscription-identifier-available", Value::Byte(Property::SubscriptionIdentifierAvailable), &[ConnAck]),
    row("shared-subscription-available", Value::Byte(Property::SharedSubscriptionAvailable), &[ConnAck]),
];

fn number(name: &str, value: &str, max: u64) -> Result<u64, String> {
    let number: i128 = value
        .trim()
        .parse()
        .map_err(|_| format!("Error: Property value ({value}) is no number, as property {name} wants one."))?;
    let in_range = u64::try_from(number).ok().filter(|&number| number <= max);
    in_range.ok_or_else(|| format!("Error: Property value ({value}) out of range for property {name}."))
}

fn short_enough<'a>(name: &str, value: &'a str) -> Result<&'a str, String> {
    let is_short = value.len() <= usize::from(u16::MAX);
    is_short.then_some(value).ok_or_else(|| format!("Error: Property value too long for property {name}."))
}

/// What a packet cannot carry, although it is a number of the right size.
fn check_value(name: &str, value: &str, property: &Property<'_>) -> Result<(), String> {
    let is_known = match *property {
        Property::PayloadFormatIndicator(value)
        | Property::RequestProblemInformation(value)
        | Property::RequestResponseInformation(value) => value <= 1,
        Property::SubscriptionIdentifier(value) => (1..=SUBSCRIPTION_IDENTIFIER_MAX).contains(&value),
        Property::ReceiveMaximum(value) => value > 0,
        Property::MaximumPacketSize(value) => value > 0,
        Property::ResponseTopic(value) => !value.is_empty() && !value.contains(['+', '#']),
        _ => true,
    };
    is_known.then_some(()).ok_or_else(|| format!("Error: Property value ({value}) out of range for property {name}."))
}

const SUBSCRIPTION_IDENTIFIER_MAX: u32 = 268_435_455;

#[cfg(test)]
mod tests {
    use super::*;

    fn add(properties: &mut PacketProperties, words: &str) -> Result<(), String> {
        let mut words = words.split(' ').filter(|word| !word.is_empty());
        properties.add(|| words.next().map(OsStr::new))
    }

    /// What can be said on a command line is shown by the same name wherever it is shown.
    #[test]
    fn rows_have_the_names_of_their_properties() {
        for row in ROWS {
            let property = match row.value {
                Value::Byte(make) => make(1),
                Value::Short(make) => make(1),
                Value::Long(make) | Value::Variable(make) => make(1),
                Value::Text(make) => make("text"),
                Value::Bytes(make) => make(b"bytes"),
                Value::Pair(make) => make("name", "value"),
            };
            assert_eq!(row.name, property.name());
        }
    }

    #[track_caller]
    fn refuse(words: &str, expected: &str) {
        assert_eq!(add(&mut PacketProperties::default(), words), Err(expected.to_owned()), "{words}");
    }

    #[test]
    fn properties_go_to_their_packets() {
        let mut properties = PacketProperties::default();
        for words in [
            "connect receive-maximum 10",
            "CONNECT user-property a b",
            "connect user-property a c",
            "will will-delay-interval 4294967295",
            "publish payload-format-indicator 1",
            "publish correlation-data 2357",
            "publish topic-alias 4",
            "subscribe subscription-identifier 268435455",
            "unsubscribe user-property x y",
            "disconnect session-expiry-interval 0",
            "publish content-type text/plain",
        ] {
            assert_eq!(add(&mut properties, words), Ok(()), "{words}");
        }
        let connect: Vec<_> = properties.connect.as_properties().iter().collect();
        let pairs = [Property::UserProperty("a", "b"), Property::UserProperty("a", "c")];
        assert_eq!(connect, [&[Property::ReceiveMaximum(10)][..], &pairs].concat());
        assert_eq!(properties.will.as_properties().will_delay_interval_s(), Some(u32::MAX));
        assert_eq!(properties.publish.as_properties().correlation_data(), Some(&b"2357"[..]));
        assert_eq!(properties.subscribe.as_properties().subscription_identifier(), Some(268_435_455));
        assert_eq!(properties.unsubscribe.as_properties().iter().count(), 1);
        assert_eq!(properties.disconnect.as_properties().session_expiry_interval_s(), Some(0));
    }

    #[test]
    fn words_that_are_missing_or_unknown_are_named() {
        let missing = "Error: --property argument given but not enough arguments specified.";
        for words in ["", "connect", "connect receive-maximum", "connect user-property key"] {
            refuse(words, missing);
        }
        refuse(
            "fly receive-maximum 1",
            "Error: Invalid command fly given in --property argument.\n\
             Packets are: connect, publish, subscribe, unsubscribe, disconnect, will.",
        );
        refuse(
            "unsubscribe fly 1",
            "Error: Invalid property name fly given in --property argument.\nProperties of unsubscribe are: user-property.",
        );
    }

    #[test]
    fn packets_carry_only_their_own() {
        let behind = "in --property argument.";
        refuse("connect topic-alias 1", &format!("Error: topic-alias property not allowed for connect {behind}"));
        refuse(
            "connect will-delay-interval 1",
            &format!("Error: will-delay-interval property not allowed for connect {behind}"),
        );
        refuse(
            "auth authentication-method 1",
            &format!("Error: authentication-method property not supported for auth {behind}"),
        );
        refuse("puback reason-string 1", &format!("Error: reason-string property not supported for puback {behind}"));
        refuse(
            "publish subscription-identifier 1",
            &format!("Error: subscription-identifier property not supported for publish {behind}"),
        );
        let mut properties = PacketProperties::default();
        assert_eq!(add(&mut properties, "connect receive-maximum 1"), Ok(()));
        let twice = "Error: receive-maximum property given twice for connect, which takes one.";
        assert_eq!(add(&mut properties, "connect receive-maximum 1"), Err(twice.to_owned()));
    }

    #[test]
    fn values_are_in_their_range() {
        for (words, name) in [
            ("connect request-problem-information -1", "request-problem-information"),
            ("connect request-problem-information 256", "request-problem-information"),
            ("connect request-problem-information 2", "request-problem-information"),
            ("connect receive-maximum 65536", "receive-maximum"),
            ("connect receive-maximum 0", "receive-maximum"),
            ("connect session-expiry-interval 4294967296", "session-expiry-interval"),
            ("subscribe subscription-identifier 268435456", "subscription-identifier"),
            ("publish response-topic a/#", "response-topic"),
        ] {
            let value = words.rsplit(' ').next().unwrap();
            refuse(words, &format!("Error: Property value ({value}) out of range for property {name}."));
        }
        refuse(
            "connect receive-maximum many",
            "Error: Property value (many) is no number, as property receive-maximum wants one.",
        );
        refuse(
            &format!("publish content-type {}", "a".repeat(65_536)),
            "Error: Property value too long for property content-type.",
        );
    }
}
