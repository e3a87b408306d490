//! `--chart` and `--table`: what comes as a picture on the terminal, which is drawn anew when something has changed.
//!
//! Where standard output is no terminal, each message is a line instead. Topics and values are bounded, whatever comes.

mod picture;

use std::collections::{BTreeMap, VecDeque};
use std::io::{self, IsTerminal};

use midge_codec::Publish;
use rustix::termios::tcgetwinsize;
use serde_json::Value;

use super::settings::OutputSettings;
use crate::columns::beginning;
use crate::json_path::JsonPath;
use crate::screen;

/// See the module.
pub(super) struct Live {
    kind: Kind,
    on_screen: bool,
    topics: BTreeMap<Box<str>, Topic>,
    /// Messages on topics for which there was no room.
    left_out_count: u64,
    /// Messages without a number where one was looked for.
    without_number_count: u64,
    /// When the picture is drawn next, and how large the last one was.
    next_ms: u64,
    size: (usize, usize),
}

/// What is drawn.
enum Kind {
    /// A row for each topic.
    Table,
    /// The numbers that stand there.
    Chart(JsonPath),
}

/// What is known of a topic.
#[derive(Debug, Default)]
pub(super) struct Topic {
    /// The last payload, as far as it is shown.
    value: String,
    /// The last numbers, oldest first.
    numbers: VecDeque<f64>,
    /// When the last messages came, oldest first.
    times_ms: VecDeque<u64>,
}

impl Live {
    /// Where one of the flags is there.
    pub(super) fn new(settings: &OutputSettings) -> Option<Live> {
        let kind = match &settings.chart {
            Some(path) => Kind::Chart(path.clone()),
            None if settings.is_table => Kind::Table,
            None => return None,
        };
        Some(Live {
            kind,
            on_screen: io::stdout().is_terminal(),
            topics: BTreeMap::new(),
            left_out_count: 0,
            without_number_count: 0,
            next_ms: 0,
            size: (0, 0),
        })
    }

    /// A message came.
    pub(super) fn take(&mut self, publish: &Publish<'_>, now_ms: u64, out: &mut Vec<u8>) {
        let number = match &self.kind {
            Kind::Table => None,
            Kind::Chart(path) => match number(path, publish.payload) {
                Some(number) => Some(number),
                None => {
                    self.without_number_count += 1;
                    return;
                }
            },
        };
        if !self.on_screen {
            out.extend_from_slice(publish.topic.as_bytes());
            out.push(b' ');
            match number {
                Some(number) => out.extend_from_slice(number.to_string().as_bytes()),
                None => out.extend_from_slice(publish.payload),
            }
            out.push(b'\n');
            return;
        }
        if !self.topics.contains_key(publish.topic) && self.topics.len() >= TOPICS_MAX {
            self.left_out_count += 1;
            return;
        }
        let topic = self.topics.entry(publish.topic.into()).or_default();
        topic.take(publish.payload, number, now_ms);
    }

    /// When it wants to be drawn, on the clock of the driver.
    pub(super) fn deadline_ms(&self) -> Option<u64> {
        self.on_screen.then_some(self.next_ms)
    }

    /// Draws the picture, when it is time.
    pub(super) fn draw(&mut self, now_ms: u64, out: &mut Vec<u8>) {
        if !self.on_screen || now_ms < self.next_ms {
            return;
        }
        self.next_ms = now_ms + EVERY_MS;
        let size = tcgetwinsize(io::stdout()).map_or((0, 0), |size| (size.ws_col.into(), size.ws_row.into()));
        let size = if size.0 == 0 || size.1 == 0 { USUAL_SIZE } else { size };
        // What a terminal does to its lines when it is resized, nobody knows.
        let begin = if size == self.size { "\x1b[H" } else { "\x1b[2J\x1b[H" };
        self.size = size;
        out.extend_from_slice(LINES_END_AT_THE_EDGE.as_bytes());
        out.extend_from_slice(begin.as_bytes());
        for line in self.picture(now_ms) {
            out.extend_from_slice(line.as_bytes());
            out.extend_from_slice(b"\x1b[K\r\n");
        }
        out.extend_from_slice(b"\x1b[J");
        out.extend_from_slice(LINES_GO_ON_BELOW.as_bytes());
    }

    /// The lines, of which there are fewer than the terminal has.
    fn picture(&self, now_ms: u64) -> Vec<String> {
        let (columns, rows) = self.size;
        let mut notes = Vec::new();
        if self.left_out_count > 0 {
            notes.push(format!("Messages on more topics than are shown: {}", self.left_out_count));
        }
        if let Kind::Chart(path) = &self.kind
            && self.without_number_count > 0
        {
            notes.push(format!("Messages without a number in '{path}': {}", self.without_number_count));
        }
        let room = rows.saturating_sub(1 + notes.len()).max(1);
        let mut lines = match self.kind {
            Kind::Table => picture::table(&self.topics, now_ms, columns, room),
            Kind::Chart(_) => picture::charts(&self.topics, columns, room),
        };
        lines.extend(notes);
        lines.iter().map(|line| beginning(line, columns).to_owned()).collect()
    }
}

impl Topic {
    fn take(&mut self, payload: &[u8], number: Option<f64>, now_ms: u64) {
        let payload = &payload[..payload.len().min(VALUE_BYTES_MAX)];
        let shown = screen::shown(payload);
        self.value = String::from_utf8_lossy(&shown).split_whitespace().collect::<Vec<_>>().join(" ");
        if let Some(number) = number {
            push(&mut self.numbers, number, NUMBERS_MAX);
        }
        push(&mut self.times_ms, now_ms, TIMES_MAX);
    }

    /// Seconds since the last message.
    fn age_s(&self, now_ms: u64) -> u64 {
        self.times_ms.back().map_or(0, |last_ms| now_ms.saturating_sub(*last_ms) / 1000)
    }

    /// Messages a second, of late.
    fn rate(&self, now_ms: u64) -> f64 {
        let from_ms = now_ms.saturating_sub(RATE_MS);
        let mut recent = self.times_ms.iter().filter(|time_ms| **time_ms >= from_ms);
        let Some(first_ms) = recent.next() else { return 0.0 };
        (recent.count() + 1) as f64 * 1000.0 / now_ms.saturating_sub(*first_ms).max(1_000) as f64
    }
}

fn push<T>(values: &mut VecDeque<T>, value: T, count_max: usize) {
    if values.len() >= count_max {
        values.pop_front();
    }
    values.push_back(value);
}

/// The number that stands in a payload: one of JSON, a text that is one, or true and false as 1 and 0.
fn number(path: &JsonPath, payload: &[u8]) -> Option<f64> {
    let whole = serde_json::from_slice::<Value>(payload).ok()?;
    let number = match path.find(&whole)? {
        Value::Number(number) => number.as_f64()?,
        Value::String(text) => text.trim().parse().ok()?,
        Value::Bool(value) => f64::from(u8::from(*value)),
        _ => return None,
    };
    number.is_finite().then_some(number)
}

/// A terminal that takes a character for wider than we do cuts off a line, and does not begin another, which would move all
/// that follows.
const LINES_END_AT_THE_EDGE: &str = "\x1b[?7l";
const LINES_GO_ON_BELOW: &str = "\x1b[?7h";

/// People do not see more pictures.
const EVERY_MS: u64 = 200;

/// Topics that are remembered.
const TOPICS_MAX: usize = 1_000;

/// Numbers of a topic: as many as wide terminals have columns.
const NUMBERS_MAX: usize = 512;

/// Times of a topic, for its rate.
const TIMES_MAX: usize = 64;

/// How far back the rate looks.
const RATE_MS: u64 = 10_000;

/// More of a payload is never seen.
const VALUE_BYTES_MAX: usize = 1_024;

/// Columns and rows of a terminal that does not say.
const USUAL_SIZE: (usize, usize) = (80, 24);
