//! What the process is to its system: whose it is, where its number stands, who is told that it runs.

mod account;
mod daemon;
mod handed_over;
mod link;
mod owned;
mod pid_file;
mod supervisor;

pub(crate) use account::Account;
pub use account::{NoAccount, Wanted};
pub use daemon::daemonize;
pub(crate) use handed_over::descriptors;
pub(crate) use link::check_link;
pub(crate) use pid_file::PidFile;
pub(crate) use supervisor::{Supervisor, Watchdog};
