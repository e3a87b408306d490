//! Start and end of the process: the one place that knows all parts.

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
use crate::authority::{Failures, Workers};
use crate::clock::Clock;
use crate::failure::{Failure, StartError};
use crate::journal::Journal;
use crate::listeners::{make_doors, open_sockets};
use crate::log::{Log, LogBuffer, LogType};
use crate::options::Options;
use crate::peers::Peers;
use crate::persistence::{self, Admin, AdminParts, Persistence, ReaderParts, Reads, Recovered, Writer, WriterParts};
use crate::process::{self, Account, PidFile, Supervisor, Watchdog};
use crate::reload::{Origin, Reloading};
use crate::reload_order::ReloadOrder;
use crate::settings::{Door, Settings, Socket};
use crate::shard::{MemoryLimit, Parts, Shard, SystemTopics, WAKER};
use crate::watch::Watch;

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
        server.wait(&mut journal, reload)
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
struct Server<'a> {
    threads: Threads,
    reloading: Reloading<'a>,
    signals: Signals,
    /// Where they are waited for.
    poll: Poll,
    /// There as long as the server.
    _pid_file: Option<PidFile>,
}

/// The threads that do the work.
pub(crate) struct Threads {
    pub(crate) peers: Arc<Peers>,
    shards: Vec<JoinHandle<()>>,
    /// The log's, where there is one.
    pub(crate) writer: Option<Writer>,
    /// Who asks for something at runtime, where there is a log.
    admin: Option<Admin>,
}

fn start<'a>(
    options: &'a Options,
    clock: Clock,
    log: &Arc<Log>,
    journal: &mut Journal,
    account: Option<&Account>,
    notes: &[String],
    mut inherited: Inherited,
) -> Result<Server<'a>, Failure> {
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
    poll.registry().register(&mut signals, SIGNALS, Interest::READABLE).map_err(no_signals)?;
    let waker = Waker::new(poll.registry(), NEWS).map_err(no_signals)?;
    let mut origin = Origin::new(options, log, journal)?;
    let doors = make_doors(options, &[], origin.key_log.as_ref(), journal)?;
    let authority = origin.load_authority(options, &doors, journal)?;
    // What a Mosquitto that still runs will leave is not in its database yet: who takes that over must have the ports.
    let is_import_due = options.persistence.as_ref().is_some_and(persistence::is_import_due);
    let mut open = |journal: &mut Journal| open_all(options, &doors, account, &mut inherited, journal);
    let early = is_import_due.then(|| open(journal)).transpose()?;
    // First of all that others can see: two servers with one log must not both have a port.
    let state = restore_as(account, options, clock, journal)?;
    let sockets = match early {
        Some(sockets) => sockets,
        None => open(journal)?,
    };
    let settings = Settings::new(options, Arc::clone(&state.rules), doors, sockets, authority);
    let pid_file = options.pid_file.as_deref().map(|path| PidFile::write(path, account)).transpose();
    let pid_file = pid_file.map_err(|error| Failure::System("pid_file", error))?;
    if let Some(account) = account {
        account.become_for_good().map_err(no_account)?;
        journal.line(LogType::Information, format_args!("From here on the server is {account}."));
    }
    let threads = spawn(options, state, Arc::new(settings), log)?;
    let watch = Watch::start(waker).map_err(|error| Failure::System("unable to start a thread", error))?;
    let reloading = Reloading::new(options, origin, watch, &threads.peers, journal);
    Ok(Server { threads, reloading, signals, poll, _pid_file: pid_file })
}

/// Opens the sockets of the start; those that were handed over and nobody wants are told.
fn open_all(
    options: &Options,
    doors: &[Door],
    account: Option<&Account>,
    inherited: &mut Inherited,
    journal: &mut Journal,
) -> Result<Vec<Socket>, Failure> {
    let sockets = open_sockets(options, doors, &Settings::default(), account, inherited, journal)?;
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
        let shards = make(Arc::clone(&shared));
        return Ok(Beginning { rules, shards, shared, persistence: None, clock });
    };
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

fn spawn(options: &Options, beginning: Beginning, settings: Arc<Settings>, log: &Arc<Log>) -> Result<Threads, Failure> {
    let Beginning { shared, shards, persistence, clock, .. } = beginning;
    let no_loop = |error| Failure::System("unable to make an event loop", error);
    let no_thread = |error| Failure::System("unable to start a thread", error);
    let order = ReloadOrder::expect().map_err(no_signals)?;
    let polls: Vec<Poll> = shards.iter().map(|_| Poll::new()).collect::<io::Result<_>>().map_err(no_loop)?;
    let wakers = polls.iter().map(|poll| Waker::new(poll.registry(), WAKER));
    let wakers = wakers.collect::<io::Result<_>>().map_err(no_loop)?;
    let failures = Failures::new(options.failed_login_delay_ms());
    let peers = Arc::new(Peers::new(wakers, settings, order, failures));
    log.topics().begin(&peers);
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

impl Server<'_> {
    /// Waits for signals, until one says stop; then ends the shards.
    fn wait(mut self, journal: &mut Journal, reload: Reload<'_>) -> Result<(), Failure> {
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
            self.reloading.refresh(&self.threads, journal);
            for signal in self.signals.pending() {
                match signal {
                    SIGTERM | SIGINT => break 'wait,
                    SIGHUP => {
                        supervisor.reloading();
                        self.threads.peers.reload_order.begin();
                        self.reloading.reload(reload, &self.threads, journal);
                        self.threads.peers.reload_order.end();
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

/// What the thread waits for that has started the others: signals, and news of files.
const SIGNALS: Token = Token(0);
const NEWS: Token = Token(1);

/// Stack of a shard's thread. Nothing recurses, and no frame holds a buffer; 512 KiB is a hundred times what is used.
const STACK_BYTES: usize = 512 * 1024;

/// Threads that check passwords: argon2 takes tens of megabytes in each.
const WORKERS_MAX: usize = 4;
