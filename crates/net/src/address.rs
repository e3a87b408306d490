//! Where a Network Connection comes from, as log lines show it.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV6};
use std::path::PathBuf;
use std::sync::Arc;

/// The remote end of a Network Connection. Sixteen bytes, because every idle connection holds one: after a reset the
/// system can no longer be asked, and the line about the end needs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// IPv4, and IPv6-mapped IPv4.
    V4(Ipv4Addr, u16),
    /// IPv6; boxed, since it is the rarer and larger one.
    V6(Box<SocketAddrV6>),
    /// A Unix socket. The client's end has no name, so the line shows the listener's path instead.
    Unix(Arc<PathBuf>),
}

impl Address {
    /// The same, in less room.
    pub fn of(address: SocketAddr) -> Address {
        match address {
            SocketAddr::V4(v4) => Address::V4(*v4.ip(), v4.port()),
            SocketAddr::V6(v6) => match v6.ip().to_ipv4_mapped() {
                Some(ip) => Address::V4(ip, v6.port()),
                None => Address::V6(Box::new(v6)),
            },
        }
    }

    /// The address without the port: IP address, or path of the listener.
    pub fn host(&self) -> impl fmt::Display + '_ {
        fmt::from_fn(move |f| match self {
            Address::V4(ip, _) => write!(f, "{ip}"),
            Address::V6(address) => write!(f, "{}", address.ip()),
            Address::Unix(path) => write!(f, "{}", path.display()),
        })
    }

    /// The IP address; `None` for a Unix socket.
    pub fn ip(&self) -> Option<IpAddr> {
        match self {
            Address::V4(ip, _) => Some(IpAddr::V4(*ip)),
            Address::V6(address) => Some(IpAddr::V6(*address.ip())),
            Address::Unix(_) => None,
        }
    }

    /// The remote port; 0 for a Unix socket.
    pub fn port(&self) -> u16 {
        match self {
            Address::V4(_, port) => *port,
            Address::V6(address) => address.port(),
            Address::Unix(_) => 0,
        }
    }
}

/// `ADDRESS:PORT`, IPv6 without brackets: what tools that read such logs expect.
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host(), self.port())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(address: &str, shown: &str) {
        let address = Address::of(address.parse().expect("a socket address"));
        assert_eq!(address.to_string(), shown);
    }

    #[test]
    fn addresses_are_shown_without_brackets() {
        check("127.0.0.1:4711", "127.0.0.1:4711");
        check("[::1]:4711", "::1:4711");
        check("[::ffff:10.0.0.7]:9", "10.0.0.7:9");
        assert_eq!(Address::Unix(Arc::new("/run/m.sock".into())).to_string(), "/run/m.sock:0");
    }

    #[test]
    fn an_address_stays_small() {
        assert!(size_of::<Address>() <= 16);
    }
}
