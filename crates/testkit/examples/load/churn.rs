//! Clients that come, subscribe, send themselves one message and go, again and again.

use crate::clients::{Clients, Fault, Handler};
use crate::measure::{Load, measure};
use crate::packets::{self, PUBLISH, Packet, Publish, STAMP_BYTES, SUBACK, Stamp};
use crate::target::Target;
use crate::{Point, Settings};

pub(crate) fn run(target: &Target, settings: &Settings) -> Result<Vec<Point>, Fault> {
    let places = settings.publishers.unwrap_or(50);
    let mut clients = Clients::new(target.address, settings.version)?;
    let mut churn =
        Churn { free: Vec::new(), visitors: vec![0; places], has_received: vec![false; places], begun: 0, done: 0 };
    for place in 0..places {
        let greeting = churn.greeting(place, &clients);
        clients.open(greeting)?;
    }
    let sample = measure(target, &mut clients, &mut churn, settings)?;
    let label = format!("{places} at a time: connect, subscribe, publish, receive, disconnect");
    Ok(vec![Point { label, count: None, figures: sample.figures("µs CPU per visit", "visits per second") }])
}

struct Churn {
    /// Places whose visit is over.
    free: Vec<usize>,
    /// Who is in each place.
    visitors: Vec<u64>,
    has_received: Vec<bool>,
    begun: u64,
    done: u64,
}

impl Churn {
    /// Each visitor is a new client with a topic of its own.
    fn greeting(&mut self, place: usize, clients: &Clients) -> Vec<u8> {
        let mut greeting = Vec::new();
        packets::connect(&mut greeting, &format!("visitor-{}", self.begun), clients.version, false);
        packets::subscribe(&mut greeting, 1, &[topic(self.begun)], 0, clients.version);
        self.visitors[place] = self.begun;
        self.begun += 1;
        greeting
    }
}

impl Load for Churn {
    fn send(&mut self, clients: &mut Clients) -> Result<(), Fault> {
        while let Some(place) = self.free.pop() {
            let greeting = self.greeting(place, clients);
            clients.open_again(place, greeting)?;
        }
        Ok(())
    }

    fn due(&self) -> u64 {
        self.begun
    }

    fn done(&self) -> u64 {
        self.done
    }
}

impl Handler for Churn {
    fn packet(&mut self, clients: &mut Clients, client: usize, packet: Packet<'_>) -> Result<(), Fault> {
        let version = clients.version;
        match packet.kind() {
            SUBACK if packet.is_granted() => {
                let message = Publish {
                    topic: &topic(self.visitors[client]),
                    qos: 0,
                    retain: false,
                    id: 0,
                    stamp: Stamp { stream: client as u32, sequence: 1 },
                    payload_bytes: STAMP_BYTES,
                };
                packets::publish(clients.out(client), &message, version);
            }
            PUBLISH => {
                self.has_received[client] = true;
                packets::disconnect(clients.out(client));
            }
            _ => {}
        }
        Ok(())
    }

    /// The server closes after DISCONNECT; that it does so first spares the generator's ports.
    fn ended(&mut self, _clients: &mut Clients, client: usize) -> Result<(), Fault> {
        if !std::mem::take(&mut self.has_received[client]) {
            return Err(format!("visitor {} was sent away", self.visitors[client]));
        }
        self.done += 1;
        self.free.push(client);
        Ok(())
    }
}

fn topic(visitor: u64) -> String {
    format!("visit/{visitor}")
}
