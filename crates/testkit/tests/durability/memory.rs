//! Memory: what waits for those who are away waits on the disk, however much comes at once.

use midge_testkit::{Client, Server};

use crate::folder::Folder;

const AWAY: usize = 150;
const PUBLISHERS: usize = 20;

/// As many as a client may have under way.
const WINDOW: usize = 20;

/// Short of what is shared by those who wait for it.
const PAYLOAD_BYTES: usize = 7_000;

/// All that the publishers send at once is 420 MB, with a copy for each.
#[test]
fn what_many_send_to_many_who_are_away_does_not_fill_the_memory() {
    let folder = Folder::new();
    let server = Server::start(&format!("max_queued_messages 0\n{}", folder.configuration()));
    for number in 0..AWAY {
        let mut away = server.connect();
        away.send(&format!("CONNECT v5 id=away{number} session-expiry-interval=1000 & SUBSCRIBE id=1 t qos=1"));
        away.expect("CONNACK");
        away.expect("SUBACK id=1 0x01");
    }
    let payload = "x".repeat(PAYLOAD_BYTES);
    let mut publishers: Vec<Client> = (0..PUBLISHERS).map(|_| server.connect()).collect();
    for publisher in &mut publishers {
        publisher.send("CONNECT v5 clean");
        publisher.expect("CONNACK");
        (1..=WINDOW).for_each(|id| publisher.send(&format!("PUBLISH t qos=1 id={id} m={payload}")));
    }
    for publisher in &mut publishers {
        (1..=WINDOW).for_each(|id| drop(publisher.expect(&format!("PUBACK id={id}"))));
    }
    let peak = server.peak_resident_bytes();
    assert!(peak < 150_000_000, "{peak} bytes");
}
