//! A file as a target: a JSON object in each line, and the file renamed when it is large.
//!
//! What must hold: a message stands in it once. What was handed on before the server was killed, and comes again as its
//! acknowledgement was lost, is known by its time of receipt, of which no two messages have the same; a line that was not written to
//! its end is cut off. What is acknowledged stands there after a power cut, under the name that people know.

use std::collections::{BTreeSet, VecDeque};
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use midge_net::words;
use midge_sinks::delivery::Answer;
use midge_sinks::json::time_of_line;

use super::options::FileOptions;
use super::runner::{Look, Target};

/// See the module.
pub(super) struct FileTarget {
    path: PathBuf,
    max_bytes: u64,
    keep: u16,
    current: Option<Current>,
}

struct Current {
    file: File,
    bytes: u64,
    /// Times of lines that may come again.
    written: BTreeSet<u64>,
}

impl FileTarget {
    pub(super) fn new(options: FileOptions) -> FileTarget {
        let FileOptions { path, max_bytes, keep, .. } = options;
        FileTarget { path: path.into(), max_bytes, keep, current: None }
    }

    fn append(&mut self, lines: &[u8]) -> io::Result<()> {
        if self.current.as_ref().is_some_and(|current| current.bytes >= self.max_bytes) {
            self.rotate()?;
        }
        let current = match &mut self.current {
            Some(current) => current,
            None => self.current.insert(Current::open(&self.path)?),
        };
        match current.append(lines) {
            Ok(()) => Ok(()),
            Err(error) => {
                // What stands there of it is looked at anew.
                self.current = None;
                Err(error)
            }
        }
    }

    /// FILE becomes FILE.1, FILE.1 becomes FILE.2 and so on.
    fn rotate(&mut self) -> io::Result<()> {
        let written = self.current.take().map(|current| current.written);
        for number in (1..self.keep).rev() {
            let older = numbered(&self.path, number);
            if older.exists() {
                fs::rename(older, numbered(&self.path, number + 1))?;
            }
        }
        fs::rename(&self.path, numbered(&self.path, 1))?;
        let written = written.unwrap_or_default();
        self.current = Some(Current { written, ..Current::open(&self.path)? });
        Ok(())
    }
}

impl Target for FileTarget {
    fn write(&mut self, body: &[u8]) -> Answer {
        match self.append(body) {
            Ok(()) => Answer::Taken,
            Err(error) => later(&error),
        }
    }

    fn look(&self) -> Look {
        let path = self.path.clone();
        Box::new(move || match to_append().open(path) {
            Ok(_) => Answer::Taken,
            Err(error) => later(&error),
        })
    }
}

/// Makes the file where it is not there. What stands in it is for those whom the ACL file would let read all of it.
fn to_append() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.append(true).create(true).mode(0o640);
    options
}

fn later(error: &io::Error) -> Answer {
    let remedy = "see file_sink, whether its folder is there with room, and may be written to";
    Answer::Later { reason: words(error), remedy }
}

impl Current {
    fn open(path: &Path) -> io::Result<Current> {
        let mut file = to_append().read(true).open(path)?;
        // Its name, and those of the others, may be new.
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        if let Ok(folder) = File::open(folder) {
            folder.sync_all()?;
        }
        let mut latest = VecDeque::new();
        if let Ok(mut before) = File::open(numbered(path, 1)) {
            read_times(&mut before, &mut latest)?;
        }
        let whole = read_times(&mut file, &mut latest)?;
        file.set_len(whole)?;
        Ok(Current { file, bytes: whole, written: latest.into_iter().collect() })
    }

    fn append(&mut self, lines: &[u8]) -> io::Result<()> {
        let new = self.new_lines(lines);
        let lines = new.as_deref().unwrap_or(lines);
        self.file.write_all(lines)?;
        self.file.sync_data()?;
        self.bytes += lines.len() as u64;
        Ok(())
    }

    /// Those lines that were not written before; `None`: none was, and none will have been from now on.
    fn new_lines(&mut self, lines: &[u8]) -> Option<Vec<u8>> {
        let newest = *self.written.last()?;
        let mut is_past = true;
        let mut new = Vec::with_capacity(lines.len());
        for line in lines.split_inclusive(|byte| *byte == b'\n') {
            let time = time_of_line(line);
            is_past &= time.is_some_and(|time| time > newest.saturating_add(APART_NS));
            if !time.is_some_and(|time| self.written.contains(&time)) {
                new.extend_from_slice(line);
            }
        }
        if is_past {
            self.written.clear();
        }
        Some(new)
    }
}

fn numbered(path: &Path, number: u16) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{number}"));
    name.into()
}

/// Adds the times of the last lines of a file, in the order in which they stand there, which is not that of the clock where that was set
/// back. Where the last whole line ends.
fn read_times(file: &mut File, times: &mut VecDeque<u64>) -> io::Result<u64> {
    let length = file.metadata()?.len();
    let mut at = length.saturating_sub(TAIL_BYTES);
    file.seek(SeekFrom::Start(at))?;
    let mut reader = BufReader::new(file);
    let mut whole = at;
    let mut line = Vec::new();
    loop {
        line.clear();
        let count = reader.read_until(b'\n', &mut line)?;
        at += count as u64;
        if !line.ends_with(b"\n") {
            return Ok(if count == 0 { at } else { whole });
        }
        whole = at;
        times.extend(time_of_line(&line));
        if times.len() > TIMES_MAX {
            times.pop_front();
        }
    }
}

/// More than what is under way to a sink, whatever it becomes as JSON.
const TAIL_BYTES: u64 = 256 << 20;

/// Messages do not come in the order of their times, as several shards receive them. But none comes so late.
const APART_NS: u64 = 60_000_000_000;

/// More messages than are under way to a sink.
const TIMES_MAX: usize = 20_000;

#[cfg(test)]
mod tests;
