//! The program under test as a real process: started on a free port with a configuration file of its own, watched, signalled, ended.
//!
//! `MIDGE_TEST_SERVER` puts another server into its place, to see what a test is worth and where servers differ: a command in
//! which `{config}` stands for the configuration file, such as `mosquitto {arguments} -c {config}`.

use std::fs;
use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::client::{Client, PATIENCE};
use crate::launch::Launch;
use crate::ports::free_port;
use crate::process::Process;
use crate::tls::{self, Trust};
use crate::websocket;

/// A running server. Dropping it kills the process and removes its folder.
#[derive(Debug)]
pub struct Server {
    process: Process,
    port: u16,
    folder: PathBuf,
    launch: Launch,
}

/// How many shards servers are started with, so that every rule is seen to hold within a shard and between shards.
pub const SHARD_COUNTS: [u16; 3] = [1, 2, 5];

/// Whether another server than ours is under test (`MIDGE_TEST_SERVER`).
pub fn is_foreign() -> bool {
    std::env::var_os("MIDGE_TEST_SERVER").is_some()
}

impl Server {
    /// Starts the server with one listener, anonymous clients allowed, and these lines of configuration behind that.
    pub fn start(configuration: &str) -> Server {
        Server::start_with(&[], configuration)
    }

    /// The same with arguments on the command line, such as `-v`.
    pub fn start_with(arguments: &[&str], configuration: &str) -> Server {
        Launch::new().arguments(arguments).start(configuration)
    }

    /// Starts the process with exactly this configuration, and does not wait for it: for tests in which it refuses to start.
    pub fn spawn(arguments: &[&str], configuration: &str, port: u16) -> Server {
        Launch::new().arguments(arguments).spawn(configuration, port)
    }

    pub(crate) fn start_launched(launch: &Launch, configuration: &str) -> Server {
        for _ in 0..START_ATTEMPTS_MAX {
            let port = free_port();
            let mut server = Server::spawn_launched(launch, &with_listener(port, configuration), port);
            if server.wait_until_it_accepts() {
                return server;
            }
            // Another process took the port between our look and the server's bind: the next attempt has another one.
            let log = server.log();
            assert!(log.iter().any(|line| line.to_lowercase().contains("in use")), "the server ended: {log:#?}");
        }
        panic!("no free port in {START_ATTEMPTS_MAX} attempts");
    }

    pub(crate) fn spawn_launched(launch: &Launch, configuration: &str, port: u16) -> Server {
        let folder = new_folder();
        fs::write(folder.join(CONFIGURATION_FILE), configuration).expect("write the configuration file");
        Server { process: start_process(launch, &folder), port, folder, launch: launch.clone() }
    }

    /// Starts it again, on the same port and with the same configuration; it must have ended.
    pub fn restart(&mut self) {
        assert!(!self.is_running(), "end it first");
        self.process = start_process(&self.launch, &self.folder);
        assert!(self.wait_until_it_accepts(), "the server ended: {:#?}", self.log());
    }

    /// The same with other lines of configuration.
    pub fn restart_with(&mut self, configuration: &str) {
        self.configure(configuration);
        self.restart();
    }

    /// From now on its file has these lines of configuration; it has not read them yet.
    pub fn configure(&self, configuration: &str) {
        let lines = with_listener(self.port, configuration);
        fs::write(self.folder.join(CONFIGURATION_FILE), lines).expect("write the configuration file");
    }

    /// Has it read its file again, and waits until it says what came of that.
    pub fn reload(&self) {
        let before = self.count_log(RELOADED);
        self.signal(Signal::HUP);
        let deadline = Instant::now() + PATIENCE;
        while self.count_log(RELOADED) == before {
            assert!(Instant::now() < deadline, "nothing came of SIGHUP: {:#?}", self.log());
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// From now on these lines of configuration count.
    pub fn reload_with(&self, configuration: &str) {
        self.configure(configuration);
        self.reload();
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port).into()
    }

    /// The port it listens on.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// A new connection to it.
    pub fn connect(&self) -> Client {
        let mut client = match tls::everywhere() {
            None => Client::connect(self.address()),
            Some(tls) => self.connect_tls(&tls.trust),
        };
        if websocket::is_everywhere() {
            client.upgrade();
        }
        client
    }

    /// A new connection to it over WebSocket.
    #[track_caller]
    pub fn connect_websocket(&self) -> Client {
        let mut client = Client::connect(self.address());
        client.upgrade();
        client
    }

    /// A new encrypted connection to it; panics where there is none.
    #[track_caller]
    pub fn connect_tls(&self, trust: &Trust) -> Client {
        Client::try_connect_tls(self.address(), trust).unwrap_or_else(|error| panic!("connect with TLS: {error}"))
    }

    /// A file in the server's own folder, which is its working directory.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// The lines on stderr so far.
    pub fn log(&self) -> Vec<String> {
        self.process.lines()
    }

    /// Waits for a log line that fits `pattern`, in which `*` stands for anything, and gives it back; panics, showing the log, where none comes.
    #[track_caller]
    pub fn expect_log(&self, pattern: &str) -> String {
        self.process.expect_line(pattern)
    }

    /// How many log lines fit `pattern`.
    pub fn count_log(&self, pattern: &str) -> usize {
        self.process.count_lines(pattern)
    }

    /// Whether the process still runs.
    pub fn is_running(&mut self) -> bool {
        self.process.is_running()
    }

    /// The process number.
    pub fn process_id(&self) -> u32 {
        self.process.id()
    }

    /// Sends a signal to the process.
    pub fn signal(&self, signal: Signal) {
        self.process.signal(signal);
    }

    /// SIGTERM, and its exit status.
    pub fn terminate(&mut self) -> ExitStatus {
        self.signal(Signal::TERM);
        self.wait_for_exit()
    }

    /// SIGKILL, and waits for the end.
    pub fn kill(&mut self) {
        self.signal(Signal::KILL);
        self.wait_for_exit();
    }

    /// Waits for the process to end; panics where it does not.
    #[track_caller]
    pub fn wait_for_exit(&mut self) -> ExitStatus {
        self.process.wait_for_exit()
    }

    /// Memory of the process that is resident, in bytes.
    pub fn resident_bytes(&self) -> u64 {
        self.status_bytes("VmRSS:")
    }

    /// The most that was ever resident.
    pub fn peak_resident_bytes(&self) -> u64 {
        self.status_bytes("VmHWM:")
    }

    fn status_bytes(&self, name: &str) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.id())).expect("/proc of the server");
        let line = status.lines().find_map(|line| line.strip_prefix(name)).expect(name);
        line.trim().trim_end_matches(" kB").trim().parse::<u64>().expect("a number of kB") * 1024
    }

    /// How many files the process has open: its connections and a few that stay. Waits until it says that it runs, for one that has
    /// only just begun to listen opens more of them.
    #[track_caller]
    pub fn open_files(&self) -> usize {
        self.expect_log("* running");
        fs::read_dir(format!("/proc/{}/fd", self.process.id())).expect("/proc of the server").count()
    }

    /// False where the process ended instead.
    fn wait_until_it_accepts(&mut self) -> bool {
        let deadline = Instant::now() + PATIENCE;
        while self.is_running() {
            // A connection that says nothing and goes: servers must be used to that.
            match TcpStream::connect(self.address()) {
                Ok(_) => return self.is_running(),
                Err(error) if error.kind() == ErrorKind::ConnectionRefused => {}
                Err(error) => panic!("connect to the server: {error}"),
            }
            assert!(Instant::now() < deadline, "the server does not listen: {:#?}", self.log());
            std::thread::sleep(Duration::from_millis(2));
        }
        false
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let log = self.log();
            println!("The server's last lines:\n{}", log[log.len().saturating_sub(LINES_SHOWN)..].join("\n"));
        }
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// What a server says after it was told to read its file again.
const RELOADED: &str = "*The configuration was *reloaded*";

/// Of the log of a server whose test failed.
const LINES_SHOWN: usize = 30;

fn with_listener(port: u16, configuration: &str) -> String {
    let tls = tls::everywhere().map_or("", |tls| &tls.configuration);
    // Tests that are run by root look into files that the server has made, and make some for it.
    let protocol = if websocket::is_everywhere() { "protocol websockets" } else { "" };
    format!("listener {port} 127.0.0.1\nallow_anonymous true\nuser root\n{tls}\n{protocol}\n{configuration}\n")
}

fn start_process(launch: &Launch, folder: &Path) -> Process {
    launch.process(&folder.join(CONFIGURATION_FILE), folder)
}

fn new_folder() -> PathBuf {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let name = format!("midge-test-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
    let folder = std::env::temp_dir().join(name);
    fs::create_dir_all(&folder).expect("a folder for the server");
    folder
}

const CONFIGURATION_FILE: &str = "server.conf";
const START_ATTEMPTS_MAX: u32 = 5;
