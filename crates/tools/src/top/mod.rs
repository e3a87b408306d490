//! `midge top`: what a running server does, as a picture that is drawn anew, or as lines.

mod flags;
mod look;
mod picture;
mod sort;
mod terminal;

use std::ffi::OsString;
use std::io;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use self::flags::{Options, TABLE};
use self::look::Look;
use self::sort::SortKey;
use self::terminal::Terminal;
use crate::admin::{AdminSocket, choose};
use crate::clients::signals::Signals;
use crate::flags::{Reader, Stop};
use crate::output::print;
use crate::{Called, Command, RunningServer};

/// The row of the command.
pub(crate) const COMMAND: Command = Command { page: || TABLE.page(), run };

fn run(called: &Called, words: &[OsString]) -> u8 {
    let (options, server) = match wish(words) {
        Ok(wish) => wish,
        Err(stop) => return called.stop(stop, &TABLE.page()),
    };
    let socket = match AdminSocket::open(called, &server) {
        Ok(socket) => socket,
        Err(status) => return status,
    };
    let outcome = Top::new(socket, &options).and_then(|mut top| top.run(&options));
    match outcome {
        Ok(()) => 0,
        Err(message) => {
            eprintln!("{message}");
            1
        }
    }
}

fn wish(words: &[OsString]) -> Result<(Options, RunningServer), Stop> {
    let mut reader = Reader::new(&TABLE, Options::default());
    let operands = reader.read_with_operands_between(words)?;
    let mut options = reader.finish()?;
    let server = choose(options.server.take(), &operands)?;
    Ok((options, server))
}

/// See the module.
struct Top {
    socket: AdminSocket,
    signals: Signals,
    terminal: Option<Terminal>,
    sort: SortKey,
    is_paused: bool,
    look: Look,
}

/// What ends a wait.
#[derive(PartialEq, Eq)]
enum Wake {
    Time,
    /// Something else is to be shown.
    Redraw,
    /// Other clients are to be shown.
    Again,
    End,
}

impl Top {
    /// The first look has no rates, and is not shown.
    fn new(mut socket: AdminSocket, options: &Options) -> Result<Top, String> {
        let signals = Signals::new().map_err(|error| format!("Error: unable to wait for signals: {error}."))?;
        let look = Look::at(&mut socket, options.sort, 1, None)?;
        let terminal = if options.is_json { None } else { Terminal::open() };
        Ok(Top { socket, signals, terminal, sort: options.sort, is_paused: false, look })
    }

    fn run(&mut self, options: &Options) -> Result<(), String> {
        if self.wait(options.interval.min(FIRST)) == Wake::End {
            return Ok(());
        }
        let mut looks = 0;
        loop {
            self.look_again(options)?;
            self.show(options);
            looks += 1;
            if options.looks.is_some_and(|max| looks >= max) || !self.wait_for_next(options) {
                return Ok(());
            }
        }
    }

    fn look_again(&mut self, options: &Options) -> Result<(), String> {
        let limit = if self.terminal.is_some() { Terminal::size().1.min(1_000) } else { options.limit };
        self.look = Look::at(&mut self.socket, self.sort, limit, Some(&self.look))?;
        Ok(())
    }

    fn show(&self, options: &Options) {
        if options.is_json {
            return print(&format!("{}\n", self.look.json()));
        }
        let Some(terminal) = &self.terminal else {
            let lines = picture::lines(&self.look, self.sort, LINE_COLUMNS, usize::MAX, None);
            return print(&format!("{}\n\n", lines.join("\n")));
        };
        let keys = match (terminal.has_keys(), self.is_paused) {
            (false, _) => "Ctrl-C ends",
            (true, false) => "sort: t r s u w c  pause: p  end: q",
            (true, true) => "paused  go on: p  end: q",
        };
        let (columns, rows) = Terminal::size();
        Terminal::show(&picture::lines(&self.look, self.sort, columns, rows, Some(keys)));
    }

    /// Whether it is looked again.
    fn wait_for_next(&mut self, options: &Options) -> bool {
        let due = Instant::now() + options.interval;
        loop {
            let left = if self.is_paused { PAUSED } else { due.saturating_duration_since(Instant::now()) };
            match self.wait(left.min(REDRAW)) {
                Wake::End => return false,
                Wake::Again => return true,
                Wake::Time if !self.is_paused && Instant::now() >= due => return true,
                // The window may have another size.
                Wake::Time if self.terminal.is_some() => self.show(options),
                Wake::Time => {}
                Wake::Redraw => self.show(options),
            }
        }
    }

    fn wait(&mut self, patience: Duration) -> Wake {
        let stdin = io::stdin();
        let has_keys = self.terminal.as_ref().is_some_and(Terminal::has_keys);
        let mut fds = vec![PollFd::new(&self.signals, PollFlags::IN)];
        if has_keys {
            fds.push(PollFd::new(&stdin, PollFlags::IN));
        }
        let patience = Timespec { tv_sec: patience.as_secs() as i64, tv_nsec: i64::from(patience.subsec_nanos()) };
        // A signal ends the wait, and is looked at below.
        let _ = poll(&mut fds, Some(&patience));
        let is_pressed = fds.get(1).is_some_and(|fd| !fd.revents().is_empty());
        drop(fds);
        if self.signals.take().is_some() {
            return Wake::End;
        }
        if is_pressed { self.obey_keys() } else { Wake::Time }
    }

    fn obey_keys(&mut self) -> Wake {
        let keys = self.terminal.as_ref().map(Terminal::keys).unwrap_or_default();
        // A terminal that has gone is ready for ever.
        if keys.is_empty() {
            return Wake::End;
        }
        let mut wake = Wake::Redraw;
        for key in keys {
            match key {
                b'q' | END_OF_TEXT => return Wake::End,
                b'p' | b' ' => self.is_paused = !self.is_paused,
                key => {
                    if let Some(sort) = SortKey::of_key(key) {
                        self.sort = sort;
                        wake = Wake::Again;
                    }
                }
            }
        }
        wake
    }
}

/// The first rates are seen after this.
const FIRST: Duration = Duration::from_secs(1);

/// A window that was resized is drawn anew after this.
const REDRAW: Duration = Duration::from_millis(250);

/// For as long as nothing is pressed.
const PAUSED: Duration = Duration::from_secs(3_600);

/// Columns of lines that are no picture.
const LINE_COLUMNS: usize = 160;

/// Ctrl-D.
const END_OF_TEXT: u8 = 4;
