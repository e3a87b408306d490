//! Web services as targets: a POST with a list of JSON objects, signed where there is a secret.

use std::time::{Duration, Instant};

use midge_sinks::delivery::Answer;
use midge_sinks::signature::sign;

use super::options::WebhookOptions;
use super::runner::{Look, Target};
use crate::clock::wall_s;
use crate::http::Response;
use crate::web_service::{Remedies, WebService};

/// See the module.
pub(super) struct WebhookTarget {
    service: WebService,
    secret: Option<String>,
}

impl WebhookTarget {
    pub(super) fn new(options: WebhookOptions) -> WebhookTarget {
        let WebhookOptions { url, secret, cafile, .. } = options;
        let service = WebService::new(url, String::new(), cafile, REMEDIES);
        WebhookTarget { service, secret }
    }
}

impl Target for WebhookTarget {
    fn write(&mut self, body: &[u8]) -> Answer {
        let time_s = wall_s();
        let signature = self.secret.as_ref().map(|it| format!("t={time_s},v1={}", sign(it.as_bytes(), time_s, body)));
        let mut headers = vec![("content-type", "application/json")];
        headers.extend(signature.as_deref().map(|it| ("midge-signature", it)));
        let Response { status, body, .. } = match self.service.post(&headers, body, Instant::now() + TIMEOUT) {
            Ok(response) => response,
            Err(away) => return away.into(),
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

    /// No more than a connection: a service makes something of each request.
    fn look(&self) -> Look {
        let mut service = self.service.again();
        Box::new(move || service.connect(Instant::now() + TIMEOUT).map_or_else(Answer::from, |()| Answer::Taken))
    }
}

const REMEDIES: Remedies = Remedies {
    away: "see whether the service runs there, and webhook_url",
    certificate: "name the file with the certificate of its issuer with webhook_cafile",
    address: "see webhook_url",
};

/// What people read of an answer.
const SAID_CHARS_MAX: usize = 300;

/// For whoever does something with messages before it answers.
const TIMEOUT: Duration = Duration::from_secs(30);
