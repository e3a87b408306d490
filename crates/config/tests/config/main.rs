//! The crate as the server sees it: text in; values, notes or errors out.

mod any_bytes;
mod errors;
mod excerpts;
mod files;
mod manual;
mod support;
mod table;
mod traps;
mod values;
