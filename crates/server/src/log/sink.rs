//! Where lines end up.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use midge_net::words;
use rustix::fs::OFlags;

use super::LogDestination;
use super::batch::Lines;
use super::journald::{self, Journald};
use super::syslog::{self, Syslog};
use super::topics::Topics;
use crate::process::{Account, check_link, folder_of};

/// One destination, open.
pub(super) enum Sink {
    Stderr(Shape),
    Stdout(Shape),
    File(PathBuf, File),
    Syslog(Syslog),
    Journald(Journald),
    Topics(Arc<Topics>),
}

/// What a stream takes.
#[derive(Clone, Copy)]
pub(super) enum Shape {
    Plain,
    /// It is read by systemd's journal: each line begins with its priority, `<N>`.
    Journal,
}

impl Sink {
    /// Opens a destination. An error names the file that cannot be opened.
    pub(super) fn open(
        destination: &LogDestination,
        name: &'static str,
        topics: &Arc<Topics>,
        account: Option<&Account>,
    ) -> io::Result<Sink> {
        Ok(match destination {
            LogDestination::Stderr => Sink::Stderr(Shape::of(io::stderr())),
            LogDestination::Stdout => Sink::Stdout(Shape::of(io::stdout())),
            LogDestination::File(path) => {
                let file = Account::open_for(account, path, append_to).map_err(|error| unable(path, &error))?;
                Sink::File(path.clone(), file)
            }
            LogDestination::Syslog(facility) => Sink::Syslog(Syslog::new(syslog::SOCKET, name, *facility)),
            LogDestination::Journald => Sink::Journald(Journald::new(journald::SOCKET, name)),
            LogDestination::Topic => Sink::Topics(Arc::clone(topics)),
        })
    }

    /// Whether [`Sink::open`] could open it. Nothing is made. Gives what the operator should know.
    pub(super) fn check(destination: &LogDestination, account: Option<&Account>) -> io::Result<Option<String>> {
        let socket = match destination {
            LogDestination::File(path) => {
                Account::check_open_for(account, path).map_err(|error| unable(path, &error))?;
                return Ok(account.and_then(|account| rotation_warning(path, account)));
            }
            LogDestination::Syslog(_) => syslog::SOCKET,
            LogDestination::Journald => journald::SOCKET,
            LogDestination::Stderr | LogDestination::Stdout | LogDestination::Topic => return Ok(None),
        };
        let is_missing = !Path::new(socket).exists();
        Ok(is_missing.then(|| format!("Nobody takes lines at {socket}, and they are lost.")))
    }

    pub(super) fn write(&mut self, lines: &Lines) -> io::Result<()> {
        match self {
            Sink::Stderr(shape) => shape.write(&mut io::stderr(), lines),
            Sink::Stdout(shape) => {
                let mut stdout = io::stdout().lock();
                shape.write(&mut stdout, lines)?;
                stdout.flush()
            }
            Sink::File(_, file) => file.write_all(lines.text().as_bytes()),
            Sink::Syslog(syslog) => lines.iter().try_for_each(|(kind, line)| syslog.send(kind, line)),
            Sink::Journald(journald) => lines.iter().try_for_each(|(kind, line)| journald.send(kind, line)),
            Sink::Topics(topics) => {
                topics.hand_over(lines.iter());
                Ok(())
            }
        }
    }

    /// Opens a file again that may have been renamed; one that cannot be opened stays as it is.
    pub(super) fn reopen(&mut self) -> io::Result<()> {
        if let Sink::File(path, file) = self {
            *file = append_to(path).map_err(|error| unable(path, &error))?;
        }
        Ok(())
    }
}

/// What is to be told of a file that only root can make: once it was renamed, it cannot be opened again.
pub(super) fn rotation_warning(path: &Path, account: &Account) -> Option<String> {
    let is_elsewhere = fs::metadata(path).is_ok_and(|there| !there.is_file());
    if is_elsewhere || account.may_make_anew(path) {
        return None;
    }
    let (name, shown, folder) = (account.name(), path.display(), folder_of(path));
    let way = if account.owns(folder) {
        format!("chmod u+rwx {}", folder.display())
    } else {
        let own = folder.join("midge");
        let file = own.join(path.file_name().unwrap_or_default());
        format!("install -d -o {name} {} and `log_dest file {}`", own.display(), file.display())
    };
    Some(format!(
        "the log file {shown} cannot be rotated: once it is renamed, {name} cannot make another one in this folder. To change that: {way}"
    ))
}

impl Shape {
    /// systemd says in the environment which stream is the journal's; a shell may have put another one into its place.
    fn of(stream: impl AsFd) -> Shape {
        let journal = std::env::var("JOURNAL_STREAM").ok();
        let is_journal = journal.zip(rustix::fs::fstat(stream).ok());
        match is_journal.is_some_and(|(journal, stat)| journal == format!("{}:{}", stat.st_dev, stat.st_ino)) {
            true => Shape::Journal,
            false => Shape::Plain,
        }
    }

    fn write(self, stream: &mut impl Write, lines: &Lines) -> io::Result<()> {
        match self {
            Shape::Plain => stream.write_all(lines.text().as_bytes()),
            Shape::Journal => {
                let marked = |(kind, line): (super::LogType, &str)| format!("<{}>{line}\n", kind.priority());
                stream.write_all(lines.iter().map(marked).collect::<String>().as_bytes())
            }
        }
    }
}

fn append_to(path: &Path) -> io::Result<File> {
    check_link(path)?;
    // A pipe from which nobody reads is refused: whoever opened it would wait.
    let flags = OFlags::NONBLOCK.bits().cast_signed();
    let file = OpenOptions::new().create(true).append(true).mode(0o640).custom_flags(flags).open(path)?;
    rustix::fs::fcntl_setfl(&file, OFlags::APPEND)?;
    Ok(file)
}

fn unable(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("unable to open log file {}: {}", path.display(), words(error)))
}
