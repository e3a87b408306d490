//! Clients that keep the rules by themselves, for histories that chance writes: they answer what they are sent (when told to),
//! remember what is under way, and after a cut send again what the specification says.

use super::{LinkId, World};
use midge_testkit::packet::{Kind, Packet};
use midge_testkit::wire::{self, Level};
use std::collections::{BTreeSet, VecDeque};

/// A client with its half of the Session State.
pub(crate) struct Device {
    pub(crate) name: String,
    /// CONNECT without the Client Identifier.
    pub(crate) connect: String,
    level: Level,
    link: Option<LinkId>,
    is_accepted: bool,
    unread: Vec<u8>,
    /// QoS 1 and 2 messages of its own that are not complete, oldest first.
    outgoing: VecDeque<Outgoing>,
    /// How many of them the server takes at a time.
    outgoing_max: usize,
    next_id: u16,
    /// QoS 2 messages that it has received and that were not released.
    incoming: BTreeSet<u16>,
    /// Answers that it has not sent yet.
    answers: VecDeque<Packet>,
    /// What it has received, oldest first; a QoS 2 message once.
    pub(crate) received: Vec<Delivery>,
    /// Filters of SUBSCRIBEs that were acknowledged.
    pub(crate) subacks: usize,
}

/// A message as a client got it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Delivery {
    pub(crate) topic: String,
    pub(crate) payload: String,
    pub(crate) qos: u8,
    pub(crate) is_retained: bool,
    pub(crate) is_dup: bool,
}

struct Outgoing {
    id: u16,
    publish: Packet,
    is_released: bool,
}

/// Messages of its own that a client has under way at a time where the server says nothing of it.
const OUTGOING_MAX: usize = 20;

impl Device {
    pub(crate) fn new(name: &str, connect: &str) -> Device {
        let packet = Packet::parse(&format!("CONNECT {connect}"));
        Device {
            name: name.to_owned(),
            connect: connect.to_owned(),
            level: wire::level(&packet),
            link: None,
            is_accepted: false,
            unread: Vec::new(),
            outgoing: VecDeque::new(),
            outgoing_max: OUTGOING_MAX,
            next_id: 1,
            incoming: BTreeSet::new(),
            answers: VecDeque::new(),
            received: Vec::new(),
            subacks: 0,
        }
    }

    /// Whether it has a connection, accepted or not.
    pub(crate) fn is_connected(&self) -> bool {
        self.link.is_some()
    }

    /// Whether CONNACK has come.
    pub(crate) fn is_accepted(&self) -> bool {
        self.is_accepted
    }

    pub(crate) fn link(&self) -> Option<LinkId> {
        self.link
    }

    /// Whether nothing of its own is under way and no answer is owed.
    pub(crate) fn is_idle(&self) -> bool {
        self.outgoing.is_empty() && self.answers.is_empty()
    }

    /// Connects, anew where it is connected already.
    pub(crate) fn connect(&mut self, world: &mut World) {
        self.forget_connection();
        let link = world.open();
        self.link = Some(link);
        self.send(world, &Packet::parse(&format!("CONNECT {} id={}", self.connect, self.name)));
    }

    /// The connection breaks: what is on its way in either direction is lost, from some byte on.
    pub(crate) fn cut(&mut self, world: &mut World) {
        if let Some(link) = self.link {
            world.cut(link);
        }
        self.forget_connection();
    }

    /// DISCONNECT, after everything that it owes.
    pub(crate) fn disconnect(&mut self, world: &mut World) {
        self.answer(world, usize::MAX);
        if self.link.is_some() {
            self.send(world, &Packet::parse("DISCONNECT"));
        }
        self.forget_connection();
    }

    pub(crate) fn subscribe(&mut self, world: &mut World, filters: &str) {
        let id = self.own_id();
        self.send(world, &Packet::parse(&format!("SUBSCRIBE id={id} {filters}")));
    }

    pub(crate) fn unsubscribe(&mut self, world: &mut World, filters: &str) {
        let id = self.own_id();
        self.send(world, &Packet::parse(&format!("UNSUBSCRIBE id={id} {filters}")));
    }

    /// Whether it may begin to publish now.
    pub(crate) fn can_publish(&self) -> bool {
        self.is_accepted && self.outgoing.len() < self.outgoing_max
    }

    /// Publishes `topic qos=… m=…`.
    pub(crate) fn publish(&mut self, world: &mut World, notation: &str) {
        let mut publish = Packet::parse(&format!("PUBLISH {notation}"));
        if publish.has("qos") {
            let id = self.own_id();
            publish.push("id", id.to_string());
            self.outgoing.push_back(Outgoing { id, publish: publish.clone(), is_released: false });
        }
        self.send(world, &publish);
    }

    /// Looks at what the server has sent; answers wait for [`Device::answer`].
    pub(crate) fn receive(&mut self, world: &mut World) {
        let Some(link) = self.link else { return };
        self.unread.append(world.received(link));
        loop {
            let length = wire::packet_len(&self.unread).unwrap_or_else(|rule| panic!("{}: {rule}", self.name));
            let Some(length) = length.filter(|length| *length <= self.unread.len()) else { break };
            let bytes: Vec<u8> = self.unread.drain(..length).collect();
            let packet = wire::decode(&bytes, self.level).unwrap_or_else(|rule| panic!("{}: {rule}", self.name));
            self.handle(world, &packet);
        }
        if world.is_closed(link) {
            self.forget_connection();
        }
    }

    /// Sends up to `count` of the answers that it owes.
    pub(crate) fn answer(&mut self, world: &mut World, count: usize) {
        for _ in 0..count {
            let Some(answer) = self.answers.pop_front() else { return };
            self.send(world, &answer);
        }
    }

    fn handle(&mut self, world: &mut World, packet: &Packet) {
        let id = packet.number("id").unwrap_or(0) as u16;
        match packet.kind {
            Kind::Connack => self.handle_connack(world, packet),
            Kind::Publish => self.handle_publish(packet, id),
            Kind::Pubrel => {
                self.incoming.remove(&id);
                self.answers.push_back(Packet::parse(&format!("PUBCOMP id={id}")));
            }
            Kind::Puback | Kind::Pubcomp => self.outgoing.retain(|outgoing| outgoing.id != id),
            Kind::Pubrec => {
                if let Some(outgoing) = self.outgoing.iter_mut().find(|outgoing| outgoing.id == id) {
                    outgoing.is_released = true;
                }
                self.answers.push_back(Packet::parse(&format!("PUBREL id={id}")));
            }
            Kind::Suback => self.subacks += 1,
            Kind::Unsuback | Kind::Pingresp => {}
            // Only taking over is what a client of these tests may bring upon itself.
            Kind::Disconnect => assert_eq!(packet.codes(), [0x8e], "{}: {packet}", self.name),
            _ => panic!("{}: {packet}", self.name),
        }
    }

    fn handle_connack(&mut self, world: &mut World, connack: &Packet) {
        assert_eq!(connack.codes(), [0], "{}: {connack}", self.name);
        self.is_accepted = true;
        self.outgoing_max = connack.number("receive-maximum").map_or(OUTGOING_MAX, |maximum| maximum as usize);
        if !connack.has("session-present") {
            self.incoming.clear();
            self.outgoing.clear();
            return;
        }
        for at in 0..self.outgoing.len() {
            let Outgoing { id, publish, is_released } = &self.outgoing[at];
            let packet = if *is_released {
                Packet::parse(&format!("PUBREL id={id}"))
            } else {
                let mut again = publish.clone();
                again.push("dup", "");
                again
            };
            self.send(world, &packet);
        }
    }

    fn handle_publish(&mut self, publish: &Packet, id: u16) {
        let qos = publish.number("qos").unwrap_or(0) as u8;
        match qos {
            0 => {}
            1 => self.answers.push_back(Packet::parse(&format!("PUBACK id={id}"))),
            _ => self.answers.push_back(Packet::parse(&format!("PUBREC id={id}"))),
        }
        if qos == 2 && !self.incoming.insert(id) {
            assert!(
                publish.has("dup"),
                "{}: the identifier of a message under way was given again: {publish}",
                self.name
            );
            return;
        }
        self.received.push(Delivery {
            topic: publish.text("topic").unwrap_or_default(),
            payload: publish.text("m").unwrap_or_default(),
            qos,
            is_retained: publish.has("retain"),
            is_dup: publish.has("dup"),
        });
    }

    fn send(&mut self, world: &mut World, packet: &Packet) {
        if let Some(link) = self.link {
            world.send(link, &wire::encode(packet, self.level));
        }
    }

    fn forget_connection(&mut self) {
        self.link = None;
        self.is_accepted = false;
        self.unread.clear();
        self.answers.clear();
    }

    fn own_id(&mut self) -> u16 {
        loop {
            let id = self.next_id;
            self.next_id = self.next_id.checked_add(1).unwrap_or(1);
            if self.outgoing.iter().all(|outgoing| outgoing.id != id) {
                return id;
            }
        }
    }
}

/// Everybody connects, answers all, and goes on until nothing is on its way any more.
pub(crate) fn come_to_rest(world: &mut World, devices: &mut [Device]) {
    for _ in 0..ROUNDS_MAX {
        world.settle();
        for device in devices.iter_mut() {
            device.receive(world);
            if !device.is_connected() {
                device.connect(world);
            }
            device.answer(world, usize::MAX);
        }
        if !world.step() && devices.iter().all(|device| device.is_accepted() && device.is_idle()) {
            return;
        }
    }
    let waiting: Vec<_> = devices.iter().filter(|device| !device.is_idle()).map(|device| &device.name).collect();
    panic!("some exchanges never end: {waiting:?}");
}

/// Everybody begins anew with a Session that ends, and leaves: nothing may be left.
#[track_caller]
pub(crate) fn all_leave(world: &mut World, devices: Vec<Device>) {
    for mut device in devices {
        device.cut(world);
        world.settle();
        device.connect = "v5 clean".to_owned();
        device.level = 5;
        device.connect(world);
        world.settle();
        device.receive(world);
        assert!(device.is_accepted());
        device.cut(world);
        world.settle();
    }
    world.wait(60_000);
    assert_eq!(world.leftovers(), "", "everybody has gone");
}

/// A round trip for each message under way, and more.
const ROUNDS_MAX: usize = 20_000;
