//! `midge backup DIR`: has a running server copy what it keeps.
//!
//! The server makes the copy, because only it knows what must not be used again meanwhile; here it is asked through the socket
//! beside its log.

use std::ffi::OsString;
use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::{self, Path, PathBuf};

use midge_server::json::{self, Object};
use midge_server::words;
use midge_tools::flags::{
    Flag, Kind, Moment, Operand, Relation, Rule, Section, Stop, Table, Takes, Word, lossy, usual,
};

use crate::subcommand::{self, Subcommand};
use crate::{Status, server};

/// What is to be copied, and where to.
#[derive(Debug, Default, PartialEq, Eq)]
struct Wish {
    folder: PathBuf,
    config_file: Option<String>,
    socket: Option<PathBuf>,
}

/// The row of the command.
pub(crate) const SUBCOMMAND: Subcommand =
    Subcommand { page: || TABLE.page(), run: |words| subcommand::run(&TABLE, parse(words), back_up) };

fn parse(words: &[OsString]) -> Result<Wish, Stop> {
    let (wish, folders) = subcommand::read(&TABLE, Wish::default(), words)?;
    let folder = subcommand::only(&folders, "Error: Where to? Name the folder for the copy.")?;
    Ok(Wish { folder: folder.into(), ..wish })
}

fn back_up(wish: Wish) -> Status {
    let Wish { folder, config_file, socket } = wish;
    let socket = match socket.map_or_else(|| server::admin_socket(config_file), Ok) {
        Ok(socket) => socket,
        Err(status) => return status,
    };
    match ask(&socket, &folder) {
        Ok(bytes) => {
            crate::say(format_args!("Copied {bytes} bytes to {}.", folder.display()));
            Status::Success
        }
        Err(message) => {
            eprintln!("Error: {message}.");
            Status::Failure
        }
    }
}

/// Gives the bytes that were copied. The error is the message for the user.
fn ask(socket: &Path, folder: &Path) -> Result<u64, String> {
    let absolute = path::absolute(folder).map_err(|error| format!("{}: {}", folder.display(), words(&error)))?;
    let directory = absolute.to_str().ok_or_else(|| format!("{} is not UTF-8", absolute.display()))?;
    let mut stream = UnixStream::connect(socket).map_err(|error| nobody(socket, &error))?;
    let mut command = Object::new();
    command.text("command", "backup").text("directory", directory);
    let broken = |error: io::Error| format!("the server at {} does not answer: {}", socket.display(), words(&error));
    // Whom the server does not let in it tells why, and reads nothing.
    let _ = stream.write_all(format!("{}\n", command.finish()).as_bytes());
    // No bound on the time: large logs take long.
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
            format!(
                "the server's socket {socket} cannot be used: {}; only the user that runs the server may",
                words(error)
            )
        }
        _ => format!("the server's socket {socket} cannot be used: {}", words(error)),
    }
}

static TABLE: Table<Wish> = Table {
    name: "backup",
    link: None,
    summary: "copy what a running server keeps",
    synopsis: &["DIR [-c FILE | --socket PATH]"],
    description: "Has a running server copy what it keeps into DIR, while it goes on. Everything that it had acknowledged before \
                  is in the copy.\n\nTo start from the copy, name it as a server names its log: a DIR \
                  /copy/mosquitto.db.midge is what a server with persistence_location /copy goes on with. midge log --verify \
                  DIR checks it.",
    sections: &[&FLAGS],
    rules: &[Rule {
        relation: Relation::NotBoth("-c", "--socket"),
        moment: Moment::AtTheEnd,
        message: "Error: -c and --socket both say which server is meant.",
    }],
    operands: &[Operand {
        name: "DIR",
        kind: Kind::Folder,
        help: "The folder for the copy. It must be empty, or is made. The server makes the copy, so that its user must be \
               allowed to write there.",
    }],
    statuses: &[("0", "The copy is whole."), ("1", "There is none."), ("3", "The command line is wrong.")],
};

static FLAGS: Section<Wish> = Section {
    title: "Options",
    flags: &[
        usual::config_file(
            "The server that runs with FILE. Without it: the one that you started as midge without a file.",
            |wish, word| {
                wish.config_file = Some(lossy(word).into_owned());
                Ok(())
            },
        ),
        Flag {
            names: &["--socket"],
            takes: Takes::Word(
                Word {
                    name: "PATH",
                    kind: Kind::File,
                    missing: "Error: --socket argument given, but no path specified.",
                },
                |wish, word| {
                    wish.socket = Some(word.into());
                    Ok(())
                },
            ),
            repeats: false,
            help: "The server with this socket: its admin_socket, or NAME.midge/admin.sock in its persistence_location.",
        },
        usual::short_help(),
        usual::version(),
    ],
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_and_a_folder_are_named() {
        let check = |line: &str, expected: Result<Wish, &str>| {
            let words: Vec<_> = line.split_whitespace().map(Into::into).collect();
            assert_eq!(parse(&words), expected.map_err(|text| Stop::Wrong(text.to_owned())), "{line}");
        };
        let wish = |config_file: Option<&str>, socket: Option<&str>| {
            let (config_file, socket) = (config_file.map(Into::into), socket.map(Into::into));
            Ok(Wish { folder: "/copy".into(), config_file, socket })
        };
        check("/copy", wish(None, None));
        check("/copy -c a.conf", wish(Some("a.conf"), None));
        check("--socket /s /copy", wish(None, Some("/s")));
        check("", Err("Error: Where to? Name the folder for the copy."));
        check("/copy -c a --socket b", Err("Error: -c and --socket both say which server is meant."));
        check("/copy /other", Err("Error: Unexpected word '/other'."));
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
