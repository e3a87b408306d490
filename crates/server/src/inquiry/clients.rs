//! Clients, with their Sessions and sockets: in pages, for those who look through them, or all one after the other.

use std::fmt;
use std::ops::ControlFlow;
use std::str::FromStr;

use midge_broker::ids::ShardId;
use midge_broker::{ListedSession, ListedSubscription};
use midge_codec::Version;
use midge_net::Address;

use crate::json::Object;
use crate::peers::Peers;

/// A client: its Session, and its socket while it is connected.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    pub(crate) shard: ShardId,
    pub(crate) session: ListedSession,
    pub(crate) socket: Option<ClientSocket>,
}

/// What a shard knows of a client's socket.
#[derive(Clone, Debug)]
pub(crate) struct ClientSocket {
    pub(crate) address: Address,
    /// By us, or by the proxy in front.
    pub(crate) is_encrypted: bool,
    /// Version and cipher, where we do it.
    pub(crate) encryption: Option<(&'static str, &'static str)>,
    /// MQTT comes in frames.
    pub(crate) is_websocket: bool,
    /// PUBLISH packets that were put out.
    pub(crate) messages_sent: u64,
    /// Bytes of packets that were put out.
    pub(crate) bytes_sent: u64,
    /// Packets that the socket has not taken.
    pub(crate) waiting_packets: u64,
    /// Their bytes.
    pub(crate) waiting_bytes: u64,
}

/// Some of the clients of a shard.
pub(crate) struct ClientPortion {
    /// In no order.
    pub(crate) clients: Vec<Client>,
    /// Where the next portion begins; `None` at the end. A portion may be empty and not the last.
    pub(crate) next: Option<u32>,
}

/// Where a page of clients begins. As text, `SHARD:PLACE`, it goes through others' hands: any is harmless.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct ClientCursor {
    shard: ShardId,
    from: u32,
}

impl ClientCursor {
    /// Before all clients.
    pub(crate) const START: ClientCursor = ClientCursor { shard: ShardId(0), from: 0 };
}

impl fmt::Display for ClientCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.shard.0, self.from)
    }
}

impl FromStr for ClientCursor {
    type Err = ();

    fn from_str(text: &str) -> Result<ClientCursor, ()> {
        let (shard, from) = text.split_once(':').ok_or(())?;
        let (shard, from) = (shard.parse().map_err(drop)?, from.parse().map_err(drop)?);
        Ok(ClientCursor { shard: ShardId(shard), from })
    }
}

impl Peers {
    /// The client of this identifier, wherever its Session is, and some of its Subscriptions.
    pub(crate) fn find_client(
        &self,
        client_id: &str,
        subscriptions_max: usize,
    ) -> Option<(Client, Vec<ListedSubscription>)> {
        self.shards().find_map(|shard| {
            let client_id = client_id.to_owned();
            self.inquire(shard, move |shard| shard.list_client(&client_id, subscriptions_max))?
        })
    }

    /// How many messages wait for the client of this identifier, those under way to it among them.
    pub(crate) fn waiting_for(&self, client_id: &str) -> u64 {
        self.find_client(client_id, 0).map_or(0, |(client, _)| client.session.queued + client.session.inflight)
    }

    /// The clients from a cursor on: one portion, and where the next one begins. `None`: there is no such shard, or it has ended.
    pub(crate) fn page_of_clients(&self, at: ClientCursor) -> Option<(Vec<Client>, Option<ClientCursor>)> {
        let shards = self.shards().len() as u16;
        if at.shard.0 >= shards {
            return None;
        }
        let portion = self.inquire(at.shard, move |shard| shard.list_clients(at.from))?;
        let next_shard = ShardId(at.shard.0 + 1);
        let next = match portion.next {
            Some(from) => Some(ClientCursor { from, ..at }),
            None => (next_shard.0 < shards).then_some(ClientCursor { shard: next_shard, from: 0 }),
        };
        Some((portion.clients, next))
    }

    /// Hands on all clients, portion by portion, until `visit` has seen enough.
    pub(crate) fn each_client(&self, mut visit: impl FnMut(Client) -> ControlFlow<()>) {
        let mut at = Some(ClientCursor::START);
        while let Some((clients, next)) = at.and_then(|at| self.page_of_clients(at)) {
            if clients.into_iter().try_for_each(&mut visit).is_break() {
                return;
            }
            at = next;
        }
    }
}

impl Client {
    /// Whether it has a Network Connection.
    pub(crate) fn is_connected(&self) -> bool {
        self.session.connection.is_some()
    }

    /// As an object of JSON, of which each member says what it is in its name. Times are seconds before `now_ms` (monotonic).
    pub(crate) fn json(&self, now_ms: u64) -> Object {
        let session = &self.session;
        let mut object = Object::new();
        object.text("client_id", &session.client_id);
        if let Some(username) = &session.username {
            object.text("username", username);
        }
        object.flag("connected", self.is_connected());
        let ago_s = |then_ms: u64| now_ms.saturating_sub(then_ms) / 1000;
        if let Some(socket) = &self.socket {
            object.text("address", &socket.address.to_string()).flag("encrypted", socket.is_encrypted);
        }
        if let Some(connection) = &session.connection {
            object
                .text("protocol", protocol(connection.version))
                .flag("bridge", connection.is_bridge)
                .number("keep_alive_s", connection.keep_alive_s)
                .number("connected_s", ago_s(connection.since_ms))
                .number("silent_s", ago_s(connection.last_packet_ms))
                .flag("congested", connection.is_congested)
                .number("messages_received", connection.messages_received)
                .number("bytes_received", connection.bytes_received);
        }
        if let Some(socket) = &self.socket {
            object
                .number("messages_sent", socket.messages_sent)
                .number("bytes_sent", socket.bytes_sent)
                .number("waiting_packets", socket.waiting_packets)
                .number("waiting_bytes", socket.waiting_bytes);
        }
        object
            .number("subscriptions", session.subscriptions)
            .number("inflight", session.inflight)
            .number("queued", session.queued)
            .number("queued_bytes", session.queued_bytes)
            .number("discarded", session.discarded)
            .maybe("session_expiry_s", Some(session.expiry_interval_s).filter(|interval| *interval != u32::MAX))
            .maybe("ends_in_s", session.ends_at_ms.map(|ends_ms| ends_ms.saturating_sub(now_ms) / 1000));
        object
    }
}

/// A version as people call it.
pub(crate) fn protocol(version: Version) -> &'static str {
    match version {
        Version::V31 => "MQTT 3.1",
        Version::V311 => "MQTT 3.1.1",
        Version::V5 => "MQTT 5",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_comes_back_from_its_text_and_nonsense_is_none() {
        let cursor = ClientCursor { shard: ShardId(3), from: 512 };
        assert_eq!(cursor.to_string().parse(), Ok(cursor));
        for text in ["", "3", "3:", ":1", "a:1", "1:-1", "1:4294967296", "70000:1", "1:1:1"] {
            assert_eq!(text.parse::<ClientCursor>(), Err(()), "{text}");
        }
    }
}
