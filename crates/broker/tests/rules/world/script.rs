//! Conversations as scripts, in the language of `midge-testkit` (its `script` and `packet` say how lines and packets are
//! written), spoken with shards in one thread and in virtual time:
//!
//! ```text
//! s connects v5 clean
//! s subscribes sensors/+ qos=1
//! p connects v311 clean
//! p> PUBLISH sensors/1 qos=1 id=7 m=21.5
//! p< PUBACK id=7
//! s< PUBLISH sensors/1 qos=1 id={first} m=21.5
//! s> PUBACK id={first}
//! s< nothing
//! wait 30s
//! ```
//!
//! What is said here and not there:
//!
//! | line | meaning |
//! |---|---|
//! | `c> CONNECT … & …` | opens a new connection, also where `c` has one: that is `old-c` from then on |
//! | `c>> PACKET` | sends it; what follows happens before anybody has come round to handling it |
//! | `c closes` | the connection ends by the client; `c< closed` is not waited for |
//! | `c breaks` | the same, and of what it sent last only a part arrives |
//! | `c comes to listener 1` | the connections that `c` opens from now on are at that listener |
//! | `c congested`, `c drained` | its socket takes nothing more; has taken all |
//! | `c is forgotten` | nothing more is looked at of what it was sent |
//! | `server publishes TOPIC m=x retain` | a message of the server's own |
//! | `server shuts down` | the orderly end |
//! | `server snapshots` | the log is written anew while the shards go on |
//! | `server lets u publish a`, `server takes publish from u`, `server takes everything from u` | what a user may do with topics that begin so; who may nothing is not let in |
//! | `server wants FILTER of ID`, `server wants nothing`, `… from its next start on` | the services that there are from now on |
//! | `server has no room for messages`, `server has no room`, `server has not a byte`, `server has room` | how the log is doing |
//! | `server restarts`, `server restarts after 30s` | it is killed as it stands and started again, with another number of shards |
//! | `server restarts in vain first` | and is killed once more before it lets anybody in |
//! | `wait 1500ms`, `wait 30s` | time passes, at once |
//!
//! Every script is played with 1, 2 and 5 shards and, for each, with several orders of what shards do. In the end all clients
//! come back and leave for good, and nothing may be left of them.

use super::{LinkId, World};
use midge_broker::{LogState, Options};
use midge_choices::Random;
use midge_codec::QoS;
use midge_testkit::packet::{Kind, Packet};
use midge_testkit::wire::{self, Level};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Numbers of shards with which everything is tried.
pub(crate) const SHARDS: [u16; 3] = [1, 2, 5];

/// Orders in which each script is tried with each number of shards.
const SEEDS: u64 = 8;

/// Plays a script with the usual options; panics where server and script disagree.
#[track_caller]
pub(crate) fn check(script: &str) {
    check_with(Options::default(), script);
}

/// The same with other options.
#[track_caller]
#[expect(clippy::needless_pass_by_value, reason = "tests make options where they use them")]
pub(crate) fn check_with(options: Options, script: &str) {
    for shards in SHARDS {
        for seed in 0..SEEDS {
            let mut conversation = Conversation::new(World::new(options.clone(), shards, seed));
            let outcome = conversation.play(script).and_then(|()| conversation.everybody_leaves());
            if let Err(text) = outcome {
                panic!("{text}\nwith shards: {shards}, seed: {seed}\n");
            }
        }
    }
}

/// The same script for each of these versions, in place of every `vX` in it.
#[track_caller]
pub(crate) fn check_versions(versions: &[&str], script: &str) {
    versions.iter().for_each(|version| check(&script.replace(" vX", &format!(" {version}"))));
}

/// A world and the clients of a script in it.
pub(crate) struct Conversation {
    pub(crate) world: World,
    clients: BTreeMap<String, Client>,
    values: BTreeMap<String, String>,
    next_id: u16,
    /// Client Identifiers that were used, and with which version.
    identifiers: BTreeSet<String>,
    /// By client, where not at the first.
    listeners: BTreeMap<String, u16>,
}

struct Client {
    link: LinkId,
    level: Level,
    /// Packets that it was sent and the script has not looked at.
    packets: VecDeque<Packet>,
}

impl Conversation {
    pub(crate) fn new(world: World) -> Conversation {
        let (clients, values) = (BTreeMap::new(), BTreeMap::new());
        let (identifiers, listeners) = (BTreeSet::new(), BTreeMap::new());
        Conversation { world, clients, values, next_id: FIRST_OWN_ID, identifiers, listeners }
    }

    /// Plays a script. The error shows it, the line, what was expected and what came.
    pub(crate) fn play(&mut self, script: &str) -> Result<(), String> {
        let lines: Vec<&str> = script.lines().map(str::trim).collect();
        for (at, line) in lines.iter().enumerate() {
            if let Err(disagreement) = self.line(line) {
                let mark = |number| if number == at { "→ " } else { "  " };
                let shown = lines.iter().enumerate().map(|(number, line)| format!("{}{line}", mark(number)));
                return Err(format!("\n{}\n{disagreement}", shown.collect::<Vec<_>>().join("\n")));
            }
        }
        Ok(())
    }

    /// Everybody who ever came comes once more with a Session that ends, and leaves; services are not wanted any more: nothing may be left.
    pub(crate) fn everybody_leaves(&mut self) -> Result<(), String> {
        self.clients.values().for_each(|client| self.world.close(client.link));
        self.world.settle();
        self.world.open_to_all();
        self.world.want_services(None);
        let is_client = |identifier: &String| !midge_broker::service::is_service(identifier);
        for identifier in std::mem::take(&mut self.identifiers).into_iter().filter(is_client) {
            let link = self.world.open();
            let connect = Packet::parse(&format!("CONNECT v5 clean id={identifier:?}"));
            self.world.send(link, &wire::encode(&connect, 5));
            self.world.settle();
            if self.world.received(link).get(3) != Some(&0) {
                return Err(format!("{identifier} cannot come back to leave for good"));
            }
            self.world.close(link);
            self.world.settle();
        }
        // Some things are remembered for a moment.
        self.world.wait(60_000);
        match self.world.leftovers() {
            left if left.is_empty() => Ok(()),
            left => Err(format!("everybody has gone, and there is left: {left}")),
        }
    }

    fn line(&mut self, line: &str) -> Result<(), String> {
        if line.is_empty() || line.starts_with('#') {
            return Ok(());
        }
        let (subject, rest) = line.split_once(' ').ok_or("a line of one word")?;
        let rest = rest.trim();
        if subject == "wait" {
            self.world.wait(duration_ms(rest));
            return Ok(());
        }
        if let Some(name) = subject.strip_suffix(">>") {
            return self.send(name, rest);
        }
        if let Some(name) = subject.strip_suffix('>') {
            self.send(name, rest)?;
            self.world.settle();
            return Ok(());
        }
        if let Some(name) = subject.strip_suffix('<') {
            return self.expect(name, rest);
        }
        let (verb, rest) = rest.split_once(' ').unwrap_or((rest, ""));
        self.act(subject, verb, rest)
    }

    fn act(&mut self, name: &str, verb: &str, rest: &str) -> Result<(), String> {
        match verb {
            "connects" => {
                let (resumes, rest) = match rest.strip_suffix(" session-present") {
                    Some(rest) => (" session-present", rest),
                    None => ("", rest),
                };
                self.send(name, &format!("CONNECT {rest}"))?;
                self.expect(name, &format!("CONNACK{resumes}"))
            }
            "subscribes" => self.subscribe(name, rest),
            "publishes" if name == "server" => self.publish_from_server(rest),
            "publishes" => self.publish(name, rest),
            "receives" => self.receive(name, rest),
            "pings" => {
                self.send(name, "PINGREQ")?;
                self.expect(name, "PINGRESP")
            }
            "disconnects" => {
                self.send(name, "DISCONNECT")?;
                self.expect(name, "closed")
            }
            "closes" | "breaks" => {
                let link = self.client(name)?.link;
                if verb == "breaks" {
                    self.world.cut(link)
                } else {
                    self.world.close(link)
                }
                self.clients.remove(name);
                self.world.settle();
                Ok(())
            }
            "congested" | "drained" => {
                self.world.settle();
                let link = self.client(name)?.link;
                if verb == "congested" {
                    self.world.congest(link)
                } else {
                    self.world.drain(link)
                }
                self.world.settle();
                Ok(())
            }
            "comes" => {
                let number = rest.strip_prefix("to listener ").and_then(|number| number.parse().ok());
                self.listeners.insert(name.to_owned(), number.ok_or("`comes to listener NUMBER`")?);
                Ok(())
            }
            "is" if rest == "forgotten" => {
                self.clients.remove(name);
                Ok(())
            }
            "sweeps" if name == "server" => {
                self.world.sweep();
                Ok(())
            }
            "snapshots" if name == "server" => {
                self.world.snapshot();
                Ok(())
            }
            "restarts" if name == "server" && rest == "in vain first" => {
                self.world.settle();
                self.world.restart_in_vain();
                self.clients.clear();
                Ok(())
            }
            "restarts" if name == "server" => {
                self.world.settle();
                let off_ms = rest.strip_prefix("after ").map_or(0, duration_ms);
                self.world.restart_with_any_shards(off_ms);
                self.clients.clear();
                Ok(())
            }
            "wants" if name == "server" => {
                let now = rest.strip_suffix(" from its next start on");
                let wanted = now.unwrap_or(rest).split_once(" of ").map(|(filter, client_id)| (client_id, filter));
                match now {
                    None => self.world.want_services(wanted),
                    Some(_) => self.world.note_wanted_services(wanted),
                }
                Ok(())
            }
            "lets" if name == "server" => {
                let mut words = rest.split(' ');
                let mut word = || words.next().unwrap_or_default();
                let (user, deed, topic) = (word(), word(), word());
                self.world.grant(user, deed, topic);
                Ok(())
            }
            "takes" if name == "server" => {
                let (deed, user) = rest.split_once(" from ").ok_or("`takes DEED from USER`")?;
                self.world.revoke(user, if deed == "everything" { "" } else { deed });
                Ok(())
            }
            "has" if name == "server" => {
                let state = match rest {
                    "room" => LogState::Ready,
                    "no room for messages" => LogState::Full,
                    "no room" => LogState::Scarce,
                    "not a byte" => LogState::Stuck,
                    other => return Err(format!("`{other}` is no state of the log")),
                };
                self.world.set_log_state(state);
                Ok(())
            }
            "shuts" if name == "server" => {
                self.world.shut_down();
                Ok(())
            }
            other => Err(format!("`{other}` is nothing a client does")),
        }
    }

    fn client(&self, name: &str) -> Result<&Client, String> {
        self.clients.get(name).ok_or_else(|| format!("{name} has no connection"))
    }

    /// The connection of a client, for what a script cannot say.
    pub(crate) fn link(&self, name: &str) -> LinkId {
        self.clients[name].link
    }

    fn send(&mut self, name: &str, what: &str) -> Result<(), String> {
        for (at, text) in self.with_values(what).split(" & ").enumerate() {
            let mut packet = Packet::parse(text);
            if packet.kind == Kind::Connect && at == 0 {
                if !packet.has("id") {
                    packet.push("id", name);
                }
                let link = self.world.open_at(self.listeners.get(name).copied().unwrap_or(0));
                let old = self
                    .clients
                    .insert(name.to_owned(), Client { link, level: wire::level(&packet), packets: VecDeque::new() });
                if let Some(old) = old.filter(|old| !self.world.is_closed(old.link)) {
                    // It is taken over or goes away by itself; its name in the script now means the new connection.
                    self.clients.insert(format!("old-{name}"), old);
                }
                self.identifiers.extend(packet.text("id").filter(|id| !id.is_empty()));
            }
            let client = self.client(name)?;
            let (link, bytes) = (client.link, wire::encode(&packet, client.level));
            self.world.send(link, &bytes);
        }
        Ok(())
    }

    fn expect(&mut self, name: &str, what: &str) -> Result<(), String> {
        self.world.settle();
        let got = self.next(name)?;
        match (what, got) {
            ("nothing", None) => Ok(()),
            ("nothing", Some(got)) => Err(disagreement(what, &got.to_string())),
            ("closed", None) if self.world.is_closed(self.client(name)?.link) => {
                self.clients.remove(name);
                Ok(())
            }
            ("closed", got) => Err(disagreement(what, &got.map_or("nothing".to_owned(), |got| got.to_string()))),
            (_, Some(got)) if self.fits(what, &got) => Ok(()),
            (_, Some(got)) => Err(disagreement(&self.with_values(what), &got.to_string())),
            (_, None) if self.world.is_closed(self.client(name)?.link) => {
                Err(disagreement(what, "the connection closed"))
            }
            (_, None) => Err(disagreement(&self.with_values(what), "nothing")),
        }
    }

    /// The next packet from the server.
    fn next(&mut self, name: &str) -> Result<Option<Packet>, String> {
        self.take_packets(name)?;
        Ok(self.clients.get_mut(name).and_then(|client| client.packets.pop_front()))
    }

    /// Cuts packets from the bytes that a client was sent.
    fn take_packets(&mut self, name: &str) -> Result<(), String> {
        self.client(name)?;
        let Some(Client { link, level, packets }) = self.clients.get_mut(name) else { return Ok(()) };
        let received = std::mem::take(self.world.received(*link));
        let mut rest = received.as_slice();
        while let Some(length) = wire::packet_len(rest)? {
            let bytes =
                rest.split_off(..length).ok_or_else(|| format!("half a packet from the server: {rest:02x?}"))?;
            let packet = wire::decode(bytes, *level).map_err(|rule| format!("{rule}: {bytes:02x?}"))?;
            self.identifiers.extend(packet.text("assigned-client-identifier"));
            packets.push_back(packet);
        }
        Ok(())
    }

    fn subscribe(&mut self, name: &str, rest: &str) -> Result<(), String> {
        let id = self.own_id();
        let text = format!("SUBSCRIBE id={id} {}", self.with_values(rest));
        let mut granted = Vec::new();
        for field in Packet::parse(&text).fields {
            match field.name.as_str() {
                "filter" => granted.push(0),
                "qos" => *granted.last_mut().ok_or("qos before any filter")? = field.value[0] - b'0',
                _ => {}
            }
        }
        let codes: Vec<String> = granted.iter().map(|qos| format!("{qos:#04x}")).collect();
        self.send(name, &text)?;
        self.expect(name, &format!("SUBACK id={id} {}", codes.join(" ")))
    }

    fn publish(&mut self, name: &str, rest: &str) -> Result<(), String> {
        let id = self.own_id();
        let text = format!("PUBLISH {rest}");
        match Packet::parse(&text).number("qos") {
            None | Some(0) => {
                self.send(name, &text)?;
                self.world.settle();
                Ok(())
            }
            Some(1) => {
                self.send(name, &format!("{text} id={id}"))?;
                self.expect_success(name, Kind::Puback, id)
            }
            Some(_) => {
                self.send(name, &format!("{text} id={id}"))?;
                self.expect_success(name, Kind::Pubrec, id)?;
                self.send(name, &format!("PUBREL id={id}"))?;
                self.expect_success(name, Kind::Pubcomp, id)
            }
        }
    }

    /// An acknowledgement with any code below 0x80: whether somebody subscribes is not what the line is about.
    fn expect_success(&mut self, name: &str, kind: Kind, id: u16) -> Result<(), String> {
        self.world.settle();
        match self.next(name)? {
            Some(got) if got.kind == kind && got.number("id") == Some(id.into()) && got.codes()[0] < 0x80 => Ok(()),
            got => {
                let got = got.map_or("nothing".to_owned(), |got| got.to_string());
                Err(disagreement(&format!("{} id={id} with success", kind.name()), &got))
            }
        }
    }

    fn receive(&mut self, name: &str, rest: &str) -> Result<(), String> {
        let text = format!("PUBLISH {rest}");
        let qos = Packet::parse(&text).number("qos").unwrap_or(0);
        if qos == 0 {
            return self.expect(name, &text);
        }
        self.values.remove(RECEIVED_ID);
        self.expect(name, &format!("{text} id={{{RECEIVED_ID}}}"))?;
        let id = format!("id={{{RECEIVED_ID}}}");
        if qos == 1 {
            return self.send(name, &format!("PUBACK {id}"));
        }
        self.send(name, &format!("PUBREC {id}"))?;
        self.world.settle();
        // Other messages may stand before it.
        self.take_packets(name)?;
        let wanted = Packet::parse(&self.with_values(&format!("PUBREL {id}")));
        let packets = &mut self.clients.get_mut(name).ok_or("no connection")?.packets;
        match packets.iter().position(|packet| wanted.describes(packet)) {
            Some(at) => drop(packets.remove(at)),
            None => return Err(disagreement(&wanted.to_string(), "none among what it was sent")),
        }
        self.send(name, &format!("PUBCOMP {id}"))
    }

    fn publish_from_server(&mut self, rest: &str) -> Result<(), String> {
        let packet = Packet::parse(&format!("PUBLISH {rest}"));
        let topic = packet.text("topic").ok_or("a topic")?;
        let qos = QoS::from_u8(packet.number("qos").unwrap_or(0) as u8).ok_or("a QoS")?;
        self.world.publish(&topic, packet.get("m").unwrap_or(b""), qos, packet.has("retain"));
        self.world.settle();
        Ok(())
    }

    /// Whether a packet is what the script describes; takes over the values of `{name}`s seen for the first time.
    fn fits(&mut self, what: &str, got: &Packet) -> bool {
        let wanted = Packet::parse(&self.with_values(what));
        let unbound = |value: &[u8]| {
            let text = String::from_utf8_lossy(value).into_owned();
            text.strip_prefix('{').and_then(|text| text.strip_suffix('}')).map(str::to_owned)
        };
        let mut open = wanted.clone();
        for field in open.fields.iter_mut().filter(|field| unbound(&field.value).is_some()) {
            field.value = b"?".to_vec();
        }
        if !open.describes(got) {
            return false;
        }
        for field in &wanted.fields {
            if let (Some(name), Some(value)) = (unbound(&field.value), got.text(&field.name)) {
                self.values.insert(name, value);
            }
        }
        true
    }

    fn with_values(&self, text: &str) -> String {
        self.values.iter().fold(text.to_owned(), |text, (name, value)| text.replace(&format!("{{{name}}}"), value))
    }

    fn own_id(&mut self) -> u16 {
        self.next_id += 1;
        self.next_id
    }
}

/// Runs `test` with every number of shards and with the seeds below `seeds`, or as many as `MIDGE_TEST_SEEDS` says, from
/// `MIDGE_TEST_SEED` on. The panic of a failing one names it.
pub(crate) fn for_each_seed(seeds: u64, test: impl Fn(u16, u64, Random)) {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse().ok());
    let first: u64 = number("MIDGE_TEST_SEED").unwrap_or(0);
    let count = number("MIDGE_TEST_SEEDS").unwrap_or(seeds);
    for seed in first..first + count {
        for shards in SHARDS {
            let run = std::panic::AssertUnwindSafe(|| test(shards, seed, Random::new(seed ^ 0x5eed)));
            if let Err(panic) = std::panic::catch_unwind(run) {
                eprintln!("failed with shards: {shards}, seed: {seed} (MIDGE_TEST_SEED={seed} MIDGE_TEST_SEEDS=1)");
                std::panic::resume_unwind(panic);
            }
        }
    }
}

fn disagreement(wanted: &str, got: &str) -> String {
    format!("expected: {wanted}\n     got: {got}")
}

fn duration_ms(text: &str) -> u64 {
    let number = |text: &str| text.parse::<u64>().ok();
    let milliseconds = text.strip_suffix("ms").and_then(number);
    let seconds = || text.strip_suffix('s').and_then(number).map(|seconds| seconds * 1000);
    milliseconds.or_else(seconds).unwrap_or_else(|| panic!("`{text}` is no time"))
}

/// Packet Identifiers of `subscribes` and `publishes` begin above those that scripts write themselves.
const FIRST_OWN_ID: u16 = 1000;
const RECEIVED_ID: &str = "received";
