//! A configuration while its lines are read, and what the lines mean together once all are.
//!
//! Directives write into a [`Draft`]. Some of what they say depends on others: whether clients may be anonymous follows
//! from whether there is a listener at all, and the default listener exists only when something asks for it. That is
//! decided in [`Draft::finish`].

use std::collections::BTreeMap;
use std::mem;

use crate::Loaded;
use crate::bridge::Bridge;
use crate::config::{Address, Config, Listener, PORT, Protocol, UNIX_SOCKET_MODE};
use crate::directives::{Directive, Scope, Value};
use crate::plugin::{Plugin, User};
use crate::report::{ConfigError, Excerpt, Level, Mention, Mentions, Note, Place, Problem};
use crate::sinks::Fault;
use crate::traps::is_local;
use crate::value::{NoInteger, Words, c_integer, shown, text};
use crate::vouching::{HttpAuth, JwtAuth};

/// What the lines read so far say.
pub(crate) struct Draft {
    /// What holds for the whole server; its listeners are in `listeners` until the end.
    pub(crate) config: Config,
    /// The default listener, then those of `listener` lines.
    listeners: Vec<DraftListener>,
    /// A `port` or `bind_address` asks for the default listener.
    default_stated: bool,
    /// Options that only the default listener could have, and where they stand.
    default_options: Vec<(String, Place)>,
    /// `per_listener_settings true`.
    per_listener: bool,
    /// An option of [`Scope::Security`] was read.
    security_seen: bool,
    /// What options of [`Scope::Security`] say, but below a listener with `per_listener`.
    security: Security,
    /// `log_dest`: where to, once one was given.
    pub(crate) log_dest_given: bool,
    /// What following lines belong to.
    pub(crate) context: Context,
    pub(crate) plugins: Vec<Plugin>,
    bridges: Vec<Bridge>,
    /// What may not be given again, or not without a word, and where it was given last.
    given: BTreeMap<(&'static str, usize), Place>,
    /// The files being read, the main one first.
    pub(crate) reading: Vec<Reading>,
    problems: Vec<Problem>,
    /// How many of them Mosquitto would find only when it opens its listeners.
    late_problems: usize,
    notes: Vec<Note>,
    mentions: Mentions,
}

/// A file that is being read.
pub(crate) struct Reading {
    pub(crate) file: String,
    /// The number of the current line.
    pub(crate) line: u32,
    /// What stands there.
    pub(crate) bytes: Vec<u8>,
}

/// Which part of the current line is to blame.
#[derive(Clone, Copy)]
pub(crate) enum Part<'a> {
    /// The first word.
    Name,
    /// All that follows it; where there is nothing, the place where it is missing.
    Value,
    /// This word behind the first one.
    Word(&'a [u8]),
}

/// What a line belongs to that needs something above it. It ends with its file.
#[derive(Clone, Copy, Default)]
pub(crate) struct Context {
    listener: Option<usize>,
    bridge: Option<usize>,
    /// In [`Draft::plugins`].
    pub(crate) plugin: Option<usize>,
}

/// A listener as far as it is known.
struct DraftListener {
    /// What is decided at the end has its default.
    listener: Listener,
    /// Said below this listener.
    security: Security,
}

/// Options that may be said for all listeners or for one.
#[derive(Clone, Default)]
pub(crate) struct Security {
    pub(crate) allow_anonymous: Option<bool>,
    pub(crate) allow_zero_length_clientid: Option<bool>,
    pub(crate) auto_id_prefix: Option<String>,
    pub(crate) password_file: Option<String>,
    pub(crate) acl_file: Option<String>,
    pub(crate) psk_file: Option<String>,
    pub(crate) acl_denies_special_chars: bool,
    jwt: JwtAuth,
    http: HttpAuth,
}

impl Draft {
    pub(crate) fn new() -> Self {
        Draft {
            config: Config::without_file(),
            listeners: vec![DraftListener::new(Address::Tcp { port: PORT, host: None }, None)],
            default_stated: false,
            default_options: Vec::new(),
            per_listener: false,
            security_seen: false,
            security: Security::default(),
            log_dest_given: false,
            context: Context::default(),
            plugins: Vec::new(),
            bridges: Vec::new(),
            given: BTreeMap::new(),
            reading: Vec::new(),
            problems: Vec::new(),
            late_problems: 0,
            notes: Vec::new(),
            mentions: Mentions::default(),
        }
    }

    // Where a line stands.

    /// May an option of this scope stand here? If not, an error says what is missing above it.
    pub(crate) fn enter(&mut self, scope: Scope, name: &str) -> bool {
        let missing = match scope {
            Scope::Global => None,
            Scope::Security => {
                self.security_seen = true;
                (self.per_listener && self.context.listener.is_none()).then_some("a listener")
            }
            Scope::Listener => self.context.listener.is_none().then_some("a listener"),
            Scope::ListenerOrDefault => {
                self.enter_listener(name);
                None
            }
            Scope::StatedListener => self.context.listener.is_none_or(|index| index == DEFAULT).then_some("a listener"),
            Scope::Bridge => self.context.bridge.is_none().then_some("a bridge"),
            Scope::Plugin => self.context.plugin.is_none().then_some("plugin/global_plugin/plugin_load"),
        };
        if let Some(missing) = missing {
            let text = format!("The '{name}' option requires {missing} to be defined first.");
            self.error_in(Part::Name, text, None);
        }
        missing.is_none()
    }

    /// Without a listener above it, the option and those that follow go to the default one.
    fn enter_listener(&mut self, name: &str) {
        if self.context.listener.is_none() {
            self.context.listener = Some(DEFAULT);
        }
        if self.context.listener == Some(DEFAULT) {
            let place = self.place();
            self.default_options.push((name.to_owned(), place));
        }
    }

    /// The listener that an option of a listener's scope belongs to.
    pub(crate) fn listener(&mut self) -> &mut Listener {
        &mut self.current().listener
    }

    /// The security that belongs to that listener alone.
    pub(crate) fn listener_security(&mut self) -> &mut Security {
        &mut self.current().security
    }

    fn current(&mut self) -> &mut DraftListener {
        &mut self.listeners[self.context.listener.unwrap_or(DEFAULT)]
    }

    /// Where an option of [`Scope::Security`] belongs.
    pub(crate) fn security(&mut self) -> &mut Security {
        if self.per_listener { self.listener_security() } else { &mut self.security }
    }

    pub(crate) fn jwt(&mut self) -> &mut JwtAuth {
        &mut self.security().jwt
    }

    pub(crate) fn http(&mut self) -> &mut HttpAuth {
        &mut self.security().http
    }

    /// A `listener` line.
    pub(crate) fn open_listener(&mut self, address: Address) {
        let place = self.place();
        self.context.listener = Some(self.listeners.len());
        self.listeners.push(DraftListener::new(address, Some(place)));
    }

    /// A `console_listener` line.
    pub(crate) fn open_console(&mut self, address: Address) {
        self.open_listener(address);
        self.listener().protocol = Protocol::Console;
    }

    /// A `port` or `bind_address` line: following lines belong to the default listener. Gives its port and host.
    pub(crate) fn open_default_listener(&mut self) -> (&mut u16, &mut Option<String>) {
        let place = self.place();
        self.default_stated = true;
        self.context.listener = Some(DEFAULT);
        let listener = &mut self.listeners[DEFAULT].listener;
        listener.place.get_or_insert(place);
        match &mut listener.address {
            Address::Tcp { port, host } => (port, host),
            Address::Unix(_) => unreachable!("the default listener is made with a port"),
        }
    }

    /// A `connection` line.
    pub(crate) fn open_bridge(&mut self, is_named: bool) {
        let place = self.place();
        self.context.bridge = Some(self.bridges.len());
        self.bridges.push(Bridge::new(place, is_named));
    }

    /// The bridge that an option of [`Scope::Bridge`] belongs to.
    pub(crate) fn bridge(&mut self) -> &mut Bridge {
        let index = self.context.bridge.expect("such an option may only stand below a bridge");
        &mut self.bridges[index]
    }

    /// A line that names a plugin.
    pub(crate) fn open_plugin(&mut self, plugin: Plugin) {
        self.context.plugin = Some(self.plugins.len());
        self.plugins.push(plugin);
    }

    /// The plugin that options belong to here.
    pub(crate) fn plugin(&mut self) -> Option<&mut Plugin> {
        self.context.plugin.and_then(|at| self.plugins.get_mut(at))
    }

    /// Who uses a plugin that is named here as other settings of [`Scope::Security`] are.
    pub(crate) fn plugin_user(&self) -> User {
        if self.per_listener { self.plugin_user_here() } else { User::Shared }
    }

    /// The listener of the current line, which uses a plugin for itself.
    pub(crate) fn plugin_user_here(&self) -> User {
        User::Listener(self.context.listener.unwrap_or(DEFAULT))
    }

    /// The settings of who uses a plugin.
    pub(crate) fn securities(&mut self, user: User) -> Vec<&mut Security> {
        match user {
            User::Shared => vec![&mut self.security],
            User::Listener(at) => vec![&mut self.listeners[at].security],
            User::All if !self.per_listener => vec![&mut self.security],
            User::All => self.listeners.iter_mut().map(|listener| &mut listener.security).collect(),
        }
    }

    /// `per_listener_settings`: once on it stays on, and it cannot come after what it changes the meaning of.
    pub(crate) fn set_per_listener(&mut self, on: bool) {
        if on && !self.per_listener && self.security_seen {
            self.error("per_listener_settings must be set before any other security settings.");
        }
        self.per_listener |= on;
    }

    /// Is this the first time that the string is given, to what it belongs to here?
    pub(crate) fn is_first(&mut self, name: &'static str, scope: Scope) -> bool {
        self.given_before(name, scope).is_none()
    }

    /// Where the option was given last, to what it belongs to here; from now on that is the current line.
    pub(crate) fn given_before(&mut self, name: &'static str, scope: Scope) -> Option<Place> {
        let belongs_to = match scope {
            Scope::Global | Scope::Plugin => None,
            Scope::Security => self.context.listener.filter(|_| self.per_listener),
            Scope::Bridge => self.context.bridge,
            Scope::Listener | Scope::ListenerOrDefault | Scope::StatedListener => self.context.listener,
        };
        let place = self.place();
        self.given.insert((name, belongs_to.map_or(0, |index| index + 1)), place)
    }

    // What is told.

    /// The current line.
    pub(crate) fn place(&self) -> Place {
        let place = |one: &Reading, included_at| Place { file: one.file.clone(), line: one.line, included_at };
        let mut files = self.reading.iter();
        let main = files.next().map(|main| place(main, None));
        let included = files.next().map(|included| place(included, main.clone().map(Box::new)));
        included.or(main).unwrap_or_else(|| Place { file: String::new(), line: 0, included_at: None })
    }

    /// An error in the value.
    pub(crate) fn error(&mut self, text: impl Into<String>) {
        self.error_in(Part::Value, text, None);
    }

    /// An error in the value, which Mosquitto would find only when it opens its listeners.
    pub(crate) fn late_error(&mut self, text: String) {
        self.error(text);
        self.late_problems += 1;
    }

    pub(crate) fn error_in(&mut self, part: Part<'_>, text: impl Into<String>, hint: Option<String>) {
        let (place, excerpt) = (Some(self.place()), Some(self.excerpt(part)));
        self.problems.push(Problem { text: text.into(), place, hint, excerpt });
    }

    /// The current line is wrong, and has something in it that is not to be shown.
    pub(crate) fn error_unshown(&mut self, text: impl Into<String>, hint: Option<String>) {
        let place = Some(self.place());
        self.problems.push(Problem { text: text.into(), place, hint, excerpt: None });
    }

    fn excerpt(&self, part: Part<'_>) -> Excerpt {
        let line = self.reading.last().map_or(&[][..], |reading| &reading.bytes);
        let mut words = Words(line);
        let name = words.next().unwrap_or_default();
        let name_end = line.len() - words.0.len();
        let value = words.rest();
        let value_start = name_end + words.0.len() - words.0.trim_ascii_start().len();
        let bytes = match part {
            Part::Name => name_end - name.len()..name_end,
            Part::Value if value.is_empty() => line.len()..line.len(),
            Part::Value => value_start..value_start + value.len(),
            Part::Word(word) => {
                let at = words.0.windows(word.len().max(1)).position(|part| part == word);
                at.map_or(name_end..line.len(), |at| name_end + at..name_end + at + word.len())
            }
        };
        Excerpt::new(line, bytes)
    }

    /// The current line gives this option.
    pub(crate) fn mention(&mut self, directive: &'static Directive) {
        self.add_mention(directive.name, directive.value() == Value::Path, self.value());
    }

    /// The current line names, in words of its own, the file that this option would name.
    pub(crate) fn mention_path(&mut self, directive: &'static str, path: &str) {
        self.add_mention(directive, true, path.to_owned());
    }

    fn add_mention(&mut self, directive: &'static str, is_path: bool, value: String) {
        let (place, excerpt) = (self.place(), self.excerpt(Part::Value));
        self.mentions.lines.push(Mention { directive, value, is_path, place, excerpt });
    }

    /// What stands behind the first word of the current line.
    fn value(&self) -> String {
        let mut words = Words(self.reading.last().map_or(&[][..], |reading| &reading.bytes));
        words.next();
        String::from_utf8_lossy(words.rest()).into_owned()
    }

    /// A line is wrong that gives this option.
    pub(crate) fn note_faulty(&mut self, directive: Option<&'static str>) {
        self.mentions.faulty.extend(directive);
    }

    /// An error that no line is to blame for.
    pub(crate) fn error_nowhere(&mut self, text: String, hint: String) {
        self.problems.push(Problem { text, place: None, hint: Some(hint), excerpt: None });
    }

    pub(crate) fn errors(&self) -> usize {
        self.problems.len()
    }

    pub(crate) fn note(&mut self, level: Level, text: String) {
        let place = self.place();
        self.notes.push(Note { level, text, place });
    }

    pub(crate) fn add_note(&mut self, note: Note) {
        self.notes.push(note);
    }

    pub(crate) fn warn(&mut self, text: String) {
        self.note(Level::Warning, text);
    }

    /// A word that must be an integer as C writes it; otherwise an error says what it is.
    pub(crate) fn integer(&mut self, name: &str, word: Option<&[u8]>) -> Option<i64> {
        self.number(name, word, c_integer)
    }

    /// As [`Draft::integer`], with another notation.
    pub(crate) fn number(
        &mut self,
        name: &str,
        word: Option<&[u8]>,
        read: fn(&[u8]) -> Result<i64, NoInteger>,
    ) -> Option<i64> {
        let word = self.word(name, word)?;
        let why = match read(word) {
            Ok(number) => return Some(number),
            Err(NoInteger::NotANumber) => "not a number",
            Err(NoInteger::OutOfRange) => "out of range",
        };
        self.error_in(Part::Word(word), format!("'{name}' value {why}."), None);
        None
    }

    /// A word that must be there.
    pub(crate) fn word<'a>(&mut self, name: &str, word: Option<&'a [u8]>) -> Option<&'a [u8]> {
        if word.is_none() {
            self.error(format!("Empty '{name}' value in configuration."));
        }
        word
    }

    /// The rest of a line, which must be there.
    pub(crate) fn text(&mut self, name: &str, bytes: &[u8]) -> Option<String> {
        if bytes.is_empty() {
            self.error(format!("Empty '{name}' value in configuration."));
            return None;
        }
        let text = text(bytes);
        if text.is_none() {
            self.error("Malformed UTF-8 in configuration.");
        }
        text
    }

    pub(crate) fn invalid(&mut self, name: &str, word: &[u8]) {
        self.error_in(Part::Word(word), format!("Invalid '{name}' value ({}).", shown(word)), None);
    }

    // What it means.

    /// The configuration, if there is no error.
    pub(crate) fn finish(mut self) -> Result<Loaded, ConfigError> {
        let has_listener_lines = self.listeners[DEFAULT + 1..].iter().any(|draft| !draft.is_console());
        let opens_default = self.default_stated || (has_listener_lines && !self.default_options.is_empty());
        self.note_default_options(has_listener_lines);
        self.check_encryption();
        self.check_pre_shared_keys();
        self.check_tokens();
        self.check_sinks();
        for plugin in mem::take(&mut self.plugins) {
            if let Err(problem) = plugin.apply(&mut self) {
                self.problems.push(*problem);
            }
        }
        self.problems.extend(self.bridges.iter().filter_map(Bridge::problem));
        self.check_transports();
        let Draft { problems, notes, mentions, late_problems, .. } = &mut self;
        let (problems, notes, mentions) = (mem::take(problems), mem::take(notes), mem::take(mentions));
        let is_late = *late_problems == problems.len();
        let config = self.resolve(opens_default, has_listener_lines);
        if problems.is_empty() {
            return Ok(Loaded { config, notes, mentions });
        }
        let config = (!mentions.lines.is_empty()).then(|| Box::new(config));
        let status = if is_late { STATUS_LATE } else { STATUS_MALFORMED };
        Err(ConfigError { problems, notes, mentions, config, status })
    }

    /// The values, none of which depends on another line any more.
    fn resolve(self, opens_default: bool, has_listener_lines: bool) -> Config {
        let first = if opens_default { DEFAULT } else { DEFAULT + 1 };
        let local_only = !opens_default && !has_listener_lines;
        let resolve = |listener: &DraftListener| listener.resolve(&self.security, self.per_listener, local_only);
        if local_only {
            // Options of the default listener are not used, so it is as if nothing was said of it.
            let listener = DraftListener::new(Address::Tcp { port: PORT, host: None }, None);
            let consoles: Vec<Listener> = self.listeners[first..].iter().map(resolve).collect();
            let mut config = self.config.on_loopback(&resolve(&listener), &[PORT]);
            config.listeners.extend(consoles);
            config
        } else {
            let listeners = self.listeners[first..].iter().map(resolve).collect();
            Config { listeners, local_only, ..self.config }
        }
    }

    /// Options of encryption that do not go together.
    fn check_encryption(&mut self) {
        for DraftListener { listener, .. } in &self.listeners {
            let Some(place) = &listener.place else { continue };
            if let Some((option, text)) = listener.tls.fault(listener.enable_proxy_protocol == Some(2)) {
                self.problems.push(self.mentions.problem_of(option, place, text));
            } else if listener.tls.is_idle() && !listener.is_wrong() {
                let text =
                    "Connections to this listener are not encrypted, as it has no certfile and keyfile.".to_owned();
                self.notes.push(Note { level: Level::Warning, text, place: place.clone() });
            }
        }
    }

    /// A hint without keys lets in nobody, keys without a hint guard nothing.
    fn check_pre_shared_keys(&mut self) {
        let hinted = || self.listeners.iter().filter(|draft| draft.listener.tls.psk_hint.is_some());
        let has_file = |draft: &DraftListener| {
            draft.security.psk_file.is_some() || !self.per_listener && self.security.psk_file.is_some()
        };
        if let Some(draft) = hinted().find(|draft| !has_file(draft)) {
            let text = "The 'psk_hint' option requires a psk_file.".to_owned();
            let place = draft.listener.place.clone().or_else(|| Some(self.mentions.last_of("psk_hint")?.place.clone()));
            self.problems.push(Problem { text, place, hint: None, excerpt: None });
        } else if let (None, Some(place)) =
            (hinted().next(), self.mentions.last_of("psk_file").map(|mention| &mention.place))
        {
            let text =
                "The 'psk_file' option is not used: no listener has a psk_hint, so that nobody is asked for a key.";
            self.notes.push(Note { level: Level::Warning, text: text.to_owned(), place: place.clone() });
        }
    }

    /// Options of tokens that do not go together.
    fn check_tokens(&mut self) {
        let mut faults: Vec<_> = self.security.jwt.fault().map(|text| (text, None)).into_iter().collect();
        faults.extend(self.listeners.iter().filter_map(|DraftListener { listener, security }| {
            security.jwt.fault().map(|text| (text, listener.place.clone()))
        }));
        for (text, place) in faults {
            let place = place.or_else(|| self.mentions.first_of("auth_jwt_"));
            self.problems.push(Problem { text: text.to_owned(), place, hint: None, excerpt: None });
        }
    }

    /// Options of other systems that do not go together.
    fn check_sinks(&mut self) {
        for Fault { directive, text, missing } in
            self.config.sinks.faults().into_iter().chain(self.config.otlp.faults())
        {
            if self.mentions.are_faulty(missing) {
                continue;
            }
            let mention = self.mentions.last_of(directive);
            let place = mention.map(|mention| mention.place.clone()).or_else(|| self.mentions.first_of(directive));
            // A password is not shown.
            let excerpt = mention.filter(|_| !directive.ends_with("password")).map(|mention| mention.excerpt.clone());
            self.problems.push(Problem { text: text.to_owned(), place, hint: None, excerpt });
        }
        for (directive, text) in self.config.sinks.idle_options() {
            if let Some(Mention { place, .. }) = self.mentions.last_of(directive) {
                let text = format!("The '{directive}' option {text}");
                self.notes.push(Note { level: Level::Warning, text, place: place.clone() });
            }
        }
    }

    /// Options about what lies between the socket and MQTT that do not go together.
    fn check_transports(&mut self) {
        for DraftListener { listener, .. } in &self.listeners {
            let Some(place) = &listener.place else { continue };
            if listener.proxy_protocol_v2_require_tls && listener.enable_proxy_protocol != Some(2) {
                let text = "The 'proxy_protocol_v2_require_tls' option requires enable_proxy_protocol 2.";
                self.problems.push(self.mentions.problem_of("proxy_protocol_v2_require_tls", place, text));
            }
            if listener.tls.use_subject_as_username
                && !listener.tls.is_on()
                && listener.enable_proxy_protocol == Some(2)
            {
                let text = "use_subject_as_username cannot be used with `enable_proxy_protocol 2`.";
                let hint = Some("A proxy tells the common name only: use_identity_as_username.".to_owned());
                let problem = self.mentions.problem_of("use_subject_as_username", place, text);
                self.problems.push(Problem { hint, ..problem });
            }
            let has_port = matches!(listener.address, Address::Tcp { .. }) && !listener.is_wrong();
            if listener.unix_socket_mode != UNIX_SOCKET_MODE && has_port {
                let text = "The 'unix_socket_mode' option has no effect on a listener with a port.".to_owned();
                self.notes.push(Note { level: Level::Warning, text, place: place.clone() });
            }
            if let Some((option, text)) = listener.http_fault() {
                self.problems.push(self.mentions.problem_of(option, place, text));
            }
            if let Some(name) = listener.idle_websockets_option() {
                let text = format!("The '{name}' option has no effect on a listener without `protocol websockets`.");
                self.notes.push(Note { level: Level::Warning, text, place: place.clone() });
            }
        }
    }

    /// Options that stand above every listener seldom do what was meant: they are for one more listener, or for none.
    fn note_default_options(&mut self, has_listener_lines: bool) {
        if self.default_stated {
            return;
        }
        let why = if has_listener_lines {
            "stands above every listener: the server listens on port 1883 too, for this. Put it below a 'listener' line."
        } else {
            "is not used: no 'listener' is above it. The server can be reached from this machine only."
        };
        let notes = self.default_options.drain(..).map(|(name, place)| {
            let text = format!("The '{name}' option {why}");
            Note { level: Level::Warning, text, place }
        });
        self.notes.extend(notes);
    }
}

impl DraftListener {
    fn new(address: Address, place: Option<Place>) -> Self {
        DraftListener { listener: Listener { place, ..Listener::new(address) }, security: Security::default() }
    }

    fn is_console(&self) -> bool {
        self.listener.protocol == Protocol::Console
    }

    /// What is said below the listener counts before what is said for all; `per_listener` leaves only the former.
    fn resolve(&self, for_all: &Security, per_listener: bool, local_only: bool) -> Listener {
        let (own, nothing) = (&self.security, &Security::default());
        let for_all = if per_listener { nothing } else { for_all };
        let stated = own.allow_anonymous.or(for_all.allow_anonymous);
        let plain = self.listener.clone();
        let vouching = if per_listener { own } else { for_all };
        let file = |own: &Option<String>, for_all: &Option<String>| own.clone().or_else(|| for_all.clone());
        Listener {
            password_file: file(&own.password_file, &for_all.password_file),
            acl_file: file(&own.acl_file, &for_all.acl_file),
            psk_file: file(&own.psk_file, &for_all.psk_file),
            acl_denies_special_chars: own.acl_denies_special_chars || for_all.acl_denies_special_chars,
            jwt: vouching.jwt.clone(),
            http: vouching.http.clone(),
            // Whoever cannot be reached from outside needs no line for a first try.
            allow_anonymous: stated.unwrap_or(local_only && (!self.is_console() || is_local(&self.listener))),
            anonymous_stated: stated.is_some(),
            allow_zero_length_clientid: own
                .allow_zero_length_clientid
                .or(for_all.allow_zero_length_clientid)
                .unwrap_or(plain.allow_zero_length_clientid),
            auto_id_prefix: own
                .auto_id_prefix
                .clone()
                .or(for_all.auto_id_prefix.clone())
                .unwrap_or(plain.auto_id_prefix.clone()),
            ..plain
        }
    }
}

/// The listener that `port`, `bind_address` and options above every `listener` are about.
const DEFAULT: usize = 0;

/// The exit status for a configuration that is wrong.
const STATUS_MALFORMED: u8 = 3;

/// And for a listener that cannot be opened.
const STATUS_LATE: u8 = 1;
