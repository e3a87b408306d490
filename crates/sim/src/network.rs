//! Network Connections between clients and shards: bytes that are written, are on their way for a while, and arrive in
//! portions; ends that are noticed late or never; connections that break between any two bytes.
//!
//! What must hold: the bytes of one direction arrive in their order and none twice. Between connections there is no order at
//! all. What the checkers need to know about the end of a connection is kept here for ever ([`Wire`]).

use midge_broker::ListenerId;
use midge_choices::Random;
use std::collections::VecDeque;

/// Number of a connection, never used again.
pub(crate) type WireId = usize;

/// All connections there ever were.
#[derive(Default)]
pub(crate) struct Network {
    wires: Vec<Wire>,
    /// Those on which something can still happen.
    live: Vec<WireId>,
    /// Not accepted yet.
    knocking: VecDeque<WireId>,
}

/// One Network Connection.
pub(crate) struct Wire {
    up: Stream,
    down: Stream,
    /// Where it comes in.
    pub(crate) listener: ListenerId,
    /// Which shard reads it, once accepted; none while it moves.
    pub(crate) lane: Option<usize>,
    /// The shard does not read it for now.
    pub(crate) is_held: bool,
    /// The server has bytes of it at which it looks later: for the client they are as good as not read.
    pub(crate) is_paused: bool,
    /// The shard has bytes left for it.
    pub(crate) has_backlog: bool,
    /// The client looks at it no more.
    is_left: bool,
    /// It is broken: nothing more comes through than what was on its way then.
    is_cut: bool,
    /// Writing to the broken connection fails, instead of going nowhere.
    fails: bool,
    /// Bytes to the client that fit in before it reads.
    room_bytes: usize,
    /// When the first of both sides, or the network, ended it.
    pub(crate) ended: Option<Moment>,
    /// How it ended for the server.
    pub(crate) closed: Option<Closed>,
}

/// A point in time, by the clock and by the steps of the world.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Moment {
    pub(crate) ms: u64,
    pub(crate) step: u64,
}

/// How a connection ended for the server.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Closed {
    pub(crate) at: Moment,
    pub(crate) how: How,
    /// Everything that the client ever wrote was read.
    pub(crate) has_read_all: bool,
}

/// Who ended a connection, for the server.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum How {
    /// The server noticed that it was gone.
    Noticed,
    /// The server closed it.
    ByServer,
    /// The server died.
    Died,
}

#[derive(Default)]
struct Stream {
    on_its_way: VecDeque<u8>,
    arrived: VecDeque<u8>,
    end: End,
    /// Bytes that will never arrive.
    is_torn: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Default)]
enum End {
    #[default]
    Open,
    Sent,
    Arrived,
}

/// What reading gave.
pub(crate) enum Read {
    Bytes(Vec<u8>),
    Nothing,
    End,
}

/// How a connection breaks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Break {
    /// Both sides notice, sooner or later.
    Noticed,
    /// The server never notices by itself.
    Silent,
}

impl Network {
    /// A client connects. Some shard accepts it some time.
    pub(crate) fn open(&mut self, room_bytes: usize, fails: bool) -> WireId {
        self.open_at(ListenerId(0), room_bytes, fails)
    }

    /// The pipe of one of the server's own services.
    pub(crate) fn open_pipe(&mut self, room_bytes: usize) -> WireId {
        self.open_at(ListenerId::SERVICES, room_bytes, true)
    }

    fn open_at(&mut self, listener: ListenerId, room_bytes: usize, fails: bool) -> WireId {
        let id = self.wires.len();
        self.wires.push(Wire {
            up: Stream::default(),
            down: Stream::default(),
            listener,
            lane: None,
            is_held: false,
            is_paused: false,
            has_backlog: false,
            is_left: false,
            is_cut: false,
            fails,
            room_bytes,
            ended: None,
            closed: None,
        });
        self.live.push(id);
        self.knocking.push_back(id);
        id
    }

    pub(crate) fn wire(&self, id: WireId) -> &Wire {
        &self.wires[id]
    }

    pub(crate) fn wire_mut(&mut self, id: WireId) -> &mut Wire {
        &mut self.wires[id]
    }

    /// Whether somebody waits to be accepted.
    pub(crate) fn has_knocking(&self) -> bool {
        !self.knocking.is_empty()
    }

    /// A shard accepts whoever waits longest.
    pub(crate) fn accept(&mut self, lane: usize) -> Option<WireId> {
        let id = self.knocking.pop_front()?;
        self.wires[id].lane = Some(lane);
        Some(id)
    }

    /// The client writes.
    pub(crate) fn client_write(&mut self, id: WireId, bytes: &[u8]) {
        let wire = &mut self.wires[id];
        if !wire.is_cut && !wire.is_left && wire.closed.is_none() {
            wire.up.on_its_way.extend(bytes);
        } else {
            wire.up.is_torn = true;
        }
    }

    /// The client reads what has arrived, up to `most` bytes.
    pub(crate) fn client_read(&mut self, id: WireId, most: usize) -> Read {
        self.wires[id].down.read(most)
    }

    /// The client closes. What it wrote before arrives.
    pub(crate) fn client_close(&mut self, id: WireId, now: Moment) {
        let wire = &mut self.wires[id];
        wire.end_by(now);
        wire.is_left = true;
        wire.up.finish();
        wire.down.tear();
    }

    /// The client turns to another connection and forgets this one without closing it.
    pub(crate) fn client_forget(&mut self, id: WireId, now: Moment) {
        self.wires[id].end_by(now);
        self.wires[id].is_left = true;
    }

    /// The connection breaks: of what is on its way in either direction only a beginning arrives.
    pub(crate) fn cut(&mut self, id: WireId, how: Break, random: &mut Random, now: Moment) {
        let wire = &mut self.wires[id];
        wire.end_by(now);
        wire.is_cut = true;
        for stream in [&mut wire.up, &mut wire.down] {
            let kept = random.below(stream.on_its_way.len() + 1);
            stream.is_torn |= kept < stream.on_its_way.len();
            stream.on_its_way.truncate(kept);
        }
        if how == Break::Noticed {
            wire.up.finish();
        }
        wire.down.finish();
    }

    /// Those who never noticed that their connections are gone do at last.
    pub(crate) fn end_silence(&mut self) {
        for &id in &self.live {
            let wire = &mut self.wires[id];
            if wire.is_cut || wire.is_left {
                wire.up.finish();
            }
        }
    }

    /// A shard reads what has arrived, up to `most` bytes.
    pub(crate) fn server_read(&mut self, id: WireId, most: usize) -> Read {
        self.wires[id].up.read(most)
    }

    /// A shard writes: how many bytes were taken. `Err`: the connection is broken.
    pub(crate) fn server_write(&mut self, id: WireId, bytes: &[u8]) -> Result<usize, ()> {
        let wire = &mut self.wires[id];
        if wire.is_cut || wire.is_left {
            return if wire.fails { Err(()) } else { Ok(bytes.len()) };
        }
        let taken = bytes.len().min(wire.room());
        wire.down.on_its_way.extend(&bytes[..taken]);
        Ok(taken)
    }

    /// The server closes, after the last bytes it had for the client.
    pub(crate) fn server_close(&mut self, id: WireId, rest: &[u8], how: How, now: Moment) {
        let wire = &mut self.wires[id];
        if !wire.is_cut && !wire.is_left {
            wire.down.on_its_way.extend(rest);
        }
        wire.end_by(now);
        let up = &mut wire.up;
        let has_read_all = !wire.is_paused && !up.is_torn && up.on_its_way.is_empty() && up.arrived.is_empty();
        wire.closed = Some(Closed { at: now, how, has_read_all });
        (wire.lane, wire.is_held, wire.has_backlog) = (None, false, false);
        up.tear();
        wire.down.finish();
    }

    /// The server dies, and with it all its connections: of what was on its way in either direction a part arrives.
    pub(crate) fn server_dies(&mut self, random: &mut Random, now: Moment) {
        self.knocking.clear();
        for at in 0..self.live.len() {
            let id = self.live[at];
            if self.wires[id].closed.is_some() {
                continue;
            }
            self.cut(id, Break::Noticed, random, now);
            let wire = &mut self.wires[id];
            wire.closed = Some(Closed { at: now, how: How::Died, has_read_all: false });
            (wire.lane, wire.is_held, wire.has_backlog) = (None, false, false);
            wire.up.tear();
        }
    }

    /// Whether a shard has something to do with its connections: bytes or an end to read, or room for what waits.
    pub(crate) fn is_lane_ready(&self, lane: usize) -> bool {
        self.live.iter().any(|&id| self.wires[id].lane == Some(lane) && self.wires[id].is_ready())
    }

    /// Whether a shard finds something when it reads.
    pub(crate) fn is_readable(&self, id: WireId) -> bool {
        self.wires[id].up.is_readable() && !self.wires[id].is_held
    }

    /// Whether the client, or the network, has ended it, and what is left can be read.
    pub(crate) fn has_end_arrived(&self, id: WireId) -> bool {
        self.wires[id].up.end == End::Arrived
    }

    /// Whether the client finds something when it reads.
    pub(crate) fn is_client_readable(&self, id: WireId) -> bool {
        self.wires[id].down.is_readable()
    }

    /// Whether what waits for this connection could be written now.
    pub(crate) fn has_room(&self, id: WireId) -> bool {
        self.wires[id].has_backlog && self.wires[id].room() > 0
    }

    /// Lets some bytes arrive, or an end, on some connection. `false`: nothing is on its way anywhere.
    pub(crate) fn deliver(&mut self, random: &mut Random) -> bool {
        let wires = &self.wires;
        self.live.retain(|&id| !wires[id].is_over());
        if self.live.is_empty() {
            return false;
        }
        let first = random.below(self.live.len());
        for step in 0..self.live.len() {
            let id = self.live[(first + step) % self.live.len()];
            let wire = &mut self.wires[id];
            let streams =
                if random.one_in(2) { [&mut wire.up, &mut wire.down] } else { [&mut wire.down, &mut wire.up] };
            if streams.into_iter().any(|stream| stream.deliver(random)) {
                return true;
            }
        }
        false
    }
}

impl Wire {
    fn is_ready(&self) -> bool {
        self.up.is_readable() && !self.is_held || self.has_backlog && self.room() > 0
    }

    fn room(&self) -> usize {
        if self.is_cut || self.is_left {
            return usize::MAX;
        }
        self.room_bytes.saturating_sub(self.down.on_its_way.len() + self.down.arrived.len())
    }

    fn is_over(&self) -> bool {
        self.closed.is_some() && (self.is_left || self.down.end == End::Arrived && self.down.arrived.is_empty())
    }

    fn end_by(&mut self, now: Moment) {
        self.ended.get_or_insert(now);
    }

    /// Whether the network broke it.
    pub(crate) fn is_cut(&self) -> bool {
        self.is_cut
    }
}

impl Stream {
    fn deliver(&mut self, random: &mut Random) -> bool {
        if self.on_its_way.is_empty() {
            let ends = self.end == End::Sent;
            if ends {
                self.end = End::Arrived;
            }
            return ends;
        }
        // Mostly all of it; sometimes a packet is cut anywhere.
        let most = self.on_its_way.len();
        let count = if random.one_in(3) { 1 + random.below(most) } else { most };
        self.arrived.extend(self.on_its_way.drain(..count));
        true
    }

    fn read(&mut self, most: usize) -> Read {
        if self.arrived.is_empty() {
            return if self.end == End::Arrived { Read::End } else { Read::Nothing };
        }
        let count = most.min(self.arrived.len());
        Read::Bytes(self.arrived.drain(..count).collect())
    }

    fn is_readable(&self) -> bool {
        !self.arrived.is_empty() || self.end == End::Arrived
    }

    fn finish(&mut self) {
        if self.end == End::Open {
            self.end = End::Sent;
        }
    }

    /// Nobody reads it any more.
    fn tear(&mut self) {
        self.on_its_way.clear();
        self.arrived.clear();
        self.end = End::Open;
    }
}
