//! What `-h` shows.

use midge_server::Identity;
use midge_tools::flags::Page;

use crate::subcommand::SUBCOMMANDS;

/// How the server is used, under the name it was called with.
pub(crate) fn server(identity: Identity) -> String {
    let version = identity.version();
    let usage = match identity {
        Identity::Midge => {
            let subcommands: String = subcommands().iter().map(usage).collect();
            format!(
                "Usage: midge [-c config_file] [-d] [-p port] [-v] [-q] [--repair] [--test-config] [--tls-keylog file]\n\
                 {subcommands}       midge TOOL [ARGUMENT...]\n       midge -h | --version"
            )
        }
        // This line is compared by test suites.
        Identity::Mosquitto => {
            "Usage: mosquitto [-c config_file] [-d] [-h] [-p port] [-v]\n                 [-q] [--test-config] [--tls-keylog file] [--version]".to_owned()
        }
    };
    let kept = match identity {
        Identity::Midge => "It keeps\nwhat it acknowledges in $XDG_STATE_HOME/midge, or else in ~/.local/state/midge.",
        Identity::Mosquitto => "It keeps\nnothing on disk.",
    };
    let commands = match identity {
        Identity::Midge => format!(
            "

Commands, each with its own --help:

{}

Tools, likewise:

{}",
            listed(subcommands()),
            listed(midge_tools::COMMANDS.iter().map(|command| (command.page)()).collect())
        ),
        Identity::Mosquitto => String::new(),
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
 --version        Show the version.{commands}

Without a configuration file it listens on port 1883 of 127.0.0.1 and [::1], and lets everybody on this machine in. {kept}"
    )
}

fn subcommands() -> Vec<Page> {
    SUBCOMMANDS.iter().map(|subcommand| (subcommand.page)()).collect()
}

/// A line for each way to use a command.
fn usage(page: &Page) -> String {
    page.synopsis.iter().map(|words| format!("       midge {} {words}\n", page.name)).collect()
}

/// One line for each command.
fn listed(pages: Vec<Page>) -> String {
    let lines = pages.into_iter().map(|page| {
        let link = page.link.map(|link| format!(" ({link})")).unwrap_or_default();
        format!(" {:<16} {}{link}.", page.name, page.summary)
    });
    lines.collect::<Vec<_>>().join("\n")
}
