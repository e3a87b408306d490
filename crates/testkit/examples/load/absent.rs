//! Clients with durable Sessions that are away: what queueing a message for one costs, what it costs when they come back, and how
//! fast a publisher gets its acknowledgements meanwhile.
//!
//! A server that keeps its promise acknowledges a message only when it is on disk. Each Session has a stream of its own from one
//! publisher, and must get all of it, in order and once.

use std::time::{Duration, Instant};

use crate::clients::{Clients, ENTERING_MAX, Fault, Handler};
use crate::measure::{Load, complete, measure};
use crate::packets::{self, CONNACK, PUBACK, PUBLISH, Packet, Publish, Stamp};
use crate::target::Target;
use crate::{Figure, Point, Settings};

/// A hundred Sessions, or as many as there are to be subscribers, and four publishers with a hundred messages each in flight.
pub(crate) fn run(target: &Target, settings: &Settings) -> Result<Vec<Point>, Fault> {
    let count = settings.counts.as_ref().and_then(|counts| counts.first().copied()).unwrap_or(100_000);
    let publishers = settings.publishers.unwrap_or(4);
    let window = settings.window.unwrap_or(100);
    let sessions = settings.subscribers.unwrap_or(SESSIONS);
    let queueing = begin(target, settings, sessions, publishers, window)?;
    let (memory_bytes, start_us, start) = (target.memory_bytes(), target.cpu_us(), Instant::now());
    let queues = queueing.send_all(count, settings)?;
    let seconds = start.elapsed().as_secs_f64();
    let queued_us = target.cpu_us() - start_us;
    // What a server needs only for a moment is not what the queue takes.
    std::thread::sleep(REST);
    let memory_bytes = target.memory_bytes() - memory_bytes;
    let disk_bytes = target.disk_bytes();
    let (start_us, start) = (target.cpu_us(), Instant::now());
    take_back(target, settings, &queues)?;
    let (drained_us, drained_s) = (target.cpu_us() - start_us, start.elapsed().as_secs_f64());
    let each = |what, value: f64| Figure { what, value: value / count as f64 };
    let figures = vec![
        each("µs CPU per message queued", queued_us),
        Figure { what: "messages queued per second", value: count as f64 / seconds },
        each("bytes per message queued", memory_bytes),
        each("µs CPU per message when they come back", drained_us),
        Figure { what: "messages per second when they come back", value: count as f64 / drained_s },
        Figure { what: "bytes on disk before", value: disk_bytes },
        Figure { what: "bytes in memory, at most", value: target.most_memory_bytes() },
    ];
    let label = format!("{count} messages of {} B for {sessions} absent Sessions", settings.payload_bytes);
    Ok(vec![Point { label, count: Some(count), figures }])
}

/// One publisher to one absent Session, with few and with many messages in flight: how many are acknowledged in a second.
pub(crate) fn acknowledged(target: &Target, settings: &Settings) -> Result<Vec<Point>, Fault> {
    let windows = settings.window.map_or(vec![1, 400], |window| vec![window]);
    let mut queueing = begin(target, settings, 1, 1, 1)?;
    let mut points = Vec::new();
    for window in windows {
        queueing.load.window = window;
        let sample = measure(target, &mut queueing.clients, &mut queueing.load, settings)?;
        let figures = sample.figures("µs CPU per message acknowledged", "messages acknowledged per second");
        points.push(Point { label: format!("{window} in flight"), count: Some(window), figures });
    }
    let queues = queueing.load.sequences;
    queueing.clients.leave()?;
    if target.is_broker {
        take_back(target, settings, &queues)?;
    }
    Ok(points)
}

/// Publishers, and Sessions that are away.
pub(crate) struct Queueing {
    clients: Clients,
    load: Publishing,
}

/// Has the Sessions come, subscribe and leave, and the publishers come.
pub(crate) fn begin(
    target: &Target,
    settings: &Settings,
    sessions: usize,
    publishers: usize,
    window: usize,
) -> Result<Queueing, Fault> {
    let mut subscribers = Clients::new(target.address, settings.version)?.durable();
    subscribers.enter(sessions, &|session| vec![topic(session)], 1)?;
    subscribers.leave()?;
    let mut clients = Clients::new(target.address, settings.version)?;
    clients.skip_names(sessions);
    clients.enter(publishers, &|_| Vec::new(), 0)?;
    let load = Publishing {
        payload_bytes: settings.payload_bytes,
        window,
        limit: u64::MAX,
        sequences: vec![0; sessions],
        publishers: (0..publishers).map(|publisher| Publisher { next: publisher, ..Publisher::default() }).collect(),
        sent: 0,
        done: 0,
    };
    Ok(Queueing { clients, load })
}

impl Queueing {
    /// Publishes that many messages, and gives how many of them each Session has to get.
    pub(crate) fn send_all(mut self, count: usize, settings: &Settings) -> Result<Vec<u32>, Fault> {
        self.load.limit = count as u64;
        complete(&mut self.clients, &mut self.load, count as u64, settings)?;
        self.clients.leave()?;
        Ok(self.load.sequences)
    }
}

/// The Sessions come back, get what waits for them, and leave.
pub(crate) fn take_back(target: &Target, settings: &Settings, queues: &[u32]) -> Result<(), Fault> {
    let mut clients = Clients::new(target.address, settings.version)?.durable();
    let mut returning = Returning { queues, last: vec![0; queues.len()], connected: 0, done: 0 };
    let count = returning.due();
    complete(&mut clients, &mut returning, count, settings)?;
    clients.leave()
}

/// Publishers that are at most a window ahead of their acknowledgements. Each has Sessions of its own, to which it sends in turn.
struct Publishing {
    payload_bytes: usize,
    window: usize,
    /// How many messages are sent in all.
    limit: u64,
    /// By Session: how many messages were sent to it.
    sequences: Vec<u32>,
    publishers: Vec<Publisher>,
    sent: u64,
    done: u64,
}

#[derive(Default)]
struct Publisher {
    /// The Session that is next.
    next: usize,
    unacknowledged: usize,
    id: u16,
}

impl Publishing {
    fn publish(&mut self, clients: &mut Clients, number: usize) {
        let (step, sessions) = (self.publishers.len(), self.sequences.len());
        let publisher = &mut self.publishers[number];
        let session = publisher.next;
        publisher.next = if session + step < sessions { session + step } else { number % sessions };
        publisher.id = publisher.id.checked_add(1).unwrap_or(1);
        publisher.unacknowledged += 1;
        self.sequences[session] += 1;
        self.sent += 1;
        let message = Publish {
            topic: &topic(session),
            qos: 1,
            retain: false,
            id: publisher.id,
            stamp: Stamp { stream: session as u32, sequence: self.sequences[session] },
            payload_bytes: self.payload_bytes,
        };
        let version = clients.version;
        packets::publish(clients.out(number), &message, version);
    }
}

impl Load for Publishing {
    fn send(&mut self, clients: &mut Clients) -> Result<(), Fault> {
        for number in 0..self.publishers.len() {
            let free = self.window.saturating_sub(self.publishers[number].unacknowledged);
            // Half a window at once, so that both sides have something to do meanwhile.
            if free * 2 >= self.window {
                let count = (self.limit - self.sent).min(free as u64);
                (0..count).for_each(|_| self.publish(clients, number));
            }
        }
        Ok(())
    }

    fn due(&self) -> u64 {
        self.sent
    }

    fn done(&self) -> u64 {
        self.done
    }
}

impl Handler for Publishing {
    fn packet(&mut self, _clients: &mut Clients, client: usize, packet: Packet<'_>) -> Result<(), Fault> {
        if packet.kind() == PUBACK {
            if !packet.is_granted() {
                return Err(format!("message {} was refused", packet.id()));
            }
            self.publishers[client].unacknowledged -= 1;
            self.done += 1;
        }
        Ok(())
    }
}

/// Sessions that come back, and check what waited for them.
struct Returning<'a> {
    /// By Session: how many messages it has to get.
    queues: &'a [u32],
    /// And the last that has come.
    last: Vec<u32>,
    connected: usize,
    done: u64,
}

impl Load for Returning<'_> {
    fn send(&mut self, clients: &mut Clients) -> Result<(), Fault> {
        while clients.len() < self.queues.len().min(self.connected + ENTERING_MAX) {
            clients.open(clients.greeting(clients.len()))?;
        }
        Ok(())
    }

    fn due(&self) -> u64 {
        self.queues.iter().map(|count| u64::from(*count)).sum()
    }

    fn done(&self) -> u64 {
        self.done
    }
}

impl Handler for Returning<'_> {
    fn packet(&mut self, clients: &mut Clients, client: usize, packet: Packet<'_>) -> Result<(), Fault> {
        match packet.kind() {
            CONNACK if packet.is_session_present() => self.connected += 1,
            CONNACK => return Err(format!("Session {client} is gone")),
            PUBLISH => {
                let message = packet.received().ok_or("a message that nobody sent")?;
                packets::acknowledge(clients.out(client), PUBACK, message.id);
                let last = &mut self.last[client];
                if (message.stamp.stream, message.stamp.sequence) != (client as u32, *last + 1) {
                    let Stamp { stream, sequence } = message.stamp;
                    return Err(format!("Session {client}: message {sequence} of stream {stream} came behind {last}"));
                }
                *last += 1;
                self.done += 1;
            }
            _ => {}
        }
        Ok(())
    }
}

fn topic(session: usize) -> String {
    format!("away/{session}")
}

/// How many are away where the scenario does not say otherwise.
pub(crate) const SESSIONS: usize = 100;

const REST: Duration = Duration::from_secs(1);
