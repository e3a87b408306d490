//! Where a server listens: Unix sockets and who may use them, versions of IP, network interfaces.

use std::fs;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt, chown};
use std::path::Path;

use midge_testkit::environment::{need, root, scratch_folder};
use midge_testkit::ports::free_port;
use midge_testkit::{Client, Launch, Server};

/// Starts a server, and waits until all of its listeners are open.
fn start(launch: &Launch, lines: &str) -> Server {
    let server = launch.start(lines);
    server.expect_log("midge version * running");
    server
}

fn permissions(path: &Path) -> u32 {
    fs::metadata(path).expect("it is there").permissions().mode() & 0o7777
}

#[test]
fn a_unix_socket_serves_and_goes_with_its_server() {
    let mut server = start(&Launch::new(), "listener 0 m.sock");
    let path = server.path("m.sock");
    let mut client = Client::connect_unix(&path);
    client.send("CONNECT v5 clean id=local & SUBSCRIBE id=1 t qos=0");
    client.expect("CONNACK");
    client.expect("SUBACK id=1 0x00");
    server.expect_log("Opening unix listen socket on path m.sock.");
    server.expect_log("New connection from m.sock:0 on port 0.");
    server.expect_log("New client connected from m.sock:0 as local *");
    let mut remote = server.connect();
    remote.send("CONNECT v5 clean id=remote");
    remote.expect("CONNACK");
    remote.send("PUBLISH t m=from-afar");
    client.expect("PUBLISH t m=from-afar");
    assert!(server.terminate().success());
    assert!(!path.exists(), "the path is left behind");
}

#[test]
fn who_may_use_a_unix_socket_does_not_depend_on_the_mask() {
    for mask in ["000", "022", "077"] {
        let lines = "listener 0 plain.sock\nlistener 0 open.sock\nunix_socket_mode 0666";
        let server = start(&Launch::new().variable("UMASK_SET", mask), lines);
        let found = ["plain.sock", "open.sock"].map(|name| permissions(&server.path(name)));
        assert_eq!(found, [0o770, 0o666], "UMASK_SET={mask}");
    }
}

#[test]
fn a_path_in_use_is_not_taken_and_one_left_behind_is() {
    let first = start(&Launch::new(), "listener 0 m.sock");
    let path = first.path("m.sock");
    let port = free_port();
    let lines = format!("listener {port} 127.0.0.1\nlistener 0 {}", path.display());
    let mut second = Server::spawn(&[], &lines, port);
    assert!(!second.wait_for_exit().success());
    second.expect_log("Error: *in use*");
    let mut client = Client::connect_unix(&path);
    client.send("CONNECT v311 clean id=still");
    client.expect("CONNACK");
    // What is no socket is somebody's.
    let folder = scratch_folder("listeners-file");
    fs::write(folder.join("file"), "precious").expect("written");
    let lines = format!("listener {port} 127.0.0.1\nlistener 0 {}", folder.join("file").display());
    assert!(!Server::spawn(&[], &lines, port).wait_for_exit().success());
    assert_eq!(fs::read_to_string(folder.join("file")).expect("it is there"), "precious");
}

/// Who starts it as root finds the socket with the user that the server has become.
#[test]
fn roots_unix_socket_is_the_users() {
    let Some(()) = need(root()) else { return };
    let root = scratch_folder("listeners-root");
    let users = root.join("users");
    fs::create_dir_all(&users).expect("a folder");
    chown(&users, Some(65534), Some(65534)).expect("given");
    for folder in [&root, &users] {
        let socket = folder.join("m.sock");
        let server = start(&Launch::new(), &format!("user nobody\nlistener 0 {}", socket.display()));
        let found = fs::symlink_metadata(&socket).expect("it is there");
        assert!(found.file_type().is_socket());
        assert_eq!((found.uid(), found.gid(), permissions(&socket)), (65534, 65534, 0o770), "{}", folder.display());
        drop(server);
        let _ = fs::remove_file(socket);
    }
}

#[test]
fn the_domain_chooses_between_the_versions_of_ip() {
    let reaches = |port: u16| {
        let hosts: [SocketAddr; 2] = [(Ipv4Addr::LOCALHOST, port).into(), (Ipv6Addr::LOCALHOST, port).into()];
        hosts.map(|host| TcpStream::connect(host).is_ok())
    };
    let has_version_6 = TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).is_ok();
    let check = |line: &str, expected: [bool; 2]| {
        if expected[1] && !has_version_6 {
            return;
        }
        let port = free_port();
        let _server = start(&Launch::new(), &format!("listener {port}\n{line}"));
        assert_eq!(reaches(port), expected, "{line}");
    };
    check("", [true, true]);
    check("socket_domain ipv4", [true, false]);
    check("socket_domain ipv6", [false, true]);
}

#[test]
fn an_interface_takes_what_comes_in_by_it_and_nothing_else() {
    let port = free_port();
    let server = start(&Launch::new(), &format!("listener {port}\nbind_interface lo"));
    let mut client = Client::connect((Ipv4Addr::LOCALHOST, port).into());
    client.send("CONNECT v311 clean id=inside");
    client.expect("CONNACK");
    drop(server);
    for interface in interfaces().iter().filter(|name| *name != "lo") {
        let _server = start(&Launch::new(), &format!("listener {port}\nbind_interface {interface}"));
        let outcome = TcpStream::connect((Ipv4Addr::LOCALHOST, port));
        assert!(outcome.is_err(), "what comes by lo was taken for {interface}");
    }
    let lines = format!("listener {port} 127.0.0.1\nbind_interface none0");
    let mut lost = Server::spawn(&[], &lines, port);
    assert!(!lost.wait_for_exit().success());
    lost.expect_log(&format!("*Error: No such device*: cannot listen on 127.0.0.1:{port} of interface 'none0'."));
}

fn interfaces() -> Vec<String> {
    let entries = fs::read_dir("/sys/class/net").expect("Linux lists them");
    entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}
