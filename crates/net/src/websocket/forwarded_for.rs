//! `X-Forwarded-For`: through whom a request came, as the proxies in front say.
//!
//! Each proxy appends the address it saw, and anybody can send the header. So the last address is true if the proxy next
//! to us is ours, and the first one only if all of them are: the caller knows.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use super::request_head::elements;

/// The two ends of the list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ForwardedFor {
    /// The client, according to whoever wrote first.
    pub first: Option<IpAddr>,
    /// Whom the proxy next to us saw.
    pub last: Option<IpAddr>,
    is_begun: bool,
}

impl ForwardedFor {
    /// Takes one more header line: several are one list (RFC 9110 section 5.3).
    pub(crate) fn take(&mut self, value: &[u8]) {
        for element in elements(value) {
            // What is no address (`unknown`, a hidden name) stays unknown, and does not move the next one up.
            self.last = address(element);
            if !self.is_begun {
                self.first = self.last;
                self.is_begun = true;
            }
        }
    }
}

/// An address, as proxies write it: bare, with port, in brackets.
fn address(element: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(element).ok()?;
    let in_brackets = || text.strip_prefix('[')?.strip_suffix(']')?.parse::<Ipv6Addr>().ok();
    let bare = text.parse().ok();
    bare.or_else(|| text.parse().ok().map(|address: SocketAddr| address.ip())).or_else(|| in_brackets().map(IpAddr::V6))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(lines: &[&str], first: Option<&str>, last: Option<&str>) {
        let mut forwarded_for = ForwardedFor::default();
        lines.iter().for_each(|line| forwarded_for.take(line.as_bytes()));
        let ends = [forwarded_for.first, forwarded_for.last].map(|address| address.map(|address| address.to_string()));
        assert_eq!(ends.each_ref().map(Option::as_deref), [first, last]);
    }

    #[test]
    fn the_ends_of_the_list_in_all_spellings() {
        check(&[], None, None);
        check(&["192.0.2.5"], Some("192.0.2.5"), Some("192.0.2.5"));
        check(&["192.0.2.5, 10.0.0.1 ,10.0.0.2"], Some("192.0.2.5"), Some("10.0.0.2"));
        check(&["2001:db8::1", "10.0.0.1"], Some("2001:db8::1"), Some("10.0.0.1"));
        check(&["[2001:db8::1]:4711, [2001:db8::2]"], Some("2001:db8::1"), Some("2001:db8::2"));
        check(&["192.0.2.5:80,unknown"], Some("192.0.2.5"), None);
        check(&["_hidden, 10.0.0.1,"], None, Some("10.0.0.1"));
    }
}
