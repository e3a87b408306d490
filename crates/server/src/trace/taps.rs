//! The traces of a shard: which packets are meant, and what is kept of them.

use std::collections::HashMap;
use std::sync::Arc;

use midge_broker::ids::ConnectionId;
use midge_codec::{Connect, FixedHeader, Packet, PacketType, Publish, Version, fixed_header};
use midge_net::Address;

use super::packets::{Found, each_packet};
use super::{Direction, KEPT_BYTES_MAX, Tap, TraceOrder, Traced, What};
use crate::clock;

/// All that run on a shard, usually none.
#[derive(Default)]
pub(crate) struct Taps {
    taps: Vec<Tap>,
    /// Connections that have sent or were sent something since the latest trace began; `None`: nobody traces them.
    known: HashMap<u32, Option<Known>>,
}

/// What must be known of a connection to understand its packets, also when the broker has let go of it.
struct Known {
    client_id: Arc<str>,
    version: Version,
    /// What Topic Aliases stand for that came, and that went.
    received: Aliases,
    sent: Aliases,
}

type Aliases = HashMap<u16, Box<str>>;

impl Taps {
    /// Whether nobody traces anything.
    #[inline]
    pub(crate) fn is_idle(&self) -> bool {
        self.taps.is_empty()
    }

    /// Begins or ends a trace.
    pub(crate) fn obey(&mut self, order: TraceOrder) {
        match order {
            TraceOrder::Begin(tap) => self.taps.push(tap),
            TraceOrder::End(number) => self.taps.retain(|tap| tap.number != number),
        }
        // Who was not meant may be meant now.
        self.known = HashMap::new();
    }

    /// The clients that traces name, for whoever knows their connections.
    pub(crate) fn client_ids(&self) -> Vec<String> {
        self.taps.iter().filter_map(|tap| tap.subject.client_id.clone()).collect()
    }

    /// Whether somebody who comes from there may be meant whatever he is called.
    pub(crate) fn names_address(&self, address: &Address) -> bool {
        let subjects = self.taps.iter().map(|tap| &tap.subject);
        subjects.into_iter().any(|subject| subject.origin.is_some() && subject.means_client("", address))
    }

    /// Looks who this connection is, while the broker knows it.
    pub(crate) fn know(&mut self, id: ConnectionId, address: &Address, broker: &midge_broker::Shard) {
        if self.known.contains_key(&id.0) {
            return;
        }
        let (Some(client_id), Some(version)) = (broker.client_id(id), broker.version(id)) else { return };
        let own = |aliases: &mut dyn Iterator<Item = (u16, &str)>| {
            aliases.map(|(alias, topic)| (alias, topic.into())).collect::<Aliases>()
        };
        let known = self.means_client(client_id, address).then(|| Known {
            client_id: client_id.into(),
            version,
            received: own(&mut broker.aliases_received(id)),
            sent: own(&mut broker.aliases_sent(id)),
        });
        self.known.insert(id.0, known);
    }

    /// The first packets of a connection, of which one at least was looked at. `client_id` is the one that its Session has, if it
    /// was given one.
    pub(crate) fn first(&mut self, id: ConnectionId, address: &Address, client_id: Option<&str>, bytes: &[u8]) {
        let connect = first_connect(bytes);
        let version = connect.map_or(Version::V311, |connect| connect.version);
        let client_id = client_id.or(connect.map(|connect| connect.client_id)).unwrap_or_default();
        let known = self.means_client(client_id, address).then(|| Known {
            client_id: client_id.into(),
            version,
            received: Aliases::new(),
            sent: Aliases::new(),
        });
        self.known.insert(id.0, known);
        self.received(id, address, bytes);
    }

    /// Packets that came, and were taken.
    pub(crate) fn received(&mut self, id: ConnectionId, address: &Address, bytes: &[u8]) {
        self.look(id, address, Direction::FromClient, [bytes].into_iter());
    }

    /// Packets that leave.
    pub(crate) fn sent<'a>(&mut self, id: ConnectionId, address: &Address, pieces: impl Iterator<Item = &'a [u8]>) {
        self.look(id, address, Direction::ToClient, pieces);
    }

    /// The connection is gone; its number may be given to another one.
    pub(crate) fn forget(&mut self, id: ConnectionId) {
        if !self.is_idle() {
            self.known.remove(&id.0);
        }
    }

    fn means_client(&self, client_id: &str, address: &Address) -> bool {
        self.taps.iter().any(|tap| tap.subject.means_client(client_id, address))
    }

    fn look<'a>(
        &mut self,
        id: ConnectionId,
        address: &Address,
        direction: Direction,
        pieces: impl Iterator<Item = &'a [u8]>,
    ) {
        let Some(Some(known)) = self.known.get_mut(&id.0) else { return };
        let taps = &self.taps;
        let wall_ms = clock::wall_ms();
        let mut has_left = false;
        each_packet(pieces, |found| {
            // What follows a DISCONNECT was not looked at.
            if has_left {
                return;
            }
            has_left = is_disconnect(&found);
            for (tap, what) in known.wanted(taps, address, direction, &found) {
                let (client_id, version) = (Arc::clone(&known.client_id), known.version);
                tap.put(Traced { wall_ms, direction, client_id, address: address.clone(), version, what });
            }
        });
    }
}

impl Known {
    /// What each of the traces wants of a packet.
    fn wanted<'t>(
        &mut self,
        taps: &'t [Tap],
        address: &Address,
        direction: Direction,
        found: &Found<'_>,
    ) -> Vec<(&'t Tap, What)> {
        let taps = taps.iter().filter(|tap| tap.subject.means_client(&self.client_id, address));
        let &Found::Packet { header, body, payload } = found else {
            let Found::Nonsense(bytes) = found else { return Vec::new() };
            let taps = taps.filter(|tap| tap.subject.filter.is_none());
            return taps.map(|tap| (tap, What::Nonsense(*bytes))).collect();
        };
        let taps: Vec<&Tap> = taps.collect();
        let publish = publish_of(direction, self.version, header, body);
        let topic = publish.as_ref().and_then(|publish| self.topic(direction, publish));
        let head_bytes = body.len() - publish.as_ref().map_or(0, |publish| publish.payload.len());
        let wanted = taps
            .into_iter()
            .filter(|tap| tap.subject.means_packet(self.version, header, body, topic.as_deref()))
            .map(|tap| {
                if head_bytes > KEPT_BYTES_MAX {
                    return (tap, What::Large(header));
                }
                let (head, inline) = body.split_at(head_bytes);
                let payload = if payload.is_empty() { inline } else { payload };
                let body = [head, &payload[..payload.len().min(tap.subject.payload_bytes_max)]].concat();
                let aliased = publish.filter(|publish| publish.topic.is_empty()).and(topic.clone());
                (tap, What::Packet { header, body: body.into(), aliased })
            });
        wanted.collect()
    }

    /// The Topic Name of a PUBLISH, and what it says of its alias is remembered.
    fn topic(&mut self, direction: Direction, publish: &Publish<'_>) -> Option<Box<str>> {
        let aliases = match direction {
            Direction::FromClient => &mut self.received,
            Direction::ToClient => &mut self.sent,
        };
        match publish.properties.topic_alias {
            Some(alias) if publish.topic.is_empty() => aliases.get(&alias).cloned(),
            alias => {
                alias.and_then(|alias| aliases.insert(alias, publish.topic.into()));
                Some(publish.topic.into())
            }
        }
    }
}

fn publish_of(direction: Direction, version: Version, header: FixedHeader, body: &[u8]) -> Option<Publish<'_>> {
    if header.packet_type() != Some(PacketType::Publish) {
        return None;
    }
    match direction {
        Direction::FromClient => Publish::decode(version, header, body).ok(),
        Direction::ToClient => Publish::decode_from_server(version, header, body).ok(),
    }
}

fn is_disconnect(found: &Found<'_>) -> bool {
    matches!(found, Found::Packet { header, .. } if header.packet_type() == Some(PacketType::Disconnect))
}

fn first_connect(bytes: &[u8]) -> Option<Connect<'_>> {
    let header = fixed_header(bytes).ok()??;
    let body = bytes.get(usize::from(header.length)..header.packet_len())?;
    match Packet::decode(Version::V311, header, body) {
        Ok(Packet::Connect(connect)) => Some(connect),
        _ => None,
    }
}
