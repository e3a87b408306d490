//! InfluxDB as a target: requests as versions 1 (`/write`) and 2 and 3 (`/api/v2/write`) take them.

use std::time::{Duration, Instant};

use midge_sinks::delivery::Answer;
use midge_sinks::influxdb::{answer, answer_to_nothing};
use midge_sinks::signature::basic;
use midge_sinks::time::Unit;

use super::options::{InfluxDbAccount, InfluxDbOptions};
use super::runner::{Look, Target};
use crate::http::Response;
use crate::web_service::{Remedies, Unreachable, WebService};

/// See the module.
pub(super) struct InfluxTarget {
    service: WebService,
    authorization: Option<String>,
}

impl InfluxTarget {
    pub(super) fn new(options: Box<InfluxDbOptions>) -> InfluxTarget {
        let InfluxDbOptions { url, account, cafile, points, .. } = *options;
        let unit = match (points.precision, &account) {
            (Unit::Seconds, _) => "s",
            (Unit::Milliseconds, _) => "ms",
            (Unit::Microseconds, InfluxDbAccount::Database { .. }) => "u",
            (Unit::Microseconds, InfluxDbAccount::Bucket { .. }) => "us",
            (Unit::Nanoseconds, InfluxDbAccount::Database { .. }) => "n",
            (Unit::Nanoseconds, InfluxDbAccount::Bucket { .. }) => "ns",
        };
        let (path, authorization) = match account {
            InfluxDbAccount::Database { name, user } => {
                let authorization = user.map(|(name, password)| basic(&name, &password));
                (format!("/write?db={}&precision={unit}", escaped(&name)), authorization)
            }
            InfluxDbAccount::Bucket { name, org, token } => {
                let org = org.map(|org| format!("org={}&", escaped(&org))).unwrap_or_default();
                let path = format!("/api/v2/write?{org}bucket={}&precision={unit}", escaped(&name));
                (path, token.map(|token| format!("Token {token}")))
            }
        };
        let service = WebService::new(url, path, cafile, REMEDIES);
        InfluxTarget { service, authorization }
    }

    fn post(&mut self, body: &[u8]) -> Result<Response, Unreachable> {
        let mut headers = vec![("content-type", "text/plain; charset=utf-8")];
        headers.extend(self.authorization.as_deref().map(|it| ("authorization", it)));
        self.service.post_compressed(headers, body, Instant::now() + TIMEOUT)
    }
}

impl Target for InfluxTarget {
    fn write(&mut self, body: &[u8]) -> Answer {
        self.post(body).map_or_else(Answer::from, |it| answer(it.status, &String::from_utf8_lossy(&it.body)))
    }

    /// A request that has no points in it.
    fn look(&self) -> Look {
        let mut other = InfluxTarget { service: self.service.again(), authorization: self.authorization.clone() };
        Box::new(move || {
            let meaning = |it: Response| answer_to_nothing(it.status, &String::from_utf8_lossy(&it.body));
            other.post(b"").map_or_else(Answer::from, meaning)
        })
    }
}

/// As a value behind a question mark (RFC 3986).
fn escaped(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(char::from(byte)),
            byte => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

const REMEDIES: Remedies = Remedies {
    away: "see whether InfluxDB runs there, and influxdb_url",
    certificate: "name the file with the certificate of its issuer with influxdb_cafile",
    address: "see influxdb_url",
};

/// A server that has so much to do answers later than that to nobody.
const TIMEOUT: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_escaped() {
        assert_eq!(escaped("a b/ä&c=1"), "a%20b%2F%C3%A4%26c%3D1");
    }
}
