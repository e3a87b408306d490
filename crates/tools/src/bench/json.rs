//! The report as programs read it.

use serde_json::{Map, Value, json};

use super::report::{Column, Outcome, Report, median};
use super::round::{End, Faults};
use super::scenario::{Pace, Plan, Until};

/// Every figure of every round, as one object.
pub(super) fn text(report: &Report) -> String {
    let rows = report.rows();
    let ratios = report.columns.iter().enumerate().skip(1).map(|(number, other)| {
        let values = rows.iter().filter_map(|row| Some((row.key.to_owned(), row.ratios[number - 1]?.into())));
        json!({ "of": report.columns[0].name, "to": other.name, "figures": values.collect::<Map<_, _>>() })
    });
    let value = json!({
        "plan": plan(&report.plan),
        "servers": report.columns.iter().map(column).collect::<Vec<_>>(),
        "ratios": ratios.collect::<Vec<_>>(),
        "notes": report.notes(),
    });
    format!("{value:#}\n")
}

fn plan(plan: &Plan) -> Value {
    let (rate, window) = match plan.pace {
        Pace::Rate(rate) => (Some(rate), None),
        Pace::Window(window) => (None, Some(window)),
    };
    let (count, warm_up_s, measured_s) = match plan.until {
        Until::Count(count) => (Some(count), None, None),
        Until::Elapsed { warm_up, measured } => (None, Some(warm_up.as_secs_f64()), Some(measured.as_secs_f64())),
    };
    json!({
        "scenario": plan.scenario.name(),
        "text": plan.described(),
        "publishers": plan.shape.publishers,
        "subscribers": plan.shape.subscribers,
        "topics": plan.shape.topics,
        "qos": plan.qos as u8,
        "size": plan.payload_bytes,
        "rate": rate,
        "window": window,
        "count": count,
        "warm_up_s": warm_up_s,
        "duration_s": measured_s,
        "rounds": plan.rounds,
        "threads": plan.threads,
    })
}

fn column(column: &Column) -> Value {
    let keys = column.rounds.iter().flat_map(|outcome| &outcome.figures).map(|figure| figure.key);
    let medians = keys.filter_map(|key| Some((key.to_owned(), median(column.values(key).flatten())?.into())));
    json!({
        "name": column.name,
        "address": column.address,
        "medians": medians.collect::<Map<_, _>>(),
        "faults": faults(&column.faults()),
        "rounds": column.rounds.iter().map(outcome).collect::<Vec<_>>(),
    })
}

fn outcome(outcome: &Outcome) -> Value {
    let figures = outcome.figures.iter().map(|figure| (figure.key.to_owned(), figure.value.into()));
    let end = match outcome.end {
        End::Complete => "complete",
        End::Stalled => "stalled",
        End::Broken(_) => "broken",
        End::Interrupted(_) => "interrupted",
    };
    json!({ "end": end, "seconds": outcome.seconds, "done": outcome.done, "figures": figures.collect::<Map<_, _>>(), "faults": faults(&outcome.faults) })
}

fn faults(faults: &Faults) -> Value {
    json!({
        "lost": faults.lost,
        "doubled": faults.doubled,
        "reordered": faults.reordered,
        "refused": faults.refused,
        "foreign": faults.foreign,
    })
}

#[cfg(test)]
mod tests {
    use super::super::samples;
    use super::*;

    #[test]
    fn every_figure_is_there() {
        let value: Value = serde_json::from_str(&text(&samples::two())).expect("JSON");
        let at = |pointer: &str| value.pointer(pointer).unwrap_or_else(|| panic!("{pointer}: {value:#}"));
        assert_eq!(at("/plan/scenario"), "pub-sub");
        assert_eq!(at("/plan/window"), 100);
        assert_eq!(at("/plan/rate"), &Value::Null);
        assert_eq!(at("/servers/0/medians/per_second"), 250_000.0);
        assert_eq!(at("/servers/1/rounds/0/figures/server_cpu_us"), 2.0);
        assert_eq!(at("/servers/1/faults/lost"), 3);
        assert_eq!(at("/servers/1/rounds/0/end"), "stalled");
        assert_eq!((at("/ratios/0/to"), at("/ratios/0/figures/per_second")), (&json!("slow"), &json!(4.0)));
        assert_eq!(value["notes"].as_array().map(Vec::len), Some(3));
    }
}
