//! What stands in a database of Mosquitto, as far as it still counts: Sessions that are over and messages that have expired are
//! left out, as Mosquitto would.

use std::collections::BTreeMap;
use std::io::Read;

use midge_broker::Now;
use midge_broker::ids::ReceiverOptions;
use midge_broker::message::{Message, MessageParts};
use midge_broker::record::PublisherRecord;
use midge_codec::{QoS, TopicFilter, check_topic_name, variable_byte_integer};
use midge_mosquitto_db::{
    BaseMessage, Client, ClientMessage, Content, Direction, ReadError, Reader, State, Subscription,
};

use super::contradictions::Contradictions;

/// See the module.
#[derive(Default)]
pub(super) struct Database {
    /// By their numbers in the file, which grow with time. Those without a topic, which were refused, are not there.
    pub messages: BTreeMap<u64, Message>,
    /// Who published those that a topic retains, by the same numbers.
    pub publishers: BTreeMap<u64, Publisher>,
    pub sessions: Vec<Session>,
    /// Which messages are retained.
    pub retained: Vec<u64>,
    /// What cannot be understood: texts that no client may send.
    pub left_out: u64,
    /// What it should hold and does not.
    pub contradictions: Contradictions,
    by_id: BTreeMap<Box<str>, usize>,
}

/// A client that published a message.
pub(super) struct Publisher {
    client_id: Box<str>,
    username: Option<Box<str>>,
    port: u16,
}

impl Publisher {
    fn of(message: &BaseMessage<'_>) -> Option<Publisher> {
        let client_id = text(message.source_id).filter(|id| message.retain && !id.is_empty())?;
        let username = text(message.source_username).filter(|name| !name.is_empty());
        Some(Publisher { client_id: client_id.into(), username: username.map(Into::into), port: message.source_port })
    }

    pub(super) fn record(&self) -> PublisherRecord<'_> {
        PublisherRecord { client_id: &self.client_id, username: self.username.as_deref(), port: self.port }
    }
}

/// A Session.
pub(super) struct Session {
    pub id: Box<str>,
    pub expiry_interval_s: u32,
    /// On the server's clock.
    pub ends_at_ms: Option<u64>,
    /// The port where its client came in.
    pub port: u16,
    pub username: Option<Box<str>>,
    pub subscriptions: Vec<Subscribed>,
    /// In the order of the file, which is that of its window and its queue.
    pub held: Vec<Held>,
}

/// A Subscription.
pub(super) struct Subscribed {
    pub filter: Box<str>,
    pub options: ReceiverOptions,
    pub identifier: u32,
}

/// A message on its way to or from a client.
pub(super) struct Held {
    pub message: u64,
    pub packet_id: u16,
    pub qos: QoS,
    pub retain: bool,
    pub dup: bool,
    pub step: Step,
    pub identifiers: Vec<u32>,
}

/// How far it has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Step {
    /// To the client: waits, or was sent with QoS 1 and is not acknowledged.
    Queued,
    /// To the client, QoS 2: was sent.
    Sent,
    /// To the client, QoS 2: waits for PUBCOMP.
    Released,
    /// From the client, QoS 2: waits for PUBREL.
    Accepted,
}

impl Database {
    /// Reads all of a file. The server's clock shows `now`.
    pub(super) fn read<R: Read>(mut reader: Reader<R>, now: Now) -> Result<Database, ReadError> {
        let mut database = Database::default();
        while let Some(chunk) = reader.next_chunk()? {
            let taken = match chunk.content {
                Content::Retained(retained) => {
                    database.retained.push(retained.store_id);
                    Some(())
                }
                Content::BaseMessage(message) => database.message(&message, now),
                Content::Client(client) => database.session(&client, now),
                Content::ClientMessage(message) => database.held(&message),
                Content::Subscription(subscription) => database.subscription(&subscription),
                Content::Config(_) | Content::Unknown => Some(()),
            };
            database.left_out += u64::from(taken.is_none());
        }
        let held = database.sessions.iter().flat_map(|session| &session.held);
        let needed = held.filter(|held| held.step != Step::Released).map(|held| held.message);
        database.contradictions.settle(&database.retained, needed);
        Ok(database)
    }

    /// `None`, here and below: it cannot be understood.
    fn message(&mut self, message: &BaseMessage<'_>, now: Now) -> Option<()> {
        self.contradictions.message(message.store_id);
        let left_s = message.expiry_time_s.saturating_sub_unsigned(now.wall_s);
        let (expires, is_refused) = (message.expiry_time_s != 0, message.topic.is_empty());
        if is_refused || expires && left_s <= 0 {
            return Some(());
        }
        let parts = MessageParts {
            topic: check_topic_name(std::str::from_utf8(message.topic).ok()?).ok()?,
            properties: message.properties.raw(),
            payload: message.payload,
            qos: message.qos,
            retain: message.retain,
            received_s: now.seconds() as u32,
            received_ns: 0,
            expiry_interval_s: expires.then(|| u32::try_from(left_s).unwrap_or(u32::MAX)),
        };
        self.messages.insert(message.store_id, Message::new(&parts));
        self.publishers.extend(Publisher::of(message).map(|publisher| (message.store_id, publisher)));
        Some(())
    }

    fn session(&mut self, client: &Client<'_>, now: Now) -> Option<()> {
        self.contradictions.session(client.id);
        let id = text(client.id).filter(|id| !id.is_empty())?;
        let (time_s, interval_s) = client.expiry.map_or((0, u32::MAX), |expiry| (expiry.time_s, expiry.interval_s));
        // Of one that was connected when the file was written, the time off begins now.
        let left_s = match time_s {
            0 => i64::from(interval_s),
            time_s => time_s.saturating_sub_unsigned(now.wall_s),
        };
        if interval_s == 0 || left_s <= 0 || self.by_id.contains_key(id) {
            return Some(());
        }
        let left_s = left_s.min(interval_s.into()).unsigned_abs();
        let ends_at_ms = (interval_s != u32::MAX).then(|| now.monotonic_ms + left_s * 1000);
        // Older versions write a name for clients that have none, mostly so that a NUL stands in it. Those that look right are
        // believed: a client that comes is asked who it is before it is sent anything.
        let username = text(client.username).filter(|name| !name.is_empty());
        self.by_id.insert(id.into(), self.sessions.len());
        self.sessions.push(Session {
            id: id.into(),
            expiry_interval_s: interval_s,
            ends_at_ms,
            port: client.listener_port,
            username: username.map(Into::into),
            subscriptions: Vec::new(),
            held: Vec::new(),
        });
        Some(())
    }

    fn held(&mut self, message: &ClientMessage<'_>) -> Option<()> {
        self.contradictions.belongs_to(message.client_id);
        let Some(session) = self.find(message.client_id) else { return Some(()) };
        let ClientMessage { store_id, packet_id, qos, retain, dup, .. } = *message;
        let is_exact = qos == QoS::ExactlyOnce && packet_id != 0;
        let step = match (message.direction, message.state) {
            (Direction::Out, State::WaitForPubComp | State::ResendPubRel) if is_exact => Step::Released,
            (Direction::Out, State::WaitForPubRec | State::PublishQoS2) if is_exact => Step::Sent,
            (Direction::Out, _) => Step::Queued,
            (Direction::In, State::WaitForPubRel | State::SendPubRec | State::Queued) if is_exact => Step::Accepted,
            // It is over, but for a packet that nobody waits for.
            (Direction::In, _) => return Some(()),
        };
        let identifiers = message.properties.subscription_identifiers().collect();
        session.held.push(Held { message: store_id, packet_id, qos, retain, dup, step, identifiers });
        Some(())
    }

    fn subscription(&mut self, subscription: &Subscription<'_>) -> Option<()> {
        self.contradictions.belongs_to(subscription.client_id);
        let Some(session) = self.find(subscription.client_id) else { return Some(()) };
        let filter = TopicFilter::parse(text(subscription.filter)?).ok()?.text().into();
        let options = ReceiverOptions::with_qos(subscription.qos as u8)
            .no_local(subscription.options & NO_LOCAL != 0)
            .retain_as_published(subscription.options & RETAIN_AS_PUBLISHED != 0);
        let identifier = Some(subscription.identifier).filter(|known| *known <= variable_byte_integer::MAX)?;
        session.subscriptions.push(Subscribed { filter, options, identifier });
        Some(())
    }

    fn find(&mut self, client_id: &[u8]) -> Option<&mut Session> {
        let at = *self.by_id.get(text(client_id)?)?;
        self.sessions.get_mut(at)
    }
}

/// A text as MQTT has them: UTF-8, without NUL.
fn text(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(bytes).ok().filter(|text| !text.contains('\0'))
}

/// Bits of a Subscription's options.
const NO_LOCAL: u8 = 0x04;
const RETAIN_AS_PUBLISHED: u8 = 0x08;
