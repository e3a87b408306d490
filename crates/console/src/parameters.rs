//! What comes behind the `?` of a path, and in it, checked against the table of routes.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::answer::Refusal;
use crate::percent;
use crate::routes::{Given, ID, Route};
use crate::schema::Schema;

/// Whether what stands behind the `?` of this path is looked at. Mosquitto takes no notice of it, and so who asks what it has is not told
/// either, nor are supervisors and Prometheus, who send what they like to everybody.
pub(crate) fn are_checked(route: &Route) -> bool {
    route.path.starts_with("/api/midge/")
}

/// Checks what stands behind the `?`, and in the path.
pub(crate) fn read_parameters(
    route: &Route,
    query: Option<&str>,
    id: Option<String>,
) -> Result<BTreeMap<&'static str, Value>, Refusal> {
    let mut parameters = BTreeMap::new();
    parameters.extend(id.map(|id| (ID.name, Value::String(id))));
    if !are_checked(route) {
        return Ok(parameters);
    }
    let given = percent::query(query.unwrap_or_default());
    let given = given.ok_or_else(|| Refusal::parameter("What stands behind the '?' is not percent-encoded UTF-8."))?;
    for (name, text) in given {
        let known = route.parameters.iter().find(|it| it.name == name && it.given != Given::InPath);
        let known = known.ok_or_else(|| unknown_parameter(route, &name))?;
        let value = known.schema.read(text);
        known
            .schema
            .check(&value)
            .map_err(|wrong| Refusal::parameter(format!("The parameter '{name}' does not do: {wrong}")))?;
        if parameters.insert(known.name, value).is_some() {
            return Err(Refusal::parameter(format!("The parameter '{name}' is given more than once.")));
        }
    }
    let missing = route.parameters.iter().find(|it| it.given != Given::Perhaps && !parameters.contains_key(it.name));
    match missing {
        Some(missing) => Err(Refusal::parameter(format!("The parameter '{}' is missing.", missing.name))),
        None => Ok(parameters),
    }
}

fn unknown_parameter(route: &Route, name: &str) -> Refusal {
    let there = route.parameters.iter().filter(|it| it.given != Given::InPath).map(|it| it.name);
    let there = match there.collect::<Vec<_>>() {
        there if there.is_empty() => "Nothing may stand behind the '?' of this path".to_owned(),
        there => format!("The parameters are: {}", there.join(", ")),
    };
    Refusal::parameter(format!("There is no parameter '{name}' here. {there}."))
}

impl Schema {
    /// The text of a parameter as what it is to be.
    fn read(&self, text: String) -> Value {
        match self {
            Schema::Count | Schema::Range(..) => text.parse::<u64>().map_or(Value::String(text), Value::from),
            _ => Value::String(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::routes::find;

    #[test]
    fn parameters_are_what_the_table_says() {
        let (route, _) = find("GET", "/api/midge/v1/clients").expect("a route");
        let read = |query: &str| read_parameters(route, Some(query), None).map_err(|refusal| refusal.message);
        let parameters = read("state=away&limit=7&search=a%20b").expect("they do");
        assert_eq!(parameters["limit"], 7);
        assert_eq!(parameters["search"], "a b");
        let check = |query: &str, expected: &str| assert_eq!(read(query), Err(expected.to_owned()));
        check("limit=0", "The parameter 'limit' does not do: the value is not a whole number from 1 to 1000.");
        check("limit=x", "The parameter 'limit' does not do: the value is not a whole number from 1 to 1000.");
        check("state=gone", "The parameter 'state' does not do: the value is not one of connected, away, all.");
        check("x=1", "There is no parameter 'x' here. The parameters are: state, search, sort, order, cursor, limit.");
        check("limit=1&limit=2", "The parameter 'limit' is given more than once.");
        check("search=%", "What stands behind the '?' is not percent-encoded UTF-8.");
        let refused = |path: &str, query: &str| {
            let (route, id) = find("GET", path).expect("a route");
            read_parameters(route, Some(query), id).err().map(|refusal| refusal.message)
        };
        let nothing = |name: &str| {
            Some(format!("There is no parameter '{name}' here. Nothing may stand behind the '?' of this path."))
        };
        assert_eq!(refused("/api/midge/v1/overview", "x"), nothing("x"));
        assert_eq!(refused("/api/midge/v1/clients/c", "id=d"), nothing("id"), "it stands in the path");
        for path in ["/api/v1/systree", "/healthz", "/readyz", "/metrics"] {
            assert_eq!(refused(path, "x=1&x=1&%"), None, "{path} is asked by others' programs");
        }
        let (history, _) = find("GET", "/api/midge/v1/history").expect("a route");
        let missing = read_parameters(history, None, None).map_err(|refusal| refusal.message);
        assert_eq!(missing, Err("The parameter 'topic' is missing.".to_owned()));
    }
}
