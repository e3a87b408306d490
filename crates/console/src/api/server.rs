//! The server as a whole: how it does, how it went, what went wrong, what it was told to be.

use hyper::StatusCode;
use serde_json::{Value, json};

use super::has;
use crate::answer::Refusal;
use crate::routes::{Call, Outcome};
use crate::source::{Explanation, NoListener, Question};
use crate::{metrics, openapi, prometheus};

/// `GET /healthz`
pub(crate) fn healthz(_: &Call<'_>) -> Result<Outcome, Refusal> {
    Ok(Outcome::Text(StatusCode::OK, "ok\n".to_owned()))
}

/// `GET /readyz`
pub(crate) fn readyz(call: &Call<'_>) -> Result<Outcome, Refusal> {
    let failed = call.state.source.checks().into_iter().find(|check| !check.ok);
    Ok(match failed {
        None => Outcome::Text(StatusCode::OK, "ready\n".to_owned()),
        Some(check) => Outcome::Text(StatusCode::SERVICE_UNAVAILABLE, format!("not ready: {}\n", check.message)),
    })
}

/// `GET /metrics`
pub(crate) fn metrics(call: &Call<'_>) -> Result<Outcome, Refusal> {
    call.state.refresh();
    Ok(Outcome::Text(StatusCode::OK, prometheus::write(&metrics::of_console(call))))
}

/// `GET openapi.json`
pub(crate) fn openapi(call: &Call<'_>) -> Result<Outcome, Refusal> {
    Ok(Outcome::Json(openapi::document(&call.state.source.about().version)))
}

/// `GET session`
pub(crate) fn session(call: &Call<'_>) -> Result<Outcome, Refusal> {
    let (about, whereabouts) = (call.state.source.about(), call.state.source.whereabouts());
    let username = call.asker.account.as_ref().and_then(|account| account.username.clone());
    Ok(Outcome::Json(json!({
        "anonymous": username.is_none(),
        "username": username,
        "can_see": call.asker.can_see,
        "can_change": call.asker.can_change,
        "version": about.version,
        "mqtt_port": about.mqtt_port,
        "mqtt_tls_port": about.mqtt_tls_port,
        "websocket_path": crate::server::WEBSOCKET_PATH,
        "host_hint": whereabouts.host_hint,
        // Where things are on the machine is for those who are at it.
        "program": whereabouts.program.filter(|_| call.asker.is_local && call.asker.can_see),
        "history": !call.state.rules().history.is_empty(),
    })))
}

/// `GET overview`
pub(crate) fn overview(call: &Call<'_>) -> Result<Outcome, Refusal> {
    call.state.refresh();
    let source = &call.state.source;
    let (about, totals, now_ms) = (source.about(), source.totals(), source.now_ms());
    let log = totals.log.map(|log| {
        json!({
            "bytes": log.disk_bytes,
            "live_bytes": log.live_bytes,
            "disk_free_bytes": log.disk_free_bytes,
            "sync_p50_us": log.sync.quantile(0.5),
            "sync_p99_us": log.sync.quantile(0.99),
            "is_full": log.is_full,
        })
    });
    Ok(Outcome::Json(json!({
        "now_ms": now_ms,
        "started_ms": about.started_ms,
        "version": about.version,
        "shards": about.shards,
        "persistence": about.persistence,
        "ready": source.checks().iter().all(|check| check.ok),
        "clients": {
            "connected": totals.clients_connected,
            "away": totals.sessions.saturating_sub(totals.clients_connected),
            "maximum": totals.sessions_maximum,
        },
        "subscriptions": totals.subscriptions + totals.shared_subscriptions,
        "shared_groups": totals.share_groups,
        "retained": {
            "count": totals.retained_messages,
            "bytes": totals.retained_bytes,
            "own_count": totals.retained_own_messages,
            "own_bytes": totals.retained_own_bytes,
        },
        "messages": {
            "received": totals.messages_received_total,
            "sent": totals.messages_sent_total,
            "discarded": totals.messages_dropped_total,
            "queued": totals.queued_messages(),
            "inflight": totals.inflight_messages,
        },
        "bytes": {"received": totals.received_bytes_total, "sent": totals.sent_bytes_total},
        "connections": {
            "opened": totals.sockets_total,
            "refused": totals.sockets_refused_total + totals.logins_refused_total,
        },
        "memory_bytes": totals.resident_bytes,
        "log": log,
        "problems_last_hour": call.state.observations().problems.last_hour(now_ms),
    })))
}

/// `GET series`
pub(crate) fn series(call: &Call<'_>) -> Result<Outcome, Refusal> {
    Ok(Outcome::Json(call.state.observations().series.describe(call.text("window").unwrap_or("15m"))))
}

/// `GET problems`
pub(crate) fn problems(call: &Call<'_>) -> Result<Outcome, Refusal> {
    call.state.refresh();
    let before = match call.cursor() {
        Some(cursor) => cursor.parse().map_err(|_| super::wrong_cursor())?,
        None => u64::MAX,
    };
    let wanted = call.text("search").unwrap_or_default().to_lowercase();
    let observations = call.state.observations();
    let is_wanted = |text: Option<&str>| text.is_some_and(|text| has(text, &wanted));
    let found = observations.problems.before(before).filter(|problem| {
        let incident = &problem.incident;
        call.text("kind").is_none_or(|kind| kind == incident.kind.name())
            && (is_wanted(Some(&incident.reason))
                || is_wanted(incident.client_id.as_deref())
                || is_wanted(incident.address.as_deref())
                || is_wanted(incident.username.as_deref())
                || is_wanted(incident.topic.as_deref()))
    });
    let (mut items, mut next, limit) = (Vec::new(), None, call.limit());
    for problem in found {
        if items.len() == limit {
            next = Some((problem.number + 1).to_string());
            break;
        }
        items.push(problem.describe());
    }
    let totals: Vec<Value> = observations.problems.totals().collect();
    Ok(Outcome::Json(json!({"items": items, "next": next, "totals": totals})))
}

/// `GET listeners`
pub(crate) fn listeners(call: &Call<'_>) -> Result<Outcome, Refusal> {
    let listeners = call.state.source.listeners().into_iter().map(|listener| {
        json!({
            "name": listener.name,
            "port": listener.port,
            "address": listener.address,
            "protocol": listener.protocol,
            "tls": listener.tls,
            "clients": listener.clients,
            "max_connections": listener.max_connections,
            "anonymous": listener.anonymous,
        })
    });
    Ok(Outcome::Json(listeners.collect()))
}

/// `GET config`
pub(crate) fn config(call: &Call<'_>) -> Result<Outcome, Refusal> {
    let configuration = call.state.source.configuration();
    let lines: Vec<Value> = configuration
        .lines
        .iter()
        .map(|line| {
            json!({
                "directive": line.directive,
                "value": line.value,
                "line": line.line,
                "is_default": line.is_default,
            })
        })
        .collect();
    let warnings: Vec<Value> = configuration
        .warnings
        .iter()
        .map(|warning| json!({"line": warning.line, "message": warning.message}))
        .collect();
    Ok(Outcome::Json(json!({"file": configuration.file, "lines": lines, "warnings": warnings})))
}

/// `POST explain`
pub(crate) fn explain(call: &Call<'_>) -> Result<Outcome, Refusal> {
    let text = |name: &str| call.body[name].as_str().map(str::to_owned);
    let question = Question {
        username: text("username"),
        client_id: text("client_id").unwrap_or_default(),
        topic: text("topic").unwrap_or_default(),
        access: text("access").unwrap_or_default(),
        listener: text("listener"),
    };
    let does = if question.access == "subscribe" {
        super::is_filter(&question.topic)
    } else {
        super::is_topic(&question.topic)
    };
    if !does {
        let what = if question.access == "subscribe" { "Topic Filter" } else { "Topic Name" };
        return Err(Refusal::parameter(format!("'{}' is no {what}.", question.topic)));
    }
    let explained = call.state.source.explain(&question);
    let Explanation { allowed, rule, why, listener } = explained.map_err(|NoListener(there)| {
        let wanted = question.listener.unwrap_or_default();
        Refusal::parameter(format!("There is no listener '{wanted}'. The listeners are: {}.", there.join(", ")))
    })?;
    let rule = rule.map(|(file, line, text)| json!({"file": file, "line": line, "text": text}));
    Ok(Outcome::Json(json!({"allowed": allowed, "rule": rule, "why": why, "listener": listener})))
}

/// `GET sinks`
pub(crate) fn sinks(call: &Call<'_>) -> Result<Outcome, Refusal> {
    let sinks = call.state.source.sinks().into_iter().map(|sink| {
        json!({
            "name": sink.name,
            "target": sink.target,
            "state": sink.state,
            "lag_messages": sink.lag_messages,
            "lag_s": sink.lag_s,
            "written": sink.written,
            "refused": sink.refused,
            "ignored": sink.ignored,
            "last_error": sink.last_error,
        })
    });
    Ok(Outcome::Json(sinks.collect()))
}

/// `GET version`
pub(crate) fn version(call: &Call<'_>) -> Result<Outcome, Refusal> {
    let version = call.state.source.about().version;
    Ok(Outcome::Json(json!({"version": version, "protocols": ["MQTT 3.1", "MQTT 3.1.1", "MQTT 5.0"]})))
}

/// `GET health`
pub(crate) fn health(call: &Call<'_>) -> Result<Outcome, Refusal> {
    let checks = call.state.source.checks();
    let is_ready = checks.iter().all(|check| check.ok);
    let checks: Vec<Value> =
        checks.into_iter().map(|check| json!({"name": check.name, "ok": check.ok, "message": check.message})).collect();
    Ok(Outcome::Json(json!({"ready": is_ready, "checks": checks})))
}
