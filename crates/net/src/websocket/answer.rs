//! What is answered in HTTP: refusals, and the heads in front of files.
//!
//! The connection ends behind each of them, so that no second request has to be read.

use std::fmt;

/// Why a request is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The bytes are no HTTP. No answer: its sender could not read one.
    NotHttp,
    /// A version of HTTP other than 1.
    HttpVersion,
    /// HTTP, but not as the specifications say.
    Malformed(&'static str),
    /// The head has more bytes than allowed.
    HeadTooLarge,
    /// Neither GET nor HEAD.
    Method,
    /// A version of WebSocket other than 13, or none (RFC 6455 section 4.4).
    WebSocketVersion,
    /// None of the subprotocols is MQTT `[MQTT-6.0.0-3]`. Without any of them the bytes would not be MQTT either.
    Subprotocol,
    /// The Origin is not among those allowed. No answer: the page behind it has nothing to learn here.
    Origin,
    /// Neither a WebSocket nor a file.
    NotFound,
    /// The file is there, but cannot be read.
    Unreadable,
    /// Too many requests wait already.
    Busy,
    /// A request for a file where there is only WebSocket.
    UpgradeRequired,
}

impl Refusal {
    /// The whole answer; may be empty. Close the connection behind it.
    pub const fn answer(self) -> &'static [u8] {
        match self {
            Refusal::NotHttp | Refusal::Origin => b"",
            Refusal::HttpVersion => {
                b"HTTP/1.1 505 HTTP Version Not Supported\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
            }
            Refusal::Malformed(_) | Refusal::Subprotocol => {
                b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
            }
            Refusal::HeadTooLarge => {
                b"HTTP/1.1 431 Request Header Fields Too Large\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
            }
            Refusal::Method => {
                b"HTTP/1.1 405 Method Not Allowed\r\nAllow: GET, HEAD\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
            }
            // 426 names what to upgrade to (RFC 9110 section 15.5.22), and the version that is spoken.
            Refusal::WebSocketVersion | Refusal::UpgradeRequired => {
                b"HTTP/1.1 426 Upgrade Required\r\nUpgrade: websocket\r\nConnection: Upgrade, close\r\n\
                  Sec-WebSocket-Version: 13\r\nContent-Length: 0\r\n\r\n"
            }
            Refusal::NotFound => b"HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
            Refusal::Busy => b"HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
            Refusal::Unreadable => {
                b"HTTP/1.1 500 Internal Server Error\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
            }
        }
    }
}

/// One clause for the log, without a full stop.
impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Refusal::NotHttp => "not an HTTP request",
            Refusal::HttpVersion => "unsupported version of HTTP",
            Refusal::Malformed(message) => message,
            Refusal::HeadTooLarge => "HTTP headers are larger than allowed",
            Refusal::Method => "HTTP method other than GET and HEAD",
            Refusal::WebSocketVersion => "WebSocket version other than 13",
            Refusal::Subprotocol => "no WebSocket subprotocol mqtt",
            Refusal::Origin => "non-matching http origin",
            Refusal::NotFound => "file not found",
            Refusal::Busy => "too many requests for files wait",
            Refusal::Unreadable => "file cannot be read",
            Refusal::UpgradeRequired => "HTTP request without WebSocket upgrade",
        })
    }
}

impl std::error::Error for Refusal {}

/// Appends the head in front of a file of `length` bytes. Browsers must not guess another type from its content.
pub fn append_file_head(content_type: &str, length: u64, out: &mut Vec<u8>) {
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: {content_type}\r\nContent-Length: {length}\r\n\
         X-Content-Type-Options: nosniff\r\nConnection: close\r\n\r\n"
    );
    out.extend_from_slice(head.as_bytes());
}

/// Appends the whole answer that sends a browser to `location`.
pub fn append_redirect(location: &str, out: &mut Vec<u8>) {
    let head = format!(
        "HTTP/1.1 301 Moved Permanently\r\nLocation: {location}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
    );
    out.extend_from_slice(head.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_in_front_of_files_and_folders() {
        let mut out = Vec::new();
        append_file_head("text/css", 17, &mut out);
        append_redirect("/a/", &mut out);
        let expected = "HTTP/1.1 200 OK\r\nContent-Type: text/css\r\nContent-Length: 17\r\n\
                        X-Content-Type-Options: nosniff\r\nConnection: close\r\n\r\n\
                        HTTP/1.1 301 Moved Permanently\r\nLocation: /a/\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
        assert_eq!(String::from_utf8_lossy(&out), expected);
    }
}
