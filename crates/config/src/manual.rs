//! The manual page of `mosquitto.conf`, made from the table of directives.

use std::fmt::Write;

use crate::directives::{Directive, Scope, State, TABLE, Value, names};

/// The page, as Markdown.
pub fn manual() -> String {
    let mut page = INTRODUCTION.to_owned();
    for (title, group) in TABLE {
        let _ = write!(page, "\n## {title}\n");
        for directive in group {
            let _ = write!(page, "\n{}", entry(directive));
        }
    }
    page
}

fn entry(directive: &'static Directive) -> String {
    let mut facts = vec![format!("- Takes {}", value(directive.value()))];
    if !directive.default.is_empty() {
        facts.push(format!("- Default: `{}`", directive.default));
    }
    facts.push(format!("- Stands {}", scope(directive.scope)));
    let when = if directive.reloadable { "when the file is read again (SIGHUP)" } else { "after a restart" };
    facts.push(format!("- A new value counts {when}"));
    if let Some(state) = state(directive) {
        facts.push(format!("- {state}"));
    }
    let note = if directive.note.is_empty() { String::new() } else { format!("\n{}\n", directive.note) };
    let name = names(directive).map(|name| format!("`{}`", full(name))).collect::<Vec<_>>().join(", ");
    format!("### {name}\n\n{}\n\n{}\n{note}", directive.doc, facts.join("\n"))
}

/// A name that goes on as one likes.
fn full(name: &str) -> String {
    if name.ends_with('_') { format!("{name}NAME") } else { name.to_owned() }
}

fn value(value: Value) -> String {
    let number = |notation: &str, min: i64, max: i64| {
        let lowest = (min > i64::from(i32::MIN)).then(|| format!("at least {min}"));
        let highest = (max < i64::from(i32::MAX)).then(|| format!("at most {max}"));
        let bounds: Vec<String> = lowest.into_iter().chain(highest).collect();
        let separator = if bounds.is_empty() { "" } else { ", " };
        format!("{notation}{separator}{}", bounds.join(" and "))
    };
    match value {
        Value::Bool => "`true` or `false`".to_owned(),
        Value::Integer { min, max } => number("a number", min, max),
        Value::Decimal { min, max } => number("a decimal number", min, max),
        Value::Choice(words) => {
            let words: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
            format!("one of {}", words.join(", "))
        }
        Value::Text => "the rest of the line".to_owned(),
        Value::Path => "the path of a file or folder, the rest of the line".to_owned(),
        Value::Words => "words, as described".to_owned(),
    }
}

fn scope(scope: Scope) -> &'static str {
    match scope {
        Scope::Global => "anywhere, for the whole server",
        Scope::Security => {
            "anywhere, for all listeners; with `per_listener_settings true` below a listener, for that one"
        }
        Scope::Listener => "below a listener, for that one",
        Scope::ListenerOrDefault => "below a listener, for that one; above all of them for the default listener",
        Scope::StatedListener => "below a `listener` line, for that one",
        Scope::Bridge => "below a `connection`, for that bridge",
        Scope::Plugin => "below a plugin, for that one",
    }
}

fn state(directive: &Directive) -> Option<String> {
    let state = match directive.state {
        State::Works => return None,
        State::WithFeature(feature) => {
            let build = format!("cargo build --release --features {feature}");
            return Some(format!(
                "**Only in a server that is built with `{build}`**; any other does not start with it"
            ));
        }
        State::Planned => "**Does not work yet; the server does not start with it**",
        State::Ignored => "**Has no effect**",
    };
    Some(format!("{state}: {}", directive.reason))
}

const INTRODUCTION: &str = "\
# mosquitto.conf

<!-- Made from the table of directives by `cargo xtask manual`. -->

One option stands on a line: its name, spaces, its value. A line that begins with `#` is a comment. Numbers are as in C (`0x10`,
`020` and `16` are the same) unless they are called decimal. `midge check FILE` says what is wrong with a file.

SIGHUP has the file read again, with all files that it names. Everything is read, checked and opened first: a mistake changes
nothing, and the log says where it is. Limits that a client was told when it connected hold for it until it goes; clients that would
not be let in any more, or whose listener is gone, are sent away.
";
