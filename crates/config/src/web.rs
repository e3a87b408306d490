//! Addresses of web services.

/// What an operator is told of an address that is none, and how it is written: two sentences. `None`: it is one.
pub(crate) fn address_fault(url: &str) -> Option<&'static str> {
    let Some(rest) = ["http://", "https://"].iter().find_map(|scheme| url.strip_prefix(scheme)) else {
        return Some("It begins with http:// or https://, and the host follows.");
    };
    if url.contains(['@', '#']) {
        return Some("It has no user name in it, and nothing behind #.");
    }
    if !url.bytes().all(|byte| byte.is_ascii_graphic() && !b"\"<>\\^`{|}".contains(&byte)) {
        return Some("It has no spaces in it, nor other characters that are written as %20 and the like.");
    }
    let server = rest.split(['/', '?']).next().unwrap_or_default();
    let (host, port) = match server.rfind(':').filter(|colon| server.rfind(']').is_none_or(|end| end < *colon)) {
        Some(colon) => (&server[..colon], Some(&server[colon + 1..])),
        None => (server, None),
    };
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
}
