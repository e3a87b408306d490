//! `midge backup`: a copy of what a running server keeps, from which another server starts.

mod common;

use std::ffi::OsStr;
use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Instant;

use common::{Folder, PATIENCE, PROGRAM, Server, client, expect, free_port, has_retained, publish_retained, run};

/// The configuration of a server that keeps things in the folder.
fn config(folder: &Folder, location: &Path, port: u16) -> String {
    let location = location.display();
    let lines = format!("persistence true\npersistence_location {location}");
    folder.file(
        &format!("{port}.conf"),
        &format!("listener {port} 127.0.0.1\nallow_anonymous true\nuser root\n{lines}\n"),
    )
}

/// Runs `midge backup`; status, standard output and standard error.
fn backup(words: &[&str]) -> (Option<i32>, String, String) {
    let output = run(PROGRAM, &[&["backup"], words].concat());
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
    (output.status.code(), text(output.stdout), text(output.stderr))
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).expect("it is there").permissions().mode() & 0o777
}

/// Publishes a retained message after the other, each on a topic of its own, until it is told to stop.
struct Publisher {
    acknowledged: Arc<AtomicU32>,
    is_over: Arc<AtomicBool>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Publisher {
    fn start(port: u16) -> Publisher {
        let (acknowledged, is_over) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicBool::new(false)));
        let (counter, stop) = (Arc::clone(&acknowledged), Arc::clone(&is_over));
        let thread = std::thread::spawn(move || {
            let mut stream = client(port, "busy");
            for number in 0.. {
                if stop.load(Ordering::SeqCst) {
                    return;
                }
                let (topic, payload) = (format!("t/{number}"), number.to_string());
                let mut packet = vec![0x33, (4 + topic.len() + payload.len()) as u8, 0, topic.len() as u8];
                packet.extend_from_slice(topic.as_bytes());
                packet.extend_from_slice(&[0, 1]);
                packet.extend_from_slice(payload.as_bytes());
                stream.write_all(&packet).expect("written");
                expect(&mut stream, &[0x40, 2, 0, 1]);
                counter.store(number + 1, Ordering::SeqCst);
            }
        });
        Publisher { acknowledged, is_over, thread: Some(thread) }
    }

    fn acknowledged(&self) -> u32 {
        self.acknowledged.load(Ordering::SeqCst)
    }

    #[track_caller]
    fn wait_for(&self, count: u32) {
        let end = Instant::now() + PATIENCE;
        while self.acknowledged() < count {
            assert!(Instant::now() < end, "the publisher is stuck");
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
    }
}

impl Drop for Publisher {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::SeqCst);
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

#[test]
fn a_copy_made_while_messages_come_holds_all_that_was_acknowledged_before() {
    let folder = Folder::new();
    let port = free_port();
    fs::create_dir(folder.path("data")).expect("a folder");
    let original = config(&folder, &folder.path("data"), port);
    let server = Server::start(PROGRAM, &["-c", &original]);
    let publisher = Publisher::start(port);
    let mut copies: Vec<(PathBuf, u32)> = Vec::new();
    for number in 1..=4 {
        publisher.wait_for(number * 25);
        if number % 2 == 0 {
            // A snapshot begins a segment and gives up others.
            server.signal("USR1");
        }
        let location = folder.path(&format!("copy-{number}"));
        fs::create_dir(&location).expect("a folder");
        let acknowledged = publisher.acknowledged();
        let directory = location.join("mosquitto.db.midge");
        let (status, said, wrong) = backup(&[&directory.to_string_lossy(), "-c", &original]);
        assert_eq!((status, wrong.as_str()), (Some(0), ""), "{said}");
        assert!(said.starts_with("Copied ") && said.contains(&format!("to {}.", directory.display())), "{said}");
        assert_eq!(mode(&directory), 0o700);
        fs::read_dir(&directory).expect("listed").flatten().for_each(|entry| assert_eq!(mode(&entry.path()), 0o600));
        copies.push((location, acknowledged));
    }
    drop(publisher);
    for (location, acknowledged) in copies {
        assert!(run(PROGRAM, &["log", "--verify", &location.to_string_lossy()]).status.success());
        let port = free_port();
        let _second = Server::start(PROGRAM, &["-c", &config(&folder, &location, port)]);
        for number in 0..acknowledged {
            let payload = number.to_string();
            assert!(has_retained(port, &format!("t/{number}"), payload.as_bytes()), "{number} of {acknowledged}");
        }
        publish_retained(port, "and/on", b"1");
    }
}

#[test]
fn the_server_that_was_started_without_a_file_is_found() {
    let folder = Folder::new();
    let (port, state) = (free_port(), folder.path("state"));
    let environment = [("XDG_STATE_HOME", Some(state.as_os_str()))];
    let _server = Server::start_in(&environment, PROGRAM, &["-p", &port.to_string()]);
    publish_retained(port, "kept", b"1");
    let mut command = std::process::Command::new(PROGRAM);
    command.env("XDG_STATE_HOME", &state).current_dir(folder.path("")).args(["backup", "copy"]);
    assert!(command.output().expect("it runs").status.success());
    assert!(run(PROGRAM, &["log", "--verify", &folder.path("copy").to_string_lossy()]).status.success());
}

#[test]
fn what_cannot_be_done_is_told_with_status_1() {
    let folder = Folder::new();
    let port = free_port();
    let file = config(&folder, &folder.path(""), port);
    let socket = folder.path("mosquitto.db.midge/admin.sock");
    let refused = |place: &Path, said: &str| {
        for words in [["-c", file.as_str()], ["--socket", &socket.to_string_lossy()]] {
            let (status, _, wrong) = backup(&[&[&*place.to_string_lossy()], &words[..]].concat());
            assert!(status == Some(1) && wrong.starts_with("Error: ") && wrong.contains(said), "{wrong}");
        }
    };
    let copy = folder.path("copy");
    refused(&copy, &format!("no server listens on {}", socket.display()));

    let _server = Server::start(PROGRAM, &["-c", &file]);
    assert_eq!(mode(&socket), 0o600);
    refused(&folder.path(""), "is not empty; name an empty folder, or one that does not exist yet");
    refused(&folder.path("no/such"), "the folder around it does not exist; create it first");
    refused(Path::new(&file), "is not a folder; name another");
    // Nobody may write there, the superuser neither.
    refused(Path::new("/proc/self/copy"), "cannot create /proc/self/copy: ");
    assert!(!copy.exists());

    let off = folder.file("off.conf", "allow_anonymous true\n");
    let (status, _, wrong) = backup(&[&copy.to_string_lossy(), "-c", &off]);
    assert!(status == Some(1) && wrong.contains("persistence is off"), "{wrong}");
    let (status, _, wrong) = backup(&[]);
    assert!(status == Some(3) && wrong.starts_with("Error: Where to? Name the folder for the copy."), "{wrong}");
}

#[test]
fn the_socket_goes_with_an_orderly_end_and_a_stale_one_is_replaced() {
    let folder = Folder::new();
    let port = free_port();
    let file = config(&folder, &folder.path(""), port);
    let socket = folder.path("mosquitto.db.midge/admin.sock");
    let server = Server::start(PROGRAM, &["-c", &file]);
    server.signal("KILL");
    drop(server);
    assert!(socket.exists());
    let mut server = Server::start(PROGRAM, &["-c", &file]);
    let (status, _, wrong) = backup(&[&folder.path("copy").to_string_lossy(), "-c", &file]);
    assert_eq!(status, Some(0), "{wrong}");
    server.signal("TERM");
    assert_eq!(server.wait(), Some(0));
    assert!(!socket.exists());
    fs::create_dir(&socket).expect("a folder in its place");
    let server = Server::start(PROGRAM, &["-c", &file]);
    assert!(server.log().contains("so that there are no backups"), "{}", server.log());
    assert!(server.log().contains(": something else than a socket stands there."), "{}", server.log());
}

#[test]
fn the_socket_answers_nonsense_and_goes_on() {
    let folder = Folder::new();
    let port = free_port();
    let _server = Server::start(PROGRAM, &["-c", &config(&folder, &folder.path(""), port)]);
    let socket = folder.path("mosquitto.db.midge/admin.sock");
    let ask = |line: &[u8]| {
        let mut stream = UnixStream::connect(&socket).expect("connected");
        stream.set_read_timeout(Some(PATIENCE)).expect("a time limit");
        // It may have answered and closed before all of it is written.
        let _ = stream.write_all(line);
        let mut answer = String::new();
        let _ = stream.read_to_string(&mut answer);
        answer
    };
    for (line, error) in [
        (&b"hello\n"[..], "this is no command: an object of JSON with strings is"),
        (b"\xff\n", "this is no command: an object of JSON with strings is"),
        (b"{}\n", "a command is missing"),
        (b"{\"command\":\"dance\"}\n", "this server does not know the command \\\"dance\\\""),
        (b"{\"command\":\"backup\"}\n", "a backup needs a \\\"directory\\\""),
        (b"{\"command\":\"backup\",\"directory\":\"a\"}\n", "a is not an absolute path"),
    ] {
        assert_eq!(ask(line), format!("{{\"ok\":false,\"error\":\"{error}\"}}\n"));
    }
    assert!(ask(b"{\"command\"").contains("did not come in time"), "nobody waits for the rest for ever");
    drop(UnixStream::connect(&socket).expect("connected"));
    let copy = folder.path("copy").display().to_string();
    let line = format!("{{\"command\":\"backup\",\"directory\":\"{copy}\"}}\n");
    assert!(ask(line.as_bytes()).starts_with("{\"ok\":true,\"bytes\":"));
    assert!(Path::new(OsStr::new(&copy)).is_dir());
}
