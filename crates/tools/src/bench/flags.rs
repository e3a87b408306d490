//! What `bench` understands.

use std::ffi::OsString;

use super::scenario::Scenario;
use super::settings::{count, duration, pause, positive};
use super::target::Process;
use crate::clients::flags::{QOS, client, connection, encryption_rules, needs, not_both, on, put, tls, word};
use crate::clients::settings::{Settings, Tool};
use crate::clients::values;
use crate::flags::{Flag, Kind, Operand, Reader, Section, Stop, Table, Takes, lossy, usual};

/// The settings that the words make. The scenario stands before, between or behind the flags.
pub(super) fn read(words: &[OsString]) -> Result<Settings, Stop> {
    let mut reader = Reader::new(&TABLE, Settings::new(Tool::Publisher));
    let mut scenario = None;
    let mut words = reader.read_with_plain_operands(words)?;
    while let [name, rest @ ..] = words {
        if scenario.is_some() {
            let message = format!("Error: One scenario at a time: '{}' is one too many.", lossy(name));
            return Err(Stop::Wrong(message));
        }
        let unknown =
            || format!("Error: Unknown scenario '{}': it is one of {}.", lossy(name), Scenario::NAMES.join(", "));
        scenario = Some(Scenario::named(&lossy(name)).ok_or_else(unknown).map_err(Stop::Wrong)?);
        words = reader.read_with_plain_operands(rest)?;
    }
    let mut settings = reader.finish()?;
    settings.load.scenario = scenario;
    settings.check().map_err(Stop::Wrong)?;
    Ok(settings)
}

pub(super) static TABLE: Table<Settings> = Table {
    name: "bench",
    link: None,
    summary: "measure servers under load",
    synopsis: &[
        "[SCENARIO] [-h HOST] [-p PORT] [--pid PID] [-q QOS] [--rate N | --window N]",
        "[SCENARIO] -h HOST -h HOST…",
    ],
    description: "Plays clients of MQTT servers, and tells how many messages or connections a server manages, how long each takes, and \
                  what it costs. Several servers take turns in each round, so that what disturbs one disturbs all.\n\n\
                  Every delivery is checked. Where messages were lost, doubled or came out of their order, that is told, and the \
                  status is 2.",
    sections: &[&SERVERS, &LOAD, &OUTPUT, &CLIENT, &tls::SECTION, &HELP],
    rules: encryption_rules![],
    operands: &[Operand {
        name: "SCENARIO",
        kind: Kind::OneOf(Scenario::NAMES),
        help: "pub-sub (usual): 10 publishers to 10 subscribers on 10 topics. pub: 10 publishers alone. sub: 10 subscribers, for what \
               others publish. fan-in: 100 publishers to one subscriber. fan-out: one publisher to 100 subscribers. round-trip: \
               a client sends itself messages, one at a time. connect: clients come and go, 10 at a time. idle: 1000 clients stay, \
               with a subscription each.",
    }],
    statuses: &[
        ("0", "All was measured."),
        ("1", "The command line is wrong, or a server cannot be reached or refuses."),
        ("2", "Messages were lost, doubled or came out of their order."),
        ("7", "A server ended connections in the middle."),
        ("130", "A signal ended it (128 and its number); what was measured until then is shown."),
    ],
};

static SERVERS: Section<Settings> = Section {
    title: "Servers",
    flags: &[
        Flag {
            names: &["-h", "--host"],
            takes: Takes::Word(
                word("HOST", Kind::Host, "Error: -h argument given but no host specified."),
                |settings, word| {
                    settings.load.add_host(values::text("-h", word)?.to_owned());
                    Ok(())
                },
            ),
            repeats: true,
            help: "A server's host; this machine, if none is named.",
        },
        Flag {
            names: &["-p", "--port"],
            takes: Takes::Word(
                word("PORT", Kind::Text, "Error: -p argument given but no port specified."),
                |settings, word| settings.load.set_port(values::port(word)?),
            ),
            repeats: true,
            help: "The port of the server before; 1883, or 8883 where the connection is encrypted.",
        },
        Flag {
            names: &["-L", "--url"],
            takes: Takes::Word(
                word("URL", Kind::Text, "Error: -L argument given but no URL specified."),
                |settings, word| settings.load.add_url(values::text("-L", word)?),
            ),
            repeats: true,
            help: "A server as mqtt://[USER[:PASSWORD]@]HOST[:PORT], with mqtts:// encrypted, with ws:// and wss:// over WebSocket.",
        },
        Flag {
            names: &["--unix"],
            takes: Takes::Word(
                word("PATH", Kind::File, "Error: --unix argument given but no socket path specified."),
                |settings, word| settings.load.add_socket(word.into()),
            ),
            repeats: true,
            help: "A server at a Unix socket.",
        },
        Flag {
            names: &["--name"],
            takes: Takes::Word(
                word("NAME", Kind::Text, "Error: --name argument given but no name specified."),
                |settings, word| settings.load.set_name(values::text("--name", word)?.to_owned()),
            ),
            repeats: true,
            help: "What the server before is called in tables and charts; otherwise its address.",
        },
        Flag {
            names: &["--pid"],
            takes: Takes::Word(
                word("PID", Kind::Text, "Error: --pid argument given but no process ID specified."),
                |settings, word| settings.load.set_process(Process::numbered(&lossy(word))?),
            ),
            repeats: true,
            help: "The process of the server before, if it is on this machine: tells the CPU time that a message costs it, and its memory. \
                   Processes that it has started count too.",
        },
        connection::WEBSOCKET,
        connection::PROXY,
        connection::BIND,
    ],
};

static LOAD: Section<Settings> = Section {
    title: "Load",
    flags: &[
        QOS,
        Flag {
            names: &["--size"],
            takes: put!(
                word("BYTES", Kind::Text, "Error: --size argument given but no size specified."),
                load.payload_bytes = |word| count("--size", word)
            ),
            repeats: false,
            help: "Bytes of a payload; usually 64, and at least 16.",
        },
        Flag {
            names: &["--publishers"],
            takes: put!(
                word("COUNT", Kind::Text, "Error: --publishers argument given but no number specified."),
                load.publishers = |word| count("--publishers", word).map(Some)
            ),
            repeats: false,
            help: "Clients that publish.",
        },
        Flag {
            names: &["--subscribers"],
            takes: put!(
                word("COUNT", Kind::Text, "Error: --subscribers argument given but no number specified."),
                load.subscribers = |word| count("--subscribers", word).map(Some)
            ),
            repeats: false,
            help: "Clients that subscribe.",
        },
        Flag {
            names: &["--clients"],
            takes: put!(
                word("COUNT", Kind::Text, "Error: --clients argument given but no number specified."),
                load.clients = |word| count("--clients", word).map(Some)
            ),
            repeats: false,
            help: "Clients of round-trip and idle, and those that come at a time in connect.",
        },
        Flag {
            names: &["--topics"],
            takes: put!(
                word("COUNT", Kind::Text, "Error: --topics argument given but no number specified."),
                load.topics = |word| count("--topics", word).map(Some)
            ),
            repeats: false,
            help: "Topics that publishers and subscribers share among them.",
        },
        Flag {
            names: &["-t", "--topic"],
            takes: Takes::Word(
                word("TOPIC", Kind::Text, "Error: -t argument given but no topic specified."),
                |settings, word| settings.add_topic("-t", word),
            ),
            repeats: false,
            help: "What topics begin with, a slash and a number behind it. Usually bench and a number for this run; pub and sub need \
                   the same one to meet.",
        },
        Flag {
            names: &["--rate"],
            takes: put!(
                word("NUMBER", Kind::Text, "Error: --rate argument given but no rate specified."),
                load.rate = |word| positive("--rate", word).map(Some)
            ),
            repeats: false,
            help: "Open loop: so many messages, or connections, are due in each second, of all clients together. Latency counts from \
                   when one was due, so that a server that stalls is charged for all who wait.",
        },
        Flag {
            names: &["--window"],
            takes: put!(
                word("COUNT", Kind::Text, "Error: --window argument given but no number specified."),
                load.window = |word| count("--window", word).map(Some)
            ),
            repeats: false,
            help: "Closed loop, as fast as the server can: each publisher is at most so many messages ahead of those who receive them, \
                   and of acknowledgements. Usually 100; 20 in fan-out, 10 in fan-in.",
        },
        Flag {
            names: &["--duration"],
            takes: put!(
                word("SECONDS", Kind::Text, "Error: --duration argument given but no time specified."),
                load.duration = |word| duration("--duration", word).map(Some)
            ),
            repeats: false,
            help: "How long each round measures; usually 4.",
        },
        Flag {
            names: &["--warm-up"],
            takes: put!(
                word("SECONDS", Kind::Text, "Error: --warm-up argument given but no time specified."),
                load.warm_up = |word| pause("--warm-up", word).map(Some)
            ),
            repeats: false,
            help: "How long each round goes on before it is measured; usually 1.",
        },
        Flag {
            names: &["--count"],
            takes: put!(
                word("COUNT", Kind::Text, "Error: --count argument given but no number specified."),
                load.count = |word| count("--count", word).map(Some)
            ),
            repeats: false,
            help: "Publish, or connect, so often in each round, instead of for some time.",
        },
        Flag {
            names: &["--rounds"],
            takes: put!(
                word("COUNT", Kind::Text, "Error: --rounds argument given but no number specified."),
                load.rounds = |word| count("--rounds", word)
            ),
            repeats: false,
            help: "Rounds, in each of which every server has its turn; usually 1. Medians are shown.",
        },
        Flag {
            names: &["--threads"],
            takes: put!(
                word("COUNT", Kind::Text, "Error: --threads argument given but no number specified."),
                load.threads = |word| count("--threads", word)
            ),
            repeats: false,
            help: "Threads that play clients; usually 1.",
        },
        Flag {
            names: &["--sleep"],
            takes: on!(load.sleeps),
            repeats: false,
            help: "Sleep while there is nothing to do. Usually threads look again and again, as the server would have to pay for waking \
                   them. On a machine with one core they always sleep.",
        },
    ],
};

static OUTPUT: Section<Settings> = Section {
    title: "Output",
    flags: &[
        Flag {
            names: &["--json"],
            takes: on!(load.is_json),
            repeats: false,
            help: "Show every figure of every round as one JSON object, instead of a table.",
        },
        Flag {
            names: &["--html"],
            takes: put!(
                word("FILE", Kind::File, "Error: --html argument given but no file specified."),
                load.html = values::some_path
            ),
            repeats: false,
            help: "Write a page with table and charts to this file as well. It needs nothing from elsewhere.",
        },
        Flag { names: &["--quiet"], takes: on!(is_quiet), repeats: false, help: "Show no progress." },
    ],
};

static CLIENT: Section<Settings> = Section {
    title: "Clients",
    flags: &[
        Flag {
            names: &["-I", "--id-prefix"],
            takes: put!(
                word("PREFIX", Kind::Text, "Error: -I argument given but no id prefix specified."),
                client.id_prefix = values::some_text("-I")
            ),
            repeats: false,
            help: "What Client Identifiers begin with; usually bench. Behind it come numbers of the run and of the client.",
        },
        client::USERNAME,
        client::PASSWORD,
        client::VERSION,
        client::KEEP_ALIVE,
        client::PROPERTY,
    ],
};

static HELP: Section<Settings> = Section { title: "Help", flags: &[usual::help(), usual::version()] };
