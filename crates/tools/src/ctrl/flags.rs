//! What `ctrl` understands.

use std::ffi::OsString;

use midge_codec::QoS;

use super::broker::BROKER;
use super::dynsec::DYNSEC;
use crate::clients::flags::{OPTIONS_FILE, client, connection, encryption_rules, needs, not_both, options_lines, put};
use crate::clients::flags::{tls, word};
use crate::clients::settings::{Settings, Tool};
use crate::clients::values;
use crate::flags::{Flag, Kind, Operand, Reader, Section, Stop, Table, Takes, lossy, usual};
use crate::url::ServerUrl;

/// The settings that the words of the command line make, together with the options file.
pub(super) fn read(words: &[OsString]) -> Result<Settings, Stop> {
    let mut reader = Reader::new(&TABLE, Settings { qos: QoS::AtLeastOnce, ..Settings::new(Tool::Requester) });
    for line in options_lines(&TABLE, words).map_err(Stop::Wrong)? {
        if let [word, ..] = reader.read_with_plain_operands(&line)? {
            return Err(Stop::Wrong(format!("Error: Unknown option '{}'.", lossy(word))));
        }
    }
    let operands = reader.read_with_plain_operands(words)?;
    let mut settings = reader.finish()?;
    settings.operands = operands.to_vec();
    settings.check().map_err(Stop::Wrong)?;
    Ok(settings)
}

pub(super) static TABLE: Table<Settings> = Table {
    name: "ctrl",
    link: Some("mosquitto_ctrl"),
    summary: "administer a running server: clients, groups, roles, listeners, plugins",
    synopsis: &[
        "[-h HOST] [-p PORT] [-u NAME [-P PASSWORD]] [--cafile FILE] MODULE COMMAND [ARGUMENT…]",
        "[-h HOST] [-p PORT] [-u NAME [-P PASSWORD]] [--cafile FILE] [shell]",
        "dynsec init FILE USER [PASSWORD]",
        "-f FILE dynsec setClientPassword USER PASSWORD [-i COUNT]",
    ],
    description: "Asks a server to show or change what one of its modules holds. 'MODULE help' lists what a module can be asked for. \
                  Mosquitto answers for the module dynsec where it has loaded its dynamic security plugin, and from 2.1 on for the \
                  module broker where enable_control_api is true; Midge as a server does not answer yet.\n\nWithout a module, \
                  commands are typed one after the other, or come line by line from standard input: 'help' there says \
                  more.\n\nWith -u and without -P, the password is asked for.",
    sections: &[&CONNECTION, &CLIENT, &tls::SECTION, &OTHERS],
    rules: encryption_rules![],
    operands: &[
        Operand {
            name: "MODULE",
            kind: Kind::OneOf(&[BROKER.name, DYNSEC.name, "shell"]),
            help: "Who is asked: dynsec or broker.",
        },
        Operand { name: "COMMAND", kind: Kind::Text, help: "What is asked for, such as listClients." },
    ],
    statuses: &[
        ("0", "It was done. Called as mosquitto_ctrl, also where the server refuses or does not answer."),
        ("1", "The server refuses, does not answer, or is not there; or a flag is wrong."),
        ("3", "Arguments of the command are missing or wrong."),
        ("10", "There is no such module."),
        ("13", "The module has no such command."),
        ("14", "Called as mosquitto_ctrl: there is no server. 15: its name has no address."),
    ],
};

static CONNECTION: Section<Settings> = Section {
    title: "Connection",
    flags: &[
        connection::HOST,
        connection::PORT,
        Flag {
            names: &["-L", "--url"],
            takes: Takes::Word(
                word("URL", Kind::Text, "Error: -L argument given but no URL specified."),
                |settings, word| {
                    settings.take_server(ServerUrl::parse(values::text("-L", word)?, true)?);
                    Ok(())
                },
            ),
            repeats: false,
            help: "User, password, host and port at once: mqtt://[USER[:PASSWORD]@]HOST[:PORT]/, with mqtts:// encrypted, with ws:// \
                   and wss:// over WebSocket. A topic behind the / is passed over.",
        },
        connection::SOCKET,
        connection::WEBSOCKET,
        connection::PROXY,
        connection::BIND,
    ],
};

static CLIENT: Section<Settings> = Section {
    title: "Client",
    flags: &[
        client::ID,
        client::USERNAME,
        client::PASSWORD,
        client::VERSION,
        Flag {
            names: &["-q", "--qos"],
            takes: put!(
                word("QOS", Kind::OneOf(&["0", "1", "2"]), "Error: -q argument given but no QoS specified."),
                qos = |word| values::qos("QoS given: ", "", word)
            ),
            repeats: false,
            help: "The QoS of request and answer; 1, if nothing is said here.",
        },
    ],
};

static OTHERS: Section<Settings> = Section {
    title: "Others",
    flags: &[
        Flag {
            names: &["-f"],
            takes: put!(
                word("FILE", Kind::File, "Error: -f argument given but no data file specified."),
                control_file = values::some_path
            ),
            repeats: false,
            help: "With 'dynsec setClientPassword': change this file of a server that does not run, such as dynamic-security.json.",
        },
        Flag {
            names: &["-d", "--debug", "-v", "--verbose"],
            takes: Takes::Nothing(|_| Ok(())),
            repeats: false,
            help: "For scripts that have it: nothing more is told, as Mosquitto's tells nothing more.",
        },
        Flag {
            names: &["--quiet"],
            takes: crate::clients::flags::on!(is_quiet),
            repeats: false,
            help: "Do not warn about a connection that is not encrypted.",
        },
        OPTIONS_FILE,
        usual::help(),
        usual::version(),
    ],
};
