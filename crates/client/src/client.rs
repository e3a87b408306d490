//! What a user does: publish, subscribe, leave.

use std::fmt;
use std::sync::Arc;

use midge_client_core::{Accepted, Acknowledge, DropReason, Message, Options, Record, Refusal};
use midge_client_transport::{Endpoint, Failure};
use midge_codec::{
    DecodeError, PropertiesBuf, Property, QoS, ReasonCode, SubscribeFiltersBuf, SubscriptionOptions, TopicFilter,
    UnsubscribeFiltersBuf,
};
use thiserror::Error;
use tokio::sync::oneshot;

use crate::driver;
use crate::inbox::Wants;
use crate::incoming::{Incident, Received};
use crate::outbox::{self, Outbox, OutboxError};
use crate::shared::{End, Shared};
use crate::stream::{Incoming, Listener, Subscription};

/// A handle to a client, of which there may be many. When the last is gone the client leaves, as with [`Client::close`]: what was
/// taken over is sent before, as long as the runtime goes on.
#[derive(Clone)]
pub struct Client {
    handle: Arc<Handle>,
}

/// Its end is noticed by the task.
struct Handle {
    shared: Arc<Shared>,
}

/// Why something did not come about.
#[derive(Clone, Copy, PartialEq, Eq, Error)]
pub enum Error {
    /// It was not taken over.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// It was not sent.
    #[error("not sent: {}", name_drop(.0))]
    Dropped(DropReason),
    /// The Server says no, with this Reason Code.
    #[error("the server has refused: {0}")]
    Denied(ReasonCode),
    /// The text is no Topic Filter.
    #[error("no topic filter: {0}")]
    TopicFilter(#[from] DecodeError),
    /// Requests need [`Client::accept_responses`] first.
    #[error("no topic is known on which a response could come")]
    NoResponseTopic,
    /// The durable outbox cannot be written any more; [`Incident::OutboxFailed`] says why.
    #[error("the outbox cannot be written")]
    Outbox,
    /// The client has left.
    #[error("the client has left")]
    Over,
}

/// Why the first connection did not come about.
#[derive(Clone, Error)]
pub enum ConnectError {
    /// The options cannot stand in a CONNECT.
    #[error("no CONNECT can say that: {0}")]
    Options(#[from] DecodeError),
    /// The Server cannot be reached.
    #[error("{0}")]
    Failed(Arc<Failure>),
    /// The Server does not want us, with this Reason Code where it has said one.
    #[error("{}", name_refusal(.0, .1))]
    Refused(Option<ReasonCode>, &'static str),
}

/// What a program says whose `main` ends with it is the sentence.
impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What a program says whose `main` ends with it is the sentence.
impl fmt::Debug for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

fn name_refusal(reason_code: &Option<ReasonCode>, cause: &str) -> String {
    reason_code.map_or_else(|| cause.to_owned(), |reason_code| format!("{cause}: {reason_code}"))
}

/// A message that was taken over. It is sent whether anybody waits for it or not.
#[derive(Debug)]
#[must_use = "`acknowledged` tells whether the server has taken it"]
pub struct Delivery(Option<oneshot::Receiver<End>>);

impl Client {
    /// Begins to connect, from a task of the present runtime.
    ///
    /// # Errors
    /// When the options cannot stand in a CONNECT. That a Server is not there, or refuses, is told as an
    /// [`Incident`](crate::Incident).
    pub fn start(endpoint: impl Into<Arc<Endpoint>>, options: Options) -> Result<(Client, Incoming), DecodeError> {
        options.check()?;
        let acknowledge = options.acknowledge;
        // There is no store here that would take steps.
        let options = Options { tells_steps: false, acknowledge: Acknowledge::ByHand, ..options };
        let client = midge_client_core::Client::new(options);
        Ok(Client::spawn(endpoint.into(), Shared::new(client, acknowledge, None), None))
    }

    /// The same with a durable outbox: what [`Client::publish`] has taken over is delivered even when the process is killed and comes
    /// back, QoS 2 exactly once for as long as the Server keeps the Session. What was left in it is sent first.
    ///
    /// # Errors
    /// When the options do not suit an outbox: it wants a Client Identifier that stays the same, and a Session that outlives connections.
    pub fn start_with_outbox(
        endpoint: impl Into<Arc<Endpoint>>,
        options: Options,
        outbox: Outbox,
    ) -> Result<(Client, Incoming), OutboxError> {
        let acknowledge = options.acknowledge;
        let client = outbox.restore(Options { acknowledge: Acknowledge::ByHand, ..options })?;
        let shared = Shared::new(client, acknowledge, Some(Box::default()));
        Ok(Client::spawn(endpoint.into(), shared, Some(outbox)))
    }

    fn spawn(endpoint: Arc<Endpoint>, shared: Shared, outbox: Option<Outbox>) -> (Client, Incoming) {
        let shared = Arc::new(shared);
        let incoming = Incoming::new(Listener::new(Arc::clone(&shared), Wants::Rest));
        let keeper = outbox.map(|outbox| tokio::spawn(outbox::keep(Arc::clone(&shared), outbox)));
        tokio::spawn(driver::drive(Arc::clone(&shared), endpoint, keeper));
        (Client { handle: Arc::new(Handle { shared }) }, incoming)
    }

    /// The same, and waits for the first connection: what comes of it is no riddle to who has just begun.
    ///
    /// # Errors
    /// When the options cannot stand in a CONNECT, or the first connection could not be made, with the sentence that says why.
    pub async fn connect(
        endpoint: impl Into<Arc<Endpoint>>,
        options: Options,
    ) -> Result<(Client, Incoming), ConnectError> {
        let (client, mut incoming) = Client::start(endpoint, options)?;
        loop {
            let failure = match incoming.next().await {
                Some(Incident::Connected { .. }) => break,
                Some(Incident::Failed(failure)) => ConnectError::Failed(failure),
                Some(Incident::Disconnected { reason_code, cause }) => ConnectError::Refused(reason_code, cause),
                Some(_) => continue,
                None => ConnectError::Refused(None, "the client has left"),
            };
            return Err(failure);
        }
        Ok((client, incoming))
    }

    /// Takes a message over, and waits for room where too many wait for the Server already.
    ///
    /// # Errors
    /// When it is no message, or the Server does not take it, or the client has left.
    pub async fn publish(&self, message: &Message<'_>) -> Result<Delivery, Error> {
        loop {
            // Before the look, or room that comes in between would not be noticed.
            let room = self.shared().room.notified();
            match self.take_over(message) {
                Err(Error::Refused(Refusal::Full)) => room.await,
                outcome => {
                    // Where there is room for one there may be room for others.
                    self.shared().room.notify_one();
                    let (delivery, upto) = outcome?;
                    if message.qos == QoS::AtMostOnce && !delivery.has_ended() {
                        // The output is full, and nothing stops one who publishes at QoS 0: the task has to come to write it.
                        tokio::task::yield_now().await;
                    }
                    if upto.is_some() {
                        self.shared().wait_until_kept(upto).await?;
                    }
                    return Ok(delivery);
                }
            }
        }
    }

    /// The same without waiting for room. With a durable outbox the message may not be kept yet.
    ///
    /// # Errors
    /// Also with [`Refusal::Full`].
    pub fn try_publish(&self, message: &Message<'_>) -> Result<Delivery, Error> {
        self.take_over(message).map(|(delivery, _)| delivery)
    }

    /// Takes a message over. With a durable outbox it is kept when the log has so much.
    fn take_over(&self, message: &Message<'_>) -> Result<(Delivery, Option<u64>), Error> {
        let now_ms = self.shared().now_ms();
        let mut state = self.shared().lock();
        if state.is_over {
            return Err(Error::Over);
        }
        let (delivery, upto) = match state.client.publish(now_ms, message)? {
            Accepted::Sent => (Delivery(None), None),
            Accepted::Held(number) => {
                let accepted = Record::Accepted { number, at_ms: outbox::wall_ms(), message: *message };
                let upto = state.gate.as_mut().map(|gate| gate.add(&accepted));
                (Delivery(Some(state.wait_for(number))), upto)
            }
        };
        drop(state);
        if upto.is_some() {
            self.shared().gathered.notify_one();
        }
        self.shared().wake.notify_one();
        Ok((delivery, upto))
    }

    /// Messages that were taken over and that the Server does not answer for yet, and their bytes; with those that an outbox was left
    /// with.
    pub fn held(&self) -> (usize, usize) {
        self.shared().lock().client.held()
    }

    /// Messages of QoS 1 and 2 that were acknowledged and thrown away unseen, since the client was made: what no stream wanted when
    /// [`Incoming`] was gone, and what stood unread in a stream that was dropped.
    pub fn discarded(&self) -> u64 {
        self.shared().lock().inbox.discarded
    }

    /// Subscribes with one filter, and waits for the answer: a stream of its messages, and the QoS that was granted. A Subscription is
    /// given up with [`Client::unsubscribe`], not by dropping its stream.
    ///
    /// # Errors
    /// When that is no filter, the Server does not take it, or says no.
    pub async fn subscribe(&self, filter: &str, qos: QoS) -> Result<Subscription, Error> {
        let parsed = TopicFilter::parse(filter)?;
        let mut filters = SubscribeFiltersBuf::new();
        filters.push(parsed, SubscriptionOptions { qos, ..SubscriptionOptions::default() });
        let mut properties = PropertiesBuf::new();
        let identifier = {
            let mut state = self.shared().lock();
            // Only where the Server has said that it takes them: it would refuse everything otherwise.
            let is_available = state.client.is_online() && state.client.limits().subscription_identifier_available;
            is_available.then(|| state.inbox.identifiers.give(parsed.filter()))
        };
        if let Some(identifier) = identifier {
            properties.push(Property::SubscriptionIdentifier(identifier));
        }
        // Before the request: messages may come before its answer.
        let wants = Wants::Subscription(parsed.filter().into(), identifier);
        let listener = Listener::new(Arc::clone(&self.handle.shared), wants);
        let codes = self.subscribe_with(filters, properties).await?;
        let reason_code = codes.first().copied().unwrap_or(ReasonCode::UNSPECIFIED_ERROR);
        match QoS::from_u8(reason_code.0) {
            Some(granted) => Ok(Subscription::new(listener, granted)),
            None => Err(Error::Denied(reason_code)),
        }
    }

    /// Gives up the Subscription with this filter, and waits for the answer.
    ///
    /// # Errors
    /// When that is no filter, or the Server says no.
    pub async fn unsubscribe(&self, filter: &str) -> Result<(), Error> {
        let parsed = TopicFilter::parse(filter)?;
        let mut filters = UnsubscribeFiltersBuf::new();
        filters.push(parsed);
        match self.unsubscribe_with(filters, PropertiesBuf::new()).await?.first() {
            Some(code) if code.is_error() => return Err(Error::Denied(*code)),
            _ => self.shared().lock().inbox.identifiers.forget(parsed.filter()),
        }
        Ok(())
    }

    /// Subscribes with any filters, options and Properties, and waits for the answer: one Reason Code for each filter. Messages come by
    /// [`Incoming`].
    ///
    /// # Errors
    /// When that is no request, or the Server does not take it.
    pub async fn subscribe_with(
        &self,
        filters: SubscribeFiltersBuf,
        properties: PropertiesBuf,
    ) -> Result<Vec<ReasonCode>, Error> {
        if let Some(identifier) = properties.as_properties().subscription_identifier() {
            self.shared().lock().inbox.identifiers.note(identifier);
        }
        let codes = self.ask(|client| client.subscribe(filters, properties)).await?;
        if codes.iter().any(|code| !code.is_error()) {
            let now_ms = self.shared().now_ms();
            self.shared().lock().inbox.held.note_subscribed(now_ms);
            // There is room to read on, and a deadline.
            self.shared().wake.notify_one();
        }
        Ok(codes)
    }

    /// Gives Subscriptions up, and waits for the answer: one Reason Code for each filter, none before version 5.
    ///
    /// # Errors
    /// When that is no request, or the Server does not take it.
    pub async fn unsubscribe_with(
        &self,
        filters: UnsubscribeFiltersBuf,
        properties: PropertiesBuf,
    ) -> Result<Vec<ReasonCode>, Error> {
        self.ask(|client| client.unsubscribe(filters, properties)).await
    }

    /// Acknowledges a message, where [`Options::acknowledge`] says that this is done by hand; a code of 0x80 or more refuses it (version
    /// 5). Whether that was waited for: a message of QoS 1 comes again when its connection is lost.
    pub fn acknowledge<'a>(&self, message: impl Into<Received<'a>>, reason_code: ReasonCode) -> bool {
        let Some(receipt) = message.into().receipt else { return false };
        let is_known = self.shared().lock().client.acknowledge(receipt, reason_code);
        self.shared().wake.notify_one();
        is_known
    }

    /// Answers a step of enhanced authentication.
    ///
    /// # Errors
    /// When none is under way.
    pub fn authenticate(&self, data: &[u8]) -> Result<(), Refusal> {
        let outcome = self.shared().lock().client.authenticate(data);
        self.shared().wake.notify_one();
        outcome
    }

    /// Begins to authenticate once more on the same connection.
    ///
    /// # Errors
    /// When there is no connection, no enhanced authentication, or one is under way.
    pub fn reauthenticate(&self, data: &[u8]) -> Result<(), Refusal> {
        let outcome = self.shared().lock().client.reauthenticate(data);
        self.shared().wake.notify_one();
        outcome
    }

    /// Leaves when every message has ended and every request is answered, and waits for that; for as long as it takes.
    pub async fn close(&self) {
        let over = self.shared().over.notified();
        if !self.shared().leave_when_done() {
            over.await;
        }
    }

    /// Leaves at once. What has not ended is dropped.
    pub fn disconnect(&self) {
        self.shared().lock().leave();
        self.shared().wake.notify_one();
    }

    async fn ask(
        &self,
        ask: impl FnOnce(&mut midge_client_core::Client) -> Result<u64, Refusal>,
    ) -> Result<Vec<ReasonCode>, Error> {
        let answer = {
            let mut state = self.shared().lock();
            if state.is_over {
                return Err(Error::Over);
            }
            let number = ask(&mut state.client)?;
            state.wait_for(number)
        };
        self.shared().wake.notify_one();
        answer.await.map_err(|_| Error::Over)?.map_err(Error::Dropped)
    }

    pub(crate) fn shared(&self) -> &Shared {
        &self.handle.shared
    }
}

impl Delivery {
    /// Whether it needs no waiting for: a message of QoS 0 that is in the output.
    fn has_ended(&self) -> bool {
        self.0.is_none()
    }

    /// Waits until the Server answers for the message; one of QoS 0 only has to be sent. Gives the Reason Code, below 0x80.
    ///
    /// # Errors
    /// When the Server has refused the message, or it was not sent.
    pub async fn acknowledged(self) -> Result<ReasonCode, Error> {
        let Some(end) = self.0 else { return Ok(ReasonCode::SUCCESS) };
        let codes = end.await.map_err(|_| Error::Over)?.map_err(Error::Dropped)?;
        let reason_code = codes.first().copied().unwrap_or(ReasonCode::SUCCESS);
        if reason_code.is_error() { Err(Error::Denied(reason_code)) } else { Ok(reason_code) }
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.shared.leave_when_done();
    }
}

impl Shared {
    /// Whether that has happened already.
    fn leave_when_done(&self) -> bool {
        let mut state = self.lock();
        state.leaves = true;
        let is_over = state.is_over;
        drop(state);
        self.wake.notify_one();
        is_over
    }
}

fn name_drop(why: &DropReason) -> String {
    match why {
        DropReason::Refused(refusal) => refusal.to_string(),
        DropReason::Expired => "its time was over".to_owned(),
        DropReason::Abandoned => "the client has left".to_owned(),
    }
}
