//! What somebody else grants a Client, in JSON: `{"publish": [FILTER, …], "subscribe": [FILTER, …]}`.
//!
//! A list that is missing grants nothing of its kind. In filters, `%u` and `%c` stand for names where they fill a level.

use serde_json::Value;

use crate::Acl;

/// What a web service has answered.
#[derive(Debug)]
pub struct Grants {
    /// What the Client may do.
    pub acl: Acl,
    /// For how many seconds; `None`: as long as it stays.
    pub expires_in_s: Option<u64>,
}

impl Grants {
    /// Reads an answer. `None`: it is not of that form.
    pub fn parse(answer: &[u8]) -> Option<Grants> {
        let value: Value = serde_json::from_slice(answer).ok()?;
        let expires_in_s = match value.get("expires_in") {
            None | Some(Value::Null) => None,
            Some(seconds) => Some(seconds.as_u64()?),
        };
        Some(Grants { acl: acl(&value)?, expires_in_s })
    }
}

/// The list that these grants are.
pub(crate) fn acl(value: &Value) -> Option<Acl> {
    let value = value.as_object()?;
    let filters = |list: &str| match value.get(list) {
        None => Some(Vec::new()),
        Some(filters) => filters.as_array()?.iter().map(Value::as_str).collect(),
    };
    Acl::of_filters(&filters("publish")?, &filters("subscribe")?)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{Access, Rights};

    #[test]
    fn what_is_granted_is_granted_and_nothing_else() {
        let answer = br#"{"publish": ["up/%c"], "subscribe": ["down/%u/#"], "expires_in": 60, "other": 1}"#;
        let grants = Grants::parse(answer).expect("grants");
        assert_eq!(grants.expires_in_s, Some(60));
        let rights = Rights::new(&Arc::new(grants.acl), Some("ada"), "one");
        let may = |access, topic| rights.check(access, topic).is_allowed();
        assert!(
            may(Access::Publish, "up/one") && !may(Access::Publish, "up/two") && !may(Access::Publish, "down/ada/x")
        );
        assert!(
            may(Access::Receive, "down/ada/x")
                && !may(Access::Receive, "down/bob/x")
                && !may(Access::Receive, "up/one")
        );
    }

    #[test]
    fn an_answer_of_another_form_is_none() {
        let wrong = [
            "",
            "[]",
            "true",
            r#"{"publish": "a"}"#,
            r#"{"publish": [1]}"#,
            r#"{"publish": ["a#"]}"#,
            r#"{"expires_in": "x"}"#,
        ];
        wrong.iter().for_each(|answer| assert!(Grants::parse(answer.as_bytes()).is_none(), "{answer}"));
        let nothing = Grants::parse(b"{}").expect("grants nothing");
        assert!(!Rights::new(&Arc::new(nothing.acl), None, "one").check(Access::Publish, "a").is_allowed());
    }
}
