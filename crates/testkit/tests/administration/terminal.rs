//! Tools in a pseudo-terminal: what is typed and what is seen.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus};
use std::time::{Duration, Instant};

use midge_testkit::environment::scratch_folder;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, Signal, kill_process};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, tcgetattr};

use crate::tool::{ours, words};

/// A tool in a terminal of its own.
pub(crate) struct Terminal {
    keyboard: File,
    /// All that was seen.
    pub(crate) screen: String,
    child: Child,
}

impl Terminal {
    pub(crate) fn start(program: &Path, line: &str, folder: &Path) -> Terminal {
        let controller = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a terminal");
        grantpt(&controller).expect("granted");
        unlockpt(&controller).expect("unlocked");
        let name = ptsname(&controller, Vec::new()).expect("a name").into_string().expect("text");
        let side = || OwnedFd::from(File::options().read(true).write(true).open(&name).expect("the other side"));
        let mut command = Command::new(program);
        command.args(words(line)).current_dir(folder).env("HOME", folder).stdin(side()).stdout(side()).stderr(side());
        let child = command.spawn().expect("it starts");
        Terminal { keyboard: controller.into(), screen: String::new(), child }
    }

    /// Reads until this is seen behind what was seen before.
    #[track_caller]
    pub(crate) fn sees(&mut self, text: &str) {
        let mut bytes = [0; 1024];
        while !self.screen.contains(text) {
            let mut ready = [PollFd::new(&self.keyboard, PollFlags::IN)];
            let patience = Timespec { tv_sec: 10, tv_nsec: 0 };
            assert!(poll(&mut ready, Some(&patience)) == Ok(1), "expected {text:?}, seen {:?}", self.screen);
            let count = self.keyboard.read(&mut bytes).unwrap_or(0);
            assert!(count > 0, "expected {text:?}, seen {:?}", self.screen);
            self.screen += &String::from_utf8_lossy(&bytes[..count]);
        }
    }

    pub(crate) fn types(&mut self, text: &str) {
        self.keyboard.write_all(text.as_bytes()).expect("typed");
    }

    pub(crate) fn shows_what_is_typed(&self) -> bool {
        tcgetattr(&self.keyboard).expect("a terminal").local_modes.contains(LocalModes::ECHO)
    }

    /// What is typed appears, or does not, from some moment on.
    #[track_caller]
    pub(crate) fn waits_until_it_shows(&self, expected: bool) {
        let end = Instant::now() + Duration::from_secs(10);
        while self.shows_what_is_typed() != expected {
            assert!(Instant::now() < end, "what is typed is shown: {}", !expected);
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    pub(crate) fn ends(mut self) -> ExitStatus {
        self.child.wait().expect("it ends")
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_password_is_typed_twice_and_not_seen() {
    let folder = scratch_folder("terminal-typed");
    let mut terminal = Terminal::start(&ours("mosquitto_passwd", &folder), "-c users ada", &folder);
    terminal.sees("Password: ");
    terminal.waits_until_it_shows(false);
    terminal.types("sec\u{7f}cret\n");
    terminal.sees("Reenter password: ");
    terminal.waits_until_it_shows(false);
    terminal.types("secret\n");
    terminal.sees("Adding password for user ada");
    assert!(!terminal.screen.contains("cret"), "{}", terminal.screen);
    assert!(terminal.shows_what_is_typed());
    assert!(terminal.ends().success());
    assert!(fs::read_to_string(folder.join("users")).expect("written").starts_with("ada:$7$"));
}

#[test]
fn a_terminal_shows_again_what_is_typed_when_the_prompt_is_interrupted() {
    let folder = scratch_folder("terminal-interrupted");
    let mut terminal = Terminal::start(&ours("mosquitto_passwd", &folder), "-c users ada", &folder);
    terminal.sees("Password: ");
    terminal.waits_until_it_shows(false);
    let process = Pid::from_child(&terminal.child);
    kill_process(process, Signal::INT).expect("sent");
    terminal.waits_until_it_shows(true);
    assert_eq!(terminal.ends().signal(), Some(Signal::INT.as_raw()));
    assert!(!folder.join("users").exists());
}
