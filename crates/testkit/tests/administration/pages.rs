//! What is made from the tables of flags: manual pages and scripts for shells.

use std::fs;
use std::process::Command;

use midge_testkit::environment::{midge_program, scratch_folder};

use crate::tool::run;

#[test]
fn manual_pages_are_written_under_both_names() {
    let folder = scratch_folder("pages-man");
    let said = run(midge_program(), &["man", "."], "", &folder);
    assert_eq!((said.status, said.stderr.as_str()), (Some(0), ""));
    let page = fs::read_to_string(folder.join("man1/midge-passwd.1")).expect("written");
    assert!(page.contains("midge\\-passwd, mosquitto_passwd \\- "), "{page}");
    let link = fs::read_to_string(folder.join("man1/mosquitto_passwd.1")).expect("written");
    assert_eq!(link, ".so man1/midge-passwd.1\n");
    for path in said.stdout.lines() {
        let Ok(output) = Command::new("groff").args(["-man", "-Tutf8", "-ww"]).arg(path).current_dir(&folder).output()
        else {
            eprintln!("there is no groff");
            return;
        };
        assert!(output.status.success() && output.stderr.is_empty(), "{path}: {output:?}");
    }
}

#[test]
fn shells_get_their_scripts() {
    let folder = scratch_folder("pages-shells");
    for (shell, expected) in
        [("bash", "complete -o bashdefault"), ("zsh", "#compdef midge"), ("fish", "complete -c midge")]
    {
        let said = run(midge_program(), &["completions", shell], "", &folder);
        assert!(said.status == Some(0) && said.stdout.contains(expected), "{said:?}");
        assert!(said.stdout.contains("mosquitto_passwd") && said.stdout.contains("check"), "{said:?}");
    }
}

#[test]
fn a_tool_goes_by_three_names() {
    let folder = scratch_folder("pages-names");
    let help = run(midge_program(), &["passwd", "--help"], "", &folder);
    assert!(help.status == Some(0) && help.stdout.contains("Usage: midge passwd [-H HASH]"), "{help:?}");
    let links = run(midge_program(), &["links", "."], "", &folder);
    assert!(links.stdout.lines().any(|line| line == "./mosquitto_passwd"), "{links:?}");
    let help = run(folder.join("mosquitto_passwd"), &["--help"], "", &folder);
    // Mosquitto's tools end so.
    assert!(help.status == Some(1) && help.stdout.contains("Usage: mosquitto_passwd [-H HASH]"), "{help:?}");
    let version = run(folder.join("mosquitto_passwd"), &["--version"], "", &folder);
    assert!(version.stdout.starts_with("mosquitto_passwd version 2.1.2 (Midge "), "{version:?}");
    let wrong = run(midge_program(), &["passwd", "--hepl"], "", &folder);
    assert_eq!((wrong.status, wrong.stderr.contains("Did you mean '--help'?")), (Some(1), true), "{wrong:?}");
}
