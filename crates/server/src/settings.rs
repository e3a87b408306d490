//! What is in force: everything that a reload replaces, as one value.
//!
//! What must hold:
//! * a value never changes once it is in force; shards take the next one as a whole, at the beginning of a turn;
//! * a [`ListenerId`] means the same listener for as long as anybody is there that came in by it. It is given to another one
//!   only when all its connections are gone.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, LazyLock};

use midge_broker::ids::ListenerId;
use midge_console::EntranceKind;
use midge_net::tls::{Tls, TlsListener, TlsOptions};
use midge_net::{Address, Listener};

use crate::authority::{Authority, AuthorityOptions};
use crate::connection_rate::ConnectionRates;
use crate::options::{CertificateName, Endpoint, Options, ProxyOptions, SeenByProxy, WebSocketOptions};
use crate::stamps::Stamps;

/// See the module.
#[derive(Default)]
pub(crate) struct Settings {
    /// The rules for clients.
    pub(crate) broker: Arc<midge_broker::Options>,
    /// Who decides whom to let in.
    pub(crate) authority: Arc<Authority>,
    /// Where clients come in, by [`ListenerId`].
    pub(crate) doors: Vec<Door>,
    /// Every listening socket, each accepted from by all shards.
    pub(crate) sockets: Vec<Socket>,
    /// Over all listeners.
    pub(crate) gate: Gate,
    /// Seconds that a new connection has for its CONNECT.
    pub(crate) connect_timeout_s: u16,
    /// Bytes of memory above which nothing is taken in that stays; `None` is no bound.
    pub(crate) memory_limit_bytes: Option<u64>,
    /// Seconds between publications of `$SYS`; 0 is never.
    pub(crate) sys_interval_s: u16,
    /// Metrics go to a collector.
    exports_metrics: bool,
}

/// A listener, apart from its sockets.
#[derive(Clone)]
pub(crate) struct Door {
    /// The listener of the configuration; `None`: there is none any more, and who came in by it is sent away.
    pub(crate) of: Option<At>,
    pub(crate) gate: Gate,
    /// A proxy stands in front.
    pub(crate) proxy: Option<ProxyOptions>,
    pub(crate) encryption: Option<Encryption>,
    /// MQTT comes in frames; `None`: as it is.
    pub(crate) websocket: Option<WebSocketOptions>,
    /// The console's thread accepts there, and what is behind it.
    pub(crate) http: Option<EntranceKind>,
    /// How many connections may come in a second.
    pub(crate) rates: Arc<ConnectionRates>,
    /// What of a client's certificate is its User Name; `None`: it says itself who it is.
    pub(crate) username_of_certificate: Option<CertificateName>,
}

/// Which listener of the configuration it is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct At {
    /// Its place there.
    pub(crate) place: usize,
    pub(crate) endpoint: Endpoint,
}

/// TLS on a listener, and what it was made of.
#[derive(Clone)]
pub(crate) struct Encryption {
    pub(crate) options: TlsOptions,
    /// All its files.
    pub(crate) stamps: Stamps,
    /// They may look the same and be others: they were read right after they had changed.
    pub(crate) are_fresh: bool,
    /// Those by which clients' certificates are judged.
    pub(crate) trust: Stamps,
    pub(crate) listener: Arc<TlsListener>,
}

/// One listening socket.
#[derive(Clone)]
pub(crate) struct Socket {
    pub(crate) listener: ListenerId,
    /// By this number event loops speak of it; no two have the same at a time.
    pub(crate) number: usize,
    pub(crate) socket: Arc<Listener>,
}

/// How many connections a listener has, and may have.
#[derive(Clone, Default)]
pub(crate) struct Gate {
    /// Counted over reloads.
    open: Arc<AtomicU32>,
    max: Option<u32>,
}

/// Where the server's own services come in, over pipes: always open, and nobody counts.
static SERVICES_DOOR: LazyLock<Door> = LazyLock::new(|| {
    let of = Some(At { place: usize::MAX, endpoint: Endpoint::Unix(PathBuf::new()) });
    Door { of, ..Door::gone(Gate::default()) }
});

impl Settings {
    /// What is in force when these options are.
    pub(crate) fn new(
        options: &Options,
        broker: Arc<midge_broker::Options>,
        doors: Vec<Door>,
        sockets: Vec<Socket>,
        authority: Arc<Authority>,
    ) -> Settings {
        Settings {
            broker,
            authority,
            doors,
            sockets,
            gate: Gate::new(options.global_max_connections),
            connect_timeout_s: options.connect_timeout_s,
            memory_limit_bytes: options.memory_limit_bytes,
            sys_interval_s: options.sys_interval_s,
            exports_metrics: options.otlp.endpoint.is_some() && options.otlp.metrics,
        }
    }

    /// What is there before anything is in force: these listeners.
    pub(crate) fn with_sockets(doors: Vec<Door>, sockets: Vec<Socket>) -> Settings {
        Settings { doors, sockets, ..Settings::default() }
    }

    /// A listener and what it has beside its sockets.
    pub(crate) fn door(&self, listener: ListenerId) -> &Door {
        match listener {
            ListenerId::SERVICES => &SERVICES_DOOR,
            ListenerId(number) => &self.doors[usize::from(number)],
        }
    }

    /// Whether who came by `listener` with this encryption could come now. `seen` is what a proxy has seen of him; `None`: it has
    /// not said yet.
    pub(crate) fn still_lets_in(&self, listener: ListenerId, tls: Option<&Tls>, seen: Option<SeenByProxy>) -> bool {
        let door = self.door(listener);
        let lack = door.proxy.zip(seen).and_then(|(proxy, seen)| proxy.lack(seen));
        lack.is_none()
            && match (&door.encryption, tls) {
                // What is encrypted there ends before a shard has it.
                _ if door.http.is_some() => true,
                (None, _) => true,
                (Some(_), None) => false,
                (Some(encryption), Some(tls)) => {
                    let keys = self.authority.pre_shared_keys(listener);
                    encryption.listener.still_trusts(tls, keys.as_deref())
                }
            }
    }

    /// The listeners at which it may be that somebody could come in `before`, and cannot now.
    pub(crate) fn stricter_listeners(&self, before: &Settings) -> impl Iterator<Item = ListenerId> {
        let listeners = (0..self.doors.len()).map(|number| ListenerId(number as u16));
        listeners.filter(|listener| {
            let (is, was) = (self.door(*listener), before.doors.get(usize::from(listener.0)));
            let lets_in_all = was.is_some_and(|was| is.lets_in_all_of(was));
            !lets_in_all || !self.authority.has_keys_of(&before.authority, *listener)
        })
    }

    /// Whether there is a console to look on.
    pub(crate) fn has_console(&self) -> bool {
        self.doors.iter().any(|door| door.http == Some(EntranceKind::Console))
    }

    /// Whether who comes in there is the console's page.
    pub(crate) fn is_console(&self, listener: ListenerId) -> bool {
        self.doors.get(usize::from(listener.0)).is_some_and(|door| door.http == Some(EntranceKind::Console))
    }

    /// Whether somebody may ask how long messages take.
    pub(crate) fn measures_times(&self) -> bool {
        self.has_console() || self.exports_metrics
    }

    /// The port of `listener`; 0 for a Unix socket.
    pub(crate) fn port(&self, listener: ListenerId) -> u16 {
        let socket = self.sockets.iter().find(|socket| socket.listener == listener);
        socket.map_or(0, |socket| socket.socket.port())
    }

    /// Counts one more connection of `listener` for this second, or names the directive that forbids it.
    pub(crate) fn count_arrival(
        &self,
        listener: ListenerId,
        address: &Address,
        now_ms: u64,
    ) -> Result<(), &'static str> {
        let door = self.door(listener);
        // What a proxy brings is counted for those whom it names.
        if door.proxy.is_none() {
            door.rates.enter_from(address, now_ms)?;
        }
        door.rates.enter(address, now_ms)
    }

    /// Counts one more open connection of `listener`, or names the directive that forbids it.
    pub(crate) fn enter(&self, listener: ListenerId) -> Result<(), &'static str> {
        let door = self.door(listener);
        if !door.gate.enter() {
            return Err("max_connections");
        }
        if !self.gate.enter() {
            door.gate.leave();
            return Err("global_max_connections");
        }
        Ok(())
    }

    /// One connection of `listener` less.
    pub(crate) fn leave(&self, listener: ListenerId) {
        if listener == ListenerId::SERVICES {
            return;
        }
        self.door(listener).gate.leave();
        self.gate.leave();
    }

    /// A number that none of these sockets has.
    pub(crate) fn free_socket_number(sockets: &[&[Socket]]) -> usize {
        let taken: BTreeSet<usize> = sockets.iter().copied().flatten().map(|socket| socket.number).collect();
        (0..).find(|number| !taken.contains(number)).unwrap_or_default()
    }
}

impl Door {
    /// A listener that is gone; connections are counted for as long as there are any.
    pub(crate) fn gone(gate: Gate) -> Door {
        Door {
            of: None,
            gate,
            proxy: None,
            encryption: None,
            websocket: None,
            http: None,
            rates: Arc::default(),
            username_of_certificate: None,
        }
    }

    /// One that is not there, unless `is_there`.
    pub(crate) fn only_if(self, is_there: bool) -> Door {
        if is_there { self } else { Door::gone(self.gate) }
    }

    /// Whether clients that came in `before` could come now, apart from which pre-shared keys count.
    fn lets_in_all_of(&self, before: &Door) -> bool {
        let demands = |door: &Door| door.proxy.map_or((false, false), |it| (it.require_tls, it.require_certificate));
        demands(self) == demands(before)
            && Encryption::lets_in_all_of(self.encryption.as_ref(), before.encryption.as_ref())
    }

    /// Whether clients may still be there that came in by it.
    fn is_free(&self) -> bool {
        self.of.is_none() && self.gate.open() == 0
    }
}

impl Encryption {
    /// The same as far as encryption goes. Who has no encryption cannot come where there is some.
    fn lets_in_all_of(now: Option<&Encryption>, before: Option<&Encryption>) -> bool {
        let (Some(now), Some(before)) = (now, before) else { return now.is_none() };
        let asked = |it: &TlsOptions| {
            let takes_keys = it.psk_hint.is_some();
            (it.require_certificate, takes_keys, it.certificates.is_empty(), it.disable_client_cert_date_checks)
        };
        asked(&now.options) == asked(&before.options) && (now.trust == before.trust || !now.options.require_certificate)
    }
}

impl Gate {
    /// `max`: `None` is no bound.
    pub(crate) fn new(max: Option<u32>) -> Gate {
        Gate { open: Arc::default(), max }
    }

    /// The same connections with another bound, which does not send anybody away.
    pub(crate) fn with_max(&self, max: Option<u32>) -> Gate {
        Gate { open: Arc::clone(&self.open), max }
    }

    /// Counts one more connection, unless the listener has as many as it may.
    fn enter(&self) -> bool {
        let open = self.open.fetch_add(1, Ordering::Relaxed);
        let may = self.max.is_none_or(|max| open < max);
        if !may {
            self.leave();
        }
        may
    }

    /// How many there may be; `None` is no bound.
    pub(crate) fn max(&self) -> Option<u32> {
        self.max
    }

    fn leave(&self) {
        self.open.fetch_sub(1, Ordering::Relaxed);
    }

    /// How many connections there are.
    pub(crate) fn open(&self) -> u32 {
        self.open.load(Ordering::Relaxed)
    }
}

/// Which listener of the configuration each [`ListenerId`] means from now on: one that is there already keeps its own, a new one
/// takes the first that is free. `before` is in force on all shards.
pub(crate) fn number_listeners(before: &[Door], options: &Options) -> Vec<Option<At>> {
    let mut left: Vec<At> = options
        .listeners
        .iter()
        .enumerate()
        .map(|(place, listener)| At { place, endpoint: listener.endpoint.clone() })
        .collect();
    let mut take = |at: &At| {
        let same = left.iter().position(|new| new.endpoint == at.endpoint)?;
        Some(left.remove(same))
    };
    let mut numbered: Vec<Option<At>> = before.iter().map(|door| door.of.as_ref().and_then(&mut take)).collect();
    let mut free = (0..before.len()).filter(|number| before[*number].is_free());
    for at in left {
        match free.next() {
            Some(number) => numbered[number] = Some(at),
            None => numbered.push(Some(at)),
        }
    }
    numbered
}

/// The rules for clients, with listeners by [`ListenerId`]. Where there is no listener any more nobody is left to whom they would
/// matter.
pub(crate) fn rules(options: &Options, doors: &[Door]) -> midge_broker::Options {
    let listeners = doors.iter().map(|door| options.broker.listeners[place(door)].clone()).collect();
    midge_broker::Options { listeners, ..options.broker.clone() }
}

/// What each [`ListenerId`] asks for; as [`rules`].
pub(crate) fn authorities(options: &Options, doors: &[Door]) -> Vec<AuthorityOptions> {
    doors.iter().map(|door| options.authority[place(door)].clone()).collect()
}

fn place(door: &Door) -> usize {
    door.of.as_ref().map_or(0, |at| at.place)
}

#[cfg(test)]
mod tests {
    use midge_config::Config;

    use super::*;
    use crate::options::Identity;

    #[test]
    fn a_gate_lets_in_as_many_as_it_may() {
        let gate = Gate::new(Some(2));
        assert_eq!([gate.enter(), gate.enter(), gate.enter()], [true, true, false]);
        gate.leave();
        assert_eq!([gate.enter(), gate.enter()], [true, false]);
        assert!(Gate::new(None).enter());
        assert!(!Gate::new(Some(0)).enter());
        assert!(gate.with_max(Some(3)).enter());
        assert_eq!(gate.open(), 3);
    }

    /// Doors at these ports, as they are numbered after `before`.
    fn after(before: &[Door], ports: &[u16]) -> Vec<Door> {
        let mut options = Options::from_config(&Config::without_file(), Identity::Midge);
        let listener = options.listeners[0].clone();
        let at =
            |port: &u16| Endpoint::Tcp { host: None, port: *port, family: midge_net::Family::Any, interface: None };
        let listeners = ports.iter().map(|port| crate::ListenerOptions { endpoint: at(port), ..listener.clone() });
        options.listeners = listeners.collect();
        let numbered = number_listeners(before, &options);
        let gate = |number: usize| before.get(number).map_or_else(Gate::default, |door| door.gate.clone());
        let door = |(number, of)| Door { of, ..Door::gone(gate(number)) };
        numbered.into_iter().enumerate().map(door).collect()
    }

    fn ports(doors: &[Door]) -> Vec<u16> {
        let port = |door: &Door| match door.of.as_ref().map(|at| &at.endpoint) {
            Some(Endpoint::Tcp { port, .. }) => *port,
            _ => 0,
        };
        doors.iter().map(port).collect()
    }

    #[test]
    fn a_listener_keeps_its_number_and_one_that_is_gone_gives_its_own_away_when_nobody_is_left() {
        let first = after(&[], &[1, 2]);
        assert_eq!(ports(&first), [1, 2]);
        assert!(first[0].gate.enter());
        let second = after(&first, &[3, 2]);
        assert_eq!(ports(&second), [0, 2, 3], "connections of the first one are still there");
        let third = after(&second, &[3, 4]);
        assert_eq!(ports(&third), [0, 0, 3, 4]);
        third[0].gate.leave();
        assert_eq!(ports(&after(&third, &[1, 2, 3, 4])), [1, 2, 3, 4]);
    }
}
