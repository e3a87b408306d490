//! Messages of a Session that the Server has kept, until somebody subscribes to them.
//!
//! They come right behind CONNACK, before a program could say who is to have them. So what no stream wants when
//! [`Incoming`](crate::Incoming) is gone stays here unacknowledged, and goes to the first Subscription whose Topic Filter matches it.
//!
//! That ends a while after the first Subscription was answered. A program has said by then what it wants, and what nobody takes must
//! not hold up the acknowledgements behind it for ever `[MQTT-4.6.0-2]`.
//!
//! Messages of QoS 0 are not held, as nothing would bound them.

use std::collections::{BTreeMap, BTreeSet};

use midge_client_core::Receipt;
use midge_codec::{QoS, topic_matches};

use crate::incoming::{Received, ReceivedMessage};

/// See the module.
#[derive(Debug)]
pub(crate) struct Held {
    phase: Phase,
    /// In the order in which they came.
    messages: BTreeMap<Receipt, ReceivedMessage>,
    bytes: usize,
    /// Topic Filters of streams that this process had and has dropped: nobody wants what is for them.
    unwanted: BTreeSet<Box<str>>,
}

/// Whether messages are held.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Phase {
    /// There has been no CONNACK. Whether there may be a Session of which it will not tell (MQTT 3.1).
    Before { may_be_untold: bool },
    /// Nothing has been subscribed.
    Open,
    /// Something has, and there is time until then for the rest.
    Ending { at_ms: u64 },
    /// Not, or not any more.
    Over,
}

impl Held {
    pub(crate) fn new(may_be_untold: bool) -> Held {
        Held { phase: Phase::Before { may_be_untold }, messages: BTreeMap::new(), bytes: 0, unwanted: BTreeSet::new() }
    }

    /// CONNACK. What the first one says decides; after a later one the Server sends again what was not acknowledged at QoS 1.
    pub(crate) fn handle_connected(&mut self, session_present: bool) {
        match self.phase {
            Phase::Before { may_be_untold } if session_present || may_be_untold => self.phase = Phase::Open,
            Phase::Before { .. } => self.phase = Phase::Over,
            _ if session_present => drop(self.take(|message| message.qos == QoS::AtLeastOnce)),
            _ => {}
        }
    }

    fn is_on(&self) -> bool {
        matches!(self.phase, Phase::Open | Phase::Ending { .. })
    }

    /// Holds a message, unless it is not to be held.
    pub(crate) fn hold(&mut self, message: &Received<'_>) -> bool {
        let Some(receipt) = message.receipt.filter(|_| self.is_on()) else { return false };
        if self.unwanted.iter().any(|filter| topic_matches(filter, message.topic)) {
            return false;
        }
        let message = message.into_owned();
        self.bytes += bytes(&message);
        self.messages.insert(receipt, message);
        true
    }

    /// Somebody has subscribed: the messages for this Topic Filter, in their order.
    pub(crate) fn take_for(&mut self, filter: &str) -> Vec<ReceivedMessage> {
        self.unwanted.remove(filter);
        self.take(|message| topic_matches(filter, &message.topic))
    }

    fn take(&mut self, is_wanted: impl Fn(&ReceivedMessage) -> bool) -> Vec<ReceivedMessage> {
        let taken = self.messages.extract_if(.., |_, message| is_wanted(message));
        let taken: Vec<_> = taken.map(|(_, message)| message).collect();
        self.bytes -= taken.iter().map(bytes).sum::<usize>();
        taken
    }

    /// The stream of a Subscription with this Topic Filter was dropped.
    pub(crate) fn note_dropped(&mut self, filter: &str) {
        if self.is_on() {
            self.unwanted.insert(filter.into());
        }
    }

    /// A Subscription was answered.
    pub(crate) fn note_subscribed(&mut self, now_ms: u64) {
        if self.phase == Phase::Open {
            self.phase = Phase::Ending { at_ms: now_ms + GRACE_MS };
        }
    }

    /// When to call [`Held::end_if_due`].
    pub(crate) fn deadline_ms(&self) -> Option<u64> {
        match self.phase {
            Phase::Ending { at_ms } => Some(at_ms),
            _ => None,
        }
    }

    /// Ends holding when its time has passed. What nobody has taken.
    pub(crate) fn end_if_due(&mut self, now_ms: u64) -> Vec<ReceivedMessage> {
        if self.deadline_ms().is_none_or(|at_ms| at_ms > now_ms) {
            return Vec::new();
        }
        self.phase = Phase::Over;
        self.unwanted.clear();
        self.take(|_| true)
    }

    /// Messages for which nothing further should be read, and their bytes. From the first Subscription on there are streams that would
    /// starve; then Receive Maximum alone bounds what is held.
    pub(crate) fn load(&self) -> (usize, usize) {
        if self.phase == Phase::Open { (self.messages.len(), self.bytes) } else { (0, 0) }
    }
}

fn bytes(message: &ReceivedMessage) -> usize {
    message.topic.len() + message.payload.len() + message.properties().raw().len()
}

/// So long there is time to subscribe to the rest.
const GRACE_MS: u64 = 30_000;

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use midge_client_core::{Acknowledge, Client, Options};
    use midge_codec::Version;

    use super::*;
    use crate::inbox::Wants;
    use crate::incoming::Incident;
    use crate::shared::Shared;
    use crate::stream::Listener;
    use crate::waiting::Waiting;

    /// A client of version 3.1.1 to which the server has said CONNACK, and nobody listens to what happens besides.
    fn connected(session_present: bool) -> Arc<Shared> {
        let options =
            Options { clean_start: false, acknowledge: Acknowledge::ByHand, ..Options::new(Version::V311, "c") };
        let shared = Arc::new(Shared::new(Client::new(options), Acknowledge::AtOnce, None));
        shared.lock().client.begin_connection();
        shared.lock().client.handle_connected(0);
        receive(&shared, &[0x20, 2, session_present.into(), 0]);
        written(&shared);
        shared
    }

    fn receive(shared: &Shared, bytes: &[u8]) {
        let consumed = shared.lock().act(|client, visit| client.handle_bytes(0, bytes, visit));
        assert_eq!(consumed.bytes, bytes.len());
    }

    /// PUBLISH to a topic of one byte at QoS 1.
    fn publish(shared: &Shared, topic: u8, number: u8) {
        receive(shared, &[0x32, 6, 0, 1, topic, 0, number, number]);
    }

    /// What the client has to say.
    fn written(shared: &Shared) -> Vec<u8> {
        let mut state = shared.lock();
        let output = state.client.output().to_vec();
        state.act(|client, visit| client.handle_written(0, output.len(), visit));
        output
    }

    /// The packets that acknowledge these.
    fn pubacks(numbers: &[u8]) -> Vec<u8> {
        numbers.iter().flat_map(|&number| [0x40, 2, 0, number]).collect()
    }

    /// A stream that asks for messages of this filter.
    fn open(shared: &Arc<Shared>, filter: &str) -> Listener {
        Listener::new(Arc::clone(shared), Wants::Subscription(filter.into(), None))
    }

    fn waiting(shared: &Shared, route: usize) -> Vec<u8> {
        let mut waiting = Waiting::default();
        shared.lock().inbox.take(route, &mut waiting);
        let next = || match waiting.next()? {
            Incident::Message(message) => Some(message.payload[0]),
            told => panic!("{told:?}"),
        };
        std::iter::from_fn(next).collect()
    }

    #[test]
    fn a_subscription_that_comes_to_nothing_takes_nothing_away() {
        let shared = connected(true);
        publish(&shared, b'a', 1);
        let refused = open(&shared, "a");
        publish(&shared, b'a', 2);
        drop(refused);
        publish(&shared, b'b', 3);
        publish(&shared, b'a', 4);
        let _listener = open(&shared, "#");
        publish(&shared, b'a', 5);
        shared.lock().inbox.grant(0);
        assert_eq!(waiting(&shared, 0), [1, 2, 3, 4, 5]);
        assert_eq!((written(&shared), shared.lock().inbox.discarded), (pubacks(&[]), 0));
    }

    #[test]
    fn what_nobody_takes_is_given_up_a_while_after_the_first_subscription() {
        let shared = connected(true);
        publish(&shared, b'a', 1);
        shared.lock().end_holding_if_due(u64::MAX);
        assert_eq!(written(&shared), [], "nothing is subscribed");
        shared.lock().inbox.held.note_subscribed(1_000);
        shared.lock().inbox.held.note_subscribed(2_000);
        let due_ms = shared.lock().inbox.held.deadline_ms().expect("a time");
        assert_eq!(due_ms, 1_000 + GRACE_MS);
        shared.lock().end_holding_if_due(due_ms - 1);
        publish(&shared, b'b', 2);
        assert_eq!(written(&shared), []);
        shared.lock().end_holding_if_due(due_ms);
        publish(&shared, b'c', 3);
        assert_eq!((written(&shared), shared.lock().inbox.discarded), (pubacks(&[1, 2, 3]), 3));
        assert_eq!(shared.lock().inbox.held.deadline_ms(), None);
    }

    #[test]
    fn what_is_for_a_stream_that_was_dropped_is_not_held() {
        let shared = connected(true);
        let dropped = open(&shared, "a");
        shared.lock().inbox.grant(0);
        publish(&shared, b'a', 1);
        drop(dropped);
        publish(&shared, b'a', 2);
        publish(&shared, b'b', 3);
        assert_eq!((written(&shared), shared.lock().inbox.discarded), (pubacks(&[1, 2]), 2));
        let _again = open(&shared, "a");
        shared.lock().inbox.grant(0);
        publish(&shared, b'a', 4);
        assert_eq!((waiting(&shared, 0), written(&shared)), (vec![4], vec![]));
    }

    #[test]
    fn in_a_new_session_nothing_is_held() {
        let shared = connected(false);
        publish(&shared, b'a', 1);
        assert_eq!((written(&shared), shared.lock().inbox.discarded), (pubacks(&[1]), 1));
    }

    #[test]
    fn responses_to_an_earlier_program_are_of_no_use() {
        let shared = connected(true);
        publish(&shared, b'a', 1);
        shared.lock().inbox.accept_responses("a");
        shared.lock().settle();
        assert_eq!((written(&shared), shared.lock().inbox.discarded), (pubacks(&[1]), 0));
    }
}
