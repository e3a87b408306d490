//! Processes of this machine, as `/proc` tells about them.

use std::path::Path;
use std::{fmt, fs, io};

/// A process.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Process(libc::pid_t);

impl Process {
    /// The one with this number, which is above zero: others mean groups of processes.
    pub(super) fn numbered(number: i32) -> Option<Process> {
        (number > 0).then_some(Process(number))
    }

    /// Sends a signal.
    pub(super) fn send(self, signal: i32) -> io::Result<()> {
        // SAFETY: `kill` touches no memory of ours.
        match unsafe { libc::kill(self.0, signal) } {
            0 => Ok(()),
            _ => Err(io::Error::last_os_error()),
        }
    }

    /// Whether it has made no provision for the signal, whose default is to end it. `false` where nothing is known.
    pub(super) fn would_end_by(self, signal: i32) -> bool {
        let status = fs::read_to_string(format!("/proc/{self}/status"));
        status.is_ok_and(|status| is_fatal(&status, signal))
    }
}

impl fmt::Display for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// All servers that run: Mosquitto's, and ours under each of its names.
pub(super) fn servers() -> io::Result<Vec<Process>> {
    let mut servers = Vec::new();
    for entry in fs::read_dir("/proc")? {
        let entry = entry?;
        let number = entry.file_name().to_str().and_then(|name| name.parse().ok());
        if let Some(process) = number.and_then(Process::numbered)
            // One that has ended meanwhile has no file any more.
            && fs::read(entry.path().join("cmdline")).is_ok_and(|line| is_server(&line))
        {
            servers.push(process);
        }
    }
    Ok(servers)
}

/// Of `midge` the first word tells whether it is the server or one of the tools.
fn is_server(command_line: &[u8]) -> bool {
    let mut words = command_line.split(|byte| *byte == 0).map(String::from_utf8_lossy);
    let program = words.next().unwrap_or_default();
    let name = Path::new(&*program).file_name().and_then(|name| name.to_str());
    let is_flag = |word: &str| word.is_empty() || word.starts_with('-');
    name == Some("mosquitto") || name == Some("midge") && words.next().is_none_or(|word| is_flag(&word))
}

/// Whether the signal is neither caught nor ignored nor kept back, by the masks in `/proc/PID/status`.
fn is_fatal(status: &str, signal: i32) -> bool {
    let masks = status.lines().filter_map(|line| {
        let (name, mask) = line.split_once(':')?;
        matches!(name, "SigBlk" | "SigIgn" | "SigCgt").then(|| u64::from_str_radix(mask.trim(), 16).ok())?
    });
    let masks: Vec<u64> = masks.collect();
    masks.len() == 3 && masks.iter().all(|mask| mask & (1 << (signal - 1)) == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_are_told_from_tools() {
        let check = |words: &[&str], expected: bool| {
            let line: String = words.iter().map(|word| format!("{word}\0")).collect();
            assert_eq!(is_server(line.as_bytes()), expected, "{words:?}");
        };
        check(&["/usr/sbin/mosquitto", "-c", "/etc/mosquitto/mosquitto.conf"], true);
        check(&["mosquitto"], true);
        check(&["mosquitto_sub", "-t", "#"], false);
        check(&["/usr/bin/midge", "-c", "a.conf"], true);
        check(&["midge"], true);
        check(&["midge", "signal", "-a", "shutdown"], false);
        check(&["vi", "mosquitto"], false);
        assert!(!is_server(b""), "a thread of the kernel");
    }

    #[test]
    fn a_signal_is_fatal_where_no_provision_is_made() {
        let status = "Name:\tmidge\nSigBlk:\t0000000000000001\nSigIgn:\t0000000000000200\nSigCgt:\t0000000200000000\n";
        for (signal, expected) in [(libc::SIGHUP, false), (libc::SIGUSR1, false), (34, false), (libc::SIGUSR2, true)] {
            assert_eq!(is_fatal(status, signal), expected, "{signal}");
        }
        assert!(!is_fatal("Name:\tmidge\n", libc::SIGHUP), "nothing is known");
    }
}
