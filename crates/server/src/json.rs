//! JSON, as it is said and heard: strings, and objects on one line.

use std::fmt::Write;

use crate::log::is_harmful;

/// A text as a string, with its quotes.
pub fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for character in text.chars() {
        match character {
            '"' | '\\' => quoted.extend(['\\', character]),
            // Beyond what JSON asks for: nothing in a log may steer a terminal.
            character if is_harmful(character) => {
                for unit in character.encode_utf16(&mut [0; 2]) {
                    // Writing to a String cannot fail.
                    let _ = write!(quoted, "\\u{unit:04x}");
                }
            }
            character => quoted.push(character),
        }
    }
    quoted.push('"');
    quoted
}

/// The string at the beginning, with its quotes, and what follows it. `None`: there is none.
pub fn string(text: &str) -> Option<(String, &str)> {
    let mut characters = text.strip_prefix('"')?.chars();
    let mut value = String::new();
    loop {
        match characters.next()? {
            '"' => return Some((value, characters.as_str())),
            '\\' => value.push(match characters.next()? {
                'n' => '\n',
                't' => '\t',
                'r' => '\r',
                'b' => '\u{8}',
                'f' => '\u{c}',
                'u' => escaped(&mut characters)?,
                character @ ('"' | '\\' | '/') => character,
                _ => return None,
            }),
            character if character < ' ' => return None,
            character => value.push(character),
        }
    }
}

/// An object that is being written, on one line.
#[derive(Default)]
pub struct Object {
    text: String,
}

impl Object {
    /// Without members.
    pub fn new() -> Self {
        Self::default()
    }

    /// A member with a number.
    pub fn number(&mut self, name: &str, value: impl Into<u64>) -> &mut Self {
        self.raw(name, &value.into().to_string())
    }

    /// A member with a text.
    pub fn text(&mut self, name: &str, value: &str) -> &mut Self {
        self.raw(name, &quoted(value))
    }

    /// A member with `true` or `false`.
    pub fn flag(&mut self, name: &str, value: bool) -> &mut Self {
        self.raw(name, if value { "true" } else { "false" })
    }

    /// A member with a number, or `null`.
    pub fn maybe(&mut self, name: &str, value: Option<impl Into<u64>>) -> &mut Self {
        let value = value.map(|value| value.into().to_string());
        self.raw(name, value.as_deref().unwrap_or("null"))
    }

    /// A member with a number that has digits behind the point.
    pub fn decimal(&mut self, name: &str, value: f64) -> &mut Self {
        self.raw(name, &format!("{value:.1}"))
    }

    /// A member with an object.
    pub fn object(&mut self, name: &str, value: Object) -> &mut Self {
        self.raw(name, &value.finish())
    }

    /// A member with a list of objects.
    pub fn list(&mut self, name: &str, values: impl Iterator<Item = Object>) -> &mut Self {
        let values: Vec<String> = values.map(Object::finish).collect();
        self.raw(name, &format!("[{}]", values.join(",")))
    }

    /// The whole of it.
    pub fn finish(mut self) -> String {
        if self.text.is_empty() {
            self.text.push('{');
        }
        self.text.push('}');
        self.text
    }

    fn raw(&mut self, name: &str, value: &str) -> &mut Self {
        self.text.push(if self.text.is_empty() { '{' } else { ',' });
        self.text.push_str(&quoted(name));
        self.text.push(':');
        self.text.push_str(value);
        self
    }
}

/// The character behind `\u`: four digits, or two times four for one beyond the first 65,536.
fn escaped(characters: &mut std::str::Chars<'_>) -> Option<char> {
    let first = hexadecimal(characters)?;
    if !(0xd800..0xdc00).contains(&first) {
        return char::from_u32(first);
    }
    let second =
        (characters.next()? == '\\' && characters.next()? == 'u').then(|| hexadecimal(characters)).flatten()?;
    let low = second.checked_sub(0xdc00).filter(|low| *low < 0x400)?;
    char::from_u32(0x1_0000 + ((first - 0xd800) << 10) + low)
}

fn hexadecimal(characters: &mut std::str::Chars<'_>) -> Option<u32> {
    (0..4).try_fold(0, |value, _| Some(value << 4 | characters.next()?.to_digit(16)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_quoted_comes_back() {
        for text in ["", "a\"b\\c/\n\t\u{1b}[1mü🦟", "\u{e0041}\u{feff}"] {
            assert_eq!(string(&quoted(text)), Some((text.to_owned(), "")));
        }
        assert_eq!(quoted("\u{2028}\u{e0041}"), r#""\u2028\udb40\udc41""#);
        assert_eq!(quoted("a\"b\\c\n\u{1b}[1mü"), r#""a\"b\\c\u000a\u001b[1mü""#);
    }

    #[test]
    fn what_is_no_string() {
        for text in ["", "a", "\"a", r#""\x""#, r#""\u00""#, r#""\""#, r#""\ud83e""#, "\"\n\""] {
            assert_eq!(string(text), None, "{text}");
        }
    }

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
}
