//! Why bytes are not a packet.
//!
//! An error names its kind, from which the Reason Code of the answer follows, and a sentence for the log. It holds
//! nothing of the input: what a Client sent is not copied into logs unseen.

use thiserror::Error;

use crate::reason_code::ReasonCode;

/// The bytes are no packet, or one that breaks the rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("{message}")]
pub struct DecodeError {
    kind: DecodeErrorKind,
    message: &'static str,
}

/// What sort of fault it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DecodeErrorKind {
    /// Malformed Packet: it cannot be parsed.
    Malformed,
    /// Protocol Error: it can be parsed, but says what must not be said.
    ProtocolError,
    /// CONNECT with a Protocol Name other than `MQTT` and `MQIsdp`; this may not be MQTT at all, so there is no
    /// CONNACK that its sender could be expected to understand.
    UnknownProtocolName,
    /// CONNECT with a known Protocol Name and a Protocol Level (given here, as received) that does not belong to it.
    /// A level above 5 deserves a CONNACK of version 5 with 0x84, any other one of version 3.1.1 with return code 1.
    UnknownProtocolLevel(u8),
    /// CONNECT with a Client Identifier that is well-formed and no name all the same.
    ClientIdentifier,
    /// The packet is larger than the receiver allows.
    PacketTooLarge,
}

impl DecodeError {
    /// A Malformed Packet.
    #[inline]
    pub const fn malformed(message: &'static str) -> DecodeError {
        DecodeError::new(DecodeErrorKind::Malformed, message)
    }

    /// A Protocol Error.
    #[inline]
    pub const fn protocol_error(message: &'static str) -> DecodeError {
        DecodeError::new(DecodeErrorKind::ProtocolError, message)
    }

    /// An error of any kind.
    #[inline]
    pub const fn new(kind: DecodeErrorKind, message: &'static str) -> DecodeError {
        DecodeError { kind, message }
    }

    /// What sort of fault it is.
    pub const fn kind(&self) -> DecodeErrorKind {
        self.kind
    }

    /// One clause for the log, without a full stop.
    pub const fn message(&self) -> &'static str {
        self.message
    }

    /// The Reason Code for a CONNACK or DISCONNECT of version 5 that answers this.
    pub const fn reason_code(&self) -> ReasonCode {
        match self.kind {
            DecodeErrorKind::Malformed => ReasonCode::MALFORMED_PACKET,
            DecodeErrorKind::ProtocolError => ReasonCode::PROTOCOL_ERROR,
            DecodeErrorKind::UnknownProtocolName | DecodeErrorKind::UnknownProtocolLevel(_) => {
                ReasonCode::UNSUPPORTED_PROTOCOL_VERSION
            }
            DecodeErrorKind::ClientIdentifier => ReasonCode::CLIENT_IDENTIFIER_NOT_VALID,
            DecodeErrorKind::PacketTooLarge => ReasonCode::PACKET_TOO_LARGE,
        }
    }
}
