//! The head of an HTTP/1 request (RFC 9112): request line and field lines, up to the empty line.
//!
//! It is read from the start each time more of it has come: heads are short, nearly always come in one piece, and so
//! nothing needs to be remembered in between.

use super::Refusal;

/// A whole head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RequestHead<'a> {
    pub(crate) method: &'a str,
    /// Visible ASCII.
    pub(crate) target: &'a str,
    /// The digit behind `HTTP/1.`.
    pub(crate) minor_version: u8,
    /// All field lines; they have been looked at.
    fields: &'a [u8],
    /// Bytes of the head, the empty line counted in.
    pub(crate) length: usize,
}

impl<'a> RequestHead<'a> {
    /// Reads the head at the start of `bytes`, of at most `length_max`. `None`: more bytes are needed.
    pub(crate) fn decode(bytes: &'a [u8], length_max: usize) -> Result<Option<RequestHead<'a>>, Refusal> {
        let bytes = &bytes[..bytes.len().min(length_max)];
        let missing = if bytes.len() == length_max { Err(Refusal::HeadTooLarge) } else { Ok(None) };
        let (line, fields) = split_line(bytes).unwrap_or((bytes, b""));
        // Whatever is no HTTP at all is seen before its line ends: MQTT without WebSocket, TLS where none is spoken.
        if !line.iter().all(is_of_request_line) {
            return Err(Refusal::NotHttp);
        }
        if line.len() == bytes.len() {
            return missing;
        }
        let (method, target, minor_version) = request_line(line)?;
        let mut rest = fields;
        while let Some((line, behind)) = split_line(rest) {
            if line.is_empty() {
                let length = bytes.len() - behind.len();
                let fields = &fields[..fields.len() - rest.len()];
                return Ok(Some(RequestHead { method, target, minor_version, fields, length }));
            }
            field_line(line)?;
            rest = behind;
        }
        missing
    }

    /// The fields in their order: names as they were sent, values without the white space around them.
    pub(crate) fn fields(&self) -> impl Iterator<Item = (&'a str, &'a [u8])> + use<'a> {
        let mut rest = self.fields;
        std::iter::from_fn(move || {
            let (line, behind) = split_line(rest)?;
            rest = behind;
            field_line(line).ok()
        })
    }
}

/// The elements of a field value that is a list (RFC 9110 section 5.6.1); empty ones do not count.
pub(crate) fn elements(value: &[u8]) -> impl DoubleEndedIterator<Item = &[u8]> {
    value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii).filter(|element| !element.is_empty())
}

/// The line without its end, and what is behind it. A lone LF ends a line too (RFC 9112 section 2.2).
pub(crate) fn split_line(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = bytes.iter().position(|byte| *byte == b'\n')?;
    let line = &bytes[..end];
    Some((line.strip_suffix(b"\r").unwrap_or(line), &bytes[end + 1..]))
}

/// Method, target and minor version (RFC 9112 section 3).
fn request_line(line: &[u8]) -> Result<(&str, &str, u8), Refusal> {
    let mut words = line.split(|byte| *byte == b' ');
    let (Some(method), Some(target), Some(version), None) = (words.next(), words.next(), words.next(), words.next())
    else {
        return Err(Refusal::NotHttp);
    };
    let target = text(target).filter(|target| target.bytes().all(|byte| byte.is_ascii_graphic()));
    let (Some(method), Some(target)) = (token(method), target) else { return Err(Refusal::NotHttp) };
    match version {
        [b'H', b'T', b'T', b'P', b'/', b'1', b'.', minor @ b'0'..=b'9'] => Ok((method, target, minor - b'0')),
        [b'H', b'T', b'T', b'P', b'/', ..] => Err(Refusal::HttpVersion),
        _ => Err(Refusal::NotHttp),
    }
}

/// Name and value (RFC 9112 section 5). A line that begins with white space would continue the one above it: nobody may
/// send that any more, and section 5.2 lets us refuse it.
pub(crate) fn field_line(line: &[u8]) -> Result<(&str, &[u8]), Refusal> {
    let colon = line.iter().position(|byte| *byte == b':').ok_or(Refusal::Malformed("header line without a colon"))?;
    let name = token(&line[..colon]).ok_or(Refusal::Malformed("header name is no token"))?;
    let value = line[colon + 1..].trim_ascii();
    if value.iter().any(|byte| byte.is_ascii_control() && *byte != b'\t') {
        return Err(Refusal::Malformed("control character in a header"));
    }
    Ok((name, value))
}

/// RFC 9110 section 5.6.2.
fn token(bytes: &[u8]) -> Option<&str> {
    let is_token = |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte);
    text(bytes).filter(|_| !bytes.is_empty() && bytes.iter().all(is_token))
}

fn text(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(bytes).ok().filter(|text| !text.is_empty())
}

fn is_of_request_line(byte: &u8) -> bool {
    matches!(byte, b' '..=b'~' | b'\r')
}
