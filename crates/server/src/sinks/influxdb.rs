//! InfluxDB as a target: requests as versions 1 (`/write`) and 2 and 3 (`/api/v2/write`) take them.

use std::io::Write;
use std::time::{Duration, Instant};

use flate2::Compression;
use flate2::write::GzEncoder;
use midge_sinks::delivery::Answer;
use midge_sinks::influxdb::answer;
use midge_sinks::signature::basic;
use midge_sinks::time::Unit;

use super::options::{InfluxDbAccount, InfluxDbOptions};
use super::runner::Target;
use super::webhook::Service;

/// See the module.
pub(super) struct InfluxTarget {
    service: Service,
    authorization: Option<String>,
    /// Compressed.
    body: Vec<u8>,
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
        let service = Service::new(url, path, cafile, ("influxdb_url", "influxdb_cafile"));
        InfluxTarget { service, authorization, body: Vec::new() }
    }
}

impl Target for InfluxTarget {
    fn write(&mut self, body: &[u8]) -> Answer {
        let mut headers = vec![("content-type", "text/plain; charset=utf-8")];
        headers.extend(self.authorization.as_deref().map(|it| ("authorization", it)));
        self.body.clear();
        let mut sent = body;
        if body.len() >= COMPRESSED_BYTES_MIN {
            let mut encoder = GzEncoder::new(std::mem::take(&mut self.body), Compression::fast());
            // Writing to memory does not fail.
            if let Ok(compressed) = encoder.write_all(body).and_then(|()| encoder.finish()) {
                self.body = compressed;
                headers.push(("content-encoding", "gzip"));
                sent = &self.body;
            }
        }
        match self.service.post(&headers, sent, Instant::now() + TIMEOUT) {
            Ok(response) => answer(response.status, &String::from_utf8_lossy(&response.body)),
            Err(later) => later,
        }
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

/// Less is one packet anyway.
const COMPRESSED_BYTES_MIN: usize = 1024;

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
