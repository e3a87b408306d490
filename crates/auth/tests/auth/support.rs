//! Files that must be right, and errors as the operator sees them.

use std::sync::Arc;

use midge_auth::{Acl, FileError, Loaded, Passwords, Rights};

/// The content of a password file without errors.
#[track_caller]
pub(crate) fn passwords(text: &str) -> Passwords {
    content(Passwords::parse("pw", text.as_bytes()))
}

/// The content of an access control list without errors.
#[track_caller]
pub(crate) fn acl(text: &str) -> Arc<Acl> {
    Arc::new(content(Acl::parse("acl", text.as_bytes())))
}

/// What a Client may do by this list. `who` is `user/client id`, without User Name `/client id`.
#[track_caller]
pub(crate) fn rights(text: &str, who: &str) -> Rights {
    let (user_name, client_id) = who.split_once('/').expect("user/client id");
    Rights::new(&acl(text), Some(user_name).filter(|name| !name.is_empty()), client_id)
}

/// The errors of a file.
#[track_caller]
pub(crate) fn errors<T>(result: Result<Loaded<T>, FileError>) -> String {
    match result {
        Ok(_) => panic!("the file is accepted"),
        Err(error) => error.to_string(),
    }
}

/// What is noted about a file without errors, one a line.
#[track_caller]
pub(crate) fn notes<T>(result: Result<Loaded<T>, FileError>) -> Vec<String> {
    match result {
        Ok(loaded) => loaded.notes.iter().map(ToString::to_string).collect(),
        Err(error) => panic!("{error}"),
    }
}

#[track_caller]
fn content<T>(result: Result<Loaded<T>, FileError>) -> T {
    match result {
        Ok(loaded) => loaded.content,
        Err(error) => panic!("{error}"),
    }
}
