//! What the task and its users share: the state machine, behind a lock that nobody holds while he waits.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use midge_client_core::{Acknowledge, Client, DropReason, Event};
use midge_codec::{PropertiesBuf, ReasonCode, Version};
use tokio::sync::{Notify, oneshot};

use crate::client::Error;
use crate::held::Held;
use crate::inbox::Inbox;
use crate::incoming::Incident;
use crate::outbox::Gate;

/// How a message or a request ended: the Server's codes, or why it was not sent.
pub(crate) type End = Result<Vec<ReasonCode>, DropReason>;

/// Shared by the task and all handles.
#[derive(Debug)]
pub(crate) struct Shared {
    state: Mutex<State>,
    /// There is something to be written, or to be ended.
    pub(crate) wake: Notify,
    /// There is room for messages again.
    pub(crate) room: Notify,
    /// The task has ended.
    pub(crate) over: Notify,
    /// There is something for the log of a durable outbox.
    pub(crate) gathered: Notify,
    /// That log has more, or has failed.
    pub(crate) kept: Notify,
    start: Instant,
    /// The user acknowledges messages himself.
    pub(crate) by_hand: bool,
}

/// Behind the lock.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) client: Client,
    /// Who waits for the end of what.
    waiting: HashMap<u64, oneshot::Sender<End>>,
    /// What has come.
    pub(crate) inbox: Inbox,
    /// Where the outbox is durable.
    pub(crate) gate: Option<Box<Gate>>,
    /// Nothing is read, as too much has come that nobody has asked for.
    pub(crate) is_paused: bool,
    /// Messages or requests have ended since the task looked last.
    pub(crate) has_ended: bool,
    /// The user wants to leave when everything is done.
    pub(crate) leaves: bool,
    /// The task has ended.
    pub(crate) is_over: bool,
}

impl Shared {
    /// Of a client that acknowledges by hand: messages are acknowledged when they are handed out.
    pub(crate) fn new(client: Client, acknowledge: Acknowledge, gate: Option<Box<Gate>>) -> Shared {
        // CONNACK of version 3.1 has no word for it.
        let may_be_untold = client.options().version == Version::V31 && !client.options().clean_start;
        let state = State {
            client,
            waiting: HashMap::new(),
            inbox: Inbox::new(Held::new(may_be_untold)),
            gate,
            is_paused: false,
            has_ended: false,
            leaves: false,
            is_over: false,
        };
        Shared {
            state: Mutex::new(state),
            wake: Notify::new(),
            room: Notify::new(),
            over: Notify::new(),
            gathered: Notify::new(),
            kept: Notify::new(),
            start: Instant::now(),
            by_hand: acknowledge == Acknowledge::ByHand,
        }
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing of the user's runs under the lock, so a panic there is ours, and the state as good as it was.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Milliseconds since the client was made.
    pub(crate) fn now_ms(&self) -> u64 {
        self.start.elapsed().as_millis() as u64
    }

    /// How many bytes of the output may leave now.
    pub(crate) fn open_bytes(&self, state: &mut State) -> usize {
        let State { client, gate, .. } = state;
        let Some(gate) = gate else { return client.output().len() };
        if gate.add_steps(client) {
            self.gathered.notify_one();
        }
        gate.open_bytes(client.output().len())
    }

    /// Waits until so much is kept, or everything.
    ///
    /// # Errors
    /// When the log has failed, or the client has left.
    pub(crate) async fn wait_until_kept(&self, upto: Option<u64>) -> Result<(), Error> {
        loop {
            // Before the look, or what comes in between would not be noticed.
            let kept = self.kept.notified();
            {
                let mut state = self.lock();
                self.open_bytes(&mut state);
                match &state.gate {
                    None => return Ok(()),
                    Some(gate) if gate.failure().is_some() => return Err(Error::Outbox),
                    Some(gate) if upto.map_or_else(|| gate.has_kept_all(), |upto| gate.has_kept(upto)) => return Ok(()),
                    Some(_) if state.is_over => return Err(Error::Over),
                    Some(_) => {}
                }
            }
            kept.await;
        }
    }

    /// That time as others count it.
    pub(crate) fn instant(&self, at_ms: u64) -> Instant {
        self.start + std::time::Duration::from_millis(at_ms)
    }
}

impl State {
    /// Lets the state machine do something, and keeps what it tells.
    pub(crate) fn act<T>(&mut self, act: impl FnOnce(&mut Client, &mut dyn FnMut(Event<'_>)) -> T) -> T {
        let State { client, waiting, inbox, has_ended, .. } = self;
        let outcome = act(client, &mut |event| {
            if !matches!(event, Event::Message(..))
                && let Some((number, end)) = end(&event)
            {
                *has_ended = true;
                // Nobody may be there any more who wants to know.
                let _gone = waiting.remove(&number).map(|sender| sender.send(end));
            }
            inbox.handle(&event);
        });
        self.settle();
        outcome
    }

    /// Acknowledges what nobody else will.
    pub(crate) fn settle(&mut self) {
        for receipt in self.inbox.settled.drain(..) {
            self.client.acknowledge(receipt, ReasonCode::SUCCESS);
        }
    }

    /// Gives up what was held for too long. While there is no connection it may still be asked for.
    pub(crate) fn end_holding_if_due(&mut self, now_ms: u64) {
        if self.client.is_online() {
            self.inbox.end_holding_if_due(now_ms);
            self.settle();
        }
    }

    /// Whether somebody may wait for an answer of the Server's.
    pub(crate) fn is_waited_for(&self) -> bool {
        !self.waiting.is_empty() || self.client.held().0 > 0
    }

    /// Says DISCONNECT, and wants no further connection.
    pub(crate) fn leave(&mut self) {
        let reason_code = ReasonCode::NORMAL_DISCONNECTION;
        self.act(|client, visit| client.disconnect(reason_code, &PropertiesBuf::new(), visit));
    }

    /// Does so where the user wants it and nothing is left to be done.
    pub(crate) fn leave_if_done(&mut self) {
        if self.leaves && self.client.is_idle() {
            self.leaves = false;
            self.leave();
        }
    }

    /// Whether the log of a durable outbox has failed, of which the user is told once.
    pub(crate) fn has_failed(&mut self) -> bool {
        let failure = self.gate.as_ref().and_then(|gate| gate.failure());
        let Some(failure) = failure else { return false };
        self.inbox.tell(Incident::OutboxFailed(failure.into()));
        true
    }

    /// The task ends, and with it everything that waits.
    pub(crate) fn end(&mut self) {
        self.is_over = true;
        self.act(|client, visit| client.abandon(visit));
        self.inbox.end_requests();
        self.inbox.wake_all();
    }

    /// The end of what has this number.
    pub(crate) fn wait_for(&mut self, number: u64) -> oneshot::Receiver<End> {
        let (sender, receiver) = oneshot::channel();
        self.waiting.insert(number, sender);
        receiver
    }
}

/// What has ended with this event, and how.
fn end(event: &Event<'_>) -> Option<(u64, End)> {
    match *event {
        Event::Acknowledged { number, reason_code, .. } => Some((number, Ok(vec![reason_code]))),
        Event::Sent { number } => Some((number, Ok(vec![ReasonCode::SUCCESS]))),
        Event::Answered { number, codes, .. } => Some((number, Ok(codes.iter().copied().map(ReasonCode).collect()))),
        Event::Dropped { number, why } | Event::RequestDropped { number, why } => Some((number, Err(why))),
        _ => None,
    }
}
