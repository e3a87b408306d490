//! The name under which a command was called, and what it says of itself.

use std::path::{Path, PathBuf};

use crate::flags::{Page, Stop};
use crate::output;

/// How a command was called, and what it needs of the program that it is in. Under Mosquitto's name it ends as Mosquitto's
/// does.
#[derive(Clone, Debug)]
pub struct Called {
    name: String,
    is_link: bool,
    program: Program,
}

/// The program that commands are in, and of which they know no more.
#[derive(Clone, Debug)]
pub struct Program {
    /// As commands tell it.
    pub version: String,
    /// Writes what the log in a folder holds into a new file as a `mosquitto.db`. Gives warnings, a line each; the error is the
    /// end of a message for the user.
    pub export_log: fn(&Path, &Path) -> Result<Vec<String>, String>,
    /// Where a running server is asked. The error is the exit status; what is wrong was told.
    pub admin_socket: fn(&RunningServer) -> Result<PathBuf, u8>,
}

/// A server that runs on this machine.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum RunningServer {
    /// The one that the user has started without a configuration file.
    Usual,
    /// The one that was started with this configuration file.
    WithConfiguration(String),
    /// The one that keeps what it keeps in this folder.
    WithFolder(PathBuf),
    /// The one with this socket.
    AtSocket(PathBuf),
}

impl Called {
    /// As a command of `midge`.
    pub fn as_command(name: &str, program: Program) -> Self {
        Self { name: format!("midge {name}"), is_link: false, program }
    }

    /// By a link with Mosquitto's name.
    pub fn by_link(name: &str, program: Program) -> Self {
        Self { name: name.to_owned(), is_link: true, program }
    }

    /// Whether it goes by Mosquitto's name, so that whoever called it expects Mosquitto's.
    pub fn is_link(&self) -> bool {
        self.is_link
    }

    /// [`Program::export_log`].
    pub(crate) fn export_log(&self, folder: &Path, file: &Path) -> Result<Vec<String>, String> {
        (self.program.export_log)(folder, file)
    }

    /// [`Program::admin_socket`].
    pub(crate) fn admin_socket(&self, which: &RunningServer) -> Result<PathBuf, u8> {
        (self.program.admin_socket)(which)
    }

    /// As the user wrote it: `midge pub`, or `mosquitto_pub`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Does what is left to do where flags were not read to the end; gives the exit status.
    pub fn stop(&self, stop: Stop, page: &Page) -> u8 {
        match stop {
            Stop::Help => self.help(page),
            Stop::Version => {
                output::print(&format!("{} version {}\n", self.name, self.program.version));
                self.informed()
            }
            Stop::Wrong(message) => self.wrong(&message),
        }
    }

    /// Shows how the command is used.
    pub fn help(&self, page: &Page) -> u8 {
        output::print(&page.help(&self.name));
        self.informed()
    }

    /// Tells what is wrong with the words, and where help is.
    pub fn wrong(&self, message: &str) -> u8 {
        eprintln!("{message}\n\nUse '{} --help' to see usage.", self.name);
        1
    }

    /// Mosquitto's tools end with 1 when they were asked for help.
    fn informed(&self) -> u8 {
        u8::from(self.is_link)
    }
}
