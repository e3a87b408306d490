//! Mosquitto's own API, with the shapes it has there: `/api/v1/listeners`, `systree` and `version`, on the console and, as the only
//! thing there is, on a listener with `protocol http_api`.

use hyper::StatusCode;
use hyper::header::{self, HeaderValue};
use serde_json::{Map, Value, json};

use crate::answer::{Answer, Refusal, bytes_answer, text_answer};
use crate::routes::{Call, Outcome};
use crate::schema::Schema::{self, Count, Flag, List, OneOf, Request, Text};
use crate::source::{Listener, Source};

/// What `listeners` answers: a port, or the path of a Unix socket.
pub(crate) const LISTENERS: Schema = Schema::Object(&[(
    "listeners",
    List(&Request(
        4,
        &[
            ("protocol", OneOf(&["mqtt", "websockets", "httpapi"])),
            ("tls", Flag),
            ("mtls", Flag),
            ("allow_anonymous", Flag),
            ("port", Count),
            ("path", Text),
        ],
    )),
)]);

/// `GET /api/v1/listeners`
pub(crate) fn listeners(call: &Call<'_>) -> Result<Outcome, Refusal> {
    Ok(Outcome::Json(describe_listeners(&*call.state.source)))
}

/// `GET /api/v1/systree`
pub(crate) fn systree(call: &Call<'_>) -> Result<Outcome, Refusal> {
    Ok(Outcome::Json(describe_systree(&*call.state.source)))
}

/// `GET /api/v1/version`
pub(crate) fn version(call: &Call<'_>) -> Result<Outcome, Refusal> {
    Ok(Outcome::Text(StatusCode::OK, call.state.source.about().version_line))
}

fn describe_listeners(source: &dyn Source) -> Value {
    json!({"listeners": source.listeners().iter().map(describe_listener).collect::<Vec<_>>()})
}

fn describe_listener(listener: &Listener) -> Value {
    let protocol = match listener.protocol {
        "http_api" | "console" => "httpapi",
        protocol => protocol,
    };
    let mut described = json!({
        "protocol": protocol,
        "tls": listener.tls,
        "mtls": listener.mtls,
        "allow_anonymous": listener.anonymous,
    });
    match listener.port {
        0 => described["path"] = json!(listener.address),
        port => described["port"] = json!(port),
    }
    described
}

fn describe_systree(source: &dyn Source) -> Value {
    let numbers = source.system_topics().into_iter().map(|(topic, value)| (topic, json!(value)));
    Value::Object(numbers.collect::<Map<_, _>>())
}

/// What a listener with `protocol http_api` answers who is let in and may read the topic that is the path.
pub(crate) fn answer(source: &dyn Source, path: &str) -> Answer {
    let answer = match path {
        "/api/v1/listeners" => bytes_answer(StatusCode::OK, "application/json", describe_listeners(source).to_string()),
        "/api/v1/systree" => bytes_answer(StatusCode::OK, "application/json", describe_systree(source).to_string()),
        "/api/v1/version" => text_answer(StatusCode::OK, source.about().version_line),
        _ => return text_answer(StatusCode::NOT_FOUND, "Not found.\n"),
    };
    shared(answer)
}

/// Mosquitto lets pages of every server read what it answers; who is not let in gets nothing.
fn shared(mut answer: Answer) -> Answer {
    answer.headers_mut().insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    answer
}

/// What it answers any method but GET.
pub(crate) fn wrong_method() -> Answer {
    let mut answer = text_answer(StatusCode::METHOD_NOT_ALLOWED, "Invalid HTTP Method\n");
    answer.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET"));
    answer
}

/// What it answers whoever is not let in.
pub(crate) fn not_authorized() -> Answer {
    let mut answer = text_answer(StatusCode::UNAUTHORIZED, "Not authorised\n");
    let challenge = HeaderValue::from_static("Basic realm=\"Mosquitto API\"");
    answer.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
    answer
}
