//! Where the console is: unasked, with encryption, over reloads, and Mosquitto's API alone.

use std::fs;
use std::net::{SocketAddr, TcpListener, TcpStream};

use midge_testkit::environment::scratch_folder;
use midge_testkit::ports::free_port;
use midge_testkit::tls::{Authority, Trust, Versions};
use midge_testkit::{Client, Server};

use crate::http::{Console, until};
use crate::start;

#[test]
fn a_reload_opens_changes_and_closes_it_and_nobody_else_notices() {
    let server = Server::start("");
    let mut stays = server.connect();
    stays.send("CONNECT v5 clean id=stays");
    stays.expect("CONNACK 0x00");
    let (first, second) = (free_port(), free_port());
    for _ in 0..2 {
        server.reload_with(&format!("console_listener {first}"));
        let console = Console::at(first);
        server.expect_log(&format!("Console: http://127.0.0.1:{first}/ in a browser."));
        assert_eq!(console.json("clients")["items"][0]["id"], "stays");
        assert_eq!(console.with("Host: a.example").get("/healthz").status, 421);
        let mut browser = console.connect();
        browser.upgrade_behind_http("");
        browser.send("CONNECT v5 clean id=browser");
        browser.expect("CONNACK 0x00");
        server.reload_with(&format!("console_listener {first}\nconsole_listener {second}\nconsole_host a.example"));
        for port in [first, second] {
            assert_eq!(Console::at(port).with("Host: a.example").get("/healthz").status, 200);
        }
        browser.send("PINGREQ");
        browser.expect("PINGRESP");
        server.reload_with("");
        browser.expect("DISCONNECT 0x98");
        for port in [first, second] {
            assert!(TcpStream::connect(("127.0.0.1", port)).is_err(), "{port} is closed");
        }
    }
    stays.send("PINGREQ");
    stays.expect("PINGRESP");
}

#[test]
fn it_is_encrypted_like_other_listeners() {
    let authority = Authority::new("authority of the console");
    let (certificate, key) = authority.server().write(&scratch_folder("console-tls"), "server");
    let port = free_port();
    let server = Server::start(&format!(
        "console_listener {port}\ncertfile {}\nkeyfile {}\n",
        certificate.display(),
        key.display()
    ));
    server.expect_log(" running");
    let trust = Trust::new(&authority, Versions::Tls12, None);
    let connect = || Client::try_connect_tls(SocketAddr::from(([127, 0, 0, 1], port)), &trust).expect("encrypted");
    let mut client = connect();
    client.send_bytes(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    assert!(client.read_to_end().ends_with("ok\n"));
    let mut browser = connect();
    browser.upgrade_behind_http("Origin: https://localhost\r\n");
    browser.send("CONNECT v5 clean id=browser");
    browser.expect("CONNACK 0x00");
    // The certificate is made anew: connections that are there keep what they began with.
    authority.server().write(&scratch_folder("console-tls"), "server");
    server.reload();
    browser.send("PINGREQ");
    browser.expect("PINGRESP");
    drop(connect());
    let plain = Console::at(port).say(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    assert_eq!((plain.status, &*plain.body), (400, "TLS is spoken here: ask with https://\n"), "{plain:?}");
}

#[test]
fn mosquittos_api_is_there_with_its_shapes() {
    let port = free_port();
    let acl = scratch_folder("console-http-api").join("acl");
    fs::write(&acl, "topic read /api/v1/version\ntopic read /api/v1/listeners\ntopic read /api/v1/none\n")
        .expect("written");
    let server = Server::start(&format!("acl_file {}\nlistener {port} 127.0.0.1\nprotocol http_api\n", acl.display()));
    server.expect_log(" running");
    let api = Console::at(port).with("Host: any.name");
    let version = api.get("/api/v1/version");
    assert_eq!((version.status, version.header("access-control-allow-origin")), (200, "*"));
    assert_eq!(version.body, env!("CARGO_PKG_VERSION"));
    let listeners = api.get("/api/v1/listeners").json();
    let told = &listeners["listeners"][0];
    assert_eq!((&told["port"], &told["protocol"]), (&server.port().into(), &"mqtt".into()));
    assert_eq!((&told["tls"], &told["mtls"], &told["allow_anonymous"]), (&false.into(), &false.into(), &true.into()));
    assert_eq!(listeners["listeners"][1]["protocol"], "httpapi");
    let denied = api.get("/api/v1/systree");
    assert_eq!((denied.status, denied.body.as_str()), (401, "Not authorised\n"));
    assert_eq!(denied.header("www-authenticate"), "Basic realm=\"Mosquitto API\"");
    assert_eq!((api.get("/api/v1/none").status, api.get("/api/v1/none").body), (404, "Not found.\n".to_owned()));
    let posted = api.ask("POST", "/api/v1/version", "");
    assert_eq!((posted.status, posted.body.as_str()), (405, "Invalid HTTP Method\n"));
    assert_eq!(api.get("/api/midge/v1/overview").status, 401, "nothing else is there");
    fs::write(&acl, "topic read /api/v1/#\n").expect("written");
    server.reload();
    let numbers = api.get("/api/v1/systree").json();
    assert_eq!(numbers["$SYS/broker/clients/total"], 0);
}

/// Whoever tries out the program sees something; whose port it is already keeps it.
#[test]
fn without_a_file_it_is_there_unless_its_port_is_taken() {
    let taken = TcpListener::bind(("127.0.0.1", 9883));
    let port = free_port();
    let home = scratch_folder("console-unasked");
    let mut process = std::process::Command::new(midge_testkit::environment::midge_program())
        .args(["-p", &port.to_string()])
        .env("XDG_STATE_HOME", &home)
        .stderr(std::process::Stdio::piped())
        .spawn()
        .expect("started");
    let errors = process.stderr.take().expect("a pipe");
    let lines = std::io::BufRead::lines(std::io::BufReader::new(errors)).map_while(Result::ok);
    let told: Vec<String> = lines.take_while(|line| !line.ends_with(" running")).collect();
    // Another server of this machine may have the port, of which this test knows nothing.
    let is_warned = told.iter().any(|line| line.contains("Warning: there is no console: Address already in use"));
    let is_opened = told.iter().any(|line| line.ends_with("Opening ipv4 listen socket on port 9883."));
    assert!(is_opened, "{told:#?}");
    assert_eq!(is_warned, taken.is_ok() || is_warned, "{told:#?}");
    let mut client = Client::connect(SocketAddr::from(([127, 0, 0, 1], port)));
    client.send("CONNECT v311 clean id=c");
    client.expect("CONNACK 0x00");
    process.kill().and_then(|()| process.wait()).expect("ended");
}

/// The topics that a console remembers are the operator's choice.
#[test]
fn what_is_remembered_is_said_by_filters() {
    let (_server, console) = start("console_history a/#\nconsole_history b");
    assert_eq!(console.json("session")["history"], true);
    let told = console.json("history?topic=a/1");
    assert_eq!((&told["points"], &told["topic"]), (&serde_json::json!([]), &"a/1".into()));
}

/// A document is remembered whole, and of what is longer than a sample may be it is said that there is more.
#[test]
fn long_payloads_are_remembered_with_their_length() {
    let (server, console) = start("console_history #");
    let mut client = server.connect();
    client.send("CONNECT v5 clean id=c");
    client.expect("CONNACK 0x00");
    let document = format!(r#"{{"x":"{}","t":21.5}}"#, "x".repeat(5_000));
    client.send(&format!("PUBLISH document m={document}"));
    client.send("PINGREQ");
    client.expect("PINGRESP");
    let told = |topic: &str| until(|| console.json(&format!("history?topic={topic}"))["points"].get(0).cloned());
    let whole = told("document");
    assert_eq!((&whole["payload_bytes"], &whole["truncated"]), (&document.len().into(), &false.into()));
    let numbers = console.json("history?topic=document&field=t");
    assert_eq!(numbers["points"][0][1], 21.5);
    client.send(&format!("PUBLISH longer m={}", "7".repeat(100_000)));
    let cut = told("longer");
    assert_eq!((&cut["payload_bytes"], &cut["truncated"]), (&100_000.into(), &true.into()));
    assert_eq!(cut["payload_base64"].as_str().map(str::len), Some(65_536_usize.div_ceil(3) * 4));
    assert_eq!(console.json("history?topic=longer&field=")["points"], serde_json::json!([]));
}
