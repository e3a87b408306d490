//! Asks for a password, which is not shown while it is typed.

use std::io::{self, BufRead, Stdin};
use std::process;

use rustix::termios::{LocalModes, OptionalActions, Termios, isatty, tcgetattr, tcsetattr};
use signal_hook::consts::TERM_SIGNALS;
use signal_hook::iterator::{Handle, Signals};
use signal_hook::low_level::emulate_default_handler;

use crate::output::print;

/// What came of asking for a new password.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Typed {
    /// Both times the same.
    Password(Vec<u8>),
    /// Nothing, once or twice.
    Nothing,
    /// Another one the second time.
    Different,
}

/// Asks for a new password twice.
pub(crate) fn new_password(first: &str, second: &str) -> Typed {
    let Some(password) = password(first) else { return Typed::Nothing };
    match self::password(second) {
        None => Typed::Nothing,
        Some(again) if again == password => Typed::Password(password),
        Some(_) => Typed::Different,
    }
}

/// Asks for a password. `None`: nothing was typed.
pub(crate) fn password(prompt: &str) -> Option<Vec<u8>> {
    print(prompt);
    let stdin = io::stdin();
    let mut line = Vec::new();
    let silence = Silence::begin(&stdin);
    let read = stdin.lock().read_until(b'\n', &mut line);
    drop(silence);
    let end = line.iter().rposition(|byte| !matches!(byte, b'\r' | b'\n')).map_or(0, |last| last + 1);
    line.truncate(end);
    if read.is_err() || line.is_empty() {
        return None;
    }
    print("\n");
    Some(line)
}

/// A terminal that does not show what is typed, for as long as this lives: also where the process is ended meanwhile.
struct Silence {
    before: Termios,
    signals: Option<Handle>,
}

impl Silence {
    /// `None`: standard input is no terminal.
    fn begin(stdin: &Stdin) -> Option<Silence> {
        let before = isatty(stdin).then(|| tcgetattr(stdin).ok())??;
        let mut silent = before.clone();
        silent.local_modes.remove(LocalModes::ECHO);
        let signals = restore_when_ended(&before);
        tcsetattr(stdin, OptionalActions::Now, &silent).ok()?;
        Some(Silence { before, signals })
    }
}

impl Drop for Silence {
    fn drop(&mut self) {
        restore(&self.before);
        self.signals.iter().for_each(Handle::close);
    }
}

fn restore(before: &Termios) {
    // Nothing can be done about a terminal that has gone.
    let _ = tcsetattr(io::stdin(), OptionalActions::Now, before);
}

/// The thread ends with the handle, or ends the process as the signal would have done.
fn restore_when_ended(before: &Termios) -> Option<Handle> {
    let mut signals = Signals::new(TERM_SIGNALS).ok()?;
    let (handle, before) = (signals.handle(), before.clone());
    std::thread::spawn(move || {
        if let Some(signal) = signals.forever().next() {
            restore(&before);
            let _ = emulate_default_handler(signal);
            process::exit(1);
        }
    });
    Some(handle)
}
