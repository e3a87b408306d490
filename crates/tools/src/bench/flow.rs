//! Messages from publishers to subscribers, in a closed or an open loop.

use std::sync::Arc;

use midge_client_core::{Accepted, Event, Message, Refusal};
use midge_client_mio::{ConnectionId, Driver, Notice};
use midge_codec::{PropertiesBuf, Publish, QoS, ReasonCode, SubscribeFiltersBuf, SubscriptionOptions, TopicFilter};

use super::board::{Board, Counts, Phase};
use super::ledger::Ledger;
use super::pace::Schedule;
use super::round::Round;
use super::scenario::Pace;
use super::sender::Sender;
use super::stamp::Stamp;
use super::streams::Shape;
use super::worker::{Load, Tally, is_broken};

/// The clients of one thread.
pub(super) struct Flow {
    round: Arc<Round>,
    thread: usize,
    /// Who is to come, last to first.
    seats: Vec<Seat>,
    /// Who is on the way.
    coming: usize,
    /// Who is connected and has not been dealt with.
    connected: Vec<ConnectionId>,
    /// By connection.
    receivers: Vec<Option<Receiver>>,
    /// By connection: the place of its sender.
    sender_of: Vec<Option<usize>>,
    senders: Vec<Sender>,
    /// In an open loop, once it has begun.
    schedule: Option<Schedule>,
    payload: Vec<u8>,
    /// The connection that is being read, and when that began.
    reading: Option<(ConnectionId, u64)>,
    /// What is stamped with a time from here to there is measured.
    measured_ns: std::ops::Range<u64>,
    tally: Tally,
}

/// A client.
#[derive(Clone, Copy, Debug)]
struct Seat {
    number: usize,
    subscriber: Option<usize>,
    publisher: Option<usize>,
}

/// A client that subscribes.
#[derive(Debug)]
struct Receiver {
    subscriber: usize,
    ledger: Ledger,
}

impl Flow {
    pub(super) fn new(round: &Arc<Round>, thread: usize) -> Flow {
        let plan = &round.plan;
        let mut seats = seats(plan.shape, thread, plan.threads);
        seats.reverse();
        Flow {
            thread,
            seats,
            coming: 0,
            connected: Vec::new(),
            receivers: Vec::new(),
            sender_of: Vec::new(),
            senders: Vec::new(),
            schedule: None,
            payload: vec![b'.'; plan.payload_bytes],
            reading: None,
            measured_ns: u64::MAX..u64::MAX,
            tally: Tally::new(),
            round: Arc::clone(round),
        }
    }

    fn board(&self) -> &Board {
        &self.round.board
    }

    fn counts(&self) -> &Counts {
        self.round.board.counts(self.thread)
    }

    /// Lets clients in, not too many at a time, and has them subscribe.
    fn admit(&mut self, driver: &mut Driver) -> bool {
        let has_connected = !self.connected.is_empty();
        for id in std::mem::take(&mut self.connected) {
            match self.receivers[id.slot()].as_ref().map(|receiver| receiver.subscriber) {
                Some(subscriber) => self.subscribe(driver, id, subscriber),
                None => self.enter(),
            }
        }
        let room = (COMING_MAX / self.round.plan.threads).max(1) - self.coming;
        for _ in 0..room.min(self.seats.len()) {
            if let Some(seat) = self.seats.pop() {
                self.seat(driver, seat);
            }
        }
        has_connected || room > 0
    }

    fn seat(&mut self, driver: &mut Driver, seat: Seat) {
        let server = &self.round.server;
        let id = driver.add(server.client(seat.number), Arc::clone(&server.endpoint));
        self.coming += 1;
        // Connections are numbered in their order, as none is removed.
        self.sender_of.push(seat.publisher.map(|_| self.senders.len()));
        self.senders.extend(seat.publisher.map(|publisher| Sender::new(&self.round, id, publisher)));
        self.receivers.push(seat.subscriber.map(|subscriber| Receiver {
            subscriber,
            ledger: Ledger::new(self.round.streams.taken_by(subscriber).count()),
        }));
    }

    fn subscribe(&mut self, driver: &mut Driver, id: ConnectionId, subscriber: usize) {
        let filter = self.round.streams.filter(subscriber);
        let mut filters = SubscribeFiltersBuf::new();
        if let Ok(filter) = TopicFilter::parse(&filter) {
            filters.push(filter, SubscriptionOptions { qos: self.round.plan.qos, ..SubscriptionOptions::default() });
        }
        if let Err(refusal) = driver.client_mut(id).subscribe(filters, PropertiesBuf::new()) {
            self.fail(|| format!("Error: Unable to subscribe: {refusal}."));
        }
    }

    /// Unless it has begun before.
    fn begin_load(&mut self) {
        if let (None, Pace::Rate(rate)) = (&self.schedule, self.round.plan.pace) {
            let own = self.senders.iter().map(|sender| sender.publisher);
            let (start_ns, publishers) = (self.board().load_since_ns(), self.round.plan.shape.publishers);
            self.schedule = Some(Schedule::new(start_ns, rate, publishers, own));
        }
    }

    fn enter(&mut self) {
        self.coming -= 1;
        self.counts().entered.add(1);
    }

    fn fail(&mut self, message: impl FnOnce() -> String) {
        self.counts().broken.add(1);
        self.board().note_failure(message);
    }

    /// Closed loop: what there is room for.
    fn refill(&mut self, driver: &mut Driver, window: usize) -> bool {
        let mut has_published = false;
        let mut since_ns = None;
        for sender in 0..self.senders.len() {
            let room = self.senders[sender].room(&self.round, driver, window);
            for _ in 0..room {
                let since_ns = *since_ns.get_or_insert_with(|| self.round.board.now_ns());
                has_published |= self.publish(driver, sender, since_ns);
            }
        }
        has_published
    }

    /// Open loop: all that is due.
    fn keep_up(&mut self, driver: &mut Driver) -> bool {
        let now_ns = self.board().now_ns();
        let mut has_published = false;
        while let Some((turn, due_ns)) = self.schedule.as_ref().and_then(|schedule| schedule.due(now_ns)) {
            if self.senders[turn].left == 0 || !self.publish(driver, turn, due_ns) {
                break;
            }
            self.schedule.as_mut().map(Schedule::advance);
            has_published = true;
        }
        has_published
    }

    /// Publishes the next message of a client; whether there was room for it.
    #[inline]
    fn publish(&mut self, driver: &mut Driver, sender: usize, since_ns: u64) -> bool {
        let Flow { round, senders, payload, .. } = self;
        let sender = &mut senders[sender];
        let (place, last) = sender.streams[sender.next];
        let stream = &round.streams.list()[place];
        let sequence = last.wrapping_add(1);
        Stamp { stream: place as u32, sequence, since_ns }.write(payload);
        match driver.publish(sender.id, &Message::new(&stream.topic, payload, round.plan.qos)) {
            Ok(Accepted::Held(number)) if !sender.is_heard() => sender.note_under_way(number, since_ns),
            Ok(_) => {}
            Err(Refusal::Full) => return false,
            Err(refusal) => {
                self.fail(|| format!("Error: Unable to publish: {refusal}."));
                return false;
            }
        }
        sender.advance(stream, sequence);
        let counts = round.board.counts(self.thread);
        counts.published.add(1);
        counts.due.add(if sender.is_heard() { stream.receivers } else { 1 });
        if !sender.is_heard() && round.plan.qos == QoS::AtMostOnce {
            counts.done.add(1);
        }
        true
    }

    /// A message came.
    #[inline]
    fn take(&mut self, id: ConnectionId, publish: &Publish<'_>) {
        let now_ns = match self.reading {
            Some((reading, since_ns)) if reading == id => since_ns,
            _ => {
                let now_ns = self.round.board.now_ns();
                self.reading = Some((id, now_ns));
                now_ns
            }
        };
        let streams = self.round.streams.list();
        let stamp = Stamp::read(publish.payload);
        let stream = stamp.and_then(|stamp| streams.get(stamp.stream as usize));
        let (Some(stamp), Some(stream), Some(receiver)) = (stamp, stream, &mut self.receivers[id.slot()]) else {
            self.tally.foreign += 1;
            // Of those who only receive that is all that is wanted.
            self.counts().done.add(u64::from(streams.is_empty()));
            return;
        };
        if !receiver.ledger.take(stream.place, stamp.sequence) {
            return;
        }
        self.round.board.note_delivered(self.thread, stream.publisher);
        self.round.board.counts(self.thread).done.add(1);
        self.tally.record(&self.measured_ns, stamp.since_ns, now_ns);
    }

    /// The server answers for a message. Where nobody subscribes that is all that comes of it.
    fn acknowledged(&mut self, id: ConnectionId, number: u64, reason_code: ReasonCode) {
        self.tally.refused += u64::from(reason_code.is_error());
        let counts = self.round.board.counts(self.thread);
        counts.acknowledged.add(1);
        let sender = self.sender_of[id.slot()].and_then(|sender| self.senders.get_mut(sender));
        if let Some(since_ns) = sender.and_then(|sender| sender.take_under_way(number)) {
            counts.done.add(1);
            let now_ns = self.round.board.now_ns();
            self.tally.record(&self.measured_ns, since_ns, now_ns);
        }
    }

    fn handle_event(&mut self, id: ConnectionId, event: &Event<'_>) {
        match event {
            Event::Message(publish, _) => self.take(id, publish),
            Event::Acknowledged { number, reason_code, .. } => self.acknowledged(id, *number, *reason_code),
            Event::Connected(_) => self.connected.push(id),
            Event::Answered { codes, .. } => match codes.iter().find(|code| ReasonCode(**code).is_error()) {
                None => self.enter(),
                Some(code) => {
                    let reason = ReasonCode(*code).name();
                    self.fail(|| format!("Error: The server refuses a subscription: {reason}."));
                }
            },
            Event::Dropped { .. } => self.tally.refused += 1,
            Event::Disconnected(_) if is_broken(event) => {
                self.counts().broken.add(1);
                self.round.note_end(event);
            }
            _ => {}
        }
    }
}

impl Load for Flow {
    fn begin(&mut self, phase: Phase, driver: &mut Driver) {
        let now_ns = self.board().now_ns();
        match phase {
            Phase::Enter => {}
            Phase::WarmUp => self.begin_load(),
            Phase::Measure => {
                self.begin_load();
                self.measured_ns.start = now_ns;
            }
            Phase::Drain => {
                self.measured_ns.end = now_ns;
                let is_on = self.senders.iter().any(|sender| sender.left > 0);
                let schedule = self.schedule.as_ref().filter(|_| is_on);
                self.tally.behind = schedule.map_or(0, |schedule| schedule.behind(now_ns));
            }
            Phase::Leave => {
                for slot in 0..self.receivers.len() {
                    let id = ConnectionId::of_slot(slot);
                    driver.client_mut(id).disconnect(ReasonCode::SUCCESS, &PropertiesBuf::new(), &mut |_| {});
                }
            }
        }
    }

    fn act(&mut self, phase: Phase, driver: &mut Driver) -> bool {
        self.reading = None;
        match (phase, self.round.plan.pace) {
            (Phase::Enter, _) => self.admit(driver),
            (Phase::WarmUp | Phase::Measure, Pace::Window(window)) => self.refill(driver, window),
            (Phase::WarmUp | Phase::Measure, Pace::Rate(_)) => self.keep_up(driver),
            (Phase::Drain | Phase::Leave, _) => false,
        }
    }

    fn handle(&mut self, notice: &Notice<'_>) {
        match notice {
            Notice::Event(id, event) => self.handle_event(*id, event),
            Notice::Failed(_, failure) => self.round.note_failure(failure),
            Notice::Ready(_) => {}
        }
    }

    fn is_over(&self, driver: &Driver) -> bool {
        (0..self.receivers.len()).all(|slot| driver.is_over(ConnectionId::of_slot(slot)))
    }

    fn finish(self) -> Tally {
        let ledgers = self.receivers.into_iter().flatten().map(|receiver| (receiver.subscriber, receiver.ledger));
        let sent = self.senders.into_iter().flat_map(|sender| sender.streams);
        Tally { ledgers: ledgers.collect(), sent: sent.collect(), ..self.tally }
    }
}

/// The clients of a thread, in the order in which they come: those who subscribe first.
fn seats(shape: Shape, thread: usize, threads: usize) -> Vec<Seat> {
    let subscribers = (0..shape.subscribers).filter(|&it| shape.is_subscriber_of(thread, threads, it));
    let subscribers = subscribers.map(|subscriber| Seat {
        number: subscriber,
        subscriber: Some(subscriber),
        publisher: shape.is_to_self.then_some(subscriber),
    });
    let publishers = if shape.is_to_self { 0 } else { shape.publishers };
    let publishers = (thread..publishers).step_by(threads).map(|publisher| Seat {
        number: shape.subscribers + publisher,
        subscriber: None,
        publisher: Some(publisher),
    });
    subscribers.chain(publishers).collect()
}

/// Who comes in at a time: below the backlog that servers give to `listen`.
const COMING_MAX: usize = 64;
