//! Tables and charts as lines of text, which need no colour.

use std::collections::{BTreeMap, VecDeque};

use super::Topic;
use crate::columns::{cut, fitted, width};
use crate::screen::on_a_line;

/// A row for each topic, as many as there is room for.
pub(super) fn table(topics: &BTreeMap<Box<str>, Topic>, now_ms: u64, columns: usize, rows: usize) -> Vec<String> {
    let topic_columns = topic_columns(topics, columns);
    let value_columns = columns.saturating_sub(topic_columns + AGE_COLUMNS + RATE_COLUMNS + 6).max(5);
    let row = |topic: &str, value: &str, age: &str, rate: &str| {
        let (topic, value) = (fitted(topic, topic_columns), fitted(value, value_columns));
        format!("{topic}  {value}  {age:>AGE_COLUMNS$}  {rate:>RATE_COLUMNS$}")
    };
    let mut lines = vec![row("TOPIC", "VALUE", "AGE", "RATE")];
    let shown_count = shown_count(topics.len(), rows.saturating_sub(1));
    for (name, topic) in topics.iter().take(shown_count) {
        let (age, rate) = (format!("{}s", topic.age_s(now_ms)), format!("{:.1}/s", topic.rate(now_ms)));
        lines.push(row(&on_a_line(name), &topic.value, &age, &rate));
    }
    lines.extend(rest(topics.len() - shown_count));
    lines
}

/// A chart for each topic: with axes where there is room for that, and else one line high.
pub(super) fn charts(topics: &BTreeMap<Box<str>, Topic>, columns: usize, rows: usize) -> Vec<String> {
    let rows_each = rows / topics.len().max(1);
    if rows_each >= AXES_ROWS_MIN {
        return topics
            .iter()
            .flat_map(|(name, topic)| axes(&on_a_line(name), &topic.numbers, columns, rows_each))
            .collect();
    }
    let topic_columns = topic_columns(topics, columns);
    let shown_count = shown_count(topics.len(), rows);
    let mut lines: Vec<_> = topics
        .iter()
        .take(shown_count)
        .map(|(name, topic)| sparkline(&on_a_line(name), &topic.numbers, topic_columns, columns))
        .collect();
    lines.extend(rest(topics.len() - shown_count));
    lines
}

/// `topic  ▁▂▃ 21.5 (19…23)`.
fn sparkline(name: &str, numbers: &VecDeque<f64>, topic_columns: usize, columns: usize) -> String {
    let (least, most) = range(numbers);
    let last = numbers.back().copied().unwrap_or_default();
    let figures = format!("{} ({}…{})", short(last), short(least), short(most));
    let room = columns.saturating_sub(topic_columns + FIGURES_COLUMNS + 4).max(1);
    let bars = bars(numbers, room, 1).remove(0);
    format!("{}  {bars:room$}  {figures}", fitted(name, topic_columns))
}

/// The name with the last value, bars, and the range at the left.
fn axes(name: &str, numbers: &VecDeque<f64>, columns: usize, rows: usize) -> Vec<String> {
    let (least, most) = range(numbers);
    let last = short(numbers.back().copied().unwrap_or_default());
    let labels = [short(most), short(least)];
    let label_columns = labels.iter().map(String::len).max().unwrap_or_default();
    let room = columns.saturating_sub(label_columns + 2).max(1);
    let bars = bars(numbers, room, rows - 2);
    let last_row = bars.len() - 1;
    let mut lines = vec![format!("{}  {last}", cut(name, columns.saturating_sub(last.len() + 2)))];
    for (number, bar) in bars.iter().enumerate() {
        let label = match number {
            0 => labels[0].as_str(),
            number if number == last_row => labels[1].as_str(),
            _ => "",
        };
        lines.push(format!("{label:>label_columns$} │{bar}").trim_end().to_owned());
    }
    lines.push(format!("{:label_columns$} └{}", "", "─".repeat(room)));
    lines
}

/// The last numbers as bars, the newest at the right; the top row first. The least is an eighth of a row high.
fn bars(numbers: &VecDeque<f64>, columns: usize, rows: usize) -> Vec<String> {
    let numbers: Vec<f64> = numbers.iter().skip(numbers.len().saturating_sub(columns)).copied().collect();
    let (least, most) = range(&numbers.iter().copied().collect());
    let steps = (rows * EIGHTHS.len() - 1) as f64;
    let height = |number: f64| match most > least {
        true => 1 + ((number - least) / (most - least) * steps).round() as usize,
        false => rows * EIGHTHS.len() / 2,
    };
    let row = |row: usize| {
        let below = (rows - 1 - row) * EIGHTHS.len();
        let cell = |number: &f64| match height(*number).saturating_sub(below) {
            0 => ' ',
            filled => EIGHTHS[filled.min(EIGHTHS.len()) - 1],
        };
        numbers.iter().map(cell).collect()
    };
    (0..rows).map(row).collect()
}

fn range(numbers: &VecDeque<f64>) -> (f64, f64) {
    let least = numbers.iter().copied().fold(f64::INFINITY, f64::min);
    let most = numbers.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if numbers.is_empty() { (0.0, 0.0) } else { (least, most) }
}

/// A number in few characters.
fn short(number: f64) -> String {
    if number != 0.0 && !(1e-3..1e7).contains(&number.abs()) {
        return format!("{number:.2e}");
    }
    let text = format!("{number:.3}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// What the longest topic needs, and not more than half of the line.
fn topic_columns(topics: &BTreeMap<Box<str>, Topic>, columns: usize) -> usize {
    topics.keys().map(|name| width(&on_a_line(name))).max().unwrap_or_default().clamp(5, (columns / 2).max(5))
}

/// How many of these are shown where there are so many rows, of which one may be needed to say how many are not.
fn shown_count(count: usize, rows: usize) -> usize {
    if count <= rows { count } else { rows.saturating_sub(1) }
}

fn rest(count: usize) -> Option<String> {
    (count > 0).then(|| format!("… and topics: {count}"))
}

const EIGHTHS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// The name, two rows of bars, and the line below.
const AXES_ROWS_MIN: usize = 4;

const AGE_COLUMNS: usize = 6;
const RATE_COLUMNS: usize = 9;
const FIGURES_COLUMNS: usize = 24;

#[cfg(test)]
mod tests {
    use super::*;

    fn topics(all: &[(&str, &str, &[f64])]) -> BTreeMap<Box<str>, Topic> {
        let topic = |value: &str, numbers: &[f64]| Topic {
            value: value.to_owned(),
            numbers: numbers.iter().copied().collect(),
            times_ms: VecDeque::from([1_000, 2_000]),
        };
        all.iter().map(|(name, value, numbers)| ((*name).into(), topic(value, numbers))).collect()
    }

    #[test]
    fn a_table_has_a_row_for_each_topic() {
        let all = topics(&[("b\u{7}", "x", &[]), ("a", "a value that is much too long to be shown", &[])]);
        let expected = [
            "TOPIC    VALUE                  AGE       RATE",
            "a        a value that is m…      3s      0.5/s",
            "b\\u0007  x                       3s      0.5/s",
        ];
        assert_eq!(table(&all, 5_000, 46, 5), expected);
        assert_eq!(table(&all, 5_000, 46, 2)[1..], ["… and topics: 2"]);
        assert_eq!(table(&all, 60_000, 46, 5)[2], "b\\u0007  x                      58s      0.0/s");
    }

    #[test]
    fn wide_characters_keep_their_columns() {
        let all = topics(&[
            ("温度/室内", "二十一度半くらい", &[1.0, 2.0]),
            ("ku\u{308}che", "🔥 21", &[3.0]),
            ("a", "x", &[]),
        ]);
        let expected = [
            "TOPIC      VALUE             AGE       RATE",
            "a          x                  3s      0.5/s",
            "ku\u{308}che      🔥 21              3s      0.5/s",
            "温度/室内  二十一度半く…      3s      0.5/s",
        ];
        assert_eq!(table(&all, 5_000, 43, 5), expected);
        let charts = charts(&all, 43, 5);
        assert_eq!(charts[1], "ku\u{308}che      ▄       3 (3…3)");
        assert_eq!(charts[2], "温度/室内  ▁█      2 (1…2)");
    }

    #[test]
    fn a_chart_with_room_has_axes() {
        let all = topics(&[("t", "", &[1.0, 2.0, 3.0, 4.5])]);
        assert_eq!(
            charts(&all, 12, 5),
            ["t  4.5", "4.5 │   █", "    │  ▆█", "  1 │▁███", "    └───────"].map(str::to_owned)
        );
    }

    #[test]
    fn many_charts_are_a_line_high() {
        let all = topics(&[("a", "", &[0.0, 7.0, 3.5]), ("b", "", &[5.0, 5.0]), ("c", "", &[-1e9, 0.0001])]);
        let expected = [
            "a      ▁█▅         3.5 (0…7)",
            "b      ▄▄          5 (5…5)",
            "c      ▁█          1.00e-4 (-1.00e9…1.00e-4)",
        ];
        assert_eq!(charts(&all, 43, 5), expected);
        assert_eq!(charts(&all, 43, 2)[1], "… and topics: 2");
    }

    #[test]
    fn a_terminal_that_is_tiny_is_no_trouble() {
        let all = topics(&[("a", "x", &[1.0, 2.0]), ("b", "", &[])]);
        for (columns, rows) in [(0, 0), (1, 1), (3, 2), (2, 30)] {
            assert!(!charts(&all, columns, rows.max(1)).is_empty());
            assert!(!table(&all, 0, columns, rows.max(1)).is_empty());
        }
    }
}
