//! Formatting, lints, documentation, and licences: what other programs check.
//!
//! They use the target folder of the running test, so that what it has built is not built again: cargo has given its lock back
//! when tests run.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use midge_testkit::environment::{cargo, cargo_deny, need, scratch_folder, workspace};

#[test]
fn sources_are_formatted() {
    passes(&mut formatting(&workspace()));
}

#[test]
fn bad_formatting_is_caught() {
    let folder = package("formatting", "//! Header.\n\nfn  main( ){ }\n", "MIT");
    fails(&mut formatting(&folder), "main.rs");
}

#[test]
fn clippy_is_content() {
    passes(&mut clippy(&workspace()));
}

#[test]
fn a_lint_is_caught() {
    let folder = package("clippy", "//! Header.\n\nfn main() {\n    let _ = 1 == 1;\n}\n", "MIT");
    fails(&mut clippy(&folder), "clippy::eq_op");
}

#[test]
fn documentation_is_built_without_warnings() {
    passes(&mut documentation(&workspace()));
}

#[test]
fn a_fault_in_documentation_is_caught() {
    let folder = package("documentation", "//! See [`Nothing`].\n\nfn main() {}\n", "MIT");
    fails(&mut documentation(&folder), "unresolved link");
}

#[test]
fn licences_and_sources_of_dependencies_are_allowed() {
    if let Some(program) = need(cargo_deny()) {
        passes(&mut deny(&program, &workspace()));
    }
}

#[test]
fn a_licence_that_is_not_allowed_is_caught() {
    if let Some(program) = need(cargo_deny()) {
        let folder = package("licence", "//! Header.\n\nfn main() {}\n", "GPL-3.0-only");
        fails(&mut deny(&program, &folder), "license is not explicitly allowed");
    }
}

fn formatting(folder: &Path) -> Command {
    let mut command = cargo();
    command.args(["fmt", "--all", "--", "--check", "-l"]).current_dir(folder);
    command
}

fn clippy(folder: &Path) -> Command {
    let mut command = cargo();
    command.args(["clippy", "--quiet", "--workspace", "--all-targets", "--", "-D", "warnings"]).current_dir(folder);
    command
}

fn documentation(folder: &Path) -> Command {
    let mut command = cargo();
    command.args(["doc", "--quiet", "--workspace", "--no-deps"]).env("RUSTDOCFLAGS", "-D warnings").current_dir(folder);
    command
}

fn deny(program: &Path, folder: &Path) -> Command {
    let mut command = Command::new(program);
    command
        .args(["--color", "never", "--workspace", "--config"])
        .arg(workspace().join("deny.toml"))
        .args(["check", "bans", "licenses", "sources"])
        .current_dir(folder);
    command
}

/// A package with one fault, for a checker to find.
fn package(name: &str, main: &str, licence: &str) -> PathBuf {
    let folder = scratch_folder(&format!("house-rules-{name}"));
    let manifest = format!(
        "[package]\nname = \"fault-in-{name}\"\nversion = \"0.0.0\"\nedition = \"2024\"\nlicense = \"{licence}\"\n\n[workspace]\n"
    );
    let written = fs::write(folder.join("Cargo.toml"), manifest)
        .and_then(|()| fs::create_dir(folder.join("src")))
        .and_then(|()| fs::write(folder.join("src/main.rs"), main));
    written.expect("the package can be written");
    folder
}

#[track_caller]
fn passes(checker: &mut Command) {
    let (is_content, said) = outcome(checker);
    assert!(is_content, "{checker:?}\n{said}");
}

#[track_caller]
fn fails(checker: &mut Command, saying: &str) {
    let (is_content, said) = outcome(checker);
    assert!(!is_content && said.contains(saying), "{checker:?}\n{said}");
}

fn outcome(checker: &mut Command) -> (bool, String) {
    let output = checker.output().expect("the checker can be started");
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&said).into_owned())
}
