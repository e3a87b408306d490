//! The thread of a sink.

use std::io;
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, Sender, TryRecvError};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use midge_broker::Shared;
use midge_net::words;
use midge_sinks::batch::{Batch, Limits};
use midge_sinks::delivery::{Answer, BackOff, Delivery, SetAside};
use midge_sinks::{Format, LeftAlone};

use super::Surroundings;
use super::aside::Aside;
use super::numbers::{Numbers, Trouble, count};
use super::options::SinkOptions;
use super::pipe::{Came, Pipe};
use crate::abort::AbortOnPanic;
use crate::clock::Clock;
use crate::log::{Escaped, LogBuffer, LogType};
use crate::peers::Peers;
use crate::web_service::Unreachable;

/// What takes records.
pub(super) trait Target: Send + 'static {
    /// Has it take a request. Waits for its answer.
    fn write(&mut self, body: &[u8]) -> Answer;

    /// What finds out, without a record, whether it would take one: [`Answer::Later`] where it would not.
    fn look(&self) -> Look;
}

/// Run beside the thread of the sink, as it may take its time.
pub(super) type Look = Box<dyn FnOnce() -> Answer + Send>;

impl From<Unreachable> for Answer {
    fn from(Unreachable { reason, remedy }: Unreachable) -> Answer {
        Answer::Later { reason, remedy }
    }
}

/// By what others know a sink that runs.
pub(super) struct Handle {
    pub(super) numbers: Arc<Numbers>,
    stop: Arc<Stop>,
    thread: JoinHandle<()>,
    /// Tells once, when it has subscribed.
    subscribed: Receiver<()>,
}

/// The order to stop.
#[derive(Default)]
struct Stop {
    is_ordered: AtomicBool,
    /// What the thread reads from.
    stream: Mutex<Option<UnixStream>>,
}

/// A sink that is to run.
pub(super) struct Runner {
    name: &'static str,
    client_id: String,
    shown: String,
    topics: Vec<String>,
    limits: Limits,
    peers: Arc<Peers>,
    shared: Arc<Shared>,
    aside: Option<Aside>,
    before: Option<Trouble>,
    numbers: Arc<Numbers>,
    stop: Arc<Stop>,
    teller: Teller,
}

/// Who writes lines about it.
struct Teller {
    clock: Clock,
    log: LogBuffer,
}

impl Handle {
    /// Waits until it has subscribed, so that no message passes by; but not for ever, should it be unable to.
    pub(super) fn wait_until_subscribed(&self) {
        let _ = self.subscribed.recv_timeout(PATIENCE);
    }

    /// Tells it to end. What the target has not taken stays in the Session.
    pub(super) fn order_stop(&self) {
        self.stop.is_ordered.store(true, Ordering::Release);
        self.thread.thread().unpark();
        if let Some(stream) = &*self.stop.stream.lock().unwrap_or_else(PoisonError::into_inner) {
            // It fails where the other end is closed, and then nobody reads any more.
            let _ = stream.shutdown(std::net::Shutdown::Read);
        }
    }

    /// Waits until it has ended, which it was told: how things were then.
    pub(super) fn join(self) -> Arc<Numbers> {
        let _ = self.thread.join();
        self.numbers
    }

    /// Waits until it has ended, but not for longer.
    pub(super) fn wait_until_ended(&self, deadline: Instant) {
        while !self.thread.is_finished() && Instant::now() < deadline {
            thread::sleep(END_AGAIN);
        }
    }
}

impl Stop {
    fn is_ordered(&self) -> bool {
        self.is_ordered.load(Ordering::Acquire)
    }
}

impl Runner {
    pub(super) fn new(options: &SinkOptions, surroundings: &Surroundings, before: Option<Trouble>) -> Runner {
        let Surroundings { peers, shared, log, clock, folder } = surroundings;
        Runner {
            name: options.name(),
            client_id: options.client_id(),
            shown: options.shown(),
            topics: options.topics().to_vec(),
            limits: options.limits(),
            peers: Arc::clone(peers),
            shared: Arc::clone(shared),
            aside: folder.as_ref().map(|folder| Aside::new(folder.join(format!("{}.refused", options.name())))),
            before,
            numbers: Arc::default(),
            stop: Arc::default(),
            teller: Teller { clock: *clock, log: LogBuffer::new(Arc::clone(log)) },
        }
    }

    /// Begins.
    pub(super) fn start<F: Format + Send + 'static>(mut self, format: F, target: impl Target) -> io::Result<Handle> {
        let (numbers, stop) = (Arc::clone(&self.numbers), Arc::clone(&self.stop));
        let (tell_subscribed, subscribed) = mpsc::channel();
        let (back_off, body) = (BackOff::default(), Vec::new());
        // Whatever is wrong now is told anew.
        let down = self.before.take().map(|before| Trouble { reason: String::new(), ..before });
        let next_look = Some(Instant::now());
        let work = Work { runner: self, format, target, back_off, body, down, next_look, tell_subscribed };
        let thread = thread::Builder::new().name(format!("sink-{}", work.runner.name));
        let run = move || {
            let on_panic = AbortOnPanic;
            work.run();
            drop(on_panic);
        };
        Ok(Handle { numbers, stop, thread: thread.spawn(run)?, subscribed })
    }
}

/// A sink at work.
struct Work<F, T> {
    runner: Runner,
    format: F,
    target: T,
    back_off: BackOff,
    body: Vec<u8>,
    /// Why the target takes nothing.
    down: Option<Trouble>,
    /// When it is looked whether the target is there, unless a message shows it.
    next_look: Option<Instant>,
    tell_subscribed: Sender<()>,
}

impl<F: Format, T: Target> Work<F, T> {
    fn run(mut self) {
        let Runner { shown, topics, .. } = &self.runner;
        let text = format!("{shown} gets what is published to {}.", Escaped(&topics.join(", ")));
        self.runner.teller.tell(LogType::Notice, &text);
        while !self.runner.stop.is_ordered() {
            let served = self.begin().and_then(|mut pipe| self.serve(&mut pipe));
            self.runner.numbers.oldest_ns.store(0, Ordering::Relaxed);
            if let Err(error) = served.filter_stopping(&self.runner.stop) {
                let text = format!("Error: {} is not served for now: {}.", self.runner.shown, words(&error));
                self.runner.teller.tell(LogType::Error, &text);
            }
            self.pause(AGAIN_MS);
        }
    }

    fn begin(&self) -> io::Result<Pipe> {
        let Runner { client_id, topics, limits, .. } = &self.runner;
        // One batch is under way while the next one comes.
        let window = u16::try_from(limits.messages * 2).unwrap_or(u16::MAX);
        let pipe = Pipe::begin(self.runner.peers.open_pipe()?, client_id, topics, window)?;
        *self.runner.stop.stream.lock().unwrap_or_else(PoisonError::into_inner) = Some(pipe.stream()?);
        // Later ones are not waited for.
        let _ = self.tell_subscribed.send(());
        Ok(pipe)
    }

    /// Hands messages on until the pipe is closed, or the order to stop comes.
    fn serve(&mut self, pipe: &mut Pipe) -> io::Result<()> {
        let mut batch = Batch::new(self.runner.limits);
        loop {
            self.fill(&mut batch, pipe)?;
            let now_ms = self.runner.teller.clock.monotonic_ms();
            let is_due = batch.due_ms().is_some_and(|due_ms| due_ms <= now_ms);
            if batch.is_full() || is_due {
                if !self.deliver(&mut batch) {
                    return Ok(());
                }
                pipe.acknowledge(batch.finish())?;
                continue;
            }
            // A batch that is begun will show how things are.
            let look = self.next_look.filter(|_| batch.messages() == 0);
            if look.is_some_and(|at| at <= Instant::now()) {
                self.look();
                continue;
            }
            let due = batch.due_ms().map(|due_ms| Duration::from_millis(due_ms - now_ms));
            let wait = due.or_else(|| Some(look?.saturating_duration_since(Instant::now())));
            // The order may have come before there was a pipe that it could end.
            if self.runner.stop.is_ordered() || pipe.read(wait)? == Came::End {
                return self.end(&mut batch, pipe);
            }
        }
    }

    fn fill(&mut self, batch: &mut Batch, pipe: &mut Pipe) -> io::Result<()> {
        let now_ms = self.runner.teller.clock.monotonic_ms();
        while !batch.is_full()
            && let Some((message, packet_id)) = pipe.next()?
        {
            if let Err(left) = batch.add(&mut self.format, &message, packet_id, now_ms) {
                count(&self.runner.numbers.left_alone, 1);
                self.runner.teller.tell_left_alone(&self.runner.shown, message.topic, left);
            }
        }
        self.runner.numbers.oldest_ns.store(batch.oldest_ns(), Ordering::Relaxed);
        Ok(())
    }

    /// The order to stop: what has come is handed on for as long as the target takes it.
    fn end(&mut self, batch: &mut Batch, pipe: &mut Pipe) -> io::Result<()> {
        if !self.runner.stop.is_ordered() || self.down.is_some() {
            return Ok(());
        }
        loop {
            self.fill(batch, pipe)?;
            // What is in the pipe comes at once, and nothing more after that.
            if !batch.is_full() && pipe.read(Some(Duration::ZERO))? == Came::Bytes {
                continue;
            }
            if batch.messages() == 0 || !self.deliver(batch) {
                return Ok(());
            }
            pipe.acknowledge(batch.finish())?;
        }
    }

    /// Finds out how things are with the target before a message does, and again and again while it is not well.
    fn look(&mut self) {
        self.next_look = None;
        match self.look_beside() {
            Some(Answer::Later { reason, remedy }) => {
                self.note_down(&reason, remedy, true);
                self.next_look = Some(Instant::now() + Duration::from_millis(self.back_off.failed()));
            }
            // What a message has found can be seen with a message only.
            Some(_) if self.down.as_ref().is_none_or(|trouble| trouble.is_seen) => self.note_up(),
            _ => {}
        }
    }

    /// Looks in a thread of its own, for the order to stop reaches this one, and whoever is asked may be silent for long. `None`: the
    /// order came first.
    fn look_beside(&self) -> Option<Answer> {
        let (look, asker) = (self.target.look(), thread::current());
        let (tell, told) = mpsc::channel();
        let run = move || {
            let on_panic = AbortOnPanic;
            // Nobody listens where the order to stop has come.
            let _ = tell.send(look());
            asker.unpark();
            drop(on_panic);
        };
        let thread = thread::Builder::new().name(format!("look-{}", self.runner.name));
        // Where there are no more threads a message will show how things are.
        thread.spawn(run).ok()?;
        while !self.runner.stop.is_ordered() {
            match told.try_recv() {
                Ok(answer) => return Some(answer),
                Err(TryRecvError::Empty) => thread::park(),
                Err(TryRecvError::Disconnected) => return None,
            }
        }
        None
    }

    /// Has the target take the batch, however long that takes. `false`: the order to stop came first.
    fn deliver(&mut self, batch: &mut Batch) -> bool {
        if !self.await_log() {
            return false;
        }
        let mut delivery = Delivery::of(batch);
        let mut body = std::mem::take(&mut self.body);
        let mut taken = 0;
        let is_done = loop {
            if !delivery.write_request(&self.format, &mut body) {
                break true;
            }
            count(&self.runner.numbers.requests, 1);
            let answer = self.target.write(&body);
            if let Answer::Later { reason, remedy } = &answer {
                count(&self.runner.numbers.failures, 1);
                self.note_down(reason, remedy, false);
                if self.runner.stop.is_ordered() {
                    break false;
                }
                let wait_ms = self.back_off.failed();
                self.pause(wait_ms);
                continue;
            }
            self.note_up();
            for aside in delivery.answered(&mut self.format, answer) {
                self.set_aside(&aside);
            }
            count(&self.runner.numbers.written, delivery.taken() - std::mem::replace(&mut taken, delivery.taken()));
        };
        if body.capacity() <= BODY_BYTES_KEPT {
            self.body = body;
        }
        is_done
    }

    /// Waits until all that has come is in the log for good. What the server forgot, dying, its publisher sends again, and that is a
    /// message with another time. `false`: the order to stop came first, and the log comes no further.
    fn await_log(&self) -> bool {
        let Some(log) = self.runner.shared.log() else { return true };
        let (position, begun) = (log.next(), Instant::now());
        while log.durable() < position {
            if self.runner.stop.is_ordered() && begun.elapsed() >= LOG_PATIENCE {
                return false;
            }
            thread::park_timeout(LOG_AGAIN);
        }
        true
    }

    fn note_down(&mut self, reason: &str, remedy: &str, is_seen: bool) {
        let since = self.down.as_ref().map_or_else(Instant::now, |trouble| trouble.since);
        if self.down.as_ref().is_some_and(|trouble| trouble.reason == reason) {
            return;
        }
        let Runner { shown, aside, .. } = &self.runner;
        let waits = if aside.is_some() {
            "Messages wait on disk until it does."
        } else {
            "Messages wait in memory until it does."
        };
        let text = format!("Error: {shown} takes no messages: {}; {remedy}. {waits}", Escaped(reason));
        self.down = Some(Trouble { since, reason: reason.to_owned(), is_seen });
        self.runner.numbers.set_trouble(self.down.clone());
        self.runner.teller.tell(LogType::Error, &text);
    }

    fn note_up(&mut self) {
        self.back_off.worked();
        self.next_look = None;
        let Some(Trouble { since, .. }) = self.down.take() else {
            self.runner.numbers.is_reached.store(true, Ordering::Relaxed);
            return;
        };
        self.runner.numbers.set_trouble(None);
        let text = format!("{} takes messages again, after {} seconds.", self.runner.shown, since.elapsed().as_secs());
        self.runner.teller.tell(LogType::Notice, &text);
    }

    fn set_aside(&mut self, refused: &SetAside) {
        count(&self.runner.numbers.refused, 1);
        let Runner { shown, aside, teller, .. } = &mut self.runner;
        let place = match aside.as_mut().map(|aside| (aside.keep(refused), aside.shown())) {
            None => "Without persistence it is not kept".to_owned(),
            Some((Ok(()), path)) => format!("It is kept in {path}"),
            Some((Err(error), path)) => format!("It cannot be kept in {path}: {}", words(&error)),
        };
        let text = format_args!("Error: {shown} refuses a record: {}. {place}.", Escaped(&refused.reason));
        teller.tell_repeated("records that are refused", LogType::Error, text);
    }

    /// Waits, but for the order to stop.
    fn pause(&self, wait_ms: u64) {
        let until = Instant::now() + Duration::from_millis(wait_ms);
        while !self.runner.stop.is_ordered() {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            thread::park_timeout(left);
        }
    }
}

impl Teller {
    fn tell(&mut self, kind: LogType, text: &str) {
        let wall_s = self.clock.now().wall_s;
        self.log.look_at_options();
        self.log.line(wall_s, kind, format_args!("{text}"));
        self.log.flush(wall_s);
    }

    fn tell_repeated(&mut self, subject: &'static str, kind: LogType, text: std::fmt::Arguments<'_>) {
        let wall_s = self.clock.now().wall_s;
        self.log.look_at_options();
        self.log.repeated_line(wall_s, kind, subject, text);
        self.log.flush(wall_s);
    }

    fn tell_left_alone(&mut self, shown: &str, topic: &str, left: LeftAlone) {
        let text = format_args!("A message on '{}' is nothing for {shown}: {}.", Escaped(topic), left.text());
        self.tell_repeated("messages that are left alone", LogType::Notice, text);
    }
}

/// What an end is worth telling.
trait FilterStopping {
    fn filter_stopping(self, stop: &Stop) -> io::Result<()>;
}

impl FilterStopping for io::Result<()> {
    /// The server closes pipes when it ends.
    fn filter_stopping(self, stop: &Stop) -> io::Result<()> {
        if stop.is_ordered() { Ok(()) } else { self }
    }
}

/// How often it is looked whether a thread has ended.
const END_AGAIN: Duration = Duration::from_millis(1);

/// For a Subscription to be there.
const PATIENCE: Duration = Duration::from_secs(5);

/// A pipe that was closed is opened again after so long.
const AGAIN_MS: u64 = 250;

/// How often the log is looked at that is about to be synced, and for how long where the sink is to stop.
const LOG_AGAIN: Duration = Duration::from_millis(1);
const LOG_PATIENCE: Duration = Duration::from_secs(1);

/// What one batch of large messages needed is given back.
const BODY_BYTES_KEPT: usize = 16 << 20;
