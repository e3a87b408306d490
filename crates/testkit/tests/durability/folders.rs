//! What is wrong with the folder is said in one line, with the path and the reason in words, and the server ends with status 1
//! before it opens a port.

use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::{FileExt, PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use midge_testkit::environment::{Missing, midge_program, need};
use midge_testkit::ports::free_port;
use midge_testkit::{Conversation, Launch, Server};
use rustix::process::Signal;

use crate::folder::{Folder, Mount};

/// Starts a server that is to end with status 1 and one line of error that fits. The port is in use: had the server opened it,
/// that would be what it complains about.
#[track_caller]
fn refuses_with(launch: &Launch, folder: &Folder, pattern: &str) -> String {
    let port = free_port();
    let _taken = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).expect("a port");
    let configuration =
        format!("listener {port} 127.0.0.1\nallow_anonymous true\nuser root\n{}", folder.configuration());
    let mut server = launch.spawn(&configuration, port);
    let status = server.wait_for_exit();
    let log = server.log();
    assert_eq!(status.code(), Some(1), "{log:#?}");
    let line = server.expect_log(pattern);
    assert!(!log.iter().any(|line| line.contains("Opening")), "{log:#?}");
    line
}

#[track_caller]
fn refuses(folder: &Folder, pattern: &str) -> String {
    refuses_with(&Launch::new(), folder, pattern)
}

fn start(folder: &Folder) -> Server {
    Server::start(&folder.configuration())
}

/// A log with a message in it, of a server that was killed.
fn filled() -> Folder {
    let folder = Folder::new();
    let mut server = start(&folder);
    let mut conversation = Conversation::with(&server);
    conversation.play(
        r"
        s connects v311
        s subscribes t qos=1
        s disconnects
        p connects v311 clean
        p publishes t qos=1 m=kept
        p publishes t qos=1 m=kept-too
        ",
    );
    drop(conversation);
    server.kill();
    folder
}

/// The file in which messages stand, and where the first is.
fn file_with(folder: &Folder, bytes: &[u8]) -> (std::path::PathBuf, u64) {
    for entry in fs::read_dir(folder.log()).expect("the log's folder") {
        let path = entry.expect("the log's folder").path();
        let content = fs::read(&path).expect("a file of the log");
        if let Some(offset) = content.windows(bytes.len()).position(|window| window == bytes) {
            return (path, offset as u64);
        }
    }
    panic!("{} is nowhere in the log", bytes.escape_ascii());
}

fn overwrite(path: &Path, offset: u64, bytes: &[u8]) {
    let file = fs::OpenOptions::new().write(true).open(path).expect("open");
    file.write_all_at(bytes, offset).expect("write");
}

#[test]
fn a_folder_around_it_that_does_not_exist() {
    let folder = Folder::new();
    fs::remove_dir(folder.path()).expect("remove");
    refuses(
        &folder,
        "/mosquitto.db.midge: No such file or directory*; the folder around it does not exist; create it first",
    );
}

#[test]
fn a_file_in_its_place() {
    let folder = Folder::new();
    fs::write(folder.log(), "not a folder").expect("write");
    refuses(&folder, "/mosquitto.db.midge is not a folder; name another, or move it away");
}

#[test]
fn a_file_in_place_of_the_folder_around_it() {
    let folder = Folder::new();
    fs::remove_dir(folder.path()).expect("remove");
    fs::write(folder.path(), "not a folder").expect("write");
    refuses(
        &folder,
        "mosquitto.db.midge: Not a directory*; what is named as the folder around it is a file; name a folder",
    );
    fs::remove_file(folder.path()).expect("remove");
}

#[test]
fn a_folder_that_is_not_writable() {
    let folder = Folder::new();
    let Some(launch) = need(as_somebody_else(&folder)) else { return };
    // Nobody may make anything in it, and look at it all may.
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o555)).expect("chmod");
    refuses_with(
        &launch,
        &folder,
        "cannot create */mosquitto.db.midge: Permission denied*; it must belong to the user that runs the server",
    );
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).expect("chmod");
}

#[test]
fn a_log_of_another_user() {
    let folder = filled();
    if !rustix::process::geteuid().is_root() {
        need::<()>(Err(Missing::new("another user to own the log", "run it as root")));
        return;
    }
    let Some(launch) = need(as_somebody_else(&folder)) else { return };
    let told = refuses_with(
        &launch,
        &folder,
        "Permission denied*belongs to user 0, and this is user 65534: give it to the one that runs the server",
    );
    let said = test_configuration(&folder);
    let error = said.lines().next().unwrap_or_default();
    assert!(!error.is_empty() && told.contains(error), "a test of the configuration says the same: {said}");
}

/// Its files can be written, and sooner or later it needs another one.
#[test]
fn a_log_folder_in_which_nothing_can_be_made() {
    let folder = filled();
    let Some(launch) = need(as_somebody_else(&folder)) else { return };
    let set_mode = |mode| fs::set_permissions(folder.log(), fs::Permissions::from_mode(mode)).expect("chmod");
    if rustix::process::geteuid().is_root() {
        give_files_to_nobody(&folder);
        set_mode(0o755);
        let expected = "cannot write */mosquitto.db.midge: Permission denied*belongs to user 0, and this is user 65534: give it to the \
                        one that runs the server (chown -R 65534 */mosquitto.db.midge)";
        refuses_with(&launch, &folder, expected);
        std::os::unix::fs::chown(folder.log(), Some(NOBODY), None).expect("chown");
    }
    set_mode(0o500);
    let expected = "cannot write */mosquitto.db.midge: Permission denied*chmod 700 */mosquitto.db.midge";
    let told = refuses_with(&launch, &folder, expected);
    let said = test_configuration(&folder);
    let error = said.lines().next().unwrap_or_default();
    assert!(!error.is_empty() && told.contains(error), "a test of the configuration says the same: {said}");
    set_mode(0o700);
    launch.start(&folder.configuration()).expect_log("Restored from");
}

fn give_files_to_nobody(folder: &Folder) {
    for entry in fs::read_dir(folder.log()).expect("the log's folder") {
        let path = entry.expect("the log's folder").path();
        std::os::unix::fs::chown(path, Some(NOBODY), None).expect("chown");
    }
}

/// What `--test-config` says, as nobody, to a configuration that it does not like.
fn test_configuration(folder: &Folder) -> String {
    let file = folder.path().join("tested.conf");
    fs::write(&file, folder.configuration()).expect("write");
    let mut test = Command::new(midge_program());
    if rustix::process::geteuid().is_root() {
        std::os::unix::process::CommandExt::uid(&mut test, NOBODY);
    }
    let tested = test.arg("-c").arg(&file).arg("--test-config").output().expect("it starts");
    let said = String::from_utf8_lossy(&tested.stderr).into_owned();
    assert_eq!(tested.status.code(), Some(3), "{said}");
    assert!(said.contains(&format!("Error found at {}:", file.display())), "with the line: {said}");
    said
}

/// What is made here is for this user alone; what somebody has opened to all is used, and told.
#[test]
fn a_folder_that_everybody_can_write_to() {
    let folder = filled();
    let mode = |path: &Path| fs::metadata(path).expect("there").permissions().mode() & 0o777;
    assert_eq!(mode(&folder.log()), 0o700);
    for entry in fs::read_dir(folder.log()).expect("the log's folder") {
        let path = entry.expect("the log's folder").path();
        assert_eq!(mode(&path), 0o600, "{}", path.display());
    }
    assert_eq!(start(&folder).count_log("Warning: every user"), 0);
    fs::set_permissions(folder.log(), fs::Permissions::from_mode(0o777)).expect("chmod");
    let server = start(&folder);
    server.expect_log("Warning: every user of this machine can write to */mosquitto.db.midge (mode 0777): chmod 700 */mosquitto.db.midge");
    assert_eq!(server.count_log("Warning: every user"), 1);
}

/// A start as a user whom permissions concern: root may do everything.
fn as_somebody_else(folder: &Folder) -> Result<Launch, Missing> {
    if !rustix::process::geteuid().is_root() {
        return Ok(Launch::new());
    }
    let launch = Launch::new().user(NOBODY);
    // The program may stand where others have no access.
    let mut probe = Command::new(midge_program());
    std::os::unix::process::CommandExt::uid(&mut probe, NOBODY);
    let can_start = probe.arg("--version").current_dir(folder.path()).output().is_ok();
    can_start
        .then_some(launch)
        .ok_or_else(|| Missing::new("a program that other users can start", "build it elsewhere"))
}

#[test]
fn a_symbolic_link() {
    let (folder, elsewhere) = (Folder::new(), Folder::new());
    symlink(elsewhere.path(), folder.log()).expect("a link");
    refuses(&folder, "/mosquitto.db.midge is a symbolic link; name the place itself, or allow symbolic links");
    let launch = Launch::new().variable("MOSQUITTO_UNSAFE_ALLOW_SYMLINKS", "1");
    let server = launch.start(&folder.configuration());
    server.expect_log("running");
    assert!(elsewhere.path().join("lock").exists());
}

#[test]
fn a_second_server_on_the_same_folder() {
    let folder = Folder::new();
    let mut first = start(&folder);
    let in_use = format!("/mosquitto.db.midge is in use by process {}; stop that one first", first.process_id());
    refuses(&folder, &in_use);
    assert!(first.is_running());
    first.kill();
    start(&folder).expect_log("Restored from");
}

#[test]
fn a_damaged_byte_in_the_middle() {
    let folder = filled();
    let (path, offset) = file_with(&folder, b"kept");
    overwrite(&path, offset, b"K");
    let line =
        refuses(&folder, "is damaged at byte *; restore it from a copy, or start with --repair to keep what is good");
    assert!(line.contains(&path.display().to_string()), "{line}");
    let said: Option<u64> = line.split("at byte ").nth(1).and_then(|rest| rest.split(' ').next()?.parse().ok());
    assert!(said.is_some_and(|said| said <= offset && offset < said + 4096), "{offset} in {line}");
    refuses(&folder, "is damaged at byte");
    let server = Launch::new().arguments(&["--repair"]).start(&folder.configuration());
    server.expect_log("were damaged and are lost");
    Conversation::with(&server).play(
        r"
        s connects v311 session-present
        s receives t qos=1 m=kept-too
        s< nothing
        ",
    );
}

/// What is told of a repair: nothing was lost with this byte of the only header, and everything with that one, which was of the
/// log's own number.
#[test]
fn a_damaged_byte_in_a_header() {
    let repaired = |offset| {
        let folder = filled();
        let (path, _) = file_with(&folder, b"kept");
        overwrite(&path, offset, b"\xff");
        refuses(&folder, "is damaged at byte 0");
        let server = Launch::new().arguments(&["--repair"]).start(&folder.configuration());
        (server, folder)
    };
    let (server, _folder) = repaired(40);
    server.expect_log("Warning: the header of * was damaged and is written anew; nothing else is lost*");
    Conversation::with(&server).play("s connects v311 session-present\ns receives t qos=1 m=kept\n");
    let (server, _folder) = repaired(18);
    server.expect_log("Warning: 838* bytes of * were damaged and are lost*");
    Conversation::with(&server).play("s connects v311\n");
}

/// What waits on disk stands before the last snapshot, and nothing but the start looks there until somebody comes for it.
#[test]
fn a_damaged_byte_in_a_long_queue() {
    let folder = Folder::new();
    // One shard: when it answers, it knows the snapshot that was saved before. Another, which has not heard of the run yet, would
    // have the messages in the next snapshot as well.
    let mut server = Server::start(&format!("log_type all\nshards 1\n{}", folder.configuration()));
    let mut conversation = Conversation::with(&server);
    conversation.play("s connects v311\ns subscribes t qos=1\ns disconnects\np connects v311 clean\n");
    // As much as is worth a run.
    conversation.play(&"p publishes t qos=1 m=\"waits\"*500\n".repeat(20));
    for snapshots in 1..=3 {
        // The first makes a run of the queue, the second sweeps what came before and moves it, the third begins behind it.
        snapshot(&server, snapshots);
        conversation.play("p publishes other qos=1 m=x retain");
    }
    drop(conversation);
    server.kill();
    let (path, _) = file_with(&folder, b"waits");
    let bytes = fs::read(&path).expect("a segment");
    let offset = bytes.windows(5).rposition(|window| window == b"waits").expect("in the run") as u64;
    overwrite(&path, offset, b"W");
    let line = refuses(&folder, "is damaged at byte *; restore it from a copy, or start with --repair");
    assert!(line.contains(&path.display().to_string()), "{line}");
    // What is lost is told by whom it was for, and nothing is promised that is not there.
    let server = Launch::new().arguments(&["--repair"]).start(&format!("log_type all\n{}", folder.configuration()));
    server.expect_log("Warning: 20 messages that waited for 's' are lost*");
    server.expect_log("*1 sessions with 1 subscriptions and 0 messages*");
    Conversation::with(&server).play("s connects v311 session-present\ns< nothing");
}

/// A server that ended in order wrote everything: what cannot be read at the end is damage, and not a batch that was cut off.
#[test]
fn a_damaged_byte_of_the_last_message_before_an_orderly_end() {
    let folder = Folder::new();
    let mut server = start(&folder);
    Conversation::with(&server).play(
        "s connects v311\ns subscribes t qos=1\ns disconnects\np connects v311\np publishes t qos=1 m=last\np disconnects",
    );
    assert!(server.terminate().success());
    let (path, offset) = file_with(&folder, b"last");
    overwrite(&path, offset, b"L");
    refuses(&folder, "is damaged at byte *; restore it from a copy, or start with --repair");
}

/// Takes a snapshot, and waits until it is in force.
fn snapshot(server: &Server, count: usize) {
    server.signal(Signal::USR1);
    while server.count_log("Saved a snapshot") < count {
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// All that a snapshot held is in the log before it as well, as long as that is there.
#[test]
fn a_damaged_snapshot() {
    for snapshots in 1..=2 {
        let folder = Folder::new();
        let mut server = Server::start(&format!("log_type all\n{}", folder.configuration()));
        let mut conversation = Conversation::with(&server);
        conversation.play("s connects v311\ns subscribes t/# qos=1\ns disconnects\np connects v311 clean\n");
        for number in 1..=snapshots {
            conversation.play(&format!("p publishes r/{number} qos=1 m=held-{number} retain"));
            conversation.play(&format!("p publishes t/{number} qos=1 m=\"waits\"*500\n").repeat(5));
            snapshot(&server, number);
        }
        conversation.play("p publishes r/9 qos=1 m=held-9 retain");
        drop(conversation);
        server.kill();
        let (path, offset, length) = snapshot_in_force(&folder);
        overwrite(&path, offset, &vec![0xff; length]);
        refuses(&folder, "is damaged at byte");
        let server = Launch::new().arguments(&["--repair"]).start(&folder.configuration());
        server.expect_log(
            "The snapshot in force (positions * was damaged and is not used: what stood before it is whole, and is read instead",
        );
        let mut conversation = Conversation::with(&server);
        conversation.play("s connects v311 session-present");
        for number in 1..=snapshots {
            conversation.play(&format!("s receives t/{number} qos=1 m=\"waits\"*500\n").repeat(5));
        }
        conversation.play("s< nothing\nn connects v311 clean\n");
        for number in (1..=snapshots).chain([9]) {
            conversation.play(&format!("n subscribes r/{number}\nn receives r/{number} m=held-{number} retain\n"));
        }
    }
}

/// A start that finds share groups writes everything anew under new names, and what stood before has the old ones.
#[test]
fn a_damaged_snapshot_of_a_start() {
    let folder = filled();
    let mut server = start(&folder);
    Conversation::with(&server).play("g connects v311\ng subscribes $share/g/t qos=1\ng disconnects\n");
    server.kill();
    let mut server = start(&folder);
    Conversation::with(&server).play("p connects v311 clean\np publishes t qos=1 m=later\n");
    server.kill();
    let (path, offset, length) = snapshot_in_force(&folder);
    overwrite(&path, offset, &vec![0xff; length]);
    refuses(&folder, "is damaged at byte");
    let server = Launch::new().arguments(&["--repair"]).start(&folder.configuration());
    server.expect_log(
        "Warning: the snapshot in force (positions * was damaged, and what stands before it cannot be used in its place",
    );
}

/// The file in which the snapshot in force begins, where, and how many bytes of it stand there.
fn snapshot_in_force(folder: &Folder) -> (std::path::PathBuf, u64, usize) {
    let mut headers = Vec::new();
    for path in segments(folder) {
        let bytes = fs::read(&path).expect("a segment");
        let number = |at: usize| u64::from_le_bytes(*bytes[at..].first_chunk().expect("a header"));
        let is_segment = path.ends_with(format!("{:010}.segment", number(24)));
        let header = [number(32), number(56), number(64)];
        headers.extend((is_segment && bytes.starts_with(b"MidgeLog")).then_some((path, header)));
    }
    let (_, [behind, from, end]) = *headers.last().expect("a segment");
    let (path, [base, ..]) = headers.into_iter().rfind(|(_, [base, ..])| *base <= from).expect("held");
    (path, HEADER_BYTES as u64 + from - base, (end.min(behind) - from) as usize)
}

/// No power cut takes anything of the length that a file was made with.
#[test]
fn a_file_that_was_cut_short() {
    let folder = filled();
    let (path, offset) = file_with(&folder, b"kept-too");
    for length in [7000, offset] {
        fs::OpenOptions::new().write(true).open(&path).expect("open").set_len(length).expect("truncate");
        let line = refuses(&folder, "is shorter than it was made; restore it from a copy, or start with --repair");
        assert!(line.contains(&path.display().to_string()), "{line}");
    }
    let server = Launch::new().arguments(&["--repair"]).start(&folder.configuration());
    server.expect_log("Warning: * was shorter than it was made; what stood in the rest of it is lost.");
    Conversation::with(&server).play("s connects v311 session-present\ns receives t qos=1 m=kept\ns< nothing\n");
    drop(server);
    start(&folder).expect_log("Restored from");
}

/// The segment files, by their numbers.
fn segments(folder: &Folder) -> Vec<std::path::PathBuf> {
    let entries = fs::read_dir(folder.log()).expect("the log's folder");
    let paths = entries.map(|entry| entry.expect("the log's folder").path());
    let mut segments: Vec<_> =
        paths.filter(|path| path.extension().is_some_and(|ending| ending == "segment")).collect();
    segments.sort();
    segments
}

#[test]
fn a_log_of_a_newer_version() {
    let folder = filled();
    let (path, _) = file_with(&folder, b"kept");
    let mut header = fs::read(&path).expect("a segment");
    header.truncate(HEADER_BYTES);
    header[8..12].copy_from_slice(&99_u32.to_le_bytes());
    // The checksum is right: it has its place in all versions, so that a newer one is told from damage.
    let checked = [&header[..12], &header[16..]].concat();
    header[12..16].copy_from_slice(&crc32c(&checked).to_le_bytes());
    overwrite(&path, 0, &header);
    let line = refuses(&folder, "has format version 99; this program reads versions up to");
    assert!(line.contains(&path.display().to_string()), "{line}");
}

/// Its files are as this version writes them, and what stands in one is not: neither is it damaged, nor can it be read.
#[test]
fn records_of_a_newer_version() {
    let folder = filled();
    let (path, _) = file_with(&folder, b"kept");
    let bytes = fs::read(&path).expect("a segment");
    let (header, batch) = bytes.split_at(HEADER_BYTES);
    let payload_bytes = u32::from_le_bytes(batch[..4].try_into().expect("four bytes")) as usize;
    let mut batch = batch[..24 + payload_bytes].to_vec();
    batch[24] = 99;
    // The log's number, then the batch without its checksum.
    let checked = [&header[16..24], &batch[..4], &batch[8..]].concat();
    batch[4..8].copy_from_slice(&crc32c(&checked).to_le_bytes());
    overwrite(&path, HEADER_BYTES as u64, &batch);
    let expected = "records of a newer version than this server knows at position 0 of the log; start the program that wrote \
                    it, or a newer one, or restore the log from a copy";
    refuses(&folder, expected);
    refuses_with(&Launch::new().arguments(&["--repair"]), &folder, expected);
}

/// The checksum of iSCSI (RFC 3720), bit by bit.
fn crc32c(bytes: &[u8]) -> u32 {
    let step = |sum: u32, _| if sum & 1 == 1 { sum >> 1 ^ 0x82f6_3b78 } else { sum >> 1 };
    !bytes.iter().fold(!0, |sum, byte| (0..8).fold(sum ^ u32::from(*byte), step))
}

#[test]
fn a_file_system_that_is_mounted_read_only() {
    let Some(mount) = need(Mount::new("size=100m")) else { return };
    mount.again_with("remount,ro");
    refuses(&mount.folder, "/mosquitto.db.midge: Read-only file system*; the file system is mounted read-only");
}

#[test]
fn a_file_system_that_is_full() {
    // Less than the segments that a log begins with.
    let Some(mount) = need(Mount::new("size=48k")) else { return };
    refuses(&mount.folder, "*mosquitto.db.midge*the disk is full*free some space");
}

/// The system would end the process with a signal, without a word.
#[test]
fn a_limit_on_the_size_of_files() {
    let folder = Folder::new();
    let limited = folder.path().join("limited");
    let script = format!("#!/bin/sh\nulimit -f 1000\nexec {} \"$@\"\n", midge_program().display());
    fs::write(&limited, script).expect("write");
    fs::set_permissions(&limited, fs::Permissions::from_mode(0o755)).expect("chmod");
    let expected = "cannot write */mosquitto.db.midge/unfinished: File too large*raise the limit (ulimit -f";
    refuses_with(&Launch::new().program(limited), &folder, expected);
}

/// Of a segment: what its first checksum covers.
const HEADER_BYTES: usize = 4096;

const NOBODY: u32 = 65_534;
