//! Request and response (MQTT 5.0 section 4.10): a message with Response Topic and Correlation Data, and the answer to it.

use midge_client_core::Message;
use midge_codec::{PropertiesBuf, Property, QoS, SubscribeFiltersBuf, SubscriptionOptions, TopicFilter};

use crate::client::{Client, Error};
use crate::incoming::{Received, ReceivedMessage};

impl Client {
    /// Subscribes to the topic on which responses to our requests will come; it has to be one that nobody else has. Once is enough.
    ///
    /// # Errors
    /// When it is no topic, or the Server says no.
    pub async fn accept_responses(&self, topic: &str) -> Result<(), Error> {
        let mut filters = SubscribeFiltersBuf::new();
        filters.push(TopicFilter::parse(topic)?, SubscriptionOptions { qos: QoS::AtLeastOnce, ..Default::default() });
        self.shared().lock().inbox.accept_responses(topic);
        let codes = self.subscribe_with(filters, PropertiesBuf::new()).await?;
        match codes.first() {
            Some(code) if code.is_error() => Err(Error::Denied(*code)),
            _ => Ok(()),
        }
    }

    /// Sends a request and waits for its response, for as long as it takes: `tokio::time::timeout` around it says how long that may be.
    /// Further Properties of the message are sent along.
    ///
    /// # Errors
    /// When it was not sent, or [`Client::accept_responses`] has not been called.
    pub async fn request(&self, message: &Message<'_>) -> Result<ReceivedMessage, Error> {
        let (correlation, topic, response) = {
            let inbox = &mut self.shared().lock().inbox;
            let topic = inbox.response_topic.clone().ok_or(Error::NoResponseTopic)?;
            let (correlation, response) = inbox.begin_request();
            (correlation, topic, response)
        };
        let _guard = Guard { client: self, correlation };
        let data = correlation.to_be_bytes();
        let mut properties = PropertiesBuf::new();
        for property in message.properties.iter() {
            properties.push(property);
        }
        properties.push(Property::ResponseTopic(&topic)).push(Property::CorrelationData(&data));
        let request = Message { properties: properties.as_properties(), ..*message };
        self.publish(&request).await?.acknowledged().await?;
        response.await.map_err(|_| Error::Over)
    }

    /// Answers a request, at its own QoS. Whether it wants an answer: where it names no Response Topic nothing is sent.
    ///
    /// # Errors
    /// When the answer was not taken over.
    pub async fn respond<'a>(&self, request: impl Into<Received<'a>>, payload: &[u8]) -> Result<bool, Error> {
        let request = request.into();
        let Some(topic) = request.properties.response_topic() else { return Ok(false) };
        let mut properties = PropertiesBuf::new();
        if let Some(data) = request.properties.correlation_data() {
            properties.push(Property::CorrelationData(data));
        }
        let message = Message::new(topic, payload, request.qos);
        // It is sent whether anybody waits for that or not.
        let _sent = self.publish(&Message { properties: properties.as_properties(), ..message }).await?;
        Ok(true)
    }
}

/// A request that is given up is not waited for.
struct Guard<'a> {
    client: &'a Client,
    correlation: u64,
}

impl Drop for Guard<'_> {
    fn drop(&mut self) {
        self.client.shared().lock().inbox.end_request(self.correlation);
    }
}
