//! One publisher whose messages go to topics picked at random from all there are, so that no cache can hold what each needs.
//!
//! Two curves are drawn with it: what a delivery costs as there are more subscriptions, and as there are more clients.

use crate::clients::{Clients, Fault, Handler};
use crate::measure::{Load, RATE_REACHED, drain, measure};
use crate::packets::{self, PUBLISH, Packet, Publish, SUBACK, Stamp};
use crate::target::Target;
use crate::{Figure, Point, Settings};

/// Subscriptions 10, 100, … on a hundred clients; in the end also what they cost in memory.
///
/// Of ten, which belong to one device, eight are exact, one has a `+` and one a `#`; each at another client. A message fits an
/// exact one, the one with `#`, and one time in eight the one with `+`.
pub(crate) fn subscriptions(target: &Target, settings: &Settings) -> Result<Vec<Point>, Fault> {
    let counts = settings.counts.clone().unwrap_or_else(|| vec![10, 100, 1_000, 10_000, 100_000, 1_000_000]);
    let mut clients = Clients::new(target.address, settings.version)?;
    clients.enter(HOLDERS, &|_| Vec::new(), 0)?;
    let publisher = clients.len();
    clients.enter(1, &|_| Vec::new(), 0)?;
    let mut points = Vec::new();
    let mut scattered = Scattered::new(publisher, HOLDERS);
    let window = settings.window.unwrap_or(4_000) as u64;
    let mut before = 0;
    let memory_start = target.memory_bytes();
    for count in counts {
        let devices = (count / 10).max(1);
        let start_us = target.cpu_us();
        subscribe(&mut clients, before..devices, settings)?;
        let subscribing_us = target.cpu_us() - start_us;
        let memory_bytes = target.memory_bytes() - memory_start;
        scattered.pick = Box::new(move |random, topic| {
            let (device, measure) = (random as usize % devices, (random >> 40) as usize % 8);
            *topic = format!("site/{}/{device}/{measure}", device % SITES);
            2 + u64::from(measure == device % 8)
        });
        scattered.pace = Pace::Window(window);
        let sample = measure(target, &mut clients, &mut scattered, settings)?;
        let mut figures = sample.figures("µs CPU per delivery", "deliveries per second");
        if count >= COUNT_FOR_AVERAGES {
            figures.push(Figure { what: "bytes per subscription", value: memory_bytes / count as f64 });
            let added = (devices - before) * 10;
            figures.push(Figure { what: "µs CPU per subscription", value: subscribing_us / added as f64 });
        }
        points.push(Point { label: format!("{} subscriptions", devices * 10), count: Some(devices * 10), figures });
        before = devices;
    }
    Ok(points)
}

/// Clients 10, 100, … with one subscription each: what one costs when it is idle, and what a delivery costs as the same rate is
/// spread over more of them.
pub(crate) fn connections(target: &Target, settings: &Settings) -> Result<Vec<Point>, Fault> {
    let counts = settings.counts.clone().unwrap_or_else(|| vec![10, 100, 1_000, 10_000]);
    let fitting = settings.open_files_max.saturating_sub(FILES_FOR_OTHERS);
    let mut clients = Clients::new(target.address, settings.version)?;
    clients.enter(1, &|_| Vec::new(), 0)?;
    let mut points = Vec::new();
    let mut scattered = Scattered::new(0, counts.iter().max().copied().unwrap_or(0) + 1);
    let memory_start = target.memory_bytes();
    for count in counts {
        if count > fitting {
            eprintln!("connections: {count} are left out: only {} files may be open", settings.open_files_max);
            continue;
        }
        let added = count - (clients.len() - 1).min(count);
        let start_us = target.cpu_us();
        clients.enter(added, &|client| vec![format!("client/{client}/command")], 0)?;
        let entering_us = target.cpu_us() - start_us;
        let memory_bytes = target.memory_bytes() - memory_start;
        scattered.pick = Box::new(move |random, topic| {
            *topic = format!("client/{}/command", 1 + random as usize % count);
            1
        });
        scattered.pace = Pace::rate(settings.rate);
        let sample = measure(target, &mut clients, &mut scattered, settings)?;
        let mut figures = sample.figures("µs CPU per delivery", RATE_REACHED);
        if count >= COUNT_FOR_AVERAGES {
            figures.push(Figure { what: "bytes per idle connection", value: memory_bytes / count as f64 });
            figures.push(Figure { what: "µs CPU per connection", value: entering_us / added as f64 });
        }
        points.push(Point { label: format!("{count} clients"), count: Some(count), figures });
    }
    Ok(points)
}

/// Subscribes for these devices.
fn subscribe(clients: &mut Clients, devices: std::ops::Range<usize>, settings: &Settings) -> Result<(), Fault> {
    let mut filters: Vec<Vec<String>> = vec![Vec::new(); HOLDERS];
    let mut subscribed = Subscribed { due: devices.len() as u64 * 10, done: 0 };
    for device in devices {
        let site = device % SITES;
        let exact = (0..8).map(|measure| format!("site/{site}/{device}/{measure}"));
        let plus = format!("site/+/{device}/{}", device % 8);
        let hash = format!("site/{site}/{device}/#");
        for (place, filter) in exact.chain([plus, hash]).enumerate() {
            filters[(device * 10 + place) % HOLDERS].push(filter);
        }
    }
    let version = clients.version;
    for (holder, filters) in filters.iter().enumerate() {
        for (number, filters) in filters.chunks(FILTERS_TOGETHER).enumerate() {
            packets::subscribe(clients.out(holder), number as u16 + 1, filters, 0, version);
        }
    }
    drain(clients, &mut subscribed, settings)
}

/// Counts what was granted.
struct Subscribed {
    due: u64,
    done: u64,
}

impl Load for Subscribed {
    fn send(&mut self, _clients: &mut Clients) -> Result<(), Fault> {
        Ok(())
    }

    fn due(&self) -> u64 {
        self.due
    }

    fn done(&self) -> u64 {
        self.done
    }
}

impl Handler for Subscribed {
    fn packet(&mut self, _clients: &mut Clients, client: usize, packet: Packet<'_>) -> Result<(), Fault> {
        if packet.kind() != SUBACK || !packet.is_granted() {
            return Err(format!("client {client}: a subscription was refused"));
        }
        self.done += packet.codes().len() as u64;
        Ok(())
    }
}

/// How fast is sent.
enum Pace {
    /// At most so many deliveries under way.
    Window(u64),
    /// So many messages each second, whatever becomes of them.
    Rate { per_second: f64, start: std::time::Instant, sent: u64 },
}

impl Pace {
    fn rate(per_second: usize) -> Self {
        Pace::Rate { per_second: per_second as f64, start: std::time::Instant::now(), sent: 0 }
    }
}

/// Writes a topic for a random number and says how many must receive what is sent to it.
type Pick = Box<dyn Fn(u64, &mut String) -> u64>;

struct Scattered {
    publisher: usize,
    pick: Pick,
    pace: Pace,
    topic: String,
    random: u64,
    sequence: u32,
    /// For each client the last sequence number: it gets a part of the stream, each message once and in order.
    last: Vec<u32>,
    due: u64,
    done: u64,
}

impl Scattered {
    fn new(publisher: usize, clients: usize) -> Self {
        Scattered {
            publisher,
            pick: Box::new(|_, _| 0),
            pace: Pace::Window(0),
            topic: String::new(),
            random: 0x9e37_79b9_7f4a_7c15,
            sequence: 0,
            last: vec![0; clients],
            due: 0,
            done: 0,
        }
    }

    /// How many messages may go now.
    fn free(&mut self) -> u64 {
        match &mut self.pace {
            Pace::Window(window) => {
                let under_way = self.due - self.done;
                // Half a window at once; the next one goes while the server works at this.
                if under_way * 2 <= *window { (*window - under_way) / RECEIVERS_ABOUT } else { 0 }
            }
            Pace::Rate { per_second, start, sent } => {
                // A millisecond's messages together.
                let milliseconds = (start.elapsed().as_millis() + 1) as f64;
                let free = (milliseconds * *per_second / 1000.0) as u64 - *sent;
                *sent += free;
                free
            }
        }
    }
}

impl Load for Scattered {
    fn send(&mut self, clients: &mut Clients) -> Result<(), Fault> {
        let version = clients.version;
        for _ in 0..self.free() {
            // Marsaglia's xorshift.
            self.random ^= self.random << 13;
            self.random ^= self.random >> 7;
            self.random ^= self.random << 17;
            self.due += (self.pick)(self.random, &mut self.topic);
            self.sequence += 1;
            let message = Publish {
                topic: &self.topic,
                qos: 0,
                retain: false,
                id: 0,
                stamp: Stamp { stream: 0, sequence: self.sequence },
                payload_bytes: PAYLOAD_BYTES,
            };
            packets::publish(clients.out(self.publisher), &message, version);
        }
        Ok(())
    }

    fn due(&self) -> u64 {
        self.due
    }

    fn done(&self) -> u64 {
        self.done
    }
}

impl Handler for Scattered {
    fn packet(&mut self, _clients: &mut Clients, client: usize, packet: Packet<'_>) -> Result<(), Fault> {
        if packet.kind() == PUBLISH {
            let message = packet.received().ok_or("a message that nobody sent")?;
            if message.stamp.sequence <= self.last[client] {
                let (came, last) = (message.stamp.sequence, self.last[client]);
                return Err(format!("client {client}: message {came} came behind {last}"));
            }
            self.last[client] = message.stamp.sequence;
            self.done += 1;
        }
        Ok(())
    }
}

/// Clients that hold the subscriptions: always as many, so that only the number of subscriptions changes. Ten subscriptions are
/// with ten of them, though: a part of the curve's first step is that deliveries go to more sockets.
const HOLDERS: usize = 100;
const SITES: usize = 1000;
const FILTERS_TOGETHER: usize = 50;
const PAYLOAD_BYTES: usize = 64;
const RECEIVERS_ABOUT: u64 = 2;
/// With fewer, an average says more about pages of memory than about what is counted.
const COUNT_FOR_AVERAGES: usize = 10_000;
const FILES_FOR_OTHERS: usize = 100;
