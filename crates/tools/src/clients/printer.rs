//! How `sub` and `rr` show a message.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::io::{self, IsTerminal};

use midge_codec::Publish;

use super::settings::{OutputSettings, Settings};
use crate::format::Arrival;
use crate::moment::Moment;
use crate::screen;

/// Shows messages.
pub(super) struct Printer {
    settings: OutputSettings,
    /// Whether a terminal shows them that must not obey them.
    on_screen: bool,
    /// With `--watch`, the line of the screen that each topic has.
    lines: HashMap<Box<str>, usize>,
    seed: RandomState,
    /// Messages so far.
    count: u64,
}

impl Printer {
    /// For standard output. Who wants payloads bare gets them, on a terminal too.
    pub(super) fn new(settings: &OutputSettings) -> Printer {
        let on_screen = !settings.is_bare && io::stdout().is_terminal();
        Printer { settings: settings.clone(), on_screen, lines: HashMap::new(), seed: RandomState::new(), count: 0 }
    }

    /// Appends what stands before all messages.
    pub(super) fn begin(&self, settings: &Settings, out: &mut Vec<u8>) {
        if self.settings.is_watching {
            let host = settings.server.host.as_deref().unwrap_or("localhost");
            out.extend_from_slice(format!("\x1b[2J\x1b[1;1HBroker: {host}\n").as_bytes());
        }
    }

    /// Appends a message. What cannot be shown is complained about.
    pub(super) fn print(&mut self, publish: &Publish<'_>, out: &mut Vec<u8>, complain: &mut dyn FnMut(String)) {
        self.count += 1;
        if !self.is_chosen() {
            return;
        }
        if self.settings.is_watching {
            let line = self.line_of(publish.topic);
            out.extend_from_slice(format!("\x1b[{line};1H\x1b[K").as_bytes());
        }
        match &self.settings.format {
            Some(format) => {
                let moment = Moment::now();
                let (is_pretty, on_screen) = (self.settings.is_pretty, self.on_screen);
                format.render(&Arrival { publish, moment, is_pretty, on_screen }, out, complain);
                self.end_line(out);
            }
            None => self.print_plain(publish, out),
        }
        if self.settings.is_watching {
            out.extend_from_slice(format!("\x1b[{};1H\n", FIRST_LINE + self.lines.len() - 1).as_bytes());
        }
    }

    /// The payload, and with `-v` the topic before it. An empty one has no line of its own.
    fn print_plain(&self, publish: &Publish<'_>, out: &mut Vec<u8>) {
        let is_verbose = self.settings.is_verbose;
        if publish.payload.is_empty() && (!is_verbose || self.settings.is_bare) {
            return;
        }
        if is_verbose {
            self.push(publish.topic.as_bytes(), out);
            out.push(b' ');
        }
        match publish.payload {
            b"" => out.extend_from_slice(b"(null)"),
            payload => self.push(payload, out),
        }
        self.end_line(out);
    }

    fn push(&self, bytes: &[u8], out: &mut Vec<u8>) {
        if self.on_screen {
            out.extend_from_slice(&screen::shown(bytes));
        } else {
            out.extend_from_slice(bytes);
        }
    }

    fn end_line(&self, out: &mut Vec<u8>) {
        if !self.settings.is_bare {
            out.push(b'\n');
        }
    }

    fn is_chosen(&self) -> bool {
        let chance = self.settings.chance_per_mille.unwrap_or(1000);
        self.seed.hash_one(self.count) % 1000 < u64::from(chance)
    }

    fn line_of(&mut self, topic: &str) -> usize {
        let next = FIRST_LINE + self.lines.len();
        *self.lines.entry(topic.into()).or_insert(next)
    }
}

/// The line of the first topic, below the name of the server.
const FIRST_LINE: usize = 2;

#[cfg(test)]
mod tests {
    use midge_codec::{PublishProperties, QoS};

    use super::*;

    fn message<'a>(topic: &'a str, payload: &'a [u8]) -> Publish<'a> {
        Publish {
            dup: false,
            qos: QoS::AtMostOnce,
            retain: false,
            topic,
            packet_id: None,
            properties: PublishProperties::default(),
            payload,
        }
    }

    fn printed(settings: &OutputSettings, on_screen: bool, messages: &[(&str, &[u8])]) -> String {
        let mut printer = Printer { on_screen, ..Printer::new(settings) };
        let mut out = Vec::new();
        for (topic, payload) in messages {
            printer.print(&message(topic, payload), &mut out, &mut |complaint| panic!("{complaint}"));
        }
        String::from_utf8_lossy(&out).into_owned()
    }

    #[test]
    fn payloads_stand_in_lines() {
        let bare = || OutputSettings { is_bare: true, ..OutputSettings::default() };
        let verbose = || OutputSettings { is_verbose: true, ..OutputSettings::default() };
        let messages: &[(&str, &[u8])] = &[("a/b", b"x\0y"), ("c", b"")];
        assert_eq!(printed(&OutputSettings::default(), false, messages), "x\0y\n");
        assert_eq!(printed(&bare(), false, messages), "x\0y");
        assert_eq!(printed(&verbose(), false, messages), "a/b x\0y\nc (null)\n");
        assert_eq!(printed(&OutputSettings { is_verbose: true, ..bare() }, false, messages), "a/b x\0y");
        assert_eq!(printed(&verbose(), true, messages), "a/b x\\u0000y\nc (null)\n");
    }

    #[test]
    fn each_topic_has_its_line() {
        let settings = OutputSettings { is_watching: true, is_verbose: true, ..OutputSettings::default() };
        let shown = printed(&settings, false, &[("a", b"1"), ("b", b"2"), ("a", b"3")]);
        let expected = [("2", "a 1", "2"), ("3", "b 2", "3"), ("2", "a 3", "3")]
            .map(|(line, text, last)| format!("\x1b[{line};1H\x1b[K{text}\n\x1b[{last};1H\n"));
        assert_eq!(shown, expected.concat());
    }

    #[test]
    fn chance_leaves_out_as_many_as_it_says() {
        let count = |chance| {
            let settings = OutputSettings { chance_per_mille: Some(chance), ..OutputSettings::default() };
            printed(&settings, false, &vec![("a", &b"x"[..]); 10_000]).len() / 2
        };
        assert_eq!(count(1000), 10_000);
        assert!((4_000..6_000).contains(&count(500)), "{}", count(500));
    }
}
