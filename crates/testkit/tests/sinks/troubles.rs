//! What can be wrong with InfluxDB: one line that says what to do, and the server goes on.

use midge_testkit::environment::scratch_folder;
use midge_testkit::ports::free_port;
use midge_testkit::tls::Authority;
use midge_testkit::{Conversation, Server};

use crate::influxd::InfluxDb;
use crate::{publish, wait_until};

/// It tells this at its start and once, whatever comes, and serves clients.
#[track_caller]
fn check(server: &Server, line: &str) {
    server.expect_log(line);
    publish(server, &["a qos=1 m=1"]);
    Conversation::with(server).play("c connects v311 clean\nc subscribes x\nc publishes x m=1\nc< PUBLISH x m=1");
    // There are some tries meanwhile.
    std::thread::sleep(std::time::Duration::from_millis(900));
    assert_eq!(server.count_log("Error: InfluxDB*"), 1);
}

#[test]
fn nobody_listens_there() {
    let url = format!("http://127.0.0.1:{}", free_port());
    let server = Server::start(&format!("influxdb_url {url}\ninfluxdb_database db\ninfluxdb_topic a"));
    check(
        &server,
        "Error: InfluxDB at*takes no messages: *refused*; see whether InfluxDB runs there, and influxdb_url.*",
    );
}

#[test]
fn there_is_no_such_host() {
    let server = Server::start("influxdb_url http://nowhere.invalid:8086\ninfluxdb_database db\ninfluxdb_topic a");
    check(
        &server,
        "Error: InfluxDB at http://nowhere.invalid:8086 takes no messages: *; see whether InfluxDB runs there*",
    );
}

#[test]
fn there_is_no_such_database() {
    let Some(influxdb) = InfluxDb::start("no-database") else { return };
    let server = Server::start(&influxdb.configuration("influxdb_topic a"));
    check(&server, "Error: InfluxDB at*takes no messages: database not found: \"db\"; make it: *CREATE DATABASE*");
    influxdb.create("db");
    wait_until("it is there by now", || influxdb.count("a", "value") == 1);
}

#[test]
fn something_else_is_there() {
    let server = Server::start("influxdb_database db\ninfluxdb_topic a\ninfluxdb_url http://127.0.0.1:1");
    let url = format!("http://{}", server.address());
    server.reload_with(&format!("influxdb_database db\ninfluxdb_topic a\ninfluxdb_url {url}"));
    publish(&server, &["a qos=1 m=1"]);
    server.expect_log(&format!("Error: InfluxDB at {url} takes no messages: *see whether InfluxDB runs there*"));
}

#[test]
fn its_certificate_is_vouched_for_or_not() {
    let (authority, folder) = (Authority::new("mine"), scratch_folder("influxdb-issuers"));
    let issued = authority.server();
    let path = |name: &str, text: &str| {
        let path = folder.join(name);
        std::fs::write(&path, text).expect("the folder can be written");
        path.display().to_string()
    };
    let both = path("both.pem", &format!("{}{}", issued.certificate, issued.key));
    let https = format!("https-enabled = true\nhttps-certificate = \"{both}\"");
    let Some(influxdb) = InfluxDb::start_with("certificate", &https) else { return };
    let url = influxdb.url().replace("http:", "https:");
    let other = path("other.pem", &Authority::new("other").certificate());
    let configuration =
        |cafile: &str| format!("influxdb_url {url}\ninfluxdb_database db\ninfluxdb_topic a\ninfluxdb_cafile {cafile}");
    let server = Server::start(&configuration(&other));
    check(
        &server,
        "Error: InfluxDB at https*certificate*name the file with the certificate of its issuer with influxdb_cafile*",
    );
    server.reload_with(&configuration(&path("issuer.pem", &authority.certificate())));
    server.expect_log("Error: InfluxDB at https*takes no messages: database not found*");
    // It is a web service as well, of those that do not take messages.
    let web_service = |cafile: &str| format!("webhook_url {url}/ping\nwebhook_topic a\nwebhook_cafile {cafile}");
    server.reload_with(&web_service(&other));
    publish(&server, &["a qos=1 m=1"]);
    server.expect_log("Error: The web service https*certificate of its issuer with webhook_cafile*");
    server.reload_with(&web_service(&path("issuer.pem", &authority.certificate())));
    publish(&server, &["a qos=1 m=1"]);
    server.expect_log("Error: The web service https*takes no messages: status 4*; see webhook_url.*");
}
