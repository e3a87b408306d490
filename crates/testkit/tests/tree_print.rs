//! SIGUSR2, or `mosquitto_signal tree-print`: the tree of subscriptions and retained topics on standard output.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::Read;
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};

use midge_testkit::environment::scratch_folder;
use midge_testkit::{Client, Conversation, Launch, Server};
use rustix::process::Signal;

const PRINTED: &str = "SIGUSR2: the tree of subscriptions was printed to standard output (subscriptions: ";

/// A server whose standard output is this file.
fn start(name: &str, configuration: &str) -> (Server, PathBuf) {
    let output = scratch_folder(name).join("stdout");
    let server = Launch::new().standard_output(output.clone()).start(configuration);
    (server, output)
}

/// Has the tree printed. `counts`: what the log says of it.
#[track_caller]
fn print(server: &Server, output: &PathBuf, counts: &str) -> String {
    server.signal(Signal::USR2);
    server.expect_log(&format!("*{PRINTED}{counts}).*"));
    fs::read_to_string(output).expect("the tree")
}

/// Subscribes to many filters, which need more than one packet.
fn subscribe(client: &mut Client, filters: &[String], per_packet: usize) {
    for (number, filters) in filters.chunks(per_packet).enumerate() {
        let (id, codes) = (number + 1, "0x00 ".repeat(filters.len()));
        client.send(&format!("SUBSCRIBE id={id} {}", filters.join(" ")));
        client.expect(&format!("SUBACK id={id} {codes}"));
    }
}

/// The lines of a tree as whole topics, with what stands behind the last level; lines without that are left out.
fn topics_of(tree: &str) -> Vec<String> {
    let (mut levels, mut topics) = (Vec::new(), Vec::new());
    for line in tree.lines() {
        let name = line.trim_start();
        levels.truncate((line.len() - name.len()) / 2 - 2);
        let (level, marks) = name.split_once(" (").unwrap_or((name, ""));
        levels.push(level);
        if !marks.is_empty() {
            topics.push(format!("{} ({marks}", levels.join("/")));
        }
    }
    topics
}

#[test]
fn each_level_has_its_subscribers_and_says_what_is_retained() {
    for shards in [1, 4] {
        let (server, output) = start(&format!("tree-small-{shards}"), &format!("shards {shards}\nsys_interval 0"));
        assert_eq!(print(&server, &output, "0, retained messages: 0"), "");
        let mut talk = Conversation::with(&server);
        talk.play(
            "one connects v5 clean
             one subscribes a/b qos=1 /lead qos=1 a//c qos=1 # qos=0 $share/g/x/y qos=1
             two connects v311
             two subscribes a/b qos=0 $SYS/# qos=0
             two closes
             three connects v5 clean
             three subscribes $share/g/x/y qos=0 $share/h/x/y qos=2 gone qos=0
             three> UNSUBSCRIBE id=7 gone
             three< UNSUBACK id=7 0x00
             p connects v5 clean
             p publishes a/b qos=1 retain m=1
             p publishes kept qos=1 retain m=1",
        );
        let expected = [
            "    ",
            "      lead (one, 1)",
            "    # (one, 0)",
            "    $SYS",
            "      # (two, 0)",
            "    $share",
            "      g",
            "        x",
            "          y (one, 1) (three, 0)",
            "      h",
            "        x",
            "          y (three, 2)",
            "    a",
            "      ",
            "        c (one, 1)",
            "      b (one, 1) (two, 0) (r)",
            "    kept (r)",
            "",
        ];
        assert_eq!(print(&server, &output, "9, retained messages: 2"), expected.join("\n"), "shards: {shards}");
    }
}

#[test]
fn topics_of_the_server_and_mount_points_are_seen_whole() {
    let (server, output) = start("tree-whole", "mount_point house/");
    let mut talk = Conversation::with(&server);
    talk.play("s connects v5 clean\n s subscribes lamp qos=0 $share/g/lamp qos=1");
    server.signal(Signal::USR2);
    server.expect_log(&format!("*{PRINTED}2, *"));
    let topics = topics_of(&fs::read_to_string(output).expect("the tree"));
    for topic in ["$SYS/broker/version (r)", "house/lamp (s, 0)", "$share/g/house/lamp (s, 1)"] {
        assert!(topics.iter().any(|it| it == topic), "{topic}: {topics:#?}");
    }
}

/// More than what is held at a time, so that it is gathered twice, while clients go on.
#[test]
fn a_large_tree_is_printed_while_messages_flow() {
    const CLIENTS: usize = 8;
    const FILTERS: usize = 1000;
    let (server, output) = start("tree-large", "shards 4\nsys_interval 0\nmax_subscriptions 0");
    let filters = |client: usize| -> Vec<String> {
        (0..FILTERS).map(|number| format!("{number:04}/{}/c{client}", "x".repeat(3000))).collect()
    };
    let clients: Vec<Client> = (0..CLIENTS)
        .map(|number| {
            let mut client = server.connect();
            client.send(&format!("CONNECT v5 clean id=c{number}"));
            client.expect("CONNACK 0x00");
            subscribe(&mut client, &filters(number), 30);
            client
        })
        .collect();
    let is_over = AtomicBool::new(false);
    let tree = std::thread::scope(|scope| {
        let flow = scope.spawn(|| {
            let mut talk = Conversation::with(&server);
            talk.play("s connects v5 clean\n s subscribes t qos=1\n p connects v5 clean");
            let mut count = 0;
            while !is_over.load(Ordering::Relaxed) {
                talk.play(&format!("p publishes t qos=1 m={count}\n s receives t qos=1 m={count}"));
                count += 1;
            }
            count
        });
        let tree = print(&server, &output, &format!("{}, retained messages: 0", CLIENTS * FILTERS + 1));
        is_over.store(true, Ordering::Relaxed);
        assert!(flow.join().expect("all messages came") > 0);
        tree
    });
    let topics = topics_of(&tree);
    let each =
        (0..CLIENTS).flat_map(|client| filters(client).into_iter().map(move |it| format!("{it} (c{client}, 0)")));
    let expected: BTreeSet<String> = each.chain(["t (s, 1)".to_owned()]).collect();
    assert!(topics.is_sorted() && topics.iter().eq(&expected), "{} topics of {}", topics.len(), expected.len());
    drop(clients);
}

#[test]
fn nothing_waits_for_who_does_not_read_the_tree() {
    const FILTERS: usize = 20_000;
    let path = scratch_folder("tree-unread").join("stdout");
    assert!(Command::new("mkfifo").arg(&path).status().expect("mkfifo runs").success());
    // With both ends open nobody waits for the other to open it.
    let mut pipe = File::options().read(true).write(true).open(&path).expect("a pipe");
    let configuration = "shards 2\nsys_interval 0\nmax_subscriptions 0";
    let mut server = Launch::new().standard_output(path).start(configuration);
    let filters: Vec<String> = (0..FILTERS).map(|number| format!("n/{number:05}")).collect();
    let mut client = server.connect();
    client.send("CONNECT v5 clean id=one");
    client.expect("CONNACK 0x00");
    subscribe(&mut client, &filters, 1000);
    let lines: String = filters.iter().map(|filter| format!("      {} (one, 0)\n", &filter[2..])).collect();
    let tree = format!("    n\n{lines}");
    let mut read = vec![0; tree.len()];

    server.signal(Signal::USR2);
    pipe.read_exact(&mut read[..1]).expect("the tree begins");
    server.signal(Signal::USR2);
    server.expect_log("*SIGUSR2: the tree of subscriptions is still being printed.");
    server.reload();
    client.send("PINGREQ");
    client.expect("PINGRESP");
    assert_eq!(server.count_log(&format!("*{PRINTED}*")), 0);
    pipe.read_exact(&mut read[1..]).expect("the rest");
    assert!(read == tree.as_bytes(), "nothing is missing");
    server.expect_log(&format!("*{PRINTED}{FILTERS}, *"));

    // The next one is another tree, and the end of the server does not wait for it.
    server.signal(Signal::USR2);
    pipe.read_exact(&mut read[..1]).expect("the tree begins");
    assert!(server.terminate().success());
}
