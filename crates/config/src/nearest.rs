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

/// The name of an option that was meant, if there is one like it.
pub(crate) fn nearest(word: &str) -> Option<&'static str> {
    let options = || directives().flat_map(names);
    let slip = nearest_of(word, options());
    // Who left out the ends of words has written more that is missing than one letter.
    let is_one_letter = slip.is_some_and(|name| distance(word, name) == 1);
    let shortened = || options().filter(|name| is_short_for(word, name)).min_by_key(|name| name.len());
    if is_one_letter { slip } else { shortened().or(slip) }
}

/// Of these names the one that was meant, if there is one like it; of several that are as near the first.
pub fn nearest_of<'a>(word: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let char_count = word.chars().take(WORD_CHARS_MAX + 1).count();
    if char_count > WORD_CHARS_MAX {
        return None;
    }
    // One wrong letter in three is still a slip; more is another word.
    let distance_max = (char_count / 3).clamp(1, 4);
    names
        .map(|name| (distance(word, name), name))
        .min_by_key(|(distance, _)| *distance)
        .filter(|(distance, _)| *distance <= distance_max)
        .map(|(_, name)| name)
}

/// Whether this is the beginning of the name, or has letters left out of its words, but for their first ones.
fn is_short_for(word: &str, name: &str) -> bool {
    let is_part = |(part, whole): (&str, &str)| {
        let mut letters = whole.chars();
        part.chars().next() == whole.chars().next() && part.chars().all(|letter| letters.any(|other| other == letter))
    };
    let has_as_many = word.split('_').count() == name.split('_').count();
    let is_shortened = || has_as_many && word.split('_').zip(name.split('_')).all(is_part);
    word.len() >= SHORT_BYTES_MIN && (name.starts_with(word) || is_shortened())
}

/// Less may be short for anything.
const SHORT_BYTES_MIN: usize = 4;

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
        check("influxdb_db", Some("influxdb_database"));
        check("influxdb_data", Some("influxdb_database"));
        check("persist_loc", Some("persistence_location"));
        check("console_list", Some("console_listener"));
        check("max_con", Some("max_connections"));
        check("ab", None);
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
