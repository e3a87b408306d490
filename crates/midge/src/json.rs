//! JSON, as much of it as this program says and hears: one object on a line.

use std::fmt::Write;

/// An object that is being written.
pub(crate) struct Object {
    text: String,
}

impl Object {
    pub(crate) fn new() -> Self {
        Self { text: "{".to_owned() }
    }

    pub(crate) fn number(&mut self, name: &str, value: impl Into<u64>) -> &mut Self {
        self.raw(name, &value.into().to_string())
    }

    pub(crate) fn text(&mut self, name: &str, value: &str) -> &mut Self {
        self.raw(name, &string(value))
    }

    pub(crate) fn flag(&mut self, name: &str, value: bool) -> &mut Self {
        self.raw(name, if value { "true" } else { "false" })
    }

    /// A number, or `null`.
    pub(crate) fn maybe(&mut self, name: &str, value: Option<impl Into<u64>>) -> &mut Self {
        let value = value.map(|value| value.into().to_string());
        self.raw(name, value.as_deref().unwrap_or("null"))
    }

    pub(crate) fn object(&mut self, name: &str, value: Object) -> &mut Self {
        self.raw(name, &value.finish())
    }

    pub(crate) fn list(&mut self, name: &str, values: impl Iterator<Item = Object>) -> &mut Self {
        let values: Vec<String> = values.map(Object::finish).collect();
        self.raw(name, &format!("[{}]", values.join(",")))
    }

    pub(crate) fn finish(mut self) -> String {
        self.text.push('}');
        self.text
    }

    fn raw(&mut self, name: &str, value: &str) -> &mut Self {
        if self.text.len() > 1 {
            self.text.push(',');
        }
        self.text.push_str(&string(name));
        self.text.push(':');
        self.text.push_str(value);
        self
    }
}

/// A string with its quotes.
pub(crate) fn string(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for character in text.chars() {
        match character {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            // Beyond what JSON asks for: nothing in a log may steer a terminal.
            character if character.is_control() => {
                // Writing to a String cannot fail.
                let _ = write!(quoted, "\\u{:04x}", u32::from(character));
            }
            character => quoted.push(character),
        }
    }
    quoted.push('"');
    quoted
}

/// The text of a string as [`string`] writes it.
pub(crate) fn unquoted(quoted: &str) -> Option<String> {
    let mut text = String::new();
    let mut characters = quoted.strip_prefix('"')?.strip_suffix('"')?.chars();
    while let Some(character) = characters.next() {
        text.push(match character {
            '\\' => match characters.next()? {
                'u' => {
                    let mut digit = || characters.next()?.to_digit(16);
                    char::from_u32(((digit()? * 16 + digit()?) * 16 + digit()?) * 16 + digit()?)?
                }
                escaped => escaped,
            },
            '"' => return None,
            character => character,
        });
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_is_one_line_whatever_is_in_it() {
        let mut inner = Object::new();
        inner.flag("yes", true);
        let mut object = Object::new();
        object.number("n", 7_u32).text("text", "a\"b\\c\n\u{1b}[1mü").maybe("none", None::<u64>).object("in", inner);
        object.list("list", [Object::new()].into_iter());
        let expected = r#"{"n":7,"text":"a\"b\\c\u000a\u001b[1mü","none":null,"in":{"yes":true},"list":[{}]}"#;
        assert_eq!(object.finish(), expected);
    }

    #[test]
    fn a_string_comes_back() {
        for text in ["", "a\"b\\c\n\u{1b}[1mü🦟"] {
            assert_eq!(unquoted(&string(text)).as_deref(), Some(text));
        }
        assert_eq!((unquoted("\"a"), unquoted("\"\\u00\""), unquoted("\"\\\"")), (None, None, None));
    }
}
