//! What may stand in a line: nothing that ends it, moves a terminal's cursor, or turns the order of what is read.

use std::fmt;

/// Whether a character must not come as it is from whoever is logged: controls (C0, DEL, C1) would end the line and begin a
/// forged one, or command a terminal; so would the separators of lines and paragraphs; the marks of direction show text in
/// another order than it has.
pub(crate) fn is_harmful(character: char) -> bool {
    character.is_control() || matches!(character, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Text that somebody else has chosen, as it may stand in a log.
pub(crate) struct Escaped<'a>(pub(crate) &'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_escaped(f, self.0, is_harmful)
    }
}

/// A whole line that has passed through others' hands. The tab that some begin with may stay.
pub(super) struct EscapedLine<'a>(pub(super) &'a str);

/// Whether it needs that.
pub(super) fn breaks_a_line(character: char) -> bool {
    character != '\t' && is_harmful(character)
}

impl fmt::Display for EscapedLine<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_escaped(f, self.0, breaks_a_line)
    }
}

fn write_escaped(f: &mut fmt::Formatter<'_>, text: &str, is_escaped: fn(char) -> bool) -> fmt::Result {
    let mut rest = text;
    while let Some(at) = rest.find(is_escaped) {
        f.write_str(&rest[..at])?;
        let harmful = rest[at..].chars().next().unwrap_or_default();
        match u32::from(harmful) {
            code @ ..=0xff => write!(f, "\\x{code:02x}")?,
            code => write!(f, "\\u{{{code:04x}}}")?,
        }
        rest = &rest[at + harmful.len_utf8()..];
    }
    f.write_str(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_cannot_forge_lines() {
        assert_eq!(Escaped("a\n1700: b\u{1b}[31m\u{9b}1m\u{7f}é").to_string(), "a\\x0a1700: b\\x1b[31m\\x9b1m\\x7fé");
        assert_eq!(Escaped("a\u{2028}b\u{2029}c\u{85}d\te").to_string(), "a\\u{2028}b\\u{2029}c\\x85d\\x09e");
        assert_eq!(Escaped("\u{202e}nimda\u{2066}").to_string(), "\\u{202e}nimda\\u{2066}");
        assert_eq!(EscapedLine("\ta\r\nb").to_string(), "\ta\\x0d\\x0ab");
    }
}
