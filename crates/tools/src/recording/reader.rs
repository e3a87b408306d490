//! Reads a recording of either form, from the beginning to the end or to the cut.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use super::binary::{self, Content};
use super::lines::{self, Line};
use super::{Entry, Form, Origin};

/// See the module.
pub(crate) struct Reader {
    input: Box<dyn BufRead>,
    form: Form,
    origin: Origin,
    /// A line that was read to see what the recording is of, and is an entry already.
    first: Option<Entry>,
    /// Bytes of whole entries so far.
    offset: u64,
    line_number: u64,
}

/// What is known of the length of a recording before it is read.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Duration {
    /// Bytes of the file; `None`: it is a pipe.
    pub(crate) bytes: Option<u64>,
    /// When its last entry happened, where that stands at the end of the file.
    pub(crate) end_us: Option<u64>,
}

/// Why reading ends before the end.
#[derive(PartialEq, Eq, Debug)]
pub(crate) enum Trouble {
    /// The file ends within an entry, after so many bytes.
    Cut(u64),
    /// What stands there is none; the end of a message for the user.
    Damaged(String),
}

impl Reader {
    /// Opens a file, or standard input where that is `-`.
    ///
    /// # Errors
    /// With the end of a message for the user.
    pub(crate) fn open(path: &Path) -> Result<(Reader, Duration), String> {
        if path == Path::new("-") {
            return Ok((Reader::new(Box::new(BufReader::new(io::stdin())))?, Duration::default()));
        }
        let file = File::open(path).map_err(|error| crate::output::reason(&error))?;
        let duration = duration(&file);
        let file = BufReader::with_capacity(BUFFER_BYTES, file);
        Ok((Reader::new(Box::new(file))?, duration))
    }

    /// Reads what the recording is of.
    ///
    /// # Errors
    /// When it is none.
    pub(crate) fn new(mut input: Box<dyn BufRead>) -> Result<Reader, String> {
        let no_recording = "it is no recording: that begins with 'midgerec', or has a JSON object on each line";
        let is_binary =
            input.fill_buf().map_err(|error| crate::output::reason(&error))?.first() == binary::MAGIC.first();
        let form = if is_binary { Form::Binary } else { Form::Lines };
        let mut reader = Reader { input, form, origin: Origin::default(), first: None, offset: 0, line_number: 0 };
        match form {
            Form::Binary => {
                let mut beginning = [0; binary::BEGINNING.len()];
                let whole = reader.input.read_exact(&mut beginning);
                if whole.is_err() || !beginning.starts_with(binary::MAGIC) {
                    return Err(no_recording.to_owned());
                }
                if beginning != *binary::BEGINNING {
                    return Err("it is a recording of a later version than this program knows".to_owned());
                }
                reader.offset = beginning.len() as u64;
            }
            Form::Lines => match reader.next_line() {
                Ok(None) => {}
                Ok(Some(Line::Origin(origin))) => reader.origin = origin,
                Ok(Some(Line::Entry(entry))) => reader.first = Some(entry),
                Ok(Some(Line::Foreign(version))) => {
                    return Err(format!("it is a recording of version {version}, which this program does not know"));
                }
                Err(_) => return Err(no_recording.to_owned()),
            },
        }
        Ok(reader)
    }

    /// What it is of, as far as that was read.
    #[cfg(test)]
    pub(crate) fn origin(&self) -> &Origin {
        &self.origin
    }

    /// Bytes that were read.
    pub(crate) fn offset(&self) -> u64 {
        self.offset
    }

    /// The next entry; `None` at the end of the file.
    ///
    /// # Errors
    /// When there is no whole one; nothing more comes then.
    pub(crate) fn next(&mut self) -> Result<Option<Entry>, Trouble> {
        if let Some(entry) = self.first.take() {
            return Ok(Some(entry));
        }
        match self.form {
            Form::Binary => self.next_record(),
            Form::Lines => loop {
                match self.next_line()? {
                    Some(Line::Entry(entry)) => return Ok(Some(entry)),
                    // Recordings that were put one behind the other; times begin anew there, and go back.
                    Some(Line::Origin(_) | Line::Foreign(_)) => {}
                    None => return Ok(None),
                }
            },
        }
    }

    fn next_record(&mut self) -> Result<Option<Entry>, Trouble> {
        loop {
            let mut head = [0; binary::LENGTH_BYTES];
            match read_up_to(&mut self.input, &mut head).map_err(|error| failed(&error))? {
                0 => return Ok(None),
                count if count < head.len() => return Err(Trouble::Cut(self.offset)),
                _ => {}
            }
            let length = u32::from_be_bytes(head) as usize;
            let damaged = || Trouble::Damaged(format!("it is damaged at byte {}", self.offset));
            if length > binary::RECORD_BYTES_MAX {
                return Err(damaged());
            }
            let wanted = (length + binary::CHECKSUM_BYTES) as u64;
            let mut rest = Vec::new();
            let count = (&mut self.input).take(wanted).read_to_end(&mut rest).map_err(|error| failed(&error))?;
            if (count as u64) < wanted {
                return Err(Trouble::Cut(self.offset));
            }
            let (content, checksum) = rest.split_at(length);
            if crc32c::crc32c_append(crc32c::crc32c(&head), content).to_be_bytes() != checksum {
                return Err(damaged());
            }
            let content = binary::content(content).ok_or_else(damaged)?;
            self.offset += binary::LENGTH_BYTES as u64 + wanted;
            match content {
                Content::Entry(entry) => return Ok(Some(entry)),
                Content::Origin(origin) => self.origin = origin,
                Content::Unknown => {}
            }
        }
    }

    fn next_line(&mut self) -> Result<Option<Line>, Trouble> {
        loop {
            let mut text = Vec::new();
            let mut line = (&mut self.input).take(LINE_BYTES_MAX);
            let count = line.read_until(b'\n', &mut text).map_err(|error| failed(&error))?;
            if count == 0 {
                return Ok(None);
            }
            self.line_number += 1;
            if text.trim_ascii().is_empty() {
                continue;
            }
            let number = self.line_number;
            let line = lines::line(&text).map_err(|error| match text.ends_with(b"\n") {
                true => Trouble::Damaged(format!("line {number} {error}")),
                false => Trouble::Cut(self.offset),
            })?;
            self.offset += count as u64;
            return Ok(Some(line));
        }
    }
}

/// Looks at the end of a file, and goes back to its beginning.
fn duration(file: &File) -> Duration {
    let Ok(bytes) = file.metadata().map(|metadata| metadata.len()) else { return Duration::default() };
    if !file.metadata().is_ok_and(|metadata| metadata.is_file()) {
        return Duration::default();
    }
    let mut file = file;
    let mut last = Vec::new();
    let read = file
        .seek(SeekFrom::Start(bytes.saturating_sub(LAST_BYTES)))
        .and_then(|_| file.read_to_end(&mut last))
        .and_then(|_| file.rewind());
    let end_us = read.ok().and_then(|()| end_us(&last));
    Duration { bytes: Some(bytes), end_us }
}

/// The time of the last entry: of the end in records, of any in lines.
fn end_us(last: &[u8]) -> Option<u64> {
    let record_bytes = binary::LENGTH_BYTES + binary::END_BYTES + binary::CHECKSUM_BYTES;
    let record = last.len().checked_sub(record_bytes).map(|at| &last[at..])?;
    let (covered, checksum) = record.split_at(record_bytes - binary::CHECKSUM_BYTES);
    if crc32c::crc32c(covered).to_be_bytes() == checksum
        && let Some(Content::Entry(entry @ Entry::End { .. })) = binary::content(&covered[binary::LENGTH_BYTES..])
    {
        return Some(entry.time_us());
    }
    let line = last.trim_ascii_end().rsplit(|byte| *byte == b'\n').next()?;
    match lines::line(line).ok()? {
        Line::Entry(entry) => Some(entry.time_us()),
        Line::Origin(_) | Line::Foreign(_) => None,
    }
}

fn read_up_to(input: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match input.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

fn failed(error: &io::Error) -> Trouble {
    Trouble::Damaged(format!("it cannot be read: {}", crate::output::reason(error)))
}

/// The largest packet of MQTT as JSON, when it has little that is text.
const LINE_BYTES_MAX: u64 = 600 << 20;

const BUFFER_BYTES: usize = 256 << 10;

/// The last line stands in there, unless its payload is long.
const LAST_BYTES: u64 = 64 << 10;
