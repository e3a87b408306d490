//! The words of a line. A line is bytes: only strings must be UTF-8, and only then.

/// What is left of a line.
#[derive(Clone, Copy)]
pub(crate) struct Words<'a>(pub(crate) &'a [u8]);

impl<'a> Words<'a> {
    /// The next word. Only spaces separate; a tab is part of a word.
    pub(crate) fn next(&mut self) -> Option<&'a [u8]> {
        self.next_between(|byte| byte == b' ')
    }

    /// The next word, where other bytes separate too.
    pub(crate) fn next_between(&mut self, separates: fn(u8) -> bool) -> Option<&'a [u8]> {
        let start = self.0.iter().position(|byte| !separates(*byte))?;
        let rest = &self.0[start..];
        let end = rest.iter().position(|byte| separates(*byte)).unwrap_or(rest.len());
        self.0 = &rest[end..];
        Some(&rest[..end])
    }

    /// The rest of the line, without blanks around it.
    pub(crate) fn rest(self) -> &'a [u8] {
        self.0.trim_ascii()
    }
}

/// Why a word is no integer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum NoInteger {
    NotANumber,
    OutOfRange,
}

/// As C reads a literal: `0x` begins a hexadecimal and 0 an octal number. It must fit 32 bits.
pub(crate) fn c_integer(word: &[u8]) -> Result<i64, NoInteger> {
    let word = word.trim_ascii_start();
    let digits = word.strip_prefix(b"-").or(word.strip_prefix(b"+")).unwrap_or(word);
    let number = match digits {
        [b'0', b'x' | b'X', hexadecimal @ ..] => magnitude(hexadecimal, 16)?,
        [b'0', octal @ ..] if !octal.is_empty() => magnitude(octal, 8)?,
        decimal => magnitude(decimal, 10)?,
    };
    let number = if word.first() == Some(&b'-') { -number } else { number };
    if i32::try_from(number).is_ok() { Ok(number) } else { Err(NoInteger::OutOfRange) }
}

/// Decimal, however it begins. It must fit 64 bits.
pub(crate) fn decimal(word: &[u8]) -> Result<i64, NoInteger> {
    match word {
        [b'-', digits @ ..] => Ok(-magnitude(digits, 10)?),
        digits => magnitude(digits, 10),
    }
}

fn magnitude(digits: &[u8], radix: u32) -> Result<i64, NoInteger> {
    if digits.is_empty() || !digits.iter().all(|byte| char::from(*byte).is_digit(radix)) {
        return Err(NoInteger::NotANumber);
    }
    let text = str::from_utf8(digits).map_err(|_| NoInteger::NotANumber)?;
    i64::from_str_radix(text, radix).map_err(|_| NoInteger::OutOfRange)
}

/// As MQTT wants strings: UTF-8 without U+0000, and without control characters, which nobody means to write.
pub(crate) fn text(bytes: &[u8]) -> Option<String> {
    let text = str::from_utf8(bytes).ok()?;
    (!text.chars().any(char::is_control)).then(|| text.to_owned())
}

/// A word for a message, whatever its bytes.
pub(crate) fn shown(word: &[u8]) -> String {
    String::from_utf8_lossy(word).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_are_c_literals() {
        let check = |word: &str, expected| assert_eq!(c_integer(word.as_bytes()), expected, "{word}");
        check("1883", Ok(1883));
        check("+5", Ok(5));
        check("-5", Ok(-5));
        check("0", Ok(0));
        check("010", Ok(8));
        check("0x75B", Ok(1883));
        check("-0X10", Ok(-16));
        check("2147483647", Ok(2_147_483_647));
        check("-2147483648", Ok(-2_147_483_648));
        check("2147483648", Err(NoInteger::OutOfRange));
        check("99999999999999999999", Err(NoInteger::OutOfRange));
        for word in ["", "-", "+", "0x", "09", "0x+5", "--5", "1a", "1.5", "ten", "1\t"] {
            check(word, Err(NoInteger::NotANumber));
        }
    }

    #[test]
    fn decimals_ignore_a_leading_zero() {
        assert_eq!(decimal(b"010"), Ok(10));
        assert_eq!(decimal(b"-1"), Ok(-1));
        assert_eq!(decimal(b"68719476736"), Ok(68_719_476_736));
        assert_eq!(decimal(b"10M"), Err(NoInteger::NotANumber));
        assert_eq!(decimal(b"99999999999999999999"), Err(NoInteger::OutOfRange));
    }

    #[test]
    fn spaces_separate_words_and_tabs_do_not() {
        let mut words = Words(b"  one two\tthree   four ");
        assert_eq!(words.next(), Some(&b"one"[..]));
        assert_eq!(words.next(), Some(&b"two\tthree"[..]));
        assert_eq!(words.rest(), b"four");
        assert_eq!(words.next(), Some(&b"four"[..]));
        assert_eq!(words.next(), None);
        assert_eq!(words.rest(), b"");
    }
}
