//! A subscriber that keeps its Session's state: at QoS 2 it remembers which Packet Identifiers are not released, and gives a message to the
//! application when its identifier comes for the first time.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use midge_testkit::{Client, Kind, Packet, Received, Server};

use crate::account::{Delivered, Published};
use crate::campaign::World;
use crate::random::Random;

/// When a subscriber is connected. In the end all are.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Presence {
    Always,
    Sometimes,
    Never,
}

/// Who subscribes, and how.
pub(crate) struct Subscriber {
    pub(crate) name: &'static str,
    pub(crate) version: &'static str,
    pub(crate) qos: u8,
    pub(crate) presence: Presence,
}

impl Subscriber {
    /// Has the Session made, and its Subscription.
    pub(crate) fn enter(&self, server: &Server) {
        let mut client = server.connect();
        client.send(&format!("CONNECT {} id={}", self.version, self.name));
        client.expect("CONNACK");
        client.send(&format!("SUBSCRIBE id=1 load/# qos={}", self.qos));
        client.expect(&format!("SUBACK id=1 {:#04x}", self.qos));
    }

    /// Takes what comes until all there is has come, and then a little longer.
    pub(crate) fn receive(&self, world: &World, seed: u64) -> Delivered {
        let mut state = State::default();
        let mut random = Random::new(seed ^ self.name.len() as u64);
        while !world.has_failed() {
            let is_end = world.published().is_some();
            let stays = match self.presence {
                _ if is_end => None,
                Presence::Always => None,
                Presence::Sometimes => Some(random.milliseconds(5, 60)),
                Presence::Never => {
                    std::thread::sleep(SHORT);
                    continue;
                }
            };
            let Some(mut client) = world.resume(self.name, self.version) else { break };
            if state.take_all(&mut client, world, stays) {
                break;
            }
            if stays.is_some() {
                drop(client);
                std::thread::sleep(random.milliseconds(5, 60));
            }
        }
        Delivered { subscriber: self.name.to_owned(), qos: self.qos, messages: state.messages }
    }

    /// Looks whether the Session has anything left. A PUBREL is allowed: that the exchange was complete only the client knew
    /// when the connection ended.
    pub(crate) fn expect_nothing(&self, world: &World) {
        let Some(mut client) = world.resume(self.name, self.version) else { return };
        loop {
            match client.receive_within(SHORT * 5) {
                Received::Silence => return,
                Received::Packet(packet, _) if packet.kind == Kind::Pubrel => {}
                other => {
                    world.fault(format!("{}: there should be nothing left, and there is {other}", self.name));
                    return;
                }
            }
        }
    }
}

#[derive(Default)]
struct State {
    messages: Vec<(String, u64)>,
    /// How many there are of each topic, not counting repetitions.
    distinct: BTreeMap<String, BTreeSet<u64>>,
    unreleased: BTreeSet<u32>,
}

impl State {
    /// One connection; true when there is nothing more to wait for.
    fn take_all(&mut self, client: &mut Client, world: &World, stays: Option<Duration>) -> bool {
        let begun = Instant::now();
        let mut heard = begun;
        loop {
            if world.has_failed() || stays.is_some_and(|stays| begun.elapsed() > stays) {
                return false;
            }
            let has_all = world.published().is_some_and(|published| self.has(&published));
            match client.receive_within(if has_all { QUIET } else { SHORT }) {
                // A server that stops says so to clients of version 5.
                Received::Packet(packet, _) if packet.kind == Kind::Disconnect => return false,
                Received::Packet(packet, _) => {
                    heard = Instant::now();
                    if let Err(fault) = self.take(client, &packet) {
                        world.fault(fault);
                    }
                }
                Received::Closed => return false,
                Received::Silence if has_all => return true,
                Received::Silence if world.published().is_some() && heard.elapsed() > world.patience => return true,
                Received::Silence => {}
                illegal @ Received::Illegal(..) => world.fault(illegal.to_string()),
            }
        }
    }

    fn has(&self, published: &[Published]) -> bool {
        let count = |topic: &str| self.distinct.get(topic).map_or(0, |numbers| numbers.len() as u64);
        published.iter().all(|publisher| count(&publisher.topic) >= publisher.count)
    }

    fn take(&mut self, client: &mut Client, packet: &Packet) -> Result<(), String> {
        let id = packet.number("id").ok_or_else(|| packet.to_string())?;
        match (packet.kind, packet.number("qos")) {
            (Kind::Publish, Some(1)) => {
                self.deliver(packet)?;
                client.send(&format!("PUBACK id={id}"));
            }
            (Kind::Publish, Some(2)) => {
                if self.unreleased.insert(id) {
                    self.deliver(packet)?;
                }
                client.send(&format!("PUBREC id={id}"));
            }
            (Kind::Pubrel, _) => {
                self.unreleased.remove(&id);
                client.send(&format!("PUBCOMP id={id}"));
            }
            _ => return Err(packet.to_string()),
        }
        Ok(())
    }

    fn deliver(&mut self, packet: &Packet) -> Result<(), String> {
        let (topic, payload) = (packet.text("topic"), packet.text("m"));
        let number = payload.as_deref().and_then(|payload| payload.split(':').next()?.parse().ok());
        let (Some(topic), Some(number)) = (topic, number) else { return Err(packet.to_string()) };
        self.distinct.entry(topic.clone()).or_default().insert(number);
        self.messages.push((topic, number));
        Ok(())
    }
}

const SHORT: Duration = Duration::from_millis(20);

/// So long nothing may come once all has come.
const QUIET: Duration = Duration::from_millis(300);
