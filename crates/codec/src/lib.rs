//! MQTT Control Packets of versions 3.1, 3.1.1 and 5.0, to and from bytes.
//!
//! One packet type serves all versions; the version is an argument where bytes are read or written. Reading a
//! stream goes in two steps: [`fixed_header`] says how long the next packet is, and when that much is there,
//! [`Packet::decode`] (or [`Publish::decode`], the path nearly every packet takes) turns its body into a value.
//!
//! What must hold:
//! - Decoding copies nothing and allocates nothing: every packet is a view into the caller's buffer.
//! - Whatever can be judged from one packet alone is judged here: flags, UTF-8, Properties, value ranges, lengths.
//!   A value that came out of `decode` needs no second look.
//! - No input makes this crate panic.
//!
//! Left to others: the state of the connection (is this packet allowed now?), negotiated limits (Topic Alias
//! Maximum, Maximum Packet Size, levels of a topic), Client Identifiers, Sessions, and all I/O.
//!
//! To read: `fixed_header` → `packet` → one file for each packet; beneath them `properties`, `property` and
//! `property_rules`, `utf8_string`, `variable_byte_integer`, and the cursor they all read with, `reader`.

#![forbid(unsafe_code)]

mod acknowledgement;
mod auth;
mod connack;
mod connect;
mod disconnect;
mod error;
mod fixed_header;
mod forward;
mod packet;
mod packet_id;
mod properties;
mod property;
mod property_rules;
mod publish;
mod publish_out;
mod qos;
mod reader;
mod reason_code;
mod suback;
mod subscribe;
mod topic_filter;
mod topic_name;
mod unsubscribe;
mod utf8_string;
pub mod variable_byte_integer;
mod version;
mod writer;

pub use acknowledgement::{Acknowledgement, AcknowledgementKind, encode_acknowledgement};
pub use auth::Auth;
pub use connack::ConnAck;
pub use connect::{Connect, Will};
pub use disconnect::Disconnect;
pub use error::{DecodeError, DecodeErrorKind};
pub use fixed_header::{FixedHeader, PACKET_SIZE_MAX, PacketType, fixed_header};
pub use forward::{Forward, forward_will};
pub use packet::Packet;
pub use packet_id::PacketId;
pub use properties::{Properties, PropertiesBuf};
pub use property::Property;
pub use publish::{Publish, PublishProperties};
pub use publish_out::PublishOut;
pub use qos::QoS;
pub use reason_code::ReasonCode;
pub use suback::{SubAck, UnsubAck};
pub use subscribe::{RetainHandling, Subscribe, SubscribeFilters, SubscribeFiltersBuf, SubscriptionOptions};
pub use topic_filter::TopicFilter;
pub use topic_name::{check_topic_name, topic_levels, topic_matches};
pub use unsubscribe::{Unsubscribe, UnsubscribeFilters, UnsubscribeFiltersBuf};
pub use version::Version;
