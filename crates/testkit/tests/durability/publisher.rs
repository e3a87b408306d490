//! A publisher that keeps its Session's state as the specification wants it: what is not acknowledged it sends again, in order, a
//! PUBLISH with DUP, or the PUBREL once there was a PUBREC.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use midge_testkit::{Client, Kind, Packet, Received, Server};

use crate::account::Published;
use crate::campaign::World;
use crate::random::Random;

/// Who publishes, and how.
pub(crate) struct Publisher {
    pub(crate) name: &'static str,
    pub(crate) version: &'static str,
    pub(crate) qos: u8,
}

/// A message that is not acknowledged yet.
struct InFlight {
    id: u16,
    number: u64,
    /// There was a PUBREC: only the PUBREL is repeated.
    is_released: bool,
    padding_bytes: usize,
}

impl Publisher {
    fn topic(&self) -> String {
        format!("load/{}", self.name)
    }

    /// Has the Session made.
    pub(crate) fn enter(&self, server: &Server) {
        let mut client = server.connect();
        client.send(&format!("CONNECT {} id={}", self.version, self.name));
        client.expect("CONNACK");
    }

    /// Publishes until the campaign says so and all is acknowledged. `None` where the campaign has failed.
    pub(crate) fn publish(&self, world: &World, seed: u64) -> Option<Published> {
        let mut state = State { publisher: self, in_flight: VecDeque::new(), next: 0, random: Random::new(seed) };
        loop {
            let mut client = world.resume(self.name, self.version)?;
            if state.exchange(&mut client, world) {
                return Some(Published { topic: self.topic(), qos: self.qos, count: state.next });
            }
        }
    }
}

struct State<'a> {
    publisher: &'a Publisher,
    in_flight: VecDeque<InFlight>,
    /// The number of the next message.
    next: u64,
    random: Random,
}

impl State<'_> {
    /// One connection; true when everything was published and acknowledged.
    fn exchange(&mut self, client: &mut Client, world: &World) -> bool {
        let again: Vec<String> = self.in_flight.iter().map(|message| self.packet(message, true)).collect();
        if !again.is_empty() {
            client.send(&again.join(" & "));
        }
        let mut heard = Instant::now();
        loop {
            if world.publishes() {
                self.fill_window(client);
            } else if self.in_flight.is_empty() {
                return true;
            }
            match client.receive_within(SHORT) {
                // A server that stops says so to clients of version 5.
                Received::Packet(packet, _) if packet.kind == Kind::Disconnect => return false,
                Received::Packet(packet, _) => {
                    heard = Instant::now();
                    if let Err(fault) = self.take(client, &packet) {
                        world.fault(format!("{}: {fault}", self.publisher.name));
                    }
                }
                Received::Closed => return false,
                Received::Silence if heard.elapsed() > PATIENCE => {
                    world.fault(format!("{}: nothing is acknowledged any more", self.publisher.name));
                }
                Received::Silence => {}
                illegal @ Received::Illegal(..) => world.fault(format!("{}: {illegal}", self.publisher.name)),
            }
            if world.has_failed() {
                return false;
            }
        }
    }

    fn fill_window(&mut self, client: &mut Client) {
        let mut packets = Vec::new();
        while self.in_flight.len() < WINDOW {
            // Most are small, as readings are; a few need several reads.
            let padding_bytes = if self.random.below(50) == 0 { 20_000 } else { self.random.below(200) as usize };
            let id = (self.next % 60_000) as u16 + 1;
            let message = InFlight { id, number: self.next, is_released: false, padding_bytes };
            packets.push(self.packet(&message, false));
            self.in_flight.push_back(message);
            self.next += 1;
        }
        if !packets.is_empty() {
            client.send(&packets.join(" & "));
        }
    }

    fn packet(&self, message: &InFlight, is_again: bool) -> String {
        let InFlight { id, number, is_released, padding_bytes } = message;
        if *is_released {
            return format!("PUBREL id={id}");
        }
        let (topic, qos) = (self.publisher.topic(), self.publisher.qos);
        let dup = if is_again { " dup" } else { "" };
        format!("PUBLISH {topic} qos={qos} id={id}{dup} m={number}:{}", "x".repeat(*padding_bytes))
    }

    fn take(&mut self, client: &mut Client, packet: &Packet) -> Result<(), String> {
        let is_success = packet.codes().iter().all(|code| *code == 0);
        let index = self.in_flight.iter().position(|message| Some(u32::from(message.id)) == packet.number("id"));
        let (true, Some(index)) = (is_success, index) else { return Err(packet.to_string()) };
        match (packet.kind, self.publisher.qos, self.in_flight[index].is_released) {
            (Kind::Puback, 1, _) | (Kind::Pubcomp, 2, true) => {
                self.in_flight.remove(index);
            }
            (Kind::Pubrec, 2, _) => {
                self.in_flight[index].is_released = true;
                client.send(&format!("PUBREL id={}", self.in_flight[index].id));
            }
            _ => return Err(packet.to_string()),
        }
        Ok(())
    }
}

/// As many as are on their way at once; the server's Receive Maximum is 20.
const WINDOW: usize = 10;

const SHORT: Duration = Duration::from_millis(20);

const PATIENCE: Duration = Duration::from_secs(20);
