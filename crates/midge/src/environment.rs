//! What containers say in the environment of the process: whose it is to be, and for whom its files are.

use std::env;

use midge_server::Wanted;
use rustix::fs::Mode;

/// `PUID` and `PGID` count more than the configuration. 0 says nothing, as in Mosquitto.
pub(crate) fn apply(account: &mut Wanted) {
    let number = |name| env::var(name).ok()?.trim().parse::<u32>().ok().filter(|number| *number > 0);
    (account.user_number, account.group_number) = (number("PUID"), number("PGID"));
}

/// `UMASK_SET`: permissions that new files do not have, octal. The error is the message for the user.
pub(crate) fn set_umask() -> Result<(), String> {
    let Some(word) = env::var("UMASK_SET").ok().filter(|word| !word.is_empty()) else { return Ok(()) };
    let mask = u32::from_str_radix(&word, 8).ok().filter(|mask| *mask <= 0o777);
    let mask = mask.ok_or_else(|| format!("Error: UMASK_SET is octal, such as 027, not '{word}'."))?;
    rustix::process::umask(Mode::from_raw_mode(mask));
    Ok(())
}
