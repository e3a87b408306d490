//! Who is let in and what they may do: what the files of the listeners say.
//!
//! ```text
//! shard ──credentials──▶ ask ──▶ an answer, or a check that takes its time
//!                                     └──▶ worker ──▶ the shard's box of answers
//! ```
//!
//! What must hold: a slow hash is never computed on a shard; what was right once is remembered as a keyed digest, never as it
//! was sent; when the files are read again, everybody is asked about again, and nothing that was remembered counts any more.

mod files;
mod remembered;
mod workers;

pub use files::{FileProblem, check_file};
pub(crate) use workers::{Answer, Asker, NOT_NOW, Workers};

use std::hash::{BuildHasher, RandomState};
use std::path::Path;
use std::sync::Arc;

use midge_auth::{Access, Acl, Admission, ConnectPolicy, Cost, Passwords, Rights, admission};
use midge_broker::{Authentication, Credentials, Identity, ListenerId, RefusedCredentials, Renewed};

use files::Files;
use remembered::Remembered;

/// What one listener is to ask for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthorityOptions {
    /// The port, by which a Session remembers where its client came in; 0 for a Unix socket.
    pub port: u16,
    /// Whether clients without a User Name are let in; without a password file, all.
    pub allow_anonymous: bool,
    /// User Names and hashes of their passwords.
    pub password_file: Option<String>,
    /// Who may do what.
    pub acl_file: Option<String>,
    /// SUBACK refuses what the ACL file does not grant.
    pub strict_suback: bool,
    /// The User Name of a client is in its certificate.
    pub is_named_by_certificate: bool,
}

impl AuthorityOptions {
    /// The files that it is made of.
    pub(crate) fn files(&self) -> impl Iterator<Item = &Path> {
        [&self.password_file, &self.acl_file].into_iter().flatten().map(Path::new)
    }
}

/// See the module. One for all shards; another takes its place when the files are read again.
#[derive(Default)]
pub(crate) struct Authority {
    /// By [`ListenerId`].
    listeners: Vec<Listener>,
    remembered: Remembered,
    /// Keys the proofs of identities.
    key: RandomState,
}

struct Listener {
    port: u16,
    policy: ConnectPolicy,
    passwords: Option<Arc<Passwords>>,
    acl: Option<Arc<Acl>>,
    strict_suback: bool,
    is_named_by_certificate: bool,
}

/// What a shard is told at once.
pub(crate) enum Asked {
    /// Who it is.
    Known(Authentication),
    /// This must be checked elsewhere.
    Later(Check),
}

/// A check that takes its time.
pub(crate) struct Check {
    listener: ListenerId,
    credentials: Credentials,
}

impl Authority {
    /// Reads the files of all listeners, each once. Gives what the operator should know of them too.
    pub(crate) fn load(
        options: &[AuthorityOptions],
        key: &RandomState,
    ) -> Result<(Authority, Vec<String>), FileProblem> {
        let mut files = Files::default();
        let listeners = options.iter().map(|options| Listener::load(options, &mut files)).collect::<Result<_, _>>()?;
        let authority = Authority { listeners, remembered: Remembered::default(), key: key.clone() };
        Ok((authority, files.notes))
    }

    /// Who that is.
    pub(crate) fn ask(&self, listener: ListenerId, credentials: Credentials) -> Asked {
        let at = self.listener(listener);
        let is_slow = || at.cost(&credentials) == Cost::Slow && !self.remembered.knows(listener, &credentials);
        match at.admission(&credentials) {
            Admission::Refuse(_) => Asked::Known(REFUSED),
            Admission::Verify if is_slow() => Asked::Later(Check { listener, credentials }),
            Admission::Verify | Admission::Accept => Asked::Known(self.answer(listener, &credentials)),
        }
    }

    /// A client that its certificate names; without a name it is not let in. Nobody else is asked.
    pub(crate) fn name(&self, listener: ListenerId, client_id: Box<str>, username: Option<Box<str>>) -> Authentication {
        let Some(username) = username else {
            return Authentication::Refused(RefusedCredentials::NoIdentity);
        };
        let at = self.listener(listener);
        let credentials = Credentials { client_id, username: Some(username), password: None };
        let rights = at.rights(&credentials);
        let Credentials { username, .. } = credentials;
        Authentication::Known(Arc::new(Identity { username, port: at.port, proof: CERTIFICATE, rights }))
    }

    /// The outcome of a check. Takes its time.
    pub(crate) fn check(&self, check: &Check) -> Authentication {
        self.answer(check.listener, &check.credentials)
    }

    fn answer(&self, listener: ListenerId, credentials: &Credentials) -> Authentication {
        let at = self.listener(listener);
        let must_verify = at.admission(credentials) == Admission::Verify;
        if must_verify && !self.remembered.knows(listener, credentials) {
            if !at.verifies(credentials) {
                return REFUSED;
            }
            if at.cost(credentials) == Cost::Slow {
                self.remembered.remember(listener, credentials);
            }
        }
        Authentication::Known(self.identity(at, credentials))
    }

    fn identity(&self, at: &Listener, credentials: &Credentials) -> Arc<Identity> {
        let username = credentials.username.clone();
        let proof = self.proof(at, credentials);
        Arc::new(Identity { rights: at.rights(credentials), username, port: at.port, proof })
    }

    /// What of the password file lets the client in; 0 where it is not asked.
    fn proof(&self, at: &Listener, credentials: &Credentials) -> u64 {
        let entry = at.passwords.as_ref().zip(credentials.username.as_deref());
        entry.map_or(0, |(passwords, username)| self.key.hash_one(passwords.entry(username)))
    }

    /// What became of an identity that was found before the files were read again. A client that is away, at no listener, shows who
    /// it is when it comes back.
    pub(crate) fn renew(
        &self,
        listener: Option<ListenerId>,
        credentials: &Credentials,
        identity: &Identity,
    ) -> Renewed {
        let by_port = || self.listeners.iter().find(|at| at.port == identity.port).unwrap_or(&self.listeners[0]);
        let at = listener.map_or_else(by_port, |listener| self.listener(listener));
        let is_away = listener.is_none();
        if !is_away && at.is_named_by_certificate != (identity.proof == CERTIFICATE) {
            return Renewed::Refused;
        }
        if identity.proof == CERTIFICATE {
            let username = identity.username.clone();
            let rights = at.rights(credentials);
            return Renewed::Known(Arc::new(Identity { username, port: at.port, proof: CERTIFICATE, rights }));
        }
        let still_does = match at.admission(&Credentials { password: Some(Box::default()), ..credentials.clone() }) {
            Admission::Accept => true,
            Admission::Verify => is_away || identity.proof == self.proof(at, credentials),
            Admission::Refuse(_) => false,
        };
        match still_does {
            true => Renewed::Known(self.identity(at, credentials)),
            false => Renewed::Refused,
        }
    }

    fn listener(&self, listener: ListenerId) -> &Listener {
        &self.listeners[usize::from(listener.0)]
    }
}

impl Listener {
    fn load(options: &AuthorityOptions, files: &mut Files) -> Result<Listener, FileProblem> {
        let passwords = options.password_file.as_deref().map(|path| files.passwords(path)).transpose()?;
        let acl = options.acl_file.as_deref().map(|path| files.acl(path)).transpose()?;
        let policy = ConnectPolicy { has_password_file: passwords.is_some(), allow_anonymous: options.allow_anonymous };
        let &AuthorityOptions { port, strict_suback, is_named_by_certificate, .. } = options;
        Ok(Listener { port, policy, passwords, acl, strict_suback, is_named_by_certificate })
    }

    fn admission(&self, credentials: &Credentials) -> Admission {
        let Credentials { username, password, .. } = credentials;
        admission(
            self.policy,
            midge_auth::Credentials { user_name: username.as_deref(), password: password.as_deref() },
        )
    }

    fn verifies(&self, credentials: &Credentials) -> bool {
        let (Some(passwords), Some(username)) = (&self.passwords, &credentials.username) else { return false };
        passwords.verify(username, credentials.password.as_deref()).is_right()
    }

    fn cost(&self, credentials: &Credentials) -> Cost {
        let entry = self.passwords.as_ref().zip(credentials.username.as_deref());
        entry.map_or(Cost::Quick, |(passwords, username)| passwords.cost(username))
    }

    fn rights(&self, credentials: &Credentials) -> Option<Arc<dyn midge_broker::Rights>> {
        let acl = self.acl.as_ref()?;
        let rights = Rights::new(acl, credentials.username.as_deref(), &credentials.client_id);
        Some(Arc::new(Granted { rights, strict_suback: self.strict_suback }))
    }
}

/// What the ACL file grants one client.
struct Granted {
    rights: Rights,
    strict_suback: bool,
}

impl midge_broker::Rights for Granted {
    fn may_publish(&self, topic: &str) -> bool {
        self.rights.check(Access::Publish, topic).is_allowed()
    }

    fn may_receive(&self, topic: &str) -> bool {
        self.rights.check(Access::Receive, topic).is_allowed()
    }

    fn may_subscribe(&self, filter: &str) -> bool {
        let share = filter.strip_prefix("$share/").and_then(|rest| rest.split_once('/'));
        let filter = share.map_or(filter, |(_, filter)| filter);
        !self.strict_suback || self.rights.check_filter(filter).is_allowed()
    }
}

/// The proof of those whom their certificates name.
const CERTIFICATE: u64 = u64::MAX;

pub(crate) const REFUSED: Authentication = Authentication::Refused(RefusedCredentials::NotAuthorized);
