//! Conversations: scripts in which named clients talk to one server, a line at a time.
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
//! ```
//!
//! | line | meaning |
//! |---|---|
//! | `c> PACKET & hex 10 00` | sends packets and bytes in one piece; opens a connection where `c` has none |
//! | `c< PACKET` | the next thing that comes is this packet |
//! | `c<* PACKET` | the same for neighbouring lines, in whatever order they come |
//! | `c<? PACKET` | this packet may come next, or something else |
//! | `c< hex 20 02 00 00` | the next packet has exactly these bytes, be they allowed or not |
//! | `c< closed` | the server closes |
//! | `c< nothing`, `c< nothing 500ms` | nothing comes, for 100 ms or the time given |
//! | `c connects v5 clean …` | CONNECT (the client's name is its Client Identifier) and CONNACK with 0x00; `session-present` is expected |
//! | `c subscribes FILTER qos=1 …` | SUBSCRIBE and a SUBACK that grants what was asked |
//! | `c publishes TOPIC qos=2 m=x …` | PUBLISH and, where the QoS wants it, the whole exchange of acknowledgements |
//! | `c receives TOPIC qos=2 m=x …` | PUBLISH with any Packet Identifier, and the acknowledgements |
//! | `c pings` | PINGREQ and PINGRESP: what was sent before has been handled |
//! | `c disconnects` | DISCONNECT, and the server closes |
//! | `c closes`, `c finishes`, `c resets` | the connection ends by close, by FIN with this end still reading, or by RST |
//! | `wait 300ms` | time passes |
//!
//! `{name}` in what is waited for takes any value the first time, and is that value from then on. Lines that begin with `#` say why.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use crate::client::{Client, PATIENCE, Received, hex};
use crate::packet::{Kind, Packet};
use crate::server::{SHARD_COUNTS, Server, is_foreign};

/// Plays a script against a server of its own, once for each of [`SHARD_COUNTS`]; panics where server and script disagree.
#[track_caller]
pub fn check(script: &str) {
    check_with("", script);
}

/// The same with lines of configuration.
#[track_caller]
pub fn check_with(configuration: &str, script: &str) {
    check_together(configuration, &[script]);
}

/// The same script for each of these protocol versions, in place of every `vX` in it.
#[track_caller]
pub fn check_versions(versions: &[&str], script: &str) {
    let scripts: Vec<String> = versions.iter().map(|version| script.replace(" vX", &format!(" {version}"))).collect();
    check_together("", &scripts.iter().map(String::as_str).collect::<Vec<_>>());
}

/// Several scripts, each against servers of its own, at the same time: for scripts that mostly wait.
#[track_caller]
pub fn check_together(configuration: &str, scripts: &[&str]) {
    let failures: Vec<String> = std::thread::scope(|scope| {
        let run =
            |script| move || failure(configuration, &|server: &mut Server| Conversation::with(server).try_play(script));
        let threads: Vec<_> = scripts.iter().map(|script| scope.spawn(run(script))).collect();
        threads.into_iter().filter_map(|thread| thread.join().expect("failures are values")).collect()
    });
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// Runs `test` with a new server for each of [`SHARD_COUNTS`], all at the same time.
#[track_caller]
pub fn on_each_shard_count(configuration: &str, test: impl Fn(&mut Server) + Sync) {
    let test = |server: &mut Server| {
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| test(server))).map_err(|panic| panic_text(&*panic))
    };
    if let Some(failure) = failure(configuration, &test) {
        panic!("{failure}");
    }
}

/// What went wrong with the first of [`SHARD_COUNTS`] with which something did, and with which others something did too.
fn failure(configuration: &str, test: &(impl Fn(&mut Server) -> Result<(), String> + Sync)) -> Option<String> {
    if is_foreign() {
        return run_on(configuration, test).err();
    }
    let outcomes: Vec<(u16, Result<(), String>)> = std::thread::scope(|scope| {
        let run = |shards| move || (shards, run_on(&format!("shards {shards}\n{configuration}"), test));
        let threads = SHARD_COUNTS.map(|shards| scope.spawn(run(shards)));
        threads.map(|thread| thread.join().expect("failures are values")).into()
    });
    let failed: Vec<String> =
        outcomes.iter().filter(|(_, outcome)| outcome.is_err()).map(|(shards, _)| shards.to_string()).collect();
    let first = outcomes.into_iter().find_map(|(_, outcome)| outcome.err())?;
    Some(format!("{first}\nfailed with shards: {}", failed.join(", ")))
}

fn run_on(configuration: &str, test: &impl Fn(&mut Server) -> Result<(), String>) -> Result<(), String> {
    let mut server = std::panic::catch_unwind(|| Server::start(configuration)).map_err(|panic| panic_text(&*panic))?;
    let mut outcome = test(&mut server);
    if outcome.is_ok() && !server.is_running() {
        outcome = Err("the test went well, but the server has died".to_owned());
    }
    outcome.map_err(|text| {
        // The server may write its log a little later than it answers.
        std::thread::sleep(QUIET);
        let log = server.log();
        format!("{text}\nlog:\n  {}", log[log.len().saturating_sub(LOG_LINES_SHOWN)..].join("\n  "))
    })
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text =
        panic.downcast_ref::<String>().cloned().or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
    text.unwrap_or_else(|| "a panic without words".to_owned())
}

/// A script while it is played: the server, the clients by name, the values that `{name}` took.
#[derive(Debug)]
pub struct Conversation<'a> {
    server: &'a Server,
    clients: BTreeMap<String, Client>,
    values: HashMap<String, String>,
    next_id: u16,
}

impl<'a> Conversation<'a> {
    /// A conversation with this server, in which nobody has said anything yet.
    pub fn with(server: &'a Server) -> Conversation<'a> {
        Conversation { server, clients: BTreeMap::new(), values: HashMap::new(), next_id: FIRST_OWN_ID }
    }

    /// Plays a script; panics, showing the script with the line, what it wanted and what came, where the server does otherwise.
    #[track_caller]
    pub fn play(&mut self, script: &str) {
        if let Err(disagreement) = self.try_play(script) {
            panic!("{disagreement}");
        }
    }

    /// The same, and the disagreement as a value.
    fn try_play(&mut self, script: &str) -> Result<(), String> {
        let lines: Vec<&str> = script.lines().map(str::trim).collect();
        let mut at = 0;
        while at < lines.len() {
            let together = lines[at..].iter().take_while(|line| line.contains("<* ")).count().max(1);
            if let Err(disagreement) = self.lines(&lines[at..at + together]) {
                let shown: Vec<String> = lines
                    .iter()
                    .enumerate()
                    .map(|(number, line)| {
                        let mark = if (at..at + together).contains(&number) { "→ " } else { "  " };
                        format!("{mark}{line}")
                    })
                    .collect();
                return Err(format!("\n{}\n{disagreement}\n", shown.join("\n")));
            }
            at += together;
        }
        Ok(())
    }

    /// A client of the conversation, for what a script cannot say.
    pub fn client(&mut self, name: &str) -> &mut Client {
        let server = self.server;
        self.clients.entry(name.to_owned()).or_insert_with(|| server.connect())
    }

    /// One line, or neighbouring `<*` lines.
    fn lines(&mut self, lines: &[&str]) -> Result<(), String> {
        let line = lines[0];
        if line.is_empty() || line.starts_with('#') {
            return Ok(());
        }
        if line.contains("<* ") {
            return self.expect_in_any_order(lines);
        }
        let (subject, rest) = line.split_once(' ').ok_or("a line of one word")?;
        let rest = rest.trim();
        if subject == "wait" {
            std::thread::sleep(duration(rest));
            return Ok(());
        }
        if let Some(name) = subject.strip_suffix('>') {
            return self.send(name, rest);
        }
        if let Some(name) = subject.strip_suffix('<') {
            return self.expect(name, rest);
        }
        if let Some(name) = subject.strip_suffix("<?") {
            self.allow(name, rest);
            return Ok(());
        }
        let (verb, rest) = rest.split_once(' ').unwrap_or((rest, ""));
        self.act(subject, verb, rest)
    }

    fn send(&mut self, name: &str, what: &str) -> Result<(), String> {
        let what = self.with_values(what);
        self.client(name).send(&with_identifier(name, &what));
        Ok(())
    }

    fn expect(&mut self, name: &str, what: &str) -> Result<(), String> {
        if let Some(digits) = what.strip_prefix("hex ") {
            return match self.client(name).receive_within(PATIENCE) {
                Received::Packet(_, bytes) | Received::Illegal(_, bytes) if bytes == hex(digits) => Ok(()),
                Received::Packet(packet, bytes) => {
                    Err(disagreement(what, &format!("hex {bytes:02x?}, that is {packet}")))
                }
                other => Err(disagreement(what, &other.to_string())),
            };
        }
        if let Some(time) = what.strip_prefix("nothing") {
            let time = if time.is_empty() { QUIET } else { duration(time.trim()) };
            return match self.client(name).receive_within(time) {
                Received::Silence => Ok(()),
                other => Err(disagreement("nothing", &other.to_string())),
            };
        }
        let got = self.client(name).receive_within(PATIENCE);
        match (what, got) {
            ("closed", Received::Closed) => {
                self.clients.remove(name);
                Ok(())
            }
            ("closed", other) => Err(disagreement(what, &other.to_string())),
            (_, Received::Packet(got, _)) if self.fits(what, &got) => Ok(()),
            (_, other) => Err(disagreement(&self.with_values(what), &other.to_string())),
        }
    }

    /// Takes the next packet where it is this one, else leaves it to the next line.
    fn allow(&mut self, name: &str, what: &str) {
        if let Received::Packet(packet, bytes) = self.client(name).receive_within(PATIENCE)
            && !self.fits(what, &packet)
        {
            self.client(name).put_back(&bytes);
        }
    }

    fn expect_in_any_order(&mut self, lines: &[&str]) -> Result<(), String> {
        let mut wanted: Vec<(&str, &str)> =
            lines.iter().map(|line| line.split_once("<* ").expect("the caller looked")).collect();
        while let Some(&(name, _)) = wanted.first() {
            let got = self.client(name).receive_within(PATIENCE);
            let Received::Packet(packet, _) = &got else {
                return Err(disagreement(&list(&wanted, name), &got.to_string()));
            };
            let fitting = (0..wanted.len()).find(|&at| wanted[at].0 == name && self.fits(wanted[at].1, packet));
            match fitting {
                Some(at) => drop(wanted.remove(at)),
                None => return Err(disagreement(&list(&wanted, name), &packet.to_string())),
            }
        }
        Ok(())
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
            "closes" => self.clients.remove(name).map(drop).ok_or_else(|| format!("{name} has no connection")),
            "finishes" => {
                self.client(name).finish();
                Ok(())
            }
            "resets" => self.clients.remove(name).map(Client::reset).ok_or_else(|| format!("{name} has no connection")),
            other => Err(format!("`{other}` is nothing a client does")),
        }
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
            None | Some(0) => self.send(name, &text),
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
        match self.client(name).receive_within(PATIENCE) {
            Received::Packet(got, _)
                if got.kind == kind && got.number("id") == Some(id.into()) && got.codes()[0] < 0x80 =>
            {
                Ok(())
            }
            other => Err(disagreement(&format!("{} id={id} with success", kind.name()), &other.to_string())),
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
        self.expect(name, &format!("PUBREL {id}"))?;
        self.send(name, &format!("PUBCOMP {id}"))
    }

    /// Whether a packet is what the script describes; takes over the values of `{name}`s seen for the first time.
    fn fits(&mut self, what: &str, got: &Packet) -> bool {
        let wanted = Packet::parse(&self.with_values(what));
        let mut open = wanted.clone();
        let unbound = |value: &[u8]| {
            let text = String::from_utf8_lossy(value).into_owned();
            text.strip_prefix('{').and_then(|text| text.strip_suffix('}')).map(str::to_owned)
        };
        for field in open.fields.iter_mut().filter(|field| unbound(&field.value).is_some()) {
            field.value = b"?".to_vec();
        }
        if !open.describes(got) {
            return false;
        }
        for field in &wanted.fields {
            if let Some(name) = unbound(&field.value) {
                self.values.insert(name, got.text(&field.name).expect("`describes` saw it"));
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

/// CONNECTs that name no Client Identifier get the name the client has in the script.
fn with_identifier(name: &str, packets: &str) -> String {
    let with_identifier = |packet: &str| match packet.starts_with("CONNECT ") && !packet.contains(" id=") {
        true => format!("{packet} id={name}"),
        false => packet.to_owned(),
    };
    packets.split(" & ").map(with_identifier).collect::<Vec<_>>().join(" & ")
}

fn disagreement(wanted: &str, got: &str) -> String {
    format!("expected: {wanted}\n     got: {got}")
}

fn list(wanted: &[(&str, &str)], name: &str) -> String {
    let mine: Vec<&str> = wanted.iter().filter(|(client, _)| *client == name).map(|(_, what)| *what).collect();
    format!("one of: {}", mine.join(" | "))
}

fn duration(text: &str) -> Duration {
    let milliseconds = text.strip_suffix("ms").and_then(|number| number.parse().ok());
    Duration::from_millis(milliseconds.unwrap_or_else(|| panic!("`{text}` is no number of ms")))
}

/// `nothing` without a time.
const QUIET: Duration = Duration::from_millis(100);
/// Packet Identifiers of `subscribes` and `publishes` begin above those that scripts write themselves.
const FIRST_OWN_ID: u16 = 1000;
const RECEIVED_ID: &str = "received";
const LOG_LINES_SHOWN: usize = 30;
