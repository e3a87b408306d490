//! `ctrl`: files that it writes for servers, modules that Debian's does not know, and servers that do not answer.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;

use midge_testkit::environment::{debian_dynamic_security, debian_program, midge_program, need, scratch_folder};
use midge_testkit::{Process, Server};
use serde_json::Value;

use crate::ctrl_side_by_side::Stage;
use crate::terminal::Terminal;
use crate::tool::{Said, ours, run, words};

/// Asks as `midge ctrl`, which ends with 1 where it was not done.
fn ctrl(folder: &Path, line: &str) -> Said {
    run(midge_program(), &words(&format!("ctrl {line}")), "", folder)
}

/// A folder with a file for the dynamic security plugin that we have made, where there are programs of Debian.
fn initialised(name: &str) -> Option<PathBuf> {
    let (_, _) = (need(debian_dynamic_security())?, need(debian_program("mosquitto"))?);
    let folder = scratch_folder(name);
    let said = ctrl(&folder, "dynsec init dynamic-security.json admin secret");
    assert_eq!(said.status, Some(0), "{said:?}");
    Some(folder)
}

/// Without what chance and the number of iterations make.
fn without_hashes(path: &Path) -> Value {
    let text = fs::read_to_string(path).expect("it was written");
    let mut value: Value = serde_json::from_str(&text).expect("it is JSON");
    let client = value["clients"][0].as_object_mut().expect("there is a client");
    for member in ["password", "salt", "iterations"] {
        assert!(client.remove(member).is_some_and(|value| value.is_string() || value.is_number()), "{member}: {text}");
    }
    value
}

#[test]
fn a_new_file_is_as_debians_and_no_other_is_touched() {
    let Some(debians) = need(debian_program("mosquitto_ctrl")) else { return };
    let Some(folder) = initialised("ctrl-init") else { return };
    run(debians, &words("dynsec init debians.json admin secret"), "", &folder);
    let file = folder.join("dynamic-security.json");
    assert_eq!(without_hashes(&file), without_hashes(&folder.join("debians.json")));
    let before = fs::read(&file).expect("it is there");
    let said = ctrl(&folder, "dynsec init dynamic-security.json admin other");
    let expected = "dynsec init: Unable to open 'dynamic-security.json' for writing (File exists).\n";
    assert_eq!((said.status, said.stderr.as_str()), (Some(1), expected));
    assert_eq!(fs::read(&file).expect("it is there"), before);
    // Who makes one at each start goes on, as with Mosquitto's.
    let said = run(ours("mosquitto_ctrl", &folder), &words("dynsec init dynamic-security.json admin x"), "", &folder);
    assert_eq!((said.status, said.stderr.as_str()), (Some(0), expected));
}

#[test]
fn a_password_is_changed_in_the_file() {
    let Some(folder) = initialised("ctrl-file") else { return };
    let set = |line: &str| ctrl(&folder, &format!("-f dynamic-security.json dynsec setClientPassword {line}"));
    assert_eq!(set("admin other -i 77").status, Some(0));
    let unknown = set("nobody other");
    assert_eq!((unknown.status, unknown.stderr.as_str()), (Some(1), "Error: Client nobody not found.\n"));
    let wrong = set("admin other -i");
    let expected = "Error: -i argument given, but no iterations provided.\nError: Invalid input.\n";
    assert_eq!((wrong.status, wrong.stderr.as_str()), (Some(3), expected));
    let stage = Stage::new(&folder);
    let listed = |password: &str| {
        ctrl(&folder, &format!("-p {} -u admin -P {password} dynsec listClients", stage.server.port()))
    };
    assert_eq!((listed("other").status, listed("other").stdout.as_str()), (Some(0), "admin\n"));
    let refused = listed("secret");
    assert!(refused.status == Some(1) && refused.stderr.ends_with("Connection error: Not authorized\n"), "{refused:?}");
}

#[test]
fn what_a_server_refuses_is_status_1_but_under_mosquittos_name() {
    let Some(folder) = initialised("ctrl-refused") else { return };
    let stage = Stage::new(&folder);
    let line = format!("-p {} -u admin -P secret --quiet", stage.server.port());
    let own = ctrl(&folder, &format!("{line} dynsec getRole nobody"));
    assert_eq!((own.status, own.stderr.as_str()), (Some(1), "getRole: Error: Role not found.\n"));
    let link = ours("mosquitto_ctrl", &folder);
    let linked = run(link, &words(&format!("{line} dynsec getRole nobody")), "", &folder);
    assert_eq!((linked.status, linked.stderr), (Some(0), own.stderr));
    // The plugin lets nobody use topics of others.
    let denied = ctrl(&folder, &format!("{line} broker listPlugins"));
    assert_eq!((denied.status, denied.stderr.as_str()), (Some(1), "Publish error: Not authorized\n"));
}

#[test]
fn what_was_meant_is_told() {
    let said = ctrl(&scratch_folder("ctrl-meant"), "dynsec listClient");
    let expected = "Command 'listClient' not recognised.\nDid you mean 'listClients'?\n";
    assert_eq!((said.status, said.stderr.as_str()), (Some(13), expected));
}

#[test]
fn a_server_that_does_not_answer_is_told_with_the_remedy() {
    let folder = scratch_folder("ctrl-nobody");
    let server = Server::start("");
    // With QoS 0 the server has no word for it, and the time has to pass.
    for (line, remedy) in [
        ("dynsec listClients", "mosquitto_dynamic_security.so"),
        ("broker listListeners", "enable_control_api true"),
        ("-q 0 dynsec listClients", "Midge as a server does not answer yet"),
    ] {
        let said = ctrl(&folder, &format!("-p {} {line}", server.port()));
        assert_eq!((said.status, said.stdout.as_str()), (Some(1), ""), "{line}");
        assert!(said.stderr.contains("Error: Nobody answers on $CONTROL/") && said.stderr.contains(remedy), "{said:?}");
    }
}

#[test]
fn the_server_itself_is_shown() {
    let folder = scratch_folder("ctrl-broker");
    // Somebody stands in for the module, which came with Mosquitto 2.1.
    let server = Server::start_with(&["-v"], "");
    let answers = |request: &str, answer: &str| {
        let port = server.port().to_string();
        let mut sub = std::process::Command::new(midge_program());
        sub.args(["sub", "-p", &port, "-i", "module", "-t", "$CONTROL/broker/v1", "-C", "1"]);
        let mut module = Process::start(sub);
        server.expect_log("Sending SUBACK to module");
        let asked = thread::scope(|scope| {
            let asked = scope.spawn(|| ctrl(&folder, &format!("-p {port} --quiet broker {request}")));
            assert!(module.wait_for_exit().success());
            let topic = "$CONTROL/broker/v1/response";
            run(midge_program(), &["pub", "-p", &port, "-t", topic, "-q", "1", "-m", answer], "", &folder);
            asked.join().expect("it was asked")
        });
        assert_eq!(module.lines(), [format!("{{\"commands\":[{{\"command\":\"{request}\"}}]}}")]);
        asked
    };
    let said = answers(
        "listListeners",
        r#"{"responses":[{"command":"listListeners","data":{"listeners":[{"port":1883,"protocol":"mqtt","tls":true}]}}]}"#,
    );
    let expected = "Listener 1:\n  Port:              1883\n  Protocol:          mqtt\n  TLS:               true\n\n";
    assert_eq!((said.status, said.stdout.as_str()), (Some(0), expected), "{said:?}");
}

#[test]
fn a_password_that_is_not_given_is_asked_for() {
    let Some(folder) = initialised("ctrl-asked") else { return };
    let stage = Stage::new(&folder);
    let line = format!("-p {} -u admin dynsec listClients", stage.server.port());
    fs::remove_file(folder.join(".config/mosquitto_ctrl")).expect("the stage has made it");
    let mut terminal = Terminal::start(&ours("mosquitto_ctrl", &folder), &line, &folder);
    terminal.sees("Password for admin: ");
    terminal.waits_until_it_shows(false);
    terminal.types("secret\n");
    terminal.sees("admin\r\n");
    assert!(!terminal.screen.contains("secret"), "{}", terminal.screen);
    assert!(terminal.ends().success());
}
