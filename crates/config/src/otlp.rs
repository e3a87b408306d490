//! A collector of OpenTelemetry that is sent metrics and log lines.

use crate::sinks::Fault;

/// Each field is the directive of the same name.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Otlp {
    /// Where it is; `None`: there is none.
    pub endpoint: Option<String>,
    /// What each request says beside: names in small letters, and values.
    pub headers: Vec<(String, String)>,
    /// The file with the certificates that vouch for it.
    pub cafile: Option<String>,
    /// Seconds between two times that it is sent metrics.
    pub interval_s: u32,
    /// Whether it is sent metrics.
    pub metrics: bool,
    /// Whether it is sent log lines.
    pub logs: bool,
}

impl Default for Otlp {
    fn default() -> Self {
        Otlp { endpoint: None, headers: Vec::new(), cafile: None, interval_s: 60, metrics: true, logs: true }
    }
}

impl Otlp {
    /// What does not go together.
    pub(crate) fn faults(&self) -> Vec<Fault> {
        match self.endpoint {
            None if *self != Otlp::default() => {
                let text = "The 'otlp_' options require otlp_endpoint.";
                vec![Fault { directive: "otlp_", text, missing: &["otlp_endpoint"] }]
            }
            Some(_) if !self.metrics && !self.logs => {
                let text =
                    "The 'otlp_endpoint' option requires otlp_metrics or otlp_logs: nothing would be sent there.";
                vec![Fault { directive: "otlp_endpoint", text, missing: &[] }]
            }
            _ => Vec::new(),
        }
    }
}

/// What stands there twice where a configuration names it: it follows from what is sent.
const OWN_HEADERS: [&str; 7] =
    ["accept", "connection", "content-encoding", "content-length", "content-type", "host", "transfer-encoding"];

/// Why this is no header that can be sent (RFC 9110, 5), if it is none. The value is not said, which may be a secret.
pub(crate) fn header_fault(name: &str, value: &str) -> Option<&'static str> {
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if name.is_empty() || !name.bytes().all(is_token) {
        Some("a header's name has letters, digits and hyphens only; a space follows, and no colon")
    } else if OWN_HEADERS.contains(&name.to_ascii_lowercase().as_str()) {
        Some("this header follows from what is sent")
    } else if value.is_empty() {
        Some("the value is missing")
    } else if !value.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic()) {
        Some("its value has characters that no header has")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_such_as_can_be_sent() {
        for (name, value) in [("authorization", "Basic eDp5"), ("X-Scope-OrgID", "a b"), ("a.b_c", "~")] {
            assert_eq!(header_fault(name, value), None, "{name}");
        }
        let wrong = [("a:", "b"), ("", "b"), ("ä", "b"), ("Content-Type", "b"), ("a", ""), ("a", "ä"), ("a", "b\tc")];
        for (name, value) in wrong {
            assert!(header_fault(name, value).is_some(), "{name} {value}");
        }
    }
}
