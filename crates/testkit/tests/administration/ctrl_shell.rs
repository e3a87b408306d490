//! The shell of `ctrl`: on a terminal, and with lines from a pipe.

use std::path::PathBuf;

use midge_testkit::environment::{debian_dynamic_security, debian_program, midge_program, need, scratch_folder};

use crate::ctrl_side_by_side::Stage;
use crate::terminal::Terminal;
use crate::tool::{Said, ours, run, words};

/// A server with the dynamic security plugin, and the folder of the one who asks.
fn stage(name: &str) -> Option<(Stage, PathBuf)> {
    let (_, _) = (need(debian_dynamic_security())?, need(debian_program("mosquitto"))?);
    let folder = scratch_folder(name);
    let said = run(midge_program(), &words("ctrl dynsec init dynamic-security.json admin secret"), "", &folder);
    assert_eq!(said.status, Some(0), "{said:?}");
    Some((Stage::new(&folder), folder))
}

#[test]
fn lines_of_a_pipe_are_done_one_after_the_other() {
    let Some((stage, folder)) = stage("ctrl-shell-pipe") else { return };
    let lines = format!(
        "auth admin\nsecret\nconnect mqtt://127.0.0.1:{}\nDYNSEC\ncreateRole 'night watch'\n\
         addRoleACL \"night watch\" subscribePattern allow 5 night/#\ngetRole 'night watch'\ncreateRole 'night watch'\nnonsense\n\
         createClient ada pw garden\ncreateClient bob\ntyped\ntyped\nlistClients 2\nreturn\ndisconnect\nexit\nconnect\n",
        stage.server.port()
    );
    let play = |program: PathBuf, words: &[&str]| {
        let Said { status, stdout, stderr } = run(program, words, &lines, &folder);
        let stderr: Vec<_> = stderr.lines().skip_while(|line| !line.starts_with("create")).map(str::to_owned).collect();
        (status, stdout, stderr)
    };
    let (status, stdout, stderr) = play(midge_program(), &["ctrl", "-o", "/dev/null"]);
    assert_eq!(status, Some(1), "{stderr:?}");
    let expected = "password:\nOK\nOK\nRolename: night watch\nACLs:     subscribePattern     : allow : night/# (priority: 5)\nOK\n\
                    Enter new password for bob. Press return for no password (user will be unable to login).\n\
                    New password for bob: \nReenter password for bob: \nOK\nada\nadmin\n";
    assert_eq!(stdout, expected, "{stderr:?}");
    let complaints = [
        "createRole: Error: Role already exists.",
        "Unknown command 'nonsense'. 'help' lists what can be typed here.",
        "Not all lines could be done.",
    ];
    assert_eq!(stderr, complaints);
    // Mosquitto's ends with 0 whatever happens.
    let (status, ..) = play(ours("mosquitto_ctrl", &folder), &["-o", "/dev/null"]);
    assert_eq!(status, Some(0));
}

#[test]
fn what_is_typed_is_completed_and_remembered() {
    let Some((mut stage, folder)) = stage("ctrl-shell-typed") else { return };
    let line = format!("-h 127.0.0.1 -p {} -u admin -P secret", stage.server.port());
    let mut terminal = Terminal::start(&ours("mosquitto_ctrl", &folder), &line, &folder);
    let online = format!("mqtt://127.0.0.1:{}> ", stage.server.port());
    let dynsec = online.replace("> ", "|dynsec> ");
    // What is typed, what is seen then, and what is seen behind that before anything else is typed.
    let mut says = |types: &str, sees: &str, then: &str| {
        terminal.screen.clear();
        terminal.types(types);
        terminal.sees(sees);
        let behind = terminal.screen.find(sees).map_or(0, |at| at + sees.len());
        terminal.screen.drain(..behind);
        terminal.sees(then);
    };
    says("", &online, "");
    says("dyn\t\n", &dynsec, "");
    says("createRole reader\n", "OK", &dynsec);
    says("addRoleACL rea\t subscribeP\t a/# al\t\n", "OK", &dynsec);
    says("getR\t rea\t\n", "subscribePattern     : allow : a/# (priority: 0)", &dynsec);
    // Passwords are not remembered.
    says("createClient ada hushhush\n", "OK", &dynsec);
    says("\u{1b}[A\n", "Rolename: reader", &dynsec);
    says("createClient bob\n", "New password for bob: ", "");
    says("typed\n", "Reenter password for bob: ", "");
    says("typed\n", "OK", &dynsec);
    says("getClient bo\t\n", "Username:    bob", &dynsec);
    says("help addR\t\n", "Let a role allow or deny a topic.", &dynsec);
    // A connection that is lost is made again.
    stage.server.terminate();
    says("listRoles\n", "Connection refused", &dynsec);
    stage.server.restart();
    says("listRoles\n", "reader", &dynsec);
    says("return\n", &online, "");
    terminal.types("exit\n");
    assert!(terminal.ends().success());
}
