//! One line as an object of JSON (`log_format json`).

use std::fmt::{self, Write as _};

use super::{LogType, cut};
use crate::json::quoted;

/// What a line is about, member by member.
pub(crate) trait Members {
    /// A member with a text. One of a client's choice is as long as a line may be, at most.
    fn text(&mut self, name: &'static str, value: &str);

    /// A member with a number.
    fn number(&mut self, name: &'static str, value: u64);

    /// A member with `true` or `false`.
    fn flag(&mut self, name: &'static str, value: bool);
}

/// An object that is being written, member by member. Dropping it ends it.
pub(crate) struct Object<'a>(&'a mut String);

impl<'a> Object<'a> {
    /// Begins with what every line has.
    pub(super) fn begin(line: &'a mut String, time: Option<&str>, kind: LogType) -> Object<'a> {
        line.push('{');
        let mut object = Object(line);
        if let Some(time) = time {
            object.text("time", time);
        }
        object.text("level", kind.name());
        object
    }

    fn member(&mut self, name: &str, value: fmt::Arguments<'_>) {
        if !self.0.ends_with('{') {
            self.0.push(',');
        }
        // Writing into a String does not fail.
        let _ = write!(self.0, "\"{name}\":{value}");
    }
}

impl Members for Object<'_> {
    fn text(&mut self, name: &'static str, value: &str) {
        self.member(name, format_args!("{}", quoted(cut(value))));
    }

    fn number(&mut self, name: &'static str, value: u64) {
        self.member(name, format_args!("{value}"));
    }

    fn flag(&mut self, name: &'static str, value: bool) {
        self.member(name, format_args!("{value}"));
    }
}

impl Drop for Object<'_> {
    fn drop(&mut self) {
        self.0.push('}');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_stand_in_the_order_in_which_they_came() {
        let mut line = String::new();
        let mut object = Object::begin(&mut line, Some("now"), LogType::Unsubscribe);
        object.text("a", "\"\n\u{2028}");
        object.number("b", 7);
        object.flag("c", true);
        drop(object);
        let expected = r#"{"time":"now","level":"unsubscribe","a":"\"\u000a\u2028","b":7,"c":true}"#;
        assert_eq!(line, expected);
    }

    #[test]
    fn long_texts_are_cut_and_the_object_is_whole() {
        let mut line = String::new();
        Object::begin(&mut line, None, LogType::Notice).text("a", &"é".repeat(5000));
        assert_eq!(line, format!(r#"{{"level":"notice","a":"{}"}}"#, "é".repeat(499)));
    }
}
