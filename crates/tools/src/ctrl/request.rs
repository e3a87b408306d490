//! From words to the request that goes to the server, as JSON.

use serde_json::{Map, Value, json};

use super::Failure;
use super::module::{Argument, Command, Kind, Place, Without};
use crate::prompt::{self, Typed};

/// The payload that asks for this. A password that is missing is asked for.
///
/// # Errors
/// When the words are not those of the command, or there is no password.
pub(super) fn payload(command: &Command, words: &[&str]) -> Result<String, Failure> {
    let mut members = members(command, words).map_err(|detail| {
        let detail = if detail.is_empty() { detail } else { format!("{detail}\n") };
        Failure::words(&format!("{detail}Error: Invalid input.\nUsage: {}", command.usage()))
    })?;
    for argument in command.arguments {
        if let Kind::Password(without) = argument.kind
            && !members.contains_key(argument.member)
            && let Some(password) = ask(words[0], without)?
        {
            members.insert(argument.member.to_owned(), Value::String(password));
        }
    }
    if let Some(list) = command.list {
        let element = std::mem::take(&mut members);
        members.insert(list.to_owned(), json!([element]));
    }
    members.insert("command".to_owned(), json!(command.name));
    Ok(json!({ "commands": [members] }).to_string())
}

/// What the words say. The error is what is wrong with them, where there is more to say than that.
fn members(command: &Command, words: &[&str]) -> Result<Map<String, Value>, String> {
    let mut members = Map::new();
    let mut words = words.iter();
    for argument in command.arguments.iter().filter(|argument| !matches!(argument.place, Place::Flag(_))) {
        match words.next() {
            Some(word) => argument.put(word, &mut members)?,
            None if argument.place == Place::Required => return Err(String::new()),
            None => {}
        }
    }
    while let Some(flag) = words.next() {
        let is_meant = |argument: &&Argument| matches!(argument.place, Place::Flag(names) if names.contains(flag));
        let argument = command.arguments.iter().find(is_meant).ok_or_else(String::new)?;
        let missing = || format!("Error: {flag} argument given, but no {} provided.", argument.member);
        argument.put(words.next().ok_or_else(missing)?, &mut members)?;
    }
    Ok(members)
}

impl Argument {
    fn put(&self, word: &str, members: &mut Map<String, Value>) -> Result<(), String> {
        let number =
            || word.parse::<i32>().map_err(|_| format!("Error: {} must be a number, and is '{word}'.", self.name));
        let value = match self.kind {
            Kind::Name(_) | Kind::Text | Kind::Password(_) => json!(word),
            Kind::OneOf(names) => {
                let name = names.iter().find(|name| name.eq_ignore_ascii_case(word));
                json!(name.ok_or_else(|| format!("Error: {} is one of {}.", self.name, names.join(", ")))?)
            }
            Kind::Access => match word.to_ascii_lowercase().as_str() {
                "allow" => json!(true),
                "deny" => json!(false),
                _ => return Err("Error: access must be \"allow\" or \"deny\".".to_owned()),
            },
            Kind::Priority => json!(number()?),
            Kind::Count => match number()? {
                count @ 1.. => json!(count),
                _ => return Ok(()),
            },
        };
        members.insert(self.member.to_owned(), value);
        Ok(())
    }
}

/// Asks for a client's password.
fn ask(username: &str, without: Without) -> Result<Option<String>, Failure> {
    if without == Without::Allowed {
        let hint = "Press return for no password (user will be unable to login).";
        crate::print(&format!("Enter new password for {username}. {hint}\n"));
    }
    match new_password(username)? {
        None if without == Without::Allowed => {
            crate::print("\n");
            Ok(None)
        }
        None => Err(Failure::late("Error: Empty password.")),
        password => Ok(password),
    }
}

/// Asks for a new password twice. `None`: nothing was typed.
///
/// # Errors
/// When they differ, or are no text.
pub(super) fn new_password(username: &str) -> Result<Option<String>, Failure> {
    let (first, second) = (format!("New password for {username}: "), format!("Reenter password for {username}: "));
    match prompt::new_password(&first, &second) {
        Typed::Nothing => Ok(None),
        Typed::Different => Err(Failure::late("Error: Passwords do not match.")),
        Typed::Password(password) => {
            let no_text = |_| Failure::late("Error: The password must be UTF-8.");
            String::from_utf8(password).map(Some).map_err(no_text)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::dynsec::DYNSEC;
    use super::*;

    /// What the line asks for, without what is around each request.
    fn asked(line: &str) -> Result<String, String> {
        let words: Vec<&str> = line.split_whitespace().collect();
        let command = DYNSEC.command(words[0]).expect("there is such a command");
        let payload = payload(command, &words[1..]).map_err(|failure| failure.message)?;
        Ok(payload.strip_prefix("{\"commands\":[").and_then(|text| text.strip_suffix("]}")).expect("one").to_owned())
    }

    #[track_caller]
    fn check(line: &str, expected: &str) {
        assert_eq!(asked(line).as_deref(), Ok(expected), "{line}");
    }

    #[test]
    fn words_become_a_request() {
        check("listclients", r#"{"command":"listClients"}"#);
        check("listClients 0 -1", r#"{"command":"listClients"}"#);
        check("listClients 3 2", r#"{"command":"listClients","count":3,"offset":2}"#);
        check("addClientRole ada r 5", r#"{"command":"addClientRole","priority":5,"rolename":"r","username":"ada"}"#);
        check(
            "createClient ada -p x -c i",
            r#"{"clientid":"i","command":"createClient","password":"x","username":"ada"}"#,
        );
        check(
            "addRoleACL r SUBSCRIBEPATTERN a/# Allow",
            r#"{"acltype":"subscribePattern","allow":true,"command":"addRoleACL","rolename":"r","topic":"a/#"}"#,
        );
        check(
            "setDefaultACLAccess subscribe deny",
            r#"{"acls":[{"acltype":"subscribe","allow":false}],"command":"setDefaultACLAccess"}"#,
        );
    }

    #[test]
    fn wrong_words_are_told_with_the_right_ones() {
        #[track_caller]
        fn check(line: &str, expected: &str) {
            let message = asked(line).expect_err("it is wrong");
            assert!(message.starts_with(expected), "{line}: {message}");
        }
        check("deleteClient", "Error: Invalid input.\nUsage: deleteClient USER");
        check("deleteClient ada bob", "Error: Invalid input.\n");
        check("createClient ada -i", "Error: -i argument given, but no clientid provided.\nError: Invalid input.\n");
        check("addClientRole ada r much", "Error: PRIORITY must be a number, and is 'much'.\n");
        check("addRoleACL r subscribe a allow", "Error: KIND is one of publishClientSend, ");
        check("setDefaultACLAccess subscribe maybe", "Error: access must be \"allow\" or \"deny\".\n");
    }
}
