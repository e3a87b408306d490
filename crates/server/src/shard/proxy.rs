//! The proxy in front: what its header says of a connection, before the first byte of the client.
//!
//! The header is looked at where it waits, below all layers, and taken out when it is whole: nothing of it has to be kept, and
//! nothing behind it is touched. That a proxy looks whether we live is told nobody.

use std::fmt;
use std::io;

use midge_broker::{ConnectionEnd, ListenerId};
use midge_net::proxy_protocol::{self, CorruptHeader, Header, Source, Version};

use super::Shard;
use super::connection::{Connection, Introduction, Mark, Phase};
use super::input::end_of;
use crate::log::{About, LogType};
use crate::options::{ProxyOptions, SeenByProxy};

impl Shard {
    /// Reads the header of a connection, as far as it has come.
    pub(super) fn read_proxy_header(&mut self, index: usize, buffer: &mut [u8]) {
        let connection = &self.connections[index];
        let Some(options) = self.settings.door(ListenerId(connection.listener)).proxy else {
            // A reload has made the listener another one meanwhile.
            return self.remove(index);
        };
        let is_over = connection.is(Mark::ReadClosed) || connection.is(Mark::Broken);
        let bytes = match connection.stream.peek(&mut buffer[..HEADER_BYTES_MAX]) {
            Ok(0) => return self.end(index, ConnectionEnd::ClosedByClient),
            Ok(count) => &buffer[..count],
            Err(error) => match error.kind() {
                io::ErrorKind::WouldBlock if is_over => return self.end(index, ConnectionEnd::ClosedByClient),
                io::ErrorKind::WouldBlock => return,
                io::ErrorKind::Interrupted => return self.queue_input(index),
                _ => return self.end(index, end_of(&error)),
            },
        };
        match proxy_protocol::decode(options.version, bytes) {
            Ok(Some(header)) => self.take_proxy_header(index, options, &header),
            Ok(None) if is_over => self.reject_header(index, options, &CUT_OFF),
            Ok(None) => {}
            Err(corrupt) => self.reject_header(index, options, &corrupt),
        }
    }

    fn take_proxy_header(&mut self, index: usize, options: ProxyOptions, header: &Header<'_>) {
        let connection = &mut self.connections[index];
        if let Err(error) = connection.stream.skip(header.length) {
            return self.end(index, end_of(&error));
        }
        if let Some(address) = header.source.address() {
            connection.address = address;
        }
        let seen = SeenByProxy {
            is_tls: header.tls.is_some_and(|tls| tls.is_tls),
            has_certificate: header.tls.is_some_and(|tls| tls.has_verified_certificate),
        };
        connection.set_seen_by_proxy(seen);
        // The proxy itself has nothing to show, and only looks.
        let is_check = header.source == Source::Proxy;
        if let Some(lack) = options.lack(seen) {
            return self.reject(index, Some(lack).filter(|_| !is_check));
        }
        if !is_check && let Err(directive) = self.enter_from(index) {
            return self.deny(index, directive);
        }
        let connection = &mut self.connections[index];
        let tls = header.tls.filter(|tls| tls.has_verified_certificate);
        let common_name = tls.and_then(|tls| tls.common_name).map(Into::into);
        if is_check || common_name.is_some() {
            connection.introduce(Introduction { is_check, common_name });
        }
        if is_check {
            // Some send a CONNECT behind this, others wait for us to close.
            self.lingerers.push(self.turn.now.monotonic_ms, index, self.connections[index].generation);
        } else {
            self.tell_new_connection(index);
        }
        let negotiated = header.tls.and_then(|tls| tls.version.zip(tls.cipher));
        if let Some((version, cipher)) = negotiated.filter(|_| self.log.wants_connections()) {
            let address = &self.connections[index].address;
            let text = format_args!("Connection from {address} negotiated {version} cipher {cipher}");
            let about = About::connection("negotiated", address);
            self.log.repeated_line_about(self.turn.now.wall_s, LogType::Notice, ("new connections", &about), text);
        }
        let connection = &mut self.connections[index];
        connection.phase = Phase::behind_proxy(self.settings.door(ListenerId(connection.listener)));
        self.queue_input(index);
    }

    /// Counts the connection for the address that the proxy has named.
    fn enter_from(&self, index: usize) -> Result<(), &'static str> {
        let Connection { listener, address, .. } = &self.connections[index];
        self.settings.door(ListenerId(*listener)).rates.enter_from(address, self.turn.now.monotonic_ms)
    }

    /// Log watchers know these lines. That of the first version names nobody, and neither does that of a header that is too long.
    fn reject_header(&mut self, index: usize, options: ProxyOptions, corrupt: &CorruptHeader<'_>) {
        let connection = &mut self.connections[index];
        connection.phase = Phase::Ending;
        let address = corrupt.source.and_then(|source| source.address());
        let sender = &connection.address;
        let known = fmt::from_fn(|f| match (options.version, &address) {
            _ if *corrupt == CorruptHeader::TOO_LONG => {
                f.write_str("Client (null) [(null):0] disconnected: bad socket read/write: Invalid input.")
            }
            (Version::One, _) => f.write_str("Connection rejected, corrupt PROXY header."),
            (Version::Two { .. }, Some(address)) => {
                write!(f, "Connection from {address} rejected, corrupt PROXY header.")
            }
            (Version::Two { .. }, None) => write!(f, "Connection from {sender} rejected, corrupt PROXY header."),
        });
        let text = format_args!("{known} ({sender}: {corrupt})");
        let about = About::connection("rejected", sender);
        self.log.repeated_line_about(self.turn.now.wall_s, LogType::Notice, ("rejected connections", &about), text);
        self.ended.push(index);
    }

    fn reject(&mut self, index: usize, cause: Option<&str>) {
        let connection = &mut self.connections[index];
        connection.phase = Phase::Ending;
        self.ended.push(index);
        let Some(cause) = cause else { return };
        let text = format_args!("Connection from {} rejected, {cause}.", connection.address);
        let about = About::connection("rejected", &connection.address);
        self.log.repeated_line_about(self.turn.now.wall_s, LogType::Notice, ("rejected connections", &about), text);
    }
}

const CUT_OFF: CorruptHeader<'static> = CorruptHeader { cause: "ends in the middle", source: None };

/// More than any header that is taken, so that one that is too long shows it.
const HEADER_BYTES_MAX: usize = 1024;
