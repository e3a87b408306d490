//! Who may ask at all, whoever he is: he has to call us by a name of ours, and a browser has to come from our own page.
//!
//! A page of somebody else whose name he lets point to us (DNS rebinding) calls us by his name; one that has a browser send us
//! something says where it comes from (`Origin`).

use std::net::IpAddr;

use hyper::header::{self, HeaderMap};
use hyper::{StatusCode, Uri};

use crate::answer::Refusal;

/// What a request calls us: `Host`, or what a client that thinks of us as a proxy writes in its first line.
fn host<'a>(uri: &'a Uri, headers: &'a HeaderMap) -> Option<&'a str> {
    let mut all = headers.get_all(header::HOST).iter();
    let named = all.next().and_then(|host| host.to_str().ok());
    match (uri.authority(), named, all.next()) {
        (Some(authority), ..) => Some(authority.as_str()),
        (None, Some(host), None) => Some(host),
        _ => None,
    }
}

/// Lets pass who calls us by an address, by a name that only means this machine, or by one of `names`.
pub(crate) fn check_host(uri: &Uri, headers: &HeaderMap, names: &[String]) -> Result<(), Refusal> {
    let host = host(uri, headers).unwrap_or_default();
    let name = without_port(host);
    let address = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
    let is_ours = address.parse::<IpAddr>().is_ok()
        || name.eq_ignore_ascii_case("localhost")
        || names.iter().any(|ours| ours.eq_ignore_ascii_case(name.trim_end_matches('.')));
    if is_ours {
        return Ok(());
    }
    let message = format!(
        "The console does not go by the name '{}'. If it should, add 'console_host {}' to the configuration.",
        printable(name),
        printable(name)
    );
    Err(Refusal::new(StatusCode::MISDIRECTED_REQUEST, "host", message))
}

/// Lets pass what comes from our own page, and what comes from no browser.
pub(crate) fn check_origin(uri: &Uri, headers: &HeaderMap) -> Result<(), Refusal> {
    let mut origins = headers.get_all(header::ORIGIN).iter();
    let Some(origin) = origins.next() else { return Ok(()) };
    let host = host(uri, headers).unwrap_or_default();
    let is_ours = origins.next().is_none()
        && origin.to_str().ok().and_then(|origin| origin.split_once("://")).is_some_and(|(scheme, from)| {
            // A proxy in front may speak another scheme with the browser than with us, and the usual port is left out.
            matches!(scheme, "http" | "https") && from.eq_ignore_ascii_case(host)
        });
    if is_ours {
        return Ok(());
    }
    let message = "This comes from a page of another server, which may not do that here.";
    Err(Refusal::new(StatusCode::FORBIDDEN, "origin", message))
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) && !name.ends_with(':') => name,
        _ => host,
    }
}

fn printable(name: &str) -> String {
    name.chars().filter(|character| character.is_ascii_graphic() && *character != '\'').take(100).collect()
}

#[cfg(test)]
mod tests {
    use hyper::header::HeaderValue;

    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, HeaderValue::from_str(value).expect("a value"));
        }
        headers
    }

    #[test]
    fn only_names_of_ours_are_answered() {
        let check = |host: &str, is_let_in: bool| {
            let headers = headers(&[("host", host)]);
            let outcome = check_host(&Uri::from_static("/"), &headers, &["broker.example".to_owned()]);
            assert_eq!(outcome.is_ok(), is_let_in, "{host}");
        };
        for ours in [
            "127.0.0.1:9883",
            "[::1]:9883",
            "localhost:9883",
            "LocalHost",
            "192.168.1.5",
            "broker.example:9883",
            "Broker.Example.",
        ] {
            check(ours, true);
        }
        for other in
            ["", "evil.example", "evil.example:9883", "localhost.evil.example", "127.0.0.1.evil.example", "::1:x"]
        {
            check(other, false);
        }
        let twice = headers(&[("host", "localhost"), ("host", "localhost")]);
        assert!(check_host(&Uri::from_static("/"), &twice, &[]).is_err());
        assert!(
            check_host(&Uri::from_static("http://evil.example/"), &headers(&[("host", "localhost")]), &[]).is_err()
        );
    }

    #[test]
    fn only_our_own_page_may_do_something() {
        let check = |origin: &[&str], is_let_in: bool| {
            let pairs: Vec<_> =
                origin.iter().map(|origin| ("origin", *origin)).chain([("host", "localhost:9883")]).collect();
            assert_eq!(check_origin(&Uri::from_static("/"), &headers(&pairs)).is_ok(), is_let_in, "{origin:?}");
        };
        check(&[], true);
        check(&["http://localhost:9883"], true);
        check(&["https://localhost:9883"], true);
        for other in
            ["null", "http://localhost", "http://evil.example", "http://evil.example:9883", "file://localhost:9883", ""]
        {
            check(&[other], false);
        }
        check(&["http://localhost:9883", "http://evil.example"], false);
    }
}
