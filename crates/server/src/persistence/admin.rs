//! A socket beside the log, through which a running server is asked for what only it can do.
//!
//! Who asks sends one line of JSON, `{"command":"backup","directory":"/abs/dir"}`, and gets one, `{"ok":true,"bytes":…}` or
//! `{"ok":false,"error":"…"}`. One after the other is served, by a thread of its own.
//!
//! What must hold: only the user that runs the server gets in (the folder is closed to others, and so is the socket); nobody
//! keeps the thread for longer than a command takes; no bytes make it panic; no shard and no writer waits for it.

use std::fmt;
use std::fs::{self, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use midge_store::{Reader, SystemDisk};

use crate::clock::Clock;
use crate::json::{quoted, string};
use crate::log::{LogBuffer, LogType};

/// The socket of a running server. Its thread ends with the process.
pub(crate) struct Admin {
    path: PathBuf,
}

/// What the thread is made of.
pub(crate) struct AdminParts {
    pub(crate) reader: Reader<SystemDisk>,
    pub(crate) clock: Clock,
    pub(crate) log: LogBuffer,
}

impl Admin {
    /// Listens in the folder of the log, whose lock is held: a socket that is there belongs to nobody any more. A server
    /// without the socket does all else; why there is none is told.
    pub(crate) fn start(folder: &Path, mut parts: AdminParts) -> io::Result<Option<Admin>> {
        let path = folder.join(SOCKET);
        let listener = match listen(&path) {
            Ok(listener) => listener,
            Err(error) => {
                let path = path.display();
                let text = format_args!("Warning: cannot listen on {path}, so that there are no backups: {error}.");
                parts.tell(LogType::Warning, text);
                return Ok(None);
            }
        };
        thread::Builder::new().name("admin".to_owned()).spawn(move || parts.serve(&listener))?;
        Ok(Some(Admin { path }))
    }

    /// Nobody is let in any more.
    pub(crate) fn stop(self) {
        // Where it stays, the next start replaces it.
        let _ = fs::remove_file(self.path);
    }
}

fn listen(path: &Path) -> io::Result<UnixListener> {
    match fs::symlink_metadata(path) {
        Ok(there) if there.file_type().is_socket() => fs::remove_file(path)?,
        Ok(_) => return Err(io::Error::new(io::ErrorKind::AlreadyExists, "something else than a socket stands there")),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let listener = UnixListener::bind(path)?;
    fs::set_permissions(path, Permissions::from_mode(0o600))?;
    Ok(listener)
}

impl AdminParts {
    fn serve(&mut self, listener: &UnixListener) {
        loop {
            match listener.accept() {
                Ok((stream, _)) => self.answer(stream),
                // No descriptors left, mostly: clients have them, and give them back.
                Err(_) => thread::sleep(PAUSE),
            }
        }
    }

    fn answer(&mut self, mut stream: UnixStream) {
        let done = read_line(&mut stream).and_then(|line| self.obey(&line));
        let mut answer = match done {
            Ok(bytes) => format!("{{\"ok\":true,\"bytes\":{bytes}}}"),
            Err(error) => format!("{{\"ok\":false,\"error\":{}}}", quoted(&error)),
        };
        answer.push('\n');
        // Whoever has gone meanwhile wants no answer.
        let _ = stream.set_write_timeout(Some(PATIENCE)).and_then(|()| stream.write_all(answer.as_bytes()));
    }

    /// Does what the line asks for. The error is the message for the user.
    fn obey(&mut self, line: &[u8]) -> Result<u64, String> {
        let text = std::str::from_utf8(line).ok();
        let fields = text.and_then(fields).ok_or("this is no command: an object of JSON with strings is")?;
        let field = |wanted: &str| fields.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.as_str());
        match field("command") {
            Some("backup") => self.back_up(Path::new(field("directory").ok_or("a backup needs a \"directory\"")?)),
            Some(other) => Err(format!("this server does not know the command {}", quoted(other))),
            None => Err("a command is missing".to_owned()),
        }
    }

    fn back_up(&mut self, folder: &Path) -> Result<u64, String> {
        // Relative to what, only the one who asks would know.
        if !folder.is_absolute() {
            return Err(format!("{} is not an absolute path", folder.display()));
        }
        let (begun, shown) = (Instant::now(), folder.display());
        match self.reader.copy_to(folder) {
            Ok(copied) => {
                let (bytes, took_ms) = (copied.bytes, begun.elapsed().as_millis());
                self.tell(LogType::Notice, format_args!("Backup of {bytes} bytes to {shown} in {took_ms} ms."));
                Ok(bytes)
            }
            Err(error) => {
                self.tell(LogType::Error, format_args!("Error: no backup to {shown}: {error}."));
                Err(error.to_string())
            }
        }
    }

    fn tell(&mut self, kind: LogType, text: fmt::Arguments<'_>) {
        let wall_s = self.clock.now().wall_s;
        self.log.line(wall_s, kind, text);
        self.log.flush(wall_s);
    }
}

/// A line without its end, which must come in time. The error is the message for the user.
fn read_line(stream: &mut UnixStream) -> Result<Vec<u8>, String> {
    let end = Instant::now() + PATIENCE;
    let (mut line, mut buffer) = (Vec::new(), [0; 512]);
    loop {
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err("the command did not come in time".to_owned());
        }
        let count = match stream.set_read_timeout(Some(left)).and_then(|()| stream.read(&mut buffer)) {
            Ok(0) => return Err("the command does not end with its line".to_owned()),
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => continue,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(format!("the command cannot be read: {error}")),
        };
        if let Some(at) = buffer[..count].iter().position(|byte| *byte == b'\n') {
            line.extend_from_slice(&buffer[..at]);
            return Ok(line);
        }
        line.extend_from_slice(&buffer[..count]);
        if line.len() > LINE_BYTES_MAX {
            return Err(format!("a command has at most {LINE_BYTES_MAX} bytes"));
        }
    }
}

/// The fields of an object that holds strings alone.
fn fields(text: &str) -> Option<Vec<(String, String)>> {
    let mut rest = text.trim().strip_prefix('{')?.strip_suffix('}')?.trim();
    let mut fields = Vec::new();
    while !rest.is_empty() {
        let (name, after) = string(rest)?;
        let (value, after) = string(after.trim_start().strip_prefix(':')?.trim_start())?;
        fields.push((name, value));
        rest = after.trim_start();
        match rest.strip_prefix(',') {
            // A comma has something behind it.
            Some(after) => rest = Some(after.trim_start()).filter(|rest| !rest.is_empty())?,
            None if rest.is_empty() => {}
            None => return None,
        }
    }
    Some(fields)
}

/// The name of the socket in the folder of the log.
const SOCKET: &str = "admin.sock";

/// A path has at most 4096 bytes, of which some are escaped.
const LINE_BYTES_MAX: usize = 16 << 10;

/// How long a command may take to come, and an answer to go.
const PATIENCE: Duration = Duration::from_secs(5);

/// After an error that will not have gone at once.
const PAUSE: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Option<&[(&str, &str)]>) {
        let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        assert_eq!(fields(text), expected.map(|fields| fields.iter().map(own).collect()), "{text}");
    }

    #[test]
    fn commands_are_objects_of_strings() {
        check("{}", Some(&[]));
        check(r#" {"command":"backup","directory":"/a b"} "#, Some(&[("command", "backup"), ("directory", "/a b")]));
        check(r#"{ "a" : "\"\\\/\n\u00fc\ud83e\udd9f" , "b" : "" }"#, Some(&[("a", "\"\\/\nü🦟"), ("b", "")]));
        for wrong in ["", "{", "}", "{\"a\"}", r#"{"a":1}"#, r#"{"a":"b",}"#, r#"{"a":"b" "c":"d"}"#, "[\"a\"]"] {
            check(wrong, None);
        }
        for wrong in
            [r#"{"a":"\x"}"#, r#"{"a":"\ud83e"}"#, r#"{"a":"\ud83e\u0041"}"#, r#"{"a":"\u12"}"#, "{\"a\":\"\n\"}"]
        {
            check(wrong, None);
        }
    }

    #[test]
    fn a_line_has_an_end_and_a_bound() {
        let (mut here, mut there) = UnixStream::pair().expect("sockets");
        there.write_all(b"one\ntwo").expect("written");
        assert_eq!(read_line(&mut here), Ok(b"one".to_vec()));
        drop(there);
        assert!(read_line(&mut here).is_err(), "it ends without an end of line");
        let (mut here, mut there) = UnixStream::pair().expect("sockets");
        there.write_all(&[b'x'; LINE_BYTES_MAX + 512]).expect("written");
        assert!(read_line(&mut here).expect_err("refused").contains("at most"));
    }
}
