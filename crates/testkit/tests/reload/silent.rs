//! A file that does not answer, as one on a network file system whose server is gone: nobody but the reload waits for it.
//!
//! The stand-in is a file on which another process has a lease: the system lets nobody open it until it is given up.

use std::fs::File;
use std::os::fd::AsRawFd;
use std::path::Path;

use midge_testkit::{Conversation, Server};
use rustix::process::Signal;

use crate::expect_count;
use crate::files::Files;

/// While it lives, whoever opens the file waits (for 45 seconds at most, which the system has chosen).
struct Silence(#[expect(dead_code, reason = "held, not read")] File);

impl Silence {
    fn of(path: &Path) -> Silence {
        let file = File::open(path).expect("the file");
        // SAFETY: the descriptor is open. The signal by which the system asks for the file would end the process.
        let result = unsafe {
            libc::signal(libc::SIGIO, libc::SIG_IGN);
            libc::fcntl(file.as_raw_fd(), libc::F_SETLEASE, libc::F_WRLCK)
        };
        assert_eq!(result, 0, "no lease: {}", std::io::Error::last_os_error());
        Silence(file)
    }
}

const DOES_NOT_ANSWER: &str = "Warning: *passwords does not answer: until it does, what was read before counts.";
const RELOADED: &str = "The configuration was reloaded.";

#[test]
fn a_file_that_does_not_answer_holds_up_the_reload_only() {
    let mut server = Server::start("");
    let files = Files::new(&server);
    server.reload_with(&format!("watch_files false\n{}", files.lines()));
    let silence = Silence::of(&files.passwords);
    server.signal(Signal::HUP);
    // Who comes now waits for what the reload brings, and not for ever.
    let mut talk = Conversation::with(&server);
    talk.play("ada> CONNECT v5 username=ada password=secret\nada< CONNACK 0x00");
    expect_count(&server, DOES_NOT_ANSWER, 1);
    talk.play("bob> CONNECT v5 username=bob password=secret\nbob< CONNACK 0x00");
    // Nor does anybody wait for an order that comes meanwhile.
    server.signal(Signal::HUP);
    talk.play("late> CONNECT v5 username=bob password=secret\nlate< CONNACK 0x00");
    server.signal(Signal::USR1);
    server.expect_log("SIGUSR1: persistence is off.");
    assert_eq!(server.count_log(RELOADED), 1);
    drop(silence);
    expect_count(&server, RELOADED, 3);
    talk.play("ada pings\nbob pings");

    let _silence = Silence::of(&files.passwords);
    server.signal(Signal::HUP);
    expect_count(&server, DOES_NOT_ANSWER, 2);
    assert!(server.terminate().success());
}
