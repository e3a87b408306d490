//! The report as people read it in a terminal.

use super::report::Report;

/// A line about the load, a table, and what is to be said beside it.
pub(super) fn text(report: &Report) -> String {
    let mut text = format!("{}\n\n", report.plan.described());
    let lines = lines(report);
    let columns = lines.first().map_or(0, Vec::len);
    let widths: Vec<usize> =
        (0..columns).map(|column| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0)).collect();
    for line in &lines {
        let cells = line.iter().zip(&widths).enumerate().map(|(column, (cell, &width))| match column {
            0 => format!("{cell:width$}"),
            _ => format!("  {cell:>width$}"),
        });
        text += cells.collect::<String>().trim_end();
        text.push('\n');
    }
    let notes = report.notes();
    if !notes.is_empty() {
        text.push('\n');
    }
    notes.iter().for_each(|note| text += &format!("{note}\n"));
    text
}

/// The cells, with those of the heading. One server needs no ratios.
pub(super) fn lines(report: &Report) -> Vec<Vec<String>> {
    let names = report.columns.iter().map(|column| column.name.clone());
    let first = report.columns.first().map_or("", |column| &column.name);
    let ratios = report.columns.iter().skip(1).map(|other| format!("{first} / {}", other.name));
    let heading = [String::new()].into_iter().chain(names).chain(ratios).collect();
    let rows = report.rows().into_iter().map(|row| {
        let numbers = row.medians.iter().chain(&row.ratios);
        let cells = numbers.map(|value| value.map_or("–".to_owned(), readable));
        [row.label.clone()].into_iter().chain(cells).collect()
    });
    [heading].into_iter().chain(rows).collect()
}

/// Three digits at least, thousands apart.
pub(super) fn readable(value: f64) -> String {
    let decimals = match value.abs() {
        0.0 => 0,
        size if size < 1.0 => 3,
        size if size < 10.0 => 2,
        size if size < 100.0 => 1,
        _ => 0,
    };
    let text = format!("{value:.decimals$}");
    let whole = text.find('.').unwrap_or(text.len());
    let mut readable = String::new();
    for (place, char) in text.chars().enumerate() {
        if place > 0 && place < whole && (whole - place).is_multiple_of(3) && !readable.ends_with('-') {
            readable.push(',');
        }
        readable.push(char);
    }
    readable
}

#[cfg(test)]
mod tests {
    use super::super::samples;
    use super::*;

    #[test]
    fn numbers_can_be_read() {
        let readable: Vec<_> = [0.0, 0.0456, 1.234, 56.78, 123.4, 1234.5, 1_234_567.0].map(readable).into();
        assert_eq!(readable, ["0", "0.046", "1.23", "56.8", "123", "1,234", "1,234,567"]);
    }

    #[test]
    fn one_server() {
        let expected = "\
pub-sub: 10 publishers, 10 subscribers, 10 topics, QoS 1, 64 bytes, window 100, MQTT 3.1.1, 4 s

                                    Midge
deliveries a second               250,000
latency p50, µs                       400
latency p90, µs                       400
latency p99, µs                       400
latency p99.9, µs                     400
latency longest, µs                   400
server CPU for each delivery, µs    0.500
server CPU, cores                   0.125
server memory, MB                    8.00
own CPU for each delivery, µs       0.200
own threads busy, %                  50.0
";
        assert_eq!(text(&samples::report(&["Midge"])), expected);
    }

    #[test]
    fn servers_side_by_side() {
        let expected = "\
pub-sub: 10 publishers, 10 subscribers, 10 topics, QoS 1, 64 bytes, window 100, MQTT 3.1.1, 4 s, 3 rounds

                                    Midge    slow  Midge / slow
deliveries a second               250,000  62,500          4.00
latency p50, µs                       400   1,601         0.250
latency p90, µs                       400   1,601         0.250
latency p99, µs                       400   1,601         0.250
latency p99.9, µs                     400   1,601         0.250
latency longest, µs                   400   1,601         0.250
server CPU for each delivery, µs    0.500    2.00         0.250
server CPU, cores                   0.125   0.125          1.00
server memory, MB                    8.00    8.00          1.00
own CPU for each delivery, µs       0.200   0.800         0.250
own threads busy, %                  50.0    95.0         0.526

slow: messages 3 lost, 1 out of order.
slow: nothing came any more; measured until then.
slow: the limit is this program, which was busy for 95 % of the time, and perhaps not the server. More --threads may help.
";
        assert_eq!(text(&samples::two()), expected);
    }
}
