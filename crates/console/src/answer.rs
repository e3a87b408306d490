//! What is answered: the head that every answer has, and errors in one form.

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{self, HeaderName, HeaderValue};
use hyper::{Response, StatusCode};
use serde_json::{Value, json};

/// An answer with all of its body.
pub(crate) type Answer = Response<Full<Bytes>>;

/// Why somebody does not get what he asks for.
#[derive(Debug, PartialEq)]
pub(crate) struct Refusal {
    pub(crate) status: StatusCode,
    /// A word for programs.
    pub(crate) error: &'static str,
    /// A sentence for people.
    pub(crate) message: String,
    /// When it makes sense to ask again.
    pub(crate) retry_after_s: Option<u64>,
    /// What may be asked there.
    pub(crate) allow: Option<String>,
}

impl Refusal {
    pub(crate) fn new(status: StatusCode, error: &'static str, message: impl Into<String>) -> Refusal {
        Refusal { status, error, message: message.into(), retry_after_s: None, allow: None }
    }

    pub(crate) fn parameter(message: impl Into<String>) -> Refusal {
        Refusal::new(StatusCode::BAD_REQUEST, "parameter", message)
    }

    pub(crate) fn not_found(message: impl Into<String>) -> Refusal {
        Refusal::new(StatusCode::NOT_FOUND, "not_found", message)
    }

    pub(crate) fn forbidden(message: impl Into<String>) -> Refusal {
        Refusal::new(StatusCode::FORBIDDEN, "forbidden", message)
    }

    pub(crate) fn login(message: impl Into<String>) -> Refusal {
        Refusal::new(StatusCode::UNAUTHORIZED, "login", message)
    }

    pub(crate) fn method(allow: &str) -> Refusal {
        let message = format!("Only {allow} does here.");
        Refusal { allow: Some(allow.to_owned()), ..Refusal::new(StatusCode::METHOD_NOT_ALLOWED, "method", message) }
    }

    /// As an object of JSON.
    pub(crate) fn answer(&self) -> Answer {
        let mut body = json!({"error": self.error, "message": self.message});
        if let Some(retry_after_s) = self.retry_after_s {
            body["retry_after_s"] = json!(retry_after_s);
        }
        let mut answer = json_answer(self.status, &body);
        let headers = answer.headers_mut();
        if let Some(seconds) = self.retry_after_s {
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
        if let Some(Ok(allow)) = self.allow.as_deref().map(HeaderValue::from_str) {
            headers.insert(header::ALLOW, allow);
        }
        answer
    }
}

pub(crate) fn json_answer(status: StatusCode, body: &Value) -> Answer {
    bytes_answer(status, "application/json", body.to_string())
}

pub(crate) fn text_answer(status: StatusCode, body: impl Into<Bytes>) -> Answer {
    bytes_answer(status, "text/plain; charset=utf-8", body)
}

pub(crate) fn empty_answer(status: StatusCode) -> Answer {
    let mut answer = Response::new(Full::default());
    *answer.status_mut() = status;
    answer
}

pub(crate) fn bytes_answer(status: StatusCode, content_type: &'static str, body: impl Into<Bytes>) -> Answer {
    let mut answer = Response::new(Full::new(body.into()));
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    // What files are for the page is said where they are sent.
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}

/// What every answer says to browsers: nothing runs here but our own, nobody frames it, and nobody guesses what it is.
pub(crate) fn secure(mut answer: Answer) -> Answer {
    let headers = answer.headers_mut();
    let fixed: [(HeaderName, &str); 6] = [
        (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "no-referrer"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ];
    for (name, value) in fixed {
        headers.insert(name, HeaderValue::from_static(value));
    }
    answer
}

/// Browsers take `'self'` of `connect-src` for WebSocket too (CSP 3). Payloads that are pictures are shown by `blob:` and `data:`.
const CONTENT_SECURITY_POLICY: &str = "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; \
                                       connect-src 'self'; object-src 'none'; base-uri 'none'; form-action 'none'; \
                                       frame-ancestors 'none'";
