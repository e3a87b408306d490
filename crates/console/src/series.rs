//! How numbers went: 15 minutes, an hour and a day, each in as many steps as a picture has room for. Some ten kilobytes in all.

use std::collections::VecDeque;

use serde_json::{Map, Value, json};

/// The numbers, by the name under which they are told.
pub(crate) const NAMES: [&str; 10] = [
    "messages_received_per_s",
    "messages_sent_per_s",
    "discarded_per_s",
    "bytes_received_per_s",
    "bytes_sent_per_s",
    "clients_connected",
    "memory_bytes",
    "log_sync_p99_us",
    "log_bytes",
    "queued",
];

/// What was seen at one moment: `None` where there is nothing to see.
#[derive(Clone, Debug, Default)]
pub(crate) struct Look {
    /// In the order of [`NAMES`].
    pub(crate) numbers: [Option<f64>; NAMES.len()],
    /// How busy each shard was, 0 to 1.
    pub(crate) shard_cpu: Vec<f64>,
}

/// See the module.
pub(crate) struct Series {
    windows: [Window; 3],
}

/// One of the windows.
struct Window {
    name: &'static str,
    step_s: u64,
    steps: usize,
    /// Finished steps, the newest last; `None`: nobody looked.
    done: VecDeque<Option<Step>>,
    /// The step that is under way: its number since 1970, and what was seen in it.
    now: Option<(u64, Step)>,
}

/// Sums of what was seen in a step, and how often.
#[derive(Clone, Default)]
struct Step {
    numbers: [(f32, u32); NAMES.len()],
    shard_cpu: Vec<f32>,
    looks: u32,
}

impl Default for Series {
    fn default() -> Self {
        let window = |name, step_s, steps| Window { name, step_s, steps, done: VecDeque::new(), now: None };
        Series { windows: [window("15m", 5, 180), window("1h", 20, 180), window("24h", 300, 288)] }
    }
}

impl Series {
    /// Adds what was seen now.
    pub(crate) fn add(&mut self, now_ms: u64, look: &Look) {
        self.windows.iter_mut().for_each(|window| window.add(now_ms / 1000, look));
    }

    /// One window, as the API tells it.
    pub(crate) fn describe(&self, window: &str) -> Value {
        let found = self.windows.iter().find(|it| it.name == window).unwrap_or(&self.windows[0]);
        found.describe()
    }
}

impl Window {
    fn add(&mut self, now_s: u64, look: &Look) {
        let number = now_s / self.step_s;
        match &mut self.now {
            Some((current, step)) if *current == number => return step.add(look),
            Some((current, step)) => {
                let finished = std::mem::take(step);
                // A clock that was set back begins a step anew; what was missed is empty.
                let missed = number.saturating_sub(*current + 1).min(self.steps as u64);
                self.done.push_back(Some(finished));
                (0..missed).for_each(|_| self.done.push_back(None));
            }
            None => {}
        }
        while self.done.len() >= self.steps {
            self.done.pop_front();
        }
        let mut step = Step::default();
        step.add(look);
        self.now = Some((number, step));
    }

    fn describe(&self) -> Value {
        let Some((number, now)) = &self.now else {
            let nothing: Map<_, _> = NAMES.iter().map(|name| ((*name).to_owned(), json!([]))).collect();
            return json!({"start_ms": 0, "step_s": self.step_s, "series": nothing, "shard_cpu": []});
        };
        let steps = || self.done.iter().map(Option::as_ref).chain([Some(now)]);
        let named = NAMES.iter().enumerate().map(|(index, name)| {
            let values: Vec<Value> = steps().map(|step| number_of(step.and_then(|step| step.number(index)))).collect();
            ((*name).to_owned(), Value::Array(values))
        });
        let cpu = (0..now.shard_cpu.len()).map(|shard| {
            let share = |step: &Step| Some(step.shard_cpu.get(shard)? / step.looks as f32);
            steps().map(|step| number_of(step.and_then(share))).collect::<Value>()
        });
        let start_ms = number.saturating_sub(self.done.len() as u64) * self.step_s * 1000;
        json!({
            "start_ms": start_ms,
            "step_s": self.step_s,
            "series": named.collect::<Map<_, _>>(),
            "shard_cpu": cpu.collect::<Vec<_>>(),
        })
    }
}

impl Step {
    fn add(&mut self, look: &Look) {
        self.looks += 1;
        for ((sum, count), number) in self.numbers.iter_mut().zip(look.numbers) {
            let Some(number) = number else { continue };
            *sum += number as f32;
            *count += 1;
        }
        self.shard_cpu.resize(look.shard_cpu.len(), 0.0);
        self.shard_cpu.iter_mut().zip(&look.shard_cpu).for_each(|(sum, share)| *sum += *share as f32);
    }

    fn number(&self, index: usize) -> Option<f32> {
        let (sum, count) = self.numbers[index];
        (count > 0).then(|| sum / count as f32)
    }
}

/// With as many digits as a picture shows.
fn number_of(number: Option<f32>) -> Value {
    number.map_or(Value::Null, |number| json!((f64::from(number) * 1000.0).round() / 1000.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(received: f64, cpu: f64) -> Look {
        let mut numbers = [None; NAMES.len()];
        numbers[0] = Some(received);
        Look { numbers, shard_cpu: vec![cpu, 0.0] }
    }

    #[test]
    fn a_step_is_the_mean_of_what_was_seen_in_it() {
        let mut series = Series::default();
        assert_eq!(series.describe("15m")["series"]["queued"], json!([]));
        for (second, received) in [(100, 10.0), (101, 20.0), (104, 30.0), (105, 7.0), (121, 8.0)] {
            series.add(second * 1000, &look(received, 0.5));
        }
        let told = series.describe("15m");
        assert_eq!((&told["start_ms"], &told["step_s"]), (&json!(100_000), &json!(5)));
        assert_eq!(told["series"]["messages_received_per_s"], json!([20.0, 7.0, null, null, 8.0]));
        assert_eq!(told["series"]["log_bytes"], json!([null, null, null, null, null]));
        assert_eq!(told["shard_cpu"], json!([[0.5, 0.5, null, null, 0.5], [0.0, 0.0, null, null, 0.0]]));
        assert_eq!(series.describe("1h")["series"]["messages_received_per_s"], json!([16.75, 8.0]));
    }

    #[test]
    fn a_window_has_an_end_and_a_clock_may_jump() {
        let mut series = Series::default();
        for second in 0..5_000 {
            series.add(second * 1000, &look(1.0, 0.0));
        }
        let steps = |series: &Series| series.describe("15m")["series"]["queued"].as_array().map_or(0, Vec::len);
        assert_eq!(steps(&series), 180);
        series.add(1_000_000_000, &look(1.0, 0.0));
        assert_eq!(steps(&series), 180);
        series.add(1_000, &look(1.0, 0.0));
        assert_eq!(steps(&series), 180);
    }
}
