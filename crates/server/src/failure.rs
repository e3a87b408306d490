//! What keeps a server from starting, and the exit status that goes with it.

use std::fmt;
use std::io;

use midge_net::tls::TlsError;
use midge_net::{BindError, words};

use crate::authority::FileProblem;
use crate::persistence;
use crate::process::NoAccount;

/// Why the server could not start, in a sentence. It stands in the log too, as far as there is one.
#[derive(Debug)]
pub struct StartError {
    pub(crate) text: String,
    /// Whether it already went to standard error.
    pub is_told: bool,
    /// Whether there was no log yet, nor anything else.
    pub is_before_log: bool,
    /// The exit status that goes with it.
    pub status: u8,
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for StartError {}

/// What keeps a server from starting.
#[derive(Debug)]
pub(crate) enum Failure {
    Account(NoAccount),
    Log(io::Error),
    Bind(BindError),
    /// The listener of the configuration that begins there has the port, or the path.
    Collision(BindError, Option<String>),
    Tls(TlsError),
    Persistence(persistence::Failure),
    Access(FileProblem),
    System(&'static str, io::Error),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Bind(error) => {
                write!(f, "{error}")?;
                if error.error.kind() == io::ErrorKind::AddrInUse {
                    write!(f, ". Another server uses it, perhaps mosquitto or a second midge")?;
                }
                f.write_str(".")
            }
            Failure::Collision(error, Some(place)) => write!(f, "{error}. The listener at {place} has it."),
            Failure::Collision(error, None) => write!(f, "{error}. Another listener of the configuration has it."),
            Failure::Tls(error) => write!(f, "{error}"),
            Failure::Account(error) => write!(f, "{error}."),
            Failure::Log(error) => write!(f, "{}.", words(error)),
            Failure::Persistence(error) => write!(f, "{error}"),
            // It says itself that it is an error.
            Failure::Access(error) => f.write_str(error.to_string().trim_start_matches("Error: ")),
            Failure::System(what, error) => write!(f, "{what}: {}.", words(error)),
        }
    }
}

impl Failure {
    /// As Mosquitto's.
    pub(crate) fn status(&self) -> u8 {
        match self {
            Failure::Access(FileProblem::Unreadable { .. }) => STATUS_UNREADABLE,
            Failure::Access(FileProblem::Malformed(_)) | Failure::Account(_) => STATUS_MALFORMED,
            _ => STATUS_FAILURE,
        }
    }

    /// There is no log yet in which it could stand.
    pub(crate) fn before_there_is_a_log(&self) -> StartError {
        StartError { text: format!("Error: {self}"), is_told: false, is_before_log: true, status: self.status() }
    }
}

const STATUS_FAILURE: u8 = 1;
const STATUS_MALFORMED: u8 = 3;
const STATUS_UNREADABLE: u8 = 13;
