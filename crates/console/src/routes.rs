//! The table of routes: what may be asked, by whom, with what, and what is answered. Dispatch, the checks of what comes, and
//! `openapi.json` are made from it.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use hyper::StatusCode;
use serde_json::Value;

use crate::answer::{Answer, Refusal, empty_answer, json_answer, text_answer};
use crate::api::{clients, messages, server, topics};
use crate::mosquitto;
use crate::percent;
use crate::ranking;
use crate::schema::Schema::{self, Count, Flag, List, Maybe, Number, Object, OneOf, Range, Request, Text, Tuple};
use crate::server::State;
use crate::source::Account;

/// One thing that may be asked.
#[derive(Debug)]
pub struct Route {
    /// A name for programs that are made from the description.
    pub name: &'static str,
    /// `GET` or `POST`
    pub method: &'static str,
    /// With at most one part that stands for something: `{id}`.
    pub path: &'static str,
    /// A sentence.
    pub summary: &'static str,
    /// Who may.
    pub right: Right,
    /// What may be said behind the `?` or in the path; anything else is refused.
    pub parameters: &'static [Parameter],
    /// What has to be said in the body.
    pub body: Option<Schema>,
    /// What is answered.
    pub success: Success,
    /// Whether there may be no such thing.
    pub may_be_missing: bool,
    pub(crate) handler: Handler,
}

/// Who may ask.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Right {
    /// Whoever it is; nobody is asked for his name.
    Unasked,
    /// Whoever it is, and what he may is part of the answer.
    Anybody,
    /// Who may see how the server does.
    See,
    /// Who may change something.
    Change,
}

/// What is answered where all is well.
#[derive(Debug)]
pub enum Success {
    /// JSON like this.
    Json(Schema),
    /// Text of this media type.
    Text(&'static str),
    /// Nothing, as it is done.
    Done,
}

/// A parameter.
#[derive(Debug)]
pub struct Parameter {
    /// Its name.
    pub name: &'static str,
    /// Where, and whether it has to be.
    pub given: Given,
    /// What it may be. Numbers come as text.
    pub schema: Schema,
    /// What it is for.
    pub about: &'static str,
}

/// Where a parameter stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Given {
    /// Behind the `?`, or not at all.
    Perhaps,
    /// Behind the `?`.
    Always,
    /// In the path.
    InPath,
}

pub(crate) type Handler = fn(&Call<'_>) -> Result<Outcome, Refusal>;

/// A request that has passed all checks.
pub(crate) struct Call<'a> {
    pub(crate) state: &'a State,
    pub(crate) parameters: BTreeMap<&'static str, Value>,
    pub(crate) body: Value,
    pub(crate) asker: Asker,
}

/// Who asks, and what he may.
#[derive(Clone)]
pub(crate) struct Asker {
    pub(crate) account: Option<Account>,
    pub(crate) address: SocketAddr,
    /// From the machine itself, past no proxy.
    pub(crate) is_local: bool,
    pub(crate) can_see: bool,
    pub(crate) can_change: bool,
}

/// What comes of it.
pub(crate) enum Outcome {
    Json(Value),
    Text(StatusCode, String),
    Done,
}

impl Call<'_> {
    /// A parameter that is text.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.parameters.get(name)?.as_str()
    }

    /// A parameter that is a number.
    pub(crate) fn number(&self, name: &str) -> Option<u64> {
        self.parameters.get(name)?.as_u64()
    }

    /// Where a page begins; `None`: at the beginning.
    pub(crate) fn cursor(&self) -> Option<&str> {
        self.text("cursor").filter(|cursor| !cursor.is_empty())
    }

    /// How many items are wanted.
    pub(crate) fn limit(&self) -> usize {
        self.number("limit").unwrap_or(LIMIT) as usize
    }

    /// Whether the asker may see what is published there.
    pub(crate) fn may_receive(&self, topic: &str) -> bool {
        self.asker.account.as_ref().is_some_and(|account| account.rights.may_receive(topic))
    }

    /// Whether the asker may publish there.
    pub(crate) fn may_publish(&self, topic: &str) -> bool {
        self.asker.account.as_ref().is_some_and(|account| account.rights.may_publish(topic))
    }
}

/// The route of a path and a method, with what stands in the path; or which methods do there.
pub(crate) fn find(method: &str, path: &str) -> Result<(&'static Route, Option<String>), Refusal> {
    // Who may get something may look whether it is there.
    let method = if method == "HEAD" { "GET" } else { method };
    let mut allowed = Vec::new();
    for route in ROUTES {
        let Some(id) = matches(route.path, path) else { continue };
        if route.method == method {
            return Ok((route, id));
        }
        allowed.push(route.method);
        if route.method == "GET" {
            allowed.push("HEAD");
        }
    }
    match allowed.is_empty() {
        true => {
            Err(Refusal::not_found("There is nothing of this name. /api/midge/v1/openapi.json says what there is."))
        }
        false => Err(Refusal::method(&allowed.join(", "))),
    }
}

/// `Some`: it is this path; inside is what stands for `{id}`.
fn matches(pattern: &str, path: &str) -> Option<Option<String>> {
    let Some((before, behind)) = pattern.split_once("{id}") else {
        return (pattern == path).then_some(None);
    };
    let id = path.strip_prefix(before)?.strip_suffix(behind)?;
    // A Client Identifier may have slashes, which then are encoded.
    let is_one = !id.is_empty() && !id.contains('/');
    is_one.then(|| percent::decode(id)).flatten().map(Some)
}

impl Outcome {
    pub(crate) fn answer(self, route: &Route) -> Answer {
        match (self, &route.success) {
            (Outcome::Json(value), _) => json_answer(StatusCode::OK, &value),
            (Outcome::Text(status, text), Success::Text(content_type)) if status == StatusCode::OK => {
                crate::answer::bytes_answer(status, content_type, text)
            }
            (Outcome::Text(status, text), _) => text_answer(status, text),
            (Outcome::Done, _) => empty_answer(StatusCode::NO_CONTENT),
        }
    }
}

/// Items of a page, where nothing is said, and at most.
const LIMIT: u64 = 100;
const LIMIT_MAX: u64 = 1000;

const fn perhaps(name: &'static str, schema: Schema, about: &'static str) -> Parameter {
    Parameter { name, given: Given::Perhaps, schema, about }
}

const CURSOR: Parameter = perhaps("cursor", Text, "The `next` of the page before.");
const LIMITED: Parameter =
    perhaps("limit", Range(1, LIMIT_MAX), "How many items at most; a page may have fewer and not be the last.");
pub(crate) const ID: Parameter =
    Parameter { name: "id", given: Given::InPath, schema: Text, about: "A Client Identifier, percent-encoded." };

/// A page of a list.
macro_rules! page_of {
    ($item:expr) => {
        Success::Json(Object(&[("items", List(&$item)), ("next", Maybe(&Text))]))
    };
}

const COUNTS: Schema = List(&Maybe(&Number));

const CLIENT_MEMBERS: usize = 25;

const fn client_members() -> [(&'static str, Schema); CLIENT_MEMBERS] {
    [
        ("id", Text),
        ("state", OneOf(&["connected", "away"])),
        ("address", Maybe(&Text)),
        ("username", Maybe(&Text)),
        ("version", Maybe(&OneOf(&["5.0", "3.1.1", "3.1"]))),
        ("transport", Maybe(&OneOf(&["tcp", "websocket", "unix"]))),
        ("tls", Maybe(&Object(&[("version", Text), ("cipher", Text)]))),
        ("listener", Maybe(&Text)),
        ("since_ms", Maybe(&Count)),
        ("keep_alive_s", Maybe(&Count)),
        ("clean_start", Maybe(&Flag)),
        ("session_expiry_s", Maybe(&Count)),
        ("subscriptions", Count),
        ("inflight", Count),
        ("queued", Count),
        ("queued_bytes", Count),
        ("received_messages", Count),
        ("sent_messages", Count),
        ("received_bytes", Count),
        ("sent_bytes", Count),
        ("received_messages_per_s", Maybe(&Number)),
        ("sent_messages_per_s", Maybe(&Number)),
        ("discarded", Count),
        ("last_disconnect", Maybe(&Object(&[("time_ms", Count), ("reason", Text), ("reason_code", Maybe(&Count))]))),
        ("subscription_list", List(&SUBSCRIPTION)),
    ]
}

static CLIENT_WITH_SUBSCRIPTIONS: [(&str, Schema); CLIENT_MEMBERS] = client_members();

const SUBSCRIPTION: Schema = Object(&[
    ("filter", Text),
    ("qos", Range(0, 2)),
    ("share", Maybe(&Text)),
    ("no_local", Flag),
    ("retain_as_published", Flag),
    ("identifier", Maybe(&Count)),
]);

const PROBLEM_KINDS: Schema = OneOf(&["refused", "denied", "discarded", "disconnected", "server"]);

const WARNING: Schema = Object(&[("line", Maybe(&Count)), ("message", Text)]);

/// All of them.
pub static ROUTES: &[Route] = &[
    Route {
        name: "healthz",
        method: "GET",
        path: "/healthz",
        summary: "Whether the process lives.",
        right: Right::Unasked,
        parameters: &[],
        body: None,
        success: Success::Text("text/plain; charset=utf-8"),
        may_be_missing: false,
        handler: server::healthz,
    },
    Route {
        name: "readyz",
        method: "GET",
        path: "/readyz",
        summary: "Whether the server takes clients and messages; 503 while it does not.",
        right: Right::Unasked,
        parameters: &[],
        body: None,
        success: Success::Text("text/plain; charset=utf-8"),
        may_be_missing: false,
        handler: server::readyz,
    },
    Route {
        name: "metrics",
        method: "GET",
        path: "/metrics",
        summary: "Metrics, as Prometheus reads them.",
        right: Right::See,
        parameters: &[],
        body: None,
        success: Success::Text("text/plain; version=0.0.4; charset=utf-8"),
        may_be_missing: false,
        handler: server::metrics,
    },
    Route {
        name: "mosquitto_listeners",
        method: "GET",
        path: "/api/v1/listeners",
        summary: "The listeners, as Mosquitto tells them.",
        right: Right::See,
        parameters: &[],
        body: None,
        success: Success::Json(mosquitto::LISTENERS),
        may_be_missing: false,
        handler: mosquitto::listeners,
    },
    Route {
        name: "mosquitto_systree",
        method: "GET",
        path: "/api/v1/systree",
        summary: "The numbers below $SYS, as Mosquitto tells them.",
        right: Right::See,
        parameters: &[],
        body: None,
        success: Success::Json(Schema::Named(&Count)),
        may_be_missing: false,
        handler: mosquitto::systree,
    },
    Route {
        name: "mosquitto_version",
        method: "GET",
        path: "/api/v1/version",
        summary: "The version, as Mosquitto tells it.",
        right: Right::See,
        parameters: &[],
        body: None,
        success: Success::Text("text/plain; charset=utf-8"),
        may_be_missing: false,
        handler: mosquitto::version,
    },
    Route {
        name: "openapi",
        method: "GET",
        path: "/api/midge/v1/openapi.json",
        summary: "This description.",
        right: Right::Unasked,
        parameters: &[],
        body: None,
        success: Success::Json(Schema::Any),
        may_be_missing: false,
        handler: server::openapi,
    },
    Route {
        name: "session",
        method: "GET",
        path: "/api/midge/v1/session",
        summary: "Who asks, what he may, and how to reach the server.",
        right: Right::Anybody,
        parameters: &[],
        body: None,
        success: Success::Json(Object(&[
            ("username", Maybe(&Text)),
            ("can_see", Flag),
            ("can_change", Flag),
            ("anonymous", Flag),
            ("version", Text),
            ("mqtt_port", Maybe(&Count)),
            ("mqtt_tls_port", Maybe(&Count)),
            ("websocket_path", Text),
            ("host_hint", Maybe(&Text)),
            ("program", Maybe(&Text)),
            ("history", Flag),
        ])),
        may_be_missing: false,
        handler: server::session,
    },
    Route {
        name: "overview",
        method: "GET",
        path: "/api/midge/v1/overview",
        summary: "The server as a whole.",
        right: Right::See,
        parameters: &[],
        body: None,
        success: Success::Json(Object(&[
            ("now_ms", Count),
            ("started_ms", Count),
            ("version", Text),
            ("shards", Count),
            ("persistence", Flag),
            ("ready", Flag),
            ("clients", Object(&[("connected", Count), ("away", Count), ("maximum", Count)])),
            ("subscriptions", Count),
            ("shared_groups", Count),
            ("retained", Object(&[("count", Count), ("bytes", Count), ("own_count", Count), ("own_bytes", Count)])),
            (
                "messages",
                Object(&[
                    ("received", Count),
                    ("sent", Count),
                    ("discarded", Count),
                    ("queued", Count),
                    ("inflight", Count),
                ]),
            ),
            ("bytes", Object(&[("received", Count), ("sent", Count)])),
            ("connections", Object(&[("opened", Count), ("refused", Count)])),
            ("memory_bytes", Count),
            (
                "log",
                Maybe(&Object(&[
                    ("bytes", Maybe(&Count)),
                    ("live_bytes", Maybe(&Count)),
                    ("disk_free_bytes", Maybe(&Count)),
                    ("sync_p50_us", Maybe(&Count)),
                    ("sync_p99_us", Maybe(&Count)),
                    ("is_full", Flag),
                ])),
            ),
            ("problems_last_hour", Count),
        ])),
        may_be_missing: false,
        handler: server::overview,
    },
    Route {
        name: "series",
        method: "GET",
        path: "/api/midge/v1/series",
        summary: "How numbers went.",
        right: Right::See,
        parameters: &[perhaps("window", OneOf(&["15m", "1h", "24h"]), "How far back; 15m where nothing is said.")],
        body: None,
        success: Success::Json(Object(&[
            ("start_ms", Count),
            ("step_s", Count),
            (
                "series",
                Object(&[
                    ("messages_received_per_s", COUNTS),
                    ("messages_sent_per_s", COUNTS),
                    ("discarded_per_s", COUNTS),
                    ("bytes_received_per_s", COUNTS),
                    ("bytes_sent_per_s", COUNTS),
                    ("clients_connected", COUNTS),
                    ("memory_bytes", COUNTS),
                    ("log_sync_p99_us", COUNTS),
                    ("log_bytes", COUNTS),
                    ("queued", COUNTS),
                ]),
            ),
            ("shard_cpu", List(&COUNTS)),
        ])),
        may_be_missing: false,
        handler: server::series,
    },
    Route {
        name: "clients",
        method: "GET",
        path: "/api/midge/v1/clients",
        summary: "Clients, those with a Session that are away included: in no order and in pages, or sorted and the first ones of all.",
        right: Right::See,
        parameters: &[
            perhaps("state", OneOf(&["connected", "away", "all"]), "Which; all where nothing is said."),
            perhaps(
                "search",
                Text,
                "Only those whose identifier, user name or address has this in it, in whatever case.",
            ),
            perhaps(
                "sort",
                OneOf(ranking::COLUMNS),
                "The first `limit` clients by this member, of all that are found, whose number is `total`. Those of whom it is not \
                 known come last, and rates are those since somebody asked last; then they are members too.",
            ),
            perhaps("order", OneOf(&["asc", "desc"]), "For `sort`; asc where nothing is said."),
            perhaps("cursor", Text, "The `next` of the page before. There are no pages with `sort`."),
            LIMITED,
        ],
        body: None,
        success: Success::Json(Request(
            2,
            &[("items", List(&Request(24, &CLIENT_LIST_MEMBERS))), ("next", Maybe(&Text)), ("total", Count)],
        )),
        may_be_missing: false,
        handler: clients::list,
    },
    Route {
        name: "client",
        method: "GET",
        path: "/api/midge/v1/clients/{id}",
        summary: "One client with its Subscriptions, of which 1000 are shown.",
        right: Right::See,
        parameters: &[ID],
        body: None,
        success: Success::Json(Object(&CLIENT_WITH_SUBSCRIPTIONS)),
        may_be_missing: true,
        handler: clients::one,
    },
    Route {
        name: "disconnect",
        method: "POST",
        path: "/api/midge/v1/clients/{id}/disconnect",
        summary: "Ends the connection of a client, and its Session if that is wanted.",
        right: Right::Change,
        parameters: &[ID],
        body: Some(Request(0, &[("end_session", Flag)])),
        success: Success::Done,
        may_be_missing: true,
        handler: clients::disconnect,
    },
    Route {
        name: "subscriptions",
        method: "GET",
        path: "/api/midge/v1/subscriptions",
        summary: "Subscriptions of all Sessions.",
        right: Right::See,
        parameters: &[
            perhaps("client", Text, "Only those of this client."),
            perhaps("filter", Text, "Only those whose Topic Filter has this in it."),
            CURSOR,
            LIMITED,
        ],
        body: None,
        success: page_of!(Object(&[
            ("client_id", Text),
            ("filter", Text),
            ("qos", Range(0, 2)),
            ("share", Maybe(&Text))
        ])),
        may_be_missing: false,
        handler: clients::subscriptions,
    },
    Route {
        name: "retained",
        method: "GET",
        path: "/api/midge/v1/retained",
        summary: "Retained Messages that whoever asks may receive.",
        right: Right::See,
        parameters: &[perhaps("filter", Text, "A Topic Filter; # where nothing is said."), CURSOR, LIMITED],
        body: None,
        success: page_of!(Object(&[
            ("topic", Text),
            ("bytes", Count),
            ("qos", Range(0, 2)),
            ("payload_base64", Text),
            ("truncated", Flag),
            ("stored_ms", Maybe(&Count)),
            ("expires_ms", Maybe(&Count)),
            ("publisher", Maybe(&Text)),
        ])),
        may_be_missing: false,
        handler: messages::retained,
    },
    Route {
        name: "delete_retained",
        method: "POST",
        path: "/api/midge/v1/retained/delete",
        summary: "Deletes Retained Messages, or says which it would delete. Either a filter or topics.",
        right: Right::Change,
        parameters: &[],
        body: Some(Request(0, &[("filter", Maybe(&Text)), ("topics", Maybe(&List(&Text))), ("dry_run", Flag)])),
        success: Success::Json(Object(&[("count", Count), ("sample", List(&Text)), ("deleted", Count)])),
        may_be_missing: false,
        handler: messages::delete_retained,
    },
    Route {
        name: "topics",
        method: "GET",
        path: "/api/midge/v1/topics",
        summary: "Topics, as far as history and Retained Messages know them.",
        right: Right::See,
        parameters: &[perhaps("filter", Text, "A Topic Filter; # where nothing is said."), CURSOR, LIMITED],
        body: None,
        success: page_of!(Object(&[
            ("topic", Text),
            ("last_ms", Maybe(&Count)),
            ("messages", Count),
            ("retained", Flag),
            ("payload_base64", Maybe(&Text)),
            ("payload_bytes", Maybe(&Count))
        ])),
        may_be_missing: false,
        handler: topics::list,
    },
    Route {
        name: "history",
        method: "GET",
        path: "/api/midge/v1/history",
        summary: "What was published to a topic in the last hour, sampled.",
        right: Right::See,
        parameters: &[
            Parameter { name: "topic", given: Given::Always, schema: Text, about: "A Topic Name." },
            perhaps("since_ms", Count, "Nothing before this."),
            perhaps(
                "field",
                Text,
                "A path such as `a.b[0].c` to a number in payloads of JSON; empty where the payload is the number.",
            ),
        ],
        body: None,
        success: Success::Json(Object(&[
            ("topic", Text),
            (
                "points",
                List(&Schema::Either(&[
                    Object(&[
                        ("time_ms", Count),
                        ("payload_base64", Text),
                        ("payload_bytes", Count),
                        ("truncated", Flag),
                        ("count", Count),
                    ]),
                    Tuple(2, &Number),
                ])),
            ),
            ("from_ms", Count),
            ("complete", Flag),
        ])),
        may_be_missing: false,
        handler: topics::history,
    },
    Route {
        name: "publish",
        method: "POST",
        path: "/api/midge/v1/publish",
        summary: "Publishes an Application Message.",
        right: Right::Change,
        parameters: &[],
        body: Some(Request(
            1,
            &[
                ("topic", Text),
                ("payload", Text),
                ("payload_base64", Text),
                ("qos", Range(0, 2)),
                ("retain", Flag),
                (
                    "properties",
                    Request(
                        0,
                        &[
                            ("content_type", Maybe(&Text)),
                            ("response_topic", Maybe(&Text)),
                            ("correlation_data_base64", Maybe(&Text)),
                            ("message_expiry_interval_s", Maybe(&Range(0, u32::MAX as u64))),
                            ("user_properties", List(&Tuple(2, &Text))),
                        ],
                    ),
                ),
            ],
        )),
        success: Success::Json(Object(&[("matched", Count)])),
        may_be_missing: false,
        handler: messages::publish,
    },
    Route {
        name: "problems",
        method: "GET",
        path: "/api/midge/v1/problems",
        summary: "What was refused, denied, discarded or ended, newest first, with a remedy.",
        right: Right::See,
        parameters: &[
            perhaps("kind", PROBLEM_KINDS, "Only these."),
            perhaps("search", Text, "Only those that have this in reason, client, address, user name or topic."),
            CURSOR,
            LIMITED,
        ],
        body: None,
        success: Success::Json(Object(&[
            (
                "items",
                List(&Object(&[
                    ("time_ms", Count),
                    ("kind", PROBLEM_KINDS),
                    ("reason", Text),
                    ("reason_code", Maybe(&Range(0, 255))),
                    ("client_id", Maybe(&Text)),
                    ("address", Maybe(&Text)),
                    ("username", Maybe(&Text)),
                    ("topic", Maybe(&Text)),
                    ("count", Count),
                    ("remedy", Maybe(&Text)),
                ])),
            ),
            ("next", Maybe(&Text)),
            ("totals", List(&Object(&[("kind", PROBLEM_KINDS), ("reason", Text), ("count", Count)]))),
        ])),
        may_be_missing: false,
        handler: server::problems,
    },
    Route {
        name: "listeners",
        method: "GET",
        path: "/api/midge/v1/listeners",
        summary: "Where clients come in.",
        right: Right::See,
        parameters: &[],
        body: None,
        success: Success::Json(List(&Object(&[
            ("name", Text),
            ("port", Count),
            ("address", Text),
            ("protocol", OneOf(&["mqtt", "websockets", "http_api", "console"])),
            ("tls", Flag),
            ("clients", Count),
            ("max_connections", Maybe(&Count)),
            ("anonymous", Flag),
        ]))),
        may_be_missing: false,
        handler: server::listeners,
    },
    Route {
        name: "config",
        method: "GET",
        path: "/api/midge/v1/config",
        summary: "What the server was told to be, without secrets.",
        right: Right::See,
        parameters: &[],
        body: None,
        success: Success::Json(Object(&[
            ("file", Maybe(&Text)),
            (
                "lines",
                List(&Object(&[("directive", Text), ("value", Text), ("line", Maybe(&Count)), ("is_default", Flag)])),
            ),
            ("warnings", List(&WARNING)),
        ])),
        may_be_missing: false,
        handler: server::config,
    },
    Route {
        name: "explain",
        method: "POST",
        path: "/api/midge/v1/explain",
        summary: "Whether somebody may publish, subscribe or receive, and which rule decides it. Listeners may have rules of their \
                  own: `listener` is the name of the one where he comes in, as `listeners` tells it; the first one for MQTT where \
                  nothing is said. An unknown one is refused with 400.",
        right: Right::See,
        parameters: &[],
        body: Some(Request(
            3,
            &[
                ("client_id", Text),
                ("topic", Text),
                ("access", OneOf(&["publish", "subscribe", "receive"])),
                ("username", Maybe(&Text)),
                ("listener", Maybe(&Text)),
            ],
        )),
        success: Success::Json(Object(&[
            ("allowed", Flag),
            ("rule", Maybe(&Object(&[("file", Text), ("line", Count), ("text", Text)]))),
            ("why", Text),
            ("listener", Text),
        ])),
        may_be_missing: false,
        handler: server::explain,
    },
    Route {
        name: "sinks",
        method: "GET",
        path: "/api/midge/v1/sinks",
        summary: "What messages are passed on to.",
        right: Right::See,
        parameters: &[],
        body: None,
        success: Success::Json(List(&Object(&[
            ("name", Text),
            ("target", Text),
            ("state", OneOf(&["connected", "waiting", "failing", "off"])),
            ("lag_messages", Count),
            ("lag_s", Count),
            ("written", Count),
            ("refused", Count),
            ("ignored", Count),
            ("last_error", Maybe(&Text)),
        ]))),
        may_be_missing: false,
        handler: server::sinks,
    },
    Route {
        name: "version",
        method: "GET",
        path: "/api/midge/v1/version",
        summary: "The version, and what is spoken.",
        right: Right::Unasked,
        parameters: &[],
        body: None,
        success: Success::Json(Object(&[("version", Text), ("protocols", List(&Text))])),
        may_be_missing: false,
        handler: server::version,
    },
    Route {
        name: "health",
        method: "GET",
        path: "/api/midge/v1/health",
        summary: "Whether the server can do its work, and what keeps it from it.",
        right: Right::See,
        parameters: &[],
        body: None,
        success: Success::Json(Object(&[
            ("ready", Flag),
            ("checks", List(&Object(&[("name", Text), ("ok", Flag), ("message", Text)]))),
        ])),
        may_be_missing: false,
        handler: server::health,
    },
];

static CLIENT_LIST_MEMBERS: [(&str, Schema); CLIENT_MEMBERS] = client_members();

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_finds_its_route_and_another_method_is_told_which_do() {
        let found = |method: &str, path: &str| find(method, path).map(|(route, id)| (route.name, id));
        assert_eq!(found("GET", "/api/midge/v1/clients"), Ok(("clients", None)));
        assert_eq!(found("HEAD", "/api/midge/v1/clients"), Ok(("clients", None)));
        assert_eq!(found("GET", "/api/midge/v1/clients/a%2Fb"), Ok(("client", Some("a/b".to_owned()))));
        let disconnect = ("disconnect", Some("x".to_owned()));
        assert_eq!(found("POST", "/api/midge/v1/clients/x/disconnect"), Ok(disconnect));
        for path in [
            "/api/midge/v1/clients/",
            "/api/midge/v1/clients/a/b",
            "/api/midge/v1/clients/%ff",
            "/api/midge/v2/clients",
        ] {
            assert_eq!(found("GET", path).map_err(|refusal| refusal.status), Err(StatusCode::NOT_FOUND), "{path}");
        }
        let refusal = found("DELETE", "/api/midge/v1/clients").expect_err("no such method");
        assert_eq!((refusal.status, refusal.allow.as_deref()), (StatusCode::METHOD_NOT_ALLOWED, Some("GET, HEAD")));
    }

    #[test]
    fn each_route_is_described_once() {
        for (index, route) in ROUTES.iter().enumerate() {
            let later = &ROUTES[index + 1..];
            assert!(later.iter().all(|it| it.name != route.name), "{}", route.name);
            assert!(later.iter().all(|it| (it.method, it.path) != (route.method, route.path)), "{}", route.path);
            assert_eq!(route.method == "POST", route.body.is_some(), "{}", route.name);
        }
        let document = crate::document("0");
        for route in ROUTES {
            let operation = &document["paths"][route.path][route.method.to_lowercase()];
            assert_eq!(operation["operationId"], route.name);
            assert_eq!(operation["parameters"].as_array().map(Vec::len), Some(route.parameters.len()));
        }
    }
}
