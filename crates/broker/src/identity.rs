//! Who a client is, and what it may do: found by whoever is asked ([`crate::FirstBytes::Authenticate`]), kept with the Session.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use crate::ids::ListenerId;

/// Who a client is.
#[derive(Clone, Default)]
pub struct Identity {
    /// The User Name that counts: that of CONNECT, or what the transport says.
    pub username: Option<Box<str>>,
    /// The port of the listener where the client came in; 0 for a Unix socket.
    pub port: u16,
    /// What of the credentials counted, for those who asked: with this they know whether it would still do.
    pub proof: Option<Arc<dyn Any + Send + Sync>>,
    /// When it ceases to be this one, in seconds since 1970: its connection is closed then.
    pub expires_at_s: Option<u64>,
    /// What the client may do; `None` is everything.
    pub rights: Option<Arc<dyn Rights>>,
}

/// What one client may do. Asked for each message, from any thread: an answer takes no lock and no memory.
pub trait Rights: Send + Sync {
    /// Whether it may publish to a topic.
    fn may_publish(&self, topic: &str) -> bool;

    /// Whether messages of a topic may be sent to it.
    fn may_receive(&self, topic: &str) -> bool;

    /// Whether it may subscribe to a Topic Filter. What it gets by that is another question.
    fn may_subscribe(&self, filter: &str) -> bool;
}

/// What came of asking who a client is.
#[derive(Clone)]
pub enum Authentication {
    /// It is this one.
    Known(Arc<Identity>),
    /// It is not let in.
    Refused(RefusedCredentials),
}

/// Why credentials do not do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RefusedCredentials {
    /// They are wrong, or there are none and there must be.
    NotAuthorized,
    /// They are signed by somebody who is trusted, and do not do all the same: this is why.
    NotValid(&'static str),
    /// Nobody could be asked.
    NoAnswer,
    /// The transport was to say who the client is, and does not.
    NoIdentity,
    /// Too many wait to be checked.
    Busy,
    /// Others from its address have failed, and too many wait there.
    TooOften,
}

/// What a client says of itself.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// Client Identifier; empty where the server is to assign one.
    pub client_id: Box<str>,
    /// User Name.
    pub username: Option<Box<str>>,
    /// Password.
    pub password: Option<Box<[u8]>>,
}

/// What an identity that was looked at again is worth.
#[derive(Clone, Debug)]
pub enum Renewed {
    /// The client is this one now.
    Known(Arc<Identity>),
    /// Credentials like those would not do any more.
    Refused,
}

/// Who is asked again: with the listener of the client's connection where it has one, what the client says of itself but for its
/// password, and who it was.
pub type Renew<'a> = dyn Fn(Option<ListenerId>, &Credentials, &Identity) -> Renewed + 'a;

/// Without the password.
impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Credentials { client_id, username, .. } = self;
        f.debug_struct("Credentials").field("client_id", client_id).field("username", username).finish_non_exhaustive()
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rights = if self.rights.is_some() { "some" } else { "all" };
        f.debug_struct("Identity").field("username", &self.username).field("rights", &rights).finish_non_exhaustive()
    }
}

impl Identity {
    /// Asks again who the client of this identifier is.
    pub(crate) fn renewed(&self, renew: &Renew<'_>, listener: Option<ListenerId>, client_id: &str) -> Renewed {
        let (client_id, username) = (client_id.into(), self.username.clone());
        renew(listener, &Credentials { client_id, username, password: None }, self)
    }

    /// Whether the client may publish to a topic.
    pub(crate) fn may_publish(&self, topic: &str) -> bool {
        self.rights.as_ref().is_none_or(|rights| rights.may_publish(topic))
    }

    /// Whether messages of a topic may be sent to it.
    pub(crate) fn may_receive(&self, topic: &str) -> bool {
        self.rights.as_ref().is_none_or(|rights| rights.may_receive(topic))
    }

    /// Whether it may subscribe to a Topic Filter.
    pub(crate) fn may_subscribe(&self, filter: &str) -> bool {
        self.rights.as_ref().is_none_or(|rights| rights.may_subscribe(filter))
    }
}
