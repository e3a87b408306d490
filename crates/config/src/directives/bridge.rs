//! Connections to other servers. None works yet: the `connection` line is refused, and with it all below, which is checked.

use super::Scope::{Bridge, Global};
use super::Take::{Bool, Choice, Integer, Path, Text, Words};
use super::{ANY, Again, Bounds, Directive, Given, directive, nothing};
use crate::draft::Draft;

/// Why an option of a bridge does not work.
const NO_BRIDGES: &str = "there are no bridges.";

/// An option that one bridge has.
const fn bridge(name: &'static str, take: super::Take) -> Directive {
    directive(name, Bridge, take).reloadable().refused(NO_BRIDGES)
}

const TEXT: super::Take = Text(Again::Error, nothing);
const PATH: super::Take = Path(Again::Error, nothing);
const BOOL: super::Take = Bool(nothing);

const fn at_least(min: i64, outside: &'static str) -> super::Take {
    Integer(Bounds { min, max: i32::MAX as i64, outside }, nothing)
}

pub(super) const DIRECTIVES: &[Directive] = &[
    directive("connection", Global, Words(connection))
        .reloadable()
        .doc("Begin a bridge of this name: a connection to another server, over which topics are exchanged.")
        .refused("no message would reach the other server, or come from it."),
    bridge("address", Words(|draft, _| draft.bridge().has_address = true))
        .aliases(&["addresses"])
        .doc("Where the other server is: HOST[:PORT], more of them as spares; an IPv6 address needs a port."),
    bridge("topic", Words(topic)).doc(
        "What is exchanged: FILTER [out|in|both [QOS [LOCAL-PREFIX [REMOTE-PREFIX]]]]; may be given more than once.",
    ),
    bridge("remote_clientid", TEXT)
        .aliases(&["clientid"])
        .doc("The client identifier at the other server; otherwise the host's name, a dot and the bridge's."),
    bridge("remote_username", TEXT).aliases(&["username"]).doc("The user name at the other server."),
    bridge("remote_password", TEXT).aliases(&["password"]).doc("The password at the other server."),
    bridge("local_clientid", TEXT)
        .doc("The client identifier here; otherwise the one at the other server behind 'local.'."),
    bridge("local_username", TEXT).doc("The user name here, for access control."),
    bridge("local_password", TEXT).doc("The password here."),
    bridge("cleansession", BOOL).default("false").doc("Begin with a new session at each connect."),
    bridge("local_cleansession", BOOL).doc("The same for the session here; otherwise as cleansession says."),
    bridge(
        "keepalive_interval",
        Integer(Bounds { min: i32::MIN as i64, max: 65535, outside: "Bridge keepalive value too high." }, nothing),
    )
    .default("60")
    .doc("The keep alive in seconds, at least 5."),
    bridge("notifications", BOOL).default("true").doc("Publish whether the bridge is connected."),
    bridge("notifications_local_only", BOOL).default("false").doc("Publish that here only."),
    bridge("notification_topic", TEXT).doc("Where; otherwise $SYS/broker/connection/ID/state."),
    bridge("restart_timeout", Words(needs_word))
        .default("5 30")
        .doc("Seconds to wait before connecting again: a number, or a smallest and a largest that it grows to.")
        .note("Decimal."),
    bridge("start_type", Choice(&["automatic", "lazy", "once"], nothing))
        .default("automatic")
        .doc("Connect at the start and again, when there is something to send, or only once."),
    bridge("idle_timeout", Integer(ANY, nothing))
        .default("60")
        .doc("After how many seconds without messages a lazy bridge disconnects."),
    bridge("threshold", Integer(ANY, nothing))
        .default("10")
        .doc("How many messages have to wait before a lazy bridge connects."),
    bridge("try_private", BOOL)
        .default("true")
        .doc("Tell the other server that this is a bridge, so that it sends nothing back."),
    bridge("round_robin", BOOL)
        .default("false")
        .doc("Go from address to address at each failure, instead of back to the first one."),
    bridge("bridge_protocol_version", Choice(&["mqttv31", "mqttv311", "mqttv50"], nothing))
        .default("mqttv311")
        .doc("The version of MQTT."),
    bridge("bridge_attempt_unsubscribe", BOOL)
        .default("true")
        .doc("Unsubscribe at each connect from what is only sent, for the case that it was received before."),
    bridge("bridge_outgoing_retain", BOOL).default("true").doc("Keep the retain flag of what is sent."),
    bridge("bridge_bind_address", TEXT).doc("The address here that the connection goes out from."),
    bridge("bridge_reload_type", Choice(&["lazy", "immediate"], nothing))
        .default("lazy")
        .doc("Whether a new configuration counts from the next connect or at once."),
    bridge(
        "bridge_receive_maximum",
        Integer(Bounds { min: 1, max: 65535, outside: "bridge_receive_maximum must be greater than 0." }, nothing),
    )
    .doc("How many messages of QoS 1 and 2 may be under way from the other server."),
    bridge("bridge_session_expiry_interval", at_least(0, "bridge_session_expiry_interval must not be negative."))
        .doc("How many seconds the other server keeps the session."),
    bridge("bridge_max_packet_size", Integer(ANY, nothing))
        .default("0")
        .doc("The largest packet that the other server may send; 0 is no limit."),
    bridge(
        "bridge_max_topic_alias",
        Integer(Bounds { min: 0, max: 65535, outside: "bridge_max_topic_alias must be > 0 and <= 65535." }, nothing),
    )
    .default("10")
    .doc("How many topic aliases the other server may use."),
    bridge("bridge_tcp_keepalive", Words(needs_word))
        .doc("Keep alive of TCP: seconds until the first probe, seconds between probes, how many may stay unanswered."),
    bridge("bridge_tcp_user_timeout", at_least(0, "invalid TCP user timeout value."))
        .doc("After how many milliseconds what TCP sent must be acknowledged."),
    bridge("bridge_cafile", PATH).doc("The file with the certificates that the other server's is judged by."),
    bridge("bridge_capath", PATH).doc("The folder with the certificates that the other server's is judged by."),
    bridge("bridge_tls_use_os_certs", BOOL)
        .default("false")
        .doc("Judge the other server's certificate by those of the operating system."),
    bridge("bridge_certfile", PATH).doc("The file with the certificate to show to the other server."),
    bridge("bridge_keyfile", Path(Again::Replaces, nothing)).doc("The file with that certificate's key."),
    bridge("bridge_insecure", BOOL)
        .default("false")
        .doc("Do not compare the other server's name with its certificate."),
    bridge("bridge_require_ocsp", BOOL)
        .default("false")
        .doc("Require proof that the other server's certificate was not revoked."),
    bridge("bridge_tls_version", TEXT).doc("The version of TLS."),
    bridge("bridge_alpn", TEXT).doc("The application protocol to ask for in the TLS handshake."),
    bridge("bridge_ciphers", TEXT).doc("Which ciphers may be used with TLS 1.2."),
    bridge("bridge_ciphers_tls1.3", TEXT).doc("Which ciphers may be used with TLS 1.3."),
    bridge("bridge_psk", Text(Again::Error, |draft, _| draft.bridge().has_psk = true))
        .doc("The pre-shared key, in hexadecimal."),
    bridge("bridge_identity", Text(Again::Error, |draft, _| draft.bridge().has_identity = true))
        .doc("The name that goes with the pre-shared key."),
];

/// Without a name it opens a bridge all the same: otherwise everything below it would seem wrong too.
fn connection(draft: &mut Draft, given: Given<'_>) {
    let mut words = given.words;
    let is_named = draft.word(given.name, words.next()).is_some();
    draft.open_bridge(is_named);
}

fn needs_word(draft: &mut Draft, given: Given<'_>) {
    let mut words = given.words;
    draft.word(given.name, words.next());
}

/// Only what an editor's slip breaks: the filter is there, and a quoted one ends.
fn topic(draft: &mut Draft, given: Given<'_>) {
    draft.bridge().has_topic = true;
    let mut words = given.words;
    let Some(word) = draft.word(given.name, words.next()) else {
        return;
    };
    let rest = words.rest();
    let quoted = word.starts_with(b"\"") && !word.starts_with(b"\"\"");
    if quoted && !word[1..].contains(&b'"') && !rest.contains(&b'"') {
        draft.error(format!("Missing closing quote in topic value ({}).", String::from_utf8_lossy(rest)));
    }
}
