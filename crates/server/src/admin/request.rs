//! What is asked: a line, and what it says.

use std::io::{self, Read};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use crate::json::string;

/// The members of the object that came. The errors of its functions are messages for the user.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Request(Vec<(String, String)>);

impl Request {
    /// What a line says.
    pub(super) fn parse(line: &[u8]) -> Result<Request, String> {
        let members = std::str::from_utf8(line).ok().and_then(members);
        let request = Request(members.ok_or("this is no command: an object of JSON with strings is")?);
        match request.text("version") {
            None | Some("1") => Ok(request),
            Some(_) => Err("this server speaks version 1".to_owned()),
        }
    }

    /// A member.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// A member that is a number up to `max`.
    pub(super) fn number(&self, name: &str, max: u64) -> Result<Option<u64>, String> {
        let Some(text) = self.text(name) else { return Ok(None) };
        let number = text.parse().ok().filter(|number| *number <= max);
        number.map(Some).ok_or_else(|| format!("\"{name}\" is a number up to {max}"))
    }
}

/// Lines, as they come from a socket.
#[derive(Default)]
pub(super) struct Lines {
    /// What came behind the last one.
    rest: Vec<u8>,
}

impl Lines {
    /// The next line without its end, which must come in time; `None`: the other side has ended between two lines. The error is
    /// the message for the user.
    pub(super) fn next(&mut self, stream: &mut UnixStream, patience: Duration) -> Result<Option<Vec<u8>>, String> {
        let end = Instant::now() + patience;
        let mut buffer = [0; 512];
        loop {
            if let Some(at) = self.rest.iter().position(|byte| *byte == b'\n') {
                let behind = self.rest.split_off(at + 1);
                let mut line = std::mem::replace(&mut self.rest, behind);
                line.pop();
                return Ok(Some(line));
            }
            if self.rest.len() > LINE_BYTES_MAX {
                return Err(format!("a command has at most {LINE_BYTES_MAX} bytes"));
            }
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err("the command did not come in time".to_owned());
            }
            match stream.set_read_timeout(Some(left)).and_then(|()| stream.read(&mut buffer)) {
                Ok(0) if self.rest.is_empty() => return Ok(None),
                Ok(0) => return Err("the command does not end with its line".to_owned()),
                Ok(count) => self.rest.extend_from_slice(&buffer[..count]),
                Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {}
                Err(error) => return Err(format!("the command cannot be read: {error}")),
            }
        }
    }
}

/// The members of an object that holds strings, numbers, `true` and `false`; the others than strings as they are written.
fn members(text: &str) -> Option<Vec<(String, String)>> {
    let mut rest = text.trim().strip_prefix('{')?.strip_suffix('}')?.trim();
    let mut members = Vec::new();
    while !rest.is_empty() {
        let (name, after) = string(rest)?;
        let (value, after) = value(after.trim_start().strip_prefix(':')?.trim_start())?;
        members.push((name, value));
        rest = after.trim_start();
        match rest.strip_prefix(',') {
            // A comma has something behind it.
            Some(after) => rest = Some(after.trim_start()).filter(|rest| !rest.is_empty())?,
            None if rest.is_empty() => {}
            None => return None,
        }
    }
    Some(members)
}

fn value(text: &str) -> Option<(String, &str)> {
    if text.starts_with('"') {
        return string(text);
    }
    let end = text.find(|character: char| !character.is_ascii_alphanumeric()).unwrap_or(text.len());
    let (word, rest) = text.split_at(end);
    let is_value = matches!(word, "true" | "false") || word.parse::<u64>().is_ok();
    is_value.then(|| (word.to_owned(), rest))
}

/// A path has at most 4096 bytes, of which some are escaped.
const LINE_BYTES_MAX: usize = 16 << 10;

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(5);

    fn check(text: &str, expected: Option<&[(&str, &str)]>) {
        let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        assert_eq!(members(text), expected.map(|members| members.iter().map(own).collect()), "{text}");
    }

    #[test]
    fn commands_are_objects_of_strings_and_numbers() {
        check("{}", Some(&[]));
        check(r#" {"command":"backup","directory":"/a b"} "#, Some(&[("command", "backup"), ("directory", "/a b")]));
        check(r#"{ "a" : "\"\\\/\n\u00fc\ud83e\udd9f" , "b" : "" }"#, Some(&[("a", "\"\\/\nü🦟"), ("b", "")]));
        check(r#"{"a":1,"b": true ,"c":"x"}"#, Some(&[("a", "1"), ("b", "true"), ("c", "x")]));
        for wrong in ["", "{", "}", "{\"a\"}", r#"{"a":-1}"#, r#"{"a":"b",}"#, r#"{"a":"b" "c":"d"}"#, "[\"a\"]"] {
            check(wrong, None);
        }
        for wrong in [r#"{"a":}"#, r#"{"a":nul}"#, r#"{"a":{}}"#, r#"{"a":[]}"#, r#"{"a":1.5}"#, r#"{"a":1 2}"#] {
            check(wrong, None);
        }
        for wrong in
            [r#"{"a":"\x"}"#, r#"{"a":"\ud83e"}"#, r#"{"a":"\ud83e\u0041"}"#, r#"{"a":"\u12"}"#, "{\"a\":\"\n\"}"]
        {
            check(wrong, None);
        }
    }

    #[test]
    fn a_request_is_of_a_version_and_numbers_have_bounds() {
        let parse = |text: &str| Request::parse(text.as_bytes());
        assert!(parse(r#"{"version":1}"#).is_ok());
        assert_eq!(parse(r#"{"version":2}"#), Err("this server speaks version 1".to_owned()));
        let request = parse(r#"{"a":7,"b":"x"}"#).expect("a request");
        assert_eq!(request.number("a", 7), Ok(Some(7)));
        assert_eq!(request.number("a", 6), Err("\"a\" is a number up to 6".to_owned()));
        assert!(request.number("b", 6).is_err());
        assert_eq!(request.number("c", 6), Ok(None));
    }

    #[test]
    fn a_line_has_an_end_and_a_bound() {
        let (mut here, mut there) = UnixStream::pair().expect("sockets");
        let mut lines = Lines::default();
        there.write_all(b"one\ntwo\nthree").expect("written");
        assert_eq!(lines.next(&mut here, PATIENCE), Ok(Some(b"one".to_vec())));
        assert_eq!(lines.next(&mut here, PATIENCE), Ok(Some(b"two".to_vec())));
        drop(there);
        assert!(lines.next(&mut here, PATIENCE).is_err(), "it ends without an end of line");
        let (mut here, there) = UnixStream::pair().expect("sockets");
        drop(there);
        assert_eq!(Lines::default().next(&mut here, PATIENCE), Ok(None));
        let (mut here, mut there) = UnixStream::pair().expect("sockets");
        there.write_all(&[b'x'; LINE_BYTES_MAX + 512]).expect("written");
        assert!(Lines::default().next(&mut here, PATIENCE).expect_err("refused").contains("at most"));
    }
}
