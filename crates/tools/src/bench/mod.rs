//! `bench`: measures servers under load.
//!
//! The flags make [`Plan`](scenario::Plan), what is done, and [`Server`](server::Server)s. In each round every server has its turn: a
//! [`Round`](round::Round) plays clients on threads ([`worker`]), each with a driver of the client library; messages are
//! [`flow`], clients that come and go [`storm`]. What rounds give goes into a [`Report`](report::Report), which [`table`], [`json`] and
//! [`html`] show.

mod board;
mod chart;
mod figures;
mod flags;
mod flow;
mod html;
mod json;
mod ledger;
mod pace;
mod report;
mod round;
#[cfg(test)]
mod samples;
mod scenario;
mod sender;
mod server;
pub(crate) mod settings;
mod stamp;
mod storm;
mod streams;
mod table;
mod target;
mod watch;
mod worker;

use std::ffi::OsString;
use std::fs::OpenOptions;
use std::hash::{BuildHasher, RandomState};
use std::path::Path;
use std::sync::Arc;
use std::{fs, io, process};

use rustix::process::{Resource, getrlimit, setrlimit};

use crate::clients::ending::STATUS_LOST;
use crate::clients::settings::Settings;
use crate::{Called, Command, output};
use report::Report;
use round::{End, NothingMeasured, Round};
use scenario::Plan;
use server::Server;
pub(crate) use settings::LoadSettings;
use watch::Watch;

/// The row of `bench`.
pub(crate) const COMMAND: Command = Command { page: || flags::TABLE.page(), run };

/// Does what the words ask for; gives the exit status.
fn run(called: &Called, words: &[OsString]) -> u8 {
    let settings = match flags::read(words) {
        Ok(settings) => settings,
        Err(stop) => return called.stop(stop, &flags::TABLE.page()),
    };
    let prepared = Plan::new(&settings).and_then(|plan| {
        let servers = server::servers(&settings, &plan)?;
        check_open_files(&plan)?;
        settings.load.html.as_deref().map_or(Ok(()), check_writable)?;
        Ok((plan, servers))
    });
    match prepared {
        Ok((plan, servers)) => measure(&settings, &Arc::new(plan), &servers),
        Err(message) => called.wrong(&message),
    }
}

/// Measures all servers in all rounds, and shows what came of it.
fn measure(settings: &Settings, plan: &Arc<Plan>, servers: &[Arc<Server>]) -> u8 {
    let mut report =
        Report::new(Plan::clone(plan), servers.iter().map(|server| (server.name.clone(), server.address.clone())));
    let mut watch = match Watch::new(settings.is_quiet) {
        Ok(watch) => watch,
        Err(error) => return fail(&format!("Error: {}.", output::reason(&error))),
    };
    let status = play(settings, plan, servers, &mut watch, &mut report);
    watch.clear();
    let shown = if report.is_empty() { 0 } else { show(&report, &settings.load) };
    status.max(shown)
}

/// Plays all rounds, until one does not go well. Gives the exit status.
fn play(settings: &Settings, plan: &Arc<Plan>, servers: &[Arc<Server>], watch: &mut Watch, report: &mut Report) -> u8 {
    for round in 1..=plan.rounds {
        for (number, server) in servers.iter().enumerate() {
            watch.begin(match plan.rounds {
                1 => server.name.clone(),
                rounds => format!("round {round} of {rounds}, {}", server.name),
            });
            let measured = Round::new(plan, server, &topic_prefix(settings)).run(watch);
            match measured {
                Ok(measurement) => {
                    let interrupted = match measurement.end {
                        End::Interrupted(signal) => Some(128 + signal),
                        _ => None,
                    };
                    report.add(number, measurement);
                    if let Some(status) = interrupted {
                        return status;
                    }
                }
                Err(NothingMeasured::Interrupted(signal)) => return 128 + signal,
                Err(NothingMeasured::Failed(message)) => {
                    watch.clear();
                    let named =
                        if servers.len() > 1 { format!("\n(This was {}.)", server.name) } else { String::new() };
                    return fail(&format!("{message}{named}"));
                }
            }
        }
    }
    match (report.is_broken(), report.has_faults()) {
        (true, _) => STATUS_LOST,
        (false, true) => STATUS_FAULTS,
        (false, false) => 0,
    }
}

/// Shows the report, and writes it where that is wanted. Gives the exit status.
fn show(report: &Report, load: &LoadSettings) -> u8 {
    output::print(&if load.is_json { json::text(report) } else { table::text(report) });
    let Some(path) = &load.html else { return 0 };
    match fs::write(path, html::text(report)) {
        Ok(()) => 0,
        Err(error) => fail(&unwritable(path, &error)),
    }
}

/// A report that cannot be written is told before anything is measured. Leaves what is there as it is.
fn check_writable(path: &Path) -> Result<(), String> {
    let is_new = match path.metadata() {
        Ok(there) if there.is_file() => false,
        // To open a pipe, or a terminal, would be to use it.
        Ok(_) => return Ok(()),
        Err(_) => true,
    };
    let opened = OpenOptions::new().append(true).create(true).open(path);
    opened.map_err(|error| unwritable(path, &error))?;
    if is_new {
        let _ = fs::remove_file(path);
    }
    Ok(())
}

fn unwritable(path: &Path, error: &io::Error) -> String {
    format!("Error: Unable to write \"{}\": {}.", path.display(), output::reason(error))
}

fn fail(message: &str) -> u8 {
    eprintln!("{message}");
    1
}

/// Topics of each round are its own, so that nothing of another one is mistaken for a message of it.
fn topic_prefix(settings: &Settings) -> String {
    let chance = RandomState::new().hash_one(process::id()) as u16;
    settings.topics.last().cloned().unwrap_or_else(|| format!("bench/{chance:04x}"))
}

/// Lets the process open as many files as the system allows, which must be enough.
fn check_open_files(plan: &Plan) -> Result<(), String> {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    // What counts is what there is afterwards.
    let _ = setrlimit(Resource::Nofile, limit);
    let (clients, most) = (plan.shape.clients() as u64, getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX));
    if clients + OTHER_FILES > most {
        return Err(format!(
            "Error: {clients} clients are more than this process may have open files (ulimit -Hn): {most}."
        ));
    }
    Ok(())
}

/// Messages were lost, doubled or came out of their order.
const STATUS_FAULTS: u8 = 2;

/// What the process has open beside its clients, at most.
const OTHER_FILES: u64 = 32;
