//! Values of flags, from the words behind them. What is wrong is told as Mosquitto words it.

use std::ffi::OsStr;
use std::net::IpAddr;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::time::Duration;

use midge_codec::{QoS, RetainHandling, TopicFilter, Version, check_topic_name};

use crate::format::Format;
use crate::json_path::JsonPath;

/// A word that must be text.
pub(crate) fn text<'w>(flag: &str, word: &'w OsStr) -> Result<&'w str, String> {
    word.to_str().ok_or_else(|| format!("Error: Malformed UTF-8 in {flag} argument."))
}

/// A word of any bytes.
pub(crate) fn bytes(word: &OsStr) -> Vec<u8> {
    word.as_bytes().to_vec()
}

/// A Topic Name.
pub(crate) fn topic_name(flag: &str, kind: &str, word: &OsStr) -> Result<String, String> {
    let topic = text(flag, word)?;
    check_topic_name(topic)
        .map(str::to_owned)
        .map_err(|_| format!("Error: Invalid {kind} topic '{}', does it contain '+' or '#'?", topic.escape_debug()))
}

/// A Topic Filter.
pub(crate) fn filter(flag: &str, kind: &str, word: &OsStr) -> Result<String, String> {
    let filter = text(flag, word)?;
    TopicFilter::parse(filter).map(|filter| filter.text().to_owned()).map_err(|_| {
        format!("Error: Invalid {kind} topic '{}', are all '+' and '#' wildcards correct?", filter.escape_debug())
    })
}

/// A QoS; `before` and `behind` are what the message has around a wrong one.
pub(crate) fn qos(before: &str, behind: &str, word: &OsStr) -> Result<QoS, String> {
    let word = word.to_string_lossy();
    let qos = word.parse().ok().and_then(QoS::from_u8);
    qos.ok_or_else(|| format!("Error: Invalid {before}{word}{behind}\nQoS is 0, 1 or 2."))
}

/// `-V`.
pub(crate) fn version(word: &OsStr) -> Result<Version, String> {
    let word = word.to_string_lossy();
    match &*word {
        "31" | "mqttv31" => Ok(Version::V31),
        "311" | "mqttv311" => Ok(Version::V311),
        "5" | "mqttv5" => Ok(Version::V5),
        _ => Err(format!("Error: Invalid protocol version argument given.\n'{word}' is none of 5, 311 and 31.")),
    }
}

/// `-x`.
pub(crate) fn session_expiry_interval_s(word: &OsStr) -> Result<u32, String> {
    let word = word.to_string_lossy();
    if word == "∞" {
        return Ok(u32::MAX);
    }
    let number = match word.strip_prefix("0x") {
        Some(digits) => i64::from_str_radix(digits, 16),
        None => word.parse::<i64>(),
    };
    match number.map_err(|_| "Error: session-expiry-interval not a number.")? {
        -1 => Ok(u32::MAX),
        number => u32::try_from(number).map_err(|_| "Error: session-expiry-interval out of range.".to_owned()),
    }
}

/// `--retain-handling`.
pub(crate) fn retain_handling(word: &OsStr) -> Result<RetainHandling, String> {
    match &*word.to_string_lossy() {
        "always" => Ok(RetainHandling::SendAlways),
        "new" => Ok(RetainHandling::SendIfNew),
        "never" => Ok(RetainHandling::DoNotSend),
        word => Err(format!("Error: Unknown value '{word}' for --retain-handling.")),
    }
}

/// A word that must be text.
pub(crate) fn some_text(flag: &str) -> impl Fn(&OsStr) -> Result<Option<String>, String> {
    move |word| text(flag, word).map(|text| Some(text.to_owned()))
}

/// A path.
pub(crate) fn some_path(word: &OsStr) -> Result<Option<PathBuf>, String> {
    Ok(Some(PathBuf::from(word)))
}

/// `-p`.
pub(crate) fn port(word: &OsStr) -> Result<Option<u16>, String> {
    let word = word.to_string_lossy();
    let port = word.parse().ok().filter(|&port: &u16| port > 0);
    port.map(Some).ok_or_else(|| format!("Error: Invalid port given: {word}\nA port is a number from 1 to 65535."))
}

/// `-A`.
pub(crate) fn bind_address(word: &OsStr) -> Result<Option<IpAddr>, String> {
    let word = word.to_string_lossy();
    let address = word.parse().map(Some);
    address.map_err(|_| format!("Error: Invalid bind address '{word}': an IP address of this machine is wanted."))
}

/// `-k`.
pub(crate) fn keep_alive_s(word: &OsStr) -> Result<u16, String> {
    let seconds = number(word).and_then(|seconds| u16::try_from(seconds).ok()).filter(|&seconds| seconds >= 5);
    seconds.ok_or_else(|| "Error: Invalid keepalive given, it must be between 5 and 65535 inclusive.".to_owned())
}

/// `-M`. More than all Packet Identifiers are never under way.
pub(crate) fn inflight_max(word: &OsStr) -> Result<u16, String> {
    let max = number(word).filter(|&max| max > 0).map(|max| u16::try_from(max).unwrap_or(u16::MAX));
    max.ok_or_else(|| "Error: Maximum inflight messages must be greater than 0.".to_owned())
}

/// `--tls-version`.
pub(crate) fn tls_version(word: &OsStr) -> Result<Option<String>, String> {
    let word = word.to_string_lossy();
    match &*word {
        "tlsv1.2" | "tlsv1.3" => Ok(Some(word.into_owned())),
        _ => Err(format!("Error: TLS version '{word}' is not supported: it is tlsv1.2 or tlsv1.3.")),
    }
}

/// `--repeat`.
pub(crate) fn repeat(word: &OsStr) -> Result<u32, String> {
    let count = number(word).and_then(|count| u32::try_from(count).ok()).filter(|&count| count > 0);
    count.ok_or_else(|| "Error: --repeat argument must be >0.".to_owned())
}

/// `--repeat-delay`.
pub(crate) fn repeat_delay(word: &OsStr) -> Result<Duration, String> {
    let seconds = word.to_string_lossy().parse().ok();
    let delay = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    delay.ok_or_else(|| "Error: --repeat-delay argument must be >=0.0.".to_owned())
}

/// `-W`.
pub(crate) fn timeout_s(word: &OsStr) -> Result<Option<u32>, String> {
    let seconds = number(word).and_then(|seconds| u32::try_from(seconds).ok()).filter(|&seconds| seconds > 0);
    seconds.map(Some).ok_or_else(|| format!("Error: Invalid timeout \"{}\".\n{FROM_ONE_ON}", word.display()))
}

/// `-C`.
pub(crate) fn count(word: &OsStr) -> Result<Option<u32>, String> {
    let count = number(word).and_then(|count| u32::try_from(count).ok()).filter(|&count| count > 0);
    count.map(Some).ok_or_else(|| format!("Error: Invalid message count \"{}\".\n{FROM_ONE_ON}", word.display()))
}

/// `--random-filter`.
pub(crate) fn chance_per_mille(word: &OsStr) -> Result<Option<u16>, String> {
    let percent = word.to_string_lossy().parse().ok().filter(|percent: &f64| (0.1..=100.0).contains(percent));
    let chance = percent.map(|percent| (percent * 10.0) as u16);
    chance.map(Some).ok_or_else(|| "Error: --random-filter chance must be between 0.1-100.0".to_owned())
}

/// `--chart`.
pub(super) fn chart(word: &OsStr) -> Result<Option<JsonPath>, String> {
    let path = match text("--chart", word)? {
        "." => "",
        path => path,
    };
    JsonPath::parse(path).map(Some).map_err(|error| format!("Error: {error}; . is the payload itself."))
}

/// `-F`.
pub(crate) fn format(word: &OsStr) -> Result<Option<Format>, String> {
    Format::parse(word.as_bytes()).map(Some).map_err(|error| format!("Error: {error}"))
}

const FROM_ONE_ON: &str = "It is a whole number from 1 on.";

fn number(word: &OsStr) -> Option<i64> {
    word.to_string_lossy().parse().ok()
}
