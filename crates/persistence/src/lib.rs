//! Where the broker and its log meet: what the threads of the log decide, without the threads.
//!
//! The log knows no MQTT (`midge-store`), the broker knows no files (`midge-broker`). Here is what a server does with both:
//! [`keeper`] writes what shards hand over and takes snapshots, by the plan of [`snapshots`]; [`start`] puts everything back
//! before anybody is let in; [`read`] reads what is in the log only. Whoever drives it has the thread, the clock, the disk, and
//! says to people what happens: the server, and the simulator in its own time, so that what is simulated is what runs.
//!
//! What must hold: nothing here knows a clock, thread, file or line of a log; time is an argument, and the disk is behind the
//! store's seam.

#![forbid(unsafe_code)]

pub mod keeper;
pub mod read;
pub mod snapshots;
pub mod start;

pub use keeper::{Autosave, Effect, Keeper, KeeperOptions, Next, SyncPolicy};
pub use read::{Answer, RunRead, answer};
pub use snapshots::Bounds;

use midge_broker::{BATCH_HEADER_BYTES, SnapshotDone};
use midge_store::{Position, Snapshot};

/// What the broker has written as a snapshot, as the store knows it.
fn snapshot(done: SnapshotDone) -> Snapshot {
    let (from, end, floor) = (Position(done.from), Position(done.end), Position(done.floor));
    Snapshot { from, end, floor, mark: done.retained_sequence }
}

// The broker leaves the room that the store fills.
const _: () = assert!(BATCH_HEADER_BYTES == midge_store::BATCH_HEADER_BYTES);
