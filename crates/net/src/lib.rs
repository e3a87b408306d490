//! Sockets as byte streams: listeners, accepted Network Connections, what lies between them and the bytes (TLS), and the few
//! system calls around them.
//!
//! What must hold:
//! * nothing here knows MQTT, threads or configuration: bytes in, bytes out, errors as the system gave them;
//! * no call blocks, except the look-up of a listener's host name and the reading of certificates, both at start;
//! * a port or path in use by another server is an error (`SO_REUSEPORT` is never set): two brokers that share a port would
//!   each see half of the clients;
//! * everything that differs between platforms is in [`sys`];
//! * what is spoken on a stream before and around MQTT ([`proxy_protocol`], [`websocket`]) is pure: bytes in, bytes out.
//!
//! Left to others: when to read and write (the shard), what the bytes mean (the broker).

#![cfg_attr(not(feature = "openssl"), forbid(unsafe_code))]
#![cfg_attr(feature = "openssl", deny(unsafe_code))]

mod address;
mod inherited;
mod layered;
mod listener;
pub mod proxy_protocol;
mod regular_file;
mod stream;
pub mod sys;
pub mod tls;
pub mod websocket;
mod words;

pub use address::Address;
pub use inherited::Inherited;
pub use layered::Layered;
pub use listener::{
    BindError, Family, Listener, ListenerOptions, addresses, bind_tcp, bind_unix, check_tcp, check_unix,
};
pub use regular_file::{check_folder, check_readable, open_regular_file, read_regular_file};
pub use stream::{ROOM_BYTES_MIN, Received, Stream};
pub use words::words;
