//! Messages into other systems: InfluxDB, web services, files.
//!
//! InfluxDB 1.6 is Debian's, run on loopback; of later versions, and of web services, a stand-in takes down what it is sent.

mod files;
mod influxd;
mod looks;
mod outages;
mod points;
mod reloads;
mod troubles;
mod tutorial;
mod versions;
mod webhooks;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use midge_codec::{Connect, Packet, Properties, PublishOut, QoS, Version};
use midge_testkit::{PATIENCE, Server};

/// Waits until it is so; panics, saying what is not, where it never is.
#[track_caller]
fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < deadline, "not so: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Has a client come, publish and go. A message is `TOPIC [qos=QOS] m=PAYLOAD`, the payload perhaps in quotes. All that is to be
/// acknowledged is when it goes, and the rest was read.
fn publish(server: &Server, messages: &[&str]) {
    let mut out = Vec::new();
    let connect = Connect {
        version: Version::V311,
        bridge: false,
        clean_start: true,
        keep_alive_s: 0,
        client_id: "",
        will: None,
        username: None,
        password: None,
        properties: Properties::EMPTY,
    };
    Packet::Connect(connect).encode(Version::V311, &mut out);
    let mut waiting = 0;
    for (message, packet_id) in messages.iter().zip((1..=u16::MAX).cycle()) {
        let (head, payload) = message.split_once(" m=").expect("a payload");
        let (topic, qos) = head.rsplit_once(" qos=").unwrap_or((head, "0"));
        let qos = QoS::from_u8(qos.parse().expect("a QoS")).expect("a QoS");
        waiting += usize::from(qos > QoS::AtMostOnce);
        let publish = PublishOut {
            version: Version::V311,
            dup: false,
            qos,
            retain: false,
            topic: topic.as_bytes(),
            packet_id,
            topic_alias: None,
            message_expiry_interval_s: None,
            subscription_ids: &[],
            forward: &[],
            payload: payload.trim_matches('\'').as_bytes(),
        };
        publish.encode(&mut out);
    }
    // PINGREQ, whose answer comes behind all that it came behind.
    out.extend_from_slice(&[0xc0, 0]);
    let mut stream = TcpStream::connect(server.address()).expect("the server listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    stream.write_all(&out).expect("the server reads");
    let mut is_pinged = false;
    while waiting > 0 || !is_pinged {
        let mut head = [0; 2];
        stream.read_exact(&mut head).expect("the server answers");
        let mut body = vec![0; usize::from(head[1])];
        stream.read_exact(&mut body).expect("the server answers");
        match head[0] >> 4 {
            // PUBACK and PUBCOMP.
            4 | 7 => waiting -= 1,
            // PUBREC.
            5 => stream.write_all(&[0x62, 2, body[0], body[1]]).expect("the server reads"),
            13 => is_pinged = true,
            _ => {}
        }
    }
    stream.write_all(&[0xe0, 0]).expect("the server reads");
}
