//! `doctor`: looks at the way to a server and at what it lets a client do, step by step, with a line for each.
//!
//! What lies before MQTT is looked at with a connection of its own, which is closed again ([`way`]); then a client comes, and sends
//! messages to itself ([`visit`]). Nothing is retained, and no Session stays.

mod report;
mod visit;
mod way;

use std::hash::{BuildHasher, RandomState};
use std::process;

use self::report::Report;
use self::visit::Visit;
use super::Failure;
use super::session::{Session, Work};
use super::settings::{ClientSettings, Settings};
use super::{endpoint, options};

/// Examines; gives the exit status.
///
/// # Errors
/// When the words are wrong, or a file cannot be read.
pub(super) fn run(settings: &Settings) -> Result<u8, Failure> {
    // What is wrong is told here, in a line of its own; and no Session is to stay.
    let client = ClientSettings { is_persistent: false, session_expiry_interval_s: None, ..settings.client.clone() };
    let settings = &Settings { is_quiet: true, client, ..settings.clone() };
    let endpoint = endpoint::endpoint(settings).map_err(Failure::Other)?;
    options::options(settings).map_err(Failure::Other)?;
    let mut report = Report::new();
    if way::examine(&endpoint, settings.tls.is_insecure, &mut report) {
        let topic = settings.topics.last().cloned().unwrap_or_else(own_topic);
        let mut visit = Visit::new(settings, &topic, &mut report);
        let session = Session::new(settings, visit.goes_on()).map_err(Failure::Other)?;
        session.run(&mut visit);
        visit.finish();
    }
    Ok(report.finish())
}

/// A topic that nobody else uses.
fn own_topic() -> String {
    format!("midge-doctor/{:016x}", RandomState::new().hash_one(process::id()))
}
