//! What may stand in a line: nothing that ends it, moves a terminal's cursor, or turns the order of what is read.

use std::fmt;

/// Whether a character must not come as it is from whoever is logged.
pub(crate) fn is_harmful(character: char) -> bool {
    match character {
        // Separators of lines and paragraphs end the line.
        '\u{2028}' | '\u{2029}' => true,
        // Marks of direction show text in another order than it has.
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => true,
        // With what nobody sees, two names look like one: marks of byte order, what has no width, tags, what is for private use.
        '\u{ad}' | '\u{180e}' | '\u{200b}' | '\u{2060}'..='\u{2065}' | '\u{206a}'..='\u{206f}' => true,
        '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e000}'..='\u{f8ff}' | '\u{e0000}'..='\u{10ffff}' => true,
        // C0, DEL, C1 end the line and begin a forged one, or command a terminal.
        other => other.is_control(),
    }
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
        assert_eq!(Escaped("a\u{feff}b\u{e0041}c\u{e000}").to_string(), "a\\u{feff}b\\u{e0041}c\\u{e000}");
        assert_eq!(Escaped("mü\u{200d}🦟\u{fe0f}").to_string(), "mü\u{200d}🦟\u{fe0f}");
        assert_eq!(EscapedLine("\ta\r\nb").to_string(), "\ta\\x0d\\x0ab");
    }
}
