//! One look at a server: what it says, and the rates since the look before.

use serde_json::{Value, json};

use super::sort::SortKey;
use crate::admin::{AdminSocket, Object, request};

/// What a server has said.
#[derive(Clone, Debug)]
pub(super) struct Look {
    /// The server as a whole.
    pub(super) server: Object,
    /// What a second has brought of each count that only grows: `bytes_sent_total` as `bytes_sent`.
    pub(super) rates: Object,
    /// The first clients, with rates of their own.
    pub(super) clients: Vec<Object>,
    /// Those that read least.
    pub(super) slowest: Vec<Object>,
    /// Clients that there are, with those that are away.
    pub(super) sessions: u64,
}

impl Look {
    /// Asks. The error is a message for the user.
    pub(super) fn at(
        socket: &mut AdminSocket,
        sort: SortKey,
        limit: usize,
        before: Option<&Look>,
    ) -> Result<Look, String> {
        let server = socket.ask(&request("overview"))?;
        let mut ranking = request("ranking");
        ranking.insert("by".to_owned(), sort.name().into());
        ranking.insert("limit".to_owned(), limit.into());
        let ranking = socket.ask(&ranking)?;
        let rates = before.map(|before| rates(&server, &before.server)).unwrap_or_default();
        let list = |name: &str| -> Vec<Object> {
            let list = ranking.get(name).and_then(Value::as_array);
            list.into_iter().flatten().filter_map(Value::as_object).cloned().collect()
        };
        let sessions = number(&ranking, "sessions");
        Ok(Look { server, rates, clients: list("clients"), slowest: list("slowest"), sessions })
    }

    /// As one object.
    pub(super) fn json(&self) -> String {
        let mut server = self.server.clone();
        server.retain(|name, _| name != "ok" && name != "version");
        json!({ "server": server, "rates_per_s": self.rates, "clients": self.clients, "slowest": self.slowest })
            .to_string()
    }
}

/// A member that is a number; 0 where it is not there.
pub(super) fn number(object: &Object, name: &str) -> u64 {
    object.get(name).and_then(Value::as_u64).unwrap_or_default()
}

fn rates(now: &Object, before: &Object) -> Object {
    let passed_s = number(now, "now_ms").saturating_sub(number(before, "now_ms")) as f64 / 1000.0;
    if passed_s <= 0.0 {
        return Object::new();
    }
    let rate = |(name, value): (&String, &Value)| {
        let what = name.strip_suffix("_total")?;
        let more = value.as_u64()?.saturating_sub(number(before, name)) as f64;
        Some((what.to_owned(), json!((more / passed_s * 10.0).round() / 10.0)))
    };
    now.iter().filter_map(rate).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_differences_over_time() {
        let object = |text: &str| serde_json::from_str::<Object>(text).expect("an object");
        let before = object(r#"{"now_ms":1000,"bytes_sent_total":100,"sessions":7}"#);
        let now = object(r#"{"now_ms":3000,"bytes_sent_total":133,"messages_sent_total":5,"sessions":9}"#);
        assert_eq!(Value::Object(rates(&now, &before)).to_string(), r#"{"bytes_sent":16.5,"messages_sent":2.5}"#);
        assert!(rates(&now, &now).is_empty());
    }
}
