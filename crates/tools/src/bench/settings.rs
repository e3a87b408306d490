//! What the flags of `bench` set beside those that all clients have.

use std::ffi::OsStr;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use super::scenario::Scenario;
use super::target::Process;
use crate::flags::lossy;
use crate::url::ServerUrl;

/// Everything that was said on the command line about the load. What is not said is the scenario's.
#[derive(Clone, Debug)]
pub(crate) struct LoadSettings {
    pub(super) scenario: Option<Scenario>,
    pub(super) servers: Vec<ServerSettings>,
    /// `--publishers`.
    pub(super) publishers: Option<usize>,
    /// `--subscribers`.
    pub(super) subscribers: Option<usize>,
    /// `--topics`.
    pub(super) topics: Option<usize>,
    /// `--clients`.
    pub(super) clients: Option<usize>,
    /// `--size`.
    pub(super) payload_bytes: usize,
    /// `--rate`: what is due in a second, of all publishers together.
    pub(super) rate: Option<f64>,
    /// `--window`.
    pub(super) window: Option<usize>,
    /// `--duration`.
    pub(super) duration: Option<Duration>,
    /// `--count`.
    pub(super) count: Option<u64>,
    /// `--warm-up`.
    pub(super) warm_up: Option<Duration>,
    /// `--rounds`.
    pub(super) rounds: usize,
    /// `--threads`.
    pub(super) threads: usize,
    /// `--sleep`.
    pub(super) sleeps: bool,
    /// `--json`.
    pub(super) is_json: bool,
    /// `--html`.
    pub(super) html: Option<PathBuf>,
}

/// One of those that are measured.
#[derive(Clone, Debug, Default)]
pub(super) struct ServerSettings {
    pub(super) name: Option<String>,
    pub(super) host: Option<String>,
    pub(super) port: Option<u16>,
    pub(super) url: Option<ServerUrl>,
    /// A Unix socket.
    pub(super) socket: Option<PathBuf>,
    pub(super) process: Option<Process>,
}

impl Default for LoadSettings {
    fn default() -> LoadSettings {
        LoadSettings {
            scenario: None,
            servers: Vec::new(),
            publishers: None,
            subscribers: None,
            topics: None,
            clients: None,
            payload_bytes: 64,
            rate: None,
            window: None,
            duration: None,
            count: None,
            warm_up: None,
            rounds: 1,
            threads: 1,
            sleeps: false,
            is_json: false,
            html: None,
        }
    }
}

impl LoadSettings {
    /// `-h`: another server, unless the last one has no place yet.
    pub(super) fn add_host(&mut self, host: String) {
        self.homeless().host = Some(host);
    }

    /// `-L`.
    pub(super) fn add_url(&mut self, url: &str) -> Result<(), String> {
        self.homeless().url = Some(ServerUrl::parse(url, false)?);
        Ok(())
    }

    /// `--unix`.
    pub(super) fn add_socket(&mut self, path: PathBuf) -> Result<(), String> {
        let server = self.homeless();
        portless(server.port.is_some())?;
        server.socket = Some(path);
        Ok(())
    }

    /// `-p`, of the server before.
    pub(super) fn set_port(&mut self, port: Option<u16>) -> Result<(), String> {
        let server = self.last();
        portless(server.socket.is_some())?;
        once("-p", server.port.is_some())?;
        server.port = port;
        Ok(())
    }

    /// `--pid`, of the server before.
    pub(super) fn set_process(&mut self, process: Process) -> Result<(), String> {
        let server = self.last();
        once("--pid", server.process.is_some())?;
        server.process = Some(process);
        Ok(())
    }

    /// `--name`, of the server before.
    pub(super) fn set_name(&mut self, name: String) -> Result<(), String> {
        let server = self.last();
        once("--name", server.name.is_some())?;
        server.name = Some(name);
        Ok(())
    }

    fn last(&mut self) -> &mut ServerSettings {
        if self.servers.is_empty() {
            self.servers.push(ServerSettings::default());
        }
        self.servers.last_mut().expect("there is one")
    }

    fn homeless(&mut self) -> &mut ServerSettings {
        let has_place =
            |server: &ServerSettings| server.host.is_some() || server.url.is_some() || server.socket.is_some();
        if self.servers.last().is_none_or(has_place) {
            self.servers.push(ServerSettings::default());
        }
        self.last()
    }
}

fn portless(has_both: bool) -> Result<(), String> {
    match has_both {
        true => Err("Error: -p means nothing to a server at a Unix socket (--unix).".to_owned()),
        false => Ok(()),
    }
}

fn once(flag: &str, is_given: bool) -> Result<(), String> {
    match is_given {
        true => Err(format!(
            "Error: {flag} is given twice for one server: it belongs behind the -h, -L or --unix of its server."
        )),
        false => Ok(()),
    }
}

/// A number of things of which there is one at least.
pub(crate) fn count<T: FromStr + PartialOrd + From<u8>>(flag: &str, word: &OsStr) -> Result<T, String> {
    let word = lossy(word);
    let number = word.parse().ok().filter(|number| *number >= T::from(1));
    number.ok_or_else(|| format!("Error: Invalid {flag} argument \"{word}\": a number from 1 on is wanted."))
}

/// A number of seconds, or of things for each second.
pub(crate) fn positive(flag: &str, word: &OsStr) -> Result<f64, String> {
    let word = lossy(word);
    let number = word.parse().ok().filter(|number: &f64| number.is_finite() && *number > 0.0);
    number.ok_or_else(|| format!("Error: Invalid {flag} argument \"{word}\": a number above 0 is wanted."))
}

/// Seconds.
pub(crate) fn duration(flag: &str, word: &OsStr) -> Result<Duration, String> {
    let seconds = positive(flag, word)?;
    Duration::try_from_secs_f64(seconds)
        .map_err(|_| format!("Error: Invalid {flag} argument \"{}\": too long.", lossy(word)))
}

/// Seconds, also none.
pub(super) fn pause(flag: &str, word: &OsStr) -> Result<Duration, String> {
    if lossy(word) == "0" { Ok(Duration::ZERO) } else { duration(flag, word) }
}
