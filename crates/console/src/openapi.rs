//! `openapi.json`, made from the table of routes.

use serde_json::{Map, Value, json};

use crate::parameters;
use crate::routes::{Given, ROUTES, Right, Route, Success};
use crate::schema::Schema;

/// The description of the API (OpenAPI 3.1).
pub fn document(version: &str) -> Value {
    let mut paths: Map<String, Value> = Map::new();
    for route in ROUTES {
        let path = paths.entry(route.path).or_insert_with(|| json!({}));
        path[route.method.to_lowercase()] = operation(route);
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Midge's console",
            "version": version,
            "description": "What the console's page, and programs, ask of the server. Times are milliseconds since 1970 (`*_ms`), \
                            durations seconds (`*_s`), sizes bytes (`*_bytes`).",
            "license": {"name": "Apache-2.0 OR MIT"},
        },
        "paths": paths,
        "components": {
            "securitySchemes": {"login": {"type": "http", "scheme": "basic"}},
            "schemas": {"Error": ERROR.describe()},
        },
    })
}

/// What is answered where something is refused.
pub(crate) const ERROR: Schema =
    Schema::Request(2, &[("error", Schema::Text), ("message", Schema::Text), ("retry_after_s", Schema::Count)]);

fn operation(route: &Route) -> Value {
    let mut operation = json!({
        "operationId": route.name,
        "summary": route.summary,
        "parameters": route.parameters.iter().map(parameter).collect::<Vec<_>>(),
        "responses": responses(route),
    });
    if let Some(body) = &route.body {
        operation["requestBody"] =
            json!({"required": true, "content": {"application/json": {"schema": body.describe()}}});
    }
    match route.right {
        Right::Unasked => {}
        // Who gives no name may see too: from the machine itself, where anybody may connect.
        Right::Anybody | Right::See => operation["security"] = json!([{"login": []}, {}]),
        Right::Change => operation["security"] = json!([{"login": []}]),
    }
    operation
}

fn parameter(parameter: &crate::routes::Parameter) -> Value {
    json!({
        "name": parameter.name,
        "in": if parameter.given == Given::InPath { "path" } else { "query" },
        "required": parameter.given != Given::Perhaps,
        "description": parameter.about,
        "schema": parameter.schema.describe(),
    })
}

fn responses(route: &Route) -> Value {
    let mut responses = Map::new();
    let (status, success) = match &route.success {
        Success::Json(schema) => {
            ("200", json!({"description": "As asked.", "content": {"application/json": {"schema": schema.describe()}}}))
        }
        Success::Text(content_type) => {
            ("200", json!({"description": "As asked.", "content": {(*content_type): {"schema": {"type": "string"}}}}))
        }
        Success::Done => ("204", json!({"description": "Done."})),
    };
    responses.insert(status.to_owned(), success);
    for (status, description) in refusals(route) {
        let content = json!({"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}});
        responses.insert(status.to_owned(), json!({"description": description, "content": content}));
    }
    if route.name == "readyz" {
        let content = json!({"text/plain": {"schema": {"type": "string"}}});
        responses.insert("503".to_owned(), json!({"description": "Not ready.", "content": content}));
    }
    Value::Object(responses)
}

/// What else may be answered.
fn refusals(route: &Route) -> Vec<(&'static str, &'static str)> {
    let always = [
        ("421", "The console does not go by the name that it was called by."),
        ("503", "Too much is asked at the moment."),
    ];
    let with_right = [
        ("401", "Name or password are missing or wrong."),
        ("403", "Whoever asks may not, or comes from the page of another server."),
        ("429", "Others from the same address have failed to log in."),
    ];
    let with_body = [("413", "The body is too large."), ("415", "The body is not called application/json.")];
    let mut all = always.to_vec();
    if parameters::are_checked(route) {
        all.push((
            "400",
            "A parameter, or the body, is not what it has to be; or a parameter is unknown, or given twice.",
        ));
    }
    if route.right != Right::Unasked {
        all.extend(with_right);
    }
    if route.method == "POST" {
        all.extend(with_body);
    }
    if route.may_be_missing {
        all.push(("404", "There is no such thing."));
    }
    all
}
