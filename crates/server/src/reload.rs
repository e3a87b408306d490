//! SIGHUP, and files that change by themselves: what the configuration and its files say by now, applied as a whole or not at all.
//!
//! ```text
//! SIGHUP ──▶ read the configuration ──▶ prepare: read certificates, ──▶ put in force ──▶ shards take it
//! a file has changed ─────────────────▶ passwords, rights; bind sockets               └──▶ watch the files
//! ```
//!
//! What must hold: everything new is read, checked and open before anything changes; a fault changes nothing and is told; nobody
//! but those who lose a right or their listener notices.

use std::fs::{self, Permissions};
use std::hash::RandomState;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use midge_net::tls::KeyLog;
use midge_net::{Inherited, Listener, open_regular_file, words};

use crate::authority::Authority;
use crate::boot::Reload;
use crate::console::Consoles;
use crate::failure::Failure;
use crate::journal::Journal;
use crate::listeners::{Occasion, make_doors, open_key_log, open_sockets, warn_of_http_dirs};
use crate::log::{Log, LogChange, LogType};
use crate::options::{Endpoint, ListenerOptions, Options};
use crate::otlp::Exports;
use crate::peers::Peers;
use crate::persistence::Orders;
use crate::reading::ANSWER_TIME;
use crate::reloader::Desk;
use crate::restart::needs_restart;
use crate::settings::{Door, Settings, authorities, rules};
use crate::sinks::Sinks;
use crate::stamps::Stamps;
use crate::watch::Watch;

/// What all settings of a process are made with.
pub(crate) struct Origin {
    log: Arc<Log>,
    /// What an identity was found by is compared over reloads.
    key: RandomState,
    pub(crate) key_log: Option<Arc<KeyLog>>,
    /// How the files looked that the authority in force was made of.
    access: Stamps,
}

/// What is to be remembered from one reload to the next, and whom it concerns.
pub(crate) struct Reloading {
    origin: Origin,
    reload: Reload,
    /// Where others see what is being read.
    desk: Arc<Desk>,
    peers: Arc<Peers>,
    /// Those of the log's thread, where there is one.
    log_orders: Option<Arc<Orders>>,
    consoles: Consoles,
    sinks: Arc<Sinks>,
    exports: Arc<Exports>,
    /// What the server was started with.
    started: Options,
    /// What was read last and is in force.
    latest: Options,
    watch: Watch,
    /// What was wrong with files that have changed, so that it is told once.
    fault: Option<String>,
}

/// Everything new, ready to be put in force.
struct Prepared {
    options: Options,
    settings: Settings,
    log: LogChange,
    access: Stamps,
}

impl Origin {
    pub(crate) fn new(options: &Options, log: &Arc<Log>, journal: &mut Journal) -> Result<Origin, Failure> {
        let key_log = open_key_log(options.tls_key_log.as_deref(), journal)?;
        Ok(Origin { log: Arc::clone(log), key: RandomState::new(), key_log, access: Stamps::default() })
    }

    /// Reads the files that say who is let in and what they may do.
    pub(crate) fn load_authority(
        &mut self,
        options: &Options,
        doors: &[Door],
        journal: &mut Journal,
    ) -> Result<Arc<Authority>, Failure> {
        self.access = access_stamps(options);
        self.read_authority(options, doors, None, journal)
    }

    fn read_authority(
        &self,
        options: &Options,
        doors: &[Door],
        before: Option<&Authority>,
        journal: &mut Journal,
    ) -> Result<Arc<Authority>, Failure> {
        let loaded = Authority::load(&authorities(options, doors), &self.key, before);
        let (authority, notes) = loaded.map_err(Failure::Access)?;
        notes.iter().for_each(|note| journal.line(LogType::Warning, format_args!("{note}")));
        Ok(Arc::new(authority))
    }
}

/// What a [`Reloading`] is made of.
pub(crate) struct ReloadingParts<'a> {
    pub(crate) options: &'a Options,
    pub(crate) origin: Origin,
    pub(crate) reload: Reload,
    pub(crate) desk: Arc<Desk>,
    pub(crate) watch: Watch,
    pub(crate) peers: Arc<Peers>,
    pub(crate) log_orders: Option<Arc<Orders>>,
    pub(crate) consoles: Consoles,
    pub(crate) sinks: Arc<Sinks>,
    pub(crate) exports: Arc<Exports>,
}

impl Reloading {
    /// Begins to look at the files. By now the server is who it is to be.
    pub(crate) fn new(parts: ReloadingParts<'_>, journal: &mut Journal) -> Reloading {
        let ReloadingParts { options, origin, reload, desk, watch, peers, log_orders, consoles, sinks, exports } =
            parts;
        let (started, latest) = (options.clone(), options.clone());
        let fault = None;
        let reloading = Reloading {
            origin,
            reload,
            desk,
            peers,
            log_orders,
            consoles,
            sinks,
            exports,
            started,
            latest,
            watch,
            fault,
        };
        let settings = reloading.peers.settings();
        reloading.consoles.follow(&settings, options, journal);
        let files = stamps_of(&settings, &reloading.origin.access);
        for path in files.unreadable() {
            let text = "cannot be read by whom the server has become: when it changes, that counts after a restart";
            journal.line(LogType::Warning, format_args!("Warning: {} {text}.", path.display()));
        }
        warn_of_http_dirs(options, journal);
        reloading.look_at(&settings);
        reloading
    }

    /// SIGHUP: does what can be done, and tells it. `false`: nothing was.
    pub(crate) fn reload(&mut self, journal: &mut Journal) -> bool {
        journal.line(LogType::Information, format_args!("Reloading config."));
        self.desk.reading.begin("the log file".to_owned(), ANSWER_TIME);
        journal.rotate();
        self.desk.reading.begin("the configuration file, or one that it includes,".to_owned(), ANSWER_TIME);
        let options = (self.reload)();
        for (kind, remark) in options.iter().flat_map(|options| &options.remarks) {
            journal.line(*kind, format_args!("{remark}"));
        }
        let before = self.peers.settings();
        let prepared = options.and_then(|options| {
            let prepared = self.prepare(options, &before, Occasion::Order, journal);
            prepared.map_err(|fault| format!("Error: {fault}"))
        });
        match prepared {
            Ok(prepared) => {
                let left = needs_restart(&self.started, &prepared.options);
                self.put_in_force(prepared, before, journal);
                for directive in left {
                    let text = format_args!("Warning: {directive} has changed, which needs a restart to count.");
                    journal.line(LogType::Warning, text);
                }
                journal.line(LogType::Notice, format_args!("The configuration was reloaded."));
                true
            }
            Err(fault) => {
                journal.line(LogType::Error, format_args!("{fault}"));
                let text = "The configuration was not reloaded: the server goes on as before.";
                journal.line(LogType::Error, format_args!("Error: {text}"));
                false
            }
        }
    }

    /// Takes files that have changed, if there are any that do.
    pub(crate) fn refresh(&mut self, journal: &mut Journal) {
        for path in self.watch.take_emptied() {
            let text = "has been emptied: until something is in it, all files count as they were read before";
            let advice = "Send SIGHUP if it is to be empty.";
            journal.line(LogType::Warning, format_args!("Warning: {} {text}. {advice}", path.display()));
        }
        let Some(looked) = self.watch.take_news() else { return };
        let before = self.peers.settings();
        let options = self.latest.clone();
        let prepared = self.prepare(options, &before, Occasion::News, journal);
        if !self.watch.looks_like(&looked) {
            // They are being written. The watch looks on.
            return;
        }
        match prepared {
            Ok(prepared) => {
                self.put_in_force(prepared, before, journal);
                let text = "Files of the configuration have changed and were read again.";
                journal.line(LogType::Notice, format_args!("{text}"));
            }
            Err(fault) => {
                self.watch.note_failed(looked);
                let fault = format!("Error: {fault}");
                if self.fault.as_ref() != Some(&fault) {
                    journal.line(LogType::Error, format_args!("{fault}"));
                    let text =
                        "Files of the configuration have changed and do not do yet: those read before still count.";
                    journal.line(LogType::Error, format_args!("Error: {text}"));
                }
                self.fault = Some(fault);
            }
        }
    }

    fn prepare(
        &self,
        options: Options,
        before: &Settings,
        occasion: Occasion,
        journal: &mut Journal,
    ) -> Result<Prepared, Failure> {
        let origin = &self.origin;
        self.knock_at(&options);
        let doors = make_doors(&options, &before.doors, origin.key_log.as_ref(), occasion, journal)?;
        let access = access_stamps(&options);
        let authority = match occasion == Occasion::News && access == origin.access {
            true => Arc::clone(&before.authority),
            false => origin.read_authority(&options, &doors, Some(&before.authority), journal)?,
        };
        let log = origin.log.prepare(options.log.clone()).map_err(Failure::Log)?;
        let sockets = match occasion {
            // Nobody hands sockets over to a server that runs, and who it was to be it is.
            Occasion::Order => open_sockets(&options, &doors, before, None, &mut Inherited::default(), journal)?,
            Occasion::News => before.sockets.clone(),
        };
        let broker = broker_rules(&options, &doors, &before.broker);
        let mut settings = Settings::new(&options, broker, doors, sockets, authority);
        settings.gate = before.gate.with_max(options.global_max_connections);
        Ok(Prepared { options, settings, log, access })
    }

    /// What was in force `before` goes with this: sockets that are told to be closed are closed when it returns.
    fn put_in_force(&mut self, prepared: Prepared, before: Arc<Settings>, journal: &mut Journal) {
        let Prepared { options, settings, log, access } = prepared;
        self.origin.log.put_in_force(log);
        for socket in &settings.sockets {
            let place = settings.door(socket.listener).of.as_ref().map_or(0, |at| at.place);
            adjust(&socket.socket, &options.listeners[place], journal);
        }
        if let (Some(orders), Some(persistence)) = (&self.log_orders, &options.persistence) {
            orders.set_autosave(persistence.autosave);
            self.peers.wake_log();
        }
        self.peers.failures.set_delay_ms_max(options.failed_login_delay_ms());
        self.peers.put_in_force(Arc::new(settings));
        wait_until(|| self.peers.are_settings_in_force());
        let begun = self.sinks.put_in_force(&options.sinks);
        if let Err(error) = begun.and_then(|()| self.exports.put_in_force(&options.otlp)) {
            journal.line(LogType::Error, format_args!("Error: unable to start a thread: {error}."));
        }
        let now = self.peers.settings();
        self.consoles.follow(&now, &options, journal);
        for socket in before.sockets.iter().filter(|old| now.sockets.iter().all(|new| new.number != old.number)) {
            journal.line(LogType::Information, format_args!("Closing listen socket on {}.", socket.socket));
        }
        drop(before);
        (self.latest, self.origin.access, self.fault) = (options, access, None);
        self.look_at(&now);
    }

    /// Begins to read each file, so that one that does not answer is known by its name.
    fn knock_at(&self, options: &Options) {
        let encrypted = options.listeners.iter().filter_map(|listener| listener.tls.as_ref());
        let certificates = encrypted.flat_map(|tls| tls.files()).map(Path::to_path_buf);
        for path in certificates.chain(access_files(options)) {
            self.desk.reading.begin_file(&path);
            if let Ok(mut file) = open_regular_file(&path) {
                // What is wrong with it is told by who needs it.
                let _ = file.read(&mut [0]);
            }
        }
        self.desk.reading.begin("what the configuration names".to_owned(), PREPARE_TIME);
    }

    /// From now on the files of these settings are looked at.
    fn look_at(&self, settings: &Settings) {
        let paths: Vec<_> = match self.latest.watch_files {
            true => files_of(settings).map(Path::to_path_buf).chain(access_files(&self.latest)).collect(),
            false => Vec::new(),
        };
        let taken = stamps_of(settings, &self.origin.access).without_forbidden(&paths);
        self.watch.look_at(paths, taken);
    }
}

/// Has a socket that is there be as a listener says now.
fn adjust(socket: &Listener, options: &ListenerOptions, journal: &mut Journal) {
    if let Err(error) = socket.set_no_delay(options.no_delay) {
        journal.line(LogType::Warning, format_args!("Warning: set_tcp_nodelay: {}.", words(&error)));
    }
    if let Endpoint::Unix(path) = &options.endpoint
        && let Err(error) = fs::set_permissions(path, Permissions::from_mode(options.unix_socket_mode))
    {
        let text = format_args!("Warning: unix_socket_mode of {}: {}.", path.display(), words(&error));
        journal.line(LogType::Warning, text);
    }
}

/// What is in force, as its files looked when they were read.
fn stamps_of(settings: &Settings, access: &Stamps) -> Stamps {
    let encrypted = settings.doors.iter().filter_map(|door| door.encryption.as_ref());
    encrypted.fold(access.clone(), |stamps, encryption| stamps.with(&encryption.stamps))
}

fn files_of(settings: &Settings) -> impl Iterator<Item = &Path> {
    let encrypted = settings.doors.iter().filter_map(|door| door.encryption.as_ref());
    encrypted.flat_map(|encryption| encryption.options.files())
}

fn access_files(options: &Options) -> impl Iterator<Item = PathBuf> {
    options.authority.iter().flat_map(|authority| authority.files()).map(Path::to_path_buf)
}

fn access_stamps(options: &Options) -> Stamps {
    let files: Vec<PathBuf> = access_files(options).collect();
    Stamps::of(files.iter().map(PathBuf::as_path))
}

/// The same value where nothing is different: connections keep the one that they came under.
fn broker_rules(options: &Options, doors: &[Door], before: &Arc<midge_broker::Options>) -> Arc<midge_broker::Options> {
    let (seed, queue_memory_bytes) = (before.seed, before.queue_memory_bytes);
    let rules = midge_broker::Options { seed, queue_memory_bytes, ..rules(options, doors) };
    if rules == **before { Arc::clone(before) } else { Arc::new(rules) }
}

/// What is told is true then. A shard takes what is in force with its next turn.
fn wait_until(is_so: impl Fn() -> bool) {
    let begun = Instant::now();
    while !is_so() && begun.elapsed() < WAIT_MAX {
        thread::sleep(WAIT_STEP);
    }
}

/// Files of millions of users are read and sockets bound within this.
const PREPARE_TIME: Duration = Duration::from_secs(60);

const WAIT_STEP: Duration = Duration::from_millis(1);

/// No turn takes so long.
const WAIT_MAX: Duration = Duration::from_secs(5);
