//! What the flags of `record` and `replay` set.

use std::borrow::Cow;
use std::ffi::OsStr;

use super::retained::duration_s;
use super::values::text;
use crate::recording::Form;

#[derive(Clone, Debug)]
pub(crate) struct RecordingSettings {
    /// `--json`.
    pub(crate) form: Form,
    /// `--overwrite`.
    pub(crate) overwrites: bool,
    /// `--duration`.
    pub(crate) duration_s: Option<u64>,
    /// `--speed`; `None`: as fast as it goes.
    pub(crate) speed: Option<f64>,
    /// `--from` and `--to`, from the beginning of the recording.
    pub(crate) from_us: u64,
    pub(crate) to_us: u64,
    /// `--map`: what topics begin with, and what they begin with instead.
    pub(crate) maps: Vec<(String, String)>,
}

impl Default for RecordingSettings {
    fn default() -> RecordingSettings {
        RecordingSettings {
            form: Form::Binary,
            overwrites: false,
            duration_s: None,
            speed: Some(1.0),
            from_us: 0,
            to_us: u64::MAX,
            maps: Vec::new(),
        }
    }
}

impl RecordingSettings {
    /// The topic under which a message is replayed: the first of the maps counts that fits.
    pub(super) fn mapped<'t>(&self, topic: &'t str) -> Cow<'t, str> {
        let fits = |(from, to): &(String, String)| topic.strip_prefix(from.as_str()).map(|rest| format!("{to}{rest}"));
        self.maps.iter().find_map(fits).map_or(Cow::Borrowed(topic), Cow::Owned)
    }

    /// `--map`.
    pub(super) fn add_map(&mut self, word: &OsStr) -> Result<(), String> {
        let word = text("--map", word)?;
        let (from, to) = word.split_once('=').ok_or_else(|| {
            format!("Error: Invalid map '{word}': it is written like sensors/=test/sensors/, old before the = and new behind.")
        })?;
        self.maps.push((from.to_owned(), to.to_owned()));
        Ok(())
    }
}

/// `--speed`.
pub(super) fn speed(word: &OsStr) -> Result<Option<f64>, String> {
    let word = word.to_string_lossy();
    if word == "max" {
        return Ok(None);
    }
    let speed = word.trim_end_matches('x').parse().ok().filter(|speed: &f64| (0.001..=1e6).contains(speed));
    speed.map(Some).ok_or_else(|| {
        format!("Error: Invalid speed '{word}': 10 is ten times as fast, 0.5 half as fast, max as fast as the server takes it.")
    })
}

/// `--from` and `--to`: a number of seconds, or a length of time.
pub(super) fn offset_us(flag: &str, word: &OsStr) -> Result<u64, String> {
    let seconds = word.to_string_lossy().parse().ok().filter(|seconds: &f64| (0.0..1e9).contains(seconds));
    match seconds {
        Some(seconds) => Ok((seconds * 1e6) as u64),
        None => Ok(duration_s(flag, word)?.saturating_mul(1_000_000)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_map_that_fits_counts() {
        let mut settings = RecordingSettings::default();
        for map in ["a/=b/", "a=x", "=all/"] {
            settings.add_map(OsStr::new(map)).unwrap();
        }
        assert_eq!(["a/1", "ab", "c"].map(|topic| settings.mapped(topic).into_owned()), ["b/1", "xb", "all/c"]);
        assert!(settings.add_map(OsStr::new("a/")).unwrap_err().contains("Invalid map 'a/'"));
    }

    #[test]
    fn speeds_and_offsets_are_read() {
        assert_eq!(
            ["10", "0.5", "2x", "max"].map(|word| speed(OsStr::new(word))),
            [Some(10.0), Some(0.5), Some(2.0), None].map(Ok)
        );
        for wrong in ["0", "-1", "fast", "NaN"] {
            assert!(speed(OsStr::new(wrong)).is_err(), "{wrong}");
        }
        assert_eq!(
            ["1.5", "1m", "0"].map(|word| offset_us("--from", OsStr::new(word))),
            [1_500_000, 60_000_000, 0].map(Ok)
        );
        assert!(offset_us("--from", OsStr::new("soon")).is_err());
    }
}
