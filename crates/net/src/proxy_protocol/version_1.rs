//! Version 1 (section 2.1): a line of text, `PROXY TCP4 192.0.2.5 192.0.2.1 6275 1883` and CRLF.

use std::net::{IpAddr, SocketAddr};

use super::{CorruptHeader, Header, Source, agree};

pub(super) fn decode(bytes: &[u8]) -> Result<Option<Header<'_>>, CorruptHeader<'_>> {
    if !agree(bytes, START) {
        return Err(CorruptHeader::new("does not begin with `PROXY `"));
    }
    let bytes = &bytes[..bytes.len().min(LENGTH_MAX)];
    let Some(end) = bytes.windows(2).position(|pair| pair == b"\r\n") else {
        return if bytes.len() == LENGTH_MAX { Err(CorruptHeader::new("line is too long")) } else { Ok(None) };
    };
    let line = std::str::from_utf8(&bytes[START.len()..end]).map_err(|_| CorruptHeader::new("line is no text"))?;
    let source = match line.split_once(' ').unwrap_or((line, "")) {
        // Anything may follow, and is ignored.
        ("UNKNOWN", _) => Source::Unknown,
        ("TCP4", rest) => Source::Client(source(rest, IpAddr::is_ipv4)?),
        ("TCP6", rest) => Source::Client(source(rest, IpAddr::is_ipv6)?),
        _ => return Err(CorruptHeader::new("protocol is none of TCP4, TCP6 and UNKNOWN")),
    };
    Ok(Some(Header { source, tls: None, length: end + 2 }))
}

/// The first of two addresses and of two ports. Where we listen is not needed, but must be right as well.
fn source<'a>(text: &str, is_of_family: fn(&IpAddr) -> bool) -> Result<SocketAddr, CorruptHeader<'a>> {
    let words: Vec<&str> = text.split(' ').collect();
    let &[source, destination, source_port, destination_port] = words.as_slice() else {
        return Err(CorruptHeader::new("not two addresses and two ports"));
    };
    let address = |text: &str| text.parse().ok().filter(is_of_family);
    let (Some(source), Some(_)) = (address(source), address(destination)) else {
        return Err(CorruptHeader::new("not an address of the protocol"));
    };
    let (Some(source_port), Some(_)) = (port(source_port), port(destination_port)) else {
        return Err(CorruptHeader::new("not a port"));
    };
    Ok(SocketAddr::new(source, source_port))
}

/// 1 to 65535 in decimal digits. A zero in front might be read as octal, so it must not be there.
fn port(text: &str) -> Option<u16> {
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit()) && !text.starts_with('0');
    text.parse().ok().filter(|_| is_number)
}

const START: &[u8] = b"PROXY ";

/// The longest line there can be, CRLF counted in.
const LENGTH_MAX: usize = 107;
