//! A tool in a terminal, and what is seen there.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, Signal, kill_process};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

/// A tool, and the terminal that shows what it writes.
pub(crate) struct Terminal {
    keyboard: File,
    parser: vt100::Parser,
    child: Child,
}

impl Terminal {
    /// Starts the tool in a terminal of so many columns and rows.
    pub(crate) fn start(mut command: Command, columns: u16, rows: u16) -> Terminal {
        let controller = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a terminal");
        grantpt(&controller).expect("granted");
        unlockpt(&controller).expect("unlocked");
        let name = ptsname(&controller, Vec::new()).expect("a name").into_string().expect("text");
        let side = || OwnedFd::from(File::options().read(true).write(true).open(&name).expect("the other side"));
        tcsetwinsize(&controller, size(columns, rows)).expect("a size");
        let child = command.stdin(side()).stdout(side()).stderr(side()).spawn().expect("it starts");
        Terminal { keyboard: controller.into(), parser: vt100::Parser::new(rows, columns, 0), child }
    }

    /// The lines on the screen, without blanks at their ends and without empty ones at the end.
    pub(crate) fn picture(&self) -> Vec<String> {
        let columns = self.parser.screen().size().1;
        let mut lines: Vec<_> = self.parser.screen().rows(0, columns).map(|line| line.trim_end().to_owned()).collect();
        while lines.last().is_some_and(String::is_empty) {
            lines.pop();
        }
        lines
    }

    /// Reads until the picture is as it should be.
    #[track_caller]
    pub(crate) fn sees(&mut self, what: &str, is_right: impl Fn(&[String]) -> bool) {
        let deadline = Instant::now() + Duration::from_secs(20);
        while !is_right(&self.picture()) {
            assert!(Instant::now() < deadline, "expected {what}, seen {:#?}", self.picture());
            let mut ready = [PollFd::new(&self.keyboard, PollFlags::IN)];
            let patience = Timespec { tv_sec: 1, tv_nsec: 0 };
            if poll(&mut ready, Some(&patience)) == Ok(1) {
                let mut bytes = [0; 4096];
                let count = self.keyboard.read(&mut bytes).unwrap_or(0);
                assert!(count > 0, "expected {what}, seen {:#?}", self.picture());
                self.parser.process(&bytes[..count]);
            }
        }
    }

    /// Reads until this is the picture.
    #[track_caller]
    pub(crate) fn shows(&mut self, expected: &[&str]) {
        self.sees(&format!("{expected:#?}"), |picture| picture == expected);
    }

    /// Somebody pulls at the corner of the window.
    pub(crate) fn resize(&mut self, columns: u16, rows: u16) {
        tcsetwinsize(&self.keyboard, size(columns, rows)).expect("a size");
        self.parser.screen_mut().set_size(rows, columns);
    }

    /// Somebody presses these keys.
    pub(crate) fn press(&mut self, keys: &str) {
        self.keyboard.write_all(keys.as_bytes()).expect("pressed");
    }

    /// Ends the tool as Ctrl-C does; gives its status.
    pub(crate) fn interrupt(mut self) -> Option<i32> {
        kill_process(Pid::from_child(&self.child), Signal::INT).expect("it runs");
        self.child.wait().expect("it ends").code()
    }

    /// Waits for its end; gives its status.
    pub(crate) fn ends(mut self) -> Option<i32> {
        self.child.wait().expect("it ends").code()
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // It has ended, or the test has failed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn size(columns: u16, rows: u16) -> Winsize {
    Winsize { ws_col: columns, ws_row: rows, ws_xpixel: 0, ws_ypixel: 0 }
}
