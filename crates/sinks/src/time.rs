//! Times as payloads have them, in nanoseconds since 1970.

/// What a number counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unit {
    /// Seconds.
    Seconds,
    /// Milliseconds.
    Milliseconds,
    /// Microseconds.
    Microseconds,
    /// Nanoseconds.
    Nanoseconds,
}

impl Unit {
    /// How many nanoseconds one is.
    pub fn ns(self) -> i64 {
        match self {
            Unit::Seconds => 1_000_000_000,
            Unit::Milliseconds => 1_000_000,
            Unit::Microseconds => 1_000,
            Unit::Nanoseconds => 1,
        }
    }
}

/// A number of such units, whole.
pub fn of_integer(number: i64, unit: Unit) -> Option<i64> {
    number.checked_mul(unit.ns())
}

/// A number of such units.
pub fn of_float(number: f64, unit: Unit) -> Option<i64> {
    let ns = number * unit.ns() as f64;
    // Exactly representable, so that what is below is an i64.
    (ns.is_finite() && ns.abs() < 9.2e18).then_some(ns.round() as i64)
}

/// A time as RFC 3339 has it: `2024-05-01T12:00:00.25+02:00`. `T` may be a space; where there is no offset it is UTC, as devices
/// write it.
pub fn of_text(text: &str) -> Option<i64> {
    let (date, rest) = (text.get(..10)?, text.get(11..)?);
    if !matches!(text.as_bytes()[10], b'T' | b't' | b' ') {
        return None;
    }
    let (year, month, day) = split(date, "-")?;
    let (clock, rest) = (rest.get(..8)?, rest.get(8..)?);
    let (hour, minute, second) = split(clock, ":")?;
    let is_real = (1..=12).contains(&month)
        && (1..=days_of(year, month)).contains(&day)
        && hour < 24
        && minute < 60
        && second <= 60;
    if !is_real {
        return None;
    }
    let (fraction, offset) = match rest.strip_prefix('.') {
        Some(rest) => rest.split_at(rest.bytes().take_while(u8::is_ascii_digit).count()),
        None => ("0", rest),
    };
    if fraction.is_empty() {
        return None;
    }
    let seconds = days_since_1970(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second - offset_s(offset)?;
    let fraction_ns = fraction.bytes().take(9).fold(0, |ns, digit| ns * 10 + i64::from(digit - b'0'));
    let missing = 9_u32.saturating_sub(fraction.len() as u32);
    seconds.checked_mul(1_000_000_000)?.checked_add(fraction_ns * 10_i64.pow(missing))
}

fn split(text: &str, between: &str) -> Option<(i64, i64, i64)> {
    let mut numbers = text.split(between).map(|part| {
        let are_digits = part.bytes().all(|byte| byte.is_ascii_digit());
        part.parse::<i64>().ok().filter(|_| are_digits)
    });
    let three = (numbers.next()??, numbers.next()??, numbers.next()??);
    numbers.next().is_none().then_some(three)
}

fn offset_s(text: &str) -> Option<i64> {
    let (sign, rest) = match text.as_bytes().first() {
        None => return Some(0),
        Some(b'Z' | b'z') if text.len() == 1 => return Some(0),
        Some(b'+') => (1, &text[1..]),
        Some(b'-') => (-1, &text[1..]),
        Some(_) => return None,
    };
    let (hours, minutes, _) = split(&format!("{rest}:0"), ":")?;
    (hours < 24 && minutes < 60).then_some(sign * (hours * 3600 + minutes * 60))
}

fn days_of(year: i64, month: i64) -> i64 {
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    match month {
        2 if is_leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Of the Gregorian calendar, counted in years that begin with March.
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_devices_write_them() {
        let check = |text: &str, expected: Option<i64>| assert_eq!(of_text(text), expected, "{text}");
        check("1970-01-01T00:00:00Z", Some(0));
        check("2000-02-29 23:59:59", Some(951_868_799_000_000_000));
        check("2024-05-01T12:00:00.25+02:00", Some(1_714_557_600_250_000_000));
        check("2024-05-01T12:00:00.123456789987Z", Some(1_714_564_800_123_456_789));
        check("1969-12-31T23:59:59-00:30", Some(1_799_000_000_000));
        let wrong = [
            "",
            "2024-05-01",
            "2023-02-29T00:00:00Z",
            "2024-13-01T00:00:00Z",
            "2024-05-01T24:00:00Z",
            "2024-05-01T12:00:00.Z",
            "2024-05-01T12:00:00x",
            "+024-05-01T12:00:00Z",
            "2024-05-01T12:00:00+2",
            "äöü4-05-01T12:00:00Z",
        ];
        wrong.into_iter().for_each(|text| check(text, None));
    }

    #[test]
    fn numbers_count_units() {
        assert_eq!(of_integer(1_700_000_000, Unit::Seconds), Some(1_700_000_000_000_000_000));
        assert_eq!(of_integer(i64::MAX, Unit::Microseconds), None);
        assert_eq!(of_float(1.5, Unit::Milliseconds), Some(1_500_000));
        assert_eq!(of_float(f64::NAN, Unit::Seconds), None);
        assert_eq!(of_float(1e300, Unit::Seconds), None);
    }
}
