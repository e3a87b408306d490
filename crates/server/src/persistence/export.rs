//! The way back: what a server has kept, as a database that Mosquitto opens.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, chown};
use std::path::Path;
use std::sync::Arc;

use midge_broker::Now;
use midge_broker::message::Message;
use midge_broker::recovery::{Saved, SavedEntry, SavedSession};
use midge_codec::{Properties, PropertiesBuf, Property, QoS};
use midge_mosquitto_db::{
    BaseMessage, Client, ClientMessage, Config, Direction, Retained, SessionExpiry, State, Subscription, WriteError,
    Writer,
};
use midge_net::words;
use midge_persistence::{read, start};
use midge_store::{Log, OpenError, Options, Repair, SystemDisk};

use super::recover::options_on_disk_of;
use crate::clock;
use crate::process::folder_of;

/// What is to be told of an export.
#[derive(Debug)]
pub struct ExportReport {
    /// How much it is.
    pub told: String,
    /// What the format has no words for, a sentence each.
    pub warnings: Vec<String>,
}

/// Writes what the log in `folder` holds into a new `file`. No server may use it. The error is the message for the user.
pub fn export(
    folder: &Path,
    allow_symlinks: bool,
    rules: &midge_broker::Options,
    file: &Path,
) -> Result<ExportReport, String> {
    fs::symlink_metadata(folder)
        .map_err(|error| format!("there is no log at {}: {}", folder.display(), words(&error)))?;
    let options = Options { allow_symlinks, ..options_on_disk_of(folder) };
    let opened = Log::open(SystemDisk, folder, options, Repair::No).map_err(|error| match error {
        OpenError::InUse { .. } => format!(
            "{error}; have it copy the log with `midge backup DIR`, and export the copy with `midge export --log DIR FILE`"
        ),
        error => error.to_string(),
    })?;
    let log = opened.log;
    let (recovery, _) = start::replay(&log, &Arc::new(rules.clone())).map_err(|error| error.to_string())?;
    let wall_s = clock::wall_ms() / 1000;
    let now = Now { monotonic_ms: recovery.clock().resume_ms(wall_s), wall_s, ..Now::default() };
    let reader = log.reader();
    let saved = recovery.save(now, |address| read::whole(&reader, address)).map_err(|error| error.to_string())?;
    let shown = file.display();
    let output = OpenOptions::new().write(true).create_new(true).mode(0o600).open(file);
    let output = output.map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => {
            format!("{shown} is there already, and is left as it is: name another file, or move that one away")
        }
        _ => format!("cannot make {shown}: {}", words(&error)),
    })?;
    let exported = write(&saved, now, output).map_err(|error| {
        // Half a database is worse than none.
        let _ = fs::remove_file(file);
        format!("{shown} was not written: {error}")
    })?;
    give_to_owner_of_folder(file)
        .map_err(|error| format!("{shown} is written, but not its owner's: {}", words(&error)))?;
    let Exported { sessions, subscriptions, messages, retained, .. } = exported;
    let told = format!(
        "Exported {sessions} sessions, {subscriptions} subscriptions, {messages} messages and {retained} retained messages to \
         {shown}."
    );
    Ok(ExportReport { told, warnings: losses(&saved, &exported).collect() })
}

/// Root writes for the user whose folder it is: Mosquitto takes a database that it cannot read for none.
fn give_to_owner_of_folder(file: &Path) -> io::Result<()> {
    if !rustix::process::geteuid().is_root() {
        return Ok(());
    }
    let owner = fs::metadata(folder_of(file))?;
    chown(file, Some(owner.uid()), Some(owner.gid()))
}

/// How much was written.
#[derive(Default)]
struct Exported {
    sessions: u64,
    subscriptions: u64,
    shared: u64,
    messages: u64,
    retained: u64,
    /// Messages that found no Packet Identifier.
    surplus: u64,
}

/// What the format has no words for.
fn losses(saved: &Saved, exported: &Exported) -> impl Iterator<Item = String> {
    let of_sessions = |count: fn(&SavedSession) -> u64| saved.sessions.iter().map(count).sum::<u64>();
    let losses = [
        (exported.shared, "shared subscriptions are there, but Mosquitto will not write them again"),
        (saved.in_groups, "messages that wait in shared subscriptions are left out"),
        (
            of_sessions(|session| session.unreleased),
            "QoS 2 messages whose publishers have not released them count as new should they be sent again",
        ),
        (of_sessions(|session| session.replays), "subscriptions get no more of the retained messages due to them"),
        (saved.wills, "wills are left out"),
        (exported.surplus, "messages are left out, as no client can have more than 65535 unacknowledged"),
    ];
    losses.into_iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("Warning: {count} {what}."))
}

fn write(saved: &Saved, now: Now, output: File) -> Result<Exported, WriteError> {
    let messages = Messages::of(saved, now);
    let config = Config { shutdown: true, last_store_id: messages.released };
    let mut writer = Writer::new(BufWriter::new(output), &config)?;
    messages.write(&mut writer)?;
    let mut exported = Exported::default();
    let live = |session: &&SavedSession| session.ends_at_ms.is_none_or(|ends_at_ms| ends_at_ms > now.monotonic_ms);
    for session in saved.sessions.iter().filter(live) {
        write_session(session, &messages, &mut writer, &mut exported)?;
    }
    for session in saved.sessions.iter().filter(live) {
        for (filter, options, identifier) in &session.subscriptions {
            exported.subscriptions += 1;
            exported.shared += u64::from(filter.starts_with("$share/"));
            writer.subscription(&Subscription {
                client_id: session.client_id.as_bytes(),
                filter: filter.as_bytes(),
                qos: QoS::from_u8(options.qos()).unwrap_or(QoS::ExactlyOnce),
                options: u8::from(options.is_no_local()) << 2 | u8::from(options.is_retain_as_published()) << 3,
                identifier: *identifier,
            })?;
        }
    }
    for &store_id in &messages.retained {
        writer.retained(Retained { store_id })?;
        exported.retained += 1;
    }
    let output = writer.into_output().into_inner().map_err(io::IntoInnerError::into_error)?;
    output.sync_all()?;
    Ok(exported)
}

/// What others name by numbers. Expired ones are not there.
struct Messages<'s> {
    by_id: BTreeMap<u64, &'s Message>,
    retained: Vec<u64>,
    /// One in the place of those that wait for PUBCOMP, of which no more is known, and which are not sent any more. The greatest
    /// number.
    released: u64,
    has_released: bool,
    now: Now,
}

impl<'s> Messages<'s> {
    fn of(saved: &'s Saved, now: Now) -> Messages<'s> {
        let is_alive = |message: &&Message| !message.is_expired(now.seconds());
        let of_session = |session: &'s SavedSession| {
            let exchanges = session.exchanges.iter().filter_map(|exchange| exchange.1.as_ref());
            exchanges.chain(&session.queue).map(|entry| &entry.message)
        };
        let held = saved.sessions.iter().flat_map(of_session).filter(is_alive);
        let mut by_id: BTreeMap<u64, &Message> = held.map(|message| (message.identity(), message)).collect();
        let mut last = by_id.last_key_value().map_or(0, |(id, _)| *id);
        let retained = saved.retained.iter().filter(is_alive).map(|message| {
            // One that waits for somebody too stands there once.
            if by_id.get(&message.identity()).is_some_and(|held| is_same(held, message)) {
                return message.identity();
            }
            last += 1;
            by_id.insert(last, message);
            last
        });
        let retained = retained.collect();
        let mut exchanges = saved.sessions.iter().flat_map(|session| &session.exchanges);
        let has_released = exchanges.any(|exchange| exchange.1.is_none());
        Messages { by_id, retained, released: last + 1, has_released, now }
    }

    fn write<W: Write>(&self, writer: &mut Writer<W>) -> Result<(), WriteError> {
        for (&store_id, message) in &self.by_id {
            let left_s = message.expires_at_s().map(|at| at - self.now.seconds());
            writer.base_message(&BaseMessage {
                store_id,
                expiry_time_s: left_s.map_or(0, |left_s| (self.now.wall_s + left_s) as i64),
                source_packet_id: u16::from(message.qos() != QoS::AtMostOnce),
                topic: message.topic_bytes(),
                qos: message.qos(),
                retain: message.retain(),
                payload: message.payload(),
                properties: Properties::of_publish(message.properties()).unwrap_or(Properties::EMPTY),
                ..RELEASED
            })?;
        }
        match self.has_released {
            true => writer.base_message(&BaseMessage { store_id: self.released, ..RELEASED }),
            false => Ok(()),
        }
    }
}

/// Messages without a place in the log have no identity of their own.
fn is_same(one: &Message, other: &Message) -> bool {
    one.topic_bytes() == other.topic_bytes()
        && one.payload() == other.payload()
        && one.properties() == other.properties()
}

const RELEASED: BaseMessage<'static> = BaseMessage {
    store_id: 0,
    expiry_time_s: 0,
    source_id: b"",
    source_username: b"",
    source_port: 0,
    source_packet_id: 1,
    topic: b"released",
    qos: QoS::ExactlyOnce,
    retain: false,
    payload: b"",
    properties: Properties::EMPTY,
};

fn write_session<W: Write>(
    session: &SavedSession,
    messages: &Messages<'_>,
    writer: &mut Writer<W>,
    exported: &mut Exported,
) -> Result<(), WriteError> {
    let id = session.client_id.as_bytes();
    let mut identifiers = Identifiers::new(session);
    let mut waiting = Vec::new();
    for (packet_id, entry) in &session.exchanges {
        waiting.push(match entry {
            Some(entry) => (*packet_id, State::WaitForPubRec, Some(entry)),
            None => (*packet_id, State::WaitForPubComp, None),
        });
    }
    for entry in session.queue.iter().filter(|entry| messages.by_id.contains_key(&entry.message.identity())) {
        let is_sent = entry.dup && entry.qos == QoS::AtLeastOnce;
        let state = if is_sent { State::WaitForPubAck } else { State::Queued };
        match if entry.qos == QoS::AtMostOnce { Some(0) } else { identifiers.next() } {
            Some(packet_id) => waiting.push((packet_id, state, Some(entry))),
            None => exported.surplus += 1,
        }
    }
    let (port, username) = session.owner.as_ref().map_or((0, None), |(port, name)| (*port, name.as_deref()));
    let time_s = session.ends_at_ms.map_or(0, |ends_at_ms| {
        let Now { monotonic_ms, wall_s, .. } = messages.now;
        (wall_s + (ends_at_ms - monotonic_ms).div_ceil(1000)) as i64
    });
    let interval_s = if session.ends_at_ms.is_none() { u32::MAX } else { session.expiry_interval_s };
    writer.client(&Client {
        id,
        username: username.unwrap_or_default().as_bytes(),
        listener_port: port,
        last_packet_id: identifiers.last,
        expiry: Some(SessionExpiry { time_s, interval_s }),
        disconnected_time_s: None,
    })?;
    exported.sessions += 1;
    for (packet_id, state, entry) in waiting {
        exported.messages += 1;
        writer.client_message(&ClientMessage {
            client_id: id,
            store_id: entry.map_or(messages.released, |entry| entry.message.identity()),
            packet_id,
            qos: entry.map_or(QoS::ExactlyOnce, |entry| entry.qos),
            retain: entry.is_some_and(|entry| entry.retain),
            dup: state != State::Queued,
            direction: Direction::Out,
            state,
            properties: subscription_identifiers(entry).as_properties(),
        })?;
    }
    Ok(())
}

fn subscription_identifiers(entry: Option<&SavedEntry>) -> PropertiesBuf {
    let mut properties = PropertiesBuf::new();
    for &identifier in entry.iter().flat_map(|entry| &entry.identifiers) {
        properties.push(Property::SubscriptionIdentifier(identifier));
    }
    properties
}

/// Mosquitto gives a message its Packet Identifier when it queues it.
struct Identifiers {
    taken: BTreeSet<u16>,
    last: u16,
}

impl Identifiers {
    fn new(session: &SavedSession) -> Identifiers {
        let taken: BTreeSet<u16> = session.exchanges.iter().map(|exchange| exchange.0).collect();
        Identifiers { last: taken.last().copied().unwrap_or(0), taken }
    }

    fn next(&mut self) -> Option<u16> {
        if self.taken.len() == usize::from(u16::MAX) {
            return None;
        }
        loop {
            self.last = self.last.wrapping_add(1);
            if self.last != 0 && self.taken.insert(self.last) {
                return Some(self.last);
            }
        }
    }
}
