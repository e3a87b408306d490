//! Files for web browsers, on a listener that speaks WebSocket (`http_dir`).

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use midge_testkit::environment::scratch_folder;
use midge_testkit::ports::free_port;
use midge_testkit::{Client, Server};

const WEBSOCKETS: &str = "protocol websockets\n";

fn connect(server: &Server, name: &str) {
    let mut client = server.connect_websocket();
    client.send(&format!("CONNECT v311 clean id={name}"));
    client.expect("CONNACK");
}

/// A folder to be served, with a secret beside it.
fn site(test: &str) -> PathBuf {
    let folder = scratch_folder(&format!("http-{test}"));
    let site = folder.join("site");
    fs::create_dir_all(site.join("sub")).expect("folders");
    for (name, text) in [("index.html", "<p>home"), ("app.js", "go()"), ("sub/index.html", "<p>sub"), ("ä b.txt", "ä")]
    {
        fs::write(site.join(name), text).expect("write");
    }
    fs::write(site.join("large.bin"), vec![b'L'; 3_000_000]).expect("write");
    fs::write(folder.join("secret"), "secret").expect("write");
    std::os::unix::fs::symlink("../secret", site.join("out")).expect("a link");
    std::os::unix::fs::symlink(folder.join("secret"), site.join("far")).expect("a link");
    std::os::unix::fs::symlink("app.js", site.join("in.js")).expect("a link");
    site
}

fn request(server: &Server, method: &str, target: &str) -> String {
    let mut client = Client::connect(server.address());
    client.send_bytes(format!("{method} {target} HTTP/1.1\r\nHost: localhost\r\n\r\n").as_bytes());
    client.read_to_end()
}

fn ok(content_type: &str, length: usize, body: &str) -> String {
    format!(
        "HTTP/1.1 200 OK\r\nContent-Type: {content_type}\r\nContent-Length: {length}\r\n\
         X-Content-Type-Options: nosniff\r\nConnection: close\r\n\r\n{body}"
    )
}

#[test]
fn browsers_get_files_and_nothing_beside_them() {
    let site = site("files");
    let server = Server::start(&format!("{WEBSOCKETS}http_dir {}", site.display()));
    let get = |target: &str| request(&server, "GET", target);
    assert_eq!(get("/"), ok("text/html; charset=utf-8", 7, "<p>home"));
    assert_eq!(get("/app.js?v=2"), ok("text/javascript; charset=utf-8", 4, "go()"));
    assert_eq!(get("/in.js"), ok("text/javascript; charset=utf-8", 4, "go()"));
    assert_eq!(get("/sub/"), ok("text/html; charset=utf-8", 6, "<p>sub"));
    assert_eq!(get("/%C3%A4%20b.txt"), ok("text/plain; charset=utf-8", 2, "ä"));
    assert_eq!(request(&server, "HEAD", "/app.js"), ok("text/javascript; charset=utf-8", 4, ""));
    let large = get("/large.bin");
    assert!(large == ok("application/octet-stream", 3_000_000, &"L".repeat(3_000_000)), "{} bytes", large.len());
    assert!(get("/sub").starts_with("HTTP/1.1 301 Moved Permanently\r\nLocation: /sub/\r\n"));
    for target in ["/none", "/../secret", "/%2e%2e/secret", "/out", "/far", "//etc/passwd", "/app.js/", "/%00"] {
        assert!(get(target).starts_with("HTTP/1.1 404 "), "{target}: {}", get(target));
    }
    // Clients come in at the same port.
    connect(&server, "page");
}

#[test]
fn who_takes_no_file_is_not_waited_for_and_holds_up_nobody() {
    let site = site("slow");
    let server = Server::start(&format!("{WEBSOCKETS}http_dir {}\nconnect_timeout 2", site.display()));
    fs::write(site.join("huge.bin"), vec![b'H'; 30_000_000]).expect("write");
    let before = server.resident_bytes();
    let mut slow: Vec<Client> = (0..10).map(|_| Client::connect(server.address())).collect();
    for client in &mut slow {
        client.send_bytes(b"GET /huge.bin HTTP/1.1\r\nHost: localhost\r\n\r\n");
    }
    assert_eq!(request(&server, "GET", "/app.js"), ok("text/javascript; charset=utf-8", 4, "go()"));
    connect(&server, "quick");
    let growth = server.resident_bytes().saturating_sub(before);
    assert!(growth < 20 << 20, "{growth} bytes");
    server.expect_log("Client 127.0.0.1 [*] disconnected: exceeded timeout.");
}

/// Asks for a file as the browser at this address, behind a proxy.
fn ask_from(address: &str, server: &Server, target: &str) -> Client {
    let mut client = Client::connect(server.address());
    let head = format!("GET {target} HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-For: {address}\r\n\r\n");
    client.send_bytes(head.as_bytes());
    client
}

/// Whether that one gets it, which takes little time.
fn is_served(address: &str, server: &Server) -> bool {
    let answer = ask_from(address, server, "/app.js").read_to_end();
    assert!(answer.starts_with("HTTP/1.1 200 ") || answer.starts_with("HTTP/1.1 503 "), "{answer}");
    answer.starts_with("HTTP/1.1 200 ")
}

/// Each of them would have the server hold memory. One address takes a quarter of what there is for all.
#[test]
fn so_many_who_take_no_file_get_none() {
    let site = site("many");
    let lines =
        format!("{WEBSOCKETS}http_dir {}\nwebsockets_trusted_proxy 127.0.0.1\nconnect_timeout 600", site.display());
    let server = Server::start(&lines);
    fs::File::create(site.join("huge.bin")).and_then(|file| file.set_len(100 << 20)).expect("a file");
    let mut slow: Vec<Client> = Vec::new();
    for address in ["203.0.113.1", "203.0.113.2", "203.0.113.3", "2001:db8::1"] {
        assert!(is_served(address, &server), "{address}: the others leave it room");
        slow.extend((0..63).map(|_| ask_from(address, &server, "/huge.bin")));
        // Who looks takes a place for a moment, too.
        while is_served(address, &server) {
            slow.push(ask_from(address, &server, "/huge.bin"));
        }
    }
    server.expect_log("Client 203.0.113.1 [*] disconnected: too many requests for files wait.");
    assert!(!is_served("2001:db8::2", &server), "it is of the same network");
    assert!(!is_served("203.0.113.5", &server), "all are taken");
    drop(slow);
    while !is_served("203.0.113.5", &server) {
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn who_takes_a_file_slowly_gets_all_of_it() {
    let site = site("large");
    let server = Server::start(&format!("{WEBSOCKETS}http_dir {}\nconnect_timeout 1", site.display()));
    let huge = vec![b'H'; 40_000_000];
    fs::write(site.join("huge.bin"), &huge).expect("write");
    let mut socket = TcpStream::connect(server.address()).expect("connected");
    socket.write_all(b"GET /huge.bin HTTP/1.1\r\nHost: localhost\r\n\r\n").expect("written");
    let mut received = Vec::new();
    while (&socket).take(2_000_000).read_to_end(&mut received).expect("read") > 0 {
        std::thread::sleep(Duration::from_millis(150));
    }
    assert!(received.ends_with(&huge), "{} bytes", received.len());
}

/// The browser sees that it is not its fault, and the operator what is wrong.
#[test]
fn a_file_that_cannot_be_read_is_told() {
    let site = site("unreadable");
    std::os::unix::fs::symlink("loop", site.join("loop")).expect("a link");
    let server = Server::start(&format!("{WEBSOCKETS}http_dir {}", site.display()));
    assert!(request(&server, "GET", "/loop").starts_with("HTTP/1.1 500 "));
    server.expect_log("Client 127.0.0.1 [*] disconnected: file cannot be read.");
}

#[test]
fn a_folder_for_files_must_be_there() {
    let check = |path: &Path, cause: &str| {
        let port = free_port();
        let lines = format!("listener {port} 127.0.0.1\n{WEBSOCKETS}http_dir {}", path.display());
        let mut tested = Server::spawn(&["--test-config"], &lines, port);
        assert!(!tested.wait_for_exit().success(), "{:#?}", tested.log());
        let mut started = Server::spawn(&[], &lines, port);
        assert!(!started.wait_for_exit().success(), "{:#?}", started.log());
        started.expect_log(&format!("Error: Unable to open http_dir \"{}\": {cause}.", path.display()));
    };
    check(Path::new("/no/such/folder"), "No such file or directory");
    let site = site("others");
    check(&site.join("index.html"), "Not a directory");
    let pipe = site.join("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().expect("mkfifo").success());
    check(&pipe, "Not a directory");
}
