//! What others have chosen, made fit for a terminal: it shows text, and does nothing that the text says.

use std::borrow::Cow;

/// The same bytes where they are text that a terminal shows as it is. Control characters become `\u001b`, as in JSON, and bytes
/// that are no UTF-8 `\xff`; tabs and ends of lines stay.
pub(crate) fn shown(bytes: &[u8]) -> Cow<'_, [u8]> {
    if bytes.utf8_chunks().all(|chunk| chunk.invalid().is_empty() && !acts(chunk.valid())) {
        return Cow::Borrowed(bytes);
    }
    let mut text = String::with_capacity(bytes.len() + 16);
    for chunk in bytes.utf8_chunks() {
        push_shown(chunk.valid(), &mut text);
        chunk.invalid().iter().for_each(|byte| text.push_str(&format!("\\x{byte:02x}")));
    }
    Cow::Owned(text.into_bytes())
}

/// The same of a text, on one line.
pub(crate) fn on_a_line(text: &str) -> String {
    String::from_utf8_lossy(&shown(text.as_bytes())).replace(['\n', '\t'], " ")
}

/// Whether a terminal might do something at these words.
fn acts(text: &str) -> bool {
    text.contains(|char: char| char.is_control() && !matches!(char, '\n' | '\t'))
}

fn push_shown(text: &str, shown: &mut String) {
    let mut chars = text.chars().peekable();
    while let Some(char) = chars.next() {
        let ends_line = char == '\r' && chars.peek() == Some(&'\n');
        if char.is_control() && !matches!(char, '\n' | '\t') && !ends_line {
            shown.push_str(&format!("\\u{:04x}", u32::from(char)));
        } else {
            shown.push(char);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(bytes: &[u8], expected: &str) {
        assert_eq!(String::from_utf8_lossy(&shown(bytes)), expected);
    }

    #[test]
    fn text_stays_as_it_is() {
        check(b"21.5", "21.5");
        check("Grüße\tan alle\r\n".as_bytes(), "Grüße\tan alle\r\n");
    }

    #[test]
    fn what_a_terminal_would_obey_is_shown() {
        check(b"\x1b[2J\x07", "\\u001b[2J\\u0007");
        check("a\u{9b}31mb\u{7f}".as_bytes(), "a\\u009b31mb\\u007f");
        check(b"over\rwritten", "over\\u000dwritten");
        check(b"\xff\x00text", "\\xff\\u0000text");
    }

    #[test]
    fn a_line_is_one() {
        assert_eq!(on_a_line("a\nb\tc\u{1b}"), "a b c\\u001b");
    }
}
