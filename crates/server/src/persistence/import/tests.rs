//! What a database is worth, on the way through a log that is only in memory.

use std::sync::Arc;

use midge_broker::ids::ShardId;
use midge_broker::recovery::{Recovered, Saved, SavedSession};
use midge_broker::{Shard, Shared};
use midge_codec::Properties;
use midge_mosquitto_db::{Config, Retained, SessionExpiry, Writer};
use midge_persistence::{read, start};
use midge_store::memory_disk::MemoryDisk;
use midge_store::{Options, WriteError};

use super::*;
use midge_codec::QoS;
use midge_mosquitto_db::{BaseMessage, Client, ClientMessage, Direction, State, Subscription};

const NOW: Now = Now { monotonic_ms: 5_000, wall_s: 2_000_000_000, wall_ns: 0 };

/// What was counted, what a server finds, and what the log holds.
fn import(file: &[u8], shards: u16) -> (Imported, Recovered, Saved) {
    let database = Database::read(Reader::new(file).expect("a header"), NOW).expect("it is good");
    let opened = Log::open(MemoryDisk::new(1), "/log".as_ref(), Options::default(), Repair::No);
    let mut log = opened.expect("a new log").log;
    let written = write::write(&database, Import::new(log.end().0, shards, NOW), |batches| log.write(batches));
    let imported = written.map_err(|error: WriteError| error.to_string()).expect("there is room");
    let rules = Arc::default();
    let replay = || start::replay(&log, &rules).expect("records").0;
    let reader = log.reader();
    let saved = replay().save(NOW, |address| read::whole(&reader, address)).map_err(|error| error.to_string());
    let recovery = replay();
    let shared = Arc::new(Shared::new(shards, 0).with_log(start::queue(&log, shards)));
    let shard = |number| Shard::new(Arc::clone(&rules), ShardId(number), Arc::clone(&shared));
    let mut all: Vec<Shard> = (0..shards).map(shard).collect();
    let recovered = start::restore(recovery, &mut log, &shared, &mut all, || NOW).expect("restored");
    (imported, recovered, saved.expect("it can be read"))
}

#[test]
fn what_mosquitto_wrote_is_found_by_a_server() {
    let fixture = include_bytes!("../../../../mosquitto-db/tests/fixtures/v6-ended.db");
    for shards in [1, 2, 5] {
        let (imported, recovered, _) = import(fixture, shards);
        assert_eq!(imported, Imported { sessions: 6, subscriptions: 8, messages: 13, retained: 2 });
        // One that waits for PUBCOMP is no message any more, and one that is not released went to nobody.
        let Recovered { sessions, subscriptions, messages, retained, is_renamed, .. } = recovered;
        assert_eq!((sessions, subscriptions, messages, retained, is_renamed), (6, 8, 11, 2, false));
    }
}

/// A file with messages 1 to 9 (the last one with a payload of its own batch), and what is written behind them.
fn file(write: impl FnOnce(&mut Writer<Vec<u8>>)) -> Vec<u8> {
    let mut writer = Writer::new(Vec::new(), &Config { shutdown: true, last_store_id: 9 }).expect("memory takes all");
    let large = [b'x'; 10_000];
    // As Mosquitto does, the newest first.
    for store_id in (1..=9).rev() {
        writer
            .base_message(&BaseMessage {
                store_id,
                expiry_time_s: [0, 2_000_000_100, 1_999_999_999][store_id as usize % 3],
                source_id: b"",
                source_username: b"",
                source_port: 0,
                source_packet_id: 1,
                topic: b"t",
                qos: QoS::ExactlyOnce,
                retain: store_id == 3,
                payload: if store_id == 9 { &large } else { b"x" },
                properties: Properties::EMPTY,
            })
            .expect("memory takes all");
    }
    write(&mut writer);
    writer.into_output()
}

fn client<'a>(id: &'a str, username: &'a [u8], expiry: Option<SessionExpiry>) -> Client<'a> {
    Client { id: id.as_bytes(), username, listener_port: 1883, last_packet_id: 0, expiry, disconnected_time_s: None }
}

fn held(client_id: &str, store_id: u64, state: State) -> ClientMessage<'_> {
    ClientMessage {
        client_id: client_id.as_bytes(),
        store_id,
        packet_id: store_id as u16,
        qos: QoS::ExactlyOnce,
        retain: false,
        dup: false,
        direction: if state == State::WaitForPubRel { Direction::In } else { Direction::Out },
        state,
        properties: Properties::EMPTY,
    }
}

fn subscription<'a>(client_id: &'a str, filter: &'a str) -> Subscription<'a> {
    let (client_id, filter) = (client_id.as_bytes(), filter.as_bytes());
    Subscription { client_id, filter, qos: QoS::AtLeastOnce, options: NO_LOCAL_AND_MORE, identifier: 7 }
}

const NO_LOCAL_AND_MORE: u8 = 0x3C;

fn find<'s>(saved: &'s Saved, id: &str) -> &'s SavedSession {
    saved.sessions.iter().find(|session| &*session.client_id == id).expect("the Session is there")
}

#[test]
fn sessions_end_when_they_would_have() {
    let expiry = |time_s, interval_s| Some(SessionExpiry { time_s, interval_s });
    let (_, _, saved) = import(
        &file(|writer| {
            let clients = [
                client("never", b"", None),
                client("later", b"ada", expiry(2_000_000_060, 3600)),
                client("was-connected", b"", expiry(0, 3600)),
                client("over", b"", expiry(1_999_999_990, 3600)),
                client("by-a-wrong-clock", b"", expiry(i64::MAX, 3600)),
                client("with-its-connection", b"", expiry(0, 0)),
                client("without-a-name", b"ada\0\x12", None),
                client("", b"", None),
            ];
            clients.iter().for_each(|client| writer.client(client).expect("memory takes all"));
        }),
        2,
    );
    let mut found: Vec<_> = saved.sessions.iter().map(|session| (&*session.client_id, session.ends_at_ms)).collect();
    found.sort_unstable();
    let expected = [
        ("by-a-wrong-clock", Some(3_605_000)),
        ("later", Some(65_000)),
        ("never", None),
        ("was-connected", Some(3_605_000)),
        ("without-a-name", None),
    ];
    assert_eq!(found, expected);
    assert_eq!(find(&saved, "later").owner, Some((1883, Some("ada".into()))));
    assert_eq!(find(&saved, "without-a-name").owner, Some((1883, None)));
}

/// A Retained Message of long ago may stand at the back of a queue, a message may stand there twice, and one that has expired not
/// at all.
#[test]
fn queues_keep_their_order() {
    let (imported, recovered, saved) = import(
        &file(|writer| {
            writer.client(&client("a", b"", None)).expect("memory takes all");
            for store_id in [4, 9, 5, 9, 3, 3, 77] {
                writer.client_message(&held("a", store_id, State::Queued)).expect("memory takes all");
            }
            writer.client_message(&held("a", 6, State::WaitForPubComp)).expect("memory takes all");
            writer.client_message(&held("a", 7, State::WaitForPubRec)).expect("memory takes all");
            writer.retained(Retained { store_id: 3 }).expect("memory takes all");
            writer.retained(Retained { store_id: 5 }).expect("memory takes all");
        }),
        1,
    );
    let a = find(&saved, "a");
    let queue: Vec<_> =
        a.queue.iter().map(|entry| (entry.message.payload().len(), entry.message.expires_at_s())).collect();
    assert_eq!(queue, [(1, Some(105)), (10_000, None), (10_000, None), (1, None), (1, None)]);
    let exchanges: Vec<_> = a.exchanges.iter().map(|(packet_id, entry)| (*packet_id, entry.is_some())).collect();
    assert_eq!(exchanges, [(6, false), (7, true)]);
    assert_eq!((imported.messages, recovered.messages, imported.retained), (7, 6, 1));
}

#[test]
fn what_is_not_released_goes_to_all_who_want_it() {
    let (_, recovered, saved) = import(
        &file(|writer| {
            for id in ["publisher", "member", "other"] {
                writer.client(&client(id, b"", None)).expect("memory takes all");
            }
            writer.client_message(&held("publisher", 3, State::WaitForPubRel)).expect("memory takes all");
            writer.client_message(&held("publisher", 77, State::WaitForPubRel)).expect("memory takes all");
            for (id, filter) in
                [("publisher", "#"), ("member", "$share/g/t"), ("other", "t"), ("other", "u"), ("gone", "t")]
            {
                writer.subscription(&subscription(id, filter)).expect("memory takes all");
            }
        }),
        2,
    );
    assert_eq!((find(&saved, "publisher").unreleased, find(&saved, "publisher").queue.len()), (2, 0));
    let [entry] = &find(&saved, "other").queue[..] else { panic!("one message") };
    assert_eq!((entry.qos, entry.retain, &entry.identifiers[..]), (QoS::AtLeastOnce, true, &[7][..]));
    assert_eq!((saved.in_groups, saved.retained.len(), recovered.is_renamed), (1, 1, true));
}

#[test]
fn names_that_no_client_may_have_are_left_out_and_counted() {
    let file = file(|writer| {
        writer.client(&client("a", b"", None)).expect("memory takes all");
        writer.client(&client("a\0b", b"", None)).expect("memory takes all");
        writer.subscription(&subscription("a", "t/#/u")).expect("memory takes all");
        let beyond = Subscription { identifier: u32::MAX, ..subscription("a", "t") };
        writer.subscription(&beyond).expect("memory takes all");
    });
    let database = Database::read(Reader::new(&file[..]).expect("a header"), NOW).expect("it is good");
    assert_eq!((database.sessions.len(), database.left_out), (1, 3));
}

/// Whatever stands there is refused, or comes over as something.
#[test]
fn no_byte_of_a_file_makes_it_panic() {
    let fixture = include_bytes!("../../../../mosquitto-db/tests/fixtures/v6-ended.db");
    for at in 0..fixture.len() {
        for change in [0x01, 0x80, 0xFF] {
            let mut file = fixture.to_vec();
            file[at] ^= change;
            if let Ok(database) = Reader::new(&file[..]).and_then(|reader| Database::read(reader, NOW)) {
                let written = write::write(&database, Import::new(0, 2, NOW), |_| Ok::<(), ()>(()));
                assert!(written.is_ok(), "byte {at}");
            }
        }
    }
}

/// What is told of the database of a file.
fn told(file: &[u8]) -> Vec<String> {
    let database = Database::read(Reader::new(file).expect("a header"), NOW).expect("each chunk is good");
    warnings(&database, Path::new("mosquitto.db")).collect()
}

#[test]
fn nothing_is_told_of_what_mosquitto_wrote() {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../mosquitto-db/tests/fixtures");
    let mut count = 0;
    for entry in fs::read_dir(fixtures)
        .expect("a folder")
        .flatten()
        .filter(|it| it.path().extension().is_some_and(|it| it == "db"))
    {
        assert_eq!(told(&fs::read(entry.path()).expect("readable")), [""; 0], "{:?}", entry.path());
        count += 1;
    }
    assert!(count > 2);
}

#[test]
fn what_the_file_names_and_does_not_hold_is_counted() {
    let write = |writer: &mut Writer<Vec<u8>>| {
        writer.client(&client("a", b"", None)).expect("memory takes all");
        writer.retained(Retained { store_id: 70 }).expect("memory takes all");
        writer.retained(Retained { store_id: 3 }).expect("memory takes all");
        let subscription =
            Subscription { client_id: b"gone", filter: b"t", qos: QoS::AtMostOnce, options: 0, identifier: 0 };
        writer.subscription(&subscription).expect("memory takes all");
    };
    let expected = "Warning: mosquitto.db is damaged: 1 retained messages that it names are not in it, 1 messages and subscriptions \
                    belong to clients that are not in it. All else of it comes over; to have these too, restore it from a copy first.";
    assert_eq!(told(&file(write)), [expected]);
    // The number of a message, as a disk may have damaged it.
    let mut damaged = include_bytes!("../../../../mosquitto-db/tests/fixtures/v6-ended.db").to_vec();
    damaged[62] ^= 0xff;
    assert!(told(&damaged).concat().contains("is damaged"), "{:?}", told(&damaged));
}
