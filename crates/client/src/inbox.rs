//! What has come and waits for the user: messages for the streams of Subscriptions, and everything else.
//!
//! Nothing here waits for anybody. How much may gather is decided where the socket is read (`driver.rs`).

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use midge_client_core::{Event, Receipt};
use midge_codec::{Publish, QoS, topic_matches};
use slab::Slab;
use tokio::sync::{Notify, oneshot};

use crate::incoming::{Incident, Received, ReceivedMessage};
use crate::waiting::Waiting;

/// All that waits.
#[derive(Debug, Default)]
pub(crate) struct Inbox {
    /// Streams, by number.
    routes: Slab<Route>,
    /// Requests that wait for a response, by Correlation Data.
    requests: HashMap<u64, oneshot::Sender<ReceivedMessage>>,
    last_request: u64,
    /// The topic on which responses come.
    pub(crate) response_topic: Option<Box<str>>,
    /// Messages that wait, and their bytes.
    messages: usize,
    bytes: usize,
    /// What is to be acknowledged, as nobody else will.
    pub(crate) settled: Vec<Receipt>,
    last_identifier: u32,
}

/// A stream.
#[derive(Debug)]
struct Route {
    wants: Wants,
    waiting: Waiting,
    notify: Arc<Notify>,
}

/// What a stream is for.
#[derive(Debug)]
pub(crate) enum Wants {
    /// What no other one gets.
    Rest,
    /// Messages of a Subscription: its Topic Filter, and its identifier if it has one.
    Subscription(Box<str>, Option<u32>),
}

impl Inbox {
    /// A new stream: its number, and what tells of arrivals.
    pub(crate) fn open(&mut self, wants: Wants) -> (usize, Arc<Notify>) {
        let notify = Arc::new(Notify::new());
        let route = Route { wants, waiting: Waiting::default(), notify: Arc::clone(&notify) };
        // There are few, mostly one: room for four would be much of what an idle client takes.
        self.routes.reserve_exact(1);
        (self.routes.insert(route), notify)
    }

    /// A Subscription Identifier that no stream has.
    pub(crate) fn next_identifier(&mut self) -> u32 {
        self.last_identifier = FIRST_IDENTIFIER + (self.last_identifier + 1) % FIRST_IDENTIFIER;
        self.last_identifier
    }

    /// Takes all that waits for a stream, in exchange for the memory of what was taken before.
    pub(crate) fn take(&mut self, route: usize, taken: &mut Waiting) {
        if let Some(route) = self.routes.get_mut(route) {
            std::mem::swap(&mut route.waiting, taken);
            let (messages, bytes) = taken.load();
            self.messages -= messages;
            self.bytes -= bytes;
        }
    }

    /// The same for a stream that is gone.
    pub(crate) fn close(&mut self, route: usize) -> Waiting {
        let mut taken = Waiting::default();
        self.take(route, &mut taken);
        self.routes.try_remove(route);
        self.routes.shrink_to_fit();
        taken
    }

    /// Whether more may come without anybody having asked for it.
    pub(crate) fn has_room(&self) -> bool {
        self.messages < MESSAGES_MAX && self.bytes < BYTES_MAX
    }

    /// Wakes everybody.
    pub(crate) fn wake_all(&self) {
        self.routes.iter().for_each(|(_, route)| route.notify.notify_one());
    }

    /// Something happened.
    pub(crate) fn handle(&mut self, event: &Event<'_>) {
        match event {
            // Where we read on because answers are waited for, messages of QoS 1 and 2 are bounded by Receive Maximum.
            Event::Message(publish, _) if publish.qos == QoS::AtMostOnce && self.is_overfull() => {}
            Event::Message(publish, receipt) => self.handle_message(publish, Received::new(publish, *receipt)),
            event => {
                if let Some(incident) = Incident::of(event) {
                    self.tell(incident);
                }
            }
        }
    }

    fn is_overfull(&self) -> bool {
        self.messages >= MESSAGES_MAX * OVERFULL || self.bytes >= BYTES_MAX * OVERFULL
    }

    /// Something that is no message. The oldest such go when nobody listens.
    pub(crate) fn tell(&mut self, incident: Incident<'static>) {
        let Some(route) = self.rest() else { return };
        if route.waiting.len() >= INCIDENTS_MAX {
            route.waiting.forget_told();
        }
        route.tell(incident);
    }

    fn rest(&mut self) -> Option<&mut Route> {
        self.routes.iter_mut().map(|(_, route)| route).find(|route| matches!(route.wants, Wants::Rest))
    }

    fn handle_message(&mut self, publish: &Publish<'_>, message: Received<'_>) {
        if self.response_topic.as_deref() == Some(publish.topic) {
            return self.respond(message);
        }
        let Inbox { routes, messages, bytes, .. } = self;
        let mut push = |route: &mut Route, message: Received<'_>| {
            *messages += 1;
            *bytes += route.push(&message);
        };
        let (mut last, mut rest) = (None, None);
        for (_, route) in routes {
            if matches!(route.wants, Wants::Rest) {
                rest = Some(route);
            } else if route.wants(publish)
                && let Some(other) = last.replace(route)
            {
                // A copy is not acknowledged.
                push(other, Received { receipt: None, ..message });
            }
        }
        match last.or(rest) {
            Some(route) => push(route, message),
            None => self.settled.extend(message.receipt),
        }
    }

    /// A request is made: its Correlation Data, and where the response will be.
    pub(crate) fn begin_request(&mut self) -> (u64, oneshot::Receiver<ReceivedMessage>) {
        if self.requests.is_empty() {
            // Not from 1 on: an answer to the program before might still be on its way.
            self.last_request = RandomState::new().hash_one(self.last_request);
        }
        self.last_request = self.last_request.wrapping_add(1);
        let (sender, receiver) = oneshot::channel();
        self.requests.insert(self.last_request, sender);
        (self.last_request, receiver)
    }

    /// Nobody waits for the response any more.
    pub(crate) fn end_request(&mut self, correlation: u64) {
        self.requests.remove(&correlation);
    }

    /// Nobody will get any.
    pub(crate) fn end_requests(&mut self) {
        self.requests.clear();
    }

    /// Hands a response to who waits for it.
    fn respond(&mut self, message: Received<'_>) {
        self.settled.extend(message.receipt);
        let data = message.properties.correlation_data().and_then(|data| data.try_into().ok());
        if let Some(sender) = data.and_then(|data| self.requests.remove(&u64::from_be_bytes(data))) {
            // Who has gone meanwhile does not miss it.
            let _ = sender.send(message.into_owned());
        }
    }
}

impl Route {
    /// Adds a message. How many bytes it takes.
    fn push(&mut self, message: &Received<'_>) -> usize {
        self.wake();
        self.waiting.push(message)
    }

    fn tell(&mut self, incident: Incident<'static>) {
        self.wake();
        self.waiting.tell(incident);
    }

    /// Something is about to be added. Whoever has been told of the first takes all.
    fn wake(&self) {
        if self.waiting.is_empty() {
            self.notify.notify_one();
        }
    }

    /// Where the Server says for which Subscriptions a message is, that counts too: it may have sent others for the others.
    fn wants(&self, publish: &Publish<'_>) -> bool {
        let Wants::Subscription(filter, identifier) = &self.wants else { return false };
        // Mostly a filter is the topic itself, which is quicker to see than to match.
        (**filter == *publish.topic || topic_matches(filter, publish.topic))
            && identifier.is_none_or(|own| {
                let mut identifiers = publish.properties.raw.subscription_identifiers().peekable();
                identifiers.peek().is_none() || identifiers.any(|meant| meant == own)
            })
    }
}

/// Incidents that wait; of those that are no messages the oldest go.
const INCIDENTS_MAX: usize = 1_000;

/// Messages that wait before nothing more is read.
const MESSAGES_MAX: usize = 1_000;

/// The same in bytes.
const BYTES_MAX: usize = 16 << 20;

/// So many times as much may come while answers are waited for.
const OVERFULL: usize = 4;

/// Users' own are below.
const FIRST_IDENTIFIER: u32 = 1 << 26;
