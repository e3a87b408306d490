//! A client that comes, sends messages to itself at each QoS, and goes.

use std::time::{Duration, Instant};

use midge_client_core::{Cause, DropReason, Event, Message};
use midge_codec::{QoS, ReasonCode, SubscribeFiltersBuf, SubscriptionOptions, TopicFilter, Version};

use super::report::Report;
use super::way::shown;
use crate::clients::session::{Line, Work};
use crate::clients::settings::Settings;

/// See the module.
pub(super) struct Visit<'a> {
    settings: &'a Settings,
    report: &'a mut Report,
    topic: &'a str,
    step: Step,
    /// When the step began.
    began: Instant,
    /// When the clock of the session was 0.
    zero: Instant,
    may_subscribe: bool,
    /// The server has said that it takes the message.
    is_taken: bool,
    /// It has come back.
    has_returned: bool,
}

/// What is waited for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Step {
    Connection,
    /// CONNACK came.
    Begin,
    /// The answer to this request.
    Subscription(u64),
    /// This message can be sent.
    Publish(QoS),
    /// It comes back. The number is that of a message that the server answers for.
    RoundTrip(QoS, Option<u64>),
    End,
}

impl<'a> Visit<'a> {
    pub(super) fn new(settings: &'a Settings, topic: &'a str, report: &'a mut Report) -> Visit<'a> {
        Visit {
            settings,
            report,
            topic,
            step: Step::Connection,
            began: Instant::now(),
            zero: Instant::now(),
            may_subscribe: false,
            is_taken: false,
            has_returned: false,
        }
    }

    /// The connection is over: what was still waited for did not come.
    pub(super) fn finish(&mut self) {
        match self.step {
            Step::End => {}
            Step::Connection => self
                .report
                .fail("CONNECT", "there was no answer: check that this port is for MQTT, and the server's log."),
            _ => self.report.fail("connection", "the server has ended it: its log may say why."),
        }
    }

    fn go_to(&mut self, step: Step) {
        self.step = step;
        self.began = Instant::now();
    }

    fn took(&self) -> String {
        shown(self.began.elapsed())
    }

    fn end(&mut self, cause: &Cause<'_>) {
        let text = match cause {
            Cause::Left => return,
            Cause::Refused(connack) => refusal(self.settings, connack.code, connack.properties.reason_string()),
            Cause::Dismissed(disconnect) => {
                format!("the server has ended the connection: {}; its log may say more.", disconnect.reason_code.name())
            }
            Cause::ProtocolError(_, text) => {
                format!("what the server sends is not allowed: {text}. It is not for this version (-V).")
            }
            Cause::ConnAckTimeout => "the server does not answer: check that this port is for MQTT.".to_owned(),
            Cause::KeepAliveTimeout => "the server does not answer any more.".to_owned(),
            Cause::Closed if self.step == Step::Connection => {
                let check =
                    "check that this port is for MQTT, whether it wants TLS or WebSocket (--ws), and the server's log";
                format!("the server has closed the connection without an answer: {check}.")
            }
            Cause::Closed => "the server has closed the connection: its log may say why.".to_owned(),
        };
        let what = if self.step == Step::Connection { "CONNECT" } else { "connection" };
        self.report.fail(what, &text);
        self.step = Step::End;
    }

    fn greet(&mut self, line: &mut Line<'_>) -> Result<(), String> {
        let limits = *line.client().limits();
        let version = match self.settings.client.version {
            Version::V5 => "5",
            Version::V311 => "3.1.1",
            Version::V31 => "3.1",
        };
        let id = match line.client().client_id() {
            "" => String::new(),
            id => format!(", as {id}"),
        };
        let took = self.took();
        self.report.fine("CONNECT", &format!("MQTT {version}{id} ({took})"));
        if !limits.retain_available {
            self.report.warn("limits", "the server keeps no retained messages.");
        }
        if !limits.wildcard_subscription_available {
            self.report.warn("limits", "the server takes no + and # in subscriptions.");
        }
        let mut filters = SubscribeFiltersBuf::new();
        let filter = TopicFilter::parse(self.topic).map_err(|error| format!("Error: {error}."))?;
        filters.push(filter, SubscriptionOptions { qos: QoS::ExactlyOnce, ..SubscriptionOptions::default() });
        let properties = self.settings.properties.subscribe.clone();
        let number = line.client().subscribe(filters, properties).map_err(|refusal| format!("Error: {refusal}."))?;
        self.go_to(Step::Subscription(number));
        Ok(())
    }

    fn take_suback(&mut self, codes: &[u8]) {
        let code = codes.first().copied().unwrap_or_default();
        self.may_subscribe = code < 0x80;
        if self.may_subscribe {
            let took = self.took();
            self.report.fine("subscribe", &format!("to {}, QoS {code} ({took})", self.topic));
        } else {
            let name = if self.settings.client.version == Version::V5 { ReasonCode(code).name() } else { "refused" };
            let text = format!("to {}: {name}; {}.", self.topic, self.remedy());
            self.report.fail("subscribe", &text);
        }
        self.go_to(Step::Publish(FIRST));
    }

    /// What can be done about missing rights.
    fn remedy(&self) -> String {
        let who = self.settings.client.username.as_deref().unwrap_or("clients without a user name");
        format!("let {who} use the topic in the server's acl_file, or name one with -t that may be used")
    }

    fn publish(&mut self, qos: QoS, line: &mut Line<'_>) -> Result<(), String> {
        if qos > line.client().limits().maximum_qos {
            self.report.warn("publish", &format!("the server takes no QoS {}.", qos as u8));
            self.go_on_from(qos, line);
            return Ok(());
        }
        let payload = payload(qos);
        let message = Message::new(self.topic, payload.as_bytes(), qos);
        let accepted = line.driver.publish(line.id, &message).map_err(|refusal| format!("Error: {refusal}."))?;
        let number = match accepted {
            midge_client_core::Accepted::Sent => None,
            midge_client_core::Accepted::Held(number) => Some(number),
        };
        self.is_taken = qos == QoS::AtMostOnce;
        self.go_to(Step::RoundTrip(qos, number));
        Ok(())
    }

    /// The server answers for a message. Where it does not take the first, it takes no other.
    fn take_answer(&mut self, number: u64, reason_code: ReasonCode) {
        let Step::RoundTrip(qos, Some(expected)) = self.step else { return };
        if number != expected {
            return;
        }
        self.is_taken = true;
        if reason_code.is_error() {
            let text = format!("to {}: {}; {}.", self.topic, reason_code.name(), self.remedy());
            self.report.fail("publish", &text);
            self.step = Step::End;
        } else if qos == FIRST {
            let took = self.took();
            self.report.fine("publish", &format!("to {} ({took})", self.topic));
            if !self.may_subscribe {
                self.step = Step::End;
            } else if self.has_returned {
                self.tell_round_trip(qos);
            }
        }
    }

    fn take_message(&mut self, payload: &[u8]) {
        let Step::RoundTrip(qos, _) = self.step else { return };
        if payload != self::payload(qos).as_bytes() {
            return;
        }
        // The answer may come behind the message.
        self.has_returned = qos == FIRST && !self.is_taken;
        if !self.has_returned {
            self.tell_round_trip(qos);
        }
    }

    fn tell_round_trip(&mut self, qos: QoS) {
        let took = self.took();
        self.report.fine("round trip", &format!("QoS {} ({took})", qos as u8));
        self.step = next(qos);
    }

    /// Nothing came for too long.
    fn give_up(&mut self, line: &mut Line<'_>) {
        match self.step {
            Step::Subscription(_) => {
                self.report.fail("subscribe", "the server does not answer.");
                self.step = Step::End;
                line.leave();
            }
            Step::RoundTrip(qos, _) => {
                let text = match self.is_taken {
                    true => {
                        format!("QoS {}: the message was sent, and does not come back; {}.", qos as u8, self.remedy())
                    }
                    false => format!("QoS {}: the server does not answer for the message.", qos as u8),
                };
                self.report.fail("round trip", &text);
                self.step = Step::End;
                line.leave();
            }
            _ => {}
        }
    }

    fn go_on_from(&mut self, qos: QoS, line: &mut Line<'_>) {
        self.go_to(next(qos));
        if self.step == Step::End {
            line.leave();
        }
    }

    fn patience(&self) -> Option<Duration> {
        match self.step {
            Step::Subscription(_) | Step::RoundTrip(..) => Some(PATIENCE),
            _ => None,
        }
    }
}

impl Work for Visit<'_> {
    fn handle(&mut self, event: &Event<'_>, _: &mut Vec<u8>) {
        match event {
            Event::Connected(_) => self.step = Step::Begin,
            Event::Answered { number, codes, .. } if self.step == Step::Subscription(*number) => {
                self.take_suback(codes)
            }
            Event::Acknowledged { number, reason_code, .. } => self.take_answer(*number, *reason_code),
            Event::Message(publish, _) => self.take_message(publish.payload),
            Event::RequestDropped { why: DropReason::Refused(refusal), .. } => {
                self.report.fail("subscribe", &format!("{refusal}."));
                self.step = Step::Publish(FIRST);
            }
            Event::Disconnected(cause) if self.step != Step::End => self.end(cause),
            _ => {}
        }
    }

    fn act(&mut self, line: &mut Line<'_>) -> Result<(), String> {
        self.zero = line.zero();
        match self.step {
            Step::Begin => self.greet(line),
            Step::Publish(qos) => self.publish(qos, line),
            Step::End if line.has_delivered() && !line.client().awaits_release() => {
                line.leave();
                Ok(())
            }
            _ => {
                if self.patience().is_some_and(|patience| self.began.elapsed() >= patience) {
                    self.give_up(line);
                }
                Ok(())
            }
        }
    }

    fn deadline_ms(&self) -> Option<u64> {
        let at_once = matches!(self.step, Step::Publish(_)).then_some(Duration::ZERO);
        let wait = at_once.or_else(|| Some(self.patience()?.saturating_sub(self.began.elapsed())))?;
        Some((self.zero.elapsed() + wait).as_millis() as u64 + 1)
    }
}

/// The one that the server answers for, and says why where it does not take it.
const FIRST: QoS = QoS::AtLeastOnce;

/// What follows a message of this QoS.
fn next(qos: QoS) -> Step {
    match qos {
        QoS::AtLeastOnce => Step::Publish(QoS::AtMostOnce),
        QoS::AtMostOnce => Step::Publish(QoS::ExactlyOnce),
        QoS::ExactlyOnce => Step::End,
    }
}

/// So that each message is known when it comes back.
fn payload(qos: QoS) -> String {
    format!("midge doctor, QoS {}", qos as u8)
}

/// What CONNACK says, and what can be done.
fn refusal(settings: &Settings, code: u8, reason: Option<&str>) -> String {
    let has_user = settings.client.username.is_some();
    let who = if has_user { "check -u and -P" } else { "name a user with -u and -P" };
    let (name, remedy) = match code {
        1 | 0x84 => ("the server does not speak this version of MQTT", "try -V 311 or -V 5"),
        2 | 0x85 => ("the server does not take this client id", "name another one with -i"),
        3 | 0x88 => ("the server is not available", "try later, and look into its log"),
        4 | 0x86 => ("wrong user name or password", who),
        5 | 0x87 => ("this client may not connect", who),
        0x89 | 0x97 | 0x9f => ("the server has too many clients or connections", "look into its log"),
        0x8a => ("the server has banned this client", "look into its log"),
        _ => (ReasonCode(code).name(), "look into the server's log"),
    };
    let reason = reason.map(|reason| format!(" ({reason})")).unwrap_or_default();
    format!("{name}{reason}: {remedy}.")
}

/// How long an answer, or a message that was sent, is waited for.
const PATIENCE: Duration = Duration::from_secs(5);
