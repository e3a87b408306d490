//! Flags that say how the client introduces itself, and its Will.

use super::super::settings::Settings;
use super::super::values;
use super::word;
use crate::flags::{Flag, Kind, Section, Takes};
use midge_codec::Version;

pub(super) static SECTION: Section<Settings> = Section {
    title: "Client",
    flags: &[
        ID,
        Flag {
            names: &["-I", "--id-prefix"],
            takes: put!(
                word("PREFIX", Kind::Text, "Error: -I argument given but no id prefix specified."),
                client.id_prefix = values::some_text("-I")
            ),
            repeats: false,
            help: "Make the Client Identifier of this and the process ID.",
        },
        USERNAME,
        PASSWORD,
        VERSION,
        Flag {
            names: &["-c", "--disable-clean-session"],
            takes: on!(client.is_persistent),
            repeats: false,
            help: "Go on with the session that the server keeps for this client, and have it kept. It needs -i.",
        },
        Flag {
            names: &["-x"],
            takes: Takes::Word(
                word("SECONDS", Kind::Text, "Error: -x argument given but no session expiry interval specified."),
                |settings, word| {
                    settings.client.session_expiry_interval_s = Some(values::session_expiry_interval_s(word)?);
                    settings.client.version = Version::V5;
                    Ok(())
                },
            ),
            repeats: false,
            help: "How long the server keeps the session after the connection; -1 or ∞: for ever, as with -c. MQTT version 5.",
        },
        KEEP_ALIVE,
        Flag {
            names: &["-M"],
            takes: put!(
                word("COUNT", Kind::Text, "Error: -M argument given but max_inflight not specified."),
                client.inflight_max = values::inflight_max
            ),
            repeats: false,
            help: "Messages of QoS 1 and 2 that may be under way to the server at a time; usually 20.",
        },
        PROPERTY,
    ],
};

pub(super) static WILL: Section<Settings> = Section {
    title: "Will",
    flags: &[
        Flag {
            names: &["--will-topic"],
            takes: put!(
                word("TOPIC", Kind::Text, "Error: --will-topic argument given but no will topic specified."),
                will.topic = |word| values::topic_name("--will-topic", "will", word).map(Some)
            ),
            repeats: false,
            help: "Where the server publishes a message should this client go without a word.",
        },
        Flag {
            names: &["--will-payload"],
            takes: put!(
                word("MESSAGE", Kind::Text, "Error: --will-payload argument given but no will payload specified."),
                will.payload = |word| Ok::<_, String>(values::bytes(word))
            ),
            repeats: false,
            help: "What it publishes; nothing, if this is not there.",
        },
        Flag {
            names: &["--will-qos"],
            takes: put!(
                word(
                    "QOS",
                    Kind::OneOf(&["0", "1", "2"]),
                    "Error: --will-qos argument given but no will QoS specified."
                ),
                will.qos = |word| values::qos("will QoS ", ".", word)
            ),
            repeats: false,
            help: "With this QoS; usually 0.",
        },
        Flag { names: &["--will-retain"], takes: on!(will.retain), repeats: false, help: "As a retained message." },
    ],
};

pub(crate) const USERNAME: Flag<Settings> = Flag {
    names: &["-u", "--username"],
    takes: put!(
        word("NAME", Kind::Text, "Error: -u argument given but no username specified."),
        client.username = values::some_text("-u")
    ),
    repeats: false,
    help: "The user name.",
};

pub(crate) const PASSWORD: Flag<Settings> = Flag {
    names: &["-P", "--pw"],
    takes: put!(
        word("PASSWORD", Kind::Text, "Error: -P argument given but no password specified."),
        client.password = |word| Ok::<_, String>(Some(values::bytes(word)))
    ),
    repeats: false,
    help: "The password. Other users of the machine can see the command line: an options file that only you can read is safer.",
};

pub(crate) const VERSION: Flag<Settings> = Flag {
    names: &["-V", "--protocol-version"],
    takes: put!(
        word(
            "VERSION",
            Kind::OneOf(&["31", "311", "5", "mqttv31", "mqttv311", "mqttv5"]),
            "Error: --protocol-version argument given but no version specified."
        ),
        client.version = values::version
    ),
    repeats: false,
    help: "The version of MQTT: 5, 311 (usual in pub and sub) or 31.",
};

pub(crate) const KEEP_ALIVE: Flag<Settings> = Flag {
    names: &["-k", "--keepalive"],
    takes: put!(
        word("SECONDS", Kind::Text, "Error: -k argument given but no keepalive specified."),
        client.keep_alive_s = values::keep_alive_s
    ),
    repeats: false,
    help: "Say something to the server at least this often; 60 seconds, if nothing is said here, and at least 5.",
};

pub(crate) const PROPERTY: Flag<Settings> = Flag {
    names: &["-D", "--property"],
    takes: Takes::Words(word("PACKET NAME VALUE", Kind::Text, ""), |settings, words| {
        settings.client.version = Version::V5;
        settings.properties.add(|| words.next())
    }),
    repeats: true,
    help: "Put a property into a packet: connect, will, publish, subscribe, unsubscribe or disconnect, then the property's name \
           and value; of user-property, name and value. MQTT version 5.",
};

pub(crate) const ID: Flag<Settings> = Flag {
    names: &["-i", "--id"],
    takes: put!(
        word("ID", Kind::Text, "Error: -i argument given but no id specified."),
        client.id = values::some_text("-i")
    ),
    repeats: false,
    help: "The Client Identifier. Without one the server chooses.",
};
