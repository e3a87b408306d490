//! A driver under test, and what it has told.

use std::time::Instant;

use midge_client_core::{Accepted, Cause, Client, Event, Message, Options, Reconnect};
use midge_client_mio::{ConnectionId, Driver, Notice};
use midge_client_transport::Endpoint;
use midge_codec::{PropertiesBuf, QoS, ReasonCode, SubscribeFiltersBuf, SubscriptionOptions, TopicFilter, Version};
use midge_testkit::{PATIENCE, Server};

/// A driver, and what it has told.
pub(crate) struct World {
    pub(crate) driver: Driver,
    pub(crate) told: Vec<Told>,
}

/// What a driver tells, as far as these tests look at it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Told {
    Connected(ConnectionId),
    Message(ConnectionId, Vec<u8>),
    Ended(ConnectionId, u64, bool),
    Failed(String),
    Disconnected(ConnectionId, Option<ReasonCode>),
    Ready,
}

impl World {
    pub(crate) fn new() -> World {
        World { driver: Driver::new().expect("a driver"), told: Vec::new() }
    }

    pub(crate) fn connect(&mut self, server: &Server, options: Options) -> ConnectionId {
        self.connect_to(Endpoint::tcp("127.0.0.1", server.port()), options)
    }

    pub(crate) fn connect_to(&mut self, endpoint: Endpoint, options: Options) -> ConnectionId {
        let id = self.driver.add(Client::new(options), endpoint);
        self.until(|told| told.contains(&Told::Connected(id)));
        id
    }

    pub(crate) fn turn(&mut self) {
        let World { driver, told } = self;
        let soon_ms = driver.now_ms() + 100;
        driver.turn(Some(soon_ms), &mut |notice| told.extend(tell(&notice))).expect("a turn");
    }

    pub(crate) fn until(&mut self, is_done: impl Fn(&[Told]) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !is_done(&self.told) {
            assert!(Instant::now() < deadline, "not told: {:?}", self.told.last());
            self.turn();
        }
    }

    pub(crate) fn until_over(&mut self, id: ConnectionId) {
        let deadline = Instant::now() + PATIENCE;
        while !self.driver.is_over(id) {
            assert!(Instant::now() < deadline, "not over: {:?}", self.told);
            self.turn();
        }
    }

    pub(crate) fn subscribe(&mut self, id: ConnectionId, filter: &str) {
        let mut filters = SubscribeFiltersBuf::new();
        let options = SubscriptionOptions { qos: QoS::ExactlyOnce, ..SubscriptionOptions::default() };
        filters.push(TopicFilter::parse(filter).expect("a filter"), options);
        let number = self.driver.client_mut(id).subscribe(filters, PropertiesBuf::new()).expect("a request");
        self.until(|told| told.contains(&Told::Ended(id, number, true)));
    }

    /// Publishes to `t`, and waits for the end of it.
    pub(crate) fn publish(&mut self, id: ConnectionId, payload: &[u8], qos: QoS) {
        if let Accepted::Held(number) = self.driver.publish(id, &Message::new("t", payload, qos)).expect("room") {
            self.until(|told| told.contains(&Told::Ended(id, number, true)));
        }
    }

    pub(crate) fn leave(&mut self, id: ConnectionId) {
        let World { driver, told } = self;
        let properties = PropertiesBuf::new();
        driver.client_mut(id).disconnect(ReasonCode::NORMAL_DISCONNECTION, &properties, &mut |event| {
            told.extend(tell(&Notice::Event(id, event)));
        });
        self.until_over(id);
    }

    pub(crate) fn payloads(&self) -> Vec<&[u8]> {
        let messages = self.told.iter().filter_map(|told| match told {
            Told::Message(_, payload) => Some(payload.as_slice()),
            _ => None,
        });
        messages.collect()
    }
}

pub(crate) fn tell(notice: &Notice<'_>) -> Option<Told> {
    Some(match notice {
        Notice::Event(id, Event::Connected(_)) => Told::Connected(*id),
        Notice::Event(id, Event::Message(publish, _)) => Told::Message(*id, publish.payload.to_vec()),
        Notice::Event(id, Event::Acknowledged { number, reason_code, .. }) => {
            Told::Ended(*id, *number, !reason_code.is_error())
        }
        Notice::Event(id, Event::Answered { number, codes, .. }) => {
            Told::Ended(*id, *number, codes.iter().all(|&code| code < 0x80))
        }
        Notice::Event(id, Event::Sent { number }) => Told::Ended(*id, *number, true),
        Notice::Event(id, Event::Disconnected(cause)) => Told::Disconnected(*id, reason_code(cause)),
        Notice::Failed(_, failure) => Told::Failed(failure.to_string()),
        Notice::Ready(_) => Told::Ready,
        Notice::Event(..) => return None,
    })
}

fn reason_code(cause: &Cause<'_>) -> Option<ReasonCode> {
    match cause {
        Cause::Dismissed(disconnect) => Some(disconnect.reason_code),
        _ => None,
    }
}

/// Options of a client that comes back quickly, as tests have no time.
pub(crate) fn options(version: Version, client_id: &str) -> Options {
    let reconnect = Some(Reconnect { least_ms: 20, most_ms: 50 });
    Options { reconnect, clean_start: false, session_expiry_interval_s: 1_000, ..Options::new(version, client_id) }
}

/// Options of one that does not.
pub(crate) fn once() -> Options {
    Options { reconnect: None, ..Options::new(Version::V5, "once") }
}
