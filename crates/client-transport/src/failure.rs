//! Why there is no connection, in one sentence for whoever has to do something about it.

use std::io::{self, ErrorKind};

use thiserror::Error;

/// Why a connection could not be made, or has ended without a word of MQTT.
#[derive(Debug, Error)]
pub enum Failure {
    /// The host's name has no address.
    #[error("the name {host} cannot be looked up ({}): check how it is written, and the name service", words(error))]
    Lookup {
        /// As it was given.
        host: Box<str>,
        /// What the system says.
        error: io::Error,
    },
    /// The system has no connection for us.
    #[error("{}", no_connection(to, error))]
    Connect {
        /// The address that was tried.
        to: Box<str>,
        /// What the system says.
        error: io::Error,
    },
    /// Nothing came of it in time.
    #[error("{to} does not answer: check the address, and whether a firewall is in between")]
    TimedOut {
        /// The address that was tried.
        to: Box<str>,
    },
    /// The proxy does not do what it is asked for.
    #[error("the proxy {0}")]
    Proxy(Box<str>),
    /// The other side has hung up before MQTT could begin.
    #[error("{0}")]
    Handshake(Box<str>),
    /// Encryption has not come about, or has ended.
    #[error("{0}")]
    Tls(Box<str>),
    /// What was asked for over HTTP was not WebSocket's end of it.
    #[error("{0}")]
    WebSocket(Box<str>),
    /// What was chosen cannot be asked for.
    #[error("{0}")]
    Settings(&'static str),
    /// A connection that was there has broken.
    #[error("the connection has broken: {}", words(.0))]
    Broken(io::Error),
    /// The other side has closed it without DISCONNECT.
    #[error("the server has closed the connection")]
    Closed,
}

/// What the system says about an error, in its words alone, without the number that Rust adds: `No such file or directory`. It is
/// `midge-net`'s as well, without which this crate can be built.
pub fn words(error: &io::Error) -> String {
    let mut text = error.to_string();
    text.truncate(text.rfind(" (os error ").unwrap_or(text.len()));
    text
}

fn no_connection(to: &str, error: &io::Error) -> String {
    match error.kind() {
        ErrorKind::ConnectionRefused => {
            format!("{to} refuses connections: check the port, and whether the server runs")
        }
        ErrorKind::NotFound => format!("there is no socket {to}: check the path, and whether the server runs"),
        ErrorKind::PermissionDenied => format!("{to} may not be used by this user"),
        ErrorKind::AddrNotAvailable => format!("{to} cannot be reached from the address to bind to ({})", words(error)),
        ErrorKind::NetworkUnreachable | ErrorKind::HostUnreachable => {
            format!("there is no way to {to} ({}): check the network", words(error))
        }
        _ => format!("{to} cannot be reached: {}", words(error)),
    }
}
