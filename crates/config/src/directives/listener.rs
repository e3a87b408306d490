//! Where clients connect.

use super::Scope::{Global, Listener, ListenerOrDefault, StatedListener};
use super::Take::{self, Bool, Choice, Integer, Path, Text};
use super::{ANY, Again, Bounds, Directive, Given, directive, limit, nothing};
use crate::config::{Address, Bound, Protocol, ProtocolVersions, SocketDomain};
use crate::draft::{Draft, Part};
use crate::network::Network;
use crate::value::{Words, c_integer, shown, text};

pub(super) const DIRECTIVES: &[Directive] = &[
    directive("listener", Global, Take::Words(open_listener))
        .reloadable()
        .doc("Listen on this port, if an address or a name follows only there; or on port 0 and a Unix socket's path.")
        .note(
            "With it clients need a user name, unless allow_anonymous says otherwise. Options of a listener have to \
             stand below it.",
        ),
    directive("port", Global, Integer(PORT, open_port))
        .reloadable()
        .doc("The port of the default listener; `listener` does the same and can be given more than once."),
    directive(
        "bind_address",
        Global,
        Text(Again::Error, |draft, host| {
            *draft.open_default_listener().1 = Some(host);
        }),
    )
    .reloadable()
    .doc("The address or name that the default listener listens on."),
    directive(
        "bind_interface",
        ListenerOrDefault,
        Text(Again::Error, |draft, name| draft.listener().bind_interface = Some(name)),
    )
    .doc("Listen only on this network interface.").reloadable()
    .note("The system itself takes no connection that comes in elsewhere, whatever its address."),
    directive(
        "socket_domain",
        ListenerOrDefault,
        Choice(&["ipv4", "ipv6"], |draft, word| {
            draft.listener().socket_domain = Some(if word == "ipv4" { SocketDomain::Ipv4 } else { SocketDomain::Ipv6 });
        }),
    )
    .reloadable()
    .doc("Listen on IPv4 or IPv6 only; otherwise on both."),
    directive("unix_socket_mode", Listener, Text(Again::Error, |draft, text| unix_socket_mode(draft, &text)))
        .default("0770")
        .doc("Who may connect to a Unix socket: the permissions of its path, in octal.")
        .reloadable()
        .note("Not in Mosquitto, where it is always 0770: the server's user and its group."),
    directive("protocol", ListenerOrDefault, Choice(&["mqtt", "websockets", "http_api"], protocol))
        .default("mqtt")
        .doc("What clients speak on this listener: MQTT alone, or MQTT over WebSocket, as web pages do.").reloadable()
        .note(
            "http_api is HTTP for programs: GET /api/v1/listeners, /api/v1/systree and /api/v1/version, as Mosquitto has them. Who asks \
             logs in as for MQTT, and may read what he may read as a topic of the path's name. Files (http_dir) are not served there.",
        ),
    directive(
        "max_connections",
        ListenerOrDefault,
        Integer(ANY, |draft, number| draft.listener().max_connections = limit(number)),
    )
    .default("-1")
    .reloadable()
    .doc("How many clients may be connected to this listener at once; 0 and below are no limit."),
    directive(
        "max_connections_per_second",
        ListenerOrDefault,
        Integer(ANY, |draft, number| draft.listener().max_connections_per_second = Bound::of(number)),
    )
    .doc("How many clients may connect to this listener in a second; others are closed at once. 0 is no limit.")
        .reloadable()
    .note(
        "Not in Mosquitto. A second's worth may come at once. Unless it is given, 5000 for a server called midge, where those from the \
         machine itself are not counted, and no limit for one called mosquitto.",
    ),
    directive(
        "max_connections_per_second_per_address",
        ListenerOrDefault,
        Integer(ANY, |draft, number| draft.listener().max_connections_per_second_per_address = Bound::of(number)),
    )
    .doc("The same for clients from one address, or from one network of IPv6 (/64); 0 is no limit.")
        .reloadable()
    .note(
        "Not in Mosquitto. Unless it is given, 200 for a server called midge, where those from the machine itself are not counted, and \
         no limit for one called mosquitto.",
    ),
    directive(
        "max_qos",
        ListenerOrDefault,
        Integer(Bounds { min: 0, max: 2, outside: "'max_qos' must be between 0 and 2 inclusive." }, |draft, qos| {
            draft.listener().max_qos = qos as u8;
        }),
    )
    .aliases(&["maximum_qos"])
    .default("2")
    .reloadable()
    .doc("The highest QoS on this listener: a publication above it is refused, a subscription is granted less."),
    directive(
        "max_topic_alias",
        Listener,
        Integer(
            Bounds { min: 0, max: 65535, outside: "Invalid 'max_topic_alias' value in configuration." },
            |draft, number| draft.listener().max_topic_alias = number as u16,
        ),
    )
    .default("10")
    .reloadable()
    .doc("How many topic aliases an MQTT 5 client may have for what it publishes."),
    directive(
        "max_topic_alias_broker",
        Listener,
        Integer(
            Bounds { min: 0, max: 65535, outside: "Invalid 'max_topic_alias_broker' value in configuration." },
            |draft, number| draft.listener().max_topic_alias_broker = number as u16,
        ),
    )
    .default("10")
    .reloadable()
    .doc("How many topic aliases the server makes for what it sends to an MQTT 5 client that allows them."),
    directive("accept_protocol_versions", StatedListener, Take::Words(accept_protocol_versions))
        .default("3, 4, 5")
        .reloadable()
        .doc("Which clients are let in: 3 is MQTT 3.1, 4 is 3.1.1, 5 is 5.0; separated by commas."),
    directive(
        "mount_point",
        Listener,
        Text(Again::Replaces, mount_point),
    )
    .doc("Put this before every topic of the listener's clients, so that they see nothing else.")
        .reloadable()
    .note(
        "It ends with a '/', or subscriptions that begin with a wildcard are refused. Rights are those to whole topics. $share works, \
         $SYS is not seen. A client that comes back through another listener keeps its subscriptions, and gets of what waits what \
         is to be seen there.",
    ),
    directive(
        "use_username_as_clientid",
        ListenerOrDefault,
        Bool(|draft, on| draft.listener().use_username_as_clientid = on),
    )
    .default("false")
    .reloadable()
    .doc("Give each client its user name as client identifier."),
    directive("http_dir", Listener, Path(Again::Error, |draft, path| draft.listener().http_dir = Some(path)))
        .doc("Serve the files of this folder to web browsers, on a listener with protocol websockets.").reloadable()
        .note(
            "Links in it that lead out of it are not followed. Of the 256 downloads at a time one address may have 64, or one /64 \
             network of IPv6; the others are answered 503.",
        ),
    directive(
        "websockets_origin",
        Listener,
        Text(Again::Adds, |draft, origin| draft.listener().websockets_origins.push(origin)),
    )
    .doc("Let in web pages of this origin only, such as https://example.org; may be given more than once.").reloadable()
    .note("What is no browser sends no origin, and is let in."),
    directive("websockets_trusted_proxy", Listener, Text(Again::Adds, |draft, text| trusted_proxy(draft, &text)))
        .doc("Take the address of a client from the header X-Forwarded-For, where this proxy sends it; an address or a network.").reloadable()
        .note("Not in Mosquitto, which believes everybody. The last address of the header counts: whom that proxy saw."),
    directive("websockets_log_level", Global, Integer(ANY, nothing))
        .default("0")
        .doc("Once what a library for WebSocket logs.")
        .ignored("that library is not used; see log_type websockets."),
    directive(
        "enable_proxy_protocol",
        Listener,
        Integer(Bounds { min: 1, max: 2, outside: "enable_proxy_protocol must be 1 or 2." }, |draft, version| {
            draft.listener().enable_proxy_protocol = Some(version as u8);
        }),
    )
    .doc("Expect a load balancer's PROXY header of this version before each connection.").reloadable()
    .note(
        "Whoever reaches the listener past the load balancer can claim any address. The header stands before TLS. Of version 2 \
         require_certificate and use_identity_as_username believe what it says of the client's certificate, where the listener has none.",
    ),
    directive(
        "proxy_protocol_v2_require_tls",
        Listener,
        Bool(|draft, on| draft.listener().proxy_protocol_v2_require_tls = on),
    )
    .default("false")
    .doc("Refuse connections that reached the load balancer without TLS.").reloadable(),
];

const PORT: Bounds = Bounds { min: 1, max: 65535, outside: "Invalid 'port' value ({})." };

/// A line that is wrong opens a listener all the same: otherwise everything below it would seem wrong too.
fn open_listener(draft: &mut Draft, given: Given<'_>) {
    let address = listener_address(draft, given).unwrap_or(Address::Tcp { port: 0, host: None });
    draft.open_listener(address);
}

/// The same for the console, which is for this machine alone where nothing else is said.
pub(super) fn open_console(draft: &mut Draft, given: Given<'_>) {
    let address = match listener_address(draft, given) {
        Some(Address::Unix(_)) => {
            draft.error("A console needs a port: browsers do not connect to Unix sockets.");
            None
        }
        address => address,
    };
    draft.open_console(match address {
        Some(Address::Tcp { port, host }) => Address::Tcp { port, host: host.or_else(|| Some("127.0.0.1".to_owned())) },
        _ => Address::Tcp { port: 0, host: None },
    });
}

/// What a `listener` line names, or an error.
fn listener_address(draft: &mut Draft, given: Given<'_>) -> Option<Address> {
    let mut words = given.words;
    let word = words.next();
    if let Some((word, hint)) = word.and_then(|word| Some((word, port_comes_first(given.name, word, words)?))) {
        draft.error_in(Part::Word(word), "'listener port' value not a number.", Some(hint));
        return None;
    }
    let number = draft.integer("listener port", word)?;
    let Ok(port) = u16::try_from(number) else {
        draft.error(PORT.outside.replace("{}", &number.to_string()));
        return None;
    };
    let host_or_path = match words.next().filter(|word| !word.starts_with(b"#")).map(text) {
        Some(None) => {
            draft.error("Malformed UTF-8 in configuration.");
            return None;
        }
        Some(Some(text)) => Some(text),
        None => None,
    };
    match (port, host_or_path) {
        (0, Some(path)) => Some(Address::Unix(path)),
        (0, None) => {
            draft.error("A listener with port 0 must provide a Unix socket path.");
            None
        }
        (port, host) => Some(Address::Tcp { port, host }),
    }
}

/// What to write where an address or a path stands in the port's place: other programs have it there.
fn port_comes_first(name: &str, word: &[u8], mut behind: Words<'_>) -> Option<String> {
    let is_port = |text: &str| text.parse::<u16>().is_ok_and(|port| port > 0);
    let word = str::from_utf8(word).ok().filter(|word| c_integer(word.as_bytes()).is_err())?;
    if word.starts_with('/') && name != "console_listener" {
        return Some(format!("A path stands behind the port 0: {name} 0 {word}"));
    }
    let next = behind.next().and_then(|next| str::from_utf8(next).ok());
    let (host, port) = match word.rsplit_once(':').filter(|(_, port)| is_port(port)) {
        Some(parts) => parts,
        None => (word, next.filter(|next| is_port(next))?),
    };
    let address = host.trim_matches(['[', ']', '*']);
    let written = format!("{name} {port} {address}");
    Some(format!("The port comes first, then the address: {}", written.trim_end()))
}

fn mount_point(draft: &mut Draft, prefix: String) {
    if prefix.contains(['+', '#', '\0']) || prefix.starts_with("$share") || prefix.len() > usize::from(u16::MAX) {
        let text = format!("Invalid 'mount_point' value ({prefix}). Does it contain a wildcard character?");
        return draft.error(text);
    }
    if !prefix.ends_with('/') {
        draft.warn(format!(
            "The mount_point '{prefix}' does not end with '/': clients cannot subscribe to filters that begin with '+' or '#'."
        ));
    }
    draft.listener().mount_point = prefix;
}

fn open_port(draft: &mut Draft, number: i64) {
    if !draft.is_first("port", Global) {
        draft.warn("The port of the default listener is given more than once; this one counts.".to_owned());
    }
    *draft.open_default_listener().0 = number as u16;
}

fn protocol(draft: &mut Draft, word: &'static str) {
    if draft.listener().protocol == Protocol::Console {
        return draft.error("The 'protocol' option cannot be used below console_listener, which has one of its own.");
    }
    draft.listener().protocol = match word {
        "websockets" => Protocol::Websockets,
        "http_api" => Protocol::HttpApi,
        _ => Protocol::Mqtt,
    };
}

fn unix_socket_mode(draft: &mut Draft, text: &str) {
    let is_octal = text.bytes().all(|byte| matches!(byte, b'0'..=b'7'));
    match u32::from_str_radix(text, 8).ok().filter(|mode| is_octal && *mode <= 0o777) {
        Some(mode) => draft.listener().unix_socket_mode = mode,
        None => {
            let hint = "Permissions in octal, such as 0660 or 0777.".to_owned();
            draft.error_in(Part::Value, format!("Invalid 'unix_socket_mode' value ({text})."), Some(hint));
        }
    }
}

fn trusted_proxy(draft: &mut Draft, text: &str) {
    match Network::parse(text) {
        Some(network) => draft.listener().websockets_trusted_proxies.push(network),
        None => {
            let hint = "An address such as 127.0.0.1, or a network such as 10.0.0.0/8.".to_owned();
            let text = format!("Invalid 'websockets_trusted_proxy' value ({text}).");
            draft.error_in(Part::Value, text, Some(hint));
        }
    }
}

fn accept_protocol_versions(draft: &mut Draft, given: Given<'_>) {
    let mut words = given.words;
    let separates = |byte| matches!(byte, b' ' | b',' | b'\t');
    let mut word = words.next_between(separates);
    if draft.word(given.name, word).is_none() {
        return;
    }
    let mut versions = ProtocolVersions::NONE;
    while let Some(version) = word.filter(|word| !word.starts_with(b"#")) {
        match version {
            b"3" => versions.v31 = true,
            b"4" => versions.v311 = true,
            b"5" => versions.v5 = true,
            other => draft.warn(format!("There is no protocol version '{}'; known are 3, 4 and 5.", shown(other))),
        }
        word = words.next_between(separates);
    }
    draft.listener().accept_protocol_versions = versions;
}
