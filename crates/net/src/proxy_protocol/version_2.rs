//! Version 2 (section 2.2): a fixed part of 16 bytes, addresses, and TLVs.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::{CorruptHeader, Header, Source, Tls, agree};

pub(super) fn decode(bytes: &[u8], length_max: u16) -> Result<Option<Header<'_>>, CorruptHeader<'_>> {
    if !agree(bytes, SIGNATURE) {
        return Err(CorruptHeader::new("signature of version 2 is wrong"));
    }
    let Some(&[version_and_command, family, high, low]) = bytes.get(SIGNATURE.len()..FIXED_LENGTH) else {
        return Ok(None);
    };
    let is_local = match version_and_command {
        LOCAL => true,
        PROXY => false,
        _ => return Err(CorruptHeader::new("unknown version or command")),
    };
    let length = u16::from_be_bytes([high, low]);
    if length > length_max {
        return Err(CorruptHeader::TOO_LONG);
    }
    let length = FIXED_LENGTH + usize::from(length);
    let Some(header) = bytes.get(..length) else { return Ok(None) };
    if is_local {
        // Whatever else it says is to be ignored.
        return Ok(Some(Header { source: Source::Proxy, tls: None, length }));
    }
    let (source, tlvs_start) = source(family, &header[FIXED_LENGTH..])?;
    let tls =
        read_tlvs(header, FIXED_LENGTH + tlvs_start).map_err(|cause| CorruptHeader { cause, source: Some(source) })?;
    Ok(Some(Header { source, tls, length }))
}

/// The source address, and the length of all addresses (section 2.2.4).
fn source(family: u8, rest: &[u8]) -> Result<(Source<'_>, usize), CorruptHeader<'_>> {
    const TOO_SHORT: CorruptHeader<'static> = CorruptHeader::new("header is too short for its addresses");
    match family {
        STREAM_OVER_IPV4 => {
            let &[a, b, c, d, _, _, _, _, high, low, _, _] = rest.first_chunk().ok_or(TOO_SHORT)?;
            Ok((client(Ipv4Addr::new(a, b, c, d), [high, low]), 12))
        }
        STREAM_OVER_IPV6 => {
            let (&ip, behind) = rest.split_first_chunk::<16>().ok_or(TOO_SHORT)?;
            let &[high, low, _, _] = behind.get(16..).and_then(<[u8]>::first_chunk).ok_or(TOO_SHORT)?;
            Ok((client(Ipv6Addr::from(ip), [high, low]), 36))
        }
        STREAM_OVER_UNIX if rest.is_empty() => Err(TOO_SHORT),
        STREAM_OVER_UNIX => {
            // Some send the path alone, without the zeros behind it and without the second one.
            let path = &rest[..rest.len().min(UNIX_PATH_LENGTH)];
            let path = path.split(|byte| *byte == 0).next().unwrap_or_default();
            Ok((Source::UnixClient(path), rest.len().min(2 * UNIX_PATH_LENGTH)))
        }
        _ => Err(CorruptHeader::new("not a stream over IPv4, IPv6 or a Unix socket")),
    }
}

fn client<'a>(ip: impl Into<IpAddr>, port: [u8; 2]) -> Source<'a> {
    Source::Client(SocketAddr::new(ip.into(), u16::from_be_bytes(port)))
}

/// Looks at the TLVs (section 2.2.5 and below) from `start` to the end of the header: checks the checksum, keeps TLS.
fn read_tlvs(header: &[u8], start: usize) -> Result<Option<Tls<'_>>, &'static str> {
    let mut tls = None;
    let mut tlvs = Tlvs { rest: &header[start..] };
    while let Some((kind, value)) = tlvs.next()? {
        match kind {
            TYPE_CRC32C => check_crc32c(header, header.len() - tlvs.rest.len(), value)?,
            TYPE_SSL if tls.is_some() => return Err("TLS is told about twice"),
            TYPE_SSL => tls = Some(read_tls(value)?),
            _ => {}
        }
    }
    Ok(tls)
}

/// The checksum is that of the whole header with zeros in its own place (section 2.2.5.3).
fn check_crc32c(header: &[u8], value_end: usize, value: &[u8]) -> Result<(), &'static str> {
    let expected = *value.as_array().ok_or("checksum is not four bytes")?;
    let before = crc32c::crc32c(&header[..value_end - value.len()]);
    let own_place = crc32c::crc32c_append(before, &[0; 4]);
    let sum = crc32c::crc32c_append(own_place, &header[value_end..]);
    if sum != u32::from_be_bytes(expected) {
        return Err("checksum is wrong");
    }
    Ok(())
}

fn read_tls(value: &[u8]) -> Result<Tls<'_>, &'static str> {
    let Some((&[flags, verify @ ..], rest)) = value.split_first_chunk::<5>() else {
        return Err("TLV about TLS is too short");
    };
    let is_tls = flags & CLIENT_SSL != 0;
    let has_certificate = flags & (CLIENT_CERT_CONN | CLIENT_CERT_SESS) != 0;
    let mut tls = Tls {
        is_tls,
        has_verified_certificate: is_tls && has_certificate && verify == [0; 4],
        version: None,
        cipher: None,
        common_name: None,
    };
    let mut tlvs = Tlvs { rest };
    while let Some((kind, value)) = tlvs.next()? {
        match kind {
            SUBTYPE_SSL_VERSION => tls.version = Some(text(value)?),
            SUBTYPE_SSL_CN => tls.common_name = Some(text(value)?),
            SUBTYPE_SSL_CIPHER => tls.cipher = Some(text(value)?),
            _ => {}
        }
    }
    Ok(tls)
}

/// These texts become parts of log lines and User Names, and a client chooses its certificate's.
fn text(value: &[u8]) -> Result<&str, &'static str> {
    let text = std::str::from_utf8(value).map_err(|_| "text about TLS is not UTF-8")?;
    if text.contains(char::is_control) {
        return Err("control character in a text about TLS");
    }
    Ok(text)
}

/// A row of type, length and value.
struct Tlvs<'a> {
    rest: &'a [u8],
}

impl<'a> Tlvs<'a> {
    fn next(&mut self) -> Result<Option<(u8, &'a [u8])>, &'static str> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let (&[kind, high, low], rest) = self.rest.split_first_chunk().ok_or(TLV_IS_CUT)?;
        let length = usize::from(u16::from_be_bytes([high, low]));
        let (value, rest) = rest.split_at_checked(length).ok_or(TLV_IS_CUT)?;
        self.rest = rest;
        Ok(Some((kind, value)))
    }
}

const TLV_IS_CUT: &str = "TLV goes on behind the end";

const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";
const FIXED_LENGTH: usize = 16;

const LOCAL: u8 = 0x20;
const PROXY: u8 = 0x21;

const STREAM_OVER_IPV4: u8 = 0x11;
const STREAM_OVER_IPV6: u8 = 0x21;
const STREAM_OVER_UNIX: u8 = 0x31;
const UNIX_PATH_LENGTH: usize = 108;

const TYPE_CRC32C: u8 = 0x03;
const TYPE_SSL: u8 = 0x20;
const SUBTYPE_SSL_VERSION: u8 = 0x21;
const SUBTYPE_SSL_CN: u8 = 0x22;
const SUBTYPE_SSL_CIPHER: u8 = 0x23;

const CLIENT_SSL: u8 = 0x01;
const CLIENT_CERT_CONN: u8 = 0x02;
const CLIENT_CERT_SESS: u8 = 0x04;
