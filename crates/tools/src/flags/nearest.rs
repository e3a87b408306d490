//! Which flag, or other name, was meant by a word that is none.

use strsim::levenshtein as distance;

use super::table::Table;

/// What the user may have wanted to write.
pub(super) fn hint<O>(table: &Table<O>, word: &str) -> Option<String> {
    with_value_attached(table, word).or_else(|| nearest(table, word).map(str::to_owned))
}

/// `--name=value` and `-nvalue`, which other programs take.
fn with_value_attached<O>(table: &Table<O>, word: &str) -> Option<String> {
    let takes_word = |name: &str| table.flag(name).is_some_and(|flag| flag.word().is_some());
    if let Some((name, value)) = word.split_once('=').filter(|(name, _)| name.starts_with("--") && takes_word(name)) {
        return Some(format!("{name} {value}"));
    }
    let end = word.char_indices().nth(2)?.0;
    let (name, value) = word.split_at(end);
    let is_number = value.bytes().all(|byte| byte.is_ascii_digit());
    (is_number && takes_word(name)).then(|| format!("{name} {value}"))
}

/// The name that the word is the beginning of, or almost is.
fn nearest<O>(table: &Table<O>, word: &str) -> Option<&'static str> {
    let names = || table.flags().flat_map(|flag| flag.names).copied();
    if word.chars().count() < LETTERS_MIN {
        return names().find(|name| name.eq_ignore_ascii_case(word));
    }
    let is_begun = |name: &&str| word.starts_with("--") && name.starts_with(word);
    names().find(is_begun).or_else(|| closest(word, names().filter(|name| name.starts_with("--"))))
}

/// The name with the fewest letters to change, where that are few enough to be a slip.
pub fn closest<'a>(word: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let distances = names.map(|name| (distance(name, word), name));
    let close = distances.filter(|(distance, _)| *distance <= 1 + word.len() / 5);
    close.min_by_key(|(distance, _)| *distance).map(|(_, name)| name)
}

/// A shorter word is a letter behind a dash, to which every other letter is as near.
const LETTERS_MIN: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_to_change_are_counted() {
        for (one, other, expected) in [("", "", 0), ("abc", "abc", 0), ("abc", "acb", 2), ("kitten", "sitting", 3)] {
            assert_eq!(distance(one, other), expected, "{one} {other}");
            assert_eq!(distance(other, one), expected, "{other} {one}");
        }
    }
}
