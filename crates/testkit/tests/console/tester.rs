//! A program that other people have written tries what the description of the API allows, and what it does not: schemathesis.

use std::process::Command;

use midge_testkit::environment::{need, schemathesis};

use crate::logins::{admin, with_admin};
use crate::start;

#[test]
fn a_tester_of_apis_finds_nothing() {
    let Some(tester) = need(schemathesis()) else { return };
    let (mut server, console) = start(&format!("shards 2\n{}", with_admin("tester")));
    let mut client = server.connect();
    client.send("CONNECT v5 clean id=c username=ada password=ada");
    client.expect("CONNACK 0x00");
    client.send("PUBLISH a/1 retain m=x");
    client.send("PINGREQ");
    client.expect("PINGRESP");
    assert_eq!(admin(&console).get("/metrics").status, 200);
    let output = Command::new(tester)
        .arg("run")
        .arg(format!("http://127.0.0.1:{}/api/midge/v1/openapi.json", console.port()))
        .args(["--auth", "ada:ada", "--max-examples", "25", "--seed", "7", "--phases", "examples,coverage,fuzzing"])
        // Texts have rules that no schema says: a Topic Name has no wildcards.
        .args(["--exclude-checks", "positive_data_acceptance", "--generation-database", "none"])
        .args(["--suppress-health-check", "all", "--no-color"])
        .output()
        .expect("it runs");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}");
    assert!(server.is_running());
    assert_eq!(console.get("/healthz").status, 200);
}
