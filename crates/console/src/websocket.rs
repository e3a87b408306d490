//! MQTT for browsers. The opening handshake is handed to a shard as it came, by a pair of sockets; when the shard takes it, bytes go
//! both ways, each as quickly as the other side takes them, and nothing here knows what they mean. When one side closes, the other
//! hears of it at once, and what is still to be said has a few seconds.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::header::{self, HeaderName, HeaderValue};
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, Interest, copy, sink, split};
use tokio::net::UnixStream;
use tokio::net::unix::WriteHalf;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{sleep, timeout};

use crate::answer::{Answer, Refusal, empty_answer};
use crate::connections::Connection;

/// Has the shard behind `pair` answer the request, and relays from then on. `permit` lives as long as that.
pub(crate) async fn upgrade(
    mut request: Request<Incoming>,
    pair: std::os::unix::net::UnixStream,
    connection: Arc<Connection>,
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
        connection.is_relayed();
        // However it ends, both ends are closed with it.
        relay(TokioIo::new(upgraded), shard, &early).await;
    });
    Ok(answer)
}

/// Bytes both ways until one side closes, and a while longer. `early` is what the shard has said already.
async fn relay<S: AsyncRead + AsyncWrite>(browser: S, mut shard: UnixStream, early: &[u8]) {
    let (mut from_browser, mut to_browser) = split(browser);
    let (mut from_shard, mut to_shard) = shard.split();
    let mut outward = pin!(async {
        if to_browser.write_all(early).await.is_ok() {
            let _ = copy(&mut from_shard, &mut to_browser).await;
        }
        let _ = to_browser.shutdown().await;
    });
    let all_is_said = tokio::select! {
        () = hand_in(&mut from_browser, &mut to_shard) => false,
        () = &mut outward => true,
    };
    let farewell = async {
        let _ = to_shard.shutdown().await;
        if !all_is_said {
            outward.await;
        }
        // A socket that is closed before all is read takes back what was said last.
        let _ = copy(&mut from_browser, &mut sink()).await;
    };
    let _ = timeout(FAREWELL_TIME, farewell).await;
}

/// Hands the shard what the browser says, until one of them has closed.
async fn hand_in(browser: &mut (impl AsyncRead + Unpin), shard: &mut WriteHalf<'_>) {
    let mut buffer = vec![0; BUFFER_BYTES];
    loop {
        let length = tokio::select! {
            read = browser.read(&mut buffer) => read.unwrap_or(0),
            () = has_closed(shard) => 0,
        };
        if length == 0 || shard.write_all(&buffer[..length]).await.is_err() {
            return;
        }
    }
}

/// Returns once the shard has closed, even where what it said before is not read yet because the browser takes nothing.
async fn has_closed(shard: &WriteHalf<'_>) {
    while shard.ready(Interest::READABLE).await.is_ok_and(|ready| !ready.is_read_closed()) {
        // It has said something, and what comes behind that is seen only by looking again.
        sleep(LOOK_TIME).await;
    }
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

/// For the last words to a browser, and its own.
pub(crate) const FAREWELL_TIME: Duration = Duration::from_secs(5);

/// Between looks at a shard whose words wait for the browser.
const LOOK_TIME: Duration = Duration::from_secs(1);

/// As much as is on its way from a browser at a time.
const BUFFER_BYTES: usize = 8 << 10;

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
