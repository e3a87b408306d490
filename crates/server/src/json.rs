//! Strings of JSON, as they are said and heard.

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
                // Writing to a String cannot fail.
                let _ = write!(quoted, "\\u{:04x}", u32::from(character));
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
        for text in ["", "a\"b\\c/\n\t\u{1b}[1mü🦟"] {
            assert_eq!(string(&quoted(text)), Some((text.to_owned(), "")));
        }
        assert_eq!(quoted("a\"b\\c\n\u{1b}[1mü"), r#""a\"b\\c\u000a\u001b[1mü""#);
    }

    #[test]
    fn what_is_no_string() {
        for text in ["", "a", "\"a", r#""\x""#, r#""\u00""#, r#""\""#, r#""\ud83e""#, "\"\n\""] {
            assert_eq!(string(text), None, "{text}");
        }
    }
}
