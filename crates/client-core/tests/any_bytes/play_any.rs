//! What must hold for a Client whatever the server sends and whatever its user does; run by the test beside this and by the
//! fuzz target.

use std::collections::BTreeSet;

use midge_choices::Input;
use midge_client_core::{Accepted, Acknowledge, Client, Event, Message, Options, Receipt};
use midge_codec::{
    Packet, PropertiesBuf, QoS, ReasonCode, SubscribeFiltersBuf, SubscriptionOptions, TopicFilter,
    UnsubscribeFiltersBuf, Version, fixed_header,
};
use midge_testkit::wire;

/// Plays `data` as a history: packets of a server good and bad, bytes without sense, a user who does everything at any time, connections
/// that come and go, time. Nothing may panic; what the Client sends are packets that a Client may send, with no Packet
/// Identifier in use twice; and each message that was accepted ends once. Returns how many packets the Client sent.
pub(crate) fn play_any(data: &[u8]) -> usize {
    let mut input = Input::new(data);
    let options = options(input.byte());
    let version = options.version;
    let mut history = History {
        client: Client::new(options),
        version,
        now_ms: 0,
        unread: Vec::new(),
        sent: Vec::new(),
        packets: 0,
        user: User::default(),
    };
    history.connect();
    while !input.is_empty() {
        history.step(&mut input);
        history.look();
    }
    history.end();
    history.packets
}

struct History {
    client: Client,
    version: Version,
    now_ms: u64,
    /// From the server, not whole yet.
    unread: Vec<u8>,
    /// From the Client, not whole yet.
    sent: Vec<u8>,
    packets: usize,
    user: User,
}

/// What the user knows.
#[derive(Default)]
struct User {
    open: BTreeSet<u64>,
    receipts: Vec<Receipt>,
    /// Identifiers of requests that were sent on this connection and not answered.
    asked: BTreeSet<u16>,
}

impl History {
    fn step(&mut self, input: &mut Input<'_>) {
        match input.byte() % 24 {
            0 if input.byte() < 100 => self.close(),
            0..3 if !self.client.is_online() => {
                self.connect();
                self.write(usize::MAX);
                self.receive(&wire::encode(&midge_testkit::Packet::parse("CONNACK"), self.version.level()));
            }
            3 => {
                let bytes = input.bytes();
                self.receive(bytes);
            }
            4..10 => {
                let bytes = self.packet(input);
                self.receive(&bytes);
            }
            10 => {
                self.now_ms += u64::from(input.byte()) * 50;
                self.act(|client, now_ms, visit| client.handle_timeout(now_ms, visit));
            }
            11..15 => self.publish(input),
            15 => self.subscribe(input),
            16 | 17 if !self.user.receipts.is_empty() => {
                let at = usize::from(input.byte()) % self.user.receipts.len();
                let receipt = self.user.receipts.swap_remove(at);
                self.client.acknowledge(receipt, ReasonCode(input.byte() & 0x80));
            }
            18 => drop(self.client.authenticate(b"x").or_else(|_| self.client.reauthenticate(b"y"))),
            19 if input.byte() < 50 => {
                self.act(|client, _, visit| client.disconnect(ReasonCode(4), &PropertiesBuf::new(), visit));
            }
            _ => self.write(usize::from(input.byte())),
        }
    }

    fn connect(&mut self) {
        self.close();
        self.client.begin_connection();
        self.client.handle_connected(self.now_ms);
    }

    fn close(&mut self) {
        self.unread.clear();
        self.sent.clear();
        self.user.asked.clear();
        self.act(|client, now_ms, visit| client.handle_closed(now_ms, 3, visit));
    }

    /// The server sends bytes.
    fn receive(&mut self, bytes: &[u8]) {
        self.unread.extend_from_slice(bytes);
        let unread = std::mem::take(&mut self.unread);
        let consumed = self.act(|client, now_ms, visit| client.handle_bytes(now_ms, &unread, visit));
        let rest = &unread[consumed.bytes..];
        assert!(rest.is_empty() || consumed.needed > rest.len(), "a packet that is whole was not handled");
        self.unread = rest.to_vec();
    }

    /// A packet of the server, sometimes with a byte changed.
    fn packet(&self, input: &mut Input<'_>) -> Vec<u8> {
        let template = PACKETS[usize::from(input.byte()) % PACKETS.len()];
        let id = 1 + input.byte() % 5;
        let packet = midge_testkit::Packet::parse(&template.replace("{id}", &id.to_string()));
        let mut bytes = wire::encode(&packet, self.version.level());
        if input.byte() >= 240 {
            let at = usize::from(input.byte()) % bytes.len();
            bytes[at] = input.byte();
        }
        bytes
    }

    fn publish(&mut self, input: &mut Input<'_>) {
        let which = input.byte();
        let payload = vec![b'x'; usize::from(input.byte())];
        let qos = QoS::from_u8(which % 4).unwrap_or_default();
        let topic = ["t", "t/u", "t/long/topic", "#"][usize::from(which >> 2) % 4];
        let message = Message { retain: which >= 200, ..Message::new(topic, &payload, qos) };
        if let Ok(Accepted::Held(number)) = self.client.publish(self.now_ms, &message) {
            assert!(self.user.open.insert(number), "{number} was given twice");
        }
    }

    fn subscribe(&mut self, input: &mut Input<'_>) {
        let which = input.byte();
        let filter = TopicFilter::parse(["t", "t/#", "$share/g/t"][usize::from(which) % 3]).expect("a filter");
        let options = SubscriptionOptions { no_local: which >= 200, ..SubscriptionOptions::default() };
        let mut subscribe = SubscribeFiltersBuf::new();
        let mut unsubscribe = UnsubscribeFiltersBuf::new();
        subscribe.push(filter, options);
        unsubscribe.push(filter);
        let _refused = if which & 64 == 0 {
            self.client.subscribe(subscribe, PropertiesBuf::new())
        } else {
            self.client.unsubscribe(unsubscribe, PropertiesBuf::new())
        };
    }

    /// So many bytes reach the server.
    fn write(&mut self, most: usize) {
        let count = self.client.output().len().min(most);
        self.sent.extend_from_slice(&self.client.output()[..count]);
        self.act(|client, now_ms, visit| client.handle_written(now_ms, count, visit));
    }

    /// What the Client has sent must be packets of a Client.
    fn look(&mut self) {
        let mut at = 0;
        while let Some(header) = fixed_header(&self.sent[at..]).expect("a Client's packet") {
            let Some(bytes) = self.sent.get(at..at + header.packet_len()) else { break };
            let packet = Packet::decode(self.version, header, &bytes[usize::from(header.length)..]);
            let packet = packet.unwrap_or_else(|error| panic!("no Client may send {bytes:02x?}: {error}"));
            let id = match packet {
                Packet::Subscribe(subscribe) => Some(subscribe.packet_id),
                Packet::Unsubscribe(unsubscribe) => Some(unsubscribe.packet_id),
                _ => None,
            };
            self.user.asked.extend(id.map(midge_codec::PacketId::get));
            at += header.packet_len();
            self.packets += 1;
        }
        self.sent.drain(..at);
        let mut inflight: Vec<u16> = self.client.inflight().map(midge_codec::PacketId::get).collect();
        let count = inflight.len();
        inflight.dedup();
        assert_eq!(count, inflight.len(), "an identifier is in use twice");
        assert!(self.client.held().0 <= HELD_MAX);
    }

    /// Everything that was accepted ends.
    fn end(&mut self) {
        self.act(|client, _, visit| client.abandon(visit));
        assert!(self.user.open.is_empty(), "some messages have no end: {:?}", self.user.open);
        assert_eq!(self.client.held(), (0, 0));
    }

    fn act<T>(&mut self, act: impl FnOnce(&mut Client, u64, &mut dyn FnMut(Event<'_>)) -> T) -> T {
        let user = &mut self.user;
        act(&mut self.client, self.now_ms, &mut |event| match event {
            Event::Acknowledged { number, .. } | Event::Sent { number } | Event::Dropped { number, .. } => {
                assert!(user.open.remove(&number), "{number} has ended twice, or never begun");
            }
            Event::Message(publish, receipt) => {
                assert!(!publish.topic.is_empty());
                user.receipts.extend(receipt);
            }
            _ => {}
        })
    }
}

fn options(which: u8) -> Options {
    let version = [Version::V5, Version::V311, Version::V5, Version::V31][usize::from(which & 3)];
    let authentication = midge_client_core::Authentication { method: "m".into(), data: None };
    Options {
        clean_start: which & 4 == 0,
        session_expiry_interval_s: 100,
        keep_alive_s: u16::from(which >> 6),
        receive_maximum: 3,
        maximum_packet_size: 200,
        topic_alias_maximum: 2,
        authentication: (which & 8 != 0).then_some(authentication),
        acknowledge: if which & 16 == 0 { Acknowledge::AtOnce } else { Acknowledge::ByHand },
        held_messages_max: HELD_MAX,
        inflight_max: 4,
        tells_steps: which & 32 != 0,
        ..Options::new(version, "c")
    }
}

const HELD_MAX: usize = 12;

const PACKETS: [&str; 34] = [
    "CONNACK",
    "CONNACK",
    "CONNACK",
    "CONNACK session-present",
    "CONNACK session-present",
    "CONNACK receive-maximum=1 topic-alias-maximum=2",
    "CONNACK maximum-qos=0 retain-available=0 maximum-packet-size=30",
    "CONNACK wildcard-subscription-available=0 shared-subscription-available=0",
    "CONNACK 0x05",
    "PUBLISH t m=x",
    "PUBLISH t qos=1 id={id} m=x",
    "PUBLISH t qos=2 id={id} m=x",
    "PUBLISH t qos=2 id={id} m=x dup",
    "PUBLISH t topic-alias={id} m=x",
    "PUBLISH \"\" topic-alias={id} qos=1 id={id} m=x",
    "PUBLISH t/u m=\"y\"*250",
    "PUBACK id={id}",
    "PUBACK id={id}",
    "PUBACK id={id} 0x97",
    "PUBREC id={id}",
    "PUBREC id={id}",
    "PUBREC id={id} 0x97",
    "PUBREL id={id}",
    "PUBREL id={id}",
    "PUBCOMP id={id}",
    "PUBCOMP id={id}",
    "SUBACK id={id} 0x00",
    "SUBACK id={id} 0x80",
    "UNSUBACK id={id} 0x00",
    "PINGRESP",
    "DISCONNECT 0x8b",
    "AUTH 0x18 authentication-method=m authentication-data=d",
    "AUTH 0x00 authentication-method=m",
    "SUBSCRIBE id=1 t",
];
