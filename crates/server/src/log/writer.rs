//! The thread that writes the log: a full pipe or a slow disk holds up nobody else.
//!
//! Lines wait in one bounded queue, in the order in which they were handed over. What comes while it is full is left out
//! and counted, and the count is told as soon as there is room.

use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use super::LogType;
use super::batch::Lines;
use super::sink::Sink;

/// Destinations, and the queue before them.
pub(super) struct Writer {
    shared: Arc<Shared>,
}

struct Shared {
    queue: Mutex<Queue>,
    /// There is something to write.
    filled: Condvar,
    /// Everything was written.
    emptied: Condvar,
    outlets: Mutex<Outlets>,
}

/// Where lines go.
struct Outlets {
    sinks: Vec<Sink>,
    /// How it is told that so many lines were left out.
    left_out: fn(u64) -> String,
}

#[derive(Default)]
struct Queue {
    lines: Lines,
    left_out: u64,
    is_writing: bool,
    is_over: bool,
}

impl Writer {
    /// Starts the thread.
    pub(super) fn start(sinks: Vec<Sink>, left_out: fn(u64) -> String) -> io::Result<Writer> {
        let shared = Arc::new(Shared {
            queue: Mutex::default(),
            filled: Condvar::new(),
            emptied: Condvar::new(),
            outlets: Mutex::new(Outlets { sinks, left_out }),
        });
        let writes = Arc::clone(&shared);
        let thread = thread::Builder::new().name("log".into()).stack_size(STACK_BYTES);
        thread.spawn(move || writes.run())?;
        Ok(Writer { shared })
    }

    /// Puts lines in the queue. Never waits for a destination.
    pub(super) fn hand_over(&self, lines: &Lines) {
        let mut queue = self.shared.queue();
        if queue.lines.text().len() + lines.text().len() > QUEUE_BYTES_MAX {
            queue.left_out += lines.count() as u64;
            return;
        }
        queue.lines.append(lines);
        drop(queue);
        self.shared.filled.notify_one();
    }

    /// Waits until the queue is empty and written, a second at most.
    pub(super) fn settle(&self) {
        let queue = self.shared.queue();
        let is_busy = |queue: &mut Queue| !queue.lines.is_empty() || queue.is_writing;
        drop(self.shared.emptied.wait_timeout_while(queue, SETTLE_TIME_MAX, is_busy));
    }

    /// Opens files again, after they were renamed.
    pub(super) fn reopen(&self) -> io::Result<()> {
        self.settle();
        self.shared.outlets().sinks.iter_mut().try_for_each(Sink::reopen)
    }

    /// From now on lines go to `sinks`; `None`: to those that there are.
    pub(super) fn replace(&self, sinks: Option<Vec<Sink>>, left_out: fn(u64) -> String) {
        let mut outlets = self.shared.outlets();
        outlets.left_out = left_out;
        if let Some(sinks) = sinks {
            outlets.sinks = sinks;
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.settle();
        self.shared.queue().is_over = true;
        self.shared.filled.notify_one();
    }
}

impl Shared {
    fn run(&self) {
        let mut lines = Lines::default();
        loop {
            let idle = |queue: &mut Queue| queue.lines.is_empty() && !queue.is_over;
            let mut queue = self.filled.wait_while(self.queue(), idle).unwrap_or_else(PoisonError::into_inner);
            if queue.lines.is_empty() {
                return;
            }
            std::mem::swap(&mut queue.lines, &mut lines);
            let left_out = std::mem::take(&mut queue.left_out);
            queue.is_writing = true;
            drop(queue);
            let mut outlets = self.outlets();
            if left_out > 0 {
                lines.push(LogType::Warning, &(outlets.left_out)(left_out));
            }
            for sink in &mut outlets.sinks {
                // Nobody is left to be told that the log cannot be written; the server goes on.
                let _ = sink.write(&lines);
            }
            drop(outlets);
            lines.clear(LINES_BYTES_KEPT);
            let mut queue = self.queue();
            queue.is_writing = false;
            if queue.lines.is_empty() {
                self.emptied.notify_all();
            }
        }
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn outlets(&self) -> MutexGuard<'_, Outlets> {
        self.outlets.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Lines that may wait: seconds of a busy server's ordinary log.
const QUEUE_BYTES_MAX: usize = 4 << 20;

/// How long the end of the process waits for a destination that takes nothing.
const SETTLE_TIME_MAX: Duration = Duration::from_secs(1);

/// A buffer that a burst has blown up beyond this is given back.
const LINES_BYTES_KEPT: usize = 64 << 10;

const STACK_BYTES: usize = 64 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_waits_for_a_destination_that_takes_nothing() {
        let folder = std::env::temp_dir().join(format!("midge-log-writer-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder");
        let path = folder.join("log");
        let sink = Sink::File(path.clone(), std::fs::File::create(&path).expect("a file"));
        let told = |count| format!("{count} lines were left out: the log did not take them quickly enough.");
        let writer = Writer::start(vec![sink], told).expect("started");
        let stuck = writer.shared.outlets();
        let hand_over = |line: &str| {
            let mut lines = Lines::default();
            lines.push(LogType::Notice, line);
            writer.hand_over(&lines);
        };
        hand_over("first");
        let line = "x".repeat(1023);
        // One queue full may be in the writer's hands and another behind it: the third finds no room.
        for _ in 0..3 * QUEUE_BYTES_MAX / 1024 {
            hand_over(&line);
        }
        drop(stuck);
        writer.settle();
        let text = std::fs::read_to_string(&path).expect("a log");
        assert!(text.starts_with("first\n"), "in the order in which they came");
        let notice = "lines were left out: the log did not take them quickly enough.";
        assert!(text.lines().any(|line| line.ends_with(notice)), "what is left out is told");
        std::fs::remove_dir_all(folder).expect("removed");
    }
}
