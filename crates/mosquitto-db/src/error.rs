//! Why a file is not read or written, in words for the one who runs the server.

use std::fmt;
use std::io;

use midge_codec::DecodeError;

use crate::chunk::{ChunkHeader, kind};
use crate::{CHUNK_LENGTH_MAX, OLDEST_VERSION, STORE_ID_SIZE, VERSION};

/// What is wrong with a file, and where.
#[derive(Debug)]
pub struct ReadError {
    /// The first byte of what is wrong, counted from 0.
    pub position: u64,
    /// The chunk in which that is; nothing in the file's header, and where a chunk's own header is cut off.
    pub chunk: Option<ChunkHeader>,
    /// What is wrong.
    pub kind: ReadErrorKind,
}

/// What is wrong with a file.
#[derive(Debug, thiserror::Error)]
pub enum ReadErrorKind {
    /// The system refused to read.
    #[error("it cannot be read: {0}")]
    Input(io::Error),
    /// There is not a single byte. Mosquitto starts with such a file, as with none.
    #[error("it is empty")]
    Empty,
    /// It begins with something else.
    #[error("it is not a mosquitto.db: those begin in another way")]
    Foreign,
    /// A version that is not known; the header's checksum beside it.
    #[error("it has format version {version}; versions {OLDEST_VERSION} to {VERSION} can be read")]
    Version {
        /// As in the file.
        version: u32,
        /// As in the file.
        checksum: u32,
    },
    /// The file ends before what has begun does.
    #[error("the file ends in the middle, so something of it is missing")]
    Truncated,
    /// Longer than any chunk can be.
    #[error("a chunk cannot be that long: {CHUNK_LENGTH_MAX} bytes at most")]
    TooLong,
    /// Store ids of another size; only a Mosquitto that was built to have them writes these.
    #[error("store ids have {size} bytes instead of {STORE_ID_SIZE}")]
    StoreIdSize {
        /// As in the file.
        size: u8,
        /// The other field that can still be read.
        shutdown: bool,
    },
    /// The content's length leaves no room for one of its fields.
    #[error("it ends before the end of its {0}")]
    Short(&'static str),
    /// The content's length is more than its fields need.
    #[error("it goes on behind its last field")]
    Surplus,
    /// A field has a value without a meaning.
    #[error("{field} {value} does not exist")]
    Value {
        /// Which field.
        field: &'static str,
        /// As in the file.
        value: u8,
    },
    /// The Properties are not those of a PUBLISH.
    #[error("its Properties are wrong: {}", .0.message())]
    Properties(DecodeError),
}

/// Why something was not written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The system refused to write.
    #[error("it cannot be written: {0}")]
    Output(#[from] io::Error),
    /// The format has no room for so long a text or message. Nothing of its chunk was written.
    #[error("{0} is too long for a mosquitto.db")]
    TooLong(&'static str),
}

impl fmt::Display for ReadError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ReadError { position, chunk, kind } = self;
        match chunk {
            Some(ChunkHeader { kind: number, length, .. }) => {
                let name = name(*number);
                write!(formatter, "at byte {position}, in a chunk of {length} bytes that is {name}: {kind}")
            }
            None => write!(formatter, "at byte {position}: {kind}"),
        }
    }
}

impl std::error::Error for ReadError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.kind {
            ReadErrorKind::Input(error) => Some(error),
            _ => None,
        }
    }
}

fn name(number: u32) -> &'static str {
    match number {
        kind::CONFIG => "the configuration",
        kind::BASE_MESSAGE => "a message",
        kind::CLIENT_MESSAGE => "a message of a client",
        kind::RETAINED => "a retained message",
        kind::SUBSCRIPTION => "a subscription",
        kind::CLIENT => "a client",
        _ => "of an unknown kind",
    }
}
