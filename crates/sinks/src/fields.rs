//! What a payload says: the numbers, strings and truths of a JSON object, or one number.

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use std::fmt;

/// A value in a payload.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) enum Value<'a> {
    Integer(i64),
    /// Above what an `i64` holds.
    Unsigned(u64),
    /// Finite.
    Float(f64),
    Text(&'a str),
    Bool(bool),
}

/// What a number is called that stands alone.
pub(crate) const ALONE: &str = "value";

/// Calls `visit` with each value and the path to it: names of objects that stand in each other, with full stops between. Lists and
/// null are passed over. `false`: the payload is neither an object nor a number, and some of it may have been visited.
pub(crate) fn visit(payload: &[u8], path: &mut String, mut visit: impl FnMut(&str, Value<'_>)) -> bool {
    path.clear();
    let mut json = serde_json::Deserializer::from_slice(payload);
    let walk = Walk { path, visit: &mut visit, is_inside: false };
    walk.deserialize(&mut json).is_ok() && json.end().is_ok() || visit_number(payload, &mut visit)
}

/// Numbers that devices write and JSON has not: `+21.5`, `.5`, `007`.
fn visit_number(payload: &[u8], visit: &mut dyn FnMut(&str, Value<'_>)) -> bool {
    let text = std::str::from_utf8(payload).unwrap_or_default().trim();
    let begins_like_one = text.starts_with(|first: char| first.is_ascii_digit() || matches!(first, '+' | '-' | '.'));
    let value = match (text.parse::<i64>(), text.parse::<f64>()) {
        (Ok(integer), _) => Value::Integer(integer),
        (_, Ok(float)) if begins_like_one && float.is_finite() => Value::Float(float),
        _ => return false,
    };
    visit(ALONE, value);
    true
}

/// A step into a payload.
struct Walk<'w> {
    path: &'w mut String,
    visit: &'w mut dyn FnMut(&str, Value<'_>),
    is_inside: bool,
}

impl Walk<'_> {
    /// A number may stand alone.
    fn number<E: Error>(self, value: Value<'_>) -> Result<(), E> {
        let path = if self.is_inside { &**self.path } else { ALONE };
        (self.visit)(path, value);
        Ok(())
    }

    /// Anything else must stand in an object.
    fn other<E: Error>(self, value: Option<Value<'_>>) -> Result<(), E> {
        if !self.is_inside {
            return Err(E::custom("not in an object"));
        }
        if let Some(value) = value {
            (self.visit)(self.path, value);
        }
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for Walk<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Walk<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object or a number")
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<(), E> {
        self.number(Value::Integer(number))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<(), E> {
        self.number(i64::try_from(number).map_or(Value::Unsigned(number), Value::Integer))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<(), E> {
        self.number(Value::Float(number))
    }

    fn visit_bool<E: Error>(self, truth: bool) -> Result<(), E> {
        self.other(Some(Value::Bool(truth)))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        self.other(Some(Value::Text(text)))
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        self.other(None)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        self.other(None)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let above = self.path.len();
        loop {
            if above > 0 {
                self.path.push('.');
            }
            let is_more = map.next_key_seed(Name(self.path))?.is_some();
            if is_more {
                map.next_value_seed(Walk { path: self.path, visit: self.visit, is_inside: true })?;
            }
            self.path.truncate(above);
            if !is_more {
                return Ok(());
            }
        }
    }
}

/// The name of a member, to be written behind the path.
struct Name<'p>(&'p mut String);

impl<'de> DeserializeSeed<'de> for Name<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Name<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a name")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<(), E> {
        self.0.push_str(name);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(payload: &str, expected: Option<&str>) {
        let mut seen = Vec::new();
        let found = visit(payload.as_bytes(), &mut String::new(), |path, value| seen.push(format!("{path}={value:?}")));
        assert_eq!(found.then(|| seen.join(" ")).as_deref(), expected, "{payload}");
    }

    #[test]
    fn values_are_found_by_their_paths() {
        check(r#"{"a":1,"b":-2.5,"c":"x","d":true}"#, Some(r#"a=Integer(1) b=Float(-2.5) c=Text("x") d=Bool(true)"#));
        check(
            r#"{"BME280":{"Temperature":21.0,"in":{"n":1}},"z":0}"#,
            Some("BME280.Temperature=Float(21.0) BME280.in.n=Integer(1) z=Integer(0)"),
        );
        check(r#"{"a":null,"b":[1,{"c":2}],"d":{}}"#, Some(""));
        check(r#"{"a\"b":"\u00e9\n"}"#, Some(r#"a"b=Text("é\n")"#));
        check(r#"{"n":18446744073709551615,"m":1e30}"#, Some("n=Unsigned(18446744073709551615) m=Float(1e30)"));
        check("{}", Some(""));
    }

    #[test]
    fn a_number_may_stand_alone() {
        check("21.5", Some("value=Float(21.5)"));
        check(" 36\n", Some("value=Integer(36)"));
        check("+21.50", Some("value=Float(21.5)"));
        check(".5", Some("value=Float(0.5)"));
        check("007", Some("value=Integer(7)"));
        check("1e3", Some("value=Float(1000.0)"));
    }

    #[test]
    fn all_else_is_left_alone() {
        [
            "",
            "on",
            "true",
            "\"x\"",
            "null",
            "[1]",
            "NaN",
            "inf",
            "-inf",
            "1e999",
            "{\"a\":NaN}",
            "{\"a\":1",
            "{} x",
            "12 34",
        ]
        .into_iter()
        .for_each(|payload| check(payload, None));
        assert!(!visit(&[0xff, 0xfe], &mut String::new(), |_, _| ()));
        assert!(!visit("{\"a\":".repeat(100_000).as_bytes(), &mut String::new(), |_, _| ()));
    }
}
