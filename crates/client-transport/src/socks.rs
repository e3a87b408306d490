//! SOCKS5 (RFC 1928) with user name and password (RFC 1929): a proxy is asked to connect to the Server, by its name.

use std::net::IpAddr;

use crate::endpoint::Proxy;
use crate::failure::Failure;

/// A conversation with the proxy.
#[derive(Debug)]
pub(crate) struct Socks {
    state: State,
    login: Option<(Box<str>, Box<str>)>,
    host: Box<str>,
    port: u16,
    /// The beginning of an answer.
    received: Vec<u8>,
}

/// What is waited for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    Method,
    Login,
    Connection,
    Done,
}

impl Socks {
    /// Puts out the greeting.
    pub(crate) fn begin(proxy: &Proxy, host: &str, port: u16, out: &mut Vec<u8>) -> Result<Socks, Failure> {
        let is_short = |text: &str| (1..=255).contains(&text.len());
        if !is_short(host) {
            return Err(Failure::Settings("the server's name has more than the 255 bytes that a proxy takes"));
        }
        match &proxy.login {
            None => out.extend_from_slice(&[VERSION, 1, WITHOUT_LOGIN]),
            Some((username, password)) if is_short(username) && is_short(password) => {
                out.extend_from_slice(&[VERSION, 2, WITHOUT_LOGIN, WITH_LOGIN]);
            }
            Some(_) => return Err(Failure::Settings("user name and password for a proxy have 1 to 255 bytes each")),
        }
        Ok(Socks { state: State::Method, login: proxy.login.clone(), host: host.into(), port, received: Vec::new() })
    }

    /// Whether the connection to the Server is there.
    pub(crate) fn is_done(&self) -> bool {
        self.state == State::Done
    }

    /// Bytes came. How many of them are the proxy's own: the rest is the Server's.
    pub(crate) fn receive(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> Result<usize, Failure> {
        let before = self.received.len();
        self.received.extend_from_slice(bytes);
        let mut used = 0;
        while self.state != State::Done {
            match self.answer(&self.received[used..])? {
                None => {
                    self.received.drain(..used);
                    return Ok(bytes.len());
                }
                Some((length, next)) => {
                    used += length;
                    self.go_on(next, out);
                }
            }
        }
        self.received = Vec::new();
        Ok(used - before)
    }

    /// Reads one answer: its length, and what comes next. `None`: it is not whole.
    fn answer(&self, bytes: &[u8]) -> Result<Option<(usize, State)>, Failure> {
        match (self.state, bytes) {
            (State::Method, &[VERSION, WITHOUT_LOGIN, ..]) => Ok(Some((2, State::Connection))),
            (State::Method, &[VERSION, WITH_LOGIN, ..]) if self.login.is_some() => Ok(Some((2, State::Login))),
            (State::Method, &[VERSION, _, ..]) if self.login.is_none() => refused("wants a user name and a password"),
            (State::Method, &[VERSION, _, ..]) => refused("does not take a user name and a password"),
            (State::Login, &[_, 0, ..]) => Ok(Some((2, State::Connection))),
            (State::Login, &[_, _, ..]) => refused("does not know this user name with this password"),
            (State::Connection, &[VERSION, 0, _, kind, ref rest @ ..]) => {
                let length = match (kind, rest) {
                    (IPV4, _) => 4,
                    (IPV6, _) => 16,
                    (NAME, &[length, ..]) => 1 + usize::from(length),
                    (NAME, []) => return Ok(None),
                    _ => return refused("answers with an address that is none"),
                };
                let length = 4 + length + 2;
                Ok((bytes.len() >= length).then_some((length, State::Done)))
            }
            (State::Connection, &[VERSION, reply, ..]) if reply != 0 => refused(name_reply(reply)),
            (State::Method | State::Connection, &[version, ..]) if version != VERSION => {
                refused("does not speak SOCKS5: check its address")
            }
            _ => Ok(None),
        }
    }

    fn go_on(&mut self, next: State, out: &mut Vec<u8>) {
        self.state = next;
        match (next, &self.login) {
            (State::Login, Some((username, password))) => {
                out.push(LOGIN_VERSION);
                push_short(username.as_bytes(), out);
                push_short(password.as_bytes(), out);
            }
            (State::Connection, _) => self.ask(out),
            _ => {}
        }
    }

    fn ask(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&[VERSION, CONNECT, 0]);
        match self.host.parse() {
            Ok(IpAddr::V4(ip)) => {
                out.push(IPV4);
                out.extend_from_slice(&ip.octets());
            }
            Ok(IpAddr::V6(ip)) => {
                out.push(IPV6);
                out.extend_from_slice(&ip.octets());
            }
            Err(_) => {
                out.push(NAME);
                push_short(self.host.as_bytes(), out);
            }
        }
        out.extend_from_slice(&self.port.to_be_bytes());
    }
}

/// A length in one byte, and the bytes.
fn push_short(bytes: &[u8], out: &mut Vec<u8>) {
    out.push(bytes.len() as u8);
    out.extend_from_slice(bytes);
}

fn refused<T>(why: &str) -> Result<T, Failure> {
    Err(Failure::Proxy(why.into()))
}

/// RFC 1928 section 6.
fn name_reply(reply: u8) -> &'static str {
    match reply {
        2 => "may not connect to the server, by its own rules",
        3 => "finds no way to the server's network",
        4 => "finds no way to the server: check its name",
        5 => "says that the server refuses connections: check the port, and whether the server runs",
        6 => "says that the server does not answer",
        7 => "makes no connections",
        8 => "does not know this kind of address",
        _ => "has failed",
    }
}

const VERSION: u8 = 5;
const WITHOUT_LOGIN: u8 = 0;
const WITH_LOGIN: u8 = 2;
const LOGIN_VERSION: u8 = 1;
const CONNECT: u8 = 1;
const IPV4: u8 = 1;
const NAME: u8 = 3;
const IPV6: u8 = 4;

#[cfg(test)]
mod tests {
    use super::*;

    /// A conversation: what the proxy says, cut at each byte, and all that we say.
    #[track_caller]
    fn check(login: Option<(&str, &str)>, host: &str, says: &[u8], said: &[u8], outcome: Result<(), &str>) {
        let login = login.map(|(username, password)| (username.into(), password.into()));
        let proxy = Proxy { host: "p".into(), port: 1080, login };
        for cut in 0..=says.len() {
            let mut out = Vec::new();
            let mut socks = Socks::begin(&proxy, host, 1883, &mut out).expect("a greeting");
            let mut left = Vec::new();
            let mut told = Ok(());
            for piece in [&says[..cut], &says[cut..]] {
                if told.is_ok() && !socks.is_done() {
                    told = socks.receive(piece, &mut out).map(|used| left.extend_from_slice(&piece[used..]));
                } else {
                    left.extend_from_slice(piece);
                }
            }
            let told = told.map_err(|failure| failure.to_string());
            assert_eq!(told.as_ref().map_err(String::as_str).copied(), outcome, "cut at {cut}");
            assert_eq!(out, said, "cut at {cut}");
            if outcome.is_ok() {
                assert!(socks.is_done());
                assert_eq!(left, b"\x20\x02", "what is behind is the server's");
            }
        }
    }

    #[test]
    fn a_proxy_connects_to_names_and_addresses() {
        let ready = b"\x05\x00\x05\x00\x00\x01\x7f\0\0\x01\x12\x34\x20\x02";
        check(None, "broker", ready, b"\x05\x01\x00\x05\x01\x00\x03\x06broker\x07\x5b", Ok(()));
        check(None, "10.0.0.7", ready, b"\x05\x01\x00\x05\x01\x00\x01\x0a\0\0\x07\x07\x5b", Ok(()));
        let named = b"\x05\x00\x05\x00\x00\x03\x02ab\x12\x34\x20\x02";
        let said = [b"\x05\x01\x00\x05\x01\x00\x04", &[0; 15][..], b"\x01\x07\x5b"].concat();
        check(None, "::1", named, &said, Ok(()));
    }

    #[test]
    fn a_proxy_may_want_to_know_who_asks() {
        let ready = b"\x05\x02\x01\x00\x05\x00\x00\x01\x7f\0\0\x01\x12\x34\x20\x02";
        let said = b"\x05\x02\x00\x02\x01\x03ann\x02pw\x05\x01\x00\x03\x01b\x07\x5b";
        check(Some(("ann", "pw")), "b", ready, said, Ok(()));
        let wrong = Err("the proxy does not know this user name with this password");
        check(Some(("ann", "pw")), "b", b"\x05\x02\x01\x01", &said[..12], wrong);
        check(None, "b", b"\x05\xff", b"\x05\x01\x00", Err("the proxy wants a user name and a password"));
        let long = "u".repeat(256);
        let proxy = Proxy { host: "p".into(), port: 1080, login: Some((long.into(), "x".into())) };
        assert!(Socks::begin(&proxy, "b", 1883, &mut Vec::new()).is_err());
    }

    #[test]
    fn a_proxy_says_why_not() {
        let said = b"\x05\x01\x00\x05\x01\x00\x03\x01b\x07\x5b";
        let refused = "the proxy says that the server refuses connections: check the port, and whether the server runs";
        check(None, "b", b"\x05\x00\x05\x05\x00\x01\0\0\0\0\0\0", said, Err(refused));
        check(None, "b", b"HTTP/1.1 400", b"\x05\x01\x00", Err("the proxy does not speak SOCKS5: check its address"));
    }
}
