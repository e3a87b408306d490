//! What `signal` understands.

use super::process::Process;
use super::{Order, Target};
use crate::flags::{Flag, Kind, Operand, Section, Table, Takes, Word, lossy, usual};

pub(super) static TABLE: Table<Option<Target>> = Table {
    name: "signal",
    link: Some("mosquitto_signal"),
    summary: "tell running servers what to do",
    synopsis: &["{-a | -p PID} SIGNAL"],
    description: "",
    sections: &[&FLAGS],
    rules: &[],
    operands: &[Operand {
        name: "SIGNAL",
        kind: Kind::OneOf(Order::NAMES),
        help: "What the server is told. config-reload: read the configuration again (SIGHUP). log-rotate: close the log file \
               and open it anew (SIGHUP). shutdown: end (SIGINT). tree-print: show subscriptions and retained messages \
               (SIGUSR2). xtreport: a Mosquitto that was built for it writes what it knows about its memory (SIGRTMIN).",
    }],
    statuses: &[
        ("0", "The server was told; with -a, each that may be told, also where there is none."),
        ("1", "It could not be told, or the command line is wrong."),
    ],
};

static FLAGS: Section<Option<Target>> = Section {
    title: "Options",
    flags: &[
        Flag {
            names: &["-a"],
            takes: Takes::Nothing(|target| {
                *target = Some(Target::All);
                Ok(())
            }),
            repeats: false,
            help: "Tell all servers that run on this machine as mosquitto or midge. Those of other users need their rights.",
        },
        Flag {
            names: &["-p"],
            takes: Takes::Word(
                Word { name: "PID", kind: Kind::Text, missing: "Error: -p argument given but process ID missing." },
                |target, word| {
                    let number = lossy(word).parse().ok().and_then(Process::numbered);
                    *target = Some(Target::Process(number.ok_or("Error: Process ID must be >0.")?));
                    Ok(())
                },
            ),
            repeats: false,
            help: "Tell the server with this process ID.",
        },
        usual::help(),
        usual::version(),
    ],
};
