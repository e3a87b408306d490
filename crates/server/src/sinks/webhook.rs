//! Web services as targets: a POST with a list of JSON objects, signed where there is a secret.

use std::time::{Duration, Instant};

use midge_sinks::delivery::Answer;
use midge_sinks::signature::sign;

use super::options::WebhookOptions;
use super::runner::Target;
use crate::clock::wall_s;
use crate::http::{HttpClient, Response, Url};

/// See the module.
pub(super) struct WebhookTarget {
    service: Service,
    secret: Option<String>,
}

impl WebhookTarget {
    pub(super) fn new(options: WebhookOptions) -> WebhookTarget {
        let WebhookOptions { url, secret, cafile, .. } = options;
        let service = Service::new(url, String::new(), cafile, ("webhook_url", "webhook_cafile"));
        WebhookTarget { service, secret }
    }
}

impl Target for WebhookTarget {
    fn write(&mut self, body: &[u8]) -> Answer {
        let time_s = wall_s();
        let signature = self.secret.as_ref().map(|it| format!("t={time_s},v1={}", sign(it.as_bytes(), time_s, body)));
        let mut headers = vec![("content-type", "application/json")];
        headers.extend(signature.as_deref().map(|it| ("midge-signature", it)));
        let Response { status, body } = match self.service.post(&headers, body, Instant::now() + TIMEOUT) {
            Ok(response) => response,
            Err(later) => return later,
        };
        let said = String::from_utf8_lossy(&body);
        let said: String = said.trim().chars().take(SAID_CHARS_MAX).collect();
        let reason = if said.is_empty() { format!("status {status}") } else { format!("status {status}, {said}") };
        match status {
            200..=299 => Answer::Taken,
            400 | 422 => Answer::Refused { dropped: None, reason },
            413 => Answer::TooLarge(reason),
            401 | 403 => Answer::Later { reason, remedy: "see webhook_secret, and what the service asks for" },
            300..=399 | 404 | 405 => Answer::Later { reason, remedy: "see webhook_url" },
            _ => Answer::Later { reason, remedy: "see the service's own log" },
        }
    }
}

/// A server that speaks HTTP, and what it takes to come to it. What is wrong with that is found out with each try, as it may be put
/// right meanwhile.
pub(super) struct Service {
    url: String,
    path: String,
    cafile: Option<String>,
    /// The directives of `url` and `cafile`.
    directives: (&'static str, &'static str),
    open: Option<(Url, HttpClient)>,
}

impl Service {
    pub(super) fn new(
        url: String,
        path: String,
        cafile: Option<String>,
        directives: (&'static str, &'static str),
    ) -> Service {
        Service { url, path, cafile, directives, open: None }
    }

    /// What it answers, or why it does not.
    pub(super) fn post(
        &mut self,
        headers: &[(&str, &str)],
        body: &[u8],
        deadline: Instant,
    ) -> Result<Response, Answer> {
        let (url, client) = match &mut self.open {
            Some(open) => open,
            None => {
                let open = open(&self.url, &self.path, self.cafile.as_deref());
                self.open.insert(open.map_err(|reason| self.trouble(reason))?)
            }
        };
        match client.post(url, headers, body, deadline) {
            Ok(response) => Ok(response),
            Err(reason) => {
                self.open = None;
                Err(self.trouble(reason))
            }
        }
    }

    fn trouble(&self, reason: String) -> Answer {
        let (is_influxdb, about_certificate) = (self.directives.0 == "influxdb_url", reason.contains("ertificate"));
        let remedy = match (is_influxdb, about_certificate) {
            (true, true) => "name the file with the certificate of its issuer with influxdb_cafile",
            (false, true) => "name the file with the certificate of its issuer with webhook_cafile",
            (true, false) => "see whether InfluxDB runs there, and influxdb_url",
            (false, false) => "see whether the service runs there, and webhook_url",
        };
        Answer::Later { reason, remedy }
    }
}

fn open(url: &str, path: &str, cafile: Option<&str>) -> Result<(Url, HttpClient), String> {
    let not_one = || format!("'{url}' is no address of a web service");
    let base = Url::parse(url).ok_or_else(not_one)?;
    let whole = if path.is_empty() { base } else { base.with(path).ok_or_else(not_one)? };
    let cafile = cafile.filter(|_| whole.is_secure());
    let unreadable = |path: &str, error| format!("the certificates of {path} cannot be read: {error}");
    let pem = cafile.map(|path| std::fs::read(path).map_err(|error| unreadable(path, error))).transpose()?;
    let client = HttpClient::open(whole.is_secure(), pem.as_deref()).map_err(|why| format!("certificates: {why}"))?;
    Ok((whole, client))
}

/// What people read of an answer.
const SAID_CHARS_MAX: usize = 300;

/// For whoever does something with messages before it answers.
const TIMEOUT: Duration = Duration::from_secs(30);
