//! How the program under test is started: with which arguments, in which environment, as which user.

use std::ffi::{OsStr, OsString};
use std::fs::OpenOptions;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::environment;
use crate::process::Process;
use crate::server::Server;

/// What a start is made of beside the configuration; [`Server::restart`] starts the same again.
#[derive(Clone, Debug, Default)]
pub struct Launch {
    arguments: Vec<String>,
    environment: Vec<(String, OsString)>,
    user: Option<u32>,
    program: Option<PathBuf>,
    standard_output: Option<PathBuf>,
}

impl Launch {
    /// As the tests' user, with no arguments but the configuration.
    pub fn new() -> Launch {
        Launch::default()
    }

    /// With these arguments on the command line, such as `-v`.
    #[must_use]
    pub fn arguments(mut self, arguments: &[&str]) -> Launch {
        self.arguments.extend(arguments.iter().map(|argument| (*argument).to_owned()));
        self
    }

    /// With this variable in its environment.
    #[must_use]
    pub fn variable(mut self, name: &str, value: impl AsRef<OsStr>) -> Launch {
        self.environment.push((name.to_owned(), value.as_ref().to_owned()));
        self
    }

    /// As another user, by number; only root can do that.
    #[must_use]
    pub fn user(mut self, user: u32) -> Launch {
        self.user = Some(user);
        self
    }

    /// This program instead of the usual one.
    #[must_use]
    pub fn program(mut self, program: PathBuf) -> Launch {
        self.program = Some(program);
        self
    }

    /// With this file, or named pipe, as its standard output.
    #[must_use]
    pub fn standard_output(mut self, path: PathBuf) -> Launch {
        self.standard_output = Some(path);
        self
    }

    /// Starts the server as [`Server::start`] does.
    pub fn start(&self, configuration: &str) -> Server {
        Server::start_launched(self, configuration)
    }

    /// Starts the process as [`Server::spawn`] does.
    pub fn spawn(&self, configuration: &str, port: u16) -> Server {
        Server::spawn_launched(self, configuration, port)
    }

    /// Starts the process; what it says on standard error is its log.
    pub(crate) fn process(&self, configuration: &Path, folder: &Path) -> Process {
        let mut command = self.command(configuration);
        command.current_dir(folder).stdin(Stdio::null());
        let output = self.standard_output.as_ref().map_or(Stdio::null(), |path| {
            let file = OpenOptions::new().create(true).append(true).open(path);
            file.unwrap_or_else(|error| panic!("{}: {error}", path.display())).into()
        });
        Process::start_writing_to(output, command)
    }

    fn command(&self, configuration: &Path) -> Command {
        let mut command = self.started(configuration);
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        if let Some(user) = self.user {
            command.uid(user).gid(user);
        }
        command
    }

    fn started(&self, configuration: &Path) -> Command {
        let Ok(foreign) = std::env::var("MIDGE_TEST_SERVER") else {
            let mut command = Command::new(self.program.clone().unwrap_or_else(environment::midge_program));
            command.args(&self.arguments).arg("-c").arg(configuration);
            return command;
        };
        let mut words = foreign.split_whitespace();
        let mut command = Command::new(words.next().expect("MIDGE_TEST_SERVER names a program"));
        for word in words {
            match word {
                "{config}" => command.arg(configuration),
                "{arguments}" => command.args(&self.arguments),
                word => command.arg(word),
            };
        }
        command
    }
}
