//! Web services that say who may come in, and what they may do.
//!
//! | question | body of the POST, in JSON | answers |
//! |---|---|---|
//! | may this client come in | `clientid`, `username`, `password` | 200: yes; 401, 403: no |
//! | what may it do | `clientid`, `username` | 200 with [`Grants`]; 401, 403: nothing, not even come in |
//!
//! Any other answer, or none in time, is none: the client is not let in, and the operator is told.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use midge_auth::Grants;
use midge_broker::{Credentials, Identity};
use midge_config::HttpAuth;

use super::files::Files;
use super::verdict::Refused;
use super::{Check, FileProblem};
use crate::clock::wall_s;
use crate::http::{HttpClient, Response, Url};
use crate::json::quoted;

/// What is asked at one listener.
pub(super) struct Service {
    options: HttpAuth,
    user: Option<Url>,
    acl: Option<Url>,
    client: HttpClient,
}

impl Service {
    pub(super) fn open(options: &HttpAuth, files: &mut Files) -> Result<Service, FileProblem> {
        let url = |directive, text: &Option<String>| {
            let unusable = |text: &String| FileProblem::Unusable {
                directive,
                text: format!("'{text}' is no address of a web service."),
            };
            text.as_ref().map(|text| Url::parse(text).ok_or_else(|| unusable(text))).transpose()
        };
        let user = url("auth_http_user_url", &options.user_url)?;
        let acl = url("auth_http_acl_url", &options.acl_url)?;
        let is_secure = user.iter().chain(&acl).any(Url::is_secure);
        let cafile = options.cafile.as_deref().filter(|_| is_secure);
        let issuers = cafile.map(|path| files.issuers(path)).transpose()?;
        let client = HttpClient::open(is_secure, issuers.as_ref().map(|pem| &pem[..])).map_err(|why| {
            let what = cafile.map_or_else(|| "which the system trusts".to_owned(), |path| format!("of \"{path}\""));
            let text = format!("Unable to trust the certificates {what}: {why}.");
            FileProblem::Unusable { directive: "auth_http_cafile", text }
        })?;
        Ok(Service { options: options.clone(), user, acl, client })
    }

    pub(super) fn has_user(&self) -> bool {
        self.user.is_some()
    }

    pub(super) fn has_acl(&self) -> bool {
        self.acl.is_some()
    }

    /// For how long an answer counts.
    pub(super) fn cache(&self) -> Duration {
        Duration::from_secs(self.options.cache_s.into())
    }

    /// By which one service is told from another.
    pub(super) fn urls(&self) -> (Option<&str>, Option<&str>) {
        (self.options.user_url.as_deref(), self.options.acl_url.as_deref())
    }

    /// Whether the client may come in.
    pub(super) fn ask_user(&self, credentials: &Credentials, wanted: Instant) -> Result<(), Refused> {
        let Credentials { client_id, username, password } = credentials;
        // JSON has no bytes.
        let password = str::from_utf8(password.as_deref().unwrap_or_default()).map_err(|_| Refused::NOT_AUTHORIZED)?;
        let names = names(client_id, username.as_deref());
        let body = format!("{{{names},\"password\":{}}}", quoted(password));
        self.ask(self.user.as_ref(), &body, wanted).map(drop)
    }

    /// What it may do then.
    pub(super) fn ask_acl(&self, client_id: &str, username: Option<&str>, wanted: Instant) -> Result<Grants, Refused> {
        let body = format!("{{{}}}", names(client_id, username));
        let answer = self.ask(self.acl.as_ref(), &body, wanted)?;
        Grants::parse(&answer).ok_or_else(|| {
            let shown = self.acl.as_ref().map(Url::shown).unwrap_or_default();
            Refused::no_answer(format!(
                "The web service {shown} has answered with something else than two lists of filters."
            ))
        })
    }

    fn ask(&self, url: Option<&Url>, body: &str, wanted: Instant) -> Result<Vec<u8>, Refused> {
        let url = url.ok_or(Refused::NOT_AUTHORIZED)?;
        let trouble = |cause: String| Refused::no_answer(format!("The web service {} {cause}.", url.shown()));
        let timeout = Duration::from_secs(self.options.timeout_s.into());
        match self.client.post(url, &JSON, body.as_bytes(), wanted + timeout) {
            Ok(Response { status: 200, body, .. }) => Ok(body),
            Ok(Response { status: 401 | 403, .. }) => Err(Refused::NOT_AUTHORIZED),
            Ok(Response { status, .. }) => Err(trouble(format!("has answered with status {status}"))),
            Err(cause) => Err(trouble(format!("has not answered: {cause}"))),
        }
    }
}

fn names(client_id: &str, username: Option<&str>) -> String {
    let username = username.map_or_else(|| "null".to_owned(), quoted);
    format!("\"clientid\":{},\"username\":{username}", quoted(client_id))
}

const JSON: [(&str, &str); 1] = [("content-type", "application/json")];

/// Who was let in by a service not long ago. Keyed digests: with what is in memory nobody can try passwords without the keys.
#[derive(Default)]
pub(super) struct ServiceAnswers {
    keys: [RandomState; 2],
    known: Mutex<Known>,
}

/// Until when who is who, by digest.
type Known = HashMap<[u64; 2], (Instant, Arc<Identity>)>;

impl ServiceAnswers {
    pub(super) fn find(&self, check: &Check) -> Option<Arc<Identity>> {
        let digest = self.digest(check);
        let mut known = self.known();
        let (until, identity) = known.get(&digest)?;
        if *until > Instant::now() {
            return Some(Arc::clone(identity));
        }
        known.remove(&digest);
        None
    }

    pub(super) fn remember(&self, check: &Check, identity: &Arc<Identity>, cache: Duration) {
        let left = identity.expires_at_s.map(|at_s| Duration::from_secs(at_s.saturating_sub(wall_s())));
        let until = Instant::now() + left.map_or(cache, |left| left.min(cache));
        let digest = self.digest(check);
        let mut known = self.known();
        if known.len() >= KNOWN_MAX {
            known.clear();
        }
        known.insert(digest, (until, Arc::clone(identity)));
    }

    fn digest(&self, check: &Check) -> [u64; 2] {
        let Check { listener, credentials: Credentials { client_id, username, password }, named_by, .. } = check;
        self.keys.each_ref().map(|key| key.hash_one((listener.0, client_id, username, password, named_by)))
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Beyond this many all are forgotten.
const KNOWN_MAX: usize = 100_000;
