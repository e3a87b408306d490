//! The way of one signal to the collector: what stands around each request, and when the next one may be sent.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::time::{Duration, Instant};

use midge_config::Otlp;
use midge_otlp::Signal;
use midge_otlp::answer::{self, Answer};
use midge_sinks::delivery::BackOff;

use crate::web_service::{Remedies, WebService};

/// See the module.
pub(super) struct Channel {
    /// When the next request is due, at the earliest.
    pub(super) due: Instant,
    /// What has come waits so long for what follows.
    pub(super) gather: Option<Instant>,
    service: WebService,
    headers: Vec<(String, String)>,
    back_off: BackOff,
}

impl Channel {
    pub(super) fn new(signal: Signal, options: &Otlp) -> Channel {
        let url = options.endpoint.clone().unwrap_or_default();
        let service = WebService::new(url, signal.path().to_owned(), options.cafile.clone(), REMEDIES);
        let headers = options.headers.clone();
        Channel { due: Instant::now(), gather: None, service, headers, back_off: BackOff::default() }
    }

    /// Sends a request, and puts the next one off where it is not taken.
    pub(super) fn send(&mut self, body: &[u8], deadline: Instant) -> Answer {
        let mut headers = vec![("content-type", PROTOBUF), ("accept", PROTOBUF)];
        headers.extend(self.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())));
        let answer = match self.service.post_compressed(headers, body, deadline) {
            Ok(response) => {
                let is_protobuf = response.header("content-type").is_some_and(|it| it.starts_with(PROTOBUF));
                answer::read(response.status, is_protobuf, response.header("retry-after"), &response.body)
            }
            Err(away) => Answer::Later { reason: away.reason, remedy: away.remedy, wait_s: None },
        };
        match &answer {
            Answer::Taken | Answer::TakenInPart { .. } => self.back_off.worked(),
            Answer::Refused { .. } => self.put_off(None),
            Answer::Later { wait_s, .. } => self.put_off(*wait_s),
        }
        answer
    }

    /// Longer each time; never so that many who were put off at once come back at once.
    fn put_off(&mut self, wait_s: Option<u64>) {
        let wait_ms = self.back_off.failed();
        let jitter_ms = RandomState::new().hash_one(0) % (wait_ms / 2 + 1);
        let wanted = Duration::from_secs(wait_s.unwrap_or(0).min(WAIT_S_MAX));
        self.due = Instant::now() + Duration::from_millis(wait_ms + jitter_ms).max(wanted);
    }
}

const PROTOBUF: &str = "application/x-protobuf";

const REMEDIES: Remedies = Remedies {
    away: "see whether the collector runs there, and otlp_endpoint",
    certificate: "name the file with the certificate of its issuer with otlp_cafile",
    address: "see otlp_endpoint",
};

/// Who wants to be left alone for longer has other trouble.
const WAIT_S_MAX: u64 = 3600;
