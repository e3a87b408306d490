//! The table: every option of `mosquitto.conf`, and ours.
//!
//! One entry says all there is to know of an option. How its value is taken and where it goes is one thing
//! ([`Take`]), so that type and target cannot differ. The entries are grouped by what they are about; the order in a
//! group is that of a manual page.

mod bridge;
mod console;
mod limits;
mod listener;
mod log;
mod otlp;
mod security;
mod server;
mod sinks;
mod tls;
mod tokens;

use crate::draft::Draft;
use crate::value::Words;

/// All options, grouped.
pub fn directives() -> impl Iterator<Item = &'static Directive> {
    TABLE.iter().flat_map(|(_, group)| group.iter())
}

/// One option of the file.
#[derive(Debug)]
pub struct Directive {
    /// The first word of its line. One that ends with `_` stands for every word that begins with it.
    pub name: &'static str,
    /// Other first words with the same meaning.
    pub aliases: &'static [&'static str],
    /// Where it may stand.
    pub scope: Scope,
    /// What holds when it is not given, as one would write it; empty when it cannot be written.
    pub default: &'static str,
    /// A new value counts when the file is read again; otherwise only after a restart.
    pub reloadable: bool,
    /// Does it work?
    pub state: State,
    /// Why the state is not [`State::Works`]: what the operator should know, a sentence after a colon.
    pub reason: &'static str,
    /// What it is for, a sentence.
    pub doc: &'static str,
    /// What surprises even people who know Mosquitto; may be empty.
    pub note: &'static str,
    /// Of several lines the last one counts, with a warning. Mosquitto's own options are silent about that, and so are ours that
    /// are like them.
    pub(crate) is_single: bool,
    pub(crate) take: Take,
}

/// Where an option may stand.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Scope {
    /// Anywhere; counts for the whole server.
    Global,
    /// Anywhere, for all listeners; with `per_listener_settings true` below a listener, for that one.
    Security,
    /// Below a listener, for that one.
    Listener,
    /// Below a listener, for that one; above all of them for the default listener.
    ListenerOrDefault,
    /// Below a `listener` line; the default listener does not have it.
    StatedListener,
    /// Below a `connection`, for that bridge.
    Bridge,
    /// Below a plugin, for that one.
    Plugin,
}

/// Does an option work?
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum State {
    /// As it says.
    Works,
    /// Not yet. Its default is accepted without a word, as it changes nothing; any other value keeps the server from starting.
    Planned,
    /// In a server that is built with the cargo feature of this name; any other does not start with it.
    WithFeature(&'static str),
    /// Never: nothing is left for it to do. Accepted, with a note.
    Ignored,
}

/// What an option takes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Value {
    /// `true`, `false`, `1` or `0`.
    Bool,
    /// One word: `0x10`, `020` and `16` are the same.
    Integer {
        /// Smallest that is accepted.
        min: i64,
        /// Largest that is accepted.
        max: i64,
    },
    /// One word, decimal.
    Decimal {
        /// Smallest that is accepted.
        min: i64,
        /// Largest that is accepted.
        max: i64,
    },
    /// One of these words.
    Choice(&'static [&'static str]),
    /// The rest of the line, with everything in it.
    Text,
    /// The same, and it is the path of a file or folder that must be there.
    Path,
    /// Several words, as the description says.
    Words,
}

impl Directive {
    /// What it takes.
    pub fn value(&self) -> Value {
        match &self.take {
            Take::Bool(_) => Value::Bool,
            Take::Integer(bounds, _) => Value::Integer { min: bounds.min, max: bounds.max },
            Take::Decimal(bounds, _) => Value::Decimal { min: bounds.min, max: bounds.max },
            Take::Choice(words, _) => Value::Choice(words),
            Take::Text(..) => Value::Text,
            Take::Path(..) | Take::IncludeDir => Value::Path,
            Take::Words(_) | Take::Anything => Value::Words,
        }
    }
}

/// How a value is taken, and what is done with it.
#[derive(Debug)]
pub(crate) enum Take {
    Bool(fn(&mut Draft, bool)),
    Integer(Bounds, fn(&mut Draft, i64)),
    Decimal(Bounds, fn(&mut Draft, i64)),
    Choice(&'static [&'static str], fn(&mut Draft, &'static str)),
    Text(Again, fn(&mut Draft, String)),
    /// A text that names a file or folder to be read.
    Path(Again, fn(&mut Draft, String)),
    /// A grammar of its own.
    Words(fn(&mut Draft, Given<'_>)),
    /// The reader's own: more files.
    IncludeDir,
    /// The value is not looked at.
    Anything,
}

/// What an integer must be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    pub(crate) min: i64,
    pub(crate) max: i64,
    /// The error for any other; `{}` stands for the number.
    pub(crate) outside: &'static str,
}

/// What it means that a string is given twice for the same thing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Again {
    Error,
    /// The last one counts.
    Replaces,
    /// Both count.
    Adds,
}

/// A line whose directive has a grammar of its own.
#[derive(Clone, Copy)]
pub(crate) struct Given<'a> {
    /// The first word as it was written.
    pub(crate) name: &'a str,
    pub(crate) words: Words<'a>,
}

/// Every name of an option, the usual one first.
pub(crate) fn names(directive: &'static Directive) -> impl Iterator<Item = &'static str> {
    std::iter::once(directive.name).chain(directive.aliases.iter().copied())
}

/// The option that a first word names.
pub(crate) fn find(word: &str) -> Option<&'static Directive> {
    let matches = |name: &str| name == word || (name.ends_with('_') && word.starts_with(name));
    directives().find(|directive| names(directive).any(matches))
}

/// The groups, with what they are about.
pub(crate) const TABLE: [(&str, &[Directive]); 11] = [
    ("The server, and what it keeps", server::DIRECTIVES),
    ("Listeners", listener::DIRECTIVES),
    ("Limits", limits::DIRECTIVES),
    ("Logging", log::DIRECTIVES),
    ("Who may do what", security::DIRECTIVES),
    ("Tokens, and web services", tokens::DIRECTIVES),
    ("TLS", tls::DIRECTIVES),
    ("Console", console::DIRECTIVES),
    ("Other systems that messages are handed on to", sinks::DIRECTIVES),
    ("A collector of OpenTelemetry", otlp::DIRECTIVES),
    ("Bridges", bridge::DIRECTIVES),
];

// How entries are written.

/// An option that works, is not reloadable, and has no default; the methods say what else it is.
const fn directive(name: &'static str, scope: Scope, take: Take) -> Directive {
    Directive {
        name,
        aliases: &[],
        scope,
        default: "",
        reloadable: false,
        state: State::Works,
        reason: "",
        doc: "",
        note: "",
        is_single: false,
        take,
    }
}

impl Directive {
    const fn aliases(mut self, aliases: &'static [&'static str]) -> Self {
        self.aliases = aliases;
        self
    }

    const fn default(mut self, default: &'static str) -> Self {
        self.default = default;
        self
    }

    const fn doc(mut self, doc: &'static str) -> Self {
        self.doc = doc;
        self
    }

    const fn note(mut self, note: &'static str) -> Self {
        self.note = note;
        self
    }

    const fn reloadable(mut self) -> Self {
        self.reloadable = true;
        self
    }

    const fn single(mut self) -> Self {
        self.is_single = true;
        self
    }

    /// Not yet, and the server does not start with it.
    const fn refused(mut self, reason: &'static str) -> Self {
        self.state = State::Planned;
        self.reason = reason;
        self
    }

    /// Only in a server that is built with this cargo feature, which everything else does without.
    const fn with_feature(mut self, feature: &'static str) -> Self {
        self.state = State::WithFeature(feature);
        self
    }

    const fn ignored(mut self, reason: &'static str) -> Self {
        self.state = State::Ignored;
        self.reason = reason;
        self
    }
}

/// The setter of what is read only so far.
fn nothing<T>(_: &mut Draft, _: T) {}

/// A number that may be anything; a negative one usually counts as 0.
const ANY: Bounds = Bounds { min: i32::MIN as i64, max: i32::MAX as i64, outside: "" };

/// 0 and below are no limit.
fn limit(number: i64) -> Option<u32> {
    u32::try_from(number).ok().filter(|limit| *limit > 0)
}

/// As [`limit`], for bytes.
fn limit_bytes(number: i64) -> Option<u64> {
    u64::try_from(number).ok().filter(|limit| *limit > 0)
}
