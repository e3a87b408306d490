//! Layout of a field: width, side, zeros, precision, and what separates hexadecimal digits.

/// What stands between `%` and the letter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Layout {
    /// `-`: the value stands on the left.
    pub(super) is_left: bool,
    /// `0`: zeros instead of spaces.
    pub(super) has_zeros: bool,
    /// The least width; 0 for none.
    pub(super) width: usize,
    /// Behind the point.
    pub(super) precision: Option<usize>,
    /// Stands between groups of hexadecimal digits.
    pub(super) separator: u8,
}

impl Layout {
    /// A field that the message does not have.
    pub(super) fn push_blank(&self, out: &mut Vec<u8>) {
        out.extend(std::iter::repeat_n(self.pad(), self.width));
    }

    /// A number, as `printf` has it.
    pub(super) fn push_number(&self, number: &str, out: &mut Vec<u8>) {
        let pad = if self.is_left { b' ' } else { self.pad() };
        if pad == b'0'
            && let Some(digits) = number.strip_prefix('-')
        {
            out.push(b'-');
            return push_padded(digits.as_bytes(), self.width.saturating_sub(1), false, pad, out);
        }
        push_padded(number.as_bytes(), self.width, self.is_left, pad, out);
    }

    /// A text, cut at the precision, as `printf` has it.
    pub(super) fn push_text(&self, text: &[u8], out: &mut Vec<u8>) {
        let text = &text[..text.len().min(self.precision.unwrap_or(usize::MAX))];
        push_padded(text, self.width, self.is_left, b' ', out);
    }

    /// A payload, cut at the width.
    pub(super) fn push_payload(&self, payload: &[u8], out: &mut Vec<u8>) {
        push_padded(self.cut(payload), self.width, self.is_left, self.side_pad(), out);
    }

    /// A payload of as many bytes as the width allows, in hexadecimal digits, a separator after as many as the precision says.
    pub(super) fn push_hexadecimal(&self, payload: &[u8], digits: &[u8; 16], out: &mut Vec<u8>) {
        let payload = self.cut(payload);
        let padding = std::iter::repeat_n(self.side_pad(), self.width.saturating_sub(2 * payload.len()));
        let digits = payload.iter().flat_map(|byte| [byte >> 4, byte & 0x0F]).map(|nibble| digits[usize::from(nibble)]);
        if self.is_left {
            self.push_grouped(digits, out);
            out.extend(padding);
        } else {
            // Digits are grouped together with the padding before them, and what is last has nothing behind it.
            self.push_grouped(padding.chain(digits), out);
        }
    }

    fn push_grouped(&self, digits: impl Iterator<Item = u8>, out: &mut Vec<u8>) {
        let group = self.precision.unwrap_or(0);
        for (index, digit) in digits.enumerate() {
            if group > 0 && index > 0 && index % group == 0 {
                out.push(self.separator);
            }
            out.push(digit);
        }
    }

    fn cut<'a>(&self, payload: &'a [u8]) -> &'a [u8] {
        if self.width == 0 { payload } else { &payload[..payload.len().min(self.width)] }
    }

    fn pad(&self) -> u8 {
        if self.has_zeros { b'0' } else { b' ' }
    }

    /// What fills the side where a payload does not stand.
    fn side_pad(&self) -> u8 {
        if self.is_left { b' ' } else { self.pad() }
    }
}

fn push_padded(text: &[u8], width: usize, is_left: bool, pad: u8, out: &mut Vec<u8>) {
    let padding = std::iter::repeat_n(pad, width.saturating_sub(text.len()));
    if is_left {
        out.extend_from_slice(text);
        out.extend(padding);
    } else {
        out.extend(padding);
        out.extend_from_slice(text);
    }
}
