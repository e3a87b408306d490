//! What a seed makes of the world: how many shards and clients, which limits, and how often what happens.
//!
//! Every seed leaves some things out and overdoes others (swarm testing, Groce et al. 2012): a fault that needs fifty
//! disconnects in a row, or none at all, has its seeds too.

use midge_broker::{ListenerOptions, Options};
use midge_choices::Random;
use midge_persistence::{Autosave, Bounds};

use crate::topics::FIRST_SHARE;

/// What a client does when it is its turn, in the order of [`Settings::deeds`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Deed {
    Read,
    Answer,
    Publish,
    Subscribe,
    Unsubscribe,
    Connect,
    /// A second connection while the first is there.
    ConnectAgain,
    Disconnect,
    /// Closes without DISCONNECT.
    Close,
    /// The network breaks the connection.
    Cut,
}

impl Deed {
    pub(crate) const ALL: [Deed; 10] = [
        Deed::Read,
        Deed::Answer,
        Deed::Publish,
        Deed::Subscribe,
        Deed::Unsubscribe,
        Deed::Connect,
        Deed::ConnectAgain,
        Deed::Disconnect,
        Deed::Close,
        Deed::Cut,
    ];
}

/// Fixed for one seed.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) shards: usize,
    pub(crate) clients: usize,
    /// Steps before the faults stop.
    pub(crate) steps: usize,
    /// How often an interlude lets another shard go first.
    pub(crate) switch_per_mille: u32,
    /// Who makes the next step: a shard, the network, a client.
    pub(crate) turns: [u32; 3],
    /// By shard: how often it runs.
    pub(crate) lanes: Vec<u32>,
    /// By [`Deed`].
    pub(crate) deeds: Vec<u32>,
    /// How often the clock goes on by a little, or by seconds where everybody is idle.
    pub(crate) tick_per_mille: u32,
    pub(crate) leap_per_mille: u32,
    /// How much of a client's bytes one read takes at most; nearly always everything.
    pub(crate) small_reads: bool,
    /// Bytes that the socket to a client takes.
    pub(crate) room_bytes: usize,
    /// Bytes left over from which a connection counts as congested, and from which its client is not read.
    pub(crate) congested_bytes: usize,
    pub(crate) held_bytes: usize,
    /// How often a client begins anew instead of going on with its Session.
    pub(crate) clean_per_mille: u32,
    /// How often a broken connection is noticed by its client alone.
    pub(crate) silent_per_mille: u32,
    /// Packet Identifiers that a client uses, so that they come again soon.
    pub(crate) packet_ids: u16,
    /// How often a payload is large.
    pub(crate) large_per_mille: u32,
    /// How often a message expires soon.
    pub(crate) expiry_per_mille: u32,
    /// Whether one client subscribes to everything and is never disturbed.
    pub(crate) has_witness: bool,
    pub(crate) has_wills: bool,
    pub(crate) has_shares: bool,
    pub(crate) has_retained: bool,
    /// Whether the server has a disk; its log's thread then runs so often.
    pub(crate) is_durable: bool,
    pub(crate) log_weight: u32,
    /// How often another thread goes first before the disk does something.
    pub(crate) disk_per_mille: u32,
    /// How often the server dies, in a hundred thousand steps, and how often that is a power cut.
    pub(crate) deaths: u32,
    pub(crate) power_cut_per_mille: u32,
    /// How often an operation of the disk fails, in a hundred thousand steps.
    pub(crate) disk_faults: u32,
    pub(crate) snapshots_per_mille: u32,
    /// The server may start again with another number of shards.
    pub(crate) varies_shards: bool,
    /// While more waits for the log, publishers are not read and runs are put off.
    pub(crate) log_pending_bytes_max: usize,
    pub(crate) segment_bytes: u64,
    pub(crate) reserve_segments: u32,
    /// When a snapshot is taken by itself.
    pub(crate) autosave: Option<Autosave>,
    pub(crate) bounds: Bounds,
    /// `None`: as much as anybody wants.
    pub(crate) space: Option<Space>,
    pub(crate) options: Options,
    pub(crate) services: Vec<ServiceHabits>,
    /// How often the operator changes his mind about services, in a hundred thousand steps.
    pub(crate) reloads: u32,
}

/// A service, for its whole life.
#[derive(Clone, Debug)]
pub(crate) struct ServiceHabits {
    /// What it subscribes to.
    pub(crate) filters: Vec<usize>,
    /// Receive Maximum.
    pub(crate) window: u16,
    /// Messages of a batch, at most.
    pub(crate) batch: usize,
    /// How often its target goes or comes.
    pub(crate) away_per_mille: u32,
    /// How often it begins anew by itself.
    pub(crate) restart_per_mille: u32,
}

/// How much room there is for the log.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Space {
    /// What the disk takes at first.
    pub(crate) disk_bytes: Option<u64>,
    /// What the operator allows.
    pub(crate) log_bytes_max: Option<u64>,
    /// How often others take or give back room on the disk, in a hundred thousand steps.
    pub(crate) changes: u32,
    /// The operator takes back the bound once the faults stop. Otherwise the log must find room by itself.
    pub(crate) is_bound_taken_back: bool,
}

/// Tells what is chosen for services from what is chosen for the log.
const SERVICES: u64 = 0x5e7;

/// The most shards of any server.
pub(crate) const SHARDS_MAX: usize = 3;

impl Settings {
    pub(crate) fn new(is_durable: Option<bool>, random: &mut Random) -> Settings {
        let shards = *random.pick(&[1, 2, 2, 3, 3]);
        let weight = |random: &mut Random, usual: u32| match random.below(6) {
            0 => 0,
            1 => usual * 4,
            _ => usual,
        };
        let deeds = [
            30,
            30,
            10 + random.below(30) as u32,
            weight(random, 6),
            weight(random, 3),
            20,
            weight(random, 1),
            weight(random, 2),
            weight(random, 1),
            weight(random, 2),
        ];
        let chosen = !random.one_in(4);
        let is_durable = is_durable.unwrap_or(chosen);
        let congested_bytes = *random.pick(&[100, 1000, 256 << 10]);
        let mut settings = Settings {
            shards,
            clients: random.between(2, 7),
            steps: *random.pick(&[300, 1500, 4000, 12_000]),
            switch_per_mille: *random.pick(&[0, 30, 100, 300, 1000]),
            turns: [*random.pick(&[2, 6, 12]), *random.pick(&[1, 3, 6]), *random.pick(&[1, 3, 6])],
            lanes: (0..SHARDS_MAX).map(|_| *random.pick(&[1, 4, 4])).collect(),
            deeds: deeds.to_vec(),
            tick_per_mille: *random.pick(&[5, 20, 100]),
            leap_per_mille: *random.pick(&[0, 0, 5, 30]),
            small_reads: random.one_in(4),
            room_bytes: *random.pick(&[50, 500, 1 << 20, 1 << 20]),
            congested_bytes,
            held_bytes: congested_bytes * *random.pick(&[2, 100]),
            clean_per_mille: *random.pick(&[0, 0, 100, 500]),
            silent_per_mille: *random.pick(&[0, 300]),
            packet_ids: *random.pick(&[4, 4, 30, u16::MAX]),
            large_per_mille: *random.pick(&[0, 0, 20, 150]),
            expiry_per_mille: *random.pick(&[0, 0, 100]),
            has_witness: !random.one_in(3),
            has_wills: random.one_in(2),
            has_shares: random.one_in(3),
            has_retained: random.one_in(2),
            is_durable,
            log_weight: *random.pick(&[1, 4, 20]),
            disk_per_mille: *random.pick(&[0, 50, 500]),
            deaths: *random.pick(&[0, 30, 100, 300, 1000]),
            power_cut_per_mille: *random.pick(&[0, 500, 1000]),
            disk_faults: *random.pick(&[0, 0, 50]),
            snapshots_per_mille: *random.pick(&[0, 2, 20]),
            varies_shards: random.one_in(4),
            log_pending_bytes_max: usize::MAX,
            segment_bytes: *random.pick(&[16 << 10, 32 << 10, 256 << 10]),
            reserve_segments: *random.pick(&[0, 1, 2]),
            autosave: None,
            bounds: Bounds::new(shards, None),
            space: None,
            options: options(random),
            services: Vec::new(),
            reloads: 0,
        };
        settings.choose_log();
        settings
    }

    /// Chooses services, for themselves too.
    pub(crate) fn choose_services(&mut self) {
        let random = &mut Random::new(self.options.seed ^ SERVICES);
        self.reloads = *random.pick(&[0, 30, 200]);
        for _ in 0..random.between(1, 2) {
            let mut filters: Vec<usize> = (0..FIRST_SHARE).filter(|_| random.one_in(4)).collect();
            if filters.is_empty() || random.one_in(2) {
                filters.insert(0, 0);
            }
            filters.dedup();
            let batch = *random.pick(&[1, 3, 20]);
            self.services.push(ServiceHabits {
                filters,
                window: *random.pick(&[batch as u16, 2 * batch as u16, u16::MAX]),
                batch,
                away_per_mille: *random.pick(&[0, 20, 200]),
                restart_per_mille: *random.pick(&[0, 0, 10]),
            });
        }
    }

    /// What has to do with the log's room and haste. Chosen for itself: what else a seed makes of a world stays as it was.
    fn choose_log(&mut self) {
        let random = &mut Random::new(self.options.seed);
        self.autosave = *random.pick(&[None, None, Some(Autosave::Seconds(2)), Some(Autosave::Changes(30))]);
        self.bounds.growth_min = *random.pick(&[2 << 10, 16 << 10, self.bounds.growth_min]);
        self.bounds.spill_max = *random.pick(&[0, 32 << 10, self.bounds.spill_max]);
        if random.one_in(3) {
            // The smallest: a few Sessions that come and go use up a reserve of these.
            self.segment_bytes = if random.one_in(2) { 8 << 10 } else { self.segment_bytes };
            self.space = Some(Space::new(self, random));
        }
        self.log_pending_bytes_max = *random.pick(&[usize::MAX, usize::MAX, 4000, 300]);
    }
}

impl Space {
    fn new(settings: &Settings, random: &mut Random) -> Space {
        let Settings { segment_bytes, reserve_segments, large_per_mille, .. } = *settings;
        // Less, and a log is not opened.
        let least = (u64::from(reserve_segments) + 2) * segment_bytes;
        let bytes =
            |random: &mut Random| least + *random.pick(&[0, 1, 2, 4, 8]) * segment_bytes + random.below(1000) as u64;
        let is_disk_limited = !random.one_in(3);
        let is_log_bound = !is_disk_limited || random.one_in(4);
        let log_bytes_max = is_log_bound.then(|| bytes(random));
        // A large message has a file of its own, of more than a segment.
        let is_ample =
            large_per_mille == 0 && log_bytes_max.is_none_or(|max| max >= least + AMPLE_SEGMENTS * segment_bytes);
        Space {
            disk_bytes: is_disk_limited.then(|| bytes(random)),
            log_bytes_max,
            changes: if is_disk_limited { *random.pick(&[0, 50, 500]) } else { 0 },
            is_bound_taken_back: !is_ample || random.one_in(3),
        }
    }
}

/// With so many segments beyond the least there is room again once everything is delivered.
const AMPLE_SEGMENTS: u64 = 8;

fn options(random: &mut Random) -> Options {
    let listener = ListenerOptions {
        max_topic_alias: *random.pick(&[0, 2, 10]),
        max_topic_alias_broker: *random.pick(&[0, 2, 10]),
        ..ListenerOptions::default()
    };
    Options {
        listeners: vec![listener],
        max_inflight_messages: *random.pick(&[1, 3, 20, 20]),
        max_queued_messages: *random.pick(&[0, 0, 0, 0, 3, 10]),
        queue_qos0_messages: random.one_in(3),
        max_keep_alive_s: u16::MAX,
        queue_memory_bytes: *random.pick(&[64 << 20, 0, 500]),
        queue_run_bytes: *random.pick(&[64 << 10, 100, 1000]),
        seed: random.next(),
        ..Options::default()
    }
}
