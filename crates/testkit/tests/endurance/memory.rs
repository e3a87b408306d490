//! Memory, sampled all along: that of the second half must be that of the first.
//!
//! What counts is the most that was resident, because the allocator keeps what was needed once. What it has given out
//! (`$SYS/broker/heap/current`) is shown beside it: if only one of the two grows, one knows where to look.

use std::fmt;
use std::time::Duration;

use midge_testkit::{Client, Received, Server};

/// Bytes, in the order of time.
#[derive(Default)]
pub(crate) struct Samples {
    resident: Vec<u64>,
    heap: Vec<u64>,
}

impl Samples {
    /// `watcher` subscribes to [`HEAP_TOPIC`].
    pub(crate) fn take(&mut self, server: &Server, watcher: &mut Client) {
        self.resident.push(server.resident_bytes());
        while let Received::Packet(packet, _) = watcher.receive_within(Duration::from_millis(1)) {
            self.heap.extend(packet.number("m").map(u64::from));
        }
    }

    /// Panics where memory grew. A short run ends while the allocator is still taking what it needs at most.
    pub(crate) fn check(&self, is_short: bool) {
        let slack = if is_short { WARM_UP_BYTES } else { 0 };
        let (first, second) = self.resident.split_at(self.resident.len() / 2);
        assert!(most(second) <= most(first) * 105 / 100 + slack, "memory grew:\n{self}");
    }
}

impl fmt::Display for Samples {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, all) in [("resident", &self.resident), ("on the heap", &self.heap)] {
            let (first, second) = all.split_at(all.len() / 2);
            let (first, second) = (most(first) / 1024, most(second) / 1024);
            writeln!(f, "  most {name:<12} in the first half {first:>6} kB, in the second {second:>6} kB")?;
            let tenths = all.chunks(all.len().div_ceil(10).max(1));
            let tenths = tenths.map(|tenth| (tenth.iter().sum::<u64>() / tenth.len() as u64 / 1024).to_string());
            writeln!(f, "    mean by tenths of the time: {}", tenths.collect::<Vec<_>>().join(" "))?;
        }
        Ok(())
    }
}

fn most(samples: &[u64]) -> u64 {
    samples.iter().copied().max().unwrap_or(0)
}

pub(crate) const HEAP_TOPIC: &str = "$SYS/broker/heap/current";

/// Queues of clients that are away fill and the allocator's arenas settle within the first minute: five times what 8 s on two busy
/// cores were seen to need.
const WARM_UP_BYTES: u64 = 2 << 20;
