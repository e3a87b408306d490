//! Addresses of web services.

use crate::draft::{Draft, Part};

use core::net::IpAddr;

/// What an operator is told of an address that is none, and how it is written: two sentences. `None`: it is one.
fn address_fault(url: &str) -> Option<&'static str> {
    let Some(rest) = ["http://", "https://"].iter().find_map(|scheme| url.strip_prefix(scheme)) else {
        return Some("It begins with http:// or https://, and the host follows.");
    };
    if url.contains(['@', '#']) {
        return Some("It has no user name in it, and nothing behind #.");
    }
    if !url.bytes().all(|byte| byte.is_ascii_graphic() && !b"\"<>\\^`{|}".contains(&byte)) {
        return Some("It has no spaces in it, nor other characters that are written as %20 and the like.");
    }
    let (host, port) = server(rest);
    let is_port =
        |port: &str| port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse::<u16>().is_ok_and(|it| it > 0);
    if host.is_empty() {
        return Some("The host is missing between // and what follows.");
    }
    if host.contains(':') && !(host.starts_with('[') && host.ends_with(']')) {
        return Some("An address of IPv6 stands in brackets: http://[::1]:8086.");
    }
    (!port.is_none_or(is_port)).then_some("Behind the colon stands the port, a number from 1 to 65535.")
}

/// The host and the port of what follows `http://`, as they are written.
pub(crate) fn server(rest: &str) -> (&str, Option<&str>) {
    let server = rest.split(['/', '?']).next().unwrap_or_default();
    match server.rfind(':').filter(|colon| server.rfind(']').is_none_or(|end| end < *colon)) {
        Some(colon) => (&server[..colon], Some(&server[colon + 1..])),
        None => (server, None),
    }
}

/// Whether what is said to this address can be read on its way: it crosses a network, and nothing encrypts it.
pub(crate) fn is_open(url: &str) -> bool {
    let host = url.strip_prefix("http://").map(|rest| server(rest).0);
    host.is_some_and(|host| !is_this_machine(host.trim_matches(['[', ']'])))
}

/// Whether this host, a name or an address, is the machine that we run on.
pub(crate) fn is_this_machine(host: &str) -> bool {
    host == "localhost" || host.parse().is_ok_and(|address: IpAddr| address.is_loopback())
}

/// Takes an address, or says why it is none.
pub(crate) fn set_url(draft: &mut Draft, url: String, place: fn(&mut Draft) -> &mut Option<String>) {
    match address_fault(&url) {
        Some(fault) => no_address(draft, &url, fault),
        None => *place(draft) = Some(url),
    }
}

/// The current line names no address, for this reason.
pub(crate) fn no_address(draft: &mut Draft, url: &str, fault: &str) {
    if let Some(at) = url.rfind('@') {
        // What stands before may be a password.
        let scheme = ["http://", "https://"].into_iter().find(|scheme| url.starts_with(scheme)).unwrap_or_default();
        let text = format!("'{scheme}…{}' is no address of a web service.", &url[at..]);
        return draft.error_unshown(text, Some(fault.to_owned()));
    }
    draft.error_in(Part::Value, format!("'{url}' is no address of a web service."), Some(fault.to_owned()));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_judged_by_what_is_wrong_with_them() {
        let check = |url: &str, expected: Option<&str>| {
            let fault = address_fault(url);
            assert_eq!(fault.is_some(), expected.is_some(), "{url}: {fault:?}");
            assert!(fault.unwrap_or_default().contains(expected.unwrap_or_default()), "{url}: {fault:?}");
        };
        for good in ["http://a", "https://a.example:8443/x?y=z:1", "http://[::1]:8086", "http://[::1]/", "http://a?x"] {
            check(good, None);
        }
        check("localhost:8086", Some("begins with http://"));
        check("HTTP://a", Some("begins with http://"));
        check("http:a", Some("begins with http://"));
        check("http://", Some("host is missing"));
        check("http://:8086/a", Some("host is missing"));
        check("http:///a", Some("host is missing"));
        check("http://me:secret@a", Some("no user name"));
        check("http://a/#b", Some("nothing behind #"));
        check("http://a b", Some("no spaces"));
        check("http://ä", Some("no spaces"));
        check("http://::1:8086", Some("brackets"));
        for port in ["80x86", "99999", "0", "", "+1"] {
            check(&format!("http://a:{port}/b"), Some("port"));
        }
    }

    #[test]
    fn what_crosses_a_network_in_plain_text_is_open() {
        for open in ["http://a", "http://192.0.2.1:8086/x", "http://[2001:db8::1]", "http://localhost.example"] {
            assert!(is_open(open), "{open}");
        }
        for closed in ["https://a", "http://localhost:8086", "http://127.0.0.2/x?y", "http://[::1]:8086"] {
            assert!(!is_open(closed), "{closed}");
        }
    }
}
