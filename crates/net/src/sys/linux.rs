//! Linux: epoll, TCP options, limits of the process, what the machine has.

use std::fs;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;

use mio::{Registry, Token};
use rustix::event::epoll;
use rustix::fs::{Mode, OFlags, ResolveFlags};
use rustix::net::RecvFlags;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Registers a listener that several event loops share: level-triggered, and of the loops that wait the kernel wakes
/// one instead of all (`EPOLLEXCLUSIVE`, which mio does not offer). Its events come with `token`.
pub fn add_shared_listener(registry: &Registry, listener: impl AsFd, token: Token) -> io::Result<()> {
    let data = epoll::EventData::new_u64(token.0 as u64);
    epoll::add(registry, listener, data, epoll::EventFlags::IN | epoll::EventFlags::EXCLUSIVE)?;
    Ok(())
}

/// Undoes [`add_shared_listener`].
pub fn remove_shared_listener(registry: &Registry, listener: impl AsFd) -> io::Result<()> {
    epoll::delete(registry, listener)?;
    Ok(())
}

/// `TCP_QUICKACK`: leaves the "pingpong" mode into which Linux goes when an application answers, and in which it delays
/// acknowledgements. The flag does not stick, so it is set again after writes.
#[inline]
pub(crate) fn set_quick_ack(stream: BorrowedFd<'_>) {
    // The only errors are those of a connection that is gone; reading tells them.
    let _ = rustix::net::sockopt::set_tcp_quickack(stream, true);
}

/// One read into the capacity that `buffer` has beyond its length.
pub(crate) fn read_spare(stream: BorrowedFd<'_>, buffer: &mut Vec<u8>) -> io::Result<usize> {
    Ok(rustix::io::read(stream, rustix::buffer::spare_capacity(buffer))?)
}

/// Has a socket that is not bound yet take only what comes in by this interface (`SO_BINDTODEVICE`).
pub(crate) fn bind_to_interface(socket: impl AsFd, interface: &str) -> io::Result<()> {
    socket2::SockRef::from(&socket).bind_device(Some(interface.as_bytes()))
}

/// What waits in a socket, left there.
pub(crate) fn peek(stream: BorrowedFd<'_>, buffer: &mut [u8]) -> io::Result<usize> {
    let (count, _) = rustix::net::recv(stream, buffer, RecvFlags::PEEK)?;
    Ok(count)
}

/// Takes `count` bytes out of a socket in which they wait. `MSG_TRUNC` would spare the copy, but Unix sockets do not know it.
pub(crate) fn skip(stream: BorrowedFd<'_>, count: usize) -> io::Result<()> {
    let mut left = count;
    let mut buffer = [0; 1024];
    while left > 0 {
        let room = left.min(buffer.len());
        match rustix::io::read(stream, &mut buffer[..room])? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            count => left -= count,
        }
    }
    Ok(())
}

/// Opens a file for reading whose path, relative to `folder`, leads nowhere outside it, links included. What is no plain file
/// is opened too, but never waited for.
pub fn open_beneath(folder: &Path, path: &Path) -> io::Result<fs::File> {
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
    let folder = fs::File::open(folder)?;
    Ok(rustix::fs::openat2(folder, path, flags, Mode::empty(), resolve)?.into())
}

/// Raises the soft limit of open files to the hard one, and returns what is in force: each Network Connection is one.
pub fn raise_open_files_limit() -> io::Result<u64> {
    let limit = getrlimit(Resource::Nofile);
    if limit.current != limit.maximum {
        setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum })?;
    }
    Ok(limit.maximum.unwrap_or(u64::MAX))
}

/// Cores that this process may use: those it may run on, and no more than its control group pays for. At least 1.
pub fn usable_cores() -> usize {
    let by_affinity = rustix::thread::sched_getaffinity(None).map_or(1, |set| set.count() as usize);
    let by_quota =
        cgroup_cores(Path::new("/sys/fs/cgroup"), &fs::read_to_string("/proc/self/cgroup").unwrap_or_default());
    by_affinity.min(by_quota.unwrap_or(usize::MAX)).max(1)
}

/// What the control group's quota pays for, in whole cores rounded up. `None`: no quota. `membership` is the text of
/// `/proc/self/cgroup`; a group may be limited by each of its ancestors, and a container sees its own group as the root.
fn cgroup_cores(root: &Path, membership: &str) -> Option<usize> {
    let mut cores: Option<usize> = None;
    for line in membership.lines() {
        let mut parts = line.splitn(3, ':');
        let (Some(_), Some(controllers), Some(path)) = (parts.next(), parts.next(), parts.next()) else {
            continue;
        };
        let unified = controllers.is_empty();
        if !unified && !controllers.split(',').any(|name| name == "cpu") {
            continue;
        }
        let base = if unified { root.to_path_buf() } else { root.join(controllers) };
        let group = base.join(path.trim_start_matches('/'));
        for folder in group.ancestors().take_while(|folder| folder.starts_with(&base)) {
            let quota = if unified { quota_v2(folder) } else { quota_v1(folder) };
            cores = match (cores, quota) {
                (Some(a), Some(b)) => Some(a.min(b)),
                (a, b) => a.or(b),
            };
        }
    }
    cores
}

/// `cpu.max`: `QUOTA PERIOD` in microseconds, or `max PERIOD`.
fn quota_v2(folder: &Path) -> Option<usize> {
    let text = fs::read_to_string(folder.join("cpu.max")).ok()?;
    let (quota, period) = text.trim().split_once(' ')?;
    whole_cores(quota.parse().ok()?, period.parse().ok()?)
}

/// `cpu.cfs_quota_us` is −1 without a quota.
fn quota_v1(folder: &Path) -> Option<usize> {
    let number = |name: &str| fs::read_to_string(folder.join(name)).ok()?.trim().parse::<i64>().ok();
    let quota = u64::try_from(number("cpu.cfs_quota_us")?).ok()?;
    whole_cores(quota, u64::try_from(number("cpu.cfs_period_us")?).ok()?)
}

fn whole_cores(quota_us: u64, period_us: u64) -> Option<usize> {
    (quota_us > 0 && period_us > 0).then(|| quota_us.div_ceil(period_us) as usize)
}

/// Memory of this process that is its own (not mapped from files), in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    /// In use now.
    pub current: u64,
}

/// What the kernel counts for this process; zero where it does not say. Costs a file read: ask seldom.
pub fn memory() -> Memory {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    Memory { current: kilobytes(&status, "RssAnon:").unwrap_or(0) * 1024 }
}

/// What the thread with this number (`gettid`) has computed so far, in nanoseconds; `None`: it is gone, or the system keeps no account.
pub fn thread_time_ns(thread: u32) -> Option<u64> {
    let schedule = fs::read_to_string(format!("/proc/self/task/{thread}/schedstat")).ok()?;
    schedule.split(' ').next()?.parse().ok()
}

fn kilobytes(status: &str, name: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    line.trim().strip_suffix("kB")?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Tree(std::path::PathBuf);

    impl Tree {
        fn new(name: &str, files: &[(&str, &str)]) -> Tree {
            let root = std::env::temp_dir().join(format!("midge-cgroup-{}-{name}", std::process::id()));
            for (path, text) in files {
                let path = root.join(path);
                fs::create_dir_all(path.parent().expect("a file in a folder")).expect("folder made");
                fs::write(path, text).expect("file written");
            }
            Tree(root)
        }
    }

    impl Drop for Tree {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[track_caller]
    fn check(name: &str, membership: &str, files: &[(&str, &str)], expected: Option<usize>) {
        let tree = Tree::new(name, files);
        assert_eq!(cgroup_cores(&tree.0, membership), expected, "{name}");
    }

    #[test]
    fn quotas_count_in_whole_cores_and_the_tightest_wins() {
        check("none", "0::/\n", &[("other", "")], None);
        check("v2 max", "0::/\n", &[("cpu.max", "max 100000\n")], None);
        check("v2", "0::/\n", &[("cpu.max", "150000 100000\n")], Some(2));
        check("v2 ancestor", "0::/a/b\n", &[("a/cpu.max", "100000 100000"), ("a/b/cpu.max", "400000 100000")], Some(1));
        check("v2 container", "0::/../gone\n", &[("cpu.max", "300000 100000")], Some(3));
        let v1 = [("cpu,cpuacct/x/cpu.cfs_quota_us", "200000\n"), ("cpu,cpuacct/x/cpu.cfs_period_us", "100000\n")];
        check("v1", "4:memory:/x\n3:cpu,cpuacct:/x\n", &v1, Some(2));
        check("v1 none", "3:cpu:/\n", &[("cpu/cpu.cfs_quota_us", "-1\n"), ("cpu/cpu.cfs_period_us", "100000\n")], None);
    }

    #[test]
    fn the_machine_has_cores_memory_and_files() {
        assert!(usable_cores() >= 1);
        assert!(memory().current > 0);
        assert!(raise_open_files_limit().expect("the soft limit may be raised") > 0);
        assert_eq!(getrlimit(Resource::Nofile).current, getrlimit(Resource::Nofile).maximum);
    }

    #[test]
    fn the_system_keeps_account_of_threads() {
        let me = rustix::thread::gettid().as_raw_nonzero().get().unsigned_abs();
        let before = thread_time_ns(me).expect("an account");
        // The account is brought up to date when the thread is taken off its core.
        let computed = |_| (0..1_000_000_u64).fold(0, |sum, number| std::hint::black_box(sum ^ number));
        let has_grown = |_: &u64| {
            std::thread::yield_now();
            thread_time_ns(me).expect("an account") > before
        };
        assert!((0..1_000).map(computed).any(|sum| has_grown(&sum)));
        assert_eq!(thread_time_ns(u32::MAX), None);
    }
}
