//! SUBSCRIBE and UNSUBSCRIBE that have not been answered, and the Subscriptions that are there.
//!
//! A request that loses its connection is made again on the next one, until it is answered once. Subscriptions are
//! remembered, so that they can be made again where the Server has lost the Session.

use std::collections::{BTreeMap, VecDeque};

use midge_codec::{
    PacketId, Properties, PropertiesBuf, Property, ReasonCode, SubscribeFiltersBuf, SubscriptionOptions, TopicFilter,
    UnsubscribeFiltersBuf,
};

/// Requests and Subscriptions.
#[derive(Debug, Default)]
pub(crate) struct Requests {
    /// Not answered, oldest first. Those that were sent on this connection stand before the others.
    open: VecDeque<Request>,
    /// How many were sent on this connection.
    sent: usize,
    /// By Topic Filter.
    subscriptions: BTreeMap<Box<str>, Subscription>,
}

/// One SUBSCRIBE or UNSUBSCRIBE.
#[derive(Debug)]
pub(crate) struct Request {
    /// Who asked: a user by number, or the loss of the Session.
    pub(crate) number: Option<u64>,
    pub(crate) packet_id: Option<PacketId>,
    pub(crate) kind: RequestKind,
    properties: PropertiesBuf,
}

#[derive(Debug)]
pub(crate) enum RequestKind {
    Subscribe(SubscribeFiltersBuf),
    Unsubscribe(UnsubscribeFiltersBuf),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Subscription {
    options: SubscriptionOptions,
    identifier: Option<u32>,
}

impl Request {
    pub(crate) fn new(number: Option<u64>, kind: RequestKind, properties: PropertiesBuf) -> Request {
        Request { number, packet_id: None, kind, properties }
    }

    pub(crate) fn properties(&self) -> Properties<'_> {
        self.properties.as_properties()
    }

    /// How many filters it has.
    pub(crate) fn filters_len(&self) -> usize {
        match &self.kind {
            RequestKind::Subscribe(filters) => filters.as_filters().len(),
            RequestKind::Unsubscribe(filters) => filters.as_filters().len(),
        }
    }

    /// Whether these codes can be the answer to it. UNSUBACK has none before version 5, and SUBACK none of Servers that mean QoS 0.
    pub(crate) fn fits(&self, codes: &[u8], is_subscribe: bool) -> bool {
        let is_kind = matches!(self.kind, RequestKind::Subscribe(_)) == is_subscribe;
        is_kind && (codes.len() == self.filters_len() || codes.is_empty())
    }
}

impl Requests {
    pub(crate) fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    pub(crate) fn push(&mut self, request: Request) {
        // At once: should the Session be lost before the answer, they are not to come back.
        self.forget(&request);
        self.open.push_back(request);
    }

    /// The next one to be sent on this connection.
    pub(crate) fn next_unsent(&self) -> Option<&Request> {
        self.open.get(self.sent)
    }

    /// It was sent with this identifier.
    pub(crate) fn note_sent(&mut self, packet_id: PacketId) {
        if let Some(request) = self.open.get_mut(self.sent) {
            request.packet_id = Some(packet_id);
            self.sent += 1;
        }
    }

    /// It cannot be sent.
    pub(crate) fn remove_unsent(&mut self) -> Option<Request> {
        self.open.remove(self.sent)
    }

    /// The request that was sent with this identifier has been answered.
    pub(crate) fn remove(&mut self, packet_id: PacketId) -> Option<Request> {
        let at = self.open.iter().take(self.sent).position(|request| request.packet_id == Some(packet_id))?;
        self.sent -= 1;
        self.open.remove(at)
    }

    /// The connection is over: all are to be sent again.
    pub(crate) fn handle_closed(&mut self) {
        self.sent = 0;
    }

    pub(crate) fn drain(&mut self) -> impl Iterator<Item = Request> + '_ {
        self.sent = 0;
        self.open.drain(..)
    }

    /// The answer came: what was granted is remembered. `lose` is told of what a lost Session cannot get back.
    pub(crate) fn remember(&mut self, request: &Request, codes: &[u8], mut lose: impl FnMut(&str, ReasonCode)) {
        let RequestKind::Subscribe(filters) = &request.kind else { return self.forget(request) };
        let identifier = request.properties().subscription_identifier();
        for ((filter, options), &code) in filters.as_filters().iter().zip(codes) {
            if code < 0x80 {
                self.subscriptions.insert(filter.text().into(), Subscription { options, identifier });
            } else if request.number.is_none() {
                self.subscriptions.remove(filter.text());
                lose(filter.text(), ReasonCode(code));
            }
        }
    }

    /// Forgets what is given up.
    fn forget(&mut self, request: &Request) {
        let RequestKind::Unsubscribe(filters) = &request.kind else { return };
        for filter in filters.as_filters().iter() {
            self.subscriptions.remove(filter.text());
        }
    }

    /// The Session is gone: everything that was there is asked for again, before what else waits.
    pub(crate) fn subscribe_again(&mut self) {
        self.open.retain(|request| request.number.is_some());
        let mut requests = Vec::new();
        let mut filters = SubscribeFiltersBuf::new();
        let mut bytes = 0;
        let mut identifier = None;
        for (text, subscription) in &self.subscriptions {
            let Ok(filter) = TopicFilter::parse(text) else { continue };
            let is_full = bytes + text.len() > AGAIN_BYTES_MAX || subscription.identifier != identifier;
            if bytes > 0 && is_full {
                requests.push(again(std::mem::take(&mut filters), identifier));
                bytes = 0;
            }
            identifier = subscription.identifier;
            filters.push(filter, subscription.options);
            bytes += text.len();
        }
        if bytes > 0 {
            requests.push(again(filters, identifier));
        }
        for request in requests.into_iter().rev() {
            self.open.push_front(request);
        }
    }

    /// Topic Filters of the Subscriptions that are there.
    pub(crate) fn filters(&self) -> impl Iterator<Item = &str> {
        self.subscriptions.keys().map(|filter| &**filter)
    }
}

fn again(filters: SubscribeFiltersBuf, identifier: Option<u32>) -> Request {
    let mut properties = PropertiesBuf::new();
    if let Some(identifier) = identifier {
        properties.push(Property::SubscriptionIdentifier(identifier));
    }
    Request::new(None, RequestKind::Subscribe(filters), properties)
}

/// Filters of one SUBSCRIBE that makes Subscriptions again, in bytes: few Servers take much longer packets.
const AGAIN_BYTES_MAX: usize = 4 << 10;
