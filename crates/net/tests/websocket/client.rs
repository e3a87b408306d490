//! The client's side: what a server of ours makes of it, and what it makes of servers.

use midge_net::websocket::{
    CloseCode, Decoded, Decoder, End, FrameHeader, HandshakeOptions, Opening, Rejection, Request, Violation,
    close_frame, decode_request, mask, masked_close_frame,
};

const OPTIONS: HandshakeOptions<'_> = HandshakeOptions { head_length_max: 4096, origins: &[] };

fn opening() -> Opening {
    Opening::new(*b"the sample nonce")
}

/// The answer of the example in RFC 6455 section 1.2, which has this key.
const ANSWER: &str = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n\
                      Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n";

#[test]
fn a_server_answers_what_a_client_asks() {
    let mut request = Vec::new();
    let fields = [("X-Token".into(), "abc".into())];
    opening().append_request("broker.example:9001", "/mqtt", &fields, &mut request);
    let text = String::from_utf8(request.clone()).expect("text");
    assert!(text.starts_with("GET /mqtt HTTP/1.1\r\nHost: broker.example:9001\r\n"), "{text}");
    assert!(text.contains("\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"), "{text}");
    assert!(text.ends_with("\r\nX-Token: abc\r\n\r\n"), "{text}");
    let (asked, length) = decode_request(&request, &OPTIONS).expect("a request").expect("a whole one");
    let Request::Upgrade(upgrade) = asked else { panic!("{asked:?}") };
    assert_eq!((upgrade.target, length), ("/mqtt", request.len()));
    let mut answer = Vec::new();
    upgrade.append_answer(&mut answer);
    assert_eq!(opening().decode_answer(&answer), Ok(Some(answer.len())));
}

#[test]
fn an_answer_is_read_once_it_is_whole() {
    let answer = [ANSWER.as_bytes(), b"\x82\x01x"].concat();
    for cut in 0..ANSWER.len() {
        assert_eq!(opening().decode_answer(&answer[..cut]), Ok(None), "cut at {cut}");
    }
    assert_eq!(opening().decode_answer(&answer), Ok(Some(ANSWER.len())));
}

#[test]
fn an_answer_that_frames_may_not_follow_is_a_rejection() {
    let check = |answer: &str, rejection: Rejection| {
        assert_eq!(opening().decode_answer(answer.as_bytes()), Err(rejection), "{answer}");
    };
    check("HTTP/1.1 403 Forbidden\r\n", Rejection::Status(403, "Forbidden".into()));
    check("HTTP/1.0 404\r\n", Rejection::Status(404, "".into()));
    check("SSH-2.0-OpenSSH\r\n", Rejection::NotHttp);
    check("\x20\x02", Rejection::NotHttp);
    check(&format!("HTTP/1.1 101 {}", "a".repeat(20_000)), Rejection::HeadTooLarge);
    let without = |part: &str| ANSWER.replace(part, "");
    check(&without("Upgrade: websocket\r\n"), Rejection::Malformed("it does not switch to WebSocket"));
    check(&without(", Upgrade"), Rejection::Malformed("it does not switch to WebSocket"));
    check(&without("s3pP"), Rejection::Malformed("Sec-WebSocket-Accept is not for our key"));
    check(&without("Sec-WebSocket-Protocol: mqtt\r\n"), Rejection::Malformed("the subprotocol is not mqtt"));
    let extended = ANSWER.replace("\r\n\r\n", "\r\nSec-WebSocket-Extensions: x\r\n\r\n");
    check(&extended, Rejection::Malformed("it uses an extension that nobody asked for"));
    check(&ANSWER.replace(": mqtt", " mqtt"), Rejection::Malformed("a header that is none"));
}

/// Decodes these bytes of a server, cut at each place: the payload, what is answered, and the end.
#[track_caller]
fn decode(bytes: &[u8]) -> (Vec<u8>, Vec<u8>, Option<End>) {
    let of = |pieces: &[&[u8]]| {
        let (mut decoder, mut payload, mut answers, mut ended) = (Decoder::for_client(1000), vec![], vec![], None);
        for piece in pieces {
            let mut room = piece.to_vec();
            let Decoded { length, end } = decoder.decode(&mut room, &mut answers);
            payload.extend_from_slice(&room[..length]);
            ended = ended.or(end);
        }
        (payload, answers, ended)
    };
    let whole = of(&[bytes]);
    for cut in 0..bytes.len() {
        assert_eq!(of(&[&bytes[..cut], &bytes[cut..]]), whole, "cut at {cut}");
    }
    whole
}

#[test]
fn frames_of_a_server_are_read_and_answered_masked() {
    let frame = |payload: &[u8]| [FrameHeader::binary(payload.len()).as_bytes(), payload].concat();
    let long = vec![7; 300];
    let frames = [frame(b"he"), b"\x89\x02pi".to_vec(), frame(b"llo"), frame(&long)].concat();
    let expected = [&b"hello"[..], &long].concat();
    assert_eq!(decode(&frames), (expected, b"\x8A\x82\0\0\0\0pi".to_vec(), None));
    let end = End::Closed(Some(CloseCode::GOING_AWAY));
    let answer = masked_close_frame(CloseCode::GOING_AWAY).to_vec();
    assert_eq!(decode(&close_frame(CloseCode::GOING_AWAY)), (vec![], answer, Some(end)));
    let violation = Violation { code: CloseCode::PROTOCOL_ERROR, message: "server frame with a mask" };
    let answer = masked_close_frame(CloseCode::PROTOCOL_ERROR).to_vec();
    assert_eq!(decode(b"\x82\x81\x01\x02\x03\x04x"), (vec![], answer, Some(End::Violated(violation))));
}

#[test]
fn a_server_reads_what_was_masked() {
    for length in [0, 1, 5, 126, 300, 70_000] {
        let payload: Vec<u8> = (0..length).map(|index| index as u8).collect();
        let key = [1, 2, 3, 4];
        let mut frame = FrameHeader::masked(length, key).as_bytes().to_vec();
        let begin = frame.len();
        frame.extend_from_slice(&payload);
        mask(&mut frame[begin..], key);
        let mut answers = Vec::new();
        let decoded = Decoder::new(100_000).decode(&mut frame, &mut answers);
        assert_eq!((decoded.length, decoded.end), (length, None));
        assert!(frame[..length] == payload);
    }
}
