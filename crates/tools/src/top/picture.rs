//! A look at a server as lines of text, which need no colour.

use serde_json::Value;

use super::look::{Look, number};
use super::sort::SortKey;
use crate::admin::Object;
use crate::columns::fitted;
use crate::screen::on_a_line;

/// As many lines as there is room for; the last row says what keys do, where there are `keys`.
pub(super) fn lines(look: &Look, sort: SortKey, columns: usize, rows: usize, keys: Option<&str>) -> Vec<String> {
    let mut lines = head(look);
    lines.push(String::new());
    let room = rows.saturating_sub(lines.len() + usize::from(keys.is_some())).max(1);
    lines.extend(table(look, sort, columns, room));
    if let Some(keys) = keys {
        lines.resize(rows.saturating_sub(1), String::new());
        lines.push(keys.to_owned());
    }
    lines.iter().map(|line| line.chars().take(columns).collect::<String>().trim_end().to_owned()).collect()
}

/// The server as a whole.
fn head(look: &Look) -> Vec<String> {
    let server = &look.server;
    let get = |name: &str| number(server, name);
    let rate = |name: &str| look.rates.get(name).and_then(Value::as_f64);
    let messages = |name: &str| rate(name).map_or_else(|| "-".to_owned(), |rate| format!("{}/s", count(rate)));
    let traffic = |name: &str| rate(name).map_or_else(|| "-".to_owned(), |rate| format!("{}/s", bytes(rate)));
    let connected = get("connected");
    let mut lines = vec![
        format!(
            "{}  up {}  shards {}  memory {} (heap {})",
            server.get("server").and_then(Value::as_str).unwrap_or_default(),
            time(get("uptime_s")),
            get("shards"),
            bytes(get("resident_bytes") as f64),
            bytes(get("heap_bytes") as f64),
        ),
        format!(
            "clients   connected {connected}  away {}  subscriptions {}  new {}",
            look.sessions.saturating_sub(connected),
            get("subscriptions"),
            messages("connections"),
        ),
        format!(
            "messages  in {}  out {}  dropped {}  held {} ({}), retained {} of them",
            messages("messages_received"),
            messages("messages_sent"),
            messages("messages_dropped"),
            get("messages_stored"),
            bytes(get("messages_stored_bytes") as f64),
            get("retained"),
        ),
        format!(
            "bytes     in {}  out {}  not read by clients {}",
            traffic("bytes_received"),
            traffic("bytes_sent"),
            bytes(get("waiting_bytes") as f64),
        ),
    ];
    if let Some(log) = server.get("log").and_then(Value::as_object) {
        lines.push(format!(
            "log       {}  not on disk yet {}",
            log.get("state").and_then(Value::as_str).unwrap_or_default(),
            bytes(number(log, "waiting_bytes") as f64),
        ));
    }
    if !look.slowest.is_empty() {
        let slow: Vec<String> = look.slowest.iter().map(slow_reader).collect();
        lines.push(format!("slow readers: {}", slow.join(", ")));
    }
    lines
}

fn slow_reader(client: &Object) -> String {
    format!("{} ({})", name(client, "client_id"), bytes(number(client, "waiting_bytes") as f64))
}

/// A row for each client.
fn table(look: &Look, sort: SortKey, columns: usize, rows: usize) -> Vec<String> {
    let others: usize = COLUMNS.iter().map(|column| column.width + 2).sum();
    let id_columns = columns.saturating_sub(others).clamp(12, 40);
    let mark = |column: &Column| match column.sort == Some(sort) {
        true => format!("{}*", column.title),
        false => column.title.to_owned(),
    };
    let cells = |id: &str, cell: &dyn Fn(&Column) -> String| {
        let mut line = fitted(id, id_columns);
        for column in COLUMNS {
            let (text, width) = (cell(column), column.width);
            match column.is_text {
                true => line.push_str(&format!("  {}", fitted(&text, width))),
                false => line.push_str(&format!("  {text:>width$}")),
            }
        }
        line
    };
    let mut lines = vec![cells("CLIENT", &mark)];
    for client in look.clients.iter().take(rows.saturating_sub(1)) {
        lines.push(cells(&name(client, "client_id"), &|column| (column.value)(client)));
    }
    lines
}

/// What is shown of a client.
struct Column {
    title: &'static str,
    width: usize,
    is_text: bool,
    /// It is marked when clients are sorted by this.
    sort: Option<SortKey>,
    value: fn(&Object) -> String,
}

/// In the order of their worth: a narrow terminal shows the first ones.
const COLUMNS: &[Column] = &[
    Column {
        title: "IN/s",
        width: 7,
        is_text: false,
        sort: Some(SortKey::Received),
        value: |it| rate(it, "messages_received_per_s"),
    },
    Column {
        title: "OUT/s",
        width: 7,
        is_text: false,
        sort: Some(SortKey::Sent),
        value: |it| rate(it, "messages_sent_per_s"),
    },
    Column { title: "BYTES/s", width: 8, is_text: false, sort: Some(SortKey::Traffic), value: traffic },
    Column { title: "QUEUED", width: 7, is_text: false, sort: Some(SortKey::Queued), value: queued },
    Column { title: "UNREAD", width: 7, is_text: false, sort: Some(SortKey::Waiting), value: unread },
    Column { title: "SINCE", width: 6, is_text: false, sort: Some(SortKey::Connected), value: since },
    Column { title: "ADDRESS", width: 21, is_text: true, sort: None, value: |it| name(it, "address") },
    Column { title: "USER", width: 10, is_text: true, sort: None, value: |it| name(it, "username") },
    Column { title: "SUBS", width: 5, is_text: false, sort: None, value: |it| number(it, "subscriptions").to_string() },
    Column { title: "PROTOCOL", width: 10, is_text: true, sort: None, value: |it| name(it, "protocol") },
];

fn is_away(client: &Object) -> bool {
    client.get("connected") == Some(&Value::Bool(false))
}

fn decimal(client: &Object, name: &str) -> f64 {
    client.get(name).and_then(Value::as_f64).unwrap_or_default()
}

fn rate(client: &Object, name: &str) -> String {
    if is_away(client) { "-".to_owned() } else { count(decimal(client, name)) }
}

fn traffic(client: &Object) -> String {
    let sum = decimal(client, "bytes_received_per_s") + decimal(client, "bytes_sent_per_s");
    if is_away(client) { "-".to_owned() } else { bytes(sum) }
}

fn queued(client: &Object) -> String {
    count((number(client, "queued") + number(client, "inflight")) as f64)
}

fn unread(client: &Object) -> String {
    if is_away(client) { "-".to_owned() } else { bytes(number(client, "waiting_bytes") as f64) }
}

fn since(client: &Object) -> String {
    if is_away(client) { "away".to_owned() } else { time(number(client, "connected_s")) }
}

/// What somebody else has chosen, on one line.
fn name(client: &Object, member: &str) -> String {
    on_a_line(client.get(member).and_then(Value::as_str).unwrap_or_default())
}

/// A number in at most six characters.
fn count(number: f64) -> String {
    scaled(number, &["", "k", "M", "G", "T"])
}

/// Bytes in at most seven characters.
fn bytes(number: f64) -> String {
    scaled(number, &["B", "kB", "MB", "GB", "TB"])
}

fn scaled(number: f64, units: &[&str]) -> String {
    let mut value = number;
    let mut at = 0;
    while value >= 999.5 && at + 1 < units.len() {
        value /= 1000.0;
        at += 1;
    }
    let is_whole = value >= 99.95 || value.fract() == 0.0 && at == 0;
    let digits = if is_whole { format!("{value:.0}") } else { format!("{value:.1}") };
    format!("{digits}{}", units[at])
}

/// A time in at most six characters.
fn time(seconds: u64) -> String {
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3_600 => format!("{}m{:02}s", seconds / 60, seconds % 60),
        3_600..86_400 => format!("{}h{:02}m", seconds / 3_600, seconds / 60 % 60),
        _ => format!("{}d{:02}h", seconds / 86_400, seconds / 3_600 % 24),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(text: &str) -> Object {
        serde_json::from_str(text).expect("an object")
    }

    fn look() -> Look {
        let server = r#"{"server":"midge version 1","uptime_s":3725,"shards":2,"resident_bytes":12345678,"heap_bytes":4000000,
            "connected":1,"subscriptions":5,"messages_stored":12,"messages_stored_bytes":2500,"retained":2,"waiting_bytes":0,
            "log":{"state":"ready","waiting_bytes":0}}"#;
        let rates = r#"{"connections":0.0,"messages_received":10.5,"messages_sent":20500.0,"messages_dropped":0.0,
            "bytes_received":999.0,"bytes_sent":1500000.0}"#;
        let here = r#"{"client_id":"sensor\u001b-with-a-name-that-is-long-and-longer","connected":true,"address":"127.0.0.1:40000","username":"ann",
            "protocol":"MQTT 5","subscriptions":1,"connected_s":61,"messages_received_per_s":10.5,"messages_sent_per_s":0.0,
            "bytes_received_per_s":300.0,"bytes_sent_per_s":2.0,"queued":0,"inflight":1,"waiting_bytes":70000}"#;
        let away = r#"{"client_id":"away","connected":false,"subscriptions":2,"queued":10,"inflight":0}"#;
        Look {
            server: object(server),
            rates: object(rates),
            clients: vec![object(here), object(away)],
            slowest: vec![object(here)],
            sessions: 3,
        }
    }

    #[test]
    fn a_server_is_a_picture() {
        let expected = [
            "midge version 1  up 1h02m  shards 2  memory 12.3MB (heap 4.0MB)",
            "clients   connected 1  away 2  subscriptions 5  new 0/s",
            "messages  in 10.5/s  out 20.5k/s  dropped 0/s  held 12 (2.5kB), retained 2 of them",
            "bytes     in 999B/s  out 1.5MB/s  not read by clients 0B",
            "log       ready  not on disk yet 0B",
            "slow readers: sensor\\u001b-with-a-name-that-is-long-and-longer (70.0kB)",
            "",
            "CLIENT           IN/s    OUT/s   BYTES/s  QUEUED*   UNREAD   SINCE  ADDRESS",
            "sensor\\u001…     10.5        0      302B        1   70.0kB   1m01s  127.0.0.1:40000",
            "away                -        -         -       10        -    away",
            "",
            "keys",
        ];
        assert_eq!(lines(&look(), SortKey::Queued, 84, 12, Some("keys")), expected);
        assert_eq!(lines(&look(), SortKey::Queued, 84, usize::MAX, None), expected[..10]);
        let short = lines(&look(), SortKey::Queued, 84, 10, Some("keys"));
        assert_eq!((short.len(), short[8].as_str()), (10, expected[8]));
    }

    #[test]
    fn a_terminal_that_is_tiny_is_no_trouble() {
        for (columns, rows) in [(0, 0), (1, 1), (5, 3), (300, 2)] {
            assert!(lines(&look(), SortKey::Traffic, columns, rows, Some("q")).len() <= rows.max(1));
        }
    }

    #[test]
    fn numbers_are_short() {
        let counts = [0.0, 7.0, 7.25, 99.96, 999.4, 999.6, 12_345.0, 3e6].map(count);
        assert_eq!(counts, ["0", "7", "7.2", "100", "999", "1.0k", "12.3k", "3.0M"]);
        assert_eq!([0, 59, 60, 3_599, 86_399, 90_000].map(time), ["0s", "59s", "1m00s", "59m59s", "23h59m", "1d01h"]);
    }
}
