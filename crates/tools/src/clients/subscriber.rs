//! `sub`: subscribes and shows what comes.

use std::time::Instant;

use midge_client_core::{DropReason, Event, Message};
use midge_codec::{
    Publish, QoS, ReasonCode, SubscribeFiltersBuf, SubscriptionOptions, TopicFilter, UnsubscribeFiltersBuf,
    topic_matches,
};

use super::live::Live;
use super::printer::Printer;
use super::publisher::refused;
use super::session::{Line, Work};
use super::settings::{Settings, SubscriptionSettings};

/// What is subscribed to, and what has come.
pub(super) struct Subscriber<'a> {
    settings: &'a Settings,
    wanted: &'a SubscriptionSettings,
    printer: Printer,
    live: Option<Live>,
    /// When the clock of the session was 0.
    zero: Instant,
    has_begun: bool,
    is_online: bool,
    /// The request whose answer decides whether there is something to wait for: SUBSCRIBE, or the last UNSUBSCRIBE where there is
    /// none.
    decisive: u64,
    /// Messages that count.
    count: u32,
    /// Nothing more is wanted.
    is_done: bool,
    /// Topics whose Retained Messages are to be removed.
    removals: Vec<Box<str>>,
    rate: Rate,
    /// Why it cannot go on.
    failure: Option<String>,
}

/// Messages of the present second.
#[derive(Default)]
struct Rate {
    count: u64,
    next_ms: Option<u64>,
}

impl<'a> Subscriber<'a> {
    pub(super) fn new(settings: &'a Settings) -> Subscriber<'a> {
        Subscriber {
            settings,
            wanted: &settings.subscription,
            printer: Printer::new(&settings.output),
            live: Live::new(&settings.output),
            zero: Instant::now(),
            has_begun: false,
            is_online: false,
            decisive: 0,
            count: 0,
            is_done: false,
            removals: Vec::new(),
            rate: Rate::default(),
            failure: None,
        }
    }

    /// A message came.
    fn take(&mut self, publish: &Publish<'_>, out: &mut Vec<u8>) {
        self.rate.count += 1;
        if self.settings.output.counts_only {
            return;
        }
        if self.wanted.is_retained_only && !publish.retain {
            self.is_done = true;
            return;
        }
        let is_filtered_out = self.wanted.filters_out.iter().any(|filter| topic_matches(filter, publish.topic));
        if is_filtered_out || publish.retain && self.wanted.is_without_retained {
            return;
        }
        if publish.retain && self.wanted.removes_retained {
            self.removals.push(publish.topic.into());
        }
        let settings = self.settings;
        match &mut self.live {
            Some(live) => live.take(publish, self.zero.elapsed().as_millis() as u64, out),
            None => self.printer.print(publish, out, &mut |complaint| settings.complain(&complaint)),
        }
        self.count += 1;
        self.is_done = self.wanted.count == Some(self.count);
    }

    /// SUBACK or UNSUBACK came.
    fn take_answer(&mut self, number: u64, codes: &[u8]) {
        if number != self.decisive {
            return;
        }
        let is_denied = !self.settings.topics.is_empty() && codes.iter().all(|&code| ReasonCode(code).is_error());
        if is_denied {
            self.settings.complain("All subscription requests were denied.");
        }
        self.is_done |= is_denied || self.wanted.ends_when_subscribed;
    }

    /// Makes the Subscriptions, and gives up those that are not wanted any more. The client makes them again where they are lost.
    fn begin(&mut self, line: &mut Line<'_>) -> Result<(), String> {
        let properties = &self.settings.properties;
        let refused = |refusal| format!("Error: Unable to subscribe: {refusal}.");
        let options = SubscriptionOptions { qos: self.settings.qos, ..self.wanted.options };
        let mut filters = SubscribeFiltersBuf::new();
        for filter in self.settings.topics.iter().filter_map(|filter| TopicFilter::parse(filter).ok()) {
            filters.push(filter, options);
        }
        if !self.settings.topics.is_empty() {
            self.decisive = line.client().subscribe(filters, properties.subscribe.clone()).map_err(refused)?;
        }
        for filter in self.wanted.unsubscribes.iter().filter_map(|filter| TopicFilter::parse(filter).ok()) {
            let mut filters = UnsubscribeFiltersBuf::new();
            filters.push(filter);
            let number = line.client().unsubscribe(filters, properties.unsubscribe.clone()).map_err(refused)?;
            if self.settings.topics.is_empty() {
                self.decisive = number;
            }
        }
        self.rate.next_ms = self.settings.output.counts_only.then(|| line.now_ms() + SECOND_MS);
        self.printer.begin(self.settings, line.out);
        Ok(())
    }

    /// Removes Retained Messages.
    fn remove(&mut self, line: &mut Line<'_>) -> Result<(), String> {
        for topic in self.removals.drain(..) {
            let nothing = Message { retain: true, ..Message::new(&topic, &[], QoS::AtLeastOnce) };
            line.driver.publish(line.id, &nothing).map_err(refused)?;
        }
        Ok(())
    }
}

impl Work for Subscriber<'_> {
    fn handle(&mut self, event: &Event<'_>, out: &mut Vec<u8>) {
        match event {
            Event::Connected(_) => self.is_online = true,
            Event::Message(publish, _) => self.take(publish, out),
            Event::Answered { number, codes, .. } => self.take_answer(*number, codes),
            Event::RequestDropped { why: DropReason::Refused(refusal), .. } => {
                self.failure = Some(format!("Error: Unable to subscribe: {refusal}."));
            }
            Event::SubscriptionLost { filter, reason_code } => {
                let filter = filter.escape_debug();
                self.settings
                    .complain(&format!("Warning: The subscription to {filter} is lost: {}.", reason_code.name()));
            }
            _ => {}
        }
    }

    fn act(&mut self, line: &mut Line<'_>) -> Result<(), String> {
        if let Some(failure) = self.failure.take() {
            return Err(failure);
        }
        if self.is_online && !std::mem::replace(&mut self.has_begun, true) {
            self.begin(line)?;
        }
        self.remove(line)?;
        self.rate.tell(line);
        self.zero = line.zero();
        if let Some(live) = &mut self.live {
            live.draw(line.now_ms(), line.out);
        }
        // What has begun with QoS 2 is brought to its end, and what is to be removed is removed.
        if self.is_done && !line.client().awaits_release() && line.has_delivered() {
            line.leave();
        }
        Ok(())
    }

    fn deadline_ms(&self) -> Option<u64> {
        let drawn_ms = self.live.as_ref().and_then(Live::deadline_ms);
        [self.rate.next_ms, drawn_ms].into_iter().flatten().min()
    }

    fn goes_on(&self) -> bool {
        true
    }

    fn takes_messages(&self) -> bool {
        !self.is_done
    }
}

impl Rate {
    /// Tells how many messages came in the second that is over.
    fn tell(&mut self, line: &mut Line<'_>) {
        let Some(next_ms) = self.next_ms.filter(|&next_ms| next_ms <= line.now_ms()) else { return };
        let count = std::mem::take(&mut self.count);
        line.out.extend_from_slice(format!("{count} msgs/s\n").as_bytes());
        self.next_ms = Some(next_ms + SECOND_MS);
    }
}

const SECOND_MS: u64 = 1_000;
