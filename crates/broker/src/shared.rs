//! What shards share, behind one seam: the router, the Retained Messages, the share groups, the directory of Sessions, the
//! mesh of inboxes, and whether memory is short. Locks live in these and nowhere else; none is held across a packet.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::directory::Directory;
use crate::groups::Groups;
use crate::mesh::Mesh;
use crate::retained::Retained;
use crate::router::Router;

/// Everything that more than one shard touches.
pub struct Shared {
    /// Topic Filters and who receives them.
    pub router: Router,
    /// Retained Messages.
    pub retained: Retained,
    /// Share groups.
    pub groups: Groups,
    /// Which shard owns which Session.
    pub directory: Directory,
    /// Inboxes.
    pub mesh: Mesh,
    is_memory_short: AtomicBool,
}

impl Shared {
    /// For `shards` shards; `seed` keys the hashes.
    pub fn new(shards: u16, seed: u64) -> Shared {
        Shared {
            router: Router::new(seed),
            retained: Retained::new(seed),
            groups: Groups::new(seed),
            directory: Directory::new(shards, seed),
            mesh: Mesh::new(shards),
            is_memory_short: AtomicBool::new(false),
        }
    }

    /// Says whether the process uses as much memory as it may. Then no new client is taken in, and no message that would have to be kept.
    pub fn set_memory_short(&self, is_short: bool) {
        self.is_memory_short.store(is_short, Ordering::Relaxed);
    }

    /// Whether it does.
    pub(crate) fn is_memory_short(&self) -> bool {
        self.is_memory_short.load(Ordering::Relaxed)
    }
}
