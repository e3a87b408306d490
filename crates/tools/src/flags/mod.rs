//! What a command understands, as one table, and all that is made from it: parser, `--help`, manual page, completions.
//!
//! A [`Table`] has a row for each [`Flag`] with what it means to the command's options `O`, so that nothing is documented that
//! is not read, and nothing read that is not documented. For readers that are no parsers it gives a [`Page`], which knows no
//! `O`.
//!
//! Flags are read as Mosquitto's tools read theirs ([`Reader`]): a word is a flag or it is none, a value is the word that
//! follows, whatever it looks like, and the first thing that is wrong is told.

pub(crate) mod completions;
mod help;
pub(crate) mod manual;
mod nearest;
pub mod options_file;
mod page;
mod reader;
mod table;
#[cfg(test)]
mod tests;
mod text;
pub mod usual;
mod words;

pub(crate) use help::{COLUMNS, entry, section};
pub use nearest::closest;
pub use page::{Page, PageFlag, PageSection};
pub use reader::{Reader, Stop};
pub use table::{Flag, Kind, Moment, Operand, Relation, Rule, Section, Table, Takes, Word};
pub use text::lossy;
pub(crate) use text::wrapped;
pub use words::Words;
