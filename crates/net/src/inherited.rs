//! Listening sockets that somebody else has opened for us, such as a supervisor before it started the process.

use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;

use mio::net::TcpListener;
use rustix::net::{SocketType, sockopt};

use crate::listener::addresses;
use crate::{BindError, Family, Listener, ListenerOptions, sys};

/// Those that nobody has taken yet.
#[derive(Debug, Default)]
pub struct Inherited(Vec<(std::net::TcpListener, SocketAddr)>);

impl Inherited {
    /// Of what was handed over, the sockets that listen for TCP; others are closed.
    pub fn new(descriptors: Vec<OwnedFd>) -> Inherited {
        let sockets = descriptors.into_iter().filter_map(|descriptor| {
            let listens = sockopt::socket_acceptconn(&descriptor).is_ok_and(|listens| listens);
            let is_stream = sockopt::socket_type(&descriptor).is_ok_and(|kind| kind == SocketType::STREAM);
            let listener = (listens && is_stream).then(|| std::net::TcpListener::from(descriptor))?;
            let address = listener.local_addr().ok()?;
            Some((listener, address))
        });
        Inherited(sockets.collect())
    }

    /// Takes the sockets for `port` on `host`, as [`crate::bind_tcp`] would open them; none: they must be opened.
    pub fn take_tcp(
        &mut self,
        host: Option<&str>,
        port: u16,
        family: Family,
        options: ListenerOptions<'_>,
    ) -> Result<Vec<Listener>, BindError> {
        if self.0.is_empty() {
            return Ok(Vec::new());
        }
        let wanted = addresses(host, port, family)?;
        // Without a host, whatever address the supervisor has chosen will do.
        let is_wanted = |address: &SocketAddr| {
            address.port() == port && (host.is_none() || wanted.iter().any(|wanted| wanted.ip() == address.ip()))
        };
        let taken: Vec<_> = self.0.extract_if(.., |(_, address)| is_wanted(address)).collect();
        let adopt = |(listener, address)| {
            adopted(listener, address, options).map_err(|error| BindError { what: address.to_string(), error })
        };
        taken.into_iter().map(adopt).collect()
    }

    /// The addresses of those that no listener has taken.
    pub fn left(&self) -> impl Iterator<Item = SocketAddr> {
        self.0.iter().map(|(_, address)| *address)
    }
}

fn adopted(listener: std::net::TcpListener, address: SocketAddr, options: ListenerOptions<'_>) -> io::Result<Listener> {
    listener.set_nonblocking(true)?;
    if options.no_delay {
        sockopt::set_tcp_nodelay(&listener, true)?;
    }
    if let Some(interface) = options.interface {
        sys::bind_to_interface(&listener, interface)?;
    }
    Ok(Listener::Tcp(TcpListener::from_std(listener), address))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_is_taken_by_the_listener_that_it_was_made_for() {
        let socket = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = socket.local_addr().expect("an address").port();
        let (no_listener, _other_end) = std::os::unix::net::UnixStream::pair().expect("a pair");
        let mut inherited = Inherited::new(vec![no_listener.into(), socket.into()]);
        let options = ListenerOptions { no_delay: true, interface: None, shares_port: false };
        let mut take = |host, port| inherited.take_tcp(host, port, Family::Any, options).expect("no fault").len();
        assert_eq!([take(Some("127.0.0.1"), port ^ 1), take(Some("127.0.0.2"), port)], [0, 0]);
        assert_eq!([take(Some("127.0.0.1"), port), take(Some("127.0.0.1"), port)], [1, 0]);
        assert_eq!(inherited.left().count(), 0);
    }

    #[test]
    fn the_interface_counts_for_it_too() {
        let take = |interface| {
            let socket = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
            let port = socket.local_addr().expect("an address").port();
            let options = ListenerOptions { no_delay: true, interface: Some(interface), shares_port: false };
            Inherited::new(vec![socket.into()]).take_tcp(None, port, Family::Any, options)
        };
        assert_eq!(take("lo").expect("every machine has it").len(), 1);
        let error = take("none0").expect_err("no such interface").error;
        assert_eq!(error.raw_os_error(), Some(rustix::io::Errno::NODEV.raw_os_error()));
    }
}
