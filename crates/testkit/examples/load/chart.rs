//! A chart as SVG: logarithmic both ways, a line for each server, readable on light and on dark pages.

use std::fmt::Write;

/// A server's curve.
pub(crate) struct Line {
    pub(crate) name: String,
    /// Across and up; all above 0.
    pub(crate) dots: Vec<(f64, f64)>,
}

/// The whole file. `across` and `up` say what the axes count.
pub(crate) fn draw(title: &str, across: &str, up: &str, lines: &[Line]) -> String {
    let dots = || lines.iter().flat_map(|line| &line.dots);
    let axis_across = Axis::over(dots().map(|dot| dot.0), LEFT, RIGHT, &[1.0]);
    let axis_up = Axis::over(dots().map(|dot| dot.1), BOTTOM, TOP, &[1.0, 2.0, 5.0]);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" font-family=\"sans-serif\" font-size=\"13\">\n\
         <title>{}, {}</title>\n<style>{STYLE}</style>\n<rect class=\"page\" width=\"{WIDTH}\" height=\"{HEIGHT}\"/>\n",
        escaped(title),
        escaped(across)
    );
    for tick in axis_across.ticks() {
        let x = axis_across.place(tick);
        let _ = writeln!(svg, "<path class=\"grid\" d=\"M{x:.1} {TOP}V{BOTTOM}\"/>");
        let _ =
            writeln!(svg, "<text x=\"{x:.1}\" y=\"{}\" text-anchor=\"middle\">{}</text>", BOTTOM + 20.0, short(tick));
    }
    for tick in axis_up.ticks() {
        let y = axis_up.place(tick);
        let _ = writeln!(svg, "<path class=\"grid\" d=\"M{LEFT} {y:.1}H{RIGHT}\"/>");
        let _ =
            writeln!(svg, "<text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>", LEFT - 8.0, y + 4.0, short(tick));
    }
    let middle = f64::midpoint(LEFT, RIGHT);
    let _ =
        writeln!(svg, "<text x=\"{middle}\" y=\"{}\" text-anchor=\"middle\">{}</text>", HEIGHT - 12.0, escaped(across));
    let _ = writeln!(svg, "<text x=\"16\" y=\"24\">{}: {}</text>", escaped(title), escaped(up));
    for (number, line) in lines.iter().enumerate() {
        curve(&mut svg, line, number.min(LINES - 1), &axis_across, &axis_up);
    }
    svg + "</svg>\n"
}

/// The line, its dots with their values for whoever points at them, and the name behind the last one.
fn curve(svg: &mut String, line: &Line, number: usize, across: &Axis, up: &Axis) {
    let place = |dot: &(f64, f64)| (across.place(dot.0), up.place(dot.1));
    let corners: Vec<String> = line.dots.iter().map(place).map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
    let _ = writeln!(svg, "<polyline class=\"line l{number}\" points=\"{}\"/>", corners.join(" "));
    for dot in &line.dots {
        let (x, y) = place(dot);
        let title = format!("{}: {} at {}", escaped(&line.name), significant(dot.1), short(dot.0));
        let _ = writeln!(
            svg,
            "<circle class=\"dot d{number}\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"4\"><title>{title}</title></circle>"
        );
    }
    if let Some(dot) = line.dots.last() {
        let (x, y) = place(dot);
        let name = format!("{} {}", escaped(&line.name), significant(dot.1));
        let _ = writeln!(svg, "<text class=\"d{number}\" x=\"{:.1}\" y=\"{:.1}\">{name}</text>", x + 10.0, y + 4.0);
    }
}

/// One direction: which values it shows, and where.
struct Axis {
    /// Logarithms of the first and the last value.
    values: (f64, f64),
    places: (f64, f64),
    /// Where within a power of ten there is a tick.
    steps: &'static [f64],
}

impl Axis {
    /// From the tick below the smallest value to the one above the largest.
    fn over(values: impl Iterator<Item = f64>, start: f64, end: f64, steps: &'static [f64]) -> Axis {
        let (smallest, largest) =
            values.fold((f64::MAX, f64::MIN_POSITIVE), |(low, high), value| (low.min(value), high.max(value)));
        let smallest = smallest.min(largest);
        // A little room for rounding, or a value at a tick would have a further tick beside it.
        let below = ticks_of_all(steps).rfind(|tick| *tick <= smallest * 1.001).unwrap_or(smallest);
        let above =
            ticks_of_all(steps).find(|tick| *tick >= largest * 0.999 && *tick > below * 1.001).unwrap_or(largest);
        Axis { values: (below.log10(), above.log10()), places: (start, end), steps }
    }

    fn place(&self, value: f64) -> f64 {
        let share = (value.log10() - self.values.0) / (self.values.1 - self.values.0);
        self.places.0 + share * (self.places.1 - self.places.0)
    }

    fn ticks(&self) -> impl Iterator<Item = f64> {
        let (first, last) = self.values;
        ticks_of_all(self.steps).filter(move |tick| (first - 0.001..=last + 0.001).contains(&tick.log10()))
    }
}

fn ticks_of_all(steps: &'static [f64]) -> impl DoubleEndedIterator<Item = f64> {
    (-6..=9).flat_map(move |power| steps.iter().map(move |step| step * 10_f64.powi(power)))
}

fn short(value: f64) -> String {
    match value {
        _ if value >= 999_999.0 => format!("{} M", significant(value / 1e6)),
        _ if value >= 9_999.0 => format!("{}k", significant(value / 1e3)),
        _ => significant(value),
    }
}

/// Two digits that count, and no zeros behind them.
fn significant(value: f64) -> String {
    let decimals = (1.0 - value.log10().floor()).clamp(0.0, 6.0) as usize;
    let text = format!("{value:.decimals$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 400.0;
const LEFT: f64 = 56.0;
/// Room for the names behind the lines.
const RIGHT: f64 = 545.0;
const TOP: f64 = 44.0;
const BOTTOM: f64 = 330.0;

/// Lines that have a colour.
const LINES: usize = 3;

/// No colour means anything alone: names stand at the lines.
const STYLE: &str = "\
.page{fill:#fff}text{fill:#24292f}.grid{stroke:#d0d7de;fill:none}.line{fill:none;stroke-width:2.5}\
.l0{stroke:#0b62c4}.d0{fill:#0b62c4}.l1{stroke:#b4530a;stroke-dasharray:7 4}.d1{fill:#b4530a}\
.l2{stroke:#57606a;stroke-dasharray:2 4}.d2{fill:#57606a}\
@media(prefers-color-scheme:dark){.page{fill:#0d1117}text{fill:#e6edf3}.grid{stroke:#30363d}\
.l0{stroke:#6cb0ff}.d0{fill:#6cb0ff}.l1{stroke:#f0a35e}.d1{fill:#f0a35e}.l2{stroke:#9198a1}.d2{fill:#9198a1}}";
