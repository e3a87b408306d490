//! Our tools as processes: what they are told in one line, and what they say.
//!
//! A line is the tool with its words, of which those in single quotes are one: `pub -t a -m 'two words'`. The options file of
//! whoever runs the tests is not read, and the time is UTC.

use std::io::Write;
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::OnceLock;
use std::thread;

use crate::Server;
use crate::environment::{midge_program, scratch_folder};

/// What a tool has said when it has ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Said {
    /// The exit status; `None` where a signal ended it.
    pub status: Option<i32>,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

/// The command of `midge` that the line says: `pub -t a -m b` is `midge pub`.
pub fn tool(line: &str) -> Command {
    let mut command = Command::new(midge_program());
    command.args(words(line));
    alone(command)
}

/// The same by Mosquitto's name: `pub -t a -m b` is `mosquitto_pub`.
pub fn linked(line: &str) -> Command {
    let mut words = words(line).into_iter();
    let mut command = Command::new(links().join(format!("mosquitto_{}", words.next().expect("a tool"))));
    command.args(words);
    alone(command)
}

/// Has a client speak to this server.
pub fn to(server: &Server, mut command: Command) -> Command {
    command.args(["-p", &server.port().to_string()]);
    command
}

/// The folder in which our program has Mosquitto's names.
pub fn links() -> PathBuf {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    let make = || {
        let test = std::env::current_exe().expect("the test's own program");
        let folder = scratch_folder(&format!("links-{}", test.file_name().unwrap_or_default().display()));
        let linked = Command::new(midge_program()).arg("links").arg(&folder).output().expect("midge can be started");
        assert!(linked.status.success(), "{linked:?}");
        folder
    };
    FOLDER.get_or_init(make).clone()
}

/// Runs it to its end, with this on its standard input.
pub fn said(mut command: Command, input: &str) -> Said {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("it can be started");
    let (mut stdin, input) = (child.stdin.take().expect("it is piped"), input.to_owned());
    // One that does not read its input to the end has heard enough.
    let writer = thread::spawn(move || drop(stdin.write_all(input.as_bytes())));
    let output = child.wait_with_output().expect("it ends");
    writer.join().expect("what writes does not panic");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Said { status: output.status.code(), stdout: text(&output.stdout), stderr: text(&output.stderr) }
}

/// Runs it to its end with nothing to read: its standard output, its standard error and its status.
pub fn outcome(command: Command) -> (String, String, Option<i32>) {
    let Said { status, stdout, stderr } = said(command, "");
    (stdout, stderr, status)
}

/// It does what it is told, and says this.
#[track_caller]
pub fn check(command: Command, stdout: &str, stderr: &str) {
    let told = format!("{command:?}");
    assert_eq!(outcome(command), (stdout.to_owned(), stderr.to_owned(), Some(0)), "{told}");
}

/// It fails, and says why.
#[track_caller]
pub fn fails(command: Command, stderr: &str, status: i32) {
    let told = format!("{command:?}");
    let (_, said, code) = outcome(command);
    assert!(said.contains(stderr), "{told}\n{said}");
    assert_eq!(code, Some(status), "{told}\n{said}");
}

/// A tool whose standard input the test writes.
pub fn fed(mut command: Command) -> (Child, ChildStdin) {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().expect("it can be started");
    let stdin = child.stdin.take().expect("it is piped");
    (child, stdin)
}

/// The words of a line; those in single quotes may have blanks, or be empty.
pub fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    for (number, part) in line.split('\'').enumerate() {
        match number % 2 {
            0 => words.extend(part.split_whitespace().map(str::to_owned)),
            _ => words.push(part.to_owned()),
        }
    }
    words
}

fn alone(mut command: Command) -> Command {
    command.env("XDG_CONFIG_HOME", "/nonexistent").env("TZ", "UTC");
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_in_quotes_are_one() {
        let check = |line: &str, expected: &[&str]| assert_eq!(words(line), expected, "{line}");
        check("pub  -t a", &["pub", "-t", "a"]);
        check("pub -m 'two  words' -n", &["pub", "-m", "two  words", "-n"]);
        check("passwd -b users ada ''", &["passwd", "-b", "users", "ada", ""]);
    }
}
