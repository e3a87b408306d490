//! Clients as people run them: Debian's mosquitto_pub and mosquitto_sub, and Python programs with paho-mqtt 1.6.1 and 2.1.0.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use midge_testkit::environment::{debian_program, need, paho};
use midge_testkit::{Process, Server};
use rustix::process::Signal;

/// mosquitto_pub or mosquitto_sub with the server's address and these arguments; `None` where the programs are not there.
fn tool(server: &Server, name: &str, arguments: &str) -> Option<Process> {
    let mut command = Command::new(need(debian_program(name))?);
    command.args(["-h", "127.0.0.1", "-p", &server.port().to_string()]).args(arguments.split_whitespace());
    Some(Process::start(command))
}

/// A subscriber whose subscription the server has granted.
fn mosquitto_sub(server: &Server, arguments: &str) -> Option<Process> {
    let granted = server.count_log("Sending SUBACK");
    let process = tool(server, "mosquitto_sub", arguments)?;
    wait_until("the subscription is granted", || server.count_log("Sending SUBACK") > granted);
    Some(process)
}

/// A publisher that has ended, and well.
fn mosquitto_pub(server: &Server, arguments: &str) -> Option<()> {
    let mut process = tool(server, "mosquitto_pub", arguments)?;
    let status = process.wait_for_exit();
    assert!(status.success(), "mosquitto_pub {arguments}: {status} {:#?}", process.lines());
    Some(())
}

/// Waits for exactly these lines.
#[track_caller]
fn expect_lines(process: &Process, lines: &[&str]) {
    if let Some(last) = lines.last() {
        process.expect_line(last);
    }
    assert_eq!(process.lines(), lines);
}

#[track_caller]
fn wait_until(what: &str, is_so: impl Fn() -> bool) {
    for _ in 0..3000 {
        if is_so() {
            return;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("it does not happen that {what}");
}

/// The body of a test that ends where a program is missing.
fn with_server(configuration: &str, test: impl Fn(&Server) -> Option<()>) {
    let mut server = Server::start_with(&["-v"], configuration);
    test(&server);
    assert!(server.is_running(), "{:#?}", server.log());
}

#[test]
fn a_first_message() {
    for version in ["mqttv31", "mqttv311", "mqttv5"] {
        with_server("", |server| {
            let subscriber = mosquitto_sub(server, &format!("-V {version} -t test"))?;
            mosquitto_pub(server, &format!("-V {version} -t test -m abc"))?;
            expect_lines(&subscriber, &["abc"]);
            Some(())
        });
    }
}

#[test]
fn every_qos() {
    for version in ["mqttv31", "mqttv311", "mqttv5"] {
        with_server("", |server| {
            let mut subscriber = mosquitto_sub(server, &format!("-V {version} -t q/# -q 2 -C 3 -F %t:%q:%p"))?;
            for qos in 0..3 {
                mosquitto_pub(server, &format!("-V {version} -t q/{qos} -q {qos} -m m{qos}"))?;
            }
            assert!(subscriber.wait_for_exit().success());
            expect_lines(&subscriber, &["q/0:0:m0", "q/1:1:m1", "q/2:2:m2"]);
            Some(())
        });
    }
}

#[test]
fn a_durable_subscriber() {
    for version in ["mqttv311", "mqttv5 -x 1000"] {
        with_server("", |server| {
            let arguments = format!("-V {version} -t test -q 1 -i client01 -c");
            let mut subscriber = mosquitto_sub(server, &arguments)?;
            subscriber.signal(Signal::INT);
            subscriber.wait_for_exit();
            for number in 1..=3 {
                mosquitto_pub(server, &format!("-t test -m {number} -i client02 -q {}", 1 + number % 2))?;
            }
            mosquitto_pub(server, "-t test -m lost -q 0")?;
            let subscriber = mosquitto_sub(server, &arguments)?;
            mosquitto_pub(server, "-t test -m end -q 1")?;
            expect_lines(&subscriber, &["1", "2", "3", "end"]);
            Some(())
        });
    }
}

#[test]
fn retained_messages() {
    with_server("", |server| {
        mosquitto_pub(server, "-t test -m kept -r")?;
        let mut subscriber = tool(server, "mosquitto_sub", "-t test -C 1 -v")?;
        assert!(subscriber.wait_for_exit().success());
        expect_lines(&subscriber, &["test kept"]);
        let mut subscriber = tool(server, "mosquitto_sub", "-V 5 -t # -W 2 -C 1 --retained-only")?;
        assert!(subscriber.wait_for_exit().success());
        mosquitto_pub(server, "-t test -n -r")?;
        let mut subscriber = tool(server, "mosquitto_sub", "-t test -W 1")?;
        subscriber.wait_for_exit();
        expect_lines(&subscriber, &[]);
        Some(())
    });
}

#[test]
fn a_will() {
    with_server("", |server| {
        let subscriber = mosquitto_sub(server, "-t status/# -v")?;
        let dying = mosquitto_sub(server, "-t none --will-topic status/1 --will-payload gone --will-qos 1")?;
        dying.signal(Signal::KILL);
        expect_lines(&subscriber, &["status/1 gone"]);
        let mut leaving = mosquitto_sub(server, "-t none --will-topic status/2 --will-payload gone")?;
        leaving.signal(Signal::INT);
        leaving.wait_for_exit();
        mosquitto_pub(server, "-t status/3 -m here")?;
        expect_lines(&subscriber, &["status/1 gone", "status/3 here"]);
        Some(())
    });
}

#[test]
fn version_5_properties() {
    with_server("", |server| {
        let format = "%t|%p|%C|%R|%D|%P|%S";
        let subscriber =
            mosquitto_sub(server, &format!("-V 5 -t test/# -q 1 -D subscribe subscription-identifier 42 -F {format}"))?;
        mosquitto_pub(
            server,
            "-V 5 -t test/1 -m x -q 1 -D publish content-type text -D publish response-topic answers \
             -D publish correlation-data 77 -D publish user-property a b -D publish message-expiry-interval 60",
        )?;
        expect_lines(&subscriber, &["test/1|x|text|answers|77|a:b|42"]);
        Some(())
    });
}

#[test]
fn many_lines_through_a_pipe() {
    // Two thousand lines come quicker than a busy subscriber takes them.
    with_server("max_queued_messages 0", |server| {
        let mut subscriber = mosquitto_sub(server, "-t lines -q 2 -C 2000")?;
        let file = server.path("lines");
        let lines: String = (0..2000).map(|number| format!("line {number}\n")).collect();
        std::fs::write(&file, &lines).expect("write");
        let mut command = Command::new(need(debian_program("mosquitto_pub"))?);
        command.args(["-h", "127.0.0.1", "-p", &server.port().to_string(), "-t", "lines", "-q", "2", "-l"]);
        command.stdin(std::fs::File::open(&file).expect("open"));
        assert!(Process::start(command).wait_for_exit().success());
        assert!(subscriber.wait_for_exit().success());
        assert_eq!(subscriber.lines().join("\n") + "\n", lines);
        Some(())
    });
}

#[test]
fn a_refused_client_says_why() {
    let mut server = Server::start("allow_anonymous false");
    let Some(mut publisher) = tool(&server, "mosquitto_pub", "-t test -m abc") else { return };
    assert_eq!(publisher.wait_for_exit().code(), Some(5));
    assert!(server.is_running());
}

#[test]
fn shared_subscribers() {
    with_server("", |server| {
        let first = mosquitto_sub(server, "-t $share/group/test/# -i a")?;
        let second = mosquitto_sub(server, "-t $share/group/test/# -i b")?;
        for number in 0..10 {
            mosquitto_pub(server, &format!("-t test/{number} -m {number} -q 1"))?;
        }
        wait_until("both members together have 10", || first.lines().len() + second.lines().len() == 10);
        assert!(first.lines().len() >= 3 && second.lines().len() >= 3);
        Some(())
    });
}

/// Each interpreter with each callback API it has: the major version of paho-mqtt, and the API.
const PAHOS: [(u8, &str); 3] = [(1, "1"), (2, "1"), (2, "2")];

/// A Python program of this crate.
fn python(server: &Server, (major, api): (u8, &str), program: &str, arguments: &str) -> Option<Process> {
    let mut command = Command::new(need(paho(major))?);
    command
        .args(["-B", "-W", "ignore"])
        .arg(python_folder().join(program).with_extension("py"))
        .args(["127.0.0.1", &server.port().to_string(), api])
        .args(arguments.split_whitespace());
    Some(Process::start(command))
}

/// A Python subscriber whose subscription the server has granted.
fn python_subscriber(server: &Server, paho: (u8, &str), program: &str, arguments: &str) -> Option<Process> {
    let granted = server.count_log("Sending SUBACK");
    let process = python(server, paho, program, arguments)?;
    wait_until("the subscription is granted", || server.count_log("Sending SUBACK") > granted);
    Some(process)
}

fn python_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("python")
}

fn check_paho(test: impl Fn(&Server, (u8, &str)) -> Option<()> + Sync) {
    std::thread::scope(|scope| {
        for paho in PAHOS {
            let test = &test;
            scope.spawn(move || with_server("", |server| test(server, paho)));
        }
    });
}

#[test]
fn paho_with_loop_start_and_loop_forever() {
    check_paho(|server, paho| {
        let subscriber = python_subscriber(server, paho, "subscribe_in_on_connect", "")?;
        let mut publisher = python(server, paho, "publish_with_callbacks", "5")?;
        assert!(publisher.wait_for_exit().success());
        subscriber.expect_line("message Topic1 greeting 4 0 0");
        assert_eq!(subscriber.count_lines("message Topic1 greeting"), 5, "{:#?}", subscriber.lines());
        assert_eq!(publisher.count_lines("published"), 5, "{:#?}", publisher.lines());
        Some(())
    });
}

#[test]
fn paho_that_stops_its_loop_at_once() {
    check_paho(|server, paho| {
        let subscriber = python_subscriber(server, paho, "subscribe_behind_connect", "")?;
        subscriber.expect_line("subscribed 1 [1]");
        for _ in 0..5 {
            assert!(python(server, paho, "publish_json_and_leave", "")?.wait_for_exit().success());
        }
        wait_until("5 readings arrive", || subscriber.count_lines("fields test boiler 61.5") == 5);
        Some(())
    });
}

/// The simplest publisher there is: it never reads, and nothing of what it wrote is lost. Up to 15 messages: so many segments
/// Linux acknowledges at once at the beginning of a connection if the server asks for it. Later ones wait in the client, by Nagle's
/// algorithm, until the server has read, and no server is quicker than a client that closes at that very moment.
#[test]
fn paho_without_any_loop() {
    check_paho(|server, paho| {
        let subscriber = python_subscriber(server, paho, "subscribe_then_on_message", "test/topic")?;
        for (count, qos) in [(5, 0), (5, 1), (1, 0), (15, 0), (5, 0), (1, 1), (5, 1), (5, 0), (5, 1), (5, 0)] {
            // On a machine that is busy elsewhere the server may come too late for a client that is gone. Not again and again.
            let mut attempts = 0;
            while !publish_without_a_loop(server, paho, &subscriber, count, qos)? {
                attempts += 1;
                assert!(attempts < 3, "{count} at QoS {qos} do not arrive");
            }
        }
        Some(())
    });
}

/// Whether everything arrives that such a publisher sends.
fn publish_without_a_loop(
    server: &Server,
    paho: (u8, &str),
    subscriber: &Process,
    count: usize,
    qos: u8,
) -> Option<bool> {
    let wanted = subscriber.count_lines("message test/topic") + count;
    let mut publisher = python(server, paho, "publish_without_a_loop", &format!("{count} {qos}"))?;
    assert!(publisher.wait_for_exit().success());
    let end = Instant::now() + Duration::from_secs(3);
    while subscriber.count_lines("message test/topic") < wanted && Instant::now() < end {
        std::thread::sleep(Duration::from_millis(5));
    }
    Some(subscriber.count_lines("message test/topic") == wanted)
}

#[test]
fn paho_as_a_sensor_that_is_switched_off() {
    check_paho(|server, paho| {
        let chart = python_subscriber(server, paho, "subscribe_then_on_message", "sensor/temperature")?;
        let status = mosquitto_sub(server, "-t status/# -v")?;
        let sensor = python(server, paho, "readings_without_a_loop", "")?;
        wait_until("10 readings arrive", || chart.count_lines("message sensor/temperature 2") >= 10);
        sensor.signal(Signal::KILL);
        expect_lines(&status, &["status/online sensor is here", "status/offline sensor is gone"]);
        let late = python_subscriber(server, paho, "subscribe_then_on_message", "status/+")?;
        late.expect_line("message status/online sensor is here 0 1");
        Some(())
    });
}

#[test]
fn paho_with_a_wildcard_and_no_goodbye() {
    check_paho(|server, paho| {
        let subscriber = python_subscriber(server, paho, "subscribe_then_on_message", "test/+")?;
        let mut publisher = python(server, paho, "publish_time_stamps", "")?;
        assert!(publisher.wait_for_exit().success());
        assert_eq!(publisher.count_lines("sent test/"), 10);
        for number in 0..10 {
            subscriber.expect_line(&format!("message test/{number} 20"));
        }
        Some(())
    });
}

#[test]
fn paho_as_a_durable_subscriber() {
    check_paho(|server, paho| {
        let subscriber = python_subscriber(server, paho, "durable_subscriber", "")?;
        let publish = |arguments: &str| {
            let mut publisher = python(server, paho, "publish_one", arguments)?;
            assert!(publisher.wait_for_exit().success());
            publisher.expect_line("rc: 0");
            Some(())
        };
        publish("first 1")?;
        subscriber.expect_line("message test first 1 0");
        subscriber.signal(Signal::KILL);
        wait_until("client03 is gone", || server.count_log("Client client03 [*] disconnected") == 1);
        publish("second 1")?;
        publish("third 2")?;
        publish("fourth 1")?;
        let subscriber = python_subscriber(server, paho, "durable_subscriber", "")?;
        subscriber.expect_line("message test second 1 0");
        subscriber.expect_line("message test fourth 1 0");
        publish("kept 0 retain")?;
        subscriber.expect_line("message test kept 0 0");
        let late = python_subscriber(server, paho, "subscribe_then_on_message", "test")?;
        late.expect_line("message test kept 0 1");
        Some(())
    });
}

#[test]
fn paho_with_a_will() {
    check_paho(|server, paho| {
        let subscriber = mosquitto_sub(server, "-t test")?;
        assert!(python(server, paho, "leave_with_a_will", "disconnect")?.wait_for_exit().success());
        expect_lines(&subscriber, &["abc"]);
        assert!(python(server, paho, "leave_with_a_will", "end")?.wait_for_exit().success());
        expect_lines(&subscriber, &["abc", "abc", "will message"]);
        let repeating = python(server, paho, "leave_with_a_will", "repeat")?;
        subscriber.expect_line("message 3");
        assert_eq!(subscriber.count_lines("will message"), 1);
        repeating.signal(Signal::KILL);
        wait_until("a killed client has its Will published", || subscriber.count_lines("will message") == 2);
        let listening = python(server, paho, "leave_with_a_will", "listen")?;
        wait_until("the listening client has published", || subscriber.count_lines("abc") == 3);
        std::thread::sleep(Duration::from_millis(300));
        assert_eq!(subscriber.count_lines("will message"), 2);
        listening.signal(Signal::KILL);
        wait_until("a killed client has its Will published", || subscriber.count_lines("will message") == 3);
        Some(())
    });
}
