//! MQTT for browsers. The opening handshake is handed to a shard as it came, by a pair of sockets; when the shard takes it, bytes go
//! both ways, each as quickly as the other side takes them, and nothing here knows what they mean.

use std::time::Duration;

use hyper::body::Incoming;
use hyper::header::{self, HeaderName, HeaderValue};
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::UnixStream;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::timeout;

use crate::answer::{Answer, Refusal, empty_answer};

/// Has the shard behind `pair` answer the request, and relays from then on. `permit` lives as long as that.
pub(crate) async fn upgrade(
    mut request: Request<Incoming>,
    pair: std::os::unix::net::UnixStream,
    permit: OwnedSemaphorePermit,
) -> Result<Answer, Refusal> {
    let mut shard = UnixStream::from_std(pair).map_err(|error| no_socket(&error))?;
    let handshake = async {
        shard.write_all(&head_of(&request)).await.ok()?;
        read_head(&mut shard).await
    };
    let unanswered =
        || Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "busy", "The server does not take this connection now.");
    let (head, early) = timeout(HANDSHAKE_TIME, handshake).await.ok().flatten().ok_or_else(unanswered)?;
    let answer = taken(&head).ok_or_else(|| {
        Refusal::new(
            StatusCode::BAD_REQUEST,
            "websocket",
            "This is no opening handshake of WebSocket for MQTT (RFC 6455).",
        )
    })?;
    let upgraded = hyper::upgrade::on(&mut request);
    tokio::spawn(async move {
        let _permit = permit;
        let Ok(upgraded) = upgraded.await else { return };
        let mut browser = TokioIo::new(upgraded);
        if browser.write_all(&early).await.is_ok() {
            // However it ends, both ends are closed with it.
            let _ = copy_bidirectional(&mut browser, &mut shard).await;
        }
    });
    Ok(answer)
}

pub(crate) fn no_socket(error: &std::io::Error) -> Refusal {
    Refusal::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "busy",
        format!("The system has no socket left for this connection: {error}."),
    )
}

/// What a shard has to know of the request.
fn head_of(request: &Request<Incoming>) -> Vec<u8> {
    let mut head = b"GET /mqtt HTTP/1.1\r\nConnection: Upgrade\r\n".to_vec();
    for name in HANDED_ON {
        for value in request.headers().get_all(&name) {
            head.extend_from_slice(name.as_str().as_bytes());
            head.extend_from_slice(b": ");
            head.extend_from_slice(value.as_bytes());
            head.extend_from_slice(b"\r\n");
        }
    }
    head.extend_from_slice(b"\r\n");
    head
}

const HANDED_ON: [HeaderName; 5] = [
    header::HOST,
    header::UPGRADE,
    header::SEC_WEBSOCKET_KEY,
    header::SEC_WEBSOCKET_VERSION,
    header::SEC_WEBSOCKET_PROTOCOL,
];

/// The head of the shard's answer, and what came behind it.
async fn read_head(shard: &mut UnixStream) -> Option<(String, Vec<u8>)> {
    let mut bytes = Vec::new();
    loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            let early = bytes.split_off(end + 4);
            return Some((String::from_utf8(bytes).ok()?, early));
        }
        if bytes.len() > HEAD_BYTES_MAX || shard.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
}

/// The answer to the browser, where the shard takes it.
fn taken(head: &str) -> Option<Answer> {
    let mut lines = head.split("\r\n");
    lines.next().filter(|line| line.starts_with("HTTP/1.1 101"))?;
    let mut answer = empty_answer(StatusCode::SWITCHING_PROTOCOLS);
    for (name, value) in lines.filter_map(|line| line.split_once(':')) {
        let name = HeaderName::from_bytes(name.trim().as_bytes()).ok()?;
        answer.headers_mut().insert(name, HeaderValue::from_str(value.trim()).ok()?);
    }
    Some(answer)
}

/// A shard answers in its next turn.
const HANDSHAKE_TIME: Duration = Duration::from_secs(10);

const HEAD_BYTES_MAX: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_shard_takes_is_told_the_browser() {
        let head = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n";
        let answer = taken(head).expect("an answer");
        assert_eq!(answer.status(), StatusCode::SWITCHING_PROTOCOLS);
        assert_eq!(answer.headers()[header::SEC_WEBSOCKET_PROTOCOL], "mqtt");
        assert!(taken("HTTP/1.1 400 Bad Request\r\n\r\n").is_none());
        assert!(taken("").is_none());
    }
}
