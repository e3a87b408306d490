//! How much is let in, queued and kept.

use super::Scope::Global;
use super::Take::{Bool, Decimal, Integer, Words};
use super::{ANY, Bounds, Directive, Given, directive, limit, limit_bytes};
use crate::config::Bound;
use crate::draft::Draft;
use crate::value::decimal;

pub(super) const DIRECTIVES: &[Directive] = &[
    directive(
        "max_inflight_messages",
        Global,
        Integer(
            Bounds {
                min: i32::MIN as i64,
                max: 65535,
                outside: "'max_inflight_messages' must be <= 65535.",
            },
            |draft, number| {
                let limit = u16::try_from(number).ok().filter(|limit| !matches!(*limit, 0 | u16::MAX));
                draft.config.max_inflight_messages = limit;
            },
        ),
    )
    .default("20")
    .reloadable()
    .doc("How many messages of QoS 1 and 2 may be under way to a client, and from it; 0 and 65535 are no limit.")
    .note("MQTT 5 clients are told as Receive Maximum. A client of MQTT 3 cannot be held to it and is not."),
    directive(
        "max_inflight_bytes",
        Global,
        Integer(ANY, |draft, number| draft.config.max_inflight_bytes = limit_bytes(number)),
    )
    .default("0")
    .reloadable()
    .doc("How many bytes of payload of QoS 1 and 2 may be under way to a client; 0 is no limit.")
    .note("While there are fewer, one more message is sent, however large it is."),
    directive(
        "max_queued_messages",
        Global,
        Integer(ANY, |draft, number| draft.config.max_queued_messages = limit(number)),
    )
    .default("1000")
    .reloadable()
    .doc("How many messages wait for a client that is away or slow; 0 is no limit. The oldest are kept."),
    directive(
        "max_queued_bytes",
        Global,
        Integer(ANY, |draft, number| draft.config.max_queued_bytes = limit_bytes(number)),
    )
    .default("0")
    .reloadable()
    .doc("How many bytes of messages wait for a client that is away or slow; 0 is no limit."),
    directive("queue_qos0_messages", Global, Bool(|draft, on| draft.config.queue_qos0_messages = on))
        .default("false")
        .reloadable()
        .doc("Queue messages of QoS 0 too for clients that are away.")
        .note("The limits above count them too, which they do not in Mosquitto."),
    directive(
        "max_packet_size",
        Global,
        Integer(
            Bounds { min: 20, max: i32::MAX as i64, outside: "'max_packet_size' must be >= 20." },
            |draft, bytes| draft.config.max_packet_size = bytes as u32,
        ),
    )
    .default("2000000")
    .reloadable()
    .doc("The largest packet, in bytes, that a client may send; MQTT 5 clients are told.")
    .note("Without a limit before Mosquitto 2.1."),
    directive(
        "message_size_limit",
        Global,
        Integer(
            Bounds { min: 0, max: 268_435_455, outside: "Invalid 'message_size_limit' value ({})." },
            |draft, bytes| draft.config.message_size_limit = limit(bytes),
        ),
    )
    .default("0")
    .reloadable()
    .doc("The largest payload, in bytes, that is passed on; 0 is no limit.")
    .note("Larger ones are refused one by one; max_packet_size ends the connection instead."),
    directive(
        "max_keepalive",
        Global,
        Integer(Bounds { min: 0, max: 65535, outside: "Invalid 'max_keepalive' value ({})." }, |draft, seconds| {
            draft.config.max_keepalive_s = u16::try_from(seconds).ok().filter(|limit| *limit > 0);
        }),
    )
    .default("0")
    .reloadable()
    .doc("The longest keep alive, in seconds, that a client may have; 0 is no limit.")
    .note("A client of MQTT 5 is told to use this one, others are refused; both also when they ask for none."),
    directive(
        "global_max_clients",
        Global,
        Integer(ANY, |draft, number| draft.config.global_max_clients = limit(number)),
    )
    .default("-1")
    .reloadable()
    .doc("How many sessions there may be, those of absent clients included; 0 and below are no limit."),
    directive(
        "global_max_connections",
        Global,
        Integer(ANY, |draft, number| draft.config.global_max_connections = limit(number)),
    )
    .default("-1")
    .reloadable()
    .doc("How many clients may be connected over all listeners; 0 and below are no limit."),
    directive(
        "max_client_messages_per_second",
        Global,
        Integer(ANY, |draft, number| draft.config.max_client_messages_per_second = Bound::of(number)),
    )
    .doc("How many messages a client may send in a second; one that sends more is read more slowly. 0 is no limit.")
        .reloadable()
    .note(
        "Not in Mosquitto. Unless it is given, 1000000 for a server called midge and no limit for one called mosquitto. A second's \
         worth may come at once. Nothing is lost and nobody disconnected.",
    ),
    directive(
        "max_client_bytes_per_second",
        Global,
        Integer(ANY, |draft, number| draft.config.max_client_bytes_per_second = Bound::of(number)),
    )
    .doc("How many bytes a client may send in a second; one that sends more is read more slowly. 0 is no limit.")
        .reloadable()
    .note(
        "Not in Mosquitto. Unless it is given, 1250000000 for a server called midge and no limit for one called mosquitto.",
    ),
    directive(
        "max_subscriptions",
        Global,
        Integer(ANY, |draft, number| draft.config.max_subscriptions = Bound::of(number)),
    )
    .doc("How many subscriptions a client may have; further ones are refused (0x97). 0 is no limit.")
        .reloadable()
    .note("Not in Mosquitto. Unless it is given, 10000 for a server called midge and no limit for one called mosquitto."),
    directive(
        "max_retained_messages",
        Global,
        Integer(ANY, |draft, number| draft.config.max_retained_messages = Bound::of(number)),
    )
    .doc("How many retained messages there may be in all; for further topics they are refused (0x97). 0 is no limit.")
        .reloadable()
    .note(
        "Not in Mosquitto. Unless it is given, 500000 for a server called midge and no limit for one called mosquitto. Those that \
         are there can be replaced and cleared.",
    ),
    directive(
        "max_retained_bytes",
        Global,
        Decimal(Bounds { min: 0, max: i64::MAX, outside: "Invalid 'max_retained_bytes' value ({})." }, |draft, bytes| {
            draft.config.max_retained_bytes = Bound::of(bytes);
        }),
    )
    .doc("How many bytes retained messages and their topics may have in all; more are refused (0x97). 0 is no limit.")
        .reloadable()
    .note(
        "Not in Mosquitto. Unless it is given, 268435456 for a server called midge and no limit for one called mosquitto. Decimal, \
         without a unit.",
    ),
    directive(
        "topic_levels_max",
        Global,
        Integer(Bounds { min: 1, max: 65535, outside: "Invalid 'topic_levels_max' value ({})." }, |draft, levels| {
            draft.config.topic_levels_max = levels as u16;
        }),
    )
    .default("201")
    .reloadable()
    .doc("How many levels a topic or a filter may have, one more than it has slashes; more are refused.")
    .note("Not in Mosquitto, which always lets 200 slashes pass."),
    directive("retain_available", Global, Bool(|draft, on| draft.config.retain_available = on))
        .default("true")
        .reloadable()
        .doc("Keep retained messages; otherwise they are refused."),
    directive(
        "retain_expiry_interval",
        Global,
        Integer(
            Bounds { min: 1, max: i32::MAX as i64, outside: "retain_expiry_interval must be >= 1." },
            retain_expiry_interval,
        ),
    )
    .reloadable()
    .doc("How many minutes a retained message is kept at most; without it, until its own expiry or for ever."),
    directive("check_retain_source", Global, Bool(|draft, on| draft.config.check_retain_source = on))
        .default("false")
        .reloadable()
        .doc("Deliver a retained message only while the client that published it may still publish there.")
        .note(
            "Off unless given, although Mosquitto's manual says otherwise. Whoever would not be let in any more may publish nothing. \
             What was retained while it was off is given to everybody.",
        ),
    directive("persistent_client_expiration", Global, Words(persistent_client_expiration))
        .reloadable()
        .doc("How long sessions of absent clients are kept: a number and one of s h d w m y; otherwise for ever.")
        .note(
            "m is 30 days, and there are no minutes. An MQTT 5 client can ask for less but not for more. It counts from \
             the disconnect.",
        ),
    directive("upgrade_outgoing_qos", Global, Bool(|draft, on| draft.config.upgrade_outgoing_qos = on))
        .default("false")
        .reloadable()
        .doc("Deliver with the QoS of the subscription even where the message was published with less.")
        .note("Against the MQTT specification."),
];

fn retain_expiry_interval(draft: &mut Draft, minutes: i64) {
    if minutes > RETAIN_EXPIRY_MINUTES_MAX {
        draft.warn("The 'retain_expiry_interval' is longer than 19 years, which are taken instead.".to_owned());
    }
    let seconds = minutes.min(RETAIN_EXPIRY_MINUTES_MAX) * 60;
    draft.config.retain_expiry_interval_s = limit_bytes(seconds);
}

/// Fits an expiry of MQTT, which counts seconds in 32 bits.
const RETAIN_EXPIRY_MINUTES_MAX: i64 = 10_000_000;

fn persistent_client_expiration(draft: &mut Draft, given: Given<'_>) {
    let mut words = given.words;
    let Some(word) = draft.word(given.name, words.next()) else {
        return;
    };
    match duration_s(word) {
        Some(seconds) => draft.config.persistent_client_expiration_s = Some(seconds),
        None => draft.error("Invalid 'persistent_client_expiration' duration in configuration."),
    }
}

fn duration_s(word: &[u8]) -> Option<u64> {
    let (unit, number) = word.split_last()?;
    let unit_s = match unit {
        b's' => 1,
        b'h' => 60 * 60,
        b'd' => DAY_S,
        b'w' => 7 * DAY_S,
        b'm' => 30 * DAY_S,
        b'y' => 365 * DAY_S,
        _ => return None,
    };
    let number = decimal(number).ok().filter(|number| *number > 0)?;
    u64::try_from(number).ok()?.checked_mul(unit_s)
}

const DAY_S: u64 = 24 * 60 * 60;
