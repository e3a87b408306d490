//! What documents tell people to run or to read exists.

use std::path::Path;
use std::process::Command;

use midge_testkit::environment::{cargo, midge_program, workspace};

use crate::files::{File, below, one};
use crate::{Broken, caught, none};

/// The documents beside those below `docs`.
const DOCUMENTS: &[&str] = &["README.md", "ARCHITECTURE.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md"];

#[test]
fn commands_exist() {
    let known = Known { xtask: said(cargo().arg("xtask")), midge: said(Command::new(midge_program()).arg("--help")) };
    none(documents().iter().flat_map(|document| known.unknown_commands(document)));
}

#[test]
fn a_command_that_does_not_exist_is_caught() {
    let known =
        Known { xtask: "  cargo xtask test".to_owned(), midge: "Usage: midge [-c FILE]\n  midge links DIR".to_owned() };
    let text = "```sh\ncargo xtask test\ncargo xtask brew\n./target/release/midge links bin\nmidge fly\nmidge -c my.conf\n\
                midge --fast\nbrew\ncargo run --release\ncargo brew\n  MIDGE=1 cargo xtask test   # a comment\n```\n\
                brew in text\n```python\nbrew()\n```\n```sh\nbrew\n```\n";
    let broken = known.unknown_commands(&File::made_up("README.md", text));
    caught(&broken, &[3, 5, 7, 8, 10, 18]);
}

#[test]
fn linked_files_exist() {
    none(documents().iter().flat_map(dead_links));
}

#[test]
fn a_dead_link_is_caught() {
    let text = "[a](README.md) [b](no/such.md)\n[c](https://example.org) [d](#heading)\n`a[i](x)`";
    let broken = dead_links(&File::made_up("README.md", text));
    caught(&broken, &[1, 3]);
    let text = "[a](../README.md) [b](durability.md)\n[c](README.md)";
    caught(&dead_links(&File::made_up("docs/some.md", text)), &[2]);
}

fn documents() -> Vec<File> {
    DOCUMENTS.iter().map(|path| one(path)).chain(below("docs", &["md"])).collect()
}

/// What the programs say about themselves.
struct Known {
    xtask: String,
    midge: String,
}

impl Known {
    fn unknown_commands(&self, document: &File) -> Vec<Broken> {
        let commands = shell_lines(&document.text);
        let unknown = commands.filter(|(_, line)| !self.knows(line));
        unknown.map(|(line, command)| document.at(line, &format!("`{command}` does not exist"))).collect()
    }

    fn knows(&self, line: &str) -> bool {
        let command = line.split(" #").next().unwrap_or_default();
        let mut words = command.split_whitespace().skip_while(|word| word.contains('='));
        let program = words.next().unwrap_or_default();
        let word = words.next().unwrap_or_default();
        match program.rsplit('/').next().unwrap_or_default() {
            "cargo" if word == "xtask" => {
                let word = words.next().unwrap_or_default();
                self.xtask.contains(&format!("cargo xtask {word}"))
            }
            "cargo" => CARGO_WORDS.contains(&word),
            "midge" => word.is_empty() || self.midge.split(NO_WORD).any(|known| known == word),
            program => PROGRAMS.contains(&program),
        }
    }
}

/// The lines of the blocks marked as `sh`, with their numbers.
fn shell_lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut block = None;
    text.lines().enumerate().filter_map(move |(index, line)| {
        let line = line.trim();
        if let Some(language) = line.strip_prefix("```") {
            block = block.is_none().then_some(language);
            return None;
        }
        (block == Some("sh") && !line.is_empty() && !line.starts_with('#')).then_some((index + 1, line))
    })
}

fn dead_links(document: &File) -> Vec<Broken> {
    let folder = workspace().join(&document.path).parent().map(Path::to_path_buf).unwrap_or_default();
    let mut dead = Vec::new();
    for (index, line) in document.text.lines().enumerate() {
        for link in line.split("](").skip(1) {
            let target = link.split([')', '#']).next().unwrap_or_default();
            let is_here = !target.is_empty() && !target.contains("://");
            if is_here && !folder.join(target).exists() {
                dead.push(document.at(index + 1, &format!("{target} does not exist")));
            }
        }
    }
    dead
}

fn said(command: &mut Command) -> String {
    let output = command.output().expect("it can be started");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{command:?}: {said}");
    said
}

const CARGO_WORDS: &[&str] = &["bench", "build", "clippy", "doc", "fmt", "install", "run", "test"];

/// What is not ours, as people have it.
const PROGRAMS: &[&str] = &["cd", "export", "git", "mosquitto_pub", "mosquitto_sub", "pip", "python3"];

/// What separates words in a usage text.
const NO_WORD: &[char] = &[' ', '\n', '\t', ',', '[', ']', '|'];
