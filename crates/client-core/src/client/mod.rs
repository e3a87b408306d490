//! The Client: its state, and what a driver does with it.
//!
//! ```text
//!            begin_connection         handle_connected            CONNACK
//!   offline ─────────────────▶ opening ──────────────▶ greeting ─────────▶ online
//!      ▲                                                   │                  │ DISCONNECT of either end,
//!      │                  handle_closed                    ▼                  ▼ fault, time-out
//!      └──────────────────────────────────────────────── ending ◀─────────────┘
//! ```
//!
//! A driver, in a loop: makes a connection when [`Client::wants_connection`] says so; hands in what it reads; writes
//! [`Client::output`] and says how much was written; closes when [`Client::wants_close`] says so, and when the peer does; sleeps until
//! [`Client::next_deadline_ms`]. Where much is unwritten it had better stop reading.

mod connect;
mod end;
mod packets;
mod publish;
mod receive;
mod subscribe;

use midge_codec::{PacketId, QoS};
use midge_protocol::{InboundAliases, OutboundAliases};

use crate::event::{Event, Visit};
use crate::inbox::Inbox;
use crate::keep_alive::KeepAlive;
use crate::limits::Limits;
use crate::message::Parts;
use crate::options::Options;
use crate::outbox::Outbox;
use crate::output::Output;
use crate::requests::Requests;
use crate::steps::{Saved, Step};

pub use packets::Consumed;
pub use publish::Accepted;

/// An MQTT Client with its half of the Session State.
#[derive(Debug)]
pub struct Client {
    options: Box<Options>,
    phase: Phase,
    limits: Limits,
    output: Output,
    keep_alive: KeepAlive,
    outbox: Outbox,
    inbox: Inbox,
    inbound_aliases: InboundAliases,
    outbound_aliases: OutboundAliases,
    requests: Requests,
    steps: Vec<Step>,
    /// The last number that a message or request was given.
    last_number: u64,
    /// The identifier that the Server gave.
    assigned_client_id: Option<Box<str>>,
    /// The Server has accepted a connection, so there is a Session to go on with.
    has_session: bool,
    /// CONNECTs since the last CONNACK that accepted one, without those that were refused.
    unanswered: u32,
    /// AUTH is expected.
    is_authenticating: bool,
    retry: Retry,
}

/// Where the connection stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Phase {
    /// There is none. The time at which to make one.
    Offline(Option<u64>),
    /// It is being made.
    Opening,
    /// CONNECT is on its way; since when.
    Greeting(u64),
    Online,
    /// What is in the output is to be written, and then it is over.
    Ending,
}

/// When to come back.
#[derive(Clone, Copy, Default, Debug)]
struct Retry {
    /// Connections in a row that came to nothing.
    failures: u32,
    /// The delay before the present one.
    delay_ms: u64,
    /// Since when the Server has accepted us.
    online_since_ms: Option<u64>,
    /// The user does not want to come back.
    is_over: bool,
}

impl Client {
    /// A Client without a past. It wants a connection at once.
    pub fn new(options: Options) -> Client {
        Client {
            phase: Phase::Offline(Some(0)),
            limits: Limits::new(&NOTHING_SAID, &options),
            options: Box::new(options),
            output: Output::default(),
            keep_alive: KeepAlive::default(),
            outbox: Outbox::default(),
            inbox: Inbox::default(),
            inbound_aliases: InboundAliases::default(),
            outbound_aliases: OutboundAliases::new(0),
            requests: Requests::default(),
            steps: Vec::new(),
            last_number: 0,
            assigned_client_id: None,
            has_session: false,
            unanswered: 0,
            is_authenticating: false,
            retry: Retry::default(),
        }
    }

    /// A Client that goes on with what a store has kept of the Session. `options` name the same Client Identifier, and want no
    /// clean start unless all is to be sent anew. Numbers go on behind the last one.
    pub fn restore(options: Options, saved: &Saved<'_>, now_ms: u64) -> Client {
        let mut client = Client::new(options);
        let messages = saved
            .messages
            .iter()
            .map(|(number, packet_id, message)| (Parts::new(message).keep(*number, now_ms), *packet_id));
        client.outbox = Outbox::restore(messages, saved.released.iter().copied());
        client.inbox = Inbox::restore(saved.received.iter().copied());
        client.last_number = saved.last_number;
        // Whether the last CONNECT of the program before was answered is not known.
        client.unanswered = 1;
        client
    }

    /// What the user has chosen.
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// The same, to be changed. It counts from the next connection on; another password or token may be set here after a refusal.
    /// Version and Client Identifier stay what they are while there is a Session.
    pub fn options_mut(&mut self) -> &mut Options {
        &mut self.options
    }

    /// What the Server takes and does: as the last CONNACK says, or the usual before there was one.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// The Client Identifier: the user's, or the one that the Server gave.
    pub fn client_id(&self) -> &str {
        self.assigned_client_id.as_deref().unwrap_or(&self.options.client_id)
    }

    /// Whether the Server has accepted the connection, and nobody has ended it.
    pub fn is_online(&self) -> bool {
        self.phase == Phase::Online
    }

    /// Whether there is a Network Connection that nobody has ended: CONNACK may still have to come.
    pub fn is_connected(&self) -> bool {
        matches!(self.phase, Phase::Greeting(_) | Phase::Online)
    }

    /// Whether nothing is left to be done: no message has not ended, no request waits, and all is written. A good moment to leave.
    pub fn is_idle(&self) -> bool {
        self.outbox.is_empty() && self.requests.is_empty() && self.output.is_empty()
    }

    /// Messages that were accepted and that the Server does not answer for yet, and their bytes.
    pub fn held(&self) -> (usize, usize) {
        self.outbox.held()
    }

    /// Whether a message would be accepted now, as far as room goes.
    pub fn has_room(&self) -> bool {
        self.outbox.has_room(self.options.held_messages_max, self.options.held_bytes_max)
    }

    /// Topic Filters of the Subscriptions that the Server has granted.
    pub fn subscriptions(&self) -> impl Iterator<Item = &str> {
        self.requests.filters()
    }

    /// What is to be written to the connection.
    pub fn output(&self) -> &[u8] {
        self.output.unwritten()
    }

    /// So many bytes of [`Client::output`] were written. Makes room for messages that wait.
    pub fn handle_written(&mut self, now_ms: u64, count: usize, visit: Visit<'_>) {
        self.tell_sent(visit);
        if count > 0 {
            self.output.advance(count);
            self.keep_alive.note_sent(now_ms);
        }
        self.pump(now_ms, visit);
        self.tell_sent(visit);
    }

    /// Tells the packets that were put out since the last time.
    fn tell_sent(&mut self, visit: Visit<'_>) {
        if !self.options.tells_packets {
            return;
        }
        while let Some(packet) = self.output.tell() {
            visit(Event::PacketSent(packet));
        }
    }

    /// Steps of the Session since the last call, oldest first, where [`Options::tells_steps`] is set. They are to be durable before
    /// [`Client::output`] is written (see [`Step`]).
    pub fn take_steps(&mut self) -> impl Iterator<Item = Step> + '_ {
        self.steps.drain(..)
    }

    fn note(&mut self, step: Step) {
        if self.options.tells_steps {
            self.steps.push(step);
        }
    }

    fn next_number(&mut self) -> u64 {
        self.last_number += 1;
        self.last_number
    }

    /// Whether a message of this QoS may be put out now.
    fn can_send(&self, qos: QoS) -> bool {
        self.phase == Phase::Online
            && self.output.has_room()
            && (qos == QoS::AtMostOnce || self.outbox.exchanges.can_begin(self.inflight_max()))
    }

    /// The Packet Identifiers of QoS 2 messages that were received and not released.
    pub fn received(&self) -> Vec<u16> {
        self.inbox.packet_ids()
    }

    /// Whether the exchange of a QoS 2 message that the user has acknowledged is not over: PUBREL has not come. Who leaves before leaves
    /// the Server with it.
    pub fn awaits_release(&self) -> bool {
        self.inbox.awaits_release()
    }

    /// The identifiers under which messages are on their way.
    pub fn inflight(&self) -> impl Iterator<Item = PacketId> {
        self.outbox.exchanges.exchanges().map(|(packet_id, _)| packet_id)
    }
}

/// A CONNACK that says nothing.
const NOTHING_SAID: midge_codec::ConnAck<'static> =
    midge_codec::ConnAck { session_present: false, code: 0, properties: midge_codec::Properties::EMPTY };
