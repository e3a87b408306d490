//! What the process is to its system: whose it is, its number's file, the background, systemd, the end.

use std::fs;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use midge_testkit::environment::{midge_program, need, root};
use midge_testkit::{Conversation, Launch, Server};
use rustix::process::{Pid, Signal, kill_process};

/// User and groups of a process, as `/proc` tells them.
fn identity(process: u32) -> (String, String, String) {
    let status = fs::read_to_string(format!("/proc/{process}/status")).expect("it runs");
    let line = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name)).expect("a line");
        line.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    (line("Uid:"), line("Gid:"), line("Groups:"))
}

#[track_caller]
fn wait_until(what: &str, is_so: impl Fn() -> bool) {
    let end = Instant::now() + Duration::from_secs(10);
    while !is_so() {
        assert!(Instant::now() < end, "{what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn root_becomes_the_user() {
    let Some(()) = need(root()) else { return };
    let lines = "user nobody\nlog_dest stderr\nlog_dest file server.log\npid_file server.pid\npersistence true";
    let mut server = Server::start(lines);
    server.expect_log("From here on the server is nobody (user 65534, group 65534).");
    let nobody = "65534 65534 65534 65534".to_owned();
    assert_eq!(identity(server.process_id()), (nobody.clone(), nobody, "65534".to_owned()));
    // All threads.
    for thread in fs::read_dir(format!("/proc/{}/task", server.process_id())).expect("threads") {
        let status = fs::read_to_string(thread.expect("a thread").path().join("status")).expect("a status");
        assert!(status.contains("Uid:\t65534\t65534\t65534\t65534"), "{status}");
    }
    // What it keeps is its own, in a folder that is root's.
    for name in ["server.log", "server.pid", "mosquitto.db.midge"] {
        assert_eq!(fs::metadata(server.path(name)).expect("made").uid(), 65534, "{name}");
    }
    Conversation::with(&server).play("p connects v5 clean\n p publishes t qos=1 retain m=kept\n p disconnects");
    assert!(server.terminate().success());
    assert_eq!(fs::read_to_string(server.path("server.pid")).unwrap_or_default(), "", "it names nobody");
    server.restart();
    Conversation::with(&server).play("s connects v5 clean\n s subscribes t qos=1\n s receives t qos=1 retain m=kept");
}

#[test]
fn what_root_has_kept_is_given_to_the_user() {
    let Some(()) = need(root()) else { return };
    let mut server = Server::start("persistence true");
    Conversation::with(&server).play("p connects v5 clean\n p publishes t qos=1 retain m=kept\n p disconnects");
    assert!(server.terminate().success());
    server.restart_with("persistence true\nuser nobody");
    Conversation::with(&server).play("s connects v5 clean\n s subscribes t qos=1\n s receives t qos=1 retain m=kept");
    assert!(server.terminate().success());
}

#[test]
fn root_follows_no_link_of_others() {
    let Some(()) = need(root()) else { return };
    let mut server = Server::start("user nobody");
    assert!(server.terminate().success());
    // In a folder where the user can lay out links, root opens nothing on its behalf.
    let (folder, secret) = (server.path("of-nobody"), server.path("secret"));
    fs::create_dir(&folder).expect("made");
    fs::write(&secret, "root's").expect("written");
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o600)).expect("set");
    std::os::unix::fs::chown(&folder, Some(65534), Some(65534)).expect("given");
    std::os::unix::fs::symlink(&secret, folder.join("server.log")).expect("linked");
    server.configure("user nobody\nlog_dest file of-nobody/server.log");
    let configuration = fs::read_to_string(server.path("server.conf")).expect("a file");
    let mut refused = Server::spawn(&[], &configuration.replace("of-nobody", &folder.to_string_lossy()), server.port());
    assert_eq!(refused.wait_for_exit().code(), Some(1));
    refused.expect_log("unable to open log file");
    assert_eq!(fs::read_to_string(&secret).expect("a file"), "root's");
    assert_eq!(fs::metadata(&secret).expect("a file").uid(), 0);
}

#[test]
fn files_that_only_root_can_read_are_read_before() {
    let Some(()) = need(root()) else { return };
    let folder = midge_testkit::environment::scratch_folder("roots-acl");
    let path = folder.join("acl");
    fs::write(&path, "topic readwrite #\n").expect("written");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("set");
    let server = Server::start(&format!("user nobody\nacl_file {}", path.display()));
    Conversation::with(&server).play("a connects v5 clean\n a publishes t qos=1 m=x");
    // Not again: it goes on to count, and that is told.
    server.reload();
    server.expect_log(
        "Warning: the acl_file * cannot be read by whom the server has become: what it held before counts.",
    );
    server.expect_log("The configuration was reloaded.");
    Conversation::with(&server).play("b connects v5 clean\n b publishes t qos=1 m=x");
}

#[test]
fn numbers_of_the_environment_count_more() {
    let Some(()) = need(root()) else { return };
    let server = Launch::new().variable("PUID", "12345").variable("PGID", "54321").start("user no-such-user");
    server.expect_log("From here on the server is 12345 (user 12345, group 54321).");
    let (user, group, groups) = identity(server.process_id());
    assert_eq!((&user[..5], &group[..5], &groups[..]), ("12345", "54321", "54321"));
    let server = Launch::new().variable("PUID", "0").variable("PGID", "0").start("user nobody");
    server.expect_log("From here on the server is nobody (user 65534, group 65534).");
    assert!(identity(server.process_id()).0.starts_with("65534"));
}

#[test]
fn a_user_that_does_not_exist() {
    let Some(()) = need(root()) else { return };
    let mut server = Server::spawn(&[], "listener 1\nuser no-such-user\n", 0);
    assert_eq!(server.wait_for_exit().code(), Some(3));
    server.expect_log("Error: Invalid user 'no-such-user'");
}

#[test]
fn others_than_root_stay_who_they_are() {
    let Some(()) = need(root()) else { return };
    let server = Launch::new().user(65534).variable("PUID", "12345").start("user no-such-user");
    assert!(identity(server.process_id()).0.starts_with("65534"));
}

#[test]
fn new_files_have_the_permissions_of_the_environment() {
    let server = Launch::new().variable("UMASK_SET", "077").start("log_dest file server.log\npid_file server.pid");
    let mode = |name: &str| fs::metadata(server.path(name)).expect("made").permissions().mode() & 0o777;
    assert_eq!((mode("server.log"), mode("server.pid")), (0o600, 0o600));
    let mut server = Launch::new().variable("UMASK_SET", "9").spawn("listener 1\n", 0);
    assert_eq!(server.wait_for_exit().code(), Some(3));
}

#[test]
fn the_file_with_the_number_is_there_as_long_as_the_server() {
    let mut server = Server::start("pid_file server.pid");
    let path = server.path("server.pid");
    server.expect_log(" running");
    assert_eq!(fs::read_to_string(&path).expect("a file"), server.process_id().to_string());
    // Who cannot start leaves another's file alone.
    let configuration = format!("listener {} 127.0.0.1\nuser root\npid_file {}\n", server.port(), path.display());
    assert_eq!(Server::spawn(&[], &configuration, 0).wait_for_exit().code(), Some(1));
    assert_eq!(fs::read_to_string(&path).expect("a file"), server.process_id().to_string());
    assert!(server.terminate().success());
    assert!(!path.exists());
}

/// What a server in the background has instead of standard error and a parent.
const FILES: &str = "log_dest file server.log\npid_file server.pid\n";

#[test]
fn the_background() {
    let port = midge_testkit::ports::free_port();
    let lines = format!("listener {port} 127.0.0.1\nallow_anonymous true\nuser root\n{FILES}");
    let mut starter = Server::spawn(&["-d"], &lines, port);
    assert!(starter.wait_for_exit().success());
    let (log, pid) = (starter.path("server.log"), starter.path("server.pid"));
    let text = |path: &Path| fs::read_to_string(path).unwrap_or_default();
    wait_until("it runs", || text(&log).contains(" running"));
    let process: u32 = text(&pid).parse().expect("a number");
    assert_ne!(process, starter.process_id());
    for stream in 0..3 {
        let path = fs::read_link(format!("/proc/{process}/fd/{stream}")).expect("it is open");
        assert_eq!(path, Path::new("/dev/null"));
    }
    let stat = text(Path::new(&format!("/proc/{process}/stat")));
    let session = stat.rsplit(") ").next().and_then(|rest| rest.split(' ').nth(3)).map(str::to_owned);
    assert_eq!(session, Some(process.to_string()), "it leads a session of its own");
    Conversation::with(&starter).play("a connects v5 clean");
    kill_process(Pid::from_raw(process as i32).expect("a number"), Signal::TERM).expect("it runs");
    wait_until("it ends", || text(&log).contains(" terminating"));
    wait_until("its number goes", || !pid.exists());
    // What is wrong with the configuration is told before.
    let mut starter = Server::spawn(&["-d"], "nonsense\n", 0);
    assert_eq!(starter.wait_for_exit().code(), Some(3));
}

#[test]
fn systemd_is_told() {
    let name = format!("midge-test-notify-{}", std::process::id());
    let address = SocketAddr::from_abstract_name(&name).expect("a name");
    let socket = UnixDatagram::bind_addr(&address).expect("a socket");
    socket.set_read_timeout(Some(Duration::from_secs(10))).expect("set");
    let told = || {
        let mut text = [0; 500];
        let length = socket.recv(&mut text).expect("told");
        String::from_utf8_lossy(&text[..length]).into_owned()
    };
    let next = |wanted: &str| loop {
        let text = told();
        if text != "WATCHDOG=1" || wanted == text {
            assert!(text.contains(wanted), "{wanted}: {text}");
            return text;
        }
    };
    let launch = Launch::new().variable("NOTIFY_SOCKET", format!("@{name}")).variable("WATCHDOG_USEC", "200000");
    let mut server = launch.start("");
    next("READY=1");
    let begun = Instant::now();
    (0..4).for_each(|_| drop(next("WATCHDOG=1")));
    let elapsed = begun.elapsed();
    assert!(elapsed > Duration::from_millis(90) && elapsed < Duration::from_millis(2000), "{elapsed:?}");
    server.signal(Signal::HUP);
    let text = next("RELOADING=1");
    let stamp = text.lines().find_map(|line| line.strip_prefix("MONOTONIC_USEC=")).expect("a time");
    assert!(stamp.parse::<u64>().is_ok_and(|stamp_us| stamp_us > 0), "{text}");
    assert!(next("READY=1").ends_with("STATUS=Serving clients."));
    server.configure("nonsense");
    server.signal(Signal::HUP);
    next("RELOADING=1");
    assert!(next("READY=1").contains("The last reload was refused"), "systemd has no other word for it");
    assert!(server.terminate().success());
    next("STOPPING=1");
}

#[test]
fn sockets_are_handed_over() {
    let port = midge_testkit::ports::free_port();
    let lines = format!("listener {port} 127.0.0.1\nallow_anonymous true\nuser root\n");
    let folder = midge_testkit::environment::scratch_folder("handed-over");
    fs::write(folder.join("server.conf"), lines).expect("written");
    // As systemd does: the socket is the descriptor behind the standard streams, and the port is taken by it.
    let script = "import os, socket, sys
s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1); s.bind(('127.0.0.1', int(sys.argv[1]))); s.listen()
if s.fileno() != 3: os.dup2(s.fileno(), 3)
os.set_inheritable(3, True)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS='2')
os.execv(sys.argv[2], sys.argv[2:])";
    let mut command = Command::new("python3");
    command.args(["-c", script, &port.to_string()]).arg(midge_program()).arg("-c").arg(folder.join("server.conf"));
    let process = midge_testkit::Process::start_reading_stderr(command);
    process.expect_line(&format!("Listening on port {port} by a socket that was handed over"));
    process.expect_line(" running");
    let mut client = midge_testkit::Client::connect((std::net::Ipv4Addr::LOCALHOST, port).into());
    client.send("CONNECT v311 clean id=a");
    client.expect("CONNACK 0x00");
}

/// The first process of a container has no default actions for signals.
#[test]
fn the_first_process_of_a_container_ends() {
    let Some(()) = need(root()) else { return };
    for signal in [Signal::TERM, Signal::INT] {
        let port = midge_testkit::ports::free_port();
        let mut command = Command::new("unshare");
        command.args(["--pid", "--fork", "--kill-child"]).arg(midge_program()).args(["-p", &port.to_string()]);
        command.env("XDG_STATE_HOME", midge_testkit::environment::scratch_folder(&format!("first-{port}")));
        let mut process = midge_testkit::Process::start_reading_stderr(command);
        process.expect_line(" running");
        let children = fs::read_to_string(format!("/proc/{0}/task/{0}/children", process.id())).expect("children");
        let child = children.trim().parse().ok().and_then(Pid::from_raw).expect("one child");
        kill_process(child, signal).expect("it runs");
        assert!(process.wait_for_exit().success());
        process.expect_line(" terminating");
    }
}
