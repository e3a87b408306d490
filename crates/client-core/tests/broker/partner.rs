//! A Client, its connection to the world, and the program that uses it.

use midge_choices::Random;
use midge_client_core::{Accepted, Acknowledge, Client, Event, Message, Options, Receipt};
use midge_codec::{PropertiesBuf, QoS, ReasonCode, SubscribeFiltersBuf, SubscriptionOptions, TopicFilter};

use crate::ledger::Ledger;
use crate::world::{LinkId, World};

/// The program.
pub(crate) struct Partner {
    pub(crate) name: String,
    options: Options,
    pub(crate) client: Client,
    link: Option<LinkId>,
    unread: Vec<u8>,
    ledger: Ledger,
    /// What the Client has told. Outlives the program, as only a test can.
    pub(crate) seen: Seen,
    /// Messages that are to be acknowledged by hand, with their places among those that were shown.
    receipts: Vec<(Receipt, usize)>,
}

/// What was told.
#[derive(Default)]
pub(crate) struct Seen {
    /// Messages, in their order.
    pub(crate) shown: Vec<(String, u32, QoS)>,
    /// Places of those that the program has done with. One that acknowledges by hand is killed before that, and then it is shown
    /// the message again.
    pub(crate) done: Vec<usize>,
    /// Numbers of messages that have ended, and whether the Server answers for them.
    pub(crate) ended: Vec<(u64, bool)>,
    answers: usize,
}

impl Partner {
    pub(crate) fn new(name: &str, options: Options) -> Partner {
        let mut partner = Partner {
            name: name.to_owned(),
            client: Client::new(options.clone()),
            options,
            link: None,
            unread: Vec::new(),
            ledger: Ledger::default(),
            seen: Seen::default(),
            receipts: Vec::new(),
        };
        partner.subscribe();
        partner
    }

    fn subscribe(&mut self) {
        let mut filters = SubscribeFiltersBuf::new();
        let filter = TopicFilter::parse("t/+").expect("a filter");
        filters.push(filter, SubscriptionOptions { qos: QoS::ExactlyOnce, ..SubscriptionOptions::default() });
        self.client.subscribe(filters, PropertiesBuf::new()).expect("a request");
    }

    /// Whether the Subscription has been granted and nothing is left to be done.
    pub(crate) fn is_at_rest(&self) -> bool {
        self.client.is_online() && self.client.is_idle() && self.receipts.is_empty() && self.seen.answers > 0
    }

    /// Makes a connection, if there is none.
    pub(crate) fn connect(&mut self, world: &mut World, now_ms: u64) {
        if self.link.is_none() {
            self.link = Some(world.open());
            self.client.begin_connection();
            self.client.handle_connected(now_ms);
        }
    }

    /// Publishes; the number, if there is one.
    pub(crate) fn publish(&mut self, now_ms: u64, topic: &str, payload: u32, qos: QoS) -> Option<u64> {
        let payload = payload.to_string();
        let message = Message::new(topic, payload.as_bytes(), qos);
        let accepted = self.client.publish(now_ms, &message).expect("there is room");
        let number = match accepted {
            Accepted::Sent => None,
            Accepted::Held(number) => Some(number),
        };
        number.inspect(|number| self.ledger.accept(*number, &message));
        self.ledger.follow(&mut self.client);
        number
    }

    /// Writes so many bytes at most.
    pub(crate) fn write(&mut self, world: &mut World, now_ms: u64, most: usize) {
        let Some(link) = self.link else { return };
        let output = self.client.output();
        let count = output.len().min(most);
        world.send(link, &output[..count]);
        self.act(|client, visit| client.handle_written(now_ms, count, visit));
        if self.client.wants_close() {
            world.close(link);
            self.lose_connection(now_ms);
        }
    }

    /// Reads so many bytes at most.
    pub(crate) fn read(&mut self, world: &mut World, now_ms: u64, most: usize) {
        let Some(link) = self.link else { return };
        let received = world.received(link);
        let count = received.len().min(most);
        self.unread.extend(received.drain(..count));
        let is_over = world.is_closed(link) && world.received(link).is_empty();
        let unread = std::mem::take(&mut self.unread);
        let consumed = self.act(|client, visit| client.handle_bytes(now_ms, &unread, visit));
        self.unread = unread[consumed.bytes..].to_vec();
        if is_over {
            self.lose_connection(now_ms);
        }
    }

    /// Time has passed.
    pub(crate) fn look_at_clock(&mut self, now_ms: u64) {
        if self.client.next_deadline_ms().is_some_and(|deadline_ms| deadline_ms <= now_ms) {
            self.act(|client, visit| client.handle_timeout(now_ms, visit));
        }
    }

    /// Acknowledges one of the messages that wait for it.
    pub(crate) fn acknowledge(&mut self, random: &mut Random) {
        if !self.receipts.is_empty() {
            let (receipt, place) = self.receipts.swap_remove(random.below(self.receipts.len()));
            self.seen.done.push(place);
            self.client.acknowledge(receipt, ReasonCode::SUCCESS);
            self.ledger.follow(&mut self.client);
        }
    }

    /// The connection breaks somewhere in what is on its way.
    pub(crate) fn cut(&mut self, world: &mut World, now_ms: u64) {
        if let Some(link) = self.link {
            world.cut(link);
            self.lose_connection(now_ms);
        }
    }

    /// The program is killed, and started again from what its store has kept.
    pub(crate) fn kill(&mut self, world: &mut World, now_ms: u64) {
        self.cut(world, now_ms);
        self.client = Client::restore(self.options.clone(), &self.ledger.saved(), now_ms);
        self.receipts.clear();
        self.subscribe();
    }

    pub(crate) fn has_store(&self) -> bool {
        self.options.tells_steps
    }

    pub(crate) fn acknowledges_by_hand(&self) -> bool {
        self.options.acknowledge == Acknowledge::ByHand
    }

    fn lose_connection(&mut self, now_ms: u64) {
        self.link = None;
        self.unread.clear();
        self.act(|client, visit| client.handle_closed(now_ms, 7, visit));
    }

    fn act<T>(&mut self, act: impl FnOnce(&mut Client, &mut dyn FnMut(Event<'_>)) -> T) -> T {
        let Partner { client, seen, receipts, name, .. } = self;
        let result = act(client, &mut |event| seen.note(name, event, receipts));
        self.ledger.follow(&mut self.client);
        result
    }
}

impl Seen {
    fn note(&mut self, name: &str, event: Event<'_>, receipts: &mut Vec<(Receipt, usize)>) {
        match event {
            Event::Connected(_) => {}
            Event::Message(publish, receipt) => {
                let number = std::str::from_utf8(publish.payload).ok().and_then(|text| text.parse().ok());
                let place = self.shown.len();
                self.shown.push((publish.topic.to_owned(), number.expect("a number"), publish.qos));
                match receipt {
                    Some(receipt) => receipts.push((receipt, place)),
                    None => self.done.push(place),
                }
            }
            Event::Acknowledged { number, reason_code, .. } => {
                assert!(!reason_code.is_error(), "{name}: {number} {reason_code:?}");
                self.ended.push((number, true));
            }
            Event::Sent { number } => self.ended.push((number, false)),
            Event::Answered { codes, .. } => {
                assert_eq!(codes, [2], "{name}");
                self.answers += 1;
            }
            Event::Disconnected(cause) => assert!(is_usual(&cause), "{name}: {cause:?}"),
            other => panic!("{name}: {other:?}"),
        }
    }
}

/// What may end a connection in these histories.
fn is_usual(cause: &midge_client_core::Cause<'_>) -> bool {
    use midge_client_core::Cause;
    match cause {
        Cause::Closed | Cause::KeepAliveTimeout | Cause::ConnAckTimeout => true,
        Cause::Dismissed(disconnect) => {
            matches!(disconnect.reason_code, ReasonCode::SESSION_TAKEN_OVER | ReasonCode::KEEP_ALIVE_TIMEOUT)
        }
        _ => false,
    }
}
