//! What becomes of messages in a real InfluxDB.

use serde_json::{Value, json};

use crate::influxd::InfluxDb;
use crate::{publish, wait_until};
use midge_testkit::Server;

#[test]
fn objects_and_numbers_become_points_of_the_topic() {
    let Some(influxdb) = InfluxDb::start("objects") else { return };
    influxdb.create("db");
    let server = Server::start(&influxdb.configuration("influxdb_topic test/#"));
    publish(
        &server,
        &[
            r#"test/a m='{"t":21.5,"name":"O\"Hara, Ann\nB","on":true,"in":{"n":3},"x":null}'"#,
            "test/a qos=1 m=36",
            "test/a qos=2 m=on",
            "other m=1",
            "test/b qos=1 m=7",
        ],
    );
    wait_until("all have come", || influxdb.count("test/b", "value") == 1);
    let rows = influxdb.rows("SELECT \"t\",\"name\",\"on\",\"in.n\",value FROM \"test/a\"");
    let without_times: Vec<Value> = rows.iter().map(|row| json!(row.as_array().expect("a row")[1..])).collect();
    assert_eq!(without_times, [json!([21.5, "O\"Hara, Ann\nB", true, 3, null]), json!([null, null, null, null, 36])]);
    assert_eq!(influxdb.rows("SHOW MEASUREMENTS"), [json!(["test/a"]), json!(["test/b"])]);
    server.expect_log("A message on 'test/a' is nothing for InfluxDB at*neither a JSON object nor a number.");
}

#[test]
fn levels_name_measurements_and_tags() {
    let Some(influxdb) = InfluxDb::start("levels") else { return };
    influxdb.create("db");
    let more = "influxdb_topic +/+/temperature\ninfluxdb_measurement {-1}\ninfluxdb_tags site={1} device={2}\n\
                influxdb_tags unit=C\ninfluxdb_fields t h.x\ninfluxdb_time at ms\ninfluxdb_precision ms";
    let server = Server::start(&influxdb.configuration(more));
    publish(
        &server,
        &[
            r#"north pole/7=,/temperature qos=1 m='{"t":1,"h":{"x":2},"z":3,"at":1700000000123}'"#,
            r#"south/8/temperature qos=1 m='{"t":2,"at":"2024-05-01T12:00:00Z"}'"#,
        ],
    );
    wait_until("both have come", || influxdb.count("temperature", "t") == 2);
    assert_eq!(
        influxdb.rows("SELECT t,\"h.x\",z,site,device,unit FROM temperature"),
        [
            json!([1_700_000_000_123_000_000_u64, 1, 2, null, "north pole", "7=,", "C"]),
            json!([1_714_564_800_000_000_000_u64, 2, null, null, "south", "8", "C"]),
        ]
    );
}

/// What one of them refuses keeps no other from being written, and can be looked at.
#[test]
fn what_is_refused_is_set_aside() {
    let Some(influxdb) = InfluxDb::start("refused") else { return };
    influxdb.create("db");
    let server = Server::start(
        &influxdb.configuration("influxdb_topic #\ninfluxdb_measurement {1}\ninfluxdb_tags t={2} u={-1}"),
    );
    publish(&server, &["a/x qos=1 m=text", r#"a/x qos=1 m='{"value":"text"}'"#]);
    wait_until("it has a type", || influxdb.count("a", "value") == 1);
    let long = "x".repeat(65_000);
    publish(
        &server,
        &[
            "a/x qos=1 m=1",
            "b/x qos=1 m=2",
            &format!("{}/{} qos=1 m=3", "k".repeat(500), &long[..64_900]),
            r#"a/y qos=1 m='{"value":"more"}'"#,
            "b/y qos=1 m=4",
        ],
    );
    wait_until("the others are there", || influxdb.count("b", "value") == 2 && influxdb.count("a", "value") == 2);
    wait_until("both are set aside", || {
        std::fs::read_to_string(server.path("influxdb.refused")).is_ok_and(|text| text.lines().count() == 4)
    });
    let kept = std::fs::read_to_string(server.path("influxdb.refused")).expect("what was refused");
    let lines: Vec<&str> = kept.lines().collect();
    assert!(
        kept.contains("# partial write: field type conflict: input field \"value\" on measurement \"a\""),
        "{kept:.300}"
    );
    assert!(lines.iter().any(|line| line.starts_with("a,t=x,u=x value=1 ")), "{kept:.300}");
    assert!(kept.contains("max key length exceeded"), "{kept:.300}");
    server.expect_log(
        "Error: InfluxDB at*refuses a record: partial write: field type conflict*It is kept in*influxdb.refused.",
    );
}

/// A field that holds whole numbers is written as such, and one with fractions the other way round.
#[test]
fn numbers_become_what_the_field_is() {
    let Some(influxdb) = InfluxDb::start("numbers") else { return };
    influxdb.create("db");
    let whole = influxdb.configuration("influxdb_topic #\ninfluxdb_numbers as_written");
    let server = Server::start(&whole);
    publish(&server, &["i qos=1 m=1", "f qos=1 m=1.5"]);
    wait_until("fields have types", || influxdb.count("i", "value") == 1 && influxdb.count("f", "value") == 1);
    publish(&server, &["f qos=1 m=2", "i qos=1 m=2.0"]);
    wait_until("whole numbers are fractions too", || {
        influxdb.count("f", "value") == 2 && influxdb.count("i", "value") == 2
    });
    server.reload_with(&influxdb.configuration("influxdb_topic #\ninfluxdb_numbers float"));
    publish(&server, &["f qos=1 m=3", "i qos=1 m=3", "i qos=1 m=4"]);
    wait_until("and fractions without one are whole", || {
        influxdb.count("f", "value") == 3 && influxdb.count("i", "value") == 4
    });
    let kinds = [json!(["value", "float"]), json!(["value", "integer"])];
    assert_eq!(influxdb.rows("SHOW FIELD KEYS"), kinds);
    assert_eq!(server.count_log("*refuses a record*"), 0);
}

/// QoS 0 at full speed, on one topic: each has a point of its own.
#[test]
fn messages_of_one_moment_do_not_replace_each_other() {
    let Some(influxdb) = InfluxDb::start("moment") else { return };
    influxdb.create("db");
    let server = Server::start(&format!("shards 2\n{}", influxdb.configuration("influxdb_topic t")));
    let lines: Vec<String> = (0..2000).map(|number| format!("t m={number}")).collect();
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    std::thread::scope(|scope| {
        scope.spawn(|| publish(&server, &lines));
        scope.spawn(|| publish(&server, &lines));
    });
    wait_until("each has its point", || influxdb.count("t", "value") == 4000);
}
