//! `rr`: publishes a request, and shows the first message that comes to the topic of the response.

use std::time::{Duration, Instant};

use midge_client_core::{DropReason, Event, Message};
use midge_codec::{
    PropertiesBuf, Property, ReasonCode, SubscribeFiltersBuf, SubscriptionOptions, TopicFilter, Version,
};

use super::Failure;
use super::input;
use super::printer::Printer;
use super::publisher::refused;
use super::session::{Line, Work};
use super::settings::Settings;

/// A request, and how far it has come.
pub(super) struct Requester<'a> {
    settings: &'a Settings,
    topic: &'a str,
    response_topic: &'a str,
    payload: Vec<u8>,
    properties: PropertiesBuf,
    printer: Printer,
    state: State,
    is_online: bool,
    /// When the request was sent, and how long the response took.
    sent: Option<Instant>,
    latency: Option<Duration>,
    failure: Option<String>,
}

/// What is waited for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Connection,
    Subscription,
    /// For nothing: the request can be sent.
    Request,
    Response,
    End,
}

impl<'a> Requester<'a> {
    /// Reads what there is to read before connecting.
    pub(super) fn new(settings: &'a Settings) -> Result<Requester<'a>, Failure> {
        let missing = "Error: All of topic, message, and response topic must be supplied.";
        let missing = || Failure::Usage(missing.to_owned());
        let source = settings.message.source.as_ref().ok_or_else(missing)?;
        let payload = input::payload(source)?.ok_or_else(missing)?;
        let topic = settings.topics.last().ok_or_else(missing)?;
        let response_topic = settings.message.response_topic.as_deref().ok_or_else(missing)?;
        Ok(Requester {
            settings,
            topic,
            response_topic,
            payload,
            properties: properties(settings, response_topic)?,
            printer: Printer::new(&settings.output),
            state: State::Connection,
            is_online: false,
            sent: None,
            latency: None,
            failure: None,
        })
    }

    fn subscribe(&mut self, line: &mut Line<'_>) -> Result<(), String> {
        let failed = |why: &dyn std::fmt::Display| format!("Error: Unable to subscribe: {why}.");
        let filter = TopicFilter::parse(self.response_topic).map_err(|error| failed(&error))?;
        let options = SubscriptionOptions { qos: self.settings.qos, ..self.settings.subscription.options };
        let mut filters = SubscribeFiltersBuf::new();
        filters.push(filter, options);
        let properties = self.settings.properties.subscribe.clone();
        line.client().subscribe(filters, properties).map_err(|refusal| failed(&refusal))?;
        Ok(())
    }

    fn request(&mut self, line: &mut Line<'_>) -> Result<(), String> {
        let message = Message {
            topic: self.topic,
            payload: &self.payload,
            qos: self.settings.qos,
            retain: false,
            properties: self.properties.as_properties(),
        };
        self.sent = Some(Instant::now());
        line.driver.publish(line.id, &message).map(drop).map_err(refused)
    }
}

/// The Properties of the request. Version 3 has none, and its receivers know where the response goes.
fn properties(settings: &Settings, response_topic: &str) -> Result<PropertiesBuf, Failure> {
    let mut properties = settings.properties.publish.clone();
    if settings.client.version == Version::V5 {
        if properties.as_properties().response_topic().is_some() {
            let twice = "Error in PUBLISH properties: Duplicate response topic.";
            return Err(Failure::Other(twice.to_owned()));
        }
        properties.push(Property::ResponseTopic(response_topic));
    }
    Ok(properties)
}

impl Work for Requester<'_> {
    fn handle(&mut self, event: &Event<'_>, out: &mut Vec<u8>) {
        match event {
            Event::Connected(_) => self.is_online = true,
            Event::Answered { codes, .. } => match codes.first().map(|&code| ReasonCode(code)) {
                Some(code) if code.is_error() => self.failure = Some(code.name().to_owned()),
                _ => self.state = State::Request,
            },
            Event::Message(publish, _) => {
                if publish.retain && self.settings.subscription.is_without_retained {
                    return;
                }
                self.latency = self.sent.map(|sent| sent.elapsed());
                let settings = self.settings;
                self.printer.print(publish, out, &mut |complaint| settings.complain(&complaint));
                self.state = State::End;
            }
            Event::RequestDropped { why: DropReason::Refused(refusal), .. } => {
                self.failure = Some(format!("Error: Unable to subscribe: {refusal}."));
            }
            Event::Dropped { why: DropReason::Refused(refusal), .. } => self.failure = Some(refused(*refusal)),
            _ => {}
        }
    }

    fn act(&mut self, line: &mut Line<'_>) -> Result<(), String> {
        if let Some(failure) = self.failure.take() {
            return Err(failure);
        }
        match self.state {
            State::Connection if self.is_online => {
                self.state = State::Subscription;
                self.subscribe(line)
            }
            State::Request => {
                self.state = State::Response;
                self.request(line)
            }
            // What has begun with QoS 1 and 2 is brought to its end.
            State::End if line.has_delivered() && !line.client().awaits_release() => {
                if let Some(latency) = self.latency.take().filter(|_| self.settings.output.tells_latency) {
                    line.out.extend_from_slice(format!("Latency: {}\n", told(latency)).as_bytes());
                }
                line.leave();
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn takes_messages(&self) -> bool {
        self.state != State::End
    }
}

/// A time with its unit.
fn told(latency: Duration) -> String {
    let nanoseconds = latency.as_nanos();
    match nanoseconds {
        0..1_000 => format!("{nanoseconds}ns"),
        1_000..1_000_000 => format!("{:.6}µs", nanoseconds as f64 / 1e3),
        _ => format!("{:.6}ms", nanoseconds as f64 / 1e6),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_latency_has_its_unit() {
        let check = |nanoseconds, expected: &str| assert_eq!(told(Duration::from_nanos(nanoseconds)), expected);
        check(999, "999ns");
        check(1_500, "1.500000µs");
        check(2_500_000, "2.500000ms");
    }
}
