//! Publishers to subscribers as fast as the server can: a closed loop, in which each publisher is at most a window ahead of what
//! has been delivered.
//!
//! No server has a reason to discard anything then, so each delivery must be the next of its stream: nothing lost, doubled or
//! reordered.

use crate::clients::{Clients, Fault, Handler};
use crate::measure::{Load, measure};
use crate::packets::{self, PUBACK, PUBCOMP, PUBLISH, PUBREC, PUBREL, Packet, Publish, Stamp};
use crate::target::Target;
use crate::{Point, Settings};

/// Who publishes what to whom.
#[derive(Clone, Copy)]
pub(crate) struct Shape {
    pub(crate) publishers: usize,
    pub(crate) subscribers: usize,
    /// Publisher p has the topics t with t mod publishers = p, subscriber s takes topic s mod topics.
    pub(crate) topics: usize,
    /// Subscribers take all topics instead.
    pub(crate) takes_all: bool,
    pub(crate) qos: u8,
    /// The Sessions outlive their connections.
    pub(crate) is_durable: bool,
    /// Messages that a publisher is ahead.
    pub(crate) window: usize,
}

pub(crate) fn run(target: &Target, settings: &Settings, shape: Shape) -> Result<Vec<Point>, Fault> {
    let shape = Shape {
        publishers: settings.publishers.unwrap_or(shape.publishers),
        subscribers: settings.subscribers.unwrap_or(shape.subscribers),
        topics: settings.topics.unwrap_or(shape.topics),
        qos: settings.qos.unwrap_or(shape.qos),
        window: settings.window.unwrap_or(shape.window),
        ..shape
    };
    let mut clients = Clients::new(target.address, settings.version)?;
    if shape.is_durable {
        clients = clients.durable();
    }
    clients.enter(shape.subscribers, &|subscriber| vec![shape.filter(subscriber)], shape.qos)?;
    clients.enter(shape.publishers, &|_| Vec::new(), 0)?;
    let mut flow = Flow::new(shape, settings.payload_bytes);
    let sample = measure(target, &mut clients, &mut flow, settings)?;
    let label = format!(
        "{} to {} by {} topics, QoS {}, {} B",
        shape.publishers, shape.subscribers, shape.topics, shape.qos, settings.payload_bytes
    );
    Ok(vec![Point { label, count: None, figures: sample.figures("µs CPU per delivery", "deliveries per second") }])
}

impl Shape {
    fn filter(&self, subscriber: usize) -> String {
        if self.takes_all { "load/#".to_owned() } else { topic(subscriber % self.topics) }
    }

    /// How many subscribers take a topic.
    fn receivers(&self, topic: usize) -> usize {
        let takes = |subscriber: &usize| self.takes_all || subscriber % self.topics == topic;
        (0..self.subscribers).filter(takes).count()
    }
}

fn topic(number: usize) -> String {
    format!("load/{number}")
}

struct Flow {
    shape: Shape,
    payload_bytes: usize,
    publishers: Vec<Publisher>,
    streams: Vec<Stream>,
    /// The last sequence number for each subscriber and stream.
    last: Vec<u32>,
    due: u64,
    done: u64,
}

/// A publisher and one of its topics.
struct Stream {
    publisher: usize,
    topic: String,
    receivers: u64,
    sequence: u32,
}

#[derive(Default)]
struct Publisher {
    streams: Vec<usize>,
    next_stream: usize,
    /// Deliveries that what it sent must cause and that have not come.
    undelivered: u64,
    unacknowledged: usize,
    receivers_max: u64,
    id: u16,
}

impl Flow {
    fn new(shape: Shape, payload_bytes: usize) -> Self {
        let mut streams = Vec::new();
        let mut publishers = Vec::new();
        for number in 0..shape.publishers {
            let mut publisher = Publisher::default();
            // Where there are fewer topics than publishers, several share one.
            for topic_number in (number % shape.topics..shape.topics).step_by(shape.publishers) {
                let receivers = shape.receivers(topic_number) as u64;
                publisher.streams.push(streams.len());
                publisher.receivers_max = publisher.receivers_max.max(receivers);
                streams.push(Stream { publisher: number, topic: topic(topic_number), receivers, sequence: 0 });
            }
            publishers.push(publisher);
        }
        let last = vec![0; shape.subscribers * streams.len()];
        Flow { shape, payload_bytes, publishers, streams, last, due: 0, done: 0 }
    }

    fn publish(&mut self, clients: &mut Clients, number: usize) {
        let publisher = &mut self.publishers[number];
        let stream_number = publisher.streams[publisher.next_stream];
        publisher.next_stream = (publisher.next_stream + 1) % publisher.streams.len();
        publisher.id = publisher.id.checked_add(1).unwrap_or(1);
        let stream = &mut self.streams[stream_number];
        stream.sequence += 1;
        publisher.undelivered += stream.receivers;
        publisher.unacknowledged += usize::from(self.shape.qos > 0);
        self.due += stream.receivers;
        let message = Publish {
            topic: &stream.topic,
            qos: self.shape.qos,
            retain: false,
            id: publisher.id,
            stamp: Stamp { stream: stream_number as u32, sequence: stream.sequence },
            payload_bytes: self.payload_bytes,
        };
        let version = clients.version;
        packets::publish(clients.out(self.shape.subscribers + number), &message, version);
    }

    fn delivered(&mut self, subscriber: usize, stamp: Stamp) -> Result<(), Fault> {
        let stream = stamp.stream as usize;
        let last = &mut self.last[subscriber * self.streams.len() + stream];
        if stamp.sequence != *last + 1 {
            let (topic, previous) = (&self.streams[stream].topic, *last);
            return Err(format!("{topic}: message {} came behind {previous}", stamp.sequence));
        }
        *last = stamp.sequence;
        self.publishers[self.streams[stream].publisher].undelivered -= 1;
        self.done += 1;
        Ok(())
    }
}

impl Load for Flow {
    fn send(&mut self, clients: &mut Clients) -> Result<(), Fault> {
        for number in 0..self.publishers.len() {
            let publisher = &self.publishers[number];
            let ahead = publisher.undelivered.div_ceil(publisher.receivers_max.max(1)) as usize;
            let free = self.shape.window.saturating_sub(ahead.max(publisher.unacknowledged));
            // Half a window at once, so that both sides have something to do meanwhile.
            if free * 2 >= self.shape.window {
                (0..free).for_each(|_| self.publish(clients, number));
            }
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

impl Handler for Flow {
    fn packet(&mut self, clients: &mut Clients, client: usize, packet: Packet<'_>) -> Result<(), Fault> {
        match packet.kind() {
            PUBLISH => {
                let message = packet.received().ok_or("a message that nobody sent")?;
                match message.qos {
                    1 => packets::acknowledge(clients.out(client), PUBACK, message.id),
                    2 => packets::acknowledge(clients.out(client), PUBREC, message.id),
                    _ => {}
                }
                return self.delivered(client, message.stamp);
            }
            PUBREC => packets::acknowledge(clients.out(client), PUBREL, packet.id()),
            PUBREL => packets::acknowledge(clients.out(client), PUBCOMP, packet.id()),
            PUBACK | PUBCOMP => self.publishers[client - self.shape.subscribers].unacknowledged -= 1,
            _ => {}
        }
        Ok(())
    }
}
