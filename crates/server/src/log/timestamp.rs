//! The time at the beginning of a line.

use std::ffi::CString;
use std::fmt::Write as _;
use std::mem::MaybeUninit;

/// Formats the time once for each second in which there are lines.
pub(super) struct Stamp {
    wanted: bool,
    /// As strftime takes it; `None`: seconds since 1970.
    format: Option<CString>,
    second: Option<u64>,
    text: String,
}

impl Stamp {
    pub(super) fn new(wanted: bool, format: Option<&str>) -> Stamp {
        // A format with a NUL inside cannot be told to strftime; the plain seconds stand in.
        let format = format.and_then(|format| CString::new(format).ok());
        Stamp { wanted, format, second: None, text: String::new() }
    }

    /// What a line at `wall_s` begins with.
    pub(super) fn at(&mut self, wall_s: u64) -> &str {
        if self.wanted && self.second != Some(wall_s) {
            self.second = Some(wall_s);
            self.text.clear();
            match &self.format {
                Some(format) => self.text.push_str(&local_time(format, wall_s)),
                // Writing into a String does not fail.
                None => drop(write!(self.text, "{wall_s}")),
            }
            self.text.push_str(": ");
        }
        &self.text
    }
}

/// `strftime` of the local time: the operator's own format, time zone and language, as Mosquitto has it.
fn local_time(format: &CString, wall_s: u64) -> String {
    let time = wall_s as libc::time_t;
    let mut parts = MaybeUninit::<libc::tm>::uninit();
    let mut text = [0u8; STAMP_BYTES_MAX];
    // SAFETY: `localtime_r` fills `parts` or returns null; `strftime` writes at most `text.len()` bytes, and `format` ends
    // with a NUL.
    let length = unsafe {
        if libc::localtime_r(&raw const time, parts.as_mut_ptr()).is_null() {
            return wall_s.to_string();
        }
        libc::strftime(text.as_mut_ptr().cast(), text.len(), format.as_ptr(), parts.as_ptr())
    };
    String::from_utf8_lossy(&text[..length]).into_owned()
}

/// Longer formats come out empty.
const STAMP_BYTES_MAX: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(wanted: bool, format: Option<&str>, wall_s: u64, expected: &str) {
        assert_eq!(Stamp::new(wanted, format).at(wall_s), expected);
    }

    #[test]
    fn the_time_is_seconds_or_as_strftime_makes_it() {
        check(true, None, 1_700_000_000, "1700000000: ");
        check(false, None, 1_700_000_000, "");
        check(false, Some("%Y"), 1_700_000_000, "");
        // Midday in the middle of the month and year: the same in every time zone.
        check(true, Some("%Y-%m %%"), 1_700_049_600, "2023-11 %: ");
        check(true, Some(""), 0, ": ");
    }

    #[test]
    fn a_new_second_is_noticed() {
        let mut stamp = Stamp::new(true, None);
        assert_eq!([stamp.at(1).to_owned(), stamp.at(1).to_owned(), stamp.at(2).to_owned()], ["1: ", "1: ", "2: "]);
    }
}
