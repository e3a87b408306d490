//! A configuration that is read again without end: each time something is different, now and then something is wrong, and all the
//! while clients exchange messages over plain and encrypted connections that must never end.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, Instant};

use midge_testkit::environment::scratch_folder;
use midge_testkit::ports::free_port;
use midge_testkit::tls::{Authority, Trust, Versions};
use midge_testkit::{Client, Server};

use crate::memory::{self, Samples};
use crate::{add, table_of};

/// The server, and what its configuration is made of.
struct Scene {
    server: Server,
    authority: Authority,
    folder: PathBuf,
    /// Where connections are encrypted.
    encrypted: u16,
    /// Of a listener that comes and goes.
    sometimes: u16,
    counts: Counts,
}

#[derive(Default)]
struct Counts {
    reloads: AtomicU64,
    refused: AtomicU64,
    exchanged: AtomicU64,
    connections: AtomicU64,
}

#[test]
fn reloads_without_end_are_not_noticed() {
    let seconds = std::env::var("MIDGE_RELOAD_SECONDS").ok();
    let seconds: u64 = seconds.map_or(SHORT_S, |text| text.parse().expect("MIDGE_RELOAD_SECONDS is a number"));
    let scene = Scene::new();
    let mut samples = Samples::default();
    let mut watcher = scene.connect(false, "watcher");
    watcher.send(&format!("SUBSCRIBE id=1 {}", memory::HEAP_TOPIC));
    watcher.expect("SUBACK id=1");
    let mut silent: Vec<Client> = (0..SILENT).map(|number| scene.connect(true, &format!("silent-{number}"))).collect();
    let end = Instant::now() + Duration::from_secs(seconds);
    std::thread::scope(|scope| {
        let exchanges = [(false, true), (true, false), (true, true)].map(|ends| {
            let scene = &scene;
            scope.spawn(move || scene.exchange(ends, end))
        });
        let mut number = 0;
        while Instant::now() < end && exchanges.iter().all(|exchange| !exchange.is_finished()) {
            scene.reload(number);
            samples.take(&scene.server, &mut watcher);
            number += 1;
        }
    });
    for client in &mut silent {
        client.send("PINGREQ");
        client.expect("PINGRESP");
    }
    println!("{}\n{samples}", scene.table());
    samples.check(seconds < LONG_S);
}

impl Scene {
    fn new() -> Scene {
        let authority = Authority::new("authority");
        let folder = scratch_folder(&format!("endurance-reloads-{}", std::process::id()));
        let scene = Scene {
            server: Server::start("shards 2\nset_tcp_nodelay true"),
            authority,
            folder,
            encrypted: free_port(),
            sometimes: free_port(),
            counts: Counts::default(),
        };
        scene.reload(0);
        scene
    }

    /// Has the server read a configuration that differs from the one before, with files that differ too.
    fn reload(&self, number: u64) {
        self.authority.server().write(&self.folder, "server");
        let (passwords, rights) = (self.folder.join("passwords"), self.folder.join("rights"));
        fs::write(&passwords, format!("{USER}:{SECRET}\nuser-{number}:{SECRET}\n")).expect("written");
        fs::write(&rights, format!("user {USER}\ntopic #\ntopic read $SYS/#\nuser user-{number}\n")).expect("written");
        let folder = self.folder.display();
        let mut lines = format!(
            "shards 2\nsys_interval 1\nset_tcp_nodelay true\nlog_type error\nlog_type notice\nconnection_messages false\n\
             password_file {folder}/passwords\nacl_file {folder}/rights\n\
             max_keepalive {}\nlog_timestamp {}\n\
             listener {} 127.0.0.1\ncertfile {folder}/server.pem\nkeyfile {folder}/server.key\n",
            100 + number % 7,
            number.is_multiple_of(2),
            self.encrypted,
        );
        if number % 3 == 1 {
            lines += &format!("listener {} 127.0.0.1\n", self.sometimes);
        }
        let is_wrong = number % 10 == 9;
        if is_wrong {
            lines += "no_such_thing true\n";
        }
        self.server.reload_with(&lines);
        add(if is_wrong { &self.counts.refused } else { &self.counts.reloads }, 1);
    }

    /// A client that is welcomed.
    fn connect(&self, is_encrypted: bool, id: &str) -> Client {
        let mut client = if is_encrypted {
            let address = SocketAddr::from((Ipv4Addr::LOCALHOST, self.encrypted));
            let trust = Trust::new(&self.authority, Versions::Tls13, None);
            Client::try_connect_tls(address, &trust).expect("connected")
        } else {
            self.server.connect()
        };
        client.send(&format!("CONNECT v5 clean id={id} username={USER} password=secret"));
        client.expect("CONNACK 0x00");
        add(&self.counts.connections, 1);
        client
    }

    /// Two clients that send each other messages until the end, while others come and go beside them.
    fn exchange(&self, ends: (bool, bool), end: Instant) {
        let name = format!("{}-{}", ends.0, ends.1);
        let mut clients = [(ends.0, "here"), (ends.1, "there")].map(|(is_encrypted, role)| {
            let mut client = self.connect(is_encrypted, &format!("{name}-{role}"));
            client.send(&format!("SUBSCRIBE id=1 {name}/{role} qos=1"));
            client.expect("SUBACK id=1 0x01");
            client
        });
        let mut number = 0;
        while Instant::now() < end {
            for (from, to, role) in [(0, 1, "there"), (1, 0, "here")] {
                clients[from].send(&format!("PUBLISH {name}/{role} qos=1 id=7 m={number}"));
                clients[from].expect("PUBACK id=7 0x00");
                let publish = clients[to].expect(&format!("PUBLISH {name}/{role} qos=1 id=? m={number}"));
                clients[to].send(&format!("PUBACK id={}", publish.number("id").expect("QoS 1")));
            }
            number += 1;
            add(&self.counts.exchanged, 2);
            if number % GUEST_EVERY == 0 {
                self.connect(number % (2 * GUEST_EVERY) == 0, &format!("{name}-guest"));
            }
        }
    }

    fn table(&self) -> String {
        let counts = &self.counts;
        table_of(&[
            ("reloads", &counts.reloads),
            ("  with a configuration that does not do", &counts.refused),
            ("messages exchanged meanwhile, none lost", &counts.exchanged),
            ("connections made", &counts.connections),
        ])
    }
}

/// All clients come under this name.
const USER: &str = "client";

/// The hash of `secret`.
const SECRET: &str =
    "$7$101$AAECAwQFBgcICQoL$Xr99N9ym9ys8TWxis5ajETJq6EVYzmc6nb8t3pUYnPBbCAbICS4xejTltonXWCtJNBvA+By+TXUqU6qCblO00w==";

const SHORT_S: u64 = 4;
/// From here on the allocator has settled in the first half.
const LONG_S: u64 = 60;
/// Messages between two guests of an exchange.
const GUEST_EVERY: u64 = 20;
/// Encrypted clients that only stay.
const SILENT: usize = 40;
