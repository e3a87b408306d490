//! What the process is to its system: whose it is, where its number stands, who is told that it runs, what it is told.

mod account;
mod daemon;
mod file_size_limit;
mod handed_over;
mod held_signal;
mod link;
mod owned;
mod pid_file;
mod rights;
mod supervisor;

pub(crate) use account::Account;
pub use account::{NoAccount, Wanted};
pub use daemon::daemonize;
pub use file_size_limit::outlive_file_size_limit;
pub(crate) use handed_over::descriptors;
pub(crate) use held_signal::HeldSignal;
pub(crate) use link::check_link;
pub(crate) use owned::{folder_of, is_on_full_disk, real_path};
pub(crate) use pid_file::PidFile;
pub(crate) use supervisor::{Supervisor, Watchdog};
