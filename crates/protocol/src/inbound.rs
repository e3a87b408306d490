//! Receiving: QoS 2 exactly once, and the Receive Maximum that we announced.
//!
//! ```text
//!            PUBLISH (new)              PUBREL
//!   (idle) ───────────────▶ received ───────────▶ (idle)
//!                            │    ▲
//!                            └────┘ PUBLISH again: PUBREC again, nothing delivered
//! ```

use midge_codec::PacketId;

/// QoS 2 messages that were accepted and not yet released by PUBREL. Belongs to the Session; the count against Receive
/// Maximum belongs to the Network Connection and starts afresh with [`Inbound::handle_connection`].
#[derive(Default, Debug)]
pub struct Inbound {
    received: IdentifierSet,
    open: u16,
}

/// What a QoS 2 PUBLISH is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Arrival {
    /// To be delivered onward, then answered by PUBREC.
    New,
    /// Seen before: only answered `[MQTT-4.3.3-10]`.
    Repeated,
    /// The sender has more open than our Receive Maximum allows `[MQTT-3.3.4-7]`.
    OverReceiveMaximum,
}

impl Inbound {
    /// A new Network Connection carries the Session: quotas start afresh.
    pub fn handle_connection(&mut self) {
        self.open = 0;
    }

    /// A QoS 2 PUBLISH came. `receive_maximum` is `None` where the protocol version knows none (3.1, 3.1.1).
    pub fn handle_publish(&mut self, id: PacketId, receive_maximum: Option<u16>) -> Arrival {
        if receive_maximum.is_some_and(|maximum| self.open >= maximum) {
            return Arrival::OverReceiveMaximum;
        }
        self.open = self.open.saturating_add(1);
        if self.received.insert(id.get()) { Arrival::New } else { Arrival::Repeated }
    }

    /// Whether a QoS 2 PUBLISH with this identifier would be one that was seen before.
    pub fn is_open(&self, id: PacketId) -> bool {
        self.received.contains(id.get())
    }

    /// The message was refused (PUBREC of 0x80 or more): its identifier is free again `[MQTT-4.3.3-9]`.
    pub fn refuse(&mut self, id: PacketId) {
        self.handle_release(id);
    }

    /// Takes over what is open in `other`, a part of the same Session. It takes no place of this connection.
    pub fn adopt(&mut self, other: &Inbound) {
        for id in other.packet_ids() {
            self.received.insert(id);
        }
    }

    /// PUBREL came. Whether its identifier was known; PUBCOMP answers either way.
    pub fn handle_release(&mut self, id: PacketId) -> bool {
        self.open = self.open.saturating_sub(1);
        self.received.remove(id.get())
    }

    /// Messages accepted before the process was started and not yet released.
    pub fn restore(ids: impl IntoIterator<Item = PacketId>) -> Inbound {
        let mut inbound = Inbound::default();
        for id in ids {
            inbound.received.insert(id.get());
        }
        inbound
    }

    /// How many places of our Receive Maximum are taken on this connection.
    pub fn open(&self) -> u16 {
        self.open
    }

    /// Packet Identifiers of the messages accepted and not yet released.
    pub fn packet_ids(&self) -> Vec<u16> {
        match &self.received {
            IdentifierSet::Few(list) => list.clone(),
            IdentifierSet::Many { bits, .. } => {
                let is_set = |id: &u16| bits[usize::from(id >> 6)] & 1 << (id & 63) != 0;
                (1..=u16::MAX).filter(is_set).collect()
            }
        }
    }

    /// Messages accepted and not yet released.
    pub fn len(&self) -> usize {
        self.received.len()
    }

    /// Whether none is under way.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A set of Packet Identifiers: a short list while small, which it nearly always is; one bit for each identifier beyond
/// that, because a 3.1.1 client may have 65,535 under way.
#[derive(Debug)]
enum IdentifierSet {
    Few(Vec<u16>),
    Many { bits: Box<[u64; 1024]>, len: usize },
}

/// A list longer than this is searched more slowly than a bit is found.
const FEW_MAX: usize = 64;

impl Default for IdentifierSet {
    fn default() -> Self {
        IdentifierSet::Few(Vec::new())
    }
}

impl IdentifierSet {
    fn insert(&mut self, id: u16) -> bool {
        if let IdentifierSet::Few(list) = self {
            if list.contains(&id) {
                return false;
            }
            if list.len() < FEW_MAX {
                list.push(id);
                return true;
            }
            let mut bits = Box::new([0; 1024]);
            for &known in list.iter() {
                bits[usize::from(known >> 6)] |= 1 << (known & 63);
            }
            *self = IdentifierSet::Many { bits, len: FEW_MAX };
        }
        let IdentifierSet::Many { bits, len } = self else { return false };
        let (word, bit) = (&mut bits[usize::from(id >> 6)], 1 << (id & 63));
        let new = *word & bit == 0;
        *word |= bit;
        *len += usize::from(new);
        new
    }

    fn contains(&self, id: u16) -> bool {
        match self {
            IdentifierSet::Few(list) => list.contains(&id),
            IdentifierSet::Many { bits, .. } => bits[usize::from(id >> 6)] & 1 << (id & 63) != 0,
        }
    }

    fn remove(&mut self, id: u16) -> bool {
        match self {
            IdentifierSet::Few(list) => {
                let Some(at) = list.iter().position(|&known| known == id) else { return false };
                list.swap_remove(at);
                true
            }
            IdentifierSet::Many { bits, len } => {
                let (word, bit) = (&mut bits[usize::from(id >> 6)], 1 << (id & 63));
                let known = *word & bit != 0;
                *word &= !bit;
                *len -= usize::from(known);
                if *len == 0 {
                    *self = IdentifierSet::default();
                }
                known
            }
        }
    }

    fn len(&self) -> usize {
        match self {
            IdentifierSet::Few(list) => list.len(),
            IdentifierSet::Many { len, .. } => *len,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(value: u16) -> PacketId {
        PacketId::new(value).unwrap()
    }

    #[test]
    fn a_repeated_publish_is_delivered_once_until_its_release() {
        let mut inbound = Inbound::default();
        assert!(!inbound.is_open(id(5)));
        assert_eq!(inbound.handle_publish(id(5), None), Arrival::New);
        assert!(inbound.is_open(id(5)));
        assert_eq!(inbound.handle_publish(id(5), None), Arrival::Repeated);
        assert!(inbound.handle_release(id(5)));
        assert!(!inbound.handle_release(id(5)), "an unknown PUBREL is noticed");
        assert_eq!(inbound.handle_publish(id(5), None), Arrival::New, "the identifier means a new message now");
    }

    #[test]
    fn an_old_client_may_have_every_identifier_under_way() {
        let mut inbound = Inbound::default();
        for value in 1..=u16::MAX {
            assert_eq!(inbound.handle_publish(id(value), None), Arrival::New);
        }
        assert_eq!(inbound.len(), 65_535);
        for value in 1..=u16::MAX {
            assert_eq!(inbound.handle_publish(id(value), None), Arrival::Repeated);
            assert!(inbound.handle_release(id(value)));
        }
        assert!(inbound.is_empty());
    }

    #[test]
    fn what_is_restored_or_adopted_is_known_and_takes_no_place() {
        let mut inbound = Inbound::restore([id(1)]);
        inbound.adopt(&Inbound::restore([id(2)]));
        assert_eq!((inbound.packet_ids(), inbound.open()), (vec![1, 2], 0));
        assert_eq!(inbound.handle_publish(id(2), Some(1)), Arrival::Repeated);
        assert_eq!(inbound.open(), 1);
    }

    #[test]
    fn receive_maximum_counts_what_is_open_on_this_connection() {
        let mut inbound = Inbound::default();
        assert_eq!(inbound.handle_publish(id(1), Some(2)), Arrival::New);
        assert_eq!(inbound.handle_publish(id(2), Some(2)), Arrival::New);
        assert_eq!(inbound.handle_publish(id(3), Some(2)), Arrival::OverReceiveMaximum);
        inbound.handle_release(id(1));
        assert_eq!(inbound.handle_publish(id(3), Some(2)), Arrival::New);
        inbound.handle_connection();
        assert_eq!(inbound.handle_publish(id(2), Some(2)), Arrival::Repeated, "the Session remembers it");
    }
}
