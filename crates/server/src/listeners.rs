//! Where clients come in: certificates are read, sockets are bound. At the start, and again at each reload: what is there
//! already and still wanted stays as it is.

use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;

use midge_broker::ids::ListenerId;
use midge_net::tls::{KeyLog, TlsListener, TlsOptions};
use midge_net::{BindError, Inherited, Listener, bind_tcp};

use crate::connection_rate::ConnectionRates;
use crate::failure::Failure;
use crate::journal::Journal;
use crate::log::LogType;
use crate::options::{Endpoint, ListenerOptions, Options};
use crate::process::Account;
use crate::settings::{At, Door, Encryption, Gate, Settings, Socket, number_listeners};
use crate::stamps::Stamps;

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
        let encryption = listener.tls.clone().map(|tls| {
            let options = TlsOptions { key_log: key_log.cloned(), ..tls };
            encrypt(options, before.and_then(|door| door.encryption.as_ref()), journal)
        });
        Ok(Door {
            gate: gate.with_max(listener.max_connections),
            proxy: listener.proxy,
            encryption: encryption.transpose()?,
            websocket: listener.websocket.clone(),
            rates: rates.unwrap_or_else(|| Arc::new(ConnectionRates::new(listener.connection_rate))),
            username_of_certificate: listener.username_of_certificate,
            of: Some(at),
        })
    };
    numbered.into_iter().enumerate().map(&mut make).collect()
}

/// Reads the files of a listener, unless they are what they were: clients can go on resuming, and no copies pile up.
fn encrypt(options: TlsOptions, before: Option<&Encryption>, journal: &mut Journal) -> Result<Encryption, Failure> {
    // Before they are read: what changes meanwhile is seen to have changed.
    let stamps = Stamps::of(options.files());
    let trust = Stamps::of(options.trust_files());
    let before = before.filter(|before| before.options == options);
    let are_readable = || stamps.unreadable().next().is_none();
    if let Some(before) = before.filter(|it| it.stamps == stamps && !(it.are_fresh && are_readable())) {
        return Ok(before.clone());
    }
    let identity = Stamps::of(options.identity_files());
    let out_of_reach = identity.forbidden().or_else(|| identity.unreadable().next());
    let opened = match before.zip(out_of_reach) {
        Some((before, path)) => {
            let text = "cannot be read by whom the server has become: what it held at the start counts";
            journal.line(LogType::Warning, format_args!("Warning: {} {text}.", path.display()));
            before.listener.open_again(&options)
        }
        None => TlsListener::open(&options),
    };
    let (listener, remarks) = opened.map_err(Failure::Tls)?;
    for remark in remarks {
        journal.line(LogType::Warning, format_args!("Warning: {remark}"));
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
            Err(error) if options.one_listener_suffices => {
                // A port in use is in use, whatever other address may be free: two servers would share the clients.
                if error.error.kind() == io::ErrorKind::AddrInUse {
                    return Err(Failure::Bind(error));
                }
                journal.line(LogType::Warning, format_args!("Warning: {error}."));
                first_error.get_or_insert(error);
            }
            Err(error) => return Err(Failure::Bind(error)),
        }
    }
    match first_error {
        Some(error) if sockets.is_empty() => Err(Failure::Bind(error)),
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

/// Whether the files that the encryption of a listener needs are good: what the operator should know, or why the server would not
/// start. Files that cannot be read at all are not spoken of.
pub fn check_certificates(listener: &ListenerOptions) -> Result<Vec<String>, String> {
    let is_readable = |path: &Path| fs::metadata(path).is_ok_and(|it| it.is_dir()) || fs::File::open(path).is_ok();
    let Some(tls) = listener.tls.as_ref().filter(|tls| tls.files().all(is_readable)) else { return Ok(Vec::new()) };
    let (_, remarks) = TlsListener::open(tls).map_err(|error| error.to_string())?;
    Ok(remarks.into_iter().map(|remark| format!("Warning: {remark}")).collect())
}
