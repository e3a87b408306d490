//! Bytes of MQTT Control Packets, written and read here independently of the server's codec, so that no mistake of the one can hide in the other.
//!
//! Writing does what the notation says, right or wrong: tests need broken packets too. Reading is strict: whatever the server may
//! not send is an error here, in every test: reserved flags, a Variable Byte Integer that is longer than needed, a Packet Identifier of 0, DUP at QoS 0,
//! a Reason Code that is not in the packet's table, a property that does not belong into the packet or is there twice, text
//! that is not UTF-8, bytes left over.

use crate::packet::{Kind, Packet};
use crate::property::{self, Type};

/// The protocol levels: 3 is MQTT 3.1, 4 is 3.1.1, 5 is 5.0.
pub type Level = u8;

/// The bytes of `packet`, as a client or server of this protocol level sends it.
pub fn encode(packet: &Packet, level: Level) -> Vec<u8> {
    let mut body = Vec::new();
    match packet.kind {
        Kind::Connect => connect(packet, &mut body),
        Kind::Publish => publish(packet, level, &mut body),
        Kind::Puback | Kind::Pubrec | Kind::Pubrel | Kind::Pubcomp => acknowledgement(packet, level, &mut body),
        Kind::Subscribe => subscribe(packet, level, &mut body),
        Kind::Unsubscribe => unsubscribe(packet, level, &mut body),
        Kind::Disconnect | Kind::Auth => reason(packet, level, &mut body),
        Kind::Connack => connack(packet, level, &mut body),
        Kind::Suback | Kind::Unsuback => codes_for_filters(packet, level, &mut body),
        Kind::Pingreq | Kind::Pingresp => {}
    }
    let flags = packet.number("flags").map_or_else(|| usual_flags(packet), |flags| flags as u8);
    let mut bytes = vec![(packet.kind as u8) << 4 | flags];
    bytes.extend(variable_byte_integer(body.len() as u32));
    bytes.extend(body);
    bytes
}

/// The protocol level that a CONNECT asks for.
pub fn level(connect: &Packet) -> Level {
    match () {
        () if connect.has("v31") => 3,
        () if connect.has("v311") => 4,
        () if connect.has("v5") => 5,
        () => panic!("{connect}: v31, v311 or v5?"),
    }
}

fn usual_flags(packet: &Packet) -> u8 {
    match packet.kind {
        Kind::Publish => {
            (packet.has("dup") as u8) << 3 | (packet.number("qos").unwrap_or(0) as u8) << 1 | packet.has("retain") as u8
        }
        Kind::Pubrel | Kind::Subscribe | Kind::Unsubscribe => 2,
        _ => 0,
    }
}

fn connect(packet: &Packet, body: &mut Vec<u8>) {
    let level = level(packet);
    let usual_protocol: &[u8] = if level == 3 { b"MQIsdp" } else { b"MQTT" };
    text(packet.get("protocol").unwrap_or(usual_protocol), body);
    body.push(packet.number("level").map_or(level, |written| written as u8));
    let flags = (packet.has("clean") as u8) << 1
        | (packet.has("will") as u8) << 2
        | (packet.number("will.qos").unwrap_or(0) as u8) << 3
        | (packet.has("will.retain") as u8) << 5
        | (packet.has("password") as u8) << 6
        | (packet.has("username") as u8) << 7;
    body.push(packet.number("connect-flags").map_or(flags, |written| written as u8));
    body.extend((packet.number("keep-alive").unwrap_or(0) as u16).to_be_bytes());
    properties(packet, "", level, body);
    text(packet.get("id").unwrap_or(b""), body);
    if let Some(topic) = packet.get("will") {
        properties(packet, "will.", level, body);
        text(topic, body);
        text(packet.get("will.m").unwrap_or(b""), body);
    }
    ["username", "password"].iter().filter_map(|name| packet.get(name)).for_each(|value| text(value, body));
}

fn connack(packet: &Packet, level: Level, body: &mut Vec<u8>) {
    body.push(packet.has("session-present") as u8);
    body.push(packet.codes().first().copied().unwrap_or(0));
    properties(packet, "", level, body);
}

fn codes_for_filters(packet: &Packet, level: Level, body: &mut Vec<u8>) {
    packet_identifier(packet, body);
    properties(packet, "", level, body);
    if packet.kind == Kind::Suback || level == 5 {
        body.extend(packet.codes());
    }
}

fn publish(packet: &Packet, level: Level, body: &mut Vec<u8>) {
    text(packet.get("topic").unwrap_or(b""), body);
    packet_identifier(packet, body);
    properties(packet, "", level, body);
    body.extend(packet.get("m").unwrap_or(b""));
}

/// The shortest of the three forms that holds what is written.
fn acknowledgement(packet: &Packet, level: Level, body: &mut Vec<u8>) {
    packet_identifier(packet, body);
    reason(packet, level, body);
}

fn reason(packet: &Packet, level: Level, body: &mut Vec<u8>) {
    let has_properties = packet.fields.iter().any(|field| property::by_name(&field.name).is_some());
    if level == 5 && (has_properties || packet.has("code")) {
        body.push(packet.codes().first().copied().unwrap_or(0));
        if has_properties {
            properties(packet, "", level, body);
        }
    }
}

fn subscribe(packet: &Packet, level: Level, body: &mut Vec<u8>) {
    packet_identifier(packet, body);
    properties(packet, "", level, body);
    let starts: Vec<usize> = (0..packet.fields.len()).filter(|&at| packet.fields[at].name == "filter").collect();
    for (index, &start) in starts.iter().enumerate() {
        let end = starts.get(index + 1).copied().unwrap_or(packet.fields.len());
        let options = Packet { kind: packet.kind, fields: packet.fields[start + 1..end].to_vec() };
        text(&packet.fields[start].value, body);
        body.push(options.number("options").map_or_else(
            || {
                options.number("qos").unwrap_or(0) as u8
                    | (options.has("no-local") as u8) << 2
                    | (options.has("retain-as-published") as u8) << 3
                    | (options.number("retain-handling").unwrap_or(0) as u8) << 4
            },
            |written| written as u8,
        ));
    }
}

fn unsubscribe(packet: &Packet, level: Level, body: &mut Vec<u8>) {
    packet_identifier(packet, body);
    properties(packet, "", level, body);
    packet.all("filter").for_each(|filter| text(filter, body));
}

fn packet_identifier(packet: &Packet, body: &mut Vec<u8>) {
    if let Some(id) = packet.number("id") {
        body.extend((id as u16).to_be_bytes());
    }
}

/// The property section: those fields whose name is `prefix` and a property's. Versions before 5 have none.
fn properties(packet: &Packet, prefix: &str, level: Level, body: &mut Vec<u8>) {
    if level < 5 {
        return;
    }
    let mut section = Vec::new();
    for field in &packet.fields {
        let Some(property) = field.name.strip_prefix(prefix).and_then(property::by_name) else { continue };
        section.push(property.identifier);
        let number = || packet_number(&field.value);
        match property.value_type {
            Type::Byte => section.push(number() as u8),
            Type::Two => section.extend((number() as u16).to_be_bytes()),
            Type::Four => section.extend(number().to_be_bytes()),
            Type::Variable => section.extend(variable_byte_integer(number())),
            Type::Text | Type::Binary => text(&field.value, &mut section),
            Type::Pair => {
                let colon = field.value.iter().position(|&byte| byte == b':').expect("a User Property is name:value");
                text(&field.value[..colon], &mut section);
                text(&field.value[colon + 1..], &mut section);
            }
        }
    }
    body.extend(variable_byte_integer(section.len() as u32));
    body.extend(section);
}

fn packet_number(value: &[u8]) -> u32 {
    std::str::from_utf8(value).ok().and_then(|text| text.parse().ok()).expect("the property's value is a number")
}

fn text(value: &[u8], out: &mut Vec<u8>) {
    out.extend((value.len() as u16).to_be_bytes());
    out.extend(value);
}

/// A Variable Byte Integer in its shortest form.
pub fn variable_byte_integer(mut value: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let low = (value % 128) as u8;
        value /= 128;
        if value == 0 {
            bytes.push(low);
            return bytes;
        }
        bytes.push(low | 0x80);
    }
}

/// How many bytes the first packet in `bytes` has; `None` while its Remaining Length is not there yet.
pub fn packet_len(bytes: &[u8]) -> Result<Option<usize>, String> {
    let Some(length_bytes) = bytes.get(1..) else { return Ok(None) };
    let mut remaining = 0;
    for (at, byte) in length_bytes.iter().take(4).enumerate() {
        remaining |= ((byte & 0x7f) as usize) << (7 * at);
        if byte & 0x80 == 0 {
            let is_shortest = at == 0 || *byte != 0;
            return if is_shortest {
                Ok(Some(2 + at + remaining))
            } else {
                Err("Remaining Length is longer than it need be".into())
            };
        }
    }
    if length_bytes.len() >= 4 { Err("Remaining Length has five bytes".into()) } else { Ok(None) }
}

/// Reads one whole packet from a server; the error says which rule it breaks.
pub fn decode(bytes: &[u8], level: Level) -> Result<Packet, String> {
    let kind = Kind::from_nibble(bytes[0] >> 4).ok_or("packet type 0")?;
    let header_len = 2 + bytes[1..].iter().take_while(|byte| **byte & 0x80 != 0).count();
    let mut read = Reader { rest: &bytes[header_len..], packet: Packet { kind, fields: Vec::new() }, level };
    let flags = bytes[0] & 0x0f;
    if kind != Kind::Publish && flags != (if kind == Kind::Pubrel { 2 } else { 0 }) {
        return Err(format!("{} with flags {flags:04b}", kind.name()));
    }
    match kind {
        Kind::Connack => read.connack()?,
        Kind::Publish => read.publish(flags)?,
        Kind::Puback | Kind::Pubrec | Kind::Pubrel | Kind::Pubcomp => read.acknowledgement()?,
        Kind::Suback => read.codes_for_filters()?,
        Kind::Unsuback if level == 5 => read.codes_for_filters()?,
        Kind::Unsuback => read.packet_identifier()?,
        Kind::Pingresp => {}
        Kind::Disconnect | Kind::Auth if level == 5 => read.reason()?,
        _ => return Err(format!("a server of level {level} does not send {}", kind.name())),
    }
    if read.rest.is_empty() {
        Ok(read.packet)
    } else {
        Err(format!("{} bytes behind {}", read.rest.len(), read.packet))
    }
}

/// One packet while it is read: what is left of its bytes, and what was understood.
struct Reader<'a> {
    rest: &'a [u8],
    packet: Packet,
    level: Level,
}

impl<'a> Reader<'a> {
    fn connack(&mut self) -> Result<(), String> {
        match self.byte()? {
            0 => {}
            1 => self.packet.push("session-present", ""),
            flags => return Err(format!("CONNACK flags {flags:#04x}")),
        }
        self.code()?;
        let refused_with_session = self.packet.codes() != [0] && self.packet.has("session-present");
        if refused_with_session {
            return Err("CONNACK refuses, and has Session Present".into());
        }
        if self.level == 5 { self.properties() } else { Ok(()) }
    }

    fn publish(&mut self, flags: u8) -> Result<(), String> {
        let topic = self.text()?;
        if topic.contains(&b'+') || topic.contains(&b'#') {
            return Err("a wildcard in a Topic Name".into());
        }
        self.packet.push("topic", topic);
        let qos = flags >> 1 & 3;
        let is_duplicate = flags & 8 != 0;
        match qos {
            0 if is_duplicate => return Err("DUP at QoS 0".into()),
            0 => {}
            3 => return Err("QoS 3".into()),
            _ => {
                self.packet.push("qos", qos.to_string());
                self.packet_identifier()?;
            }
        }
        if is_duplicate {
            self.packet.push("dup", "");
        }
        if flags & 1 != 0 {
            self.packet.push("retain", "");
        }
        if self.level == 5 {
            self.properties()?;
        }
        if topic.is_empty() && !self.packet.has("topic-alias") {
            return Err("neither Topic Name nor Topic Alias".into());
        }
        let payload = std::mem::take(&mut self.rest);
        if !payload.is_empty() {
            self.packet.push("m", payload);
        }
        Ok(())
    }

    fn acknowledgement(&mut self) -> Result<(), String> {
        self.packet_identifier()?;
        if self.level < 5 {
            self.packet.push("code", "0x00");
            return Ok(());
        }
        self.reason()
    }

    /// Reason Code and properties, either of which may be left out at the end of the packet.
    fn reason(&mut self) -> Result<(), String> {
        match self.rest.len() {
            0 => self.packet.push("code", "0x00"),
            1 => self.code()?,
            _ => {
                self.code()?;
                self.properties()?;
            }
        }
        Ok(())
    }

    fn codes_for_filters(&mut self) -> Result<(), String> {
        self.packet_identifier()?;
        if self.level == 5 {
            self.properties()?;
        }
        if self.rest.is_empty() {
            return Err("no code for any filter".into());
        }
        while !self.rest.is_empty() {
            self.code()?;
        }
        Ok(())
    }

    fn code(&mut self) -> Result<(), String> {
        let code = self.byte()?;
        if !codes_of(self.packet.kind, self.level).contains(&code) {
            return Err(format!("{} with code {code:#04x}, which is not in its table", self.packet.kind.name()));
        }
        self.packet.push("code", format!("{code:#04x}"));
        Ok(())
    }

    fn packet_identifier(&mut self) -> Result<(), String> {
        let id = u16::from_be_bytes([self.byte()?, self.byte()?]);
        self.packet.push("id", id.to_string());
        if id == 0 { Err("Packet Identifier 0".into()) } else { Ok(()) }
    }

    fn properties(&mut self) -> Result<(), String> {
        let length = self.variable()? as usize;
        if length > self.rest.len() {
            return Err("a property section longer than the packet".into());
        }
        let behind = self.rest.split_off(length..).expect("checked above");
        while !self.rest.is_empty() {
            self.property()?;
        }
        self.rest = behind;
        Ok(())
    }

    fn property(&mut self) -> Result<(), String> {
        let identifier = self.byte()?;
        let property =
            property::by_identifier(identifier).ok_or_else(|| format!("unknown property {identifier:#04x}"))?;
        let name = property.name;
        let kind = self.packet.kind;
        if !property.from_server_in.contains(&(kind as u8)) {
            return Err(format!("{} with {name}", kind.name()));
        }
        if self.packet.has(name) && !matches!(name, "user-property" | "subscription-identifier") {
            return Err(format!("{name} twice"));
        }
        let value = match property.value_type {
            Type::Byte => self.byte()?.to_string().into_bytes(),
            Type::Two => u16::from_be_bytes([self.byte()?, self.byte()?]).to_string().into_bytes(),
            Type::Four => {
                u32::from_be_bytes([self.byte()?, self.byte()?, self.byte()?, self.byte()?]).to_string().into_bytes()
            }
            Type::Variable => self.variable()?.to_string().into_bytes(),
            Type::Text => self.text()?.to_vec(),
            Type::Binary => self.binary()?.to_vec(),
            Type::Pair => [self.text()?, b":", self.text()?].concat(),
        };
        let is_zero = value == b"0";
        if is_zero
            && matches!(name, "topic-alias" | "subscription-identifier" | "receive-maximum" | "maximum-packet-size")
        {
            return Err(format!("{name} 0"));
        }
        self.packet.push(name, value);
        Ok(())
    }

    fn byte(&mut self) -> Result<u8, String> {
        let byte =
            self.rest.split_off_first().ok_or_else(|| format!("the packet ends too soon, behind {}", self.packet))?;
        Ok(*byte)
    }

    fn variable(&mut self) -> Result<u32, String> {
        let mut value = 0;
        for at in 0..4 {
            let byte = self.byte()?;
            value |= u32::from(byte & 0x7f) << (7 * at);
            if byte & 0x80 == 0 {
                return if at > 0 && byte == 0 {
                    Err("a Variable Byte Integer longer than it need be".into())
                } else {
                    Ok(value)
                };
            }
        }
        Err("a Variable Byte Integer of five bytes".into())
    }

    fn binary(&mut self) -> Result<&'a [u8], String> {
        let length = usize::from(u16::from_be_bytes([self.byte()?, self.byte()?]));
        self.rest.split_off(..length).ok_or_else(|| "a text or binary longer than the packet".to_owned())
    }

    fn text(&mut self) -> Result<&'a [u8], String> {
        let bytes = self.binary()?;
        match std::str::from_utf8(bytes) {
            Ok(text) if text.contains('\0') => Err("U+0000 in a text".into()),
            Ok(_) => Ok(bytes),
            Err(_) => Err("a text that is not UTF-8".into()),
        }
    }
}

/// The codes that a server may put into a packet.
fn codes_of(kind: Kind, level: Level) -> &'static [u8] {
    match (kind, level) {
        (Kind::Connack, 5) => &[
            0x00, 0x80, 0x81, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8a, 0x8c, 0x90, 0x95, 0x97, 0x99, 0x9a,
            0x9b, 0x9c, 0x9d, 0x9f,
        ],
        (Kind::Connack, _) => &[0, 1, 2, 3, 4, 5],
        (Kind::Puback | Kind::Pubrec, _) => &[0x00, 0x10, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99],
        (Kind::Pubrel | Kind::Pubcomp, _) => &[0x00, 0x92],
        (Kind::Suback, 5) => &[0x00, 0x01, 0x02, 0x80, 0x83, 0x87, 0x8f, 0x91, 0x97, 0x9e, 0xa1, 0xa2],
        (Kind::Suback, 3) => &[0x00, 0x01, 0x02],
        (Kind::Suback, _) => &[0x00, 0x01, 0x02, 0x80],
        (Kind::Unsuback, _) => &[0x00, 0x11, 0x80, 0x83, 0x87, 0x8f, 0x91],
        (Kind::Disconnect, _) => &[
            0x00, 0x80, 0x81, 0x82, 0x83, 0x87, 0x89, 0x8b, 0x8d, 0x8e, 0x8f, 0x90, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98,
            0x99, 0x9a, 0x9b, 0x9c, 0x9d, 0x9e, 0x9f, 0xa0, 0xa1, 0xa2,
        ],
        (Kind::Auth, _) => &[0x00, 0x18],
        _ => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a client sends: the notation and its bytes.
    #[track_caller]
    fn check_sent(notation: &str, level: Level, bytes: &[u8]) {
        assert_eq!(encode(&Packet::parse(notation), level), bytes, "{notation}");
    }

    /// What a server sends: bytes, and their notation or the rule they break.
    #[track_caller]
    fn check_received(bytes: &[u8], level: Level, wanted: Result<&str, &str>) {
        let got = decode(bytes, level).map(|packet| packet.to_string());
        assert_eq!(got.as_deref().map_err(String::as_str), wanted, "{bytes:02x?}");
    }

    #[test]
    fn answers_of_a_server() {
        check_sent("CONNACK session-present", 4, b"\x20\x02\x01\0");
        check_sent("CONNACK 0x87 reason-string=no", 5, b"\x20\x08\0\x87\x05\x1f\0\x02no");
        check_sent("SUBACK id=3 0x01 0x80", 4, b"\x90\x04\0\x03\x01\x80");
        check_sent("UNSUBACK id=3 0x11", 5, b"\xb0\x04\0\x03\0\x11");
        check_sent("UNSUBACK id=3", 4, b"\xb0\x02\0\x03");
        check_sent("PINGRESP", 4, b"\xd0\0");
    }

    #[test]
    fn packets_of_a_client() {
        check_sent("CONNECT v31 clean id=c keep-alive=60", 3, b"\x10\x0f\0\x06MQIsdp\x03\x02\0\x3c\0\x01c");
        check_sent(
            "CONNECT v311 id=c will=w will.m=x will.qos=1 username=u password=p",
            4,
            b"\x10\x19\0\x04MQTT\x04\xcc\0\0\0\x01c\0\x01w\0\x01x\0\x01u\0\x01p".as_slice(),
        );
        check_sent(
            "CONNECT v5 clean id=c receive-maximum=5",
            5,
            b"\x10\x11\0\x04MQTT\x05\x02\0\0\x03\x21\0\x05\0\x01c",
        );
        check_sent("PUBLISH t qos=1 id=10 retain m=x", 4, b"\x33\x06\0\x01t\0\x0ax");
        check_sent("PUBLISH t m=x", 5, b"\x30\x05\0\x01t\0x");
        check_sent("PUBACK id=1", 5, b"\x40\x02\0\x01");
        check_sent("PUBREC id=1 0x80", 5, b"\x50\x03\0\x01\x80");
        check_sent(
            "SUBSCRIBE id=1 a qos=2 no-local b/+ qos=1 retain-handling=2",
            5,
            b"\x82\x0d\0\x01\0\0\x01a\x06\0\x03b/+\x21",
        );
        check_sent("DISCONNECT", 5, b"\xe0\x00");
        check_sent("DISCONNECT 0x04", 5, b"\xe0\x01\x04");
    }

    #[test]
    fn packets_of_a_server() {
        check_received(b"\x20\x02\x01\x00", 4, Ok("CONNACK session-present 0x00"));
        check_received(b"\x32\x06\0\x01t\0\x0ax", 4, Ok("PUBLISH t qos=1 id=10 m=x"));
        check_received(b"\x30\x08\0\x01t\x03\x23\0\x01x", 5, Ok("PUBLISH t topic-alias=1 m=x"));
        check_received(b"\x40\x02\0\x01", 5, Ok("PUBACK id=1 0x00"));
        check_received(b"\x90\x04\0\x01\0\x9e", 5, Ok("SUBACK id=1 0x9e"));
        check_received(b"\xb0\x02\0\x01", 4, Ok("UNSUBACK id=1"));
        check_received(b"\xe0\x02\x8e\0", 5, Ok("DISCONNECT 0x8e"));
    }

    // [MQTT5-1.5.4-1] [MQTT5-1.5.4-2] [MQTT5-1.5.5-1] [MQTT5-2.1.3-1] [MQTT5-2.2.1-4] [MQTT5-3.2.2-1] [MQTT5-3.2.2-6] [MQTT5-3.2.2-8]
    // [MQTT5-3.3.1-2] [MQTT5-3.3.2-2] [MQTT5-3.3.2-8] [MQTT5-3.4.2-1] [MQTT5-3.5.2-1] [MQTT5-3.6.1-1] [MQTT5-3.6.2-1] [MQTT5-3.7.2-1]
    // [MQTT5-3.9.3-2] [MQTT5-3.11.3-2] [MQTT5-3.14.2-1] [MQTT5-3.14.2-2] [MQTT5-3.15.2-1] [MQTT5-2.2.2-1] [MQTT5-1.5.7-1]
    // [MQTT3-1.5.3-1] [MQTT3-1.5.3-2] [MQTT3-2.2.2-1] [MQTT3-2.3.1-1] [MQTT3-2.3.1-5] [MQTT3-3.2.2-4] [MQTT3-3.3.1-2] [MQTT3-3.3.2-2] [MQTT3-3.9.3-2]
    #[test]
    fn what_a_server_may_not_send_fails_every_test() {
        check_received(b"\x21\x02\0\0", 4, Err("CONNACK with flags 0001"));
        check_received(b"\x20\x02\x02\0", 4, Err("CONNACK flags 0x02"));
        check_received(b"\x20\x02\x01\x05", 4, Err("CONNACK refuses, and has Session Present"));
        check_received(b"\x20\x02\0\x06", 4, Err("CONNACK with code 0x06, which is not in its table"));
        check_received(b"\x20\x02\0\0", 5, Err("the packet ends too soon, behind CONNACK 0x00"));
        check_received(b"\x38\x03\0\x01t", 4, Err("DUP at QoS 0"));
        check_received(b"\x30\x03\0\x01+", 4, Err("a wildcard in a Topic Name"));
        check_received(b"\x30\x04\0\x02\xff\xfe", 4, Err("a text that is not UTF-8"));
        check_received(b"\x30\x03\0\x01\0", 4, Err("U+0000 in a text"));
        check_received(b"\x30\x05\0\x01t\x80\x00", 5, Err("a Variable Byte Integer longer than it need be"));
        check_received(b"\x30\x07\0\x01t\x03\x23\0\0", 5, Err("topic-alias 0"));
        check_received(b"\x32\x05\0\x01t\0\0", 4, Err("Packet Identifier 0"));
        check_received(b"\x40\x03\0\x01\x11", 5, Err("PUBACK with code 0x11, which is not in its table"));
        check_received(b"\x70\x02\0\x01", 4, Ok("PUBCOMP id=1 0x00"));
        check_received(b"\x60\x02\0\x01", 4, Err("PUBREL with flags 0000"));
        check_received(b"\x90\x02\0\x01", 4, Err("no code for any filter"));
        check_received(b"\x90\x03\0\x01\x80", 3, Err("SUBACK with code 0x80, which is not in its table"));
        check_received(b"\xe0\x07\x8b\x05\x11\0\0\0\x01", 5, Err("DISCONNECT with session-expiry-interval"));
        check_received(b"\xe0\x00", 4, Err("a server of level 4 does not send DISCONNECT"));
        check_received(b"\xf0\x01\x19", 5, Err("AUTH with code 0x19, which is not in its table"));
        assert!(packet_len(b"\x30\x80\x00").is_err());
        assert!(packet_len(b"\x30\xff\xff\xff\xff").is_err());
    }
}
