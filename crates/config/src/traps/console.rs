//! Lines about the console that change nothing.

use crate::config::{Config, Listener, Protocol};
use crate::report::{Mention, Mentions, Place};

/// Sentences, and the lines that they are about.
pub(super) fn traps<'a>(config: &Config, mentions: &'a Mentions) -> Vec<(&'a Place, String)> {
    let consoles: Vec<&Listener> =
        config.listeners.iter().filter(|listener| listener.protocol == Protocol::Console).collect();
    let absent = OPTIONS.into_iter().filter_map(|option| Some((first(mentions, option)?, absent(option))));
    if consoles.is_empty() {
        return absent.filter(|_| !mentions.are_faulty(&["console_listener"])).collect();
    }
    let is_known = consoles.iter().all(|console| !console.is_wrong()) && !mentions.are_faulty(super::WHO_COMES_IN);
    if !is_known || consoles.iter().any(|console| console.is_checked()) {
        return Vec::new();
    }
    let is_open = consoles.iter().any(|console| console.allow_anonymous);
    let unchecked = |option| Some((first(mentions, option)?, unchecked(mentions, option, is_open)));
    ["console_admin", "console_viewer"].into_iter().filter_map(unchecked).collect()
}

/// Options that say something of the console, and do not make one.
const OPTIONS: [&str; 4] = ["console_admin", "console_viewer", "console_host", "console_history"];

fn lines<'a>(mentions: &'a Mentions, option: &str) -> impl Iterator<Item = &'a Mention> {
    mentions.lines.iter().filter(move |mention| mention.directive == option)
}

fn first<'a>(mentions: &'a Mentions, option: &str) -> Option<&'a Place> {
    lines(mentions, option).next().map(|mention| &mention.place)
}

fn absent(option: &str) -> String {
    format!(
        "the '{option}' option changes nothing: there is no console. Add `console_listener 9883`, or take this line out."
    )
}

/// Of users whom the console never gets to know, as nobody who comes there has to show who he is.
fn unchecked(mentions: &Mentions, option: &str, is_open: bool) -> String {
    let names: Vec<&str> = lines(mentions, option).map(|mention| &*mention.value).collect();
    let who = match (is_open, option) {
        (true, "console_admin") => "everybody on this machine may look, and nobody may change anything",
        (true, _) => "everybody on this machine may look, and nobody else",
        (false, _) => "nobody comes in",
    };
    format!(
        "nothing checks passwords on the console, so that nobody is ever {} there: {who}. Put `password_file FILE` below the \
         console_listener line, and make that file with `midge passwd -c FILE {}`.",
        names.join(" or "),
        names.first().unwrap_or(&"USER")
    )
}
