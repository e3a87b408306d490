//! The log's thread: drives the keeper of the log (`midge_persistence`), and says to people what happens.
//!
//! A disk that fails ends the process: nothing that was not durable was acknowledged, and only a new start can tell what the
//! disk holds.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use midge_broker::Shared;
use midge_persistence::{Autosave, Bounds, Effect, Keeper, KeeperOptions, Next};
use midge_store::{SystemDisk, WriteError};

use super::shortage::Shortage;
use super::{Persistence, PersistenceOptions};
use crate::abort::AbortOnPanic;
use crate::clock::Clock;
use crate::log::{LogBuffer, LogType};
use crate::peers::Peers;

/// The running thread, as the process sees it.
pub(crate) struct Writer {
    thread: JoinHandle<()>,
    orders: Arc<Orders>,
}

/// What the thread is told from outside. Whoever says something wakes it.
#[derive(Default)]
pub(crate) struct Orders {
    stop: AtomicBool,
    snapshot: AtomicBool,
    /// From now on snapshots are taken after this.
    autosave: Mutex<Option<Autosaves>>,
}

impl Orders {
    /// From now on snapshots are taken after this.
    pub(crate) fn set_autosave(&self, autosave: Autosaves) {
        *self.autosave.lock().unwrap_or_else(PoisonError::into_inner) = Some(autosave);
    }
}

/// When snapshots are taken that save no space; `None`: never.
type Autosaves = Option<Autosave>;

/// What the thread is made of.
pub(crate) struct WriterParts {
    pub(crate) persistence: Persistence,
    pub(crate) shared: Arc<Shared>,
    pub(crate) peers: Arc<Peers>,
    pub(crate) clock: Clock,
    pub(crate) log: LogBuffer,
}

struct State {
    keeper: Keeper<SystemDisk>,
    options: PersistenceOptions,
    shared: Arc<Shared>,
    peers: Arc<Peers>,
    clock: Clock,
    log: LogBuffer,
    orders: Arc<Orders>,
    shortage: Shortage,
}

impl Writer {
    /// Starts the thread.
    pub(crate) fn start(parts: WriterParts) -> std::io::Result<Writer> {
        let orders = Arc::new(Orders::default());
        let peers = Arc::clone(&parts.peers);
        let state = State::new(parts, Arc::clone(&orders));
        let thread = thread::Builder::new().name("log".to_owned()).stack_size(STACK_BYTES);
        let thread = thread.spawn(move || {
            let on_panic = AbortOnPanic;
            state.run();
            drop(on_panic);
        })?;
        peers.set_log(thread.thread().clone());
        Ok(Writer { thread, orders })
    }

    /// Has a snapshot taken now.
    pub(crate) fn order_snapshot(&self) {
        self.orders.snapshot.store(true, Ordering::Release);
        self.thread.thread().unpark();
    }

    /// Where others can tell it something.
    pub(crate) fn orders(&self) -> Arc<Orders> {
        Arc::clone(&self.orders)
    }

    /// Everything that was handed over is made durable; then the thread ends.
    pub(crate) fn stop(self) {
        self.orders.stop.store(true, Ordering::Release);
        self.thread.thread().unpark();
        // A panic there has ended the process.
        drop(self.thread.join());
    }
}

impl State {
    fn new(parts: WriterParts, orders: Arc<Orders>) -> State {
        let WriterParts { persistence, shared, peers, clock, log } = parts;
        let Persistence { options, log: kept, kept_bytes } = persistence;
        let bounds = Bounds::new(shared.mesh().shards(), options.max_bytes);
        let how = KeeperOptions { sync: options.sync, autosave: options.autosave, bounds };
        let keeper = Keeper::new(kept, kept_bytes, &how, clock.now());
        State { keeper, options, shared, peers, clock, log, orders, shortage: Shortage::default() }
    }

    fn run(mut self) {
        loop {
            if self.orders.snapshot.swap(false, Ordering::AcqRel) {
                self.keeper.order_snapshot();
            }
            if let Some(autosave) = self.orders.autosave.lock().unwrap_or_else(PoisonError::into_inner).take() {
                self.keeper.set_autosave(autosave);
            }
            let is_stopping = self.orders.stop.load(Ordering::Acquire);
            let durable = || self.shared.log().map(midge_broker::LogQueue::durable);
            let (begun, durable_before) = (Instant::now(), durable());
            let next = self.keeper.step(&self.shared, self.clock.now(), is_stopping);
            if durable() != durable_before {
                let (took_us, keeper) = (begun.elapsed().as_micros() as u64, &self.keeper);
                self.peers.log_figures.note(took_us, keeper.log().bytes(), keeper.live_bytes());
            }
            while let Some(effect) = self.keeper.next_effect() {
                self.pass_on(effect);
            }
            if self.shortage.is_over(self.clock.now().monotonic_ms) {
                let text = format_args!("There is room for the log again: messages are taken as before.");
                self.tell(LogType::Notice, text);
            }
            match next {
                Ok(Next::GoOn) => {}
                // Who hands something over, or an order, wakes it.
                Ok(Next::Rest(ms)) => thread::park_timeout(Duration::from_millis(ms)),
                Ok(Next::Wait(ms)) => thread::sleep(Duration::from_millis(ms)),
                Ok(Next::PutInForce(done)) => {
                    if let Err(error) = self.keeper.put_in_force(done) {
                        self.fail(&error);
                    }
                }
                Ok(Next::End) => return,
                Err(error) => self.fail(&error),
            }
        }
    }

    fn pass_on(&mut self, effect: Effect) {
        match effect {
            Effect::Wake(shard) => self.peers.wake(shard),
            Effect::Full { log_bytes } => {
                if self.shortage.note_full() {
                    self.tell_full(log_bytes);
                }
            }
            Effect::Scarce => {
                if self.shortage.note_scarce() {
                    self.tell_scarce();
                }
            }
            Effect::Room => self.shortage.note_room(self.clock.now().monotonic_ms),
            Effect::SnapshotSaved { snapshot_bytes, log_bytes } => {
                let text = format_args!("Saved a snapshot of {snapshot_bytes} bytes; the log has {log_bytes} bytes.");
                self.tell(LogType::Information, text);
            }
        }
    }

    fn tell_full(&mut self, bytes: u64) {
        let folder = self.options.folder.display().to_string();
        let cause = match self.options.max_bytes {
            Some(max) => format!("{bytes} bytes are used, and persistence_max_bytes is {max}"),
            None => format!("{bytes} bytes are used, and the disk has no more than a snapshot may need"),
        };
        let text = "Messages that would have to be kept are refused (0x97) until there is room again";
        self.tell(LogType::Error, format_args!("Error: no room for the log in {folder}: {cause}. {text}."));
    }

    fn tell_scarce(&mut self) {
        let folder = self.options.folder.display().to_string();
        let text = "new Sessions and Subscriptions that would have to be kept are refused as well";
        self.tell(LogType::Error, format_args!("Error: hardly any room is left in {folder}: {text}."));
    }

    fn tell(&mut self, kind: LogType, text: std::fmt::Arguments<'_>) {
        let wall_s = self.clock.now().wall_s;
        self.log.line(wall_s, kind, text);
        self.log.flush(wall_s);
    }

    /// The disk has failed. Nothing is acknowledged any more; a supervisor starts the server anew.
    fn fail(&mut self, error: &WriteError) -> ! {
        self.tell(LogType::Error, format_args!("Error: {error}. Nothing more is acknowledged; the server ends."));
        self.log.log().settle();
        std::process::exit(STATUS_DISK_FAILED)
    }
}

const STACK_BYTES: usize = 256 << 10;

/// How the process ends when the disk has failed: as the configuration's errors and a port in use do not.
const STATUS_DISK_FAILED: i32 = 74;
