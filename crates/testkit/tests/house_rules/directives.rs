//! Each directive of the table has a test that sees what it does. That the manual page is made from the table, a test of the
//! crate `config` sees.

use midge_config::{Directive, State, directives};

use crate::files::{File, below, one};
use crate::{Broken, caught, none};

/// Where the server is looked at from outside.
const TESTS: [&str; 2] = ["crates/testkit/tests", "crates/midge/tests"];

/// Tests that look at how files are read and whether a server would start with them, and not at what comes of it.
const OF_READING: [&str; 4] = ["house_rules/", "errors.rs", "check.rs", "check_start.rs"];

/// What cannot be seen from outside, and the file whose tests see it.
const SEEN_INSIDE: [(&str, &str); 1] = [
    // Its datagrams go to a socket that belongs to the machine.
    ("log_facility", "crates/server/src/log/syslog.rs"),
];

#[test]
fn each_directive_has_a_test_that_sees_its_effect() {
    let mut tests: Vec<File> = TESTS.iter().flat_map(|folder| below(folder, &[".rs"])).collect();
    tests.retain(|file| !OF_READING.iter().any(|part| file.path.contains(part)));
    for (name, path) in SEEN_INSIDE {
        assert!(one(path).text.contains("#[test]"), "{path} has no test of {name}");
    }
    let works = |directive: &&Directive| directive.state == State::Works;
    let outside = directives().filter(works).filter(|directive| SEEN_INSIDE.iter().all(|it| it.0 != directive.name));
    none(outside.map(|directive| directive.name).filter_map(|name| unseen(name, &tests)));
}

#[test]
fn a_directive_that_no_test_names_is_caught() {
    let test = |text: &str| [File::made_up("crates/testkit/tests/a.rs", text)];
    let sees = |text| unseen("max_qos", &test(text)).is_none();
    assert!(sees("check(\"max_qos 1\")") && sees("check(\"port 1\\nmax_qos 1\")") && sees("\"max_qos\""));
    assert!(!sees("// max_qos 1") && !sees("max_qos_none 1") && !sees("\"the_max_qos 1\"") && !sees(""));
    caught(&Vec::from_iter(unseen("max_qos", &test(""))), &[1]);
}

fn unseen(name: &str, tests: &[File]) -> Option<Broken> {
    let what = format!("{name} works, and no test sees what it does");
    (!tests.iter().any(|file| names(&file.text, name))).then(|| format!("docs/mosquitto.conf.md:1: {what}"))
}

/// Whether the name stands somewhere outside of comments: alone, or at the beginning of a line of a text. One that ends with `_`
/// is the beginning of names.
fn names(text: &str, name: &str) -> bool {
    let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.');
    let lines = text.lines().filter(|line| !line.trim_start().starts_with("//"));
    lines.map(|line| line.replace("\\n", "\n")).any(|line| {
        line.match_indices(name).any(|(at, _)| {
            let (before, behind) = (line.as_bytes()[..at].last(), line.as_bytes().get(at + name.len()));
            !before.is_some_and(is_part) && (name.ends_with('_') || !behind.is_some_and(is_part))
        })
    })
}
