//! Small names for things that live elsewhere: connections, shards, Sessions, and who receives what.

use midge_codec::QoS;

/// A shard: one thread's share of the server. Counted from 0.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ShardId(pub u16);

/// A Network Connection on this shard, numbered by whoever owns the sockets. The number may be used again once the
/// broker was told of the connection's end or has asked for it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ConnectionId(pub u32);

/// A listener, as an index into [`crate::Options::listeners`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ListenerId(pub u16);

impl ListenerId {
    /// Where the server's own services come in, which is no listener of the network ([`crate::service`]).
    pub const SERVICES: ListenerId = ListenerId(u16::MAX);
}

/// One Subscription as the router sees it, in 8 bytes: a slot on the shard whose list it stands in, the generation of
/// what lives there (so that mail for a Session that has ended is noticed), and the options that matter at delivery.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Receiver {
    /// Index of the Session, or of the share group when [`ReceiverOptions::is_group`].
    pub slot: u32,
    tagged: u32,
}

impl Receiver {
    /// `generation` counts modulo 2^24.
    pub const fn new(slot: u32, generation: u32, options: ReceiverOptions) -> Self {
        Receiver { slot, tagged: generation << 8 | options.0 as u32 }
    }

    /// The generation given to [`Receiver::new`], modulo 2^24.
    pub const fn generation(self) -> u32 {
        self.tagged >> 8
    }

    /// The Subscription's options.
    pub const fn options(self) -> ReceiverOptions {
        ReceiverOptions(self.tagged as u8)
    }

    /// As two words, for mail.
    pub const fn to_words(self) -> [u32; 2] {
        [self.slot, self.tagged]
    }

    /// The opposite of [`Receiver::to_words`].
    pub const fn from_words(words: [u32; 2]) -> Self {
        Receiver { slot: words[0], tagged: words[1] }
    }
}

/// Options of a Subscription that matter when a message is delivered, in one byte.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct ReceiverOptions(u8);

impl ReceiverOptions {
    const NO_LOCAL: u8 = 1 << 2;
    const RETAIN_AS_PUBLISHED: u8 = 1 << 3;
    const HAS_IDENTIFIER: u8 = 1 << 4;
    const GROUP: u8 = 1 << 5;
    const DURABLE: u8 = 1 << 6;
    const SERVICE: u8 = 1 << 7;

    /// Granted QoS (0 to 2), everything else off.
    pub const fn with_qos(qos: u8) -> Self {
        ReceiverOptions(qos & 3)
    }

    /// The same with No Local as given.
    pub const fn no_local(self, on: bool) -> Self {
        self.with(Self::NO_LOCAL, on)
    }

    /// The same with Retain As Published as given.
    pub const fn retain_as_published(self, on: bool) -> Self {
        self.with(Self::RETAIN_AS_PUBLISHED, on)
    }

    /// The same, noting whether the Session keeps a Subscription Identifier for this Subscription.
    pub const fn identifier(self, on: bool) -> Self {
        self.with(Self::HAS_IDENTIFIER, on)
    }

    /// The same, noting whether what is routed to it is to be in the log: its Session outlives its connection.
    pub const fn durable(self, on: bool) -> Self {
        self.with(Self::DURABLE, on)
    }

    /// The same, noting whether it is a service's: it is given everything at its QoS, with the time of receipt.
    pub const fn service(self, on: bool) -> Self {
        self.with(Self::SERVICE, on)
    }

    /// As a byte, for the log.
    pub const fn to_byte(self) -> u8 {
        self.0
    }

    /// The opposite of [`ReceiverOptions::to_byte`].
    pub const fn from_byte(byte: u8) -> Self {
        ReceiverOptions(byte)
    }

    /// Options of a share group instead of a Session.
    pub const fn group() -> Self {
        ReceiverOptions(2 | Self::GROUP)
    }

    /// Granted QoS, 0 to 2.
    pub const fn qos(self) -> u8 {
        self.0 & 3
    }

    /// `[MQTT-3.8.3-3]`
    pub const fn is_no_local(self) -> bool {
        self.0 & Self::NO_LOCAL != 0
    }

    /// `[MQTT-3.3.1-13]`
    pub const fn is_retain_as_published(self) -> bool {
        self.0 & Self::RETAIN_AS_PUBLISHED != 0
    }

    /// Whether the Session keeps a Subscription Identifier for it.
    pub const fn has_identifier(self) -> bool {
        self.0 & Self::HAS_IDENTIFIER != 0
    }

    /// Whether what is routed to it is to be in the log.
    pub const fn is_durable(self) -> bool {
        self.0 & Self::DURABLE != 0
    }

    /// Whether a message that was published with `qos` is to be in the log for its sake.
    pub(crate) fn is_kept(self, qos: QoS) -> bool {
        self.is_durable() && (qos > QoS::AtMostOnce || self.is_service())
    }

    /// Whether it is a service's.
    pub const fn is_service(self) -> bool {
        self.0 & Self::SERVICE != 0
    }

    /// Whether the receiver is a share group.
    pub const fn is_group(self) -> bool {
        self.0 & Self::GROUP != 0
    }

    const fn with(self, bit: u8, on: bool) -> Self {
        ReceiverOptions(if on { self.0 | bit } else { self.0 & !bit })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_receiver_is_eight_bytes_and_keeps_what_it_was_given() {
        assert_eq!(size_of::<Receiver>(), 8);
        let options = ReceiverOptions::with_qos(2).no_local(true).identifier(true);
        let receiver = Receiver::new(7, 0xab_cdef, options);
        assert_eq!((receiver.slot, receiver.generation()), (7, 0xab_cdef));
        assert_eq!(receiver.options(), options);
        assert!(!receiver.options().is_retain_as_published());
        assert_eq!(Receiver::from_words(receiver.to_words()), receiver);
    }
}
