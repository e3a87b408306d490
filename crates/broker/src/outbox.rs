//! Packets that leave at the end of a turn, encoded once for each layout.
//!
//! The bytes of all packets stand in two arenas: PUBLISH in one, everything else in the other, so that a connection which
//! is sent many of one kind finds them side by side. What a connection is to be sent is a list of runs over the arenas;
//! neighbouring packets join into one run. A PUBLISH for many receivers is one piece of bytes in many lists, and where
//! only the Packet Identifier differs it is patched in while the pieces are gathered for writing. Large payloads are
//! not copied at all: the run refers to the Message.

use crate::ids::ConnectionId;
use crate::message::Message;

/// When a packet may leave.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum After {
    /// At the end of the turn.
    Now,
    /// Once everything that this turn recorded is durable. Met at once where nothing is recorded.
    TurnDurable,
}

/// A PUBLISH that was encoded into the arena, to be sent to any number of connections.
#[derive(Clone, Copy, Debug)]
pub struct Frame {
    start: u32,
    len: u32,
    packet_id_at: u32,
    /// The identifier that was encoded: the first receiver needs no patch.
    packet_id: u16,
    /// Index + 1 of the shared payload that follows.
    payload: u32,
}

/// The packets of a turn.
#[derive(Default)]
pub struct Outbox {
    publishes: Vec<u8>,
    controls: Vec<u8>,
    payloads: Vec<Message>,
    /// One for each connection that has something to send; the rest are spares with warm buffers.
    lists: Vec<List>,
    dirty: Vec<ConnectionId>,
    /// By connection: index + 1 of its list.
    list_of: Vec<u32>,
    runs: usize,
}

#[derive(Default)]
struct List {
    runs: Vec<Run>,
    bytes: usize,
    packets: u32,
    publishes: u32,
    /// Nothing may overtake what waits.
    holds_all: bool,
}

#[derive(Clone, Copy)]
struct Run {
    start: u32,
    len: u32,
    packet_id_at: u32,
    /// 0: nothing to patch.
    packet_id: u16,
    place: Place,
    after: After,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Publishes,
    Controls,
    Payload,
}

/// What one connection is to be sent.
pub enum Gathered<'a> {
    /// One stretch of bytes.
    One(&'a [u8]),
    /// Several, because large payloads stay where they are.
    Many(Vec<Piece<'a>>),
}

/// A stretch of bytes.
pub struct Piece<'a> {
    /// The bytes.
    pub bytes: &'a [u8],
    /// Whose payload they are, where they are one: keep a clone instead of a copy if they must wait.
    pub owner: Option<&'a Message>,
}

/// Payloads from this size on are shared instead of copied: from here a vectored write costs less than the copy, and a
/// thousand receivers who must wait for a megabyte do not hold a thousand of it.
pub const SHARED_PAYLOAD_BYTES_MIN: usize = 16 * 1024;

/// Beyond these the turn is committed before more is handled, so that its buffers stay within the caches.
const ARENA_BYTES_MAX: usize = 1 << 20;
const RUNS_MAX: usize = 1 << 18;

/// Warm buffers above these sizes are given back.
const LIST_RUNS_KEPT: usize = 1024;
const LISTS_KEPT: usize = 1 << 14;

impl Outbox {
    /// Whether so much has gathered that it should be written before more is added.
    pub fn is_full(&self) -> bool {
        self.publishes.len() + self.controls.len() > ARENA_BYTES_MAX || self.runs > RUNS_MAX
    }

    /// Connections that have something to send, in the order in which they first got it.
    pub fn dirty(&self) -> &[ConnectionId] {
        &self.dirty
    }

    /// Packets for `connection`: all, and those which are PUBLISH.
    pub fn packets(&self, connection: ConnectionId) -> (u32, u32) {
        self.list(connection).map_or((0, 0), |list| (list.packets, list.publishes))
    }

    /// PUBLISH packets for `connection`, and the bytes of all packets: what those who count look at in each turn.
    #[inline]
    pub fn load(&self, connection: ConnectionId) -> (u32, usize) {
        self.list(connection).map_or((0, 0), |list| (list.publishes, list.bytes))
    }

    /// Bytes for `connection`.
    pub fn bytes(&self, connection: ConnectionId) -> usize {
        self.list(connection).map_or(0, |list| list.bytes)
    }

    /// Nothing for `connection` may overtake what it was sent in this turn: it begins with CONNACK, or has a SUBACK or a message that
    /// waits.
    pub fn hold_behind(&mut self, connection: ConnectionId) {
        self.list_mut(connection).holds_all = true;
    }

    /// Whether nothing may overtake what `connection` is sent in this turn.
    pub fn holds_all(&self, connection: ConnectionId) -> bool {
        self.list(connection).is_some_and(|list| list.holds_all)
    }

    /// Whether something for `connection` must wait until the turn is durable.
    pub fn waits(&self, connection: ConnectionId) -> bool {
        self.list(connection).is_some_and(|list| list.runs.iter().any(|run| run.after == After::TurnDurable))
    }

    /// Adds a packet other than PUBLISH.
    pub fn packet(&mut self, connection: ConnectionId, after: After, encode: impl FnOnce(&mut Vec<u8>)) {
        let start = self.controls.len();
        encode(&mut self.controls);
        let len = (self.controls.len() - start) as u32;
        let run = Run { start: start as u32, len, packet_id_at: 0, packet_id: 0, place: Place::Controls, after };
        let list = self.list_mut(connection);
        list.packets += 1;
        list.bytes += len as usize;
        list.push(run, &mut 0);
        self.runs += 1;
    }

    /// Encodes a PUBLISH. `encode` returns where its Packet Identifier stands, counted from the packet's first byte.
    /// `payload` is the Message whose payload follows what `encode` wrote, where it is shared.
    pub fn frame(
        &mut self,
        packet_id: u16,
        payload: Option<&Message>,
        encode: impl FnOnce(&mut Vec<u8>) -> u32,
    ) -> Frame {
        let start = self.publishes.len();
        let packet_id_at = encode(&mut self.publishes);
        let payload = payload.map_or(0, |message| {
            self.payloads.push(message.clone());
            self.payloads.len() as u32
        });
        let len = (self.publishes.len() - start) as u32;
        Frame { start: start as u32, len, packet_id_at, packet_id, payload }
    }

    /// Bytes of the whole packet.
    pub fn frame_len(&self, frame: &Frame) -> usize {
        frame.len as usize + self.payload(frame).map_or(0, |message| message.payload().len())
    }

    /// Adds a PUBLISH that was encoded before, with a Packet Identifier of its own (0 at QoS 0).
    #[inline]
    pub fn send(&mut self, connection: ConnectionId, frame: &Frame, packet_id: u16, after: After) {
        let payload_len = self.payload(frame).map_or(0, |message| message.payload().len());
        let run = Run {
            start: frame.start,
            len: frame.len,
            packet_id_at: frame.packet_id_at,
            packet_id: if packet_id == frame.packet_id { 0 } else { packet_id },
            place: Place::Publishes,
            after,
        };
        let mut runs = self.runs;
        let list = self.list_mut(connection);
        list.packets += 1;
        list.publishes += 1;
        list.bytes += frame.len as usize + payload_len;
        list.push(run, &mut runs);
        if frame.payload != 0 {
            let run =
                Run { start: frame.payload - 1, len: 0, packet_id_at: 0, packet_id: 0, place: Place::Payload, after };
            list.push(run, &mut runs);
        }
        self.runs = runs;
    }

    /// Everything for `connection`, in order. `scratch` is overwritten and may hold the bytes that are returned.
    pub fn gather<'a>(&'a self, connection: ConnectionId, scratch: &'a mut Vec<u8>) -> Gathered<'a> {
        self.gather_if(connection, |_| true, scratch)
    }

    /// The same of the packets that leave at this time.
    pub fn gather_after<'a>(
        &'a self,
        connection: ConnectionId,
        after: After,
        scratch: &'a mut Vec<u8>,
    ) -> Gathered<'a> {
        self.gather_if(connection, |run| run.after == after, scratch)
    }

    fn gather_if<'a>(
        &'a self,
        connection: ConnectionId,
        is_wanted: impl Fn(&Run) -> bool,
        scratch: &'a mut Vec<u8>,
    ) -> Gathered<'a> {
        let Some(list) = self.list(connection) else { return Gathered::One(&[]) };
        if let [run] = list.runs[..]
            && run.packet_id == 0
            && run.place != Place::Payload
        {
            return Gathered::One(if is_wanted(&run) { self.run_bytes(&run) } else { &[] });
        }
        scratch.clear();
        scratch.reserve(list.bytes.min(ARENA_BYTES_MAX));
        // First all copies, then the slices: the scratch buffer moves while it grows.
        let mut payload_ends = Vec::new();
        for run in list.runs.iter().filter(|run| is_wanted(run)) {
            if run.place == Place::Payload {
                payload_ends.push((scratch.len(), &self.payloads[run.start as usize]));
                continue;
            }
            let at = scratch.len();
            scratch.extend_from_slice(self.run_bytes(run));
            if run.packet_id != 0 {
                let id_at = at + run.packet_id_at as usize;
                scratch[id_at..id_at + 2].copy_from_slice(&run.packet_id.to_be_bytes());
            }
        }
        if payload_ends.is_empty() {
            return Gathered::One(scratch);
        }
        let mut pieces = Vec::with_capacity(payload_ends.len() * 2 + 1);
        let mut at = 0;
        for (end, message) in payload_ends {
            pieces.push(Piece { bytes: &scratch[at..end], owner: None });
            pieces.push(Piece { bytes: message.payload(), owner: Some(message) });
            at = end;
        }
        pieces.push(Piece { bytes: &scratch[at..], owner: None });
        pieces.retain(|piece| !piece.bytes.is_empty());
        Gathered::Many(pieces)
    }

    /// Forgets what is still to be sent to `connection`.
    pub fn forget(&mut self, connection: ConnectionId) {
        if let Some(&index) = self.list_of.get(connection.0 as usize)
            && index != 0
        {
            self.lists[index as usize - 1].clear();
        }
    }

    /// Everything was written: begin anew, keeping the buffers warm.
    pub fn clear(&mut self) {
        for (connection, list) in self.dirty.drain(..).zip(&mut self.lists) {
            self.list_of[connection.0 as usize] = 0;
            list.clear();
            list.runs.shrink_to(LIST_RUNS_KEPT);
        }
        self.lists.truncate(LISTS_KEPT);
        self.payloads.clear();
        for arena in [&mut self.publishes, &mut self.controls] {
            arena.clear();
            arena.shrink_to(2 * ARENA_BYTES_MAX);
        }
        self.runs = 0;
    }

    fn payload(&self, frame: &Frame) -> Option<&Message> {
        (frame.payload as usize).checked_sub(1).map(|index| &self.payloads[index])
    }

    fn run_bytes(&self, run: &Run) -> &[u8] {
        let arena = if run.place == Place::Controls { &self.controls } else { &self.publishes };
        &arena[run.start as usize..run.start as usize + run.len as usize]
    }

    #[inline]
    fn list(&self, connection: ConnectionId) -> Option<&List> {
        let index = *self.list_of.get(connection.0 as usize)?;
        (index as usize).checked_sub(1).map(|index| &self.lists[index])
    }

    #[inline]
    fn list_mut(&mut self, connection: ConnectionId) -> &mut List {
        let at = connection.0 as usize;
        if at >= self.list_of.len() {
            self.list_of.resize(at + 1, 0);
        }
        if self.list_of[at] == 0 {
            self.dirty.push(connection);
            self.list_of[at] = self.dirty.len() as u32;
            if self.lists.len() < self.dirty.len() {
                self.lists.push(List::default());
            }
        }
        &mut self.lists[self.list_of[at] as usize - 1]
    }
}

impl List {
    #[inline]
    fn push(&mut self, run: Run, runs: &mut usize) {
        if let Some(last) = self.runs.last_mut()
            && last.start + last.len == run.start
            && last.place == run.place
            && (last.packet_id | run.packet_id) == 0
            && last.after == run.after
            && run.place != Place::Payload
        {
            last.len += run.len;
            return;
        }
        self.runs.push(run);
        *runs += 1;
    }

    fn clear(&mut self) {
        self.runs.clear();
        (self.bytes, self.packets, self.publishes) = (0, 0, 0);
        self.holds_all = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::MessageParts;
    use midge_codec::QoS;

    const C1: ConnectionId = ConnectionId(1);
    const C2: ConnectionId = ConnectionId(2);

    fn gathered(outbox: &Outbox, connection: ConnectionId) -> Vec<u8> {
        let mut scratch = Vec::new();
        match outbox.gather(connection, &mut scratch) {
            Gathered::One(bytes) => bytes.to_vec(),
            Gathered::Many(pieces) => pieces.iter().flat_map(|piece| piece.bytes.to_vec()).collect(),
        }
    }

    fn frame(outbox: &mut Outbox, packet_id: u16, bytes: &[u8]) -> Frame {
        outbox.frame(packet_id, None, |out| {
            out.extend_from_slice(bytes);
            1
        })
    }

    #[test]
    fn one_encoding_serves_many_connections_each_with_its_own_packet_identifier() {
        let mut outbox = Outbox::default();
        let publish = frame(&mut outbox, 7, &[0x32, 0, 7, b'x']);
        outbox.send(C1, &publish, 7, After::Now);
        outbox.send(C2, &publish, 0x0102, After::Now);
        assert_eq!(gathered(&outbox, C1), [0x32, 0, 7, b'x']);
        assert_eq!(gathered(&outbox, C2), [0x32, 1, 2, b'x']);
        assert_eq!(outbox.dirty(), [C1, C2]);
    }

    #[test]
    fn packets_keep_their_order_whatever_arena_they_stand_in() {
        let mut outbox = Outbox::default();
        outbox.packet(C1, After::TurnDurable, |out| out.push(1));
        let publish = frame(&mut outbox, 0, &[2, 3]);
        outbox.send(C1, &publish, 0, After::Now);
        outbox.packet(C1, After::Now, |out| out.push(4));
        outbox.packet(C1, After::Now, |out| out.push(5));
        assert_eq!(gathered(&outbox, C1), [1, 2, 3, 4, 5]);
        assert_eq!((outbox.packets(C1), outbox.bytes(C1)), ((4, 1), 5));
        assert!(outbox.waits(C1) && !outbox.waits(C2));
    }

    #[test]
    fn a_large_payload_is_shared_and_stands_where_it_belongs() {
        let payload = vec![9; SHARED_PAYLOAD_BYTES_MIN];
        let message = Message::new(&MessageParts {
            topic: "t",
            properties: &[],
            payload: &payload,
            qos: QoS::AtMostOnce,
            retain: false,
            received_s: 0,
            received_ns: 0,
            expiry_interval_s: None,
        });
        let mut outbox = Outbox::default();
        outbox.packet(C1, After::Now, |out| out.push(1));
        let publish = outbox.frame(0, Some(&message), |out| {
            out.push(2);
            0
        });
        outbox.send(C1, &publish, 0, After::Now);
        outbox.packet(C1, After::Now, |out| out.push(3));
        let bytes = gathered(&outbox, C1);
        assert_eq!((&bytes[..2], &bytes[2..bytes.len() - 1], bytes.last()), (&[1, 2][..], &payload[..], Some(&3)));
        assert_eq!(outbox.bytes(C1), bytes.len());
        assert_eq!(outbox.frame_len(&publish), 1 + payload.len());
    }

    #[test]
    fn a_cleared_outbox_begins_anew() {
        let mut outbox = Outbox::default();
        outbox.packet(C2, After::Now, |out| out.push(1));
        outbox.clear();
        assert!(outbox.dirty().is_empty());
        outbox.packet(C1, After::Now, |out| out.push(2));
        outbox.packet(C2, After::Now, |out| out.push(3));
        outbox.forget(C1);
        assert_eq!((gathered(&outbox, C1), gathered(&outbox, C2)), (vec![], vec![3]));
    }
}
