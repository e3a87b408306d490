//! The simplest publisher there is: it never reads an answer, and is gone as soon as it has said what it had to say.

mod common;

use std::io::{Read, Write};
use std::time::Duration;

use common::{Server, connect_packet, free_port, open, publish_packet, subscriber};

/// With our CONNACK unread in its buffer, such a client's close is a reset, and what Nagle's algorithm holds back on its side
/// at that moment is lost. So nothing of it may have to wait for our acknowledgement, which the system delays once we have
/// answered, unless told otherwise. To a new connection it gives sixteen immediate ones.
///
/// On a machine that is busy with other things an acknowledgement may come too late all the same, so one round in four may
/// lose. Without immediate acknowledgement all do.
#[test]
fn what_it_sent_before_it_vanished_counts() {
    for shards in [1, 2] {
        let port = free_port();
        let _server = Server::configured(port, &format!("shards {shards}"));
        let mut reader = subscriber(port, "reader", "t");
        reader.set_read_timeout(Some(Duration::from_secs(1))).expect("a time limit");
        let lost = (0..ROUNDS).filter(|round| publish_and_vanish(port, *round, &mut reader) < MESSAGES).count();
        assert!(lost <= usize::from(ROUNDS / 4), "{lost} of {ROUNDS} publishers lost messages with {shards} shards");
    }
}

/// How many messages of one publisher arrive.
fn publish_and_vanish(port: u16, round: u8, reader: &mut impl Read) -> usize {
    let mut stream = open(port);
    stream.write_all(&connect_packet(&format!("p{round}"))).expect("written");
    // Until CONNACK is there, and the server is done with it.
    stream.peek(&mut [0]).expect("an answer");
    std::thread::sleep(Duration::from_millis(50));
    for number in 0..MESSAGES as u8 {
        stream.write_all(&publish_packet("t", &[round, number])).expect("written");
    }
    drop(stream);
    let arrives = |number: &u8| {
        let mut packet = publish_packet("t", &[round, *number]);
        let expected = packet.clone();
        reader.read_exact(&mut packet).is_ok_and(|()| packet == expected)
    };
    (0..MESSAGES as u8).take_while(arrives).count()
}

const ROUNDS: u8 = 20;

const MESSAGES: usize = 10;
