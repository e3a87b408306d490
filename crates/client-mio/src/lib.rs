//! Many MQTT clients on one thread, without a runtime: what command-line tools and benchmarks stand on.
//!
//! A [`Driver`] owns connections, each with the state machine of `midge-client-core`, which is used as it is: [`Driver::publish`]
//! and [`Driver::client_mut`] say what is to be done, [`Driver::turn`] does it and tells what has happened. A turn waits once, reads
//! all, handles all, and writes each socket once.
//!
//! ```no_run
//! use midge_client_core::{Client, Event, Message, Options};
//! use midge_client_mio::{Driver, Notice};
//! use midge_client_transport::Endpoint;
//! use midge_codec::{QoS, Version};
//!
//! # fn main() -> std::io::Result<()> {
//! let mut driver = Driver::new()?;
//! let client = Client::new(Options::new(Version::V5, "kitchen"));
//! let id = driver.add(client, Endpoint::tcp("localhost", 1883));
//! let lamp = Message::new("lamps/1", b"on", QoS::AtLeastOnce);
//! driver.publish(id, &lamp).expect("there is room for one");
//! let mut is_done = false;
//! while !is_done {
//!     driver.turn(None, &mut |notice| match notice {
//!         Notice::Event(_, Event::Acknowledged { .. }) => is_done = true,
//!         Notice::Failed(_, failure) => eprintln!("{failure}"),
//!         _ => {}
//!     })?;
//! }
//! # Ok(())
//! # }
//! ```
//!
//! What must hold:
//! - nothing blocks but the wait at the beginning of a turn; names are looked up by a thread of their own;
//! - what arrived before the end of a connection is handled before the end is told;
//! - a connection that is idle holds no buffer; a message that comes or goes allocates nothing here.
//!
//! Left to others: what MQTT asks for (`midge-client-core`), what lies between it and the socket (`midge-client-transport`).
//!
//! To read: `driver.rs` for the turn, `connection.rs` for one connection.
#![forbid(unsafe_code)]

mod attempt;
mod connection;
mod driver;
mod resolver;
mod timers;
mod watch;
mod wire;

pub use driver::{ConnectionId, Driver, Notice, Visit};
pub use watch::WatchId;
