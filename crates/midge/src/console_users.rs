//! Users of whom the configuration says what they may do on the console, and whom the password file does not have.
//!
//! The configuration alone does not show that: the file is read. One that cannot be read, or is wrong, is told of elsewhere.

use std::collections::BTreeSet;

use midge_config::{Config, Level, Listener, Mentions, Note, Protocol, nearest_of};

/// A warning for each line that names somebody who cannot come.
pub(crate) fn unknown(config: &Config, mentions: &Mentions) -> Vec<Note> {
    let named = mentions.lines.iter().filter(|mention| matches!(mention.directive, "console_admin" | "console_viewer"));
    let mut named = named.peekable();
    let Some(files) = named.peek().and_then(|_| files_that_count(config)) else { return Vec::new() };
    let read = files.iter().map(|path| midge_server::user_names(path)).collect::<Result<Vec<_>, _>>();
    let Ok(names) = read else { return Vec::new() };
    let names: BTreeSet<&str> = names.iter().flatten().map(String::as_str).collect();
    let shown = files.into_iter().collect::<Vec<_>>().join(" and ");
    let is_missing = |name: &str| !names.contains(name);
    named
        .filter(|mention| is_missing(&mention.value))
        .map(|mention| {
            let name = &mention.value;
            let remedy = match nearest_of(name, names.iter().copied()) {
                Some(near) => format!("Did you mean '{near}'?"),
                None => format!("Add the user with `midge passwd FILE {name}`, or take this line out."),
            };
            let text = format!("there is no user '{name}' in {shown}, so that nobody is that on the console. {remedy}");
            Note { level: Level::Warning, text, place: mention.place.clone() }
        })
        .collect()
}

/// The password files of all consoles; `None`: others know users too, or nobody does.
fn files_that_count(config: &Config) -> Option<BTreeSet<&str>> {
    let consoles = || config.listeners.iter().filter(|listener| listener.protocol == Protocol::Console);
    let asks_others = |console: &Listener| console.jwt.is_on() || console.http.user_url.is_some();
    let files: BTreeSet<&str> = consoles().filter_map(|console| console.password_file.as_deref()).collect();
    (!files.is_empty() && !consoles().any(asks_others)).then_some(files)
}
