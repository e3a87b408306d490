//! Ports for servers of tests, of which each goes to one test on this machine.

use std::net::{Ipv4Addr, TcpStream};
use std::ops::Range;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::sync::{Mutex, PoisonError};

/// A port on which nobody listens now, and that no other test gets while this process runs. Below the range that the kernel gives to
/// connecting clients, so that none of the many clients of a test run can take it meanwhile. Looked at by connecting: a socket bound
/// for a look would live on for a moment in whatever process another thread is just about to start, and be in the server's way.
///
/// # Panics
/// When other test processes have all there are.
pub fn free_port() -> u16 {
    static CLAIMED: Mutex<Range<u16>> = Mutex::new(0..0);
    let mut claimed = CLAIMED.lock().unwrap_or_else(PoisonError::into_inner);
    loop {
        let Some(port) = claimed.next() else {
            *claimed = (0..BLOCKS).find_map(claim).expect("ports that no other test process has");
            continue;
        };
        if TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
            return port;
        }
    }
}

/// The ports of this block, for this process alone: several test runs on one machine at a time would take each other's otherwise.
/// Whoever has bound the name has the block; the kernel forgets it when the process ends, however it does.
fn claim(block: u16) -> Option<Range<u16>> {
    let name = SocketAddr::from_abstract_name(format!("midge-test-ports-{block}")).expect("a short name");
    std::mem::forget(UnixListener::bind_addr(&name).ok()?);
    let start = PORTS_START + block * PORTS_OF_BLOCK;
    Some(start..start + PORTS_OF_BLOCK)
}

const PORTS_START: u16 = 12_000;
const PORTS_OF_BLOCK: u16 = 50;
const BLOCKS: u16 = 400;
