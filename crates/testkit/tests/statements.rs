//! The normative statements of MQTT 5.0 and 3.1.1 that concern a server, and the tests that hold them.
//!
//! A test cites statements in a comment above it: `[MQTT5-…]` for 5.0, `[MQTT3-…]` for 3.1.1. `statements.txt` lists every
//! statement, each with the tests that cite it or, behind a hyphen, the reason why there is none. After
//! adding or renaming a test, `MIDGE_UPDATE_STATEMENTS=1 cargo test -p midge-testkit --test statements` writes the list anew.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Statement → the tests that cite it, as `file::function`.
type Citations = BTreeMap<String, BTreeSet<String>>;

#[test]
fn every_statement_has_a_test_or_a_reason() {
    let citations = citations();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("statements.txt");
    let list = std::fs::read_to_string(&path).expect("statements.txt");
    let renewed = renewed(&list, &citations);
    if std::env::var_os("MIDGE_UPDATE_STATEMENTS").is_some() {
        std::fs::write(&path, &renewed).expect("write statements.txt");
    } else {
        let differing: Vec<String> = list
            .lines()
            .zip(renewed.lines())
            .filter(|(listed, found)| listed != found)
            .map(|(listed, found)| format!("listed: {listed}\n found: {found}"))
            .collect();
        assert!(
            differing.is_empty(),
            "statements.txt is not what the tests cite:\n{}\nMIDGE_UPDATE_STATEMENTS=1 writes it anew.",
            differing.join("\n")
        );
    }
    let statements: Vec<(&str, &str)> = renewed.lines().filter_map(entry).collect();
    let open: Vec<&str> = statements.iter().filter(|(_, held)| held.is_empty()).map(|(name, _)| *name).collect();
    assert!(open.is_empty(), "neither a test nor a reason: {open:?}");
    let unknown: Vec<_> =
        citations.iter().filter(|(name, _)| !statements.iter().any(|(known, _)| known == name)).collect();
    assert!(unknown.is_empty(), "cited, but no statement that concerns a server: {unknown:?}");
    for (version, count) in [("MQTT5-", STATEMENTS_5), ("MQTT3-", STATEMENTS_3)] {
        assert_eq!(statements.iter().filter(|(name, _)| name.starts_with(version)).count(), count, "{version}");
    }
}

/// The list with its tests as they are cited now; reasons are kept where no test cites the statement.
fn renewed(list: &str, citations: &Citations) -> String {
    let line = |line: &str| match entry(line) {
        None => line.to_owned(),
        Some((name, held)) => match citations.get(name) {
            Some(tests) => format!("{name} {}", tests.iter().cloned().collect::<Vec<_>>().join(" ")),
            None if held.starts_with("- ") => format!("{name} {held}"),
            None => name.to_owned(),
        },
    };
    list.lines().map(|text| line(text) + "\n").collect()
}

/// The statement of a line and what stands behind it; `None` for comments and empty lines.
fn entry(line: &str) -> Option<(&str, &str)> {
    let is_entry = line.starts_with("MQTT");
    is_entry.then(|| line.split_once(' ').unwrap_or((line, "")))
}

fn citations() -> Citations {
    let mut citations = Citations::new();
    for file in sources() {
        let text = std::fs::read_to_string(&file).expect("a source file");
        let stem = file.file_stem().expect("a file name").to_string_lossy().into_owned();
        let mut cited = Vec::new();
        let mut is_test = false;
        for line in text.lines().map(str::trim) {
            if line.starts_with("//") {
                cited.extend(statements_in(line));
            } else if line == "#[test]" {
                is_test = true;
            } else if let Some(name) = line.strip_prefix("fn ").and_then(|rest| rest.split('(').next()) {
                assert!(is_test || cited.is_empty(), "{stem}::{name} cites statements and is no test");
                for statement in cited.drain(..) {
                    citations.entry(statement).or_default().insert(format!("{stem}::{name}"));
                }
                is_test = false;
            } else if !line.starts_with("#[") {
                cited.clear();
            }
        }
    }
    citations
}

fn statements_in(comment: &str) -> impl Iterator<Item = String> {
    comment
        .split('[')
        .filter_map(|part| part.split_once(']'))
        .map(|(statement, _)| statement)
        .filter(|statement| {
            statement.starts_with("MQTT")
                && statement.bytes().any(|byte| byte.is_ascii_digit())
                && statement.contains(".")
        })
        .map(str::to_owned)
}

fn sources() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    ["src", "tests"]
        .iter()
        .flat_map(|part| std::fs::read_dir(folder.join(part)).expect("a folder"))
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .collect()
}

/// How many statements of each version concern a server.
const STATEMENTS_5: usize = 238;
const STATEMENTS_3: usize = 131;
