//! A program that uses our client library: `midge_client_core` with a durable outbox, as the tokio client drives it.
//!
//! What leaves has waited for the records that were made with it; the program is killed anywhere, and goes on from what its ledger
//! has. It connects like [`Client`](crate::client::Client), only where no CONNECT of its own can still be read by the server. What
//! `publish` has accepted must end, and come as often as its QoS says.

mod store;
mod told;
mod wire;

use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;

use midge_choices::Random;
use midge_client_core::{Accepted, Acknowledge, Client, Options, Receipt};
use midge_codec::{PropertiesBuf, QoS, ReasonCode, SubscribeFiltersBuf, SubscriptionOptions, TopicFilter, Version};

use crate::ground::Ground;
use crate::mutation::Mutation;
use crate::network::{Break, Read, WireId};
use crate::record::{Delivery, Message, MessageId, Record, SessionId};
use crate::topics::{FILTERS, PLAIN};
use store::Store;
use wire::Wire;

/// See the module.
pub(crate) struct Library {
    number: usize,
    pub(crate) name: String,
    ground: Rc<Ground>,
    options: Options,
    client: Client,
    store: Store,
    wire: Option<Wire>,
    /// Connections whose CONNECT was never answered, and that the server may still read.
    unanswered: Vec<WireId>,
    /// What the record calls its present Session.
    session: Option<SessionId>,
    /// Sessions that the library has been told of; and how often Session Present may have meant another one, that began with a
    /// CONNECT which was not answered.
    sessions: (u64, u64),
    is_doubtful: bool,
    /// Whether a connection of this program was accepted.
    has_connected: bool,
    /// What this program has published, by the library's numbers.
    numbers: BTreeMap<u64, MessageId>,
    /// Messages that were accepted for good and must end.
    promised: Vec<MessageId>,
    /// Messages that the user has not acknowledged, where that is done by hand.
    open: VecDeque<(Receipt, Option<Shown>)>,
}

/// A QoS 2 message that was shown, and counts when the store has that.
type Shown = (SessionId, String, Delivery);

/// The filters that a library's user subscribes to: what nobody retains, and no Will goes to.
const WANTED: [usize; 5] = [2, 3, 4, 5, 8];

impl Library {
    pub(crate) fn new(number: usize, ground: Rc<Ground>, random: &mut Random) -> Library {
        let name = format!("l{number}");
        let options = Options {
            clean_start: false,
            session_expiry_interval_s: *random.pick(&[30, 100_000, u32::MAX, u32::MAX]),
            keep_alive_s: 0,
            receive_maximum: *random.pick(&[1, 4, u16::MAX]),
            inflight_max: *random.pick(&[1, 5, 1_000]),
            topic_alias_maximum: *random.pick(&[0, 2]),
            topic_aliases_made: *random.pick(&[0, 2]),
            acknowledge: *random.pick(&[Acknowledge::AtOnce, Acknowledge::ByHand]),
            tells_steps: true,
            tells_packets: true,
            ..Options::new(*random.pick(&[Version::V311, Version::V5, Version::V5]), &name)
        };
        ground.say("", || format!("{name}: {options:?}"));
        let mut library = Library {
            // Apart from those of the other clients, of which there are fewer.
            number: FIRST_NUMBER + number,
            name,
            ground,
            client: Client::new(options.clone()),
            options,
            store: Store::default(),
            wire: None,
            unanswered: Vec::new(),
            session: None,
            sessions: (0, 0),
            is_doubtful: false,
            has_connected: false,
            numbers: BTreeMap::new(),
            promised: Vec::new(),
            open: VecDeque::new(),
        };
        library.subscribe();
        library
    }

    /// It is its turn. `Err`: somebody broke a promise.
    pub(crate) fn act(&mut self, record: &mut Record) -> Result<(), String> {
        if self.ground.is_calm() {
            self.connect(record);
            self.read(record, usize::MAX)?;
            self.acknowledge(usize::MAX);
            self.save(record)?;
            return self.write(record, usize::MAX);
        }
        let few = if self.ground.one_in(2) { usize::MAX } else { self.ground.below(40) };
        match self.ground.below(40) {
            0 => self.be_cut(record)?,
            1 => self.kill(record)?,
            2 if self.wire.is_some() => self.lose_connection(record)?,
            3 => self.subscribe(),
            4 => self.unsubscribe(),
            5..=12 => self.publish(record),
            13..=17 => self.connect(record),
            18..=20 => self.acknowledge(1),
            21..=26 => self.save(record)?,
            27..=32 => self.write(record, few)?,
            _ => self.read(record, few)?,
        }
        Ok(())
    }

    /// Whether nothing of its own is under way.
    pub(crate) fn is_idle(&self) -> bool {
        let has_written = self.wire.as_ref().is_some_and(|wire| wire.output.is_empty());
        self.client.is_online()
            && self.client.is_idle()
            && !self.client.awaits_release()
            && has_written
            && self.store.is_saved()
            && self.open.is_empty()
    }

    pub(crate) fn has_something_to_read(&self) -> bool {
        self.wire.as_ref().is_some_and(|wire| self.ground.network.borrow().is_client_readable(wire.id))
    }

    /// What it waits for, in words.
    pub(crate) fn waits_for(&self) -> String {
        let Library { name, client, open, .. } = self;
        let (online, held, received) = (client.is_online(), client.held(), client.received());
        format!("{name}: online {online}, held {held:?}, received {received:?}, shown {open:?}")
    }

    /// What was accepted for good has ended. At rest.
    pub(crate) fn check_end(&self, record: &Record) -> Result<(), String> {
        let lost = self.promised.iter().find(|&&id| record.messages[id].acknowledged.is_none());
        match lost {
            Some(id) => Err(format!("{} has accepted message {id}, which never ended", self.name)),
            None if self.client.held() == (0, 0) => Ok(()),
            None => Err(format!("{} holds {:?} at rest", self.name, self.client.held())),
        }
    }

    /// It begins anew with a Session that ends.
    pub(crate) fn leave(&mut self, record: &mut Record) -> Result<(), String> {
        self.options.clean_start = true;
        self.options.session_expiry_interval_s = 0;
        self.lose_connection(record)?;
        self.client = Client::new(self.options.clone());
        self.has_connected = false;
        self.open.clear();
        Ok(())
    }

    /// DISCONNECT, and the end of the connection.
    pub(crate) fn disconnect(&mut self, record: &mut Record) -> Result<(), String> {
        self.act_on(record, |client, visit| {
            client.disconnect(ReasonCode::NORMAL_DISCONNECTION, &PropertiesBuf::new(), visit);
        })?;
        self.save(record)?;
        self.write(record, usize::MAX)
    }

    fn step(&self) -> u64 {
        self.ground.moment().step
    }

    fn say(&self, what: impl FnOnce() -> String) {
        self.ground.say(&self.name, || format!(" {}", what()));
    }

    fn subscribe(&mut self) {
        let filter = WANTED[self.ground.below(WANTED.len())];
        // Always the same for a filter, so that it is known what is due while a SUBSCRIBE is not answered.
        let qos = QoS::from_u8(((filter + self.number) % 3) as u8).unwrap_or(QoS::AtMostOnce);
        let mut filters = SubscribeFiltersBuf::new();
        let parsed = TopicFilter::parse(FILTERS[filter]).expect("filters are valid");
        filters.push(parsed, SubscriptionOptions { qos, ..SubscriptionOptions::default() });
        // What a server does not take is no concern of these worlds.
        let _ = self.client.subscribe(filters, PropertiesBuf::new());
        self.store.add_steps(&mut self.client, &self.ground);
    }

    fn unsubscribe(&mut self) {
        let filter = WANTED[self.ground.below(WANTED.len())];
        let mut filters = midge_codec::UnsubscribeFiltersBuf::new();
        filters.push(TopicFilter::parse(FILTERS[filter]).expect("filters are valid"));
        let _ = self.client.unsubscribe(filters, PropertiesBuf::new());
        self.store.add_steps(&mut self.client, &self.ground);
    }

    fn publish(&mut self, record: &mut Record) {
        let (topic, qos) = (PLAIN[self.ground.below(PLAIN.len())], self.ground.below(3) as u8);
        if !self.client.has_room() || self.client.held().0 > HELD_MAX {
            return;
        }
        let sent = self.step();
        let id = record.begin(Message::of(topic, qos, self.number, sent));
        let payload = id.to_string();
        let level = QoS::from_u8(qos).unwrap_or(QoS::AtMostOnce);
        let message = midge_client_core::Message::new(topic, payload.as_bytes(), level);
        self.say(|| format!("publishes {topic} qos={qos} m={id}"));
        match self.client.publish(self.ground.now_ms(), &message) {
            Ok(Accepted::Held(number)) => {
                self.numbers.insert(number, id);
                self.store.add_message(number, &message, &self.ground, (qos > 0).then_some(id));
            }
            Ok(Accepted::Sent) => {}
            Err(refusal) => self.say(|| format!("is refused that: {refusal}")),
        }
        self.store.add_steps(&mut self.client, &self.ground);
    }

    /// Acknowledges so many messages, oldest first.
    fn acknowledge(&mut self, most: usize) {
        for _ in 0..most {
            let Some((receipt, shown)) = self.open.pop_front() else { return };
            if self.client.acknowledge(receipt, ReasonCode::SUCCESS) {
                self.store.add_shown(shown);
            }
            self.store.add_steps(&mut self.client, &self.ground);
        }
    }

    /// What has gathered is durable now, and what was shown with it is not shown again.
    fn save(&mut self, record: &mut Record) -> Result<(), String> {
        let (shown, promised) = self.store.save();
        self.promised.extend(promised);
        shown.into_iter().try_for_each(|(session, topic, delivery)| record.deliver(session, &topic, delivery))
    }

    fn connect(&mut self, record: &mut Record) {
        let network = self.ground.network.borrow();
        self.unanswered.retain(|&wire| network.wire(wire).closed.is_none());
        drop(network);
        if self.wire.is_some() || !self.unanswered.is_empty() {
            return;
        }
        let fails = self.ground.one_in(2);
        let id = self.ground.network.borrow_mut().open(self.ground.settings.room_bytes, fails);
        self.say(|| format!("connects, connection {id}"));
        self.wire = Some(Wire::new(id));
        self.client.begin_connection();
        self.client.handle_connected(self.ground.now_ms());
        if self.begins_anew() {
            self.doubt_session(record);
        }
    }

    /// Reads what has arrived, up to `most` bytes.
    fn read(&mut self, record: &mut Record, most: usize) -> Result<(), String> {
        let Some(wire) = &mut self.wire else { return Ok(()) };
        let read = self.ground.network.borrow_mut().client_read(wire.id, most);
        match read {
            Read::Nothing => Ok(()),
            Read::End => self.lose_connection(record),
            Read::Bytes(bytes) => {
                wire.unread.extend(bytes);
                let unread = std::mem::take(&mut wire.unread);
                let now_ms = self.ground.now_ms();
                let consumed = self.act_on(record, |client, visit| client.handle_bytes(now_ms, &unread, visit))?;
                if let Some(wire) = &mut self.wire {
                    wire.unread = unread[consumed.bytes..].to_vec();
                }
                Ok(())
            }
        }
    }

    /// Writes so many bytes at most of what may leave.
    fn write(&mut self, record: &mut Record, most: usize) -> Result<(), String> {
        let is_early = self.ground.is_mutated(Mutation::EarlyOutput);
        if self.wire.is_some() && (is_early || self.store.is_saved()) {
            let mut packets = self.client.output().to_vec();
            self.put_out(record, &mut packets)?;
            let now_ms = self.ground.now_ms();
            self.act_on(record, |client, visit| client.handle_written(now_ms, packets.len(), visit))?;
        }
        let Some(wire) = &mut self.wire else { return Ok(()) };
        let count = wire.output.len().min(most);
        let bytes: Vec<u8> = wire.output.drain(..count).collect();
        self.ground.network.borrow_mut().client_write(wire.id, &bytes);
        if self.client.wants_close() && wire.output.is_empty() {
            return self.lose_connection(record);
        }
        Ok(())
    }

    /// The network breaks the connection. The program sees it now, or when it has read what still arrives.
    fn be_cut(&mut self, record: &mut Record) -> Result<(), String> {
        let Some(wire) = &self.wire else { return Ok(()) };
        let settings = &self.ground.settings;
        let is_silent = self.client.is_online() && self.ground.per_mille(settings.silent_per_mille);
        let how = if is_silent { Break::Silent } else { Break::Noticed };
        self.say(|| format!("loses connection {}, {how:?}", wire.id));
        let now = self.ground.moment();
        self.ground.network.borrow_mut().cut(wire.id, how, &mut self.ground.random.borrow_mut(), now);
        if self.ground.one_in(2) { self.lose_connection(record) } else { Ok(()) }
    }

    fn lose_connection(&mut self, record: &mut Record) -> Result<(), String> {
        let Some(wire) = self.wire.take() else { return Ok(()) };
        self.say(|| format!("is done with connection {}", wire.id));
        if !wire.is_answered {
            self.unanswered.push(wire.id);
            self.is_doubtful |= self.begins_anew() || self.options.session_expiry_interval_s < LONG_S;
        }
        self.ground.network.borrow_mut().client_close(wire.id, self.ground.moment());
        let (now_ms, random) = (self.ground.now_ms(), self.ground.random.borrow_mut().next());
        self.act_on(record, |client, visit| client.handle_closed(now_ms, random, visit))
    }

    /// The program is killed, and another one goes on from what is in the store; now and then with a clean start.
    fn kill(&mut self, record: &mut Record) -> Result<(), String> {
        self.say(|| "is killed".to_owned());
        self.lose_connection(record)?;
        self.store.forget_unsaved();
        self.open.clear();
        let is_v5 = self.options.version == Version::V5;
        self.options.clean_start = is_v5 && self.ground.per_mille(self.ground.settings.clean_per_mille / 4);
        self.client = self.store.restore(self.options.clone(), self.ground.now_ms());
        self.has_connected = false;
        self.subscribe();
        Ok(())
    }

    /// Whether its CONNECT asks for a new Session.
    fn begins_anew(&self) -> bool {
        self.options.clean_start && !self.has_connected
    }

    /// The Session may be over, so nobody counts on it any more; but it may go on.
    fn doubt_session(&self, record: &mut Record) {
        if let Some(session) = self.session {
            record.end_session(session, self.step());
        }
    }
}

/// A Session that lives so long outlives every world.
const LONG_S: u32 = 100_000;

/// Where the numbers of libraries begin among those of clients.
const FIRST_NUMBER: usize = 1_000;

/// So many messages wait at most.
const HELD_MAX: usize = 30;
