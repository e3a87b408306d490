//! A server under measurement: started with a configuration of its own, its CPU time and memory read from `/proc`.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use midge_testkit::Process;
use midge_testkit::environment::scratch_folder;
use rustix::process::Signal;

use crate::clients::Fault;

/// A server that can be started.
pub(crate) struct Candidate {
    pub(crate) name: String,
    /// Program and arguments, in which `{config}`, `{port}` and `{folder}` stand for what they say. It must not go to the
    /// background, and be one process.
    pub(crate) command: Vec<String>,
    /// It delivers what is published. The bare loop only acknowledges.
    pub(crate) is_broker: bool,
}

/// A running server. Dropping it kills it.
pub(crate) struct Target {
    pub(crate) address: SocketAddr,
    pub(crate) is_broker: bool,
    command: Vec<String>,
    pins: Option<Pins>,
    process: Process,
    /// Its own; what it keeps is here.
    folder: PathBuf,
}

/// How a start went.
pub(crate) struct Start {
    /// Until it listens.
    pub(crate) seconds: f64,
    pub(crate) cpu_us: f64,
    /// What the server says that reading its log took.
    pub(crate) own_ms: Option<f64>,
}

/// Who runs on which cores, so that they are not in each other's way.
#[derive(Clone, Debug)]
pub(crate) struct Pins {
    pub(crate) generator: Vec<usize>,
    pub(crate) server: Vec<usize>,
}

impl Candidate {
    /// `keeps`: what is to last is kept on disk.
    pub(crate) fn start(&self, configuration: &str, keeps: bool, pins: Option<&Pins>) -> Result<Target, Fault> {
        let port = free_port()?;
        let folder = scratch_folder(&format!("load-{}", std::process::id()));
        let file = folder.join("server.conf");
        let fill = |text: &str| {
            let text = text.replace("{config}", &file.to_string_lossy()).replace("{port}", &port.to_string());
            text.replace("{folder}", &folder.to_string_lossy())
        };
        let keeping = if keeps { fill(KEEPING) } else { String::new() };
        let lines = format!("listener {port} 127.0.0.1\nuser root\n{CONFIGURATION}{keeping}{configuration}\n");
        fs::write(&file, lines).map_err(|error| format!("{}: {error}", file.display()))?;
        let command: Vec<String> = self.command.iter().map(|word| fill(word)).collect();
        let process = spawn(&command, pins)?;
        let (address, is_broker, pins) = ((Ipv4Addr::LOCALHOST, port).into(), self.is_broker, pins.cloned());
        let mut target = Target { address, is_broker, command, pins, process, folder };
        target.wait_until_it_accepts()?;
        Ok(target)
    }
}

fn spawn(command: &[String], pins: Option<&Pins>) -> Result<Process, Fault> {
    let (program, arguments) = command.split_first().ok_or("an empty command")?;
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null());
    // A process inherits the cores of the one that starts it, and has them before it asks how many there are.
    pin(pins.map(|pins| &pins.server));
    let process = Process::start_reading_stderr(command);
    pin(pins.map(|pins| &pins.generator));
    Ok(process)
}

impl Target {
    /// CPU time of all its threads so far, in microseconds.
    pub(crate) fn cpu_us(&self) -> f64 {
        let tasks = fs::read_dir(format!("/proc/{}/task", self.process.id())).into_iter().flatten().flatten();
        let nanoseconds = tasks.filter_map(|task| {
            let times = fs::read_to_string(task.path().join("schedstat")).ok()?;
            times.split(' ').next()?.parse::<f64>().ok()
        });
        nanoseconds.sum::<f64>() / 1000.0
    }

    /// Memory that is its own, or its share of what it shares with others.
    pub(crate) fn memory_bytes(&self) -> f64 {
        let path = format!("/proc/{}/smaps_rollup", self.process.id());
        let text = fs::read_to_string(path).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("Pss:"));
        let kilobytes = line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok());
        kilobytes.map_or(f64::NAN, |kilobytes| kilobytes * 1024.0)
    }

    /// The most memory that was resident at any time, what it shares with others included.
    pub(crate) fn most_memory_bytes(&self) -> f64 {
        let text = fs::read_to_string(format!("/proc/{}/status", self.process.id())).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kilobytes = line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok());
        kilobytes.map_or(f64::NAN, |kilobytes| kilobytes * 1024.0)
    }

    /// How much the files in its folder take.
    pub(crate) fn disk_bytes(&self) -> f64 {
        folder_bytes(&self.folder)
    }

    /// Ends it with that signal, and starts it again on what it has kept.
    pub(crate) fn start_again(&mut self, signal: Signal) -> Result<Start, Fault> {
        self.process.signal(signal);
        self.process.wait_for_exit();
        let start = Instant::now();
        self.process = spawn(&self.command, self.pins.as_ref())?;
        self.wait_until_it_accepts()?;
        let (seconds, cpu_us) = (start.elapsed().as_secs_f64(), self.cpu_us());
        Ok(Start { seconds, cpu_us, own_ms: self.process.lines().iter().find_map(|line| own_ms(line)) })
    }

    fn wait_until_it_accepts(&mut self) -> Result<(), Fault> {
        let start = Instant::now();
        while TcpStream::connect(self.address).is_err() {
            if !self.process.is_running() || start.elapsed() > START_PATIENCE {
                return Err(format!("it does not listen: {:?}", self.process.lines()));
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        Ok(())
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

impl Pins {
    /// The generator on the first core, the server on the last one of those that this process may use.
    pub(crate) fn apart() -> Option<Pins> {
        let cores = own_cores();
        (cores.len() > 1).then(|| Pins { generator: vec![cores[0]], server: vec![cores[cores.len() - 1]] })
    }
}

/// `Restored from …: … (N bytes of log in N ms).`
fn own_ms(line: &str) -> Option<f64> {
    let (_, account) = line.split_once("Restored from ")?;
    account.strip_suffix(" ms).")?.rsplit(' ').next()?.parse().ok()
}

fn folder_bytes(folder: &Path) -> f64 {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let bytes = entries.map(|entry| match entry.metadata() {
        Ok(metadata) if metadata.is_dir() => folder_bytes(&entry.path()),
        Ok(metadata) => metadata.len() as f64,
        Err(_) => 0.0,
    });
    bytes.sum()
}

/// CPU time of this process so far, in microseconds.
pub(crate) fn own_cpu_us() -> f64 {
    let times = fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    times.split(' ').next().and_then(|time| time.parse::<f64>().ok()).map_or(f64::NAN, |time| time / 1000.0)
}

/// Lets this process and its children open as many files as the system allows them, and says how many that is.
pub(crate) fn raise_open_files() -> usize {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    let _ = setrlimit(Resource::Nofile, limit);
    getrlimit(Resource::Nofile).current.map_or(usize::MAX, |files| files as usize)
}

#[cfg(target_os = "linux")]
fn own_cores() -> Vec<usize> {
    use rustix::thread::{CpuSet, sched_getaffinity};
    let set = sched_getaffinity(None).unwrap_or_else(|_| CpuSet::new());
    (0..CpuSet::MAX_CPU).filter(|core| set.is_set(*core)).collect()
}

#[cfg(target_os = "linux")]
fn pin(cores: Option<&Vec<usize>>) {
    use rustix::thread::{CpuSet, sched_setaffinity};
    if let Some(cores) = cores {
        let mut set = CpuSet::new();
        cores.iter().for_each(|core| set.set(*core));
        let _ = sched_setaffinity(None, &set);
    }
}

#[cfg(not(target_os = "linux"))]
fn own_cores() -> Vec<usize> {
    Vec::new()
}

#[cfg(not(target_os = "linux"))]
fn pin(_cores: Option<&Vec<usize>>) {}

fn free_port() -> Result<u16, Fault> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|listener| listener.local_addr());
    listener.map(|address| address.port()).map_err(|error| format!("no free port: {error}"))
}

/// For every server alike: no bound that would make it discard, no log of comings and goings, no packet held back.
const CONFIGURATION: &str = "\
allow_anonymous true
set_tcp_nodelay true
max_inflight_messages 0
max_queued_messages 0
log_type error
log_type warning
connection_messages false
sys_interval 0
";

/// Mosquitto stays root where it is started as root, so that it may write where we may; Midge always does.
const KEEPING: &str = "\
persistence true
persistence_location {folder}/
user root
log_type information
";

/// Some servers read a long log slowly.
const START_PATIENCE: Duration = Duration::from_secs(60);
