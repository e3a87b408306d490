//! What stands in the log of a durable outbox: a kind, and numbers little endian. A batch holds any number of records, one behind the
//! other.

use midge_codec::{PacketId, Properties, QoS};

use crate::message::Message;
use crate::steps::Step;

/// One change of what a store keeps ([`Ledger`](crate::Ledger)).
#[derive(Clone, Copy, Debug)]
pub enum Record<'a> {
    /// What stands before does not count; numbers go on behind this one.
    Begin(u64),
    /// A message was accepted.
    Accepted {
        /// Its number.
        number: u64,
        /// When, in milliseconds since 1970.
        at_ms: u64,
        /// What it says.
        message: Message<'a>,
    },
    /// The Session has changed.
    Step(Step),
}

impl<'a> Record<'a> {
    /// Appends it.
    pub fn encode(&self, out: &mut Vec<u8>) {
        match *self {
            Record::Begin(number) => put(out, BEGIN, number),
            Record::Accepted { number, at_ms, message } => {
                put(out, ACCEPTED, number);
                out.extend_from_slice(&at_ms.to_le_bytes());
                out.extend_from_slice(&[message.qos as u8, u8::from(message.retain)]);
                for part in [message.topic.as_bytes(), message.properties.raw(), message.payload] {
                    out.extend_from_slice(&(part.len() as u32).to_le_bytes());
                    out.extend_from_slice(part);
                }
            }
            Record::Step(Step::Sent { number, packet_id }) => {
                put(out, SENT, number);
                out.extend_from_slice(&packet_id.get().to_le_bytes());
            }
            Record::Step(Step::Ended { number }) => put(out, ENDED, number),
            Record::Step(Step::Released { packet_id }) => put(out, RELEASED, packet_id.get().into()),
            Record::Step(Step::Completed { packet_id }) => put(out, COMPLETED, packet_id.get().into()),
            Record::Step(Step::Received { packet_id }) => put(out, RECEIVED, packet_id.get().into()),
            Record::Step(Step::Forgotten { packet_id }) => put(out, FORGOTTEN, packet_id.get().into()),
            Record::Step(Step::SessionBegan) => put(out, SESSION_BEGAN, 0),
        }
    }

    /// Takes one from the front of `bytes`; `None` where that is none.
    pub(crate) fn decode(bytes: &mut &'a [u8]) -> Option<Record<'a>> {
        let (&kind, rest) = bytes.split_first()?;
        *bytes = rest;
        let number = u64::from_le_bytes(take(bytes)?);
        let packet_id = || PacketId::new(u16::try_from(number).ok()?);
        let step = match kind {
            BEGIN => return Some(Record::Begin(number)),
            ACCEPTED => return accepted(number, bytes),
            SENT => Step::Sent { number, packet_id: PacketId::new(u16::from_le_bytes(take(bytes)?))? },
            ENDED => Step::Ended { number },
            RELEASED => Step::Released { packet_id: packet_id()? },
            COMPLETED => Step::Completed { packet_id: packet_id()? },
            RECEIVED => Step::Received { packet_id: packet_id()? },
            FORGOTTEN => Step::Forgotten { packet_id: packet_id()? },
            SESSION_BEGAN => Step::SessionBegan,
            _ => return None,
        };
        Some(Record::Step(step))
    }
}

fn put(out: &mut Vec<u8>, kind: u8, number: u64) {
    out.push(kind);
    out.extend_from_slice(&number.to_le_bytes());
}

fn accepted<'a>(number: u64, bytes: &mut &'a [u8]) -> Option<Record<'a>> {
    let at_ms = u64::from_le_bytes(take(bytes)?);
    let [qos, retain] = take(bytes)?;
    let mut part = || {
        let length = u32::from_le_bytes(take(bytes)?) as usize;
        bytes.split_off(..length)
    };
    let (topic, properties, payload) = (part()?, part()?, part()?);
    let message = Message {
        topic: str::from_utf8(topic).ok()?,
        payload,
        qos: QoS::from_u8(qos)?,
        retain: retain != 0,
        properties: Properties::of_publish(properties).ok()?,
    };
    Some(Record::Accepted { number, at_ms, message })
}

fn take<const LENGTH: usize>(bytes: &mut &[u8]) -> Option<[u8; LENGTH]> {
    let (taken, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(*taken)
}

const BEGIN: u8 = 1;
const ACCEPTED: u8 = 2;
const SENT: u8 = 3;
const ENDED: u8 = 4;
const RELEASED: u8 = 5;
const COMPLETED: u8 = 6;
const RECEIVED: u8 = 7;
const FORGOTTEN: u8 = 8;
const SESSION_BEGAN: u8 = 9;
