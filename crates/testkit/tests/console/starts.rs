//! What is told while a server starts that has much to read.

use std::net::TcpStream;
use std::thread;

use midge_testkit::Server;
use midge_testkit::client::hex;
use midge_testkit::environment::scratch_folder;
use midge_testkit::ports::free_port;

use crate::http::{Answer, Console, until};

/// As many messages as take a while to be read again.
const BATCHES: usize = 250;
const BATCH: usize = 2_000;

/// Who restarts what does not answer would otherwise never let it come to its end.
#[test]
fn supervisors_learn_that_it_lives_and_browsers_get_the_page() {
    let port = free_port();
    let mut server = Server::start(&format!(
        "persistence true\npersistence_location {}\nmax_queued_messages 0\nqueue_qos0_messages true\nconsole_listener {port}\n",
        scratch_folder("console-starts").display()
    ));
    let mut client = server.connect();
    client.send("CONNECT v5 id=away session-expiry-interval=100");
    client.expect("CONNACK");
    client.send("SUBSCRIBE id=1 t qos=1");
    client.expect("SUBACK id=1 0x01");
    client.send("DISCONNECT");
    let mut publisher = server.connect();
    publisher.send("CONNECT v5 clean");
    publisher.expect("CONNACK");
    for _ in 0..BATCHES {
        publisher.send_bytes(&hex("30 05 00 01 74 00 78").repeat(BATCH));
        publisher.send("PINGREQ");
        publisher.expect("PINGRESP");
    }
    server.kill();
    let asked = thread::spawn(move || ask_until_ready(port));
    server.restart();
    let asked = asked.join().expect("it asks");
    let (last, before) = asked.split_last().expect("it is ready");
    assert_eq!((last.status, &*last.body), (200, "ready\n"));
    assert_eq!(before.first().map(|answer| answer.body.contains("reads what it has kept")), Some(true), "{asked:?}");
}

fn ask_until_ready(port: u16) -> Vec<Answer> {
    let console = Console::at(port);
    until(|| TcpStream::connect(("127.0.0.1", port)).ok());
    let mut answers = Vec::new();
    loop {
        let answer = console.get("/readyz");
        let is_ready = answer.status == 200;
        answers.push(answer);
        if is_ready {
            return answers;
        }
        assert_eq!(console.get("/healthz").body, "ok\n");
        assert_eq!(console.get("/").status, 200);
    }
}
