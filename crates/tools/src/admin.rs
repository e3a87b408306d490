//! A running server, as the one asks it who runs it: lines of JSON through its admin socket.

use std::ffi::{OsStr, OsString};
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Map, Value};

use crate::clients::flags::{not_both, word};
use crate::flags::{Flag, Kind, Operand, Rule, Stop, Takes, lossy};
use crate::{Called, RunningServer};

/// An object of JSON.
pub(crate) type Object = Map<String, Value>;

/// A connection to it.
pub(crate) struct AdminSocket {
    stream: UnixStream,
    path: PathBuf,
    /// What came behind the last line.
    rest: Vec<u8>,
}

impl AdminSocket {
    /// Connects to the server that is meant. The error is the exit status; what is wrong was told.
    pub(crate) fn open(called: &Called, which: &RunningServer) -> Result<AdminSocket, u8> {
        let path = called.admin_socket(which)?;
        match UnixStream::connect(&path) {
            Ok(stream) => Ok(AdminSocket { stream, path, rest: Vec::new() }),
            Err(error) => {
                eprintln!("Error: {}.", unreachable(&path, &error));
                Err(1)
            }
        }
    }

    /// Asks, and waits for the answer. The error is a message for the user.
    pub(crate) fn ask(&mut self, request: &Object) -> Result<Object, String> {
        let line = format!("{}\n", Value::Object(request.clone()));
        // Whom the server does not let in it tells why, and reads nothing.
        let _ = self.stream.set_read_timeout(Some(PATIENCE)).and_then(|()| self.stream.write_all(line.as_bytes()));
        let answer = self.wait_for_line()?;
        match serde_json::from_str(&answer) {
            Ok(Value::Object(answer)) if answer.get("ok") == Some(&Value::Bool(true)) => Ok(answer),
            Ok(Value::Object(answer)) => {
                let error = answer.get("error").and_then(Value::as_str).unwrap_or("it does not say why");
                Err(format!("Error: the server refuses: {error}."))
            }
            _ => Err(format!("Error: the server at {} says what is no answer.", self.path.display())),
        }
    }

    /// Says that it is enough.
    pub(crate) fn say_enough(&mut self) {
        // Who has gone needs not be told.
        let _ = self.stream.write_all(b"\n");
    }

    /// The next line, of those that have come.
    pub(crate) fn next_line(&mut self) -> Option<String> {
        let at = self.rest.iter().position(|byte| *byte == b'\n')?;
        let behind = self.rest.split_off(at + 1);
        let line = std::mem::replace(&mut self.rest, behind);
        Some(String::from_utf8_lossy(&line[..at]).into_owned())
    }

    /// Reads what has come, or waits for something; `false`: the server has closed. The error is a message for the user.
    pub(crate) fn read(&mut self) -> Result<bool, String> {
        let mut buffer = [0; 64 << 10];
        loop {
            match self.stream.read(&mut buffer) {
                Ok(count) => {
                    self.rest.extend_from_slice(&buffer[..count]);
                    return Ok(count > 0);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    return Err(format!("Error: the server at {} does not answer: {error}.", self.path.display()));
                }
            }
        }
    }

    fn wait_for_line(&mut self) -> Result<String, String> {
        loop {
            if let Some(line) = self.next_line() {
                return Ok(line);
            }
            if !self.read()? {
                return Err(format!(
                    "Error: the server at {} has ended, or has closed the connection.",
                    self.path.display()
                ));
            }
        }
    }
}

impl AsFd for AdminSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}

/// The server that a folder names, where there is one, and no flag says something else.
pub(crate) fn choose(flag: Option<RunningServer>, operands: &[&OsString]) -> Result<RunningServer, Stop> {
    let wrong = |message: &str| Err(Stop::Wrong(message.to_owned()));
    match (flag, operands) {
        (flag, []) => Ok(flag.unwrap_or(RunningServer::Usual)),
        (None, [folder]) => Ok(RunningServer::WithFolder(folder.into())),
        (Some(_), [_]) => {
            wrong("Error: A folder, -c and --socket all say which server is meant; one of them is enough.")
        }
        (_, [_, second, ..]) => wrong(&format!("Error: One server at a time: '{}' is one too many.", lossy(second))),
    }
}

/// Help for the `-c` that names a server.
pub(crate) const SERVER_FILE: &str = "The server that runs with this configuration file.";

/// `--socket`, which names a server.
pub(crate) const fn socket<O>(set: fn(&mut O, &OsStr) -> Result<(), String>) -> Flag<O> {
    Flag {
        names: &["--socket"],
        takes: Takes::Word(word("PATH", Kind::File, "Error: --socket argument given but no path specified."), set),
        repeats: false,
        help: "The server with this socket: its admin_socket, or NAME.midge/admin.sock in its persistence_location.",
    }
}

/// The word that names a server.
pub(crate) const FOLDER: Operand = Operand {
    name: "FOLDER",
    kind: Kind::Folder,
    help: "The server that keeps what it keeps in this folder (its persistence_location). Without it, and without -c and --socket: the \
           one that you started as midge without a file.",
};

/// Of the flags that name a server.
pub(crate) const ONE_SERVER: Rule =
    not_both("-c", "--socket", "Error: -c and --socket both say which server is meant.");

/// A request for a command.
pub(crate) fn request(command: &str) -> Object {
    Object::from_iter([("command".to_owned(), command.into())])
}

fn unreachable(socket: &Path, error: &io::Error) -> String {
    let socket = socket.display();
    match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => format!(
            "no server listens on {socket}: none runs with this configuration, or it was told another one (FOLDER, -c FILE, --socket \
             PATH)"
        ),
        io::ErrorKind::PermissionDenied => {
            format!(
                "the server's socket {socket} cannot be used: {error}; only the user that runs the server may, and root"
            )
        }
        _ => format!("the server's socket {socket} cannot be used: {error}"),
    }
}

/// A server that has a hundred thousand clients to look through answers within this.
const PATIENCE: Duration = Duration::from_secs(30);
