//! The command line: what is said, on which stream, and with which status the program ends.

mod common;

use std::net::TcpListener;
use std::process::{Command, Stdio};

use common::{Folder, PROGRAM, Server, client, free_port, run};

/// Runs the program and compares its status and what is said on each stream; `""` is silence.
#[track_caller]
fn check(program: &str, arguments: &[&str], status: i32, stdout: &str, stderr: &str) {
    let output = run(program, arguments);
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(status), "{arguments:?}\n{out}\n{err}");
    let fits = |text: &str, wanted: &str| if wanted.is_empty() { text.is_empty() } else { text.contains(wanted) };
    assert!(fits(&out, stdout), "{arguments:?}: expected on stdout: {stdout:?}, got: {out}");
    assert!(fits(&err, stderr), "{arguments:?}: expected on stderr: {stderr:?}, got: {err}");
}

/// The program under the name of Mosquitto's server.
fn mosquitto(folder: &Folder) -> String {
    let bin = folder.path("bin");
    let output = run(PROGRAM, &["links", &bin.to_string_lossy()]);
    assert!(output.status.success());
    let link = bin.join("mosquitto").to_string_lossy().into_owned();
    assert_eq!(String::from_utf8_lossy(&output.stdout).lines().next(), Some(&*link));
    link
}

#[test]
fn help_and_version_go_to_stdout() {
    check(PROGRAM, &["-h"], 0, "Usage: midge [-c config_file] [-d] [-p port] [-v]", "");
    check(PROGRAM, &["--help"], 0, "midge links DIR", "");
    check(PROGRAM, &["--version"], 0, "midge version 0.", "");
    let folder = Folder::new();
    let mosquitto = mosquitto(&folder);
    check(&mosquitto, &["-h"], 0, "Usage: mosquitto [-c config_file] [-d] [-h] [-p port] [-v]", "");
    check(&mosquitto, &["--version"], 0, "mosquitto version 2.1.2 (Midge 0.", "");
}

#[test]
fn a_wrong_command_line_is_status_3_with_usage_on_stdout() {
    check(PROGRAM, &["-x"], 3, "Usage: midge", "Error: Unknown option '-x'.");
    check(PROGRAM, &["server"], 3, "Usage: midge", "Error: Unknown option 'server'.");
    check(
        PROGRAM,
        &["subb", "-t", "a"],
        3,
        "Usage: midge",
        "Error: Unknown option 'subb'.\nDid you mean 'midge sub'?\n",
    );
    check(PROGRAM, &["chekc"], 3, "Usage: midge", "Did you mean 'midge check'?");
    check(PROGRAM, &["-p", "0"], 3, "Usage: midge", "Error: Invalid port specified (0).");
    check(PROGRAM, &["-c"], 3, "Usage: midge", "Error: -c argument given, but no config file specified.");
    let folder = Folder::new();
    check(&mosquitto(&folder), &["links", "x"], 3, "Usage: mosquitto", "Error: Unknown option 'links'.");
}

#[test]
fn who_has_read_enough_may_stop() {
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    let output = Command::new(PROGRAM).arg("--help").stdout(writer).stderr(Stdio::piped()).output().expect("it starts");
    assert_eq!((output.status.code(), output.stderr), (Some(0), Vec::new()));
}

/// The names of flags in the help of a command: ` -c, --config-file FILE`.
fn flags_in(help: &str) -> Vec<&str> {
    let lines = help.lines().filter(|line| line.starts_with(" -"));
    let words = lines.flat_map(|line| line.split("  ").next().unwrap_or_default().split([' ', ',']));
    words.filter(|word| word.starts_with('-')).collect()
}

#[test]
fn each_subcommand_has_help_a_manual_page_and_completions() {
    let folder = Folder::new();
    let manual = folder.path("man");
    check(PROGRAM, &["man", &manual.to_string_lossy()], 0, "midge-check.1", "");
    let scripts = ["bash", "zsh", "fish"].map(|shell| run(PROGRAM, &["completions", shell]).stdout);
    let scripts = scripts.map(|script| String::from_utf8(script).expect("text"));
    let short = String::from_utf8(run(PROGRAM, &["--help"]).stdout).expect("text");
    for name in ["check", "acl", "log", "backup", "export", "links", "man", "completions"] {
        check(PROGRAM, &[name, "--help"], 0, &format!("Usage: midge {name} "), "");
        check(PROGRAM, &[name, "--version"], 0, &format!("midge {name} version 0."), "");
        check(PROGRAM, &[name, "--nonsense"], 3, "", "Error: Unknown option '--nonsense'.");
        check(PROGRAM, &[name], 3, "", &format!("Use 'midge {name} --help' to see usage."));
        assert!(short.contains(&format!("midge {name} ")) && short.contains(&format!("\n {name} ")), "{short}");
        let page = std::fs::read_to_string(manual.join(format!("man1/midge-{name}.1"))).expect("written");
        let help = String::from_utf8(run(PROGRAM, &[name, "--help"]).stdout).expect("text");
        let flags = flags_in(&help);
        assert!(flags.contains(&"--help"), "{help}");
        for flag in flags {
            assert!(page.contains(&format!("\\fB{}\\fR", flag.replace('-', "\\-"))), "{page} lacks {flag}");
            let plain = flag.trim_start_matches('-');
            let [bash, zsh, fish] = &scripts;
            assert!(bash.split([' ', '"']).any(|word| word == flag), "bash lacks {flag}");
            assert!(zsh.contains(&format!("{flag}[")), "zsh lacks {flag}");
            let mut lines = fish.lines().filter(|line| line.contains(&format!("__fish_seen_subcommand_from {name}'")));
            let is_there =
                lines.any(|line| line.contains(&format!(" -l {plain} ")) || line.contains(&format!(" -s {plain} ")));
            assert!(is_there, "fish lacks {flag}");
        }
    }
    check(PROGRAM, &["check", "--strikt", "x"], 3, "", "Did you mean '--strict'?");
    check(PROGRAM, &["completions", "csh"], 3, "", "Error: Unknown shell 'csh'; there are: bash, zsh, fish.");
}

#[test]
fn a_wrong_configuration_is_status_3_and_names_the_line() {
    check(PROGRAM, &["-c", "/nowhere/x.conf"], 3, "", "Error: Unable to open config file '/nowhere/x.conf'.");
    let folder = Folder::new();
    let config = folder.file("a.conf", "allow_anonymous true\nallow_anonymos true\n");
    let unknown = "Error: Unknown configuration variable 'allow_anonymos'.";
    check(PROGRAM, &["-c", &config], 3, "", unknown);
    check(PROGRAM, &["-c", &config, "--test-config"], 3, "", &format!("Error found at {config}:2."));
}

#[test]
fn a_configuration_can_be_tested_without_starting() {
    let folder = Folder::new();
    let port = free_port();
    let _taken = TcpListener::bind(("127.0.0.1", port)).expect("bound");
    let config = folder.file("a.conf", &format!("listener {port} 127.0.0.1\n"));
    check(PROGRAM, &["-c", &config, "--test-config"], 0, "Configuration file is OK.", "every client is refused");
    check(PROGRAM, &["--test-config"], 3, "Usage", "Error: --test-config needs the file to test: -c FILE.");
}

#[test]
fn a_port_in_use_is_named_with_status_1() {
    let port = free_port();
    let _taken = TcpListener::bind(("127.0.0.1", port)).expect("bound");
    let said = format!("Error: Address already in use: cannot listen on 127.0.0.1:{port}.");
    check(PROGRAM, &["-p", &port.to_string()], 1, "", &said);
    check(PROGRAM, &["-q", "-p", &port.to_string()], 1, "", &said);
    let folder = Folder::new();
    let config = folder.file("a.conf", &format!("listener {port} 127.0.0.1\nlog_dest none\n"));
    check(PROGRAM, &["-c", &config], 1, "", &said);
}

#[test]
fn a_log_file_that_cannot_be_opened_is_named_with_status_1() {
    let folder = Folder::new();
    let config = folder.file("a.conf", &format!("listener {} 127.0.0.1\nlog_dest file /nowhere/log\n", free_port()));
    check(PROGRAM, &["-c", &config], 1, "", "Error: unable to open log file /nowhere/log");
}

#[test]
fn without_a_file_it_is_local_and_lets_everybody_in() {
    let (first, second) = (free_port(), free_port());
    let mut server = Server::start(PROGRAM, &["-p", &first.to_string(), "-p", &second.to_string()]);
    client(first, "a");
    client(second, "b");
    assert!(server.log().contains("reached from this machine only"), "{}", server.log());
    assert!(server.log().contains("midge version 0."), "{}", server.log());
    server.signal("TERM");
    assert_eq!(server.wait(), Some(0));
    assert!(server.log().contains("terminating"), "{}", server.log());
}

#[test]
fn a_listener_without_a_word_on_anonymous_clients_refuses_them_and_says_what_to_add() {
    use std::io::Write;
    let folder = Folder::new();
    let port = free_port();
    let config = folder.file("a.conf", &format!("listener {port} 127.0.0.1\n"));
    let server = Server::start(mosquitto(&folder), &["-c", &config]);
    assert!(server.log().contains("mosquitto version 2.1.2 (Midge 0."), "{}", server.log());
    assert!(server.log().contains("add the line `allow_anonymous true`"), "{}", server.log());
    let mut stream = common::open(port);
    stream.write_all(&common::connect_packet("stranger")).expect("written");
    common::expect(&mut stream, &[0x20, 2, 0, 5]);
    common::expect_closed(&mut stream);
    server.wait_for("disconnected: not authorised.");
}

#[test]
fn the_port_of_the_command_line_gives_way_to_a_listener() {
    let folder = Folder::new();
    let (port, ignored) = (free_port(), free_port());
    let config = folder.file("a.conf", &format!("listener {port} 127.0.0.1\nallow_anonymous true\n"));
    let _server = Server::start(PROGRAM, &["-v", "-c", &config, "-p", &ignored.to_string()]);
    client(port, "a");
    assert!(std::net::TcpStream::connect(("127.0.0.1", ignored)).is_err());
}

#[test]
fn links_do_not_replace_programs() {
    let folder = Folder::new();
    let link = mosquitto(&folder);
    assert_eq!(mosquitto(&folder), link, "a link is made anew");
    std::fs::remove_file(&link).expect("removed");
    std::fs::write(&link, "somebody else's program").expect("written");
    let bin = folder.path("bin");
    check(PROGRAM, &["links", &bin.to_string_lossy()], 1, "", "unable to make links");
    assert_eq!(std::fs::read_to_string(&link).expect("still there"), "somebody else's program");
    check(PROGRAM, &["links"], 3, "", "Error: Where to? Name the folder for the links.");
}

#[test]
fn signals_are_answered() {
    let (port, folder) = (free_port(), Folder::new());
    let file = folder.file("server.conf", &format!("listener {port} 127.0.0.1\nallow_anonymous true\n"));
    let mut server = Server::start(PROGRAM, &["-c", &file]);
    for (signal, answer) in [("HUP", "The configuration was reloaded."), ("USR1", "SIGUSR1"), ("USR2", "SIGUSR2")] {
        server.signal(signal);
        server.wait_for(answer);
    }
    let mut stream = client(port, "a");
    server.signal("INT");
    assert_eq!(server.wait(), Some(0));
    common::expect_closed(&mut stream);
    server.wait_for("terminating");
}
