//! What came of all rounds: medians, ratios between servers, and what went wrong.

use hdrhistogram::Histogram;

use super::figures::{Figure, busy_share, figures};
use super::round::{End, Faults, Measurement};
use super::scenario::Plan;
use super::worker::histogram;

/// Everything that was measured.
pub(super) struct Report {
    pub(super) plan: Plan,
    pub(super) columns: Vec<Column>,
}

/// One server.
pub(super) struct Column {
    pub(super) name: String,
    pub(super) address: String,
    pub(super) rounds: Vec<Outcome>,
    /// Of all rounds.
    pub(super) latency: Histogram<u64>,
}

/// What one round gave.
pub(super) struct Outcome {
    pub(super) seconds: f64,
    /// What was done in them.
    pub(super) done: u64,
    pub(super) figures: Vec<Figure>,
    pub(super) faults: Faults,
    pub(super) end: End,
    pub(super) busy_share: f64,
    /// Seconds, and what was done until then.
    pub(super) course: Vec<(f64, u64)>,
}

/// One figure of all servers.
pub(super) struct Row {
    pub(super) key: &'static str,
    pub(super) label: String,
    pub(super) medians: Vec<Option<f64>>,
    /// The first server's divided by that of each other one: the median of the rounds, in each of which both had the same
    /// disturbances.
    pub(super) ratios: Vec<Option<f64>>,
}

impl Report {
    pub(super) fn new(plan: Plan, servers: impl Iterator<Item = (String, String)>) -> Report {
        let column = |(name, address)| Column { name, address, rounds: Vec::new(), latency: histogram() };
        Report { plan, columns: servers.map(column).collect() }
    }

    /// Takes what a round gave for a server.
    pub(super) fn add(&mut self, server: usize, measurement: Measurement) {
        let column = &mut self.columns[server];
        column.latency.add(&measurement.latency).expect("histograms of the same bounds");
        column.rounds.push(Outcome {
            figures: figures(&self.plan, &measurement),
            busy_share: busy_share(&self.plan, &measurement),
            seconds: measurement.seconds,
            done: measurement.done,
            faults: measurement.faults,
            end: measurement.end,
            course: measurement.course,
        });
    }

    pub(super) fn is_empty(&self) -> bool {
        self.columns.iter().all(|column| column.rounds.is_empty())
    }

    /// The figures that any server has.
    pub(super) fn rows(&self) -> Vec<Row> {
        let mut rows: Vec<Row> = Vec::new();
        for figure in self.outcomes().flat_map(|(_, outcome)| &outcome.figures) {
            if rows.iter().all(|row| row.key != figure.key) {
                let medians = self.columns.iter().map(|column| median(column.values(figure.key).flatten())).collect();
                let ratios = (1..self.columns.len()).map(|other| self.ratio(figure.key, other)).collect();
                rows.push(Row { key: figure.key, label: figure.label.clone(), medians, ratios });
            }
        }
        rows
    }

    fn ratio(&self, key: &str, other: usize) -> Option<f64> {
        let pairs = self.columns[0].values(key).zip(self.columns[other].values(key));
        median(pairs.filter_map(|(one, other)| Some(one? / other?)))
    }

    fn outcomes(&self) -> impl Iterator<Item = (&Column, &Outcome)> {
        self.columns.iter().flat_map(|column| column.rounds.iter().map(move |outcome| (column, outcome)))
    }

    /// Whether messages were lost, doubled or out of their order.
    pub(super) fn has_faults(&self) -> bool {
        self.outcomes().any(|(_, outcome)| outcome.faults.are_any())
    }

    /// Whether a server has ended connections.
    pub(super) fn is_broken(&self) -> bool {
        self.outcomes().any(|(_, outcome)| matches!(outcome.end, End::Broken(_)))
    }

    /// What is to be said beside the figures, in sentences.
    pub(super) fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        for column in &self.columns {
            let name = &column.name;
            notes.extend(column.faults().told().map(|faults| format!("{name}: {faults}.")));
            for outcome in &column.rounds {
                notes.extend(match &outcome.end {
                    End::Complete => None,
                    End::Stalled => Some(format!("{name}: nothing came any more; measured until then.")),
                    End::Interrupted(_) => Some(format!("{name}: interrupted; measured until then.")),
                    End::Broken(message) => {
                        let message = message.trim_start_matches("Error: ");
                        Some(format!("{name}: measured until connections ended. {message}"))
                    }
                });
            }
            let busy = median(column.rounds.iter().map(|outcome| outcome.busy_share)).unwrap_or(0.0);
            if busy >= BUSY_SHARE {
                let percent = (busy * 100.0).round();
                notes.push(format!(
                    "{name}: the limit is this program, which was busy for {percent} % of the time, and perhaps not the server. More --threads \
                     may help."
                ));
            }
        }
        notes
    }
}

impl Column {
    /// The figure of each round.
    pub(super) fn values(&self, key: &str) -> impl Iterator<Item = Option<f64>> {
        let value =
            move |outcome: &Outcome| outcome.figures.iter().find(|figure| figure.key == key).map(|figure| figure.value);
        self.rounds.iter().map(value)
    }

    /// Of all rounds.
    pub(super) fn faults(&self) -> Faults {
        let sum = |count: fn(&Faults) -> u64| self.rounds.iter().map(|outcome| count(&outcome.faults)).sum();
        Faults {
            lost: sum(|faults| faults.lost),
            doubled: sum(|faults| faults.doubled),
            reordered: sum(|faults| faults.reordered),
            refused: sum(|faults| faults.refused),
            foreign: sum(|faults| faults.foreign),
        }
    }
}

impl Faults {
    /// Whether messages went wrong. Those of others are no fault.
    pub(super) fn are_any(&self) -> bool {
        Faults { foreign: 0, ..*self } != Faults::default()
    }

    /// As a clause: what there is none of is left out.
    fn told(&self) -> Option<String> {
        let kinds = [
            (self.lost, "lost"),
            (self.doubled, "doubled"),
            (self.reordered, "out of order"),
            (self.refused, "refused"),
            (self.foreign, "from others"),
        ];
        let told: Vec<_> =
            kinds.iter().filter(|(count, _)| *count > 0).map(|(count, kind)| format!("{count} {kind}")).collect();
        (!told.is_empty()).then(|| format!("messages {}", told.join(", ")))
    }
}

/// The middle one, or half-way between the two in the middle.
pub(super) fn median(values: impl Iterator<Item = f64>) -> Option<f64> {
    let mut values: Vec<f64> = values.filter(|value| value.is_finite()).collect();
    values.sort_by(f64::total_cmp);
    let middle = values.len().checked_sub(1)? / 2;
    Some((values[middle] + values[values.len() / 2]) / 2.0)
}

/// A thread that has so much to do may be what all wait for.
const BUSY_SHARE: f64 = 0.9;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_in_the_middle() {
        assert_eq!(median([3.0, 1.0, 2.0].into_iter()), Some(2.0));
        assert_eq!(median([4.0, 1.0, f64::NAN].into_iter()), Some(2.5));
        assert_eq!(median(std::iter::empty()), None);
    }
}
