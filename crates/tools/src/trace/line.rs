//! A packet as a line of text for people.

use std::fmt::Write as _;

use serde_json::Value;

use crate::admin::Object;
use crate::moment::Moment;
use crate::screen::on_a_line;

/// A line with its end; `None`: the server says nothing that people have to see.
pub(super) fn text(object: &Object) -> Option<String> {
    if let Some(left_out) = object.get("left_out").filter(|_| !object.contains_key("end")) {
        return Some(format!("(left out, as they came too fast: {left_out})\n"));
    }
    let name = |name: &str| object.get(name).and_then(Value::as_str);
    let mut line = time(object.get("time_ms")?.as_u64()?);
    let client = match name("client_id")? {
        "" => name("address")?,
        client_id => client_id,
    };
    let arrow = if name("direction")? == "from client" { '>' } else { '<' };
    let _ = write!(line, " {} {arrow}", on_a_line(client));
    if let Some(packet) = name("packet") {
        let _ = write!(line, " {packet}");
    }
    for (key, show) in PARTS {
        if let Some(value) = object.get(*key).filter(|value| **value != Value::Bool(false)) {
            show(key, value, object, &mut line);
        }
    }
    line.push('\n');
    Some(line)
}

type Show = fn(&str, &Value, &Object, &mut String);

/// What packets say, in the order in which it is shown.
const PARTS: &[(&str, Show)] = &[
    ("protocol", |_, value, object, line| {
        let _ = write!(line, " {}", on_a_line(value.as_str().unwrap_or_default()));
        let asked = object.get("connect_client_id");
        if asked != object.get("client_id") {
            let _ = write!(line, " id={}", quoted(asked.and_then(Value::as_str).unwrap_or_default()));
        }
        let address = object.get("address").and_then(Value::as_str).unwrap_or_default();
        let _ = write!(line, " from {}", on_a_line(address));
    }),
    ("clean_start", show_flag),
    ("keep_alive_s", |_, value, _, line| {
        let _ = write!(line, " keep-alive={value}");
    }),
    ("bridge", show_flag),
    ("username", show_value),
    ("password", |_, _, _, line| line.push_str(" password=(not shown)")),
    ("session_present", show_flag),
    ("id", show_value),
    ("qos", show_value),
    ("dup", show_flag),
    ("retain", show_flag),
    ("topic", |_, value, _, line| {
        let _ = write!(line, " {}", quoted(value.as_str().unwrap_or_default()));
    }),
    ("by_alias", |_, _, _, line| line.push_str(" (by alias)")),
    ("filters", |_, value, _, line| show_list(value, line, filter)),
    ("reason", |_, value, _, line| {
        let _ = write!(line, " {}", reason(value));
    }),
    ("reasons", |_, value, _, line| show_list(value, line, reason)),
    ("payload_bytes", |_, value, _, line| {
        let _ = write!(line, " {value} bytes");
    }),
    ("payload", |_, value, _, line| {
        let _ = write!(line, " {}", quoted(value.as_str().unwrap_or_default()));
    }),
    ("payload_hex", |_, value, _, line| {
        let _ = write!(line, " 0x{}", on_a_line(value.as_str().unwrap_or_default()));
    }),
    ("payload_bytes_left_out", |_, value, _, line| {
        let _ = write!(line, "… and {value} bytes");
    }),
    ("will", |_, value, _, line| {
        let will = value.as_object().cloned().unwrap_or_default();
        line.push_str(" will(");
        let begin = line.len();
        for (key, show) in PARTS {
            if let Some(value) = will.get(*key).filter(|value| **value != Value::Bool(false)) {
                show(key, value, &will, line);
            }
        }
        line.remove(begin);
        line.push(')');
    }),
    ("properties", |_, value, _, line| {
        let all: Vec<String> = value.as_array().into_iter().flatten().map(property).collect();
        let _ = write!(line, " {{{}}}", all.join(", "));
    }),
    ("error", |_, value, object, line| {
        let bytes = object.get("bytes").and_then(Value::as_u64).unwrap_or_default();
        let _ = write!(line, " ({}, {bytes} bytes)", on_a_line(value.as_str().unwrap_or_default()));
    }),
];

fn show_flag(key: &str, _: &Value, _: &Object, line: &mut String) {
    let _ = write!(line, " {}", key.replace('_', "-"));
}

fn show_value(key: &str, value: &Value, _: &Object, line: &mut String) {
    let _ = write!(line, " {key}={}", written(value));
}

fn show_list(value: &Value, line: &mut String, item: fn(&Value) -> String) {
    let all: Vec<String> = value.as_array().into_iter().flatten().map(item).collect();
    let _ = write!(line, " {}", all.join(", "));
}

/// `'a/b' qos=1 no-local`.
fn filter(value: &Value) -> String {
    let mut text = quoted(value["filter"].as_str().unwrap_or_default());
    for key in ["qos", "no_local", "retain_as_published", "retain_handling"] {
        match value.get(key) {
            Some(Value::Bool(true)) => text.push_str(&format!(" {}", key.replace('_', "-"))),
            Some(value @ Value::Number(_)) => text.push_str(&format!(" {}={value}", key.replace('_', "-"))),
            _ => {}
        }
    }
    text
}

/// `0x87 Not authorized`.
fn reason(value: &Value) -> String {
    let code = value["code"].as_u64().unwrap_or_default();
    format!("0x{code:02x} {}", on_a_line(value["name"].as_str().unwrap_or_default()))
}

/// `name=value`, `user-property="a"="b"`.
fn property(value: &Value) -> String {
    let name = on_a_line(value["name"].as_str().unwrap_or_default());
    let key = value.get("key").map(|key| format!("={}", written(key))).unwrap_or_default();
    match (value.get("value"), value.get("value_hex")) {
        (Some(value), _) => format!("{name}{key}={}", written(value)),
        (None, Some(digits)) => format!("{name}=0x{}", on_a_line(digits.as_str().unwrap_or_default())),
        (None, None) => name,
    }
}

/// Strings in quotes, all else as it is.
fn written(value: &Value) -> String {
    value.as_str().map_or_else(|| on_a_line(&value.to_string()), quoted)
}

/// In quotes, where nothing can be taken for their end, and on one line.
fn quoted(text: &str) -> String {
    on_a_line(&Value::from(text).to_string())
}

/// Of the day, by the clock on the wall.
fn time(wall_ms: u64) -> String {
    let moment = Moment { seconds: wall_ms / 1000, nanoseconds: 0 };
    format!("{}.{:03}", String::from_utf8_lossy(&moment.local(b"%H:%M:%S")), wall_ms % 1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What stands behind the time.
    #[track_caller]
    fn check(json: &str, expected: &str) {
        let begin = r#"{"time_ms":86399007,"client_id":"c","address":"127.0.0.1:7","#;
        let object = serde_json::from_str(&format!("{begin}{json}}}")).expect("an object");
        let line = text(&object).expect("a line");
        let (time, rest) = line.split_once(' ').expect("a time");
        assert!(time.ends_with(":59.007"), "{time}");
        assert_eq!(rest, format!("c {expected}\n"));
    }

    #[test]
    fn packets_are_lines() {
        check(
            r#""direction":"from client","packet":"PUBLISH","bytes":12,"id":7,"qos":1,"dup":true,"retain":false,"topic":"a/b","payload_bytes":3,"properties":[{"name":"topic-alias","value":5},{"name":"user-property","key":"k","value":"v"}]"#,
            r#"> PUBLISH id=7 qos=1 dup "a/b" 3 bytes {topic-alias=5, user-property="k"="v"}"#,
        );
        check(
            r#""direction":"to client","packet":"PUBLISH","bytes":12,"qos":0,"dup":false,"retain":true,"topic":"t","by_alias":true,"payload_bytes":9,"payload":"x\ny","payload_bytes_left_out":6"#,
            r#"< PUBLISH qos=0 retain "t" (by alias) 9 bytes "x\ny"… and 6 bytes"#,
        );
        check(
            r#""direction":"from client","packet":"CONNECT","bytes":12,"protocol":"MQTT 5","connect_client_id":"","clean_start":true,"keep_alive_s":60,"username":"ann","password":true,"will":{"topic":"w","qos":1,"retain":false,"payload_bytes":2}"#,
            r#"> CONNECT MQTT 5 id="" from 127.0.0.1:7 clean-start keep-alive=60 username="ann" password=(not shown) will(qos=1 "w" 2 bytes)"#,
        );
        check(
            r#""direction":"to client","packet":"SUBACK","id":1,"reasons":[{"code":0,"name":"Granted QoS 0"},{"code":135,"name":"Not authorized"}]"#,
            "< SUBACK id=1 0x00 Granted QoS 0, 0x87 Not authorized",
        );
        check(
            r#""direction":"from client","packet":"SUBSCRIBE","id":1,"filters":[{"filter":"a/#","qos":2,"no_local":true},{"filter":"b","qos":0}]"#,
            r#"> SUBSCRIBE id=1 "a/#" qos=2 no-local, "b" qos=0"#,
        );
        check(r#""direction":"from client","error":"no whole packet","bytes":4"#, "> (no whole packet, 4 bytes)");
    }

    #[test]
    fn nothing_commands_the_terminal() {
        check(
            r#""direction":"from client","packet":"PUBLISH","qos":0,"topic":"\u001b[2J\u009b\"\u007f","payload_bytes":0"#,
            r#"> PUBLISH qos=0 "\u001b[2J\u009b\"\u007f" 0 bytes"#,
        );
    }

    #[test]
    fn what_is_left_out_is_told() {
        let object = serde_json::from_str(r#"{"left_out":7}"#).expect("an object");
        assert_eq!(text(&object).as_deref(), Some("(left out, as they came too fast: 7)\n"));
        let object = serde_json::from_str(r#"{"end":"count","packets":1,"left_out":7}"#).expect("an object");
        assert_eq!(text(&object), None);
    }
}
