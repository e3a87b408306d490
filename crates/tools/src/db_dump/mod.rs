//! `db_dump`, Mosquitto's `mosquitto_db_dump`: shows what stands in a `mosquitto.db`.
//!
//! A log of ours is shown as the database that it would be exported as. As `mosquitto_db_dump` all is said in that one's words,
//! which scripts compare; as `midge db_dump` it is also said where a file is damaged.

mod flags;
mod json;
mod own_log;
mod stats;
mod text;

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, BufReader, BufWriter, ErrorKind, Read, Write};
use std::path::Path;

use midge_mosquitto_db::{Chunk, Content, Header, ReadError, ReadErrorKind, Reader};

use crate::flags::{Reader as FlagReader, Stop};
use crate::output::reason;
use crate::{Called, Command};
use flags::TABLE;
use json::Json;
use stats::{ClientStats, Stats};
use text::Text;

/// The row of the command.
pub(crate) const COMMAND: Command = Command { page: || TABLE.page(), run };

/// What is shown.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
enum Form {
    #[default]
    Text,
    Stats,
    ClientStats,
    Json,
}

/// Takes what is read, and shows it at once or at the end.
trait Dump {
    fn header(&mut self, _header: Header) -> io::Result<()> {
        Ok(())
    }

    fn chunk(&mut self, chunk: &Chunk<'_>) -> io::Result<()>;

    fn end(&mut self) -> io::Result<()>;
}

/// Why not all of it was shown.
enum Failure {
    /// With what is told, to the end of the line.
    Told(String),
    /// Nobody reads what is shown any more.
    NobodyReads,
}

fn run(called: &Called, words: &[OsString]) -> u8 {
    let (form, path) = match wish(words) {
        Ok(wish) => wish,
        Err(stop) => return called.stop(stop, &TABLE.page()),
    };
    let file = match open(Path::new(path), called) {
        Ok(file) => file,
        Err(status) => return status,
    };
    let mut out = BufWriter::new(io::stdout().lock());
    let shown = show(called, form, file, &mut out);
    match shown.and_then(|()| out.flush().map_err(Failure::from)) {
        Ok(()) | Err(Failure::NobodyReads) => 0,
        Err(Failure::Told(message)) => {
            // What is shown comes first, and does not mind the fault.
            let _ = out.flush();
            failed(&message)
        }
    }
}

/// Gives the status where there is nothing to be shown, which was told.
fn open(path: &Path, called: &Called) -> Result<File, u8> {
    if let Some(log) = own_log::of(path) {
        return own_log::open(&log, called).map_err(|message| failed(&format!("{message}\n")));
    }
    File::open(path).map_err(|error| {
        let path = path.display();
        match called.is_link() {
            true => eprintln!("Error: Unable to open {path}"),
            false => eprintln!("Error: Unable to open {path}: {}.", reason(&error)),
        }
        // Mosquitto's calls it success that there is no file, and scripts may count on it.
        u8::from(!called.is_link() || error.kind() != ErrorKind::NotFound)
    })
}

fn failed(message: &str) -> u8 {
    eprint!("{message}");
    1
}

fn wish(words: &[OsString]) -> Result<(Form, &OsStr), Stop> {
    let mut reader = FlagReader::new(&TABLE, Form::default());
    let operands = reader.read_with_plain_operands(words)?;
    let form = reader.finish()?;
    match operands {
        [path] => Ok((form, path)),
        [] => Err(Stop::Wrong("Error: Which file? Name the mosquitto.db.".to_owned())),
        [_, ..] => Err(Stop::Wrong("Error: Only one file can be shown at once.".to_owned())),
    }
}

fn show(called: &Called, form: Form, file: impl Read, out: &mut impl Write) -> Result<(), Failure> {
    let mut dump: Box<dyn Dump + '_> = match form {
        Form::Text => Box::new(Text::new(out)),
        Form::Stats => Box::new(Stats::new(out)),
        Form::ClientStats => Box::new(ClientStats::new(out)),
        Form::Json => Box::new(Json::new(out, called.is_link())),
    };
    let mut reader = match Reader::of_any_version(BufReader::new(file)) {
        Ok(reader) => reader,
        Err(error) => {
            // Also where there is nothing to show.
            if matches!(error.kind, ReadErrorKind::Foreign) {
                dump.end()?;
            }
            return Err(Failure::Told(not_begun(&error, called)));
        }
    };
    dump.header(reader.header())?;
    loop {
        match reader.next_chunk() {
            Ok(Some(chunk)) => {
                look_at(&chunk)?;
                dump.chunk(&chunk)?;
            }
            Ok(None) => return Ok(dump.end()?),
            Err(error) if is_end(&error) => return Ok(dump.end()?),
            Err(error) => return Err(Failure::Told(damaged(&error, called))),
        }
    }
}

/// What every form has to say about a chunk.
fn look_at(chunk: &Chunk<'_>) -> Result<(), Failure> {
    let header = chunk.header;
    match chunk.content {
        Content::Unknown => {
            eprintln!(
                "Warning: Unsupported chunk \"{}\" of length {} in persistent database file at position {}. Ignoring.",
                header.kind as i32, header.length as i32, header.position
            );
            Ok(())
        }
        Content::Client(client) if client.id.is_empty() => Err(Failure::Told(CORRUPT.to_owned())),
        _ => Ok(()),
    }
}

/// Mosquitto's takes a file to end where no chunk begins any more, and passes over unknown chunks without a look at what is
/// there.
fn is_end(error: &ReadError) -> bool {
    let is_inside = error.chunk.is_some_and(|chunk| (1..=6).contains(&chunk.kind));
    matches!(error.kind, ReadErrorKind::Truncated) && !is_inside
}

/// Of a file that is too short for its header Mosquitto's says nothing.
fn not_begun(error: &ReadError, called: &Called) -> String {
    match (&error.kind, called.is_link()) {
        (ReadErrorKind::Foreign, true) => "Error: Unrecognised file format.\n".to_owned(),
        (_, true) => String::new(),
        (_, false) => format!("Error: Unrecognised file format: {error}.\n"),
    }
}

fn damaged(error: &ReadError, called: &Called) -> String {
    match (&error.kind, called.is_link()) {
        // Without a line feed there, too.
        (ReadErrorKind::StoreIdSize { size, .. }, true) => {
            format!("Error: Incompatible database configuration (dbid size is {size} bytes, expected 8)")
        }
        (_, true) => CORRUPT.to_owned(),
        (_, false) => format!("Error: Corrupt persistent database: {error}.\n"),
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Failure {
        match error.kind() {
            ErrorKind::BrokenPipe => Failure::NobodyReads,
            _ => Failure::Told(format!("Error: Unable to write. {}.\n", reason(&error))),
        }
    }
}

const CORRUPT: &str = "Error: Corrupt persistent database.\n";
