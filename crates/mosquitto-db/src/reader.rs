//! From the bytes of a file to its chunks, one at a time.

use std::io::Read;

use crate::chunk::{Chunk, ChunkHeader, Content};
use crate::error::{ReadError, ReadErrorKind};
use crate::fields::Fields;
use crate::input::Input;
use crate::{CHUNK_LENGTH_MAX, MAGIC, OLDEST_VERSION, VERSION, v4, v6};

/// What a file begins with, behind the bytes that are the same in all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Meant for a checksum; Mosquitto writes 0 and does not look.
    pub checksum: u32,
    /// Of the format.
    pub version: u32,
}

/// Reads a file.
///
/// ```
/// use midge_mosquitto_db::{Content, Reader};
///
/// # fn topics(file: &[u8]) -> Result<(), midge_mosquitto_db::ReadError> {
/// let mut reader = Reader::new(file)?;
/// while let Some(chunk) = reader.next_chunk()? {
///     if let Content::BaseMessage(message) = chunk.content {
///         println!("{}", String::from_utf8_lossy(message.topic));
///     }
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Reader<R> {
    input: Input<R>,
    header: Header,
    /// A chunk of unknown kind whose content the input still has to pass.
    unknown: Option<ChunkHeader>,
}

impl<R: Read> Reader<R> {
    /// Reads the header. The input is read in small pieces: let it be buffered.
    ///
    /// # Errors
    /// When the header is not that of a version that can be read.
    pub fn new(input: R) -> Result<Reader<R>, ReadError> {
        let reader = Reader::of_any_version(input)?;
        let Header { checksum, version } = reader.header;
        if (OLDEST_VERSION..=VERSION).contains(&version) {
            return Ok(reader);
        }
        let position = MAGIC.len() as u64 + 4;
        Err(ReadError { position, chunk: None, kind: ReadErrorKind::Version { version, checksum } })
    }

    /// The same, but takes a version that is not known for version 3, as `mosquitto_db_dump` does.
    ///
    /// # Errors
    /// When it is not the header of a `mosquitto.db`.
    pub fn of_any_version(input: R) -> Result<Reader<R>, ReadError> {
        let header = Header { checksum: 0, version: VERSION };
        let mut reader = Reader { input: Input::new(input), header, unknown: None };
        reader.header = reader.file_header()?;
        Ok(reader)
    }

    /// The file's header.
    pub fn header(&self) -> Header {
        self.header
    }

    /// The next chunk; `None` where the file ends behind a chunk. A chunk of unknown kind is given without its content.
    ///
    /// # Errors
    /// When the file is damaged, or could not be read. After that the reader is of no more use.
    pub fn next_chunk(&mut self) -> Result<Option<Chunk<'_>>, ReadError> {
        if let Some(header) = self.unknown.take() {
            self.input.skip(header.length.into()).map_err(|kind| self.error(Some(header), kind))?;
        }
        let Some(header) = self.chunk_header().map_err(|kind| self.error(None, kind))? else {
            return Ok(None);
        };
        if !header.is_known() {
            self.unknown = Some(header);
            return Ok(Some(Chunk { header, content: Content::Unknown }));
        }
        self.read_content(header).map_err(|kind| self.error(Some(header), kind))?;
        let mut fields = Fields::new(self.input.read());
        match content(self.header.version, header, &mut fields) {
            Ok(content) => Ok(Some(Chunk { header, content })),
            Err(kind) => {
                let position = self.input.position() - fields.len() as u64;
                Err(ReadError { position, chunk: Some(header), kind })
            }
        }
    }

    fn file_header(&mut self) -> Result<Header, ReadError> {
        let bytes = self.input.up_to(MAGIC.len() + 8).map_err(|kind| ReadError { position: 0, chunk: None, kind })?;
        let kind = match bytes.strip_prefix(MAGIC) {
            Some(&[c0, c1, c2, c3, v0, v1, v2, v3]) => {
                // Written as the processor has it; it has always been 0.
                let checksum = u32::from_le_bytes([c0, c1, c2, c3]);
                return Ok(Header { checksum, version: u32::from_be_bytes([v0, v1, v2, v3]) });
            }
            _ if bytes.is_empty() => ReadErrorKind::Empty,
            Some(_) => ReadErrorKind::Truncated,
            None if MAGIC.starts_with(bytes) => ReadErrorKind::Truncated,
            None => return Err(ReadError { position: 0, chunk: None, kind: ReadErrorKind::Foreign }),
        };
        Err(self.error(None, kind))
    }

    fn chunk_header(&mut self) -> Result<Option<ChunkHeader>, ReadErrorKind> {
        let is_new = is_new(self.header.version);
        self.input.begin();
        let (kind, length) = match *self.input.up_to(if is_new { 8 } else { 6 })? {
            [] => return Ok(None),
            [k2, k3, l0, l1, l2, l3] if !is_new => ([0, 0, k2, k3], [l0, l1, l2, l3]),
            [k0, k1, k2, k3, l0, l1, l2, l3] => ([k0, k1, k2, k3], [l0, l1, l2, l3]),
            _ => return Err(ReadErrorKind::Truncated),
        };
        let (kind, length) = (u32::from_be_bytes(kind), u32::from_be_bytes(length));
        Ok(Some(ChunkHeader { kind, length, position: self.input.position() }))
    }

    /// Has the input read exactly the content of the chunk.
    fn read_content(&mut self, header: ChunkHeader) -> Result<(), ReadErrorKind> {
        self.input.begin();
        if !is_new(self.header.version) {
            return v4::read_content(&mut self.input, self.header.version, header);
        }
        if header.length > CHUNK_LENGTH_MAX {
            return Err(ReadErrorKind::TooLong);
        }
        self.input.exactly(header.length as usize).map(drop)
    }

    fn error(&self, chunk: Option<ChunkHeader>, kind: ReadErrorKind) -> ReadError {
        ReadError { position: self.input.position(), chunk, kind }
    }
}

/// Whether chunks are as they have been since version 5.
const fn is_new(version: u32) -> bool {
    matches!(version, 5 | 6)
}

fn content<'a>(version: u32, header: ChunkHeader, fields: &mut Fields<'a>) -> Result<Content<'a>, ReadErrorKind> {
    let read = if is_new(version) { v6::content } else { v4::content };
    let content = read(header.kind, version, fields)?;
    fields.end()?;
    Ok(content)
}
