//! Start and end of the process: the one place that knows all parts.

use std::io;
use std::os::fd::AsRawFd;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use midge_broker::Shared;
use midge_broker::ids::ShardId;
use midge_net::{Inherited, sys, words};
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token, Waker};
use signal_hook::consts::{SIGINT, SIGTERM, SIGUSR1, SIGUSR2};
use signal_hook_mio::v1_0::Signals;

use crate::abort::AbortOnPanic;
use crate::admin::{Admin, AdminParts};
use crate::authority::{Failures, Workers};
use crate::clock::{self, Clock};
use crate::console::{self, ConsoleSource, Consoles, SourceParts};
use crate::failure::{Failure, StartError};
use crate::inquiry::OverviewSource;
use crate::journal::Journal;
use crate::listeners::{Occasion, make_doors, open_sockets};
use crate::log::{Log, LogBuffer, LogType};
use crate::options::Options;
use crate::otlp::{self, Exports};
use crate::peers::Peers;
use crate::persistence::{self, Persistence, ReaderParts, Reads, Recovered, Writer, WriterParts};
use crate::process::{self, Account, PidFile, Supervisor, Watchdog};
use crate::reload::{Origin, Reloading, ReloadingParts};
use crate::reload_order::ReloadOrder;
use crate::reloader::{Desk, Reloader};
use crate::settings::{Door, Settings, Socket};
use crate::shard::{MemoryLimit, Parts, Shard, SystemTopics, WAKER};
use crate::sinks::{self, Sinks};
use crate::tree_print::TreePrint;
use crate::watch::Watch;

/// Gives the options anew, as the configuration has them by now; or what is wrong with it, in lines. It may take its time.
pub type Reload = Box<dyn Fn() -> Result<Options, String> + Send>;

/// Runs the server until SIGTERM or SIGINT. SIGHUP asks `reload` for new options.
pub fn run(options: &Options, reload: Reload) -> Result<(), StartError> {
    let inherited = Inherited::new(process::descriptors());
    let clock = Clock::start();
    let mut notes = Vec::new();
    // Before the threads, all of which hold the signal back.
    let order = ReloadOrder::expect().map_err(no_signals).map_err(|error| error.before_there_is_a_log())?;
    let account = Account::of(&options.account, &mut notes).map_err(Failure::Account);
    let account = account.map_err(|error| error.before_there_is_a_log())?;
    let log = Log::open(options.log.clone(), account.as_ref()).map_err(Failure::Log);
    let log = log.map_err(|error| error.before_there_is_a_log())?;
    notes.extend(account.iter().flat_map(|account| Log::rotation_warnings(&options.log, account)));
    let mut journal = Journal(LogBuffer::new(Arc::clone(&log)));
    let surroundings = Surroundings { clock, log: &log, account: account.as_ref(), order, reload };
    let result = start(options, surroundings, &mut journal, &notes, inherited).and_then(|server| {
        journal.line(LogType::Information, format_args!("{} running", options.identity.version()));
        server.wait(&mut journal)
    });
    match result {
        Ok(exports) => {
            journal.line(LogType::Information, format_args!("{} terminating", options.identity.version()));
            exports.stop();
            Ok(())
        }
        Err(error) => {
            journal.line(LogType::Error, format_args!("Error: {error}"));
            let is_told = log.tells_stderr(LogType::Error);
            Err(StartError { text: format!("Error: {error}"), is_told, is_before_log: false, status: error.status() })
        }
    }
}

/// What a server is started with beside its options.
struct Surroundings<'a> {
    clock: Clock,
    log: &'a Arc<Log>,
    account: Option<&'a Account>,
    order: ReloadOrder,
    reload: Reload,
}

/// A running server.
struct Server {
    threads: Threads,
    /// Where reloads are ordered.
    desk: Arc<Desk>,
    supervisor: Arc<Supervisor>,
    tree_print: Arc<TreePrint>,
    exports: Arc<Exports>,
    signals: Signals,
    /// Where they are waited for.
    poll: Poll,
    /// There as long as the server.
    _pid_file: Option<PidFile>,
}

/// The threads that do the work.
struct Threads {
    peers: Arc<Peers>,
    shards: Vec<JoinHandle<()>>,
    /// The log's, where there is one.
    writer: Option<Writer>,
    /// Where others ask for something, where there is such a place.
    admin: Option<Admin>,
    sinks: Arc<Sinks>,
}

fn start(
    options: &Options,
    surroundings: Surroundings<'_>,
    journal: &mut Journal,
    notes: &[String],
    mut inherited: Inherited,
) -> Result<Server, Failure> {
    let Surroundings { clock, log, account, order, reload } = surroundings;
    journal.line(LogType::Information, format_args!("{} starting", options.identity.version()));
    for (kind, remark) in &options.remarks {
        journal.line(*kind, format_args!("{remark}"));
    }
    notes.iter().for_each(|note| journal.line(LogType::Warning, format_args!("{note}")));
    if let Err(error) = sys::raise_open_files_limit() {
        journal.line(
            LogType::Warning,
            format_args!("Warning: unable to raise the limit of open files: {}", words(&error)),
        );
    }
    // Before anybody can see that we run.
    let signals = Signals::new([SIGTERM, SIGINT, SIGUSR1, SIGUSR2, libc::SIGRTMIN()]);
    let mut signals = signals.map_err(no_signals)?;
    // Also before anybody can connect: a crowd that takes all descriptors must not leave us without.
    let poll = Poll::new().map_err(no_signals)?;
    poll.registry().register(&mut signals, SIGNALS, Interest::READABLE).map_err(no_signals)?;
    poll.registry().register(&mut SourceFd(&order.as_raw_fd()), SIGNALS, Interest::READABLE).map_err(no_signals)?;
    let mut origin = Origin::new(options, log, journal)?;
    let doors = make_doors(options, &[], origin.key_log.as_ref(), Occasion::Order, journal)?;
    let authority = origin.load_authority(options, &doors, journal)?;
    let early = open_early(options, &doors, account, &mut inherited, journal)?;
    // First of all that clients can see: two servers with one log must not both have a port for them.
    let state = restore_as(account, options, &early, clock, journal)?;
    let sockets = open_others(options, &doors, &early, account, &mut inherited, journal)?;
    let settings = Settings::new(options, Arc::clone(&state.rules), doors, sockets, authority);
    let pid_file = options.pid_file.as_deref().map(|path| PidFile::write(path, account)).transpose();
    let pid_file = pid_file.map_err(|error| Failure::System("pid_file", error))?;
    if let Some(account) = account {
        account.become_for_good().map_err(no_account)?;
        journal.line(LogType::Information, format_args!("From here on the server is {account}."));
    }
    let no_thread = |error| Failure::System("unable to start a thread", error);
    let clock = state.clock;
    let (shared, started_ms) = (Arc::clone(&state.shared), clock::wall_ms());
    let threads = spawn(options, state, Arc::new(settings), log, order)?;
    let source = Arc::new(ConsoleSource::new(SourceParts {
        identity: options.identity,
        peers: Arc::clone(&threads.peers),
        shared,
        clock,
        log: Arc::clone(log),
        started_ms,
        folder: options.persistence.as_ref().map(|persistence| persistence.folder.clone()),
        sinks: Arc::clone(&threads.sinks),
    }));
    let exports = Arc::new(Exports::new(otlp::Surroundings { source: Arc::clone(&source), log: Arc::clone(log) }));
    exports.put_in_force(&options.otlp).map_err(no_thread)?;
    let consoles = Consoles::new(source);
    let tree_print = TreePrint::new(Arc::clone(&threads.peers), clock, Arc::clone(log));
    let (desk, supervisor) = (Arc::<Desk>::default(), Arc::new(Supervisor::of_environment()));
    let (peers, log_orders) = (Arc::clone(&threads.peers), threads.writer.as_ref().map(Writer::orders));
    let watch = Watch::start(Arc::clone(&desk)).map_err(no_thread)?;
    let parts = ReloadingParts {
        options,
        origin,
        reload,
        desk: Arc::clone(&desk),
        watch,
        peers,
        log_orders,
        consoles,
        sinks: Arc::clone(&threads.sinks),
        exports: Arc::clone(&exports),
    };
    let reloader = Reloader {
        reloading: Reloading::new(parts, journal),
        desk: Arc::clone(&desk),
        peers: Arc::clone(&threads.peers),
        supervisor: Arc::clone(&supervisor),
        journal: Journal(LogBuffer::new(Arc::clone(log))),
    };
    reloader.start().map_err(no_thread)?;
    Ok(Server { threads, desk, supervisor, tree_print, exports, signals, poll, _pid_file: pid_file })
}

/// Opens what is to be there before the server has read what it has kept. Nobody is let in to clients' sockets yet.
fn open_early(
    options: &Options,
    doors: &[Door],
    account: Option<&Account>,
    inherited: &mut Inherited,
    journal: &mut Journal,
) -> Result<Settings, Failure> {
    // What a Mosquitto that still runs will leave is not in its database yet: who takes that over must have the ports.
    let all = options.persistence.as_ref().is_some_and(persistence::is_import_due);
    let doors: Vec<Door> = doors.iter().map(|door| door.clone().only_if(all || door.http.is_some())).collect();
    let sockets = open_sockets(options, &doors, &Settings::default(), account, inherited, journal)?;
    Ok(Settings::with_sockets(doors, sockets))
}

/// Opens the rest; sockets that were handed over and nobody wants are told. What could not be opened early, and need not be, is not
/// tried again.
fn open_others(
    options: &Options,
    doors: &[Door],
    early: &Settings,
    account: Option<&Account>,
    inherited: &mut Inherited,
    journal: &mut Journal,
) -> Result<Vec<Socket>, Failure> {
    let was_tried = |number: usize| early.doors[number].of.is_some();
    let is_open = |number: usize| early.sockets.iter().any(|socket| usize::from(socket.listener.0) == number);
    let doors = doors.iter().enumerate();
    let doors: Vec<Door> =
        doors.map(|(number, door)| door.clone().only_if(!was_tried(number) || is_open(number))).collect();
    let sockets = open_sockets(options, &doors, early, account, inherited, journal)?;
    for address in inherited.left() {
        let text = format_args!(
            "Warning: no listener of the configuration is for the socket on {address} that was handed over."
        );
        journal.line(LogType::Warning, text);
    }
    Ok(sockets)
}

fn no_account(error: io::Error) -> Failure {
    Failure::System("unable to become another user", error)
}

/// What the server begins with.
struct Beginning {
    rules: Arc<midge_broker::Options>,
    shared: Arc<Shared>,
    shards: Vec<midge_broker::Shard>,
    persistence: Option<Persistence>,
    clock: Clock,
}

/// What is kept is opened by who will write it.
fn restore_as(
    account: Option<&Account>,
    options: &Options,
    early: &Settings,
    clock: Clock,
    journal: &mut Journal,
) -> Result<Beginning, Failure> {
    let Some((account, persistence)) = account.zip(options.persistence.as_ref()) else {
        return restore(options, early, clock, journal);
    };
    let unprepared = |error: io::Error| {
        let error = io::Error::new(error.kind(), format!("{}: {error}", persistence.folder.display()));
        Failure::System("unable to give the folder for what is kept to another user", error)
    };
    // What is made of a database gets its name at the end, from who can write beside it: an empty folder would be in the way.
    if !persistence::is_import_due(persistence) {
        account.prepare_folder(&persistence.folder).map_err(unprepared)?;
    }
    account.act(|| restore(options, early, clock, journal)).map_err(no_account)?
}

/// Shards as they were when the server ended, where anything was kept.
fn restore(options: &Options, early: &Settings, clock: Clock, journal: &mut Journal) -> Result<Beginning, Failure> {
    let (rules, shards) = (Arc::new(options.broker.clone()), options.shards);
    let make = |shared: Arc<Shared>| {
        let shard = |number| midge_broker::Shard::new(Arc::clone(&rules), ShardId(number), Arc::clone(&shared));
        (0..shards).map(shard).collect()
    };
    let Some(wanted) = &options.persistence else {
        let shared = Arc::new(Shared::new(shards, rules.seed));
        let shards = make(Arc::clone(&shared));
        return Ok(Beginning { rules, shards, shared, persistence: None, clock });
    };
    // Within: what parses requests then is nobody but the account that the server will be.
    let _anteroom = console::open_anteroom(early, options);
    let recovered = persistence::recover(wanted, &rules, shards, clock, make).map_err(Failure::Persistence)?;
    for remark in &recovered.remarks {
        let kind = if remark.starts_with("Warning") { LogType::Warning } else { LogType::Information };
        journal.line(kind, format_args!("{remark}"));
    }
    let Recovered { persistence, shared, shards, clock, .. } = recovered;
    Ok(Beginning { rules, shared, shards, persistence: Some(persistence), clock })
}

fn no_signals(error: io::Error) -> Failure {
    Failure::System("unable to wait for signals", error)
}

fn spawn(
    options: &Options,
    beginning: Beginning,
    settings: Arc<Settings>,
    log: &Arc<Log>,
    order: ReloadOrder,
) -> Result<Threads, Failure> {
    let Beginning { shared, shards, persistence, clock, .. } = beginning;
    let no_loop = |error| Failure::System("unable to make an event loop", error);
    let no_thread = |error| Failure::System("unable to start a thread", error);
    let polls: Vec<Poll> = shards.iter().map(|_| Poll::new()).collect::<io::Result<_>>().map_err(no_loop)?;
    let wakers = polls.iter().map(|poll| Waker::new(poll.registry(), WAKER));
    let wakers = wakers.collect::<io::Result<_>>().map_err(no_loop)?;
    let failures = Failures::new(options.failed_login_delay_ms());
    let peers = Arc::new(Peers::new(wakers, settings, order, failures));
    log.topics().begin(&peers);
    peers.set_workers(Workers::start(shards.len().min(WORKERS_MAX), &peers, clock).map_err(no_thread)?);
    let buffer = || LogBuffer::new(Arc::clone(log));
    let reader = persistence.as_ref().map(|persistence| Mutex::new(persistence.log.reader()));
    let version = options.identity.version();
    let (all, everything) = (Arc::clone(&peers), Arc::clone(&shared));
    let folder = options.persistence.as_ref().map(|it| it.database.parent().unwrap_or(Path::new("")).to_path_buf());
    let (its_peers, its_shared) = (Arc::clone(&peers), Arc::clone(&shared));
    let surroundings =
        sinks::Surroundings { peers: its_peers, shared: its_shared, log: Arc::clone(log), clock, folder };
    let sinks = Arc::new(Sinks::new(surroundings));
    let source = OverviewSource {
        sinks: Arc::clone(&sinks),
        version,
        peers: all,
        shared: everything,
        clock,
        started_ms: clock.monotonic_ms(),
    };
    let parts = AdminParts { reader, source, log: Arc::clone(log) };
    // Whoever comes before the shards run waits for their answers.
    let admin = options.admin_socket().map(|path| Admin::start(path, parts)).transpose().map_err(no_thread)?;
    if let Some(persistence) = &persistence {
        let reader = persistence.log.reader();
        let (shared, peers) = (Arc::clone(&shared), Arc::clone(&peers));
        let parts = ReaderParts { reader, shared, peers, clock, log: buffer() };
        Reads::start(parts).map_err(no_thread)?;
    }
    let writer = persistence.map(|persistence| {
        let (shared, peers) = (Arc::clone(&shared), Arc::clone(&peers));
        Writer::start(WriterParts { persistence, shared, peers, clock, log: buffer() })
    });
    let writer = writer.transpose().map_err(no_thread)?;
    let mut system_topics = Some(SystemTopics::new(options.identity.version(), options.sys_interval_s, clock));
    let mut memory_limit = Some(MemoryLimit::new(options.memory_limit_bytes));
    let count = shards.len();
    let mut threads = Vec::with_capacity(count);
    for (number, (broker, poll)) in shards.into_iter().zip(polls).enumerate() {
        let shard = Shard::new(Parts {
            id: ShardId(number as u16),
            broker,
            shared: Arc::clone(&shared),
            peers: Arc::clone(&peers),
            shards: count as u16,
            clock,
            log: buffer(),
            poll,
            sys_presence: options.sys_presence,
            memory_limit: memory_limit.take(),
            system_topics: system_topics.take(),
        });
        let thread = thread::Builder::new().name(format!("shard-{number}")).stack_size(STACK_BYTES);
        threads.push(thread.spawn(move || run_shard(shard)).map_err(no_thread)?);
    }
    sinks.put_in_force(&options.sinks).map_err(no_thread)?;
    peers.let_in();
    Ok(Threads { peers, shards: threads, writer, admin: admin.flatten(), sinks })
}

/// A shard that cannot go on takes the process with it: its Sessions would be deaf, and a supervisor restarts us.
fn run_shard(shard: Shard) {
    let on_panic = AbortOnPanic;
    if let Err(error) = shard.run() {
        eprintln!("Error: an event loop failed: {}.", words(&error));
        std::process::exit(1);
    }
    drop(on_panic);
}

impl Server {
    /// Waits for signals, until one says stop; then ends the shards. Gives what has something to send yet.
    fn wait(mut self, journal: &mut Journal) -> Result<Arc<Exports>, Failure> {
        let mut watchdog = Watchdog::of_environment();
        self.supervisor.ready();
        let mut events = Events::with_capacity(2);
        'wait: loop {
            let pause = watchdog.as_ref().map_or(LOOK_EVERY, |watchdog| watchdog.pause().min(LOOK_EVERY));
            match self.poll.poll(&mut events, Some(pause)) {
                Err(error) if error.kind() != io::ErrorKind::Interrupted => return Err(no_signals(error)),
                _ => {}
            }
            if let Some(watchdog) = watchdog.as_mut().filter(|watchdog| watchdog.is_due())
                && watchdog.look(self.threads.peers.turns())
            {
                self.supervisor.alive();
            }
            self.look_after_reloads(journal);
            for signal in self.signals.pending() {
                match signal {
                    SIGTERM | SIGINT => break 'wait,
                    SIGUSR1 => match &self.threads.writer {
                        Some(writer) => writer.order_snapshot(),
                        None => journal.line(LogType::Notice, format_args!("SIGUSR1: persistence is off.")),
                    },
                    SIGUSR2 => self.tree_print.order(journal),
                    _ => journal.rotate(),
                }
            }
        }
        self.supervisor.stopping();
        self.threads.peers.note_ending();
        self.threads.admin.into_iter().for_each(Admin::stop);
        // While all are there that can be asked.
        self.exports.measure_last();
        self.threads.sinks.stop();
        self.threads.peers.stop();
        // A shard that panicked has ended the process.
        self.threads.shards.into_iter().for_each(|thread| drop(thread.join()));
        self.threads.peers.note_ended();
        // The thread that reloads is not waited for, and would keep the sockets, whose paths are to go with the server.
        self.threads.peers.put_in_force(Arc::default());
        self.threads.writer.into_iter().for_each(Writer::stop);
        Ok(self.exports)
    }

    /// Hands orders on; when a file does not answer, nobody waits any longer to be judged by what it may say.
    fn look_after_reloads(&self, journal: &mut Journal) {
        let order = &self.threads.peers.reload_order;
        if let Some(number) = order.take() {
            self.supervisor.reloading();
            self.desk.order(number);
        }
        let mut tell = |what: &str| {
            let text = format_args!("Warning: {what} does not answer: until it does, what was read before counts.");
            journal.line(LogType::Warning, text);
        };
        if let Some(what) = self.desk.reading.overdue() {
            tell(&what);
        }
        // Also those that have come since.
        if self.desk.reading.is_overdue() && order.give_up() {
            self.supervisor.ready();
        }
        if let Some(what) = self.desk.looking.overdue() {
            tell(&what);
        }
    }
}

/// What the thread waits for that has started the others.
const SIGNALS: Token = Token(0);

/// How often it looks whether a file does not answer.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Stack of a shard's thread. Nothing recurses, and no frame holds a buffer; 512 KiB is a hundred times what is used.
const STACK_BYTES: usize = 512 * 1024;

/// Threads that check passwords: argon2 takes tens of megabytes in each.
const WORKERS_MAX: usize = 4;
