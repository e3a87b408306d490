//! Where clients come in: certificates are read, sockets are bound. At the start, and again at each reload: what is there
//! already and still wanted stays as it is.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::Arc;

use midge_broker::ids::ListenerId;
use midge_net::tls::{KeyLog, TlsListener, TlsOptions};
use midge_net::{BindError, Inherited, Listener, bind_tcp, check_folder, check_tcp};

use crate::authority::FileProblem;
use crate::connection_rate::ConnectionRates;
use crate::failure::Failure;
use crate::journal::Journal;
use crate::log::LogType;
use crate::options::{Endpoint, ListenerOptions, Options};
use crate::process::{Account, real_path};
use crate::settings::{At, Door, Encryption, Gate, Settings, Socket, number_listeners};
use crate::stamps::Stamps;

/// Why listeners are made.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Occasion {
    /// The operator wants it: everything that he should know is told, also what was before.
    Order,
    /// Files have changed.
    News,
}

/// Opens the file of `--tls-keylog`, where it is asked for.
pub(crate) fn open_key_log(path: Option<&Path>, journal: &mut Journal) -> Result<Option<Arc<KeyLog>>, Failure> {
    let Some(path) = path else { return Ok(None) };
    let text = format!("Warning: secrets of encrypted connections are written to {}", path.display());
    journal.line(LogType::Warning, format_args!("{text}."));
    let unopened = |error| Failure::System("unable to open the file of --tls-keylog", error);
    KeyLog::open(path).map(|log| Some(Arc::new(log))).map_err(unopened)
}

/// Reads certificates and keys. Before any port is open: who connects must not be sent away for want of them. `before` is what is
/// in force.
pub(crate) fn make_doors(
    options: &Options,
    before: &[Door],
    key_log: Option<&Arc<KeyLog>>,
    occasion: Occasion,
    journal: &mut Journal,
) -> Result<Vec<Door>, Failure> {
    let numbered = number_listeners(before, options);
    let mut make = |(number, of): (usize, Option<At>)| {
        let before = before.get(number);
        let gate = before.map_or_else(Gate::default, |door| door.gate.clone());
        let Some(at) = of else {
            return Ok(Door::gone(gate));
        };
        let listener = &options.listeners[at.place];
        let is_same_rate = |door: &&Door| door.rates.rate() == listener.connection_rate;
        let rates = before.filter(is_same_rate).map(|door| Arc::clone(&door.rates));
        check_http_dir(listener, before, journal)?;
        let encryption = listener.tls.clone().map(|tls| {
            let options = TlsOptions { key_log: key_log.cloned(), ..tls };
            encrypt(options, before.and_then(|door| door.encryption.as_ref()), occasion, journal)
        });
        Ok(Door {
            gate: gate.with_max(listener.max_connections),
            proxy: listener.proxy,
            encryption: encryption.transpose()?,
            websocket: listener.websocket.clone(),
            http: listener.http,
            rates: rates.unwrap_or_else(|| Arc::new(ConnectionRates::new(listener.connection_rate))),
            username_of_certificate: listener.username_of_certificate,
            of: Some(at),
        })
    };
    numbered.into_iter().enumerate().map(&mut make).collect()
}

/// Nobody is to find out with a browser that the folder is missing. One that was there and is out of reach for whom the server has
/// become is no reason to refuse everything else.
fn check_http_dir(listener: &ListenerOptions, before: Option<&Door>, journal: &mut Journal) -> Result<(), Failure> {
    let Some(path) = listener.http_dir() else { return Ok(()) };
    let Err(error) = check_folder(path) else { return Ok(()) };
    let was_there = before.and_then(|before| before.websocket.as_ref()?.http_dir.as_deref()) == Some(path);
    if was_there && error.kind() == io::ErrorKind::PermissionDenied {
        warn_of_http_dir(path, journal);
        return Ok(());
    }
    let path = path.display().to_string();
    Err(Failure::Access(FileProblem::Unreadable { directive: "http_dir", path, error }))
}

/// Tells of the folders for browsers that the server, by now who it is to be, cannot read.
pub(crate) fn warn_of_http_dirs(options: &Options, journal: &mut Journal) {
    let folders = options.listeners.iter().filter_map(ListenerOptions::http_dir);
    folders.filter(|path| check_folder(path).is_err()).for_each(|path| warn_of_http_dir(path, journal));
}

fn warn_of_http_dir(path: &Path, journal: &mut Journal) {
    let text = "cannot be read by whom the server has become: browsers get an error (500)";
    journal.line(LogType::Warning, format_args!("Warning: the http_dir {} {text}.", path.display()));
}

/// Reads the files of a listener. Where they are what they were, what was read before stays: clients can go on resuming, and no
/// copies pile up.
fn encrypt(
    options: TlsOptions,
    before: Option<&Encryption>,
    occasion: Occasion,
    journal: &mut Journal,
) -> Result<Encryption, Failure> {
    // Before they are read: what changes meanwhile is seen to have changed.
    let (identity, trust) = (Stamps::of(options.identity_files()), Stamps::of(options.trust_files()));
    let stamps = identity.clone().with(&trust);
    let before = before.filter(|before| before.options == options);
    let out_of_reach: Vec<&Path> = before.map_or_else(Vec::new, |_| identity.unreadable().collect());
    for path in &out_of_reach {
        let text = "cannot be read by whom the server has become: what it held at the start counts";
        journal.line(LogType::Warning, format_args!("Warning: {} {text}.", path.display()));
    }
    let are_readable = || stamps.unreadable().next().is_none();
    let unchanged = before.filter(|it| it.stamps == stamps && !(it.are_fresh && are_readable()));
    if let Some(unchanged) = unchanged.filter(|_| occasion == Occasion::News) {
        return Ok(unchanged.clone());
    }
    let opened = match before {
        Some(before) => before.listener.open_again(&options, !out_of_reach.is_empty()),
        None => TlsListener::open(&options),
    };
    let (listener, remarks) = opened.map_err(Failure::Tls)?;
    for remark in remarks {
        journal.line(LogType::Warning, format_args!("Warning: {remark}"));
    }
    if let Some(unchanged) = unchanged {
        return Ok(unchanged.clone());
    }
    Ok(Encryption { are_fresh: stamps.are_fresh(), options, stamps, trust, listener: Arc::new(listener) })
}

/// Sockets for all doors: those that are there already, and new ones. On error nothing has changed.
pub(crate) fn open_sockets(
    options: &Options,
    doors: &[Door],
    before: &Settings,
    account: Option<&Account>,
    inherited: &mut Inherited,
    journal: &mut Journal,
) -> Result<Vec<Socket>, Failure> {
    let (mut sockets, mut first_error) = (Vec::new(), None);
    let leaving = Leaving::of(doors, before);
    for (number, door) in doors.iter().enumerate() {
        let Some(At { place, .. }) = door.of else { continue };
        let listener = ListenerId(number as u16);
        let is_same = before.doors.get(number).is_some_and(|before| before.of.is_some());
        let there: Vec<_> = before.sockets.iter().filter(|it| is_same && it.listener == listener).cloned().collect();
        if !there.is_empty() {
            sockets.extend(there);
            continue;
        }
        match open(&options.listeners[place], &leaving, account, inherited, journal) {
            Ok(opened) => {
                for socket in opened {
                    let number = Settings::free_socket_number(&[&before.sockets, &sockets]);
                    sockets.push(Socket { listener, number, socket: Arc::new(socket) });
                }
            }
            Err(error) if options.listeners[place].is_optional => {
                let text =
                    format_args!("Warning: there is no console: {error}. Where it is to be, console_listener says.");
                journal.line(LogType::Warning, text);
            }
            Err(error) if options.one_listener_suffices && options.listeners[place].http.is_none() => {
                // A port in use is in use, whatever other address may be free: two servers would share the clients.
                if error.error.kind() == io::ErrorKind::AddrInUse {
                    return Err(Failure::Bind(error));
                }
                journal.line(LogType::Warning, format_args!("Warning: {error}."));
                first_error.get_or_insert(error);
            }
            Err(error) => {
                let is_in_use = error.error.kind() == io::ErrorKind::AddrInUse;
                let others = options.listeners.iter().enumerate().filter(|(other, _)| is_in_use && *other != place);
                let is_in_the_way =
                    |other: &&ListenerOptions| collide(&options.listeners[place].endpoint, &other.endpoint);
                return Err(match others.map(|(_, other)| other).find(is_in_the_way) {
                    Some(other) => Failure::Collision(error, other.place.clone()),
                    None => Failure::Bind(error),
                });
            }
        }
    }
    match first_error {
        Some(error) if sockets.iter().all(|it: &Socket| doors[usize::from(it.listener.0)].http.is_some()) => {
            Err(Failure::Bind(error))
        }
        _ => Ok(sockets),
    }
}

/// Sockets that go with this reload. Others may be bound to their ports already, so that nothing is closed before all is open.
struct Leaving<'a>(Vec<&'a Socket>);

impl<'a> Leaving<'a> {
    fn of(doors: &[Door], before: &'a Settings) -> Leaving<'a> {
        let is_leaving = |socket: &&Socket| doors[usize::from(socket.listener.0)].of.is_none();
        Leaving(before.sockets.iter().filter(is_leaving).collect())
    }

    /// Calls `bind`, which is told whether the port is shared, while those of `port` share it.
    fn share<T>(&self, port: u16, bind: impl FnOnce(bool) -> T) -> T {
        let sharing: Vec<_> = self.0.iter().map(|it| &it.socket).filter(|socket| socket.port() == port).collect();
        let set = |shares_port: bool| {
            // Where it fails, so does the bind, and says why.
            sharing.iter().for_each(|socket| drop(socket.set_shares_port(shares_port)));
        };
        set(true);
        let bound = bind(!sharing.is_empty());
        set(false);
        bound
    }
}

fn open(
    options: &ListenerOptions,
    leaving: &Leaving<'_>,
    account: Option<&Account>,
    inherited: &mut Inherited,
    journal: &mut Journal,
) -> Result<Vec<Listener>, BindError> {
    match &options.endpoint {
        Endpoint::Tcp { host, port, family, interface } => {
            let interface = interface.as_deref();
            let plain = midge_net::ListenerOptions { no_delay: options.no_delay, interface, shares_port: false };
            let given = inherited.take_tcp(host.as_deref(), *port, *family, plain)?;
            if !given.is_empty() {
                let text = format_args!("Listening on port {port} by a socket that was handed over at the start.");
                journal.line(LogType::Information, text);
                return Ok(given);
            }
            leaving.share(*port, |shares_port| {
                let options = midge_net::ListenerOptions { shares_port, ..plain };
                let opened = bind_tcp(host.as_deref(), *port, *family, options, |address| {
                    let version = if address.is_ipv4() { "ipv4" } else { "ipv6" };
                    let port = address.port();
                    journal.line(LogType::Information, format_args!("Opening {version} listen socket on port {port}."));
                })?;
                opened.iter().for_each(|socket| drop(socket.set_shares_port(false)));
                Ok(opened)
            })
        }
        Endpoint::Unix(path) => {
            let shown = path.display();
            journal.line(LogType::Information, format_args!("Opening unix listen socket on path {shown}."));
            Ok(vec![Account::bind_unix_for(account, path, options.unix_socket_mode)?])
        }
    }
}

/// Whether one of two listeners keeps the other from its port or path.
pub(crate) fn collide(one: &Endpoint, other: &Endpoint) -> bool {
    match (one, other) {
        (Endpoint::Unix(one), Endpoint::Unix(other)) => real_path(one) == real_path(other),
        (Endpoint::Tcp { port, interface, .. }, Endpoint::Tcp { port: other_port, interface: other_interface, .. }) => {
            let are_apart = matches!((interface, other_interface), (Some(one), Some(other)) if one != other);
            // The system gives each that asks for port 0 another one.
            *port != 0 && port == other_port && !are_apart && {
                let others = addresses(other);
                addresses(one).iter().any(|one| others.iter().any(|other| overlap(*one, *other)))
            }
        }
        _ => false,
    }
}

/// Those of a name are looked up; a name without any has a fault of its own.
fn addresses(endpoint: &Endpoint) -> Vec<IpAddr> {
    let Endpoint::Tcp { host, port, family, .. } = endpoint else { return Vec::new() };
    let found = midge_net::addresses(host.as_deref(), *port, *family).unwrap_or_default();
    found.iter().map(SocketAddr::ip).collect()
}

fn overlap(one: IpAddr, other: IpAddr) -> bool {
    one.is_ipv4() == other.is_ipv4() && (one == other || one.is_unspecified() || other.is_unspecified())
}

/// Whether a start could open this listener, as far as others are not in the way. Nobody can connect to it meanwhile.
pub(crate) fn check_listener(options: &ListenerOptions, account: Option<&Account>) -> Result<(), BindError> {
    match &options.endpoint {
        Endpoint::Tcp { host, port, family, interface } => {
            let interface = interface.as_deref();
            let plain = midge_net::ListenerOptions { no_delay: options.no_delay, interface, shares_port: false };
            check_tcp(host.as_deref(), *port, *family, plain)
        }
        Endpoint::Unix(path) => Account::check_unix_for(account, path),
    }
}

#[cfg(test)]
mod tests {
    use midge_net::Family;

    use super::*;

    #[test]
    fn listeners_that_cannot_be_there_together() {
        let tcp = |host: Option<&str>, port, family, interface: Option<&str>| Endpoint::Tcp {
            host: host.map(str::to_owned),
            port,
            family,
            interface: interface.map(str::to_owned),
        };
        let any = tcp(None, 1883, Family::Any, None);
        let check = |one: &Endpoint, other: &Endpoint, expected: bool| {
            assert_eq!((collide(one, other), collide(other, one)), (expected, expected), "{one:?} {other:?}");
        };
        check(&any, &any, true);
        check(&any, &tcp(Some("127.0.0.1"), 1883, Family::Any, None), true);
        check(&any, &tcp(None, 1884, Family::Any, None), false);
        check(&tcp(Some("127.0.0.1"), 1883, Family::Any, None), &tcp(Some("::1"), 1883, Family::Any, None), false);
        check(&tcp(Some("localhost"), 1883, Family::V4, None), &tcp(Some("127.0.0.1"), 1883, Family::Any, None), true);
        check(&tcp(None, 1883, Family::V4, None), &tcp(None, 1883, Family::V6, None), false);
        check(&tcp(None, 1883, Family::V4, Some("a")), &tcp(None, 1883, Family::V4, Some("b")), false);
        check(&tcp(None, 1883, Family::V4, Some("a")), &any, true);
        check(&tcp(None, 0, Family::Any, None), &tcp(None, 0, Family::Any, None), false);
        check(&Endpoint::Unix("/s".into()), &Endpoint::Unix("/s".into()), true);
        let here = std::env::current_dir().expect("a folder").join("s");
        check(&Endpoint::Unix(here), &Endpoint::Unix("s".into()), true);
        check(&Endpoint::Unix("/proc/../s".into()), &Endpoint::Unix("/s".into()), true);
        check(&Endpoint::Unix("/none/s".into()), &Endpoint::Unix("/none/t".into()), false);
        check(&Endpoint::Unix("/s".into()), &any, false);
    }
}
