//! What a client is told, as values of its own.

use std::sync::Arc;

use midge_client_core::{Cause, Event, Receipt};
use midge_client_transport::Failure;
use midge_codec::{Properties, Publish, QoS, ReasonCode};

/// Something happened. A message in it is lent until the next incident is asked for.
#[derive(Clone, Debug)]
pub enum Incident<'a> {
    /// The Server has accepted the connection.
    Connected {
        /// Whether it still had the Session.
        session_present: bool,
    },
    /// A message.
    Message(Received<'a>),
    /// A step of enhanced authentication, which [`Client::authenticate`](crate::Client::authenticate) answers unless it says that all
    /// is done.
    Authentication {
        /// Continue authentication, or Success.
        reason_code: ReasonCode,
        /// Authentication Data.
        data: Box<[u8]>,
    },
    /// The Session was lost, and this Subscription could not be made again.
    SubscriptionLost(Box<str>, ReasonCode),
    /// A connection could not be made, or has broken; [`Incident::Disconnected`] follows.
    Failed(Arc<Failure>),
    /// The durable outbox cannot be written any more, and so nothing is sent any more: the client has left.
    OutboxFailed(Box<str>),
    /// The connection is over. The client comes back by itself where its options say so.
    Disconnected {
        /// The Reason Code, where there is one; before version 5 the return code of CONNACK.
        reason_code: Option<ReasonCode>,
        /// One clause for a log.
        cause: &'static str,
    },
}

/// A message that came, lent until the next one is asked for. [`Received::into_owned`] makes one to keep.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Received<'a> {
    /// Topic Name.
    pub topic: &'a str,
    /// Application data.
    pub payload: &'a [u8],
    /// Quality of Service of this delivery.
    pub qos: QoS,
    /// RETAIN.
    pub retain: bool,
    /// None before version 5.
    pub properties: Properties<'a>,
    /// There where it is to be acknowledged.
    pub(crate) receipt: Option<Receipt>,
}

/// A message that came, to keep.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ReceivedMessage {
    /// Topic Name.
    pub topic: Box<str>,
    /// Application data.
    pub payload: Box<[u8]>,
    /// Quality of Service of this delivery.
    pub qos: QoS,
    /// RETAIN.
    pub retain: bool,
    properties: Box<[u8]>,
    receipt: Option<Receipt>,
}

impl<'a> Received<'a> {
    pub(crate) fn new(publish: &Publish<'a>, receipt: Option<Receipt>) -> Received<'a> {
        let Publish { topic, payload, qos, retain, properties, .. } = *publish;
        Received { topic, payload, qos, retain, properties: properties.raw, receipt }
    }

    /// The same to keep.
    pub fn into_owned(self) -> ReceivedMessage {
        ReceivedMessage {
            topic: self.topic.into(),
            payload: self.payload.into(),
            qos: self.qos,
            retain: self.retain,
            properties: self.properties.raw().into(),
            receipt: self.receipt,
        }
    }
}

impl ReceivedMessage {
    /// Its Properties; none before version 5.
    pub fn properties(&self) -> Properties<'_> {
        Properties::from_raw(&self.properties)
    }
}

impl<'a> From<&Received<'a>> for Received<'a> {
    fn from(message: &Received<'a>) -> Received<'a> {
        *message
    }
}

impl<'a> From<&'a ReceivedMessage> for Received<'a> {
    fn from(message: &'a ReceivedMessage) -> Received<'a> {
        let ReceivedMessage { topic, payload, qos, retain, receipt, .. } = message;
        let (qos, retain, receipt) = (*qos, *retain, *receipt);
        Received { topic, payload, qos, retain, properties: message.properties(), receipt }
    }
}

impl Incident<'static> {
    /// What of this event a user is told here, unless it is a message.
    pub(crate) fn of(event: &Event<'_>) -> Option<Incident<'static>> {
        match event {
            Event::Connected(connack) => Some(Incident::Connected { session_present: connack.session_present }),
            Event::Authentication(auth) => {
                let data = auth.properties.authentication_data().unwrap_or_default().into();
                Some(Incident::Authentication { reason_code: auth.reason_code, data })
            }
            Event::SubscriptionLost { filter, reason_code } => {
                Some(Incident::SubscriptionLost((*filter).into(), *reason_code))
            }
            Event::Disconnected(cause) => {
                let (reason_code, cause) = name_cause(cause);
                Some(Incident::Disconnected { reason_code, cause })
            }
            _ => None,
        }
    }
}

fn name_cause(cause: &Cause<'_>) -> (Option<ReasonCode>, &'static str) {
    match *cause {
        Cause::Left => (None, "we have left"),
        Cause::Refused(connack) => (Some(ReasonCode(connack.code)), "the server has refused the connection"),
        Cause::Dismissed(disconnect) => (Some(disconnect.reason_code), "the server has ended the connection"),
        Cause::ProtocolError(reason_code, cause) => (Some(reason_code), cause),
        Cause::ConnAckTimeout => (None, "the server did not answer CONNECT"),
        Cause::KeepAliveTimeout => (None, "the server did not answer PINGREQ"),
        Cause::Closed => (None, "the connection was closed, or could not be made"),
    }
}
