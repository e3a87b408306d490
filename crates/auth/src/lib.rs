//! Who is it, and may they.
//!
//! [`Passwords`] are the content of a password file and say whether a User Name and Password belong together; [`PreSharedKeys`] are
//! the keys with which Clients encrypt. An [`Acl`] is the content of an access control list; [`Rights`] are what it means for one
//! Client and are asked for each PUBLISH, each delivery and each Topic Filter. [`admission`](admission()) decides what is to be done with who comes. A [`TokenPolicy`] verifies tokens;
//! [`Grants`] are what a web service has answered.
//!
//! What must hold:
//! - an existing file means here what it means to Mosquitto 2.1. Where it is wrong the message is the same, and file, line and
//!   a hint follow; one reading finds as many errors as it can;
//! - a Client cannot learn from the time an answer takes whether a User Name exists;
//! - asking [`Rights`] for a PUBLISH or a delivery allocates nothing;
//! - no input makes it panic.
//!
//! Pure: the bytes of files are arguments, as are the salt of a new password and the time. Opening files, running slow checks elsewhere than
//! on a shard ([`Passwords::cost`] says which are) and telling the Client are left to the caller.
//!
//! To read: `password_file` and `password_hash`; `acl`, `rules` and `filter`, then `rights` and `strict`; `token`.

#![forbid(unsafe_code)]

mod acl;
mod admission;
mod filter;
mod grants;
mod lines;
mod password_edit;
mod password_file;
mod password_hash;
mod psk_file;
mod report;
mod rights;
mod rules;
mod strict;
mod token;

pub use acl::Acl;
pub use admission::{Admission, ConnectPolicy, Credentials, Judge, Refusal, admission, client_id_is_welcome};
pub use grants::Grants;
pub use password_edit::{
    Edited, UserNameError, check_user_name, corrupt_line, hash_plain_text, remove_user, set_password,
};
pub use password_file::{PasswordVerdict, Passwords};
pub use password_hash::{Cost, HashError, PasswordHash, Scheme};
pub use psk_file::{PreSharedKeys, pre_shared_key};
pub use report::{Excerpt, FileError, Loaded, Note, Problem};
pub use rights::{Access, Decision, Rights};
pub use token::{Algorithm, Keys, Token, TokenError, TokenPolicy, is_token};
