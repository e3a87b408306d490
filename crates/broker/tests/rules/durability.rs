//! What leaves only when the log is durable, seen from the shards themselves: here the log has a pace of its own.

use crate::world::World;
use crate::world::script::{Conversation, SHARDS};
use midge_broker::{
    BATCH_HEADER_BYTES, ConnectionEnd, ConnectionId, FirstBytes, ListenerId, LogQueue, LogState, Options, Shard,
    ShardId, Shared, SnapshotOrder, Turn,
};
use std::sync::Arc;

const C: ConnectionId = ConnectionId(0);
const D: ConnectionId = ConnectionId(1);

/// The end of a Session is not durable: its client begins anew, wherever it was accepted, and its CONNACK waits, because after
/// a crash the old Session would be there again. Later it is free to go to any shard.
#[test]
fn the_connack_of_a_client_whose_session_has_ended_waits_until_that_is_durable() {
    let mut server = Server::new();
    server.connect(0, C, false);
    server.close(0, C);
    server.become_durable();
    server.connect(0, C, true);
    server.close(0, C);
    assert!(server.is_moved_from_shard_1(), "only the shard that ended the Session knows that it must wait");
    server.connect(0, D, true);
    assert!(server.shards[0].waits_for_log(D) && server.hand_over(0).is_some());
    server.close(0, D);
    assert!(server.shards[0].awaited_position().is_some());
    server.become_durable();
    assert!(server.shards[0].awaited_position().is_none() && server.shared.directory().is_empty());
    assert!(!server.is_moved_from_shard_1());
}

/// A client that nobody knew is answered at once, whatever others wait for.
#[test]
fn the_connack_of_an_unknown_client_that_keeps_nothing_waits_for_nothing() {
    let mut server = Server::new();
    server.connect_as(b'd', 0, D, false);
    server.connect_as(b'e', 1, C, false);
    server.connect(0, C, true);
    assert!(server.shards[0].waits_for_log(D) && server.hand_over(0).is_some());
    assert!(!server.shards[0].waits_for_log(C));
}

/// While a snapshot is taken, a message that a share group gave to a member comes back to it. From that moment on another
/// shard may take and record it, so this shard's record must stand in the log's queue before, not with the end of the turn.
#[test]
fn what_goes_back_to_its_share_group_is_in_the_log_before_others_see_it() {
    let mut server = Server::new();
    server.connect(0, C, false);
    server.connect_as(b'p', 1, D, false);
    server.send(0, C, b"\x82\x0f\0\x01\0\x0a$share/g/t\x01");
    server.shards[1].handle_bytes(D, b"\x32\x06\0\x01t\0\x01m", &mut server.turn);
    server.hand_over(1);
    for (to, parcel) in server.turn.mail.parcels() {
        server.shared.mesh().post(to, parcel);
    }
    server.finish_turn(1);
    server.close(0, C);
    let (shared, mut parcels) = (server.shared.clone(), Vec::new());
    let log = shared.log().expect("a log");
    assert!(log.begin_snapshot(SnapshotOrder::default()));
    let before = log.next();
    shared.mesh().collect(ShardId(0), &mut parcels);
    parcels.iter().for_each(|parcel| server.shards[0].handle_mail(parcel, &mut server.turn));
    assert_eq!(shared.groups().queued().0, 1, "the member is away");
    assert!(log.next() > before);
}

/// Without room in the log, what nobody is to keep goes its way: nothing would have to be recorded.
#[test]
fn a_full_log_refuses_only_what_would_be_recorded() {
    for shards in SHARDS {
        let mut conversation = Conversation::new(World::new(Options::default(), shards, 5));
        let before = r"
            s connects v311
            s subscribes kept qos=1
            g connects v311
            g subscribes $share/g/shared qos=1
            c connects v311 clean
            c subscribes seen qos=2
            p connects v5 clean
            d connects v5 session-expiry-interval=100
        ";
        conversation.play(before).unwrap_or_else(|error| panic!("{error}"));
        conversation.world.shared.log().expect("a log").set_state(LogState::Full);
        let full = r"
            p> PUBLISH kept qos=1 id=1 m=1
            p< PUBACK id=1 0x97
            p> PUBLISH shared qos=1 id=1 m=1
            p< PUBACK id=1 0x97
            p> PUBLISH seen qos=1 id=1 retain m=1
            p< PUBACK id=1 0x97
            p> PUBLISH nobody qos=1 id=1 m=1
            p< PUBACK id=1 0x10
            p> PUBLISH seen qos=1 id=1 m=2
            p< PUBACK id=1
            c receives seen qos=1 m=2
            p> PUBLISH seen qos=2 id=1 m=3
            p< PUBREC id=1
            c receives seen qos=2 m=3
            # Its Packet Identifier would have to be remembered.
            d> PUBLISH seen qos=2 id=1 m=4
            d< PUBREC id=1 0x97
            s< nothing
        ";
        conversation.play(full).unwrap_or_else(|error| panic!("{error}"));
    }
}

/// A QoS 2 PUBLISH waits for the log with its Packet Identifier; what follows must not come before it.
#[test]
fn messages_of_lower_qos_do_not_overtake_a_qos_2_message_that_waits() {
    let mut server = Server::new();
    server.connect_as(b'd', 1, D, true);
    server.connect(0, C, false);
    server.send(0, C, b"\x82\x06\0\x01\0\x01t\x02");
    let mut deliver = |publish: &[u8]| {
        server.shards[0].handle_bytes(C, publish, &mut server.turn);
        let (holds_all, waits) = (server.turn.outbox.holds_all(C), server.turn.outbox.waits(C));
        server.finish_turn(0);
        (holds_all, waits)
    };
    assert_eq!(deliver(b"\x30\x04\0\x01tm"), (false, false));
    assert_eq!(deliver(b"\x32\x06\0\x01t\0\x01m"), (false, true), "PUBACK waits, the message need not");
    assert_eq!(deliver(b"\x34\x06\0\x01t\0\x02m"), (true, true));
}

/// A PUBLISH that would be recorded is not taken while more waits for the log than may; others are.
#[test]
fn what_would_be_recorded_waits_while_the_log_is_outrun() {
    let mut server = Server::with_log(|log| log.with_pending_bytes_max(0));
    server.connect(0, C, false);
    let mut is_taken = |publish: &[u8]| {
        let consumed = server.shards[0].handle_bytes(C, publish, &mut server.turn);
        server.finish_turn(0);
        consumed.bytes == publish.len()
    };
    assert!(is_taken(b"\x30\x04\0\x01tm"));
    assert!(!is_taken(b"\x31\x04\0\x01tm"), "a Retained Message with QoS 0 is kept too");
    assert!(!is_taken(b"\x32\x06\0\x01t\0\x01m"));
    server.shared.log().expect("a log").take(&mut Vec::new());
    let mut is_taken = |publish: &[u8]| server.shards[0].handle_bytes(C, publish, &mut server.turn).bytes > 0;
    assert!(is_taken(b"\x31\x04\0\x01tm"), "the log has caught up");
}

/// Two shards and a log that is durable when it is told to be.
struct Server {
    shared: Arc<Shared>,
    shards: [Shard; 2],
    turn: Turn,
}

impl Server {
    fn new() -> Server {
        Server::with_log(|log| log)
    }

    fn with_log(how: impl FnOnce(LogQueue) -> LogQueue) -> Server {
        let log = how(LogQueue::new(2, BATCH_HEADER_BYTES as u64));
        let shared = Arc::new(Shared::new(2, 0).with_log(log));
        let options = Arc::new(Options::default());
        let shards = [0, 1].map(|number| Shard::new(options.clone(), ShardId(number), shared.clone()));
        Server { shared, shards, turn: Turn::new(2) }
    }

    fn connect(&mut self, shard: usize, id: ConnectionId, is_clean: bool) {
        self.connect_as(b'c', shard, id, is_clean);
    }

    fn connect_as(&mut self, client: u8, shard: usize, id: ConnectionId, is_clean: bool) {
        let bytes = connect(client, is_clean);
        let first = self.shards[shard].handle_first_bytes(id, ListenerId(0), &bytes, &mut self.turn);
        assert!(matches!(first, FirstBytes::Stay(_)));
        self.finish_turn(shard);
    }

    fn send(&mut self, shard: usize, id: ConnectionId, bytes: &[u8]) {
        self.shards[shard].handle_bytes(id, bytes, &mut self.turn);
        self.finish_turn(shard);
    }

    fn close(&mut self, shard: usize, id: ConnectionId) {
        self.shards[shard].handle_closed(id, ConnectionEnd::ClosedByClient, &mut self.turn);
        self.finish_turn(shard);
    }

    /// Whether a connection of the client that is accepted by the other shard comes to the first.
    fn is_moved_from_shard_1(&mut self) -> bool {
        let first = self.shards[1].handle_first_bytes(C, ListenerId(0), &connect(b'c', true), &mut self.turn);
        let FirstBytes::Move { arrival, .. } = first else { return false };
        self.shards[0].handle_arrival(C, arrival, &connect(b'c', true), &mut self.turn);
        self.close(0, C);
        true
    }

    fn hand_over(&mut self, shard: usize) -> Option<u64> {
        self.shards[shard].hand_over(&mut self.turn)
    }

    fn finish_turn(&mut self, shard: usize) {
        self.hand_over(shard);
        self.turn.clear();
        self.shards[shard].note_turn_finished();
    }

    fn become_durable(&mut self) {
        let log = self.shared.log().expect("a log");
        log.set_durable(log.next());
        (0..2).for_each(|shard| self.finish_turn(shard));
    }
}

/// CONNECT, version 3.1.1.
fn connect(client: u8, is_clean: bool) -> [u8; 15] {
    [0x10, 13, 0, 4, b'M', b'Q', b'T', b'T', 4, u8::from(is_clean) << 1, 0, 0, 0, 1, client]
}
