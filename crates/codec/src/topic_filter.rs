//! Topic Filter: what is subscribed with, `$share` included (sections 4.7 and 4.8.2).

use crate::error::DecodeError;
use crate::topic_name::topic_levels;
use crate::utf8_string::CONTROL;

/// A valid Topic Filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TopicFilter<'a> {
    text: &'a str,
    filter: &'a str,
    share_name: Option<&'a str>,
}

impl<'a> TopicFilter<'a> {
    /// Checks `text`: a filter that is empty, has control characters or a wildcard in the wrong place is malformed `[MQTT-4.7.1-2]`
    /// `[MQTT-4.7.1-3]` `[MQTT-4.7.3-1]`; `$share/` without a proper Share Name and filter is a Protocol Error
    /// `[MQTT-4.8.2-1]` `[MQTT-4.8.2-2]`.
    pub fn parse(text: &'a str) -> Result<TopicFilter<'a>, DecodeError> {
        if text.len() > usize::from(u16::MAX) {
            return Err(DecodeError::malformed("Topic Filter of more than 65,535 bytes"));
        }
        if text.contains(char::is_control) {
            return Err(CONTROL);
        }
        let (share_name, filter) = match text.strip_prefix("$share/") {
            None => (None, text),
            Some(shared) => {
                let (name, filter) = shared.split_once('/').ok_or(BAD_SHARE)?;
                if name.is_empty() || name.contains(['+', '#']) || filter.is_empty() {
                    return Err(BAD_SHARE);
                }
                (Some(name), filter)
            }
        };
        check(filter)?;
        Ok(TopicFilter { text, filter, share_name })
    }

    /// All of it, as the Client sent it.
    #[inline]
    pub const fn text(&self) -> &'a str {
        self.text
    }

    /// What Topic Names are matched with: the part behind the Share Name, or all of it.
    #[inline]
    pub const fn filter(&self) -> &'a str {
        self.filter
    }

    /// The Share Name of a Shared Subscription.
    #[inline]
    pub const fn share_name(&self) -> Option<&'a str> {
        self.share_name
    }

    /// Whether [`filter`](TopicFilter::filter) has a `+` or `#`.
    #[inline]
    pub fn has_wildcard(&self) -> bool {
        // Wildcards stand only where they are meant as such.
        self.filter.bytes().any(|byte| matches!(byte, b'+' | b'#'))
    }

    /// Levels of [`filter`](TopicFilter::filter).
    #[inline]
    pub fn levels(&self) -> usize {
        topic_levels(self.filter)
    }
}

fn check(filter: &str) -> Result<(), DecodeError> {
    if filter.is_empty() {
        return Err(DecodeError::malformed("Topic Filter is empty"));
    }
    let mut levels = filter.split('/').peekable();
    while let Some(level) = levels.next() {
        match level {
            "+" => {}
            "#" if levels.peek().is_none() => {}
            "#" => return Err(DecodeError::malformed("`#` is not the last level of the Topic Filter")),
            _ if level.contains(['+', '#']) => {
                return Err(DecodeError::malformed("wildcard of the Topic Filter does not fill its level"));
            }
            _ => {}
        }
    }
    Ok(())
}

const BAD_SHARE: DecodeError = DecodeError::protocol_error("`$share` without a proper Share Name and Topic Filter");

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reason_code::ReasonCode;

    #[test]
    fn valid_filters() {
        let check = |text: &str, share_name: Option<&str>, filter: &str, has_wildcard: bool, levels: usize| {
            let parsed = TopicFilter::parse(text).expect(text);
            assert_eq!((parsed.text(), parsed.share_name(), parsed.filter()), (text, share_name, filter));
            assert_eq!((parsed.has_wildcard(), parsed.levels()), (has_wildcard, levels), "{text}");
        };
        check("a", None, "a", false, 1);
        check("/", None, "/", false, 2);
        check("a/b/c", None, "a/b/c", false, 3);
        check("#", None, "#", true, 1);
        check("+", None, "+", true, 1);
        check("a/#", None, "a/#", true, 2);
        check("+/+/#", None, "+/+/#", true, 3);
        check("/+/a", None, "/+/a", true, 3);
        check("$SYS/#", None, "$SYS/#", true, 2);
        check("$share", None, "$share", false, 1);
        check("$shared/a", None, "$shared/a", false, 2);
        check("$share/group/a/b", Some("group"), "a/b", false, 2);
        check("$share/group/#", Some("group"), "#", true, 1);
        check("$share/group//", Some("group"), "/", false, 2);
        check("$share/$share/$share/x/y", Some("$share"), "$share/x/y", false, 3);
    }

    #[test]
    fn invalid_filters() {
        let long = "a".repeat(65_536);
        for text in [
            "",
            "a#",
            "#/a",
            "a/#/b",
            "a/#b",
            "a+",
            "+a",
            "a/b+/c",
            "##",
            "++",
            "a\0",
            "a\n",
            "$share/g\u{7F}/a",
            &long,
        ] {
            let error = TopicFilter::parse(text).expect_err(text);
            assert_eq!(error.reason_code(), ReasonCode::MALFORMED_PACKET, "{text:.20}");
        }
        assert_eq!(
            TopicFilter::parse("$share/g/a#").map_err(|error| error.reason_code()),
            Err(ReasonCode::MALFORMED_PACKET)
        );
        for text in ["$share/", "$share//a", "$share/g", "$share/g/", "$share/g+/a", "$share/#/a", "$share/+/a"] {
            let error = TopicFilter::parse(text).expect_err(text);
            assert_eq!(error.reason_code(), ReasonCode::PROTOCOL_ERROR, "{text}");
        }
    }
}
