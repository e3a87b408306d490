//! Asking beforehand what a start would meet: everything that it would refuse, and what the server will miss once it has become its
//! `user`.
//!
//! Nothing is decided here. Each part of a start says of itself whether it could be done, by the same rules and as the same user.
//! What must hold: nothing is made, changed or locked, nobody can connect, and a server that is at work with the same
//! configuration is no fault of it.

use std::io;
use std::path::Path;

use midge_net::words;

use crate::failure::Failure;
use crate::listeners::{check_listener, collide};
use crate::log::{Log, LogDestination};
use crate::options::{Endpoint, Options};
use crate::persistence;
use crate::process::{Account, PidFile};
use crate::sinks::SinkOptions;
use crate::web_service;

/// Something to be told.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Finding {
    /// What it is about.
    pub about: About,
    /// A start would fail for it; otherwise it is as well to know.
    pub is_error: bool,
    /// A sentence.
    pub text: String,
    /// What to do, where that is not in the text.
    pub hint: Option<String>,
}

/// What of the options a finding is about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum About {
    /// Whom the server becomes.
    User,
    /// Where lines go.
    Log,
    /// The file for the process id.
    PidFile,
    /// What is kept on disk.
    Persistence,
    /// The file into which messages are written.
    FileSink,
    /// The web service into which messages are written, and that this option names.
    WebSink(&'static str),
    /// The listener of this number.
    Listener(usize),
    /// The network interface of the listener of this number.
    Interface(usize),
    /// The listener of the first number, which cannot be there beside that of the second.
    Collision(usize, usize),
}

/// What is to be told of a start with these options, apart from the files that are read: those are looked at by
/// [`crate::check_file`], [`crate::check_encryption`] and [`crate::check_authority`].
pub fn check(options: &Options) -> Vec<Finding> {
    let mut findings = Findings::default();
    let account = findings.account(options);
    findings.log(options, account.as_ref());
    findings.pid_file(options, account.as_ref());
    findings.persistence(options, account.as_ref());
    findings.file_sink(options, account.as_ref());
    findings.web_sinks(options, account.as_ref());
    findings.listeners(options, account.as_ref());
    findings.0
}

/// How whom a server with these options becomes may come to read a file, in commands for a shell; `None`: it can, or this process is
/// not root and becomes nobody else.
pub fn way_to_read(options: &Options, path: &Path) -> Option<String> {
    let account = Account::of(&options.account, &mut Vec::new()).ok()??;
    account.way_to_read(path)
}

#[derive(Default)]
struct Findings(Vec<Finding>);

impl Findings {
    fn error(&mut self, about: About, failure: &Failure, hint: Option<String>) {
        self.0.push(Finding { about, is_error: true, text: failure.to_string(), hint });
    }

    fn warning(&mut self, about: About, text: &str) {
        let text = text.trim_start_matches("Warning: ").to_owned();
        self.0.push(Finding { about, is_error: false, text, hint: None });
    }

    fn account(&mut self, options: &Options) -> Option<Account> {
        let mut notes = Vec::new();
        let account = Account::of(&options.account, &mut notes);
        notes.iter().for_each(|note| self.warning(About::User, note));
        account.unwrap_or_else(|unknown| {
            let hint = "Make the user (useradd --system NAME), or name another one.".to_owned();
            self.error(About::User, &Failure::Account(unknown), Some(hint));
            None
        })
    }

    fn log(&mut self, options: &Options, account: Option<&Account>) {
        for (destination, checked) in Log::check(&options.log, account) {
            match checked {
                Ok(note) => note.iter().for_each(|note| self.warning(About::Log, note)),
                Err(error) => {
                    let hint = match destination {
                        LogDestination::File(path) => way_to_write(account, path, &error),
                        _ => None,
                    };
                    self.error(About::Log, &Failure::Log(error), hint);
                }
            }
        }
    }

    fn pid_file(&mut self, options: &Options, account: Option<&Account>) {
        let Some(path) = &options.pid_file else { return };
        if let Err(error) = PidFile::check(path, account) {
            let hint = way_to_write(account, path, &error);
            self.error(About::PidFile, &Failure::System("pid_file", error), hint);
        }
    }

    fn persistence(&mut self, options: &Options, account: Option<&Account>) {
        let Some(options) = &options.persistence else { return };
        let (failures, warnings) = persistence::check(options, account);
        for failure in failures {
            let hint = failure.refusal().and_then(|error| way_to_write(account, &options.folder, error));
            self.error(About::Persistence, &Failure::Persistence(failure), hint);
        }
        warnings.iter().for_each(|warning| self.warning(About::Persistence, warning));
    }

    /// A server starts all the same, and its messages wait.
    fn file_sink(&mut self, options: &Options, account: Option<&Account>) {
        let path = options.sinks.iter().find_map(|it| match it {
            SinkOptions::File(file) => Some(Path::new(&file.path)),
            _ => None,
        });
        let Some(path) = path else { return };
        if let Err(error) = Account::check_open_as(account, path) {
            let hint = way_to_write(account, path, &error);
            let text = format!("The file {} takes no messages: {}.", path.display(), words(&error));
            self.0.push(Finding { about: About::FileSink, is_error: false, text, hint });
        }
    }

    /// The same of services that speak TLS, where nobody is trusted to be one. What the account may not read it cannot use.
    fn web_sinks(&mut self, options: &Options, account: Option<&Account>) {
        for sink in &options.sinks {
            let (url, cafile, names) = match sink {
                SinkOptions::InfluxDb(options) => (&options.url, &options.cafile, ["influxdb_url", "influxdb_cafile"]),
                SinkOptions::Webhook(options) => (&options.url, &options.cafile, ["webhook_url", "webhook_cafile"]),
                SinkOptions::File(_) => continue,
            };
            let check = || web_service::check(url, cafile.as_deref());
            let checked = account.map_or_else(|| Ok(check()), |account| account.act(check));
            if let Err(cause) = checked.unwrap_or_else(|error| Err(words(&error))) {
                let advice = if cafile.is_none() { format!(" Name some with {}.", names[1]) } else { String::new() };
                let text = format!("{} takes no messages: {cause}.{advice}", sink.shown());
                self.0.push(Finding { about: About::WebSink(names[0]), is_error: false, text, hint: None });
            }
        }
    }

    fn listeners(&mut self, options: &Options, account: Option<&Account>) {
        let listeners = &options.listeners;
        for (number, listener) in listeners.iter().enumerate() {
            if let Some(other) =
                listeners[..number].iter().position(|other| collide(&listener.endpoint, &other.endpoint))
            {
                let text = "Two listeners cannot have the same port.".to_owned();
                let hint = Some("Take one of them out, or give each an address of its own.".to_owned());
                self.0.push(Finding { about: About::Collision(number, other), is_error: true, text, hint });
                continue;
            }
            let Err(error) = check_listener(listener, account) else { continue };
            let is_absent = error.error.raw_os_error() == Some(rustix::io::Errno::NODEV.raw_os_error());
            let interface = interface_of(&listener.endpoint).filter(|_| is_absent);
            if error.error.kind() == io::ErrorKind::AddrInUse {
                let text = format!("{error}: a server uses it by now, perhaps the one that this is for.");
                self.warning(About::Listener(number), &text);
            } else if options.one_listener_suffices {
                self.warning(About::Listener(number), &format!("{error}."));
            } else if let Some(interface) = interface {
                let hint =
                    format!("There is no network interface '{interface}'; `ip link` shows those that there are.");
                self.error(About::Interface(number), &Failure::Bind(error), Some(hint));
            } else {
                let hint = path_of(&listener.endpoint).and_then(|path| way_to_write(account, path, &error.error));
                self.error(About::Listener(number), &Failure::Bind(error), hint);
            }
        }
    }
}

fn interface_of(endpoint: &Endpoint) -> Option<&str> {
    match endpoint {
        Endpoint::Tcp { interface, .. } => interface.as_deref(),
        Endpoint::Unix(_) => None,
    }
}

fn path_of(endpoint: &Endpoint) -> Option<&Path> {
    match endpoint {
        Endpoint::Unix(path) => Some(path),
        Endpoint::Tcp { .. } => None,
    }
}

/// What to do where a file or folder cannot be made or written to.
fn way_to_write(account: Option<&Account>, path: &Path, error: &io::Error) -> Option<String> {
    let is_lacking = matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied);
    account.filter(|_| is_lacking).map(|account| account.way_to_write(path))
}
