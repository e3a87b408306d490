//! `mosquitto.conf` as typed values.
//!
//! One table, [`directives`], says of every option what it is called, what it takes, where it may stand, what it is when
//! not given, and whether it works yet. The parser, its errors and the manual are made from that table; the grammar and
//! the order of events are in `reader`, what the words mean together in `draft`, the result in [`Config`]; [`traps`] finds what is legal and hardly meant.
//!
//! What must hold:
//! - an existing file means here what it means to Mosquitto, and where it is wrong the message is the same;
//! - every option of Mosquitto is known. One that is not built yet never fails silently: it is refused;
//! - an error names file and line, and one reading finds as many as it can;
//! - no input makes it panic.
//!
//! Pure: files come through [`Files`]. Opening ports, resolving names and changing a running server are left to the
//! caller.
#![forbid(unsafe_code)]

mod bridge;
mod config;
mod directives;
mod draft;
mod manual;
mod nearest;
mod network;
mod otlp;
mod plugin;
mod reader;
mod report;
mod sinks;
mod traps;
mod value;
mod vouching;
mod web;

pub use config::{
    Address, Bound, Config, Console, Listener, Log, LogTypes, Persistence, PersistenceSync, Protocol, ProtocolVersions,
    SocketDomain, Tls, TlsVersion, USER,
};
pub use directives::{Directive, Scope, State, Value, directives};
pub use manual::manual;
pub use nearest::nearest_of;
pub use network::Network;
pub use otlp::Otlp;
pub use report::{ConfigError, Excerpt, Level, Mention, Mentions, Note, Place, Problem};
pub use sinks::{FileSink, InfluxDb, Sinks, Template, TemplatePart, TimeUnit, Webhook};
pub use traps::traps;
pub use vouching::{HttpAuth, JwtAuth};

/// How configuration files are read. The server gives the file system, tests a map.
pub trait Files {
    /// The bytes of the file, or why there are none.
    fn read(&self, path: &str) -> Result<Vec<u8>, String>;

    /// The names (not paths) of what is in the folder, in any order, or why there are none.
    fn list(&self, folder: &str) -> Result<Vec<String>, String>;
}

/// What a file says.
#[derive(Clone, PartialEq, Debug)]
pub struct Loaded {
    /// The values, resolved: nothing in them depends on the rest of the file any more.
    pub config: Config,
    /// What the operator should know although the server can start, in the order of the file; what is known only at its
    /// end comes last.
    pub notes: Vec<Note>,
    /// What is mentioned where.
    pub mentions: Mentions,
}

/// Reads the file and those it includes. Paths in it are taken as they stand, not relative to it.
///
/// On error the server must not start.
pub fn load(path: &str, files: &dyn Files) -> Result<Loaded, ConfigError> {
    let mut draft = draft::Draft::new();
    reader::read_main_file(&mut draft, files, path);
    draft.finish()
}

/// The port behind `-p` on the command line; decimal, unlike the integers of the file. The error is the message for the
/// operator.
pub fn port_argument(word: &str) -> Result<u16, String> {
    let invalid = |number: &str| format!("Error: Invalid port specified ({number}).");
    match word.parse::<i64>() {
        Ok(number) => match u16::try_from(number) {
            Ok(port) if port > 0 => Ok(port),
            _ => Err(invalid(&number.to_string())),
        },
        Err(_) => Err(invalid(word)),
    }
}

#[cfg(test)]
mod tests {
    use super::port_argument;

    #[test]
    fn ports_of_the_command_line_are_decimal() {
        let check = |word: &str, expected: Result<u16, &str>| {
            assert_eq!(port_argument(word), expected.map_err(str::to_owned), "{word}");
        };
        check("1883", Ok(1883));
        check("65535", Ok(65535));
        check("010", Ok(10));
        check("0", Err("Error: Invalid port specified (0)."));
        check("65536", Err("Error: Invalid port specified (65536)."));
        check("-1", Err("Error: Invalid port specified (-1)."));
        check("0x75b", Err("Error: Invalid port specified (0x75b)."));
    }
}
