//! What waits in a Session, sent as the client makes room: first what must be sent again, then the queue, then replays
//! of Retained Messages. In portions, so that nobody waits for another's backlog.

use super::Shard;
use super::deliver::{Layouts, Outgoing, needs_measuring};
use crate::event::DiscardReason;
use crate::ids::ConnectionId;
use crate::limits;
use crate::replay::Replay;
use crate::retained::Retained;
use crate::router::FilterId;
use crate::session::Port;
use crate::turn::Turn;
use midge_codec::{AcknowledgementKind, PacketId, QoS, ReasonCode};
use midge_protocol::{InflightMax, Received, Resend};

/// What a step did.
#[derive(PartialEq, Eq)]
enum Step {
    /// Something was sent or settled: go on.
    Done,
    /// Nothing of this kind waits.
    Nothing,
    /// The client must acknowledge something first.
    Blocked,
    /// A portion was visited without a result: let others have their turn.
    Later,
    /// The log has no room for the message that would have to be written with it.
    Starved,
}

/// What is sent again, taken out of the Session so that sending may borrow it.
enum Again {
    Publish { packet_id: PacketId, qos: QoS, retain: bool, extra: u32, message: crate::message::Message },
    Release(PacketId),
}

impl Shard {
    /// Sends what waits for this Session, as far as its client and this turn allow.
    pub(super) fn pump(&mut self, slot: u32, turn: &mut Turn) {
        let Some(port) = self.sessions.port(slot) else { return };
        let Some(id) = port.connection().filter(|_| !port.is(Port::CONGESTED)) else { return };
        let Some(session) = self.sessions.get(slot) else { return };
        let resends = session.outbound.as_ref().is_some_and(|outbound| outbound.has_resends());
        if !resends && !session.has_queued() && !session.has_replays() {
            return;
        }
        loop {
            if turn.outbox.bytes(id) > limits::PUMP_BYTES_MAX || turn.is_full() {
                return self.add_work(slot);
            }
            match self.step(slot, id, port, turn) {
                Step::Done => {}
                Step::Later => return self.add_work(slot),
                Step::Nothing | Step::Blocked => return,
                Step::Starved => {
                    self.starved.insert(slot);
                    return;
                }
            }
        }
    }

    /// Sessions whose portions were cut short go on. `true`: there is more, come again without sleeping.
    pub fn handle_work(&mut self, turn: &mut Turn) -> bool {
        if !self.starved.is_empty() && !self.shared.is_log_scarce() {
            std::mem::take(&mut self.starved).into_iter().for_each(|slot| self.add_work(slot));
        }
        for _ in 0..self.work.len().min(limits::WORK_SESSIONS_MAX) {
            if turn.is_full() {
                break;
            }
            let Some(slot) = self.work.pop_front() else { break };
            if let Some(session) = self.sessions.get_mut(slot) {
                session.has_work = false;
                self.pump(slot, turn);
            }
        }
        let has_overdue_runs = self.make_overdue_runs(turn);
        let writes_snapshot = self.is_logging() && self.write_snapshot(turn);
        !self.work.is_empty() || has_overdue_runs || writes_snapshot
    }

    /// The socket does not take what we write: nothing but answers is sent until it has taken all of it.
    pub fn handle_congested(&mut self, id: ConnectionId) {
        let Some(slot) = self.connection(id).map(|connection| connection.session) else { return };
        self.sessions.set_flag(slot, Port::CONGESTED, true);
        self.set_groups_ready(slot, false, None);
    }

    /// The socket has taken everything.
    pub fn handle_drained(&mut self, id: ConnectionId, turn: &mut Turn) {
        let Some(slot) = self.connection(id).map(|connection| connection.session) else { return };
        self.sessions.set_flag(slot, Port::CONGESTED, false);
        self.set_groups_ready(slot, true, None);
        self.pull_all(slot, turn);
        self.pump(slot, turn);
    }

    /// A Session has a new connection: everything unfinished goes on there.
    pub(super) fn resume(&mut self, slot: u32, turn: &mut Turn) {
        let Some(session) = self.sessions.get_mut(slot) else { return };
        if let Some(inbound) = &mut session.inbound {
            inbound.handle_connection();
        }
        if let Some(outbound) = &mut session.outbound {
            outbound.handle_connection();
        }
        self.join_groups_ready(slot);
        self.pump(slot, turn);
        self.pull_all(slot, turn);
    }

    fn add_work(&mut self, slot: u32) {
        if let Some(session) = self.sessions.get_mut(slot)
            && !std::mem::replace(&mut session.has_work, true)
        {
            self.work.push_back(slot);
        }
    }

    fn step(&mut self, slot: u32, id: ConnectionId, port: Port, turn: &mut Turn) -> Step {
        let step = self.step_resend(slot, id, port, turn);
        if step != Step::Nothing {
            return step;
        }
        let step = self.step_queue(slot, id, port, turn);
        if step != Step::Nothing {
            return step;
        }
        self.step_replay(slot, id, port, turn)
    }

    fn inflight_max(&self, id: ConnectionId) -> InflightMax {
        let none = InflightMax { messages: 0, bytes: 0 };
        self.connection(id).map_or(none, |connection| connection.inflight_max(&self.options))
    }

    /// Whether no message is to be written to the log for this Session.
    fn is_short_of_room(&self, port: Port) -> bool {
        port.is(Port::DURABLE) && self.shared.is_log_scarce()
    }

    /// `[MQTT-4.4.0-1]`
    fn step_resend(&mut self, slot: u32, id: ConnectionId, port: Port, turn: &mut Turn) -> Step {
        let inflight_max = self.inflight_max(id);
        let Some(session) = self.sessions.get_mut(slot) else { return Step::Nothing };
        let Some(outbound) = session.outbound.as_mut().filter(|outbound| outbound.has_resends()) else {
            return Step::Nothing;
        };
        let again = outbound.next_resend(inflight_max).map(|resend| match resend {
            Resend::Release(packet_id) => Again::Release(packet_id),
            Resend::Publish(packet_id, qos, kept) => {
                let (retain, extra, message) = (kept.retain, kept.extra, kept.message.clone());
                Again::Publish { packet_id, qos, retain, extra, message }
            }
        });
        let Some(again) = again else {
            return if outbound.has_resends() { Step::Blocked } else { Step::Nothing };
        };
        match again {
            Again::Release(packet_id) => {
                self.acknowledge(id, AcknowledgementKind::PubRel, packet_id, ReasonCode::SUCCESS, turn);
            }
            Again::Publish { packet_id, qos, retain, extra, message } => {
                let identifiers =
                    self.extras.get(extra as usize).map_or_else(Default::default, |extra| extra.identifiers.clone());
                let parts = self.as_seen(port, &message.parts());
                if needs_measuring(port, message.payload()) && !self.fits(id, &parts, qos, &identifiers) {
                    self.discard(slot, DiscardReason::PacketTooLarge, turn);
                    self.give_up(slot, packet_id, qos, turn);
                    return Step::Done;
                }
                if port.is(Port::MOUNTED) && !self.is_visible(port, message.topic()) {
                    self.give_up(slot, packet_id, qos, turn);
                    return Step::Done;
                }
                let packet_id = packet_id.get();
                let outgoing = Outgoing { qos, retain, dup: true, packet_id, identifiers: &identifiers };
                let layouts = &mut Layouts::default();
                self.send_publish(id, port, &message.parts(), Some(&message), &outgoing, layouts, turn);
            }
        }
        Step::Done
    }

    /// Ends an exchange whose packet is too large for the present connection `[MQTT-3.1.2-25]`, or not for its listener, as though
    /// it had been completed: else it would take a place of the client's Receive Maximum for ever.
    fn give_up(&mut self, slot: u32, packet_id: PacketId, qos: QoS, turn: &mut Turn) {
        let received = self.settle_exchange(slot, |outbound| match qos {
            QoS::ExactlyOnce => outbound.handle_pubrec(packet_id, true),
            _ => outbound.handle_puback(packet_id),
        });
        if let Some(Received::Complete(Some(kept))) = received {
            self.finish_exchange(slot, kept, turn);
        }
    }

    fn step_queue(&mut self, slot: u32, id: ConnectionId, port: Port, turn: &mut Turn) -> Step {
        let inflight_max = self.inflight_max(id);
        let is_short = self.is_short_of_room(port);
        let judged = self.sessions.get(slot).filter(|_| Shard::is_judged(port));
        let waiting = judged.and_then(|session| session.queue.as_deref()?.first());
        let is_withheld = waiting.is_some_and(|front| !self.may_receive(slot, port, front.message.topic()));
        let Some(session) = self.sessions.get_mut(slot) else { return Step::Nothing };
        let Some(queue) = &mut session.queue else { return Step::Nothing };
        let Some(front) = queue.first() else {
            if !queue.is_empty() {
                // The next ones are on disk.
                self.want_run(slot, turn);
                return Step::Blocked;
            }
            session.queue = None;
            return Step::Nothing;
        };
        let is_expired = !port.is(Port::SERVICE) && front.message.is_expired(turn.now.seconds());
        let is_sent = !is_expired && !is_withheld;
        let is_acknowledged = front.qos > QoS::AtMostOnce;
        let writes_message = front.qos == QoS::ExactlyOnce && front.message.is_from_run();
        if is_sent && is_acknowledged && !session.outbound.get_or_insert_default().can_begin(inflight_max) {
            return Step::Blocked;
        }
        if is_sent && writes_message && is_short {
            return Step::Starved;
        }
        let Some(kept) = queue.pop() else { return Step::Nothing };
        if let Some(arrived_s) = queue.taken_arrived_s().filter(|_| is_sent) {
            self.counters.queue_ages.add(turn.now.seconds().saturating_sub(arrived_s.into()));
        }
        if queue.wanted_run().is_some() {
            self.want_run(slot, turn);
        }
        let Some(session) = self.sessions.get_mut(slot) else { return Step::Nothing };
        if !is_sent {
            if is_acknowledged {
                session.outbound.get_or_insert_default().skip();
            }
            if is_expired {
                self.discard(slot, DiscardReason::Expired, turn);
            }
            self.finish(slot, kept, turn);
        } else if is_acknowledged {
            self.begin(slot, id, port, kept, &mut Layouts::default(), turn);
        } else {
            let identifiers = self.identifiers(&kept);
            let (message, qos, retain) = (kept.message.clone(), kept.qos, kept.retain);
            self.finish(slot, kept, turn);
            let outgoing = Outgoing { qos, retain, dup: false, packet_id: 0, identifiers: &identifiers };
            let layouts = &mut Layouts::default();
            self.send_publish(id, port, &message.parts(), Some(&message), &outgoing, layouts, turn);
        }
        Step::Done
    }

    fn step_replay(&mut self, slot: u32, id: ConnectionId, port: Port, turn: &mut Turn) -> Step {
        let inflight_max = self.inflight_max(id);
        let is_short = self.is_short_of_room(port);
        let now_s = turn.now.seconds();
        let judged = self.sessions.get(slot).filter(|_| Shard::is_judged(port) || self.options.check_retain_source);
        let waiting = judged.and_then(|session| session.replays.as_deref()?.front()?.fetched.front());
        let is_withheld = waiting.is_some_and(|(message, number)| {
            let topic = message.parts().topic;
            !self.may_receive(slot, port, topic) || self.is_withdrawn(*number, topic)
        });
        let Some(session) = self.sessions.get_mut(slot) else { return Step::Nothing };
        let Some(replays) = &mut session.replays else { return Step::Nothing };
        let Some(replay) = replays.front_mut() else { return Step::Nothing };
        if !self.replayed.is_wanted(slot, replay) {
            if let Some(replay) = replays.pop_front() {
                self.shared.retained().abandon(replay.cursor);
            }
            if replays.is_empty() {
                session.replays = None;
            }
            return Step::Done;
        }
        if replay.reading.is_some() {
            return Step::Blocked;
        }
        let Some((message, number)) = replay.fetched.front() else {
            if !replay.is_fetched {
                return fetch(replay, self.shared.retained(), now_s);
            }
            let filter = replay.filter;
            self.finish_replay(slot, filter, turn);
            return Step::Done;
        };
        let granted = QoS::from_u8(replay.options.qos()).unwrap_or(QoS::AtMostOnce);
        let qos = if self.options.upgrade_outgoing_qos { granted } else { granted.min(message.parts().qos) };
        if qos > QoS::AtMostOnce && !session.outbound.get_or_insert_default().can_begin(inflight_max) {
            return Step::Blocked;
        }
        if qos > QoS::AtMostOnce && is_short {
            return Step::Starved;
        }
        let (filter, identifier, number) = (replay.filter, replay.identifier, *number);
        let retained = self.shared.retained();
        let is_replaced =
            || retained.sequence() != replay.fetched_at && !retained.holds(message.topic_bytes(), replay.cursor.upto());
        if message.is_expired(now_s) || is_withheld || is_replaced() || replay.sent.contains(&number) {
            replay.fetched.pop_front();
            return Step::Done;
        }
        let Some(message) = message.whole().cloned() else {
            self.read_retained(slot, turn);
            return Step::Done;
        };
        replay.fetched.pop_front();
        let one = [identifier];
        let identifiers: &[u32] = if identifier == 0 { &[] } else { &one };
        let layouts = &mut Layouts::default();
        if qos > QoS::AtMostOnce {
            let message = self.record_replayed_message(slot, filter, number, message, qos, turn);
            let kept = self.hold(message, qos, true, identifiers, None);
            self.begin(slot, id, port, kept, layouts, turn);
        } else {
            let outgoing = Outgoing { qos, retain: true, dup: false, packet_id: 0, identifiers };
            self.send_publish(id, port, &message.parts(), Some(&message), &outgoing, layouts, turn);
        }
        Step::Done
    }

    fn finish_replay(&mut self, slot: u32, filter: FilterId, turn: &mut Turn) {
        if !filter.is_beside() {
            self.record_replayed(slot, filter, turn);
        }
        let Some(session) = self.sessions.get_mut(slot) else { return };
        if let Some(replays) = &mut session.replays {
            replays.pop_front();
            if replays.is_empty() {
                session.replays = None;
            }
        }
        if self.shared.mesh().shards() == 1 {
            // Nothing is on its way between shards: a live copy was judged while the replay ran.
            self.replayed.forget(slot, filter);
        } else {
            self.replayed.finish(slot, filter, turn.now.monotonic_ms + limits::REPLAY_REMEMBERED_MS);
        }
    }
}

/// The next portion of a replay.
fn fetch(replay: &mut Replay, retained: &Retained, now_s: u64) -> Step {
    let mut portion = Vec::new();
    replay.fetched_at = retained.sequence();
    replay.is_fetched = retained.replay(&mut replay.cursor, now_s, limits::REPLAY_NODES_MAX, &mut portion);
    replay.fetched.extend(portion);
    if replay.fetched.is_empty() && !replay.is_fetched { Step::Later } else { Step::Done }
}
