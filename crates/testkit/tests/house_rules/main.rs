//! The rules of this house that the compiler does not check by itself, as tests.
//!
//! A rule is a function from text to a list of [`Broken`] places. It is tested twice: on the workspace, where the list must be
//! empty, and on a text that breaks it, so that a rule which sees nothing any more is noticed. CONTRIBUTING.md tells people what
//! the rules are; a message here says what to do.
//!
//! Reading order: `files.rs` and `source.rs` (what is looked at), then the rules: `layers.rs`, `purity.rs`, `style.rs`,
//! `documents.rs`, `directives.rs`, `checkers.rs`.

mod checkers;
mod directives;
mod documents;
mod files;
mod layers;
mod purity;
mod source;
mod style;

/// A place that breaks a rule, as `path:line: what and what instead`.
type Broken = String;

/// Fails with every place that breaks the rule, not just the first.
#[track_caller]
fn none(broken: impl IntoIterator<Item = Broken>) {
    let broken: Vec<_> = broken.into_iter().collect();
    assert!(broken.is_empty(), "\n{}\n", broken.join("\n"));
}

/// The negative test of a rule: exactly these line numbers of the text break it.
#[track_caller]
fn caught(broken: &[Broken], lines: &[usize]) {
    let line = |place: &Broken| place.split(':').nth(1).and_then(|line| line.parse().ok());
    let found: Vec<usize> = broken.iter().filter_map(line).collect();
    assert_eq!(found, lines, "\n{}\n", broken.join("\n"));
}
