//! `midge backup DIR`: has a running server copy what it keeps.
//!
//! The server makes the copy, because only it knows what must not be used again meanwhile; here it is asked through the socket
//! beside its log.

use std::ffi::OsString;
use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::{self, Path, PathBuf};

use lexopt::prelude::{Long, Short, Value};
use midge_server::json;

use crate::json::Object;
use crate::{Status, help, server, subcommand};

/// What is to be copied, and where to.
#[derive(Debug, Default, PartialEq, Eq)]
struct Wish {
    folder: PathBuf,
    config_file: Option<String>,
    socket: Option<PathBuf>,
}

/// Does what the words behind `backup` ask for.
pub(crate) fn run(words: Vec<OsString>) -> Status {
    subcommand::run(parse(words), help::BACKUP, back_up)
}

/// `None` is a wish for help. The error is the message for the user.
fn parse(words: Vec<OsString>) -> Result<Option<Wish>, String> {
    let (mut wish, mut folder) = (Wish::default(), None);
    let mut parser = lexopt::Parser::from_args(words);
    while let Some(argument) = parser.next().map_err(|error| format!("Error: {error}."))? {
        match argument {
            Short('h') | Long("help") => return Ok(None),
            Short('c') | Long("config-file") => {
                let missing = "Error: -c argument given, but no config file specified.";
                let path = parser.value().map_err(|_| missing.to_owned())?;
                wish.config_file = Some(path.to_string_lossy().into_owned());
            }
            Long("socket") => {
                let path = parser.value().map_err(|error| format!("Error: {error}."))?;
                wish.socket = Some(path.into());
            }
            Value(path) if folder.is_none() => folder = Some(path.into()),
            other => return Err(format!("Error: {}.", other.unexpected())),
        }
    }
    if wish.socket.is_some() && wish.config_file.is_some() {
        return Err("Error: -c and --socket both say which server is meant.".to_owned());
    }
    wish.folder = folder.ok_or("Error: Where to? Name the folder for the copy.")?;
    Ok(Some(wish))
}

fn back_up(wish: Wish) -> Status {
    let Wish { folder, config_file, socket } = wish;
    let socket = match socket.map_or_else(|| usual_socket(config_file), Ok) {
        Ok(socket) => socket,
        Err(status) => return status,
    };
    match ask(&socket, &folder) {
        Ok(bytes) => {
            println!("Copied {bytes} bytes to {}.", folder.display());
            Status::Success
        }
        Err(message) => {
            eprintln!("Error: {message}.");
            Status::Failure
        }
    }
}

/// Where the server listens that is started with this configuration. What is wrong was told.
fn usual_socket(config_file: Option<String>) -> Result<PathBuf, Status> {
    server::options_with_log(config_file).map(|(folder, _)| folder.join(SOCKET))
}

/// Gives the bytes that were copied. The error is the message for the user.
fn ask(socket: &Path, folder: &Path) -> Result<u64, String> {
    let absolute = path::absolute(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let directory = absolute.to_str().ok_or_else(|| format!("{} is not UTF-8", absolute.display()))?;
    let mut stream = UnixStream::connect(socket).map_err(|error| nobody(socket, &error))?;
    let mut command = Object::new();
    command.text("command", "backup").text("directory", directory);
    let broken = |error: io::Error| format!("the server at {} does not answer: {error}", socket.display());
    // No bound on the time: large logs take long.
    stream.write_all(format!("{}\n", command.finish()).as_bytes()).map_err(broken)?;
    let mut answer = String::new();
    BufReader::new(stream).read_line(&mut answer).map_err(broken)?;
    understand(answer.trim_end()).unwrap_or_else(|| {
        let folder = folder.display();
        Err(format!("the server ended before the copy was whole; what is in {folder} is of no use"))
    })
}

/// What the server answered; `None` where it is no answer.
fn understand(answer: &str) -> Option<Result<u64, String>> {
    if let Some(bytes) = answer.strip_prefix("{\"ok\":true,\"bytes\":") {
        return Some(Ok(bytes.strip_suffix('}')?.parse().ok()?));
    }
    let error = answer.strip_prefix("{\"ok\":false,\"error\":")?.strip_suffix('}')?;
    json::string(error).filter(|(_, rest)| rest.is_empty()).map(|(error, _)| Err(error))
}

fn nobody(socket: &Path, error: &io::Error) -> String {
    let socket = socket.display();
    match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => format!(
            "no server listens on {socket}: none runs with this log, or it was told another (-c FILE, --socket PATH). The \
             folder of a server that does not run can be copied as it is"
        ),
        io::ErrorKind::PermissionDenied => {
            format!("the server's socket {socket} cannot be used: {error}; only the user that runs the server may")
        }
        _ => format!("the server's socket {socket} cannot be used: {error}"),
    }
}

/// The name of the socket in the folder of the log.
const SOCKET: &str = "admin.sock";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_and_a_folder_are_named() {
        let check = |line: &str, expected: Result<Option<Wish>, &str>| {
            let words = line.split_whitespace().map(Into::into).collect();
            assert_eq!(parse(words), expected.map_err(str::to_owned), "{line}");
        };
        let wish = |config_file: Option<&str>, socket: Option<&str>| {
            let (config_file, socket) = (config_file.map(Into::into), socket.map(Into::into));
            Ok(Some(Wish { folder: "/copy".into(), config_file, socket }))
        };
        check("/copy", wish(None, None));
        check("/copy -c a.conf", wish(Some("a.conf"), None));
        check("--socket /s /copy", wish(None, Some("/s")));
        check("--help", Ok(None));
        check("", Err("Error: Where to? Name the folder for the copy."));
        check("/copy -c a --socket b", Err("Error: -c and --socket both say which server is meant."));
        check("/copy /other", Err("Error: unexpected argument \"/other\"."));
    }

    #[test]
    fn answers_are_understood_or_are_none() {
        assert_eq!(understand("{\"ok\":true,\"bytes\":4096}"), Some(Ok(4096)));
        let said = r#"{"ok":false,"error":"\"/a\\b\u001b\" is \u0022not\u0022 empty"}"#;
        assert_eq!(understand(said), Some(Err("\"/a\\b\u{1b}\" is \"not\" empty".to_owned())));
        for answer in ["", "{\"ok\":true,\"bytes\":", "{\"ok\":true,\"bytes\":x}", "{\"ok\":false,\"error\":\"a}"] {
            assert_eq!(understand(answer), None, "{answer}");
        }
    }
}
