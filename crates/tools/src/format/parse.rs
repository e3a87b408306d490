//! A format from its text.

use super::field::Field;
use super::layout::Layout;
use super::{FormatError, Piece};

/// The pieces of a format.
pub(super) fn parse(format: &[u8]) -> Result<Vec<Piece>, FormatError> {
    let mut pieces = Vec::new();
    let mut rest = format;
    while let Some((&byte, behind)) = rest.split_first() {
        rest = behind;
        match byte {
            b'%' => {
                let piece = parse_field(&mut rest)?;
                pieces.push(piece);
            }
            b'@' => match take(&mut rest).ok_or(FormatError::IncompleteField)? {
                b'@' => push_text(b'@', &mut pieces),
                b'N' => pieces.push(Piece::Nanoseconds),
                letter => pieces.push(Piece::Time(letter)),
            },
            b'\\' => push_text(parse_escape(&mut rest)?, &mut pieces),
            byte => push_text(byte, &mut pieces),
        }
    }
    Ok(pieces)
}

/// What stands behind `%`.
fn parse_field(rest: &mut &[u8]) -> Result<Piece, FormatError> {
    let mut layout = Layout { separator: b' ', ..Layout::default() };
    layout.is_left = take_if(rest, |byte| byte == b'-').is_some();
    layout.has_zeros = take_if(rest, |byte| byte == b'0').is_some();
    layout.width = take_number(rest);
    if take_if(rest, |byte| byte == b'.').is_some() {
        layout.precision = Some(take_number(rest));
    }
    if let Some(separator) = take_if(rest, is_separator) {
        layout.separator = separator;
    }
    let letter = take(rest).ok_or(FormatError::IncompleteField)?;
    let field = Field::named(letter).ok_or(FormatError::UnknownField(char::from(letter)))?;
    Ok(Piece::Field(field, layout))
}

/// What stands behind `\`.
fn parse_escape(rest: &mut &[u8]) -> Result<u8, FormatError> {
    Ok(match take(rest).ok_or(FormatError::IncompleteEscape)? {
        b'\\' => b'\\',
        b'0' => b'\0',
        b'a' => 0x07,
        b'e' => 0x1b,
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'v' => 0x0b,
        other => return Err(FormatError::UnknownEscape(char::from(other))),
    })
}

fn push_text(byte: u8, pieces: &mut Vec<Piece>) {
    match pieces.last_mut() {
        Some(Piece::Text(text)) => text.push(byte),
        _ => pieces.push(Piece::Text(vec![byte])),
    }
}

fn take(rest: &mut &[u8]) -> Option<u8> {
    take_if(rest, |_| true)
}

fn take_if(rest: &mut &[u8], is_wanted: impl Fn(u8) -> bool) -> Option<u8> {
    let (&byte, behind) = rest.split_first()?;
    is_wanted(byte).then(|| {
        *rest = behind;
        byte
    })
}

/// The digits that follow; 0 where there are none.
fn take_number(rest: &mut &[u8]) -> usize {
    let mut number: usize = 0;
    while let Some(digit) = take_if(rest, |byte| byte.is_ascii_digit()) {
        number = (number * 10 + usize::from(digit - b'0')).min(NUMBER_MAX);
    }
    number
}

/// All punctuation but `%` may stand between hexadecimal digits, and a space.
fn is_separator(byte: u8) -> bool {
    byte == b' ' || byte.is_ascii_punctuation() && byte != b'%'
}

/// Wider fields would only take memory.
const NUMBER_MAX: usize = 1 << 20;
