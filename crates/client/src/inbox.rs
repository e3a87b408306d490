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

use crate::held::Held;
use crate::identifiers::Identifiers;
use crate::incoming::{Incident, Received, ReceivedMessage};
use crate::waiting::Waiting;

/// All that waits.
#[derive(Debug)]
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
    /// Messages of QoS 1 and 2 that were thrown away unseen.
    pub(crate) discarded: u64,
    pub(crate) held: Held,
    pub(crate) identifiers: Identifiers,
}

/// A stream.
#[derive(Debug)]
struct Route {
    wants: Wants,
    /// The Subscription is there, and its user has the stream.
    is_granted: bool,
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
    pub(crate) fn new(held: Held) -> Inbox {
        Inbox {
            routes: Slab::new(),
            requests: HashMap::new(),
            last_request: 0,
            response_topic: None,
            messages: 0,
            bytes: 0,
            settled: Vec::new(),
            discarded: 0,
            held,
            identifiers: Identifiers::default(),
        }
    }

    /// A new stream: its number, and what tells of arrivals.
    pub(crate) fn open(&mut self, wants: Wants) -> (usize, Arc<Notify>) {
        let notify = Arc::new(Notify::new());
        let route = Route { wants, is_granted: false, waiting: Waiting::default(), notify: Arc::clone(&notify) };
        // There are few, mostly one: room for four would be much of what an idle client takes.
        self.routes.reserve_exact(1);
        (self.routes.insert(route), notify)
    }

    /// The Subscription of this stream is there: what was held for it comes before what has come since.
    pub(crate) fn grant(&mut self, route: usize) {
        let Some(route) = self.routes.get_mut(route) else { return };
        route.is_granted = true;
        let Wants::Subscription(filter, _) = &route.wants else { return };
        let held = self.held.take_for(filter);
        if held.is_empty() {
            return;
        }
        let mut newer = std::mem::take(&mut route.waiting);
        for message in &held {
            self.messages += 1;
            self.bytes += route.push(&message.into());
        }
        while let Some(incident) = newer.next() {
            if let Incident::Message(message) = incident {
                route.push(&message);
            }
        }
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

    /// A stream is gone, which had taken messages that it has not handed out.
    pub(crate) fn close(&mut self, route: usize, mut taken: Waiting) {
        let mut left = Waiting::default();
        self.take(route, &mut left);
        if let Some(Route { wants: Wants::Subscription(filter, _), is_granted, .. }) = self.routes.try_remove(route) {
            let is_other =
                |(_, route): (usize, &Route)| matches!(&route.wants, Wants::Subscription(of, _) if *of == filter);
            if is_granted {
                self.held.note_dropped(&filter);
            } else if !self.routes.iter().any(is_other) {
                self.identifiers.forget(&filter);
            }
        }
        self.routes.shrink_to_fit();
        for waiting in [&mut taken, &mut left] {
            while let Some(incident) = waiting.next() {
                if let Incident::Message(message) = incident {
                    self.hold(&message);
                }
            }
        }
        // Where `Incoming` was read by nobody, streams may be there for what stood in it.
        let granted: Vec<_> = self.routes.iter().filter(|(_, route)| route.is_granted).map(|(at, _)| at).collect();
        granted.into_iter().for_each(|route| self.grant(route));
    }

    /// Nobody takes this message: it waits for a Subscription, or is thrown away.
    fn hold(&mut self, message: &Received<'_>) {
        if !self.held.hold(message)
            && let Some(receipt) = message.receipt
        {
            self.discard(receipt);
        }
    }

    fn discard(&mut self, receipt: Receipt) {
        self.discarded += 1;
        self.settled.push(receipt);
    }

    /// Throws away what was held for too long.
    pub(crate) fn end_holding_if_due(&mut self, now_ms: u64) {
        for message in self.held.end_if_due(now_ms) {
            Received::from(&message).receipt.into_iter().for_each(|receipt| self.discard(receipt));
        }
    }

    /// Whether more may come without anybody having asked for it.
    pub(crate) fn has_room(&self) -> bool {
        let (messages, bytes) = self.held.load();
        self.messages + messages < MESSAGES_MAX && self.bytes + bytes < BYTES_MAX
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
                if let Event::Connected(connack) = event {
                    self.held.handle_connected(connack.session_present);
                }
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
        let Inbox { routes, messages, bytes, identifiers, .. } = self;
        let mut push = |route: &mut Route, message: Received<'_>| {
            *messages += 1;
            *bytes += route.push(&message);
        };
        let (mut last, mut rest) = (None, None);
        for (_, route) in routes {
            if matches!(route.wants, Wants::Rest) {
                rest = Some(route);
            } else if route.wants(publish, identifiers)
                && let Some(other) = last.replace(route)
            {
                // A copy is not acknowledged.
                push(other, Received { receipt: None, ..message });
            }
        }
        match last.or(rest) {
            Some(route) => push(route, message),
            None => self.hold(&message),
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

    /// Responses come on this topic. Those that have come already are answers to an earlier process.
    pub(crate) fn accept_responses(&mut self, topic: &str) {
        self.response_topic = Some(topic.into());
        for message in self.held.take_for(topic) {
            self.respond((&message).into());
        }
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

    /// Where the Server says for which Subscriptions a message is, that counts too: it may have sent others for the others. Unless it
    /// means those of an earlier process alone.
    fn wants(&self, publish: &Publish<'_>, identifiers: &Identifiers) -> bool {
        let Wants::Subscription(filter, identifier) = &self.wants else { return false };
        // Mostly a filter is the topic itself, which is quicker to see than to match.
        (**filter == *publish.topic || topic_matches(filter, publish.topic))
            && identifier.is_none_or(|own| {
                let meant = || publish.properties.raw.subscription_identifiers();
                meant().any(|meant| meant == own) || !meant().any(|meant| identifiers.has(meant))
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
