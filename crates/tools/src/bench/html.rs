//! The report as a page with charts, which needs nothing from elsewhere: no script, no font, no picture.

use super::chart::{Axis, COLOURS, Chart, Line};
use super::report::{Column, Report};
use super::table::{lines, readable};

/// The page.
pub(super) fn text(report: &Report) -> String {
    let notes: String =
        report.notes().iter().map(|note| format!("<p class=\"note\">{}</p>\n", escaped(note))).collect();
    let (_, units) = report.plan.scenario.unit();
    let mut charts = String::new();
    if let Some(latency) = latency(report) {
        charts += &format!("<h2>Latency by percentile</h2>\n{}\n{latency}\n", legend(report));
    }
    if let Some(course) = course(report) {
        charts += &format!("<h2>Course of the rounds, {units} a second</h2>\n{}\n{course}\n", legend(report));
    }
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width\">\n\
         <title>midge bench: {scenario}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<h1>midge bench: {scenario}</h1>\n\
         <p>{described}</p>\n{table}{notes}{charts}</body>\n</html>\n",
        scenario = report.plan.scenario.name(),
        described = escaped(&report.plan.described()),
        table = table(report),
    )
}

/// The cells of the table for terminals; behind each figure a bar as long as it is beside the largest of its row.
fn table(report: &Report) -> String {
    let cells = lines(report);
    let rows = report.rows();
    let mut html = String::from("<table>\n<tr>");
    cells[0].iter().for_each(|cell| html += &format!("<th>{}</th>", escaped(cell)));
    html += "</tr>\n";
    for (row, cells) in rows.iter().zip(&cells[1..]) {
        html += &format!("<tr><th>{}</th>", escaped(&cells[0]));
        let largest = row.medians.iter().flatten().copied().fold(f64::MIN_POSITIVE, f64::max);
        for (server, (value, cell)) in row.medians.iter().zip(&cells[1..]).enumerate() {
            let percent = 100.0 * value.unwrap_or(0.0).max(0.0) / largest;
            let bar = format!("<i class=\"bar server{}\" style=\"width:{percent:.0}%\"></i>", server % COLOURS);
            html += &format!("<td>{cell}{bar}</td>");
        }
        cells[1 + row.medians.len()..].iter().for_each(|cell| html += &format!("<td>{cell}</td>"));
        html += "</tr>\n";
    }
    html + "</table>\n"
}

fn legend(report: &Report) -> String {
    let names = report.columns.iter().enumerate().map(|(server, column)| {
        format!("<span><i class=\"dot server{}\"></i>{}</span>", server % COLOURS, escaped(&column.name))
    });
    format!("<p class=\"legend\">{}</p>", names.collect::<String>())
}

/// `None`: no latency was measured.
fn latency(report: &Report) -> Option<String> {
    let measured = || report.columns.iter().enumerate().filter(|(_, column)| !column.latency.is_empty());
    let lowest = measured().map(|(_, column)| column.latency.min()).min()?.max(1) as f64 / 1e3;
    let highest = measured().map(|(_, column)| column.latency.max()).max()? as f64 / 1e3;
    let marks = PERCENTILES.iter().map(|(nines, name)| (*nines, (*name).to_owned()));
    let chart = Chart {
        title: "Latency by percentile",
        across: Axis { name: "so many are not slower", from: 0.0, to: NINES_MAX, marks: marks.collect() },
        up: Axis::logarithmic("µs", lowest, highest, readable),
        lines: measured().map(|(server, column)| Line { server, points: curve(column) }).collect(),
    };
    Some(chart.svg())
}

/// The latency that so many do not exceed: the axis has a nine more at each mark, and as many points between them.
fn curve(column: &Column) -> Vec<(f64, f64)> {
    let steps = (NINES_MAX * POINTS_OF_A_NINE) as usize;
    let point = |step: usize| {
        let nines = step as f64 / POINTS_OF_A_NINE;
        let value_us = column.latency.value_at_quantile(1.0 - 10f64.powf(-nines)) as f64 / 1e3;
        (nines, value_us.max(1e-3).log10())
    };
    (0..=steps).map(point).collect()
}

/// `None`: nothing was done.
fn course(report: &Report) -> Option<String> {
    let lines: Vec<Line> = report
        .columns
        .iter()
        .enumerate()
        .flat_map(|(server, column)| column.rounds.iter().map(move |outcome| (server, rates(&outcome.course))))
        .map(|(server, points)| Line { server, points })
        .collect();
    let points = || lines.iter().flat_map(|line| &line.points);
    let seconds = points().map(|point| point.0).fold(0.0, f64::max);
    let highest = points().map(|point| point.1).fold(0.0, f64::max);
    let (across, up) = (Axis::linear("seconds", seconds, readable), Axis::linear("", highest, readable));
    (highest > 0.0).then(|| Chart { title: "Course of the rounds", across, up, lines }.svg())
}

/// What was done in a second, over fifty parts of the time at most.
fn rates(course: &[(f64, u64)]) -> Vec<(f64, f64)> {
    let shortest = course.last().map_or(0.0, |last| last.0) / RATES_MAX;
    let mut rates = Vec::new();
    let mut before = (0.0, 0);
    for &(seconds, done) in course {
        if seconds - before.0 >= shortest.max(f64::MIN_POSITIVE) {
            rates.push((seconds, (done - before.1) as f64 / (seconds - before.0)));
            before = (seconds, done);
        }
    }
    rates
}

/// Text that HTML takes for text.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// Marks of the latencies: logarithms of how many are slower, and what stands there.
const PERCENTILES: [(f64, &str); 6] =
    [(0.0, "0 %"), (0.301, "50 %"), (1.0, "90 %"), (2.0, "99 %"), (3.0, "99.9 %"), (4.0, "99.99 %")];

const NINES_MAX: f64 = 4.0;

const POINTS_OF_A_NINE: f64 = 25.0;

const RATES_MAX: f64 = 50.0;

const STYLE: &str = "\
:root { color-scheme: light dark; --c0: #2463eb; --c1: #d9480f; --c2: #2b8a3e; --c3: #9c36b5; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; width: 100%; }
th, td { padding: .3rem .6rem; text-align: right; border-bottom: 1px solid #8884; font-variant-numeric: tabular-nums; }
th:first-child { text-align: left; font-weight: normal; }
.bar { display: block; height: 4px; margin-left: auto; }
.dot { display: inline-block; width: .7em; height: .7em; margin: 0 .4em 0 1em; border-radius: 50%; }
.note { border-left: 4px solid var(--c1); padding-left: .6rem; }
svg { width: 100%; height: auto; }
svg text { font-size: 12px; fill: currentColor; }
svg .up { text-anchor: end; dominant-baseline: middle; }
svg .across { text-anchor: middle; }
svg .grid { stroke: #8884; }
svg polyline { fill: none; stroke-width: 2; }
i.server0 { background: var(--c0); } i.server1 { background: var(--c1); } i.server2 { background: var(--c2); } i.server3 { background: var(--c3); }
svg .server0 { stroke: var(--c0); } svg .server1 { stroke: var(--c1); } svg .server2 { stroke: var(--c2); } svg .server3 { stroke: var(--c3); }
";

#[cfg(test)]
mod tests {
    use super::super::samples;
    use super::*;

    /// The page of the samples: whoever changes it looks at it.
    #[test]
    fn a_page_is_as_it_was() {
        let page = text(&samples::two());
        let path = std::env::temp_dir().join("midge-bench.html");
        if page != include_str!("sample.html") {
            std::fs::write(&path, &page).expect("written");
            panic!("the page is another: look at {}, and put it in the place of sample.html", path.display());
        }
    }

    #[test]
    fn a_page_needs_nothing_from_elsewhere() {
        let page = text(&samples::two());
        for word in ["http", "src=", "href=", "url(", "@import", "<script"] {
            assert!(!page.contains(word), "{word}");
        }
    }

    #[test]
    fn names_are_no_markup() {
        let page = text(&samples::report(&["<b>&\"", "b"]));
        assert!(page.contains("&lt;b&gt;&amp;&quot;") && !page.contains("<b>"), "{page}");
    }
}
