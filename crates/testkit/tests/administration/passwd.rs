//! `passwd`: what it writes is read by servers, and nothing is lost on the way.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
use std::path::Path;

use midge_testkit::environment::{debian_program, need, root, scratch_folder};
use midge_testkit::{Launch, Server};

use crate::tool::{Said, ours, run, run_as, words};

/// Runs it in the folder.
#[track_caller]
fn passwd(folder: &Path, line: &str, status: i32) -> Said {
    let said = run(ours("mosquitto_passwd", folder), &words(line), "", folder);
    assert_eq!(said.status, Some(status), "{line}: {said:?}");
    said
}

/// Whether the server lets this user in, asked by Debian's own client.
fn lets_in(server: &Server, user_name: &str, password: &str) -> bool {
    let client = debian_program("mosquitto_pub").expect("set up");
    let port = server.port().to_string();
    let arguments = ["-h", "127.0.0.1", "-p", &port, "-u", user_name, "-P", password, "-t", "t", "-m", "m"];
    run(client, &arguments, "", &std::env::temp_dir()).status == Some(0)
}

#[test]
fn servers_read_what_it_writes() {
    let (Some(_), Some(debians)) = (need(debian_program("mosquitto_pub")), need(debian_program("mosquitto"))) else {
        return;
    };
    let folder = scratch_folder("passwd-servers");
    passwd(&folder, "-c -b -H sha512 users ada one", 0);
    passwd(&folder, "-b users bob two", 0);
    passwd(&folder, "-b -I 77 users eve three", 0);
    fs::copy(folder.join("users"), folder.join("users-2.1")).expect("copied");
    passwd(&folder, "-b -H argon2id users-2.1 zoe four", 0);
    for (launch, file, has_argon2id) in
        [(Launch::new().program(debians), "users", false), (Launch::new(), "users-2.1", true)]
    {
        let path = folder.join(file);
        let configuration = format!("allow_anonymous false\npassword_file {}\n", path.display());
        let server = launch.start(&configuration);
        for (user_name, password) in [("ada", "one"), ("bob", "two"), ("eve", "three")] {
            assert!(lets_in(&server, user_name, password), "{file} {user_name}");
            assert!(!lets_in(&server, user_name, "other"), "{file} {user_name}");
        }
        assert_eq!(lets_in(&server, "zoe", "four"), has_argon2id, "{file}");
    }
}

#[test]
fn a_change_is_told_to_a_running_server() {
    let Some(_) = need(debian_program("mosquitto_pub")) else { return };
    let folder = scratch_folder("passwd-reload");
    passwd(&folder, "-c -b users ada one", 0);
    let path = folder.join("users");
    let server = Server::start(&format!("allow_anonymous false\npassword_file {}\n", path.display()));
    assert!(lets_in(&server, "ada", "one"));
    passwd(&folder, "-b users ada two", 0);
    let process = server.process_id().to_string();
    let said = run(ours("mosquitto_signal", &folder), &["-p", &process, "config-reload"], "", &folder);
    assert_eq!(said.status, Some(0), "{said:?}");
    server.expect_log("The configuration was reloaded.");
    assert!(lets_in(&server, "ada", "two"));
    assert!(!lets_in(&server, "ada", "one"));
}

#[test]
fn all_other_bytes_stay() {
    let folder = scratch_folder("passwd-bytes");
    let text = "# people\n\nada:$6$x$y\n  bob : z \r\ncaf\u{e9}:x:y";
    fs::write(folder.join("users"), text).expect("written");
    passwd(&folder, "-b users ada new", 0);
    let after = fs::read_to_string(folder.join("users")).expect("text");
    let (before, rest) = after.split_once("ada:$7$1000$").expect("hashed");
    assert_eq!(before, "# people\n\n");
    assert_eq!(rest.split_once('\n').expect("a line").1, "  bob : z \r\ncaf\u{e9}:x:y");
    passwd(&folder, "-D users ada", 0);
    assert_eq!(fs::read_to_string(folder.join("users")).expect("text"), text.replace("ada:$6$x$y\n", ""));
}

#[test]
fn what_is_done_is_told() {
    let folder = scratch_folder("passwd-told");
    assert_eq!(passwd(&folder, "-c -b users ada x", 0).stdout, "Adding password for user ada\n");
    assert_eq!(passwd(&folder, "-b users ada y", 0).stdout, "Updating password for user ada\n");
    assert_eq!(passwd(&folder, "-b users bob y", 0).stdout, "Adding password for user bob\n");
    let refused = passwd(&folder, "-c -b users eve x", 1);
    assert_eq!(refused.stderr, "Error: Unable to open file users for writing. File exists.\n");
    assert!(passwd(&folder, "-c -b - ada x", 0).stdout.starts_with("ada:$7$1000$"));
    fs::write(folder.join("odd"), "ada:$ecret\nbob:two\n").expect("written");
    let said = passwd(&folder, "-U odd", 0);
    assert!(said.stderr.starts_with("Warning: A server cannot read the file yet."), "{said:?}");
    assert!(fs::read_to_string(folder.join("odd")).expect("text").starts_with("ada:$ecret\nbob:$7$1000$"));
}

#[test]
fn a_password_that_no_client_can_send_is_refused() {
    let folder = scratch_folder("passwd-long");
    let (program, long) = (ours("mosquitto_passwd", &folder), "x".repeat(65536));
    let on_the_line = run(&program, &["-c", "-b", "users", "ada", &long], "", &folder);
    let typed = run(&program, &["-c", "users", "ada"], &format!("{long}\n{long}\n"), &folder);
    for said in [on_the_line, typed] {
        let message = "Error: Password must be less than 65536 characters long.\n";
        assert_eq!((said.status, said.stderr.as_str()), (Some(1), message));
    }
    assert!(!folder.join("users").exists());
}

#[test]
fn mode_and_link_stay_and_nothing_is_left_behind() {
    let folder = scratch_folder("passwd-mode");
    passwd(&folder, "-c -b real ada x", 0);
    let mode = || fs::metadata(folder.join("real")).expect("metadata").permissions().mode() & 0o7777;
    assert_eq!(mode(), 0o600);
    fs::set_permissions(folder.join("real"), Permissions::from_mode(0o640)).expect("set");
    symlink("real", folder.join("link")).expect("a link");
    passwd(&folder, "-b link bob x", 0);
    assert!(fs::symlink_metadata(folder.join("link")).expect("metadata").is_symlink());
    assert_eq!(mode(), 0o640);
    assert_eq!(fs::read_to_string(folder.join("real")).expect("text").lines().count(), 2);
    let mut names: Vec<_> =
        fs::read_dir(&folder).expect("a folder").map(|it| it.expect("an entry").file_name()).collect();
    names.sort();
    assert_eq!(names, ["bin", "link", "real"]);
}

#[test]
fn a_reader_never_sees_half_a_file() {
    let folder = scratch_folder("passwd-whole");
    passwd(&folder, "-c -b users ada x", 0);
    let before = fs::File::open(folder.join("users")).expect("a file").metadata().expect("metadata").ino();
    passwd(&folder, "-b users ada y", 0);
    assert_ne!(fs::metadata(folder.join("users")).expect("metadata").ino(), before, "another file took its place");
}

#[test]
fn roots_change_leaves_the_owner() {
    let Some(()) = need(root()) else { return };
    let folder = scratch_folder("passwd-owner");
    passwd(&folder, "-c -b users ada x", 0);
    chown(folder.join("users"), Some(1), Some(2)).expect("root can");
    passwd(&folder, "-b users ada y", 0);
    let metadata = fs::metadata(folder.join("users")).expect("metadata");
    assert_eq!((metadata.uid(), metadata.gid()), (1, 2));
}

#[test]
fn a_file_whose_owner_cannot_be_kept_is_written_where_it_is() {
    const NOBODY: u32 = 65534;
    let Some(()) = need(root()) else { return };
    // Where everybody may go, which is not said of the workspace.
    let folder = std::env::temp_dir().join(format!("midge-passwd-{}", std::process::id()));
    fs::create_dir(&folder).expect("a folder");
    passwd(&folder, "-c -b users ada x", 0);
    let path = folder.join("users");
    fs::set_permissions(&path, Permissions::from_mode(0o666)).expect("set");
    chown(&folder, Some(NOBODY), Some(NOBODY)).expect("root can");
    let before = fs::metadata(&path).expect("metadata").ino();
    let said = run_as(NOBODY, ours("mosquitto_passwd", &folder), &words("-b users bob y"), &folder);
    let (metadata, text) = (fs::metadata(&path).expect("metadata"), fs::read_to_string(&path).expect("text"));
    let names = fs::read_dir(&folder).expect("a folder").count();
    fs::remove_dir_all(&folder).expect("removed");
    assert_eq!((said.status, said.stderr.as_str()), (Some(0), ""));
    assert_eq!((metadata.ino(), metadata.uid(), metadata.mode() & 0o777), (before, 0, 0o666));
    assert_eq!((text.lines().count(), names), (2, 2), "{text}");
}
