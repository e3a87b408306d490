//! `midge log FOLDER`: what stands in a log, or in one file of it, for people and for programs, and whether it is good.
//!
//! The log may be in use: nothing is locked and nothing is changed.

pub(crate) mod find;
mod flags;
mod json;
mod text;

use std::ffi::OsString;
use std::io::{self, BufWriter, Write};
use std::ops::ControlFlow;
use std::path::Path;

use midge_broker::record::{Batch, RecordError};
use midge_server::words;
use midge_store::{
    BATCH_HEADER_BYTES, Examined, FileRole, InspectedBatch, InspectedFile, Inspection, OpenError, SystemDisk,
};

use self::flags::{Form, TABLE, Wish};
use crate::Status;
use crate::subcommand::{self, Subcommand};

/// The row of the command.
pub(crate) const SUBCOMMAND: Subcommand = Subcommand { page: || TABLE.page(), run };

fn run(words: &[OsString]) -> Status {
    subcommand::run(&TABLE, flags::parse(words), |Wish { place, form }| {
        show(&place, form).unwrap_or_else(|message| {
            eprintln!("Error: {message}.");
            Status::Failure
        })
    })
}

fn show(place: &Path, form: Form) -> Result<Status, String> {
    let (place, inspection) = if place.is_file() {
        (place.to_path_buf(), Inspection::take_file(SystemDisk, place))
    } else {
        let folder = find::log_in(place)?;
        let inspection = Inspection::take(SystemDisk, &folder);
        (folder, inspection)
    };
    let inspection = inspection.map_err(|error| error.to_string())?;
    let mut listing = Listing { form, out: BufWriter::new(io::stdout().lock()), counts: Counts::default() };
    match listing.write(&place, &inspection) {
        Ok(status) => Ok(status),
        // Whoever reads it has seen enough.
        Err(Stopped::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => Ok(Status::Success),
        Err(Stopped::Output(error)) => Err(format!("cannot write what was found: {}", words(&error))),
        Err(Stopped::Disk(error)) => Err(error),
    }
}

/// Why nothing more is shown.
enum Stopped {
    /// It cannot be written.
    Output(io::Error),
    /// The log cannot be read.
    Disk(String),
}

impl From<io::Error> for Stopped {
    fn from(error: io::Error) -> Self {
        Stopped::Output(error)
    }
}

#[derive(Default)]
struct Counts {
    batches: u64,
    records: u64,
    holes: u64,
    /// Of any kind.
    faults: u64,
    /// The time of the first batch, from which the others count.
    begun_ms: Option<u64>,
}

struct Listing<W: Write> {
    form: Form,
    out: W,
    counts: Counts,
}

impl<W: Write> Listing<W> {
    fn write(&mut self, place: &Path, inspection: &Inspection<SystemDisk>) -> Result<Status, Stopped> {
        self.note(format_args!("{}", place.display()))?;
        for file in inspection.files() {
            self.note(format_args!("{}", role(file)))?;
        }
        if let Some(snapshot) = inspection.snapshot() {
            let midge_store::Snapshot { from, end, floor, mark } = snapshot;
            let text = format_args!("snapshot from {from} to {end}, needed from {floor}, retained up to v{mark}");
            self.note(text)?;
        }
        for fault in inspection.faults() {
            self.fault(format_args!("{fault}"))?;
        }
        let mut stopped = None;
        let read = inspection.read(|batch| match self.batch(&batch) {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => {
                stopped = Some(error);
                ControlFlow::Break(())
            }
        });
        if let Some(error) = stopped {
            return Err(error.into());
        }
        self.conclude(&read.map_err(|failure| Stopped::Disk(failure.to_string()))?)?;
        self.out.flush()?;
        Ok(if self.counts.faults == 0 { Status::Success } else { Status::Failure })
    }

    fn conclude(&mut self, examined: &Examined) -> io::Result<()> {
        for damage in &examined.damages {
            self.fault(format_args!("{damage}"))?;
        }
        for missing in &examined.missing {
            self.fault(format_args!("{}", OpenError::from(missing.clone())))?;
        }
        for path in &examined.overtaken {
            let path = path.display();
            self.note(format_args!(
                "{path}: the server began to use it anew while it was read; its rest is not shown"
            ))?;
        }
        if let Some(tail) = &examined.tail {
            let (bytes, path, offset, position) = (tail.bytes, tail.path.display(), tail.offset, tail.position);
            self.note(format_args!(
                "{path}: {bytes} bytes from byte {offset} (position {position}) are no whole batch: torn by a crash, or \
                 being written just now"
            ))?;
        }
        let Counts { batches, records, holes, faults, .. } = self.counts;
        let end = examined.end;
        let verdict = if faults == 0 { "all good".to_owned() } else { format!("{faults} faults") };
        let holes = if holes == 0 { String::new() } else { format!(", {holes} holes that a repair left") };
        self.note(format_args!("{batches} batches with {records} records{holes}; the log ends at {end}; {verdict}"))
    }

    fn batch(&mut self, found: &InspectedBatch<'_>) -> io::Result<()> {
        if found.synced.is_none() {
            self.counts.holes += 1;
            return match self.form {
                Form::Text => writeln!(self.out, "{}", text::hole(found)),
                Form::Json => writeln!(self.out, "{}", json::hole(found)),
                Form::Verdict => Ok(()),
            };
        }
        self.counts.batches += 1;
        let shown = self.records(found)?;
        if let Err(error) = shown {
            let at = found.offset + error.position.saturating_sub(found.position.0);
            let (path, cause, position) = (found.path.display(), error.cause, error.position);
            self.fault(format_args!("{path} cannot be understood at byte {at} (position {position}): {cause}"))?;
        }
        Ok(())
    }

    /// The outer error is that of the output.
    fn records(&mut self, found: &InspectedBatch<'_>) -> io::Result<Result<(), RecordError>> {
        let mut batch = match Batch::open(found.position.0, found.payload) {
            Ok(batch) => batch,
            Err(error) => return Ok(Err(error)),
        };
        let stamp = batch.stamp;
        let begun_ms = *self.counts.begun_ms.get_or_insert(stamp.monotonic_ms);
        let mut ahead = batch;
        let count = std::iter::from_fn(|| ahead.next_record().ok().flatten()).count();
        let bytes = found.payload.len() + BATCH_HEADER_BYTES;
        match self.form {
            Form::Text => {
                let begin = text::begin(found.position.0, &stamp, begun_ms);
                writeln!(self.out, "{begin}  {}", text::batch(&stamp, count, bytes))?;
            }
            Form::Json if count == 0 => writeln!(self.out, "{}", json::heartbeat(found.position.0, &stamp))?,
            Form::Json | Form::Verdict => {}
        }
        loop {
            let record = match batch.next_record() {
                Ok(Some(record)) => record,
                Ok(None) => return Ok(Ok(())),
                Err(error) => return Ok(Err(error)),
            };
            self.counts.records += 1;
            match self.form {
                Form::Text => {
                    let begin = text::begin(found.position.0, &stamp, begun_ms);
                    writeln!(self.out, "{begin}    {}", text::record(&record))?;
                }
                Form::Json => writeln!(self.out, "{}", json::record(found.position.0, &stamp, &record))?,
                Form::Verdict => {}
            }
        }
    }

    /// Something that is no batch and no record. Programs want only those.
    fn note(&mut self, text: std::fmt::Arguments<'_>) -> io::Result<()> {
        match self.form {
            Form::Text => writeln!(self.out, "# {text}"),
            Form::Json => Ok(()),
            Form::Verdict => writeln!(self.out, "{text}"),
        }
    }

    fn fault(&mut self, text: std::fmt::Arguments<'_>) -> io::Result<()> {
        self.counts.faults += 1;
        // In its place among what was shown.
        self.out.flush()?;
        eprintln!("Error: {text}.");
        Ok(())
    }
}

/// A file, and what it is to the log.
fn role(file: &InspectedFile) -> String {
    let name = file.path.file_name().unwrap_or_default().display();
    let bytes = file.length_bytes;
    let role = match file.role {
        FileRole::Segment { base, previous_end, is_damaged } => {
            let damaged = if is_damaged { ", its header is damaged" } else { "" };
            let lost = if previous_end < base {
                format!(", a repair gave up {previous_end} to {base}")
            } else {
                String::new()
            };
            format!("segment from {base}{lost}{damaged}")
        }
        FileRole::Retired => "recycled: holds what is no longer needed".to_owned(),
        FileRole::Spare => "spare: not used yet".to_owned(),
        FileRole::Newer(version) => format!("of a newer version ({version})"),
        FileRole::Foreign => "of another log".to_owned(),
        FileRole::Unknown => "without a readable header".to_owned(),
    };
    format!("{name}  {bytes} bytes  {role}")
}

#[cfg(test)]
mod tests;
