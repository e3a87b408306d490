//! The table of opening handshakes, byte for byte, each cut at every byte.

use midge_net::websocket::{HandshakeOptions, PlainRequest, Refusal, Request, Subprotocol, Upgrade, decode_request};

const OPTIONS: HandshakeOptions<'static> = HandshakeOptions { head_length_max: 4096, origins: &[] };

/// What a good request has; tests change lines of it.
const GOOD: [&str; 7] = [
    "GET /mqtt HTTP/1.1",
    "Host: localhost",
    "Upgrade: websocket",
    "Connection: Upgrade",
    "Sec-WebSocket-Key: 1JaITHdgDZVd/4OE2AzTTA==",
    "Sec-WebSocket-Protocol: mqtt",
    "Sec-WebSocket-Version: 13",
];

fn request(lines: &[&str]) -> Vec<u8> {
    let mut request = lines.join("\r\n").into_bytes();
    request.extend(b"\r\n\r\n");
    request
}

/// The good request with the line that begins like `line` replaced by it.
fn with(line: &str) -> Vec<u8> {
    let name = line.split([':', ' ']).next().unwrap_or_default();
    let lines = GOOD.map(|good| if good.split([':', ' ']).next() == Some(name) { line } else { good });
    assert!(lines.contains(&line), "{line}");
    request(&lines)
}

fn without(name: &str) -> Vec<u8> {
    let lines: Vec<&str> = GOOD.into_iter().filter(|line| !line.starts_with(&format!("{name}:"))).collect();
    assert_eq!(lines.len(), GOOD.len() - 1, "{name}");
    request(&lines)
}

fn and(lines: &[&str]) -> Vec<u8> {
    request(&[&GOOD, lines].concat())
}

/// What the bytes are; none of them may be missing, and what is behind them changes nothing.
#[track_caller]
fn whole(bytes: &[u8]) -> Request<'_> {
    for cut in 0..bytes.len() {
        assert_eq!(decode_request(&bytes[..cut], &OPTIONS), Ok(None), "cut to {cut}");
    }
    let followed = [bytes, b"\x82\x80\0\0\0\0"].concat();
    let decoded = decode_request(bytes, &OPTIONS).expect("a request").expect("a whole one");
    assert_eq!(decode_request(&followed, &OPTIONS), Ok(Some(decoded)));
    assert_eq!(decoded.1, bytes.len());
    decoded.0
}

#[track_caller]
fn upgrade(bytes: &[u8]) -> Upgrade<'_> {
    match whole(bytes) {
        Request::Upgrade(upgrade) => upgrade,
        plain => panic!("{plain:?} from {}", String::from_utf8_lossy(bytes)),
    }
}

#[track_caller]
fn plain(bytes: &[u8]) -> PlainRequest<'_> {
    match whole(bytes) {
        Request::Plain(plain) => plain,
        upgrade => panic!("{upgrade:?} from {}", String::from_utf8_lossy(bytes)),
    }
}

/// Refused, and when cut before the fault nothing else is said than that.
#[track_caller]
fn refuses(bytes: &[u8], refusal: Refusal) {
    for cut in 0..=bytes.len() {
        match decode_request(&bytes[..cut], &OPTIONS) {
            Ok(None) => assert!(cut < bytes.len(), "not refused: {}", String::from_utf8_lossy(bytes)),
            said => assert_eq!(said, Err(refusal), "cut to {cut}: {}", String::from_utf8_lossy(bytes)),
        }
    }
}

#[test]
fn the_answer_byte_for_byte() {
    let bytes = request(&GOOD);
    let upgrade = upgrade(&bytes);
    assert_eq!((upgrade.target, upgrade.subprotocol), ("/mqtt", Subprotocol::Mqtt));
    let mut answer = Vec::new();
    upgrade.append_answer(&mut answer);
    let expected = request(&[
        "HTTP/1.1 101 Switching Protocols",
        "Upgrade: WebSocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Accept: Ako91O0lxiq8gN0+b9YCijMx8lk=",
        "Sec-WebSocket-Protocol: mqtt",
    ]);
    assert_eq!(String::from_utf8_lossy(&answer), String::from_utf8_lossy(&expected));
}

#[test]
fn the_example_of_the_specification() {
    let bytes = with("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==");
    let mut answer = Vec::new();
    upgrade(&bytes).append_answer(&mut answer);
    let answer = String::from_utf8(answer).expect("text");
    assert!(answer.contains("\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"), "{answer}");
}

#[test]
fn what_may_differ() {
    for line in [
        "GET / HTTP/1.1",
        "GET /any/path?x=%20 HTTP/1.1",
        "GET http://localhost/mqtt HTTP/1.1",
        "GET /mqtt HTTP/1.2",
        "Host:",
        "Upgrade: WebSocket",
        "Upgrade:websocket",
        "Upgrade: \t h2c , WEBSOCKET,, \t",
        "Connection: keep-alive, Upgrade",
        "Connection: upgrade,close",
        "Sec-WebSocket-Version:\t13 ",
        "Sec-WebSocket-Key: madeUpByHandInSomeTest==",
    ] {
        upgrade(&with(line));
    }
    let names = |change: fn(&str) -> String| {
        let change =
            |line: &str| line.split_once(':').map_or(line.to_owned(), |(name, value)| change(name) + ":" + value);
        GOOD.map(change).join("\r\n") + "\r\n\r\n"
    };
    upgrade(names(str::to_uppercase).as_bytes());
    upgrade(names(str::to_lowercase).as_bytes());
    upgrade((GOOD.join("\n") + "\n\n").as_bytes());
    upgrade(&and(&["Cookie: caf\u{e9}", "Accept: */*", "Empty:", "Tab: a\tb", "Content-Length: 0"]));
    let spread = [&GOOD[..3], &["Upgrade: h2c", "Connection: x"], &GOOD[3..], &["Connection: y"]].concat();
    upgrade(&request(&spread));
    upgrade(&and(&["Origin: https://anywhere.example"]));
}

#[test]
fn the_first_known_subprotocol_is_taken() {
    let check = |lines: &[&str], expected| {
        let lines: Vec<String> = lines.iter().map(|list| format!("Sec-WebSocket-Protocol: {list}")).collect();
        let mut all = GOOD.to_vec();
        all.splice(5..6, lines.iter().map(String::as_str));
        match expected {
            Some(expected) => assert_eq!(upgrade(&request(&all)).subprotocol, expected, "{lines:?}"),
            None => refuses(&request(&all), Refusal::Subprotocol),
        }
    };
    check(&["mqtt"], Some(Subprotocol::Mqtt));
    check(&["mqttv3.1"], Some(Subprotocol::MqttV31));
    check(&["mqtt, mqttv3.1"], Some(Subprotocol::Mqtt));
    check(&["mqttv3.1,mqtt"], Some(Subprotocol::MqttV31));
    check(&["chat , mqtt"], Some(Subprotocol::Mqtt));
    check(&["chat", "mqttv3.1", "mqtt"], Some(Subprotocol::MqttV31));
    for list in ["", "MQTT", "mqttv3.1.1", "mqt", "mqtt mqttv3.1", "chat"] {
        check(&[list], None);
    }
    check(&[], None);
}

#[test]
fn origins() {
    let origins = ["https://example.org".to_owned(), "http://localhost:8080".to_owned()];
    let check = |origin: &str, origins: &[String], is_allowed: bool| {
        let request = and(&[&format!("Origin: {origin}")]);
        let answer = decode_request(&request, &HandshakeOptions { origins, ..OPTIONS });
        match answer {
            Ok(Some((Request::Upgrade(_), _))) => assert!(is_allowed, "{origin}"),
            answer => assert!(!is_allowed && answer == Err(Refusal::Origin), "{origin}: {answer:?}"),
        }
    };
    check("https://example.org", &origins, true);
    check("HTTPS://Example.org", &origins, true);
    check("http://localhost:8080", &origins, true);
    for origin in
        ["https://example.or", "https://example.org.evil", "http://example.org", "http://localhost", "null", ""]
    {
        check(origin, &origins, false);
        check(origin, &[], true);
    }
    let no_browser = request(&GOOD);
    assert!(matches!(decode_request(&no_browser, &HandshakeOptions { origins: &origins, ..OPTIONS }), Ok(Some(_))));
    assert_eq!(Refusal::Origin.answer(), b"");
}

#[test]
fn forwarded_addresses_are_told() {
    let bytes = and(&["x-forwarded-for: 192.0.2.5, 10.0.0.1", "X-Forwarded-For: 10.0.0.2"]);
    let forwarded_for = upgrade(&bytes).forwarded_for;
    assert_eq!(forwarded_for.first, Some([192, 0, 2, 5].into()));
    assert_eq!(forwarded_for.last, Some([10, 0, 0, 2].into()));
}

#[test]
fn plain_requests() {
    let check = |bytes: &[u8], target: &str, is_head: bool| {
        let request = plain(bytes);
        assert_eq!((request.target, request.is_head), (target, is_head));
    };
    check(b"GET /a?b HTTP/1.1\r\nHost: x\r\n\r\n", "/a?b", false);
    check(b"HEAD /a HTTP/1.1\r\nHost: x\r\n\r\n", "/a", true);
    check(b"GET / HTTP/1.0\r\n\r\n", "/", false);
    // A proxy that knows no Upgrade, in its several ways.
    check(&without("Upgrade"), "/mqtt", false);
    check(&without("Connection"), "/mqtt", false);
    check(&with("Upgrade: h2c"), "/mqtt", false);
    check(&with("Connection: keep-alive"), "/mqtt", false);
    check(&with("GET /mqtt HTTP/1.0"), "/mqtt", false);
}

#[test]
fn handshakes_that_are_refused() {
    for line in ["Sec-WebSocket-Version: 8", "Sec-WebSocket-Version: 013", "Sec-WebSocket-Version: 13, 8"] {
        refuses(&with(line), Refusal::WebSocketVersion);
    }
    refuses(&without("Sec-WebSocket-Version"), Refusal::WebSocketVersion);
    refuses(&without("Sec-WebSocket-Protocol"), Refusal::Subprotocol);
    for key in [
        "",
        "1JaITHdgDZVd/4OE2AzTTA",
        "1JaITHdgDZVd/4OE2A==",
        "1JaITHdgDZVd/4OE2AzT",
        "1JaITHdgDZVd/4OE2AzTTAA=",
        "1JaITHdgDZVd/4OE2AzTTAAA",
        "1JaITHdgDZVd-4OE2AzTTA==",
        "1JaITHdgDZVd/4OE 2AzTTA==",
        "1JaITHdgDZVd/4OE2AzTTA==1JaITHdgDZVd/4OE2AzTTA==",
    ] {
        refuses(&with(&format!("Sec-WebSocket-Key: {key}")), Refusal::Malformed("no Sec-WebSocket-Key of 16 bytes"));
    }
    refuses(&without("Sec-WebSocket-Key"), Refusal::Malformed("no Sec-WebSocket-Key of 16 bytes"));
    refuses(&without("Host"), Refusal::Malformed("no Host header"));
    let twice = Refusal::Malformed("header that may be there only once is there twice");
    for line in [GOOD[1], GOOD[4], GOOD[6]] {
        refuses(&and(&[line]), twice);
    }
    refuses(&and(&["Origin: a", "Origin: a"]), twice);
    let body = Refusal::Malformed("opening handshake with a body");
    refuses(&and(&["Content-Length: 5"]), body);
    refuses(&and(&["Transfer-Encoding: chunked"]), body);
    refuses(
        &with("GET /mqtt HTTP/1.1").iter().map(|b| if *b == b'G' { b'P' } else { *b }).collect::<Vec<_>>(),
        Refusal::Method,
    );
}

#[test]
fn what_is_no_http() {
    for start in [
        &b"\x10\x0c\x00\x04MQTT"[..],
        b"\x16\x03\x01",
        b"\0",
        b"\r\n\r\n\0\r\nQUIT\n",
        b"GET /\xFF",
        b"GET /mqtt\r\n",
        b"GET  /mqtt HTTP/1.1\r\n",
        b"GET /a b HTTP/1.1\r\n",
        b" GET / HTTP/1.1\r\n",
        b"GET / HTTPS/1.1\r\n",
        b"GET / HTTP/1.1 \r\n",
        b"GE(T / HTTP/1.1\r\n",
        b"\n",
        b"/ HTTP/1.1\r\n",
    ] {
        refuses(start, Refusal::NotHttp);
    }
    refuses(b"PRI * HTTP/2.0\r\n", Refusal::HttpVersion);
    refuses(b"GET / HTTP/1.10\r\n", Refusal::HttpVersion);
}

#[test]
fn header_lines_that_are_wrong() {
    let check = |line: &str, message: &'static str| refuses(&and(&[line]), Refusal::Malformed(message));
    check("no colon", "header line without a colon");
    check(" folded: x", "header name is no token");
    check("\tfolded: x", "header name is no token");
    check("Space : x", "header name is no token");
    check(": x", "header name is no token");
    check("\u{e9}: x", "header name is no token");
    check("Nul: a\0b", "control character in a header");
    check("Return: a\rb", "control character in a header");
    check("Escape: \x1B[2J", "control character in a header");
}

#[test]
fn the_head_has_a_bound() {
    let bytes = and(&["X: y"]);
    let decode = |length_max, bytes| {
        decode_request(bytes, &HandshakeOptions { head_length_max: length_max, ..OPTIONS }).map(|some| some.is_some())
    };
    assert_eq!(decode(bytes.len(), &bytes), Ok(true));
    assert_eq!(decode(bytes.len() - 1, &bytes), Err(Refusal::HeadTooLarge));
    assert_eq!(decode(bytes.len() - 1, &bytes[..bytes.len() - 1]), Err(Refusal::HeadTooLarge));
    assert_eq!(decode(bytes.len() - 1, &bytes[..bytes.len() - 2]), Ok(false));
    assert_eq!(decode(10, b"GET /aaaaa"), Err(Refusal::HeadTooLarge));
}

#[test]
fn every_answer_is_a_whole_one() {
    let all = [
        (Refusal::HttpVersion, "505"),
        (Refusal::Malformed(""), "400"),
        (Refusal::HeadTooLarge, "431"),
        (Refusal::Method, "405"),
        (Refusal::WebSocketVersion, "426"),
        (Refusal::Subprotocol, "400"),
        (Refusal::NotFound, "404"),
        (Refusal::Unreadable, "500"),
        (Refusal::UpgradeRequired, "426"),
    ];
    for (refusal, status) in all {
        let answer = std::str::from_utf8(refusal.answer()).expect("text");
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
        let (head, body) = answer.split_once("\r\n\r\n").expect("a whole head");
        assert!(body.is_empty() && head.contains("\r\nContent-Length: 0") && head.contains("close"), "{answer}");
        assert!(head.split("\r\n").all(|line| !line.starts_with(' ') && !line.contains('\n')), "{answer}");
    }
    let version = std::str::from_utf8(Refusal::WebSocketVersion.answer()).expect("text");
    assert!(version.contains("\r\nSec-WebSocket-Version: 13\r\n") && version.contains("\r\nUpgrade: websocket\r\n"));
    assert_eq!(Refusal::NotHttp.answer(), b"");
}
