//! What a collector's answer means (OTLP specification 1.x, "OTLP/HTTP Response").

use prost::Message;

use crate::messages::{Response, Status};

/// What becomes of what was sent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Answer {
    /// It has all of it.
    Taken,
    /// It has the rest of it. What it has not it never will.
    TakenInPart {
        /// Data points, or lines, that it has not.
        refused: u64,
        /// Why.
        reason: String,
    },
    /// It will never take it.
    Refused {
        /// Why.
        reason: String,
        /// What people can do about it.
        remedy: &'static str,
    },
    /// The same may be tried again.
    Later {
        /// Why not now.
        reason: String,
        /// What people can do about it.
        remedy: &'static str,
        /// How long it wants not to be asked.
        wait_s: Option<u64>,
    },
}

/// What it means that a collector answers a request with this. `is_protobuf`: its Content-Type says that the body is.
/// `retry_after`: that header, of which only seconds are understood.
pub fn read(status: u16, is_protobuf: bool, retry_after: Option<&str>, body: &[u8]) -> Answer {
    if (200..=299).contains(&status) {
        return taken(is_protobuf, body);
    }
    let said = if is_protobuf {
        Status::decode(body).map(|status| status.message).unwrap_or_default()
    } else {
        String::from_utf8_lossy(body).into_owned()
    };
    let said: String = said.trim().chars().take(SAID_CHARS_MAX).collect();
    let reason = if said.is_empty() { format!("status {status}") } else { format!("status {status}, {said}") };
    match status {
        429 | 502 | 503 | 504 => {
            let wait_s = retry_after.and_then(|text| text.trim().parse().ok());
            Answer::Later { reason, remedy: "see the collector's own log", wait_s }
        }
        401 | 403 => Answer::Refused { reason, remedy: "see otlp_header, and what the collector asks for" },
        300..=399 | 404 | 405 => {
            let remedy = "see otlp_endpoint, behind which /v1/metrics and /v1/logs are put, and whether the collector \
                          takes this at all (otlp_metrics and otlp_logs choose)";
            Answer::Refused { reason, remedy }
        }
        415 => Answer::Refused { reason, remedy: "it has to take OTLP/HTTP with Protobuf, compressed with gzip" },
        _ => Answer::Refused { reason, remedy: "see the collector's own log" },
    }
}

fn taken(is_protobuf: bool, body: &[u8]) -> Answer {
    // Who does not say so in Protobuf may still have taken everything.
    let response = is_protobuf.then(|| Response::decode(body).ok()).flatten();
    match response.and_then(|response| response.partial_success) {
        // A remark about what was taken is nothing for an operator to act on.
        Some(part) if part.rejected > 0 => {
            let reason: String = part.error_message.chars().take(SAID_CHARS_MAX).collect();
            Answer::TakenInPart { refused: part.rejected.unsigned_abs(), reason }
        }
        _ => Answer::Taken,
    }
}

/// What people read of an answer.
const SAID_CHARS_MAX: usize = 300;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::messages::PartialSuccess;

    #[test]
    fn what_is_taken_in_part_is_not_sent_again() {
        let said = |rejected, message: &str| {
            let partial_success = Some(PartialSuccess { rejected, error_message: message.to_owned() });
            read(200, true, None, &Response { partial_success }.encode_to_vec())
        };
        assert_eq!(read(200, true, None, &[]), Answer::Taken);
        assert_eq!(read(200, false, None, b"{}"), Answer::Taken);
        assert_eq!(read(200, true, None, b"\xff\xff"), Answer::Taken);
        assert_eq!(said(0, "names are long"), Answer::Taken);
        assert_eq!(said(2, "too old"), Answer::TakenInPart { refused: 2, reason: "too old".to_owned() });
    }

    #[test]
    fn only_what_may_help_is_tried_again() {
        for status in [429, 502, 503, 504] {
            assert!(matches!(read(status, false, None, b""), Answer::Later { wait_s: None, .. }), "{status}");
        }
        for status in [301, 400, 401, 403, 404, 405, 413, 415, 500, 501] {
            assert!(matches!(read(status, false, Some("5"), b""), Answer::Refused { .. }), "{status}");
        }
        assert!(matches!(read(503, false, Some("7"), b""), Answer::Later { wait_s: Some(7), .. }));
        let date = "Fri, 31 Dec 1999 23:59:59 GMT";
        assert!(matches!(read(429, false, Some(date), b""), Answer::Later { wait_s: None, .. }));
    }

    #[test]
    fn a_refusal_says_why() {
        let reason = |answer| match answer {
            Answer::Refused { reason, remedy } => (reason, remedy),
            other => panic!("{other:?}"),
        };
        let status = Status { code: 3, message: "no such tenant".to_owned() }.encode_to_vec();
        let (why, remedy) = reason(read(401, true, None, &status));
        assert_eq!(why, "status 401, no such tenant");
        assert!(remedy.contains("otlp_header"), "{remedy}");
        let (why, remedy) = reason(read(404, false, None, b"404 page not found\n"));
        assert_eq!(why, "status 404, 404 page not found");
        assert!(remedy.contains("otlp_endpoint"), "{remedy}");
        assert_eq!(reason(read(400, true, None, b"\xff")).0, "status 400");
    }
}
