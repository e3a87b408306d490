//! Files and lines: the grammar of `mosquitto.conf`.
//!
//! One option a line. A line whose first column is `#` is a comment, an indented `#` is not. Words are separated by
//! spaces only. What ends with a word ignores the rest of its line; what takes text takes all of it.

use crate::Files;
use crate::directives::{Again, Bounds, Directive, Given, Scope, State, Take, find};
use crate::draft::{Draft, Part, Reading};
use crate::nearest;
use crate::report::Level;
use crate::value::{Words, decimal, shown, text};

/// The file that was asked for, with all it includes.
pub(crate) fn read_main_file(draft: &mut Draft, files: &dyn Files, path: &str) {
    match files.read(path) {
        Ok(bytes) => read_lines(draft, files, path, &bytes),
        Err(why) => draft.error_nowhere(format!("Unable to open config file '{path}'."), format!("It says: {why}.")),
    }
}

fn read_lines(draft: &mut Draft, files: &dyn Files, path: &str, bytes: &[u8]) {
    draft.reading.push(Reading { file: path.to_owned(), line: 0, bytes: Vec::new() });
    for line in bytes.split(|byte| *byte == b'\n') {
        let end = line.iter().rposition(|byte| *byte != b'\r').map_or(0, |last| last + 1);
        let line = &line[..end];
        if let Some(reading) = draft.reading.last_mut() {
            reading.line = reading.line.saturating_add(1);
            line.clone_into(&mut reading.bytes);
        }
        if draft.errors() >= ERRORS_MAX {
            break;
        }
        if line.first() != Some(&b'#') {
            read_line(draft, files, Words(line));
        }
    }
    draft.reading.pop();
}

fn read_line(draft: &mut Draft, files: &dyn Files, mut words: Words<'_>) {
    let Some(word) = words.next() else {
        return;
    };
    let name = &shown(word);
    let Some(directive) = find(name) else {
        draft.error_in(Part::Name, format!("Unknown configuration variable '{name}'."), nearest::hint(name));
        draft.note_faulty(nearest::nearest(name));
        return;
    };
    if !draft.enter(directive.scope, name) {
        return draft.note_faulty(Some(directive.name));
    }
    let errors = draft.errors();
    let changes = take(draft, files, directive, Given { name, words });
    if draft.errors() == errors {
        draft.mention(directive);
        if directive.is_single {
            warn_of_earlier(draft, directive, name);
        }
        if changes {
            report_state(draft, directive, name);
        }
    } else {
        draft.note_faulty(Some(directive.name));
    }
}

/// Takes the value to where it belongs. Is it another than the default?
fn take(draft: &mut Draft, files: &dyn Files, directive: &'static Directive, mut given: Given<'_>) -> bool {
    let name = given.name;
    match &directive.take {
        Take::Bool(set) => {
            let Some(word) = draft.word(name, given.words.next()) else {
                return false;
            };
            let on = match word {
                b"true" | b"1" => true,
                b"false" | b"0" => false,
                _ => {
                    draft.invalid(name, word);
                    return false;
                }
            };
            set(draft, on);
            directive.default != on.to_string()
        }
        Take::Integer(bounds, set) => {
            let word = given.words.next();
            let number = draft.integer(name, word);
            take_number(draft, directive, word.zip(number), (bounds, *set))
        }
        Take::Decimal(bounds, set) => {
            let word = given.words.next();
            let number = draft.number(name, word, decimal);
            take_number(draft, directive, word.zip(number), (bounds, *set))
        }
        Take::Choice(choices, set) => {
            let Some(word) = draft.word(name, given.words.next()) else {
                return false;
            };
            let Some(choice) = choices.iter().find(|choice| choice.as_bytes() == word) else {
                let hint = Some(format!("There are {}.", choices.join(", ")));
                draft.error_in(Part::Word(word), format!("Invalid '{name}' value ({}).", shown(word)), hint);
                return false;
            };
            set(draft, choice);
            directive.default != *choice
        }
        Take::Text(again, set) | Take::Path(again, set) => {
            let Some(text) = take_text(draft, directive, *again, given) else {
                return false;
            };
            let changes = directive.default != text;
            set(draft, text);
            changes
        }
        Take::Words(set) => {
            set(draft, given);
            true
        }
        Take::IncludeDir => {
            include(draft, files, given);
            true
        }
        Take::Anything => true,
    }
}

fn take_number(
    draft: &mut Draft,
    directive: &Directive,
    number: Option<(&[u8], i64)>,
    (bounds, set): (&Bounds, fn(&mut Draft, i64)),
) -> bool {
    let Some((word, number)) = number else {
        return false;
    };
    if number < bounds.min || number > bounds.max {
        draft.error_in(Part::Word(word), bounds.outside.replace("{}", &number.to_string()), None);
        return false;
    }
    set(draft, number);
    directive.default != number.to_string()
}

fn take_text(draft: &mut Draft, directive: &'static Directive, again: Again, given: Given<'_>) -> Option<String> {
    let name = given.name;
    let bytes = given.words.rest();
    if bytes.is_empty() {
        draft.error(format!("Empty '{name}' value in configuration."));
        return None;
    }
    if again == Again::Error && !draft.is_first(directive.name, directive.scope) {
        draft.error_in(Part::Name, format!("Duplicate '{name}' value in configuration."), None);
        return None;
    }
    if bytes.len() > TEXT_BYTES_MAX {
        draft.error(format!("The '{name}' value is longer than {TEXT_BYTES_MAX} bytes."));
        return None;
    }
    let text = text(bytes);
    if text.is_none() {
        draft.error("Malformed UTF-8 in configuration.");
    }
    text
}

/// Whoever adds a line below an older one hardly means to have both, and looks for what became of the other.
fn warn_of_earlier(draft: &mut Draft, directive: &Directive, name: &str) {
    if let Some(earlier) = draft.given_before(directive.name, directive.scope) {
        draft.warn(format!("The '{name}' option is given twice: this line counts, and {earlier} does not."));
    }
}

/// Says what an option that does not work means for the server, once it is known to be well written.
fn report_state(draft: &mut Draft, directive: &Directive, name: &str) {
    // A bridge or plugin is refused at its own line; its options need no refusal of their own.
    if matches!(directive.scope, Scope::Bridge | Scope::Plugin) {
        return;
    }
    let reason = directive.reason;
    match directive.state {
        State::Works => {}
        State::WithFeature("openssl") if cfg!(feature = "openssl") => {}
        State::WithFeature("otlp") if cfg!(feature = "otlp") => {}
        State::WithFeature(feature) => {
            let text = format!(
                "The '{name}' option needs a server built with the cargo feature {feature}, and this one is not."
            );
            let hint = format!("Build it with: cargo build --release --features {feature}");
            draft.error_in(Part::Name, text, Some(hint));
        }
        State::Planned => {
            draft.error_in(Part::Name, format!("The '{name}' option does not work yet: {reason}"), None);
        }
        State::Ignored => draft.warn(format!("The '{name}' option has no effect: {reason}")),
    }
}

/// `include_dir`: every `*.conf` of the folder, each with a context of its own.
fn include(draft: &mut Draft, files: &dyn Files, given: Given<'_>) {
    if draft.reading.len() > 1 {
        draft.error_in(Part::Name, "The include_dir option is only valid in the main configuration file.", None);
        return;
    }
    let bytes = given.words.rest();
    if bytes.is_empty() {
        draft.error("Empty 'include_dir' value in configuration.");
        return;
    }
    let Some(folder) = text(bytes) else {
        draft.error("Malformed UTF-8 in configuration.");
        return;
    };
    let mut names = match files.list(&folder) {
        Ok(names) => names,
        Err(why) => {
            let hint = Some(format!("It says: {why}."));
            draft.error_in(Part::Value, format!("Unable to open include_dir '{folder}'."), hint);
            return;
        }
    };
    names.retain(|name| name.len() > EXTENSION.len() && name.ends_with(EXTENSION));
    names.sort_by(|one, other| order(one).cmp(order(other)));
    for name in names {
        let path = format!("{}/{name}", folder.trim_end_matches('/'));
        draft.note(Level::Information, format!("Loading config file '{path}'."));
        match files.read(&path) {
            Ok(bytes) => {
                let outer = std::mem::take(&mut draft.context);
                read_lines(draft, files, &path, &bytes);
                draft.context = outer;
            }
            Err(why) => {
                let hint = Some(format!("It says: {why}."));
                draft.error_in(Part::Value, format!("Unable to open config file '{path}'."), hint);
            }
        }
    }
}

/// Letter by letter, whatever the case; of the two cases of one letter, the upper first.
fn order(name: &str) -> impl Iterator<Item = (u8, u8)> {
    name.bytes().map(|byte| (byte.to_ascii_uppercase(), byte))
}

const EXTENSION: &str = ".conf";

/// A string goes into an MQTT string at most.
const TEXT_BYTES_MAX: usize = u16::MAX as usize;

/// Whoever has so many wants to see the first ones; a file that is no configuration at all has one on each line.
const ERRORS_MAX: usize = 100;
