//! An MQTT Client as a pure state machine: versions 5.0, 3.1.1 and 3.1.
//!
//! A [`Client`] outlives its connections. It is told what happens to them, and the time, in milliseconds of any clock that
//! never goes back; it leaves bytes to be written, and visits [`Event`]s. Nothing here knows sockets, clocks, threads or
//! chance, so that one machine serves an event loop of any kind, and a simulator.
//!
//! What must hold:
//! - A message that was accepted ends exactly once: [`Event::Acknowledged`], [`Event::Sent`] or [`Event::Dropped`].
//! - QoS 2 messages are shown once for as long as the Session lasts, and sent so that the Server can say the same.
//! - No two open exchanges have one Packet Identifier. Nothing is sent that the Server has said not to take.
//! - No input makes this crate panic. What no Server may send ends the connection with a reason.
//! - A message that comes in is not copied, and nothing is allocated for it.
//!
//! # Exactly once, and where it ends
//!
//! QoS 2 is a promise of one Session. While the Server keeps it, an interrupted exchange goes on under its Packet
//! Identifier, and nothing is lost or doubled. Where the Server has lost the Session (Session Present 0), nobody knows any
//! more which messages without PUBREC had come. They are published anew, as a loss would be worse: such a message may reach
//! subscribers twice. One whose PUBREC came has ended, because the Server answers for it since. Who wants to know whether a
//! message is affected compares [`Event::Connected`] with what had not ended by then.
//!
//! Session Present 1 says that there is a Session, not that it is ours: where a CONNACK was lost on the way, it may have begun
//! with the CONNECT that seems unanswered. So after one of these Subscriptions are made again in any case, and what was
//! received before counts only when the Server goes on with it (`inbox.rs`). The same holds for the first connection after
//! [`Client::restore`].
//!
//! To read: `client/mod.rs` for what a driver does, `client/publish.rs` and `client/receive.rs` for the way of a message.
#![forbid(unsafe_code)]

mod client;
mod event;
mod inbox;
mod keep_alive;
mod ledger;
mod limits;
mod message;
mod options;
mod outbox;
mod output;
mod receipts;
mod record;
mod refusal;
mod requests;
mod steps;

pub use client::{Accepted, Client, Consumed};
pub use event::{Cause, DropReason, Event, Visit};
pub use ledger::Ledger;
pub use limits::Limits;
pub use message::Message;
pub use options::{Acknowledge, Authentication, Options, Reconnect, Will};
pub use receipts::Receipt;
pub use record::Record;
pub use refusal::Refusal;
pub use steps::{Saved, Step};
