//! Formats and what they make of messages.

use midge_codec::{PacketId, Properties, PropertiesBuf, Property, Publish, PublishProperties, QoS};

use super::*;

/// 23:13:20 in Greenwich, of a day in November 2023.
const MOMENT: Moment = Moment { seconds: 1_700_000_000, nanoseconds: 1_234_567 };

#[track_caller]
fn check(format: &str, expected: &str) {
    check_payload(format, b"message", expected);
}

#[track_caller]
fn check_payload(format: &str, payload: &[u8], expected: &str) {
    check_message(format, &message(payload), expected);
}

#[track_caller]
fn check_message(format: &str, publish: &Publish<'_>, expected: &str) {
    let (out, complaints) = rendered(format, publish, false);
    assert_eq!(String::from_utf8_lossy(&out), expected, "{format}");
    assert!(complaints.is_empty(), "{complaints:?}");
}

fn rendered(format: &str, publish: &Publish<'_>, on_screen: bool) -> (Vec<u8>, Vec<String>) {
    let (mut out, mut complaints) = (Vec::new(), Vec::new());
    let arrival = Arrival { publish, moment: MOMENT, is_pretty: false, on_screen };
    let format = Format::parse(format.as_bytes()).unwrap();
    format.render(&arrival, &mut out, &mut |complaint| complaints.push(complaint));
    (out, complaints)
}

fn message(payload: &[u8]) -> Publish<'_> {
    Publish {
        dup: false,
        qos: QoS::AtMostOnce,
        retain: true,
        topic: "02/sub/format/test",
        packet_id: None,
        properties: PublishProperties::default(),
        payload,
    }
}

/// With every Property that a message can have.
fn check_properties(format: &str, expected: &str) {
    let mut properties = PropertiesBuf::new();
    properties
        .push(Property::PayloadFormatIndicator(1))
        .push(Property::UserProperty("name", "value"))
        .push(Property::MessageExpiryInterval(4_000_000_000))
        .push(Property::ContentType("plain/text"))
        .push(Property::ResponseTopic("answers"))
        .push(Property::CorrelationData(b"2357"))
        .push(Property::TopicAlias(3))
        .push(Property::UserProperty("name", "other"))
        .push(Property::SubscriptionIdentifier(56));
    let raw = Properties::from_raw(properties.as_properties().raw());
    let properties = PublishProperties { raw, ..PublishProperties::default() };
    let publish = Publish { qos: QoS::AtLeastOnce, packet_id: PacketId::new(7), properties, ..message(b"message") };
    check_message(format, &publish, expected);
}

#[test]
fn text_and_escapes_stand_for_themselves() {
    check("text %% @@ \\\\", "text % @ \\");
    check("\\a\\e\\n\\r\\t\\v\\0.", "\u{7}\u{1b}\n\r\t\u{b}\0.");
    check("", "");
}

#[test]
fn fields_without_properties() {
    check("%l %m %q %r %t %p", "7 0 0 1 02/sub/format/test message");
    check("[%A%C%D%E%F%P%R%S]", "[]");
    check("[%2A|%2C|%03E|%F|%4S|%9R|%9D|%9P]", "[  |  |000||    |||]");
}

#[test]
fn fields_of_properties() {
    check_properties("%A %C %D %E %F %R %S %m %q", "3 plain/text 2357 4000000000 1 answers 56 7 1");
    check_properties("%P", "name:value name:other");
    check_properties("%12.5C|%-12R|%04A|%-4S|", "       plain|answers     |0003|56  |");
}

#[test]
fn numbers_are_padded_as_printf_pads_them() {
    check("%02l|%2l|%-2l|%-02l|", "07| 7|7 |7 |");
}

#[test]
fn texts_are_cut_and_padded() {
    check("%.20t|%-.20t", "02/sub/format/test|02/sub/format/test");
    check("%20t|%-20t|", "  02/sub/format/test|02/sub/format/test  |");
    check("%10.10t|%20.10t|%-20.10t|", "02/sub/for|          02/sub/for|02/sub/for          |");
    check("%020t", "  02/sub/format/test");
}

#[test]
fn payloads_are_cut_at_the_width() {
    check("%-12p|%12p|%012p|%3p|%.2p", "message     |     message|00000message|mes|message");
    check_payload("%p%0p", b"\x00\x01", "\x00\x01\x00\x01");
}

#[test]
fn hexadecimal_digits_are_grouped() {
    check("%x %X", "6d657373616765 6D657373616765");
    check("%.1x", "6 d 6 5 7 3 7 3 6 1 6 7 6 5");
    check("%.2x|%.2:x|%.4-X", "6d 65 73 73 61 67 65|6d:65:73:73:61:67:65|6D65-7373-6167-65");
    check("%18x|%-18x|%018x|", "    6d657373616765|6d657373616765    |00006d657373616765|");
    check("%2x", "6d65");
    check("%.2.x%.2 x", "6d.65.73.73.61.67.656d 65 73 73 61 67 65");
}

#[test]
fn payloads_may_be_floats() {
    let e = [0x58, 0x39, 0xB4, 0xC8, 0x76, 0xBE, 0x05, 0x40];
    check_payload("%.3d|%d|%08.2d|%-8.1d|%8.1d|", &e, "2.718|2.718000|00002.72|2.7     |     2.7|");
    check_payload("%.3f", &[0xF4, 0xFD, 0x34, 0x3F], "0.707");
    check_payload("%06.1f", &(-2.5f32).to_ne_bytes(), "-002.5");
    check_payload("%05f", &f32::INFINITY.to_ne_bytes(), "  inf");
}

#[test]
fn times_are_strftimes() {
    check("%U @s.@N @Y", "1700000000.001234567 1700000000.001234567 2023");
    let (out, _) = rendered("%I|%j", &message(b""), false);
    let out = String::from_utf8(out).unwrap();
    assert!(out.starts_with("2023-11-1"), "{out}");
    assert!(out.contains(":20.001234"), "{out}");
}

#[test]
fn a_message_is_one_json_object() {
    let head = "\"topic\":\"02/sub/format/test\",\"qos\":0,\"retain\":true";
    let check = |format, payload: &[u8], tail: &str| {
        let (out, complaints) = rendered(format, &message(payload), false);
        let out = String::from_utf8(out).unwrap();
        let behind_time = &out[out.find(',').unwrap() + 1..];
        assert_eq!((behind_time, complaints), (format!("{head},{tail}").as_str(), vec![]));
    };
    check("%j", b"a\"b\x00", "\"payloadlen\":4,\"payload\":\"a\\\"b\\u0000\"}");
    check("%j", b"", "\"payloadlen\":0,\"payload\":null}");
    check("%J", b"{ \"a\": [1, 2] }", "\"payloadlen\":15,\"payload\":{\"a\":[1,2]}}");
    check("%J", b"", "\"payloadlen\":0,\"payload\":null}");
}

#[test]
fn a_payload_that_is_not_what_the_field_wants_is_complained_about() {
    for (format, expected) in [
        ("a%Jb", "Error: Message payload is not valid JSON on topic 02/sub/format/test."),
        ("a%fb", "requested float printing, but non-float data received"),
        ("a%db", "requested double printing, but non-double data received"),
    ] {
        let (out, complaints) = rendered(format, &message(b"no such"), false);
        assert_eq!((&*out, &complaints[..]), (&b"ab"[..], &[expected.to_owned()][..]), "{format}");
    }
}

#[test]
fn what_others_have_chosen_does_nothing_to_a_terminal() {
    let publish = Publish { topic: "a\u{9b}b", ..message(b"\x1b[2J\n") };
    let (out, _) = rendered("\\e%t %p %x", &publish, true);
    assert_eq!(String::from_utf8_lossy(&out), "\x1ba\\u009bb \\u001b[2J\n 1b5b324a0a");
}

#[test]
fn bad_formats_are_refused() {
    #[track_caller]
    fn check(format: &str, expected: &str) {
        assert_eq!(Format::parse(format.as_bytes()).unwrap_err().to_string(), expected, "{format}");
    }
    for format in ["%", "%0", "%-", "%1", "%.", "%.1", "%.2:", "@", "text %"] {
        check(format, "Incomplete format specifier.");
    }
    check("%Z", "Invalid format specifier 'Z'.");
    check("\\", "Incomplete escape specifier.");
    check("\\Z", "Invalid escape specifier 'Z'.");
    let wide = Format::parse(b"%99999999999999999999999A").unwrap();
    assert!(matches!(wide.pieces[0], Piece::Field(_, Layout { width: 1_048_576, .. })));
}
