//! How far the delivery of a message to or from one client has come.

/// Which way a message goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Direction {
    /// From the client to the server: a QoS 2 message that the client has not released.
    In = 0,
    /// From the server to the client.
    Out = 1,
}

/// The step that a message has reached with one client. When that client comes back, Mosquitto sends anew what was sent, from
/// the PUBLISH on; the only step that it goes on from is [`WaitForPubComp`](State::WaitForPubComp), with PUBREL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum State {
    /// No state; no version of Mosquitto writes it on purpose.
    Invalid = 0,
    /// Out, QoS 0: to be sent.
    PublishQoS0 = 1,
    /// Out, QoS 1: PUBLISH to be sent.
    PublishQoS1 = 2,
    /// Out, QoS 1: sent, PUBACK has not come.
    WaitForPubAck = 3,
    /// Out, QoS 2: PUBLISH to be sent.
    PublishQoS2 = 4,
    /// Out, QoS 2: sent, PUBREC has not come.
    WaitForPubRec = 5,
    /// Out, QoS 2: PUBREC has come, PUBREL to be sent. Not for a file: Mosquitto makes a PUBLISH of it.
    ResendPubRel = 6,
    /// In, QoS 2: PUBREC was sent, PUBREL has not come.
    WaitForPubRel = 7,
    /// In, QoS 2: PUBCOMP to be sent again.
    ResendPubComp = 8,
    /// Out, QoS 2: PUBREL was sent, PUBCOMP has not come.
    WaitForPubComp = 9,
    /// In, QoS 2: PUBREC to be sent.
    SendPubRec = 10,
    /// Waits behind the inflight window, or for the client to come; its Packet Identifier stands already.
    Queued = 11,
}

impl Direction {
    pub(crate) const fn from_u8(value: u8) -> Option<Direction> {
        match value {
            0 => Some(Direction::In),
            1 => Some(Direction::Out),
            _ => None,
        }
    }
}

impl State {
    pub(crate) fn from_u8(value: u8) -> Option<State> {
        STATES.get(usize::from(value)).copied()
    }
}

/// Each at the index that is its number.
const STATES: [State; 12] = [
    State::Invalid,
    State::PublishQoS0,
    State::PublishQoS1,
    State::WaitForPubAck,
    State::PublishQoS2,
    State::WaitForPubRec,
    State::ResendPubRel,
    State::WaitForPubRel,
    State::ResendPubComp,
    State::WaitForPubComp,
    State::SendPubRec,
    State::Queued,
];

#[cfg(test)]
mod tests {
    use super::State;

    #[test]
    fn states_have_their_numbers() {
        for number in 0..12 {
            assert_eq!(State::from_u8(number).map(|state| state as u8), Some(number));
        }
        assert_eq!(State::from_u8(12), None);
    }
}
