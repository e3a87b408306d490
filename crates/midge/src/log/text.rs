//! Records in words.

use std::fmt::Write;

use midge_broker::ids::ReceiverOptions;
use midge_broker::message::MessageParts;
use midge_broker::record::{
    Content, EntryRecord, GroupName, Holder, PublishRecord, Record, RunRecord, SessionName, SessionRecord, Stamp,
    SubscriptionRecord, WillRecord,
};
use midge_broker::retained::StoredPayload;
use midge_store::InspectedBatch;

/// What every line begins with: where, when, who.
pub(super) fn begin(position: u64, stamp: &Stamp, begun_ms: u64) -> String {
    // A server's clock never goes back, but the bytes may say anything.
    let sign = if stamp.monotonic_ms < begun_ms { '-' } else { '+' };
    let since_ms = stamp.monotonic_ms.abs_diff(begun_ms);
    let (seconds, rest, shard) = (since_ms / 1000, since_ms % 1000, stamp.shard.0);
    format!("{position:>10}  {:>11}  shard {shard}", format!("{sign}{seconds}.{rest:03}s"))
}

pub(super) fn batch(stamp: &Stamp, records: usize, bytes: usize) -> String {
    let kind = if stamp.is_snapshot { "SNAPSHOT" } else { "BATCH" };
    let plural = if records == 1 { "" } else { "s" };
    format!("{kind} of {records} record{plural}, {bytes} bytes, {}", utc(stamp.wall_s))
}

pub(super) fn hole(found: &InspectedBatch<'_>) -> String {
    format!("{:>10}  HOLE of {} bytes, which a repair gave up", found.position.0, found.payload.len())
}

pub(super) fn record(record: &Record<'_>) -> String {
    match record {
        Record::Publish(publish) => self::publish(publish),
        Record::Accepted(name, id) => format!("ACCEPTED {} id {id}", session(*name)),
        Record::Released(name, id) => format!("RELEASED {} id {id}", session(*name)),
        Record::Done(name, message) => format!("DONE {} #{message}", session(*name)),
        Record::Sent(name, message, id, None) => format!("SENT {} #{message} id {id}", session(*name)),
        Record::Sent(name, message, id, Some(from)) => {
            format!("SENT {} #{message} id {id} for {}", session(*name), group(*from))
        }
        Record::PubRec(name, id) => format!("PUBREC {} id {id}", session(*name)),
        Record::Complete(name, id) => format!("COMPLETE {} id {id}", session(*name)),
        Record::GroupDone(name, message) => format!("GROUP DONE {} #{message}", group(*name)),
        Record::Began(name, client, state) => {
            format!("BEGAN {} {} {}", session(*name), quoted(client), self::state(state))
        }
        Record::Changed(name, state) => format!("CHANGED {} {}", session(*name), self::state(state)),
        Record::Ended(name) => format!("ENDED {}", session(*name)),
        Record::Subscribed(name, subscription) => {
            format!("SUBSCRIBED {} {}", session(*name), self::subscription(subscription))
        }
        Record::Unsubscribed(name, filter) => format!("UNSUBSCRIBED {} {}", session(*name), quoted(filter)),
        Record::Replayed(name, filter) => format!("REPLAYED {} {}", session(*name), quoted(filter)),
        Record::Owner(name, port, None) => format!("OWNER {} without a name, port {port}", session(*name)),
        Record::Owner(name, port, Some(username)) => {
            format!("OWNER {} {} port {port}", session(*name), quoted(username))
        }
        Record::RetainedBy(number, publisher) => {
            let username = publisher.username.map_or("without a name".to_owned(), quoted);
            format!("RETAINED BY v{number} {} {username} port {}", quoted(publisher.client_id), publisher.port)
        }
        Record::ReplaySent(name, filter, number) => {
            format!("REPLAY SENT {} {} v{number}", session(*name), quoted(filter))
        }
        Record::GroupBegan(name, share) => format!("GROUP BEGAN {} {}", group(*name), quoted(share)),
        Record::GroupEnded(name) => format!("GROUP ENDED {}", group(*name)),
        Record::Body(identity, parts) => format!("BODY #{identity} {}", message(parts)),
        Record::Entry(name, held) => format!("ENTRY {} {}", session(*name), entry(held)),
        Record::Identifier(identifier) => format!("IDENTIFIER {identifier}"),
        Record::Exchange(name, id, None) => format!("EXCHANGE {} id {id} waits for PUBCOMP", session(*name)),
        Record::Exchange(name, id, Some(held)) => format!("EXCHANGE {} id {id} {}", session(*name), entry(held)),
        Record::GroupHolds(name, message) => format!("GROUP HOLDS {} #{message}", group(*name)),
        Record::Run(holder, held) => format!("RUN {} {}", self::holder(*holder), run(held)),
        Record::RunEntry(held, Content::At(at)) => format!("RUN ENTRY {} whose content is at {at}", entry(held)),
        Record::RunEntry(held, Content::Here(parts)) => format!("RUN ENTRY {} {}", entry(held), message(parts)),
        Record::Stored(identity, parts) => format!("STORED #{identity} {}", message(parts)),
        Record::RunHeld(holder, held) => format!("RUN HELD {} {}", self::holder(*holder), run(held)),
        Record::RunDone(message) => format!("RUN DONE #{message}"),
        Record::Retained(sequence, 0, parts) => format!("RETAINED v{sequence} {}", message(parts)),
        Record::Retained(sequence, identity, parts) => format!("RETAINED v{sequence} #{identity} {}", message(parts)),
        Record::RetainedAt(sequence, parts, StoredPayload { identity, at, bytes }) => {
            format!("RETAINED v{sequence} #{identity} {} whose payload of {bytes} bytes is at {at}", message(parts))
        }
    }
}

fn holder(holder: Holder) -> String {
    match holder {
        Holder::Session(name) => session(name),
        Holder::Group(name) => group(name),
    }
}

fn run(run: &RunRecord) -> String {
    let RunRecord { origin, address, floor, first, last, messages, bytes, disk_bytes } = run;
    let place = if origin == address { format!("at {address}") } else { format!("at {address}, first at {origin},") };
    format!(
        "run {place} of {messages} messages, {bytes} bytes ({disk_bytes} on disk), #{first} to #{last}, needs the log from \
         {floor}"
    )
}

fn publish(publish: &PublishRecord<'_>) -> String {
    let mut text = format!("PUBLISH #{} {}", publish.identity, message(&publish.parts));
    let mut receivers = publish.receivers.iter().peekable();
    if receivers.peek().is_some() {
        text.push_str(" →");
    }
    for (shard, receiver) in receivers {
        let name = name(receiver.slot, receiver.generation());
        let options = receiver.options();
        // Writing to a String cannot fail.
        let _ = if options.is_group() { write!(text, " group {name}") } else { write!(text, " {}/{name}", shard.0) };
    }
    if publish.retained_sequence != 0 {
        let _ = write!(text, " retained v{}", publish.retained_sequence);
    }
    if let Some((name, id)) = publish.publisher {
        let _ = write!(text, " from {} id {id}", session(name));
    }
    if let Some(name) = publish.will_of {
        let _ = write!(text, " will of {}", session(name));
    }
    text
}

fn message(parts: &MessageParts<'_>) -> String {
    let (topic, qos, bytes) = (quoted(parts.topic), parts.qos as u8, parts.payload.len());
    let retain = if parts.retain { " retain" } else { "" };
    let mut text = format!("{topic} q{qos}{retain} {bytes} bytes");
    if !parts.properties.is_empty() {
        let _ = write!(text, " and {} of properties", parts.properties.len());
    }
    if let Some(interval_s) = parts.expiry_interval_s {
        let _ = write!(text, " expires after {interval_s} s");
    }
    if parts.received_ns != 0 {
        let _ = write!(text, " received {}", utc_ns(parts.received_ns));
    }
    text
}

fn entry(entry: &EntryRecord) -> String {
    let EntryRecord { message, qos, retain, dup } = entry;
    let (retain, dup) = (if *retain { " retain" } else { "" }, if *dup { " dup" } else { "" });
    format!("#{message} q{qos}{retain}{dup}")
}

fn state(state: &SessionRecord<'_>) -> String {
    let kept = if state.is_durable { "kept" } else { "not kept" };
    let mut text = match state.expiry_interval_s {
        u32::MAX => format!("{kept} for ever"),
        seconds => format!("{kept}, expiry {seconds} s"),
    };
    let _ = write!(text, ", receives {}", state.receive_maximum);
    match state.away {
        None => text.push_str(", connected"),
        Some(away) => {
            text.push_str(", away");
            if let Some(at) = away.ends_at_ms {
                let _ = write!(text, ", ends at {at} ms");
            }
            if let Some(at) = away.will_at_ms {
                let _ = write!(text, ", will at {at} ms");
            }
            if away.sent_upto != 0 {
                let _ = write!(text, ", sent up to #{}", away.sent_upto);
            }
        }
    }
    match &state.will {
        WillRecord::None => {}
        WillRecord::Same => text.push_str(", will as before"),
        WillRecord::Set { message: parts, delay_s } => {
            let _ = write!(text, ", will {} after {delay_s} s", message(parts));
        }
    }
    text
}

fn subscription(subscription: &SubscriptionRecord<'_>) -> String {
    let SubscriptionRecord { filter, options, identifier, replay_upto, covered_upto } = subscription;
    let mut text = format!("{} q{}", quoted(filter), options.qos());
    for (name, is_on) in words_of(*options) {
        if is_on {
            let _ = write!(text, " {name}");
        }
    }
    if *identifier != 0 {
        let _ = write!(text, " identifier {identifier}");
    }
    if *replay_upto != 0 {
        let _ = write!(text, " replay up to v{replay_upto}, live after v{covered_upto}");
    }
    text
}

fn words_of(options: ReceiverOptions) -> [(&'static str, bool); 3] {
    [
        ("no-local", options.is_no_local()),
        ("retain-as-published", options.is_retain_as_published()),
        ("service", options.is_service()),
    ]
}

fn session(name: SessionName) -> String {
    format!("{}/{}", name.shard, self::name(name.slot, name.generation))
}

fn group(name: GroupName) -> String {
    format!("group {}", self::name(name.slot, name.generation))
}

/// Most slots have had one Session only, whose generation says nothing.
fn name(slot: u32, generation: u32) -> String {
    if generation == 0 { slot.to_string() } else { format!("{slot}.{generation}") }
}

/// Nothing in it steers a terminal or ends the line.
fn quoted(text: &str) -> String {
    format!("'{}'", text.escape_debug().to_string().replace("\\\"", "\""))
}

/// Wall clock as people write it.
fn utc(wall_s: u64) -> String {
    let (days, second) = (wall_s / 86_400, wall_s % 86_400);
    // Days since 1 March of the year 0, in cycles of 400 years, so that the leap day ends the year.
    let days = days.saturating_add(719_468);
    let (cycle, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let (month, is_next) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    let year = cycle * 400 + year + is_next;
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

/// The same in nanoseconds.
fn utc_ns(wall_ns: u64) -> String {
    let whole = utc(wall_ns / 1_000_000_000);
    format!("{}.{:09}Z", whole.trim_end_matches('Z'), wall_ns % 1_000_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wall_clock_is_told_as_a_date() {
        assert_eq!(utc(0), "1970-01-01T00:00:00Z");
        assert_eq!(utc(951_782_399), "2000-02-28T23:59:59Z");
        assert_eq!(utc(951_782_400), "2000-02-29T00:00:00Z");
        assert_eq!(utc(1_798_761_599), "2026-12-31T23:59:59Z");
        assert!(utc(u64::MAX).ends_with('Z'));
    }

    #[test]
    fn topics_cannot_forge_lines() {
        assert_eq!(quoted("a/\n\u{1b}b'\"ü"), "'a/\\n\\u{1b}b\\'\"ü'");
    }
}
