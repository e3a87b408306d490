//! A server that speaks HTTP, takes down what it is sent, and answers as it is told.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Instant;

use rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::PATIENCE;
use crate::tls::Issued;

/// See the module.
pub struct StandIn {
    scheme: &'static str,
    port: u16,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    requests: Mutex<Vec<Request>>,
    come: Condvar,
}

/// What came.
#[derive(Clone, PartialEq, Debug)]
pub struct Request {
    /// Method and target.
    pub line: String,
    /// As they came, names in small letters.
    pub headers: Vec<(String, String)>,
    /// As it came.
    pub body: Vec<u8>,
}

/// What is answered.
#[derive(Clone, Debug)]
pub struct Reply {
    /// Status.
    pub status: u16,
    /// Lines that each end with `\r\n`.
    pub headers: String,
    /// Body.
    pub body: Vec<u8>,
}

impl From<(u16, String)> for Reply {
    fn from((status, body): (u16, String)) -> Reply {
        Reply { status, headers: String::new(), body: body.into_bytes() }
    }
}

impl Request {
    /// A header, by its name in small letters.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|header| header.0 == name).map(|header| &*header.1)
    }

    /// The body, where it is text.
    ///
    /// # Panics
    /// Where it is not.
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("UTF-8")
    }
}

impl StandIn {
    /// Answers each request as `answer` says.
    ///
    /// # Panics
    /// When there is no port.
    pub fn start<R: Into<Reply>>(answer: impl Fn(&Request) -> R + Send + Sync + 'static) -> StandIn {
        StandIn::start_at(0, answer)
    }

    /// The same on this port.
    ///
    /// # Panics
    /// When somebody else has it.
    pub fn start_at<R: Into<Reply>>(port: u16, answer: impl Fn(&Request) -> R + Send + Sync + 'static) -> StandIn {
        StandIn::start_with(port, None, move |request| answer(request).into())
    }

    /// The same for who comes encrypted. This is the certificate that it shows.
    ///
    /// # Panics
    /// When there is no port.
    pub fn start_secure<R: Into<Reply>>(
        issued: &Issued,
        answer: impl Fn(&Request) -> R + Send + Sync + 'static,
    ) -> StandIn {
        StandIn::start_with(0, Some(issued.server_config()), move |request| answer(request).into())
    }

    fn start_with(
        port: u16,
        tls: Option<Arc<ServerConfig>>,
        answer: impl Fn(&Request) -> Reply + Send + Sync + 'static,
    ) -> StandIn {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).expect("a port");
        let port = listener.local_addr().expect("a port").port();
        let scheme = if tls.is_some() { "https" } else { "http" };
        let (state, answer) = (Arc::<State>::default(), Arc::new(answer));
        let of_server = Arc::clone(&state);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (state, answer, tls) = (Arc::clone(&of_server), Arc::clone(&answer), tls.clone());
                std::thread::spawn(move || match tls.map(|tls| ServerConnection::new(tls).expect("a connection")) {
                    Some(tls) => serve(StreamOwned::new(tls, stream), &state, &*answer),
                    None => serve(stream, &state, &*answer),
                });
            }
        });
        StandIn { scheme, port, state }
    }

    /// Where it is.
    pub fn url(&self) -> String {
        format!("{}://127.0.0.1:{}", self.scheme, self.port)
    }

    /// Waits until so many requests have come, and gives all.
    ///
    /// # Panics
    /// When they do not come.
    #[track_caller]
    pub fn requests(&self, count: usize) -> Vec<Request> {
        let deadline = Instant::now() + PATIENCE;
        let mut requests = self.state.requests.lock().expect("no thread panics");
        while requests.len() < count {
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "{count} requests were expected: {requests:#?}");
            requests = self.state.come.wait_timeout(requests, left).expect("no thread panics").0;
        }
        requests.clone()
    }
}

fn serve(stream: impl Read + Write, state: &State, answer: &dyn Fn(&Request) -> Reply) {
    let mut reader = BufReader::new(stream);
    while let Some(request) = read(&mut reader) {
        let Reply { status, headers, body } = answer(&request);
        state.requests.lock().expect("no thread panics").push(request);
        state.come.notify_all();
        let head = format!("HTTP/1.1 {status} -\r\ncontent-length: {}\r\n{headers}\r\n", body.len());
        let writer = reader.get_mut();
        if writer.write_all(&[head.as_bytes(), &body].concat()).and_then(|()| writer.flush()).is_err() {
            return;
        }
    }
}

fn read(reader: &mut impl BufRead) -> Option<Request> {
    let mut next = || {
        let mut line = String::new();
        reader.read_line(&mut line).ok().filter(|count| *count > 0).map(|_| line.trim_end().to_owned())
    };
    let line = next()?.trim_end_matches(" HTTP/1.1").to_owned();
    let mut headers = Vec::new();
    loop {
        let header = next()?;
        let Some((name, value)) = header.split_once(": ") else { break };
        headers.push((name.to_ascii_lowercase(), value.to_owned()));
    }
    let length =
        headers.iter().find(|header| header.0 == "content-length").map_or(0, |it| it.1.parse().expect("a number"));
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(Request { line, headers, body })
}
