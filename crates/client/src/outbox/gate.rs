//! What leaves, and when: bytes wait for the steps that were taken with them.

use midge_client_core::{Client, Record};

/// Records on their way to the disk, counted in bytes since the start, and bytes that wait for them.
#[derive(Debug, Default)]
pub(crate) struct Gate {
    /// Not taken to be written yet.
    records: Vec<u8>,
    gathered: u64,
    durable: u64,
    /// So many bytes of the output may leave.
    open: usize,
    /// So many may, when so much is durable.
    waiting: Option<(usize, u64)>,
    /// Why nothing is kept any more.
    failure: Option<Box<str>>,
    /// Nothing more will be gathered.
    pub(crate) is_closed: bool,
}

impl Gate {
    /// Adds a record. It is kept when so much is durable.
    pub(crate) fn add(&mut self, record: &Record<'_>) -> u64 {
        let before = self.records.len();
        record.encode(&mut self.records);
        self.gathered += (self.records.len() - before) as u64;
        self.gathered
    }

    /// Takes over the steps of the client. Whether there is something to be written.
    pub(crate) fn add_steps(&mut self, client: &mut Client) -> bool {
        for step in client.take_steps() {
            self.add(&Record::Step(step));
        }
        !self.records.is_empty()
    }

    /// What is to be written, and how much is durable then.
    pub(crate) fn take(&mut self) -> Option<(Vec<u8>, u64)> {
        (!self.records.is_empty()).then(|| (std::mem::take(&mut self.records), self.gathered))
    }

    /// So much is durable now, or nothing will be any more.
    pub(crate) fn note(&mut self, durable: u64, failure: Option<String>) {
        match failure {
            None => self.durable = durable,
            Some(failure) => self.failure = Some(failure.into()),
        }
    }

    pub(crate) fn failure(&self) -> Option<&str> {
        self.failure.as_deref()
    }

    /// Whether so much is durable.
    pub(crate) fn has_kept(&self, upto: u64) -> bool {
        self.durable >= upto
    }

    /// Whether everything is.
    pub(crate) fn has_kept_all(&self) -> bool {
        self.durable >= self.gathered
    }

    /// How many bytes of the output, of which there are so many, may leave. Steps must have been added before.
    pub(crate) fn open_bytes(&mut self, output: usize) -> usize {
        if let Some((bytes, _)) = self.waiting.take_if(|(_, upto)| self.durable >= *upto) {
            self.open = bytes;
        }
        if self.waiting.is_none() && self.open < output {
            if self.has_kept_all() {
                self.open = output;
            } else {
                self.waiting = Some((output, self.gathered));
            }
        }
        self.open
    }

    /// So many bytes have left.
    pub(crate) fn handle_written(&mut self, count: usize) {
        self.open -= count;
        if let Some((bytes, _)) = &mut self.waiting {
            *bytes -= count;
        }
    }

    /// The connection is over, and what was to leave by it is gone.
    pub(crate) fn handle_closed(&mut self) {
        (self.open, self.waiting) = (0, None);
    }
}

#[cfg(test)]
mod tests {
    use midge_client_core::Step;

    use super::*;

    #[test]
    fn bytes_wait_for_what_was_gathered_before_them() {
        let mut gate = Gate::default();
        assert_eq!(gate.open_bytes(10), 10, "nothing to wait for");
        let first = gate.add(&Record::Step(Step::SessionBegan));
        assert_eq!(gate.open_bytes(15), 10);
        let second = gate.add(&Record::Step(Step::SessionBegan));
        gate.handle_written(4);
        assert_eq!(gate.open_bytes(20), 6);
        let (_, upto) = gate.take().expect("records");
        assert_eq!(upto, second);
        gate.note(first, None);
        assert_eq!(gate.open_bytes(20), 11, "those that were there with the first");
        gate.note(second, None);
        assert_eq!(gate.open_bytes(20), 20);
        gate.handle_closed();
        assert_eq!(gate.open_bytes(0), 0);
    }
}
