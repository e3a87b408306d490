//! Those who take their time: everybody else is answered meanwhile, and what supervisors ask is answered at once.

use std::io::Write;
use std::net::{SocketAddr, TcpStream};

use midge_testkit::environment::scratch_folder;
use midge_testkit::ports::free_port;
use midge_testkit::tls::{Authority, Trust, Versions};
use midge_testkit::{Client, Server};
use rustix::net::sockopt::set_socket_recv_buffer_size;

use crate::http::{Console, until};
use crate::start;

/// As many connections as speak HTTP at a time, by the documentation.
const CONNECTIONS_MAX: usize = 256;

/// As many requests as are answered at a time.
const ANSWERING_MAX: usize = 64;

/// The page's script, often enough that no socket has room for it.
fn many_scripts(console: &Console) -> Vec<u8> {
    let page = console.get("/").body;
    let script = page.split('"').find(|it| it.ends_with(".js")).unwrap_or_else(|| panic!("a script: {page}"));
    let script = script.trim_start_matches("./").trim_start_matches('/');
    format!("GET /{script} HTTP/1.1\r\nHost: localhost\r\n\r\n").repeat(200).into_bytes()
}

/// The head of a POST and one byte of its body.
fn begin_post(console: &Console) -> Client {
    let mut client = console.connect();
    client.send_bytes(
        b"POST /api/midge/v1/explain HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{",
    );
    client
}

#[test]
fn a_request_whose_body_does_not_come_takes_no_place() {
    let (_server, console) = start("");
    let slow: Vec<Client> = (0..2 * ANSWERING_MAX).map(|_| begin_post(&console)).collect();
    for path in ["/healthz", "/readyz"] {
        assert_eq!(console.get(path).status, 200, "{path}");
    }
    // Who they are takes them a place, for a moment.
    until(|| (console.get("/api/midge/v1/overview").status == 200).then_some(()));
    for _ in 0..10 {
        assert_eq!(console.get("/api/midge/v1/overview").status, 200);
    }
    drop(slow);
}

#[test]
fn who_comes_when_all_connections_are_taken_gets_the_place_of_who_waits_longest() {
    let (_server, console) = start("");
    let mut idle: Vec<Client> = (0..CONNECTIONS_MAX).map(|_| console.connect()).collect();
    assert_eq!(console.get("/healthz").body, "ok\n");
    assert_eq!(idle[0].read_to_end(), "", "the first has gone");
    let last = idle.last_mut().expect("some");
    last.send_bytes(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    assert!(last.read_to_end().ends_with("ok\n"), "the last is still there");
    let bodies: Vec<Client> = (0..CONNECTIONS_MAX).map(|_| begin_post(&console)).collect();
    assert_eq!(console.get("/healthz").body, "ok\n");
    drop(bodies);
}

#[test]
fn who_reads_nothing_keeps_nobody_from_asking() {
    let (_server, console) = start("");
    let scripts = many_scripts(&console);
    let silent: Vec<TcpStream> = (0..CONNECTIONS_MAX)
        .map(|_| {
            let mut client = TcpStream::connect(("127.0.0.1", console.port())).expect("connected");
            // The machine has no room for what so many could be sent at once.
            set_socket_recv_buffer_size(&client, 4096).expect("SO_RCVBUF");
            client.write_all(&scripts).expect("sent");
            client
        })
        .collect();
    for _ in 0..10 {
        assert_eq!(console.get("/healthz").body, "ok\n");
        assert_eq!(console.get("/api/midge/v1/overview").status, 200);
    }
    drop(silent);
}

#[test]
fn who_reads_nothing_is_sent_away_after_a_while() {
    let authority = Authority::new("authority of slow readers");
    let (certificate, key) = authority.server().write(&scratch_folder("console-slow"), "server");
    let (plain, encrypted) = (free_port(), free_port());
    let server = Server::start(&format!(
        "console_listener {plain}\nconsole_listener {encrypted}\ncertfile {}\nkeyfile {}\n",
        certificate.display(),
        key.display()
    ));
    server.expect_log(" running");
    let trust = Trust::new(&authority, Versions::Tls12, None);
    let before = server.open_files();
    let scripts = many_scripts(&Console::at(plain));
    let connect_tls = || Client::try_connect_tls(SocketAddr::from(([127, 0, 0, 1], encrypted)), &trust);
    let mut silent: Vec<Client> =
        (0..4).flat_map(|_| [Console::at(plain).connect(), connect_tls().expect("encrypted")]).collect();
    silent.iter_mut().for_each(|client| client.send_bytes(&scripts));
    // What the start has asked may still have been there when it was counted.
    until(|| (server.open_files() >= before + 6).then_some(()));
    // The server gives them ten seconds, which is longer than tests wait for anything.
    std::thread::sleep(std::time::Duration::from_secs(6));
    until(|| (server.open_files() <= before).then_some(()));
}
