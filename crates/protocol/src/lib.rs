//! The duties of one end of an MQTT Network Connection, as pure state machines: acknowledged deliveries in both
//! directions with their Packet Identifiers, Topic Aliases, Keep Alive.
//!
//! Server and Client share them. What a message means, where it goes and when bytes move is left to the caller; nothing
//! here knows a Session's queue, a clock or a socket.
#![forbid(unsafe_code)]

mod inbound;
mod keep_alive;
mod outbound;
mod topic_alias;

pub use inbound::{Arrival, Inbound};
pub use keep_alive::keep_alive_limit_ms;
pub use outbound::{Exchange, InflightMax, Outbound, Payload, Received, Resend};
pub use topic_alias::{AliasError, Aliased, InboundAliases, OutboundAliases};
