//! `log_dest syslog`: a datagram for each line, as the C library sends them.

use std::io::{self, Write as _};
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;

use super::LogType;
use super::timestamp::local_time;
use crate::clock;

/// The system's log.
pub(super) struct Syslog {
    path: PathBuf,
    /// What lines are tagged with.
    name: &'static str,
    facility: u8,
    /// Not before the first line: the daemon may be started after us, or again.
    socket: Option<UnixDatagram>,
    packet: Vec<u8>,
}

/// Where the daemon listens.
pub(super) const SOCKET: &str = "/dev/log";

impl Syslog {
    /// `local`: which of LOCAL0 to LOCAL7; otherwise DAEMON.
    pub(super) fn new(path: impl Into<PathBuf>, name: &'static str, local: Option<u8>) -> Syslog {
        let facility = local.map_or(FACILITY_DAEMON, |number| FACILITY_LOCAL0 + number);
        Syslog { path: path.into(), name, facility, socket: None, packet: Vec::new() }
    }

    /// Sends a line. The daemon may have been restarted: then its socket is another one.
    pub(super) fn send(&mut self, kind: LogType, line: &str) -> io::Result<()> {
        let priority = u32::from(self.facility) * 8 + u32::from(kind.priority());
        let (time, name, process) = (local_time(c"%h %e %T", clock::wall_ms() / 1000), self.name, std::process::id());
        self.packet.clear();
        write!(self.packet, "<{priority}>{time} {name}[{process}]: {line}")?;
        if let Some(socket) = &self.socket
            && socket.send(&self.packet).is_ok()
        {
            return Ok(());
        }
        let socket = self.socket.insert(UnixDatagram::unbound()?);
        socket.connect(&self.path)?;
        socket.send(&self.packet).map(drop)
    }
}

/// The numbers that syslog has given its facilities.
const FACILITY_DAEMON: u8 = 3;
const FACILITY_LOCAL0: u8 = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_arrive_with_priority_name_and_process_also_after_a_restart_of_the_daemon() {
        let path = std::env::temp_dir().join(format!("midge-syslog-{}", std::process::id()));
        let _ = std::fs::remove_file(&path);
        let mut syslog = Syslog::new(&path, "mosquitto", Some(5));
        assert!(syslog.send(LogType::Error, "nobody listens").is_err());
        for (kind, priority) in [(LogType::Error, 171), (LogType::Debug, 175), (LogType::Subscribe, 173)] {
            let daemon = UnixDatagram::bind(&path).expect("a socket");
            syslog.send(kind, "1: a line").expect("sent");
            let mut packet = [0; 200];
            let length = daemon.recv(&mut packet).expect("a line");
            let text = String::from_utf8_lossy(&packet[..length]);
            assert!(text.starts_with(&format!("<{priority}>")), "{text}");
            assert!(text.ends_with(&format!(" mosquitto[{}]: 1: a line", std::process::id())), "{text}");
            std::fs::remove_file(&path).expect("removed");
        }
    }

    #[test]
    fn without_a_facility_it_is_that_of_daemons() {
        assert_eq!(Syslog::new("", "midge", None).facility, 3);
        assert_eq!(Syslog::new("", "midge", Some(0)).facility, 16);
    }
}
