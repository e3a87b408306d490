//! Faults put into the server, or into a library, on purpose, each of which the checkers must find: a checker that finds none of them proves
//! nothing.
//!
//! They are where the world's own turn repeats the steps of the real one, in what it hands on for the log's thread, and in its
//! disk, so that broker, log and keeper have no switches for them.

use std::ops::Range;

use midge_broker::service::RECEIVED;
use midge_codec::fixed_header;

/// One fault.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mutation {
    /// PUBACK leaves before what it acknowledges is durable.
    EarlyPubAck,
    /// The same of PUBREC.
    EarlyPubRec,
    /// The same of PUBREL.
    EarlyPubRel,
    /// The same of PUBCOMP.
    EarlyPubComp,
    /// A QoS 2 PUBLISH leaves before its Packet Identifier is in the log.
    EarlyPublish,
    /// The same of CONNACK.
    EarlyConnAck,
    /// The same of SUBACK and UNSUBACK.
    EarlySubAck,
    /// What is sent again does not say so.
    NoDup,
    /// A client that comes back is not sent the PUBREL that are due.
    ForgottenPubRel,
    /// Mail is posted before the turn's records are handed over.
    MailFirst,
    /// The parcels of an inbox are read in any order.
    ShuffledInbox,
    /// A snapshot is put in force as though it covered everything up to its end.
    EarlyRetirement,
    /// Recovery reads a part of the log once more behind the rest, as though it were new.
    ReplayedTwice,
    /// A shard goes to sleep without looking into its inbox once more.
    Oversleeping,
    /// What a full disk does not take counts as written.
    FullDiskTakenForWritten,
    /// A message that is refused for want of room is acknowledged all the same.
    RefusalAcknowledged,
    /// A library sends again without saying so.
    ForgottenDup,
    /// A library writes before its store has the records.
    EarlyOutput,
    /// The store of a library misses messages that were accepted.
    ForgottenAccepted,
    /// It misses that PUBREC came, and PUBREL is due.
    ForgottenRelease,
    /// It misses QoS 2 messages that were received.
    ForgottenReceived,
    /// It misses that messages have ended, which are sent once more.
    DoubledReplay,
    /// A service that is sent a message again is told another time of its receipt.
    OtherReceipt,
    /// Services are told times of receipt in milliseconds, which messages share.
    EqualReceipts,
    /// A service is not sent some messages.
    ForgottenPoint,
    /// A service hands on what is not durable.
    EarlyPoint,
}

impl Mutation {
    /// All of them.
    pub const ALL: [Mutation; 26] = [
        Mutation::EarlyPubAck,
        Mutation::EarlyPubRec,
        Mutation::EarlyPubRel,
        Mutation::EarlyPubComp,
        Mutation::EarlyPublish,
        Mutation::EarlyConnAck,
        Mutation::EarlySubAck,
        Mutation::NoDup,
        Mutation::ForgottenPubRel,
        Mutation::MailFirst,
        Mutation::ShuffledInbox,
        Mutation::EarlyRetirement,
        Mutation::ReplayedTwice,
        Mutation::Oversleeping,
        Mutation::FullDiskTakenForWritten,
        Mutation::RefusalAcknowledged,
        Mutation::ForgottenDup,
        Mutation::EarlyOutput,
        Mutation::ForgottenAccepted,
        Mutation::ForgottenRelease,
        Mutation::ForgottenReceived,
        Mutation::DoubledReplay,
        Mutation::OtherReceipt,
        Mutation::EqualReceipts,
        Mutation::ForgottenPoint,
        Mutation::EarlyPoint,
    ];

    /// Whether it is a fault of the library's, which only worlds with libraries can show.
    pub fn is_of_library(self) -> bool {
        matches!(
            self,
            Mutation::ForgottenDup
                | Mutation::EarlyOutput
                | Mutation::ForgottenAccepted
                | Mutation::ForgottenRelease
                | Mutation::ForgottenReceived
                | Mutation::DoubledReplay
        )
    }

    /// Whether it is a fault in what services are told, which only worlds with services can show.
    pub fn is_of_service(self) -> bool {
        matches!(
            self,
            Mutation::OtherReceipt | Mutation::EqualReceipts | Mutation::ForgottenPoint | Mutation::EarlyPoint
        )
    }

    /// Whether a packet with this first byte leaves too early.
    fn is_early(self, first: u8) -> bool {
        match self {
            Mutation::EarlyPubAck => first >> 4 == 4,
            Mutation::EarlyPubRec => first >> 4 == 5,
            Mutation::EarlyPubRel => first >> 4 == 6,
            Mutation::EarlyPubComp => first >> 4 == 7,
            Mutation::EarlyPublish => first >> 4 == 3 && first & QOS == QOS_2,
            Mutation::EarlyConnAck => first >> 4 == 2,
            Mutation::EarlySubAck => matches!(first >> 4, 9 | 11),
            _ => false,
        }
    }

    /// Parts packets into those that leave too early and those that wait. Where a CONNACK waits, nothing else is so bold: every
    /// client would see that.
    pub(crate) fn part(self, bytes: &[u8], waits_for_connack: bool) -> (Vec<u8>, Vec<u8>) {
        let (mut early, mut waiting) = (Vec::new(), Vec::new());
        let may_be_early = !waits_for_connack || self == Mutation::EarlyConnAck;
        for packet in packets(bytes) {
            if may_be_early && self.is_early(packet[0]) { early.extend(packet) } else { waiting.extend(packet) }
        }
        (early, waiting)
    }

    /// What a turn has for a connection, without what is forgotten.
    pub(crate) fn forget(self, bytes: &mut Vec<u8>) {
        let is_first = bytes.first().is_some_and(|first| first >> 4 == 2);
        let is_forgotten = |packet: &[u8]| match self {
            Mutation::ForgottenPubRel => is_first && packet[0] >> 4 == 6,
            Mutation::ForgottenPoint => receipt(packet).is_some() && packet.ends_with(b"7"),
            _ => false,
        };
        if packets(bytes).any(is_forgotten) {
            *bytes = packets(bytes).filter(|packet| !is_forgotten(packet)).flatten().copied().collect();
        }
        if self.is_of_service() {
            self.change_receipts(bytes);
        }
    }

    fn change_receipts(self, bytes: &mut [u8]) {
        let starts: Vec<usize> = starts(bytes);
        for (at, &start) in starts.iter().enumerate() {
            let end = starts.get(at + 1).copied().unwrap_or(bytes.len());
            let packet = &mut bytes[start..end];
            let Some(digits) = receipt(packet) else { continue };
            if self == Mutation::OtherReceipt && packet[0] & DUP != 0 {
                packet[digits.end - 1] ^= 1;
            } else if self == Mutation::EqualReceipts {
                packet[digits.end - NANOSECOND_DIGITS..digits.end].fill(b'0');
            }
        }
    }

    /// What leaves, changed.
    pub(crate) fn change(self, bytes: &mut [u8]) {
        if !matches!(self, Mutation::NoDup | Mutation::RefusalAcknowledged) {
            return;
        }
        for start in starts(bytes) {
            let is_refusal = || matches!(bytes[start] >> 4, 4 | 5) && bytes.get(start + 4) == Some(&QUOTA_EXCEEDED);
            if self == Mutation::NoDup && bytes[start] >> 4 == 3 {
                bytes[start] &= !DUP;
            } else if self == Mutation::RefusalAcknowledged && is_refusal() {
                bytes[start + 4] = 0;
            }
        }
    }
}

/// The packets in bytes that hold nothing but whole ones.
fn packets(mut bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let header = fixed_header(bytes).ok()??;
        let (packet, rest) = bytes.split_at_checked(header.packet_len())?;
        bytes = rest;
        Some(packet)
    })
}

/// Where each packet begins.
fn starts(bytes: &[u8]) -> Vec<usize> {
    packets(bytes).map(|packet| packet.as_ptr() as usize - bytes.as_ptr() as usize).collect()
}

/// Where the digits of a time of receipt stand in a PUBLISH for a service.
fn receipt(packet: &[u8]) -> Option<Range<usize>> {
    let is_publish = packet.first().is_some_and(|first| first >> 4 == 3);
    let name = RECEIVED.as_bytes();
    let at = packet.windows(name.len()).position(|window| window == name).filter(|_| is_publish)?;
    // Behind the name stands the length of what follows.
    let from = at + name.len() + 2;
    Some(from..from + usize::from(*packet.get(from - 1)?))
}

/// Of a time of receipt, what milliseconds do not tell.
const NANOSECOND_DIGITS: usize = 6;

const QUOTA_EXCEEDED: u8 = 0x97;
const DUP: u8 = 0b1000;
const QOS: u8 = 0b0110;
const QOS_2: u8 = 0b0100;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_are_parted_and_changed() {
        let bytes = [0x40, 2, 0, 1, 0x50, 2, 0, 2, 0x3a, 4, 0, 1, b't', 9];
        assert_eq!(Mutation::EarlyPubRec.part(&bytes, false).0, [0x50, 2, 0, 2]);
        assert!(Mutation::EarlyPubRec.part(&bytes, true).0.is_empty());
        let mut changed = bytes;
        Mutation::NoDup.change(&mut changed);
        assert_eq!((changed[8], &changed[..8]), (0x32, &bytes[..8]));
        let mut first = vec![0x20, 2, 0, 0, 0x62, 2, 0, 1, 0x40, 2, 0, 1];
        Mutation::ForgottenPubRel.forget(&mut first);
        assert_eq!(first, [0x20, 2, 0, 0, 0x40, 2, 0, 1]);
    }
}
