//! `signal`: servers are told what to do, and others are left alone.

use std::process::{Child, Command};

use midge_testkit::Server;
use midge_testkit::environment::scratch_folder;

use crate::tool::{Said, ours, run, words};

fn signal(test: &str, line: &str) -> Said {
    let folder = scratch_folder(test);
    run(ours("mosquitto_signal", &folder), &words(line), "", &folder)
}

#[track_caller]
fn check(test: &str, line: &str, status: i32, stderr: &str) {
    let said = signal(test, line);
    assert_eq!((said.status, said.stderr.trim_end()), (Some(status), stderr), "{line}");
}

#[test]
fn a_server_is_told_what_to_do() {
    let mut server = Server::start("log_type all\n");
    let to_server = |order: &str| format!("-p {} {order}", server.process_id());
    check("signal-orders", &to_server("config-reload"), 0, "");
    server.expect_log("The configuration was reloaded.");
    check("signal-orders", &to_server("tree-print"), 0, "");
    check("signal-orders", &to_server("xtreport"), 0, "");
    check("signal-orders", &to_server("log-rotate"), 0, "");
    check("signal-orders", &to_server("shutdown"), 0, "");
    assert!(server.wait_for_exit().success());
}

#[test]
fn a_wrong_line_is_told_as_mosquitto_tells_it() {
    let usage = "\n\nUse 'mosquitto_signal --help' to see usage.";
    let told = |line: &str, message: &str| check("signal-wrong", line, 1, &format!("{message}{usage}"));
    told("--invalid", "Error: One of -a or -p must be used.");
    told("-p", "Error: -p argument given but process ID missing.");
    told("-p 0 shutdown", "Error: Process ID must be >0.");
    told("-p 1", "Error: No signal given.");
    told("-a", "Error: No signal given.");
    told("-a invalid", "Error: Unknown signal 'invalid'.");
    for line in ["", "--help"] {
        let said = signal("signal-wrong", line);
        assert_eq!(
            (said.status, said.stdout.contains("Usage: mosquitto_signal {-a | -p PID} SIGNAL")),
            (Some(1), true)
        );
    }
}

/// A process that makes no provision for signals.
struct Sleeper(Child);

impl Sleeper {
    fn start() -> Sleeper {
        Sleeper(Command::new("sleep").arg("100").spawn().expect("it starts"))
    }
}

impl Drop for Sleeper {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn who_would_end_by_it_is_spared() {
    let mut sleeper = Sleeper::start();
    let process = sleeper.0.id();
    for order in ["config-reload", "tree-print", "xtreport"] {
        let expected = format!(
            "Error sending signal to process {process}: it does not understand {order}, and would end. Is it a server, and \
             has it started?"
        );
        check("signal-spared", &format!("-p {process} {order}"), 1, &expected);
    }
    assert_eq!(sleeper.0.try_wait().expect("a child"), None);
    check("signal-spared", &format!("-p {process} shutdown"), 0, "");
    assert!(!sleeper.0.wait().expect("it ends").success());
    let gone = format!("Error sending signal to process {process}: No such process");
    check("signal-spared", &format!("-p {process} config-reload"), 1, &gone);
}
