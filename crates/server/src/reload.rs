//! SIGHUP: what the configuration says by now, applied as a whole or not at all.
//!
//! What must hold: everything new is read and checked before anything changes; a fault changes nothing and is told; nobody but
//! those who lose a right notices.

use std::hash::RandomState;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use crate::authority::{Authority, AuthorityOptions};
use crate::boot::Reload;
use crate::journal::Journal;
use crate::log::LogType;
use crate::options::{ListenerOptions, Options};
use crate::peers::Peers;

/// What is to be remembered from one reload to the next.
pub(crate) struct Reloading {
    listeners: Vec<ListenerOptions>,
    /// What an identity was found by is compared over reloads.
    key: RandomState,
}

impl Reloading {
    pub(crate) fn new(options: &Options, key: &RandomState) -> Reloading {
        Reloading { listeners: options.listeners.clone(), key: key.clone() }
    }

    /// Does what can be done, and tells it.
    pub(crate) fn reload(&self, reload: Reload<'_>, peers: &Peers, journal: &mut Journal) {
        journal.line(LogType::Information, format_args!("Reloading config."));
        journal.rotate();
        if let Err(fault) = self.apply(reload, peers, journal) {
            journal.line(LogType::Error, format_args!("{fault}"));
            let text = "The configuration was not reloaded: the server goes on as before.";
            journal.line(LogType::Error, format_args!("Error: {text}"));
        }
    }

    fn apply(&self, reload: Reload<'_>, peers: &Peers, journal: &mut Journal) -> Result<(), String> {
        let options = reload()?;
        let authority = self.authority_of(&options)?;
        let (authority, notes) = Authority::load(authority, &self.key).map_err(|fault| fault.to_string())?;
        notes.iter().for_each(|note| journal.line(LogType::Warning, format_args!("{note}")));
        peers.set_authority(Arc::new(authority));
        wait_until(|| peers.is_authority_in_force());
        journal.line(LogType::Notice, format_args!("The configuration was reloaded."));
        Ok(())
    }

    /// The listeners are those of the start.
    fn authority_of<'a>(&self, options: &'a Options) -> Result<&'a [AuthorityOptions], String> {
        let are_same = self.listeners.len() == options.listeners.len()
            && self.listeners.iter().zip(&options.listeners).all(|(old, new)| old.endpoint == new.endpoint);
        are_same.then_some(&options.authority[..]).ok_or_else(|| {
            "Error: listeners have been added, removed or moved, which takes a restart so far.".to_owned()
        })
    }
}

/// What is told is true then. A shard takes a new authority with its next turn.
fn wait_until(is_so: impl Fn() -> bool) {
    let begun = Instant::now();
    while !is_so() && begun.elapsed() < WAIT_MAX {
        thread::sleep(WAIT_STEP);
    }
}

const WAIT_STEP: Duration = Duration::from_millis(1);

/// No turn takes so long.
const WAIT_MAX: Duration = Duration::from_secs(5);
