//! Why somebody may do something, or may not, for people who wonder.

use midge_auth::{Access, Decision, Rights};
use midge_broker::ListenerId;

use super::rights::has_special_chars;
use super::{Authority, Listener};

/// What decides.
pub(crate) struct Why {
    pub(crate) decision: Decision,
    /// The file whose line it may be.
    pub(crate) acl_file: Option<String>,
    /// The file does not matter: names with such characters are granted nothing.
    pub(crate) is_special: bool,
    /// Web services and tokens grant or deny more, which is known when somebody logs in.
    pub(crate) is_all: bool,
}

impl Authority {
    /// What the ACL file of a listener says about a client of these names.
    pub(crate) fn explain(
        &self,
        listener: ListenerId,
        (username, client_id): (Option<&str>, &str),
        access: Access,
        topic: &str,
    ) -> Why {
        let at: &Listener = self.listener(listener);
        let client_id = username.filter(|_| at.options.username_is_client_id).unwrap_or(client_id);
        let decision = match &at.acl {
            None => Decision::NoFile,
            Some(acl) => {
                let rights = Rights::new(acl, username, client_id);
                match access {
                    Access::Subscribe if at.options.strict_suback => rights.check_filter(topic),
                    access => rights.check(access, topic),
                }
            }
        };
        let is_restricted = at.acl.is_some() && at.options.acl_denies_special_chars;
        Why {
            decision,
            acl_file: at.options.acl_file.clone(),
            is_special: is_restricted && has_special_chars(client_id, username),
            is_all: !at.has_acl_service() && at.options.tokens.is_none(),
        }
    }
}
