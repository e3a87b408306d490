//! Completion for fish, as one `complete` for each flag.

use crate::flags::{Kind, Page, PageFlag};

pub(super) fn script(pages: &[Page]) -> String {
    let command = |page: &Page| {
        format!("complete -c midge -n __fish_use_subcommand -xa {} -d {}\n", page.name, quoted(page.summary))
    };
    let commands: String = pages.iter().map(command).collect();
    let pages: String = pages.iter().map(page).collect();
    format!("# Made by `midge completions fish`.\n{commands}{pages}")
}

/// The flags of a command, by its link, where it has one, and behind `midge`.
fn page(page: &Page) -> String {
    let command = format!("complete -c midge -n '__fish_seen_subcommand_from {}'", page.name);
    let lines = |before: &str| {
        let flags: String = page.flags().map(|it| format!("{before}{}\n", flag(it))).collect();
        let operands = operands(page).map(|it| format!("{before} {it}\n")).unwrap_or_default();
        flags + &operands
    };
    let link = page.link.map(|link| lines(&format!("complete -c {link}")));
    format!("\n{}{}", link.unwrap_or_default(), lines(&command))
}

fn flag(flag: &PageFlag) -> String {
    let name = |name: &&str| match name.strip_prefix("--") {
        Some(long) => format!(" -l {long}"),
        None => format!(" -s {}", name.trim_start_matches('-')),
    };
    let names: String = flag.names.iter().map(name).collect();
    let value = flag.word.map(|word| format!(" {}", value(word.kind))).unwrap_or_default();
    format!("{names}{value} -d {}", quoted(flag.brief()))
}

fn value(kind: Kind) -> String {
    match kind {
        Kind::Text => "-x".to_owned(),
        Kind::File => "-rF".to_owned(),
        Kind::Folder => "-xa '(__fish_complete_directories)'".to_owned(),
        Kind::Host => "-xa '(__fish_print_hostnames)'".to_owned(),
        Kind::OneOf(words) => format!("-xa {}", quoted(&words.join(" "))),
    }
}

/// Words that are no flags; `None`: files, which fish offers by itself.
fn operands(page: &Page) -> Option<String> {
    if page.operands.iter().any(|operand| matches!(operand.kind, Kind::File | Kind::Folder)) {
        return None;
    }
    let words = page.operands.iter().find_map(|operand| match operand.kind {
        Kind::OneOf(words) => Some(format!(" -a {}", quoted(&words.join(" ")))),
        _ => None,
    });
    Some(format!("-f{}", words.unwrap_or_default()))
}

/// As one word of the shell.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
}
