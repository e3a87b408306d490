//! Listening sockets. One is shared by all event loops of the process: whoever is free accepts.

use std::fmt;
use std::fs::{self, Permissions};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use mio::net::{TcpListener, UnixListener};
use rustix::fs::{Access, AtFlags, CWD, accessat};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, sockopt};

use crate::words::words;
use crate::{Address, Stream, sys};

/// A listening socket. Dropping it closes it, and removes the path of a Unix socket.
#[derive(Debug)]
pub enum Listener {
    /// TCP on one address.
    Tcp(TcpListener, SocketAddr),
    /// A Unix domain socket at a path.
    Unix(UnixListener, Arc<PathBuf>),
}

/// What holds for all connections of a listener.
#[derive(Clone, Copy, Debug)]
pub struct ListenerOptions<'a> {
    /// Small writes leave at once. Set on the listening socket: accepted ones inherit it, at no call for each.
    pub no_delay: bool,
    /// Connections come in by this network interface only; `None`: by any. Not looked at for a Unix socket.
    pub interface: Option<&'a str>,
    /// The socket may be bound beside others that [share](Listener::set_shares_port) its port: those that it replaces.
    pub shares_port: bool,
}

/// Which addresses a listener without an address, or with a host name, opens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Family {
    /// IPv4 and IPv6.
    #[default]
    Any,
    /// IPv4 only.
    V4,
    /// IPv6 only.
    V6,
}

/// Why a listener could not be opened.
#[derive(Debug)]
pub struct BindError {
    /// What was to be opened: `127.0.0.1:1883`, a host name, a path.
    pub what: String,
    /// What the system says.
    pub error: io::Error,
}

/// What the system says comes first: behind "Error: " scripts look for that, as Mosquitto has it.
impl fmt::Display for BindError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: cannot listen on {}", words(&self.error), self.what)
    }
}

impl std::error::Error for BindError {}

/// Opens `port` on `host` (an address or a name; `None`: all addresses), one socket for each address it has. A machine
/// without IPv6, or without IPv4, is no error as long as one socket opens. Calls `opening` before each attempt.
pub fn bind_tcp(
    host: Option<&str>,
    port: u16,
    family: Family,
    options: ListenerOptions<'_>,
    mut opening: impl FnMut(SocketAddr),
) -> Result<Vec<Listener>, BindError> {
    each_address(host, port, family, options, |address| {
        opening(address);
        listen_on(address, options)
    })
}

/// Whether [`bind_tcp`] could open the port now. Nobody can connect meanwhile, and nothing stays.
pub fn check_tcp(host: Option<&str>, port: u16, family: Family, options: ListenerOptions<'_>) -> Result<(), BindError> {
    each_address(host, port, family, options, |address| bind_address(address, options)).map(drop)
}

fn each_address<T>(
    host: Option<&str>,
    port: u16,
    family: Family,
    options: ListenerOptions<'_>,
    mut open: impl FnMut(SocketAddr) -> io::Result<T>,
) -> Result<Vec<T>, BindError> {
    let failed_at = |address: SocketAddr, error| match options.interface {
        Some(interface) => fail(format_args!("{address} of interface '{interface}'"), error),
        None => fail(address, error),
    };
    let mut opened = Vec::new();
    let mut unsupported = None;
    for address in addresses(host, port, family)? {
        match open(address) {
            Ok(socket) => opened.push(socket),
            Err(error) if family_is_missing(&error) => unsupported = Some(failed_at(address, error)),
            Err(error) => return Err(failed_at(address, error)),
        }
    }
    match (opened.is_empty(), unsupported) {
        (true, Some(error)) => Err(error),
        _ => Ok(opened),
    }
}

/// Opens a Unix domain socket at `path`. A path left behind by a server that was killed is taken over; one that somebody
/// answers on is in use.
///
/// Who may connect is what `mode` says, whatever the mask of permissions for new files is.
pub fn bind_unix(path: &Path, mode: u32) -> Result<Listener, BindError> {
    let bind = || listen_at(path, mode);
    let listener = may_be_bound(path).and_then(|()| bind()).or_else(|error| {
        if error.kind() != io::ErrorKind::AddrInUse || !is_abandoned(path) {
            return Err(error);
        }
        fs::remove_file(path)?;
        bind()
    });
    match listener {
        Ok(listener) => Ok(Listener::Unix(listener, Arc::new(path.to_path_buf()))),
        Err(error) => Err(fail(path.display(), error)),
    }
}

/// Whether [`bind_unix`] could open a socket at `path` now, as far as names, permissions and who answers there tell. Nothing is made
/// or removed.
pub fn check_unix(path: &Path) -> Result<(), BindError> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let checked = may_be_bound(path).and_then(|()| {
        SocketAddrUnix::new(path)?;
        accessat(CWD, folder, Access::WRITE_OK | Access::EXEC_OK, AtFlags::EACCESS)?;
        if path.exists() && !is_abandoned(path) { Err(Errno::ADDRINUSE.into()) } else { Ok(()) }
    });
    checked.map_err(|error| fail(path.display(), error))
}

/// Whether nobody listens any more on a socket that is there.
fn is_abandoned(path: &Path) -> bool {
    // Whoever has many waiting for him may take his time: he is not waited for.
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let socket = rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None);
    let connect = |socket: OwnedFd| rustix::net::connect(&socket, &SocketAddrUnix::new(path)?);
    socket.and_then(connect) == Err(Errno::CONNREFUSED)
}

/// Nobody answers on a file either, and it is somebody's.
fn may_be_bound(path: &Path) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Ok(there) if !there.file_type().is_socket() => {
            Err(io::Error::new(io::ErrorKind::AlreadyExists, "What stands there is not a socket, and is left alone"))
        }
        _ => Ok(()),
    }
}

impl Listener {
    /// Takes one waiting connection. `WouldBlock`: none waits, or another event loop took it.
    pub fn accept(&self) -> io::Result<(Stream, Address)> {
        match self {
            Listener::Tcp(listener, _) => {
                let (stream, address) = listener.accept()?;
                Ok((Stream::Tcp(stream), Address::of(address)))
            }
            Listener::Unix(listener, path) => {
                let (stream, _) = listener.accept()?;
                Ok((Stream::Unix(stream), Address::Unix(Arc::clone(path))))
            }
        }
    }

    /// The same socket once more, for another event loop. It is closed when both are.
    ///
    /// # Errors
    /// When the process is out of descriptors, or for a Unix socket.
    pub fn try_clone_tcp(&self) -> io::Result<std::net::TcpListener> {
        match self {
            Listener::Tcp(listener, _) => Ok(listener.as_fd().try_clone_to_owned()?.into()),
            Listener::Unix(..) => Err(io::ErrorKind::Unsupported.into()),
        }
    }

    /// The address it listens on; `None` for a Unix socket.
    pub fn address(&self) -> Option<SocketAddr> {
        match self {
            Listener::Tcp(_, address) => Some(*address),
            Listener::Unix(..) => None,
        }
    }

    /// Changes whether small writes leave at once, for connections that are accepted from now on.
    pub fn set_no_delay(&self, no_delay: bool) -> io::Result<()> {
        match self {
            Listener::Tcp(listener, _) => Ok(sockopt::set_tcp_nodelay(listener, no_delay)?),
            Listener::Unix(..) => Ok(()),
        }
    }

    /// Whether another socket may be bound to the same port that shares it on purpose ([`ListenerOptions::shares_port`]).
    pub fn set_shares_port(&self, shares_port: bool) -> io::Result<()> {
        match self {
            Listener::Tcp(listener, _) => Ok(sockopt::set_socket_reuseport(listener, shares_port)?),
            Listener::Unix(..) => Ok(()),
        }
    }

    /// The TCP port; 0 for a Unix socket.
    pub fn port(&self) -> u16 {
        match self {
            Listener::Tcp(_, address) => address.port(),
            Listener::Unix(..) => 0,
        }
    }
}

impl fmt::Display for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Listener::Tcp(_, address) => write!(f, "port {} of {}", address.port(), address.ip()),
            Listener::Unix(_, path) => write!(f, "path {}", path.display()),
        }
    }
}

impl AsFd for Listener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Listener::Tcp(listener, _) => listener.as_fd(),
            Listener::Unix(listener, _) => listener.as_fd(),
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        if let Listener::Unix(_, path) = self {
            // The next server takes an abandoned path over, so a failure here does no harm.
            let _ = fs::remove_file(path.as_path());
        }
    }
}

/// As [`UnixListener::bind`], but nobody can connect before the permissions are right.
fn listen_at(path: &Path, mode: u32) -> io::Result<UnixListener> {
    let address = SocketAddrUnix::new(path)?;
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let socket: OwnedFd = rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    rustix::net::bind(&socket, &address)?;
    let listened = fs::set_permissions(path, Permissions::from_mode(mode))
        .and_then(|()| Ok(rustix::net::listen(&socket, BACKLOG)?));
    if let Err(error) = listened {
        let _ = fs::remove_file(path);
        return Err(error);
    }
    Ok(UnixListener::from_std(socket.into()))
}

fn fail(what: impl fmt::Display, error: io::Error) -> BindError {
    BindError { what: what.to_string(), error }
}

/// The addresses of a listener; those of a name are looked up.
pub fn addresses(host: Option<&str>, port: u16, family: Family) -> Result<Vec<SocketAddr>, BindError> {
    let any = [IpAddr::V4(Ipv4Addr::UNSPECIFIED), IpAddr::V6(Ipv6Addr::UNSPECIFIED)];
    let mut found: Vec<SocketAddr> = match host {
        None => any.iter().map(|ip| SocketAddr::new(*ip, port)).collect(),
        Some(host) => (host, port).to_socket_addrs().map_err(|error| fail(host, error))?.collect(),
    };
    found.retain(|address| match family {
        Family::Any => true,
        Family::V4 => address.is_ipv4(),
        Family::V6 => address.is_ipv6(),
    });
    found.dedup();
    if found.is_empty() {
        let error = io::Error::new(io::ErrorKind::AddrNotAvailable, "no address of the wanted family");
        return Err(fail(host.unwrap_or("*"), error));
    }
    Ok(found)
}

fn listen_on(address: SocketAddr, options: ListenerOptions<'_>) -> io::Result<Listener> {
    let socket = bind_address(address, options)?;
    rustix::net::listen(&socket, BACKLOG)?;
    let listener = std::net::TcpListener::from(socket);
    let address = listener.local_addr()?;
    Ok(Listener::Tcp(TcpListener::from_std(listener), address))
}

fn bind_address(address: SocketAddr, options: ListenerOptions<'_>) -> io::Result<OwnedFd> {
    let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let socket: OwnedFd = rustix::net::socket_with(family, SocketType::STREAM, flags, None)?;
    // A restart must not wait for old connections in TIME_WAIT; a *listening* socket still keeps its port.
    sockopt::set_socket_reuseaddr(&socket, true)?;
    if address.is_ipv6() {
        sockopt::set_ipv6_v6only(&socket, true)?;
    }
    if options.no_delay {
        sockopt::set_tcp_nodelay(&socket, true)?;
    }
    if let Some(interface) = options.interface {
        sys::bind_to_interface(&socket, interface)?;
    }
    if options.shares_port {
        sockopt::set_socket_reuseport(&socket, true)?;
    }
    rustix::net::bind(&socket, &address)?;
    Ok(socket)
}

fn family_is_missing(error: &io::Error) -> bool {
    let code = error.raw_os_error().map(Errno::from_raw_os_error);
    matches!(code, Some(Errno::AFNOSUPPORT | Errno::ADDRNOTAVAIL))
}

/// Connections that the kernel completes before they are accepted. When a server restarts, all its clients come back
/// within the same second; the kernel lowers this to its own `somaxconn`.
const BACKLOG: i32 = 4096;

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::os::unix::net::UnixStream as BlockingUnixStream;

    use super::*;
    use crate::Received;

    const PLAIN: ListenerOptions<'_> = ListenerOptions { no_delay: true, interface: None, shares_port: false };

    fn loopback() -> Listener {
        let mut opened = bind_tcp(Some("127.0.0.1"), 0, Family::Any, PLAIN, |_| ()).expect("a free port");
        opened.remove(0)
    }

    fn accept(listener: &Listener) -> (Stream, Address) {
        for _ in 0..200 {
            match listener.accept() {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    std::thread::sleep(std::time::Duration::from_millis(5));
                }
                result => return result.expect("accepted"),
            }
        }
        panic!("nobody came");
    }

    #[test]
    fn an_accepted_connection_inherits_no_delay_and_knows_where_it_comes_from() {
        let listener = loopback();
        let client = std::net::TcpStream::connect(("127.0.0.1", listener.port())).expect("connected");
        let (stream, address) = accept(&listener);
        assert_eq!(address.to_string(), client.local_addr().expect("an address").to_string());
        assert!(sockopt::tcp_nodelay(stream.as_fd()).expect("readable option"));
        stream.acknowledge_now();
    }

    #[test]
    fn a_port_in_use_is_an_error_that_names_it() {
        let listener = loopback();
        let error = bind_tcp(Some("127.0.0.1"), listener.port(), Family::Any, PLAIN, |_| ()).expect_err("in use");
        assert_eq!(error.error.kind(), io::ErrorKind::AddrInUse);
        assert!(error.to_string().contains(&format!("127.0.0.1:{}", listener.port())), "{error}");
    }

    #[test]
    fn only_the_interface_that_is_named_counts() {
        let bind = |interface| {
            let options = ListenerOptions { interface: Some(interface), ..PLAIN };
            bind_tcp(None, 0, Family::V4, options, |_| ())
        };
        let opened = bind("lo").expect("every machine has it");
        std::net::TcpStream::connect(("127.0.0.1", opened[0].port())).expect("connected");
        accept(&opened[0]);
        let error = bind("none0").expect_err("no such interface").error;
        assert_eq!(error.raw_os_error(), Some(Errno::NODEV.raw_os_error()));
    }

    #[test]
    fn a_listener_that_goes_shares_its_port_with_the_one_that_comes_and_with_no_other() {
        let old = loopback();
        let open = |host, shares_port| {
            let options = ListenerOptions { shares_port, ..PLAIN };
            bind_tcp(host, old.port(), Family::V4, options, |_| ()).map(|mut opened| opened.remove(0))
        };
        assert!(open(None, true).is_err(), "the old one does not share");
        old.set_shares_port(true).expect("an option");
        assert!(open(None, false).is_err(), "the new one does not share");
        let new = open(None, true).expect("shared");
        new.set_shares_port(false).expect("an option");
        assert!(open(None, false).is_err(), "another server does not share");
        drop(old);
        let client = std::net::TcpStream::connect(("127.0.0.1", new.port())).expect("connected");
        assert_eq!(accept(&new).1.to_string(), client.local_addr().expect("an address").to_string());
    }

    #[test]
    fn without_an_address_both_families_are_opened() {
        let mut tried = Vec::new();
        let opened = bind_tcp(None, 0, Family::Any, PLAIN, |address| tried.push(address)).expect("opened");
        assert_eq!(tried.len(), 2);
        assert!(!opened.is_empty());
        let opened = bind_tcp(None, 0, Family::V4, PLAIN, |_| ()).expect("opened");
        assert!(matches!(opened[..], [Listener::Tcp(_, SocketAddr::V4(_))]));
    }

    #[test]
    fn an_abandoned_path_is_taken_over_and_one_in_use_is_not() {
        let path = std::env::temp_dir().join(format!("midge-net-{}.sock", std::process::id()));
        drop(std::os::unix::net::UnixListener::bind(&path).expect("bound"));
        assert!(path.exists(), "the standard library leaves the path behind");

        let listener = bind_unix(&path, 0o770).expect("taken over");
        let mode = fs::metadata(&path).expect("it is there").permissions().mode();
        assert_eq!(mode & 0o7777, 0o770);
        let error = bind_unix(&path, 0o770).expect_err("in use");
        assert_eq!(error.error.kind(), io::ErrorKind::AddrInUse);
        drop(accept(&listener)); // the second server's knock

        let mut client = BlockingUnixStream::connect(&path).expect("connected");
        let (mut stream, address) = accept(&listener);
        assert_eq!(address.to_string(), format!("{}:0", path.display()));
        client.write_all(b"hello").expect("written");
        let mut bytes = Vec::new();
        let received = stream.read_to_end_of(&mut bytes, 16, &mut []).expect("read");
        assert_eq!(received, Received::Bytes { count: 5, is_more: false });
        assert_eq!(bytes, b"hello");
        stream.write(b"bye").expect("written");
        stream.shutdown_write().expect("shut down");
        let mut answer = String::new();
        client.read_to_string(&mut answer).expect("read to the end");
        assert_eq!(answer, "bye");

        drop(listener);
        assert!(!path.exists(), "the path goes with its listener");
        let file = path.with_extension("file");
        fs::write(&file, "somebody's").expect("written");
        bind_unix(&file, 0o770).expect_err("no socket");
        assert_eq!(fs::read_to_string(&file).expect("still there"), "somebody's");
        fs::remove_file(file).expect("removed");
    }
}
