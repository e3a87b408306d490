//! What was written is read as the same.

use std::iter;

use midge_codec::{PropertiesBuf, Property, QoS};
use midge_mosquitto_db::{
    BaseMessage, Client, ClientMessage, Config, Content, Direction, Reader, Retained, SessionExpiry, State,
    Subscription, WriteError, Writer,
};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

/// What chunks are made of; each kind takes what it needs.
#[derive(Clone, Debug)]
struct Parts {
    kind: usize,
    texts: [Vec<u8>; 3],
    payload: Vec<u8>,
    store_id: u64,
    time_s: i64,
    long: u32,
    shorts: [u16; 2],
    options: u8,
    qos: QoS,
    state: State,
    direction: Direction,
    flags: [bool; 2],
    properties: PropertiesBuf,
}

impl Parts {
    fn content(&self) -> Content<'_> {
        let [one, other, third] = &self.texts;
        let properties = self.properties.as_properties();
        match self.kind {
            0 => Content::BaseMessage(BaseMessage {
                store_id: self.store_id,
                expiry_time_s: self.time_s,
                source_id: one,
                source_username: other,
                source_port: self.shorts[0],
                source_packet_id: self.shorts[1],
                topic: third,
                qos: self.qos,
                retain: self.flags[0],
                payload: &self.payload,
                properties,
            }),
            1 => Content::Client(Client {
                id: one,
                username: other,
                listener_port: self.shorts[0],
                last_packet_id: self.shorts[1],
                expiry: Some(SessionExpiry { time_s: self.time_s, interval_s: self.long }),
                disconnected_time_s: None,
            }),
            2 => Content::ClientMessage(ClientMessage {
                client_id: one,
                store_id: self.store_id,
                packet_id: self.shorts[0],
                qos: self.qos,
                retain: self.flags[0],
                dup: self.flags[1],
                direction: self.direction,
                state: self.state,
                properties,
            }),
            3 => Content::Subscription(Subscription {
                client_id: one,
                filter: other,
                qos: self.qos,
                options: self.options,
                identifier: self.long,
            }),
            _ => Content::Retained(Retained { store_id: self.store_id }),
        }
    }
}

fn parts() -> impl Strategy<Value = Parts> {
    let text = || vec(any::<u8>(), 0..20);
    let states = select(vec![State::Invalid, State::PublishQoS1, State::WaitForPubComp, State::Queued]);
    let enums = (select(vec![QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce]), states);
    let numbers = (any::<u64>(), any::<i64>(), any::<u32>(), any::<[u16; 2]>(), any::<u8>());
    let texts = ([text(), text(), text()], vec(any::<u8>(), 0..2000));
    let direction = select(vec![Direction::In, Direction::Out]);
    (0..5_usize, texts, numbers, enums, direction, any::<[bool; 2]>(), 0..40_usize).prop_map(
        |(kind, (texts, payload), (store_id, time_s, long, shorts, options), (qos, state), direction, flags, count)| {
            let mut properties = PropertiesBuf::new();
            for _ in 0..count {
                properties.push(Property::UserProperty("name", "value"));
            }
            Parts {
                kind,
                texts,
                payload,
                store_id,
                time_s,
                long,
                shorts,
                options,
                qos,
                state,
                direction,
                flags,
                properties,
            }
        },
    )
}

fn write(writer: &mut Writer<Vec<u8>>, content: &Content<'_>) -> Result<(), WriteError> {
    match content {
        Content::BaseMessage(message) => writer.base_message(message),
        Content::Client(client) => writer.client(client),
        Content::ClientMessage(message) => writer.client_message(message),
        Content::Subscription(subscription) => writer.subscription(subscription),
        Content::Retained(retained) => writer.retained(*retained),
        Content::Config(_) | Content::Unknown => Ok(()),
    }
}

proptest! {
    #[test]
    fn any_chunks(all in vec(parts(), 0..10), shutdown: bool, last_store_id: u64) {
        let config = Config { shutdown, last_store_id };
        let mut writer = Writer::new(Vec::new(), &config).expect("memory takes all");
        for parts in &all {
            write(&mut writer, &parts.content()).expect("nothing is too long");
        }
        let file = writer.into_output();
        let mut reader = Reader::new(&file[..]).expect("it has a header");
        let contents = iter::once(Content::Config(config)).chain(all.iter().map(Parts::content));
        for content in contents {
            let chunk = reader.next_chunk().expect("it can be read").expect("it is there");
            prop_assert_eq!(chunk.content, content);
        }
        prop_assert!(reader.next_chunk().expect("it ends well").is_none());
    }
}

/// Also with the usernames that Mosquitto makes up.
#[test]
fn a_file_of_mosquitto_is_written_byte_for_byte() {
    for file in [&include_bytes!("../fixtures/v6-running.db")[..], include_bytes!("../fixtures/v6-ended.db")] {
        let mut reader = Reader::new(file).expect("it is good");
        let mut writer = None;
        while let Some(chunk) = reader.next_chunk().expect("it is good") {
            match (chunk.content, &mut writer) {
                (Content::Config(config), _) => writer = Writer::new(Vec::new(), &config).ok(),
                (content, Some(writer)) => write(writer, &content).expect("nothing is too long"),
                (_, None) => panic!("the configuration does not come first"),
            }
        }
        assert!(writer.expect("there is a configuration").into_output() == file);
    }
}

#[test]
fn sessions_without_end() {
    let mut writer = Writer::new(Vec::new(), &Config { shutdown: true, last_store_id: 0 }).expect("memory takes all");
    let client = Client {
        id: b"me",
        username: b"",
        listener_port: 0,
        last_packet_id: 0,
        expiry: None,
        disconnected_time_s: None,
    };
    writer.client(&client).expect("it is short");
    let file = writer.into_output();
    let mut reader = Reader::new(&file[..]).expect("it has a header");
    reader.next_chunk().expect("the configuration");
    let chunk = reader.next_chunk().expect("it can be read").expect("it is there");
    let never = Some(SessionExpiry { time_s: 0, interval_s: u32::MAX });
    assert_eq!(chunk.content, Content::Client(Client { expiry: never, ..client }));
}

#[test]
fn what_is_too_long_leaves_no_trace() {
    let mut writer = Writer::new(Vec::new(), &Config { shutdown: true, last_store_id: 0 }).expect("memory takes all");
    let text = vec![b'a'; 65_536];
    let subscription =
        Subscription { client_id: b"me", filter: &text, qos: QoS::AtMostOnce, options: 0, identifier: 0 };
    let error = writer.subscription(&subscription).expect_err("there is no room for its length");
    assert_eq!(error.to_string(), "a topic filter is too long for a mosquitto.db");
    writer.subscription(&Subscription { filter: &text[1..], ..subscription }).expect("it just fits");
    assert_eq!(writer.into_output().len(), 47 + 8 + 12 + 2 + 65_535);
}
