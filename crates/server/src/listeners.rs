//! Where clients come in: certificates are read, sockets are bound.

use std::io;
use std::sync::Arc;

use midge_broker::ids::ListenerId;
use midge_net::tls::{KeyLog, TlsListener, TlsOptions};
use midge_net::{BindError, Inherited, Listener, bind_tcp, bind_unix};

use crate::failure::Failure;
use crate::journal::Journal;
use crate::log::LogType;
use crate::options::{Endpoint, ListenerOptions, Options};
use crate::peers::{Socket, Transport};
use crate::process::Account;

/// Reads certificates and keys. Before any port is open: who connects must not be sent away for want of them.
pub(crate) fn make_transports(options: &Options, journal: &mut Journal) -> Result<Vec<Transport>, Failure> {
    let key_log = options.tls_key_log.as_ref().map(|path| {
        let text = format!("Warning: secrets of encrypted connections are written to {}", path.display());
        journal.line(LogType::Warning, format_args!("{text}."));
        KeyLog::open(path)
            .map(Arc::new)
            .map_err(|error| Failure::System("unable to open the file of --tls-keylog", error))
    });
    let key_log = key_log.transpose()?;
    let mut make = |listener: &ListenerOptions| {
        let wanted = listener.tls.clone().map(|tls| TlsOptions { key_log: key_log.clone(), ..tls });
        let (tls, remarks) = wanted.map(TlsListener::open).transpose().map_err(Failure::Tls)?.unzip();
        for remark in remarks.into_iter().flatten() {
            journal.line(LogType::Warning, format_args!("Warning: {remark}"));
        }
        Ok(Transport { tls, username_of_certificate: listener.username_of_certificate })
    };
    options.listeners.iter().map(&mut make).collect()
}

/// Binds the sockets of all listeners, or takes those that were handed over.
pub(crate) fn open_listeners(
    options: &Options,
    account: Option<&Account>,
    inherited: &mut Inherited,
    journal: &mut Journal,
) -> Result<Vec<Socket>, Failure> {
    let mut sockets = Vec::new();
    let mut first_error = None;
    for (number, listener) in options.listeners.iter().enumerate() {
        match open_listener(listener, account, inherited, journal) {
            Ok(opened) => {
                let listener = ListenerId(number as u16);
                sockets.extend(opened.into_iter().map(|socket| Socket { listener, socket }));
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
    for address in inherited.left() {
        let text = format_args!(
            "Warning: no listener of the configuration is for the socket on {address} that was handed over."
        );
        journal.line(LogType::Warning, text);
    }
    match first_error {
        Some(error) if sockets.is_empty() => Err(Failure::Bind(error)),
        _ => Ok(sockets),
    }
}

fn open_listener(
    options: &ListenerOptions,
    account: Option<&Account>,
    inherited: &mut Inherited,
    journal: &mut Journal,
) -> Result<Vec<Listener>, BindError> {
    match &options.endpoint {
        Endpoint::Tcp { host, port, family } => {
            let no_delay = midge_net::ListenerOptions { no_delay: options.no_delay };
            let given = inherited.take_tcp(host.as_deref(), *port, *family, no_delay)?;
            if !given.is_empty() {
                let text = format_args!("Listening on port {port} by a socket that was handed over at the start.");
                journal.line(LogType::Information, text);
                return Ok(given);
            }
            bind_tcp(host.as_deref(), *port, *family, no_delay, |address| {
                let version = if address.is_ipv4() { "ipv4" } else { "ipv6" };
                let port = address.port();
                journal.line(LogType::Information, format_args!("Opening {version} listen socket on port {port}."));
            })
        }
        Endpoint::Unix(path) => {
            let shown = path.display();
            journal.line(LogType::Information, format_args!("Opening unix listen socket on path {shown}."));
            let own = account.and_then(|account| account.act(|| bind_unix(path)).ok()?.ok());
            // Where the account could not remove it again, it is left behind, as any other's file.
            Ok(vec![own.map_or_else(|| bind_unix(path), Ok)?])
        }
    }
}

/// Whether the files that encryption needs are good: what the operator should know, or why the server would not start.
pub fn check_certificates(options: &Options) -> Result<Vec<String>, String> {
    let mut remarks = Vec::new();
    for tls in options.listeners.iter().filter_map(|listener| listener.tls.clone()) {
        let (_, more) = TlsListener::open(tls).map_err(|error| format!("Error: {error}"))?;
        remarks.extend(more.into_iter().map(|remark| format!("Warning: {remark}")));
    }
    Ok(remarks)
}
