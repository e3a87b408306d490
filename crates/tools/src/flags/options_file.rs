//! Options files: one flag on each line, as Mosquitto's clients read them.
//!
//! A flag is parted from its value by one blank, and the value goes on to the end of the line, with all blanks in it. There
//! are no quotes. Lines that begin with `#`, and blank ones, mean nothing.

use std::env;
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

/// The words of each line, as a [`Reader`](super::Reader) takes them.
pub fn words(bytes: &[u8]) -> Vec<Vec<OsString>> {
    let lines = bytes.split(|byte| *byte == b'\n').filter(|line| !line.starts_with(b"#"));
    lines.map(words_of_line).filter(|words| !words.is_empty()).collect()
}

fn words_of_line(line: &[u8]) -> Vec<OsString> {
    let end = line.iter().rposition(|byte| *byte != b'\r').map_or(0, |last| last + 1);
    let line = &line[..end];
    let Some(begin) = line.iter().position(|byte| *byte != b' ') else { return Vec::new() };
    let mut parts = line[begin..].splitn(2, |byte| *byte == b' ');
    let is_no_empty_value = |(number, part): &(usize, &[u8])| *number == 0 || !part.is_empty();
    let parts = parts.by_ref().enumerate().filter(is_no_empty_value);
    parts.map(|(_, part)| OsString::from_vec(part.to_vec())).collect()
}

/// Where the options file of a command stands when none is named: `$XDG_CONFIG_HOME/mosquitto_pub`, or else
/// `$HOME/.config/mosquitto_pub`. `None`: there is no such folder.
pub fn usual_path(name: &str) -> Option<PathBuf> {
    let in_home = || env::var_os("HOME").map(|home| PathBuf::from(home).join(".config"));
    let folder = env::var_os("XDG_CONFIG_HOME").map(PathBuf::from).or_else(in_home)?;
    Some(folder.join(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_a_flag_and_the_rest_of_it() {
        let check = |text: &str, expected: &[&[&str]]| assert_eq!(words(text.as_bytes()), expected, "{text:?}");
        check("", &[]);
        check("-d\n", &[&["-d"]]);
        check("-h example.org\n-p 1884", &[&["-h", "example.org"], &["-p", "1884"]]);
        check("# -d\n\n  \r\n", &[]);
        check("-m two words \r\n", &[&["-m", "two words "]]);
        check("  -P  secret", &[&["-P", " secret"]]);
        check("-d ", &[&["-d"]]);
        check(" # no comment", &[&["#", "no comment"]]);
    }
}
