//! What a value of JSON may be: checks what comes, and describes itself for `openapi.json`.

use serde_json::{Map, Value, json};

/// See the module.
#[derive(Debug)]
pub enum Schema {
    /// A string.
    Text,
    /// One of these strings.
    OneOf(&'static [&'static str]),
    /// A whole number, 0 or above.
    Count,
    /// A whole number in these bounds.
    Range(u64, u64),
    /// A number.
    Number,
    /// `true` or `false`.
    Flag,
    /// This, or `null`.
    Maybe(&'static Schema),
    /// Many of this.
    List(&'static Schema),
    /// An object with these members, all of them.
    Object(&'static [(&'static str, Schema)]),
    /// An object with some of these members; the first so many have to be there.
    Request(usize, &'static [(&'static str, Schema)]),
    /// An object whose members have names of their own, each of this.
    Named(&'static Schema),
    /// Several of this, exactly so many.
    Tuple(usize, &'static Schema),
    /// One of these.
    Either(&'static [Schema]),
    /// Anything.
    Any,
}

impl Schema {
    /// What is wrong with this value, a sentence that names the place.
    pub fn check(&self, value: &Value) -> Result<(), String> {
        self.check_at("the value", value)
    }

    fn check_at(&self, at: &str, value: &Value) -> Result<(), String> {
        match self {
            Schema::Any => Ok(()),
            Schema::Text => says(value.is_string(), at, "a string"),
            Schema::OneOf(words) => {
                let is_one = value.as_str().is_some_and(|value| words.contains(&value));
                says(is_one, at, &format!("one of {}", words.join(", ")))
            }
            Schema::Count => says(value.is_u64(), at, "a whole number, 0 or above"),
            Schema::Range(min, max) => {
                let is_within = value.as_u64().is_some_and(|value| (*min..=*max).contains(&value));
                says(is_within, at, &format!("a whole number from {min} to {max}"))
            }
            Schema::Number => says(value.is_number(), at, "a number"),
            Schema::Flag => says(value.is_boolean(), at, "true or false"),
            Schema::Maybe(inner) => {
                if value.is_null() {
                    Ok(())
                } else {
                    inner.check_at(at, value)
                }
            }
            Schema::List(inner) => {
                let list = value.as_array().ok_or_else(|| wrong(at, "a list"))?;
                list.iter().enumerate().try_for_each(|(index, value)| inner.check_at(&format!("{at}[{index}]"), value))
            }
            Schema::Tuple(length, inner) => {
                let list = value.as_array().filter(|list| list.len() == *length);
                let list = list.ok_or_else(|| wrong(at, &format!("a list of {length}")))?;
                list.iter().try_for_each(|value| inner.check_at(at, value))
            }
            Schema::Named(inner) => {
                let object = value.as_object().ok_or_else(|| wrong(at, "an object"))?;
                object.iter().try_for_each(|(name, value)| inner.check_at(name, value))
            }
            Schema::Object(members) => check_members(at, value, members, members.len()),
            Schema::Request(required, members) => check_members(at, value, members, *required),
            Schema::Either(schemas) => {
                let does_one = schemas.iter().any(|schema| schema.check_at(at, value).is_ok());
                says(does_one, at, "of one of the forms that openapi.json has")
            }
        }
    }

    /// As OpenAPI 3.1 has it, which is JSON Schema.
    pub fn describe(&self) -> Value {
        match self {
            Schema::Any => json!({}),
            Schema::Text => json!({"type": "string"}),
            Schema::OneOf(words) => json!({"type": "string", "enum": words}),
            Schema::Count => json!({"type": "integer", "minimum": 0}),
            Schema::Range(min, max) => json!({"type": "integer", "minimum": min, "maximum": max}),
            Schema::Number => json!({"type": "number"}),
            Schema::Flag => json!({"type": "boolean"}),
            Schema::Maybe(inner) => json!({"anyOf": [inner.describe(), {"type": "null"}]}),
            Schema::List(inner) => json!({"type": "array", "items": inner.describe()}),
            Schema::Tuple(length, inner) => {
                json!({"type": "array", "items": inner.describe(), "minItems": length, "maxItems": length})
            }
            Schema::Named(inner) => json!({"type": "object", "additionalProperties": inner.describe()}),
            Schema::Object(members) => describe_members(members, members.len()),
            Schema::Request(required, members) => describe_members(members, *required),
            Schema::Either(schemas) => json!({"anyOf": schemas.iter().map(Schema::describe).collect::<Vec<_>>()}),
        }
    }
}

fn check_members(at: &str, value: &Value, members: &[(&str, Schema)], required: usize) -> Result<(), String> {
    let object = value.as_object().ok_or_else(|| wrong(at, "an object"))?;
    for (name, schema) in members {
        match object.get(*name) {
            Some(value) => schema.check_at(name, value)?,
            None if members[..required].iter().any(|(needed, _)| needed == name) => {
                return Err(format!("{at} has no \"{name}\"."));
            }
            None => {}
        }
    }
    let unknown = object.keys().find(|key| members.iter().all(|(name, _)| name != key));
    unknown.map_or(Ok(()), |name| Err(format!("{at} has a member \"{name}\", which nobody knows.")))
}

fn describe_members(members: &[(&str, Schema)], required: usize) -> Value {
    let properties: Map<String, Value> =
        members.iter().map(|(name, schema)| ((*name).to_owned(), schema.describe())).collect();
    let required: Vec<&str> = members[..required].iter().map(|(name, _)| *name).collect();
    json!({"type": "object", "properties": properties, "required": required, "additionalProperties": false})
}

fn says(is_so: bool, at: &str, wanted: &str) -> Result<(), String> {
    if is_so { Ok(()) } else { Err(wrong(at, wanted)) }
}

fn wrong(at: &str, wanted: &str) -> String {
    format!("{at} is not {wanted}.")
}

#[cfg(test)]
mod tests {
    use super::*;

    const POINT: Schema = Schema::Request(1, &[("x", Schema::Count), ("y", Schema::Maybe(&Schema::Range(1, 3)))]);

    #[test]
    fn values_are_checked_and_the_place_is_named() {
        let check = |value: Value, expected: Result<(), &str>| {
            assert_eq!(POINT.check(&value), expected.map_err(str::to_owned), "{value}");
        };
        check(json!({"x": 1}), Ok(()));
        check(json!({"x": 1, "y": null}), Ok(()));
        check(json!({"x": 1, "y": 4}), Err("y is not a whole number from 1 to 3."));
        check(json!({"x": -1}), Err("x is not a whole number, 0 or above."));
        check(json!({"y": 1}), Err("the value has no \"x\"."));
        check(json!({"x": 1, "z": 1}), Err("the value has a member \"z\", which nobody knows."));
        check(json!([1]), Err("the value is not an object."));
    }

    #[test]
    fn lists_and_words_are_checked() {
        const WORDS: Schema = Schema::List(&Schema::OneOf(&["a", "b"]));
        assert_eq!(WORDS.check(&json!(["a", "b"])), Ok(()));
        assert_eq!(WORDS.check(&json!(["a", "c"])), Err("the value[1] is not one of a, b.".to_owned()));
        const PAIR: Schema = Schema::Tuple(2, &Schema::Number);
        assert_eq!((PAIR.check(&json!([1, 2.5])).is_ok(), PAIR.check(&json!([1])).is_ok()), (true, false));
        const NAMED: Schema = Schema::Named(&Schema::Flag);
        assert_eq!((NAMED.check(&json!({"a": true})).is_ok(), NAMED.check(&json!({"a": 1})).is_ok()), (true, false));
    }

    #[test]
    fn a_schema_describes_itself() {
        let expected = json!({
            "type": "object",
            "properties": {
                "x": {"type": "integer", "minimum": 0},
                "y": {"anyOf": [{"type": "integer", "minimum": 1, "maximum": 3}, {"type": "null"}]},
            },
            "required": ["x"],
            "additionalProperties": false,
        });
        assert_eq!(POINT.describe(), expected);
    }
}
