//! The way to the server: name, TCP, and the layers up to MQTT.

use std::io::{self, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream, ToSocketAddrs};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use midge_client_transport::{Address, Description, Endpoint, Failure, Layers};

use super::report::Report;
use crate::moment::Moment;

/// A socket of either kind.
trait Socket: Read + Write {}

impl<S: Read + Write> Socket for S {}

/// Looks at the way; whether it leads to a server.
pub(super) fn examine(endpoint: &Endpoint, ignores_names: bool, report: &mut Report) -> bool {
    let socket = match endpoint.first() {
        Address::Unix(path) => unix_socket(endpoint, &path, report),
        Address::Tcp(host, port) => {
            let what = if endpoint.proxy.is_some() { "proxy" } else { "TCP" };
            tcp_socket(&host, port, what, report)
        }
    };
    let Some(mut socket) = socket else { return false };
    let start = Instant::now();
    match open_layers(endpoint, &mut *socket) {
        Ok(layers) => {
            tell_layers(endpoint, layers.as_deref(), ignores_names, start.elapsed(), report);
            true
        }
        Err(failure) => {
            report.fail(layer_of(&failure), &format!("{failure}."));
            false
        }
    }
}

fn unix_socket(endpoint: &Endpoint, path: &std::path::Path, report: &mut Report) -> Option<Box<dyn Socket>> {
    let connected = UnixStream::connect(path).and_then(|socket| {
        socket.set_read_timeout(Some(PATIENCE))?;
        Ok(socket)
    });
    match connected {
        Ok(socket) => {
            report.fine("socket", &format!("{} accepts connections", path.display()));
            Some(Box::new(socket))
        }
        Err(error) => {
            let to = endpoint.address.to_string().into();
            report.fail("socket", &format!("{}.", Failure::Connect { to, error }));
            None
        }
    }
}

/// `what` is connected to: the server, or the proxy.
fn tcp_socket(host: &str, port: u16, what: &'static str, report: &mut Report) -> Option<Box<dyn Socket>> {
    let addresses = look_up(host, port, report)?;
    let mut connected = None;
    let mut failures = Vec::new();
    for address in addresses {
        let start = Instant::now();
        match connect(address) {
            Ok(socket) => {
                let shown = shown(start.elapsed());
                report.fine(what, &format!("{address} accepts connections ({shown})"));
                connected.get_or_insert(socket);
            }
            Err(error) if error.kind() == io::ErrorKind::TimedOut => {
                failures.push(Failure::TimedOut { to: address.to_string().into() });
            }
            Err(error) => failures.push(Failure::Connect { to: address.to_string().into(), error }),
        }
    }
    for failure in failures {
        match connected {
            Some(_) => report.warn(what, &format!("{failure}; clients that try this address first come late.")),
            None => report.fail(what, &format!("{failure}.")),
        }
    }
    connected.map(|socket| Box::new(socket) as Box<dyn Socket>)
}

/// The addresses of a host, each once.
fn look_up(host: &str, port: u16, report: &mut Report) -> Option<Vec<SocketAddr>> {
    if let Ok(address) = host.parse::<IpAddr>() {
        return Some(vec![SocketAddr::new(address, port)]);
    }
    let start = Instant::now();
    let mut addresses: Vec<SocketAddr> = Vec::new();
    match (host, port).to_socket_addrs() {
        Ok(found) => {
            for address in found {
                if !addresses.contains(&address) {
                    addresses.push(address);
                }
            }
        }
        Err(error) => {
            report.fail("name", &format!("{}.", Failure::Lookup { host: host.into(), error }));
            return None;
        }
    }
    let shown_addresses: Vec<String> = addresses.iter().map(|address| address.ip().to_string()).collect();
    report.fine("name", &format!("{host} is {} ({})", shown_addresses.join(", "), shown(start.elapsed())));
    Some(addresses)
}

fn connect(address: SocketAddr) -> io::Result<TcpStream> {
    let socket = TcpStream::connect_timeout(&address, PATIENCE)?;
    socket.set_read_timeout(Some(PATIENCE))?;
    socket.set_nodelay(true)?;
    Ok(socket)
}

/// Brings the layers to where MQTT begins, and ends them politely.
fn open_layers(endpoint: &Endpoint, socket: &mut dyn Socket) -> Result<Option<Box<Layers>>, Failure> {
    let Some(mut layers) = Layers::begin(endpoint)? else { return Ok(None) };
    let mut buffer = [0; 16 << 10];
    while !layers.is_open() {
        flush(&mut layers, socket)?;
        let count = match socket.read(&mut buffer) {
            Ok(0) => return Err(layers.closed()),
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {
                return Err(Failure::TimedOut { to: endpoint.address.to_string().into() });
            }
            Err(error) => return Err(Failure::Broken(error)),
        };
        let outcome = layers.receive(&buffer[..count], &mut Vec::new());
        if outcome.is_err() {
            // An alert, which the server's log may show; it is only for that.
            let _ = flush(&mut layers, socket);
        }
        outcome?;
    }
    flush(&mut layers, socket)?;
    Ok(Some(layers))
}

fn flush(layers: &mut Layers, socket: &mut dyn Socket) -> Result<(), Failure> {
    socket.write_all(layers.output()).map_err(Failure::Broken)?;
    layers.handle_written(layers.output().len());
    Ok(())
}

fn layer_of(failure: &Failure) -> &'static str {
    match failure {
        Failure::Proxy(_) => "proxy",
        Failure::Tls(_) => "TLS",
        Failure::WebSocket(_) => "WebSocket",
        _ => "connection",
    }
}

fn tell_layers(endpoint: &Endpoint, layers: Option<&Layers>, ignores_names: bool, took: Duration, report: &mut Report) {
    if let Some(proxy) = &endpoint.proxy {
        report.fine("proxy", &format!("{}:{} has connected us to {}", proxy.host, proxy.port, endpoint.address));
    }
    match layers.and_then(Layers::tls) {
        Some(tls) => {
            let version = tls.protocol_version().and_then(|version| version.as_str()).unwrap_or("TLS");
            let suite = tls.negotiated_cipher_suite().map(|suite| format!("{:?}", suite.suite()));
            let suite = suite.unwrap_or_default();
            report.fine("TLS", &format!("{version}, {suite} ({})", shown(took)));
            tell_certificate(tls.peer_certificates().unwrap_or_default(), ignores_names, report);
        }
        None if endpoint.tls.is_some() => {
            report.fine("TLS", &format!("the server has the pre-shared key ({})", shown(took)));
        }
        None if is_far(&endpoint.address) => {
            let remedy = "who is on the way can read passwords and messages: use --cafile or port 8883";
            report.warn("TLS", &format!("the connection is not encrypted, and {remedy}."));
        }
        None => {}
    }
    if let Some(websocket) = &endpoint.websocket {
        report.fine("WebSocket", &format!("the server speaks MQTT at {}", websocket.path));
    }
}

/// The certificate was accepted: this says until when.
fn tell_certificate(chain: &[impl AsRef<[u8]>], ignores_names: bool, report: &mut Report) {
    let Some(first) = chain.first().and_then(|bytes| Description::read(bytes.as_ref())) else { return };
    let names = first.names.join(", ");
    let issuer = match &first.issuer {
        _ if first.is_self_issued => "by itself".to_owned(),
        Some(issuer) => format!("by {issuer}"),
        None => "by nobody that has a name".to_owned(),
    };
    report.fine("certificate", &format!("for {names}, issued {issuer}; certificates in the chain: {}", chain.len()));
    if ignores_names {
        report.warn(
            "certificate",
            "its names are not looked at (--insecure): anybody with a certificate can be this server.",
        );
    }
    let last = chain.iter().filter_map(|bytes| Some(Description::read(bytes.as_ref())?.not_after_s)).min();
    let days = last.unwrap_or(first.not_after_s).saturating_sub(Moment::now().seconds) / DAY_S;
    if days < DAYS_TO_RENEW {
        report.warn("expiry", &format!("the chain of certificates expires in {days} days: have it renewed."));
    } else {
        report.fine("expiry", &format!("the chain of certificates expires in {days} days"));
    }
}

/// Whether others are between us and the server.
fn is_far(address: &Address) -> bool {
    match address {
        Address::Unix(_) => false,
        Address::Tcp(host, _) => {
            **host != *"localhost" && !host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
        }
    }
}

/// A time as people read it.
pub(super) fn shown(time: Duration) -> String {
    format!("{:.2} ms", time.as_secs_f64() * 1000.0)
}

/// How long an answer is waited for.
const PATIENCE: Duration = Duration::from_secs(5);

const DAY_S: u64 = 86_400;

/// Whoever has fewer left should do something.
const DAYS_TO_RENEW: u64 = 14;
