//! Each command line of a table, once with Debian's tool and once with ours, against the same server: the same on standard output
//! and standard error, the same status, and the same packets on the wire. What is meant to differ stands in the table with its reason.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use midge_testkit::Server;
use midge_testkit::environment::{debian_program, need, scratch_folder};

use crate::commands::{GROUPS, Group, Part};
use crate::recorder::Recorder;
use crate::tool::{links, words};

#[test]
fn our_tools_do_what_debians_do() {
    let Some(debian) = need(debian_program("mosquitto_pub")) else { return };
    let (debian, ours) = (debian.parent().expect("a folder").to_owned(), links());
    let lines: Vec<(&Group, &str)> =
        GROUPS.iter().flat_map(|group| group.lines.iter().map(move |line| (group, *line))).collect();
    let faults = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for (number, lines) in lines.chunks(lines.len().div_ceil(WORKERS)).enumerate() {
            let (debian, ours, faults) = (&debian, &ours, &faults);
            scope.spawn(move || {
                let mut stage = Stage::new(number, debian);
                for (group, line) in lines {
                    // Where Debian's leave before they have read all, what they wrote last is sometimes lost.
                    let mut fault = None;
                    for _ in 0..ATTEMPTS {
                        fault = compare(group, line, &stage.play(debian, line), &stage.play(ours, line));
                        if fault.is_none() {
                            break;
                        }
                    }
                    faults.lock().expect("no worker panics here").extend(fault);
                }
            });
        }
    });
    let faults = faults.into_inner().expect("no worker panicked");
    assert!(faults.is_empty(), "{} of {} lines\n\n{}", faults.len(), lines.len(), faults.join("\n"));
}

/// What a tool did: each part as text.
struct Outcome([(Part, String); 4]);

/// A server that has messages, a stand-in before it, and a folder with files.
struct Stage {
    recorder: Recorder,
    folder: PathBuf,
    _server: Server,
}

impl Stage {
    fn new(number: usize, debian: &Path) -> Stage {
        let folder = scratch_folder(&format!("pub-sub-rr-stage-{number}"));
        for (name, content) in FILES {
            fs::write(folder.join(name), content).expect("a file in the scratch folder");
        }
        let file = |name: &str| folder.join(name).display().to_string();
        let server = Server::start(&format!("password_file {}\nacl_file {}\n", file("passwords"), file("acl")));
        let recorder = Recorder::new(server.address());
        for line in RETAINED {
            let words = words(&format!("-p {} -r {line}", server.port()));
            let status = Command::new(debian.join("mosquitto_pub")).args(words).current_dir(&folder).status();
            assert!(status.is_ok_and(|status| status.success()), "{line}");
        }
        Stage { recorder, folder, _server: server }
    }

    fn play(&mut self, tools: &Path, line: &str) -> Outcome {
        let (input, line) = line.split_once(" | ").map_or(("", line), |(input, line)| (input, line));
        let port = self.recorder.port().to_string();
        let (tool, arguments) = line.split_once(' ').unwrap_or((line, ""));
        let arguments = match arguments.contains("PORT") {
            true => arguments.replace("PORT", &port),
            false => format!("-p {port} {arguments}"),
        };
        let mut command = Command::new(tools.join(format!("mosquitto_{tool}")));
        command.args(words(&arguments)).current_dir(&self.folder);
        command.env("XDG_CONFIG_HOME", self.folder.join("config")).env("TZ", "UTC");
        let (stdout, stderr, status) = run(command, &input.replace("\\n", "\n"));
        let wire = self.recorder.take().join("\n");
        let plain = |text: String| without_chance(&text.replace(&port, "PORT"));
        Outcome([
            (Part::Stdout, plain(stdout)),
            (Part::Stderr, plain(stderr)),
            (Part::Status, status),
            (Part::Wire, plain(wire)),
        ])
    }
}

/// Starts a tool, and waits for its end: standard output, standard error, status.
fn run(mut command: Command, input: &str) -> (String, String, String) {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let mut stdin = child.stdin.take().expect("it is piped");
    // Who does not read it may have ended.
    let _gone = stdin.write_all(input.as_bytes());
    drop(stdin);
    let id = rustix::process::Pid::from_child(&child);
    let deadline = Instant::now() + PATIENCE;
    let waiting = thread::spawn(move || child.wait_with_output().expect("it was started"));
    while !waiting.is_finished() && Instant::now() < deadline {
        thread::sleep(Duration::from_millis(5));
    }
    if !waiting.is_finished() {
        let _ended = rustix::process::kill_process(id, rustix::process::Signal::KILL);
    }
    let output = waiting.join().expect("it was waited for");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (text(&output.stdout), text(&output.stderr), output.status.to_string())
}

/// Without blank lines, and with one name for identifiers that servers and tools have made by chance.
fn without_chance(text: &str) -> String {
    let lines = text.lines().filter(|line| !line.is_empty());
    let lines = lines.map(|line| line.split(' ').map(|word| if is_chance(word) { "CHANCE" } else { word }));
    lines.map(|words| words.collect::<Vec<_>>().join(" ")).collect::<Vec<_>>().join("\n")
}

fn is_chance(word: &str) -> bool {
    ["auto-", "mosq-", "\"mosq-"].iter().any(|start| word.starts_with(start))
}

fn compare(group: &Group, line: &str, theirs: &Outcome, mine: &Outcome) -> Option<String> {
    let different = theirs.0.iter().zip(&mine.0).filter(|((part, theirs), (_, mine))| {
        let is_meant = group.differs.contains(part);
        (theirs != mine) != is_meant
    });
    let told: Vec<String> = different
        .map(|((part, theirs), (_, mine))| match theirs == mine {
            true => format!("{part:?} is the same now"),
            false => format!("{part:?}, Debian's:\n{theirs}\n{part:?}, ours:\n{mine}"),
        })
        .collect();
    let why = if group.why.is_empty() { "" } else { " # " };
    (!told.is_empty()).then(|| format!("{line}{why}{}\n{}\n", group.why, told.join("\n")))
}

const FILES: &[(&str, &str)] = &[
    (
        "passwords",
        "ada:$7$101$AAECAwQFBgcICQoL$Xr99N9ym9ys8TWxis5ajETJq6EVYzmc6nb8t3pUYnPBbCAbICS4xejTltonXWCtJNBvA+By+TXUqU6qCblO00w==\n",
    ),
    ("acl", "topic readwrite #\ntopic deny denied\nuser ada\ntopic readwrite #\n"),
    ("payload", "the payload\nof a file\u{0}\n"),
    ("empty", ""),
    ("options", "# a comment\n-t from/options\n-m two words\n\n-q 1\n"),
];

/// What the server keeps for subscribers.
const RETAINED: &[&str] = &[
    "-t ret/one -m one",
    "-t ret/two -m two -q 1 -D publish content-type text/plain -D publish user-property a b -D publish user-property c d",
    "-t ret/three -m three -q 2 -V 5 -D publish response-topic answers -D publish correlation-data 23 -D publish payload-format-indicator 1",
    "-t json -m '{\"a\": [1, 2], \"b\":{\"c\":null}, \"d\":\"é\\u0041\"}'",
    "-t bytes -f payload",
];

/// Stages at a time; most of the time is spent waiting.
const WORKERS: usize = 4;

const ATTEMPTS: usize = 3;

/// No tool of the table works longer.
const PATIENCE: Duration = Duration::from_secs(20);
