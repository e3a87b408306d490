//! The time at the beginning of a line.

use std::ffi::{CStr, CString};
use std::fmt::Write as _;
use std::mem::MaybeUninit;

/// Formats the time once for each second in which there are lines.
pub(super) struct Stamp {
    shape: Shape,
    second: Option<u64>,
    text: String,
}

/// How it is written.
enum Shape {
    /// Not at all.
    Unwanted,
    /// Seconds since 1970.
    Seconds,
    /// As strftime has it, local time.
    Local(CString),
    /// `2026-01-31T23:59:59Z`.
    Universal,
}

impl Stamp {
    /// That of lines of text, or with `is_json` of objects.
    pub(super) fn new(wanted: bool, format: Option<&str>, is_json: bool) -> Stamp {
        // A format with a NUL inside cannot be told to strftime; the usual one stands in.
        let shape = match format.and_then(|format| CString::new(format).ok()) {
            _ if !wanted => Shape::Unwanted,
            Some(format) => Shape::Local(format),
            None if is_json => Shape::Universal,
            None => Shape::Seconds,
        };
        Stamp { shape, second: None, text: String::new() }
    }

    /// The time of a line at `wall_s`, where it is wanted.
    pub(super) fn at(&mut self, wall_s: u64) -> Option<&str> {
        if self.second != Some(wall_s) {
            self.second = Some(wall_s);
            self.text.clear();
            match &self.shape {
                Shape::Unwanted => {}
                Shape::Local(format) => self.text.push_str(&local_time(format, wall_s)),
                Shape::Universal => self.text.push_str(&universal_time(c"%Y-%m-%dT%H:%M:%SZ", wall_s)),
                // Writing into a String does not fail.
                Shape::Seconds => drop(write!(self.text, "{wall_s}")),
            }
        }
        (!matches!(self.shape, Shape::Unwanted)).then_some(&self.text)
    }
}

/// `strftime` of the local time: the operator's own format, time zone and language, as Mosquitto has it.
pub(super) fn local_time(format: &CStr, wall_s: u64) -> String {
    formatted(format, wall_s, libc::localtime_r)
}

/// The same at Greenwich.
fn universal_time(format: &CStr, wall_s: u64) -> String {
    formatted(format, wall_s, libc::gmtime_r)
}

/// Takes a time apart, into what the second argument points to; null where it cannot.
type TakeApart = unsafe extern "C" fn(*const libc::time_t, *mut libc::tm) -> *mut libc::tm;

fn formatted(format: &CStr, wall_s: u64, take_apart: TakeApart) -> String {
    let time = wall_s as libc::time_t;
    let mut parts = MaybeUninit::<libc::tm>::uninit();
    let mut text = [0u8; STAMP_BYTES_MAX];
    // SAFETY: `localtime_r` and `gmtime_r` fill `parts` or return null; `strftime` writes at most `text.len()` bytes, and `format` ends
    // with a NUL.
    let length = unsafe {
        if take_apart(&raw const time, parts.as_mut_ptr()).is_null() {
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
    fn check(wanted: bool, format: Option<&str>, wall_s: u64, expected: Option<&str>) {
        assert_eq!(Stamp::new(wanted, format, false).at(wall_s), expected);
    }

    #[test]
    fn the_time_is_seconds_or_as_strftime_makes_it() {
        check(true, None, 1_700_000_000, Some("1700000000"));
        check(false, None, 1_700_000_000, None);
        check(false, Some("%Y"), 1_700_000_000, None);
        // Midday in the middle of the month and year: the same in every time zone.
        check(true, Some("%Y-%m %%"), 1_700_049_600, Some("2023-11 %"));
        check(true, Some(""), 0, Some(""));
        assert_eq!(Stamp::new(true, None, true).at(1_700_049_600), Some("2023-11-15T12:00:00Z"));
    }

    #[test]
    fn a_new_second_is_noticed() {
        let mut stamp = Stamp::new(true, None, false);
        let told = [1, 1, 2].map(|second| stamp.at(second).map(str::to_owned));
        assert_eq!(told.map(Option::unwrap_or_default), ["1", "1", "2"]);
    }
}
