//! What `midge check` finds is what a start would refuse, and the other way round.

mod common;

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::{PermissionsExt, lchown, symlink};
use std::os::unix::net::UnixListener;
use std::path::Path;

use common::{Folder, PROGRAM, Server, configuration, give_to_nobody, is_root, run};

const QUIET: &str = "allow_anonymous false\n";

/// Runs `midge check`; its status, and what it says on standard error.
fn check(arguments: &[&str]) -> (Option<i32>, String) {
    let output = run(PROGRAM, &[&["check"], arguments].concat());
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

/// The names in a folder and what is below it, with their sizes.
fn everything_in(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry")) {
        let metadata = entry.metadata().expect("metadata");
        found.push(format!("{} {} {:?}", entry.path().display(), metadata.len(), metadata.modified()));
        if metadata.is_dir() {
            found.extend(everything_in(&entry.path()));
        }
    }
    found.sort();
    found
}

/// The check finds this error in that line and changes nothing, and the server does not start. `FOLDER` in the texts is the
/// folder's path.
#[track_caller]
fn check_refused(folder: &Folder, text: &str, line: u32, marked: &str, expected: &str) {
    let path = folder.path("").to_string_lossy().trim_end_matches('/').to_owned();
    let file = configuration(folder, &text.replace("FOLDER", &path));
    let before = everything_in(&folder.path(""));
    let (status, said) = check(&[&file]);
    assert_eq!(status, Some(3), "{said}");
    let expected = format!("Error: {}", expected.replace("FOLDER", &path));
    let told = said.split("Error: ").find(|told| format!("Error: {told}").contains(&expected));
    let told = told.unwrap_or_else(|| panic!("{expected:?} is not in {said}"));
    let marked = marked.replace("FOLDER", &path);
    assert!(told.contains(&format!("Error found at {file}:{line}.\n  {line} | ")), "{told}");
    assert!(told.contains(&marked), "{told}");
    assert!(told.contains(&format!(" {}", "^".repeat(marked.chars().count()))), "{marked:?} is not marked: {told}");
    assert_eq!(everything_in(&folder.path("")), before, "something was changed");
    // 124: it was still running.
    let started = run("timeout", &["20", PROGRAM, "-c", &file]);
    assert!(!matches!(started.status.code(), Some(0 | 124)), "it starts: {started:?}");
}

#[test]
fn files_and_folders_that_the_server_could_not_make() {
    let folder = Folder::new();
    check_refused(
        &folder,
        "log_dest file FOLDER/none/log\n",
        1,
        "FOLDER/none/log",
        "unable to open log file FOLDER/none/log",
    );
    check_refused(
        &folder,
        "pid_file FOLDER/none/pid\n",
        1,
        "FOLDER/none/pid",
        "pid_file: unable to write FOLDER/none/pid",
    );
    let kept = "persistence true\npersistence_location FOLDER/none\n";
    check_refused(&folder, kept, 2, "FOLDER/none", "cannot create FOLDER/none/mosquitto.db.midge");
    fs::create_dir(folder.path("taken")).expect("a folder");
    check_refused(&folder, "log_dest file FOLDER/taken\n", 1, "FOLDER/taken", "unable to open log file FOLDER/taken");
}

/// As of a log that was moved to another disk, which is not there.
#[test]
fn links_to_folders_that_are_not_there() {
    let folder = Folder::new();
    for name in ["log", "pid"] {
        symlink(folder.path(&format!("none/{name}")), folder.path(name)).expect("a link");
    }
    let log = "log_dest file FOLDER/log\n";
    check_refused(&folder, log, 1, "FOLDER/log", "unable to open log file FOLDER/log: No such file");
    check_refused(
        &folder,
        "pid_file FOLDER/pid\n",
        1,
        "FOLDER/pid",
        "pid_file: unable to write FOLDER/pid: No such file",
    );
    if is_root() {
        let (_, said) = check(&[&folder.path("a.conf").to_string_lossy()]);
        assert!(said.contains(&format!("install -d -o nobody {}", folder.path("none").display())), "{said}");
    }
    fs::create_dir(folder.path("none")).expect("a folder");
    if is_root() {
        give_to_nobody(folder.path("none"));
    }
    let both = format!("{QUIET}listener PORT 127.0.0.1\npid_file FOLDER/pid\n{log}");
    let file = configuration(&folder, &both.replace("FOLDER", &folder.path("").to_string_lossy()));
    assert_eq!(check(&["--strict", &file]), (Some(0), String::new()));
}

#[test]
fn one_socket_that_is_written_in_two_ways() {
    let folder = Folder::new();
    fs::create_dir(folder.path("run")).expect("a folder");
    if is_root() {
        give_to_nobody(folder.path("run"));
    }
    let text = format!("{QUIET}listener 0 FOLDER/run/socket\nlistener 0 FOLDER/run/../run/socket\n");
    check_refused(
        &folder,
        &text,
        3,
        "FOLDER/run/../run/socket",
        "The listener at FOLDER/a.conf:2 has the same port or path",
    );
    let started = run("timeout", &["20", PROGRAM, "-c", &folder.path("a.conf").to_string_lossy()]);
    let said = String::from_utf8_lossy(&started.stderr);
    assert!(said.contains(&format!("The listener at {}:2 has it.", folder.path("a.conf").display())), "{said}");
}

#[test]
fn all_of_it_is_told_at_once() {
    let folder = Folder::new();
    let text = "nonsense\nlog_dest file /none/log\npid_file /none/pid\npersistence true\npersistence_location /none\n\
                listener PORT\nbind_interface none0\nallow_anonymous false\n";
    let (status, said) = check(&[&configuration(&folder, text)]);
    assert_eq!((status, said.matches("Error: ").count()), (Some(3), 5), "{said}");
}

#[test]
fn users_that_do_not_exist() {
    if !is_root() {
        return;
    }
    let folder = Folder::new();
    let file = folder.file("a.conf", "allow_anonymous false\nuser no_such_user\n");
    let (status, said) = check(&[&file]);
    assert_eq!(status, Some(3), "{said}");
    assert!(
        said.contains(&format!("Error found at {file}:2.\n  2 | user no_such_user\n    |      ^^^^^^^^^^^^")),
        "{said}"
    );
    assert_eq!(run("timeout", &["20", PROGRAM, "-c", &file]).status.code(), Some(3));
}

/// What counts is who the server becomes, not who starts it.
#[test]
fn folders_that_only_root_may_write_to() {
    if !is_root() {
        return;
    }
    let folder = Folder::new();
    fs::create_dir(folder.path("closed")).expect("a folder");
    fs::create_dir(folder.path("closed/own")).expect("a folder");
    give_to_nobody(folder.path("closed/own"));
    fs::set_permissions(folder.path("closed"), fs::Permissions::from_mode(0o700)).expect("a mode");
    let log = "log_dest file FOLDER/closed/own/log\n";
    check_refused(
        &folder,
        log,
        1,
        "FOLDER/closed/own/log",
        "unable to open log file FOLDER/closed/own/log: Permission denied",
    );
    let kept = "persistence true\npersistence_location FOLDER/closed/own\n";
    check_refused(&folder, kept, 2, "FOLDER/closed/own", "cannot ");
    let (_, said) = check(&[&folder.path("a.conf").to_string_lossy()]);
    let way = format!("nobody cannot enter {0}: chgrp nogroup {0} && chmod 750 {0}", folder.path("closed").display());
    assert!(said.contains(&way), "{said}");
}

/// Root makes it there, and whom the server has become cannot make it again.
#[test]
fn a_log_that_cannot_be_rotated() {
    if !is_root() {
        return;
    }
    let folder = Folder::new();
    let (log, own) = (folder.path("log"), folder.path("midge"));
    let text =
        |log: &Path| format!("{QUIET}listener PORT 127.0.0.1\nlog_dest stderr\nlog_dest file {}\n", log.display());
    let file = configuration(&folder, &text(&log));
    let told =
        format!("the log file {} cannot be rotated: once it is renamed, nobody cannot make another one", log.display());
    let way = format!("install -d -o nobody {}", own.display());
    let (status, said) = check(&[&file]);
    assert_eq!(status, Some(0), "{said}");
    assert!(said.contains(&format!("Warning: {told}")) && said.contains(&way) && said.contains("a.conf:4"), "{said}");
    Server::start(PROGRAM, &["-c", &file]).wait_for(&told);
    assert!(run("sh", &["-c", &way]).status.success());
    assert_eq!(check(&["--strict", &configuration(&folder, &text(&own.join("log")))]), (Some(0), String::new()));
}

/// Whose folder it is has only to give itself the right again.
#[test]
fn a_folder_for_logs_to_which_its_owner_may_not_write() {
    if !is_root() {
        return;
    }
    let folder = Folder::new();
    let logs = folder.path("logs");
    fs::create_dir(&logs).expect("a folder");
    give_to_nobody(&logs);
    fs::set_permissions(&logs, fs::Permissions::from_mode(0o500)).expect("a mode");
    let file =
        configuration(&folder, &format!("{QUIET}listener PORT 127.0.0.1\nlog_dest file {}/log\n", logs.display()));
    let (status, said) = check(&[&file]);
    let way = format!("must be able to write it: chmod u+rwX {}", logs.display());
    assert!(status == Some(3) && said.contains(&way) && !said.contains("chown"), "{said}");
    fs::write(logs.join("log"), "").expect("a file");
    give_to_nobody(logs.join("log"));
    let (status, said) = check(&[&file]);
    let way = format!("chmod u+rwx {}", logs.display());
    assert!(status == Some(0) && said.contains(&way) && !said.contains("install"), "{said}");
    assert!(run("sh", &["-c", &way]).status.success());
    assert_eq!(check(&["--strict", &file]), (Some(0), String::new()));
}

/// There is no log yet in which it could stand.
#[test]
fn a_log_file_that_cannot_be_opened_is_told_at_the_start_as_by_a_check() {
    let folder = Folder::new();
    let log = folder.path("none/log");
    let file = configuration(&folder, &format!("{QUIET}listener PORT 127.0.0.1\nlog_dest file {}\n", log.display()));
    let (_, said) = check(&[&file]);
    assert!(said.contains(&format!("Error found at {file}:3.")), "{said}");
    let started = run("timeout", &["20", PROGRAM, "-c", &file]);
    assert_eq!((started.status.code(), String::from_utf8_lossy(&started.stderr).into_owned()), (Some(1), said));
}

/// A link decides where lines go, and another user has made it.
#[test]
fn a_log_over_a_link_of_somebody_else() {
    if !is_root() {
        return;
    }
    let folder = Folder::new();
    symlink(folder.path("target"), folder.path("log")).expect("a link");
    lchown(folder.path("log"), Some(1), Some(1)).expect("a test of root's");
    check_refused(
        &folder,
        "log_dest file FOLDER/log\n",
        1,
        "FOLDER/log",
        "unable to open log file FOLDER/log: it is a symbolic",
    );
}

#[test]
fn addresses_that_no_listener_can_have() {
    let folder = Folder::new();
    let host = format!("{QUIET}listener PORT bad.host.invalid\n");
    check_refused(&folder, &host, 2, "bad.host.invalid", "failed to lookup address");
    let interface = format!("{QUIET}listener PORT\nbind_interface none0\n");
    check_refused(&folder, &interface, 3, "none0", "No such device");
    let own = format!("{QUIET}listener 20833 localhost\nlistener 20833 127.0.0.1\n");
    check_refused(&folder, &own, 3, "20833 127.0.0.1", "The listener at FOLDER/a.conf:2 has the same port");
    folder.file("file", "");
    let socket = format!("{QUIET}listener 0 FOLDER/file\n");
    check_refused(&folder, &socket, 2, "FOLDER/file", "What stands there is not a socket");
    check_refused(&folder, &format!("{QUIET}listener 0 FOLDER/none/socket\n"), 2, "FOLDER/none/socket", "No such file");
}

/// The server that is to be restarted with the file has its ports, and its folder locked.
#[test]
fn a_server_that_runs_is_no_fault() {
    let folder = Folder::new();
    fs::create_dir(folder.path("data")).expect("a folder");
    if is_root() {
        give_to_nobody(folder.path("data"));
    }
    let data = folder.path("data");
    let text = format!("{QUIET}listener PORT 127.0.0.1\npersistence true\npersistence_location {}\n", data.display());
    let file = configuration(&folder, &text);
    let server = Server::start(PROGRAM, &["-c", &file]);
    server.wait_for("running");
    let (status, said) = check(&[&file]);
    assert_eq!(status, Some(0), "{said}");
    assert!(
        said.contains("Warning: ") && said.contains("perhaps the one that this is for") && said.contains("a.conf:2"),
        "{said}"
    );
    assert_eq!(check(&["--strict", &file]).0, Some(1));
}

/// One that a server listens on is in use, as a port is; one that was left behind is taken over.
#[test]
fn a_socket_on_which_a_server_listens() {
    let folder = Folder::new();
    let path = folder.path("socket");
    let listener = UnixListener::bind(&path).expect("a socket");
    let file = configuration(&folder, &format!("{QUIET}listener 0 {}\n", path.display()));
    if is_root() {
        [folder.path(""), path.clone()].into_iter().for_each(give_to_nobody);
    }
    let (status, said) = check(&[&file]);
    let told = format!("cannot listen on {}: a server uses it by now", path.display());
    assert!(status == Some(0) && said.contains(&told) && said.contains("a.conf:2"), "{said}");
    listener.accept().expect("somebody asked whether anybody is there");
    let started = run("timeout", &["20", PROGRAM, "-c", &file]);
    assert_eq!(started.status.code(), Some(1), "{started:?}");
    drop(listener);
    assert_eq!(check(&["--strict", &file]), (Some(0), String::new()));
    assert!(path.exists(), "a check removes nothing");
    Server::start(PROGRAM, &["-c", &file]);
}

/// A disk of a few kilobytes, all of which are taken.
#[test]
fn a_process_id_for_which_there_is_no_room() {
    if !is_root() {
        return;
    }
    let folder = Folder::new();
    let disk = folder.path("disk");
    fs::create_dir(&disk).expect("a folder");
    let mount = run("mount", &["-t", "tmpfs", "-o", "size=16k,mode=777", "none", &disk.to_string_lossy()]);
    if !mount.status.success() {
        return;
    }
    let _unmount = Unmount(&disk);
    let filled = fs::write(disk.join("all"), [0; 64 << 10]);
    assert!(filled.is_err_and(|error| error.kind() == std::io::ErrorKind::StorageFull));
    let text = format!("{QUIET}listener PORT 127.0.0.1\npid_file FOLDER/disk/pid\n");
    check_refused(
        &folder,
        &text,
        3,
        "FOLDER/disk/pid",
        "pid_file: unable to write FOLDER/disk/pid: No space left on device",
    );
    assert!(!disk.join("pid").exists(), "a start that fails leaves nothing");
    fs::remove_file(disk.join("all")).expect("removed");
    assert_eq!(check(&["--strict", &folder.path("a.conf").to_string_lossy()]), (Some(0), String::new()));
}

struct Unmount<'a>(&'a Path);

impl Drop for Unmount<'_> {
    fn drop(&mut self) {
        run("umount", &[&self.0.to_string_lossy()]);
    }
}

#[test]
fn warnings_can_be_made_to_fail() {
    let folder = Folder::new();
    let file = configuration(&folder, "listener PORT 127.0.0.1\nallow_anonymous true\n");
    assert_eq!(check(&["--strict", &file]), (Some(0), String::new()));
    let file = configuration(&folder, "listener PORT\nallow_anonymous true\n");
    assert_eq!(check(&[&file]).0, Some(0));
    let output = run(PROGRAM, &["check", &file, "--strict"]);
    assert_eq!((output.status.code(), output.stdout), (Some(1), Vec::new()));
}

#[test]
fn what_is_kept_is_looked_at() {
    let folder = Folder::new();
    let kept = "persistence true\npersistence_location FOLDER\n";
    if is_root() {
        give_to_nobody(folder.path(""));
    }
    folder.file("mosquitto.db", "something else");
    check_refused(
        &folder,
        kept,
        2,
        "FOLDER",
        "FOLDER/mosquitto.db cannot be imported: at byte 0: it is not a mosquitto.db",
    );
    let good = include_bytes!("../../mosquitto-db/tests/fixtures/v6-ended.db");
    fs::write(folder.path("mosquitto.db"), &good[..good.len() - 7]).expect("written");
    check_refused(&folder, kept, 2, "FOLDER", "FOLDER/mosquitto.db cannot be imported: ");
    fs::write(folder.path("mosquitto.db"), good).expect("written");

    let text = format!("{QUIET}listener PORT 127.0.0.1\n{kept}").replace("FOLDER", &folder.path("").to_string_lossy());
    let file = configuration(&folder, &text);
    let server = Server::start(PROGRAM, &["-c", &file]);
    server.wait_for("running");
    drop(server);
    assert_eq!(check(&["--strict", &file]), (Some(0), String::new()));
    let log = folder.path("mosquitto.db.midge");
    let segment = fs::read_dir(&log).expect("a log").map(|entry| entry.expect("an entry").path());
    let segment = segment.filter(|path| path.extension().is_some()).min().expect("a segment");
    let bytes = fs::read(&segment).expect("readable");
    let header = [&[9; 64], &bytes[64..]].concat();
    let batch = [&bytes[..4200], &[9; 64], &bytes[4264..]].concat();
    for damaged in [header, batch, bytes[..2000].to_vec()] {
        fs::write(&segment, damaged).expect("written");
        check_refused(&folder, kept, 2, "FOLDER", &segment.to_string_lossy());
    }
}

/// Who takes a database over has to write beside it; with nothing nobody begins who has one.
#[test]
fn a_database_in_a_folder_that_only_root_may_write_to() {
    if !is_root() {
        return;
    }
    let folder = Folder::new();
    let good = include_bytes!("../../mosquitto-db/tests/fixtures/v6-ended.db");
    fs::write(folder.path("mosquitto.db"), good).expect("written");
    check_refused(
        &folder,
        "persistence true\npersistence_location FOLDER\n",
        2,
        "FOLDER",
        "cannot create FOLDER/mosquitto.db.midge",
    );
    assert!(!folder.path("mosquitto.db.midge").exists());
}

/// Root reads them at the start, and the user cannot afterwards.
#[test]
fn files_that_the_later_user_cannot_read() {
    if !is_root() {
        return;
    }
    let folder = Folder::new();
    let passwords = folder.file("passwords", "");
    fs::set_permissions(&passwords, fs::Permissions::from_mode(0o600)).expect("a mode");
    let file = configuration(&folder, &format!("listener PORT 127.0.0.1\npassword_file {passwords}\n"));
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).expect("a mode");
    let (status, said) = check(&[&file]);
    assert_eq!(status, Some(0), "{said}");
    for (what, path) in [("password_file", &passwords), ("configuration file", &file)] {
        let told = format!("cannot read the {what} {path} again");
        let way = format!("chgrp nogroup {path} && chmod 640 {path}");
        assert!(said.lines().any(|line| line.contains(&told) && line.contains(&way)), "{told} {way}: {said}");
        assert!(run("sh", &["-c", &way]).status.success());
    }
    assert_eq!(check(&["--strict", &file]), (Some(0), String::new()), "the ways that were told are ways");
}

/// Nothing is served from it, neither at once nor later.
#[test]
fn a_folder_for_browsers_that_the_later_user_cannot_read() {
    if !is_root() {
        return;
    }
    let folder = Folder::new();
    let site = folder.path("site");
    fs::create_dir(&site).expect("made");
    fs::set_permissions(&site, fs::Permissions::from_mode(0o700)).expect("a mode");
    let text = format!("{QUIET}listener PORT 127.0.0.1\nprotocol websockets\nhttp_dir {}\n", site.display());
    let file = configuration(&folder, &text);
    let told =
        format!("cannot read the http_dir {}: browsers get an error (500). To change that: chgrp ", site.display());
    let (_, said) = check(&[&file]);
    assert!(said.contains(&told), "{said}");
    let server = Server::start(PROGRAM, &["-c", &file]);
    server.wait_for(&format!("the http_dir {} cannot be read by whom the server has become", site.display()));
}

/// What no listener uses is not read, whatever is wrong with it.
#[test]
fn files_that_nobody_uses_are_no_fault() {
    let folder = Folder::new();
    let text = format!(
        "{QUIET}auth_http_cafile /none\npassword_file /none\npassword_file {}\n\
         listener PORT 127.0.0.1\ncafile /none\ncapath /none\ncrlfile /none\nkeyfile_passphrase_file /none\nhttp_dir /none\n",
        folder.file("passwords", "")
    );
    let file = configuration(&folder, &text);
    let (status, said) = check(&[&file]);
    assert_eq!(status, Some(0), "{said}");
    assert!(!said.contains("/none"), "{said}");
    Server::start(PROGRAM, &["-c", &file]);
}

#[test]
fn a_folder_for_browsers_that_is_not_there() {
    let folder = Folder::new();
    let text = format!("{QUIET}listener PORT 127.0.0.1\nprotocol websockets\nhttp_dir FOLDER/none\n");
    check_refused(&folder, &text, 4, "FOLDER/none", "Unable to open http_dir \"FOLDER/none\": No such file");
    fs::write(folder.path("file"), "no folder").expect("a file");
    let text = text.replace("none", "file");
    check_refused(&folder, &text, 4, "FOLDER/file", "Unable to open http_dir \"FOLDER/file\": Not a directory");
}

/// As certbot leaves them: a link in one folder that only root enters, to a file in another one.
#[test]
fn a_link_from_a_closed_folder_into_another() {
    if !is_root() {
        return;
    }
    let folder = Folder::new();
    let (live, archive) = (folder.path("live"), folder.path("archive"));
    [&live, &archive].into_iter().for_each(|closed| fs::create_dir(closed).expect("made"));
    let passwords = folder.file("archive/passwords", "");
    fs::set_permissions(&passwords, fs::Permissions::from_mode(0o600)).expect("a mode");
    std::os::unix::fs::symlink("../archive/passwords", live.join("passwords")).expect("linked");
    [&live, &archive].into_iter().for_each(|closed| {
        fs::set_permissions(closed, fs::Permissions::from_mode(0o700)).expect("a mode");
    });
    let text = format!("listener PORT 127.0.0.1\npassword_file {}/passwords\n", live.display());
    let file = configuration(&folder, &text);
    let (_, said) = check(&[&file]);
    let (_, way) = said.split_once("To change that: ").expect("a way");
    let (way, _) = way.split_once(" (").expect("a line");
    for closed in [&live, &archive] {
        assert!(way.contains(&format!("chgrp nogroup {0} && chmod 750 {0}", closed.display())), "{said}");
    }
    assert!(run("sh", &["-c", way]).status.success(), "{way}");
    assert_eq!(check(&["--strict", &file]), (Some(0), String::new()));
}

#[test]
fn a_port_that_is_used_is_a_warning() {
    let folder = Folder::new();
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = listener.local_addr().expect("an address").port();
    let (status, said) = check(&[&configuration(&folder, &format!("{QUIET}listener {port} 127.0.0.1\n"))]);
    assert_eq!(status, Some(0), "{said}");
    assert!(said.contains(&format!("cannot listen on 127.0.0.1:{port}")), "{said}");
}
