//! One question to a web server, and its answer (RFC 9112): a connection for each, as they are few and cached.
//!
//! Blocks, for no longer than until the deadline; only looking up a name takes what the system allows it.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::time::{Duration, Instant};

use midge_net::tls::TlsClient;

/// Where a web service is.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Url {
    pub(super) is_secure: bool,
    /// As the header `Host` has it.
    authority: String,
    /// Without the brackets around an IPv6 address.
    host: String,
    port: u16,
    path: String,
}

/// What it says.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Response {
    pub(super) status: u16,
    pub(super) body: Vec<u8>,
}

impl Url {
    pub(super) fn parse(text: &str) -> Option<Url> {
        let (scheme, rest) = text.split_once("://")?;
        let (is_secure, port) = match scheme {
            "http" => (false, 80),
            "https" => (true, 443),
            _ => return None,
        };
        let path_at = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(path_at);
        let (host, port) = match authority.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            Some((host, "")) => (host, port),
            Some((host, rest)) => (host, rest.strip_prefix(':')?.parse().ok()?),
            None => match authority.split_once(':') {
                Some((host, port)) => (host, port.parse().ok()?),
                None => (authority, port),
            },
        };
        let is_safe =
            !host.is_empty() && !text.contains(|c: char| c.is_ascii_control() || matches!(c, ' ' | '@' | '#'));
        let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
        is_safe.then(|| Url { is_secure, authority: authority.to_owned(), host: host.to_owned(), port, path })
    }

    /// For a log: what follows a question mark may be a secret.
    pub(super) fn shown(&self) -> String {
        let scheme = if self.is_secure { "https" } else { "http" };
        let path = self.path.split('?').next().unwrap_or_default();
        format!("{scheme}://{}{path}", self.authority)
    }
}

/// Sends a body of JSON and waits for the answer. The error is a cause in words.
pub(super) fn post(url: &Url, tls: Option<&TlsClient>, body: &str, deadline: Instant) -> Result<Response, String> {
    let (path, host, length) = (&url.path, &url.authority, body.len());
    let request = format!(
        "POST {path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: midge\r\nContent-Type: application/json\r\n\
         Accept: application/json\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    );
    let exchange = || {
        let socket = Timed { socket: connect(url, deadline)?, deadline };
        match tls.filter(|_| url.is_secure) {
            Some(tls) => exchange(tls.connect(&url.host, socket)?, &request),
            None => exchange(socket, &request),
        }
    };
    exchange().map_err(|error: io::Error| match error.kind() {
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => "it takes too long".to_owned(),
        _ => error.to_string(),
    })
}

fn connect(url: &Url, deadline: Instant) -> io::Result<TcpStream> {
    let mut failure = io::Error::from(io::ErrorKind::NotFound);
    for address in (&*url.host, url.port).to_socket_addrs()? {
        match connect_to(&address, deadline) {
            Ok(socket) => return Ok(socket),
            Err(error) => failure = error,
        }
    }
    Err(failure)
}

fn connect_to(address: &SocketAddr, deadline: Instant) -> io::Result<TcpStream> {
    let socket = TcpStream::connect_timeout(address, left(deadline)?)?;
    socket.set_nodelay(true)?;
    Ok(socket)
}

fn left(deadline: Instant) -> io::Result<Duration> {
    let left = deadline.saturating_duration_since(Instant::now());
    if left.is_zero() { Err(io::ErrorKind::TimedOut.into()) } else { Ok(left) }
}

fn exchange(mut stream: impl Read + Write, request: &str) -> io::Result<Response> {
    stream.write_all(request.as_bytes())?;
    stream.flush()?;
    let mut answer = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let count = match stream.read(&mut buffer) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            // Many servers close without the end that TLS wants. What is complete shows by its length.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => 0,
            count => count?,
        };
        answer.extend_from_slice(&buffer[..count]);
        if let Some(response) = read_response(&answer, count == 0)? {
            return Ok(response);
        }
        if count == 0 || answer.len() > ANSWER_BYTES_MAX {
            return Err(malformed());
        }
    }
}

/// The answer that these bytes are. `None`: more has to come.
fn read_response(bytes: &[u8], is_end: bool) -> io::Result<Option<Response>> {
    let Some(head_bytes) = find(bytes, b"\r\n\r\n") else { return Ok(None) };
    let head = str::from_utf8(&bytes[..head_bytes]).map_err(|_| malformed())?;
    let rest = &bytes[head_bytes + 4..];
    let mut lines = head.split("\r\n");
    let mut words = lines.next().unwrap_or_default().split(' ');
    let is_http = words.next().is_some_and(|version| version.starts_with("HTTP/1."));
    let status = words.next().filter(|status| is_http && status.len() == 3).and_then(|status| status.parse().ok());
    let status: u16 = status.ok_or_else(malformed)?;
    let (mut length, mut is_chunked) = (None, false);
    for (name, value) in lines.filter_map(|line| line.split_once(':')) {
        if name.eq_ignore_ascii_case("content-length") {
            length = Some(value.trim().parse::<usize>().map_err(|_| malformed())?);
        } else if name.eq_ignore_ascii_case("transfer-encoding") {
            is_chunked = value.trim().eq_ignore_ascii_case("chunked");
        }
    }
    let body = match length {
        _ if matches!(status, 204 | 304) => Some(Vec::new()),
        _ if is_chunked => read_chunks(rest)?,
        Some(length) => rest.get(..length).map(<[u8]>::to_vec),
        None => is_end.then(|| rest.to_vec()),
    };
    Ok(body.map(|body| Response { status, body }))
}

/// The content of a body in chunks. `None`: more has to come.
fn read_chunks(mut rest: &[u8]) -> io::Result<Option<Vec<u8>>> {
    let mut body = Vec::new();
    loop {
        let Some(line_bytes) = find(rest, b"\r\n") else { return Ok(None) };
        let line = str::from_utf8(&rest[..line_bytes]).map_err(|_| malformed())?;
        let size = line.split(';').next().unwrap_or_default().trim();
        let size = u32::from_str_radix(size, 16).map_err(|_| malformed())? as usize;
        if size == 0 {
            return Ok(Some(body));
        }
        rest = &rest[line_bytes + 2..];
        let Some(chunk) = rest.get(..size + 2) else { return Ok(None) };
        body.extend_from_slice(&chunk[..size]);
        rest = &rest[size + 2..];
    }
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}

fn malformed() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "what came is no answer of a web server")
}

/// A socket whose every step ends at the deadline.
struct Timed {
    socket: TcpStream,
    deadline: Instant,
}

impl Read for Timed {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.socket.set_read_timeout(Some(left(self.deadline)?))?;
        self.socket.read(buffer)
    }
}

impl Write for Timed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.socket.set_write_timeout(Some(left(self.deadline)?))?;
        self.socket.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.socket.flush()
    }
}

/// Room for ten thousand filters.
const ANSWER_BYTES_MAX: usize = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_have_parts() {
        let check = |text: &str, expected: Option<(bool, &str, u16, &str)>| {
            let found = Url::parse(text);
            let parts = found.as_ref().map(|url| (url.is_secure, &*url.host, url.port, &*url.path));
            assert_eq!(parts, expected, "{text}");
        };
        check("http://a.example", Some((false, "a.example", 80, "/")));
        check("https://a.example/mqtt/user?key=1", Some((true, "a.example", 443, "/mqtt/user?key=1")));
        check("http://127.0.0.1:8080/u", Some((false, "127.0.0.1", 8080, "/u")));
        check("http://[::1]:8080?x", Some((false, "::1", 8080, "/?x")));
        let wrong = [
            "http://",
            "ftp://a",
            "a.example",
            "http://a:x/",
            "http://me:secret@a/",
            "http://a/\r\nX: y",
            "http://a/#b",
        ];
        wrong.into_iter().for_each(|text| check(text, None));
        assert_eq!(Url::parse("https://a:1/u?key=1").map(|url| url.shown()).as_deref(), Some("https://a:1/u"));
    }

    #[test]
    fn an_answer_ends_where_it_says() {
        let check = |text: &str, is_end: bool, expected: Option<(u16, &str)>| {
            let found = read_response(text.as_bytes(), is_end).expect("an answer");
            let found = found.map(|response| (response.status, String::from_utf8(response.body).expect("text")));
            assert_eq!(found, expected.map(|(status, body)| (status, body.to_owned())), "{text}");
        };
        check("HTTP/1.1 200 OK\r\n", false, None);
        check("HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nabc", false, None);
        check("HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nabc", true, None);
        check("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabcdef", false, Some((200, "abc")));
        check("HTTP/1.0 403 No\r\n\r\nno", false, None);
        check("HTTP/1.0 403 No\r\n\r\nno", true, Some((403, "no")));
        check("HTTP/1.1 204\r\n\r\n", false, Some((204, "")));
        let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
        check(&format!("{head}3;x=1\r\nabc\r\nA\r\n0123456789\r\n0\r\n\r\n"), false, Some((200, "abc0123456789")));
        check(&format!("{head}3\r\nab"), true, None);
    }

    #[test]
    fn what_is_no_answer_is_refused() {
        for text in [
            "MQTT/1.1 200 OK\r\n\r\n",
            "HTTP/1.1 20 OK\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
        ] {
            assert!(read_response(text.as_bytes(), false).is_err(), "{text}");
        }
    }
}
