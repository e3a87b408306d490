//! Who is let in and what they may do: what the files of the listeners say, tokens, and web services.
//!
//! ```text
//! shard ──credentials──▶ ask ──▶ an answer, or a check that takes its time
//!                                     └──▶ worker ──▶ the shard's box of answers
//! ```
//!
//! What must hold: a slow hash is never computed on a shard, and no web service asked; what was right once is remembered as a
//! keyed digest, never as it was sent; who cannot be asked grants nothing; when the files are read again, everybody is asked about
//! again, and nothing that was remembered counts any more.

mod explain;
mod failures;
mod files;
mod gate;
mod keyring;
mod options;
mod remembered;
mod rights;
mod service;
mod verdict;
mod workers;

pub(crate) use explain::Why;
pub(crate) use failures::{Failures, Line, Look, Turn};
pub use files::{FileProblem, check_file, user_names};
pub use options::AuthorityOptions;
pub(crate) use workers::{Answer, Asker, NOT_NOW, Workers};

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::Instant;

use midge_auth::{Acl, Admission, ConnectPolicy, Cost, Judge, Passwords, TokenPolicy, admission};
use midge_broker::{Authentication, Credentials, Identity, ListenerId, RefusedCredentials, Renewed};
use midge_config::JwtAuth;

use crate::options::CertificateName;
use files::{Contents, Files};
use keyring::Keyring;
use remembered::Remembered;
use rights::{Granted, Nothing, has_special_chars};
use service::{Service, ServiceAnswers};
use verdict::{By, Proof, Refused, Verdict};

/// See the module. One for all shards; another takes its place when the files are read again.
#[derive(Default)]
pub(crate) struct Authority {
    /// By [`ListenerId`].
    listeners: Vec<Listener>,
    /// Of their files, for the next one.
    contents: Contents,
    passwords: Remembered,
    answers: ServiceAnswers,
    /// Keys the proofs of identities.
    key: RandomState,
}

struct Listener {
    options: AuthorityOptions,
    policy: ConnectPolicy,
    passwords: Option<Arc<Passwords>>,
    tokens: Option<TokenPolicy>,
    service: Option<Arc<Service>>,
    acl: Option<Arc<Acl>>,
    pre_shared_keys: Option<Arc<Keyring>>,
    /// That of all whom nobody was asked about.
    nobody: Arc<Proof>,
}

/// Whether a server could start with this; every file is read.
pub fn check_authority(options: &[AuthorityOptions]) -> Result<(), FileProblem> {
    Authority::load(options, &RandomState::new(), None).map(drop)
}

/// Whom the encryption of a connection names, and how.
pub(crate) enum Named {
    /// A part of the client's certificate.
    ByCertificate(Box<str>),
    /// The identity of its pre-shared key.
    ByPreSharedKey(Box<str>),
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
    /// Who says who it is, where its encryption does.
    named_by: Option<By>,
    /// Somebody else is asked, and may be slow to answer.
    is_call: bool,
}

impl Check {
    /// What the client has said of itself, or what it is named by.
    pub(crate) fn into_credentials(self) -> Credentials {
        self.credentials
    }
}

impl Authority {
    /// Reads the files of all listeners, each once. Gives what the operator should know of them too.
    ///
    /// What cannot be read any more, because the server has become somebody else since, is what it was in `before`.
    pub(crate) fn load(
        options: &[AuthorityOptions],
        key: &RandomState,
        before: Option<&Authority>,
    ) -> Result<(Authority, Vec<String>), FileProblem> {
        let mut files = Files::after(before.map(|before| before.contents.clone()).unwrap_or_default());
        let listeners = options.iter().map(|options| Listener::load(options, &mut files)).collect::<Result<_, _>>()?;
        let Files { contents, notes, .. } = files;
        let authority = Authority { listeners, contents, key: key.clone(), ..Authority::default() };
        Ok((authority, notes))
    }

    /// Whether it depends on what these hold who that is: else nobody guesses with them.
    pub(crate) fn judges(&self, listener: ListenerId, credentials: &Credentials) -> bool {
        matches!(self.listener(listener).admission(credentials), Admission::Verify(_))
    }

    /// Who that is.
    pub(crate) fn ask(&self, listener: ListenerId, credentials: Credentials) -> Asked {
        self.ask_about(Check { listener, credentials, named_by: None, is_call: false })
    }

    /// A client whose encryption names it; without a name it is not let in. Nobody else is asked who it is.
    pub(crate) fn name(&self, listener: ListenerId, client_id: Box<str>, named: Option<Named>) -> Asked {
        let at = self.listener(listener);
        let (username, by) = match named {
            Some(Named::ByCertificate(username)) => (username, at.options.username_of_certificate.map(By::Certificate)),
            Some(Named::ByPreSharedKey(identity)) => {
                let by = self.pre_shared_key(at, &identity).map(By::PreSharedKey);
                (identity, by)
            }
            None => (Box::default(), None),
        };
        if by.is_none() {
            return Asked::Known(Authentication::Refused(RefusedCredentials::NoIdentity));
        }
        let credentials = Credentials { client_id, username: Some(username), password: None };
        self.ask_about(Check { listener, credentials, named_by: by, is_call: false })
    }

    /// Who that is, of whom others were asked before the files were read again.
    pub(crate) fn ask_again(&self, check: Check) -> Asked {
        let at = self.listener(check.listener);
        let identity = check.credentials.username.as_deref().unwrap_or_default();
        let has_key = match check.named_by {
            Some(By::PreSharedKey(key)) => self.pre_shared_key(at, identity) == Some(key),
            _ => true,
        };
        match has_key && at.names_as(check.named_by) {
            true => self.ask_about(check),
            false => Asked::Known(REFUSED),
        }
    }

    /// The keys with which clients of this listener may encrypt.
    pub(crate) fn pre_shared_keys(&self, listener: ListenerId) -> Option<Arc<dyn midge_net::tls::PreSharedKeys>> {
        Some(Arc::clone(self.listener(listener).pre_shared_keys.as_ref()?) as _)
    }

    /// Whether clients of this listener may encrypt with the same keys as `before`.
    pub(crate) fn has_keys_of(&self, before: &Authority, listener: ListenerId) -> bool {
        let keys = |authority: &Authority| {
            let at = authority.listeners.get(usize::from(listener.0));
            at.and_then(|at| at.pre_shared_keys.clone())
        };
        keys(self) == keys(before)
    }

    /// The key of this identity, as a keyed hash.
    fn pre_shared_key(&self, at: &Listener, identity: &str) -> Option<u64> {
        at.pre_shared_keys.as_ref()?.0.key(identity).map(|key| self.key.hash_one(key))
    }

    fn ask_about(&self, mut check: Check) -> Asked {
        let at = self.listener(check.listener);
        let admission = at.admission_of(&check);
        if let Admission::Refuse(_) = admission {
            return Asked::Known(REFUSED);
        }
        check.is_call = at.has_acl_service() || admission == Admission::Verify(Judge::Service);
        if let Some(identity) = check.is_call.then(|| self.answers.find(&check)).flatten() {
            return Asked::Known(Authentication::Known(identity));
        }
        let is_slow = match admission {
            Admission::Verify(Judge::PasswordFile) => self.is_slow_hash(at, &check),
            Admission::Verify(Judge::Tokens) => true,
            _ => false,
        };
        if check.is_call || is_slow {
            return Asked::Later(check);
        }
        Asked::Known(match self.check(&check, Instant::now()) {
            Ok(identity) => Authentication::Known(identity),
            Err(refused) => refused.authentication(),
        })
    }

    fn is_slow_hash(&self, at: &Listener, check: &Check) -> bool {
        at.cost(&check.credentials) == Cost::Slow && !self.passwords.knows(check.listener, &check.credentials)
    }

    /// The outcome of a check that was wanted at this moment. Takes its time.
    pub(crate) fn check(&self, check: &Check, wanted: Instant) -> Result<Arc<Identity>, Refused> {
        let at = self.listener(check.listener);
        let verdict = self.verdict(at, check, wanted)?;
        let identity = self.identify(at, &check.credentials, verdict);
        if let Some(service) = at.service.as_ref().filter(|_| check.is_call) {
            self.answers.remember(check, &identity, service.cache());
        }
        Ok(identity)
    }

    fn verdict(&self, at: &Listener, check: &Check, wanted: Instant) -> Result<Verdict, Refused> {
        let credentials = &check.credentials;
        let mut verdict = match at.admission_of(check) {
            Admission::Refuse(_) => return Err(Refused::NOT_AUTHORIZED),
            Admission::Accept => Verdict::new(check.named_by.unwrap_or(By::Nobody)),
            Admission::Verify(Judge::PasswordFile) => self.judge_password(at, check)?,
            Admission::Verify(Judge::Tokens) => {
                let verdict = verdict::judge_token(at.tokens.as_ref(), credentials)?;
                if at.has_user(verdict.username.as_deref()) {
                    return Err(Refused::not_valid("the token is for a user of the password file"));
                }
                verdict
            }
            Admission::Verify(Judge::Service) => {
                let service = at.service.as_ref().ok_or(Refused::NOT_AUTHORIZED)?;
                service.ask_user(credentials, wanted)?;
                Verdict::new(By::Service)
            }
        };
        if let Some(service) = at.service.as_ref().filter(|service| service.has_acl()) {
            let username = verdict.username.as_deref().or(credentials.username.as_deref());
            let grants = service.ask_acl(at.client_id(credentials, username), username, wanted)?;
            verdict.add(grants);
        }
        Ok(verdict)
    }

    fn judge_password(&self, at: &Listener, check: &Check) -> Result<Verdict, Refused> {
        let Check { listener, credentials, .. } = check;
        if !self.passwords.knows(*listener, credentials) {
            if !at.verifies(credentials) {
                return Err(Refused::NOT_AUTHORIZED);
            }
            if at.cost(credentials) == Cost::Slow {
                self.passwords.remember(*listener, credentials);
            }
        }
        Ok(Verdict::new(By::PasswordFile(self.entry(at, credentials))))
    }

    fn identify(&self, at: &Listener, credentials: &Credentials, verdict: Verdict) -> Arc<Identity> {
        let Verdict { by, username, granted, expires_at_s } = verdict;
        let username = username.or_else(|| credentials.username.clone());
        let rights = at.rights(credentials, username.as_deref(), &granted);
        let is_nobody = by == By::Nobody && granted.is_empty();
        let token_rules = at.options.tokens.clone().filter(|_| matches!(by, By::Token(_)));
        let proof = || Arc::new(Proof { by, granted, service: at.service.clone(), token_rules });
        let proof = if is_nobody { Arc::clone(&at.nobody) } else { proof() };
        Arc::new(Identity { rights, username, port: at.options.port, proof: Some(proof), expires_at_s })
    }

    /// What of the password file lets the client in.
    fn entry(&self, at: &Listener, credentials: &Credentials) -> u64 {
        let entry = at.passwords.as_ref().zip(credentials.username.as_deref());
        entry.map_or(0, |(passwords, username)| self.key.hash_one(passwords.entry(username)))
    }

    /// Asks [`Authority::renew`].
    pub(crate) fn renewal(&self) -> impl Fn(Option<ListenerId>, &Credentials, &Identity) -> Renewed {
        |listener, credentials, identity| self.renew(listener, credentials, identity)
    }

    /// What became of an identity that was found before the files were read again. A client that is away, at no listener, shows who
    /// it is when it comes back; since the server started only its name may be known.
    pub(crate) fn renew(
        &self,
        listener: Option<ListenerId>,
        credentials: &Credentials,
        identity: &Identity,
    ) -> Renewed {
        let by_port = || self.listeners.iter().find(|at| at.options.port == identity.port);
        let at = match listener {
            Some(listener) => self.listener(listener),
            None => by_port().unwrap_or(&self.listeners[0]),
        };
        let proof = identity.proof.as_deref().and_then(|proof| proof.downcast_ref::<Proof>());
        let is_let_in = match proof {
            Some(proof) => self.still_does(at, listener.is_none(), credentials, proof),
            None => at.options.username_of_certificate.is_some() || at.may_let_in(credentials),
        };
        if !is_let_in {
            return Renewed::Refused;
        }
        let granted = proof.map_or(&[][..], |proof| &proof.granted);
        let rights = at.rights(credentials, credentials.username.as_deref(), granted);
        Renewed::Known(Arc::new(Identity { rights, port: at.options.port, ..identity.clone() }))
    }

    fn still_does(&self, at: &Listener, is_away: bool, credentials: &Credentials, proof: &Proof) -> bool {
        if !is_away && !at.names_as(Some(proof.by)) {
            return false;
        }
        let admission = at.admission(&with_some_password(credentials));
        let is_in_file = admission == Admission::Verify(Judge::PasswordFile);
        let is_of_others = !at.has_user(credentials.username.as_deref());
        at.is_served_by(proof.service.as_deref())
            && match proof.by {
                By::Certificate(_) => true,
                By::PreSharedKey(key) => {
                    let identity = credentials.username.as_deref().unwrap_or_default();
                    self.pre_shared_key(at, identity).is_some_and(|now| is_away || now == key)
                }
                By::Nobody => admission == Admission::Accept,
                By::PasswordFile(entry) if is_in_file => is_away || entry == self.entry(at, credentials),
                By::PasswordFile(_) => admission == Admission::Accept,
                By::Token(key) => is_of_others && at.still_trusts(key, proof.token_rules.as_deref()),
                By::Service => is_of_others && at.policy.has_service,
            }
    }

    fn listener(&self, listener: ListenerId) -> &Listener {
        &self.listeners[usize::from(listener.0)]
    }
}

impl Listener {
    fn load(options: &AuthorityOptions, files: &mut Files) -> Result<Listener, FileProblem> {
        let passwords = options.password_file.as_deref().map(|path| files.passwords(path)).transpose()?;
        let tokens = options.tokens.as_deref().map(|tokens| files.tokens(tokens)).transpose()?;
        let service = options.service.as_ref().map(|service| Service::open(service, files)).transpose()?.map(Arc::new);
        let acl = options.acl_file.as_deref().map(|path| files.acl(path)).transpose()?;
        let pre_shared_keys = options.psk_file.as_deref().map(|path| files.pre_shared_keys(path)).transpose()?;
        let policy = ConnectPolicy {
            has_password_file: passwords.is_some(),
            has_tokens: tokens.is_some(),
            has_service: service.as_ref().is_some_and(|service| service.has_user()),
            allow_anonymous: options.allow_anonymous,
        };
        let nobody = Proof { by: By::Nobody, granted: Vec::new(), service: service.clone(), token_rules: None };
        let (options, nobody) = (options.clone(), Arc::new(nobody));
        Ok(Listener { options, policy, passwords, tokens, service, acl, pre_shared_keys, nobody })
    }

    /// Whether clients get their names here as one did for whom this vouches.
    fn names_as(&self, by: Option<By>) -> bool {
        let username_of_certificate = match by {
            Some(By::Certificate(name)) => Some(name),
            Some(By::PreSharedKey(_)) => Some(CertificateName::CommonName),
            _ => None,
        };
        self.options.username_of_certificate == username_of_certificate
    }

    /// Whether a token would still do that was signed with this key and taken by those rules.
    fn still_trusts(&self, key: u64, rules: Option<&JwtAuth>) -> bool {
        let rules = self.options.tokens.as_deref().zip(rules);
        rules.is_some_and(|(now, before)| verdict::agree(now, before))
            && self.tokens.as_ref().is_some_and(|tokens| tokens.trusts(key))
    }

    /// Whether somebody of this name may be let in.
    fn may_let_in(&self, credentials: &Credentials) -> bool {
        !matches!(self.admission(&with_some_password(credentials)), Admission::Refuse(_))
    }

    fn admission_of(&self, check: &Check) -> Admission {
        if check.named_by.is_some() { Admission::Accept } else { self.admission(&check.credentials) }
    }

    fn admission(&self, credentials: &Credentials) -> Admission {
        let Credentials { username, password, .. } = credentials;
        let (user_name, password) = (username.as_deref(), password.as_deref());
        let is_in_password_file = self.has_user(user_name);
        admission(self.policy, midge_auth::Credentials { user_name, password, is_in_password_file })
    }

    /// Whether the password file has this User.
    fn has_user(&self, username: Option<&str>) -> bool {
        let named = self.passwords.as_ref().zip(username);
        named.is_some_and(|(passwords, username)| passwords.contains(username))
    }

    fn has_acl_service(&self) -> bool {
        self.service.as_ref().is_some_and(|service| service.has_acl())
    }

    /// Whether the same services would be asked.
    fn is_served_by(&self, service: Option<&Service>) -> bool {
        self.service.as_deref().map(Service::urls) == service.map(Service::urls)
    }

    fn verifies(&self, credentials: &Credentials) -> bool {
        let (Some(passwords), Some(username)) = (&self.passwords, &credentials.username) else { return false };
        passwords.verify(username, credentials.password.as_deref()).is_right()
    }

    fn cost(&self, credentials: &Credentials) -> Cost {
        let entry = self.passwords.as_ref().zip(credentials.username.as_deref());
        entry.map_or(Cost::Quick, |(passwords, username)| passwords.cost(username))
    }

    fn client_id<'a>(&self, credentials: &'a Credentials, username: Option<&'a str>) -> &'a str {
        username.filter(|_| self.options.username_is_client_id).unwrap_or(&credentials.client_id)
    }

    fn rights(
        &self,
        credentials: &Credentials,
        username: Option<&str>,
        granted: &[Arc<Acl>],
    ) -> Option<Arc<dyn midge_broker::Rights>> {
        if self.acl.is_none() && granted.is_empty() {
            return None;
        }
        let client_id = self.client_id(credentials, username);
        if self.options.acl_denies_special_chars && has_special_chars(client_id, username) {
            return Some(Arc::new(Nothing));
        }
        let lists = self.acl.iter().chain(granted);
        Some(Arc::new(Granted::new(lists, username, client_id, self.options.strict_suback)))
    }
}

/// A client with a name has brought a password.
fn with_some_password(credentials: &Credentials) -> Credentials {
    let password = credentials.username.as_ref().map(|_| Box::default());
    Credentials { password, ..credentials.clone() }
}

pub(crate) const REFUSED: Authentication = Authentication::Refused(RefusedCredentials::NotAuthorized);
