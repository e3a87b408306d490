//! A sink's end of its pipe into the server: an MQTT client that subscribes, and acknowledges when it is told to.

use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use midge_broker::service::received_ns;
use midge_codec::{
    AcknowledgementKind, Connect, Packet, PacketId, PacketType, Properties, PropertiesBuf, Property, Publish, QoS,
    ReasonCode, RetainHandling, Subscribe, SubscribeFiltersBuf, SubscriptionOptions, TopicFilter, Version,
    encode_acknowledgement, fixed_header,
};
use midge_sinks::Message;

/// See the module.
pub(super) struct Pipe {
    stream: UnixStream,
    /// What has come; from `at` on it was not looked at.
    input: Vec<u8>,
    at: usize,
    filled: usize,
    output: Vec<u8>,
}

/// What a read came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Came {
    /// Something.
    Bytes,
    /// Nothing in time.
    Nothing,
    /// The server has closed it, or we were told to stop.
    End,
}

impl Pipe {
    /// Comes as this client for messages of these topics, of which so many may be under way. When this returns, the server has all
    /// Subscriptions: no message passes by that is published from now on.
    pub(super) fn begin(stream: UnixStream, client_id: &str, topics: &[String], window: u16) -> io::Result<Pipe> {
        let (input, output) = (vec![0; INPUT_BYTES], Vec::new());
        let mut pipe = Pipe { stream, input, at: 0, filled: 0, output };
        pipe.stream.set_write_timeout(Some(PATIENCE))?;
        let mut properties = PropertiesBuf::default();
        properties.push(Property::SessionExpiryInterval(u32::MAX));
        properties.push(Property::ReceiveMaximum(window));
        let connect = Connect {
            version: Version::V5,
            bridge: false,
            clean_start: false,
            keep_alive_s: 0,
            client_id,
            will: None,
            username: None,
            password: None,
            properties: properties.as_properties(),
        };
        Packet::Connect(connect).encode(Version::V5, &mut pipe.output);
        let mut filters = SubscribeFiltersBuf::default();
        // What was retained before is no news.
        let retain_handling = RetainHandling::DoNotSend;
        let options = SubscriptionOptions { qos: QoS::AtLeastOnce, retain_handling, ..SubscriptionOptions::default() };
        for filter in topics.iter().filter_map(|filter| TopicFilter::parse(filter).ok()) {
            filters.push(filter, options);
        }
        let (properties, filters) = (Properties::EMPTY, filters.as_filters());
        let subscribe = Subscribe { packet_id: FIRST, properties, filters };
        subscribe.encode(Version::V5, &mut pipe.output);
        pipe.flush()?;
        pipe.await_subscriptions()?;
        Ok(pipe)
    }

    /// Reads on to SUBACK. Messages that stand before it stay where they are.
    fn await_subscriptions(&mut self) -> io::Result<()> {
        let mut at = 0;
        loop {
            while let Some(header) = fixed_header(&self.input[at..self.filled]).map_err(no_mqtt)? {
                let length = usize::from(header.length) + header.remaining as usize;
                let Some(packet) = self.input[..self.filled].get(at..at + length) else { break };
                match header.first >> 4 {
                    SUBACK => return Ok(()),
                    CONNACK if packet.get(usize::from(header.length) + 1) != Some(&0) => return Err(not_let_in()),
                    _ => at += length,
                }
            }
            if self.read(Some(PATIENCE))? != Came::Bytes {
                return Err(io::Error::other("the server does not answer"));
            }
        }
    }

    /// A handle by which others end reading.
    pub(super) fn stream(&self) -> io::Result<UnixStream> {
        self.stream.try_clone()
    }

    /// Reads once, waiting so long; `None`: for ever.
    pub(super) fn read(&mut self, wait: Option<Duration>) -> io::Result<Came> {
        if self.at > 0 {
            self.input.copy_within(self.at..self.filled, 0);
            (self.at, self.filled) = (0, self.filled - self.at);
        }
        if self.filled == self.input.len() {
            self.input.resize(self.filled * 2, 0);
        }
        self.stream.set_read_timeout(wait.map(|wait| wait.max(Duration::from_millis(1))))?;
        match self.stream.read(&mut self.input[self.filled..]) {
            Ok(0) => Ok(Came::End),
            Ok(count) => {
                self.filled += count;
                Ok(Came::Bytes)
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => Ok(Came::Nothing),
            Err(error) if error.kind() == ErrorKind::Interrupted => Ok(Came::Nothing),
            Err(error) => Err(error),
        }
    }

    /// The next message of what was read, and its Packet Identifier.
    pub(super) fn next(&mut self) -> io::Result<Option<(Message<'_>, u16)>> {
        loop {
            let bytes = &self.input[self.at..self.filled];
            let Some(header) = fixed_header(bytes).map_err(no_mqtt)? else { return Ok(None) };
            let (start, length) = (usize::from(header.length), usize::from(header.length) + header.remaining as usize);
            if bytes.len() < length {
                return Ok(None);
            }
            let at = self.at;
            self.at += length;
            // Of other packets there is nothing to be learnt.
            if header.first >> 4 != PUBLISH {
                continue;
            }
            let body = &self.input[at + start..at + length];
            let publish = Publish::decode(Version::V5, header, body).map_err(no_mqtt)?;
            let packet_id = publish.packet_id.map_or(0, PacketId::get);
            let received_ns = publish.properties.forward.parts().last().and_then(received_ns).unwrap_or_default();
            let message = Message { topic: publish.topic, payload: publish.payload, received_ns };
            return Ok(Some((message, packet_id)));
        }
    }

    /// Acknowledges messages in the order in which they came.
    pub(super) fn acknowledge(&mut self, packet_ids: impl Iterator<Item = u16>) -> io::Result<()> {
        for packet_id in packet_ids.filter(|packet_id| *packet_id != 0) {
            let code = ReasonCode::SUCCESS;
            encode_acknowledgement(AcknowledgementKind::PubAck, Version::V5, packet_id, code, &mut self.output);
        }
        // What one large message needed is given back.
        if self.filled == self.at && self.input.len() > INPUT_BYTES {
            self.input = vec![0; INPUT_BYTES];
            (self.at, self.filled) = (0, 0);
        }
        self.flush()
    }

    fn flush(&mut self) -> io::Result<()> {
        let written = self.stream.write_all(&self.output);
        self.output.clear();
        written
    }
}

fn not_let_in() -> io::Error {
    io::Error::other("the server does not let it in")
}

fn no_mqtt(error: midge_codec::DecodeError) -> io::Error {
    io::Error::other(error.message())
}

const PUBLISH: u8 = PacketType::Publish as u8;
const CONNACK: u8 = PacketType::ConnAck as u8;
const SUBACK: u8 = PacketType::SubAck as u8;

const FIRST: PacketId = match PacketId::new(1) {
    Some(first) => first,
    None => panic!("1 is one"),
};

/// As much as a pipe holds.
const INPUT_BYTES: usize = 256 << 10;

/// No turn of the server takes so long.
const PATIENCE: Duration = Duration::from_secs(30);
