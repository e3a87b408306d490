//! `docs/durability.md` promises; each promise names tests, and these exist.

use midge_testkit::environment::workspace;

const DOCUMENT: &str = "docs/durability.md";

#[test]
fn every_promise_names_tests_that_exist() {
    let text = std::fs::read_to_string(workspace().join(DOCUMENT)).expect("the document");
    let broken = broken(&text);
    assert!(broken.is_empty(), "{DOCUMENT}: {broken:#?}");
    assert!(text.lines().filter(|line| is_promise(line)).count() >= PROMISES_MIN);
}

#[test]
fn a_promise_without_a_test_is_caught() {
    let path = "../crates/testkit/tests/durability/promises.rs";
    let text = format!(
        "| 1 | promise | [`a_promise_without_a_test_is_caught`]({path}) |\n| 2 | promise | - |\n| 3 | promise | \
         [`no_such`]({path}) |\n| 4 | promise | [`no_such`](../crates/none.rs) |\n|---|---|---|\n"
    );
    assert_eq!(broken(&text).len(), 3, "{:#?}", broken(&text));
}

/// Rows of tables that are neither a head nor a line.
fn is_promise(line: &str) -> bool {
    line.starts_with("| ") && !line.contains("| held by |")
}

fn broken(text: &str) -> Vec<String> {
    let mut broken = Vec::new();
    for line in text.lines().filter(|line| is_promise(line)) {
        let tests: Vec<&str> = line.split("[`").skip(1).collect();
        if tests.is_empty() {
            broken.push(format!("no test: {line}"));
        }
        for test in tests {
            let parts = test.split_once("`](").and_then(|(name, rest)| Some((name, rest.split_once(')')?.0)));
            let is_there = parts.is_some_and(|(name, path)| is_test(name, path));
            if !is_there {
                broken.push(format!("no such test: {}", test.split('|').next().unwrap_or_default()));
            }
        }
    }
    broken
}

/// Whether the file, named from the document's folder, has a test of that name.
fn is_test(name: &str, path: &str) -> bool {
    let text = std::fs::read_to_string(workspace().join("docs").join(path)).unwrap_or_default();
    text.contains(&format!("#[test]\nfn {name}("))
}

const PROMISES_MIN: usize = 13;
