//! `sub --chart` and `sub --table`, and progress, as they are seen on a terminal; and as lines elsewhere.

use std::fs;

use midge_testkit::Server;
use midge_testkit::environment::scratch_folder;

use crate::terminal::Terminal;
use crate::tool::{check, fails, publish, tool, tool_of};

#[test]
fn a_chart_grows_and_shares_the_screen() {
    let server = Server::start_with(&["-v"], "");
    let mut terminal = Terminal::start(tool_of(&server, "sub -t # --chart t.value -i viewer"), 30, 7);
    server.expect_log("Sending SUBACK to viewer");
    for value in ["1", "2", "3", "4.5"] {
        publish(&server, &format!("-t a -m {{\"t\":{{\"value\":{value}}}}}"));
    }
    let chart = ["a  4.5", "4.5 │   █", "    │  ▃█", "    │ ▂██", "  1 │▁███", "    └─────────────────────────"];
    terminal.shows(&chart);
    publish(&server, "-t b -m '{\"t\":{\"value\":\"-7\"}}'");
    publish(&server, "-t c -m hello");
    publish(&server, "-t a -m '{\"t\":{\"value\":true}}'");
    terminal.resize(50, 7);
    terminal.shows(&[
        "a      ▁▃▅█▁              1 (1…4.5)",
        "b      ▄                  -7 (-7…-7)",
        "Messages without a number in 't.value': 1",
    ]);
    assert_eq!(terminal.interrupt(), Some(0));
}

#[test]
fn a_table_has_a_row_for_each_topic() {
    let server = Server::start_with(&["-v"], "");
    let mut terminal = Terminal::start(tool_of(&server, "sub -t # --table -i viewer"), 60, 5);
    server.expect_log("Sending SUBACK to viewer");
    publish(&server, "-t b/two -m 'first  value'");
    publish(&server, "-t a -m \u{1b}[2Jclear");
    publish(&server, "-t b/two -m second");
    let row = |line: &str| line.split_whitespace().take(2).map(str::to_owned).collect::<Vec<_>>();
    let is_right = |picture: &[String]| {
        picture.len() == 3
            && picture[0] == "TOPIC  VALUE                                  AGE       RATE"
            && row(&picture[1]) == ["a", "\\u001b[2Jclear"]
            && row(&picture[2]) == ["b/two", "second"]
            && picture[2].ends_with("/s")
    };
    terminal.sees("two rows", is_right);
    // It grows older without anything having come.
    terminal.sees("an age", |picture| picture.len() == 3 && picture[2].split_whitespace().nth(2) == Some("2s"));
    for topic in ["c", "d", "e"] {
        publish(&server, &format!("-t {topic} -m x"));
    }
    terminal.sees("a sum", |picture| picture.len() == 4 && picture[3] == "… and topics: 3");
    assert_eq!(terminal.interrupt(), Some(0));
}

#[test]
fn wide_characters_and_marks_keep_their_columns() {
    let server = Server::start_with(&["-v"], "");
    let mut terminal = Terminal::start(tool_of(&server, "sub -t # --chart . -i viewer"), 50, 5);
    server.expect_log("Sending SUBACK to viewer");
    for (topic, value) in [("温度/室内", "21.5"), ("ku\u{308}che", "22"), ("🔥", "800")] {
        publish(&server, &format!("-t {topic} -m {value}"));
    }
    terminal.shows(&[
        "ku\u{308}che      ▄              22 (22…22)",
        "温度/室内  ▄              21.5 (21.5…21.5)",
        "🔥         ▄              800 (800…800)",
    ]);
    assert_eq!(terminal.interrupt(), Some(0));
}

#[test]
fn elsewhere_there_are_lines() {
    let server = Server::start("");
    publish(&server, "-t a -m {\"t\":21.50} -r");
    check(tool_of(&server, "sub -t a --chart t -C 1"), "a 21.5\n", "");
    check(tool_of(&server, "sub -t a --table -C 1"), "a {\"t\":21.50}\n", "");
    publish(&server, "-t b -m 7 -r");
    check(tool_of(&server, "sub -t b --chart . -C 1"), "b 7\n", "");
    fails(tool("sub -t a --chart a[ -p 1"), "Error: 'a[' is no field", 1);
    fails(tool("sub -t a --chart a --table -p 1"), "Only one of --chart and --table", 1);
}

#[test]
fn a_replay_says_how_long_it_takes() {
    let server = Server::start("");
    let file = scratch_folder("live-replay").join("file");
    let lines = "{\"time\":0,\"topic\":\"a\"}\n{\"time\":4.0,\"topic\":\"a\"}\n{\"time\":4.0,\"end\":true}\n";
    fs::write(&file, lines).expect("written");
    let mut command = tool_of(&server, "replay --speed 2");
    command.arg(&file);
    let mut terminal = Terminal::start(command, 60, 5);
    let shows = |picture: &[String], text: &str| picture.first().is_some_and(|line| line.contains(text));
    terminal.sees("a bar", |picture| shows(picture, "[##########") && shows(picture, "1 messages  0:01 left"));
    terminal.shows(&["Replayed messages: 2."]);
    assert_eq!(terminal.ends(), Some(0));
}
