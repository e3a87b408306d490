//! What is told of a target before there is a message for it.

use std::io::{ErrorKind, Read};
use std::net::{Ipv4Addr, TcpListener};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use midge_testkit::environment::{midge_program, scratch_folder};
use midge_testkit::ports::free_port;
use midge_testkit::stand_in::{Request, StandIn};
use midge_testkit::tls::Authority;
use midge_testkit::{PATIENCE, Server};
use rustix::process::Signal;
use serde_json::Value;

use crate::influxd::InfluxDb;
use crate::reloads::overview;
use crate::{publish, wait_until};

/// It is told once, shown as long as it lasts, and told when it is over, though nobody publishes anything.
#[test]
fn a_dead_influxdb_is_told_at_the_start_and_so_is_its_return() {
    let port = free_port();
    let server = Server::start(&format!(
        "admin_socket admin.sock\ninfluxdb_url http://127.0.0.1:{port}\ninfluxdb_database db\ninfluxdb_topic a"
    ));
    server.expect_log("Error: InfluxDB at*takes no messages: Connection refused; see whether InfluxDB runs there*");
    wait_until("it is shown", || overview(&server)["sink_influxdb"]["trouble"] == "Connection refused");
    let influxdb = StandIn::start_at(port, |_| (204, String::new()));
    server.expect_log("InfluxDB at*takes messages again, after * seconds.");
    assert_eq!(overview(&server)["sink_influxdb"]["trouble"], Value::Null);
    let [request] = &influxdb.requests(1)[..] else { panic!("one request") };
    assert_eq!((&*request.line, request.text()), ("POST /write?db=db&precision=n", ""));
    assert_eq!(server.count_log("Error: InfluxDB*"), 1);
}

#[test]
fn a_wrong_login_is_told_at_the_start() {
    let refuse = r#"{"code":"unauthorized","message":"unauthorized access"}"#;
    let influxdb = StandIn::start(move |request: &Request| match request.header("authorization") {
        Some("Token right") => (204, String::new()),
        _ => (401, refuse.to_owned()),
    });
    let configuration =
        |token| format!("influxdb_url {}\ninfluxdb_bucket b\ninfluxdb_topic a\ninfluxdb_token {token}", influxdb.url());
    let server = Server::start(&configuration("wrong"));
    server.expect_log("Error: InfluxDB at*takes no messages: unauthorized access; see*influxdb_token*");
    influxdb.requests(3);
    assert_eq!(server.count_log("Error: InfluxDB*"), 1, "it is tried again, and told once");
    server.reload_with(&configuration("right"));
    server.expect_log("InfluxDB at*takes messages again*");
}

/// Versions that want points come to that when all else is right.
#[test]
fn who_wants_points_is_well() {
    let influxdb = StandIn::start(|request: &Request| match request.text() {
        "" => (400, r#"{"code":"invalid","message":"incoming write was empty"}"#.to_owned()),
        _ => (204, String::new()),
    });
    let server = Server::start(&format!(
        "admin_socket admin.sock\ninfluxdb_url {}\ninfluxdb_bucket b\ninfluxdb_topic a",
        influxdb.url()
    ));
    influxdb.requests(1);
    publish(&server, &["a qos=1 m=1"]);
    wait_until("it is written", || overview(&server)["sink_influxdb"]["written_total"] == 1);
    assert_eq!((influxdb.requests(2).len(), server.count_log("Error: InfluxDB*")), (2, 0));
}

#[test]
fn a_real_influxdb_without_the_database_says_so_to_nothing() {
    let Some(influxdb) = InfluxDb::start("look") else { return };
    let server = Server::start(&influxdb.configuration("influxdb_topic a"));
    server.expect_log("Error: InfluxDB at*takes no messages: database not found: \"db\"; make it: *CREATE DATABASE*");
    influxdb.create("db");
    server.expect_log("InfluxDB at*takes messages again*");
    assert!(influxdb.rows("SHOW MEASUREMENTS").is_empty(), "nothing was written");
}

#[test]
fn a_real_influxdb_tells_who_may_not_write() {
    let Some(influxdb) = InfluxDb::start_with("look-login", "auth-enabled = true") else { return };
    influxdb.rows("CREATE USER ada WITH PASSWORD 'right' WITH ALL PRIVILEGES");
    let configuration = |password: &str| {
        influxdb.configuration(&format!("influxdb_topic a\ninfluxdb_username ada\ninfluxdb_password {password}"))
    };
    let server = Server::start(&configuration("wrong"));
    server.expect_log(
        "Error: InfluxDB at*takes no messages: authorization failed; see influxdb_username and influxdb_password*",
    );
    server.reload_with(&configuration("right"));
    server.expect_log("Error: InfluxDB at*takes no messages: database not found*");
}

/// A service makes something of each request: it hears of the server when there is a message.
#[test]
fn a_web_service_is_not_sent_anything_for_a_look() {
    let port = free_port();
    let server = Server::start(&format!("webhook_url http://127.0.0.1:{port}/hook\nwebhook_topic a"));
    server.expect_log("Error: The web service*takes no messages: Connection refused; see whether the service runs*");
    let service = StandIn::start_at(port, |_| (200, String::new()));
    server.expect_log("The web service*takes messages again*");
    publish(&server, &["a qos=1 m=1"]);
    assert!(service.requests(1)[0].text().contains("\"payload\":\"1\""));
}

/// A service of which only a message shows that it is not well is not called well because it can be reached.
#[test]
fn what_a_message_has_found_a_look_does_not_deny() {
    static IS_WELL: AtomicBool = AtomicBool::new(false);
    let service = StandIn::start(|_| (if IS_WELL.load(Ordering::Relaxed) { 200 } else { 503 }, String::new()));
    let configuration = |more: &str| format!("webhook_url {}\nwebhook_topic a{more}", service.url());
    let server = Server::start(&configuration(""));
    publish(&server, &["a qos=1 m=1"]);
    server.expect_log("Error: The web service*takes no messages: status 503*");
    let before = service.requests(1).len();
    server.reload_with(&configuration("\nwebhook_topic b"));
    service.requests(before + 2);
    assert_eq!(server.count_log("The web service*takes messages again*"), 0);
    IS_WELL.store(true, Ordering::Relaxed);
    server.expect_log("The web service*takes messages again*");
}

#[test]
fn a_file_that_cannot_be_made_is_told_at_the_start() {
    let server = Server::start("file_sink missing/m.jsonl\nfile_sink_topic a");
    server.expect_log("Error: The file missing/m.jsonl takes no messages: No such file or directory; see file_sink*");
    std::fs::create_dir(server.path("missing")).expect("a folder");
    server.expect_log("The file missing/m.jsonl takes messages again*");
}

/// A reload that makes the sink another one does not wait for who was asked by the one before: that connection is still there.
#[test]
fn the_order_to_end_is_heard_while_nobody_answers() {
    let silent = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let url = format!("http://{}", silent.local_addr().expect("a port"));
    let configuration = |url: &str| format!("influxdb_url {url}\ninfluxdb_database db\ninfluxdb_topic a");
    let mut server = Server::start(&configuration(&url));
    let (mut asked, _) = silent.accept().expect("it asks");
    asked.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    let mut head = [0; 12];
    asked.read_exact(&mut head).expect("a request");
    assert_eq!(&head, b"POST /write?");
    let influxdb = StandIn::start(|_| (204, String::new()));
    server.reload_with(&configuration(&influxdb.url()));
    influxdb.requests(1);
    asked.set_nonblocking(true).expect("a socket");
    let mut rest = Vec::new();
    let end = asked.read_to_end(&mut rest).expect_err("it was not given up");
    assert_eq!(end.kind(), ErrorKind::WouldBlock);
    server.reload_with(&configuration(&url));
    let (mut asked, _) = silent.accept().expect("it asks");
    asked.read_exact(&mut head).expect("a request");
    assert!(server.terminate().success());
}

/// Who has a message and says nothing holds up a reload of his sink, but nobody who looks, and no end.
#[test]
fn a_target_that_does_not_answer_holds_up_nobody_else() {
    static IS_SILENT: AtomicBool = AtomicBool::new(true);
    let wait = || {
        while IS_SILENT.load(Ordering::Acquire) {
            std::thread::park_timeout(Duration::from_millis(5));
        }
    };
    let influxdb = StandIn::start(move |request: &Request| {
        if !request.body.is_empty() {
            wait();
        }
        (204, String::new())
    });
    let configuration = |topic: &str| {
        format!(
            "admin_socket admin.sock\ninfluxdb_url {}\ninfluxdb_database db\ninfluxdb_topic {topic}",
            influxdb.url()
        )
    };
    let mut server = Server::start(&configuration("a"));
    influxdb.requests(1);
    publish(&server, &["a qos=1 m=1"]);
    wait_until("it is under way", || overview(&server)["sink_influxdb"]["requests_total"] == 1);
    let reloaded = || server.count_log("*The configuration was *reloaded*");
    server.configure(&configuration("b"));
    server.signal(Signal::HUP);
    wait_until("it is told to end", || overview(&server)["sink_influxdb"].is_null());
    assert_eq!(reloaded(), 0, "what is under way is waited for");
    IS_SILENT.store(false, Ordering::Release);
    wait_until("it has another topic", || reloaded() == 1);
    IS_SILENT.store(true, Ordering::Release);
    publish(&server, &["b qos=1 m=1"]);
    wait_until("it is under way", || overview(&server)["sink_influxdb"]["requests_total"] == 1);
    assert!(server.terminate().success());
    IS_SILENT.store(false, Ordering::Release);
}

/// What is written into a folder for a test.
fn kept(folder: &str) -> impl Fn(&str, &str) -> String {
    let folder = scratch_folder(folder);
    move |name, text| {
        let path = folder.join(name);
        std::fs::write(&path, text).expect("the folder can be written");
        path.display().to_string()
    }
}

#[test]
fn the_certificate_of_a_web_service_is_judged_at_the_start() {
    let (authority, path) = (Authority::new("mine"), kept("look-certificate"));
    let issued = authority.server();
    let (certificate, key) = (path("server.pem", &issued.certificate), path("key.pem", &issued.key));
    let other = Server::start(&format!("certfile {certificate}\nkeyfile {key}\nallow_anonymous true"));
    let configuration =
        |cafile: &str| format!("webhook_url https://{}\nwebhook_topic a\nwebhook_cafile {cafile}", other.address());
    let server = Server::start(&configuration(&path("other.pem", &Authority::new("other").certificate())));
    server.expect_log("Error: The web service https*certificate of its issuer with webhook_cafile*");
    server.reload_with(&configuration(&path("issuer.pem", &authority.certificate())));
    server.expect_log("The web service https*takes messages again*");
}

/// Where one end means http and the other https, the line says which, whatever the other end makes of it.
#[test]
fn tls_that_only_one_end_speaks_is_told_in_words() {
    let plain = "*takes no messages: it answers without TLS: try http://; see webhook_url.*";
    let encrypted = "*takes no messages: it answers with TLS only: try https://; see webhook_url.*";
    let (authority, path) = (Authority::new("mine"), kept("look-tls"));
    let issued = authority.server();
    let (certificate, key) = (path("server.pem", &issued.certificate), path("key.pem", &issued.key));
    let with_tls = Server::start(&format!("certfile {certificate}\nkeyfile {key}\nallow_anonymous true"));
    let server = Server::start(&format!("webhook_url http://{}\nwebhook_topic a", with_tls.address()));
    publish(&server, &["a qos=1 m=1"]);
    server.expect_log(encrypted);
    // One that says it in HTTP, as nginx does, and has not refused the messages with that.
    let nginx = "<html>\r\n<head><title>400 The plain HTTP request was sent to HTTPS port</title></head>\r\n";
    let nginx = StandIn::start(move |_| (400, nginx.to_owned()));
    let server = Server::start(&format!("webhook_url {}\nwebhook_topic a", nginx.url()));
    publish(&server, &["a qos=1 m=1"]);
    server.expect_log(encrypted);
    // One that hears no HTTP, and hangs up.
    let deaf = StandIn::start(|_| (200, String::new())).url().replace("http:", "https:");
    let issuer = path("issuer.pem", &authority.certificate());
    let server = Server::start(&format!("webhook_url {deaf}\nwebhook_topic a\nwebhook_cafile {issuer}"));
    server.expect_log(
        "*takes no messages: it closes the connection where TLS should begin: if it has none, try http://;*",
    );
    // One that says in HTTP that it does not understand.
    let Some(influxdb) = InfluxDb::start("look-plain") else { return };
    let url = influxdb.url().replace("http:", "https:");
    let server = Server::start(&format!("webhook_url {url}\nwebhook_topic a\nwebhook_cafile {issuer}"));
    server.expect_log(plain);
}

/// Its answer to plain HTTP is one that refuses points for good: they wait all the same.
#[test]
fn points_for_an_influxdb_with_tls_wait_until_it_is_asked_so() {
    let (authority, path) = (Authority::new("mine"), kept("look-influxdb-tls"));
    let issued = authority.server();
    let both = path("both.pem", &format!("{}{}", issued.certificate, issued.key));
    let https = format!("https-enabled = true\nhttps-certificate = \"{both}\"");
    let Some(influxdb) = InfluxDb::start_with("look-tls", &https) else { return };
    let kept = "persistence true\npersistence_location .\nadmin_socket admin.sock\ninfluxdb_topic a";
    let server = Server::start(&format!("{kept}\ninfluxdb_url {}\ninfluxdb_database db", influxdb.url()));
    server.expect_log("Error: InfluxDB at*: it answers with TLS only: try https://; see influxdb_url.*");
    publish(&server, &["a qos=1 m=1"]);
    let cafile = path("issuer.pem", &authority.certificate());
    let url = influxdb.url().replace("http:", "https:");
    server.reload_with(&format!("{kept}\ninfluxdb_url {url}\ninfluxdb_database db\ninfluxdb_cafile {cafile}"));
    server.expect_log("Error: InfluxDB at https*takes no messages: database not found*");
    wait_until("it waits", || overview(&server)["sink_influxdb"]["lag_ms"].as_u64().is_some_and(|lag_ms| lag_ms > 0));
    assert!(!server.path("influxdb.refused").exists());
}

/// `midge check` asks nobody, and yet knows whom the server will not be able to trust.
#[test]
fn certificates_that_vouch_for_nobody_are_told_beforehand() {
    let path = kept("look-check");
    let check = |cafile: &str, expected: &str| {
        let lines = format!(
            "listener 1883 127.0.0.1\ninfluxdb_url https://nowhere.invalid\ninfluxdb_database d\ninfluxdb_topic a\n\
             influxdb_cafile {cafile}\n"
        );
        let told = Command::new(midge_program()).arg("check").arg(path("checked.conf", &lines)).output();
        let told = told.expect("it runs");
        assert!(told.status.success(), "a server starts, and messages wait: {told:?}");
        let told = String::from_utf8_lossy(&told.stderr).into_owned();
        assert!(told.contains(expected) && (expected.is_empty() || told.contains("checked.conf:2")), "{told}");
        assert_eq!(told.contains("takes no messages"), !expected.is_empty(), "{told}");
    };
    let certificate = Authority::new("mine").certificate();
    check(&path("issuer.pem", &certificate), "");
    check("/nowhere/issuer.pem", "InfluxDB at https://nowhere.invalid takes no messages: the certificates of /nowhere");
    check(&path("empty.pem", ""), "empty.pem vouch for nobody: ");
}
