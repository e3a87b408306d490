//! `midge log`: what a server has kept, shown and checked while it runs and after its end.

mod common;

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use common::{Folder, PROGRAM, Server, free_port, publish_retained, run};

/// A server that keeps things in the folder and has been told one.
fn keeping(folder: &Folder) -> Server {
    let port = free_port();
    let location = folder.path("");
    let lines = format!("persistence true\npersistence_location {}", location.display());
    let config =
        folder.file("a.conf", &format!("listener {port} 127.0.0.1\nallow_anonymous true\nuser root\n{lines}\n"));
    let server = Server::start(PROGRAM, &["-c", &config]);
    publish_retained(port, "kept/here", b"21.5");
    server
}

/// Runs `midge log`; status, standard output and standard error.
fn log(words: &[&str], folder: &Path) -> (Option<i32>, String, String) {
    let folder = folder.to_string_lossy();
    let output = run(PROGRAM, &[&["log"], words, &[&folder]].concat());
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
    (output.status.code(), text(output.stdout), text(output.stderr))
}

fn contents(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut contents = Vec::new();
    for path in fs::read_dir(folder).expect("a folder").flatten().map(|entry| entry.path()) {
        // The socket cannot be read, nor changed.
        contents.extend(fs::read(&path).ok().map(|bytes| (path, bytes)));
    }
    contents.sort();
    contents
}

#[test]
fn the_log_of_a_running_server_is_shown_and_stays_as_it_is() {
    let folder = Folder::new();
    let server = keeping(&folder);
    let inside = folder.path("mosquitto.db.midge");
    while !log(&[], &inside).1.contains("  spare: not used yet") {
        thread::sleep(Duration::from_millis(10));
    }
    // What it writes by itself from time to time is not what is looked for.
    server.signal("STOP");
    let before = contents(&inside);
    for place in [folder.path(""), inside.clone()] {
        let (status, shown, wrong) = log(&[], &place);
        assert_eq!((status, wrong.as_str()), (Some(0), ""), "{shown}");
        assert!(shown.contains("PUBLISH #") && shown.contains(" 'kept/here' q1 retain 4 bytes retained v"), "{shown}");
        assert!(shown.contains("# 0000000001.segment  8388608 bytes  segment from 0"), "{shown}");
        assert!(shown.contains("  spare: not used yet"), "{shown}");
        let (status, shown, _) = log(&["--verify"], &place);
        assert_eq!(status, Some(0));
        assert!(shown.ends_with("all good\n"), "{shown}");
        let (status, shown, _) = log(&["--json"], &place);
        assert_eq!(status, Some(0));
        assert!(shown.lines().all(|line| line.starts_with("{\"position\":") && line.ends_with('}')), "{shown}");
        assert!(shown.contains(r#""record":"publish","message":"#), "{shown}");
        assert!(shown.contains(r#""topic":"kept/here","qos":1,"retain":true,"payload_bytes":4"#), "{shown}");
    }
    assert_eq!(contents(&inside), before);
}

#[test]
fn damage_is_status_1_with_file_and_byte() {
    let folder = Folder::new();
    let mut server = keeping(&folder);
    server.signal("TERM");
    server.wait();
    // A start puts what was acknowledged behind what is known to be on disk.
    let config = folder.path("a.conf");
    let mut server = Server::start(PROGRAM, &["-c", &config.to_string_lossy()]);
    server.signal("TERM");
    server.wait();
    let path = folder.path("mosquitto.db.midge/0000000001.segment");
    let mut bytes = fs::read(&path).expect("read");
    let at = bytes.windows(4).position(|bytes| bytes == b"21.5").expect("there");
    bytes[at] = b'9';
    fs::write(&path, bytes).expect("written");
    for words in [&[][..], &["--verify"], &["--json"]] {
        let (status, _, wrong) = log(words, &folder.path(""));
        assert_eq!(status, Some(1));
        let expected = format!("Error: {} is damaged at byte ", path.display());
        assert!(wrong.starts_with(&expected), "{wrong}");
    }
}

#[test]
fn one_file_is_shown_also_where_it_was_set_aside() {
    let folder = Folder::new();
    let _server = keeping(&folder);
    let path = folder.path("mosquitto.db.midge/0000000001.segment");
    let aside = path.with_added_extension("bad");
    fs::copy(&path, &aside).expect("copied");
    for file in [&path, &aside] {
        let (status, shown, wrong) = log(&[], file);
        assert_eq!((status, wrong.as_str()), (Some(0), ""), "{shown}");
        assert!(shown.contains(" 'kept/here' q1 retain 4 bytes retained v"), "{shown}");
        assert!(shown.contains("8388608 bytes  segment from 0"), "{shown}");
    }
    fs::OpenOptions::new().write(true).open(&path).and_then(|file| file.set_len(7000)).expect("truncated");
    let (status, _, wrong) = log(&["--verify"], &folder.path(""));
    assert_eq!(status, Some(1));
    assert!(wrong.starts_with(&format!("Error: {} is shorter than it was made", path.display())), "{wrong}");
}

#[test]
fn a_folder_without_a_log_and_wrong_words_are_told() {
    let folder = Folder::new();
    let (status, _, wrong) = log(&[], &folder.path(""));
    assert_eq!(status, Some(1));
    assert!(wrong.contains("there is no log in"), "{wrong}");
    let (status, _, wrong) = log(&[], &folder.path("nowhere"));
    assert!(status == Some(1) && wrong.contains("cannot list"), "{wrong}");
    for name in ["a.midge", "b.midge"] {
        fs::create_dir(folder.path(name)).expect("a folder");
    }
    let (status, _, wrong) = log(&[], &folder.path(""));
    assert!(status == Some(1) && wrong.contains("several logs"), "{wrong}");
    for words in [&["log"][..], &["log", "-x", "."], &["log", "--json", "--verify", "."], &["log", ".", "."]] {
        let output = run(PROGRAM, words);
        assert_eq!(output.status.code(), Some(3), "{words:?}");
        assert!(String::from_utf8_lossy(&output.stderr).ends_with("\nUse 'midge log --help' to see usage.\n"));
    }
    let output = run(OsStr::new(PROGRAM), &["log", "--help"]);
    assert!(output.status.success() && output.stderr.is_empty());
}
