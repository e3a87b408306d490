//! What is kept, and where: by the configuration, the environment, and the name of the program.

mod common;

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use common::{Folder, PROGRAM, Server, free_port, has_retained, publish_retained, run};

/// Starts it with this environment, says something, and ends it with SIGKILL.
fn publish_and_kill(environment: &[(&str, Option<&OsStr>)], program: &Path, arguments: &[&str], port: u16) -> String {
    let server = Server::start_in(environment, program, arguments);
    publish_retained(port, "kept", b"21.5");
    server.signal("KILL");
    server.log()
}

/// Whether a server that is started like this has what the one before it acknowledged.
fn has_it(environment: &[(&str, Option<&OsStr>)], program: &Path, arguments: &[&str], port: u16) -> bool {
    let _server = Server::start_in(environment, program, arguments);
    has_retained(port, "kept", b"21.5")
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).expect("it is there").permissions().mode() & 0o777
}

/// The program under the name of Mosquitto's server.
fn mosquitto(folder: &Folder) -> std::path::PathBuf {
    let bin = folder.path("bin");
    assert!(run(PROGRAM, &["links", &bin.to_string_lossy()]).status.success());
    bin.join("mosquitto")
}

/// A configuration that keeps things, with these lines.
fn keeping(folder: &Folder, port: u16, lines: &str) -> String {
    let text = format!("listener {port} 127.0.0.1\nallow_anonymous true\nuser root\npersistence true\n{lines}\n");
    folder.file("a.conf", &text)
}

#[test]
fn midge_without_a_file_keeps_in_the_users_folder_and_says_where() {
    let folder = Folder::new();
    let port = free_port();
    let (words, program) = (["-p", &port.to_string()], Path::new(PROGRAM));
    for (environment, log) in [
        (vec![("XDG_STATE_HOME", folder.path("xdg"))], "xdg/midge/log.midge"),
        (
            vec![("XDG_STATE_HOME", "relative".into()), ("HOME", folder.path("home"))],
            "home/.local/state/midge/log.midge",
        ),
    ] {
        let environment: Vec<_> = environment.iter().map(|(name, path)| (*name, Some(path.as_os_str()))).collect();
        let log = folder.path(log);
        let said = publish_and_kill(&environment, program, &words, port);
        let line = format!("kept for the next start; to start with nothing, remove {}.", log.display());
        assert!(said.contains(&line), "{said}");
        assert!(has_it(&environment, program, &words, port));
        let made = log.ancestors().take_while(|path| *path != folder.path(""));
        made.for_each(|path| assert_eq!(mode(path), 0o700, "{}", path.display()));
        fs::remove_dir_all(&log).expect("removed");
        assert!(!has_it(&environment, program, &words, port));
    }
}

#[test]
fn midge_without_a_place_keeps_nothing_and_says_why() {
    let port = free_port();
    let environment = [("XDG_STATE_HOME", None), ("HOME", Some(OsStr::new("")))];
    let said = publish_and_kill(&environment, Path::new(PROGRAM), &["-p", &port.to_string(), "--repair"], port);
    assert!(said.contains("nothing is kept on disk, because neither XDG_STATE_HOME nor HOME names a place"), "{said}");
    assert!(!said.contains("--repair"), "one reason is enough: {said}");
}

#[test]
fn a_place_that_cannot_be_made_is_named_with_status_1() {
    let folder = Folder::new();
    let file = folder.file("file", "");
    let mut server = Server::spawn_in(&[("XDG_STATE_HOME", Some(OsStr::new(&file)))], PROGRAM, &["-p", "1"]);
    assert_eq!(server.wait(), Some(1));
    assert!(server.log().contains(&format!("Error: cannot create {file}/midge, where")), "{}", server.log());
}

#[test]
fn two_of_one_user_do_not_share_a_log() {
    let folder = Folder::new();
    let state = folder.path("state");
    let environment = [("XDG_STATE_HOME", Some(state.as_os_str()))];
    let first = Server::start_in(&environment, PROGRAM, &["-p", &free_port().to_string()]);
    let mut second = Server::spawn_in(&environment, PROGRAM, &["-p", &free_port().to_string()]);
    assert_eq!(second.wait(), Some(1));
    let said = format!("is in use by process {}; stop that one first", first.pid());
    assert!(second.log().contains(&said), "{}", second.log());
    assert!(second.log().contains("without one it is XDG_STATE_HOME=/other/folder midge -p 1885"), "{}", second.log());
}

#[test]
fn mosquitto_without_a_file_keeps_nothing() {
    let folder = Folder::new();
    let (program, port) = (mosquitto(&folder), free_port());
    let (words, state) = (["-p", &port.to_string()], folder.path("state"));
    let environment = [("XDG_STATE_HOME", Some(state.as_os_str()))];
    publish_and_kill(&environment, &program, &words, port);
    assert!(!has_it(&environment, &program, &words, port));
    assert!(!state.exists());
}

#[test]
fn with_a_file_it_counts_under_either_name() {
    let folder = Folder::new();
    let port = free_port();
    let off = folder.file("off.conf", &format!("listener {port} 127.0.0.1\nallow_anonymous true\n"));
    let location = folder.path("");
    let on = keeping(&folder, port, &format!("persistence_location {}\npersistence_sync 100 ms", location.display()));
    for program in [PROGRAM.into(), mosquitto(&folder)] {
        publish_and_kill(&[], &program, &["-c", &off], port);
        assert!(!has_it(&[], &program, &["-c", &off], port));
        publish_and_kill(&[], &program, &["-c", &on], port);
        assert!(has_it(&[], &program, &["-c", &on], port));
        fs::remove_dir_all(folder.path("mosquitto.db.midge")).expect("the log is there");
    }
}

/// What a start would complain of, and nothing is made.
#[test]
fn a_test_of_the_configuration_looks_at_the_folder() {
    let folder = Folder::new();
    let port = free_port();
    let test = |location: &str| {
        let config = keeping(&folder, port, &format!("persistence_location {}", folder.path(location).display()));
        let tested = run(PROGRAM, &["-c", &config, "--test-config"]);
        // Root is to stay root here, which is another story.
        let said = String::from_utf8_lossy(&tested.stderr).into_owned();
        let said: Vec<&str> = said.lines().filter(|line| !line.contains("the server runs as root")).collect();
        (tested.status.code(), said.join("\n"), config)
    };
    let (status, said, config) = test("missing");
    let log = folder.path("missing/mosquitto.db.midge");
    let expected = format!(
        "Error: cannot create {}: No such file or directory; the folder around it does not exist; create it first.",
        log.display()
    );
    assert!(status == Some(3) && said.starts_with(&format!("{expected}\nError found at {config}:")), "{said}");
    let mut refused = Server::spawn(PROGRAM, &["-c", &config]);
    assert_eq!(refused.wait(), Some(1));
    assert!(refused.log().contains(&expected), "as a start says it: {}", refused.log());
    folder.file("mosquitto.db.midge", "");
    let (status, said, _) = test("");
    assert!(status == Some(3) && said.contains("is not a folder; name another, or move it away"), "{said}");
    fs::remove_file(folder.path("mosquitto.db.midge")).expect("removed");
    let (status, said, config) = test("");
    assert_eq!((status, &said[..]), (Some(0), ""));
    assert!(!folder.path("mosquitto.db.midge").exists());
    let _server = Server::start(PROGRAM, &["-c", &config]);
    assert_eq!(test("").0, Some(0), "it may be in use");
    fs::set_permissions(folder.path("mosquitto.db.midge"), fs::Permissions::from_mode(0o777)).expect("chmod");
    let (status, said, _) = test("");
    assert!(status == Some(0) && said.starts_with("Warning: every user of this machine can write to"), "{said}");
}

#[test]
fn the_environment_names_the_folder_before_the_file_does() {
    let folder = Folder::new();
    let port = free_port();
    let named = folder.path("");
    let environment = [("MOSQUITTO_PERSISTENCE_LOCATION", Some(named.as_os_str()))];
    let config = keeping(&folder, port, "persistence_location /nowhere\npersistence_file other.db");
    publish_and_kill(&environment, Path::new(PROGRAM), &["-c", &config], port);
    assert!(folder.path("other.db.midge").is_dir());
    publish_and_kill(&environment, Path::new(PROGRAM), &["-p", &port.to_string()], port);
    assert!(folder.path("mosquitto.db.midge").is_dir(), "without a file too");
}

#[test]
fn a_log_that_is_a_link_is_opened_only_where_the_environment_allows_it() {
    let folder = Folder::new();
    let port = free_port();
    let config = keeping(&folder, port, &format!("persistence_location {}", folder.path("").display()));
    fs::create_dir(folder.path("elsewhere")).expect("a folder");
    symlink(folder.path("elsewhere"), folder.path("mosquitto.db.midge")).expect("a link");
    let mut refused = Server::spawn(PROGRAM, &["-c", &config]);
    assert_eq!(refused.wait(), Some(1));
    assert!(refused.log().contains("is a symbolic link"), "{}", refused.log());
    let allowed = [("MOSQUITTO_UNSAFE_ALLOW_SYMLINKS", Some(OsStr::new("")))];
    publish_and_kill(&allowed, Path::new(PROGRAM), &["-c", &config], port);
    assert!(has_it(&allowed, Path::new(PROGRAM), &["-c", &config], port));
}

#[test]
fn a_damaged_log_is_refused_and_repaired_when_asked() {
    let folder = Folder::new();
    let port = free_port();
    let config = keeping(&folder, port, &format!("persistence_location {}", folder.path("").display()));
    publish_and_kill(&[], Path::new(PROGRAM), &["-c", &config], port);
    // A start and an end put what was acknowledged behind what is known to be on disk, where damage is damage.
    let mut server = Server::start(PROGRAM, &["-c", &config]);
    server.signal("TERM");
    assert_eq!(server.wait(), Some(0));
    spoil(&folder.path("mosquitto.db.midge"));
    let mut refused = Server::spawn(PROGRAM, &["-c", &config]);
    assert_eq!(refused.wait(), Some(1));
    assert!(refused.log().contains("start with --repair to keep what is good"), "{}", refused.log());
    let repaired = Server::start(PROGRAM, &["-c", &config, "--repair"]);
    assert!(repaired.log().contains("were damaged and are lost"), "{}", repaired.log());
    publish_retained(port, "kept", b"22");
    let names = fs::read_dir(folder.path("mosquitto.db.midge")).expect("a folder").flatten();
    assert!(names.into_iter().any(|entry| entry.path().extension() == Some(OsStr::new("bad"))));
}

/// One byte of the payload is another.
fn spoil(log: &Path) {
    let segments = fs::read_dir(log).expect("a folder").flatten().map(|entry| entry.path());
    for path in segments.filter(|path| path.is_file()) {
        let mut bytes = fs::read(&path).expect("read");
        if let Some(at) = bytes.windows(4).position(|bytes| bytes == b"21.5") {
            bytes[at] = b'9';
            fs::write(&path, bytes).expect("written");
            return;
        }
    }
    panic!("the payload is nowhere");
}

#[test]
fn repair_without_anything_kept_says_so() {
    let folder = Folder::new();
    let config = folder.file("a.conf", &format!("listener {} 127.0.0.1\n", free_port()));
    let server = Server::start(PROGRAM, &["-c", &config, "--repair"]);
    assert!(server.log().contains("Warning: --repair has nothing to do"), "{}", server.log());
}
