//! Files that Debian's Mosquitto 2.0.11 wrote. Beside each stands how it was made, and behind the line `---` what is in it.

use crate::render::render;

#[test]
fn an_empty_one() {
    check(include_bytes!("../fixtures/v6-empty.db"), include_str!("../fixtures/v6-empty.txt"));
}

#[test]
fn of_a_running_server() {
    check(include_bytes!("../fixtures/v6-running.db"), include_str!("../fixtures/v6-running.txt"));
}

#[test]
fn of_a_server_that_ended() {
    check(include_bytes!("../fixtures/v6-ended.db"), include_str!("../fixtures/v6-ended.txt"));
}

#[track_caller]
fn check(file: &[u8], text: &str) {
    let (_, expected) = text.split_once("\n---\n").expect("the text has two parts");
    let lines = render(file).expect("it can be read");
    assert_eq!(lines, Vec::from_iter(expected.lines()), "\n{}\n", lines.join("\n"));
}
