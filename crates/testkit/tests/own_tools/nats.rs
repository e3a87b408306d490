//! Tools against NATS, which speaks MQTT 3.1.1: QoS 0 and 1, sessions, retained messages and Wills.

use std::fs;
use std::process::Command;

use midge_testkit::environment::{midge_program, nats_server, need, scratch_folder};
use midge_testkit::ports::free_port;
use midge_testkit::process::Process;

use crate::tool::{check, fails, outcome, tool};

struct Nats {
    port: u16,
    _process: Process,
}

impl Nats {
    fn start(name: &str) -> Option<Nats> {
        let program = need(nats_server())?;
        let (folder, port) = (scratch_folder(name), free_port());
        let configuration = folder.join("nats.conf");
        let text = format!(
            "listen: \"127.0.0.1:{}\"\nserver_name: test\njetstream {{ store_dir: \"{}\" }}\nmqtt {{ listen: \"127.0.0.1:{port}\" }}\n",
            free_port(),
            folder.display()
        );
        fs::write(&configuration, text).expect("the folder can be written");
        let mut command = Command::new(program);
        command.arg("-c").arg(configuration);
        let process = Process::start_reading_stderr(command);
        process.expect_line("*Server is ready*");
        Some(Nats { port, _process: process })
    }

    fn tool(&self, line: &str) -> Command {
        let mut command = tool(line);
        command.args(["-V", "311", "-p", &self.port.to_string()]);
        command
    }
}

#[test]
fn messages_come_wait_and_are_kept() {
    let Some(nats) = Nats::start("nats-messages") else { return };
    check(nats.tool("sub -t waits -q 1 -c -i away -E"), "", "");
    check(nats.tool("pub -t waits -q 1 -m patience"), "", "");
    check(nats.tool("sub -t waits -q 1 -c -i away -C 1"), "patience\n", "");
    check(nats.tool("pub -t kept/1 -q 1 -r -m value"), "", "");
    check(nats.tool("sub -t kept/# -F '%t %p %r' -C 1"), "kept/1 value 1\n", "");
    check(nats.tool("retained get -t kept/1"), "value\n", "");
    check(nats.tool("retained delete -t kept/#"), "kept/1\n", "Deleted: 1.\n");
    check(nats.tool("retained list -t kept/#"), "", "");
}

#[test]
fn many_lines_arrive_in_their_order() {
    let Some(nats) = Nats::start("nats-lines") else { return };
    let lines: String = (0..1000).map(|number| format!("{number}\n")).collect();
    check(nats.tool("sub -t lines -q 1 -c -i all -E"), "", "");
    let file = scratch_folder("nats-lines-input").join("lines");
    fs::write(&file, &lines).expect("the folder can be written");
    let mut publisher = nats.tool("pub -t lines -q 1 -l");
    let status = publisher.stdin(fs::File::open(&file).expect("it was written")).status();
    assert!(status.is_ok_and(|status| status.success()));
    check(nats.tool("sub -t lines -q 1 -c -i all -C 1000"), &lines, "");
}

/// What it does not speak is told, and how to go on.
#[test]
fn what_it_does_not_speak_is_told() {
    let Some(nats) = Nats::start("nats-unknown") else { return };
    fails(nats.tool("pub -t a -q 2 -m x"), "The connection was lost", 7);
    let mut doctor = Command::new(midge_program());
    doctor.args(["doctor", "-h", "127.0.0.1", "-p", &nats.port.to_string()]);
    let (found, _, status) = outcome(doctor);
    assert!(found.contains("FAIL  CONNECT") && found.contains("It is not for this version (-V)"), "{found}");
    assert_eq!(status, Some(1));
    let (found, _, _) = outcome(nats.tool("doctor -h 127.0.0.1"));
    for fine in ["CONNECT     MQTT 3.1.1", "round trip  QoS 1", "round trip  QoS 0"] {
        assert!(found.contains(&format!("ok    {fine}")), "{found}");
    }
}
