//! The commands of tutorials about Mosquitto, typed into a shell as they stand there. Beside them stands `layouts.rs`, with what
//! tutorials write into files.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use midge_testkit::environment::scratch_folder;
use midge_testkit::tool::links;
use midge_testkit::{Process, Server};
use rustix::process::Signal;

use crate::tool::outcome;

/// A server, and a shell in which our tools have Mosquitto's names and that server's port is the usual one.
struct Shell {
    server: Server,
    home: PathBuf,
}

impl Shell {
    fn new(test: &str) -> Shell {
        let server = Server::start_with(&["-v"], "");
        let home = scratch_folder(&format!("tutorials-{test}"));
        for tool in ["mosquitto_pub", "mosquitto_sub"] {
            fs::write(home.join(tool), format!("-p {}\n", server.port())).expect("written");
        }
        Shell { server, home }
    }

    fn command(&self, line: &str) -> Command {
        let mut shell = Command::new("/bin/sh");
        shell.args(["-c", &format!("exec {line}")]).current_dir(&self.home);
        shell.env("PATH", links()).env("XDG_CONFIG_HOME", &self.home);
        shell
    }

    /// A command that ends by itself and says nothing.
    #[track_caller]
    fn run(&self, line: &str) {
        assert_eq!(outcome(self.command(line)), (String::new(), String::new(), Some(0)), "{line}");
    }

    /// A subscriber that waits for messages in a terminal of its own. It is the first of this server.
    fn subscribe(&self, line: &str) -> Process {
        let subscriber = Process::start(self.command(line));
        self.server.expect_log("Sending SUBACK to ");
        subscriber
    }
}

#[test]
fn a_message_goes_from_one_terminal_to_another() {
    for (subscribe, publish, shown) in [
        ("mosquitto_sub -t test", "mosquitto_pub -t test -m abc", "abc"),
        ("mosquitto_sub -t test/topic", "mosquitto_pub -t test/topic -m \"Hello MQTT\"", "Hello MQTT"),
        (
            "mosquitto_sub -h '127.0.0.1' -t 'things/1/temperature'",
            "mosquitto_pub -h '127.0.0.1' -t 'things/1/temperature' -m '36.5'",
            "36.5",
        ),
    ] {
        let shell = Shell::new("message");
        let subscriber = shell.subscribe(subscribe);
        shell.run(publish);
        subscriber.expect_line(shown);
        assert_eq!(subscriber.lines(), [shown], "{subscribe}");
    }
}

#[test]
fn a_durable_subscriber_gets_what_came_while_it_was_away() {
    let shell = Shell::new("durable");
    let mut subscriber = shell.subscribe("mosquitto_sub -t test -q 1 -i client01 -c");
    subscriber.signal(Signal::INT);
    assert!(subscriber.wait_for_exit().success());
    shell.run("mosquitto_pub -t test -m abc -i client02 -q 1");
    Process::start(shell.command("mosquitto_sub -t test -q 1 -i client01 -c")).expect_line("abc");
}

#[test]
fn a_retained_message_is_there_for_who_comes_later_and_who_is_there() {
    let shell = Shell::new("retained");
    let early = shell.subscribe("mosquitto_sub -t test");
    shell.run("mosquitto_pub -t test -m retain -r");
    early.expect_line("retain");
    Process::start(shell.command("mosquitto_sub -t test")).expect_line("retain");
}
