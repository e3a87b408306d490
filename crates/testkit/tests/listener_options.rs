//! What each listener has for itself: mount points, addresses, limits.

use std::fs;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::os::fd::OwnedFd;

use midge_testkit::environment::scratch_folder;
use midge_testkit::ports::free_port;
use midge_testkit::{Client, Conversation, Server};
use rustix::net::{getpeername, sockopt};
use rustix::process::{Pid, PidfdFlags, PidfdGetfdFlags, pidfd_getfd, pidfd_open};

/// A client of another listener of this machine.
fn client(port: u16) -> Client {
    Client::connect((Ipv4Addr::LOCALHOST, port).into())
}

/// Starts a server with a listener of its own above these lines, and waits until all are open.
fn start_beside(lines: &str) -> Server {
    let server = Server::start(lines);
    server.expect_log("* running");
    server
}

/// Starts a server with exactly these lines, and waits for it.
fn start(lines: &str, port: u16) -> Server {
    let server = Server::spawn(&[], &format!("user root\n{lines}"), port);
    server.expect_log("* running");
    server
}

#[test]
fn a_mount_point_is_put_before_the_topics_of_one_listener() {
    let port = free_port();
    let server = start_beside(&format!("mount_point house/\nlistener {port} 127.0.0.1"));
    let mut talk = Conversation::with(&server);
    talk.play("a connects v5 clean\n a subscribes # qos=1\n b connects v311 clean");
    let mut outside = client(port);
    outside.send("CONNECT v5 clean id=o & SUBSCRIBE id=1 #");
    outside.expect("CONNACK");
    outside.expect("SUBACK id=1 0x00");
    talk.play("b publishes door qos=1 m=open retain\n a receives door qos=1 m=open");
    outside.expect("PUBLISH house/door m=open");
    outside.send("PUBLISH door m=x & PUBLISH house/light m=on");
    talk.play(
        "a receives light m=on
         c connects v5 clean
         c subscribes +
         c receives door m=open retain
         c> UNSUBSCRIBE id=2 +
         c< UNSUBACK id=2 0x00
         a< nothing",
    );
}

#[test]
fn the_default_listener_is_where_it_is_told_to_be() {
    let port = free_port();
    let _server = start(&format!("port {port}\nbind_address 127.0.0.1"), port);
    assert!(TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok());
    assert!(TcpStream::connect((Ipv4Addr::new(127, 0, 0, 2), port)).is_err());
}

#[test]
fn a_name_can_mean_its_addresses_of_one_kind() {
    let port = free_port();
    let server = start(&format!("listener {port} localhost\nsocket_domain ipv4"), port);
    assert!(TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok());
    assert!(TcpStream::connect((Ipv6Addr::LOCALHOST, port)).is_err());
    assert_eq!(server.count_log("*Opening ipv6 *"), 0);
    let port = free_port();
    // Where the machine has no such addresses, it says so.
    let server = Server::spawn(&[], &format!("user root\nlistener {port} 127.0.0.1\nsocket_domain ipv6"), port);
    server.expect_log("*Error: *");
}

#[test]
fn who_is_nobody_may_come_in_by_one_listener_and_not_by_another() {
    let port = free_port();
    let server = start_beside(&format!("listener {port} 127.0.0.1\nlistener_allow_anonymous false"));
    Conversation::with(&server).play("a connects v5 clean");
    let mut nobody = client(port);
    nobody.send("CONNECT v5 clean id=b");
    nobody.expect("CONNACK 0x87");
    nobody.expect_closed();
}

#[test]
fn assigned_client_identifiers_may_begin_otherwise() {
    let port = free_port();
    let server =
        start_beside(&format!("auto_id_prefix main-\nlistener {port} 127.0.0.1\nlistener_auto_id_prefix gate-"));
    for (mut client, beginning) in [(server.connect(), "main-"), (client(port), "gate-")] {
        client.send("CONNECT v5 clean id=\"\"");
        let identifier = client.expect("CONNACK").text("assigned-client-identifier").expect("an identifier");
        assert!(identifier.starts_with(beginning), "{identifier}");
    }
}

#[test]
fn security_can_be_that_of_each_listener() {
    let (open, closed) = (free_port(), free_port());
    let lines =
        format!("listener {open} 127.0.0.1\nallow_anonymous true\nlistener {closed} 127.0.0.1\nallow_anonymous false");
    for (kind, outcome) in [("true", "CONNACK 0x00"), ("false", "CONNACK 0x87")] {
        let mut server = start(&format!("per_listener_settings {kind}\n{lines}"), open);
        for (port, expected) in [(open, outcome), (closed, "CONNACK 0x87")] {
            let mut nobody = client(port);
            nobody.send("CONNECT v5 clean id=b");
            nobody.expect(expected);
        }
        assert!(server.terminate().success());
    }
}

/// As Mosquitto's plugins for all listeners, and for those that name them.
#[test]
fn plugins_can_be_those_of_all_listeners_or_of_some() {
    let (one, other) = (free_port(), free_port());
    let folder = scratch_folder("listener-plugins");
    let file = |name: &str, text: &str| {
        let path = folder.join(name);
        fs::write(&path, text).expect("written");
        path.display().to_string()
    };
    let passwords = file("passwords", BOB);
    let rights = file("rights", "topic read #\nuser bob\ntopic #\n");
    let _server = start(
        &format!(
            "per_listener_settings true
             global_plugin mosquitto_acl_file.so
             plugin_opt_acl_file {rights}
             auth_plugin_deny_special_chars false
             plugin_load passwords mosquitto_password_file.so
             plugin_opt_password_file {passwords}
             listener {one} 127.0.0.1
             allow_anonymous true
             listener {other} 127.0.0.1
             plugin_use passwords"
        ),
        one,
    );
    let come = |port, connect: &str, expected: &[&str]| {
        let mut client = client(port);
        client.send(&format!("CONNECT v5 clean {connect} & PUBLISH t qos=1 id=1 m=x"));
        expected.iter().for_each(|packet| drop(client.expect(packet)));
    };
    come(one, "id=a", &["CONNACK 0x00", "PUBACK id=1 0x87"]);
    come(one, "id=a/b username=bob password=guessed", &["CONNACK 0x00", "PUBACK id=1 0x10"]);
    come(other, "id=a", &["CONNACK 0x87"]);
    come(other, "id=a username=bob password=guessed", &["CONNACK 0x87"]);
    come(other, "id=a username=bob password=secret", &["CONNACK 0x00", "PUBACK id=1 0x10"]);
}

const BOB: &str = "bob:$7$101$AAECAwQFBgcICQoL$Xr99N9ym9ys8TWxis5ajETJq6EVYzmc6nb8t3pUYnPBbCAbICS4xejTltonXWCtJNBvA+By+TXUqU6qCblO00w==\n";

/// The server's end of the connection that comes from there.
fn socket_of(server: &Server, peer: SocketAddr) -> OwnedFd {
    let id = server.process_id();
    let process = Pid::from_raw(id as i32).expect("a process");
    let process = pidfd_open(process, PidfdFlags::empty()).expect("the server");
    let descriptors = fs::read_dir(format!("/proc/{id}/fd")).expect("its descriptors");
    let numbers = descriptors.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let mut copies = numbers.filter_map(|number| pidfd_getfd(&process, number, PidfdGetfdFlags::empty()).ok());
    let is_it =
        |copy: &OwnedFd| getpeername(copy).ok().flatten().and_then(|at| SocketAddr::try_from(at).ok()) == Some(peer);
    copies.find(is_it).expect("a socket with this peer")
}

#[test]
fn small_packets_may_be_sent_at_once() {
    let server = Server::start("set_tcp_nodelay true");
    let check = |expected: bool| {
        let mut client = server.connect();
        client.send("CONNECT v5 clean");
        client.receive();
        let socket = socket_of(&server, client.address());
        assert_eq!(sockopt::tcp_nodelay(socket).expect("an option of TCP"), expected);
    };
    check(true);
    server.reload_with("set_tcp_nodelay false");
    check(false);
}
