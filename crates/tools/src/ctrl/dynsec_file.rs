//! The file in which the dynamic security plugin keeps what it knows, while no server has it open: a new one, and a password.
//!
//! Passwords are hashed so that all versions of the plugin read them.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use midge_auth::{PasswordHash, Scheme};
use serde_json::{Value, json};

use super::{Failure, request};
use crate::output::{print, reason};
use crate::passwd::hash;
use crate::rewrite;

/// `init FILE USER [PASSWORD]`: a new file with an administrator.
///
/// # Errors
/// When the words are wrong, the passwords differ, or the file cannot be made or is there already.
pub(super) fn init(called: &str, words: &[&str]) -> Result<(), Failure> {
    let (file, user_name, password) = match words {
        [file, user_name] => (*file, *user_name, None),
        [file, user_name, password] => (*file, *user_name, Some((*password).to_owned())),
        [_, _, _, ..] => return Err(wrong("dynsec init: Too many arguments.")),
        _ => return Err(wrong("dynsec init: Not enough arguments - filename, or admin-user missing.")),
    };
    let password = match password {
        Some(password) => password,
        None => request::new_password(user_name)?.ok_or_else(|| Failure::late("Error: Empty password."))?,
    };
    create(Path::new(file), &administered_by(user_name, &password).to_string()).map_err(|error| {
        Failure::late(&format!("dynsec init: Unable to open '{file}' for writing ({}).", reason(&error)))
    })?;
    print(&format!(
        "The client '{user_name}' has been created in the file '{file}'.\n\
         This client is configured to allow you to administer the dynamic security plugin only.\n\
         It does not have access to publish messages to normal topics.\n\
         You should create your application clients to do that, for example:\n   \
         {called} <connect options> dynsec createClient <username>\n   \
         {called} <connect options> dynsec createRole <rolename>\n   \
         {called} <connect options> dynsec addRoleACL <rolename> publishClientSend my/topic [priority]\n   \
         {called} <connect options> dynsec addClientRole <username> <rolename> [priority]\n\
         See https://mosquitto.org/documentation/dynamic-security/ for details of all commands.\n"
    ));
    Ok(())
}

/// `setClientPassword USER PASSWORD [-i COUNT]` with `-f FILE`.
///
/// # Errors
/// When the words are wrong, or the file cannot be read, has no such client, or cannot be written.
pub(super) fn set_password(file: &Path, words: &[&str]) -> Result<(), Failure> {
    let [user_name, password, rest @ ..] = words else { return Err(wrong("")) };
    let scheme = scheme(rest).map_err(|message| wrong(&message))?;
    let shown = file.display();
    let unreadable = |error: io::Error| wrong(&format!("Error: Unable to open {shown}: {}.", reason(&error)));
    let file = fs::canonicalize(file).map_err(unreadable)?;
    let metadata = fs::metadata(&file).map_err(unreadable)?;
    let bytes = fs::read(&file).map_err(unreadable)?;
    let no_json = |error| wrong(&format!("Error: {shown} is not valid JSON: {error}."));
    let mut content: Value = serde_json::from_slice(&bytes).map_err(no_json)?;
    let clients = content["clients"].as_array_mut();
    let clients =
        clients.ok_or_else(|| wrong(&format!("Error: {shown} is not a valid dynamic-security config file.")))?;
    let is_meant = |client: &&mut Value| client["username"] == *user_name;
    let client = clients.iter_mut().find(is_meant).and_then(Value::as_object_mut);
    let client = client.ok_or_else(|| Failure::late(&format!("Error: Client {user_name} not found.")))?;
    // Later versions of the plugin keep it there, and look there first.
    client.remove("encoded_password");
    let [hash, salt, iterations] = hashed(scheme, password);
    client.extend([("password".to_owned(), hash), ("salt".to_owned(), salt), ("iterations".to_owned(), iterations)]);
    rewrite::replace(&file, &metadata, content.to_string().as_bytes()).map_err(|message| Failure::new(1, &message))
}

fn wrong(detail: &str) -> Failure {
    let end = if detail.is_empty() { "" } else { "\n" };
    Failure::words(&format!("{detail}{end}Error: Invalid input."))
}

/// How the words behind the password want it hashed.
fn scheme(words: &[&str]) -> Result<Scheme, String> {
    match words {
        [] => Ok(Scheme::PBKDF2),
        ["-i"] => Err("Error: -i argument given, but no iterations provided.".to_owned()),
        ["-i", count] => match count.parse().ok().filter(|count| (1..=i32::MAX as u32).contains(count)) {
            Some(iterations) => Ok(Scheme::Pbkdf2 { iterations }),
            None => Err(format!("Error: Number of iterations must be > 0, and is '{count}'.")),
        },
        ["-i", _, unknown, ..] | [unknown, ..] => Err(format!("Error: Unknown argument: {unknown}")),
    }
}

/// A file that its group can read too, so that the server's can be given it.
fn create(path: &Path, text: &str) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o640).open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

/// What stands in a file in which one client may administer the plugin, and nobody anything else.
fn administered_by(user_name: &str, password: &str) -> Value {
    let [hash, salt, iterations] = hashed(Scheme::PBKDF2, password);
    let acls = ADMINISTRATOR_ACLS.iter().map(|(kind, topic)| json!({"acltype": kind, "topic": topic, "allow": true}));
    json!({
        "defaultACLAccess": {
            "publishClientSend": false, "publishClientReceive": true, "subscribe": false, "unsubscribe": true,
        },
        "clients": [{
            "username": user_name, "textName": "Dynsec admin user",
            "password": hash, "salt": salt, "iterations": iterations,
            "roles": [{"rolename": "admin"}],
        }],
        "roles": [{"rolename": "admin", "acls": acls.collect::<Vec<_>>()}],
    })
}

/// Hash, salt and iterations, as the plugin keeps them.
fn hashed(scheme: Scheme, password: &str) -> [Value; 3] {
    let hash: PasswordHash = hash(scheme, password.as_bytes());
    let text = hash.to_string();
    let mut fields = text.split('$').skip(2);
    let iterations = fields.next().and_then(|count| count.parse::<u32>().ok());
    let (salt, hash) = (fields.next(), fields.next());
    [json!(hash), json!(salt), json!(iterations)]
}

/// The rights of the administrator.
const ADMINISTRATOR_ACLS: &[(&str, &str)] = &[
    ("publishClientSend", "$CONTROL/dynamic-security/#"),
    ("publishClientReceive", "$CONTROL/dynamic-security/#"),
    ("subscribePattern", "$CONTROL/dynamic-security/#"),
    ("publishClientReceive", "$SYS/#"),
    ("subscribePattern", "$SYS/#"),
    ("publishClientReceive", "#"),
    ("subscribePattern", "#"),
    ("unsubscribePattern", "#"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_is_taken_apart() {
        let [hash, salt, iterations] = hashed(Scheme::Pbkdf2 { iterations: 7 }, "secret");
        let (hash, salt) = (hash.as_str().expect("text"), salt.as_str().expect("text"));
        assert_eq!((hash.len(), salt.len(), iterations.as_u64()), (88, 16, Some(7)));
        let whole = PasswordHash::parse(&format!("$7$7${salt}${hash}")).expect("a hash");
        assert!(whole.is_of(b"secret"));
    }

    #[test]
    fn words_behind_the_password_say_how_it_is_hashed() {
        let check = |words: &[&str], expected: Result<Scheme, &str>| {
            assert_eq!(scheme(words), expected.map_err(str::to_owned), "{words:?}");
        };
        check(&[], Ok(Scheme::PBKDF2));
        check(&["-i", "5"], Ok(Scheme::Pbkdf2 { iterations: 5 }));
        check(&["-i"], Err("Error: -i argument given, but no iterations provided."));
        check(&["-i", "0"], Err("Error: Number of iterations must be > 0, and is '0'."));
        check(&["-c"], Err("Error: Unknown argument: -c"));
        check(&["-i", "5", "x"], Err("Error: Unknown argument: x"));
    }
}
