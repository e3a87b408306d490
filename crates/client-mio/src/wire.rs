//! A socket with its layers, as the bytes of MQTT.

use std::io::ErrorKind;

use midge_client_transport::{Failure, Layers};
use midge_net::{Received, Stream};

/// See the module.
#[derive(Debug)]
pub(crate) struct Wire {
    stream: Stream,
    /// What lies between; most have nothing.
    layers: Option<Box<Layers>>,
    /// The socket takes nothing more for now.
    pub(crate) is_blocked: bool,
    /// There may be something in the socket of which no event tells any more.
    pub(crate) has_more: bool,
}

impl Wire {
    pub(crate) fn new(stream: Stream, layers: Option<Box<Layers>>) -> Wire {
        Wire { stream, layers, is_blocked: false, has_more: true }
    }

    /// Whether MQTT can be sent.
    pub(crate) fn is_open(&self) -> bool {
        self.layers.as_ref().is_none_or(|layers| layers.is_open())
    }

    /// Reads once. The bytes of MQTT stand behind what is in `unread` afterwards, in `unread` itself or, with that before them,
    /// in `room`: how many there are all in all then. They count also where there is a failure.
    pub(crate) fn read(&mut self, unread: &mut Vec<u8>, room: &mut Room) -> (Option<usize>, Result<(), Failure>) {
        match &mut self.layers {
            None => self.read_bare(unread, room),
            Some(layers) => {
                let count = match received(self.stream.read(&mut room.buffer), &mut self.has_more) {
                    Ok(count) => count,
                    Err(Failure::Closed) => return (None, Err(layers.closed())),
                    Err(failure) => return (None, Err(failure)),
                };
                (None, layers.receive(&room.buffer[..count], unread))
            }
        }
    }

    fn read_bare(&mut self, unread: &mut Vec<u8>, room: &mut Room) -> (Option<usize>, Result<(), Failure>) {
        let kept = unread.len();
        if kept > KEPT_BYTES_MAX {
            let outcome = self.stream.read_to_end_of(unread, READ_BYTES, &mut []);
            return (None, received(outcome, &mut self.has_more).map(drop));
        }
        room.buffer[..kept].copy_from_slice(unread);
        match received(self.stream.read(&mut room.buffer[kept..]), &mut self.has_more) {
            Ok(count) => (Some(kept + count), Ok(())),
            Err(failure) => (None, Err(failure)),
        }
    }

    /// Takes some bytes of MQTT, and writes them as far as the socket does now. How many: none, when it is blocked.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<usize, Failure> {
        let Some(layers) = &mut self.layers else { return self.write_to_socket(bytes) };
        if !layers.output().is_empty() || !layers.is_open() {
            return Ok(0);
        }
        let taken = bytes.len().min(WRITTEN_BYTES_MAX);
        layers.send(&bytes[..taken])?;
        Ok(taken)
    }

    /// Writes what layers have put out, until the socket takes no more.
    pub(crate) fn flush(&mut self) -> Result<(), Failure> {
        while let Some(mut layers) = self.layers.take_if(|layers| !layers.output().is_empty() && !self.is_blocked) {
            let written = self.write_to_socket(layers.output());
            layers.handle_written(*written.as_ref().unwrap_or(&0));
            self.layers = Some(layers);
            written?;
        }
        Ok(())
    }

    /// Only when the socket takes nothing any more does the system tell when it does again.
    fn write_to_socket(&mut self, bytes: &[u8]) -> Result<usize, Failure> {
        loop {
            return match self.stream.write(bytes) {
                Ok(0) => Err(Failure::Closed),
                Ok(count) => Ok(count),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.is_blocked = true;
                    Ok(0)
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => Err(Failure::Broken(error)),
            };
        }
    }

    /// Whether all is written.
    pub(crate) fn is_flushed(&self) -> bool {
        self.layers.as_ref().is_none_or(|layers| layers.output().is_empty())
    }

    /// Says that nothing more comes, and ends our half.
    pub(crate) fn close(&mut self, room: &mut Room) {
        if let Some(layers) = &mut self.layers {
            layers.close();
        }
        // Best effort: whoever does not read any more does not need it.
        let _ = self.flush();
        let _ = self.stream.shutdown_write();
        // Whoever closes a socket in which something waits to be read takes back what he has just sent.
        while matches!(self.stream.read(&mut room.buffer), Ok(Received::Bytes { is_more: true, .. })) {}
    }
}

/// What is read stands here only until it is handled: one for all connections.
#[derive(Debug)]
pub(crate) struct Room {
    pub(crate) buffer: Box<[u8]>,
}

impl Room {
    pub(crate) fn new() -> Room {
        Room { buffer: vec![0; READ_BYTES + KEPT_BYTES_MAX].into_boxed_slice() }
    }
}

/// How many bytes a read brought.
fn received(outcome: std::io::Result<Received>, has_more: &mut bool) -> Result<usize, Failure> {
    match outcome {
        Ok(Received::Bytes { count, is_more }) => {
            *has_more = is_more;
            Ok(count)
        }
        Ok(Received::End) => Err(Failure::Closed),
        Err(error) if error.kind() == ErrorKind::WouldBlock => {
            *has_more = false;
            Ok(0)
        }
        Err(error) if error.kind() == ErrorKind::Interrupted => Ok(0),
        Err(error) => Err(Failure::Broken(error)),
    }
}

/// Read at a time.
const READ_BYTES: usize = 64 << 10;

/// A beginning of so many bytes is moved in front of what is read next; one that is longer grows where it is.
const KEPT_BYTES_MAX: usize = 16 << 10;

/// Put through layers at a time: one frame, four records.
const WRITTEN_BYTES_MAX: usize = 64 << 10;
