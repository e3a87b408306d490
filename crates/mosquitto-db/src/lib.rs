//! Mosquitto's `mosquitto.db`: read in format versions 2 to 6, written in version 6.
//!
//! A file is a header and a list of chunks. [`Reader`] gives one chunk after the other and holds one at a time, so a file of
//! any size needs the memory of its largest message; [`Writer`] is told the values in the order in which they are to stand
//! there. `docs/mosquitto-db-format.md` describes the bytes, and what Mosquitto makes of them.
//!
//! What must hold:
//! - every field of every chunk is there for the caller, also those that only a tool prints;
//! - an error says where in the file it is, in which chunk, and what is wrong;
//! - no input makes it panic, and no length that a file merely claims makes it allocate;
//! - what [`Writer`] has written, [`Reader`] reads as the same values, and Mosquitto 2 opens.
//!
//! Left to others: what the values mean together (a message without Session, a Session whose time is over), whether texts
//! are UTF-8 and filters right, and files.
//!
//! To read: `chunk` (the values), `reader` (header and chunks), `v4` and `v6` (what stands in chunks), `writer`.

#![forbid(unsafe_code)]

mod chunk;
mod error;
mod fields;
mod input;
mod reader;
mod state;
mod v4;
mod v6;
mod writer;

pub use chunk::{
    BaseMessage, Chunk, ChunkHeader, Client, ClientMessage, Config, Content, Retained, SessionExpiry, Subscription,
    until_nul,
};
pub use error::{ReadError, ReadErrorKind, WriteError};
pub use reader::{Header, Reader};
pub use state::{Direction, State};
pub use writer::Writer;

/// The format version that is written, and the newest that is read.
pub const VERSION: u32 = 6;

/// The oldest format version that is read.
pub const OLDEST_VERSION: u32 = 2;

/// What a file begins with.
const MAGIC: &[u8; 15] = b"\0\xB5\0mosquitto db";

/// The bytes of a store id, the number that names a base message. Mosquitto could be built with others.
const STORE_ID_SIZE: u8 = 8;

/// No chunk that is right is longer: a PUBLISH of the greatest length, Client Identifier and username of its sender, and 32
/// bytes of fixed fields.
const CHUNK_LENGTH_MAX: u32 = midge_codec::variable_byte_integer::MAX + 2 * u16::MAX as u32 + 32;
