//! A chart of lines, as SVG.

/// One that can be drawn.
pub(super) struct Chart<'a> {
    pub(super) title: &'a str,
    /// What is written beneath, and where: places on the axis.
    pub(super) across: Axis,
    pub(super) up: Axis,
    pub(super) lines: Vec<Line>,
}

/// From one end to the other, with marks in between. Values are as they are drawn: logarithms, where the axis is logarithmic.
pub(super) struct Axis {
    pub(super) name: &'static str,
    pub(super) from: f64,
    pub(super) to: f64,
    pub(super) marks: Vec<(f64, String)>,
}

/// A line of one server.
pub(super) struct Line {
    /// Which of the colours it has.
    pub(super) server: usize,
    pub(super) points: Vec<(f64, f64)>,
}

impl Axis {
    /// From 0 to a value a little above the highest, with four or so marks at round numbers.
    pub(super) fn linear(name: &'static str, highest: f64, told: fn(f64) -> String) -> Axis {
        let rough = highest.max(f64::MIN_POSITIVE) / 4.0;
        let unit = 10f64.powf(rough.log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0].map(|factor| factor * unit).into_iter().find(|step| *step >= rough);
        let step = step.unwrap_or(10.0 * unit);
        let count = (highest / step).ceil().max(1.0) as usize;
        let marks = (0..=count).map(|mark| mark as f64 * step).map(|value| (value, told(value)));
        Axis { name, from: 0.0, to: count as f64 * step, marks: marks.collect() }
    }

    /// Powers of ten from below the lowest to above the highest.
    pub(super) fn logarithmic(name: &'static str, lowest: f64, highest: f64, told: fn(f64) -> String) -> Axis {
        let from = lowest.log10().floor();
        let to = highest.log10().ceil().max(from + 1.0);
        let marks = (from as i32..=to as i32).map(|power| (f64::from(power), told(10f64.powi(power))));
        Axis { name, from, to, marks: marks.collect() }
    }

    fn share(&self, value: f64) -> f64 {
        ((value - self.from) / (self.to - self.from)).clamp(0.0, 1.0)
    }
}

impl Chart<'_> {
    /// As an element of HTML.
    pub(super) fn svg(&self) -> String {
        let x = |value: f64| LEFT + self.across.share(value) * (WIDTH - LEFT - RIGHT);
        let y = |value: f64| HEIGHT - BOTTOM - self.up.share(value) * (HEIGHT - TOP - BOTTOM);
        let mut svg = format!("<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{}\">\n", self.title);
        for (value, told) in &self.up.marks {
            let (at, right, text) = (y(*value), WIDTH - RIGHT, LEFT - 8.0);
            svg += &format!("<path class=\"grid\" d=\"M{LEFT} {at:.1}H{right}\"/>");
            svg += &format!("<text class=\"up\" x=\"{text}\" y=\"{at:.1}\">{told}</text>\n");
        }
        for (value, told) in &self.across.marks {
            let (at, text) = (x(*value), HEIGHT - BOTTOM + 18.0);
            svg += &format!("<text class=\"across\" x=\"{at:.1}\" y=\"{text}\">{told}</text>\n");
        }
        let (middle, bottom) = ((LEFT + WIDTH - RIGHT) / 2.0, HEIGHT - 6.0);
        svg += &format!("<text class=\"across\" x=\"{middle}\" y=\"{bottom}\">{}</text>\n", self.across.name);
        svg += &format!("<text x=\"4\" y=\"14\">{}</text>\n", self.up.name);
        for line in &self.lines {
            let points: Vec<_> =
                line.points.iter().map(|point| format!("{:.1},{:.1}", x(point.0), y(point.1))).collect();
            svg += &format!("<polyline class=\"server{}\" points=\"{}\"/>\n", line.server % COLOURS, points.join(" "));
        }
        svg + "</svg>"
    }
}

const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 300.0;
const LEFT: f64 = 80.0;
const RIGHT: f64 = 32.0;
const TOP: f64 = 28.0;
const BOTTOM: f64 = 46.0;

/// Those that the page has; servers beyond have the first ones again.
pub(super) const COLOURS: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_stand_at_round_numbers() {
        #[track_caller]
        fn check(axis: &Axis, expected: &[&str]) {
            assert_eq!(axis.marks.iter().map(|(_, told)| told.as_str()).collect::<Vec<_>>(), expected);
        }
        let told = |value: f64| format!("{value}");
        check(&Axis::linear("", 7.0, told), &["0", "2", "4", "6", "8"]);
        check(&Axis::linear("", 100_000.0, told), &["0", "50000", "100000"]);
        check(&Axis::logarithmic("", 30.0, 900.0, told), &["10", "100", "1000"]);
        check(&Axis::logarithmic("", 10.0, 10.0, told), &["10", "100"]);
    }

    #[test]
    fn lines_stay_within_the_axes() {
        let axis = |to| Axis { name: "", from: 0.0, to, marks: Vec::new() };
        let lines = vec![Line { server: 5, points: vec![(0.0, 0.0), (1.0, 10.0), (2.0, 99.0)] }];
        let svg = Chart { title: "t", across: axis(2.0), up: axis(10.0), lines }.svg();
        assert!(svg.contains("<polyline class=\"server1\" points=\"80.0,254.0 384.0,28.0 688.0,28.0\"/>"), "{svg}");
    }
}
