//! What a user may choose, as plain values.

use midge_codec::{Connect, DecodeError, PACKET_SIZE_MAX, Packet, PropertiesBuf, Property, QoS, Version, fixed_header};

/// How the Client introduces itself, and how much it holds. [`Options::new`] has the usual values.
#[derive(Clone, Debug)]
pub struct Options {
    /// The version to speak.
    pub version: Version,
    /// Client Identifier. Where it is empty the Server gives one (version 5; kept for later connections), or wants
    /// [`Options::clean_start`] (3.1.1).
    pub client_id: Box<str>,
    /// Version 5: the first connection that is accepted begins a new Session, those after it go on with it. Version 3: every
    /// connection has a new Session (Clean Session).
    pub clean_start: bool,
    /// How long the Server keeps the Session after a connection, in seconds; 0xFFFFFFFF is for ever. Version 5 only.
    pub session_expiry_interval_s: u32,
    /// Silence of this length is broken by PINGREQ; 0 for never. In seconds; the Server may say otherwise.
    pub keep_alive_s: u16,
    /// What the Server publishes should the Client go without a word.
    pub will: Option<Will>,
    /// User Name.
    pub username: Option<Box<str>>,
    /// Password. Before version 5 only together with a User Name.
    pub password: Option<Box<[u8]>>,
    /// Enhanced authentication. Version 5 only.
    pub authentication: Option<Authentication>,
    /// QoS 1 and 2 messages that the Server may have under way to us; not 0. Version 5 only.
    pub receive_maximum: u16,
    /// What comes beyond that is taken all the same, instead of ending the connection: Mosquitto 2.0 does not count Retained Messages.
    pub tolerates_excess: bool,
    /// The largest packet that we take, in bytes. Version 5 is told; in all versions a larger one ends the connection.
    pub maximum_packet_size: u32,
    /// Topic Aliases that the Server may use. Version 5 only.
    pub topic_alias_maximum: u16,
    /// Topic Aliases that we make, at most; the Server may allow fewer. Version 5 only.
    pub topic_aliases_made: u16,
    /// Whether to ask for Response Information. Version 5 only.
    pub requests_response_information: bool,
    /// User Properties of CONNECT, and what else shall stand there. Version 5 only.
    pub connect_properties: PropertiesBuf,
    /// When a message that came at QoS 1 or 2 is acknowledged.
    pub acknowledge: Acknowledge,
    /// Messages that were accepted for publishing and have not ended, at most.
    pub held_messages_max: usize,
    /// Bytes of their topics, Properties and payloads: while there are fewer, another one is accepted.
    pub held_bytes_max: usize,
    /// QoS 1 and 2 messages under way to the Server, at most; the Server may allow fewer.
    pub inflight_max: u16,
    /// How long to wait for CONNACK and PINGRESP.
    pub response_timeout_ms: u64,
    /// When to connect again. `None`: never.
    pub reconnect: Option<Reconnect>,
    /// Whether the steps of the Session are told ([`Client::take_steps`](crate::Client::take_steps)), for a store that
    /// outlives the process.
    pub tells_steps: bool,
    /// Whether each packet is told, for people who look for a fault.
    pub tells_packets: bool,
}

/// The message that the Server publishes should the Client go without a word.
#[derive(Clone, Debug)]
pub struct Will {
    /// Will Topic, a Topic Name.
    pub topic: Box<str>,
    /// Will Payload.
    pub payload: Box<[u8]>,
    /// Will QoS.
    pub qos: QoS,
    /// Will Retain.
    pub retain: bool,
    /// Will Properties. Version 5 only.
    pub properties: PropertiesBuf,
}

/// Enhanced authentication: each step is an AUTH, answered with [`Client::authenticate`](crate::Client::authenticate).
#[derive(Clone, Debug)]
pub struct Authentication {
    /// Authentication Method.
    pub method: Box<str>,
    /// Authentication Data of CONNECT.
    pub data: Option<Box<[u8]>>,
}

/// When a message that came at QoS 1 or 2 is acknowledged.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Acknowledge {
    /// As soon as its event was visited.
    #[default]
    AtOnce,
    /// When the user says so ([`Client::acknowledge`](crate::Client::acknowledge)).
    ByHand,
}

/// Delays before connecting again. They double from the least to the most; of each a random half is taken off at most, so that
/// many Clients of one Server do not come back together.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Reconnect {
    /// The first delay.
    pub least_ms: u64,
    /// The longest.
    pub most_ms: u64,
}

impl Options {
    /// The usual values for this version and Client Identifier: a clean start, Keep Alive of a minute, aliases where the Server
    /// takes them, at most 10,000 messages and 64 MiB held.
    pub fn new(version: Version, client_id: &str) -> Options {
        Options {
            version,
            client_id: client_id.into(),
            clean_start: true,
            session_expiry_interval_s: 0,
            keep_alive_s: 60,
            will: None,
            username: None,
            password: None,
            authentication: None,
            receive_maximum: u16::MAX,
            tolerates_excess: false,
            maximum_packet_size: PACKET_SIZE_MAX,
            topic_alias_maximum: 32,
            topic_aliases_made: 32,
            requests_response_information: false,
            connect_properties: PropertiesBuf::new(),
            acknowledge: Acknowledge::AtOnce,
            held_messages_max: 10_000,
            held_bytes_max: 64 << 20,
            inflight_max: 1_000,
            response_timeout_ms: 20_000,
            reconnect: Some(Reconnect { least_ms: 1_000, most_ms: 60_000 }),
            tells_steps: false,
            tells_packets: false,
        }
    }

    /// Whether a CONNECT can say this. To be asked before [`Client::new`](crate::Client::new): a CONNECT that is not one is refused by
    /// every Server.
    ///
    /// # Errors
    /// With what is wrong, in one clause: a Will Topic with wildcards, a Password without User Name in version 3, texts of more
    /// than 65,535 bytes, and the like.
    pub fn check(&self) -> Result<(), DecodeError> {
        let will = self.will.as_ref();
        let lengths = [
            self.client_id.len(),
            self.username.as_ref().map_or(0, |username| username.len()),
            self.password.as_ref().map_or(0, |password| password.len()),
            will.map_or(0, |will| will.topic.len()),
            will.map_or(0, |will| will.payload.len()),
        ];
        if lengths.iter().any(|&length| length > usize::from(u16::MAX)) {
            return Err(DecodeError::malformed(
                "Client Identifier, User Name, Password or Will of more than 65,535 bytes",
            ));
        }
        let mut bytes = Vec::new();
        self.encode_connect(&self.client_id, self.clean_start, &mut bytes);
        let Some(header) = fixed_header(&bytes)? else { return Ok(()) };
        Packet::decode(self.version, header, &bytes[usize::from(header.length)..]).map(|_| ())
    }

    /// Appends CONNECT.
    pub(crate) fn encode_connect(&self, client_id: &str, clean_start: bool, out: &mut Vec<u8>) {
        let properties = self.properties();
        let connect = Connect {
            version: self.version,
            bridge: false,
            clean_start,
            keep_alive_s: self.keep_alive_s,
            client_id,
            will: self.will.as_ref().map(|will| will.as_codec()),
            username: self.username.as_deref(),
            password: self.password.as_deref(),
            properties: properties.as_properties(),
        };
        connect.encode(out);
    }

    /// The Properties of CONNECT. What has its default value is left out.
    pub(crate) fn properties(&self) -> PropertiesBuf {
        let mut properties = PropertiesBuf::new();
        if self.version < Version::V5 {
            return properties;
        }
        let mut push = |wanted: bool, property| {
            if wanted {
                properties.push(property);
            }
        };
        let expiry_s = self.session_expiry_interval_s;
        push(expiry_s != 0, Property::SessionExpiryInterval(expiry_s));
        push(self.receive_maximum != u16::MAX, Property::ReceiveMaximum(self.receive_maximum.max(1)));
        let packet_size = self.maximum_packet_size.max(1);
        push(packet_size < PACKET_SIZE_MAX, Property::MaximumPacketSize(packet_size));
        push(self.topic_alias_maximum != 0, Property::TopicAliasMaximum(self.topic_alias_maximum));
        push(self.requests_response_information, Property::RequestResponseInformation(1));
        if let Some(Authentication { method, data }) = &self.authentication {
            push(true, Property::AuthenticationMethod(method));
            push(data.is_some(), Property::AuthenticationData(data.as_deref().unwrap_or_default()));
        }
        self.connect_properties.as_properties().iter().for_each(|property| push(true, property));
        properties
    }
}

impl Will {
    pub(crate) fn as_codec(&self) -> midge_codec::Will<'_> {
        midge_codec::Will {
            qos: self.qos,
            retain: self.retain,
            topic: &self.topic,
            payload: &self.payload,
            properties: self.properties.as_properties(),
        }
    }
}

impl Reconnect {
    /// The delay after so many connections in a row that came to nothing.
    pub(crate) fn delay_ms(self, failures: u32, random: u64) -> u64 {
        let longest = self.least_ms.saturating_mul(1 << failures.min(30)).min(self.most_ms.max(self.least_ms));
        longest - random % (longest / 2 + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_what_a_connect_can_say() {
        let usual = Options::new(Version::V311, "c");
        assert_eq!(usual.check(), Ok(()));
        let check = |options: Options, wrong: &str| {
            assert_eq!(options.check().expect_err(wrong).message(), wrong);
        };
        let password = Some(Box::from(*b"p"));
        check(Options { password, ..usual.clone() }, "Password without User Name");
        let properties = PropertiesBuf::new();
        let will = Will { topic: "#".into(), payload: Box::new([]), qos: QoS::AtMostOnce, retain: false, properties };
        check(Options { will: Some(will), ..usual.clone() }, "Topic Name holds a wildcard");
        check(
            Options { username: Some("u".repeat(65_536).into()), ..usual },
            "Client Identifier, User Name, Password or Will of more than 65,535 bytes",
        );
    }

    #[test]
    fn delays_double_and_lose_a_random_half_at_most() {
        let reconnect = Reconnect { least_ms: 1_000, most_ms: 5_000 };
        let longest: Vec<u64> = (0..5).map(|failures| reconnect.delay_ms(failures, 0)).collect();
        assert_eq!(longest, [1_000, 2_000, 4_000, 5_000, 5_000]);
        assert_eq!(reconnect.delay_ms(1, 1_000), 1_000);
        assert_eq!(reconnect.delay_ms(1, 1_001), 2_000);
        assert_eq!(reconnect.delay_ms(u32::MAX, 0), 5_000);
        assert_eq!(Reconnect { least_ms: 0, most_ms: 0 }.delay_ms(3, 77), 0);
    }
}
