//! Choices that somebody else makes: bytes of a fuzzer.

/// Bytes that decide what happens, from the first to the last; zeros when there are no more.
#[derive(Clone, Debug)]
pub struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    /// Begins with the first of them.
    pub fn new(bytes: &'a [u8]) -> Input<'a> {
        Input(bytes)
    }

    /// Whether there are no more.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The next one.
    pub fn byte(&mut self) -> u8 {
        self.0.split_off_first().copied().unwrap_or(0)
    }

    /// As many as the next one says, or as there are.
    pub fn bytes(&mut self) -> &'a [u8] {
        let length = usize::from(self.byte()).min(self.0.len());
        self.0.split_off(..length).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_handed_out_in_their_order_and_then_zeros() {
        let mut input = Input::new(&[7, 2, 8, 9, 200, 1]);
        assert_eq!((input.byte(), input.bytes(), input.bytes()), (7, &[8, 9][..], &[1][..]));
        assert!(input.is_empty());
        assert_eq!((input.byte(), input.bytes()), (0, &[][..]));
    }
}
