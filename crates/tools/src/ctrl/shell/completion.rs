//! What Tab completes.

use std::collections::BTreeMap;

use rustyline::completion::Completer;
use rustyline::highlight::Highlighter;
use rustyline::hint::Hinter;
use rustyline::validate::Validator;
use rustyline::{Context, Helper, Result};

use super::super::module::{Kind, Module, Names, Place};

/// What can be said here.
#[derive(Clone, Debug, Default)]
pub(super) struct Completion {
    /// Words of the shell itself.
    pub(super) words: Vec<&'static str>,
    /// The module in which one is.
    pub(super) module: Option<&'static Module>,
    /// What the server has.
    pub(super) names: BTreeMap<Names, Vec<String>>,
}

impl Completion {
    /// Where the word begins that is typed, and what it can become.
    fn candidates(&self, line: &str) -> (usize, Vec<String>) {
        let start = line.rfind(char::is_whitespace).map_or(0, |at| at + 1);
        let (before, begun) = line.split_at(start);
        let before: Vec<&str> = before.split_whitespace().collect();
        let all = match before.as_slice() {
            [] => self.commands(),
            [name] if name.eq_ignore_ascii_case("help") => self.commands(),
            [name, arguments @ ..] => self.arguments(name, arguments.len()),
        };
        let is_begun = |word: &String| word.get(..begun.len()).is_some_and(|head| head.eq_ignore_ascii_case(begun));
        (start, all.into_iter().filter(is_begun).map(quoted).collect())
    }

    fn commands(&self) -> Vec<String> {
        let commands = self.module.into_iter().flat_map(Module::commands).map(|command| command.name);
        commands.chain(self.words.iter().copied()).map(str::to_owned).collect()
    }

    /// What can be the argument with this number.
    fn arguments(&self, name: &str, number: usize) -> Vec<String> {
        let Some(command) = self.module.and_then(|module| module.command(name)) else { return Vec::new() };
        let mut places = command.arguments.iter().filter(|argument| !matches!(argument.place, Place::Flag(_)));
        match places.nth(number).map(|argument| argument.kind) {
            Some(Kind::Name(names)) => self.names.get(&names).cloned().unwrap_or_default(),
            Some(Kind::OneOf(words)) => words.iter().map(|word| (*word).to_owned()).collect(),
            Some(Kind::Access) => vec!["allow".to_owned(), "deny".to_owned()],
            Some(Kind::Text | Kind::Priority | Kind::Count | Kind::Password(_)) | None => Vec::new(),
        }
    }
}

/// A name as it is typed.
fn quoted(name: String) -> String {
    if name.contains(char::is_whitespace) { format!("\"{name}\"") } else { name }
}

impl Completer for Completion {
    type Candidate = String;

    fn complete(&self, line: &str, position: usize, _: &Context<'_>) -> Result<(usize, Vec<String>)> {
        Ok(self.candidates(&line[..position]))
    }
}

impl Helper for Completion {}
impl Hinter for Completion {
    type Hint = String;
}
impl Highlighter for Completion {}
impl Validator for Completion {}

#[cfg(test)]
mod tests {
    use super::super::super::dynsec::DYNSEC;
    use super::*;

    #[track_caller]
    fn check(line: &str, start: usize, expected: &[&str]) {
        let names =
            [(Names::Clients, vec!["ada".to_owned(), "a b".to_owned()]), (Names::Roles, vec!["reader".to_owned()])];
        let words = vec!["return", "help", "exit"];
        let completion = Completion { words, module: Some(&DYNSEC), names: names.into_iter().collect() };
        let (found, candidates) = completion.candidates(line);
        assert_eq!(
            (found, candidates.iter().map(String::as_str).collect::<Vec<_>>().as_slice()),
            (start, expected),
            "{line}"
        );
    }

    #[test]
    fn commands_and_what_stands_behind_them_are_completed() {
        check("REM", 0, &["removeClientRole", "removeGroupRole", "removeGroupClient", "removeRoleACL"]);
        check("ret", 0, &["return"]);
        check("help geta", 5, &["getAnonymousGroup"]);
        check("getClient ", 10, &["ada", "\"a b\""]);
        check("addClientRole ada ", 18, &["reader"]);
        check("addRoleACL reader subscribe", 18, &["subscribeLiteral", "subscribePattern"]);
        check("addRoleACL reader subscribeLiteral a d", 37, &["deny"]);
        check("listClients 1", 12, &[]);
        check("nothing ", 8, &[]);
        check("getClient é", 10, &[]);
    }
}
