//! An MQTT client for Rust programs on tokio: versions 5.0, 3.1.1 and 3.1, over TCP and Unix sockets, with TLS, WebSocket and SOCKS5.
//!
//! ```no_run
//! use midge_client::{Client, Endpoint, Message, Options, QoS, Version};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let options = Options::new(Version::V5, "kitchen");
//! let (client, _incidents) = Client::connect(Endpoint::tcp("localhost", 1883), options).await?;
//! let mut lamps = client.subscribe("lamps/+", QoS::AtLeastOnce).await?;
//! client.publish(&Message::new("lamps/1", b"on", QoS::AtLeastOnce)).await?.acknowledged().await?;
//! while let Some(message) = lamps.next().await {
//!     println!("{}: {} bytes", message.topic, message.payload.len());
//! }
//! # Ok(())
//! # }
//! ```
//!
//! A task connects, comes back after a connection is lost, and needs nobody to poll it. Each [`Subscription`] is a stream of its messages;
//! [`Incoming`] tells everything else.
//!
//! What must hold:
//! - A message for which [`Client::publish`] has given a [`Delivery`] is sent, over as many connections as it takes, and its
//!   delivery tells how it ended; `midge-client-core` says what each QoS promises.
//! - Who publishes faster than the Server takes waits; who receives more slowly than the Server sends is sent no more.
//! - A message of QoS 1 or 2 is acknowledged when it is handed out, not before; [`Client::discarded`] counts those that nobody wanted.
//! - What waited in a Session for a program that was away waits for its Subscriptions.
//! - No order of calls dead-locks: the task waits for nobody while it holds the lock, and calls nothing of the user's.
//!
//! To read: `client.rs` for what a user does, `driver.rs` for the task, `inbox.rs` for the way of a message to its stream, `held.rs` for those
//! that come before it.
#![forbid(unsafe_code)]

mod client;
mod driver;
mod held;
mod identifiers;
mod inbox;
mod incoming;
mod outbox;
mod requests;
mod shared;
mod socket;
mod stream;
mod waiting;

pub use client::{Client, ConnectError, Delivery, Error};
pub use incoming::{Incident, Received, ReceivedMessage};
pub use midge_client_core::{
    Acknowledge, Authentication, DropReason, Limits, Message, Options, Reconnect, Refusal, Will,
};
#[cfg(feature = "openssl")]
pub use midge_client_transport::PreSharedKey;
#[cfg(feature = "websocket")]
pub use midge_client_transport::WebSocket;
pub use midge_client_transport::{Address, Endpoint, Failure, Proxy};
#[cfg(feature = "tls")]
pub use midge_client_transport::{Connector, ConnectorOptions, KeyLog, TlsError, TlsVersion};
pub use midge_codec::{
    DecodeError, PropertiesBuf, Property, QoS, ReasonCode, RetainHandling, SubscribeFiltersBuf, SubscriptionOptions,
    TopicFilter, UnsubscribeFiltersBuf, Version,
};
pub use outbox::{Outbox, OutboxError};
pub use stream::{Incoming, Subscription};
