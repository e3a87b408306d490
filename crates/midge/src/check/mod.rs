//! `midge check FILE`, and `--test-config`: all that is wrong with a configuration and the files it names, and all that is right
//! and dangerous.
//!
//! Nothing is decided here: what a server would say at its start is said beforehand, with the line beside it.

mod flags;
mod text;

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::Path;

use midge_config::{Config, Excerpt, Files, Level, Loaded, Mention, Mentions, Note, Place, Problem};
use midge_server::{About, EncryptionFault, FileProblem, Finding, Identity, ListenerOptions, Options};

use self::flags::TABLE;
use self::text::{coloured, explained, is_colourful};
use crate::files::FileSystem;
use crate::persistence::{self, Environment};
use crate::subcommand::{self, Subcommand};
use crate::{Status, console_users, environment};

/// The row of the command.
pub(crate) const SUBCOMMAND: Subcommand = Subcommand { page: || TABLE.page(), run };

fn run(words: &[OsString]) -> Status {
    subcommand::run(&TABLE, flags::parse(words), |wish| check(&wish.file, wish.is_strict))
}

/// Tells what is to be said of this configuration file.
pub(crate) fn check(path: &str, is_strict: bool) -> Status {
    let findings = Findings::of(path);
    let is_colourful = is_colourful();
    for text in findings.errors.iter().chain(&findings.warnings) {
        eprintln!("{}", if is_colourful { coloured(text) } else { text.clone() });
    }
    match (findings.errors.len(), findings.warnings.len()) {
        (1.., _) => Status::Usage,
        (0, 1..) if is_strict => Status::Failure,
        (0, _) => {
            crate::say(format_args!("Configuration file is OK."));
            Status::Success
        }
    }
}

/// The same as this error, with its line and what to do, where a check of the file finds it.
pub(crate) fn located(error: &str, path: &str) -> Option<String> {
    Findings::of(path).errors.into_iter().find(|found| found.starts_with(error))
}

/// An error in one of the files that the configuration names.
fn in_file(problem: midge_auth::Problem) -> String {
    let midge_auth::Problem { text, file, line, hint, excerpt } = problem;
    let place = Some(Place { file, line, included_at: None });
    let excerpt = excerpt.map(|midge_auth::Excerpt { line, bytes }| Excerpt::new(line.as_bytes(), bytes));
    explained(&Problem { text, place, hint: Some(hint), excerpt })
}

/// What is to be told, each in one or more lines.
#[derive(Default)]
struct Findings {
    errors: Vec<String>,
    warnings: Vec<String>,
    /// Where the configuration says what.
    mentions: Mentions,
}

/// Files that remember which of them were read.
#[derive(Default)]
struct Remembering(RefCell<Vec<String>>);

impl Files for Remembering {
    fn read(&self, path: &str) -> Result<Vec<u8>, String> {
        self.0.borrow_mut().push(path.to_owned());
        FileSystem.read(path)
    }

    fn list(&self, folder: &str) -> Result<Vec<String>, String> {
        FileSystem.list(folder)
    }
}

impl Findings {
    /// All that is to be said of a configuration file. One that has errors is looked at as far as its good lines go.
    fn of(path: &str) -> Findings {
        let mut findings = Findings::default();
        let files = Remembering::default();
        let (config, notes) = match midge_config::load(path, &files) {
            Ok(Loaded { config, notes, mentions }) => {
                findings.mentions = mentions;
                (Some(config), notes)
            }
            Err(error) => {
                findings.errors.extend(error.problems.iter().map(explained));
                findings.mentions = error.mentions;
                (error.config.map(|config| *config), error.notes)
            }
        };
        if let Some(mut config) = config {
            if let Some(options) = findings.options_of(&mut config) {
                findings.forget_unused_files(&options);
                findings.take_files();
                findings.take_start(&config, &options);
                findings.take_authority(&options);
                findings.take_encryption(&config, &options.listeners);
                findings.take_unreadable(&options, &files.0.into_inner());
            }
            let traps = midge_config::traps(&config, &findings.mentions);
            findings.take_notes(&traps);
            findings.take_notes(&console_users::unknown(&config, &findings.mentions));
        }
        findings.take_notes(&notes);
        findings
    }

    /// What a server would be started with; `None`: the environment is wrong, which was told.
    fn options_of(&mut self, config: &mut Config) -> Option<Options> {
        let environment = Environment::of_process();
        if let Err(message) = persistence::relocate(&mut config.persistence, &environment) {
            self.errors.push(message);
            return None;
        }
        let mut options = Options::from_config(config, Identity::Midge);
        if let Some(persistence) = &mut options.persistence {
            persistence.allow_symlinks = environment.allows_symlinks;
        }
        environment::apply(&mut options.account);
        Some(options)
    }

    fn take_notes(&mut self, notes: &[Note]) {
        self.warnings.extend(notes.iter().map(ToString::to_string));
    }

    /// No start looks at what nobody uses. Where lines are wrong, they may be why nobody does.
    fn forget_unused_files(&mut self, options: &Options) {
        if self.errors.is_empty() {
            let is_used = |mention: &Mention| {
                mention.directive == "include_dir" || options.files().any(|file| file == Path::new(&mention.value))
            };
            self.mentions.lines.retain(|mention| !mention.is_path || is_used(mention));
        }
    }

    /// The files that the configuration names, each once.
    fn take_files(&mut self) {
        let mut seen = BTreeSet::new();
        let paths: Vec<Mention> = self.mentions.paths().cloned().collect();
        for named in paths.iter().filter(|named| seen.insert((named.directive, &named.value))) {
            match midge_server::check_file(named.directive, &named.value) {
                Ok(warnings) => self.warnings.extend(warnings),
                Err(FileProblem::Malformed(error)) => self.errors.extend(error.problems.into_iter().map(in_file)),
                Err(problem) => {
                    let text = problem.to_string().trim_start_matches("Error: ").to_owned();
                    self.error(text, Some(named), &named.value, None);
                }
            }
        }
    }

    /// What the server would do with the machine that it runs on.
    fn take_start(&mut self, config: &Config, options: &Options) {
        for Finding { about, is_error, mut text, hint } in midge_server::check(options) {
            if let About::Collision(_, other) = about
                && let Some(place) = &config.listeners[other].place
            {
                text = format!("The listener at {place} has the same port or path.");
            }
            let (mention, word) = self.mention_of(about, config);
            match is_error {
                true => self.error(text, mention.as_ref(), &word, hint),
                false => self.warning(text, mention.map(|mention| mention.place)),
            }
        }
    }

    /// The line that a finding is about, and what of it.
    fn mention_of(&self, about: About, config: &Config) -> (Option<Mention>, String) {
        let last = |directive: &str, word: Option<&String>| {
            (self.mentions.last_of(directive).cloned(), word.cloned().unwrap_or_default())
        };
        let listener = |number: usize, word: Option<&String>| {
            let place = config.listeners[number].place.as_ref();
            let mention = place.and_then(|place| self.mentions.at(place)).cloned();
            (mention, word.cloned().unwrap_or_default())
        };
        match about {
            About::User => last("user", None),
            About::Log => {
                let to_file = config.log.file.as_ref();
                let line = to_file.and_then(|path| {
                    self.mentions.lines.iter().find(|it| it.directive == "log_dest" && it.value.ends_with(path))
                });
                (line.or_else(|| self.mentions.last_of("log_dest")).cloned(), to_file.cloned().unwrap_or_default())
            }
            About::PidFile => last("pid_file", None),
            About::FileSink => last("file_sink", None),
            About::WebSink(directive) => last(directive, None),
            About::Persistence => {
                let (located, _) = last("persistence_location", None);
                (located.or_else(|| self.mentions.last_of("persistence").cloned()), String::new())
            }
            About::Listener(number) | About::Collision(number, _) => listener(number, None),
            About::Interface(number) => {
                let interface = config.listeners[number].bind_interface.clone().unwrap_or_default();
                let mention = self.mentions.find("bind_interface", &interface).cloned();
                (mention, interface)
            }
        }
    }

    /// Files that are right each, and do not go together. Those that are wrong were told with their lines.
    fn take_authority(&mut self, options: &Options) {
        if let Err(FileProblem::Unusable { directive, text }) = midge_server::check_authority(&options.authority) {
            let mention = self.mentions.last_of(directive).cloned();
            self.error(text, mention.as_ref(), "", None);
        }
    }

    /// Certificates, keys and ciphers of each listener.
    fn take_encryption(&mut self, config: &Config, options: &[ListenerOptions]) {
        let mut told = BTreeSet::new();
        for (listener, options) in config.listeners.iter().zip(options) {
            let place = listener.place.as_ref();
            match midge_server::check_encryption(options) {
                Ok(warnings) => self.warnings.extend(warnings),
                Err(faults) => faults.into_iter().for_each(|EncryptionFault { directive, value, text }| {
                    let lines = self.mentions.of_listener(place);
                    let is_named = |mention: &&Mention| {
                        Some(&mention.value) == value.as_ref() && directive.is_none_or(|it| it == mention.directive)
                    };
                    let named = lines.iter().find(is_named);
                    let mention = named.or_else(|| self.mentions.at(place?)).cloned();
                    if told.insert((mention.as_ref().map(|it| it.place.to_string()), text.clone())) {
                        self.error(text, mention.as_ref(), "", None);
                    }
                }),
            }
        }
    }

    /// What the server cannot read once it is not root any more.
    fn take_unreadable(&mut self, options: &Options, read: &[String]) {
        let named = self.mentions.paths().map(|it| (it.directive, it.value.clone(), Some(it.place.clone())));
        let own = read.iter().map(|path| (CONFIGURATION_FILE, path.clone(), None));
        let mut seen = BTreeSet::new();
        for (what, path, place) in own.chain(named).collect::<Vec<_>>() {
            if !seen.insert(path.clone()) {
                continue;
            }
            if let Some(way) = midge_server::way_to_read(options, Path::new(&path)) {
                let consequence = match what {
                    CONFIGURATION_FILE => " again: it cannot be told to reload",
                    "http_dir" => ": browsers get an error (500)",
                    _ => " again: what changes in it counts after a restart only",
                };
                let text = format!(
                    "the server, which does not stay root, cannot read the {what} {path}{consequence}. To change that: {way}"
                );
                self.warning(text, place);
            }
        }
    }

    /// `word` is the part of the value that is to be marked.
    fn error(&mut self, text: String, mention: Option<&Mention>, word: &str, hint: Option<String>) {
        let place = mention.map(|mention| mention.place.clone());
        let excerpt: Option<Excerpt> = mention.map(|mention| mention.excerpt.narrowed_to(word));
        self.errors.push(explained(&Problem { text, place, hint, excerpt }));
    }

    fn warning(&mut self, text: String, place: Option<Place>) {
        self.warnings.push(match place {
            Some(place) => Note { level: Level::Warning, text, place }.to_string(),
            None => format!("Warning: {text}"),
        });
    }
}

/// What stands before the path of one, as the directive before others.
const CONFIGURATION_FILE: &str = "configuration file";
