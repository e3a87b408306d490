//! "Did you mean …?": the known name nearest to an unknown one.

use strsim::osa_distance as distance;

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

/// The name that was meant, if there is one like it.
pub(crate) fn nearest(word: &str) -> Option<&'static str> {
    let char_count = word.chars().take(WORD_CHARS_MAX + 1).count();
    if char_count > WORD_CHARS_MAX {
        return None;
    }
    // One wrong letter in three is still a slip; more is another word.
    let distance_max = (char_count / 3).clamp(1, 4);
    directives()
        .flat_map(names)
        .map(|name| (distance(word, name), name))
        .min_by_key(|(distance, _)| *distance)
        .filter(|(distance, _)| *distance <= distance_max)
        .map(|(_, name)| name)
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
        let check = |word, name, expected| assert_eq!(distance(word, name), expected, "{word} {name}");
        check("port", "port", 0);
        check("", "port", 4);
        check("prot", "port", 1);
        check("ports", "port", 1);
        check("prt", "port", 1);
        check("part", "port", 1);
        check("tropo", "port", 4);
    }
}
