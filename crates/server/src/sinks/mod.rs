//! Other systems that messages are handed on to: InfluxDB, a web service, a file.
//!
//! ```text
//!  a shard ══ pipe ══ runner: a thread for each sink, which fills batches and has them delivered ──▶ target
//!  (a Session like any other: queue on disk, inflight window)     (midge-sinks says what and when)
//! ```
//!
//! What must hold: a message is acknowledged to its Session when the target has it, or has refused it for good and it was set
//! aside; while the target is away nothing is read, so that what waits does so in the Session, and memory stays as it is. A message
//! that is handed on again, because the server was killed before it was acknowledged, makes the same record again: it is in the server's log
//! before it is handed on, with its time.

mod aside;
mod file;
mod influxdb;
mod numbers;
mod options;
mod pipe;
mod runner;
mod webhook;

use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use midge_broker::Shared;
use midge_sinks::influxdb::InfluxDb;
use midge_sinks::json::{JsonBatch, JsonLines};

use self::file::FileTarget;
use self::influxdb::InfluxTarget;
pub use self::numbers::SinkReport;
use self::numbers::Trouble;
pub use self::options::SinkOptions;
use self::runner::{Handle, Runner};
use self::webhook::WebhookTarget;
use crate::clock::Clock;
use crate::log::{Log, LogBuffer, LogType};
use crate::peers::Peers;

/// All that there are.
pub(crate) struct Sinks {
    surroundings: Surroundings,
    running: Mutex<Vec<Running>>,
}

/// What they need.
pub(crate) struct Surroundings {
    pub(crate) peers: Arc<Peers>,
    pub(crate) shared: Arc<Shared>,
    pub(crate) log: Arc<Log>,
    pub(crate) clock: Clock,
    /// Where what targets refuse is set aside; `None`: nowhere.
    pub(crate) folder: Option<PathBuf>,
}

struct Running {
    options: SinkOptions,
    handle: Handle,
}

impl Sinks {
    /// None yet.
    pub(crate) fn new(surroundings: Surroundings) -> Sinks {
        Sinks { surroundings, running: Mutex::default() }
    }

    /// From now on there are these, and have subscribed: one that has changed begins anew, the others go on. What waits for one that is gone goes with its
    /// Session, which the shards end.
    pub(crate) fn put_in_force(&self, wanted: &[SinkOptions]) -> io::Result<()> {
        let gone: Vec<Running> = self.running().extract_if(.., |it| !wanted.contains(&it.options)).collect();
        gone.iter().for_each(|gone| gone.handle.order_stop());
        let mut troubled = Vec::new();
        // Others are asked for and told about meanwhile: what is under way to a target may take its time.
        for gone in gone {
            let numbers = gone.handle.join();
            troubled.extend(numbers.trouble().map(|trouble| (gone.options.name(), trouble)));
        }
        let mut running = self.running();
        let mut begun = 0;
        for options in wanted {
            if running.iter().all(|it| it.options != *options) {
                let before = troubled.iter().find(|(name, _)| *name == options.name());
                let handle = self.begin(options, before.map(|(_, trouble)| trouble.clone()))?;
                running.push(Running { options: options.clone(), handle });
                begun += 1;
            }
        }
        running.iter().rev().take(begun).for_each(|it| it.handle.wait_until_subscribed());
        Ok(())
    }

    /// How things are with each.
    pub(crate) fn reports(&self) -> Vec<SinkReport> {
        let running = self.running();
        let report =
            |it: &Running| it.handle.numbers.report(it.options.name(), it.options.client_id(), it.options.shown());
        running.iter().map(report).collect()
    }

    /// Ends all, after targets that take something have been handed what was acknowledged before, as far as that is under way to them. What
    /// was not is in their Sessions. A target that does not answer is not waited for.
    pub(crate) fn stop(&self) {
        let running = std::mem::take(&mut *self.running());
        if running.is_empty() {
            return;
        }
        self.surroundings.peers.settle();
        running.iter().for_each(|it| it.handle.order_stop());
        let deadline = Instant::now() + STOP_TIME;
        running.iter().for_each(|it| it.handle.wait_until_ended(deadline));
        if self.surroundings.folder.is_none() {
            // Acknowledgements may be on their way.
            self.surroundings.peers.settle();
            running.iter().for_each(|it| self.tell_lost(&it.options));
        }
    }

    /// Without persistence, what waits in its Session goes with the server.
    fn tell_lost(&self, options: &SinkOptions) {
        let Surroundings { peers, log, clock, .. } = &self.surroundings;
        let count = peers.waiting_for(&options.client_id());
        if count > 0 {
            let (shown, wall_s) = (options.shown(), clock.now().wall_s);
            let text = format_args!(
                "Warning: {shown} does not get {count} messages, which waited in memory: persistence is off."
            );
            let mut log = LogBuffer::new(Arc::clone(log));
            log.line(wall_s, LogType::Warning, text);
            log.flush(wall_s);
        }
    }

    fn running(&self) -> MutexGuard<'_, Vec<Running>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// `before`: people were told that the one before could not hand on anything, and want to know when this one can.
    fn begin(&self, options: &SinkOptions, before: Option<Trouble>) -> io::Result<Handle> {
        let runner = Runner::new(options, &self.surroundings, before);
        match options.clone() {
            SinkOptions::InfluxDb(options) => {
                let format = InfluxDb::new(options.points.clone());
                runner.start(format, InfluxTarget::new(options))
            }
            SinkOptions::Webhook(options) => runner.start(JsonBatch, WebhookTarget::new(options)),
            SinkOptions::File(options) => runner.start(JsonLines, FileTarget::new(options)),
        }
    }
}

/// For what is under way to targets when the server ends. What they have not said that they have is handed on once more after the next start.
const STOP_TIME: Duration = Duration::from_secs(5);
