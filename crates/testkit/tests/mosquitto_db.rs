//! Files that `midge-mosquitto-db` wrote, in the hands of Debian's Mosquitto: clients find their Sessions, their queues, every step
//! of their exchanges, and the Retained Messages. No server of ours takes part.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use midge_codec::{Properties, PropertiesBuf, Property, QoS};
use midge_mosquitto_db::{
    BaseMessage, Client as Session, ClientMessage, Config, Content, Direction, Reader, Retained, SessionExpiry, State,
    Subscription, Writer,
};
use midge_testkit::environment::{debian_program, need, scratch_folder};
use midge_testkit::ports::free_port;
use midge_testkit::{Client, PATIENCE, Process};
use rustix::process::Signal;

/// Debian's mosquitto on a file.
struct Mosquitto {
    process: Process,
    address: SocketAddr,
    file: PathBuf,
}

impl Mosquitto {
    /// Starts it with this file; `None` where the program is not there.
    fn start(name: &str, file: &[u8]) -> Option<Mosquitto> {
        let program = need(debian_program("mosquitto"))?;
        let folder = scratch_folder(name);
        let path = folder.join("mosquitto.db");
        fs::write(&path, file).expect("the file can be written");
        let port = free_port();
        let configuration = folder.join("mosquitto.conf");
        fs::write(&configuration, configured(port, &folder)).expect("the configuration can be written");
        let mut command = Command::new(program);
        command.arg("-c").arg(configuration);
        let process = Process::start_reading_stderr(command);
        let mut mosquitto = Mosquitto { process, address: (Ipv4Addr::LOCALHOST, port).into(), file: path };
        mosquitto.wait_until_it_accepts();
        Some(mosquitto)
    }

    fn wait_until_it_accepts(&mut self) {
        let deadline = Instant::now() + PATIENCE;
        while Client::try_connect(self.address).is_err() {
            let is_well = self.process.is_running() && Instant::now() < deadline;
            assert!(is_well, "mosquitto does not listen: {:#?}", self.process.lines());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// A client with that identifier, answered with these words behind CONNACK.
    #[track_caller]
    fn connect(&self, level: &str, id: &str, answer: &str) -> Client {
        let mut client = Client::connect(self.address);
        client.send(&format!("CONNECT {level} id={id}"));
        client.expect(&format!("CONNACK {answer}"));
        client
    }

    /// Ends it, and gives the file that it leaves.
    fn end(mut self) -> Vec<u8> {
        self.process.signal(Signal::TERM);
        assert!(self.process.wait_for_exit().success(), "{:#?}", self.process.lines());
        fs::read(&self.file).expect("the file is there")
    }
}

fn configured(port: u16, folder: &Path) -> String {
    let folder = folder.display();
    // Run by root, it would become another user, who may not write there.
    format!(
        "user root\nlistener {port} 127.0.0.1\nallow_anonymous true\npersistence true\npersistence_location {folder}/\n"
    )
}

/// What the tests' files are made of.
struct File(Writer<Vec<u8>>);

impl File {
    fn new() -> File {
        let config = Config { shutdown: true, last_store_id: 100 };
        File(Writer::new(Vec::new(), &config).expect("memory takes all"))
    }

    fn message(&mut self, message: &BaseMessage<'_>) {
        self.0.base_message(message).expect("it is short");
    }

    fn session(&mut self, id: &str, last_packet_id: u16, expiry: Option<SessionExpiry>) {
        let session = Session {
            id: id.as_bytes(),
            username: b"",
            listener_port: 0,
            last_packet_id,
            expiry,
            disconnected_time_s: None,
        };
        self.0.client(&session).expect("it is short");
    }

    fn client_message(&mut self, message: &ClientMessage<'_>) {
        self.0.client_message(message).expect("it is short");
    }

    fn subscription(&mut self, client_id: &str, filter: &str, identifier: u32) {
        let (client_id, filter) = (client_id.as_bytes(), filter.as_bytes());
        let qos = QoS::ExactlyOnce;
        let subscription = Subscription { client_id, filter, qos, options: 0, identifier };
        self.0.subscription(&subscription).expect("it is short");
    }

    fn bytes(self) -> Vec<u8> {
        self.0.into_output()
    }
}

fn message(store_id: u64, topic: &'static str, qos: QoS, payload: &'static str) -> BaseMessage<'static> {
    BaseMessage {
        store_id,
        expiry_time_s: 0,
        source_id: b"publisher",
        source_username: b"ada",
        source_port: 0,
        source_packet_id: 1,
        topic: topic.as_bytes(),
        qos,
        retain: false,
        payload: payload.as_bytes(),
        properties: Properties::EMPTY,
    }
}

/// A message to the client; its Packet Identifier is its store id.
fn outgoing(client_id: &'static str, store_id: u64, qos: QoS, state: State) -> ClientMessage<'static> {
    ClientMessage {
        client_id: client_id.as_bytes(),
        store_id,
        packet_id: store_id as u16,
        qos,
        retain: false,
        dup: !matches!(state, State::Queued),
        direction: Direction::Out,
        state,
        properties: Properties::EMPTY,
    }
}

#[test]
fn queues_and_every_step_to_a_client() {
    let mut file = File::new();
    let (one, two) = (QoS::AtLeastOnce, QoS::ExactlyOnce);
    let steps = [
        (1, one, State::WaitForPubAck),
        (2, two, State::WaitForPubRec),
        (3, two, State::WaitForPubComp),
        (4, one, State::PublishQoS1),
        (5, two, State::PublishQoS2),
        (6, one, State::Queued),
        (7, two, State::Queued),
    ];
    for (store_id, qos, _) in steps {
        file.message(&message(store_id, "steps", qos, "x"));
    }
    file.session("s", 7, None);
    for (store_id, qos, state) in steps {
        file.client_message(&outgoing("s", store_id, qos, state));
    }
    file.subscription("s", "steps", 0);
    let Some(mosquitto) = Mosquitto::start("mosquitto-db-steps", &file.bytes()) else {
        return;
    };
    let mut client = mosquitto.connect("v311", "s", "session-present");
    client.expect("PUBLISH steps qos=1 id=1 m=x dup");
    client.expect("PUBLISH steps qos=2 id=2 m=x dup");
    client.expect("PUBREL id=3");
    client.expect("PUBLISH steps qos=1 id=4 m=x dup");
    client.expect("PUBLISH steps qos=2 id=5 m=x dup");
    client.expect("PUBLISH steps qos=1 id=6 m=x");
    client.expect("PUBLISH steps qos=2 id=7 m=x");
    client.send("PUBLISH steps qos=1 id=1 m=y");
    client.expect("PUBLISH steps qos=1 id=8 m=y");
    client.expect("PUBACK id=1");
}

#[test]
fn a_message_that_its_publisher_has_not_released() {
    let mut file = File::new();
    file.message(&message(1, "in", QoS::ExactlyOnce, "once"));
    file.session("p", 0, None);
    let incoming = ClientMessage {
        packet_id: 77,
        dup: false,
        direction: Direction::In,
        ..outgoing("p", 1, QoS::ExactlyOnce, State::WaitForPubRel)
    };
    file.client_message(&incoming);
    let Some(mosquitto) = Mosquitto::start("mosquitto-db-incoming", &file.bytes()) else {
        return;
    };
    let mut subscriber = mosquitto.connect("v311 clean", "s", "");
    subscriber.send("SUBSCRIBE id=1 in qos=1");
    subscriber.expect("SUBACK id=1 0x01");
    let mut publisher = mosquitto.connect("v311", "p", "session-present");
    publisher.send("PUBLISH in qos=2 id=77 m=once dup");
    publisher.expect("PUBREC id=77");
    publisher.send("PUBREL id=77");
    publisher.expect("PUBCOMP id=77");
    subscriber.expect("PUBLISH in qos=1 id=1 m=once");
}

#[test]
fn properties_expiry_and_identifiers() {
    let mut all = PropertiesBuf::new();
    all.push(Property::PayloadFormatIndicator(1))
        .push(Property::ContentType("text"))
        .push(Property::ResponseTopic("r"));
    all.push(Property::CorrelationData(b"\0\xFF")).push(Property::UserProperty("a", "1"));
    let mut identifier = PropertiesBuf::new();
    identifier.push(Property::SubscriptionIdentifier(300));
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs() as i64;
    let mut file = File::new();
    let expires = message(1, "t", QoS::AtLeastOnce, "x");
    file.message(&BaseMessage { expiry_time_s: now + 1000, properties: all.as_properties(), ..expires });
    file.message(&BaseMessage { expiry_time_s: now - 1000, ..message(2, "t", QoS::AtLeastOnce, "too late") });
    file.session("s", 2, Some(SessionExpiry { time_s: now + 1000, interval_s: 2000 }));
    for store_id in [1, 2] {
        let queued = outgoing("s", store_id, QoS::AtLeastOnce, State::Queued);
        file.client_message(&ClientMessage { properties: identifier.as_properties(), ..queued });
    }
    file.subscription("s", "t", 300);
    let Some(mosquitto) = Mosquitto::start("mosquitto-db-properties", &file.bytes()) else {
        return;
    };
    let mut client = mosquitto.connect("v5 session-expiry-interval=100", "s", "session-present");
    client.expect(
        "PUBLISH t qos=1 id=1 m=x message-expiry-interval=900..1000 payload-format-indicator=1 content-type=text \
         response-topic=r correlation-data=\"\\x00\\xff\" user-property=a:1 subscription-identifier=300",
    );
    client.send("PUBLISH t m=live");
    client.expect("PUBLISH t m=live subscription-identifier=300");
}

#[test]
fn retained_messages_and_shared_subscriptions() {
    let mut file = File::new();
    file.message(&BaseMessage { retain: true, ..message(1, "kept/1", QoS::AtLeastOnce, "one") });
    file.message(&BaseMessage { retain: true, ..message(2, "kept/2", QoS::AtMostOnce, "two") });
    file.message(&BaseMessage { retain: true, ..message(3, "kept/no-more", QoS::AtMostOnce, "replaced") });
    file.session("s", 0, None);
    file.subscription("s", "$share/group/shared/+", 0);
    for store_id in [1, 2] {
        file.0.retained(Retained { store_id }).expect("memory takes all");
    }
    let Some(mosquitto) = Mosquitto::start("mosquitto-db-retained", &file.bytes()) else {
        return;
    };
    let mut client = mosquitto.connect("v311", "s", "session-present");
    client.send("PUBLISH shared/x qos=1 id=1 m=y");
    client.expect("PUBLISH shared/x qos=1 id=1 m=y");
    client.expect("PUBACK id=1");
    client.send("PUBACK id=1 & SUBSCRIBE id=2 kept/# qos=1");
    client.expect("SUBACK id=2 0x01");
    let mut got = [client.receive().to_string(), client.receive().to_string()];
    got.sort();
    assert!(got[0].contains("kept/1") && got[1].contains("kept/2"), "{got:?}");
    let file = mosquitto.end();
    let mut reader = Reader::new(&file[..]).expect("it has a header");
    let mut retained = 0;
    while let Some(chunk) = reader.next_chunk().expect("it is good") {
        retained += u32::from(matches!(chunk.content, Content::Retained(_)));
    }
    assert_eq!(retained, 2);
}
