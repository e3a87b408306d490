//! A moment of the wall clock, and how people write it.

use std::ffi::CString;
use std::mem::MaybeUninit;
use std::time::{SystemTime, UNIX_EPOCH};

/// A moment since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Moment {
    /// Whole seconds.
    pub(crate) seconds: u64,
    /// The rest.
    pub(crate) nanoseconds: u32,
}

impl Moment {
    /// The present one.
    pub(crate) fn now() -> Moment {
        let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Moment { seconds: since_1970.as_secs(), nanoseconds: since_1970.subsec_nanos() }
    }

    /// `strftime` of the local time. Empty where it has no words for the format.
    pub(crate) fn local(self, format: &[u8]) -> Vec<u8> {
        let Ok(format) = CString::new(format) else { return Vec::new() };
        let time = self.seconds as libc::time_t;
        let mut parts = MaybeUninit::<libc::tm>::uninit();
        let mut text = vec![0u8; TEXT_BYTES_MAX];
        // SAFETY: `localtime_r` fills `parts` or returns null; `strftime` writes at most `text.len()` bytes, and `format` ends with a
        // NUL.
        let length = unsafe {
            if libc::localtime_r(&raw const time, parts.as_mut_ptr()).is_null() {
                return Vec::new();
            }
            libc::strftime(text.as_mut_ptr().cast(), text.len(), format.as_ptr(), parts.as_ptr())
        };
        text.truncate(length);
        text
    }

    /// The local time as ISO 8601 has it, with microseconds.
    pub(crate) fn iso_8601(self) -> String {
        let date = self.local(b"%Y-%m-%dT%H:%M:%S");
        let zone = self.local(b"%z");
        let microseconds = self.nanoseconds / 1000;
        format!("{}.{microseconds:06}{}", String::from_utf8_lossy(&date), String::from_utf8_lossy(&zone))
    }
}

/// A time as RFC 3339 has it, such as `2026-01-31T12:00:00.5+01:00`, in seconds since 1970. `None` for others, and before that.
pub(crate) fn rfc_3339_s(text: &str) -> Option<u64> {
    let (date, time) = text.split_once(['T', 't', ' '])?;
    let zone_at = time.find(['Z', 'z', '+', '-'])?;
    let (clock, zone) = time.split_at(zone_at);
    let [year, month, day] = numbers(date, '-')?;
    let [hour, minute, second] = numbers(clock.split('.').next()?, ':')?;
    let offset_s = match zone {
        "Z" | "z" => 0,
        zone => {
            let [hours, minutes] = numbers(&zone[1..], ':')?;
            (hours * 3_600 + minutes * 60) * if zone.starts_with('-') { -1 } else { 1 }
        }
    };
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let seconds = days_since_1970(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second - offset_s;
    u64::try_from(seconds).ok()
}

/// Numbers of at most four digits, parted by a character.
fn numbers<const COUNT: usize>(text: &str, parted_by: char) -> Option<[i64; COUNT]> {
    let is_number = |part: &&str| (1..=4).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit());
    let parts: Vec<i64> =
        text.split(parted_by).map(|part| Some(part).filter(is_number)?.parse().ok()).collect::<Option<_>>()?;
    parts.try_into().ok()
}

/// Days of the Gregorian calendar. Years begin in March here, so that the day that is sometimes there is the last of its year.
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    year * 365 + year / 4 - year / 100 + year / 400 + day_of_year - DAYS_BEFORE_1970
}

/// From the first of March of the year 0.
const DAYS_BEFORE_1970: i64 = 719_468;

/// Longer texts come out empty.
const TEXT_BYTES_MAX: usize = 128;

#[cfg(test)]
mod tests {
    use super::*;

    /// Midday in the middle of the month and year: the same day in every time zone.
    const MIDDAY: Moment = Moment { seconds: 1_700_049_600, nanoseconds: 12_345_678 };

    #[test]
    fn times_of_rfc_3339_are_read() {
        let check = |text: &str, expected| assert_eq!(rfc_3339_s(text), expected, "{text}");
        check("1970-01-01T00:00:00Z", Some(0));
        check("2023-11-15T12:00:00Z", Some(MIDDAY.seconds));
        check("2023-11-15t14:30:00.25+02:30", Some(MIDDAY.seconds));
        check("2023-11-15 10:00:00-02:00", Some(MIDDAY.seconds));
        check("2024-02-29T00:00:00Z", Some(1_709_164_800));
        check("2024-03-01T00:00:00Z", Some(1_709_251_200));
        check("2000-12-31T23:59:60Z", Some(978_307_200));
        let wrong = ["", "2023-11-15", "2023-11-15T12:00:00", "2023-13-01T00:00:00Z", "2023-11-15T12:00Z"];
        for text in wrong.into_iter().chain(["1969-12-31T23:59:59Z", "2023-11-15T12:00:00+2", "x-1-1T1:1:1Z", "TZ"]) {
            check(text, None);
        }
    }

    #[test]
    fn the_time_is_the_one_of_the_place() {
        assert_eq!(MIDDAY.local(b"%Y-%m %%"), b"2023-11 %");
        let text = MIDDAY.iso_8601();
        assert!(text.starts_with("2023-11-1") && text.contains(".012345"), "{text}");
        assert_eq!(MIDDAY.local(b"a\0b"), b"");
    }
}
