//! `pub`, `sub`, `rr` and the clients that Mosquitto does not have: what they have in common.
//!
//! A tool reads its flags into [`Settings`](settings::Settings), of which [`options`] and [`endpoint`] make what the client library
//! wants. [`session`] drives one connection to its end and finds the exit status; what a tool does in it is its [`Work`](session::Work).

mod doctor;
pub(crate) mod ending;
pub(crate) mod endpoint;
pub(crate) mod flags;
mod input;
mod live;
pub(crate) mod options;
mod printer;
mod progress;
mod publisher;
mod recorder;
mod recording_settings;
mod replayer;
mod requester;
mod retained;
mod session;
pub(crate) mod settings;
pub(crate) mod signals;
mod subscriber;
mod trace;
pub(crate) mod values;

use std::ffi::OsString;

use crate::{Called, Command};
use session::{Session, Work};
use settings::{Settings, Tool};

/// The row of `pub`.
pub(crate) const PUB: Command =
    Command { page: || flags::page(Tool::Publisher), run: |called, words| run(Tool::Publisher, called, words) };

/// The row of `sub`.
pub(crate) const SUB: Command =
    Command { page: || flags::page(Tool::Subscriber), run: |called, words| run(Tool::Subscriber, called, words) };

/// The row of `rr`.
pub(crate) const RR: Command =
    Command { page: || flags::page(Tool::Requester), run: |called, words| run(Tool::Requester, called, words) };

/// The row of `retained`.
pub(crate) const RETAINED: Command =
    Command { page: || flags::page(Tool::Retained), run: |called, words| run(Tool::Retained, called, words) };

/// The row of `record`.
pub(crate) const RECORD: Command =
    Command { page: || flags::page(Tool::Recorder), run: |called, words| run(Tool::Recorder, called, words) };

/// The row of `replay`.
pub(crate) const REPLAY: Command =
    Command { page: || flags::page(Tool::Replayer), run: |called, words| run(Tool::Replayer, called, words) };

/// The row of `doctor`.
pub(crate) const DOCTOR: Command =
    Command { page: || flags::page(Tool::Doctor), run: |called, words| run(Tool::Doctor, called, words) };

/// Does what the words ask for; gives the exit status.
fn run(tool: Tool, called: &Called, words: &[OsString]) -> u8 {
    let settings = match flags::read(tool, words) {
        Ok(settings) => settings,
        Err(stop) => return called.stop(stop, &flags::page(tool)),
    };
    let outcome = match tool {
        Tool::Publisher => publisher::Publisher::new(&settings).and_then(|mut work| connect(&settings, &mut work)),
        Tool::Subscriber => connect(&settings, &mut subscriber::Subscriber::new(&settings)),
        Tool::Requester => requester::Requester::new(&settings).and_then(|mut work| connect(&settings, &mut work)),
        Tool::Recorder => recorder::Recorder::new(&settings).and_then(|mut work| {
            let outcome = connect(&settings, &mut work);
            work.finish(outcome)
        }),
        Tool::Replayer => replayer::Replayer::new(&settings).and_then(|mut work| connect(&settings, &mut work)),
        Tool::Doctor => doctor::run(&settings),
        Tool::Retained => retained::Retained::new(&settings).and_then(|mut work| connect(&settings, &mut work)),
    };
    outcome.unwrap_or_else(|failure| match failure {
        Failure::Usage(message) => called.wrong(&message),
        Failure::Other(message) => {
            settings.complain(&message);
            1
        }
    })
}

/// Why nothing was done.
#[derive(Debug)]
enum Failure {
    /// The words are wrong together.
    Usage(String),
    /// Something else is missing, such as a file.
    Other(String),
}

fn connect(settings: &Settings, work: &mut dyn Work) -> Result<u8, Failure> {
    Session::new(settings, work.goes_on()).map(|session| session.run(work)).map_err(Failure::Other)
}

impl Settings {
    /// Tells people something, unless they want quiet.
    fn complain(&self, message: &str) {
        if !self.is_quiet {
            eprintln!("{message}");
        }
    }
}
