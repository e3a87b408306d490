//! The notation for one MQTT Control Packet, in which tests write what they send and what they wait for.
//!
//! A packet is its name and then words: `PUBLISH sensors/1 qos=1 id=7 m="21.5" message-expiry-interval=60`.
//!
//! - `name=value` is a field. Names of properties are those of the specification, in small letters with hyphens; a User
//!   Property is `user-property=name:value`; `m` is the payload; `id` the Packet Identifier.
//! - `retain`, `dup`, `clean`, `session-present`, `no-local`, `retain-as-published`, `v31`, `v311`, `v5` are flags that are set.
//! - `0x8e` is a return code or Reason Code.
//! - Any other word is a Topic Name or Topic Filter; in SUBSCRIBE the options of a filter follow it.
//! - A value may stand in quotes, with `\x00`, `\u{feff}`, `\"` and `\\`; `"ab"*3` is `ababab`.
//!
//! What is waited for may leave things open: `?` is any value (`0x??` any code), `58..60` a range of numbers, and `!name` says that the
//! field is absent. In a PUBLISH everything that is not written must be absent; in other packets from a server
//! the properties that are not written are not looked at.

use std::fmt;

/// The type of an MQTT Control Packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the names are those of the specification")]
pub enum Kind {
    Connect = 1,
    Connack,
    Publish,
    Puback,
    Pubrec,
    Pubrel,
    Pubcomp,
    Subscribe,
    Suback,
    Unsubscribe,
    Unsuback,
    Pingreq,
    Pingresp,
    Disconnect,
    Auth,
}

/// One packet: its type and what is in it, in the order of the notation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packet {
    /// The type.
    pub kind: Kind,
    /// The words behind the packet's name.
    pub fields: Vec<Field>,
}

/// One word of the notation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// `topic`, `filter`, `code`, `id`, `m`, a property, a flag, …
    pub name: String,
    /// Its value: numbers as decimal text, codes as `0x8e`, flags empty, texts and payloads as their bytes.
    pub value: Vec<u8>,
}

impl Packet {
    /// Reads the notation; panics with a hint where a test has written something that means nothing.
    pub fn parse(text: &str) -> Packet {
        let words = words(text);
        let (name, rest) = words.split_first().unwrap_or_else(|| panic!("no packet in `{text}`"));
        let kind =
            Kind::from_name(&name.text()).unwrap_or_else(|| panic!("`{}` is no packet, in `{text}`", name.text()));
        let mut fields: Vec<Field> = rest.iter().map(|word| word.to_field(kind)).collect();
        // A PUBLISH at QoS 0 is one without a QoS; the reader writes it so.
        fields.retain(|field| kind != Kind::Publish || field.name != "qos" || field.value != b"0");
        Packet { kind, fields }
    }

    /// The value of the first field with this name.
    pub fn get(&self, name: &str) -> Option<&[u8]> {
        self.fields.iter().find(|field| field.name == name).map(|field| field.value.as_slice())
    }

    /// The values of every field with this name, in order.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
        self.fields.iter().filter(move |field| field.name == name).map(|field| field.value.as_slice())
    }

    /// Whether a flag is set or a field is there.
    pub fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// The value of the first field with this name, as text.
    pub fn text(&self, name: &str) -> Option<String> {
        self.get(name).map(|value| String::from_utf8_lossy(value).into_owned())
    }

    /// The value of a field as a number; panics where it is none.
    pub fn number(&self, name: &str) -> Option<u32> {
        self.text(name)
            .map(|text| parse_number(&text).unwrap_or_else(|| panic!("`{name}={text}` is no number in {self}")))
    }

    /// The return codes or Reason Codes, in order.
    pub fn codes(&self) -> Vec<u8> {
        self.all("code")
            .map(|code| parse_number(&String::from_utf8_lossy(code)).expect("a code is a number") as u8)
            .collect()
    }

    /// Adds a field at the end.
    pub fn push(&mut self, name: &str, value: impl Into<Vec<u8>>) {
        self.fields.push(Field { name: name.to_owned(), value: value.into() });
    }

    /// Whether `got` is what this packet, written by a test, describes.
    pub fn describes(&self, got: &Packet) -> bool {
        self.kind == got.kind
            && self.fields.iter().all(|wanted| match wanted.name.strip_prefix('!') {
                Some(absent) => !got.has(absent),
                None => true,
            })
            && self.names_to_compare(got).into_iter().all(|name| {
                let (mut wanted, mut got): (Vec<_>, Vec<_>) = (self.all(name).collect(), got.all(name).collect());
                if wanted.is_empty() && name == "code" && self.kind != Kind::Unsuback {
                    wanted.push(b"0x00");
                }
                if name == "subscription-identifier" {
                    wanted.sort_unstable();
                    got.sort_unstable();
                }
                wanted.len() == got.len() && wanted.iter().zip(got).all(|(wanted, got)| value_matches(wanted, got))
            })
    }

    /// The fields that decide: all that either side has for a PUBLISH, else those written here and those that no packet leaves open.
    fn names_to_compare<'a>(&'a self, got: &'a Packet) -> Vec<&'a str> {
        let written = self.fields.iter().map(|field| field.name.as_str()).filter(|name| !name.starts_with('!'));
        let mut names: Vec<&str> = match self.kind {
            Kind::Publish => written.chain(got.fields.iter().map(|field| field.name.as_str())).collect(),
            Kind::Connack => written.chain(["code", "session-present"]).collect(),
            Kind::Pingresp => Vec::new(),
            _ => written.chain(["id", "code"]).collect(),
        };
        names.sort_unstable();
        names.dedup();
        names
    }
}

/// Whether a value fits what a test wrote: the same, `?`, `0x??`, or a range of numbers.
fn value_matches(wanted: &[u8], got: &[u8]) -> bool {
    if wanted == got || wanted == b"?" || wanted == b"0x??" {
        return true;
    }
    let (Ok(wanted), Ok(got)) = (std::str::from_utf8(wanted), std::str::from_utf8(got)) else { return false };
    let Some((low, high)) = wanted.split_once("..") else { return false };
    matches!((parse_number(low), parse_number(got), parse_number(high)), (Some(low), Some(got), Some(high)) if low <= got && got <= high)
}

fn parse_number(text: &str) -> Option<u32> {
    match text.strip_prefix("0x") {
        Some(digits) => u32::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    }
}

impl fmt::Display for Packet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.kind.name())?;
        self.fields.iter().try_for_each(|field| write!(f, " {field}"))
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name.as_str() {
            "topic" | "filter" | "code" => write!(f, "{}", quoted(&self.value)),
            name if FLAGS.contains(&name) || name.starts_with('!') => write!(f, "{name}"),
            name => write!(f, "{name}={}", quoted(&self.value)),
        }
    }
}

/// A value as the notation writes it: bare where it is one plain word, else in quotes; long ones are cut, with their length.
fn quoted(value: &[u8]) -> String {
    let shown = &value[..value.len().min(SHOWN_BYTES_MAX)];
    let plain = !shown.is_empty() && shown.iter().all(|byte| byte.is_ascii_graphic() && !b"\"\\=!".contains(byte));
    let text = match std::str::from_utf8(shown) {
        Ok(text) if plain => text.to_owned(),
        Ok(text) => format!("{text:?}"),
        Err(_) => format!("\"{}\"", shown.escape_ascii()),
    };
    if shown.len() < value.len() { format!("{text}…({} bytes)", value.len()) } else { text }
}

impl Kind {
    /// The name in the specification.
    pub fn name(self) -> &'static str {
        NAMES[self as usize - 1].1
    }

    fn from_name(name: &str) -> Option<Kind> {
        NAMES.iter().find(|(_, known)| *known == name).map(|(kind, _)| *kind)
    }

    /// The kind with this number in the first nibble of a packet.
    pub fn from_nibble(nibble: u8) -> Option<Kind> {
        NAMES.iter().find(|(kind, _)| *kind as u8 == nibble).map(|(kind, _)| *kind)
    }
}

/// One word as it was written: the part before `=` if there is one, and the value.
struct Word {
    name: Option<String>,
    value: Vec<u8>,
    in_quotes: bool,
}

impl Word {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.value).into_owned()
    }

    fn to_field(&self, kind: Kind) -> Field {
        let text = self.text();
        let field = |name: &str, value: &[u8]| Field { name: name.to_owned(), value: value.to_vec() };
        if let Some(name) = &self.name {
            let known = name.strip_prefix("will.").unwrap_or(name);
            let meant = FIELDS.contains(&known) || crate::property::by_name(known).is_some();
            assert!(meant, "`{name}` is no field of {}", kind.name());
            return field(name, &self.value);
        }
        let is_bare = !self.in_quotes;
        if is_bare && text.starts_with("0x") {
            return field("code", &self.value);
        }
        if is_bare && (FLAGS.contains(&text.as_str()) || text.starts_with('!')) {
            return field(&text, b"");
        }
        match kind {
            Kind::Publish => field("topic", &self.value),
            Kind::Subscribe | Kind::Unsubscribe => field("filter", &self.value),
            _ => panic!("`{text}` means nothing in {}", kind.name()),
        }
    }
}

/// Cuts a line into words at blanks outside of quotes.
fn words(text: &str) -> Vec<Word> {
    let mut words = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let (word, behind) = word(rest);
        words.push(word);
        rest = behind.trim_start();
    }
    words
}

fn word(text: &str) -> (Word, &str) {
    let name_end = text.find(['=', ' ', '"']).filter(|&end| text[end..].starts_with('='));
    let (name, value) = match name_end {
        Some(end) => (Some(text[..end].to_owned()), &text[end + 1..]),
        None => (None, text),
    };
    let Some(quoted) = value.strip_prefix('"') else {
        let end = value.find(' ').unwrap_or(value.len());
        return (Word { name, value: value.as_bytes()[..end].to_vec(), in_quotes: false }, &value[end..]);
    };
    let (mut bytes, mut rest) = unescape(quoted);
    if let Some(times) = rest.strip_prefix('*') {
        let end = times.find(' ').unwrap_or(times.len());
        bytes = bytes.repeat(times[..end].parse().unwrap_or_else(|_| panic!("a number of repetitions in `{text}`")));
        rest = &times[end..];
    }
    (Word { name, value: bytes, in_quotes: true }, rest)
}

/// The bytes up to the closing quote, and what stands behind it.
fn unescape(text: &str) -> (Vec<u8>, &str) {
    let mut bytes = Vec::new();
    let mut chars = text.char_indices();
    while let Some((at, char)) = chars.next() {
        match char {
            '"' => return (bytes, &text[at + 1..]),
            '\\' => match chars.next().map(|(_, escape)| escape) {
                Some('x') => {
                    bytes.push(u8::from_str_radix(&text[at + 2..at + 4], 16).expect("two hex digits behind \\x"));
                    chars.nth(1);
                }
                Some('u') => {
                    let end = at + text[at..].find('}').expect("\\u{…} is closed");
                    let code = u32::from_str_radix(&text[at + 3..end], 16).expect("hex digits in \\u{…}");
                    let mut utf8 = [0; 4];
                    bytes.extend(char::from_u32(code).expect("a Unicode scalar").encode_utf8(&mut utf8).bytes());
                    while chars.next().is_some_and(|(_, next)| next != '}') {}
                }
                Some(plain @ ('"' | '\\')) => bytes.push(plain as u8),
                other => panic!("unknown escape {other:?} in `{text}`"),
            },
            plain => bytes.extend(plain.encode_utf8(&mut [0; 4]).bytes()),
        }
    }
    panic!("a quote is not closed in `{text}`")
}

const FLAGS: &[&str] = &[
    "clean",
    "dup",
    "no-local",
    "retain",
    "retain-as-published",
    "session-present",
    "v31",
    "v311",
    "v5",
    "will.retain",
];

/// Fields that are no properties.
const FIELDS: &[&str] = &[
    "connect-flags",
    "flags",
    "id",
    "keep-alive",
    "level",
    "m",
    "options",
    "password",
    "protocol",
    "qos",
    "retain-handling",
    "username",
    "will",
];

/// Longer values are cut in messages.
const SHOWN_BYTES_MAX: usize = 100;

const NAMES: [(Kind, &str); 15] = [
    (Kind::Connect, "CONNECT"),
    (Kind::Connack, "CONNACK"),
    (Kind::Publish, "PUBLISH"),
    (Kind::Puback, "PUBACK"),
    (Kind::Pubrec, "PUBREC"),
    (Kind::Pubrel, "PUBREL"),
    (Kind::Pubcomp, "PUBCOMP"),
    (Kind::Subscribe, "SUBSCRIBE"),
    (Kind::Suback, "SUBACK"),
    (Kind::Unsubscribe, "UNSUBSCRIBE"),
    (Kind::Unsuback, "UNSUBACK"),
    (Kind::Pingreq, "PINGREQ"),
    (Kind::Pingresp, "PINGRESP"),
    (Kind::Disconnect, "DISCONNECT"),
    (Kind::Auth, "AUTH"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(wanted: &str, got: &str, fits: bool) {
        assert_eq!(Packet::parse(wanted).describes(&Packet::parse(got)), fits, "wanted: {wanted}\n   got: {got}");
    }

    #[test]
    fn a_publish_must_be_described_whole() {
        check("PUBLISH t m=x", "PUBLISH t m=x", true);
        check("PUBLISH t m=x", "PUBLISH t m=y", false);
        check("PUBLISH t m=x", "PUBLISH t m=x retain", false);
        check("PUBLISH t m=x", "PUBLISH t m=x content-type=a", false);
        check("PUBLISH t qos=1 id=? m=x", "PUBLISH t qos=1 id=9 m=x", true);
        check("PUBLISH t message-expiry-interval=5..6 m=x", "PUBLISH t m=x message-expiry-interval=7", false);
        check("PUBLISH t message-expiry-interval=5..6 m=x", "PUBLISH t m=x message-expiry-interval=6", true);
    }

    #[test]
    fn user_properties_have_an_order_and_subscription_identifiers_have_none() {
        let got =
            "PUBLISH t m=x user-property=a:1 user-property=b:2 subscription-identifier=1 subscription-identifier=2";
        check(
            "PUBLISH t m=x subscription-identifier=2 subscription-identifier=1 user-property=a:1 user-property=b:2",
            got,
            true,
        );
        check(
            "PUBLISH t m=x subscription-identifier=2 subscription-identifier=1 user-property=b:2 user-property=a:1",
            got,
            false,
        );
        check("PUBLISH t m=x subscription-identifier=1 user-property=a:1 user-property=b:2", got, false);
    }

    #[test]
    fn acknowledgements_leave_properties_open_and_nothing_else() {
        check("PUBACK id=1", "PUBACK id=1 0x00 reason-string=because", true);
        check("PUBACK id=1", "PUBACK id=1 0x10", false);
        check("PUBACK id=1", "PUBACK id=2 0x00", false);
        check("PUBACK id=1 !reason-string", "PUBACK id=1 0x00 reason-string=because", false);
        check("CONNACK", "CONNACK 0x00 session-present", false);
        check("SUBACK id=1 0x00 0x01", "SUBACK id=1 0x01 0x00", false);
    }

    #[test]
    fn values_may_be_any_bytes() {
        let packet = Packet::parse(r#"PUBLISH "a b" m="\x00\xff\"\\\u{feff}" correlation-data="ab"*3"#);
        assert_eq!(packet.get("topic"), Some(b"a b".as_slice()));
        assert_eq!(packet.get("m"), Some(b"\x00\xff\"\\\xef\xbb\xbf".as_slice()));
        assert_eq!(packet.get("correlation-data"), Some(b"ababab".as_slice()));
    }
}
