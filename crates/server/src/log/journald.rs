//! `log_dest journald`: a datagram of fields for each line, in the journal's own protocol.

use std::io::{self, Write as _};
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;

use super::LogType;

/// systemd's journal.
pub(super) struct Journald {
    path: PathBuf,
    /// What lines are tagged with.
    name: &'static str,
    /// Not before the first line: the journal may be started after us.
    socket: Option<UnixDatagram>,
    packet: Vec<u8>,
}

/// Where the journal listens.
pub(super) const SOCKET: &str = "/run/systemd/journal/socket";

impl Journald {
    pub(super) fn new(path: impl Into<PathBuf>, name: &'static str) -> Journald {
        Journald { path: path.into(), name, socket: None, packet: Vec::new() }
    }

    /// Sends a line. A line holds no line feed, so that no field has to say its length.
    pub(super) fn send(&mut self, kind: LogType, line: &str) -> io::Result<()> {
        self.packet.clear();
        let (priority, name) = (kind.priority(), self.name);
        write!(self.packet, "PRIORITY={priority}\nSYSLOG_IDENTIFIER={name}\nMESSAGE={line}\n")?;
        let socket = match &self.socket {
            Some(socket) => socket,
            None => self.socket.insert(UnixDatagram::unbound()?),
        };
        // By its path each time: the journal may have been restarted.
        socket.send_to(&self.packet, &self.path).map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_arrive_as_fields_also_after_a_restart_of_the_journal() {
        let path = std::env::temp_dir().join(format!("midge-journald-{}", std::process::id()));
        let _ = std::fs::remove_file(&path);
        let mut journald = Journald::new(&path, "mosquitto");
        assert!(journald.send(LogType::Error, "nobody listens").is_err());
        for (kind, priority) in [(LogType::Error, 3), (LogType::Debug, 7)] {
            let journal = UnixDatagram::bind(&path).expect("a socket");
            journald.send(kind, "1: a=b").expect("sent");
            let mut packet = [0; 200];
            let length = journal.recv(&mut packet).expect("a line");
            let text = String::from_utf8_lossy(&packet[..length]);
            assert_eq!(text, format!("PRIORITY={priority}\nSYSLOG_IDENTIFIER=mosquitto\nMESSAGE=1: a=b\n"));
            std::fs::remove_file(&path).expect("removed");
        }
    }
}
