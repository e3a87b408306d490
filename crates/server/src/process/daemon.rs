//! `-d`: into the background.

use std::fs::OpenOptions;
use std::io;

/// Goes on in a process without a terminal; the one that was started ends with status 0. To be called before there are
/// threads, which do not come along.
pub fn daemonize() -> io::Result<()> {
    // SAFETY: there is one thread, so that the child has everything that the parent had.
    match unsafe { libc::fork() } {
        -1 => return Err(io::Error::last_os_error()),
        0 => {}
        _ => std::process::exit(0),
    }
    rustix::process::setsid()?;
    let nothing = OpenOptions::new().read(true).write(true).open("/dev/null")?;
    rustix::stdio::dup2_stdin(&nothing)?;
    rustix::stdio::dup2_stdout(&nothing)?;
    rustix::stdio::dup2_stderr(&nothing)?;
    Ok(())
}
