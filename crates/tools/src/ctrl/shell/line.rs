//! Lines of the shell, and how they differ from those of a command line.

use super::super::dynsec::DYNSEC;
use super::super::module::{Command, Kind};

/// The words of a line. Blanks part them, but between quotes.
pub(super) fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    for char in line.chars() {
        match quote {
            Some(mark) if char == mark => quote = None,
            None if matches!(char, '"' | '\'') => {
                quote = Some(char);
                word.get_or_insert_default();
            }
            None if char.is_whitespace() => words.extend(word.take()),
            _ => word.get_or_insert_default().push(char),
        }
    }
    words.extend(word);
    words
}

/// Mosquitto's shell takes some arguments otherwise than its command line does; both are right here: `createClient USER [PASSWORD
/// [CLIENTID]]`, and `addRoleACL ROLE KIND allow|deny [PRIORITY] TOPIC`.
pub(super) fn as_on_the_command_line<'w>(command: &Command, words: &[&'w str]) -> Vec<&'w str> {
    let is_access = |word: &str| ["allow", "deny"].iter().any(|access| access.eq_ignore_ascii_case(word));
    match (command.name, words) {
        ("createClient", [user_name, password]) if !password.starts_with('-') => vec![user_name, "-p", password],
        ("createClient", [user_name, password, client_id]) if !password.starts_with('-') => {
            vec![user_name, "-p", password, "-i", client_id]
        }
        ("addRoleACL", [role, kind, access, topic]) if is_access(access) && !is_access(topic) => {
            vec![role, kind, topic, access]
        }
        ("addRoleACL", [role, kind, access, priority, topic]) if is_access(access) && !is_access(priority) => {
            vec![role, kind, topic, access, priority]
        }
        _ => words.to_vec(),
    }
}

/// Whether a password may stand in the line.
pub(super) fn has_password(line: &str) -> bool {
    let words = words(line);
    let command = words.first().and_then(|name| DYNSEC.command(name));
    let takes_password =
        |command: &Command| command.arguments.iter().any(|argument| matches!(argument.kind, Kind::Password(_)));
    command.is_some_and(takes_password) && words.len() > 2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_hold_a_word_together() {
        let check = |line: &str, expected: &[&str]| assert_eq!(words(line), expected, "{line}");
        check("", &[]);
        check("  getClient   ada \r\n", &["getClient", "ada"]);
        check("a \"b c\"d 'e \"f' ''", &["a", "b cd", "e \"f", ""]);
    }

    #[test]
    fn both_orders_are_right() {
        #[track_caller]
        fn check(line: &str, expected: &str) {
            let words: Vec<&str> = line.split(' ').collect();
            let command = DYNSEC.command(words[0]).expect("it is there");
            assert_eq!(as_on_the_command_line(command, &words[1..]).join(" "), expected, "{line}");
        }
        check("createClient ada", "ada");
        check("createClient ada secret", "ada -p secret");
        check("createClient ada secret kitchen", "ada -p secret -i kitchen");
        check("createClient ada -p secret", "ada -p secret");
        check("addRoleACL r subscribePattern allow a/#", "r subscribePattern a/# allow");
        check("addRoleACL r subscribePattern allow 5 a/#", "r subscribePattern a/# allow 5");
        check("addRoleACL r subscribePattern a/# allow 5", "r subscribePattern a/# allow 5");
        check("addRoleACL r subscribePattern deny deny", "r subscribePattern deny deny");
    }

    #[test]
    fn passwords_are_not_for_the_history() {
        for line in ["createClient ada secret", "createclient ada -p secret", "setClientPassword ada secret"] {
            assert!(has_password(line), "{line}");
        }
        for line in ["createClient ada", "getClient ada", "addClientRole ada r", ""] {
            assert!(!has_password(line), "{line}");
        }
    }
}
