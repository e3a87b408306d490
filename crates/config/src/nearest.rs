//! "Did you mean …?": the known name nearest to an unknown one.

use crate::directives::{directives, names};

/// A sentence that helps with an unknown first word.
pub(crate) fn hint(word: &str) -> Option<String> {
    if word.starts_with('#') {
        return Some("A comment begins with '#' in the first column.".to_owned());
    }
    if word.contains('\t') {
        return Some("Words are separated by spaces; a tab is taken as part of a word.".to_owned());
    }
    Some(format!("Did you mean '{}'?", nearest(word)?))
}

fn nearest(word: &str) -> Option<&'static str> {
    let word: Vec<char> = word.chars().take(WORD_CHARS_MAX + 1).collect();
    if word.len() > WORD_CHARS_MAX {
        return None;
    }
    // One wrong letter in three is still a slip; more is another word.
    let distance_max = (word.len() / 3).clamp(1, 4);
    directives()
        .flat_map(names)
        .map(|name| (distance(&word, name), name))
        .min_by_key(|(distance, _)| *distance)
        .filter(|(distance, _)| *distance <= distance_max)
        .map(|(_, name)| name)
}

/// How many letters must be inserted, left out, replaced, or swapped with their neighbour.
fn distance(word: &[char], name: &str) -> usize {
    let name: Vec<char> = name.chars().collect();
    // Rows of the usual table: of the letter before the last, of the last, of this one.
    let mut before = vec![0; name.len() + 1];
    let mut last: Vec<usize> = (0..=name.len()).collect();
    for (i, letter) in word.iter().enumerate() {
        let mut this = vec![i + 1; name.len() + 1];
        for (j, other) in name.iter().enumerate() {
            let replaced = last[j] + usize::from(letter != other);
            this[j + 1] = replaced.min(last[j + 1] + 1).min(this[j] + 1);
            if i > 0 && j > 0 && *letter == name[j - 1] && word[i - 1] == *other {
                this[j + 1] = this[j + 1].min(before[j - 1] + 1);
            }
        }
        before = std::mem::replace(&mut last, this);
    }
    last[name.len()]
}

/// No name is nearly as long; the table grows with the word.
const WORD_CHARS_MAX: usize = 48;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_recognised() {
        let check = |word: &str, expected: Option<&str>| assert_eq!(nearest(word), expected, "{word}");
        check("listner", Some("listener"));
        check("Listener", Some("listener"));
        check("lisetner", Some("listener"));
        check("allow_annonymous", Some("allow_anonymous"));
        check("allow-anonymous", Some("allow_anonymous"));
        check("pasword_file", Some("password_file"));
        check("prot", Some("port"));
        check("xyz", None);
        check("frobnicate_everything", None);
        check(&"listener".repeat(9), None);
    }

    #[test]
    fn distances() {
        let check = |word: &str, name, expected| {
            let letters: Vec<char> = word.chars().collect();
            assert_eq!(distance(&letters, name), expected, "{word} {name}");
        };
        check("port", "port", 0);
        check("", "port", 4);
        check("prot", "port", 1);
        check("ports", "port", 1);
        check("prt", "port", 1);
        check("part", "port", 1);
        check("tropo", "port", 4);
    }
}
