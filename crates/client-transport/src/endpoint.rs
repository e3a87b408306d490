//! Where a Server is, and how to get there.

use std::fmt;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

#[cfg(feature = "tls")]
use midge_net::tls::Connector;

/// Where a Server is, and how to get there. [`Endpoint::tcp`] and [`Endpoint::unix`] have the usual values.
#[derive(Clone, Debug)]
pub struct Endpoint {
    /// The Server.
    pub address: Address,
    /// Our own end of TCP; the system chooses where there is none.
    pub bind: Option<IpAddr>,
    /// Through whom, where the Server is a host.
    pub proxy: Option<Proxy>,
    /// The encryption.
    #[cfg(feature = "tls")]
    pub tls: Option<Connector>,
    /// Whether MQTT is carried by WebSocket.
    #[cfg(feature = "websocket")]
    pub websocket: Option<WebSocket>,
    /// How long it may take until MQTT can begin, in milliseconds.
    pub timeout_ms: u64,
}

/// The Server.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Address {
    /// A host, by name or IP address (IPv6 without brackets), and a port.
    Tcp(Box<str>, u16),
    /// A Unix socket.
    Unix(PathBuf),
}

/// A proxy that speaks SOCKS5 (RFC 1928). The Server's name is looked up by it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Proxy {
    /// Its host, by name or IP address.
    pub host: Box<str>,
    /// Its port, usually 1080.
    pub port: u16,
    /// User name and password (RFC 1929), of at most 255 bytes each.
    pub login: Option<(Box<str>, Box<str>)>,
}

/// How to ask for WebSocket.
#[cfg(feature = "websocket")]
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct WebSocket {
    /// What to ask for, with the slash at its beginning.
    pub path: Box<str>,
    /// Further headers, by name and value.
    pub fields: Vec<(Box<str>, Box<str>)>,
}

impl Endpoint {
    /// A host, by name or IP address, and a port.
    pub fn tcp(host: &str, port: u16) -> Endpoint {
        Endpoint::new(Address::Tcp(host.into(), port))
    }

    /// A Unix socket.
    pub fn unix(path: &Path) -> Endpoint {
        Endpoint::new(Address::Unix(path.to_owned()))
    }

    fn new(address: Address) -> Endpoint {
        Endpoint {
            address,
            bind: None,
            proxy: None,
            #[cfg(feature = "tls")]
            tls: None,
            #[cfg(feature = "websocket")]
            websocket: None,
            timeout_ms: TIMEOUT_MS,
        }
    }

    /// To whom the socket is to be connected: the Server, or the proxy before it.
    pub fn first(&self) -> Address {
        match (&self.address, &self.proxy) {
            (Address::Tcp(..), Some(proxy)) => Address::Tcp(proxy.host.clone(), proxy.port),
            (address, _) => address.clone(),
        }
    }
}

#[cfg(feature = "websocket")]
impl Default for WebSocket {
    fn default() -> WebSocket {
        WebSocket { path: "/mqtt".into(), fields: Vec::new() }
    }
}

/// As patient as people are.
const TIMEOUT_MS: u64 = 30_000;

/// `host:port`, with brackets around IPv6, or the path.
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Address::Tcp(host, port) if host.contains(':') => write!(f, "[{host}]:{port}"),
            Address::Tcp(host, port) => write!(f, "{host}:{port}"),
            Address::Unix(path) => write!(f, "{}", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_shown_as_people_write_them() {
        let check = |endpoint: Endpoint, shown: &str| assert_eq!(endpoint.address.to_string(), shown);
        check(Endpoint::tcp("localhost", 1883), "localhost:1883");
        check(Endpoint::tcp("::1", 1883), "[::1]:1883");
        check(Endpoint::unix(Path::new("/run/m.sock")), "/run/m.sock");
    }
}
