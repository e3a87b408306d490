//! What must hold for any bytes as a WebSocket; run by the test beside this and by the fuzz target.

use midge_net::websocket::{Decoder, End, FilePath, HandshakeOptions, Request, decode_request};

/// Reads `data` as frames and as an opening handshake. Nothing may panic, and it must make no difference how the bytes
/// were cut. Returns how many bytes meant something: of payload, or of a request.
pub(crate) fn websocket_any(data: &[u8]) -> usize {
    let Some((&first, data)) = data.split_first() else { return 0 };
    let cut = usize::from(first) % (data.len() + 1);
    check_frames(data, cut) + check_request(data, cut)
}

fn check_frames(data: &[u8], cut: usize) -> usize {
    let whole = frames(&[data]);
    assert_eq!(frames(&[&data[..cut], &data[cut..]]), whole, "cut at {cut}: {data:02x?}");
    let (payload, answers, end) = whole;
    assert!(payload.len() <= data.len() && answers.len() <= data.len() + 4, "{data:02x?}");
    if let Some(End::Violated(violation)) = end {
        assert!(violation.code.may_be_sent());
        assert!(answers.ends_with(&violation.code.0.to_be_bytes()));
    }
    payload.len()
}

fn frames(pieces: &[&[u8]]) -> (Vec<u8>, Vec<u8>, Option<End>) {
    let mut decoder = Decoder::new(1 << 20);
    let (mut payload, mut answers, mut end) = (Vec::new(), Vec::new(), None);
    for piece in pieces {
        let mut bytes = piece.to_vec();
        let decoded = decoder.decode(&mut bytes, &mut answers);
        payload.extend(&bytes[..decoded.length]);
        end = end.or(decoded.end);
    }
    (payload, answers, end)
}

fn check_request(data: &[u8], cut: usize) -> usize {
    let options = HandshakeOptions { head_length_max: 1024, origins: &[] };
    let whole = decode_request(data, &options);
    match decode_request(&data[..cut], &options) {
        Ok(None) => {}
        before => assert_eq!(before, whole, "cut at {cut}: {data:02x?}"),
    }
    let Ok(Some((request, length))) = whole else { return 0 };
    assert!(length <= data.len().min(options.head_length_max));
    let target = match request {
        Request::Upgrade(upgrade) => {
            let mut answer = Vec::new();
            upgrade.append_answer(&mut answer);
            assert!(answer.ends_with(b"\r\n\r\n"));
            upgrade.target
        }
        Request::Plain(plain) => plain.target,
    };
    if let Some(path) = FilePath::of(target) {
        let is_name = |part: std::path::Component<'_>| matches!(part, std::path::Component::Normal(_));
        assert!(path.relative.components().all(is_name), "{target}");
        assert!(path.with_slash.is_none_or(|location| location.starts_with('/') && !location.starts_with("//")));
    }
    length
}
