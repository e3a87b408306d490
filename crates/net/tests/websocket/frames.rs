//! The table of frames: what they carry and what is answered, or with which code the connection ends.

use midge_net::websocket::{CloseCode, End, Violation, close_frame};

use crate::{client_frame, decode_every_way};

const FRAME_SIZE_MAX: u32 = 70_000;

#[track_caller]
fn carries(frames: &[Vec<u8>], payload: &[u8], answers: &[u8]) {
    let outcome = decode_every_way(FRAME_SIZE_MAX, &frames.concat());
    assert_eq!(outcome.payload, payload);
    assert_eq!(outcome.answers, answers);
    assert_eq!(outcome.end, None);
}

#[test]
fn payload_of_binary_messages() {
    carries(&[], b"", b"");
    carries(&[client_frame(0x82, b"")], b"", b"");
    carries(&[client_frame(0x82, b"hello")], b"hello", b"");
    carries(&[client_frame(0x82, b"he"), client_frame(0x82, b""), client_frame(0x82, b"llo")], b"hello", b"");
    for length in [125, 126, 127, 255, 256, 300] {
        let payload: Vec<u8> = (0..length).map(|index| index as u8).collect();
        carries(&[client_frame(0x82, &payload), client_frame(0x82, b"x")], &[&payload[..], b"x"].concat(), b"");
    }
}

#[test]
fn lengths_that_need_all_forms() {
    for length in [65_535, 65_536, 70_000] {
        let payload: Vec<u8> = (0..length).map(|index| (index * 7) as u8).collect();
        let frames = [client_frame(0x82, &payload), client_frame(0x82, b"x")].concat();
        let outcome = crate::decode(FRAME_SIZE_MAX, frames.chunks(4096));
        assert_eq!(outcome.payload, [&payload[..], b"x"].concat());
        assert_eq!(outcome, crate::decode(FRAME_SIZE_MAX, [&frames[..]]));
    }
    // In more bytes than needed.
    carries(&[b"\x82\xFE\x00\x02\0\0\0\0hi".to_vec()], b"hi", b"");
    carries(&[b"\x82\xFF\0\0\0\0\0\0\x00\x02\0\0\0\0hi".to_vec()], b"hi", b"");
}

#[test]
fn fragments_are_one_stream() {
    let fragments =
        [client_frame(0x02, b"a"), client_frame(0x00, b"b"), client_frame(0x00, b""), client_frame(0x80, b"c")];
    carries(&fragments, b"abc", b"");
    let interleaved = [
        client_frame(0x02, b"a"),
        client_frame(0x89, b"ping"),
        client_frame(0x00, b"b"),
        client_frame(0x8A, b"pong"),
        client_frame(0x80, b"c"),
        client_frame(0x82, b"d"),
    ];
    carries(&interleaved, b"abcd", b"\x8A\x04ping");
}

#[test]
fn pings_are_answered_in_order() {
    let longest = [b'x'; 125];
    let pings = [client_frame(0x89, b""), client_frame(0x89, b"1"), client_frame(0x89, &longest)];
    carries(&pings, b"", &[b"\x8A\x00\x8A\x011\x8A\x7D", &longest[..]].concat());
    carries(&[client_frame(0x8A, b""), client_frame(0x8A, &longest)], b"", b"");
}

#[test]
fn a_close_is_answered_and_nothing_counts_behind_it() {
    let check = |payload: &[u8], code: Option<u16>, answer: &[u8]| {
        let frames = [
            client_frame(0x82, b"before"),
            client_frame(0x88, payload),
            client_frame(0x82, b"behind"),
            client_frame(0x89, b"ping"),
        ];
        let outcome = decode_every_way(FRAME_SIZE_MAX, &frames.concat());
        assert_eq!(outcome.payload, b"before");
        assert_eq!(outcome.end, Some(End::Closed(code.map(CloseCode))));
        assert_eq!(outcome.answers, answer);
    };
    check(b"", None, b"\x88\x00");
    for code in [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999] {
        let answer = close_frame(CloseCode(code));
        check(&code.to_be_bytes(), Some(code), &answer);
        check(&[&code.to_be_bytes()[..], "Grüße".as_bytes()].concat(), Some(code), &answer);
    }
}

#[test]
fn what_is_wrong_ends_with_a_code() {
    let check = |code: CloseCode, message: &str, frames: &[&[u8]]| {
        let bytes = [&client_frame(0x82, b"before")[..], &frames.concat(), &[0; 20]].concat();
        let outcome = decode_every_way(FRAME_SIZE_MAX, &bytes);
        let Some(End::Violated(Violation { code: said, message: why })) = outcome.end else { panic!("{outcome:?}") };
        assert_eq!((said, why), (code, message));
        assert!(outcome.payload.starts_with(b"before"));
        assert_eq!(outcome.answers, close_frame(code));
    };
    let protocol_error = |message: &str, frames: &[&[u8]]| check(CloseCode::PROTOCOL_ERROR, message, frames);

    for reserved in [0xC2, 0xA2, 0x92, 0xF2, 0xC9, 0x52] {
        protocol_error("reserved bits are set", &[&client_frame(reserved, b"x")]);
    }
    for opcode in [0x3, 0x4, 0x5, 0x6, 0x7, 0xB, 0xC, 0xD, 0xE, 0xF] {
        protocol_error("unknown opcode", &[&client_frame(0x80 | opcode, b"x")]);
    }
    for first in [0x82, 0x02, 0x89, 0x88] {
        protocol_error("client frame without mask", &[&[first, 1, b'x']]);
    }
    for control in [0x08, 0x09, 0x0A] {
        protocol_error("fragmented control frame", &[&client_frame(control, b"")]);
        protocol_error("control frame of more than 125 bytes", &[&client_frame(0x80 | control, &[b'x'; 126])]);
        protocol_error("control frame of more than 125 bytes", &[&client_frame(0x80 | control, &[b'x'; 65_536])]);
    }
    protocol_error("length with the top bit set", &[b"\x82\xFF\x80\0\0\0\0\0\0\x01\0\0\0\0"]);
    protocol_error("length with the top bit set", &[b"\x82\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\0\0\0\0"]);
    for first in [0x00, 0x80] {
        protocol_error("continuation of no message", &[&client_frame(first, b"x")]);
        let (start, end) = (client_frame(0x02, b"a"), client_frame(0x80, b"b"));
        protocol_error("continuation of no message", &[&start, &end, &client_frame(first, b"x")]);
    }
    for first in [0x02, 0x82] {
        let message = "a message begins within another one";
        protocol_error(message, &[&client_frame(0x02, b"a"), &client_frame(first, b"b")]);
    }
    protocol_error("close frame with half a code", &[&client_frame(0x88, b"\x03")]);
    for code in [0_u16, 999, 1004, 1005, 1006, 1015, 1016, 2000, 2999, 5000, 65_535] {
        protocol_error("close code that must not be sent", &[&client_frame(0x88, &code.to_be_bytes())]);
    }
    let not_utf8 = "reason of a close frame is not UTF-8";
    check(CloseCode::INVALID_PAYLOAD, not_utf8, &[&client_frame(0x88, b"\x03\xE8\xC3")]);
    let text = "text frame, where MQTT is binary";
    check(CloseCode::UNSUPPORTED_DATA, text, &[&client_frame(0x81, b"x")]);
    check(CloseCode::UNSUPPORTED_DATA, text, &[&client_frame(0x01, b"")]);
    let too_big = "frame is larger than allowed";
    check(CloseCode::TOO_BIG, too_big, &[b"\x82\xFF\0\0\0\0\0\x01\x11\x71\0\0\0\0"]);
    check(CloseCode::TOO_BIG, too_big, &[b"\x82\xFF\x7F\xFF\xFF\xFF\xFF\xFF\xFF\xFF\0\0\0\0"]);
    check(CloseCode::TOO_BIG, too_big, &[b"\x82\xFF\0\0\0\x01\0\0\0\0\0\0\0\0"]);
}
