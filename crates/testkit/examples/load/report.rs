//! What came out, gathered over the rounds: medians, ratios, a table for people, JSON for programs.

use std::fmt::Write;

use crate::chart::{self, Line};
use crate::clients::Fault;
use crate::measure::{GENERATOR_SHARE, RATE_REACHED};
use crate::{Point, Scenario, Settings};

/// Everything that was measured.
pub(crate) struct Report {
    servers: Vec<String>,
    rows: Vec<Row>,
    faults: Vec<String>,
}

/// One figure of one point.
struct Row {
    scenario: &'static str,
    label: String,
    count: Option<usize>,
    what: &'static str,
    /// For each server what the rounds gave, in their order.
    values: Vec<Vec<f64>>,
}

impl Report {
    pub(crate) fn new(servers: Vec<String>) -> Self {
        Report { servers, rows: Vec::new(), faults: Vec::new() }
    }

    /// What did not succeed.
    pub(crate) fn faults(&self) -> &[String] {
        &self.faults
    }

    /// Takes what a run gave, and says it in a line.
    pub(crate) fn add(&mut self, scenario: &Scenario, server: usize, points: Result<Vec<Point>, Fault>) -> String {
        let points = match points {
            Ok(points) => points,
            Err(fault) => {
                self.faults.push(format!("{}, {}: {fault}", scenario.name, self.servers[server]));
                return format!("FAILED: {fault}");
            }
        };
        let mut line = Vec::new();
        for point in &points {
            let figures = point.figures.iter().filter(|figure| !ASIDE.contains(&figure.what));
            let figures: Vec<String> =
                figures.map(|figure| format!("{} {}", readable(figure.value), figure.what)).collect();
            line.push(format!("{}: {}", point.label, figures.join(", ")));
            for figure in &point.figures {
                self.row(scenario.name, point, figure.what).values[server].push(figure.value);
            }
        }
        line.join("; ")
    }

    fn row(&mut self, scenario: &'static str, point: &Point, what: &'static str) -> &mut Row {
        let same = |row: &Row| row.scenario == scenario && row.label == point.label && row.what == what;
        let at = self.rows.iter().position(same).unwrap_or_else(|| {
            let values = vec![Vec::new(); self.servers.len()];
            self.rows.push(Row { scenario, label: point.label.clone(), count: point.count, what, values });
            self.rows.len() - 1
        });
        &mut self.rows[at]
    }

    /// Medians, and how Midge stands to each other server.
    pub(crate) fn markdown(&self) -> String {
        let (first, others) = self.servers.split_first().expect("there is a server");
        let mut text = format!("| scenario | | figure | {first} |");
        others.iter().for_each(|other| text += &format!(" {other} | {first} / {other} |"));
        text += "\n|---|---|---|---:|";
        others.iter().for_each(|_| text += "---:|---:|");
        for row in self.rows.iter().filter(|row| !ASIDE.contains(&row.what)) {
            let _ = write!(text, "\n| {} | {} | {} | {} |", row.scenario, row.label, row.what, row.median(0));
            for other in 1..self.servers.len() {
                let _ = write!(text, " {} | {} |", row.median(other), readable(row.ratio(other)));
            }
        }
        text += &self.disturbance();
        self.faults.iter().for_each(|fault| text += &format!("\n\nFAILED: {fault}"));
        text
    }

    /// Says so where other programs were in the way. The generator spins: when it had less than a core, somebody else had the rest.
    fn disturbance(&self) -> String {
        let shares = self.rows.iter().filter(|row| row.what == GENERATOR_SHARE);
        let shares: Vec<f64> = shares.flat_map(|row| row.values.iter().flatten().copied()).collect();
        let disturbed = shares.iter().filter(|share| **share < SHARE_UNDISTURBED).count();
        match disturbed {
            0 => String::new(),
            _ => format!(
                "\n\nDisturbed: in {disturbed} of {} measurements the generator did not have its core to itself; rates are too low.",
                shares.len()
            ),
        }
    }

    /// Every figure of every round.
    pub(crate) fn json(&self, settings: &Settings) -> String {
        let rows: Vec<String> = self.rows.iter().map(|row| row.json(&self.servers)).collect();
        let faults: Vec<String> = self.faults.iter().map(|fault| quoted(fault)).collect();
        format!(
            "{{\n\"machine\": {},\n\"load_average\": {},\n\"rounds\": {},\n\"seconds\": {},\n\"faults\": [{}],\n\"figures\": [\n{}\n]\n}}\n",
            quoted(&machine()),
            quoted(&read("/proc/loadavg")),
            settings.rounds,
            settings.seconds,
            faults.join(", "),
            rows.join(",\n")
        )
    }

    /// The curves: file name and SVG.
    pub(crate) fn charts(&self, scenarios: &[&Scenario]) -> Vec<(String, String)> {
        let drawn = scenarios.iter().filter_map(|scenario| Some((scenario.name, scenario.chart?)));
        drawn
            .map(|(name, across)| {
                let title = "Cost of a delivery";
                let up = "µs of CPU time per delivery";
                (format!("{name}.svg"), chart::draw(title, across, up, &self.lines(name, "µs CPU per delivery")))
            })
            .collect()
    }

    fn lines(&self, scenario: &str, what: &str) -> Vec<Line> {
        let rows = || self.rows.iter().filter(|row| row.scenario == scenario && row.what == what);
        let line = |(server, name): (usize, &String)| {
            let dots = rows().filter_map(|row| Some((row.count? as f64, median(&row.values[server])?)));
            Line { name: name.clone(), dots: dots.collect() }
        };
        self.servers.iter().enumerate().map(line).filter(|line| !line.dots.is_empty()).collect()
    }
}

impl Row {
    fn median(&self, server: usize) -> String {
        median(&self.values[server]).map_or("–".to_owned(), readable)
    }

    /// The first server's figure divided by the other's, round by round, so that what disturbed a round disturbed both.
    fn ratio(&self, other: usize) -> f64 {
        let pairs = self.values[0].iter().zip(&self.values[other]);
        median(&pairs.map(|(first, other)| first / other).collect::<Vec<_>>()).unwrap_or(f64::NAN)
    }

    fn json(&self, servers: &[String]) -> String {
        let values = servers.iter().zip(&self.values).map(|(server, values)| {
            let rounds: Vec<String> = values.iter().map(|value| json_number(*value)).collect();
            let median = median(values).map_or("null".to_owned(), json_number);
            format!("{}: {{\"median\": {median}, \"rounds\": [{}]}}", quoted(server), rounds.join(", "))
        });
        format!(
            "  {{\"scenario\": {}, \"point\": {}, \"count\": {}, \"figure\": {}, \"servers\": {{{}}}}}",
            quoted(self.scenario),
            quoted(&self.label),
            self.count.map_or("null".to_owned(), |count| count.to_string()),
            quoted(self.what),
            values.collect::<Vec<_>>().join(", ")
        )
    }
}

fn median(values: &[f64]) -> Option<f64> {
    let mut sorted: Vec<f64> = values.iter().copied().filter(|value| value.is_finite()).collect();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len().checked_sub(1)? / 2;
    Some((sorted[middle] + sorted[sorted.len() / 2]) / 2.0)
}

/// Three digits that count, thousands apart.
fn readable(value: f64) -> String {
    if !value.is_finite() {
        return "–".to_owned();
    }
    let magnitude = value.abs().max(f64::MIN_POSITIVE).log10().floor() as i32;
    if magnitude < 2 {
        let decimals = (2 - magnitude.max(-2)) as usize;
        return format!("{value:.decimals$}");
    }
    let unit = 10_f64.powi(magnitude - 2);
    let digits = format!("{:.0}", (value / unit).round() * unit);
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn machine() -> String {
    let processor = read("/proc/cpuinfo");
    let model = processor.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let cores = processor.lines().filter(|line| line.starts_with("processor")).count();
    let model = model.map_or("unknown processor", |(_, model)| model);
    format!("{model}, {cores} cores, Linux {}", read("/proc/sys/kernel/osrelease"))
}

fn read(path: &str) -> String {
    std::fs::read_to_string(path).unwrap_or_default().trim().to_owned()
}

fn json_number(value: f64) -> String {
    if value.is_finite() { format!("{value}") } else { "null".to_owned() }
}

fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if c < ' ' => quoted.push(' '),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

/// What people need not see in every line.
const ASIDE: [&str; 2] = [GENERATOR_SHARE, RATE_REACHED];

const SHARE_UNDISTURBED: f64 = 0.9;
