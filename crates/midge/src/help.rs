//! What `-h` shows.

use midge_server::Identity;

/// How the server is used, under the name it was called with.
pub(crate) fn server(identity: Identity) -> String {
    let version = identity.version();
    let usage = match identity {
        Identity::Midge => {
            "Usage: midge [-c config_file] [-d] [-p port] [-v] [-q] [--repair] [--test-config] [--tls-keylog file]\n       midge check FILE\n       midge acl explain -c FILE [--user NAME] [--id ID] publish|subscribe|receive TOPIC\n       midge log [--json | --verify] FOLDER\n       midge backup DIR [-c config_file | --socket PATH]\n       midge export FILE [-c config_file | --log FOLDER]\n       midge links DIR\n       midge -h | --version"
        }
        // This line is compared by test suites.
        Identity::Mosquitto => {
            "Usage: mosquitto [-c config_file] [-d] [-h] [-p port] [-v]\n                 [-q] [--test-config] [--tls-keylog file] [--version]"
        }
    };
    let kept = match identity {
        Identity::Midge => "It keeps\nwhat it acknowledges in $XDG_STATE_HOME/midge, or else in ~/.local/state/midge.",
        Identity::Mosquitto => "It keeps\nnothing on disk.",
    };
    let links = match identity {
        Identity::Midge => {
            "
 check FILE       Tell what is wrong with a configuration file and the files it names, and what is dangerous about it.
 acl explain      Tell whether a client may do something, and which line says so; see midge acl --help.
 log FOLDER       Show or check what a server has kept; see midge log --help.
 backup DIR       Copy what a running server keeps; see midge backup --help.
 export FILE      Write what a server has kept as a mosquitto.db; see midge export --help.
 links DIR        Make links in DIR by which the program goes under Mosquitto's names."
        }
        Identity::Mosquitto => "",
    };
    format!(
        "{version}

An MQTT server for versions 5.0, 3.1.1 and 3.1.

{usage}

 -c, --config-file FILE
                  Read FILE (a mosquitto.conf). Where it names no listener: port 1883, this machine only.
 -d, --daemon     Go on in the background.
 -p, --port PORT  Listen on PORT of the loopback addresses. Repeat it for more ports. Counts only where no
                  listener is configured.
 -v, --verbose    Log everything, each packet too.
 -q, --quiet      Log nothing.
 --repair         Keep what is good of a damaged log; what is lost is told, and the damaged files are set aside with .bad
                  at the end of their names.
 --test-config    Read the configuration file, tell what is wrong with it, with the files that it names or with the folder for
                  what is kept, and end.
 --tls-keylog FILE
                  Write the secrets of encrypted connections to FILE, with which recorded traffic can be read.
 -h, --help       Show this.
 --version        Show the version.{links}

Without a configuration file it listens on port 1883 of 127.0.0.1 and [::1], and lets everybody on this machine in. {kept}"
    )
}

/// How `midge log` is used.
pub(crate) const LOG: &str = "Usage: midge log [--json | --verify] FOLDER | FILE

Shows what stands in a log: one line for each batch and each record, and what each file is. FOLDER is the folder
NAME.midge with the segment files, or the one in which that stands (persistence_location). FILE is one segment file, also
one that a repair set aside (.bad). The server may be running: nothing is locked, and nothing is changed.

 --json           One JSON object for each record, and nothing else. What is wrong is told on standard error.
 --verify         Only check: all checksums, and that all records can be read. The exit status is 0 where all is good, and
                  1 where something is wrong, with the file and the place in it on standard error.
 -h, --help       Show this.

A line begins with the position in the log, the time since the first batch that is shown, and the shard. #1234 names a
message, 0/3 the Session in slot 3 of shard 0 (0/3.2 the third that was there), v12 the twelfth retained write. A batch
at the end that is not whole was torn by a crash or is being written just now; it is told, and is no fault.";

/// How `midge backup` is used.
pub(crate) const BACKUP: &str = "Usage: midge backup DIR [-c config_file | --socket PATH]

Has a running server copy what it keeps into DIR, while it goes on. Everything that it had acknowledged before is in the
copy. DIR must be empty, or is made; the server makes the copy, so that its user must be allowed to write there.

 -c, --config-file FILE
                  The server that runs with FILE. Without it: the one that you started as midge without a file.
 --socket PATH    The server with this socket: NAME.midge/admin.sock in its persistence_location.
 -h, --help       Show this.

To start from the copy, name it as a server names its log: a DIR /copy/mosquitto.db.midge is what a server with
persistence_location /copy goes on with. midge log --verify DIR checks it.";

/// How `midge check` is used.
pub(crate) const CHECK: &str = "Usage: midge check FILE

Reads FILE (a mosquitto.conf), the files that it includes and those that it names, and tells all that is wrong with them and all
that is right and dangerous. Nothing is changed, and no server is started.

 -h, --help       Show this.

The exit status is 3 where something is wrong, and 0 otherwise. Where standard error is a terminal it has colours, unless the
environment has a NO_COLOR.";

/// How `midge acl` is used.
pub(crate) const ACL: &str =
    "Usage: midge acl explain -c FILE [--user NAME] [--id ID] [--listener PORT] publish|subscribe|receive TOPIC

Tells whether a client may do that where a server runs with FILE, and which line of the acl_file says so.

 -c, --config-file FILE
                  The configuration file.
 --user NAME      The client's user name. Without it: a client that gives none.
 --id ID          The client's identifier, which patterns with %c ask for.
 --listener PORT  Where it comes in. Needed where the listeners have different rules.
 -h, --help       Show this.

The exit status is 0 where it may, 1 where it may not, and 3 where FILE or a file that it names is wrong.";
/// How `midge export` is used.
pub(crate) const EXPORT: &str = "Usage: midge export FILE [-c config_file | --log FOLDER]

Writes what a server has kept into FILE, a mosquitto.db that Mosquitto 2 starts with: sessions, subscriptions, queued
messages, QoS 2 exchanges and retained messages. The server must not run; of one that does, export what midge backup has
copied. What the format has no place for is told on standard error.

 -c, --config-file FILE
                  The server that is started with FILE. Without it: the one that you start as midge without a file.
 --log FOLDER     The log in FOLDER, such as a copy.
 -h, --help       Show this.";
