//! Start and end of the process: the one place that knows all parts.

use std::hash::RandomState;
use std::io;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use midge_broker::Shared;
use midge_broker::ids::ShardId;
use midge_net::{Inherited, sys};
use mio::{Events, Interest, Poll, Token, Waker};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGUSR1, SIGUSR2};
use signal_hook_mio::v1_0::Signals;

use crate::abort::AbortOnPanic;
use crate::authority::{Authority, Workers};
use crate::clock::Clock;
use crate::failure::{Failure, StartError};
use crate::journal::Journal;
use crate::listeners::{make_transports, open_listeners};
use crate::log::{Log, LogBuffer, LogType};
use crate::options::Options;
use crate::peers::{Doors, Gate, Peers};
use crate::persistence::{self, Admin, AdminParts, Persistence, ReaderParts, Reads, Recovered, Writer, WriterParts};
use crate::process::{self, Account, PidFile, Supervisor, Watchdog};
use crate::reload::Reloading;
use crate::shard::{MemoryLimit, Parts, Shard, SystemTopics, WAKER};

/// Gives the options anew, as the configuration has them by now; or what is wrong with it, in lines.
pub type Reload<'a> = &'a dyn Fn() -> Result<Options, String>;

/// Runs the server until SIGTERM or SIGINT. SIGHUP asks `reload` for new options.
pub fn run(options: &Options, reload: Reload<'_>) -> Result<(), StartError> {
    let inherited = Inherited::new(process::descriptors());
    let clock = Clock::start();
    let mut notes = Vec::new();
    let account = Account::of(&options.account, &mut notes).map_err(Failure::Account);
    let account = account.map_err(|error| error.before_there_is_a_log())?;
    let log = Log::open(options.log.clone(), account.as_ref()).map_err(Failure::Log);
    let log = log.map_err(|error| error.before_there_is_a_log())?;
    let mut journal = Journal(LogBuffer::new(Arc::clone(&log)));
    let result = start(options, clock, &log, &mut journal, account.as_ref(), &notes, inherited).and_then(|server| {
        journal.line(LogType::Information, format_args!("{} running", options.identity.version()));
        server.wait(&mut journal, options, reload)
    });
    match result {
        Ok(()) => {
            journal.line(LogType::Information, format_args!("{} terminating", options.identity.version()));
            Ok(())
        }
        Err(error) => {
            journal.line(LogType::Error, format_args!("Error: {error}"));
            let is_told = log.tells_stderr(LogType::Error);
            Err(StartError { text: format!("Error: {error}"), is_told, status: error.status() })
        }
    }
}

/// A running server.
struct Server {
    threads: Threads,
    /// Keys what an identity was found by.
    key: RandomState,
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
    /// Who asks for something at runtime, where there is a log.
    admin: Option<Admin>,
}

fn start(
    options: &Options,
    clock: Clock,
    log: &Arc<Log>,
    journal: &mut Journal,
    account: Option<&Account>,
    notes: &[String],
    mut inherited: Inherited,
) -> Result<Server, Failure> {
    journal.line(LogType::Information, format_args!("{} starting", options.identity.version()));
    for (kind, remark) in &options.remarks {
        journal.line(*kind, format_args!("{remark}"));
    }
    notes.iter().for_each(|note| journal.line(LogType::Warning, format_args!("{note}")));
    if let Err(error) = sys::raise_open_files_limit() {
        journal.line(LogType::Warning, format_args!("Warning: unable to raise the limit of open files: {error}"));
    }
    // Before the threads, which inherit what is blocked; and before anybody can see that we run.
    let signals = Signals::new([SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGUSR2, libc::SIGRTMIN()]);
    let mut signals = signals.map_err(no_signals)?;
    // Also before anybody can connect: a crowd that takes all descriptors must not leave us without.
    let poll = Poll::new().map_err(no_signals)?;
    poll.registry().register(&mut signals, Token(0), Interest::READABLE).map_err(no_signals)?;
    let key = RandomState::new();
    let authority = authority(options, &key, journal)?;
    let transports = make_transports(options, journal)?;
    // What a Mosquitto that still runs will leave is not in its database yet: who takes that over must have the ports.
    let is_import_due = options.persistence.as_ref().is_some_and(persistence::is_import_due);
    let early = is_import_due.then(|| open_listeners(options, account, &mut inherited, journal)).transpose()?;
    // First of all that others can see: two servers with one log must not both have a port.
    let state = restore_as(account, options, clock, journal)?;
    let sockets = match early {
        Some(sockets) => sockets,
        None => open_listeners(options, account, &mut inherited, journal)?,
    };
    let pid_file = options.pid_file.as_deref().map(|path| PidFile::write(path, account)).transpose();
    let pid_file = pid_file.map_err(|error| Failure::System("pid_file", error))?;
    if let Some(account) = account {
        account.become_for_good().map_err(no_account)?;
        journal.line(LogType::Information, format_args!("From here on the server is {account}."));
    }
    let threads = spawn(options, state, Doors { transports, sockets, authority }, log)?;
    Ok(Server { threads, key, signals, poll, _pid_file: pid_file })
}

fn no_account(error: io::Error) -> Failure {
    Failure::System("unable to become another user", error)
}

fn authority(options: &Options, key: &RandomState, journal: &mut Journal) -> Result<Arc<Authority>, Failure> {
    let (authority, notes) = Authority::load(&options.authority, key).map_err(Failure::Access)?;
    notes.iter().for_each(|note| journal.line(LogType::Warning, format_args!("{note}")));
    Ok(Arc::new(authority))
}

/// What the server begins with.
struct Beginning {
    shared: Arc<Shared>,
    shards: Vec<midge_broker::Shard>,
    persistence: Option<Persistence>,
    clock: Clock,
}

/// What is kept is opened by who will write it.
fn restore_as(
    account: Option<&Account>,
    options: &Options,
    clock: Clock,
    journal: &mut Journal,
) -> Result<Beginning, Failure> {
    let Some((account, persistence)) = account.zip(options.persistence.as_ref()) else {
        return restore(options, clock, journal);
    };
    let unprepared = |error| Failure::System("unable to give the folder for what is kept to another user", error);
    account.prepare_folder(&persistence.folder).map_err(unprepared)?;
    account.act(|| restore(options, clock, journal)).map_err(no_account)?
}

/// Shards as they were when the server ended, where anything was kept.
fn restore(options: &Options, clock: Clock, journal: &mut Journal) -> Result<Beginning, Failure> {
    let (rules, shards) = (Arc::new(options.broker.clone()), options.shards);
    let make = |shared: Arc<Shared>| {
        let shard = |number| midge_broker::Shard::new(Arc::clone(&rules), ShardId(number), Arc::clone(&shared));
        (0..shards).map(shard).collect()
    };
    let Some(wanted) = &options.persistence else {
        let shared = Arc::new(Shared::new(shards, rules.seed));
        return Ok(Beginning { shards: make(Arc::clone(&shared)), shared, persistence: None, clock });
    };
    let recovered = persistence::recover(wanted, &rules, shards, clock, make).map_err(Failure::Persistence)?;
    for remark in &recovered.remarks {
        let kind = if remark.starts_with("Warning") { LogType::Warning } else { LogType::Information };
        journal.line(kind, format_args!("{remark}"));
    }
    let Recovered { persistence, shared, shards, clock, .. } = recovered;
    Ok(Beginning { shared, shards, persistence: Some(persistence), clock })
}

fn no_signals(error: io::Error) -> Failure {
    Failure::System("unable to wait for signals", error)
}

fn spawn(options: &Options, beginning: Beginning, doors: Doors, log: &Arc<Log>) -> Result<Threads, Failure> {
    let Beginning { shared, shards, persistence, clock } = beginning;
    let no_loop = |error| Failure::System("unable to make an event loop", error);
    let no_thread = |error| Failure::System("unable to start a thread", error);
    let polls: Vec<Poll> = shards.iter().map(|_| Poll::new()).collect::<io::Result<_>>().map_err(no_loop)?;
    let wakers = polls.iter().map(|poll| Waker::new(poll.registry(), WAKER));
    let wakers = wakers.collect::<io::Result<_>>().map_err(no_loop)?;
    let gates = options.listeners.iter().map(|listener| Gate::new(listener.max_connections)).collect();
    let gate = Gate::new(options.global_max_connections);
    let peers = Arc::new(Peers::new(wakers, doors, gates, gate));
    if let Some(topics) = log.topics() {
        topics.begin(&peers);
    }
    peers.set_workers(Workers::start(shards.len().min(WORKERS_MAX), &peers).map_err(no_thread)?);
    let buffer = || LogBuffer::new(Arc::clone(log));
    let mut admin = None;
    if let Some(persistence) = &persistence {
        let reader = persistence.log.reader();
        let (shared, peers) = (Arc::clone(&shared), Arc::clone(&peers));
        let parts = ReaderParts { reader, shared, peers, clock, log: buffer() };
        Reads::start(parts).map_err(no_thread)?;
        let parts = AdminParts { reader: persistence.log.reader(), clock, log: buffer() };
        admin = Admin::start(&persistence.options.folder, parts).map_err(no_thread)?;
    }
    let writer = persistence.map(|persistence| {
        let (shared, peers) = (Arc::clone(&shared), Arc::clone(&peers));
        Writer::start(WriterParts { persistence, shared, peers, clock, log: buffer() })
    });
    let writer = writer.transpose().map_err(no_thread)?;
    let mut system_topics = SystemTopics::new(options.identity.version(), options.sys_interval_s, clock);
    let mut memory_limit = options.memory_limit_bytes.map(MemoryLimit::new);
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
            connect_timeout_s: options.connect_timeout_s,
            memory_limit: memory_limit.take(),
            system_topics: system_topics.take(),
        });
        let thread = thread::Builder::new().name(format!("shard-{number}")).stack_size(STACK_BYTES);
        threads.push(thread.spawn(move || run_shard(shard)).map_err(no_thread)?);
    }
    Ok(Threads { peers, shards: threads, writer, admin })
}

/// A shard that cannot go on takes the process with it: its Sessions would be deaf, and a supervisor restarts us.
fn run_shard(shard: Shard) {
    let on_panic = AbortOnPanic;
    if let Err(error) = shard.run() {
        eprintln!("Error: an event loop failed: {error}.");
        std::process::exit(1);
    }
    drop(on_panic);
}

impl Server {
    /// Waits for signals, until one says stop; then ends the shards.
    fn wait(mut self, journal: &mut Journal, options: &Options, reload: Reload<'_>) -> Result<(), Failure> {
        let reloading = Reloading::new(options, &self.key);
        let (supervisor, mut watchdog) = (Supervisor::of_environment(), Watchdog::of_environment());
        supervisor.ready();
        let mut events = Events::with_capacity(1);
        'wait: loop {
            match self.poll.poll(&mut events, watchdog.as_ref().map(Watchdog::pause)) {
                Err(error) if error.kind() != io::ErrorKind::Interrupted => return Err(no_signals(error)),
                _ => {}
            }
            if let Some(watchdog) = watchdog.as_mut().filter(|watchdog| watchdog.is_due())
                && watchdog.look(self.threads.peers.turns())
            {
                supervisor.alive();
            }
            for signal in self.signals.pending() {
                match signal {
                    SIGTERM | SIGINT => break 'wait,
                    SIGHUP => {
                        supervisor.reloading();
                        reloading.reload(reload, &self.threads.peers, journal);
                        supervisor.ready();
                    }
                    SIGUSR1 => match &self.threads.writer {
                        Some(writer) => writer.order_snapshot(),
                        None => journal.line(LogType::Notice, format_args!("SIGUSR1: persistence is off.")),
                    },
                    SIGUSR2 => journal.line(
                        LogType::Notice,
                        format_args!("SIGUSR2: the tree of subscriptions cannot be printed yet."),
                    ),
                    _ => journal.rotate(),
                }
            }
        }
        supervisor.stopping();
        self.threads.admin.into_iter().for_each(Admin::stop);
        self.threads.peers.stop();
        // A shard that panicked has ended the process.
        self.threads.shards.into_iter().for_each(|thread| drop(thread.join()));
        self.threads.writer.into_iter().for_each(Writer::stop);
        Ok(())
    }
}

/// Stack of a shard's thread. Nothing recurses, and no frame holds a buffer; 512 KiB is a hundred times what is used.
const STACK_BYTES: usize = 512 * 1024;

/// Threads that check passwords: argon2 takes tens of megabytes in each.
const WORKERS_MAX: usize = 4;
