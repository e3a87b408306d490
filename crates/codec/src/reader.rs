//! A cursor over a packet's body, one method for each data type of section 1.5.
//!
//! Every method checks that the bytes are there and moves on; none copies.

use crate::error::DecodeError;
use crate::{utf8_string, variable_byte_integer};

/// What is still to be read.
#[derive(Clone, Copy)]
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    #[inline]
    pub(crate) const fn new(bytes: &'a [u8]) -> Reader<'a> {
        Reader { rest: bytes }
    }

    #[inline]
    pub(crate) const fn rest(&self) -> &'a [u8] {
        self.rest
    }

    #[inline]
    pub(crate) const fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    #[inline]
    pub(crate) fn u8(&mut self) -> Result<u8, DecodeError> {
        let (&byte, rest) = self.rest.split_first().ok_or(TRUNCATED)?;
        self.rest = rest;
        Ok(byte)
    }

    #[inline]
    pub(crate) fn u16(&mut self) -> Result<u16, DecodeError> {
        let (bytes, rest) = self.rest.split_first_chunk().ok_or(TRUNCATED)?;
        self.rest = rest;
        Ok(u16::from_be_bytes(*bytes))
    }

    #[inline]
    pub(crate) fn u32(&mut self) -> Result<u32, DecodeError> {
        let (bytes, rest) = self.rest.split_first_chunk().ok_or(TRUNCATED)?;
        self.rest = rest;
        Ok(u32::from_be_bytes(*bytes))
    }

    #[inline]
    pub(crate) fn take(&mut self, count: usize) -> Result<&'a [u8], DecodeError> {
        let (bytes, rest) = self.rest.split_at_checked(count).ok_or(TRUNCATED)?;
        self.rest = rest;
        Ok(bytes)
    }

    /// Binary Data: a two-byte length and as many bytes.
    #[inline]
    pub(crate) fn binary(&mut self) -> Result<&'a [u8], DecodeError> {
        let count = self.u16()?;
        self.take(usize::from(count))
    }

    /// UTF-8 Encoded String `[MQTT-1.5.4-1]` `[MQTT-1.5.4-2]`.
    #[inline]
    pub(crate) fn string(&mut self) -> Result<&'a str, DecodeError> {
        utf8_string::check(self.binary()?)
    }

    /// The same without control characters.
    pub(crate) fn name(&mut self) -> Result<&'a str, DecodeError> {
        let name = self.string()?;
        if name.contains(char::is_control) { Err(utf8_string::CONTROL) } else { Ok(name) }
    }

    /// Variable Byte Integer inside a packet of version 5: in its shortest form only `[MQTT-1.5.5-1]`.
    #[inline]
    pub(crate) fn variable_byte_integer(&mut self) -> Result<u32, DecodeError> {
        let (value, count) = variable_byte_integer::decode(self.rest)?.ok_or(TRUNCATED)?;
        if count > 1 && count > variable_byte_integer::len(value) {
            return Err(DecodeError::malformed("Variable Byte Integer is not in its shortest form"));
        }
        self.rest = &self.rest[count..];
        Ok(value)
    }

    /// The packet must end here.
    #[inline]
    pub(crate) fn finish(&self) -> Result<(), DecodeError> {
        if self.rest.is_empty() { Ok(()) } else { Err(DecodeError::malformed("bytes behind the end of the packet")) }
    }
}

const TRUNCATED: DecodeError = DecodeError::malformed("packet ends inside a field");
