//! Retained Messages: what keeping one costs, and what sending one to a new Subscription costs.

use crate::clients::{Clients, Fault, Handler};
use crate::measure::{Load, complete, drain};
use crate::packets::{self, PUBACK, PUBLISH, Packet, Publish, Stamp};
use crate::target::Target;
use crate::{Figure, Point, Settings};

pub(crate) fn run(target: &Target, settings: &Settings) -> Result<Vec<Point>, Fault> {
    let count = settings.counts.as_ref().and_then(|counts| counts.first().copied()).unwrap_or(100_000);
    let mut clients = Clients::new(target.address, settings.version)?;
    clients.enter(1, &|_| Vec::new(), 0)?;
    let (memory_bytes, cpu_us) = (target.memory_bytes(), target.cpu_us());
    store(&mut clients, count, settings)?;
    let stored = (target.memory_bytes() - memory_bytes, target.cpu_us() - cpu_us);
    let cpu_us = target.cpu_us();
    replay(&mut clients, count, settings)?;
    let replayed_us = target.cpu_us() - cpu_us;
    let each = |what, value: f64| Figure { what, value: value / count as f64 };
    let figures = vec![
        each("bytes per Retained Message", stored.0),
        each("µs CPU per message kept", stored.1),
        each("µs CPU per message replayed", replayed_us),
    ];
    Ok(vec![Point { label: format!("{count} messages of {} B", settings.payload_bytes), count: Some(count), figures }])
}

/// Has the server keep that many messages, which client 0 publishes.
pub(crate) fn store(clients: &mut Clients, count: usize, settings: &Settings) -> Result<(), Fault> {
    let mut storing = Storing { payload_bytes: settings.payload_bytes, count: count as u64, sent: 0, done: 0 };
    complete(clients, &mut storing, count as u64, settings)
}

/// A new client comes and gets them all.
pub(crate) fn replay(clients: &mut Clients, count: usize, settings: &Settings) -> Result<(), Fault> {
    let mut replay = Replay { has_come: vec![false; count], done: 0 };
    let mut greeting = Vec::new();
    packets::connect(&mut greeting, "load-late", clients.version, false);
    packets::subscribe(&mut greeting, 1, &["kept/#".to_owned()], 0, clients.version);
    clients.open(greeting)?;
    drain(clients, &mut replay, settings)
}

/// Publishes with QoS 1, so that what is acknowledged is kept.
struct Storing {
    payload_bytes: usize,
    count: u64,
    sent: u64,
    done: u64,
}

impl Storing {
    fn send_up_to(&mut self, clients: &mut Clients, end: u64) {
        let version = clients.version;
        while self.sent < end {
            let message = Publish {
                topic: &format!("kept/{}/{}", self.sent / 500, self.sent % 500),
                qos: 1,
                retain: true,
                id: (self.sent % 65_535) as u16 + 1,
                stamp: Stamp { stream: 0, sequence: self.sent as u32 },
                payload_bytes: self.payload_bytes,
            };
            packets::publish(clients.out(0), &message, version);
            self.sent += 1;
        }
    }
}

impl Load for Storing {
    fn send(&mut self, clients: &mut Clients) -> Result<(), Fault> {
        self.send_up_to(clients, (self.done + WINDOW).min(self.count));
        Ok(())
    }

    fn due(&self) -> u64 {
        self.sent
    }

    fn done(&self) -> u64 {
        self.done
    }
}

impl Handler for Storing {
    fn packet(&mut self, _clients: &mut Clients, _client: usize, packet: Packet<'_>) -> Result<(), Fault> {
        if packet.kind() == PUBACK && packet.is_granted() {
            self.done += 1;
        }
        Ok(())
    }
}

/// Checks that each message comes once and is marked as retained.
struct Replay {
    has_come: Vec<bool>,
    done: u64,
}

impl Load for Replay {
    fn send(&mut self, _clients: &mut Clients) -> Result<(), Fault> {
        Ok(())
    }

    fn due(&self) -> u64 {
        self.has_come.len() as u64
    }

    fn done(&self) -> u64 {
        self.done
    }
}

impl Handler for Replay {
    fn packet(&mut self, _clients: &mut Clients, _client: usize, packet: Packet<'_>) -> Result<(), Fault> {
        if packet.kind() == PUBLISH {
            let message = packet.received().filter(|message| message.retain).ok_or("a message that was not kept")?;
            let has_come = &mut self.has_come[message.stamp.sequence as usize];
            if std::mem::replace(has_come, true) {
                return Err(format!("Retained Message {} came twice", message.stamp.sequence));
            }
            self.done += 1;
        }
        Ok(())
    }
}

const WINDOW: u64 = 1000;
