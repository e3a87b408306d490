//! HTTP as a program speaks it that looks at each byte.

use std::net::{Ipv4Addr, SocketAddr};

use midge_testkit::Client;
use serde_json::Value;

/// A console, as one asks it.
#[derive(Clone)]
pub(crate) struct Console {
    port: u16,
    /// Lines of each request, each with CRLF.
    headers: String,
}

/// What is answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    head: String,
    pub(crate) body: String,
}

impl Console {
    pub(crate) fn at(port: u16) -> Console {
        Console { port, headers: String::new() }
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// The same, asked with this header.
    pub(crate) fn with(&self, header: &str) -> Console {
        Console { headers: format!("{}{header}\r\n", self.headers), ..self.clone() }
    }

    /// The same, asked by this user.
    pub(crate) fn as_user(&self, name: &str, password: &str) -> Console {
        use base64ct::{Base64, Encoding};
        self.with(&format!("Authorization: Basic {}", Base64::encode_string(format!("{name}:{password}").as_bytes())))
    }

    pub(crate) fn connect(&self) -> Client {
        Client::connect(SocketAddr::from((Ipv4Addr::LOCALHOST, self.port)))
    }

    /// Sends these bytes and reads what comes until the other side closes.
    pub(crate) fn say(&self, bytes: &[u8]) -> Answer {
        let mut client = self.connect();
        client.send_bytes(bytes);
        Answer::parse(&client.read_to_end())
    }

    pub(crate) fn ask(&self, method: &str, target: &str, body: &str) -> Answer {
        let host = if self.headers.contains("Host:") { "" } else { "Host: localhost\r\n" };
        let length = if body.is_empty() { String::new() } else { format!("Content-Length: {}\r\n", body.len()) };
        let head =
            format!("{method} {target} HTTP/1.1\r\n{host}{}{length}Connection: close\r\n\r\n{body}", self.headers);
        self.say(head.as_bytes())
    }

    pub(crate) fn get(&self, target: &str) -> Answer {
        self.ask("GET", target, "")
    }

    /// What our own API answers, where all is well.
    #[track_caller]
    pub(crate) fn json(&self, name: &str) -> Value {
        let answer = self.get(&format!("/api/midge/v1/{name}"));
        assert_eq!(answer.status, 200, "{name}: {answer:?}");
        answer.json()
    }

    pub(crate) fn post(&self, name: &str, body: &Value) -> Answer {
        self.with("Content-Type: application/json").ask("POST", &format!("/api/midge/v1/{name}"), &body.to_string())
    }
}

impl Answer {
    fn parse(text: &str) -> Answer {
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((text, ""));
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
        Answer { status, head: head.to_owned(), body: body.to_owned() }
    }

    /// The value of a header; empty where it is not there.
    pub(crate) fn header(&self, name: &str) -> &str {
        let lines = self.head.lines().filter_map(|line| line.split_once(':'));
        let found = lines.filter(|(given, _)| given.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim()).next();
        found.unwrap_or_default()
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The word of an error.
    #[track_caller]
    pub(crate) fn error(&self) -> (u16, String) {
        let told = self.json();
        assert!(told["message"].as_str().is_some_and(|message| message.ends_with('.')), "{told}");
        (self.status, told["error"].as_str().unwrap_or_default().to_owned())
    }
}

/// Asks until what is told is as wanted: a shard tells in its next turn.
#[track_caller]
pub(crate) fn until<T>(mut look: impl FnMut() -> Option<T>) -> T {
    let begun = std::time::Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(begun.elapsed() < midge_testkit::PATIENCE, "it does not come");
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
}
