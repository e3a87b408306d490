//! `trace`: a line for each packet, until one of the bounds is reached.

use std::io::{ErrorKind, Read};
use std::time::{Duration, Instant};

use super::conversation::{After, Conversation, answer, line};
use super::request::Request;
use crate::json::Object;
use crate::trace::{Origin, Subject, Trace, Wait};

/// When a trace ends.
struct Bounds {
    packets: Option<u64>,
    time: Option<Instant>,
}

impl Conversation {
    /// See the module. The error is the message for the user.
    pub(super) fn trace(&mut self, request: &Request) -> Result<After, String> {
        let subject = subject_of(request)?;
        let count = request.number("count", u64::MAX)?;
        let seconds = request.number("seconds", SECONDS_MAX)?;
        let bounds =
            Bounds { packets: count, time: seconds.map(|seconds| Instant::now() + Duration::from_secs(seconds)) };
        let trace = Trace::begin(&self.parts.source.peers, subject);
        self.say(&line(answer()))?;
        let (mut packets, mut left_out, mut end) = (0, 0, None);
        while end.is_none() {
            let mut lines = String::new();
            end = self.gather(&trace, &bounds, &mut packets, &mut lines);
            let more = trace.take_left_out();
            if more > 0 {
                left_out += more;
                let mut object = Object::new();
                object.number("left_out", more);
                lines.push_str(&line(object));
            }
            self.say_within(&lines, PATIENCE)?;
        }
        let mut object = Object::new();
        object.text("end", end.unwrap_or_default()).number("packets", packets).number("left_out", left_out);
        self.say(&line(object)).map(|()| After::Close)
    }

    /// Waits for packets, and adds lines until there are no more for now. Why it is over, where it is.
    fn gather(
        &mut self,
        trace: &Trace,
        bounds: &Bounds,
        packets: &mut u64,
        lines: &mut String,
    ) -> Option<&'static str> {
        let left = bounds.time.map_or(LOOK_EVERY, |end| end.saturating_duration_since(Instant::now()));
        let mut patience = left.min(LOOK_EVERY);
        loop {
            if bounds.packets.is_some_and(|max| *packets >= max) {
                return Some("count");
            }
            if bounds.time.is_some_and(|end| Instant::now() >= end) {
                return Some("time");
            }
            match trace.wait(patience) {
                Wait::Packet(traced) => {
                    *packets += 1;
                    lines.push_str(&line(traced.describe()));
                }
                Wait::Nothing => return self.has_said_something().then_some("wish"),
                Wait::End => return Some("server"),
            }
            if lines.len() > LINES_BYTES {
                return None;
            }
            patience = Duration::ZERO;
        }
    }

    /// Whether the other side has sent something, or has gone: it wants no more.
    fn has_said_something(&mut self) -> bool {
        let _ = self.stream.set_nonblocking(true);
        let read = self.stream.read(&mut [0]);
        let _ = self.stream.set_nonblocking(false);
        !matches!(read, Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted))
    }
}

/// What is to be traced. The error is the message for the user.
fn subject_of(request: &Request) -> Result<Subject, String> {
    let own = |name| request.text(name).map(str::to_owned);
    let origin = match request.text("address") {
        None => None,
        Some(text) => Some(Origin::parse(text).ok_or_else(|| {
            format!("\"address\" is an IP address, one with a port, or the path of a Unix socket, not {text}")
        })?),
    };
    let subject = Subject {
        client_id: own("client_id"),
        filter: own("topic"),
        origin,
        payload_bytes_max: request.number("payload_bytes", PAYLOAD_BYTES_MAX)?.unwrap_or(0) as usize,
    };
    if subject.client_id.is_none() && subject.filter.is_none() && subject.origin.is_none() {
        return Err("a trace needs a \"client_id\", a \"topic\" or an \"address\"".to_owned());
    }
    if let Some(filter) = &subject.filter
        && (midge_codec::TopicFilter::parse(filter).is_err() || filter.starts_with("$share/"))
    {
        return Err(format!("\"topic\" is a Topic Filter that is not shared, not {filter}"));
    }
    Ok(subject)
}

/// How often it is looked whether somebody still listens.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// How long somebody may stop his terminal.
const PATIENCE: Duration = Duration::from_secs(60);

/// So much is written at once.
const LINES_BYTES: usize = 64 << 10;

/// More of a payload is never shown.
const PAYLOAD_BYTES_MAX: u64 = 64 << 10;

/// A trace that somebody has forgotten ends after a day.
const SECONDS_MAX: u64 = 86_400;
