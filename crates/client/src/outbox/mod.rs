//! The durable outbox: what was taken over is delivered even when the process is killed and comes back.
//!
//! A log (`midge-store`) holds messages that have not ended, and the steps of the Session. Two things are waited for: a message has been
//! taken over when its record is durable, and bytes leave when the steps are durable that were taken with them (`gate.rs`). One sync serves
//! all that has gathered meanwhile.

mod gate;

use std::fmt;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use midge_client_core::{Client, Ledger, Options};
use midge_codec::{DecodeError, Version};
use midge_store::{BATCH_HEADER_BYTES, Log, OpenError, Position, ReadError, Repair, Snapshot, SystemDisk, WriteError};
use thiserror::Error;

pub(crate) use self::gate::Gate;
use crate::shared::Shared;

/// A folder with the messages and the Session of one client. Nobody else can open it meanwhile.
#[derive(Debug)]
pub struct Outbox {
    log: Log<SystemDisk>,
    ledger: Ledger,
    /// Where the last snapshot stands.
    snapshot: Position,
}

/// Why an outbox cannot be used.
#[derive(Error)]
pub enum OutboxError {
    /// The folder, or what is in it.
    #[error("the outbox cannot be opened: {0}")]
    Open(#[from] OpenError),
    /// The log cannot be read.
    #[error("the outbox cannot be read: {0}")]
    Read(#[from] ReadError),
    /// It cannot be written.
    #[error("the outbox cannot be written: {0}")]
    Write(#[from] WriteError),
    /// The log is good, but not one of ours.
    #[error("the folder holds something else than an outbox")]
    Foreign,
    /// The options cannot stand in a CONNECT.
    #[error("no CONNECT can say that: {0}")]
    Options(DecodeError),
    /// The options ask for no Session that would outlive a connection.
    #[error("{0}")]
    Session(&'static str),
}

/// What a program says whose `main` ends with it is the sentence.
impl fmt::Debug for OutboxError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Outbox {
    /// Opens the outbox in a folder, which is made where it is missing. Reads files, so it blocks for a moment.
    ///
    /// # Errors
    /// When the folder cannot be used, another process has it open, or what stands in it is damaged.
    pub fn open(folder: &Path) -> Result<Outbox, OutboxError> {
        let opened = Log::open(SystemDisk, folder, STORE, Repair::No)?;
        let log = opened.log;
        let from = opened.snapshot.map_or(log.start(), |snapshot| snapshot.from);
        let mut ledger = Ledger::default();
        let apply = |_, batch: &[u8]| if ledger.apply(batch) { Ok(()) } else { Err(OutboxError::Foreign) };
        log.try_read(from, log.end(), apply)??;
        Ok(Outbox { log, ledger, snapshot: from })
    }

    /// The state machine that goes on with what is kept.
    pub(crate) fn restore(&self, options: Options) -> Result<Client, OutboxError> {
        options.check().map_err(OutboxError::Options)?;
        let is_v5 = options.version == Version::V5;
        if options.client_id.is_empty() {
            return Err(OutboxError::Session("a durable outbox needs a Client Identifier that stays the same"));
        }
        if is_v5 && options.session_expiry_interval_s == 0 {
            return Err(OutboxError::Session("a durable outbox needs a Session Expiry Interval above 0"));
        }
        if options.clean_start && !(is_v5 && self.ledger.is_new()) {
            return Err(OutboxError::Session("a durable outbox goes on with its Session: no clean start"));
        }
        let options = Options { tells_steps: true, ..options };
        Ok(self.ledger.with_saved(wall_ms(), |saved| Client::restore(options, saved, 0)))
    }

    /// Writes records as one batch, and makes them durable. Blocks.
    fn write(&mut self, records: &[u8]) -> Result<(), WriteError> {
        self.log.write(&mut batch(records))?;
        self.log.sync()?;
        let are_records = self.ledger.apply(records);
        debug_assert!(are_records);
        let written = self.log.end().0 - self.snapshot.0;
        if written > SNAPSHOT_BYTES.max(GROWTH * self.ledger.bytes()) { self.write_snapshot() } else { Ok(()) }
    }

    /// What is kept is written once more, and what stands before goes.
    fn write_snapshot(&mut self) -> Result<(), WriteError> {
        let mut records = Vec::new();
        self.ledger.encode(&mut records);
        let from = self.log.end();
        self.log.write_reserved(&mut batch(&records))?;
        self.log.retire(Snapshot { from, end: self.log.end(), floor: from, mark: 0 })?;
        self.snapshot = from;
        Ok(())
    }
}

/// Room for the log's header, and the records behind it.
fn batch(records: &[u8]) -> Vec<u8> {
    let mut batch = Vec::with_capacity(BATCH_HEADER_BYTES + records.len());
    batch.extend_from_slice(&(records.len() as u32).to_le_bytes());
    batch.resize(BATCH_HEADER_BYTES, 0);
    batch.extend_from_slice(records);
    batch
}

/// Keeps what gathers, on a thread where that may block, until the client has ended and all is kept.
pub(crate) async fn keep(shared: Arc<Shared>, mut outbox: Outbox) {
    loop {
        let (taken, is_closed) = match &mut shared.lock().gate {
            Some(gate) => (gate.take(), gate.is_closed),
            None => return,
        };
        let Some((records, upto)) = taken else {
            if is_closed {
                return;
            }
            shared.gathered.notified().await;
            continue;
        };
        let writing = tokio::task::spawn_blocking(move || {
            let outcome = outbox.write(&records);
            (outbox, outcome)
        });
        let outcome = writing.await.map_err(io::Error::other);
        let failure = match &outcome {
            Ok((_, Ok(()))) => None,
            Ok((_, Err(error))) => Some(error.to_string()),
            Err(error) => Some(error.to_string()),
        };
        let is_lost = failure.is_some();
        if let Some(gate) = &mut shared.lock().gate {
            gate.note(upto, failure);
        }
        shared.wake.notify_one();
        shared.kept.notify_waiters();
        match outcome {
            Ok((back, _)) if !is_lost => outbox = back,
            _ => return,
        }
    }
}

/// Milliseconds since 1970: the one clock that goes on while the process is away.
pub(crate) fn wall_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64)
}

const STORE: midge_store::Options =
    midge_store::Options { segment_bytes: 1 << 20, reserve_segments: 1, max_bytes: None, allow_symlinks: true };

/// So much is written before what is kept is written once more, or so many times what is kept.
const SNAPSHOT_BYTES: u64 = 4 << 20;
const GROWTH: u64 = 4;
