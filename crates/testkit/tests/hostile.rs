//! What a server must bear from clients that take and do not give: connections without end that say nothing, readers that never
//! read, floods, and a machine that has run out. Bytes that are against the rules are in `errors.rs`.
//!
//! `MIDGE_HOSTILE_CONNECTIONS` sets how many silent connections are made (`cargo xtask endurance --connections`).

use std::io::Write;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use midge_testkit::{Client, Conversation, Kind, PATIENCE, Received, Server, check_with, on_each_shard_count};
use rustix::process::{Pid, Resource, Rlimit, getrlimit, prlimit, setrlimit};

/// Half of the strangers say nothing, half say a CONNECT, a byte at a time. Two clients exchange messages all the while.
#[test]
fn thousands_who_say_nothing_harm_nobody() {
    raise_own_limit();
    let wanted = std::env::var("MIDGE_HOSTILE_CONNECTIONS").ok();
    let wanted: usize = wanted.map_or(1500, |text| text.parse().expect("MIDGE_HOSTILE_CONNECTIONS is a number"));
    let server = Server::start("shards 2\nset_tcp_nodelay true");
    let mut pair = Exchange::new(&server);
    let alone = pair.round_trips(100);
    let before = server.resident_bytes();
    let mut strangers: Vec<TcpStream> = Vec::with_capacity(wanted);
    while strangers.len() < wanted {
        let more = 500.min(wanted - strangers.len());
        strangers.extend((0..more).map(|_| TcpStream::connect(server.address()).expect("the server accepts")));
        pair.round_trips(10);
    }
    let mut slowest = Duration::ZERO;
    for byte in midge_testkit::client::hex("10 7f 00 04") {
        let second = Instant::now() + Duration::from_secs(1);
        for stranger in strangers.iter_mut().step_by(2) {
            // One that took so long to make that its time for a CONNECT is over is no failure.
            let _ = stranger.write_all(&[byte]);
        }
        slowest = slowest.max(pair.round_trips(100));
        std::thread::sleep(second.saturating_duration_since(Instant::now()));
    }
    let each = server.resident_bytes().saturating_sub(before) / wanted as u64;
    println!("{wanted} connections: {each} bytes for each; slowest round trip {slowest:?}, without them {alone:?}");
    // A slab entry, a time limit, an entry of a list; half keep some bytes. What grows by doubling is half empty at worst.
    assert!(each < 1_000, "{each} bytes for each connection");
    assert!(slowest < Duration::from_secs(1), "a round trip took {slowest:?}");
}

/// A silent client, one that is slow on purpose, and one that did say CONNECT.
#[test]
fn the_time_for_a_connect_is_what_the_configuration_says() {
    on_each_shard_count("connect_timeout 1", |server| {
        let mut talk = Conversation::with(server);
        talk.play("good connects v311 clean");
        let started = Instant::now();
        let mut silent = server.connect();
        let mut slow = server.connect();
        for byte in midge_testkit::client::hex("10 7f 00 04 4d 51") {
            slow.send_bytes(&[byte]);
            std::thread::sleep(Duration::from_millis(100));
        }
        silent.expect_closed();
        slow.expect_closed();
        let taken = started.elapsed();
        assert!(taken > Duration::from_millis(900) && taken < Duration::from_secs(4), "closed after {taken:?}");
        talk.play("good pings\n late connects v5 clean");
    });
}

/// Without descriptors the server says so, waits, serves whom it has, and accepts again as soon as it can.
#[test]
fn a_server_without_descriptors_recovers() {
    on_each_shard_count("", |server| {
        let mut talk = Conversation::with(server);
        talk.play("s connects v5 clean\n s subscribes t\n p connects v311 clean");
        let process = Pid::from_raw(server.process_id() as i32);
        let open = server.open_files() as u64;
        let limit = Rlimit { current: Some(open + 10), maximum: Some(open + 10) };
        prlimit(process, Resource::Nofile, limit).expect("lower the limit of the server");
        let mut crowd: Vec<Client> = (0..30).map(|_| server.connect()).collect();
        server.expect_log("Warning: unable to accept new connections for now: *open files");
        let busy = cpu_time(server);
        for _ in 0..10 {
            talk.play("p> PUBLISH t m=x\n s< PUBLISH t m=x\n wait 100ms");
        }
        let busy = cpu_time(server) - busy;
        assert!(busy < Duration::from_millis(400), "{busy:?} of one second spent on what cannot be");
        // Those who wait are accepted when others go: eleven are in, so the first of those outside is not.
        let mut outside = crowd.split_off(20);
        drop(crowd);
        for client in &mut outside {
            client.send("CONNECT v311 clean");
        }
        outside.iter_mut().for_each(|client| drop(client.expect("CONNACK")));
        talk.play("p> PUBLISH t m=y\n s< PUBLISH t m=y");
        assert_eq!(server.count_log("unable to accept"), 1, "{:#?}", server.log());
    });
}

/// What is meant for a reader who does not read is discarded and counted at QoS 0, and kept within its limits at QoS 1.
#[test]
fn a_reader_who_never_reads_costs_little() {
    let configuration = "sys_interval 1\nmax_queued_messages 100\nmax_inflight_messages 20\nmax_packet_size 10000";
    on_each_shard_count(configuration, |server| {
        let mut talk = Conversation::with(server);
        talk.play(
            "stuck connects v5 clean
             stuck subscribes flood qos=0 exact qos=1
             quick connects v5 clean
             quick subscribes flood qos=0
             p connects v5 clean",
        );
        let before = server.resident_bytes();
        let started = Instant::now();
        let payload = "x".repeat(8000);
        let batch = vec![format!("PUBLISH flood m={payload}"); BATCH].join(" & ");
        for _ in 0..BATCHES {
            talk.client("p").send(&batch);
            for _ in 0..BATCH {
                talk.client("quick").expect(&format!("PUBLISH flood m={payload}"));
            }
        }
        for id in 1..=300 {
            talk.play(&format!("p> PUBLISH exact qos=1 id={id} m={id}\n p< PUBACK id={id} 0x??"));
        }
        let taken = started.elapsed();
        let grown = server.resident_bytes().saturating_sub(before);
        assert!(grown < 8_000_000, "grew by {grown} bytes");
        assert!(taken < Duration::from_secs(60), "the others needed {taken:?}");
        let dropped = dropped(server);
        let (mut flood, mut exact) = (0, Vec::new());
        while let Received::Packet(packet, _) = talk.client("stuck").receive_within(Duration::from_millis(500)) {
            match packet.number("id") {
                None => flood += 1,
                Some(id) => {
                    exact.push(packet.number("m").expect("a number"));
                    talk.client("stuck").send(&format!("PUBACK id={id}"));
                }
            }
        }
        // While its socket takes nothing, nothing is inflight either: only the queue counts.
        assert_eq!(exact, (1..=100).collect::<Vec<_>>(), "the oldest are kept");
        assert!(flood < BATCHES * BATCH, "the flood must be larger than what sockets hold");
        assert_eq!(flood + exact.len() + dropped, BATCHES * BATCH + 300, "what was not delivered was counted");
    });
}

/// Announcing packets reserves nothing.
#[test]
fn what_is_announced_is_not_reserved() {
    on_each_shard_count("max_packet_size 200000000", |server| {
        let mut clients: Vec<Client> = (0..50).map(|_| server.connect()).collect();
        for (number, client) in clients.iter_mut().enumerate() {
            client.send(&format!("CONNECT v5 clean id=c{number}"));
            client.expect("CONNACK");
        }
        let before = server.resident_bytes();
        for client in &mut clients {
            // 190 MB to come, 40 kB of them here.
            client.send("hex 30 80 eb cc 5a 00 01 74 00");
            client.send_bytes(&[b'x'; 40_000]);
        }
        Conversation::with(server).play("c connects v5 clean\n c subscribes t\n c> PUBLISH t m=x\n c< PUBLISH t m=x");
        std::thread::sleep(Duration::from_millis(300));
        let each = server.resident_bytes().saturating_sub(before) / 50;
        assert!(each < 120_000, "{each} bytes for each announced packet");
    });
}

/// A packet above `max_packet_size` is refused at its header, and nothing of it is kept.
// [MQTT5-3.2.2-15]
#[test]
fn two_hundred_megabytes_are_refused_at_the_header() {
    on_each_shard_count("", |server| {
        let mut talk = Conversation::with(server);
        talk.play("c connects v5 clean\n other connects v311 clean");
        let before = server.resident_bytes();
        talk.play("c> hex 32 80 84 af 5f\n c< DISCONNECT 0x95\n c< closed\n other pings");
        let mut pusher = server.connect();
        pusher.send("CONNECT v5 clean id=pusher & hex 30 80 84 af 5f");
        pusher.expect("CONNACK");
        // It goes on sending whatever it is told; what the server does not read ends with the connection.
        for _ in 0..200 {
            pusher.send_bytes(&[b'x'; 100_000]);
        }
        talk.play("other pings");
        let grown = server.resident_bytes().saturating_sub(before);
        assert!(grown < 2_000_000, "grew by {grown} bytes");
    });
}

/// Every Packet Identifier there is, all of them in use at once by one client that has no Receive Maximum.
// [MQTT3-4.3.3-2]
#[test]
fn all_packet_identifiers_at_once() {
    on_each_shard_count("", |server| {
        let mut talk = Conversation::with(server);
        talk.play("s connects v5 clean\n s subscribes t\n p connects v311 clean");
        let ids: Vec<u32> = (1..=65_535).collect();
        for batch in ids.chunks(1000) {
            send_each(&mut talk, batch, |id| format!("PUBLISH t qos=2 id={id} m={id}"));
            expect_each(&mut talk, "p", batch, |id| format!("PUBREC id={id}"));
            expect_each(&mut talk, "s", batch, |id| format!("PUBLISH t m={id}"));
        }
        for batch in ids.chunks(1000) {
            send_each(&mut talk, batch, |id| format!("PUBLISH t qos=2 id={id} m={id} dup"));
            expect_each(&mut talk, "p", batch, |id| format!("PUBREC id={id}"));
        }
        for batch in ids.chunks(1000) {
            send_each(&mut talk, batch, |id| format!("PUBREL id={id}"));
            expect_each(&mut talk, "p", batch, |id| format!("PUBCOMP id={id}"));
        }
        talk.play("s pings\n s< nothing\n p> PUBLISH t qos=2 id=7 m=new\n p< PUBREC id=7\n s< PUBLISH t m=new");
    });
}

/// Above `memory_limit` nobody new is let in and nothing is taken that would be kept; what passes through goes on, and so does
/// everything once there is room again.
#[test]
fn the_limit_of_memory_is_a_brake_that_is_released() {
    on_each_shard_count("memory_limit 30000000", |server| {
        let mut talk = Conversation::with(server);
        talk.play(
            "s connects v5 clean
             s subscribes live qos=2
             c connects v5 clean
             old connects v311 clean
             two connects v311 clean",
        );
        let payload = "x".repeat(10_000);
        for number in 0..4_000 {
            talk.client("c").send(&format!("PUBLISH kept/{number} retain m={payload}"));
        }
        server.expect_log("Warning: memory_limit is reached: *");
        talk.play(
            "a> CONNECT v5 clean
             a< CONNACK 0x97
             a< closed
             b> CONNECT v311 clean
             b< CONNACK 0x03
             b< closed
             c> PUBLISH live qos=1 id=1 m=1
             c< PUBACK id=1 0x97
             c> PUBLISH live qos=2 id=2 m=2
             c< PUBREC id=2 0x97
             c> PUBLISH live m=retained retain
             c> PUBLISH live m=passes
             s< PUBLISH live m=passes
             old> PUBLISH live m=also-passes
             s< PUBLISH live m=also-passes
             old> PUBLISH live qos=1 id=1 m=3
             old< closed
             two> PUBLISH live qos=2 id=1 m=3
             two< closed
             s< nothing",
        );
        for number in 0..4_000 {
            talk.client("c").send(&format!("PUBLISH kept/{number} retain m=\"\""));
        }
        server.expect_log("Warning: memory_limit is no longer reached: *");
        talk.play(
            "new connects v311 clean
             c> PUBLISH live qos=1 id=1 m=4
             c< PUBACK id=1
             s receives live qos=1 m=4",
        );
        assert_eq!(server.count_log("memory_limit is"), 2, "{:#?}", server.log());
    });
}

/// Who has not come in cannot have more kept than there is room for.
#[test]
fn where_memory_is_short_nobody_has_much_kept_before_he_comes_in() {
    let server = Server::start("memory_limit 1");
    server.expect_log("Warning: memory_limit is reached: *");
    let mut half = server.connect();
    // A CONNECT of 20,000 bytes.
    half.send_bytes(&[&[0x10, 0xa0, 0x9c, 0x01][..], &[0; 4_000]].concat());
    let mut other = server.connect();
    other.send("CONNECT v5 clean");
    other.expect("CONNACK 0x97");
    assert_eq!(server.count_log("denied: memory_limit exceeded"), 0, "{:#?}", server.log());
    half.send_bytes(&[0; 1_000]);
    half.expect_closed();
    server.expect_log("Client connection from 127.0.0.1* denied: memory_limit exceeded.");
}

/// The default is no limit.
#[test]
fn no_limit_of_memory() {
    check_with("memory_limit 0", "c connects v5 clean\n c publishes t qos=1 m=x");
}

/// Two clients that send each other messages.
struct Exchange {
    here: Client,
    there: Client,
}

impl Exchange {
    fn new(server: &Server) -> Exchange {
        let [here, there] = ["here", "there"].map(|name| {
            let mut client = server.connect();
            client.send(&format!("CONNECT v5 clean id={name} & SUBSCRIBE id=1 to/{name} qos=1"));
            client.expect("CONNACK");
            client.expect("SUBACK id=1 0x01");
            client
        });
        Exchange { here, there }
    }

    /// Messages there and back; the time of the slowest.
    fn round_trips(&mut self, count: u32) -> Duration {
        let mut slowest = Duration::ZERO;
        for _ in 0..count {
            let started = Instant::now();
            pass(&mut self.here, &mut self.there, "to/there");
            pass(&mut self.there, &mut self.here, "to/here");
            slowest = slowest.max(started.elapsed());
        }
        slowest
    }
}

fn pass(from: &mut Client, to: &mut Client, topic: &str) {
    from.send(&format!("PUBLISH {topic} qos=1 id=1 m=x"));
    from.expect("PUBACK id=1");
    let message = to.expect(&format!("PUBLISH {topic} qos=1 id=? m=x"));
    to.send(&format!("PUBACK id={}", message.number("id").expect("an identifier")));
}

fn send_each(talk: &mut Conversation<'_>, ids: &[u32], packet: impl Fn(u32) -> String) {
    let packets: Vec<String> = ids.iter().map(|&id| packet(id)).collect();
    talk.client("p").send(&packets.join(" & "));
}

#[track_caller]
fn expect_each(talk: &mut Conversation<'_>, name: &str, ids: &[u32], packet: impl Fn(u32) -> String) {
    for &id in ids {
        talk.client(name).expect(&packet(id));
    }
}

/// `$SYS/broker/publish/messages/dropped`, once it no longer changes.
fn dropped(server: &Server) -> usize {
    let mut client = server.connect();
    client.send("CONNECT v5 clean id=dropped & SUBSCRIBE id=1 $SYS/broker/publish/messages/dropped");
    client.expect("CONNACK");
    client.expect("SUBACK id=1");
    let mut dropped = 0;
    let quiet = Duration::from_millis(2500);
    let mut patience = PATIENCE;
    while let Received::Packet(packet, _) = client.receive_within(patience) {
        assert_eq!(packet.kind, Kind::Publish, "{packet}");
        dropped = packet.number("m").expect("a number") as usize;
        patience = quiet;
    }
    dropped
}

/// Processor time that the server has used.
fn cpu_time(server: &Server) -> Duration {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", server.process_id())).expect("/proc");
    // Behind the name in brackets: utime and stime are fields 14 and 15 of all, in hundredths of a second.
    let fields: Vec<&str> = stat[stat.rfind(')').expect("a name") + 2..].split(' ').collect();
    let ticks: u64 = [fields[11], fields[12]].iter().map(|field| field.parse::<u64>().expect("a number")).sum();
    Duration::from_millis(ticks * 10)
}

/// As many open files for this process as it may have.
fn raise_own_limit() {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    setrlimit(Resource::Nofile, raised).expect("the hard limit is allowed");
}

/// 48 MB: several times what the sockets on both ends hold.
const BATCHES: usize = 60;
const BATCH: usize = 100;
