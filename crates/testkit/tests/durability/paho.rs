//! Clients with paho-mqtt in a campaign: it keeps their state, as it does for people.

use std::path::{Path, PathBuf};
use std::process::Command;

use midge_testkit::environment::{need, paho};
use midge_testkit::{Process, Server};
use std::time::{Duration, Instant};

use crate::account::{Delivered, Published};
use crate::campaign::World;

/// A process with one client.
pub(crate) struct Paho {
    process: Process,
    name: String,
    kind: Role,
}

enum Role {
    /// With the file that tells it to stop.
    Publishes {
        qos: u8,
        stop: PathBuf,
    },
    Subscribes,
}

/// For each of these major versions of paho-mqtt a subscriber and two publishers, connected: 1 speaks MQTT 3.1.1, 2 speaks 5.
/// None where it is missing. Subscribers first: they miss nothing.
pub(crate) fn start(server: &Server, folder: &Path, majors: &[u8]) -> Vec<Paho> {
    let present: Vec<(u8, PathBuf)> = majors.iter().filter_map(|major| Some((*major, need(paho(*major))?))).collect();
    let subscribers: Vec<Paho> = present.iter().map(|(major, python)| subscriber(server, *major, python)).collect();
    let publishers =
        present.iter().flat_map(|(major, python)| [1, 2].map(|qos| publisher(server, folder, *major, python, qos)));
    subscribers.into_iter().chain(publishers).collect()
}

fn subscriber(server: &Server, major: u8, python: &Path) -> Paho {
    let name = format!("paho-{major}-subscriber");
    let process = client(server, major, python, "durable_load_subscriber.py", &[&name]);
    Paho { process, name, kind: Role::Subscribes }
}

fn publisher(server: &Server, folder: &Path, major: u8, python: &Path, qos: u8) -> Paho {
    let name = format!("paho-{major}-qos-{qos}");
    let stop = folder.join(format!("{name}.stop"));
    let (level, file) = (qos.to_string(), stop.to_string_lossy().into_owned());
    let process = client(server, major, python, "durable_load_publisher.py", &[&name, &level, &file]);
    Paho { process, name, kind: Role::Publishes { qos, stop } }
}

/// A program that is ready.
fn client(server: &Server, major: u8, python: &Path, program: &str, arguments: &[&str]) -> Process {
    let protocol = if major == 1 { "311" } else { "5" };
    let mut command = Command::new(python);
    command.args(["-B", "-W", "ignore"]).arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("python").join(program));
    command.args(["127.0.0.1", &server.port().to_string(), "1", protocol]).args(arguments);
    let process = Process::start(command);
    process.expect_line("ready");
    process
}

impl Paho {
    /// Has a publisher finish.
    pub(crate) fn published(&self, world: &World) -> Option<Published> {
        let Role::Publishes { qos, stop } = &self.kind else { return None };
        std::fs::write(stop, "").expect("tell it to stop");
        if world.has_failed() {
            return None;
        }
        // The program gives up by itself.
        let line = self.process.expect_line("acknowledged");
        let Some(count) = line.strip_prefix("acknowledged ").and_then(|count| count.parse().ok()) else {
            world.fault(format!("{}: {line}", self.name));
            return None;
        };
        Some(Published { topic: format!("load/{}", self.name), qos: *qos, count })
    }

    /// What a subscriber has, once it has all or nothing more comes.
    pub(crate) fn delivered(self, world: &World) -> Option<Delivered> {
        let Role::Subscribes = self.kind else { return None };
        let wanted: u64 = world.published()?.iter().map(|published| published.count).sum();
        let (mut count, mut heard) = (0, Instant::now());
        loop {
            let lines = self.process.count_lines("message ") as u64;
            if lines > count {
                (count, heard) = (lines, Instant::now());
            }
            let patience = if count >= wanted { QUIET } else { world.patience };
            if world.has_failed() || heard.elapsed() > patience {
                break;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        let message = |line: &String| {
            let (topic, number) = line.strip_prefix("message ")?.split_once(' ')?;
            Some((topic.to_owned(), number.parse().ok()?))
        };
        let messages = self.process.lines().iter().filter_map(message).collect();
        Some(Delivered { subscriber: self.name, qos: 2, messages })
    }
}

/// QoS 1 is repeated, so that the number wanted may be reached before all is there.
const QUIET: Duration = Duration::from_secs(1);
