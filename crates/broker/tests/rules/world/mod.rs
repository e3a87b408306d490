//! A whole server without threads, sockets or clock: shards around one `Shared`, connections as queues of bytes, time that
//! moves when told to.
//!
//! What happens next is a choice, made anew for each seed: which shard does something, whether it reads a connection (and
//! how many bytes of what waits), takes a connection that moves to it, collects its mail, goes on with work left over, or
//! ends its turn. Nothing a shard made leaves it before its turn ends, as in the real server. So the ways in which shards
//! can come between each other are tried out here, and one that fails can be run again.
//!
//! [`script`] puts conversations on top, [`device`] clients that keep the rules by themselves.

mod authority;
pub(crate) mod device;
mod restart;
pub(crate) mod script;

use authority::Authority;
use midge_broker::outbox::Gathered;
use midge_broker::{
    Arrival, ConnectionEnd, ConnectionId, Consumed, Counters, FirstBytes, Gauges, ListenerId, LogState, Next, Now,
    Options, Parcel, ReadRequest, ServiceOptions, Shard, ShardId, Shared, Turn,
};
use midge_choices::Random;
use std::collections::VecDeque;
use std::sync::Arc;

/// Number of a connection in this world, whatever shard it is on.
pub(crate) type LinkId = usize;

/// The world.
pub(crate) struct World {
    authority: Authority,
    pub(crate) shared: Arc<Shared>,
    options: Arc<Options>,
    log: restart::Log,
    /// What shards want to be read from the log.
    reads: Vec<(usize, ReadRequest)>,
    lanes: Vec<Lane>,
    links: Vec<Link>,
    now_ms: u64,
    wall_s: u64,
    random: Random,
}

/// A shard and what its thread would hold.
struct Lane {
    shard: Shard,
    turn: Turn,
    /// By connection: who it is.
    ids: Vec<Option<LinkId>>,
    arrivals: VecDeque<(LinkId, Arrival)>,
    departures: Vec<(usize, LinkId, Arrival)>,
    /// Something happened since the last commit.
    is_dirty: bool,
    has_work: bool,
    /// Parcels that wait for it.
    parcels: usize,
    /// Closes of this turn that were noted.
    closes_seen: usize,
}

/// A Network Connection.
struct Link {
    lane: usize,
    id: ConnectionId,
    phase: Phase,
    /// From the client, what the broker has not used.
    sent: Vec<u8>,
    /// How much of it the server has read.
    read: usize,
    /// The turn was full before all that was read was used.
    is_interrupted: bool,
    /// It is not read before this time.
    paused_until_ms: u64,
    /// The number of the listener where it came in.
    listener: u16,
    /// The client has closed.
    is_ended: bool,
    /// To the client, not looked at yet.
    received: Vec<u8>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    Greeting,
    Moving,
    Serving,
    /// The broker has asked for the close; the turn is not over.
    Ending,
    Closed,
}

/// What a shard could do next.
#[derive(Clone, Copy)]
enum Act {
    Read(LinkId),
    End(LinkId),
    Arrive,
    Mail,
    Work,
    Commit,
    /// Something that was wanted from the log has been read.
    ReadLog(usize),
}

/// More steps than any test needs: what does not come to rest by then never will.
const STEPS_MAX: usize = 3_000_000;

impl World {
    pub(crate) fn new(options: Options, shards: u16, seed: u64) -> World {
        let options = Arc::new(options);
        let (shared, empty) = restart::shards(&options, shards, restart::BEGINNING);
        World {
            lanes: empty.into_iter().map(|shard| restart::lane(shard, shards)).collect(),
            shared,
            options,
            log: restart::Log::default(),
            reads: Vec::new(),
            authority: Authority::default(),
            links: Vec::new(),
            now_ms: 1_000,
            wall_s: 2_000_000_000,
            random: Random::new(seed),
        }
    }

    fn now(&self) -> Now {
        Now { monotonic_ms: self.now_ms, wall_s: self.wall_s, wall_ns: 0 }
    }

    /// From now on there is only this service, and it wants this.
    pub(crate) fn want_services(&mut self, wanted: Option<(&str, &str)>) {
        self.settle();
        self.note_wanted_services(wanted);
        for at in 0..self.lanes.len() {
            let now = self.now();
            let lane = &mut self.lanes[at];
            lane.turn.now = now;
            lane.shard.put_in_force(Arc::clone(&self.options));
            lane.shard.look_at_services(&mut lane.turn);
            lane.is_dirty = true;
        }
        self.settle();
    }

    /// The same, but for shards that run.
    pub(crate) fn note_wanted_services(&mut self, wanted: Option<(&str, &str)>) {
        let service = |(client_id, filter): (&str, &str)| ServiceOptions {
            client_id: client_id.into(),
            filters: vec![filter.into()],
        };
        let services = wanted.into_iter().map(service).collect();
        self.options = Arc::new(Options { services, ..(*self.options).clone() });
    }

    /// A new connection, accepted by some shard.
    pub(crate) fn open(&mut self) -> LinkId {
        self.open_at(0)
    }

    /// The same at another listener than the first.
    pub(crate) fn open_at(&mut self, listener: u16) -> LinkId {
        let lane = self.random.below(self.lanes.len());
        let number = self.links.len();
        let id = self.lanes[lane].enter(number);
        self.links.push(Link {
            lane,
            id,
            phase: Phase::Greeting,
            sent: Vec::new(),
            read: 0,
            is_interrupted: false,
            paused_until_ms: 0,
            listener,
            is_ended: false,
            received: Vec::new(),
        });
        number
    }

    /// The client sends bytes. They wait until a shard reads them.
    pub(crate) fn send(&mut self, link: LinkId, bytes: &[u8]) {
        let link = &mut self.links[link];
        if link.phase != Phase::Closed && !link.is_ended {
            link.sent.extend_from_slice(bytes);
        }
    }

    /// Bytes that the server has sent and the client has not taken.
    pub(crate) fn received(&mut self, link: LinkId) -> &mut Vec<u8> {
        &mut self.links[link].received
    }

    /// The client closes; what it sent before arrives.
    pub(crate) fn close(&mut self, link: LinkId) {
        self.links[link].is_ended = true;
    }

    /// The connection breaks: of what the client sent only a part arrives.
    pub(crate) fn cut(&mut self, link: LinkId) {
        let link = &mut self.links[link];
        let unread = link.sent.len() - link.read;
        let kept = link.read + self.random.below(unread + 1);
        link.sent.truncate(kept);
        link.is_ended = true;
    }

    /// The server has closed it, or has handled that the client did.
    pub(crate) fn is_closed(&self, link: LinkId) -> bool {
        self.links[link].phase == Phase::Closed
    }

    /// The socket takes nothing more.
    pub(crate) fn congest(&mut self, link: LinkId) {
        let Link { lane, id, phase, .. } = self.links[link];
        if phase == Phase::Serving {
            self.lanes[lane].shard.handle_congested(id);
        }
    }

    /// The socket has taken all.
    pub(crate) fn drain(&mut self, link: LinkId) {
        let Link { lane, id, phase, .. } = self.links[link];
        if phase == Phase::Serving {
            let lane = self.begin(lane);
            lane.shard.handle_drained(id, &mut lane.turn);
        }
    }

    /// The server itself publishes.
    pub(crate) fn publish(&mut self, topic: &str, payload: &[u8], qos: midge_codec::QoS, retain: bool) {
        let at = self.random.below(self.lanes.len());
        let lane = self.begin(at);
        lane.shard.publish_from_server(topic, payload, qos, retain, &mut lane.turn);
    }

    /// Does one thing of those that could be done. `false`: there is nothing to do.
    pub(crate) fn step(&mut self) -> bool {
        let mut acts: Vec<(usize, Act)> = Vec::new();
        for (number, lane) in self.lanes.iter().enumerate() {
            let can = [
                (!lane.arrivals.is_empty(), Act::Arrive),
                (lane.parcels > 0, Act::Mail),
                (lane.has_work, Act::Work),
                (lane.is_dirty, Act::Commit),
            ];
            acts.extend(can.into_iter().filter(|can| can.0).map(|can| (number, can.1)));
            for &link in lane.ids.iter().flatten() {
                let it = &self.links[link];
                if !matches!(it.phase, Phase::Greeting | Phase::Serving) || it.paused_until_ms > self.now_ms {
                    continue;
                }
                if it.read < it.sent.len() || it.is_interrupted {
                    acts.push((number, Act::Read(link)));
                } else if it.is_ended {
                    acts.push((number, Act::End(link)));
                }
            }
        }
        acts.extend((0..self.reads.len()).map(|read| (self.reads[read].0, Act::ReadLog(read))));
        if acts.is_empty() {
            return false;
        }
        let (lane, act) = *self.random.pick(&acts);
        self.act(lane, act);
        true
    }

    /// Does so many things, or as many as there are to do.
    pub(crate) fn run(&mut self, steps: usize) {
        for _ in 0..steps {
            self.step();
        }
    }

    /// Goes on until nothing is left to be done.
    pub(crate) fn settle(&mut self) {
        for _ in 0..STEPS_MAX {
            if !self.step() {
                return;
            }
        }
        panic!("the shards do not come to rest");
    }

    /// Time passes: everything that is due on the way happens when it is due.
    pub(crate) fn wait(&mut self, ms: u64) {
        let end_ms = self.now_ms + ms;
        self.wall_s += ms / 1000;
        loop {
            self.settle();
            let paused = self.links.iter().map(|link| link.paused_until_ms).filter(|until_ms| *until_ms > self.now_ms);
            let deadlines = self.lanes.iter().filter_map(|lane| lane.shard.next_deadline_ms());
            let next_ms = deadlines.chain(paused).min();
            match next_ms.filter(|next_ms| *next_ms <= end_ms) {
                Some(next_ms) => self.now_ms = self.now_ms.max(next_ms),
                None => break,
            }
            let first = self.random.below(self.lanes.len());
            for step in 0..self.lanes.len() {
                let lane = self.begin((first + step) % self.lanes.len());
                lane.shard.handle_timeouts(&mut lane.turn);
            }
        }
        self.now_ms = end_ms;
    }

    /// The log's thread says how the log is doing, and wakes all shards.
    pub(crate) fn set_log_state(&mut self, state: LogState) {
        self.shared.log().expect("a log").set_state(state);
        for number in 0..self.lanes.len() {
            self.begin(number);
        }
        self.settle();
    }

    /// The server ends in order.
    pub(crate) fn shut_down(&mut self) {
        for number in 0..self.lanes.len() {
            let lane = self.begin(number);
            lane.shard.publish_wills(&mut lane.turn);
        }
        self.settle();
        for number in 0..self.lanes.len() {
            let lane = self.begin(number);
            lane.shard.handle_shutdown(&mut lane.turn);
        }
        self.settle();
    }

    /// One of them, to be asked what there is.
    pub(crate) fn shard(&self, number: usize) -> &Shard {
        &self.lanes[number].shard
    }

    /// Gauges of all shards together.
    pub(crate) fn gauges(&self) -> Gauges {
        self.lanes.iter().map(|lane| lane.shard.gauges()).fold(Gauges::default(), |sum, it| Gauges {
            sessions: sum.sessions + it.sessions,
            connected: sum.connected + it.connected,
            subscriptions: sum.subscriptions + it.subscriptions,
            shared_subscriptions: sum.shared_subscriptions + it.shared_subscriptions,
            messages_held: sum.messages_held + it.messages_held,
            messages_on_disk: sum.messages_on_disk + it.messages_on_disk,
            bytes_held: sum.bytes_held + it.bytes_held,
            inflight: sum.inflight + it.inflight,
        })
    }

    /// A count of all shards together.
    pub(crate) fn count(&self, of: impl Fn(&Counters) -> u64) -> u64 {
        self.lanes.iter().map(|lane| of(lane.shard.counters())).sum()
    }

    /// What is left once everybody has gone, in words; empty when all is as at the beginning.
    pub(crate) fn leftovers(&self) -> String {
        let gauges = self.gauges();
        let numbers = [
            ("sessions", gauges.sessions),
            ("connections", gauges.connected),
            ("subscriptions", gauges.subscriptions),
            ("shared subscriptions", gauges.shared_subscriptions),
            ("messages held", gauges.messages_held),
            ("messages inflight", gauges.inflight),
            ("bytes held", gauges.bytes_held),
            ("filters in the router", self.shared.router().filters() as u64),
            ("messages queued in groups", self.shared.groups().queued().0),
            ("bytes queued in groups", self.shared.groups().queued().1),
            ("sessions counted by the directory", self.shared.directory().sessions()),
            ("entries of the directory", self.shared.directory().len() as u64),
            ("shards that hold something", self.lanes.iter().filter(|lane| !lane.shard.is_bare()).count() as u64),
        ];
        let left = numbers.iter().filter(|number| number.1 != 0).map(|(name, number)| format!("{number} {name}"));
        left.collect::<Vec<_>>().join(", ")
    }

    fn act(&mut self, number: usize, act: Act) {
        match act {
            Act::Read(link) => self.read(link),
            Act::End(link) => self.end(link),
            Act::Arrive => self.arrive(number),
            Act::Mail => self.take_mail(number),
            Act::Work => {
                let lane = self.begin(number);
                lane.has_work = lane.shard.handle_work(&mut lane.turn);
                self.note_closes(number);
            }
            Act::Commit => self.commit(number),
            Act::ReadLog(read) => self.read_log(read),
        }
    }

    /// A lane that is about to do something.
    fn begin(&mut self, number: usize) -> &mut Lane {
        let now = self.now();
        let lane = &mut self.lanes[number];
        lane.turn.now = now;
        lane.is_dirty = true;
        lane.has_work = true;
        lane
    }

    /// Reads some of what a client has sent.
    fn read(&mut self, number: LinkId) {
        let link = &mut self.links[number];
        let unread = link.sent.len() - link.read;
        if unread > 0 {
            // Mostly all of it, as from a socket; sometimes a packet is cut anywhere.
            let taken = if self.random.one_in(3) { 1 + self.random.below(unread) } else { unread };
            link.read += taken;
        }
        link.is_interrupted = false;
        let (at, id, phase, listener) = (link.lane, link.id, link.phase, ListenerId(link.listener));
        let bytes = std::mem::take(&mut self.links[number].sent);
        self.begin(at);
        let lane = &mut self.lanes[at];
        let shown = &bytes[..self.links[number].read];
        let outcome = if phase == Phase::Greeting {
            let mut first = lane.shard.handle_first_bytes(id, listener, shown, &mut lane.turn);
            if let FirstBytes::Authenticate(credentials) = &first {
                let answer = self.authority.ask(credentials);
                first = lane.shard.handle_authenticated(id, listener, shown, &answer, &mut lane.turn);
            }
            match first {
                FirstBytes::NeedMore => None,
                FirstBytes::Stay(consumed) => {
                    self.links[number].phase = Phase::Serving;
                    Some(consumed)
                }
                FirstBytes::Move { shard, arrival } => {
                    lane.ids[id.0 as usize] = None;
                    lane.departures.push((usize::from(shard.0), number, arrival));
                    self.links[number].phase = Phase::Moving;
                    None
                }
                FirstBytes::Refused | FirstBytes::Authenticate(_) => None,
            }
        } else {
            Some(lane.shard.handle_bytes(id, shown, &mut lane.turn))
        };
        self.links[number].sent = bytes;
        if let Some(consumed) = outcome {
            self.consume(number, consumed);
        }
        self.note_closes(at);
    }

    fn consume(&mut self, number: LinkId, consumed: Consumed) {
        let link = &mut self.links[number];
        assert!(consumed.bytes <= link.read, "the broker used bytes that it was not given");
        link.sent.drain(..consumed.bytes);
        link.read -= consumed.bytes;
        let at = link.lane;
        match consumed.next {
            Next::NeedMore(_) | Next::Closed => {}
            Next::TurnFull => {
                link.is_interrupted = true;
                self.commit(at);
            }
            Next::Paused(until_ms) => {
                assert!(until_ms > self.now_ms, "a pause lasts");
                (link.is_interrupted, link.paused_until_ms) = (true, until_ms);
            }
        }
    }

    /// The client's end is noticed, after all it had sent.
    fn end(&mut self, number: LinkId) {
        let Link { lane: at, id, .. } = self.links[number];
        let lane = self.begin(at);
        lane.shard.handle_closed(id, ConnectionEnd::ClosedByClient, &mut lane.turn);
        self.links[number].phase = Phase::Closed;
        self.note_closes(at);
        // Its number is free once the turn is over.
        self.commit(at);
        self.lanes[at].ids[id.0 as usize] = None;
    }

    fn arrive(&mut self, at: usize) {
        let Some((number, arrival)) = self.lanes[at].arrivals.pop_front() else { return };
        let id = self.lanes[at].enter(number);
        let link = &mut self.links[number];
        (link.lane, link.id, link.phase) = (at, id, Phase::Serving);
        let bytes = link.sent[..link.read].to_vec();
        let lane = self.begin(at);
        let consumed = lane.shard.handle_arrival(id, arrival, &bytes, &mut lane.turn);
        self.consume(number, consumed);
        self.note_closes(at);
    }

    fn take_mail(&mut self, at: usize) {
        let mut parcels = Vec::new();
        self.shared.mesh().collect(ShardId(at as u16), &mut parcels);
        assert_eq!(parcels.len(), self.lanes[at].parcels, "parcels that were posted are collected");
        self.lanes[at].parcels = 0;
        for parcel in &mut parcels {
            let lane = self.begin(at);
            lane.shard.handle_mail(parcel, &mut lane.turn);
            self.note_closes(at);
            if self.lanes[at].turn.is_full() {
                self.commit(at);
            }
        }
        self.shared.mesh().recycle(ShardId(at as u16), &mut parcels);
    }

    fn note_closes(&mut self, at: usize) {
        let lane = &mut self.lanes[at];
        for id in &lane.turn.closes[lane.closes_seen..] {
            if let Some(link) = lane.ids[id.0 as usize]
                && self.links[link].phase != Phase::Closed
            {
                self.links[link].phase = Phase::Ending;
            }
        }
        lane.closes_seen = lane.turn.closes.len();
    }

    /// The end of a turn: mail and departures are posted, packets written, connections closed.
    fn commit(&mut self, at: usize) {
        self.note_closes(at);
        let mut parcels: Vec<(ShardId, Parcel)> = Vec::new();
        let lane = &mut self.lanes[at];
        lane.shard.hand_over(&mut lane.turn);
        if let Some(queue) = self.shared.log() {
            self.log.take(queue);
        }
        for (to, parcel) in lane.turn.mail.parcels() {
            self.shared.mesh().post(to, parcel);
            assert!(parcel.is_empty(), "an empty parcel is left behind");
            parcels.push((to, Parcel::default()));
        }
        for (to, link, arrival) in std::mem::take(&mut lane.departures) {
            self.lanes[to].arrivals.push_back((link, arrival));
        }
        for (to, _) in parcels {
            self.lanes[usize::from(to.0)].parcels += 1;
        }
        let lane = &mut self.lanes[at];
        let mut scratch = Vec::new();
        for &id in lane.turn.outbox.dirty() {
            let Some(link) = lane.ids[id.0 as usize] else { continue };
            let received = &mut self.links[link].received;
            match lane.turn.outbox.gather(id, &mut scratch) {
                Gathered::One(bytes) => received.extend_from_slice(bytes),
                Gathered::Many(pieces) => pieces.iter().for_each(|piece| received.extend_from_slice(piece.bytes)),
            }
        }
        for id in lane.turn.closes.drain(..) {
            if let Some(link) = lane.ids[id.0 as usize].take() {
                self.links[link].phase = Phase::Closed;
            }
        }
        lane.closes_seen = 0;
        lane.turn.events.clear();
        lane.turn.clear();
        let reads = std::mem::take(&mut lane.turn.reads);
        self.reads.extend(reads.into_iter().map(|read| (at, read)));
        lane.shard.note_turn_finished();
        // The log has come so far by now: a turn is due, which ends with work.
        lane.is_dirty = lane.shard.awaited_position().is_some();
        lane.has_work |= lane.is_dirty;
    }
}

impl Lane {
    /// A number for a connection: that of one that is gone, if there is one.
    fn enter(&mut self, link: LinkId) -> ConnectionId {
        let free = self.ids.iter().position(Option::is_none).unwrap_or_else(|| {
            self.ids.push(None);
            self.ids.len() - 1
        });
        self.ids[free] = Some(link);
        ConnectionId(free as u32)
    }
}
