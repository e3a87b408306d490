//! PROXY protocol, versions 1 and 2: what a proxy in front says about the client, before the client's first byte. Sections
//! are those of HAProxy's `proxy-protocol.txt`.
//!
//! A listener expects one version, or each client could choose what to be believed. The header is read from the start each
//! time more of it has come; it is short, and nearly always comes in one piece. That a connection ends before its first
//! byte is nothing to be told about: load balancers look that way whether we live.

mod version_1;
mod version_2;

use std::fmt;
use std::net::SocketAddr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Arc;

use crate::Address;

/// What a listener expects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// A line of text of at most 107 bytes.
    One,
    /// Binary. The length in its fixed part is at most `length_max`; without a bound it could be 65535. Mosquitto takes 500.
    Two {
        /// Bytes of addresses and TLVs.
        length_max: u16,
    },
}

/// A whole header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header<'a> {
    /// Whom the proxy serves.
    pub source: Source<'a>,
    /// How the client came to the proxy, if it says (version 2 only).
    pub tls: Option<Tls<'a>>,
    /// Bytes of the header; the client's own follow.
    pub length: usize,
}

/// Whom the proxy serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source<'a> {
    /// A client at this address.
    Client(SocketAddr),
    /// A client on a Unix socket with this path, which may be empty.
    UnixClient(&'a [u8]),
    /// A client of which it knows nothing (`UNKNOWN` of version 1): the socket's own address holds.
    Unknown,
    /// The proxy itself (`LOCAL` of version 2), mostly to look whether we live: the socket's own address holds.
    Proxy,
}

/// The connection between client and proxy, as `PP2_TYPE_SSL` tells (section 2.2.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tls<'a> {
    /// It was TLS.
    pub is_tls: bool,
    /// The client showed a certificate in the session of this connection, or in this connection itself, and it was found
    /// to be good.
    pub has_verified_certificate: bool,
    /// `TLSv1.3`.
    pub version: Option<&'a str>,
    /// The cipher's name.
    pub cipher: Option<&'a str>,
    /// Common Name of the client's certificate.
    pub common_name: Option<&'a str>,
}

/// The bytes are no header of that version, or one that is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CorruptHeader<'a> {
    /// One clause for the log, without a full stop.
    pub cause: &'static str,
    /// Whom it was about, where the fault is behind that.
    pub source: Option<Source<'a>>,
}

/// Reads the header at the start of `bytes`. `None`: more bytes are needed. What cannot become a header is refused at its
/// first wrong byte.
pub fn decode(version: Version, bytes: &[u8]) -> Result<Option<Header<'_>>, CorruptHeader<'_>> {
    match version {
        Version::One => version_1::decode(bytes),
        Version::Two { length_max } => version_2::decode(bytes, length_max),
    }
}

impl Source<'_> {
    /// The client's address; `None`: the socket's own holds.
    pub fn address(&self) -> Option<Address> {
        match self {
            Source::Client(address) => Some(Address::of(*address)),
            // Most programs do not name their end.
            Source::UnixClient([]) => None,
            Source::UnixClient(path) => {
                let path = Path::new(std::ffi::OsStr::from_bytes(path));
                Some(Address::Unix(Arc::new(path.to_path_buf())))
            }
            Source::Unknown | Source::Proxy => None,
        }
    }
}

impl<'a> CorruptHeader<'a> {
    /// Of version 2, with more behind its fixed part than the listener takes.
    pub const TOO_LONG: CorruptHeader<'static> = CorruptHeader::new("header is longer than allowed");

    const fn new(cause: &'static str) -> CorruptHeader<'a> {
        CorruptHeader { cause, source: None }
    }
}

impl fmt::Display for CorruptHeader<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.cause)
    }
}

impl std::error::Error for CorruptHeader<'_> {}

/// Whether one is the beginning of the other: what has come so far may still become what is expected.
fn agree(bytes: &[u8], expected: &[u8]) -> bool {
    bytes.iter().zip(expected).all(|(byte, expected)| byte == expected)
}
