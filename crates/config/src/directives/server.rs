//! The server as a whole: the file itself, the process, what it keeps on disk.

use super::Scope::Global;
use super::Take::{Anything, Bool, Decimal, IncludeDir, Integer, Text, Words};
use super::{ANY, Again, Bounds, Directive, Given, directive, limit, limit_bytes, nothing};
use crate::config::{PersistenceSync, USER};
use crate::draft::{Draft, Part};
use crate::value::{decimal, shown};

pub(super) const DIRECTIVES: &[Directive] = &[
    directive("include_dir", Global, IncludeDir)
        .reloadable()
        .doc("Read every file of this folder whose name ends with .conf, as if its lines stood here.")
        .note(
            "Only in the main file. The order is that of the alphabet, of each letter the upper case first. The path \
             counts from where the server was started, not from this file. A listener or bridge ends with its file.",
        ),
    directive("per_listener_settings", Global, Bool(|draft, on| draft.set_per_listener(on)))
        .default("false")
        .reloadable()
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
    directive("sys_presence", Global, Bool(|draft, on| draft.config.sys_presence = on))
        .default("false")
        .doc("Publish which clients are there, below $SYS/broker/clients.")
        .note(
            "ID/connected is 1 or 0, and ID/status what is known of it, as JSON; both are retained while it has a session. \
             Of an identifier /, +, # and % are written as %2F, %2B, %23 and %25. Whoever may read these topics sees who is there, and \
             from where. Not in Mosquitto.",
        ),
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
    .note(
        "Decimal, without a unit: Mosquitto takes 10M for 10 bytes, here it is an error. New clients are told why, but with TLS, \
         where their handshake does not begin.",
    ),
    directive("user", Global, Text(Again::Replaces, |draft, name| draft.config.user = name))
        .default(USER)
        .doc("Which user the server becomes when it is started as root; root for none.")
        .note(
            "Ports are open by then, and the files of listeners are read; to read them again, that user must be allowed to. \
             Where there is no user mosquitto, it is nobody. The environment variables PUID and PGID count more.",
        ),
    directive("pid_file", Global, Text(Again::Error, |draft, path| draft.config.pid_file = Some(path)))
        .doc("Write the process id to this file, and remove it at the end."),
    directive("admin_socket", Global, Text(Again::Error, |draft, path| draft.config.admin_socket = Some(path)))
        .doc("The Unix socket through which midge top, midge trace and midge backup ask the running server.")
        .note(
            "Not in Mosquitto. Otherwise it is admin.sock beside what is kept on disk, and where nothing is, there is none. Only the user              that runs the server may connect to it, and root. A relative path counts from where the server was started.",
        ),
    directive("watch_files", Global, Bool(|draft, on| draft.config.watch_files = on))
        .default("true")
        .reloadable()
        .doc("Read files of certificates, keys, passwords and rights again when they change, without a signal.")
        .note(
            "Not in Mosquitto, which reads them again at SIGHUP only. Links are followed, so a renewed certificate counts \
             wherever it stands. A file that does not do, such as one that is half written, changes nothing. One that was emptied may be \
             about to be written: until something is in it, all files count as they were, the log says so, and SIGHUP has the empty one count.",
        ),
    directive("persistence", Global, Bool(|draft, on| draft.config.persistence.on = on))
        .aliases(&["retained_persistence"])
        .default("false")
        .doc("Keep sessions, queued and retained messages on disk: what is acknowledged is there after a restart.")
        .note(
            "Off unless given; the files that distributions install turn it on. A database of Mosquitto is taken over at the \
             first start, and stays as it is.",
        ),
    directive(
        "persistence_location",
        Global,
        Text(Again::Error, |draft, folder| draft.config.persistence.location = Some(folder)),
    )
    .doc("The folder for what is kept on disk, which must exist; otherwise the one the server is started in.")
    .note(
        "A relative path counts from where the server was started. The environment variable \
         MOSQUITTO_PERSISTENCE_LOCATION counts more.",
    ),
    directive("persistence_file", Global, Text(Again::Error, persistence_file))
        .default("mosquitto.db")
        .doc("The name of Mosquitto's database in that folder.")
        .note(
            "What is kept stands beside it, in a folder of this name with .midge at its end. A path counts from that folder, \
             even one that begins with '/'.",
        ),
    directive("persistence_sync", Global, Words(persistence_sync))
        .default("always")
        .doc("When what is acknowledged is on disk: before that (always), when the system likes (os), or N ms later.")
        .note(
            "Not in Mosquitto. What is acknowledged survives the end of the process with each of them, a power cut with \
             'always'; with '100 ms' it survives that too, but for the last 100 milliseconds.",
        ),
    directive(
        "persistence_max_bytes",
        Global,
        Decimal(Bounds { min: 0, max: i64::MAX, outside: MAX_BYTES_TOO_FEW }, persistence_max_bytes),
    )
    .default("0")
    .doc("The most bytes of disk for what is kept; 0 is no limit.")
    .note("Not in Mosquitto. Decimal, without a unit; at least 134217728, which are 128 MiB."),
    directive(
        "autosave_interval",
        Global,
        Integer(ANY, |draft, number| draft.config.persistence.autosave_interval = limit(number)),
    )
    .default("1800")
    .reloadable()
    .doc("Take a snapshot every so many seconds, or changes; 0 and below only when it is worth it.")
    .note(
        "In Mosquitto what came since the last one is lost in a crash. Here all that is acknowledged is kept anyway; a \
         snapshot lets the next start read less.",
    ),
    directive("autosave_on_changes", Global, Bool(|draft, on| draft.config.persistence.autosave_on_changes = on))
        .default("false")
        .reloadable()
        .doc("The autosave_interval counts changes instead of seconds."),
    directive("enable_control_api", Global, Bool(nothing))
        .default("false")
        .doc("Answer requests on $CONTROL/broker/v1.")
        .refused("nobody would answer on $CONTROL/broker/v1."),
    directive(
        "packet_buffer_size",
        Global,
        Integer(
            Bounds { min: 0, max: 65535, outside: "Packet buffer size must be between 0 and 65535 inclusive." },
            |draft, bytes| draft.config.packet_buffer_size = bytes as u16,
        ),
    )
    .aliases(&["websockets_headers_size"])
    .default("4096")
    .doc("How many bytes an HTTP request may have on a listener with protocol websockets.").reloadable()
    .note("Less than 1024 counts as 1024. Buffers for packets need no size: connections share them, and they grow."),
    directive("retry_interval", Global, Anything)
        .doc("Once the time after which an unacknowledged message was sent again.")
        .ignored("messages are sent again when their client comes back, as MQTT wants it."),
    directive("allow_duplicate_messages", Global, Bool(nothing))
        .default("true")
        .doc("Once whether a client with overlapping subscriptions gets a message for each.")
        .ignored("a client gets a message once, whatever subscriptions match."),
];

fn persistence_file(draft: &mut Draft, name: String) {
    if matches!(name.rsplit('/').next(), Some("" | "." | "..")) {
        let hint = "It is the name of a file; the folder is for 'persistence_location' to say.".to_owned();
        draft.error_in(Part::Value, format!("Invalid 'persistence_file' value ({name})."), Some(hint));
    } else {
        draft.config.persistence.file = name;
    }
}

fn persistence_sync(draft: &mut Draft, given: Given<'_>) {
    let mut words = given.words;
    let Some(word) = draft.word(given.name, words.next()) else {
        return;
    };
    // `100 ms` is as good as `100ms`.
    let digits = word.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (number, unit) = word.split_at(digits);
    let next = if unit.is_empty() { words.next() } else { None };
    let sync = match (word, next.unwrap_or(unit)) {
        (b"always", _) => Some(PersistenceSync::Always),
        (b"os", _) => Some(PersistenceSync::Os),
        (_, b"ms") => interval_ms(number).map(PersistenceSync::Interval),
        _ => None,
    };
    match sync {
        Some(sync) => draft.config.persistence.sync = sync,
        None => {
            let value = [Some(word), next].into_iter().flatten().map(shown).collect::<Vec<_>>().join(" ");
            let allowed = format!("It is 'always', 'os', or a time from '1 ms' to '{SYNC_INTERVAL_MS_MAX} ms'.");
            let text = format!("Invalid '{}' value ({value}).", given.name);
            draft.error_in(Part::Value, text, Some(allowed));
        }
    }
}

fn interval_ms(digits: &[u8]) -> Option<u32> {
    let number = u32::try_from(decimal(digits).ok()?).ok()?;
    (1..=SYNC_INTERVAL_MS_MAX).contains(&number).then_some(number)
}

/// Whoever wants to lose more than a minute needs no disk.
const SYNC_INTERVAL_MS_MAX: u32 = 60_000;

fn persistence_max_bytes(draft: &mut Draft, bytes: i64) {
    if (1..MAX_BYTES_MIN).contains(&bytes) {
        draft.error(MAX_BYTES_TOO_FEW);
    } else {
        draft.config.persistence.max_bytes = limit_bytes(bytes);
    }
}

/// Room for the files being written and their reserve, and to write a snapshot before what it replaces can go.
const MAX_BYTES_MIN: i64 = 128 << 20;

const MAX_BYTES_TOO_FEW: &str = "'persistence_max_bytes' must be 0, for no limit, or >= 134217728 (128 MiB).";
