//! Who is answered at all, and what every answer says to browsers.

use crate::start;

#[test]
fn pages_of_others_that_let_their_name_lead_here_get_nothing() {
    let (_server, console) = start("console_host broker.example");
    for ours in ["localhost", "127.0.0.1:9883", "[::1]:9883", "192.168.1.5", "broker.example", "BROKER.example:9883"] {
        assert_eq!(console.with(&format!("Host: {ours}")).get("/healthz").status, 200, "{ours}");
    }
    for other in ["evil.example", "localhost.evil.example", "broker.example.evil.example:9883"] {
        let told = console.with(&format!("Host: {other}"));
        for path in ["/", "/healthz", "/metrics", "/api/midge/v1/session", "/mqtt"] {
            assert_eq!(told.get(path).error(), (421, "host".to_owned()), "{other} {path}");
        }
    }
    assert_eq!(console.say(b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n").error(), (421, "host".to_owned()));
}

#[test]
fn only_our_own_page_may_have_a_browser_do_something() {
    let (_server, console) = start("");
    let post = |origin: &str| {
        let told = console.with("Content-Type: application/json").with(&format!("Origin: {origin}"));
        told.ask("POST", "/api/midge/v1/explain", r#"{"client_id":"c","topic":"a","access":"publish"}"#)
    };
    assert_eq!(post("http://localhost").status, 200);
    for other in ["http://evil.example", "null", "http://localhost:1", "http://localhost.evil.example"] {
        assert_eq!(post(other).error(), (403, "origin".to_owned()), "{other}");
    }
    // What a form can send without asking is not taken.
    let form = console.with("Content-Type: text/plain").ask("POST", "/api/midge/v1/explain", "{}");
    assert_eq!(form.error(), (415, "content_type".to_owned()));
}

#[test]
fn browsers_are_told_to_trust_nothing_else() {
    let (_server, console) = start("");
    for path in ["/", "/api/midge/v1/session", "/api/midge/v1/none", "/none", "/healthz"] {
        let answer = console.get(path);
        let policy = answer.header("content-security-policy");
        assert!(policy.starts_with("default-src 'self';") && !policy.contains("unsafe"), "{path}: {policy}");
        assert!(policy.contains("frame-ancestors 'none'"), "{path}: {policy}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(answer.header("access-control-allow-origin"), "", "{path}");
    }
}

#[test]
fn what_makes_no_sense_is_refused_in_one_form() {
    let (_server, console) = start("");
    let get = |target: &str| console.get(target).error();
    assert_eq!(get("/api/midge/v1/none"), (404, "not_found".to_owned()));
    assert_eq!(get("/api/midge/v1/clients/nobody"), (404, "not_found".to_owned()));
    assert_eq!(get("/api/midge/v1/clients?limit=0"), (400, "parameter".to_owned()));
    assert_eq!(get("/api/midge/v1/clients?cursor=x"), (400, "parameter".to_owned()));
    assert_eq!(get("/api/midge/v1/clients?cursor=7:0"), (400, "parameter".to_owned()));
    assert_eq!(get("/api/midge/v1/clients?none=1"), (400, "parameter".to_owned()));
    assert_eq!(get("/api/midge/v1/retained?filter=a%23"), (400, "parameter".to_owned()));
    let wrong = console.ask("PUT", "/api/midge/v1/clients", "");
    assert_eq!((wrong.error(), wrong.header("allow")), ((405, "method".to_owned()), "GET, HEAD"));
    let body =
        |body: &str| console.with("Content-Type: application/json").ask("POST", "/api/midge/v1/explain", body).error();
    assert_eq!(body("{"), (400, "body".to_owned()));
    assert_eq!(body(r#"{"client_id":"c"}"#), (400, "body".to_owned()));
    assert_eq!(body(&format!("\"{}\"", "x".repeat(100_000))), (413, "too_large".to_owned()));
    assert_eq!(console.say(b"no request at all\r\n\r\n").status, 400);
    let long = format!("GET /{} HTTP/1.1\r\nHost: localhost\r\n\r\n", "x".repeat(100_000));
    assert!([400, 414, 431].contains(&console.say(long.as_bytes()).status));
    assert_eq!(console.get("/healthz").body, "ok\n", "it goes on");
}
