//! A child process whose output is read line by line as it comes, and that never outlives the test.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

/// A running process. Dropping it kills it.
#[derive(Debug)]
pub struct Process {
    child: Child,
    /// Kills the process should ours die without dropping it: it waits for the end of a pipe that only we hold.
    watcher: Child,
    output: Arc<Output>,
    /// Reads the output to its end; joined once the process has ended, so that its last words are there.
    reader: Option<JoinHandle<()>>,
    exit_status: Option<ExitStatus>,
}

/// The lines written so far.
#[derive(Debug, Default)]
struct Output {
    lines: Mutex<Vec<String>>,
    grown: Condvar,
}

impl Process {
    /// Starts the command and reads what it writes to standard output; its standard error goes where ours goes.
    pub fn start(mut command: Command) -> Process {
        let mut child = spawn(command.stdout(Stdio::piped()));
        let output = child.stdout.take().expect("stdout is piped");
        Process::watch(child, output)
    }

    /// Starts the command and reads what it writes to standard error; its standard output goes nowhere.
    pub fn start_reading_stderr(command: Command) -> Process {
        Process::start_writing_to(Stdio::null(), command)
    }

    /// The same with its standard output going where it is told.
    pub(crate) fn start_writing_to(standard_output: Stdio, mut command: Command) -> Process {
        let mut child = spawn(command.stdout(standard_output).stderr(Stdio::piped()));
        let output = child.stderr.take().expect("stderr is piped");
        Process::watch(child, output)
    }

    fn watch(child: Child, stream: impl Read + Send + 'static) -> Process {
        let watcher = spawn(
            Command::new("sh")
                .args(["-c", "read _; kill -9 $0 2>/dev/null", &child.id().to_string()])
                .stdin(Stdio::piped()),
        );
        let output = Arc::new(Output::default());
        let written = Arc::clone(&output);
        let reader = std::thread::spawn(move || {
            for line in BufReader::new(stream).split(b'\n').map_while(Result::ok) {
                written.lines.lock().expect("no reader panics").push(String::from_utf8_lossy(&line).into_owned());
                written.grown.notify_all();
            }
        });
        Process { child, watcher, output, reader: Some(reader), exit_status: None }
    }

    /// The process number.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// The lines so far; also when a test has failed that was looking at them.
    pub fn lines(&self) -> Vec<String> {
        self.output.lines.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits for a line that fits `pattern`, in which `*` stands for anything, and gives it back; panics, showing all lines, where none comes.
    #[track_caller]
    pub fn expect_line(&self, pattern: &str) -> String {
        let deadline = Instant::now() + PATIENCE;
        let mut lines = self.output.lines.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(line) = lines.iter().find(|line| fits(pattern, line)) {
                return line.clone();
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                let lines = lines.join("\n  ");
                panic!("\nexpected the line: {pattern}\n  got: {lines}\n");
            }
            lines = self.output.grown.wait_timeout(lines, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// How many lines fit `pattern`.
    pub fn count_lines(&self, pattern: &str) -> usize {
        let lines = self.output.lines.lock().unwrap_or_else(PoisonError::into_inner);
        lines.iter().filter(|line| fits(pattern, line)).count()
    }

    /// Whether the process still runs.
    pub fn is_running(&mut self) -> bool {
        self.exit_status = self.exit_status.or(self.child.try_wait().expect("wait for the process"));
        if self.exit_status.is_some()
            && let Some(reader) = self.reader.take()
        {
            reader.join().expect("the reader does not panic");
        }
        self.exit_status.is_none()
    }

    /// Sends a signal to the process.
    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).expect("signal the process");
    }

    /// Waits for the process to end; panics where it does not.
    #[track_caller]
    pub fn wait_for_exit(&mut self) -> ExitStatus {
        let deadline = Instant::now() + PATIENCE;
        while self.is_running() {
            assert!(Instant::now() < deadline, "process {} does not end: {:#?}", self.id(), self.lines());
            std::thread::sleep(Duration::from_millis(2));
        }
        self.exit_status.expect("it ended")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // The watcher first: once we have waited for the process its number may belong to somebody else.
        let _ = self.watcher.kill();
        let _ = self.watcher.wait();
        if self.is_running() {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

/// How long a test waits for a line or an end that must come. Longer than for a packet: starting an interpreter takes seconds on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

fn spawn(command: &mut Command) -> Child {
    command.spawn().unwrap_or_else(|error| panic!("start {}: {error}", command.get_program().display()))
}

/// Whether `text` contains `pattern`, in which `*` stands for anything.
fn fits(pattern: &str, text: &str) -> bool {
    let mut rest = text;
    pattern.split('*').all(|part| match rest.find(part) {
        Some(at) => {
            rest = &rest[at + part.len()..];
            true
        }
        None => false,
    })
}
