//! Where a value stands in a JSON text: `meta.time`, `readings[0].value`.

use std::fmt;

use serde_json::Value;

/// The way from the whole to a value. An empty one is the whole.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub(crate) struct JsonPath {
    text: String,
    steps: Vec<Step>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    /// A member of an object, or an element of an array where it is a number.
    Name(String),
    /// An element of an array.
    Index(usize),
}

impl JsonPath {
    /// Reads names that are parted by `.`, each with any number of `[0]` behind it.
    ///
    /// # Errors
    /// With the end of a message for the user.
    pub(crate) fn parse(text: &str) -> Result<JsonPath, String> {
        let wrong = || format!("'{text}' is no field: it is written like meta.time or readings[0].value");
        let mut steps = Vec::new();
        for part in text.split('.').filter(|_| !text.is_empty()) {
            let (name, indices) = part.split_at(part.find('[').unwrap_or(part.len()));
            if !name.is_empty() {
                steps.push(Step::Name(name.to_owned()));
            } else if indices.is_empty() {
                return Err(wrong());
            }
            for index in indices.split_terminator(']') {
                let index = index.strip_prefix('[').and_then(|digits| digits.parse().ok());
                steps.push(Step::Index(index.ok_or_else(wrong)?));
            }
            if !indices.is_empty() && !indices.ends_with(']') {
                return Err(wrong());
            }
        }
        Ok(JsonPath { text: text.to_owned(), steps })
    }

    /// What stands there.
    pub(crate) fn find<'v>(&self, whole: &'v Value) -> Option<&'v Value> {
        self.steps.iter().try_fold(whole, |value, step| match (step, value) {
            (Step::Name(name), Value::Object(members)) => members.get(name),
            (Step::Name(name), Value::Array(elements)) => elements.get(name.parse::<usize>().ok()?),
            (Step::Index(index), Value::Array(elements)) => elements.get(*index),
            _ => None,
        })
    }
}

impl fmt::Display for JsonPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_found_where_the_path_leads() {
        let whole: Value = serde_json::from_str(r#"{"a":{"b":[10,{"c":"x"}]},"":1,"d":[[1,2]]}"#).unwrap();
        let check = |path: &str, expected: Option<&str>| {
            let found = JsonPath::parse(path).unwrap().find(&whole).map(Value::to_string);
            assert_eq!(found.as_deref(), expected, "{path}");
        };
        check("a.b[0]", Some("10"));
        check("a.b.0", Some("10"));
        check("a.b[1].c", Some("\"x\""));
        check("d[0][1]", Some("2"));
        check("a.b[2]", None);
        check("a.x", None);
        check("a.b[0].c", None);
        assert_eq!(JsonPath::parse("").unwrap().find(&whole), Some(&whole));
        assert_eq!(JsonPath::parse("[0]").unwrap().find(&whole), None);
    }

    #[test]
    fn what_is_no_path_is_told() {
        for path in [".", "a.", ".a", "a..b", "a[", "a[x]", "a[0", "a[0]b", "a]"] {
            let outcome = JsonPath::parse(path);
            assert!(outcome.is_err() || path == "a]", "{path}: {outcome:?}");
        }
    }
}
