//! What lies between an MQTT Client and its socket.
//!
//! An [`Endpoint`] says where the Server is and how to get there. [`Layers`] turn the bytes of MQTT into those of the socket, and
//! back; outwards from the socket, each may be missing:
//!
//! ```text
//! socket ── SOCKS5 ── TLS ── WebSocket ── MQTT
//! ```
//!
//! What must hold:
//! - nothing here reads or writes a socket, so that drivers of any kind share it: bytes in, bytes out;
//! - a connection without layers has no [`Layers`], and costs nothing here;
//! - a [`Failure`] is one sentence that says what failed and what to do.
#![forbid(unsafe_code)]

mod endpoint;
mod failure;
mod layers;
mod socks;
#[cfg(feature = "tls")]
mod tls;
#[cfg(feature = "websocket")]
mod websocket;

#[cfg(feature = "websocket")]
pub use endpoint::WebSocket;
pub use endpoint::{Address, Endpoint, Proxy};
pub use failure::{Failure, words};
pub use layers::Layers;
#[cfg(feature = "openssl")]
pub use midge_net::tls::PreSharedKey;
#[cfg(feature = "tls")]
pub use midge_net::tls::{Connector, ConnectorOptions, Description, KeyLog, TlsError, TlsVersion};
