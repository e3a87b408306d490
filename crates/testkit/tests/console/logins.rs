//! Who may see, and who may change: the users of MQTT.

use std::fs;
use std::process::Command;

use midge_testkit::Server;
use midge_testkit::environment::{midge_program, scratch_folder};
use midge_testkit::ports::free_port;
use serde_json::json;

use crate::http::Console;
use crate::start;

/// A password file with `ada`, `eve` and `bob`, whose passwords are their names.
fn passwords(test: &str) -> String {
    let file = scratch_folder(&format!("console-{test}")).join("passwords");
    fs::write(&file, "").expect("written");
    for name in ["ada", "eve", "bob"] {
        let status = Command::new(midge_program())
            .args(["passwd", "-H", "sha512-pbkdf2", "-I", "100", "-b"])
            .arg(&file)
            .args([name, name])
            .status();
        assert!(status.is_ok_and(|status| status.success()));
    }
    file.display().to_string()
}

/// Lines with which `ada` is an admin, and everybody who gives no name comes in too.
pub(crate) fn with_admin(test: &str) -> String {
    format!("password_file {}\nconsole_admin ada", passwords(test))
}

/// Asked by her.
pub(crate) fn admin(console: &Console) -> Console {
    console.as_user("ada", "ada")
}

#[test]
fn admins_change_viewers_see_and_others_neither() {
    let file = passwords("rights");
    let (server, console) =
        start(&format!("allow_anonymous false\npassword_file {file}\nconsole_admin ada\nconsole_viewer eve"));
    let session = |console: &Console| {
        let told = console.json("session");
        (told["username"].clone(), told["can_see"] == true, told["can_change"] == true)
    };
    assert_eq!(session(&console), (json!(null), false, false));
    assert_eq!(console.get("/api/midge/v1/clients").error(), (401, "login".to_owned()));
    assert_eq!(
        console.get("/api/midge/v1/clients").header("www-authenticate"),
        "",
        "browsers do not ask by themselves"
    );
    assert_eq!(console.get("/metrics").error(), (401, "login".to_owned()));
    let publication = json!({"topic": "a", "payload": "x"});
    let (ada, eve, bob) = (console.as_user("ada", "ada"), console.as_user("eve", "eve"), console.as_user("bob", "bob"));
    assert_eq!(session(&ada), (json!("ada"), true, true));
    assert_eq!(session(&eve), (json!("eve"), true, false));
    assert_eq!(session(&bob), (json!("bob"), false, false));
    assert_eq!(eve.get("/metrics").status, 200);
    assert_eq!(eve.post("publish", &publication).error(), (403, "forbidden".to_owned()));
    assert_eq!(bob.get("/api/midge/v1/clients").error(), (403, "forbidden".to_owned()));
    assert_eq!(console.post("publish", &publication).error(), (401, "login".to_owned()));
    server.expect_log("Console: eve at 127.0.0.1:* was refused: /api/midge/v1/publish.");
    server.expect_log("Console: somebody at 127.0.0.1:* was refused: /api/midge/v1/publish.");
    assert_eq!(ada.post("publish", &publication).status, 200);
    server.expect_log("Console: ada at 127.0.0.1:* published 1 bytes to 'a'.");
    assert_eq!(console.as_user("ada", "guessed").get("/api/midge/v1/clients").error(), (401, "login".to_owned()));
    let problem = &ada.json("problems?kind=refused")["items"][0];
    assert_eq!((&problem["reason"], &problem["username"]), (&json!("login to the console"), &json!("ada")));
    let large = json!({"topic": "a", "payload": "x".repeat(2_100_000)});
    assert_eq!(ada.post("publish", &large).error(), (403, "refused".to_owned()), "max_packet_size holds for everybody");
    for malformed in ["Basic", "Basic !", "Basic YQ==", "Bearer x"] {
        let told = console.with(&format!("Authorization: {malformed}"));
        assert_eq!(told.get("/api/midge/v1/session").error(), (401, "login".to_owned()), "{malformed}");
    }
}

#[test]
fn who_guesses_has_to_wait() {
    let file = passwords("guesses");
    let (server, console) = start(&format!("allow_anonymous false\npassword_file {file}\nconsole_admin ada"));
    let guess = || console.as_user("ada", "guess").get("/api/midge/v1/session");
    let refused = (0..200).map(|_| guess()).find(|answer| answer.status != 401).expect("some day it is enough");
    assert_eq!(refused.error(), (429, "too_many_attempts".to_owned()));
    let seconds = refused.json()["retry_after_s"].as_u64().expect("a number");
    assert!((1..=3).contains(&seconds), "{seconds}");
    assert_eq!(refused.header("retry-after"), seconds.to_string());
    server.expect_log("Console: ada at 127.0.0.1:* failed to log in.");
    server.expect_log("Console: ada at 127.0.0.1:* has to wait after failed logins.");
    assert_eq!(console.get("/healthz").status, 200, "who asks without a name is asked nothing");
}

/// Where nothing checks who somebody is, everybody could call himself so.
#[test]
fn a_name_that_nobody_vouches_for_is_no_admin() {
    let (_server, console) = start("console_admin ada");
    let told = console.as_user("ada", "anything").json("session");
    assert_eq!(
        (&told["username"], &told["can_see"], &told["can_change"]),
        (&json!("ada"), &json!(true), &json!(false))
    );
    assert_eq!(console.json("session")["can_see"], true, "on the machine itself everybody may see");
}

#[test]
fn what_comes_through_a_proxy_does_not_come_from_the_machine_itself() {
    let (_server, console) = start("");
    assert_eq!(console.json("session")["can_see"], true);
    for header in ["X-Forwarded-For: 10.0.0.7", "Forwarded: for=10.0.0.7", "X-Real-IP: 10.0.0.7"] {
        assert_eq!(console.with(header).json("session")["can_see"], false, "{header}");
        assert_eq!(console.with(header).get("/api/midge/v1/clients").status, 401, "{header}");
    }
}

#[test]
fn rights_to_topics_hold_for_who_may_see_everything_else() {
    let file = passwords("topics");
    let acl = scratch_folder("console-topics-acl").join("acl");
    fs::write(&acl, "user ada\ntopic readwrite open/#\nuser bob\ntopic readwrite #\n").expect("written");
    let (server, console) =
        start(&format!("allow_anonymous false\npassword_file {file}\nacl_file {}\nconsole_admin ada", acl.display()));
    let mut bob = server.connect();
    bob.send("CONNECT v5 clean id=b username=bob password=bob");
    bob.expect("CONNACK 0x00");
    for topic in ["open/1", "secret/1"] {
        bob.send(&format!("PUBLISH {topic} qos=1 id=1 retain m=x"));
        bob.expect("PUBACK id=1 0x10");
    }
    let ada = console.as_user("ada", "ada");
    let topics = |told: serde_json::Value| {
        let items = told["items"].as_array().expect("items").clone();
        items.into_iter().map(|item| item["topic"].as_str().unwrap_or_default().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(topics(ada.json("retained")), ["open/1"]);
    assert_eq!(topics(ada.json("topics")), ["open/1"]);
    assert_eq!(ada.post("publish", &json!({"topic": "secret/2"})).error(), (403, "forbidden".to_owned()));
    assert_eq!(ada.get("/api/midge/v1/history?topic=secret/1").error(), (403, "forbidden".to_owned()));
    let deleted = ada.post("retained/delete", &json!({"filter": "#"})).json();
    assert_eq!((&deleted["count"], &deleted["deleted"]), (&json!(1), &json!(1)));
    let question = json!({"username": "ada", "client_id": "x", "topic": "secret/1", "access": "receive"});
    let told = ada.post("explain", &question).json();
    assert_eq!((&told["allowed"], &told["rule"]), (&json!(false), &json!(null)));
    let question = json!({"username": "ada", "client_id": "x", "topic": "open/1", "access": "publish"});
    let told = ada.post("explain", &question).json();
    assert_eq!((&told["allowed"], &told["rule"]["line"]), (&json!(true), &json!(2)));
    assert_eq!(told["rule"]["text"], "topic readwrite open/#");
}

#[test]
fn rights_are_explained_by_the_rules_of_the_listener_where_somebody_comes_in() {
    let folder = scratch_folder("console-listeners");
    let acl = |name: &str, text: &str| {
        fs::write(folder.join(name), text).expect("written");
        folder.join(name).display().to_string()
    };
    let (first, own) = (acl("first", "topic read #\n"), acl("own", "topic readwrite #\n"));
    let [one, other, shared, console] = [(); 4].map(|()| free_port());
    let lines = format!(
        "user root
         per_listener_settings true
         listener {one} 127.0.0.1
         acl_file {first}
         listener {other} 127.0.0.1
         acl_file {own}
         listener {shared} 127.0.0.1
         listener {shared} 127.0.0.2
         console_listener {console}
         allow_anonymous true"
    );
    let server = Server::spawn(&[], &lines, one);
    server.expect_log("* running");
    let console = Console::at(console);
    let names: Vec<String> = console.json("listeners").as_array().expect("a list").iter().map(name).collect();
    let explain = |listener: serde_json::Value| {
        let question = json!({"client_id": "c", "topic": "a", "access": "publish", "listener": listener});
        console.post("explain", &question)
    };
    let told = explain(json!(null)).json();
    assert_eq!((&told["allowed"], &told["listener"]), (&json!(false), &json!(names[0])), "the first one is meant");
    for (listener, allowed) in [(one, false), (other, true)] {
        let told = explain(json!(listener.to_string())).json();
        assert_eq!((&told["allowed"], &told["listener"]), (&json!(allowed), &json!(listener.to_string())), "{told}");
    }
    let told = explain(json!(format!("127.0.0.2:{shared}"))).json();
    assert_eq!((&told["allowed"], &told["rule"]), (&json!(true), &json!(null)), "it has no file");
    let refused = explain(json!(shared.to_string()));
    assert_eq!(refused.error(), (400, "parameter".to_owned()));
    let message = format!("There is no listener '{shared}'. The listeners are: {}.", names.join(", "));
    assert_eq!(refused.json()["message"], message);
}

fn name(listener: &serde_json::Value) -> String {
    listener["name"].as_str().unwrap_or_default().to_owned()
}
