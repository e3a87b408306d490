//! How many connections may come in a second: to a listener, and from one address. Looked at before a byte of them is read.
//!
//! Each connection takes so much time; when more than a second is taken in advance, it is refused. Nothing is remembered but up to
//! when time is taken, one number for the listener and a table of numbers of a fixed size for addresses, where each has its place by
//! a keyed hash: whoever comes from ever new addresses makes nothing grow, and cannot choose with whom he shares a place.

use std::hash::{BuildHasher, RandomState};
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU64, Ordering};

use midge_net::Address;

/// What one listener may take in; `None` is no bound.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct ConnectionRate {
    /// All together.
    pub all: Option<Rate>,
    /// Those from one IPv4 address, or from the addresses of IPv6 whose first 64 bits are the same: so many anybody has.
    pub per_address: Option<Rate>,
}

/// So many in a second.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Rate {
    /// Connections in a second.
    pub per_second: NonZeroU32,
    /// Those from this machine are not counted.
    pub spares_this_machine: bool,
}

/// The connections of one listener. Shared by all shards.
#[derive(Default)]
pub(crate) struct ConnectionRates {
    rate: ConnectionRate,
    all: TakenTime,
    /// Empty where nobody counts.
    addresses: Box<[TakenTime]>,
    key: RandomState,
}

/// Up to when time is taken, in microseconds of the monotonic clock.
#[derive(Default)]
struct TakenTime(AtomicU64);

impl ConnectionRates {
    pub(crate) fn new(rate: ConnectionRate) -> ConnectionRates {
        let places = if rate.per_address.is_some() { PLACES } else { 0 };
        let addresses = (0..places).map(|_| TakenTime::default()).collect();
        ConnectionRates { rate, all: TakenTime::default(), addresses, key: RandomState::new() }
    }

    pub(crate) fn rate(&self) -> ConnectionRate {
        self.rate
    }

    /// Counts one more connection from this address, or names the directive that forbids it. Before [`ConnectionRates::enter`]: who
    /// is refused for itself takes nothing from the others.
    pub(crate) fn enter_from(&self, address: &Address, now_ms: u64) -> Result<(), &'static str> {
        let Some(rate) = self.rate.per_address.filter(|rate| rate.counts(address)) else { return Ok(()) };
        let place = self.key.hash_one(network(address)) as usize % PLACES;
        let is_taken = self.addresses[place].take(rate.per_second, now_ms);
        is_taken.then_some(()).ok_or("max_connections_per_second_per_address")
    }

    /// Counts one more connection, or names the directive that forbids it.
    pub(crate) fn enter(&self, address: &Address, now_ms: u64) -> Result<(), &'static str> {
        match self.rate.all.filter(|rate| rate.counts(address)) {
            Some(rate) if !self.all.take(rate.per_second, now_ms) => Err("max_connections_per_second"),
            _ => Ok(()),
        }
    }
}

impl Rate {
    fn counts(self, address: &Address) -> bool {
        let is_of_this_machine = || match address {
            Address::V4(ip, _) => ip.is_loopback(),
            Address::V6(address) => address.ip().to_canonical().is_loopback(),
            Address::Unix(_) => true,
        };
        !self.spares_this_machine || !is_of_this_machine()
    }
}

impl TakenTime {
    /// Takes the time of one more, if there is some.
    fn take(&self, rate: NonZeroU32, now_ms: u64) -> bool {
        let now_us = now_ms * 1000;
        let one_us = 1_000_000 / u64::from(rate.get());
        let more =
            |until_us: u64| Some(until_us.max(now_us) + one_us).filter(|until_us| *until_us <= now_us + AHEAD_US);
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).is_ok()
    }
}

/// What counts as one place that somebody connects from. Clients of Unix sockets share one.
pub(crate) fn network(address: &Address) -> u64 {
    match address {
        Address::V4(ip, _) => u64::from(ip.to_bits()),
        Address::V6(address) => match address.ip().to_ipv4_mapped() {
            Some(ip) => u64::from(ip.to_bits()),
            None => (address.ip().to_bits() >> 64) as u64,
        },
        Address::Unix(_) => 0,
    }
}

/// A second's worth may come at once.
const AHEAD_US: u64 = 1_000_000;

/// Half a megabyte for each listener that counts. With as many addresses as this at work at once, two of them share a place now and
/// then; what they are allowed together is what one is.
const PLACES: usize = 1 << 16;

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{Ipv4Addr, SocketAddrV6};

    fn rates(all: u32, per_address: u32) -> ConnectionRates {
        let rate = |number| Some(Rate { per_second: NonZeroU32::new(number)?, spares_this_machine: false });
        ConnectionRates::new(ConnectionRate { all: rate(all), per_address: rate(per_address) })
    }

    fn v4(last: u8) -> Address {
        Address::V4(Ipv4Addr::new(192, 0, 2, last), 1)
    }

    fn v6(text: &str) -> Address {
        Address::V6(Box::new(SocketAddrV6::new(text.parse().expect("an address"), 1, 0, 0)))
    }

    #[track_caller]
    fn check(rates: &ConnectionRates, address: &Address, now_ms: u64, expected: Result<(), &'static str>) {
        let entered = rates.enter_from(address, now_ms).and_then(|()| rates.enter(address, now_ms));
        assert_eq!(entered, expected, "{address} at {now_ms}");
    }

    #[test]
    fn a_listener_takes_in_a_seconds_worth_at_once_and_then_the_rate() {
        let rates = rates(2, 0);
        let refused = Err("max_connections_per_second");
        check(&rates, &v4(1), 5_000, Ok(()));
        check(&rates, &v4(2), 5_000, Ok(()));
        check(&rates, &v4(3), 5_000, refused);
        check(&rates, &v4(3), 5_499, refused);
        check(&rates, &v4(3), 5_500, Ok(()));
        check(&rates, &v4(3), 5_500, refused);
    }

    #[test]
    fn an_address_is_counted_for_itself_and_takes_nothing_from_others() {
        let rates = rates(3, 1);
        check(&rates, &v4(1), 0, Ok(()));
        (0..100).for_each(|_| check(&rates, &v4(1), 0, Err("max_connections_per_second_per_address")));
        check(&rates, &v4(2), 0, Ok(()));
        check(&rates, &v4(1), 1_000, Ok(()));
    }

    #[test]
    fn addresses_of_ipv6_are_counted_by_network() {
        let (rates, refused) = (rates(0, 1), Err("max_connections_per_second_per_address"));
        check(&rates, &v6("2001:db8::1"), 0, Ok(()));
        check(&rates, &v6("2001:db8::ffff:1"), 0, refused);
        check(&rates, &v6("2001:db8:0:1::1"), 0, Ok(()));
        check(&rates, &v6("::ffff:192.0.2.1"), 0, Ok(()));
        check(&rates, &v6("::ffff:192.0.2.2"), 0, Ok(()));
        check(&rates, &v4(1), 0, refused);
    }

    #[test]
    fn this_machine_can_be_spared() {
        let rate = Some(Rate { per_second: NonZeroU32::MIN, spares_this_machine: true });
        let rates = ConnectionRates::new(ConnectionRate { all: rate, per_address: rate });
        let own = [Address::V4(Ipv4Addr::LOCALHOST, 1), v6("::1"), v6("::ffff:127.0.0.1")];
        own.iter().cycle().take(9).for_each(|address| check(&rates, address, 0, Ok(())));
        check(&rates, &v4(1), 0, Ok(()));
        check(&rates, &v4(2), 0, Err("max_connections_per_second"));
    }
}
