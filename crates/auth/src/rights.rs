//! What one Client may do: an access control list as seen by one User Name and Client Identifier.
//!
//! The order is Mosquitto's: the User's own denials, what it is allowed, the denials among the patterns, what they allow; and no
//! otherwise. A Client whose names hold a wildcard never gets as far as the patterns.

use std::fmt;
use std::sync::Arc;

use crate::acl::{Acl, Own};
use crate::filter::Names;
use crate::rules::Way;

/// What is asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Access {
    /// The Client sends a PUBLISH, or its Will is published: `write` in the file.
    Publish,
    /// The Client is sent a PUBLISH: `read` in the file.
    Receive,
    /// A Topic Filter is subscribed to. Always granted; what it brings is asked about message by message.
    Subscribe,
    /// A Topic Filter is unsubscribed from. Always granted.
    Unsubscribe,
}

/// Whether, and why. Lines count from 1.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Decision {
    /// Yes: there is no access control list.
    NoFile,
    /// Yes: this kind of access is never refused.
    AlwaysGranted,
    /// Yes: a line allows it. Where several do, it is one without wildcards, then the first of the others.
    Allowed {
        /// The rule's.
        line: u32,
    },
    /// No: a `deny` line matches.
    Denied {
        /// The rule's.
        line: u32,
    },
    /// No: there are patterns, no line of the User decided, and the User Name has a `+` or `#` in it.
    WildcardInUserName,
    /// No: the same with the Client Identifier.
    WildcardInClientId,
    /// No: the file names the User, but no rule of theirs matches, and no pattern.
    NoRule,
    /// No: the file does not name the User, and no pattern matches.
    NoRulesForUser,
    /// No: the Client has no User Name, and neither a line before the first `user` nor a pattern matches.
    NoRuleForAnonymous,
}

impl Decision {
    /// Whether the answer is yes.
    #[inline]
    pub const fn is_allowed(self) -> bool {
        matches!(self, Decision::NoFile | Decision::AlwaysGranted | Decision::Allowed { .. })
    }

    /// The line that decided.
    pub const fn line(self) -> Option<u32> {
        match self {
            Decision::Allowed { line } | Decision::Denied { line } => Some(line),
            _ => None,
        }
    }
}

/// A sentence without its full stop, for people who wonder.
impl fmt::Display for Decision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Decision::NoFile => "allowed: there is no ACL file",
            Decision::AlwaysGranted => "allowed: each message is asked about when it is delivered",
            Decision::Allowed { line } => return write!(f, "allowed by line {line}"),
            Decision::Denied { line } => return write!(f, "denied by line {line}"),
            Decision::WildcardInUserName => "denied: the file has patterns, and the User Name has a wildcard in it",
            Decision::WildcardInClientId => {
                "denied: the file has patterns, and the Client Identifier has a wildcard in it"
            }
            Decision::NoRule => "denied: no rule of the User matches, and no pattern",
            Decision::NoRulesForUser => "denied: the file does not name the User, and no pattern matches",
            Decision::NoRuleForAnonymous => "denied: no rule for Clients without User Name matches, and no pattern",
        })
    }
}

/// What one Client may do. To be kept with its Session, and made anew when the file has been read again.
pub struct Rights {
    limits: Option<Limits>,
}

/// Rights where there is a file.
struct Limits {
    acl: Arc<Acl>,
    own: Own,
    /// `None` where there are no patterns to ask.
    names: Option<Box<OwnNames>>,
}

struct OwnNames {
    client_id: Box<str>,
    user_name: Option<Box<str>>,
    wildcard: Option<Decision>,
}

impl Rights {
    /// Those of a Client where there is no access control list.
    pub const UNLIMITED: Rights = Rights { limits: None };

    /// Those of the Client with this User Name and Client Identifier.
    pub fn new(acl: &Arc<Acl>, user_name: Option<&str>, client_id: &str) -> Self {
        let names = (!acl.patterns().is_empty()).then(|| {
            Box::new(OwnNames {
                client_id: client_id.into(),
                user_name: user_name.map(Box::from),
                wildcard: wildcard(user_name, client_id),
            })
        });
        Self { limits: Some(Limits { own: acl.own(user_name), acl: acl.clone(), names }) }
    }

    /// Whether the Client may do that with this Topic Name (of a Topic Filter nothing is asked). Allocates nothing.
    #[inline]
    pub fn check(&self, access: Access, topic: &str) -> Decision {
        let Some(limits) = &self.limits else {
            return Decision::NoFile;
        };
        match access {
            Access::Publish => limits.decide(Way::Write, topic),
            Access::Receive => limits.decide(Way::Read, topic),
            Access::Subscribe | Access::Unsubscribe => Decision::AlwaysGranted,
        }
    }

    /// The stricter answer to SUBSCRIBE: whether a subscription could ever bring a message. `filter` is valid and has no
    /// `$share/…/` in front.
    ///
    /// It is granted when there is a Topic Name that the filter matches and that the Client may receive; so nothing is refused
    /// that would have brought something, and a filter that is wider than the rules (`#`) is granted as soon as some rule lies in
    /// it. It is refused when no `read` rule has a topic in common with the filter, or denials cover all they have in common.
    pub fn check_filter(&self, filter: &str) -> Decision {
        let Some(limits) = &self.limits else {
            return Decision::NoFile;
        };
        let own = limits.acl.rules(limits.own);
        let names = limits.names();
        let patterns = limits.names.as_ref().filter(|names| names.wildcard.is_none()).map(|_| limits.acl.patterns());
        crate::strict::decide(filter, own.into_iter().chain(patterns), names, |topic| limits.decide(Way::Read, topic))
    }
}

impl Limits {
    fn decide(&self, way: Way, topic: &str) -> Decision {
        let names = self.names();
        let own = self.acl.rules(self.own).and_then(|rules| rules.decide(way, topic, names));
        own.or_else(|| self.by_patterns(way, topic, names)).unwrap_or(match self.own {
            Own::Anonymous => Decision::NoRuleForAnonymous,
            Own::Unknown => Decision::NoRulesForUser,
            Own::User(_) => Decision::NoRule,
        })
    }

    fn by_patterns(&self, way: Way, topic: &str, names: Names<'_>) -> Option<Decision> {
        let wildcard = self.names.as_ref()?.wildcard;
        wildcard.or_else(|| self.acl.patterns().decide(way, topic, names))
    }

    /// Only patterns look at them.
    fn names(&self) -> Names<'_> {
        match &self.names {
            Some(names) => Names { client_id: &names.client_id, user_name: names.user_name.as_deref() },
            None => Names { client_id: "", user_name: None },
        }
    }
}

fn wildcard(user_name: Option<&str>, client_id: &str) -> Option<Decision> {
    const WILDCARDS: [char; 2] = ['+', '#'];
    if user_name.is_some_and(|name| name.contains(WILDCARDS)) {
        Some(Decision::WildcardInUserName)
    } else if client_id.contains(WILDCARDS) {
        Some(Decision::WildcardInClientId)
    } else {
        None
    }
}
