//! Memory that is resident, sampled all along: that of the second half must be that of the first.

use std::fmt;

use midge_testkit::Server;

/// Resident bytes, in the order of time.
#[derive(Default)]
pub(crate) struct Samples(Vec<u64>);

impl Samples {
    pub(crate) fn take(&mut self, server: &Server) {
        self.0.push(server.resident_bytes());
    }

    /// Panics where memory grew. A short run ends while the allocator is still taking what it needs at most.
    pub(crate) fn check(&self, is_short: bool) {
        let slack = if is_short { WARM_UP_BYTES } else { 0 };
        let [first, second] = self.halves();
        assert!(second.mean <= first.mean * 105 / 100 + slack, "memory grew:\n{self}");
        assert!(second.most <= first.most * 105 / 100 + slack, "memory grew:\n{self}");
    }

    fn halves(&self) -> [Half; 2] {
        let (first, second) = self.0.split_at(self.0.len() / 2);
        [first, second].map(|half| Half {
            mean: half.iter().sum::<u64>() / half.len().max(1) as u64,
            most: half.iter().copied().max().unwrap_or(0),
        })
    }
}

#[derive(Clone, Copy)]
struct Half {
    mean: u64,
    most: u64,
}

impl fmt::Display for Samples {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, half) in ["first half", "second half"].into_iter().zip(self.halves()) {
            writeln!(f, "  memory in the {name:<12} mean {:>7} kB, most {:>7} kB", half.mean / 1024, half.most / 1024)?;
        }
        let tenths = self.0.chunks(self.0.len().div_ceil(10).max(1));
        let tenths = tenths.map(|tenth| (tenth.iter().sum::<u64>() / tenth.len() as u64 / 1024).to_string());
        write!(f, "  by tenths of the time, kB: {}", tenths.collect::<Vec<_>>().join(" "))
    }
}

/// Queues of clients that are away fill and the allocator's arenas settle within the first seconds: what 8 s on two busy cores
/// were seen to need, twice.
const WARM_UP_BYTES: u64 = 6 << 20;
