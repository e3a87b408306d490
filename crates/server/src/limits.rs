//! Limits that Mosquitto does not have. A server that is called `mosquitto` has none of them unless it is told so: whoever replaces
//! one must not find out what a limit is by meeting it. One that is called `midge` has those below, which nobody meets who means
//! well.

use std::num::NonZeroU32;

use midge_broker::ClientRate;
use midge_config::{Bound, Config, Listener};

use crate::connection_rate::{ConnectionRate, Rate};
use crate::options::Identity;

/// What holds of each limit where the configuration says nothing.
#[derive(Clone, Copy, Default)]
struct Unsaid {
    subscriptions: Option<u64>,
    retained_messages: Option<u64>,
    retained_bytes: Option<u64>,
    client_messages_per_second: Option<u64>,
    client_bytes_per_second: Option<u64>,
    connections_per_second: Option<u64>,
    connections_per_second_per_address: Option<u64>,
}

const MIDGE: Unsaid = Unsaid {
    // Dashboards and bridges that name every topic they want have hundreds. Ten thousand take about two megabytes.
    subscriptions: Some(10_000),
    // A house has a few thousand, ten thousand devices with discovery two hundred thousand. So many take a hundred megabytes.
    retained_messages: Some(500_000),
    // What a small machine can spare, with pictures of a thousand cameras in it.
    retained_bytes: Some(256 << 20),
    // More than any bridge has to say. As many keep a core busy, which serves others in between all the same.
    client_messages_per_second: Some(1_000_000),
    // What a line of ten gigabits brings.
    client_bytes_per_second: Some(1_250_000_000),
    // Twenty thousand clients that come back at once are in within seconds; a core makes about as many TLS handshakes.
    connections_per_second: Some(5_000),
    // A site behind one address, all of whose devices come back at once; a program that tries passwords has to wait.
    connections_per_second_per_address: Some(200),
};

/// What `midge` and `mosquitto` differ in.
fn unsaid(identity: Identity) -> Unsaid {
    match identity {
        Identity::Midge => MIDGE,
        Identity::Mosquitto => Unsaid::default(),
    }
}

/// Puts the limits into the broker's rules.
pub(crate) fn put_into(rules: &mut midge_broker::Options, config: &Config, identity: Identity) {
    let unsaid = unsaid(identity);
    let subscriptions = config.max_subscriptions.or(unsaid.subscriptions);
    rules.max_subscriptions = subscriptions.map(|max| usize::try_from(max).unwrap_or(usize::MAX));
    rules.max_retained_messages = config.max_retained_messages.or(unsaid.retained_messages);
    rules.max_retained_bytes = config.max_retained_bytes.or(unsaid.retained_bytes);
    rules.client_rate = ClientRate {
        messages: rate(config.max_client_messages_per_second, unsaid.client_messages_per_second),
        bytes: rate(config.max_client_bytes_per_second, unsaid.client_bytes_per_second),
    };
}

/// What one listener may take in.
pub(crate) fn connection_rate(listener: &Listener, identity: Identity) -> ConnectionRate {
    let unsaid = unsaid(identity);
    ConnectionRate {
        all: connections(listener.max_connections_per_second, unsaid.connections_per_second),
        per_address: connections(
            listener.max_connections_per_second_per_address,
            unsaid.connections_per_second_per_address,
        ),
    }
}

/// Nobody has said a word against a proxy, or a thousand programs, on this machine.
fn connections(bound: Bound, unsaid: Option<u64>) -> Option<Rate> {
    rate(bound, unsaid).map(|per_second| Rate { per_second, spares_this_machine: bound == Bound::Unsaid })
}

fn rate(bound: Bound, unsaid: Option<u64>) -> Option<NonZeroU32> {
    bound.or(unsaid).and_then(|max| NonZeroU32::new(u32::try_from(max).unwrap_or(u32::MAX)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(config: &Config, identity: Identity) -> midge_broker::Options {
        let mut rules = midge_broker::Options::default();
        put_into(&mut rules, config, identity);
        rules
    }

    #[test]
    fn whoever_replaces_a_mosquitto_meets_no_limit_that_it_did_not_have() {
        let config = Config::without_file();
        let rules = rules(&config, Identity::Mosquitto);
        assert_eq!(
            (rules.max_subscriptions, rules.max_retained_messages, rules.max_retained_bytes),
            (None, None, None)
        );
        assert_eq!(rules.client_rate, ClientRate::default());
        assert_eq!(connection_rate(&config.listeners[0], Identity::Mosquitto), ConnectionRate::default());
    }

    #[test]
    fn a_midge_has_limits_that_can_be_taken_away() {
        let mut config = Config::without_file();
        assert_eq!(rules(&config, Identity::Midge).max_subscriptions, Some(10_000));
        (config.max_subscriptions, config.max_retained_bytes) = (Bound::Nothing, Bound::Most(5));
        let rules = rules(&config, Identity::Midge);
        assert_eq!((rules.max_subscriptions, rules.max_retained_bytes), (None, Some(5)));
        assert_eq!(rules.max_retained_messages, Some(500_000));
    }
}
