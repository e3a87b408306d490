//! InfluxDB's line protocol: `measurement,tag=a,tag=b field=1,field="x" 1700000000000000000`.
//!
//! Names and tag values are escaped with a backslash before commas, equals signs and spaces, and there is no way to write a
//! backslash that stands before one of these or at the end, nor a line break: a stroke and a space stand for those. Strings
//! are in quotes and have everything.

use crate::fields::Value;
use std::io::Write;

/// Writes the name of a measurement. It is no comment, whatever it begins with.
pub fn write_measurement(name: &str, out: &mut Vec<u8>) {
    let name = match name.strip_prefix('#') {
        Some(rest) => {
            out.push(b'_');
            rest
        }
        None => name,
    };
    write_escaped(name, b", ", out);
}

/// Writes the name of a tag or field, or the value of a tag.
pub fn write_key(name: &str, out: &mut Vec<u8>) {
    write_escaped(name, b", =", out);
}

fn write_escaped(name: &str, special: &[u8], out: &mut Vec<u8>) {
    let bytes = name.as_bytes();
    // Most names need nothing.
    if !bytes.iter().any(|byte| special.contains(byte) || matches!(byte, b'\\' | b'\n' | b'\r')) {
        return out.extend_from_slice(bytes);
    }
    for (at, &byte) in bytes.iter().enumerate() {
        match byte {
            b'\n' | b'\r' => out.extend_from_slice(b"\\ "),
            b'\\' => {
                let is_kept = bytes.get(at + 1).is_some_and(|next| !b", =\\\"\n\r".contains(next));
                out.push(if is_kept { b'\\' } else { b'/' });
            }
            byte if special.contains(&byte) => out.extend_from_slice(&[b'\\', byte]),
            byte => out.push(byte),
        }
    }
}

/// What numbers without a fraction become.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// A number with a fraction, possibly of 0.
    Float,
    /// A whole one.
    Integer,
}

/// Writes a value; whole numbers as `whole` says.
pub(crate) fn write_value(value: Value<'_>, whole: Kind, out: &mut Vec<u8>) {
    // Writing to memory does not fail.
    let _ = match value {
        Value::Integer(number) if whole == Kind::Integer => write!(out, "{number}i"),
        Value::Integer(number) => write!(out, "{number}"),
        Value::Unsigned(number) => write!(out, "{number}"),
        Value::Float(number) if number == 0.0 || (1e-7..1e17).contains(&number.abs()) => write!(out, "{number}"),
        Value::Float(number) => write!(out, "{number:e}"),
        Value::Bool(truth) => write!(out, "{truth}"),
        Value::Text(text) => {
            write_text(text, out);
            Ok(())
        }
    };
}

fn write_text(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    let mut rest = text.as_bytes();
    while let Some(at) = rest.iter().position(|byte| matches!(byte, b'"' | b'\\')) {
        out.extend_from_slice(&rest[..at]);
        out.extend_from_slice(&[b'\\', rest[at]]);
        rest = &rest[at + 1..];
    }
    out.extend_from_slice(rest);
    out.push(b'"');
}

/// The measurement of a line, as it is written.
pub(crate) fn measurement_of(line: &[u8]) -> &[u8] {
    &line[..end_of(line, 0, b", ", false)]
}

/// Where the value of a field stands in a line, if it has one of this name; both names as they are written.
pub(crate) fn find_field(line: &[u8], measurement: &[u8], field: &[u8]) -> Option<std::ops::Range<usize>> {
    let rest = line.strip_prefix(measurement).filter(|rest| matches!(rest.first(), Some(b',' | b' ')))?;
    let mut at = line.len() - rest.len();
    at = end_of(line, at, b" ", false) + 1;
    loop {
        let equals = end_of(line, at, b"=", false);
        let end = end_of(line, equals + 1, b", ", true);
        if line.get(at..equals)? == field {
            return Some(equals + 1..end);
        }
        if *line.get(end)? != b',' {
            return None;
        }
        at = end + 1;
    }
}

/// Where the first of these bytes stands from `at` on that is not escaped, and not in quotes where there may be some.
fn end_of(line: &[u8], mut at: usize, ends: &[u8], has_quotes: bool) -> usize {
    let mut is_quoted = false;
    while let Some(&byte) = line.get(at) {
        match byte {
            b'\\' => at += 1,
            b'"' if has_quotes => is_quoted = !is_quoted,
            byte if !is_quoted && ends.contains(&byte) => return at,
            _ => {}
        }
        at += 1;
    }
    line.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_written_as_they_are_understood() {
        let check = |value: Value<'_>, whole: Kind, expected: &str| {
            let mut out = Vec::new();
            write_value(value, whole, &mut out);
            assert_eq!(String::from_utf8_lossy(&out), expected);
        };
        check(Value::Integer(-7), Kind::Integer, "-7i");
        check(Value::Integer(-7), Kind::Float, "-7");
        check(Value::Unsigned(u64::MAX), Kind::Integer, "18446744073709551615");
        check(Value::Float(21.0), Kind::Integer, "21");
        check(Value::Float(0.1), Kind::Float, "0.1");
        check(Value::Float(-0.0), Kind::Float, "-0");
        check(Value::Float(1e300), Kind::Float, "1e300");
        check(Value::Float(5e-324), Kind::Float, "5e-324");
        check(Value::Bool(true), Kind::Float, "true");
        check(Value::Text("a\"b\\c\nd, e="), Kind::Float, "\"a\\\"b\\\\c\nd, e=\"");
    }

    #[test]
    fn names_are_escaped() {
        let check = |name: &str, expected: &str| {
            let mut out = Vec::new();
            write_key(name, &mut out);
            assert_eq!(String::from_utf8_lossy(&out), expected);
        };
        check("site/7", "site/7");
        check("a b,c=d", "a\\ b\\,c\\=d");
        check("C:\\temp", "C:\\temp");
        check("end\\", "end/");
        check("a\\,b", "a/\\,b");
        check("two\nlines", "two\\ lines");
        let mut out = Vec::new();
        write_measurement("#a=b c", &mut out);
        assert_eq!(out, b"_a=b\\ c");
    }

    #[test]
    fn a_field_is_found_behind_whatever_stands_before_it() {
        let line = b"m\\ x,t=a\\,b s=\"n=1, n=2\\\"\",n=22,o=3i 17\n";
        let find = |measurement: &str, field: &str| {
            find_field(line, measurement.as_bytes(), field.as_bytes())
                .map(|at| String::from_utf8_lossy(&line[at]).into_owned())
        };
        assert_eq!(find("m\\ x", "n").as_deref(), Some("22"));
        assert_eq!(find("m\\ x", "o").as_deref(), Some("3i"));
        assert_eq!(find("m\\ x", "s").as_deref(), Some("\"n=1, n=2\\\"\""));
        assert_eq!((find("m\\ x", "t"), find("m", "n"), find("other", "n")), (None, None, None));
    }
}
