//! What to do about a problem, in a sentence: by what is known of it.

use crate::problems::{Incident, Kind};

/// What may help; `None`: that depends.
pub(crate) fn remedy(incident: &Incident) -> Option<&'static str> {
    let row = REMEDIES.iter().find(|(kind, words, _)| *kind == incident.kind && incident.reason.contains(words));
    row.map(|(_, _, remedy)| *remedy)
}

/// By kind, and what the reason has in it. The first that fits counts.
const REMEDIES: &[(Kind, &str, &str)] = &[
    (
        Kind::Refused,
        "max_connections_per_second",
        "Many clients connect at once. If they are yours, raise this limit of the listener.",
    ),
    (
        Kind::Refused,
        "global_max_connections",
        "As many connections are open as may be. Raise global_max_connections, or find out who holds them on the page of clients.",
    ),
    (
        Kind::Refused,
        "max_connections",
        "As many clients are connected to the listener as may be. Raise its max_connections.",
    ),
    (
        Kind::Refused,
        "memory_limit",
        "The server uses as much memory as it may. Raise memory_limit, or look for large queues on the page of clients.",
    ),
    (
        Kind::Refused,
        "too many",
        "Logins from this address failed before. Correct the name or the password; waiting a few seconds is enough.",
    ),
    (
        Kind::Refused,
        "not authorised",
        "User name or password are wrong or missing. Look at password_file, or at allow_anonymous if clients give no name.",
    ),
    (
        Kind::Refused,
        "protocol version",
        "The client speaks a version of MQTT that accept_protocol_versions of its listener leaves out.",
    ),
    (
        Kind::Refused,
        "client identifier",
        "The client identifier is empty or not allowed: see allow_zero_length_clientid and clientid_prefixes.",
    ),
    (
        Kind::Refused,
        "certificate",
        "Encryption could not be agreed upon. Compare the client's certificate with cafile and crlfile of the listener.",
    ),
    (
        Kind::Refused,
        "login to the console",
        "User name or password are wrong. They are those of MQTT on the console's listener: look at password_file.",
    ),
    (
        Kind::Refused,
        "",
        "What came is no connection that MQTT allows. Check that the client speaks what the listener does: MQTT, TLS or WebSocket.",
    ),
    (
        Kind::Denied,
        "not authorised",
        "The rights do not grant it. Add a line for this user and topic to acl_file, or correct the topic.",
    ),
    (
        Kind::Denied,
        "may not",
        "The rights do not grant it. Add a line for this user and topic to acl_file, or correct the topic.",
    ),
    (
        Kind::Denied,
        "retained",
        "There are as many retained messages as may be. Delete some, or raise max_retained_messages or max_retained_bytes.",
    ),
    (
        Kind::Denied,
        "subscription",
        "The client has as many subscriptions as it may. Raise max_subscriptions, or use wildcards.",
    ),
    (
        Kind::Denied,
        "room",
        "There is no room on the disk, or persistence_max_bytes is reached. Make room, or raise the limit.",
    ),
    (
        Kind::Denied,
        "Packet Identifier",
        "The client uses packet identifiers again before their exchange has ended. Its library has a fault.",
    ),
    (Kind::Denied, "large", "The message is larger than message_size_limit allows."),
    (
        Kind::Discarded,
        "queue full",
        "The client is away, or slower than what it subscribed to. Raise max_queued_messages, or have it subscribe to less.",
    ),
    (
        Kind::Discarded,
        "does not read",
        "The client reads more slowly than messages come. QoS 1 lets them wait; otherwise have it subscribe to less.",
    ),
    (
        Kind::Discarded,
        "maximum packet size",
        "The client said that it takes no packets of this size. Publish smaller messages, or raise what the client says.",
    ),
    (Kind::Discarded, "expired", "The message waited longer than its publisher wanted it to live."),
    (
        Kind::Discarded,
        "share group",
        "No member of the share group is there or has room. Add members, or raise their receive maximum.",
    ),
    (
        Kind::Discarded,
        "may not read",
        "A member of the share group lacks the right to read what the group gets. Correct acl_file.",
    ),
    (
        Kind::Disconnected,
        "timeout",
        "The client said nothing for one and a half times its keep alive: it lost its network, or it does not send pings.",
    ),
    (
        Kind::Disconnected,
        "taken over",
        "Two clients use the same client identifier, or one came back before its old connection was noticed to be gone. Give each its own.",
    ),
    (
        Kind::Disconnected,
        "not authorised",
        "Its login or its rights do not count any more since the files were read again.",
    ),
    (Kind::Disconnected, "oversize", "The client sent more than max_packet_size allows."),
    (
        Kind::Disconnected,
        "malformed",
        "The client sent what is no MQTT. Its library has a fault, or something else speaks there.",
    ),
    (Kind::Disconnected, "protocol error", "The client broke a rule of MQTT. Its library has a fault."),
    (
        Kind::Disconnected,
        "connection closed by client",
        "The client went without a word (DISCONNECT): it crashed, lost its network, or was stopped.",
    ),
    (Kind::Disconnected, "bad socket", "The network between broke the connection."),
    (
        Kind::Disconnected,
        "no CONNECT",
        "Something connected and said nothing: a port scanner, a health check, or a client that speaks TLS where there is none.",
    ),
    (
        Kind::Server,
        "slowly",
        "The client sends more than max_client_messages_per_second or max_client_bytes_per_second allow.",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::problems::tests::incident;

    #[test]
    fn the_page_says_it_in_each_of_its_languages() {
        let texts = [include_str!("../web/src/i18n/said_ja.ts"), include_str!("../web/src/i18n/said_ko.ts")];
        for (_, _, remedy) in REMEDIES {
            let said = format!("'{}':", remedy.replace('\'', "\\'"));
            texts.iter().for_each(|text| assert!(text.contains(&said), "{remedy} is not among web/src/i18n/said_*.ts"));
        }
    }

    /// One that stands behind a more general one would never be told.
    #[test]
    fn each_remedy_is_told_of_some_problem() {
        for (kind, words, told) in REMEDIES {
            assert_eq!(remedy(&incident(*kind, words, "c", 0)), Some(*told), "{words}");
        }
    }

    #[test]
    fn what_helps_follows_from_the_reason() {
        let check = |kind, reason, expected: Option<&str>| {
            let found = remedy(&incident(kind, reason, "c", 0));
            assert_eq!(found.is_some(), expected.is_some(), "{reason}");
            assert!(
                expected.is_none_or(|words| found.is_some_and(|found| found.contains(words))),
                "{reason}: {found:?}"
            );
        };
        check(Kind::Refused, "max_connections_per_second exceeded", Some("connect at once"));
        check(Kind::Refused, "max_connections exceeded", Some("its max_connections"));
        check(Kind::Discarded, "queue full", Some("max_queued_messages"));
        check(Kind::Disconnected, "session taken over", Some("same client identifier"));
        check(Kind::Server, "the disk is full", None);
    }
}
