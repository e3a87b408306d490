//! `midge check` and `midge acl explain`: what people are told before a server starts, and why a client may do something.

mod common;

use std::fs;
use std::os::unix::fs::PermissionsExt;

use common::{Folder, PROGRAM, Server, command, configuration, free_port, give_to_nobody, is_root, run};

/// Runs the program and compares its status and each stream as a whole.
#[track_caller]
fn check(arguments: &[&str], status: i32, stdout: &str, stderr: &str) {
    let output = run(PROGRAM, arguments);
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!((out.trim_end(), err.trim_end()), (stdout, stderr), "{arguments:?}");
    assert_eq!(output.status.code(), Some(status), "{arguments:?}");
}

/// A file that only the user of the server can read.
fn private(folder: &Folder, name: &str, text: &str) -> String {
    let path = folder.file(name, text);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("a mode");
    if is_root() {
        give_to_nobody(&path);
    }
    path
}

const OK: &str = "Configuration file is OK.";

#[test]
fn a_good_file_is_called_so() {
    let folder = Folder::new();
    let file = configuration(&folder, "listener PORT 127.0.0.1\nallow_anonymous true\n");
    check(&["check", &file], 0, OK, "");
    check(&["--test-config", "-c", &file], 0, OK, "");
}

#[test]
fn all_errors_are_shown_with_their_lines() {
    let folder = Folder::new();
    let text = "allow_anonymos true\nlistener PORT 127.0.0.1\n  max_qos   9\npassword_file /no/such/file\npid_file\n";
    let file = configuration(&folder, text);
    let expected = format!(
        "Error: Unknown configuration variable 'allow_anonymos'.\n\
         Error found at {file}:1.\n  1 | allow_anonymos true\n    | ^^^^^^^^^^^^^^\nDid you mean 'allow_anonymous'?\n\
         Error: 'max_qos' must be between 0 and 2 inclusive.\n\
         Error found at {file}:3.\n  3 |   max_qos   9\n    |             ^\n\
         Error: Empty 'pid_file' value in configuration.\n\
         Error found at {file}:5.\n  5 | pid_file\n    |         ^\n\
         Error: Unable to open password_file \"/no/such/file\": No such file or directory.\n\
         Error found at {file}:4.\n  4 | password_file /no/such/file\n    |               ^^^^^^^^^^^^^"
    );
    check(&["check", &file], 3, "", &expected);
    check(&["-c", &file, "--test-config"], 3, "", &expected);
}

#[test]
fn the_files_that_are_named_are_read() {
    let folder = Folder::new();
    let passwords = private(&folder, "passwords", "ada:$7$x\n");
    let acl = private(&folder, "acl", "topic fly a b\npattern read a\n");
    let text = format!("listener PORT 127.0.0.1\npassword_file {passwords}\nacl_file {acl}\n");
    let file = configuration(&folder, &text);
    let output = run(PROGRAM, &["check", &file]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(3), "{said}");
    assert!(said.contains(&format!("Error found at {passwords}:1.")), "{said}");
    assert!(said.contains(&format!("Error found at {acl}:1.\n  1 | topic fly a b\n    |       ^^^\n")), "{said}");
    assert!(said.contains("\n  1 | ada:...\n    | ^^^\n") && !said.contains("$7$x"), "{said}");
    fs::write(&passwords, "").expect("written");
    fs::write(&acl, "pattern read a\n").expect("written");
    let note = format!("Warning: ACL pattern 'a' does not contain '%c' or '%u'. ({acl}:1)");
    check(&["check", &file], 0, OK, &note);
}

#[test]
fn certificates_that_do_not_do_are_told_for_each_listener() {
    let folder = Folder::new();
    let (one, other) = (private(&folder, "one.pem", "no certificate"), private(&folder, "other.pem", ""));
    let listener = |port: u16, file: &str| {
        format!("listener {port} 127.0.0.1\nallow_anonymous true\ncertfile {file}\nkeyfile {file}\n")
    };
    let file = configuration(&folder, &[listener(8883, &one), listener(8884, &other)].concat());
    let told = |path: &str, line: u32| {
        let (next, marker) = (line + 1, "^".repeat(path.len()));
        format!(
            "Error: Unable to load server certificate \"{path}\". Check certfile: there is no certificate in it.\n\
             Error found at {file}:{line}.\n  {line} | certfile {path}\n    |          {marker}\n\
             Error: Unable to load server key file \"{path}\". Check keyfile: there is no private key in it.\n\
             Error found at {file}:{next}.\n  {next} | keyfile {path}\n    |         {marker}"
        )
    };
    check(&["check", &file], 3, "", &format!("{}\n{}", told(&one, 3), told(&other, 7)));
}

#[test]
fn all_faults_of_the_encryption_of_a_listener_are_told_at_their_lines() {
    let folder = Folder::new();
    let (pair, trusted) = (private(&folder, "pair.pem", "no certificate"), private(&folder, "ca.pem", ""));
    let revoked = private(&folder, "revoked.pem", "");
    let text = format!(
        "listener PORT 127.0.0.1\nallow_anonymous true\ncertfile {pair}\nkeyfile {pair}\ncafile {trusted}\ncrlfile {revoked}\n\
         ciphers NO-SUCH\nciphers_tls1.3 TLS_NO_SUCH\n"
    );
    let said = String::from_utf8_lossy(&run(PROGRAM, &["check", &configuration(&folder, &text)]).stderr).into_owned();
    for (line, marked) in [(3, &*pair), (4, &pair), (5, &trusted), (6, &revoked), (7, "NO-SUCH"), (8, "TLS_NO_SUCH")] {
        let shown = said.split("Error: ").find(|told| told.contains(&format!("a.conf:{line}.\n  {line} | ")));
        let shown = shown.unwrap_or_else(|| panic!("line {line} is not in {said}"));
        assert!(shown.contains(marked) && shown.contains(&format!(" {}", "^".repeat(marked.len()))), "{shown}");
    }
    assert_eq!(said.matches("Error: ").count(), 6, "{said}");
}

#[test]
fn a_key_is_looked_at_whatever_is_wrong_with_its_certificate() {
    let folder = Folder::new();
    let key = private(&folder, "key.pem", "no key");
    let text = format!("listener PORT 127.0.0.1\nallow_anonymous true\ncertfile /no/such.pem\nkeyfile {key}\n");
    let said = run(PROGRAM, &["check", &configuration(&folder, &text)]).stderr;
    let said = String::from_utf8_lossy(&said);
    assert!(said.contains("Unable to open certfile \"/no/such.pem\""), "{said}");
    assert!(said.contains(&format!("Unable to load server key file \"{key}\". Check keyfile: there is no")), "{said}");
}

#[test]
fn a_certificate_that_is_not_there_is_found_although_tls_is_not() {
    let folder = Folder::new();
    let file = configuration(&folder, "listener 8883 127.0.0.1\nallow_anonymous true\ncertfile /no/such.pem\n");
    let said = String::from_utf8_lossy(&run(PROGRAM, &["check", &file]).stderr).into_owned();
    assert!(said.contains("Unable to open certfile \"/no/such.pem\""), "{said}");
}

#[test]
fn files_that_others_can_change_are_warned_about() {
    let folder = Folder::new();
    let passwords = private(&folder, "passwords", "");
    let file = configuration(&folder, &format!("listener PORT 127.0.0.1\npassword_file {passwords}\n"));
    let warned = |mode, danger: &str| {
        fs::set_permissions(&passwords, fs::Permissions::from_mode(mode)).expect("a mode");
        let text = format!(
            "Warning: every user of this machine can {danger} the password_file {passwords} (mode {mode:04o}): give it to \
             the group that the server runs as, and chmod 640 {passwords}"
        );
        check(&["check", &file], 0, OK, &text);
    };
    warned(0o644, "read");
    warned(0o662, "change");
    warned(0o666, "read and change");
}

/// What is dangerous is told by the server too.
#[test]
fn check_and_server_warn_alike() {
    let folder = Folder::new();
    let port = free_port();
    let file = configuration(&folder, &format!("listener {port} 127.0.0.1\nmax_queued_messages 0\n"));
    let said = String::from_utf8_lossy(&run(PROGRAM, &["check", &file]).stderr).into_owned();
    let warnings: Vec<&str> = said.lines().collect();
    assert_eq!(warnings.len(), 2, "{said}");
    assert!(warnings[0].ends_with(&format!("({file}:1)")) && warnings[1].ends_with(&format!("({file}:2)")), "{said}");
    let server = Server::start(PROGRAM, &["-c", &file]);
    warnings.iter().for_each(|warning| server.wait_for(warning));
}

#[test]
fn users_of_the_console_whom_the_password_file_does_not_have() {
    let folder = Folder::new();
    let passwords = folder.path("passwords").to_string_lossy().into_owned();
    let made = run(PROGRAM, &["passwd", "-b", "-c", &passwords, "ada", "secret"]);
    assert!(made.status.success(), "{made:?}");
    private(&folder, "passwords", &fs::read_to_string(&passwords).expect("a file"));
    let (port, console) = (free_port(), free_port());
    let text = format!("listener {port} 127.0.0.1\nconsole_listener {console}\npassword_file {passwords}\n");
    let with = |more: &str| configuration(&folder, &format!("{text}{more}\n"));
    check(&["check", &with("console_admin ada")], 0, OK, "");
    let others_know_him = "console_admin adda\nauth_http_user_url http://127.0.0.1:1/user";
    check(&["check", &with(others_know_him)], 0, OK, "");
    let file = with("console_admin adda\nconsole_admin ada\nconsole_viewer prometheus");
    let told = [
        format!(
            "Warning: there is no user 'adda' in {passwords}, so that nobody is that on the console. Did you mean 'ada'? \
             ({file}:4)"
        ),
        format!(
            "Warning: there is no user 'prometheus' in {passwords}, so that nobody is that on the console. Add the user with \
             `midge passwd FILE prometheus`, or take this line out. ({file}:6)"
        ),
    ];
    check(&["check", &file], 0, OK, &told.join("\n"));
    let server = Server::start(PROGRAM, &["-c", &file]);
    told.iter().for_each(|warning| server.wait_for(warning));
}

/// A path is looked for from where the server is started, wherever the configuration is.
#[test]
fn a_relative_path_is_told_with_the_folder_it_was_looked_for_in() {
    let (folder, elsewhere) = (Folder::new(), Folder::new());
    private(&folder, "passwords", "");
    let file = configuration(&folder, "listener PORT 127.0.0.1\npassword_file passwords\nacl_file acl\n");
    fs::create_dir(elsewhere.path("state")).expect("a folder");
    let here = elsewhere.path("state").to_string_lossy().into_owned();
    let mut check_there = command(PROGRAM, &["check", &file], &elsewhere);
    let output = check_there.current_dir(&here).output().expect("the program runs");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    for named in ["password_file \"passwords\"", "acl_file \"acl\""] {
        let told = format!("Error: Unable to open {named} (relative to {here}): No such file or directory.");
        assert!(said.contains(&told), "{said}");
    }
    let mut server = command(PROGRAM, &["-c", &file], &elsewhere);
    let output = server.current_dir(&here).output().expect("the program runs");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains(&format!("password_file \"passwords\" (relative to {here})")), "{said}");
    assert_eq!(output.status.code(), Some(13), "{said}");
}

#[test]
fn an_answer_names_the_line() {
    let folder = Folder::new();
    let acl = private(
        &folder,
        "acl",
        "topic read news/#\nuser ada\ntopic readwrite a/#\ntopic deny a/secret\npattern write %c/out\n",
    );
    let text = "listener 1883\nallow_anonymous true\nacl_file";
    let file = folder.file("a.conf", &format!("{text} {acl}\n"));
    let ask = |words: &str, status: i32, expected: &str| {
        let words = ["acl", "explain", "-c", &file].into_iter().chain(words.split(' ')).collect::<Vec<_>>();
        check(&words, status, &expected.replace("ACL", &acl), "");
    };
    ask("--user ada publish a/b", 0, "allowed by line 3 (ACL:3)\n  3 | topic readwrite a/#");
    ask("--user ada publish a/secret", 1, "denied by line 4 (ACL:4)\n  4 | topic deny a/secret");
    ask("--user ada --id c1 publish c1/out", 0, "allowed by line 5 (ACL:5)\n  5 | pattern write %c/out");
    ask("receive news/today", 0, "allowed by line 1 (ACL:1)\n  1 | topic read news/#");
    ask("publish a/b", 1, "denied: no rule for Clients without User Name matches, and no pattern (ACL)");
    ask("--user bob receive a/b", 1, "denied: the file does not name the User, and no pattern matches (ACL)");
    ask("--user ada publish $SYS/a", 1, "denied: nobody publishes to topics of the server itself");
    let granted = "allowed: each message is asked about when it is delivered (acl_strict_suback is false)\n";
    let messages = "messages would come: allowed by line 3 (ACL:3)\n  3 | topic readwrite a/#";
    ask("--user ada subscribe $share/g/a/+", 0, &format!("{granted}{messages}"));
    let none = "no message would come: denied: no rule of the User matches, and no pattern (ACL)";
    ask("--user ada subscribe b/#", 0, &format!("{granted}{none}"));
    folder.file("a.conf", &format!("acl_strict_suback true\n{text} {acl}\n"));
    ask("--user ada subscribe b/#", 1, "denied: no rule of the User matches, and no pattern (ACL)");
    ask("--user ada subscribe a/b", 0, "allowed by line 3 (ACL:3)\n  3 | topic readwrite a/#");
}

#[test]
fn listeners_may_differ() {
    let folder = Folder::new();
    let acl = private(&folder, "acl", "topic read a\n");
    let text = format!(
        "per_listener_settings true\nlistener 1883\nallow_anonymous true\nacl_file {acl}\nlistener 1884\n\
         allow_anonymous true\nlistener 1885\nallow_anonymous false\n"
    );
    let file = folder.file("a.conf", &text);
    let ask = |port: &str, status: i32, expected: &str| {
        let words = ["acl", "explain", "-c", &file, "--listener", port, "publish", "a"];
        check(&words, status, expected, "");
    };
    ask("1883", 1, &format!("denied: no rule for Clients without User Name matches, and no pattern ({acl})"));
    ask("1884", 0, "allowed: there is no ACL file");
    ask("1885", 1, "denied when it connects: there is no password_file, and allow_anonymous is false");
    let several = "Error: the listeners have different rules. Name one: --listener PORT, of 1883, 1884, 1885.";
    check(&["acl", "explain", "-c", &file, "publish", "a"], 3, "", several);
    let missing = "Error: no listener has port 1; there are: 1883, 1884, 1885.";
    check(&["acl", "explain", "-c", &file, "--listener", "1", "publish", "a"], 3, "", missing);
}
