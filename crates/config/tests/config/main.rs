//! The crate as the server sees it: text in; values, notes or errors out.

mod any_bytes;
mod errors;
mod files;
mod support;
mod table;
mod values;
