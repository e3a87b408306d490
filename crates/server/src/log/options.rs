//! What is logged, how, and where to: as the configuration says.

use std::path::PathBuf;

/// What kind of line it is; `log_type` selects by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogType {
    /// Something failed.
    Error,
    /// Something is not as it should be.
    Warning,
    /// Connections, start and end.
    Notice,
    /// What may be of use.
    Information,
    /// Each packet.
    Debug,
    /// Each Subscription made.
    Subscribe,
    /// Each Subscription removed.
    Unsubscribe,
}

impl LogType {
    /// As `log_type` names it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            LogType::Error => "error",
            LogType::Warning => "warning",
            LogType::Notice => "notice",
            LogType::Information => "information",
            LogType::Debug => "debug",
            LogType::Subscribe => "subscribe",
            LogType::Unsubscribe => "unsubscribe",
        }
    }

    /// As syslog and the journal number it.
    pub(crate) fn priority(self) -> u8 {
        match self {
            LogType::Error => 3,
            LogType::Warning => 4,
            LogType::Notice | LogType::Subscribe | LogType::Unsubscribe => 5,
            LogType::Information => 6,
            LogType::Debug => 7,
        }
    }
}

/// A set of [`LogType`]s.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogTypes(u16);

impl LogTypes {
    /// None at all (`-q`).
    pub const NONE: LogTypes = LogTypes(0);
    /// Everything (`-v`).
    pub const ALL: LogTypes = LogTypes(0x7f);
    /// Error, warning, notice, information: what is logged when nothing is said.
    pub const USUAL: LogTypes = LogTypes(0x0f);

    /// The set with `kind` added.
    #[must_use]
    pub const fn with(self, kind: LogType) -> LogTypes {
        LogTypes(self.0 | 1 << kind as u16)
    }

    /// Whether `kind` is in the set.
    pub const fn contains(self, kind: LogType) -> bool {
        self.0 & (1 << kind as u16) != 0
    }
}

/// Where lines go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LogDestination {
    /// Standard error.
    Stderr,
    /// Standard output.
    Stdout,
    /// Appended to a file, which is opened again when the configuration is read again.
    File(PathBuf),
    /// The system's log, as one of LOCAL0 to LOCAL7, or else as DAEMON.
    Syslog(Option<u8>),
    /// systemd's journal.
    Journald,
    /// Published below `$SYS/broker/log`.
    Topic,
}

/// What is logged, how, and where to.
#[derive(Clone, Debug)]
pub struct LogOptions {
    /// Which lines are written.
    pub types: LogTypes,
    /// Whether lines about connections made and ended are among them.
    pub connection_messages: bool,
    /// Whether each line begins with the time.
    pub timestamp: bool,
    /// strftime format of that time; `None`: seconds since 1970.
    pub timestamp_format: Option<String>,
    /// Whether each line is an object of JSON.
    pub is_json: bool,
    /// Whether another system is to have each line as well.
    pub is_exported: bool,
    /// By what name the system's log has them.
    pub name: &'static str,
    /// All of these get every line.
    pub destinations: Vec<LogDestination>,
}

impl Default for LogOptions {
    fn default() -> Self {
        LogOptions {
            types: LogTypes::USUAL,
            connection_messages: true,
            timestamp: true,
            timestamp_format: None,
            is_json: false,
            is_exported: false,
            name: "midge",
            destinations: vec![LogDestination::Stderr],
        }
    }
}

impl LogOptions {
    /// Whether anybody gets lines of this kind.
    pub(super) fn wants(&self, kind: LogType) -> bool {
        self.types.contains(kind) && self.goes_somewhere()
    }

    /// Whether anybody gets lines.
    pub(super) fn goes_somewhere(&self) -> bool {
        !self.destinations.is_empty() || self.is_exported
    }
}
