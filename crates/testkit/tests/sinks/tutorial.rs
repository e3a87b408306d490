//! The tutorial's own way: a program that subscribes and writes into InfluxDB. It keeps working beside a sink that does the same.

use std::process::Command;

use midge_testkit::Server;
use midge_testkit::environment::{need, paho, scratch_folder};
use midge_testkit::process::Process;
use serde_json::json;

use crate::influxd::InfluxDb;
use crate::{publish, wait_until};

/// It makes the calls of the tutorial in their order; what `influxdb.InfluxDBClient` would send is sent by hand.
const SUBSCRIBER: &str = r#"
import datetime, json, sys, urllib.request
import paho.mqtt.client as mqtt

def on_connect(client, userdata, flags, rc):
    print("connected OK" if rc == 0 else "Bad connection Returned code=" + str(rc), flush=True)

def on_subscribe(client, userdata, mid, granted_qos):
    print("subscribed: " + str(mid) + " " + str(granted_qos), flush=True)

def value(it):
    if isinstance(it, bool): return str(it)
    if isinstance(it, int): return str(it) + "i"
    if isinstance(it, float): return repr(it)
    return json.dumps(it)

def on_message(client, userdata, msg):
    receiveTime = datetime.datetime.utcnow()
    message = msg.payload.decode("utf-8")
    fields = ",".join(name + "=" + value(it) for name, it in json.loads(message).items())
    time = int(receiveTime.replace(tzinfo=datetime.timezone.utc).timestamp() * 1000000) * 1000
    line = msg.topic + ",by=script " + fields + " " + str(time) + "\n"
    urllib.request.urlopen(sys.argv[2] + "/write?db=db", line.encode()).read()
    print("written", flush=True)

client = mqtt.Client()
client.on_connect = on_connect
client.on_subscribe = on_subscribe
client.on_message = on_message
client.connect('127.0.0.1', int(sys.argv[1]))
client.subscribe('test', 1)
client.loop_forever()
"#;

#[test]
fn the_tutorials_script_works_beside_it() {
    let Some(python) = need(paho(1)) else { return };
    let Some(influxdb) = InfluxDb::start("tutorial") else { return };
    influxdb.create("db");
    let server = Server::start(&influxdb.configuration("influxdb_topic test\ninfluxdb_tags by=midge"));
    let script = scratch_folder("tutorial-script").join("sub.py");
    std::fs::write(&script, SUBSCRIBER).expect("the folder can be written");
    let mut command = Command::new(python);
    command.arg(&script).arg(server.port().to_string()).arg(influxdb.url());
    let subscriber = Process::start(command);
    subscriber.expect_line("subscribed: *");
    publish(
        &server,
        &[r#"test qos=1 m='{"name":"zzerii"}'"#, r#"test qos=1 m='{"n":22}'"#, r#"test qos=1 m='{"t":21.5}'"#],
    );
    wait_until("both have written all", || influxdb.rows("SELECT * FROM test").len() == 6);
    let rows = influxdb.rows("SELECT n,t,\"name\" FROM test GROUP BY \"by\"");
    let values: Vec<_> = rows.iter().map(|row| json!([row[1], row[2], row[3]])).collect();
    let expected = [json!([null, null, "zzerii"]), json!([22, null, null]), json!([null, 21.5, null])];
    assert_eq!(values, [expected.clone(), expected].concat());
    assert_eq!(server.count_log("*refuses a record*"), 0);
}
