//! What shards share, behind one seam: the router, the Retained Messages, the share groups, the directory of Sessions and
//! the mesh of inboxes. Locks live in these and nowhere else; none is held across a packet.

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
        }
    }
}
