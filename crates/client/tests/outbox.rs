//! The durable outbox: a program is killed and comes back, and so does the server.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use midge_client::{
    Client, Endpoint, Incident, Message, Options, Outbox, OutboxError, QoS, ReasonCode, Reconnect, Subscription,
    Version,
};
use midge_testkit::environment::scratch_folder;
use midge_testkit::{PATIENCE, Server};
use tokio::time::timeout;

fn options(client_id: &str) -> Options {
    let reconnect = Some(Reconnect { least_ms: 20, most_ms: 50 });
    Options { reconnect, clean_start: false, session_expiry_interval_s: 1_000, ..Options::new(Version::V5, client_id) }
}

fn endpoint(server: &Server) -> Endpoint {
    Endpoint::tcp("127.0.0.1", server.port())
}

fn persistent_server() -> Server {
    Server::start("persistence true\nmax_queued_messages 0\n")
}

async fn subscribe(server: &Server) -> (Client, Subscription) {
    let (client, incoming) = Client::connect(endpoint(server), options("receiver")).await.expect("a connection");
    drop(incoming);
    let messages = client.subscribe("gateway/#", QoS::ExactlyOnce).await.expect("a subscription");
    (client, messages)
}

/// Takes messages until nothing comes for a while that is long for who has something to send: how often each came.
async fn count(messages: &mut Subscription, last: &str) -> HashMap<String, usize> {
    let mut counts = HashMap::new();
    loop {
        let message = timeout(PATIENCE, messages.next()).await.expect("the last one in time").expect("a message");
        let text = String::from_utf8(message.payload.to_vec()).expect("text");
        let is_last = text == last;
        *counts.entry(text).or_default() += 1;
        if is_last {
            return counts;
        }
    }
}

/// The example, which prints what it has taken over.
struct Gateway(Child);

impl Gateway {
    fn start(server: &Server, folder: &Path) -> Gateway {
        let child = Command::new(example("offline_gateway"))
            .args([&server.address().to_string(), &folder.display().to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn();
        Gateway(child.expect("the example is built"))
    }

    /// Gives it lines until it has taken over so many, and lets it go on for a moment; those that it has taken over.
    fn feed(&mut self, round: usize, least: usize, then: Duration) -> Vec<String> {
        let mut input = self.0.stdin.take().expect("a pipe");
        let output = BufReader::new(self.0.stdout.take().expect("a pipe"));
        let (sender, kept) = std::sync::mpsc::channel();
        thread::spawn(move || {
            // Until it is killed, which ends the pipe.
            for number in 0.. {
                if writeln!(input, "{round}-{number}").is_err() {
                    return;
                }
            }
        });
        let reader = thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                let _ = sender.send(line.strip_prefix("kept ").expect("what it says").to_owned());
            }
        });
        let mut lines: Vec<_> = kept.iter().take(least).collect();
        thread::sleep(then);
        self.0.kill().expect("it is ours");
        self.0.wait().expect("an end");
        reader.join().expect("no panic");
        lines.extend(kept.try_iter());
        lines
    }

    /// Gives it one line more, and the time to deliver everything.
    fn finish(mut self, line: &str) {
        writeln!(self.0.stdin.take().expect("a pipe"), "{line}").expect("a reader");
        assert!(self.0.wait().expect("an end").success());
    }
}

fn example(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("our own name");
    test.parent().and_then(Path::parent).expect("a folder").join("examples").join(name)
}

/// How often the program is killed; the server is killed every third time.
fn kills() -> usize {
    std::env::var("MIDGE_CLIENT_KILLS").ok().and_then(|count| count.parse().ok()).unwrap_or(8)
}

#[tokio::test]
async fn what_was_taken_over_arrives_once_though_program_and_server_are_killed() {
    let folder = scratch_folder("client-outbox-kills");
    let mut server = persistent_server();
    let (receiver, mut messages) = subscribe(&server).await;
    let counting = tokio::spawn(async move { count(&mut messages, "last").await });
    let mut kept = Vec::new();
    for round in 0..kills() {
        let mut gateway = Gateway::start(&server, &folder);
        let then = Duration::from_millis((round * 7 % 20) as u64);
        kept.extend(tokio::task::spawn_blocking(move || gateway.feed(round, 20, then)).await.expect("no panic"));
        if round % 3 == 2 {
            server.kill();
            server.restart();
        }
    }
    let gateway = Gateway::start(&server, &folder);
    tokio::task::spawn_blocking(move || gateway.finish("last")).await.expect("no panic");
    let counts = counting.await.expect("all came");
    let lost: Vec<_> = kept.iter().filter(|line| !counts.contains_key(*line)).collect();
    let doubled: Vec<_> = counts.iter().filter(|(_, count)| **count > 1).collect();
    println!("{} kills, {} messages taken over, {} came", kills(), kept.len(), counts.len());
    assert!(lost.is_empty() && doubled.is_empty(), "lost: {lost:?}, doubled: {doubled:?}");
    receiver.disconnect();
}

#[tokio::test]
async fn what_waits_in_a_folder_is_sent_by_the_next_program() {
    let folder = scratch_folder("client-outbox-waits");
    let mut server = persistent_server();
    let (receiver, mut messages) = subscribe(&server).await;
    server.kill();
    for number in 0..3 {
        let outbox = open_again(&folder);
        let (client, _incoming) =
            Client::start_with_outbox(endpoint(&server), options("gateway"), outbox).expect("it suits");
        let payload = number.to_string();
        let message = Message::new("gateway/readings", payload.as_bytes(), QoS::AtLeastOnce);
        let delivery = timeout(PATIENCE, client.publish(&message)).await.expect("no server is needed");
        assert_eq!(client.held().0, number + 1);
        client.disconnect();
        assert!(delivery.expect("taken over").acknowledged().await.is_err(), "not in the time of this program");
        timeout(PATIENCE, client.close()).await.expect("an end in time");
    }
    server.restart();
    let outbox = Outbox::open(&folder).expect("free again");
    let (client, _incoming) =
        Client::start_with_outbox(endpoint(&server), options("gateway"), outbox).expect("it suits");
    for number in ["0", "1", "2"] {
        let message = timeout(PATIENCE, messages.next()).await.expect("a message in time").expect("a message");
        assert_eq!(message.payload, number.as_bytes());
    }
    timeout(PATIENCE, client.close()).await.expect("an end in time");
    receiver.disconnect();
}

#[tokio::test]
async fn a_log_that_has_grown_is_written_anew() {
    let folder = scratch_folder("client-outbox-grows");
    let server = persistent_server();
    let outbox = Outbox::open(&folder).expect("a new one");
    let (client, _incoming) =
        Client::start_with_outbox(endpoint(&server), options("gateway"), outbox).expect("it suits");
    let payload = vec![7; 100_000];
    for _ in 0..200 {
        let message = Message::new("gateway/readings", &payload, QoS::AtLeastOnce);
        let delivery = timeout(PATIENCE, client.publish(&message)).await.expect("room in time").expect("taken over");
        assert_eq!(
            timeout(PATIENCE, delivery.acknowledged()).await.expect("in time").map(ReasonCode::is_error),
            Ok(false)
        );
    }
    timeout(PATIENCE, client.close()).await.expect("an end in time");
    let files = std::fs::read_dir(&folder).expect("a folder").flatten();
    let bytes: u64 = files.map(|file| file.metadata().map_or(0, |metadata| metadata.len())).sum();
    assert!(bytes < 12 << 20, "20 MB went through it, and {bytes} bytes are left");
    assert!(Outbox::open(&folder).is_ok());
}

/// What was given up is free, but for the moment in which another test, between fork and exec, has all files of this process.
fn open_again(folder: &Path) -> Outbox {
    let attempts = (0..200).map(|attempt| {
        std::thread::sleep(Duration::from_millis(attempt.min(1) * 20));
        Outbox::open(folder)
    });
    attempts.flatten().next().expect("free again")
}

#[tokio::test]
async fn what_does_not_suit_an_outbox_is_said() {
    let folder = scratch_folder("client-outbox-suits");
    let outbox = Outbox::open(&folder).expect("a new one");
    assert!(matches!(Outbox::open(&folder), Err(OutboxError::Open(_))), "somebody has it");
    let forgetful = Options { session_expiry_interval_s: 0, ..options("gateway") };
    let refused = Client::start_with_outbox(Endpoint::tcp("127.0.0.1", 1), forgetful, outbox);
    let Err(OutboxError::Session(why)) = refused else { panic!("it suits") };
    assert!(why.contains("Session Expiry Interval"), "{why}");
    let outbox = Outbox::open(&folder).expect("free again");
    let (client, mut incoming) =
        Client::start_with_outbox(Endpoint::tcp("127.0.0.1", 1), options("gateway"), outbox).expect("it suits");
    assert!(matches!(incoming.next().await, Some(Incident::Failed(_))));
    client.disconnect();
}
