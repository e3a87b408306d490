//! Records as objects of JSON.

use midge_broker::message::MessageParts;
use midge_broker::record::{
    Content, EntryRecord, GroupName, Holder, PublishRecord, Record, RunRecord, SessionName, SessionRecord, Stamp,
    SubscriptionRecord, WillRecord,
};
use midge_server::json::Object;
use midge_store::InspectedBatch;

pub(super) fn hole(found: &InspectedBatch<'_>) -> String {
    let mut object = Object::new();
    object.number("position", found.position.0).text("record", "hole").number("bytes", found.payload.len() as u64);
    object.finish()
}

/// A batch without records.
pub(super) fn heartbeat(position: u64, stamp: &Stamp) -> String {
    begin(position, stamp, "heartbeat").finish()
}

pub(super) fn record(position: u64, stamp: &Stamp, record: &Record<'_>) -> String {
    let mut object = begin(position, stamp, kind(record));
    let to = &mut object;
    match record {
        Record::Publish(record) => publish(to, record),
        Record::Accepted(name, id) | Record::Released(name, id) => exchange(to, *name, *id),
        Record::PubRec(name, id) | Record::Complete(name, id) => exchange(to, *name, *id),
        Record::Done(name, message) => {
            session(to, *name);
            to.number("message", *message);
        }
        Record::Sent(name, message, id, from) => {
            exchange(to, *name, *id);
            to.number("message", *message);
            from.iter().for_each(|from| group(to, *from));
        }
        Record::GroupDone(name, message) | Record::GroupHolds(name, message) => {
            group(to, *name);
            to.number("message", *message);
        }
        Record::Began(name, client_id, record) => {
            session(to, *name);
            to.text("client_id", client_id);
            state(to, record);
        }
        Record::Changed(name, record) => {
            session(to, *name);
            state(to, record);
        }
        Record::Ended(name) => session(to, *name),
        Record::Subscribed(name, record) => {
            session(to, *name);
            subscription(to, record);
        }
        Record::Unsubscribed(name, filter) | Record::Replayed(name, filter) => {
            session(to, *name);
            to.text("filter", filter);
        }
        Record::Owner(name, port, username) => {
            session(to, *name);
            if let Some(username) = username {
                to.text("username", username);
            }
            to.number("port", *port);
        }
        Record::RetainedBy(number, publisher) => {
            to.number("retained_sequence", *number).text("client_id", publisher.client_id);
            if let Some(username) = publisher.username {
                to.text("username", username);
            }
            to.number("port", publisher.port);
        }
        Record::ReplaySent(name, filter, number) => {
            session(to, *name);
            to.text("filter", filter).number("retained_sequence", *number);
        }
        Record::GroupBegan(name, share) => {
            group(to, *name);
            to.text("share", share);
        }
        Record::GroupEnded(name) => group(to, *name),
        Record::Body(identity, parts) => {
            to.number("message", *identity);
            message(to, parts);
        }
        Record::Entry(name, held) => {
            session(to, *name);
            entry(to, held);
        }
        Record::Identifier(identifier) => drop(to.number("identifier", *identifier)),
        Record::Exchange(name, id, held) => {
            exchange(to, *name, *id);
            held.iter().for_each(|held| entry(to, held));
        }
        Record::Run(holder, held) | Record::RunHeld(holder, held) => {
            match holder {
                Holder::Session(name) => session(to, *name),
                Holder::Group(name) => group(to, *name),
            }
            run(to, held);
        }
        Record::RunEntry(held, content) => {
            entry(to, held);
            match content {
                Content::At(at) => drop(to.number("content_at", *at)),
                Content::Here(parts) => {
                    let mut content = Object::new();
                    message(&mut content, parts);
                    to.object("content", content);
                }
            }
        }
        Record::Stored(identity, parts) => {
            to.number("message", *identity);
            message(to, parts);
        }
        Record::RunDone(message) => drop(to.number("message", *message)),
        Record::Retained(sequence, identity, parts) => {
            to.number("retained_sequence", *sequence).number("message", *identity);
            message(to, parts);
        }
        Record::RetainedAt(sequence, parts, stored) => {
            to.number("retained_sequence", *sequence).number("message", stored.identity);
            to.number("payload_at", stored.at).number("payload_bytes", stored.bytes);
            message(to, parts);
        }
    }
    object.finish()
}

fn run(to: &mut Object, run: &RunRecord) {
    to.number("origin", run.origin).number("address", run.address).number("floor", run.floor);
    to.number("first", run.first).number("last", run.last).number("messages", run.messages);
    to.number("bytes", run.bytes).number("disk_bytes", run.disk_bytes);
}

/// What every object begins with.
fn begin(position: u64, stamp: &Stamp, kind: &str) -> Object {
    let mut object = Object::new();
    object.number("position", position).number("monotonic_ms", stamp.monotonic_ms).number("wall_s", stamp.wall_s);
    object.number("shard", stamp.shard.0).flag("snapshot", stamp.is_snapshot).text("record", kind);
    object
}

fn kind(record: &Record<'_>) -> &'static str {
    match record {
        Record::Publish(_) => "publish",
        Record::Accepted(..) => "accepted",
        Record::Released(..) => "released",
        Record::Done(..) => "done",
        Record::Sent(..) => "sent",
        Record::PubRec(..) => "pubrec",
        Record::Complete(..) => "complete",
        Record::GroupDone(..) => "group_done",
        Record::Began(..) => "began",
        Record::Changed(..) => "changed",
        Record::Ended(..) => "ended",
        Record::Subscribed(..) => "subscribed",
        Record::Unsubscribed(..) => "unsubscribed",
        Record::Replayed(..) => "replayed",
        Record::Owner(..) => "owner",
        Record::RetainedBy(..) => "retained_by",
        Record::ReplaySent(..) => "replay_sent",
        Record::GroupBegan(..) => "group_began",
        Record::GroupEnded(..) => "group_ended",
        Record::Body(..) => "body",
        Record::Entry(..) => "entry",
        Record::Identifier(..) => "identifier",
        Record::Exchange(..) => "exchange",
        Record::GroupHolds(..) => "group_holds",
        Record::Run(..) => "run",
        Record::RunEntry(..) => "run_entry",
        Record::RunHeld(..) => "run_held",
        Record::RunDone(..) => "run_done",
        Record::Stored(..) => "stored",
        Record::Retained(..) => "retained",
        Record::RetainedAt(..) => "retained_at",
    }
}

fn publish(to: &mut Object, publish: &PublishRecord<'_>) {
    to.number("message", publish.identity);
    message(to, &publish.parts);
    to.number("retained_sequence", publish.retained_sequence);
    if let Some((name, id)) = publish.publisher {
        let mut publisher = Object::new();
        exchange(&mut publisher, name, id);
        to.object("publisher", publisher);
    }
    if let Some(name) = publish.will_of {
        let mut of = Object::new();
        session(&mut of, name);
        to.object("will_of", of);
    }
    let receivers = publish.receivers.iter().map(|(shard, receiver)| {
        let mut object = Object::new();
        let options = receiver.options();
        object.number("shard", shard.0).number("slot", receiver.slot).number("generation", receiver.generation());
        object.number("qos", options.qos()).flag("is_group", options.is_group());
        object
    });
    to.list("receivers", receivers);
}

fn message(to: &mut Object, parts: &MessageParts<'_>) {
    to.text("topic", parts.topic).number("qos", parts.qos as u8).flag("retain", parts.retain);
    to.number("payload_bytes", parts.payload.len() as u64).number("properties_bytes", parts.properties.len() as u64);
    if let Some(interval_s) = parts.expiry_interval_s {
        to.number("received_s", parts.received_s).number("expiry_interval_s", interval_s);
    }
    if parts.received_ns != 0 {
        to.number("received_ns", parts.received_ns);
    }
}

fn entry(to: &mut Object, entry: &EntryRecord) {
    to.number("message", entry.message).number("qos", entry.qos).flag("retain", entry.retain).flag("dup", entry.dup);
}

fn state(to: &mut Object, state: &SessionRecord<'_>) {
    to.flag("is_durable", state.is_durable).number("expiry_interval_s", state.expiry_interval_s);
    to.number("receive_maximum", state.receive_maximum);
    if let Some(away) = state.away {
        let mut object = Object::new();
        object.maybe("ends_at_ms", away.ends_at_ms).maybe("will_at_ms", away.will_at_ms);
        object.number("sent_upto", away.sent_upto);
        to.object("away", object);
    }
    match &state.will {
        WillRecord::None => {}
        WillRecord::Same => drop(to.text("will", "same")),
        WillRecord::Set { message: parts, delay_s } => {
            let mut will = Object::new();
            message(&mut will, parts);
            will.number("delay_s", *delay_s);
            to.object("will", will);
        }
    }
}

fn subscription(to: &mut Object, subscription: &SubscriptionRecord<'_>) {
    let SubscriptionRecord { filter, options, identifier, replay_upto, covered_upto } = subscription;
    to.text("filter", filter).number("qos", options.qos()).flag("no_local", options.is_no_local());
    to.flag("retain_as_published", options.is_retain_as_published());
    to.number("identifier", *identifier).number("replay_upto", *replay_upto);
    to.number("covered_upto", *covered_upto);
}

fn exchange(to: &mut Object, name: SessionName, id: u16) {
    session(to, name);
    to.number("packet_id", id);
}

/// Whole, so that it can be compared with a receiver of a PUBLISH.
fn session(to: &mut Object, name: SessionName) {
    let mut object = Object::new();
    object.number("shard", name.shard).number("slot", name.slot).number("generation", name.generation);
    to.object("session", object);
}

fn group(to: &mut Object, name: GroupName) {
    let mut object = Object::new();
    object.number("slot", name.slot).number("generation", name.generation);
    to.object("group", object);
}
