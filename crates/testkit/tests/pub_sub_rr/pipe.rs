//! `pub -l` behind a pipe: no line is lost when the server is killed in the middle, and memory does not depend on how much comes.
//!
//! `cargo test` sends 20 MB, `cargo xtask endurance --pipe` a gigabyte.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::Duration;

use midge_testkit::Server;
use rustix::process::{Pid, Signal, kill_process};

use crate::tool::{check, fed, tool, tool_of};

#[test]
fn no_line_of_a_long_pipe_is_lost_when_the_server_is_killed() {
    let megabytes = std::env::var("MIDGE_PIPE_MEGABYTES").ok();
    let megabytes: usize = megabytes.map_or(SHORT_MB, |text| text.parse().expect("MIDGE_PIPE_MEGABYTES is a number"));
    let count = megabytes * 1_000_000 / LINE_BYTES;
    let mut server = Server::start("persistence true\nmax_queued_messages 0\n");
    check(tool_of(&server, "sub -t lines -q 1 -c -i keeper -E"), "");
    let mut subscriber = tool_of(&server, "sub -t lines -q 1 -c -i keeper");
    let mut subscriber = Running(subscriber.stdout(Stdio::piped()).spawn().expect("it starts"));
    let output = subscriber.0.stdout.take().expect("it is piped");
    let (publisher, input) = fed(tool_of(&server, "pub -t lines -q 1 -l -i writer"));
    let mut publisher = Running(publisher);
    let (progress, seen) = channel();
    let reader = thread::spawn(move || read_lines(output, count, &progress));
    let writer = thread::spawn(move || write_lines(input, count));
    wait_for(&seen, count / 2);
    server.kill();
    server.restart();
    wait_for(&seen, count);
    // It waits for more lines until the pipe is closed.
    let peak_kib = resident_peak_kib(publisher.0.id());
    drop(writer.join().expect("it writes all"));
    assert_eq!(publisher.0.wait().expect("it ends").code(), Some(0));
    kill_process(Pid::from_child(&subscriber.0), Signal::INT).expect("it runs");
    let repeated_count = reader.join().expect("it reads all");
    assert_eq!(subscriber.0.wait().expect("it ends").code(), Some(0));
    println!("{megabytes} MB, {count} lines, of which {repeated_count} came twice; at most {peak_kib} KiB");
    assert!(peak_kib < PEAK_KIB_MAX, "{peak_kib} KiB for {megabytes} MB");
}

/// What stands in the pipe cannot be read meanwhile, and to look at it all the time brings nobody back.
#[test]
fn a_pipe_that_waits_for_its_server_computes_nothing() {
    let mut server = Server::start("");
    let (publisher, mut input) = fed(tool_of(&server, "pub -t lines -q 1 -r -l -i writer"));
    let publisher = Running(publisher);
    input.write_all(b"one\n").expect("the tool reads");
    // It publishes what it has been told that it may: from now on it comes back.
    check(tool_of(&server, "sub -t lines -C 1"), "one\n");
    server.kill();
    input.write_all(b"two\n").expect("the tool reads");
    let before = processor_ticks(publisher.0.id());
    thread::sleep(Duration::from_secs(2));
    let ticks = processor_ticks(publisher.0.id()) - before;
    assert!(ticks < 20, "{ticks} hundredths of a second of processor time in 2 s");
}

/// Processor time of a process so far, in hundredths of a second.
fn processor_ticks(process_id: u32) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{process_id}/stat")).expect("it runs");
    let fields: Vec<&str> = stat.rsplit(") ").next().unwrap_or_default().split(' ').collect();
    let [user, system] = [11, 12].map(|field| fields[field].parse::<u64>().expect("a number"));
    user + system
}

/// A tool that would wait for its server for ever. It does not outlive the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It has ended, or the test has failed.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Writes numbered lines; gives the pipe, which is still open.
fn write_lines(mut input: ChildStdin, count: usize) -> ChildStdin {
    let rest = "x".repeat(LINE_BYTES - 11);
    for number in 0..count {
        input.write_all(format!("{number:010}{rest}\n").as_bytes()).expect("the tool reads");
    }
    input
}

/// Says how many different lines have come, each time that a hundredth more are there, and reads to the end; gives how many came
/// more than once.
fn read_lines(output: ChildStdout, count: usize, progress: &Sender<usize>) -> usize {
    let (mut has_come, mut different_count, mut repeated_count) = (vec![false; count], 0, 0);
    for line in BufReader::new(output).lines() {
        let line = line.expect("text");
        assert_eq!(line.len(), LINE_BYTES - 1, "{line}");
        let number: usize = line[..10].parse().expect("a number");
        if std::mem::replace(&mut has_come[number], true) {
            repeated_count += 1;
            continue;
        }
        different_count += 1;
        if different_count == count || different_count % (count / 100) == 0 {
            // Whoever asked has failed.
            let _ = progress.send(different_count);
        }
    }
    repeated_count
}

/// Waits until so many different lines have come.
#[track_caller]
fn wait_for(seen: &Receiver<usize>, count: usize) {
    let mut last = 0;
    while last < count {
        last = seen.recv_timeout(PATIENCE).unwrap_or_else(|_| panic!("nothing comes behind {last} of {count} lines"));
    }
}

#[test]
fn a_pipe_without_end_takes_no_memory_while_the_server_does_not_read() {
    let silent = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    let port = silent.local_addr().expect("it is bound").port();
    let (child, mut stdin) = fed(tool(&format!("pub -t a -l -q 0 -p {port}")));
    let child = Running(child);
    let (mut client, _) = silent.accept().expect("the tool connects");
    client.read_exact(&mut [0; 14]).expect("CONNECT");
    client.write_all(&[0x20, 2, 0, 0]).expect("the tool reads");
    rustix::io::ioctl_fionbio(&stdin, true).expect("a pipe");
    let line = [&[b'x'; 1023][..], b"\n"].concat();
    let (mut written, mut refused) = (0, 0);
    while refused < 50 {
        match stdin.write(&line) {
            Ok(count) => (written, refused) = (written + count, 0),
            Err(_) => {
                refused += 1;
                thread::sleep(Duration::from_millis(10));
            }
        }
    }
    let peak_kib = resident_peak_kib(child.0.id());
    assert!(written > 1 << 20, "{written} bytes were taken");
    assert!(peak_kib < PEAK_KIB_MAX, "{peak_kib} KiB for {written} bytes");
}

/// The most memory that a process has had, in KiB.
fn resident_peak_kib(id: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{id}/status")).expect("it runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("Linux says that");
    line.split_whitespace().next().and_then(|number| number.parse().ok()).expect("a number")
}

const SHORT_MB: usize = 20;

/// With the end of the line.
const LINE_BYTES: usize = 1_000;

/// The program itself, what the system's buffers hold, and a mebibyte of lines; less than the short run sends.
const PEAK_KIB_MAX: u64 = 16 << 10;

/// How long no line may come, also while the server starts again.
const PATIENCE: Duration = Duration::from_secs(60);
