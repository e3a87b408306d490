//! How every source file is written.

use crate::files::{File, below};
use crate::source::{code, comments, words};
use crate::{Broken, caught, none};

/// A file that grows past this has more than one mechanism in it: find the seam.
const LINES_MAX: usize = 1000;

#[test]
fn files_are_short() {
    none(sources().iter().filter_map(too_long));
}

#[test]
fn a_long_file_is_caught() {
    let long = "\n".repeat(LINES_MAX + 1);
    caught(&Vec::from_iter(too_long(&File::made_up("a.rs", &long))), &[1001]);
    let just_right = "\n".repeat(LINES_MAX);
    assert!(too_long(&File::made_up("a.rs", &just_right)).is_none());
}

#[test]
fn files_say_what_they_are() {
    none(sources().iter().filter_map(without_header));
}

#[test]
fn a_file_without_header_is_caught() {
    let bare = File::made_up("lib.rs", "// Not a header.\nuse std::fmt;\n");
    caught(&Vec::from_iter(without_header(&bare)), &[1]);
}

#[test]
fn nothing_is_left_unfinished() {
    none(sources().iter().flat_map(unfinished));
}

#[test]
fn unfinished_work_is_caught() {
    let text = "fn one() { todo!() }\nfn two() { unimplemented!(\"x\") }\nfn three() { dbg!(4); }\n// FIXME: four\n\
                /* XXX */ fn five() {}\n#[test]\n#[ignore]\nfn six() {}\n// TODO seven\n#[ignore = \"slow\"]\n\
                fn fine() { say(\"todo!() FIXME XXX\"); }\n";
    let broken = unfinished(&File::made_up("a.rs", text));
    caught(&broken, &[1, 2, 3, 4, 5, 7, 9, 10]);
}

#[test]
fn unsafe_code_says_why_it_is_sound() {
    none(sources().iter().flat_map(unexplained_unsafe));
}

#[test]
fn unsafe_code_without_reason_is_caught() {
    let text = "//! Header.\nfn one() {\n    unsafe { go() }\n}\nfn two() {\n    // SAFETY: it is.\n    unsafe { go() }\n}\n\
                // SAFETY: shared with none.\nunsafe impl Send for Three {}\nunsafe impl Sync for Three {}\n\
                fn four() {\n    // SAFETY: long\n    // story.\n    let x =\n        unsafe { go() };\n}\n\
                fn five() {\n    // Not the word.\n    let x = unsafe { go() };\n}\n\
                unsafe fn six() {}\n#![forbid(unsafe_code)]\n";
    let broken = unexplained_unsafe(&File::made_up("a.rs", text));
    caught(&broken, &[3, 11, 20]);
}

#[test]
fn no_path_of_one_machine_is_written_down() {
    let endings = [".rs", ".md", ".toml", ".py", ".sh", ".conf", "/run", "NOTICE"];
    none(below("", &endings).iter().flat_map(paths_of_one_machine));
}

#[test]
fn a_path_of_one_machine_is_caught() {
    let home = ["/ho", "me/ada/midge"].concat();
    let mac = ["/Us", "ers/ada"].concat();
    let text = format!("cd {home}\nfine: crates/codec, a{home}\nin `{mac}`\n");
    caught(&paths_of_one_machine(&File::made_up("a.md", &text)), &[1, 3]);
}

fn sources() -> Vec<File> {
    let mut sources = below("crates", &[".rs"]);
    sources.extend(below("xtask", &[".rs"]));
    sources
}

fn too_long(file: &File) -> Option<Broken> {
    let lines = file.text.lines().count();
    let what = format!("more than {LINES_MAX} lines: find the seam and make two files");
    (lines > LINES_MAX).then(|| file.at(lines, &what))
}

fn without_header(file: &File) -> Option<Broken> {
    let what = "begin the file with `//!`: what it is, what must hold, what it leaves to others";
    (!file.text.starts_with("//!")).then(|| file.at(1, what))
}

fn unfinished(file: &File) -> Vec<Broken> {
    let code = code(&file.text);
    let comments = comments(&file.text);
    let mut broken = Vec::new();
    for (index, (code, comment)) in code.lines().zip(comments.lines()).enumerate() {
        let in_code = ["todo!", "unimplemented!", "dbg!", "#[ignore"];
        let in_comments = ["FIXME", "XXX", "TODO"];
        let found = in_code
            .into_iter()
            .find(|word| code.contains(word))
            .or_else(|| in_comments.into_iter().find(|word| words(comment).any(|other| other == *word)));
        if let Some(word) = found {
            broken.push(file.at(index + 1, &format!("{word}: finish it or take it out")));
        }
    }
    broken
}

fn unexplained_unsafe(file: &File) -> Vec<Broken> {
    let code = code(&file.text);
    let code: Vec<&str> = code.lines().collect();
    let comments = comments(&file.text);
    let comments: Vec<&str> = comments.lines().collect();
    let mut broken = Vec::new();
    for (index, line) in code.iter().enumerate() {
        if needs_reason(line) && !has_reason(&code[..index], &comments[..=index]) {
            broken.push(file.at(index + 1, "unsafe: a comment `SAFETY:` above says why it is sound"));
        }
    }
    broken
}

/// A block or an `unsafe impl`; an `unsafe fn` says in its documentation what the caller has to do.
fn needs_reason(line: &str) -> bool {
    let words: Vec<_> = words(line).collect();
    let Some(at) = words.iter().position(|word| *word == "unsafe") else {
        return false;
    };
    !matches!(words.get(at + 1), Some(&"fn" | &"extern" | &"trait"))
}

/// Looks for `SAFETY:` on the line itself and upwards through the statement to which it belongs and the comments above that.
fn has_reason(code_above: &[&str], comments: &[&str]) -> bool {
    let own = comments.last().copied().unwrap_or_default();
    let above = code_above.iter().zip(comments).rev();
    let statement = above.take_while(|(code, comment)| {
        let is_comment_alone = code.trim().is_empty() && !comment.trim().is_empty();
        let is_of_the_statement = !code.trim().is_empty() && !code.trim_end().ends_with([';', '{', '}', ',']);
        is_comment_alone || is_of_the_statement
    });
    std::iter::once(own).chain(statement.map(|(_, comment)| *comment)).any(|comment| comment.contains("SAFETY:"))
}

fn paths_of_one_machine(file: &File) -> Vec<Broken> {
    // In two pieces each, or this file would break its own rule.
    let starts =
        [["/ho", "me/"], ["/ro", "ot/"], ["/Us", "ers/"], ["/wo", "rk/"], ["/tmp/tar", "get"], ["C:\\Us", "ers"]]
            .map(|pieces| pieces.concat());
    let mut broken = Vec::new();
    for (index, line) in file.text.lines().enumerate() {
        let begins_a_path = |start: &String| {
            let mut places = line.match_indices(start.as_str());
            places.any(|(at, _)| {
                !line[..at].ends_with(|before: char| before.is_alphanumeric() || "./}$".contains(before))
            })
        };
        if let Some(start) = starts.iter().find(|start| begins_a_path(start)) {
            let what = format!("`{start}…` exists on one machine: name paths from the workspace's folder");
            broken.push(file.at(index + 1, &what));
        }
    }
    broken
}
