//! The crate as the server and the tools see it: bytes of files in; verdicts, decisions, notes or errors out.

mod acl;
mod acl_errors;
mod acl_model;
mod hashes;
mod password_edit;
mod password_errors;
mod passwords;
mod strict;
mod support;
