//! The console's side of the server: where it is to be, what it is told, and what it is answered.
//!
//! ```text
//! settings ──▶ Consoles ──entrances──▶ midge-console ──▶ ConsoleSource ──inquiries──▶ shards
//! shards ──▶ Witness ──▶ Incidents ──▶ ConsoleSource
//! ```
//!
//! What must hold: shards do nothing for a console that nobody looks at but to note what they would tell the log, once a turn; the
//! console's thread is there while a listener is that speaks HTTP, and nobody waits for it but a reload.

mod describe;
mod figures;
mod places;
mod source;
mod witness;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use midge_console::{Anteroom, Console, Entrance, EntranceKind, Rules};
use midge_net::words;

pub(crate) use self::figures::{LogFigures, Tally};
pub(crate) use self::source::{ConsoleSource, SourceParts};
pub(crate) use self::witness::{Incidents, Witness, how_it_ended};
use crate::journal::Journal;
use crate::log::LogType;
use crate::options::Options;
use crate::settings::{Door, Settings, Socket};

/// The console, while there is one.
pub(crate) struct Consoles {
    source: Arc<ConsoleSource>,
    running: Mutex<Option<Running>>,
}

struct Running {
    console: Console,
    /// Addresses of the page that were told.
    urls: BTreeSet<String>,
}

impl Consoles {
    pub(crate) fn new(source: Arc<ConsoleSource>) -> Consoles {
        Consoles { source, running: Mutex::default() }
    }

    /// From now on it is where these settings say. What is not there any more is closed when this returns.
    pub(crate) fn follow(&self, settings: &Settings, options: &Options, journal: &mut Journal) {
        self.source.set_configuration(Arc::clone(&options.configuration));
        let mut tell = |text: String| journal.line(LogType::Error, format_args!("{text}"));
        let entrances: Vec<Entrance> =
            entrances(settings, options).filter_map(|it| it.map_err(&mut tell).ok()).collect();
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        if entrances.is_empty() {
            if let Some(Running { console, .. }) = running.take() {
                console.put_in_force(Rules::default(), Vec::new());
            }
            return;
        }
        let running = match &mut *running {
            Some(running) => running,
            None => match Console::start(Arc::<ConsoleSource>::clone(&self.source), give_way) {
                Ok(console) => running.insert(Running { console, urls: BTreeSet::new() }),
                Err(error) => {
                    return journal
                        .line(LogType::Error, format_args!("Error: there is no console: {}.", words(&error)));
                }
            },
        };
        running.console.put_in_force(Rules::clone(&options.console), entrances);
        let urls: BTreeSet<String> = urls(settings).collect();
        for url in urls.difference(&running.urls) {
            journal.line(LogType::Information, format_args!("Console: {url} in a browser."));
        }
        running.urls = urls;
    }
}

/// Where the page is, for somebody at the machine.
fn urls(settings: &Settings) -> impl Iterator<Item = String> {
    settings.sockets.iter().filter_map(|socket| {
        let door = settings.door(socket.listener);
        let address = socket.socket.address().filter(|_| door.http == Some(EntranceKind::Console))?;
        let scheme = if door.encryption.is_some() { "https" } else { "http" };
        let port = address.port();
        Some(match address.ip() {
            ip if ip.is_unspecified() => format!("{scheme}://localhost:{port}/"),
            _ => format!("{scheme}://{address}/"),
        })
    })
}

/// Clients are served first where there is not time for all.
fn give_way() {
    // Where the system does not take it, nothing is lost but that.
    let _ = rustix::process::setpriority_process(None, NICENESS);
}

/// A tenth of the time of who wants as much.
const NICENESS: i32 = 10;

/// Stands in for the console while the server reads what it has kept. `settings` has the sockets that are open by then.
pub(crate) fn open_anteroom(settings: &Settings, options: &Options) -> Option<Anteroom> {
    // What is wrong with one is told when the console opens.
    let entrances: Vec<Entrance> = entrances(settings, options).filter_map(Result::ok).collect();
    let is_wanted = !entrances.is_empty();
    is_wanted.then(|| Anteroom::open(entrances, options.console.names.clone(), give_way).ok()).flatten()
}

/// Where a console is to be, and why it cannot be there.
fn entrances(settings: &Settings, options: &Options) -> impl Iterator<Item = Result<Entrance, String>> {
    let sockets = settings.sockets.iter();
    sockets.filter_map(|socket| {
        let door = settings.door(socket.listener);
        let kind = door.http?;
        let no_console = |cause| format!("Error: no console on {}: {cause}.", socket.socket);
        Some(entrance(door, kind, socket, options).map_err(no_console))
    })
}

fn entrance(door: &Door, kind: EntranceKind, socket: &Socket, options: &Options) -> Result<Entrance, String> {
    let tls = match &door.encryption {
        None => None,
        Some(encryption) => Some(encryption.listener.rustls().ok_or(ONLY_OPENSSL)?),
    };
    let own = socket.socket.try_clone_tcp().map_err(|error| words(&error))?;
    let trusted = door.websocket.as_ref().map(|websocket| websocket.trusted_proxies.clone()).unwrap_or_default();
    let at = door.of.as_ref().ok_or("its listener is gone")?;
    Ok(Entrance {
        listener: socket.listener.0,
        number: socket.number,
        kind,
        socket: own,
        tls,
        allow_anonymous: options.broker.listeners[at.place].allow_anonymous,
        trusts: Arc::new(move |ip| trusted.iter().any(|network| network.contains(ip))),
    })
}

const ONLY_OPENSSL: &str = "these ciphers are OpenSSL's, which does not serve HTTP here. Take them out of its block";
