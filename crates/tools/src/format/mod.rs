//! The language of `-F`: text with fields of a message (`%`), of the time (`@`), and escapes (`\`).
//!
//! It is Mosquitto's, letter for letter. A format is read once ([`Format::parse`]); what it makes of a message goes to a buffer,
//! so that lines leave whole ([`Format::render`]).

mod field;
mod json_message;
mod layout;
mod parse;

#[cfg(test)]
mod tests;

use midge_codec::Publish;
use thiserror::Error;

use crate::moment::Moment;
use crate::screen;

use self::field::Field;
use self::layout::Layout;

/// A format that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Format {
    pieces: Vec<Piece>,
}

/// A part of a format.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    /// What stands for itself.
    Text(Vec<u8>),
    /// `%`: a field of the message, laid out.
    Field(Field, Layout),
    /// `@`: this letter of `strftime`.
    Time(u8),
    /// `@N`: nanoseconds.
    Nanoseconds,
}

/// What is wrong with a format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub(crate) enum FormatError {
    /// It ends within a field.
    #[error("Incomplete format specifier.")]
    IncompleteField,
    /// It ends within an escape.
    #[error("Incomplete escape specifier.")]
    IncompleteEscape,
    /// There is no such field.
    #[error("Invalid format specifier '{0}'.")]
    UnknownField(char),
    /// There is no such escape.
    #[error("Invalid escape specifier '{0}'.")]
    UnknownEscape(char),
}

/// A message that came, and how it is to be shown.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arrival<'a> {
    /// The message.
    pub(crate) publish: &'a Publish<'a>,
    /// When it came.
    pub(crate) moment: Moment,
    /// Whether JSON gets a line for each member.
    pub(crate) is_pretty: bool,
    /// Whether a terminal shows it, which must not obey it.
    pub(crate) on_screen: bool,
}

impl Arrival<'_> {
    /// Appends bytes that somebody else has chosen.
    fn push_foreign(&self, bytes: &[u8], out: &mut Vec<u8>) {
        if self.on_screen {
            out.extend_from_slice(&screen::shown(bytes));
        } else {
            out.extend_from_slice(bytes);
        }
    }
}

impl Format {
    /// Reads a format.
    ///
    /// # Errors
    /// With what is wrong with it.
    pub(crate) fn parse(text: &[u8]) -> Result<Format, FormatError> {
        parse::parse(text).map(|pieces| Format { pieces })
    }

    /// Appends what the format makes of a message. What it cannot make, it leaves out and complains about.
    pub(crate) fn render(&self, arrival: &Arrival<'_>, out: &mut Vec<u8>, complain: &mut dyn FnMut(String)) {
        for piece in &self.pieces {
            match piece {
                Piece::Text(text) => out.extend_from_slice(text),
                Piece::Field(field, layout) => {
                    if let Err(complaint) = field.render(layout, arrival, out) {
                        complain(complaint);
                    }
                }
                Piece::Time(letter) => out.extend_from_slice(&arrival.moment.local(&[b'%', *letter])),
                Piece::Nanoseconds => {
                    out.extend_from_slice(format!("{:09}", arrival.moment.nanoseconds).as_bytes());
                }
            }
        }
    }
}
