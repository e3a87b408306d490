//! What a file holds, as values that borrow texts and payloads.
//!
//! Texts are bytes here: Mosquitto cuts them at the first NUL when it reads them ([`until_nul`]), and its old versions did not
//! look whether they are UTF-8.

use midge_codec::{Properties, QoS};

use crate::state::{Direction, State};

/// One chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chunk<'a> {
    /// Where it is.
    pub header: ChunkHeader,
    /// What it says.
    pub content: Content<'a>,
}

/// What a chunk says about itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChunkHeader {
    /// What it is; see [`Content`].
    pub kind: u32,
    /// Bytes of its content, as the file claims. Mosquitto 1.5.6 and 1.5.7 (version 4) claim too many for base messages.
    pub length: u32,
    /// Where its content begins in the file, which is right behind its header.
    pub position: u64,
}

/// What a chunk can be, in the order in which Mosquitto writes them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content<'a> {
    /// 1, `CFG`: once, at the beginning.
    Config(Config),
    /// 2, `BASE_MSG` (`MSG_STORE` before Mosquitto 2.1).
    BaseMessage(BaseMessage<'a>),
    /// 6, `CLIENT`: followed by the messages of that client.
    Client(Client<'a>),
    /// 3, `CLIENT_MSG`.
    ClientMessage(ClientMessage<'a>),
    /// 5, `SUB`.
    Subscription(Subscription<'a>),
    /// 4, `RETAIN`.
    Retained(Retained),
    /// Another number, of a chunk that is passed over.
    Unknown,
}

/// What holds for the whole file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    /// The server was ending when it wrote this, so that nothing has changed since.
    pub shutdown: bool,
    /// The greatest store id that was given out. At least that of every message in the file, or Mosquitto gives it out again.
    pub last_store_id: u64,
}

/// A message, once, however many have it in their queues.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BaseMessage<'a> {
    /// The number by which other chunks name it.
    pub store_id: u64,
    /// When it expires, in seconds since 1970; 0: never, which is all there is in versions to 4.
    pub expiry_time_s: i64,
    /// Who published it; empty: the server or a plugin.
    pub source_id: &'a [u8],
    /// The publisher's username; empty: none, or a version to 3.
    pub source_username: &'a [u8],
    /// The port of the listener through which it came; 0: none, or a version to 3.
    pub source_port: u16,
    /// The Packet Identifier that the publisher gave it; 0 at QoS 0.
    pub source_packet_id: u16,
    /// Topic Name. Empty in Mosquitto 1.5 where a QoS 2 message was refused: it is acknowledged and goes nowhere.
    pub topic: &'a [u8],
    /// The publisher's QoS.
    pub qos: QoS,
    /// The publisher's RETAIN. Which message a topic retains, [`Retained`] says.
    pub retain: bool,
    /// Any bytes.
    pub payload: &'a [u8],
    /// Those that are passed on, in the publisher's order: no Message Expiry Interval, no Topic Alias. None in versions to 4.
    pub properties: Properties<'a>,
}

/// A Session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Client<'a> {
    /// Client Identifier. Empty is damage: Mosquitto says so and goes on.
    pub id: &'a [u8],
    /// Empty: none, or a version to 5. Not to be relied upon: Mosquitto before 2.0.16 writes for a client that has none the one
    /// of the client before, every other time with the two bytes of its length swapped and chance behind a NUL.
    pub username: &'a [u8],
    /// The port of the listener it was last connected to; 0: none, or a version to 5.
    pub listener_port: u16,
    /// The last Packet Identifier that the server gave to a message for it.
    pub last_packet_id: u16,
    /// When it ends; there from version 5 on. Before, all Sessions in a file are without end.
    pub expiry: Option<SessionExpiry>,
    /// When its connection ended, or the file was written, in seconds since 1970; there in versions 3 and 4 only.
    pub disconnected_time_s: Option<i64>,
}

/// When a Session ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionExpiry {
    /// When, in seconds since 1970, counted from the end of its connection; 0: was still connected, or never.
    pub time_s: i64,
    /// Session Expiry Interval: 0: with its connection; 0xFFFFFFFF: never, which is what clients without MQTT 5 have.
    pub interval_s: u32,
}

/// A message on its way to or from one client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientMessage<'a> {
    /// Client Identifier.
    pub client_id: &'a [u8],
    /// Which message. That there is none in the file is right: it has expired.
    pub store_id: u64,
    /// Packet Identifier of the exchange with this client, which Mosquitto gives a message when it queues it; 0 at QoS 0.
    pub packet_id: u16,
    /// At which it is delivered.
    pub qos: QoS,
    /// RETAIN towards this client.
    pub retain: bool,
    /// It was sent before.
    pub dup: bool,
    /// Which way it goes.
    pub direction: Direction,
    /// How far it has come.
    pub state: State,
    /// Subscription Identifiers, and nothing else. None in versions to 4.
    pub properties: Properties<'a>,
}

/// A Subscription of a Session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Subscription<'a> {
    /// Client Identifier.
    pub client_id: &'a [u8],
    /// Topic Filter. Mosquitto reads `$share/GROUP/FILTER` here, but never writes it.
    pub filter: &'a [u8],
    /// The highest QoS wanted.
    pub qos: QoS,
    /// Bits 2 to 5 of the options in SUBSCRIBE: 0x04 No Local, 0x08 Retain As Published, 0x30 Retain Handling (written from
    /// Mosquitto 2.1 on). 0 in versions to 4.
    pub options: u8,
    /// Subscription Identifier; 0: none, or a version to 4.
    pub identifier: u32,
}

/// The topic of this message retains it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retained {
    /// Which message. That there is none in the file is right: it has expired.
    pub store_id: u64,
}

/// The text up to the first NUL, which is how Mosquitto reads all of them. In usernames there can be one: see
/// [`Client::username`].
pub fn until_nul(text: &[u8]) -> &[u8] {
    text.split(|byte| *byte == 0).next().unwrap_or_default()
}

/// The numbers of [`Content`] in files.
pub(crate) mod kind {
    pub(crate) const CONFIG: u32 = 1;
    pub(crate) const BASE_MESSAGE: u32 = 2;
    pub(crate) const CLIENT_MESSAGE: u32 = 3;
    pub(crate) const RETAINED: u32 = 4;
    pub(crate) const SUBSCRIPTION: u32 = 5;
    pub(crate) const CLIENT: u32 = 6;
}

impl ChunkHeader {
    /// Whether the kind is one that can be read.
    pub(crate) const fn is_known(&self) -> bool {
        matches!(self.kind, kind::CONFIG..=kind::CLIENT)
    }
}
