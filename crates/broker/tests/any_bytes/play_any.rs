//! What must hold for a server whatever its clients send and whenever they come and go; run by the test beside this and by the
//! fuzz target.

use crate::world::{LinkId, World};
use midge_broker::Options;
use midge_choices::Input;
use midge_testkit::packet::Packet;
use midge_testkit::wire::{self, Level};

/// Plays `data` as a history: connections of all versions, packets good and bad, bytes without sense, ends, time, snapshots,
/// and servers that are killed and started again. Nothing may
/// panic; every packet that a shard sends must be one that a server may send; and when all have gone and time has passed, nothing
/// may be left. Returns how many packets the server sent.
pub(crate) fn play_any(data: &[u8]) -> usize {
    let mut input = Input::new(data);
    let shards = 1 + u16::from(input.byte() % 3);
    let mut history = History {
        world: World::new(options(input.byte()), shards, u64::from(input.byte())),
        clients: Vec::new(),
        packets: 0,
    };
    history.open(0);
    while !input.is_empty() {
        history.step(&mut input);
    }
    history.end();
    history.packets
}

struct History {
    world: World,
    clients: Vec<Client>,
    packets: usize,
}

#[derive(Clone, Copy)]
struct Client {
    link: LinkId,
    /// Known, where the CONNECT was a good one.
    level: Option<Level>,
}

impl History {
    fn step(&mut self, input: &mut Input<'_>) {
        let what = input.byte();
        let chosen = usize::from(what >> 4) % self.clients.len();
        let client = self.clients[chosen];
        match what & 15 {
            0 | 1 => self.open(input.byte()),
            2..=8 => self.send(client, input),
            9 => {
                let bytes = input.bytes();
                self.world.send(client.link, bytes);
            }
            10 => self.world.close(client.link),
            11 => self.world.cut(client.link),
            12 => self.world.congest(client.link),
            13 => match input.byte() {
                0..128 => self.world.drain(client.link),
                128..192 => self.world.snapshot(),
                off_s => self.world.restart_with_any_shards(u64::from(off_s & 15) * 1000),
            },
            14 => self.world.wait(u64::from(input.byte()) * 100),
            _ => {
                let _is_idle = (0..input.byte()).any(|_| !self.world.step());
            }
        }
        // Mostly things happen one after the other; sometimes they pile up.
        if input.byte() & 3 != 0 {
            self.world.settle();
            self.look(chosen);
        }
    }

    /// A connection, in place of an old one when there are many.
    fn open(&mut self, which: u8) {
        let link = self.world.open();
        let connect = CONNECTS.get(usize::from(which) % (CONNECTS.len() + 1));
        let mut level = None;
        if let Some(connect) = connect {
            let packet = Packet::parse(&format!("{connect} id=c{}", which >> 5));
            level = Some(wire::level(&packet));
            self.world.send(link, &wire::encode(&packet, wire::level(&packet)));
        }
        let client = Client { link, level };
        if self.clients.len() < CLIENTS_MAX {
            self.clients.push(client);
        } else {
            let old = usize::from(which) % CLIENTS_MAX;
            self.world.close(self.clients[old].link);
            self.clients[old] = client;
        }
    }

    /// A good packet, with a byte changed now and then.
    fn send(&mut self, client: Client, input: &mut Input<'_>) {
        let level = client.level.unwrap_or(4);
        let template = PACKETS[usize::from(input.byte()) % PACKETS.len()];
        let id = 1 + input.byte() % 5;
        let mut bytes = wire::encode(&Packet::parse(&template.replace("{id}", &id.to_string())), level);
        let spoilt = input.byte();
        if spoilt >= 240 {
            let at = usize::from(input.byte()) % bytes.len();
            bytes[at] = input.byte();
        }
        self.world.send(client.link, &bytes);
    }

    /// What a client was sent must be packets.
    fn look(&mut self, chosen: usize) {
        let Client { link, level } = self.clients[chosen];
        let received = self.world.received(link);
        let Some(level) = level else { return received.clear() };
        let mut at = 0;
        while let Some(length) = wire::packet_len(&received[at..]).expect("a server's packet") {
            let Some(packet) = received.get(at..at + length) else { break };
            if let Err(rule) = wire::decode(packet, level) {
                panic!("no server may send {packet:02x?}: {rule}");
            }
            at += length;
            self.packets += 1;
        }
        received.drain(..at);
    }

    /// All go, and time passes.
    fn end(&mut self) {
        for at in 0..self.clients.len() {
            self.world.settle();
            self.look(at);
            self.world.close(self.clients[at].link);
        }
        self.world.settle();
        self.world.wait(2_000 * EXPIRATION_S);
        assert_eq!(self.world.leftovers(), "", "somebody who has gone has left something");
    }
}

/// Every other server keeps long queues on disk, in very short runs.
fn options(which: u8) -> Options {
    let queue_memory_bytes = if which & 1 == 0 { 0 } else { 64 << 20 };
    Options {
        queue_memory_bytes,
        queue_run_bytes: 300,
        max_inflight_messages: 3,
        max_queued_messages: 5,
        max_queued_bytes: 2_000,
        queue_qos0_messages: true,
        max_packet_size: 1_000,
        message_size_limit: 400,
        persistent_client_expiration_s: Some(EXPIRATION_S),
        topic_levels_max: 10,
        ..Options::default()
    }
}

const EXPIRATION_S: u64 = 100;
const CLIENTS_MAX: usize = 6;

const CONNECTS: [&str; 7] = [
    "CONNECT v311",
    "CONNECT v311 clean will=t will.m=w will.qos=1",
    "CONNECT v31 keep-alive=3 will=t/u will.m=w will.retain",
    "CONNECT v5 clean",
    "CONNECT v5 session-expiry-interval=50 receive-maximum=2 topic-alias-maximum=2 will=t will.m=w will.will-delay-interval=3",
    "CONNECT v5 session-expiry-interval=4 maximum-packet-size=40 keep-alive=2",
    "CONNECT v5 clean session-expiry-interval=4294967295 request-problem-information=1",
];

const PACKETS: [&str; 30] = [
    "SUBSCRIBE id={id} t",
    "SUBSCRIBE id={id} t qos=1",
    "SUBSCRIBE id={id} t/+ qos=2 # qos=1",
    "SUBSCRIBE id={id} $share/g/t qos=1",
    "SUBSCRIBE id={id} $share/g/# qos=2",
    "SUBSCRIBE id={id} +/u",
    "UNSUBSCRIBE id={id} t",
    "UNSUBSCRIBE id={id} # t/+ $share/g/t $share/g/#",
    "PUBLISH t m=x",
    "PUBLISH t/u m=x retain",
    "PUBLISH t/u m=\"\" retain",
    "PUBLISH t qos=1 id={id} m=x",
    "PUBLISH t/u qos=1 id={id} m=x retain dup",
    "PUBLISH t qos=2 id={id} m=x",
    "PUBLISH t qos=2 id={id} m=x dup",
    "PUBLISH t/u qos=2 id={id} m=\"y\"*300",
    "PUBLISH $SYS/x m=x",
    "PUBACK id={id}",
    "PUBREC id={id}",
    "PUBREL id={id}",
    "PUBCOMP id={id}",
    "PINGREQ",
    "DISCONNECT",
    "CONNECT v5 id=c1",
    "PUBLISH t topic-alias={id} m=x",
    "PUBLISH \"\" topic-alias={id} qos=1 id={id} m=x",
    "PUBLISH t qos=1 id={id} m=x message-expiry-interval=2",
    "SUBSCRIBE id={id} subscription-identifier={id} t qos=2 no-local retain-as-published",
    "SUBSCRIBE id={id} t/u qos=1 retain-handling=1",
    "DISCONNECT 0x04 session-expiry-interval=9",
];
