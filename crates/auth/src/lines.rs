//! Files as lines. Where Mosquitto would stop reading without a word, at a NUL byte, there is an error.

use crate::report::Report;

/// Hands over each line that is not a comment, without blanks at its end. A comment begins with `#` in the first column, and
/// may hold any bytes. What is no text is an error, which `kind` (`password file`, `acl_file`) begins to say.
pub(crate) fn read_lines(
    report: &mut Report<'_>,
    kind: &str,
    bytes: &[u8],
    mut read: impl FnMut(&mut Report<'_>, &str),
) {
    for line in bytes.split(|byte| *byte == b'\n') {
        report.line = report.line.saturating_add(1);
        if report.is_full() {
            break;
        }
        if line.first() == Some(&b'#') {
            continue;
        }
        match text(line) {
            Ok(text) => read(report, text.trim_end_matches(is_blank)),
            Err(hint) => report.error(format!("Invalid line in {kind} '{}'.", report.file()), hint),
        }
    }
}

fn text(line: &[u8]) -> Result<&str, String> {
    if line.len() > LINE_BYTES_MAX {
        return Err(format!("The line has {} bytes; {LINE_BYTES_MAX} are the most.", line.len()));
    }
    if let Some(at) = line.iter().position(|byte| *byte == 0) {
        return Err(format!("Byte {} of the line is NUL; is this a text file?", at + 1));
    }
    str::from_utf8(line).map_err(|error| format!("Byte {} of the line is not UTF-8.", error.valid_up_to() + 1))
}

/// What C takes for white space.
pub(crate) fn is_blank(character: char) -> bool {
    matches!(character, ' ' | '\t'..='\r')
}

/// Two of the longest strings that MQTT knows, and room around them.
const LINE_BYTES_MAX: usize = 2 * u16::MAX as usize + 1024;
