//! Other systems that the server hands messages on to: a service of its own, and the target behind it.
//!
//! It lives through what a sink of the real server does: it comes through a pipe that no network breaks, has batches taken by a target
//! that is sometimes away, and acknowledges what the target has. It is killed with the server; the operator gives it up, wants
//! other topics of it, and wants it back. What the target has is what counts as delivered.

mod packets;

use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;

use crate::ground::Ground;
use crate::mutation::Mutation;
use crate::network::{Moment, Read, WireId};
use crate::record::{Ask, Delivery, MessageId, Record, SessionId};
use crate::settings::ServiceHabits;

/// See the module.
pub(crate) struct Service {
    pub(crate) number: usize,
    pub(crate) name: String,
    pub(crate) habits: ServiceHabits,
    ground: Rc<Ground>,
    /// What it runs with, of the settings with this number; `None`: not at all.
    runs: Option<Vec<usize>>,
    settings_number: Option<u64>,
    session: Option<SessionId>,
    /// Its Session may be gone, as the operator did not want it.
    is_doubtful: bool,
    /// Since when the server has surely ended its Session, unless it dies and forgets that.
    ended: Option<u64>,
    /// When the operator last wanted nothing of it.
    unwanted_at: u64,
    /// Until when the server may have refused or closed connections of what was not wanted.
    unwanted_until: u64,
    is_away: bool,
    /// Where the server's log ends, and what of it is durable.
    log: (u64, u64),
    link: Option<Link>,
    /// Connections before this one.
    wires: Vec<WireId>,
}

/// Its pipe.
struct Link {
    wire: WireId,
    begun: Moment,
    is_accepted: bool,
    unread: Vec<u8>,
    /// SUBSCRIBE that were not answered: filter, and question if there is one.
    asked: BTreeMap<u16, (usize, Option<usize>)>,
    /// Not acknowledged, oldest first.
    batch: VecDeque<Point>,
    /// The target has so many of them.
    taken: usize,
}

/// A message that was read.
struct Point {
    packet_id: u16,
    topic: String,
    /// `None`: an empty one.
    message: Option<MessageId>,
    received_ns: u64,
    dup: bool,
    /// It is durable when the log has come so far.
    position: u64,
}

impl Service {
    pub(crate) fn new(number: usize, habits: ServiceHabits, ground: Rc<Ground>) -> Service {
        Service {
            number: FIRST_NUMBER + number,
            name: format!("{}{number}", midge_broker::service::CLIENT_ID_PREFIX),
            habits,
            ground,
            runs: None,
            settings_number: None,
            session: None,
            is_doubtful: false,
            ended: None,
            unwanted_at: 0,
            unwanted_until: 0,
            is_away: false,
            log: (0, 0),
            link: None,
            wires: Vec::new(),
        }
    }

    /// Its Client Identifier, and all that it ever subscribes to.
    pub(crate) fn whole(&self) -> (String, Vec<usize>) {
        (self.name.clone(), self.habits.filters.clone())
    }

    /// It is its turn. The server has put the newest settings in force, or not yet, and has recorded so much, of which so much is
    /// durable. `Err`: it broke a promise.
    pub(crate) fn act(&mut self, record: &mut Record, is_in_force: bool, log: (u64, u64)) -> Result<(), String> {
        self.log = log;
        if is_in_force {
            self.follow(record)?;
        }
        let ground = self.ground.clone();
        let is_calm = ground.is_calm();
        let Some(link) = &self.link else {
            if self.runs.is_some() && (is_calm || ground.one_in(4)) {
                self.connect(record);
            }
            return Ok(());
        };
        let (has_points, has_taken) = (link.taken < link.batch.len(), link.taken > 0);
        if is_calm {
            self.is_away = false;
            self.read(record, usize::MAX)?;
            self.hand_on(record, usize::MAX)?;
            self.acknowledge();
            return Ok(());
        }
        self.is_away ^= ground.per_mille(self.habits.away_per_mille);
        if ground.per_mille(self.habits.restart_per_mille) {
            return self.stop(record);
        }
        match ground.below(3) {
            0 if has_taken => self.acknowledge(),
            // It may take a part of a request and break off, or all.
            1 if has_points && !self.is_away => {
                let most = if ground.one_in(8) { 1 } else { usize::MAX };
                self.hand_on(record, most)?;
            }
            _ if !self.is_away && !has_taken => {
                let most = if ground.one_in(4) { 1 + ground.below(60) } else { usize::MAX };
                self.read(record, most)?;
            }
            _ => {}
        }
        Ok(())
    }

    /// Whether it has handed on all that came, or is not wanted.
    pub(crate) fn is_idle(&self) -> bool {
        let is_settled = self.settings_number == Some(self.ground.wanted.borrow().number);
        let has_all = |link: &Link| link.is_accepted && link.asked.is_empty() && link.batch.is_empty();
        is_settled && self.link.as_ref().map_or(self.runs.is_none(), has_all)
    }

    pub(crate) fn has_something_to_read(&self) -> bool {
        self.link.as_ref().is_some_and(|link| self.ground.network.borrow().is_client_readable(link.wire))
    }

    /// Whether it runs with what the operator wants.
    pub(crate) fn is_settled(&self) -> bool {
        self.settings_number == Some(self.ground.wanted.borrow().number)
    }

    /// What it waits for, in words.
    pub(crate) fn waits_for(&self) -> String {
        let Service { name, runs, settings_number, .. } = self;
        let link = self.link.as_ref().map(|link| (link.is_accepted, link.asked.len(), link.batch.len()));
        format!("{name}: runs {runs:?} of settings {settings_number:?}, accepted, asked, not acknowledged: {link:?}")
    }

    /// The operator wants other services from now on.
    pub(crate) fn note_wanted(&mut self, record: &mut Record) {
        let wanted = self.wanted();
        let kept = wanted.clone().unwrap_or_default();
        if wanted.is_none() {
            (self.is_doubtful, self.unwanted_at) = (true, self.step());
        }
        let Some(session) = self.session else { return };
        for &filter in self.habits.filters.iter().filter(|filter| !kept.contains(filter)) {
            record.ask(session, filter, Ask::Unsubscribe, self.step());
        }
    }

    /// The server is killed, and this with it: perhaps its target took what was under way.
    pub(crate) fn die(&mut self, record: &mut Record) -> Result<(), String> {
        if !self.is_away && self.ground.one_in(2) {
            self.hand_on(record, usize::MAX)?;
        }
        self.close();
        (self.runs, self.settings_number) = (None, None);
        Ok(())
    }

    fn wanted(&self) -> Option<Vec<usize>> {
        let wanted = self.ground.wanted.borrow();
        let it = wanted.services.iter().find(|(client_id, _)| *client_id == self.name);
        it.map(|(_, filters)| filters.clone())
    }

    /// The settings are in force: runs as they say.
    fn follow(&mut self, record: &mut Record) -> Result<(), String> {
        let number = Some(self.ground.wanted.borrow().number);
        if self.settings_number == number {
            return Ok(());
        }
        self.settings_number = number;
        let wanted = self.wanted();
        let ended = wanted.is_none().then(|| self.step());
        if self.runs != wanted {
            self.say(|| format!("is to run with {wanted:?}"));
            if self.link.is_some() {
                self.stop(record)?;
            }
            self.runs = wanted;
        }
        self.ended = ended;
        self.unwanted_until = self.step();
        Ok(())
    }

    /// What has come is handed on if that takes one try.
    fn stop(&mut self, record: &mut Record) -> Result<(), String> {
        if !self.is_away && self.ground.one_in(2) {
            self.hand_on(record, usize::MAX)?;
            if self.ground.one_in(2) {
                self.acknowledge();
            }
        }
        self.close();
        Ok(())
    }

    fn connect(&mut self, record: &mut Record) {
        let wire = self.ground.network.borrow_mut().open_pipe(self.ground.settings.room_bytes);
        self.say(|| format!("> CONNECT and SUBSCRIBE on pipe {wire}"));
        let mut bytes = packets::connect(&self.name, self.habits.window);
        let mut asked = BTreeMap::new();
        for (at, &filter) in self.runs.iter().flatten().enumerate() {
            let packet_id = at as u16 + 1;
            bytes.extend(packets::subscribe(packet_id, filter));
            asked.insert(packet_id, (filter, None));
        }
        self.ground.network.borrow_mut().client_write(wire, &bytes);
        let (unread, batch) = (Vec::new(), VecDeque::new());
        let begun = self.ground.moment();
        self.link = Some(Link { wire, begun, is_accepted: false, unread, asked, batch, taken: 0 });
        // What may be asked in a Session that is still there.
        self.ask(record);
    }

    /// Notes what is asked of the Session that it knows.
    fn ask(&mut self, record: &mut Record) {
        let (Some(session), Some(link)) = (self.session, &mut self.link) else { return };
        for (filter, question) in link.asked.values_mut() {
            let ask = Ask::Subscribe { qos: 1, identifier: 0 };
            *question = Some(record.ask(session, *filter, ask, link.begun.step));
        }
    }

    fn read(&mut self, record: &mut Record, most: usize) -> Result<(), String> {
        let Some(link) = &mut self.link else { return Ok(()) };
        let read = self.ground.network.borrow_mut().client_read(link.wire, most);
        match read {
            Read::Bytes(bytes) => {
                link.unread.extend(bytes);
                self.handle_unread(record)
            }
            Read::Nothing => self.handle_unread(record),
            Read::End => self.handle_end(),
        }
    }

    fn handle_connack(&mut self, record: &mut Record, present: bool) -> Result<(), String> {
        self.say(|| format!("< CONNACK session-present={present}"));
        let deaths = self.ended.map_or(0, |step| record.deaths_since(step));
        if present && self.ended.is_some() && deaths == 0 {
            return Err("a Session has come back that was not wanted any more".to_owned());
        }
        if present && self.session.is_none() && self.wires.is_empty() {
            return Err("Session Present at the first time".to_owned());
        }
        if !present && self.session.is_some() && !self.is_doubtful {
            return Err("the Session of a service is gone".to_owned());
        }
        let was_doubtful = self.is_doubtful;
        // Answered by shards that may not have known yet what was wanted then.
        let begun = self.link.as_ref().map_or(0, |link| link.begun.step);
        self.is_doubtful = self.wanted().is_none() || begun <= self.unwanted_at;
        self.ended = None;
        if !present || was_doubtful || self.session.is_none() {
            let session = record.begin_service(self.number);
            if let Some(old) = self.session.replace(session) {
                record.end_session(old, self.step());
            }
            if present {
                record.doubt_subscriptions(session, &self.habits.filters);
            }
            self.ask(record);
        }
        if let Some(link) = &mut self.link {
            link.is_accepted = true;
        }
        Ok(())
    }

    fn handle_suback(&mut self, record: &mut Record, packet_id: u16, codes: &[u8]) -> Result<(), String> {
        let step = self.step();
        let (Some(session), Some(link)) = (self.session, &mut self.link) else { return Ok(()) };
        match link.asked.remove(&packet_id) {
            Some((_, Some(question))) if codes == [1] => {
                // What the operator does not want any more may end before this is read.
                let wanted = self.wanted().unwrap_or_default();
                if wanted.contains(&record.sessions[session].asked[question].filter) {
                    record.answered(session, question, step);
                }
                Ok(())
            }
            it => Err(format!("SUBACK {packet_id} with {codes:x?} for {it:?}")),
        }
    }

    /// The target takes so many of the messages that it does not have and that are durable, or refuses them for good, which is the same to the server.
    fn hand_on(&mut self, record: &mut Record, most: usize) -> Result<(), String> {
        let step = self.step();
        let (Some(session), Some(link)) = (self.session, &mut self.link) else { return Ok(()) };
        let is_early = self.ground.is_mutated(Mutation::EarlyPoint);
        let durable = link.batch.iter().skip(link.taken).take_while(|point| is_early || point.position <= self.log.1);
        let count = durable.count().min(most);
        for point in link.batch.iter().skip(link.taken).take(count) {
            let is_known = record.note_receipt(&point.topic, point.message, point.received_ns)?;
            self.ground.see(|seen| {
                seen.points += 1;
                seen.points_again += u32::from(is_known);
            });
            let Some(message) = point.message else { continue };
            let (dup, identifiers) = (point.dup, Vec::new());
            let delivery = Delivery { message, qos: 1, dup, retain: false, identifiers, step };
            record.deliver(session, &point.topic, delivery)?;
        }
        link.taken += count;
        self.ground.say(&self.name, || format!(" hands on {count} messages"));
        Ok(())
    }

    /// Acknowledges what the target has.
    fn acknowledge(&mut self) {
        let Some(link) = &mut self.link else { return };
        let taken = std::mem::take(&mut link.taken);
        let acknowledgements = link.batch.drain(..taken).map(|point| packets::acknowledgement(point.packet_id));
        let bytes: Vec<u8> = acknowledgements.flatten().collect();
        self.ground.network.borrow_mut().client_write(link.wire, &bytes);
        self.ground.say(&self.name, || format!(" > PUBACK of {taken} messages"));
    }

    /// The server has ended the connection. It may do so only for a reason.
    fn handle_end(&mut self) -> Result<(), String> {
        let Some(link) = &self.link else { return Ok(()) };
        let (wire, begun) = (link.wire, link.begun.step);
        self.say(|| format!("sees the end of pipe {wire}"));
        let network = self.ground.network.borrow();
        let is_late = |&wire: &WireId| network.wire(wire).closed.is_none_or(|closed| closed.at.step >= begun);
        // A pipe of its own that was read late may have taken over.
        let may = self.may_be_refused(begun) || self.wires.iter().any(is_late);
        drop(network);
        self.close();
        if may { Ok(()) } else { Err(format!("the server closed pipe {wire} for no reason")) }
    }

    /// Whether the server may want nothing of a pipe that was opened then: it is not wanted, or was not; or there is no room.
    fn may_be_refused(&self, begun: u64) -> bool {
        self.is_doubtful || !self.is_settled() || begun <= self.unwanted_until || self.ground.may_refuse()
    }

    fn close(&mut self) {
        let Some(link) = self.link.take() else { return };
        self.say(|| format!("closes pipe {}", link.wire));
        self.wires.push(link.wire);
        // Its CONNECT may have begun another Session.
        self.ended = None;
        self.ground.network.borrow_mut().client_close(link.wire, self.ground.moment());
    }

    fn step(&self) -> u64 {
        self.ground.moment().step
    }

    fn say(&self, what: impl FnOnce() -> String) {
        self.ground.say(&self.name, || format!(" {}", what()));
    }
}

/// Where the numbers of services begin among those of clients.
const FIRST_NUMBER: usize = 2_000;
