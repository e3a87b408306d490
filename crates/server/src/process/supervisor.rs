//! systemd, where it has started us: a datagram for each thing that it wants to know.

use std::ffi::OsStr;
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

/// Who wants to be told; nobody, mostly.
pub(crate) struct Supervisor(Option<UnixDatagram>);

impl Supervisor {
    /// The one that the environment names.
    pub(crate) fn of_environment() -> Supervisor {
        let socket = std::env::var_os("NOTIFY_SOCKET").and_then(|address| connect(&address).ok());
        Supervisor(socket)
    }

    /// The server runs, or does so again.
    pub(crate) fn ready(&self) {
        self.tell("READY=1\nSTATUS=Serving clients.");
    }

    /// A reload was refused: the server runs as before. There is no other way to tell that it failed.
    pub(crate) fn still_ready(&self) {
        self.tell("READY=1\nSTATUS=Serving clients. The last reload was refused: see the log.");
    }

    /// The configuration is being read again.
    pub(crate) fn reloading(&self) {
        let now = clock_gettime(ClockId::Monotonic);
        let now_us = now.tv_sec as u64 * 1_000_000 + now.tv_nsec as u64 / 1000;
        self.tell(&format!("RELOADING=1\nMONOTONIC_USEC={now_us}"));
    }

    /// The server ends.
    pub(crate) fn stopping(&self) {
        self.tell("STOPPING=1");
    }

    /// All is alive.
    pub(crate) fn alive(&self) {
        self.tell("WATCHDOG=1");
    }

    fn tell(&self, text: &str) {
        if let Some(socket) = &self.0 {
            // A supervisor that does not listen is none.
            let _ = socket.send(text.as_bytes());
        }
    }
}

fn connect(address: &OsStr) -> io::Result<UnixDatagram> {
    let address = match address.as_bytes() {
        [b'@', name @ ..] => SocketAddr::from_abstract_name(name)?,
        _ => SocketAddr::from_pathname(address)?,
    };
    let socket = UnixDatagram::unbound()?;
    socket.connect_addr(&address)?;
    Ok(socket)
}

/// When to say that all is alive, and whether it is: every shard must have turned since it was woken the last time.
pub(crate) struct Watchdog {
    step: Duration,
    due: Instant,
    /// The shards' turns when they were woken last.
    turns: Vec<u64>,
}

impl Watchdog {
    /// `None`: nobody watches.
    pub(crate) fn of_environment() -> Option<Watchdog> {
        let number = |name| std::env::var(name).ok()?.parse::<u64>().ok();
        let is_ours = number("WATCHDOG_PID").is_none_or(|process| process == u64::from(std::process::id()));
        let interval_us = number("WATCHDOG_USEC").filter(|interval_us| *interval_us > 0 && is_ours)?;
        // Four times in the interval: a shard may miss one for a long turn.
        let step = Duration::from_micros(interval_us) / 4;
        Some(Watchdog { step, due: Instant::now(), turns: Vec::new() })
    }

    /// How long until it is due.
    pub(crate) fn pause(&self) -> Duration {
        self.due.saturating_duration_since(Instant::now())
    }

    /// Whether it is due and all is alive. `turns` are the shards' turns by now, which the caller wakes when it is due.
    pub(crate) fn look(&mut self, turns: Vec<u64>) -> bool {
        self.due = Instant::now() + self.step;
        let are_alive = self.turns.iter().zip(&turns).all(|(before, now)| before != now);
        self.turns = turns;
        are_alive
    }

    /// Whether it is time to look.
    pub(crate) fn is_due(&self) -> bool {
        self.pause().is_zero()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_supervisor_may_listen_at_a_path_or_an_abstract_name() {
        let name = format!("midge-notify-{}", std::process::id());
        let path = std::env::temp_dir().join(&name);
        let at_path = UnixDatagram::bind(&path).expect("a socket");
        let abstract_name = SocketAddr::from_abstract_name(&name).expect("a name");
        let at_name = UnixDatagram::bind_addr(&abstract_name).expect("a socket");
        for (socket, address) in [(at_path, path.as_os_str()), (at_name, OsStr::new(&format!("@{name}")))] {
            Supervisor(connect(address).ok()).stopping();
            let mut text = [0; 100];
            let length = socket.recv(&mut text).expect("told");
            assert_eq!(&text[..length], b"STOPPING=1");
        }
        std::fs::remove_file(path).expect("removed");
    }

    #[test]
    fn a_shard_that_does_not_turn_is_noticed() {
        let mut watchdog = Watchdog { step: Duration::ZERO, due: Instant::now(), turns: Vec::new() };
        let looks = [[1, 1], [2, 3], [3, 3], [3, 4], [4, 5]].map(|turns| watchdog.look(turns.to_vec()));
        assert_eq!(looks, [true, true, false, false, true]);
    }
}
