//! Clients and their Subscriptions.

use hyper::StatusCode;
use serde_json::{Value, json};

use super::{has, page};
use crate::answer::Refusal;
use crate::problems::LastDisconnect;
use crate::ranking::{Ranking, Seen, since_ms};
use crate::routes::{Call, Outcome};
use crate::source::{Client, News, Subscription};

/// `GET clients`
pub(crate) fn list(call: &Call<'_>) -> Result<Outcome, Refusal> {
    let state = call.text("state").unwrap_or("all").to_owned();
    let wanted = call.text("search").unwrap_or_default().to_lowercase();
    let is_wanted = |client: &Client| (state == "all" || state == state_of(client)) && is_found(client, &wanted);
    call.state.refresh();
    match call.text("sort") {
        Some(column) => sorted(call, column, is_wanted),
        None if call.text("order").is_some() => Err(Refusal::parameter("The parameter 'order' is for 'sort'.")),
        None => page(
            call,
            |at| call.state.source.clients(at),
            |client| is_wanted(&client).then(|| describe(&Seen { client, rates: None }, call)),
        ),
    }
}

/// The first of all: each is looked at, and as many are kept as are wanted. What comes behind them changes from one moment to the
/// next, and so there is no page behind.
fn sorted(call: &Call<'_>, column: &str, is_wanted: impl Fn(&Client) -> bool) -> Result<Outcome, Refusal> {
    if call.cursor().is_some() {
        return Err(Refusal::parameter(
            "The parameter 'cursor' does not go with 'sort', which gives the first ones of all.",
        ));
    }
    let (is_descending, now_ms) = (call.text("order") == Some("desc"), call.state.source.now_ms());
    let (mut ranking, mut total) = (Ranking::new(column, is_descending, call.limit(), now_ms), 0_u64);
    call.state.rates_are_wanted(now_ms);
    call.state.source.each_client(&mut |client, rates| {
        if is_wanted(&client) {
            total += 1;
            let went_ms = |client_id: &str| Some(call.state.observations().last_disconnect(client_id)?.time_ms);
            ranking.offer(Seen { client, rates }, went_ms);
        }
    });
    let items: Vec<Value> = ranking.finish().map(|seen| describe(&seen, call)).collect();
    Ok(Outcome::Json(json!({"items": items, "next": null, "total": total})))
}

/// `GET clients/{id}`
pub(crate) fn one(call: &Call<'_>) -> Result<Outcome, Refusal> {
    call.state.refresh();
    let (client, subscriptions) = call.text("id").and_then(|id| call.state.source.client(id)).ok_or_else(no_client)?;
    let mut described = describe(&Seen { client, rates: None }, call);
    let list = subscriptions.iter().map(|subscription| {
        json!({
            "filter": subscription.filter,
            "qos": subscription.qos,
            "share": subscription.share,
            "no_local": subscription.no_local,
            "retain_as_published": subscription.retain_as_published,
            "identifier": subscription.identifier,
        })
    });
    described["subscription_list"] = list.collect();
    Ok(Outcome::Json(described))
}

/// `POST clients/{id}/disconnect`
pub(crate) fn disconnect(call: &Call<'_>) -> Result<Outcome, Refusal> {
    let id = call.text("id").unwrap_or_default();
    let end_session = call.body["end_session"].as_bool().unwrap_or(false);
    if id.starts_with(SERVICES) {
        let message = "This is the server's own. It ends, with what waits for it, when its directives are taken out of the configuration.";
        return Err(Refusal::forbidden(message));
    }
    if !call.state.source.disconnect(id, end_session) {
        return Err(no_client());
    }
    let what = if end_session { "ended the session of" } else { "disconnected" };
    call.audit("console_disconnect", (Some(id), None), &format!("{what} the client '{id}'"));
    call.settle()?;
    Ok(Outcome::Done)
}

/// `GET subscriptions`
pub(crate) fn subscriptions(call: &Call<'_>) -> Result<Outcome, Refusal> {
    let wanted = call.text("filter").unwrap_or_default().to_lowercase();
    let show = |subscription: Subscription| {
        has(&subscription.filter, &wanted).then(|| {
            json!({
                "client_id": subscription.client_id,
                "filter": subscription.filter,
                "qos": subscription.qos,
                "share": subscription.share,
            })
        })
    };
    match call.text("client") {
        Some(client) => {
            let of_one = call.state.source.client(client).map(|(_, subscriptions)| subscriptions).unwrap_or_default();
            Ok(super::page_of(of_one.into_iter().filter_map(show).take(call.limit()).collect(), None))
        }
        None => page(call, |at| call.state.source.subscriptions(at), show),
    }
}

impl Call<'_> {
    /// What was done is answered for when it is kept.
    pub(crate) fn settle(&self) -> Result<(), Refusal> {
        let message = "It was done, but the disk does not take it now: after a restart it may be undone.";
        let not_kept = || Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "not_kept", message);
        if self.state.source.settle() { Ok(()) } else { Err(not_kept()) }
    }

    /// Tells the operator's log who has done what from where, and to which client or topic.
    pub(crate) fn audit(&self, event: &'static str, (client_id, topic): (Option<&str>, Option<&str>), what: &str) {
        let username = self.asker.account.as_ref().and_then(|account| account.username.as_deref());
        let who = username.unwrap_or("somebody");
        let text = format!("Console: {who} at {} {what}.", self.asker.address);
        let address = self.asker.address;
        self.state.source.tell(&News { event, username, address, client_id, topic, is_endless: false, text });
    }
}

/// What the identifiers of the server's own clients begin with, which nobody else may have.
const SERVICES: &str = "$midge/";

fn no_client() -> Refusal {
    Refusal::not_found("There is no client with this identifier, neither connected nor with a Session.")
}

fn state_of(client: &Client) -> &'static str {
    if client.connection.is_some() { "connected" } else { "away" }
}

fn is_found(client: &Client, wanted: &str) -> bool {
    wanted.is_empty()
        || has(&client.id, wanted)
        || client.username.as_deref().is_some_and(|username| has(username, wanted))
        || client.connection.as_ref().is_some_and(|connection| has(&connection.address, wanted))
}

fn describe(seen: &Seen, call: &Call<'_>) -> Value {
    let Seen { client, rates } = seen;
    let last = call.state.observations().last_disconnect(&client.id).cloned();
    let connection = client.connection.as_ref();
    let tls = connection
        .and_then(|it| it.tls.as_ref())
        .map(|(version, cipher)| json!({"version": version, "cipher": cipher}));
    json!({
        "id": client.id,
        "state": state_of(client),
        "address": connection.map(|it| &it.address),
        "username": client.username,
        "version": connection.map(|it| it.version),
        "transport": connection.map(|it| it.transport),
        "tls": tls,
        "listener": connection.map(|it| &it.listener),
        "since_ms": since_ms(client, |_| Some(last.as_ref()?.time_ms)),
        "keep_alive_s": connection.map(|it| it.keep_alive_s),
        "clean_start": connection.map(|it| it.clean_start),
        "session_expiry_s": client.session_expiry_s,
        "subscriptions": client.subscriptions,
        "inflight": client.inflight,
        "queued": client.queued,
        "queued_bytes": client.queued_bytes,
        "received_messages": connection.map_or(0, |it| it.received_messages),
        "sent_messages": connection.map_or(0, |it| it.sent_messages),
        "received_bytes": connection.map_or(0, |it| it.received_bytes),
        "sent_bytes": connection.map_or(0, |it| it.sent_bytes),
        "received_messages_per_s": rates.map(|rates| rates.received_messages_per_s),
        "sent_messages_per_s": rates.map(|rates| rates.sent_messages_per_s),
        "discarded": client.discarded,
        "last_disconnect": last.as_ref().map(|LastDisconnect { time_ms, reason, reason_code }| {
            json!({"time_ms": time_ms, "reason": reason, "reason_code": reason_code})
        }),
    })
}
