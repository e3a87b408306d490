//! The connection over which a server is asked.
//!
//! It is driven while an answer is awaited, and stands still in between: a person who types commands takes time. What has been
//! lost meanwhile is made again with the next request.

use std::io;
use std::sync::Arc;
use std::time::Instant;

use midge_client_core::{Client, DropReason, Event, Message, Options};
use midge_client_mio::{ConnectionId, Driver, Notice};
use midge_client_transport::{Address, Endpoint, Failure as Unreachable};
use midge_codec::{PropertiesBuf, QoS, ReasonCode, SubscribeFiltersBuf, SubscriptionOptions, TopicFilter, Version};

use super::module::Module;
use super::{Failure, answer};
use crate::clients::ending::{self, End};
use crate::clients::settings::{Settings, Tool};
use crate::clients::{endpoint, options};
use crate::output::reason;

/// See the module.
pub(super) struct Controller {
    driver: Driver,
    endpoint: Arc<Endpoint>,
    options: Options,
    qos: QoS,
    /// `None`: it is lost.
    connection: Option<ConnectionId>,
    /// Modules whose answers come over this connection.
    subscribed: Vec<&'static str>,
}

/// What came of waiting.
enum Outcome {
    Connected,
    Subscribed(u8),
    Answer(Vec<u8>),
    /// The server says what it thinks of the request.
    Acknowledged(ReasonCode),
    Refused(String),
}

impl Controller {
    /// Without a connection; the first request makes it.
    ///
    /// # Errors
    /// When a file cannot be read or what the settings say cannot be done.
    pub(super) fn new(settings: &Settings) -> Result<Controller, Failure> {
        let failed = |message: String| Failure::new(1, &message);
        let options = options::options(settings).map_err(failed)?;
        let options = Options { acknowledge: Default::default(), ..options };
        let endpoint = Arc::new(endpoint::endpoint(settings).map_err(failed)?);
        let driver = Driver::new().map_err(|error| system(&error))?;
        let (connection, subscribed) = (None, Vec::new());
        Ok(Controller { driver, endpoint, options, qos: settings.qos, connection, subscribed })
    }

    /// For requests of a person, between which nobody says anything to the server.
    pub(super) fn patient(mut self) -> Controller {
        self.options.keep_alive_s = 0;
        self
    }

    /// Whether others on the way can read what is sent.
    pub(super) fn is_exposed(&self) -> bool {
        self.endpoint.tls.is_none() && !matches!(self.endpoint.address, Address::Unix(_))
    }

    /// The server, as a URL.
    pub(super) fn url(&self) -> String {
        let address = &self.endpoint.address;
        let scheme = match (address, self.endpoint.websocket.is_some(), self.endpoint.tls.is_some()) {
            (Address::Unix(_), ..) => "unix",
            (_, false, false) => "mqtt",
            (_, false, true) => "mqtts",
            (_, true, false) => "ws",
            (_, true, true) => "wss",
        };
        format!("{scheme}://{address}")
    }

    pub(super) fn set_password(&mut self, password: &[u8]) {
        self.options.password = Some(password.into());
    }

    /// Sees to it that there is a connection.
    pub(super) fn connect(&mut self) -> Result<(), Failure> {
        if self.connection.is_some() && self.wait(self.in_ms(0), |_| None).is_ok() {
            return Ok(());
        }
        self.subscribed.clear();
        self.connection = Some(self.driver.add(Client::new(self.options.clone()), Arc::clone(&self.endpoint)));
        let until_ms = self.in_ms(PATIENCE_MS);
        match self.wait(until_ms, |event| matches!(event, Event::Connected(_)).then_some(Outcome::Connected))? {
            Some(_) => Ok(()),
            None => {
                self.leave();
                Err(Failure::late("Error: The server does not answer."))
            }
        }
    }

    /// Asks a module; gives the payload of its answer.
    pub(super) fn ask(&mut self, module: &'static Module, payload: &str) -> Result<Vec<u8>, Failure> {
        self.connect()?;
        self.subscribe(module)?;
        let message = Message::new(module.topic, payload.as_bytes(), self.qos);
        let published = self.driver.publish(self.id(), &message);
        published.map_err(|refusal| Failure::late(&format!("Error: Unable to publish: {refusal}.")))?;
        let response_topic = module.response_topic();
        let mut outcome = self.wait_for_answer(PATIENCE_MS, &response_topic)?;
        if let Some(Outcome::Acknowledged(code)) = outcome {
            if code.is_error() {
                return Err(Failure::late(&format!("Publish error: {}", code.name())));
            }
            // The answer may come behind that, from a server that does not count itself.
            outcome = self.wait_for_answer(NOBODY_MS, &response_topic)?;
        }
        match outcome {
            Some(Outcome::Answer(payload)) => Ok(payload),
            _ => Err(Failure::late(&answer::nobody(module))),
        }
    }

    /// Leaves politely.
    pub(super) fn leave(&mut self) {
        let Some(id) = self.connection.take() else { return };
        let nothing = PropertiesBuf::new();
        self.driver.client_mut(id).disconnect(ReasonCode::NORMAL_DISCONNECTION, &nothing, &mut |_| {});
        let until_ms = self.in_ms(LEAVE_MS);
        // Once without a wait: where the server does not read, the rest of the output is waited for.
        let mut turned = self.driver.turn(Some(0), &mut |_| {});
        while turned.is_ok() && !self.driver.is_over(id) && self.driver.now_ms() < until_ms {
            turned = self.driver.turn(Some(until_ms), &mut |_| {});
        }
        self.driver.remove(id);
    }

    /// So much later than now on the driver's clock, which stands still while nothing is awaited.
    fn in_ms(&self, later_ms: u64) -> u64 {
        self.driver.ms_of(Instant::now()) + later_ms
    }

    fn id(&self) -> ConnectionId {
        self.connection.expect("a request is made over a connection")
    }

    /// Has the answers of a module come, once for each connection.
    fn subscribe(&mut self, module: &'static Module) -> Result<(), Failure> {
        if self.subscribed.contains(&module.name) {
            return Ok(());
        }
        let topic = module.response_topic();
        let mut filters = SubscribeFiltersBuf::new();
        let options = SubscriptionOptions { qos: self.qos, ..SubscriptionOptions::default() };
        filters.push(TopicFilter::parse(&topic).expect("topics of modules are filters"), options);
        let id = self.id();
        let asked = self.driver.client_mut(id).subscribe(filters, PropertiesBuf::new());
        asked.map_err(|refusal| Failure::late(&format!("Error: Unable to subscribe: {refusal}.")))?;
        let until_ms = self.in_ms(PATIENCE_MS);
        let outcome = self.wait(until_ms, |event| match event {
            Event::Answered { codes, .. } => Some(Outcome::Subscribed(codes.first().copied().unwrap_or_default())),
            Event::RequestDropped { why, .. } => Some(Outcome::Refused(told(*why))),
            _ => None,
        })?;
        match outcome {
            Some(Outcome::Subscribed(code)) if code < 0x80 => {
                self.subscribed.push(module.name);
                Ok(())
            }
            Some(Outcome::Subscribed(code)) if self.options.version == Version::V5 => {
                Err(Failure::late(&format!("Subscribe error: {}", ReasonCode(code).name())))
            }
            Some(Outcome::Subscribed(_)) => Err(Failure::late("Subscribe error: Subscription refused.")),
            Some(Outcome::Refused(why)) => Err(Failure::late(&format!("Error: Unable to subscribe: {why}."))),
            _ => Err(Failure::late("Error: The server does not answer.")),
        }
    }

    /// Waits for the answer, or for word that there is none.
    fn wait_for_answer(&mut self, patience_ms: u64, response_topic: &str) -> Result<Option<Outcome>, Failure> {
        self.wait(self.in_ms(patience_ms), |event| match event {
            Event::Message(publish, _) if publish.topic == response_topic => {
                Some(Outcome::Answer(publish.payload.to_vec()))
            }
            Event::Acknowledged { reason_code, .. } if *reason_code != ReasonCode::SUCCESS => {
                Some(Outcome::Acknowledged(*reason_code))
            }
            _ => None,
        })
    }

    /// Drives the connection until something is found, or until then.
    ///
    /// # Errors
    /// When the connection is over.
    fn wait(
        &mut self,
        until_ms: u64,
        mut find: impl FnMut(&Event<'_>) -> Option<Outcome>,
    ) -> Result<Option<Outcome>, Failure> {
        let mut found = None;
        let mut end = None;
        let mut unreachable = None;
        loop {
            let turned = self.driver.turn(Some(until_ms), &mut |notice| match notice {
                Notice::Event(_, Event::Authentication(_)) => end = Some(End::Challenge),
                Notice::Event(_, Event::Disconnected(cause)) => end = end.take().or(End::of(&cause)),
                Notice::Event(_, event) if found.is_none() => found = find(&event),
                Notice::Event(..) | Notice::Ready(_) => {}
                Notice::Failed(_, failure) => unreachable = Some(failed(failure)),
            });
            turned.map_err(|error| system(&error))?;
            if found.is_some() {
                return Ok(found);
            }
            if let Some(end) = end {
                let id = self.connection.take().expect("it was there until now");
                self.driver.remove(id);
                let unreachable = unreachable.filter(|_| end == End::Lost);
                return Err(unreachable.unwrap_or_else(|| Failure::late(&end.told(Tool::Requester).1)));
            }
            if self.driver.now_ms() >= until_ms {
                return Ok(None);
            }
        }
    }
}

fn told(why: DropReason) -> String {
    match why {
        DropReason::Refused(refusal) => refusal.to_string(),
        DropReason::Expired | DropReason::Abandoned => "it was given up".to_owned(),
    }
}

/// There is no connection, or it broke. Mosquitto's tool has statuses of its own for that.
fn failed(failure: &Unreachable) -> Failure {
    let (_, message) = ending::failed(failure);
    match failure {
        Unreachable::Lookup { .. } => Failure::linked(15, &message),
        Unreachable::Connect { .. } => Failure::linked(14, &message),
        Unreachable::Broken(_) | Unreachable::Closed => Failure::late(&message),
        _ => Failure::new(1, &message),
    }
}

fn system(error: &io::Error) -> Failure {
    Failure::new(1, &format!("Error: {}.", reason(error)))
}

/// So long a server may take for anything.
const PATIENCE_MS: u64 = 10_000;

/// So long an answer is still waited for where the server says that nobody listens to the request.
const NOBODY_MS: u64 = 500;

/// How long leaving may take.
const LEAVE_MS: u64 = 2_000;
