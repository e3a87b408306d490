//! A client that publishes: its streams, and how far it is ahead.

use std::collections::VecDeque;

use midge_client_mio::{ConnectionId, Driver};
use midge_codec::QoS;

use super::round::Round;
use super::streams::Stream;

/// A client that publishes.
#[derive(Debug)]
pub(super) struct Sender {
    pub(super) id: ConnectionId,
    pub(super) publisher: usize,
    /// Places of its streams, each with the number of its last message.
    pub(super) streams: Vec<(usize, u32)>,
    /// The stream whose turn it is.
    pub(super) next: usize,
    /// Deliveries that its messages must cause.
    due: u64,
    /// The most receivers of one of its streams.
    receivers_max: u64,
    /// Messages that it has still to publish.
    pub(super) left: u64,
    /// Where nobody subscribes: since when each message of QoS 1 or 2 is under way, by its number; 0: not any more.
    under_way: VecDeque<u64>,
    /// The number of the first of those.
    first_number: u64,
}

impl Sender {
    pub(super) fn new(round: &Round, id: ConnectionId, publisher: usize) -> Sender {
        let streams = round.streams.list().iter().enumerate().filter(|(_, stream)| stream.publisher == publisher);
        Sender {
            id,
            publisher,
            receivers_max: streams.clone().map(|(_, stream)| stream.receivers).max().unwrap_or(0),
            streams: streams.map(|(place, _)| (place, 0)).collect(),
            next: 0,
            due: 0,
            left: round.plan.share(publisher, round.plan.shape.publishers),
            under_way: VecDeque::new(),
            first_number: 0,
        }
    }

    /// Whether anybody subscribes to one of its topics. Else a message is done when the server answers for it.
    pub(super) fn is_heard(&self) -> bool {
        self.receivers_max > 0
    }

    /// How many messages it may publish now, in a closed loop. Its client is only looked at where there may be any: there are many.
    pub(super) fn room(&self, round: &Round, driver: &Driver, window: usize) -> usize {
        let undelivered = self.due.saturating_sub(round.board.delivered(self.publisher));
        let room = window.saturating_sub(undelivered.div_ceil(self.receivers_max.max(1)) as usize);
        if !self.is_worth_it(room, window) {
            return 0;
        }
        let client = driver.client(self.id);
        let room = match round.plan.qos {
            _ if !client.is_online() => 0,
            // Nothing says how far the server is but the socket.
            QoS::AtMostOnce if !self.is_heard() && !client.output().is_empty() => 0,
            QoS::AtMostOnce => room,
            QoS::AtLeastOnce | QoS::ExactlyOnce => room.min(window.saturating_sub(client.held().0)),
        };
        if self.is_worth_it(room, window) { room.min(self.left as usize) } else { 0 }
    }

    /// Half a window at once, so that both sides have something to do meanwhile; or all that is left.
    fn is_worth_it(&self, room: usize, window: usize) -> bool {
        room > 0 && self.left > 0 && (2 * room >= window || room as u64 >= self.left)
    }

    /// A message of this stream, whose turn it was, was published.
    pub(super) fn advance(&mut self, stream: &Stream, sequence: u32) {
        self.streams[self.next].1 = sequence;
        self.next = if self.next + 1 == self.streams.len() { 0 } else { self.next + 1 };
        self.due += stream.receivers;
        self.left -= 1;
    }

    pub(super) fn note_under_way(&mut self, number: u64, since_ns: u64) {
        if self.under_way.is_empty() {
            self.first_number = number;
        }
        self.under_way.push_back(since_ns);
    }

    /// Since when a message is under way that has ended.
    pub(super) fn take_under_way(&mut self, number: u64) -> Option<u64> {
        let place = usize::try_from(number.checked_sub(self.first_number)?).ok()?;
        let since_ns = std::mem::take(self.under_way.get_mut(place)?);
        while self.under_way.front() == Some(&0) {
            self.under_way.pop_front();
            self.first_number += 1;
        }
        Some(since_ns)
    }
}
