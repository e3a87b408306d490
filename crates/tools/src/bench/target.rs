//! What a server on this machine takes: CPU time and memory of its process, and of those that it has started.

use std::fs;

use rustix::time::{ClockId, clock_gettime};

/// The process of a server.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Process(i32);

/// What it has taken so far, and what it takes now.
#[derive(Clone, Copy, Default, PartialEq, Debug)]
pub(super) struct Usage {
    /// CPU time of all its threads, also of those that have ended.
    pub(super) cpu_ns: u64,
    /// Resident memory.
    pub(super) resident_bytes: u64,
}

impl Process {
    /// `--pid`.
    ///
    /// # Errors
    /// With the message for the user, where there is no such process.
    pub(super) fn numbered(word: &str) -> Result<Process, String> {
        let number = word.parse().ok().filter(|&number: &i32| number > 0);
        let process = Process(number.ok_or_else(|| format!("Error: Invalid process ID given: {word}"))?);
        process.usage().map(|_| process).ok_or_else(|| format!("Error: There is no process {word} (--pid)."))
    }

    /// `None`: it has ended.
    pub(super) fn usage(self) -> Option<Usage> {
        let mut usage = Usage { cpu_ns: cpu_ns(self.0)?, resident_bytes: resident_bytes(self.0)? };
        for child in children(self.0).iter().filter_map(|child| child.usage()) {
            usage.cpu_ns += child.cpu_ns;
            usage.resident_bytes += child.resident_bytes;
        }
        Some(usage)
    }
}

/// Cores of the machine, also those that this process is kept from: the server may have them.
pub(super) fn cores() -> usize {
    // SAFETY: it takes a number and gives one.
    let cores = unsafe { libc::sysconf(libc::_SC_NPROCESSORS_ONLN) };
    usize::try_from(cores).unwrap_or(1)
}

/// CPU time of the calling thread.
pub(super) fn thread_cpu_ns() -> u64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

/// The clock of another process counts in nanoseconds; files of `/proc` count in ticks, or without threads that have ended.
fn cpu_ns(process: i32) -> Option<u64> {
    let mut clock = 0;
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: both write to the place that they are given, and keep nothing.
    let is_read = unsafe {
        libc::clock_getcpuclockid(process, &raw mut clock) == 0 && libc::clock_gettime(clock, &raw mut time) == 0
    };
    is_read.then_some(time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64)
}

fn resident_bytes(process: i32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kilobytes: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kilobytes * 1024)
}

fn children(process: i32) -> Vec<Process> {
    let threads = fs::read_dir(format!("/proc/{process}/task")).into_iter().flatten().flatten();
    let lists = threads.filter_map(|thread| fs::read_to_string(thread.path().join("children")).ok());
    lists
        .flat_map(|list| list.split_whitespace().filter_map(|id| id.parse().ok().map(Process)).collect::<Vec<_>>())
        .collect()
}

#[cfg(test)]
mod tests {
    use std::process::{Command, id};

    use super::*;

    #[test]
    fn a_process_takes_time_and_memory() {
        let own = Process::numbered(&id().to_string()).expect("we are here");
        let before = own.usage().expect("we are here");
        let mut sum = 0u64;
        while own.usage().expect("we are here").cpu_ns < before.cpu_ns + 5_000_000 {
            sum = std::hint::black_box(sum + 1);
        }
        assert!(before.resident_bytes > 100_000, "{before:?}");
        assert!(thread_cpu_ns() > 0);
    }

    #[test]
    fn children_count_too() {
        let mut child = Command::new("sleep").arg("60").spawn().expect("it starts");
        let ours = children(id() as i32);
        assert!(ours.contains(&Process(child.id() as i32)), "{ours:?}");
        child.kill().and_then(|()| child.wait()).expect("it ends");
        assert_eq!(Process(child.id() as i32).usage(), None);
    }

    #[test]
    fn what_is_no_process_is_refused() {
        for (word, expected) in [
            ("x", "Error: Invalid process ID given: x"),
            ("0", "Error: Invalid process ID given: 0"),
            ("2147483647", "Error: There is no process 2147483647 (--pid)."),
        ] {
            assert_eq!(Process::numbered(word), Err(expected.to_owned()));
        }
    }
}
