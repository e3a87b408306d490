//! InfluxDB or the server is killed while data flows: nothing is lost, nothing is doubled.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use midge_testkit::{Conversation, Server};
use serde_json::json;

use crate::influxd::InfluxDb;
use crate::{publish, wait_until};

/// Publishes 0, 1, 2 … at QoS 1 until it is told to stop, over servers that come and go; gives how many were acknowledged. What was
/// not is sent again, so that the same number may come twice, but none is missing.
fn publish_on(server: &Server, from: u64, count: u64) {
    let lines: Vec<String> = (from..from + count).map(|number| format!("flow qos=1 m={number}")).collect();
    publish(server, &lines.iter().map(String::as_str).collect::<Vec<_>>());
}

#[test]
fn influxdb_is_killed_while_data_flows() {
    let Some(mut influxdb) = InfluxDb::start("killed") else { return };
    influxdb.create("db");
    let server = Server::start(&influxdb.configuration("influxdb_topic flow\nmax_queued_messages 10"));
    let (is_over, sent) = (AtomicBool::new(false), AtomicU64::new(0));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !is_over.load(Ordering::Relaxed) {
                publish_on(&server, sent.load(Ordering::Relaxed), 50);
                sent.fetch_add(50, Ordering::Relaxed);
            }
        });
        for _ in 0..3 {
            let before = sent.load(Ordering::Relaxed);
            wait_until("data flows", || sent.load(Ordering::Relaxed) > before + 200);
            influxdb.kill();
            let before = sent.load(Ordering::Relaxed);
            wait_until("data flows", || sent.load(Ordering::Relaxed) > before + 200);
            // A batch has come to nothing meanwhile, however fast a machine is.
            server.expect_log(DOWN);
            influxdb.restart();
        }
        is_over.store(true, Ordering::Relaxed);
    });
    let sent = sent.into_inner();
    wait_until("all are there", || influxdb.count("flow", "value") >= sent);
    assert_eq!(influxdb.count("flow", "value"), sent);
    let rows = influxdb.rows("SELECT value FROM flow");
    let values: Vec<u64> = rows.iter().map(|row| row[1].as_u64().expect("a number")).collect();
    assert_eq!(values, (0..sent).collect::<Vec<_>>(), "in their order");
    server.expect_log("InfluxDB at*takes messages again*");
}

const DOWN: &str =
    "Error: InfluxDB at*takes no messages: *see whether InfluxDB runs there, and influxdb_url. Messages wait on disk*";

/// What is written and not acknowledged is written again, under the same time: it is one point.
#[test]
fn the_server_is_killed_while_data_flows() {
    let Some(influxdb) = InfluxDb::start("server-killed") else { return };
    influxdb.create("db");
    let mut server = Server::start(&influxdb.configuration("influxdb_topic #\nshards 2"));
    for round in 0..5 {
        // Half of them QoS 0, which a server takes that answers what came behind it.
        let lines: Vec<String> =
            (0..400).map(|number| format!("flow qos={} m={}", number % 2, round * 400 + number)).collect();
        publish(&server, &lines.iter().map(String::as_str).collect::<Vec<_>>());
        if round % 2 == 0 {
            wait_until("some are written", || influxdb.count("flow", "value") > round * 400);
        }
        server.kill();
        server.restart();
    }
    wait_until("all are there", || influxdb.count("flow", "value") >= 2000);
    publish(&server, &["end qos=1 m=1"]);
    wait_until("the last one is there", || influxdb.count("end", "value") == 1);
    let rows = influxdb.rows("SELECT value FROM flow");
    let mut values: Vec<u64> = rows.iter().map(|row| row[1].as_u64().expect("a number")).collect();
    values.sort_unstable();
    assert_eq!(values, (0..2000).collect::<Vec<_>>());
}

/// Longer than memory holds: what waits is on disk, and the server may be started again meanwhile.
#[test]
fn what_waits_outlives_the_server() {
    let Some(mut influxdb) = InfluxDb::start("outlives") else { return };
    influxdb.create("db");
    let more =
        "influxdb_topic flow\nqueue_qos0_messages false\nadmin_socket admin.sock\npersistent_client_expiration 1h";
    let mut server = Server::start(&influxdb.configuration(more));
    influxdb.kill();
    for round in 0..10 {
        publish_on(&server, round * 500, 500);
    }
    // The time of receipt is that of the outage, not that of its end.
    let before_ns =
        std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("a clock").as_nanos() as u64;
    assert!(server.terminate().success());
    server.restart();
    server.expect_log("Error: InfluxDB at*takes no messages*");
    influxdb.restart();
    wait_until("all are there", || influxdb.count("flow", "value") == 5000);
    let late = format!("SELECT count(value) FROM flow WHERE time > {before_ns}");
    assert!(influxdb.rows(&late).is_empty());
}

/// Without persistence messages wait in memory: the check says what that costs, and so does the log.
#[test]
fn without_persistence_the_log_says_what_an_outage_costs() {
    let Some(mut influxdb) = InfluxDb::start("in-memory") else { return };
    influxdb.create("db");
    let url = influxdb.url();
    let configuration = format!("influxdb_url {url}\ninfluxdb_database db\ninfluxdb_topic flow");
    let mut server = Server::start(&configuration);
    server.expect_log("*persistence is off: what waits for InfluxDB is in memory only*");
    influxdb.kill();
    publish_on(&server, 0, 300);
    server.expect_log("Error: InfluxDB at*Messages wait in memory until it does.");
    influxdb.restart();
    wait_until("they were not lost", || influxdb.count("flow", "value") == 300);
    publish_on(&server, 300, 10);
    // What has come is handed on at an end in order.
    assert!(server.terminate().success());
    assert_eq!(influxdb.count("flow", "value"), 310);
    assert_eq!(server.count_log("*does not get*"), 0, "{:#?}", server.log());
    server.restart();
    influxdb.kill();
    publish_on(&server, 310, 300);
    assert!(server.terminate().success());
    server.expect_log("Warning: InfluxDB at*does not get 300 messages, which waited in memory: persistence is off.");
}

/// Its Session is nobody else's.
#[test]
fn nobody_can_be_a_service() {
    let Some(influxdb) = InfluxDb::start("nobody") else { return };
    influxdb.create("db");
    let server = Server::start(&influxdb.configuration("influxdb_topic flow\nadmin_socket admin.sock"));
    Conversation::with(&server).play(
        r"
        c> CONNECT v5 id=$midge/influxdb
        c< CONNACK 0x87
        d> CONNECT v311 id=$midge/other clean
        d< CONNACK 0x05
        ",
    );
    server.expect_log("*client identifier of a service of the server*");
    publish_on(&server, 0, 10);
    wait_until("they are there", || influxdb.count("flow", "value") == 10);
    // They are counted when InfluxDB has answered.
    wait_until("they are counted", || {
        let sink = &crate::reloads::overview(&server)["sink_influxdb"];
        (&sink["written_total"], &sink["lag_ms"], &sink["refused_total"]) == (&json!(10), &json!(0), &json!(0))
    });
    // A property of the pipe is no other client's.
    Conversation::with(&server).play(
        r"
        s connects v5 clean
        s subscribes flow qos=1
        p connects v5 clean
        p publishes flow qos=1 m=11
        s< PUBLISH flow qos=1 id=? m=11
        ",
    );
}
