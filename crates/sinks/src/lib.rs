//! Messages for other systems: what is written, how much at a time, and what becomes of what is refused.
//!
//! ```text
//!  Message ──▶ Format ──▶ Batch ──▶ Delivery ──▶ the target, which somebody else talks to
//!            (a record)  (many)   (which of them now, what its answer means)
//! ```
//!
//! A [`Format`] turns a message into a record, or says why it leaves it alone. There are three: [`influxdb::InfluxDb`] (line
//! protocol), [`json::JsonBatch`] for web services and [`json::JsonLines`] for files. A [`batch::Batch`] gathers records; a
//! [`delivery::Delivery`] has all of them taken by the target, or set aside with its reason, and none of them lost.
//!
//! Pure: no clock, file or socket. What must hold: the same message always becomes the same record, so that writing it again
//! changes nothing where records have a key.

#![forbid(unsafe_code)]

pub mod batch;
pub mod delivery;
mod fields;
pub mod influxdb;
pub mod json;
pub mod line;
pub mod signature;
pub mod template;
pub mod time;

/// A message as a service of the server is given it.
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    /// Topic Name.
    pub topic: &'a str,
    /// Application Message.
    pub payload: &'a [u8],
    /// When it was received, nanoseconds since 1970. No two messages have the same.
    pub received_ns: u64,
}

/// How a target has its records.
pub trait Format {
    /// Writes the record of a message behind `out`, or leaves that as it is and says why there is none.
    fn append(&mut self, message: &Message<'_>, out: &mut Vec<u8>) -> Result<(), LeftAlone>;

    /// What is sent for records that stand one behind the other.
    fn body(&self, records: &[u8], body: &mut Vec<u8>) {
        body.extend_from_slice(records);
    }

    /// What the target says when it refuses some records of a batch: what is to be done with this one.
    fn blame(&mut self, reason: &str, record: &[u8]) -> Blame {
        let _ = (reason, record);
        Blame::Unknown
    }
}

/// Whether a record is meant by what a target says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Blame {
    /// Nobody can tell.
    Unknown,
    /// It is not.
    Taken,
    /// It is, and it would be taken like this.
    Amended(Vec<u8>),
    /// It is, and will be whatever is done.
    Hopeless,
}

/// Why a message has no record.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LeftAlone {
    /// Its payload is neither a JSON object nor a number.
    NoValues,
    /// Its payload has none of the fields that are wanted, or none that is a number, a string or a truth.
    NoFields,
    /// Its topic has not as many levels as the measurement wants.
    NoMeasurement,
    /// Its payload does not say when, or not so that it is understood.
    NoTime,
    /// It is larger than targets take.
    TooLarge,
}

impl LeftAlone {
    /// For people: what is the matter with the message.
    pub fn text(self) -> &'static str {
        match self {
            LeftAlone::NoValues => "its payload is neither a JSON object nor a number",
            LeftAlone::NoFields => "its payload has none of the fields",
            LeftAlone::NoMeasurement => "its topic has not the levels of influxdb_measurement",
            LeftAlone::NoTime => "its payload does not have the time of influxdb_time",
            LeftAlone::TooLarge => "it is too large",
        }
    }
}
