//! The real program, run as people run it.

// Each test file is a crate of its own and uses a part of this.
#![allow(dead_code)]

use std::ffi::OsStr;
use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_midge");

/// How long anything may take before a test fails.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// A folder of its own, removed at the end.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Folder {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("midge-test-{}-{number}", std::process::id()));
        fs::create_dir_all(&path).expect("a folder");
        Folder(path)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// A file with this text; its path.
    pub(crate) fn file(&self, name: &str, text: &str) -> String {
        let path = self.path(name);
        fs::write(&path, text).expect("a file");
        path.to_string_lossy().into_owned()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A configuration for a server that becomes a user whom every machine has, where root starts it. `PORT` is one that is free.
pub(crate) fn configuration(folder: &Folder, text: &str) -> String {
    let text = text.replace("PORT", &free_port().to_string());
    folder.file("a.conf", &format!("{text}user nobody\n"))
}

pub(crate) fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

pub(crate) fn give_to_nobody(path: impl AsRef<Path>) {
    let passwd = fs::read_to_string("/etc/passwd").expect("users");
    let nobody = passwd.lines().find(|line| line.starts_with("nobody:")).expect("every machine has that user");
    let number = |field: usize| nobody.split(':').nth(field).and_then(|number| number.parse().ok());
    chown(path, number(2), number(3)).expect("a test of root's");
}

/// Runs the program to its end.
pub(crate) fn run(program: impl AsRef<OsStr>, arguments: &[&str]) -> Output {
    let folder = Folder::new();
    command(program, arguments, &folder).output().expect("the program runs")
}

/// The program, keeping what it keeps in the folder instead of the user's.
pub(crate) fn command(program: impl AsRef<OsStr>, arguments: &[&str], folder: &Folder) -> Command {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).env("XDG_STATE_HOME", folder.path("state"));
    command.env_remove("MOSQUITTO_PERSISTENCE_LOCATION").env_remove("MOSQUITTO_UNSAFE_ALLOW_SYMLINKS");
    command
}

/// A port that was free just now.
pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    listener.local_addr().expect("an address").port()
}

/// A server that runs; dropping it kills it.
pub(crate) struct Server {
    process: Child,
    folder: Folder,
}

impl Server {
    /// Starts `program` and waits until it says that it runs.
    pub(crate) fn start(program: impl AsRef<Path>, arguments: &[&str]) -> Server {
        let server = Server::spawn(program, arguments);
        server.wait_for("running");
        server
    }

    /// The same with other words in the environment; without a value they are taken out of it.
    pub(crate) fn start_in(
        environment: &[(&str, Option<&OsStr>)],
        program: impl AsRef<Path>,
        arguments: &[&str],
    ) -> Server {
        let server = Server::spawn_in(environment, program, arguments);
        server.wait_for("running");
        server
    }

    /// Starts one with a listener on `port`, anonymous clients, and these lines of configuration.
    pub(crate) fn configured(port: u16, lines: &str) -> Server {
        let folder = Folder::new();
        let text = format!("listener {port} 127.0.0.1\nallow_anonymous true\nuser root\n{lines}\n");
        let config = folder.file("server.conf", &text);
        Server::start(PROGRAM, &["-c", &config])
    }

    pub(crate) fn spawn(program: impl AsRef<Path>, arguments: &[&str]) -> Server {
        Server::spawn_in(&[], program, arguments)
    }

    pub(crate) fn spawn_in(
        environment: &[(&str, Option<&OsStr>)],
        program: impl AsRef<Path>,
        arguments: &[&str],
    ) -> Server {
        let folder = Folder::new();
        let log = fs::File::create(folder.path("log")).expect("a log");
        let mut command = command(program.as_ref(), arguments, &folder);
        for (name, value) in environment {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        let process = command.stdout(Stdio::null()).stderr(log).spawn();
        Server { process: process.expect("the program starts"), folder }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.process.id()
    }

    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.folder.path("log")).expect("a log")
    }

    /// Waits until the log holds `text`.
    #[track_caller]
    pub(crate) fn wait_for(&self, text: &str) {
        let end = Instant::now() + PATIENCE;
        while !self.log().contains(text) {
            assert!(Instant::now() < end, "expected in the log: {text}\n{}", self.log());
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Sends a signal by its name.
    pub(crate) fn signal(&self, name: &str) {
        let sent = Command::new("kill").args(["-s", name, &self.process.id().to_string()]).status();
        assert!(sent.expect("kill runs").success());
    }

    /// The exit status, once the server has ended.
    #[track_caller]
    pub(crate) fn wait(&mut self) -> Option<i32> {
        let end = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.process.try_wait().expect("a child") {
                return status.code();
            }
            assert!(Instant::now() < end, "the server does not end\n{}", self.log());
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// CONNECT of version 3.1.1 with Clean Session.
pub(crate) fn connect_packet(client_id: &str) -> Vec<u8> {
    let mut packet = vec![0x10, 12 + client_id.len() as u8, 0, 4];
    packet.extend_from_slice(b"MQTT\x04\x02\0\0\0");
    packet.push(client_id.len() as u8);
    packet.extend_from_slice(client_id.as_bytes());
    packet
}

/// PUBLISH at QoS 0.
pub(crate) fn publish_packet(topic: &str, payload: &[u8]) -> Vec<u8> {
    let mut packet = vec![0x30];
    let mut remaining = 2 + topic.len() + payload.len();
    while remaining > 127 {
        packet.push(remaining as u8 | 0x80);
        remaining >>= 7;
    }
    packet.extend_from_slice(&[remaining as u8, 0, topic.len() as u8]);
    packet.extend_from_slice(topic.as_bytes());
    packet.extend_from_slice(payload);
    packet
}

/// SUBSCRIBE at QoS 0 with Packet Identifier 1.
pub(crate) fn subscribe_packet(filter: &str) -> Vec<u8> {
    let mut packet = vec![0x82, 5 + filter.len() as u8, 0, 1, 0, filter.len() as u8];
    packet.extend_from_slice(filter.as_bytes());
    packet.push(0);
    packet
}

/// A socket to the server.
pub(crate) fn open(port: u16) -> TcpStream {
    let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).expect("connected");
    stream.set_read_timeout(Some(PATIENCE)).expect("a time limit");
    stream.set_write_timeout(Some(PATIENCE)).expect("a time limit");
    stream
}

/// A client that has its CONNACK.
#[track_caller]
pub(crate) fn client(port: u16, client_id: &str) -> TcpStream {
    let mut stream = open(port);
    stream.write_all(&connect_packet(client_id)).expect("written");
    expect(&mut stream, &[0x20, 2, 0, 0]);
    stream
}

/// A client that has subscribed.
#[track_caller]
pub(crate) fn subscriber(port: u16, client_id: &str, filter: &str) -> TcpStream {
    let mut stream = client(port, client_id);
    stream.write_all(&subscribe_packet(filter)).expect("written");
    expect(&mut stream, &[0x90, 3, 0, 1, 0]);
    stream
}

/// Reads as many bytes as are expected, and compares.
#[track_caller]
pub(crate) fn expect(stream: &mut impl Read, bytes: &[u8]) {
    let mut got = vec![0; bytes.len()];
    stream.read_exact(&mut got).expect("an answer");
    assert!(got == bytes, "expected {:02x?}, got {:02x?}", &bytes[..bytes.len().min(40)], &got[..got.len().min(40)]);
}

/// Whether the other side has closed: an end, or a reset.
#[track_caller]
pub(crate) fn expect_closed(stream: &mut impl Read) {
    let mut rest = Vec::new();
    match stream.read_to_end(&mut rest) {
        Ok(_) => {}
        Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset, "{error}"),
    }
}

/// PINGREQ and its answer: everything that came before it was handled.
#[track_caller]
pub(crate) fn ping(stream: &mut (impl Read + Write)) {
    stream.write_all(&[0xc0, 0]).expect("written");
    expect(stream, &[0xd0, 0]);
}

/// PUBLISH at QoS 1 with RETAIN and Packet Identifier 1, acknowledged.
#[track_caller]
pub(crate) fn publish_retained(port: u16, topic: &str, payload: &[u8]) {
    let mut packet = vec![0x33, (4 + topic.len() + payload.len()) as u8, 0, topic.len() as u8];
    packet.extend_from_slice(topic.as_bytes());
    packet.extend_from_slice(&[0, 1]);
    packet.extend_from_slice(payload);
    let mut stream = client(port, "publisher");
    stream.write_all(&packet).expect("written");
    expect(&mut stream, &[0x40, 2, 0, 1]);
}

/// Whether a new subscriber gets a retained message, which must have this payload.
#[track_caller]
pub(crate) fn has_retained(port: u16, topic: &str, payload: &[u8]) -> bool {
    let mut stream = subscriber(port, "asking", topic);
    // Behind it in line, so what comes first tells.
    stream.write_all(&[0xc0, 0]).expect("written");
    let mut first = [0];
    stream.read_exact(&mut first).expect("an answer");
    if first == [0xd0] {
        return false;
    }
    let mut packet = publish_packet(topic, payload);
    packet[0] |= 1;
    assert_eq!(first[0], packet[0]);
    expect(&mut stream, &packet[1..]);
    true
}
