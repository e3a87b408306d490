//! What `doctor` understands beside what all clients do.

use super::super::settings::Settings;
use super::{TALK, client, connection, needs, not_both, tls, word};
use crate::flags::Flag;
use crate::flags::{Kind, Section, Table, Takes};

pub(super) static TABLE: Table<Settings> = Table {
    name: "doctor",
    link: None,
    summary: "find out why a server cannot be reached or used",
    synopsis: &["[-h HOST] [-p PORT] [-u NAME -P PASSWORD] [--cafile FILE] [-t TOPIC]"],
    description: "Looks at the way to an MQTT server and at what it lets a client do: the look-up of its name, each of its addresses, \
                  encryption with certificates and their expiry, the connection, the right to subscribe and to publish, and messages \
                  to itself at each QoS. Each step has a line that says whether it is fine, and what to do where it is not.\n\nNothing \
                  is left behind at the server: no message is retained, and no session stays.",
    sections: &[&EXAMINATION, &connection::SECTION, &client::SECTION, &tls::SECTION, &TALK],
    rules: rules![],
    operands: &[],
    statuses: &[
        ("0", "All that was looked at works; there may be warnings."),
        ("1", "Something does not work, or the command line is wrong."),
    ],
};

static EXAMINATION: Section<Settings> = Section {
    title: "Examination",
    flags: &[Flag {
        names: &["-t", "--topic"],
        takes: Takes::Word(
            word("TOPIC", Kind::Text, "Error: -t argument given but no topic specified."),
            |settings, word| settings.add_topic("-t", word),
        ),
        repeats: false,
        help: "Send messages to this topic; others that subscribe to it see them. Without it: one below midge-doctor/ that nobody uses.",
    }],
};
