//! What shards share, behind one seam: the router, the Retained Messages, the share groups, the directory of Sessions, the
//! mesh of inboxes, the queue of the log, and whether memory is short. Locks live in these and nowhere else; none is held
//! across a packet.
//!
//! Each use goes through an accessor, because between any two of them another shard may run: that is the unit in which
//! shards interleave. The simulator (feature `simulation`) is told there and lets another shard go first if it likes.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::directory::Directory;
use crate::groups::Groups;
use crate::log_queue::{LogQueue, LogState};
use crate::mesh::Mesh;
use crate::retained::Retained;
use crate::router::Router;

/// Everything that more than one shard touches.
pub struct Shared {
    router: Router,
    retained: Retained,
    groups: Groups,
    directory: Directory,
    mesh: Mesh,
    log: Option<LogQueue>,
    is_memory_short: AtomicBool,
    #[cfg(feature = "simulation")]
    interlude: Option<Interlude>,
}

/// Called before each use of something shared.
#[cfg(feature = "simulation")]
pub type Interlude = Box<dyn Fn() + Send + Sync>;

impl Shared {
    /// For `shards` shards; `seed` keys the hashes. Nothing is logged.
    pub fn new(shards: u16, seed: u64) -> Shared {
        Shared {
            router: Router::new(seed),
            retained: Retained::new(seed),
            groups: Groups::new(seed),
            directory: Directory::new(shards, seed),
            mesh: Mesh::new(shards),
            log: None,
            is_memory_short: AtomicBool::new(false),
            #[cfg(feature = "simulation")]
            interlude: None,
        }
    }

    /// The same with a log: what is acknowledged waits for it.
    #[must_use]
    pub fn with_log(self, log: LogQueue) -> Shared {
        Shared { log: Some(log), ..self }
    }

    /// The same, calling `interlude` before each use of something shared.
    #[cfg(feature = "simulation")]
    #[must_use]
    pub fn with_interlude(self, interlude: Interlude) -> Shared {
        Shared { interlude: Some(interlude), ..self }
    }

    /// Topic Filters and who receives them.
    #[inline]
    pub fn router(&self) -> &Router {
        self.pause();
        &self.router
    }

    /// Retained Messages.
    #[inline]
    pub fn retained(&self) -> &Retained {
        self.pause();
        &self.retained
    }

    /// Share groups.
    #[inline]
    pub fn groups(&self) -> &Groups {
        self.pause();
        &self.groups
    }

    /// Which shard owns which Session.
    #[inline]
    pub fn directory(&self) -> &Directory {
        self.pause();
        &self.directory
    }

    /// Inboxes.
    #[inline]
    pub fn mesh(&self) -> &Mesh {
        self.pause();
        &self.mesh
    }

    /// What waits for the log; `None` where nothing is logged.
    #[inline]
    pub fn log(&self) -> Option<&LogQueue> {
        let log = self.log.as_ref()?;
        self.pause();
        Some(log)
    }

    /// The same for who holds a lock: nobody goes first.
    pub(crate) fn log_within_lock(&self) -> Option<&LogQueue> {
        self.log.as_ref()
    }

    /// Whether there is a log.
    #[inline]
    pub fn has_log(&self) -> bool {
        self.log.is_some()
    }

    /// Whether what would have to be kept in the log must be refused.
    pub(crate) fn is_log_full(&self) -> bool {
        self.log.as_ref().is_some_and(|log| log.state() >= LogState::Full)
    }

    /// Whether what would make the state larger must be refused as well, or wait.
    pub(crate) fn is_log_scarce(&self) -> bool {
        self.log.as_ref().is_some_and(|log| log.state() >= LogState::Scarce)
    }

    /// Whether nothing becomes durable until there is room.
    pub(crate) fn is_log_stuck(&self) -> bool {
        self.log.as_ref().is_some_and(|log| log.state() == LogState::Stuck)
    }

    /// Says whether the process uses as much memory as it may. Then no new client is taken in, and no message that would have to be kept.
    pub fn set_memory_short(&self, is_short: bool) {
        self.is_memory_short.store(is_short, Ordering::Relaxed);
    }

    /// Whether it does.
    pub fn is_memory_short(&self) -> bool {
        self.is_memory_short.load(Ordering::Relaxed)
    }

    #[cfg(feature = "simulation")]
    fn pause(&self) {
        if let Some(interlude) = &self.interlude {
            interlude();
        }
    }

    #[cfg(not(feature = "simulation"))]
    #[inline]
    fn pause(&self) {
        let Shared { .. } = self;
    }
}
