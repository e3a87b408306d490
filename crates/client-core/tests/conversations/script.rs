//! Conversations of a [`Client`] with a server that does what the script says. Packets are written in the notation of
//! `midge-testkit`, and its bytes are compared: nothing that the client sends may go unsaid.
//!
//! ```text
//! greets v5 clean id=c keep-alive=60 topic-alias-maximum=32
//! publishes t qos=1 m=x
//! c> PUBLISH t qos=1 id=1 m=x
//! c< PUBACK id=1
//! tells acknowledged 1
//! wait 30s
//! ```
//!
//! | line | meaning |
//! |---|---|
//! | `connects` | the Network Connection is made |
//! | `greets v5 clean id=c` | `connects`, `c> CONNECT v5 clean id=c`, `c< CONNACK`, `tells connected` |
//! | `c> PACKET`, `c> nothing` | what the client sends next, byte for byte |
//! | `c< PACKET` | the server sends it |
//! | `c< bytes 30 ff` | the server sends these bytes |
//! | `tells EVENT` | what the user is told next |
//! | `publishes TOPIC …`, `subscribes FILTER …`, `unsubscribes FILTER …` | what the user does |
//! | `publishes … refused: WHY` | and is refused, with this sentence |
//! | `acknowledges 1`, `acknowledges 1 0x80` | with the first receipt; `… in vain` where it counts no more |
//! | `authenticates x`, `reauthenticates x` | with this Authentication Data |
//! | `disconnects 0x04` | with this Reason Code |
//! | `closes` | the Network Connection is closed, by either end; `is closed` where the client wants that |
//! | `wants to connect in 1s` | the delay before the next connection, without chance |
//! | `steps sent 1 as 1, ended 1` | what a store is told |
//! | `wait 1500ms`, `wait 30s` | time passes |
//!
//! Each script is played with the server's bytes in one piece, and byte by byte. In the end everything must have been said.

use std::collections::{BTreeSet, VecDeque};

use midge_client_core::{Accepted, Cause, Client, DropReason, Event, Message, Options, Receipt, Refusal, Step};
use midge_codec::{
    PropertiesBuf, Property, QoS, ReasonCode, RetainHandling, SubscribeFiltersBuf, SubscriptionOptions, TopicFilter,
    UnsubscribeFiltersBuf, Version,
};
use midge_testkit::packet::Packet;
use midge_testkit::wire;

/// Plays a script with these options; panics where script and client disagree.
#[track_caller]
pub(crate) fn check(options: &Options, script: &str) {
    for in_pieces in [false, true] {
        let mut conversation = Conversation::new(Client::new(options.clone()), in_pieces);
        if let Err(text) = conversation.play(script) {
            panic!("{text}\nbytes in pieces: {in_pieces}\n");
        }
    }
}

/// Version 5, a clean start, the Client Identifier `c`, no Keep Alive, no aliases from the server.
pub(crate) fn v5() -> Options {
    Options { keep_alive_s: 0, topic_alias_maximum: 0, ..Options::new(Version::V5, "c") }
}

/// The same with a Session that lasts.
pub(crate) fn v5_lasting() -> Options {
    Options { clean_start: false, session_expiry_interval_s: 100, ..v5() }
}

/// Version 3.1.1, without Clean Session.
pub(crate) fn v311_lasting() -> Options {
    Options { clean_start: false, keep_alive_s: 0, ..Options::new(Version::V311, "c") }
}

/// A client and what is known of its conversation.
pub(crate) struct Conversation {
    client: Client,
    now_ms: u64,
    in_pieces: bool,
    unread: Vec<u8>,
    told: VecDeque<String>,
    receipts: Vec<Receipt>,
    /// Numbers of messages that have not ended.
    open: BTreeSet<u64>,
}

impl Conversation {
    pub(crate) fn new(client: Client, in_pieces: bool) -> Conversation {
        Conversation {
            client,
            now_ms: 0,
            in_pieces,
            unread: Vec::new(),
            told: VecDeque::new(),
            receipts: Vec::new(),
            open: BTreeSet::new(),
        }
    }

    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    /// Plays a script to its end.
    pub(crate) fn play(&mut self, script: &str) -> Result<(), String> {
        let lines = script.lines().enumerate().map(|(at, line)| (at + 1, line.trim()));
        for (number, line) in lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#')) {
            self.line(line).map_err(|text| format!("line {number}: {line}\n{text}"))?;
        }
        self.is_silent("at the end")
    }

    fn line(&mut self, line: &str) -> Result<(), String> {
        let (verb, rest) = line.split_once(' ').unwrap_or((line, ""));
        if !matches!(verb, "c>" | "tells" | "is" | "steps") {
            self.is_silent("before that")?;
        }
        match verb {
            "connects" => {
                self.client.begin_connection();
                self.client.handle_connected(self.now_ms);
                Ok(())
            }
            "greets" => {
                let connect = format!("c> CONNECT {rest}");
                ["connects", &connect, "c< CONNACK", "tells connected"].iter().try_for_each(|line| self.line(line))
            }
            "c>" => self.expect_packet(rest),
            "c<" => {
                self.receive(&self.bytes(rest));
                Ok(())
            }
            "tells" => self.expect_event(rest),
            "publishes" => self.publish(rest),
            "subscribes" | "unsubscribes" => self.request(verb, rest),
            "acknowledges" => self.acknowledge(rest),
            "authenticates" => refused(self.client.authenticate(rest.as_bytes())),
            "reauthenticates" => refused(self.client.reauthenticate(rest.as_bytes())),
            "disconnects" => {
                let code = Packet::parse(&format!("DISCONNECT {rest}")).codes().first().copied().unwrap_or(0);
                self.act(|client, _, visit| client.disconnect(ReasonCode(code), &PropertiesBuf::new(), visit));
                Ok(())
            }
            "abandons" => {
                self.act(|client, _, visit| client.abandon(visit));
                Ok(())
            }
            "closes" => {
                self.unread.clear();
                self.act(|client, now_ms, visit| client.handle_closed(now_ms, 0, visit));
                Ok(())
            }
            "is" if rest == "closed" && self.client.wants_close() => self.line("closes"),
            "is" => Err(format!("it is not {rest}")),
            "wants" => self.expect_delay(rest),
            "steps" => {
                let steps: Vec<String> = self.client.take_steps().map(name_step).collect();
                agree(rest, &steps.join(", "))
            }
            // The driver does not read for now.
            "rests" => {
                self.client.handle_unread(self.now_ms);
                Ok(())
            }
            "wait" => {
                self.wait(duration_ms(rest));
                Ok(())
            }
            _ => Err("means nothing".to_owned()),
        }
    }

    /// Lets the client do something, and notes what it tells.
    fn act<T>(&mut self, act: impl FnOnce(&mut Client, u64, &mut dyn FnMut(Event<'_>)) -> T) -> T {
        let Conversation { client, now_ms, told, receipts, open, .. } = self;
        act(client, *now_ms, &mut |event| {
            if let Some(number) = ended(&event) {
                assert!(open.remove(&number), "{number} has ended twice: {event:?}");
            }
            if let Event::Message(_, Some(receipt)) = event {
                receipts.push(receipt);
            }
            told.push_back(name_event(&event));
        })
    }

    fn is_silent(&mut self, when: &str) -> Result<(), String> {
        if let Some(told) = self.told.front() {
            return Err(format!("{when} nothing was said of: tells {told}"));
        }
        let output = self.client.output();
        if output.is_empty() { Ok(()) } else { Err(format!("{when} nothing was said of: c> {}", self.shown(output))) }
    }

    fn expect_packet(&mut self, what: &str) -> Result<(), String> {
        let wanted = if what == "nothing" { Vec::new() } else { self.bytes(what) };
        let output = self.client.output();
        if wanted.is_empty() && output.is_empty() {
            return Ok(());
        }
        if wanted.is_empty() || !output.starts_with(&wanted) {
            return Err(format!("expected: {}\n     got: {}", self.shown(&wanted), self.shown(output)));
        }
        let count = wanted.len();
        self.act(|client, now_ms, visit| client.handle_written(now_ms, count, visit));
        Ok(())
    }

    fn expect_event(&mut self, what: &str) -> Result<(), String> {
        let told = self.told.pop_front().unwrap_or("nothing".to_owned());
        agree(what, &told)
    }

    fn expect_delay(&mut self, what: &str) -> Result<(), String> {
        let got = self.client.next_deadline_ms().map(|at_ms| at_ms - self.now_ms);
        match what.strip_prefix("to connect in ") {
            Some(delay) => agree(&format!("{:?}", Some(duration_ms(delay))), &format!("{got:?}")),
            None => agree("no deadline", &got.map_or("no deadline".to_owned(), |got| format!("{got} ms"))),
        }
    }

    fn bytes(&self, what: &str) -> Vec<u8> {
        if let Some(digits) = what.strip_prefix("bytes ") {
            return digits.split(' ').map(|digits| u8::from_str_radix(digits, 16).expect("two hex digits")).collect();
        }
        wire::encode(&Packet::parse(what), self.client.options().version.level())
    }

    /// Bytes of a client, for people.
    fn shown(&self, bytes: &[u8]) -> String {
        let header = midge_codec::fixed_header(bytes).ok().flatten();
        let packet = header.and_then(|header| {
            let body = bytes.get(usize::from(header.length)..header.packet_len())?;
            midge_codec::Packet::decode(self.client.options().version, header, body).ok()
        });
        format!("{packet:?}\n          {bytes:02x?}")
    }

    fn receive(&mut self, bytes: &[u8]) {
        let pieces = if self.in_pieces { bytes.chunks(1) } else { bytes.chunks(bytes.len().max(1)) };
        for piece in pieces {
            self.unread.extend_from_slice(piece);
            let unread = std::mem::take(&mut self.unread);
            let consumed = self.act(|client, now_ms, visit| client.handle_bytes(now_ms, &unread, visit));
            let rest = &unread[consumed.bytes..];
            assert!(rest.is_empty() || consumed.needed > rest.len(), "{consumed:?} leaves {rest:02x?}");
            self.unread = rest.to_vec();
        }
    }

    fn publish(&mut self, what: &str) -> Result<(), String> {
        let (what, refusal) = what.split_once(" refused: ").map_or((what, None), |(what, why)| (what, Some(why)));
        let packet = Packet::parse(&format!("PUBLISH {what}"));
        let properties = properties(&packet);
        let topic = packet.text("topic").unwrap_or_default();
        let message = Message {
            topic: &topic,
            payload: packet.get("m").unwrap_or(b""),
            qos: qos(&packet),
            retain: packet.has("retain"),
            properties: properties.as_properties(),
        };
        let accepted = self.client.publish(self.now_ms, &message);
        if let Ok(Accepted::Held(number)) = accepted {
            self.open.insert(number);
        }
        agree(refusal.unwrap_or("accepted"), &accepted.map_or_else(|why| why.to_string(), |_| "accepted".to_owned()))
    }

    fn request(&mut self, verb: &str, what: &str) -> Result<(), String> {
        let (what, refusal) = what.split_once(" refused: ").map_or((what, None), |(what, why)| (what, Some(why)));
        let packet = Packet::parse(&format!("SUBSCRIBE {what}"));
        let properties = properties(&packet);
        let mut subscribe = SubscribeFiltersBuf::new();
        let mut unsubscribe = UnsubscribeFiltersBuf::new();
        let starts = packet.fields.iter().enumerate().filter(|(_, field)| field.name == "filter");
        for (at, field) in starts {
            let text = String::from_utf8_lossy(&field.value);
            let filter = TopicFilter::parse(&text).map_err(|error| error.to_string())?;
            let behind = packet.fields[at + 1..].iter().take_while(|field| field.name != "filter").cloned().collect();
            subscribe.push(filter, options(&Packet { fields: behind, ..packet.clone() }));
            unsubscribe.push(filter);
        }
        let number = match verb {
            "subscribes" => self.client.subscribe(subscribe, properties),
            _ => self.client.unsubscribe(unsubscribe, properties),
        };
        agree(refusal.unwrap_or("accepted"), &number.map_or_else(|why| why.to_string(), |_| "accepted".to_owned()))
    }

    fn acknowledge(&mut self, what: &str) -> Result<(), String> {
        let (what, is_known) = what.strip_suffix(" in vain").map_or((what, true), |what| (what, false));
        let (number, code) = what.split_once(" 0x").unwrap_or((what, "0"));
        let receipt = self.receipts[number.parse::<usize>().map_err(|error| error.to_string())? - 1];
        let code = u8::from_str_radix(code, 16).map_err(|error| error.to_string())?;
        let got = self.client.acknowledge(receipt, ReasonCode(code));
        agree(&format!("waited for: {is_known}"), &format!("waited for: {got}"))
    }

    /// Time passes: everything that is due on the way happens when it is due.
    fn wait(&mut self, ms: u64) {
        let end_ms = self.now_ms + ms;
        while let Some(at_ms) = self.client.next_deadline_ms().filter(|at_ms| *at_ms <= end_ms) {
            if self.client.wants_connection(at_ms) || !self.client.output().is_empty() {
                break;
            }
            self.now_ms = self.now_ms.max(at_ms);
            self.act(|client, now_ms, visit| client.handle_timeout(now_ms, visit));
        }
        self.now_ms = end_ms;
    }
}

fn qos(packet: &Packet) -> QoS {
    QoS::from_u8(packet.number("qos").unwrap_or(0) as u8).expect("0 to 2")
}

fn options(packet: &Packet) -> SubscriptionOptions {
    SubscriptionOptions {
        qos: qos(packet),
        no_local: packet.has("no-local"),
        retain_as_published: packet.has("retain-as-published"),
        retain_handling: match packet.number("retain-handling") {
            None | Some(0) => RetainHandling::SendAlways,
            Some(1) => RetainHandling::SendIfNew,
            Some(_) => RetainHandling::DoNotSend,
        },
    }
}

/// The properties that these scripts use.
fn properties(packet: &Packet) -> PropertiesBuf {
    let mut properties = PropertiesBuf::new();
    for field in &packet.fields {
        let text = String::from_utf8_lossy(&field.value);
        let number = || text.parse().expect("a number");
        match field.name.as_str() {
            "message-expiry-interval" => properties.push(Property::MessageExpiryInterval(number())),
            "subscription-identifier" => properties.push(Property::SubscriptionIdentifier(number())),
            "receive-maximum" => properties.push(Property::ReceiveMaximum(number() as u16)),
            "topic-alias" => properties.push(Property::TopicAlias(number() as u16)),
            "content-type" => properties.push(Property::ContentType(&text)),
            _ => continue,
        };
    }
    properties
}

/// The message that has ended with this event.
fn ended(event: &Event<'_>) -> Option<u64> {
    match *event {
        Event::Acknowledged { number, .. } | Event::Sent { number } | Event::Dropped { number, .. } => Some(number),
        _ => None,
    }
}

fn name_event(event: &Event<'_>) -> String {
    match event {
        Event::Connected(connack) if connack.session_present => "connected session-present".to_owned(),
        Event::Connected(_) => "connected".to_owned(),
        Event::Authentication(auth) => {
            let data = auth.properties.authentication_data().unwrap_or_default();
            format!("authentication {:#04x} {}", auth.reason_code.0, data.escape_ascii())
        }
        Event::Message(publish, receipt) => {
            let receipt = if receipt.is_some() { " to acknowledge" } else { "" };
            let dup = if publish.dup { " dup" } else { "" };
            format!(
                "message {} qos={} m={}{dup}{receipt}",
                publish.topic,
                publish.qos as u8,
                publish.payload.escape_ascii()
            )
        }
        Event::Acknowledged { number, reason_code, .. } => format!("acknowledged {number}{}", name_code(*reason_code)),
        Event::Sent { number } => format!("sent {number}"),
        Event::Dropped { number, why } => format!("dropped {number}: {}", name_drop(*why)),
        Event::Answered { number, codes, .. } => {
            let codes: String = codes.iter().map(|code| format!(" {code:#04x}")).collect();
            format!("answered {number}{codes}")
        }
        Event::RequestDropped { number, why } => format!("request dropped {number}: {}", name_drop(*why)),
        Event::SubscriptionLost { filter, reason_code } => format!("lost {filter}{}", name_code(*reason_code)),
        Event::Disconnected(cause) => format!("disconnected: {}", name_cause(cause)),
        Event::PacketReceived(packet) => format!("packet received {:#04x}", packet[0]),
        Event::PacketSent(packet) => format!("packet sent {:#04x}", packet[0]),
    }
}

fn name_code(reason_code: ReasonCode) -> String {
    if reason_code == ReasonCode::SUCCESS { String::new() } else { format!(" {:#04x}", reason_code.0) }
}

fn name_drop(why: DropReason) -> String {
    match why {
        DropReason::Refused(refusal) => refusal.to_string(),
        DropReason::Expired => "expired".to_owned(),
        DropReason::Abandoned => "abandoned".to_owned(),
    }
}

fn name_cause(cause: &Cause<'_>) -> String {
    match cause {
        Cause::Left => "left".to_owned(),
        Cause::Refused(connack) => format!("refused {:#04x}", connack.code),
        Cause::Dismissed(disconnect) => format!("dismissed {:#04x}", disconnect.reason_code.0),
        Cause::ProtocolError(code, cause) => format!("{:#04x} {cause}", code.0),
        Cause::ConnAckTimeout => "no CONNACK".to_owned(),
        Cause::KeepAliveTimeout => "no PINGRESP".to_owned(),
        Cause::Closed => "closed".to_owned(),
    }
}

fn name_step(step: Step) -> String {
    match step {
        Step::Sent { number, packet_id } => format!("sent {number} as {}", packet_id.get()),
        Step::Ended { number } => format!("ended {number}"),
        Step::Released { packet_id } => format!("released {}", packet_id.get()),
        Step::Completed { packet_id } => format!("completed {}", packet_id.get()),
        Step::Received { packet_id } => format!("received {}", packet_id.get()),
        Step::Forgotten { packet_id } => format!("forgotten {}", packet_id.get()),
        Step::SessionBegan => "session began".to_owned(),
    }
}

fn refused(outcome: Result<(), Refusal>) -> Result<(), String> {
    outcome.map_err(|why| why.to_string())
}

fn agree(wanted: &str, got: &str) -> Result<(), String> {
    if wanted == got { Ok(()) } else { Err(format!("expected: {wanted}\n     got: {got}")) }
}

fn duration_ms(text: &str) -> u64 {
    let number = |text: &str| text.parse::<u64>().ok();
    let milliseconds = text.strip_suffix("ms").and_then(number);
    let seconds = || text.strip_suffix('s').and_then(number).map(|seconds| seconds * 1000);
    milliseconds.or_else(seconds).unwrap_or_else(|| panic!("`{text}` is no time"))
}
