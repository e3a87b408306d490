//! Of whom, and of what, packets are traced.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use midge_codec::{FixedHeader, Packet, PacketType, Version, topic_matches};
use midge_net::Address;

/// What is traced: what all of these say that are there.
#[derive(Clone, Default, Debug, PartialEq, Eq)]
pub(crate) struct Subject {
    /// The client with this identifier.
    pub(crate) client_id: Option<String>,
    /// Who comes from there.
    pub(crate) origin: Option<Origin>,
    /// Packets with such a topic: PUBLISH, CONNECT with a Will, SUBSCRIBE and UNSUBSCRIBE.
    pub(crate) filter: Option<String>,
    /// So much of each payload is kept.
    pub(crate) payload_bytes_max: usize,
}

/// Where clients come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    Host(IpAddr),
    Socket(SocketAddr),
    /// By the Unix socket of this path.
    Path(PathBuf),
}

impl Origin {
    /// `10.0.0.7`, `10.0.0.7:1883`, `::1`, `[::1]:1883`, or the path of a Unix socket. What stands in the log, `::1:1883`, is an
    /// address, too.
    pub(crate) fn parse(text: &str) -> Option<Origin> {
        if text.starts_with('/') {
            return Some(Origin::Path(text.into()));
        }
        text.parse().map(Origin::Host).or_else(|_| text.parse().map(Origin::Socket)).ok()
    }

    fn is_of(&self, address: &Address) -> bool {
        match (self, address) {
            (Origin::Path(path), Address::Unix(socket)) => **socket == *path,
            (Origin::Host(ip), address) => address.ip() == Some(ip.to_canonical()),
            (Origin::Socket(socket), address) => {
                address.ip() == Some(socket.ip().to_canonical()) && address.port() == socket.port()
            }
            (Origin::Path(_), _) => false,
        }
    }
}

impl Subject {
    /// Whether packets of this client may be meant.
    pub(super) fn means_client(&self, client_id: &str, address: &Address) -> bool {
        self.client_id.as_ref().is_none_or(|wanted| wanted == client_id)
            && self.origin.as_ref().is_none_or(|origin| origin.is_of(address))
    }

    /// Whether this packet of such a client is. `topic` is that of a PUBLISH.
    pub(super) fn means_packet(&self, version: Version, header: FixedHeader, body: &[u8], topic: Option<&str>) -> bool {
        let Some(wanted) = &self.filter else { return true };
        if let Some(topic) = topic {
            return topic_matches(wanted, topic);
        }
        let has_topic =
            matches!(header.packet_type(), Some(PacketType::Connect | PacketType::Subscribe | PacketType::Unsubscribe));
        if !has_topic {
            return false;
        }
        let means = |filter: &str| filter == wanted || topic_matches(wanted, filter);
        match Packet::decode(version, header, body) {
            Ok(Packet::Connect(connect)) => connect.will.is_some_and(|will| topic_matches(wanted, will.topic)),
            Ok(Packet::Subscribe(subscribe)) => subscribe.filters.iter().any(|(filter, _)| means(filter.filter())),
            Ok(Packet::Unsubscribe(unsubscribe)) => unsubscribe.filters.iter().any(|filter| means(filter.filter())),
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_an_address_with_or_without_a_port_or_a_path() {
        let check = |text: &str, address: &str, expected: bool| {
            let origin = Origin::parse(text).expect("an origin");
            let address = match address.strip_prefix("unix:") {
                Some(path) => Address::Unix(std::sync::Arc::new(path.into())),
                None => Address::of(address.parse().expect("an address")),
            };
            assert_eq!(origin.is_of(&address), expected, "{text} {address}");
        };
        check("10.0.0.7", "10.0.0.7:1", true);
        check("10.0.0.7", "10.0.0.8:1", false);
        check("::ffff:10.0.0.7", "10.0.0.7:1", true);
        check("10.0.0.7:1", "10.0.0.7:1", true);
        check("10.0.0.7:1", "10.0.0.7:2", false);
        check("::1", "[::1]:1", true);
        check("[::1]:1", "[::1]:1", true);
        check("/run/m", "unix:/run/m", true);
        check("/run/m", "10.0.0.7:1", false);
        check("10.0.0.7", "unix:/run/m", false);
        assert_eq!(Origin::parse("nowhere"), None);
    }

    #[test]
    fn packets_are_meant_by_their_topics() {
        let subject = |filter: &str| Subject { filter: Some(filter.to_owned()), ..Subject::default() };
        let check = |filter: &str, bytes: &[u8], topic: Option<&str>, expected: bool| {
            let header = midge_codec::fixed_header(bytes).expect("a header").expect("whole");
            let is_meant = subject(filter).means_packet(Version::V311, header, &bytes[2..], topic);
            assert_eq!(is_meant, expected, "{filter} {topic:?}");
        };
        check("a/+", b"\x30\x05\x00\x03a/bx", Some("a/b"), true);
        check("a/+", b"\x30\x05\x00\x03b/bx", Some("b/b"), false);
        let subscribe = b"\x82\x0c\x00\x01\x00\x01x\x00\x00\x03a/#\x00";
        check("a/#", subscribe, None, true);
        check("b", subscribe, None, false);
        check("#", b"\xc0\x00", None, false);
        assert!(Subject::default().means_packet(
            Version::V5,
            midge_codec::fixed_header(b"\xc0\x00").unwrap().unwrap(),
            b"",
            None
        ));
    }
}
