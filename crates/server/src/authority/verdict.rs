//! What became of asking who a client is: who vouches for it, and for how long; or why it is not let in.

use std::fmt;
use std::sync::Arc;

use midge_auth::{Acl, Grants, Token, TokenPolicy};
use midge_broker::{Authentication, Credentials, RefusedCredentials};
use midge_config::JwtAuth;

use super::service::Service;
use crate::clock::wall_s;
use crate::options::CertificateName;

/// Who vouches for a client.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) enum By {
    /// Everybody is let in.
    Nobody,
    /// Whoever has signed its certificate, of which this is the User Name.
    Certificate(CertificateName),
    /// The key that it encrypts with, as a keyed hash.
    PreSharedKey(u64),
    /// Its entry there, as a keyed hash.
    PasswordFile(u64),
    /// The key that has signed its token.
    Token(u64),
    /// A web service.
    Service,
}

/// The client is let in.
pub(super) struct Verdict {
    pub(super) by: By,
    /// Where it is not the one that the client gives.
    pub(super) username: Option<Box<str>>,
    /// What it may do; each of them has to grant it.
    pub(super) granted: Vec<Arc<Acl>>,
    /// Seconds since 1970.
    pub(super) expires_at_s: Option<u64>,
}

/// What of that is kept with a Session, to be looked at when the files have been read again.
pub(super) struct Proof {
    pub(super) by: By,
    pub(super) granted: Vec<Arc<Acl>>,
    pub(super) service: Option<Arc<Service>>,
    /// What its token had to be like, where one was asked for.
    pub(super) token_rules: Option<Arc<JwtAuth>>,
}

/// The client is not let in.
#[derive(Debug)]
pub(crate) struct Refused {
    why: RefusedCredentials,
    /// What the operator should know.
    pub(crate) trouble: Option<String>,
}

impl Verdict {
    pub(super) fn new(by: By) -> Verdict {
        Verdict { by, username: None, granted: Vec::new(), expires_at_s: None }
    }

    /// A web service grants this too.
    pub(super) fn add(&mut self, grants: Grants) {
        let expires_at_s = grants.expires_in_s.map(|seconds| wall_s().saturating_add(seconds));
        self.expires_at_s = self.expires_at_s.into_iter().chain(expires_at_s).min();
        self.granted.push(Arc::new(grants.acl));
    }
}

impl Refused {
    pub(super) const NOT_AUTHORIZED: Refused = Refused { why: RefusedCredentials::NotAuthorized, trouble: None };

    /// Somebody who is trusted has signed what does not do all the same.
    pub(super) fn not_valid(cause: &'static str) -> Refused {
        Refused { why: RefusedCredentials::NotValid(cause), trouble: None }
    }

    /// Nobody knows whether it is to be let in.
    pub(super) fn no_answer(trouble: String) -> Refused {
        Refused { why: RefusedCredentials::NoAnswer, trouble: Some(trouble) }
    }

    pub(crate) fn authentication(&self) -> Authentication {
        Authentication::Refused(self.why)
    }
}

/// Whether `now` is content with each token that `before` was content with, and finds the same in it, where its key is trusted.
pub(super) fn agree(now: &JwtAuth, before: &JwtAuth) -> bool {
    before.algorithms.iter().all(|algorithm| now.algorithms.contains(algorithm))
        && (now.issuer.is_none() || now.issuer == before.issuer)
        && (now.audience.is_none() || now.audience == before.audience)
        && (&now.user_claim, &now.acl_claim) == (&before.user_claim, &before.acl_claim)
}

/// Whether the password is a good token.
pub(super) fn judge_token(policy: Option<&TokenPolicy>, credentials: &Credentials) -> Result<Verdict, Refused> {
    let (Some(policy), Some(password)) = (policy, &credentials.password) else { return Err(Refused::NOT_AUTHORIZED) };
    match policy.verify(password, wall_s()) {
        Ok(Token { user_name, expires_at_s, acl, key }) => Ok(Verdict {
            by: By::Token(key),
            username: Some(user_name.into()),
            granted: acl.into_iter().collect(),
            expires_at_s: Some(expires_at_s),
        }),
        Err(error) if error.is_signed() => Err(Refused::not_valid(error.cause())),
        Err(_) => Err(Refused::NOT_AUTHORIZED),
    }
}

/// Without what is granted.
impl fmt::Debug for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Proof").field("by", &self.by).finish_non_exhaustive()
    }
}
