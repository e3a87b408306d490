//! The server as a whole: the file itself, the process, what it keeps on disk.

use super::Scope::Global;
use super::Take::{Anything, Bool, Decimal, IncludeDir, Integer, Text};
use super::{ANY, Again, Bounds, Directive, directive, limit_bytes, nothing};

pub(super) const DIRECTIVES: &[Directive] = &[
    directive("include_dir", Global, IncludeDir)
        .doc("Read every file of this folder whose name ends with .conf, as if its lines stood here.")
        .note(
            "Only in the main file. The order is that of the alphabet, of each letter the upper case first. The path \
             counts from where the server was started, not from this file. A listener or bridge ends with its file.",
        ),
    directive("per_listener_settings", Global, Bool(|draft, on| draft.set_per_listener(on)))
        .default("false")
        .doc("Security options count for the listener above them instead of for all listeners.")
        .note(
            "Has to stand above the first of them: acl_file, allow_anonymous, allow_zero_length_clientid, \
             auto_id_prefix, password_file, plugin, psk_file. Once true, a later false is ignored.",
        ),
    directive(
        "shards",
        Global,
        Integer(Bounds { min: 0, max: 1024, outside: "Invalid 'shards' value ({})." }, |draft, number| {
            draft.config.shards = u16::try_from(number).ok().filter(|shards| *shards > 0);
        }),
    )
    .default("0")
    .doc("How many threads share the work; 0 is as many as there are cores.")
    .note("Not in Mosquitto."),
    directive(
        "connect_timeout",
        Global,
        Integer(Bounds { min: 1, max: 65535, outside: "Invalid 'connect_timeout' value ({})." }, |draft, seconds| {
            draft.config.connect_timeout_s = seconds as u16;
        }),
    )
    .default("30")
    .reloadable()
    .doc("How many seconds a connection may stay without a CONNECT packet.")
    .note("Not in Mosquitto, where it is always 30."),
    directive("set_tcp_nodelay", Global, Bool(|draft, on| draft.config.set_tcp_nodelay = on))
        .default("false")
        .reloadable()
        .doc("Send small packets at once instead of gathering them: less delay, more packets on the network."),
    directive(
        "sys_interval",
        Global,
        Integer(Bounds { min: 0, max: 65535, outside: "Invalid 'sys_interval' value ({})." }, |draft, seconds| {
            draft.config.sys_interval_s = seconds as u16;
        }),
    )
    .default("10")
    .reloadable()
    .doc("Publish the topics below $SYS every so many seconds; 0 turns them off."),
    directive(
        "memory_limit",
        Global,
        Decimal(Bounds { min: 0, max: i64::MAX, outside: "Invalid 'memory_limit' value ({})." }, |draft, bytes| {
            draft.config.memory_limit_bytes = limit_bytes(bytes)
        }),
    )
    .default("0")
    .reloadable()
    .doc("With more bytes than these on the heap, refuse new clients and messages that would be kept; 0 is no limit.")
    .note("Decimal, without a unit: Mosquitto takes 10M for 10 bytes, here it is an error."),
    directive("user", Global, Text(Again::Replaces, nothing))
        .default("mosquitto")
        .doc("Which user the server becomes when it is started as root.")
        .planned("the server stays the user that started it."),
    directive("pid_file", Global, Text(Again::Error, nothing))
        .doc("Write the process id to this file.")
        .planned("no file is written."),
    directive("persistence", Global, Bool(nothing))
        .aliases(&["retained_persistence"])
        .default("false")
        .reloadable()
        .doc("Keep sessions, queued and retained messages on disk.")
        .note("Off unless given; the files that distributions install turn it on.")
        .planned("everything is kept in memory and is gone when the server ends."),
    directive("persistence_location", Global, Text(Again::Error, nothing))
        .reloadable()
        .doc("The folder for what is kept on disk.")
        .note("The environment variable MOSQUITTO_PERSISTENCE_LOCATION counts more.")
        .planned("nothing is written to disk."),
    directive("persistence_file", Global, Text(Again::Error, nothing))
        .default("mosquitto.db")
        .reloadable()
        .doc("The name of Mosquitto's database in that folder.")
        .planned("nothing is written to disk, nor read from it."),
    directive("autosave_interval", Global, Integer(ANY, nothing))
        .default("1800")
        .reloadable()
        .doc("Save to disk every so many seconds, or changes; 0 and below only at the end.")
        .planned("nothing is written to disk."),
    directive("autosave_on_changes", Global, Bool(nothing))
        .default("false")
        .reloadable()
        .doc("The autosave_interval counts changes instead of seconds.")
        .planned("nothing is written to disk."),
    directive("enable_control_api", Global, Bool(nothing))
        .default("false")
        .doc("Answer requests on $CONTROL/broker/v1.")
        .planned("there are no answers on $CONTROL/broker/v1."),
    directive(
        "packet_buffer_size",
        Global,
        Integer(
            Bounds { min: 0, max: 65535, outside: "Packet buffer size must be between 0 and 65535 inclusive." },
            nothing,
        ),
    )
    .aliases(&["websockets_headers_size"])
    .default("4096")
    .doc("The size of the buffers that are read into.")
    .ignored("buffers are shared by connections and grow with their packets."),
    directive("retry_interval", Global, Anything)
        .doc("Once the time after which an unacknowledged message was sent again.")
        .ignored("messages are sent again when their client comes back, as MQTT wants it."),
    directive("allow_duplicate_messages", Global, Bool(nothing))
        .default("true")
        .doc("Once whether a client with overlapping subscriptions gets a message for each.")
        .ignored("a client gets a message once, whatever subscriptions match."),
];
