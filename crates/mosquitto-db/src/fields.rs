//! A cursor over the content of one chunk, one method for each kind of field.
//!
//! Store ids and times are as the processor that wrote them has them, which is little-endian here; everything else is
//! big-endian.

use midge_codec::{Properties, QoS, variable_byte_integer};

use crate::STORE_ID_SIZE;
use crate::error::ReadErrorKind;
use crate::state::{Direction, State};

type Result<T> = std::result::Result<T, ReadErrorKind>;

/// What is still to be read.
pub(crate) struct Fields<'a> {
    rest: &'a [u8],
}

impl<'a> Fields<'a> {
    pub(crate) fn new(content: &'a [u8]) -> Fields<'a> {
        Fields { rest: content }
    }

    /// How many bytes are left.
    pub(crate) fn len(&self) -> usize {
        self.rest.len()
    }

    pub(crate) fn u8(&mut self, name: &'static str) -> Result<u8> {
        self.array(name).map(u8::from_be_bytes)
    }

    pub(crate) fn u16(&mut self, name: &'static str) -> Result<u16> {
        self.array(name).map(u16::from_be_bytes)
    }

    pub(crate) fn u32(&mut self, name: &'static str) -> Result<u32> {
        self.array(name).map(u32::from_be_bytes)
    }

    pub(crate) fn store_id(&mut self) -> Result<u64> {
        self.array("store id").map(u64::from_le_bytes)
    }

    pub(crate) fn time(&mut self, name: &'static str) -> Result<i64> {
        self.array(name).map(i64::from_le_bytes)
    }

    /// A time as 32-bit processors have it.
    pub(crate) fn short_time(&mut self, name: &'static str) -> Result<i64> {
        self.array(name).map(|bytes| i32::from_le_bytes(bytes).into())
    }

    pub(crate) fn take(&mut self, count: usize, name: &'static str) -> Result<&'a [u8]> {
        let (bytes, rest) = self.rest.split_at_checked(count).ok_or(ReadErrorKind::Short(name))?;
        self.rest = rest;
        Ok(bytes)
    }

    /// A text with two bytes of length in front.
    pub(crate) fn text(&mut self, name: &'static str) -> Result<&'a [u8]> {
        let length = self.u16(name)?;
        self.take(usize::from(length), name)
    }

    /// How many bytes store ids have, which must be as many as they have here.
    pub(crate) fn store_id_size(&mut self, shutdown: bool) -> Result<()> {
        match self.u8("store id size")? {
            STORE_ID_SIZE => Ok(()),
            size => Err(ReadErrorKind::StoreIdSize { size, shutdown }),
        }
    }

    pub(crate) fn qos(&mut self) -> Result<QoS> {
        self.value("QoS", QoS::from_u8)
    }

    pub(crate) fn direction(&mut self) -> Result<Direction> {
        self.value("direction", Direction::from_u8)
    }

    pub(crate) fn state(&mut self) -> Result<State> {
        self.value("state", State::from_u8)
    }

    /// What the compiler puts behind the fields of a struct; how much depends on the processor.
    pub(crate) fn padding(&mut self, counts: &[usize], behind: usize) -> Result<()> {
        match self.rest.len().checked_sub(behind) {
            Some(count) if counts.contains(&count) => self.take(count, "padding").map(drop),
            Some(_) => Err(ReadErrorKind::Surplus),
            None => Err(ReadErrorKind::Short("texts")),
        }
    }

    /// All that is left: a Property Length and Properties, or nothing at all.
    pub(crate) fn properties(&mut self) -> Result<Properties<'a>> {
        const TOO_SHORT: ReadErrorKind = ReadErrorKind::Short("Properties");
        if self.rest.is_empty() {
            return Ok(Properties::EMPTY);
        }
        let length = variable_byte_integer::decode(self.rest).map_err(ReadErrorKind::Properties)?;
        let (length, digits) = length.ok_or(TOO_SHORT)?;
        let bytes = self.rest.get(digits..digits + length as usize).ok_or(TOO_SHORT)?;
        let properties = Properties::of_publish(bytes).map_err(ReadErrorKind::Properties)?;
        self.rest = &self.rest[digits + bytes.len()..];
        Ok(properties)
    }

    pub(crate) fn end(&self) -> Result<()> {
        if self.rest.is_empty() { Ok(()) } else { Err(ReadErrorKind::Surplus) }
    }

    fn array<const COUNT: usize>(&mut self, name: &'static str) -> Result<[u8; COUNT]> {
        let (bytes, rest) = self.rest.split_first_chunk().ok_or(ReadErrorKind::Short(name))?;
        self.rest = rest;
        Ok(*bytes)
    }

    /// A byte that has a meaning; the cursor stays on one that has none.
    fn value<T>(&mut self, field: &'static str, meaning: impl Fn(u8) -> Option<T>) -> Result<T> {
        let (&value, rest) = self.rest.split_first().ok_or(ReadErrorKind::Short(field))?;
        let meaning = meaning(value).ok_or(ReadErrorKind::Value { field, value })?;
        self.rest = rest;
        Ok(meaning)
    }
}
