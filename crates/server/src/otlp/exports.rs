//! What others have of the exporter: they say what is in force, and when it is over.

use std::io;
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use midge_config::Otlp;
use midge_console::metrics::{self, Family};

use super::Surroundings;
use super::exporter::Exporter;
use crate::abort::AbortOnPanic;

/// See the module. There is a thread from the first time on that a collector is named.
pub(crate) struct Exports {
    surroundings: Arc<Surroundings>,
    orders: Arc<Orders>,
    running: Mutex<Option<Running>>,
}

struct Running {
    thread: thread::Thread,
    /// Ends with the thread.
    ended: Receiver<()>,
}

/// What the thread is told.
#[derive(Default)]
pub(super) struct Orders(Mutex<Order>);

#[derive(Default)]
pub(super) struct Order {
    /// What is in force, where that is news.
    pub(super) options: Option<Otlp>,
    /// What was measured last, before those ended who measure.
    pub(super) last: Option<Vec<Family>>,
    /// Nothing comes any more.
    pub(super) is_over: bool,
}

impl Orders {
    /// What is new since somebody asked.
    pub(super) fn take(&self) -> Order {
        let mut order = self.order();
        Order { is_over: order.is_over, ..std::mem::take(&mut *order) }
    }

    /// Whether anything is new.
    pub(super) fn are_there(&self) -> bool {
        let order = self.order();
        order.is_over || order.options.is_some() || order.last.is_some()
    }

    fn order(&self) -> MutexGuard<'_, Order> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Exports {
    /// Nothing is sent yet.
    pub(crate) fn new(surroundings: Surroundings) -> Exports {
        Exports { surroundings: Arc::new(surroundings), orders: Arc::default(), running: Mutex::default() }
    }

    /// From now on this is sent there. Does not wait for anything of before.
    pub(crate) fn put_in_force(&self, options: &Otlp) -> io::Result<()> {
        let mut running = self.running();
        if running.is_none() && options.endpoint.is_none() {
            return Ok(());
        }
        self.orders.order().options = Some(options.clone());
        match &*running {
            Some(running) => running.thread.unpark(),
            None => *running = Some(self.start()?),
        }
        Ok(())
    }

    /// Measures once more: shards are about to end.
    pub(crate) fn measure_last(&self) {
        if self.running().is_some() {
            self.orders.order().last = Some(metrics::of_server(&*self.surroundings.source));
        }
    }

    /// Has what is left sent, once, and waits for that a little.
    pub(crate) fn stop(&self) {
        let Some(running) = self.running().take() else { return };
        self.orders.order().is_over = true;
        running.thread.unpark();
        // A collector that does not answer is not waited for.
        let _ = running.ended.recv_timeout(PATIENCE);
    }

    fn start(&self) -> io::Result<Running> {
        let (ends, ended): (Sender<()>, _) = mpsc::channel();
        let exporter = Exporter::new(Arc::clone(&self.surroundings), Arc::clone(&self.orders));
        let run = move || {
            let on_panic = AbortOnPanic;
            exporter.run();
            drop((on_panic, ends));
        };
        let thread = thread::Builder::new().name("otlp".to_owned()).spawn(run)?.thread().clone();
        Ok(Running { thread, ended })
    }

    fn running(&self) -> MutexGuard<'_, Option<Running>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// For what is sent last, and for the request before it.
const PATIENCE: Duration = Duration::from_secs(5);
