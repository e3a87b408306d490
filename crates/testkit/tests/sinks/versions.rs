//! InfluxDB 2.x and 3, as their documentation has requests and answers.

use std::io::Read;

use midge_testkit::Server;

use crate::publish;
use midge_testkit::stand_in::{Request, StandIn};

/// Waits until so many requests with points have come, and gives all of those. Another one came before them, with none.
fn written(influxdb: &StandIn, count: usize) -> Vec<Request> {
    let mut requests = influxdb.requests(count + 1);
    let first = requests.remove(0);
    assert!(first.body.is_empty(), "{first:?}");
    requests
}

fn taken(_: &Request) -> (u16, String) {
    (204, String::new())
}

#[test]
fn a_request_of_version_2_is_that_of_its_documentation() {
    let influxdb = StandIn::start(taken);
    let url = influxdb.url();
    let server = Server::start(&format!(
        "influxdb_url {url}/\ninfluxdb_org YOUR ORG\ninfluxdb_bucket YOUR_BUCKET\ninfluxdb_token YOUR_API_TOKEN\n\
         influxdb_topic sensors/#\ninfluxdb_measurement airSensors\ninfluxdb_tags sensor_id={{2}}\ninfluxdb_time time"
    ));
    let payload =
        r#"{"temperature":73.97038159354763,"humidity":35.23103248356096,"co":0.48445310567793615,"time":1630424257}"#;
    publish(&server, &[&format!("sensors/TLM0201 qos=1 m='{payload}'")]);
    let [request] = &written(&influxdb, 1)[..] else { panic!("one request") };
    assert_eq!(request.line, "POST /api/v2/write?org=YOUR%20ORG&bucket=YOUR_BUCKET&precision=ns");
    assert_eq!(request.header("authorization"), Some("Token YOUR_API_TOKEN"));
    assert_eq!(request.header("content-type"), Some("text/plain; charset=utf-8"));
    assert_eq!(request.header("content-encoding"), None);
    assert_eq!(
        request.text(),
        "airSensors,sensor_id=TLM0201 temperature=73.97038159354763,humidity=35.23103248356096,co=0.48445310567793615 \
         1630424257000000000\n"
    );
}

/// Version 3 has no organizations, and takes the same request for a database.
#[test]
fn version_3_needs_no_organization_and_many_points_are_compressed() {
    let influxdb = StandIn::start(taken);
    let url = influxdb.url();
    let server =
        Server::start(&format!("influxdb_url {url}\ninfluxdb_bucket sensors\ninfluxdb_topic #\ninfluxdb_precision us"));
    let lines: Vec<String> = (0..100).map(|number| format!("a qos=1 m={number}")).collect();
    publish(&server, &lines.iter().map(String::as_str).collect::<Vec<_>>());
    let mut points = String::new();
    for count in 1.. {
        let requests = written(&influxdb, count);
        let request = &requests[count - 1];
        assert_eq!(request.line, "POST /api/v2/write?bucket=sensors&precision=us");
        match request.header("content-encoding") {
            None => points.push_str(request.text()),
            Some(encoding) => {
                assert_eq!(encoding, "gzip");
                flate2::read::GzDecoder::new(&request.body[..]).read_to_string(&mut points).expect("gzip");
            }
        }
        if points.lines().count() == 100 {
            break;
        }
    }
    for (number, line) in points.lines().enumerate() {
        let (point, time) = line.rsplit_once(' ').expect("a time");
        assert_eq!(point, format!("a value={number}"));
        assert_eq!(time.len(), 16, "microseconds: {line}");
    }
}

/// Version 1 has names and passwords.
#[test]
fn a_request_of_version_1_has_a_name_and_a_password() {
    let influxdb = StandIn::start(taken);
    let url = influxdb.url();
    let server = Server::start(&format!(
        "influxdb_url {url}\ninfluxdb_database test_mqtt\ninfluxdb_username root\ninfluxdb_password ro:ot\ninfluxdb_topic test\n\
         influxdb_time at\ninfluxdb_precision s"
    ));
    publish(&server, &[r#"test qos=1 m='{"name":"zzerii","at":1700000000}'"#]);
    let [request] = &written(&influxdb, 1)[..] else { panic!("one request") };
    assert_eq!(request.line, "POST /write?db=test_mqtt&precision=s");
    // printf root:ro:ot | base64
    assert_eq!(request.header("authorization"), Some("Basic cm9vdDpybzpvdA=="));
    assert_eq!(request.text(), "test name=\"zzerii\" 1700000000\n");
}

/// 2.x says 422 where 1.x said 400, and 3 names lines; both take the others.
#[test]
fn what_version_2_refuses_is_set_aside() {
    let influxdb = StandIn::start(|request| {
        let bad = request.text().lines().filter(|line| line.contains("\"bad\"")).count();
        match bad {
            0 => (204, String::new()),
            bad => {
                let conflict = "partial write: field type conflict: input field \\\"value\\\" on measurement \\\"a\\\" is type string, \
                                already exists as type float";
                let message = format!("failure writing points to database: {conflict} dropped={bad}");
                (422, format!("{{\"code\":\"unprocessable entity\",\"message\":\"{message}\"}}"))
            }
        }
    });
    let url = influxdb.url();
    let server = Server::start(&format!(
        "persistence true\npersistence_location .\ninfluxdb_url {url}\ninfluxdb_org o\ninfluxdb_bucket b\ninfluxdb_topic #"
    ));
    publish(
        &server,
        &["a qos=1 m=1", r#"a qos=1 m='{"value":"bad"}'"#, "a qos=1 m=2", r#"a qos=1 m='{"value":"bad"}'"#],
    );
    server.expect_log("Error: InfluxDB at*refuses a record: failure writing points*is kept in*influxdb.refused.");
    crate::wait_until("both are set aside", || {
        std::fs::read_to_string(server.path("influxdb.refused"))
            .is_ok_and(|text| text.matches("a value=\"bad\"").count() == 2)
    });
}
