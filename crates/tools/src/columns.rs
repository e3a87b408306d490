//! The columns that text takes in a terminal, where Chinese characters and emoji are two wide and combining marks none.
//!
//! Each character counts for itself, as in most terminals. One that joins several into one emoji leaves a blank more.

use unicode_width::UnicodeWidthChar;

/// How wide it is.
pub(crate) fn width(text: &str) -> usize {
    text.chars().map(character_width).sum()
}

/// Its beginning, no wider than that. Marks stay with their letter.
pub(crate) fn beginning(text: &str, columns: usize) -> &str {
    let mut width = 0;
    let mut is_beyond = |character| {
        width += character_width(character);
        width > columns
    };
    let end = text.char_indices().find(|(_, character)| is_beyond(*character));
    end.map_or(text, |(at, _)| &text[..at])
}

/// No wider than that; the last column says where something is missing.
pub(crate) fn cut(text: &str, columns: usize) -> String {
    if width(text) <= columns {
        return text.to_owned();
    }
    format!("{}…", beginning(text, columns.saturating_sub(1)))
}

/// As wide as that: cut, or with blanks behind it.
pub(crate) fn fitted(text: &str, columns: usize) -> String {
    let text = cut(text, columns);
    let blanks = columns.saturating_sub(width(&text));
    text + &" ".repeat(blanks)
}

fn character_width(character: char) -> usize {
    character.width().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wide_characters_take_two_columns_and_marks_none() {
        for (text, expected) in [("", 0), ("abc", 3), ("Küche", 5), ("Ku\u{308}che", 5), ("温度", 4), ("🔥 °C", 5)]
        {
            assert_eq!(width(text), expected, "{text}");
        }
    }

    #[test]
    fn text_is_cut_between_characters() {
        let check = |text, columns, expected: &str| assert_eq!(fitted(text, columns), expected, "{text} {columns}");
        check("kitchen", 7, "kitchen");
        check("kitchen", 6, "kitch…");
        check("kitchen", 9, "kitchen  ");
        check("室内温度", 8, "室内温度");
        check("室内温度", 7, "室内温…");
        check("室内温度", 6, "室内… ");
        check("Ku\u{308}che", 3, "Ku\u{308}…");
        check("室", 1, "…");
    }
}
