//! Streams: what has come, one after the other, for one who asks.

use std::sync::Arc;

use midge_codec::{QoS, ReasonCode};
use tokio::sync::Notify;

use crate::inbox::Wants;
use crate::incoming::{Incident, Received};
use crate::shared::Shared;
use crate::waiting::Waiting;

/// Messages of one Subscription, in their order.
///
/// Where many wait that nobody asks for, nothing more is read from the Server: who is slow is not flooded. So a stream is read, or
/// dropped; what comes for one that was dropped goes to [`Incoming`]. A message of QoS 1 or 2 is acknowledged when it is handed out, unless
/// that is done by hand.
#[derive(Debug)]
pub struct Subscription {
    listener: Listener,
    /// The QoS that the Server has granted.
    pub granted: QoS,
}

/// What happens that belongs to no [`Subscription`]: connections, their ends, and messages that no stream is for. Who does not want to
/// know drops it: then messages without a stream are acknowledged and thrown away, and [`Client::discarded`](crate::Client::discarded)
/// counts them. But what the Server had kept for the Session since an earlier program waits for the first [`Subscription`] to which it belongs.
#[derive(Debug)]
pub struct Incoming(Listener);

impl Subscription {
    pub(crate) fn new(listener: Listener, granted: QoS) -> Subscription {
        listener.shared.lock().inbox.grant(listener.route);
        Subscription { listener, granted }
    }

    /// The next message, lent until this is called again; `None` when the client has left and all was handed out. May be given up at any
    /// time without losing one.
    pub async fn next(&mut self) -> Option<Received<'_>> {
        match self.listener.next().await? {
            Incident::Message(message) => Some(message),
            // Everything else is told to `Incoming`.
            _ => None,
        }
    }
}

impl Incoming {
    pub(crate) fn new(listener: Listener) -> Incoming {
        Incoming(listener)
    }

    /// The next incident, lent until this is called again; `None` when the client has left and all was told. May be given up at any time
    /// without losing one.
    pub async fn next(&mut self) -> Option<Incident<'_>> {
        self.0.next().await
    }
}

/// Who listens to a stream.
#[derive(Debug)]
pub(crate) struct Listener {
    shared: Arc<Shared>,
    route: usize,
    notify: Arc<Notify>,
    /// Taken from what waits for all, so that each message does not need the lock.
    taken: Waiting,
}

impl Listener {
    pub(crate) fn new(shared: Arc<Shared>, wants: Wants) -> Listener {
        let (route, notify) = shared.lock().inbox.open(wants);
        Listener { shared, route, notify, taken: Waiting::default() }
    }

    async fn next(&mut self) -> Option<Incident<'_>> {
        if self.taken.is_empty() && !self.take().await {
            return None;
        }
        let incident = self.taken.next()?;
        if let Incident::Message(Received { receipt: Some(receipt), .. }) = incident
            && !self.shared.by_hand
        {
            self.shared.lock().client.acknowledge(receipt, ReasonCode::SUCCESS);
            self.shared.wake.notify_one();
        }
        Some(incident)
    }

    /// Waits until something is there, and takes all of it; `false`: nothing will be.
    async fn take(&mut self) -> bool {
        loop {
            self.taken.clear();
            // Before the look, or what comes in between would not be noticed.
            let notified = self.notify.notified();
            let is_over = {
                let mut state = self.shared.lock();
                state.inbox.take(self.route, &mut self.taken);
                if state.is_paused {
                    self.shared.wake.notify_one();
                }
                state.is_over
            };
            match self.taken.is_empty() {
                false => return true,
                true if is_over => return false,
                true => {
                    // An idle stream has its memory once.
                    self.taken = Waiting::default();
                    notified.await;
                }
            }
        }
    }
}

/// What nobody will ask for any more is acknowledged, unless it is held: it would hold up what comes behind it.
impl Drop for Listener {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        if state.is_over {
            return;
        }
        state.inbox.close(self.route, std::mem::take(&mut self.taken));
        state.settle();
        drop(state);
        self.shared.wake.notify_one();
    }
}
