//! A shard: one thread, one event loop, the connections and Sessions that live on it.
//!
//! Everything happens in turns: read all that is ready, hand it to the broker, then commit once and write each socket
//! once. Batching falls out of that, and the order within the end of a turn is what durability rests on:
//!
//! 1. hand over to the log;
//! 2. post the mail for other shards, and connections that move there;
//! 3. write the sockets, but for what waits until the log is durable ([`obligation`]);
//! 4. tell the log what happened, close what is to be closed, publish the counters.
//!
//! What must hold: nothing here blocks but the wait for events; a connection is read only into the shard's one buffer and
//! holds buffers of its own only while bytes wait; a slab index is not given to another connection while a turn may still
//! speak of the old one. Left to others: what bytes mean (`broker`), how sockets work (`net`).

pub(crate) mod accept;
mod authentication;
mod backlog;
mod clients;
mod closing;
mod connection;
mod deadlines;
mod delayed;
mod input;
mod memory_limit;
pub(crate) mod moves;
mod obligation;
mod opening;
mod output;
mod pauses;
mod presence;
mod proxy;
mod route_time;
mod settings;
mod stop;
mod system_topics;
mod tls;
mod tracing;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use midge_broker::event::EventKind;
use midge_broker::ids::{ConnectionId, ListenerId, ShardId};
use midge_broker::{Parcel, Shared, Turn};
use midge_codec::QoS;
use midge_net::{Address, Stream};
use midge_persistence::RunRead;
use mio::event::Source;
use mio::{Events, Interest, Poll, Token};
use slab::Slab;

use self::accept::Acceptor;
use self::connection::{Connection, Mark, Phase};
use self::deadlines::{Deadline, Deadlines};
use self::delayed::Delayed;
pub(crate) use self::memory_limit::MemoryLimit;
use self::moves::Moved;
use self::obligation::Waiters;
use self::pauses::Pauses;
use self::presence::Changed;
use self::route_time::RouteTime;
use self::settings::Suspects;
pub(crate) use self::system_topics::SystemTopics;
use crate::clock::Clock;
use crate::console::Witness;
use crate::log::{LogBuffer, LogType, lines, topics};
use crate::peers::{Inbox, Peers};
use crate::published::SocketCounts;
use crate::settings::Settings;
use crate::trace::Taps;

/// Everything of one shard. Made on the starting thread, then moved to its own.
pub(crate) struct Shard {
    id: ShardId,
    broker: midge_broker::Shard,
    turn: Turn,
    shared: Arc<Shared>,
    peers: Arc<Peers>,
    clock: Clock,
    log: LogBuffer,
    poll: Poll,
    events: Events,
    connections: Slab<Connection>,
    generations: u32,
    /// Connections with input to be read, in the order in which they showed it; each at most once.
    ready: Vec<usize>,
    /// The list that is being worked off.
    reading: Vec<usize>,
    /// Connections with a backlog whose sockets take bytes again.
    output_room: Vec<usize>,
    /// Read in this turn, which matters for immediate acknowledgement.
    was_read: Vec<usize>,
    /// The one buffer into which sockets are read.
    buffer: Box<[u8]>,
    /// Where packets for one connection are put together.
    scratch: Vec<u8>,
    /// Ended by the other side in this turn.
    ended: Vec<usize>,
    /// How many of the turn's closes have been looked at.
    closes_seen: usize,
    greetings: Deadlines,
    delayed: Delayed,
    lingerers: Deadlines,
    acceptor: Acceptor,
    parcels: Vec<Parcel>,
    departures: Vec<Vec<Moved>>,
    sockets: SocketCounts,
    /// The broker has portions of work left over.
    has_work: bool,
    /// Connections whose packets wait for the log.
    waiters: Waiters,
    /// Connections that are not read for a while.
    pauses: Pauses,
    memory_limit: Option<MemoryLimit>,
    system_topics: Option<SystemTopics>,
    turns: u64,
    /// What is in force, and which of those there have been this is.
    settings: Arc<Settings>,
    settings_number: u64,
    /// Somebody came who was let in by others.
    looks_again: bool,
    /// Clients whose certificates are to be judged again.
    suspects: Suspects,
    /// Who looks at packets.
    taps: Taps,
    /// What the console is to know.
    witness: Witness,
    presence: Changed,
    route_time: RouteTime,
}

/// What a shard is made of.
pub(crate) struct Parts {
    pub(crate) id: ShardId,
    pub(crate) broker: midge_broker::Shard,
    pub(crate) shared: Arc<Shared>,
    pub(crate) peers: Arc<Peers>,
    pub(crate) shards: u16,
    pub(crate) clock: Clock,
    pub(crate) log: LogBuffer,
    pub(crate) poll: Poll,
    /// Whether it is published which clients are there.
    pub(crate) sys_presence: bool,
    /// On one shard only.
    pub(crate) memory_limit: Option<MemoryLimit>,
    /// On one shard only.
    pub(crate) system_topics: Option<SystemTopics>,
}

impl Shard {
    pub(crate) fn new(parts: Parts) -> Shard {
        let mut turn = Turn::new(parts.shards);
        turn.now = parts.clock.now();
        let settings = parts.peers.settings();
        Shard {
            id: parts.id,
            broker: parts.broker,
            turn,
            shared: parts.shared,
            clock: parts.clock,
            log: parts.log,
            poll: parts.poll,
            events: Events::with_capacity(EVENTS_PER_WAIT),
            connections: Slab::new(),
            generations: 0,
            ready: Vec::new(),
            reading: Vec::new(),
            output_room: Vec::new(),
            was_read: Vec::new(),
            buffer: vec![0; input::BUFFER_BYTES].into_boxed_slice(),
            scratch: Vec::new(),
            ended: Vec::new(),
            closes_seen: 0,
            settings_number: NONE_YET,
            looks_again: false,
            greetings: Deadlines::new(u64::from(settings.connect_timeout_s) * 1000),
            settings,
            suspects: Suspects::default(),
            taps: Taps::default(),
            witness: Witness::default(),
            presence: Changed::new(parts.sys_presence),
            route_time: RouteTime::default(),
            delayed: Delayed::default(),
            lingerers: Deadlines::new(closing::LINGER_MS),
            acceptor: Acceptor::default(),
            peers: parts.peers,
            parcels: Vec::new(),
            departures: (0..parts.shards).map(|_| Vec::new()).collect(),
            sockets: SocketCounts::default(),
            has_work: false,
            waiters: Waiters::default(),
            pauses: Pauses::default(),
            memory_limit: parts.memory_limit,
            system_topics: parts.system_topics,
            turns: 0,
        }
    }

    /// Runs until the process is told to stop. An error is one without which no shard can live.
    pub(crate) fn run(mut self) -> io::Result<()> {
        // Also those who were away when the server ended may do what the files say now.
        self.peers.note_thread(self.id);
        self.look_at_settings();
        self.broker.handle_restored(&mut self.turn);
        self.note_restored();
        self.finish_turn();
        let mut lets_in = false;
        while !self.peers.is_stopping() {
            if !lets_in && self.peers.lets_in() {
                lets_in = true;
                self.open_doors()?;
            }
            self.wait()?;
            self.take_durable();
            self.broker.look_at_snapshot();
            // Mail first: what was published before a client came back was published while it was away.
            self.take_mail();
            let Inbox { read, answers, portions, inquiries, handed } = self.peers.take_inbox(self.id);
            self.take_reads(read);
            self.accept();
            self.look_at_settings();
            self.take_handed(handed);
            self.judge_suspects();
            self.take_answers(answers);
            self.take_portions(portions);
            inquiries.into_iter().for_each(|inquiry| self.take_inquiry(inquiry));
            self.take_arrivals();
            self.take_time();
            self.take_output_room();
            self.take_input();
            self.publish_log();
            self.publish_presence();
            self.has_work = self.broker.handle_work(&mut self.turn);
            self.finish_turn();
        }
        self.stop_in_order();
        Ok(())
    }

    /// Waits for events, mail or the next deadline, and notes what is ready.
    fn wait(&mut self) -> io::Result<()> {
        let timeout = self.time_to_sleep();
        if let Err(error) = self.poll.poll(&mut self.events, timeout) {
            if error.kind() != io::ErrorKind::Interrupted {
                return Err(error);
            }
            self.events.clear();
        }
        self.shared.mesh().awake(self.id);
        self.turns += 1;
        self.peers.note_turn(self.id, self.turns);
        self.turn.now = self.clock.now();
        self.begin_route_time();
        for event in &self.events {
            let token = event.token();
            if token == WAKER {
                continue;
            }
            if let Some(socket) = accept::socket_of(token) {
                self.acceptor.notice(socket);
                continue;
            }
            // Missing: closed in the turn before, after the event was made.
            let Some(connection) = self.connections.get_mut(token.0) else { continue };
            if event.is_read_closed() || event.is_error() {
                connection.set(Mark::ReadClosed, true);
            }
            if event.is_writable() && connection.awaits_output_room() {
                self.output_room.push(token.0);
            }
            if (event.is_readable() || connection.is(Mark::ReadClosed)) && !connection.is(Mark::Queued) {
                connection.set(Mark::Queued, true);
                self.ready.push(token.0);
            }
        }
        Ok(())
    }

    /// How long to wait: not at all while there is work; `None` until something happens.
    fn time_to_sleep(&self) -> Option<Duration> {
        let mesh = self.shared.mesh();
        let is_busy = self.has_work || !self.output_room.is_empty() || self.suspects.is_busy() || self.looks_again;
        if is_busy || (!self.ready.is_empty() && !self.peers_are_full()) {
            return Some(Duration::ZERO);
        }
        // The lane is looked at after "about to sleep": who puts something there from now on wakes us.
        self.announce_waiters();
        if !mesh.about_to_sleep(self.id) || self.peers.has_arrivals(self.id) || self.has_durable() {
            return Some(Duration::ZERO);
        }
        if !self.ready.is_empty() || self.broker.awaits_snapshot() {
            return Some(FULL_PEER_PAUSE);
        }
        let deadlines = [
            self.broker.next_deadline_ms(),
            self.greetings.next_ms(),
            self.delayed_ms(),
            self.lingerers.next_ms(),
            self.acceptor.resume_at_ms(),
            self.acceptor.wait_ms().map(|wait_ms| self.clock.monotonic_ms() + wait_ms),
            self.pauses.due_ms(),
            self.memory_limit.as_ref().and_then(MemoryLimit::due_ms),
            self.system_topics.as_ref().and_then(SystemTopics::due_ms),
        ];
        let next_ms = deadlines.into_iter().flatten().min()?;
        Some(Duration::from_millis(next_ms.saturating_sub(self.clock.monotonic_ms())))
    }

    /// Handles what other shards have sent. Always: handling mail waits for nothing.
    fn take_mail(&mut self) {
        let mut parcels = std::mem::take(&mut self.parcels);
        self.shared.mesh().collect(self.id, &mut parcels);
        for parcel in &mut parcels {
            self.broker.handle_mail(parcel, &mut self.turn);
            self.note_posted(parcel.stamp, parcel.publishes());
            self.note_closes();
            if self.turn.is_full() {
                self.finish_turn();
            }
        }
        self.shared.mesh().recycle(self.id, &mut parcels);
        self.parcels = parcels;
    }

    /// Handles what was read from the log.
    fn take_reads(&mut self, reads: Vec<RunRead>) {
        for read in reads {
            let was_wanted = self.broker.handle_read(&read.request, &read.run, &read.referred, &mut self.turn);
            if let Some(error) = read.error.filter(|_| was_wanted) {
                let text = format_args!("Error: messages that wait on disk cannot be read and are lost: {error}.");
                self.log.line(self.turn.now.wall_s, LogType::Error, text);
            }
            if self.turn.is_full() {
                self.finish_turn();
            }
        }
    }

    /// Handles everything whose time has come.
    fn take_time(&mut self) {
        let now_ms = self.turn.now.monotonic_ms;
        if self.broker.next_deadline_ms().is_some_and(|due| due <= now_ms) {
            self.broker.handle_timeouts(&mut self.turn);
            self.note_closes();
        }
        while let Some(due) = self.greetings.pop_due(now_ms) {
            if self.connection_of(&due).is_some_and(|connection| connection.phase.is_early()) {
                self.end(due.index as usize, midge_broker::ConnectionEnd::ConnectTimeout);
            }
        }
        self.take_delayed(now_ms);
        while let Some(due) = self.lingerers.pop_due(now_ms) {
            if self.connection_of(&due).is_some_and(|it| it.phase == Phase::Lingering || it.was_only_a_look()) {
                self.remove(due.index as usize);
            }
        }
        self.accept_again(now_ms);
        self.admit_waiting(now_ms);
        self.end_pauses(now_ms);
        self.look_at_memory();
        self.publish_system_topics();
    }

    /// Publishes lines of the log, where that is wanted and this is the shard for it.
    fn publish_log(&mut self) {
        if self.id != topics::SHARD || !self.log.publishes() {
            return;
        }
        for (kind, line) in self.log.log().topics().take() {
            let Some(topic) = topics::topic_of(kind) else { continue };
            let (turn, expiry_interval_s) = (&mut self.turn, topics::EXPIRY_INTERVAL_S);
            self.broker.publish_news_from_server(topic, line.as_bytes(), QoS::ExactlyOnce, expiry_interval_s, turn);
        }
    }

    /// The end of a turn: see the module's text for the order.
    fn finish_turn(&mut self) {
        // What waited longer goes first; and what it makes room for is part of this turn.
        self.take_durable();
        let wait_for = self.broker.hand_over(&mut self.turn);
        if std::mem::take(&mut self.turn.wakes_writer) {
            self.peers.wake_log();
        }
        // Before the mail: what comes of it elsewhere is told after what it came from.
        self.write_log();
        let began_ns = self.route_began_ns();
        for (shard, parcel) in self.turn.mail.parcels() {
            parcel.stamp = began_ns;
            if self.shared.mesh().post(shard, parcel) {
                self.peers.wake(shard);
            }
        }
        self.post_departures();
        self.write_sockets(wait_for);
        self.note_route_time();
        self.acknowledge_input();
        self.write_log();
        self.tell_presence();
        self.close_connections();
        for request in self.turn.reads.drain(..) {
            self.peers.ask(self.id, request);
        }
        self.turn.clear();
        self.broker.note_turn_finished();
        self.witness.hand_over(&self.peers.incidents);
        self.log.flush(self.turn.now.wall_s);
        let published = self.peers.published(self.id);
        published.store(self.broker.counters(), &self.broker.gauges(), &self.sockets);
    }

    /// Hands what has happened so far to the log.
    fn write_log(&mut self) {
        if !self.turn.events.is_empty() {
            self.tell_events();
        }
        self.log.flush(self.turn.now.wall_s);
    }

    fn tell_events(&mut self) {
        let wanted = self.log.wanted_events();
        for event in self.turn.events.drain(..) {
            let connection = event.connection.and_then(|id| self.connections.get(id.0 as usize));
            let address = connection.map(|connection| &connection.address);
            let is_of_page = connection.is_some_and(|it| self.settings.is_console(ListenerId(it.listener)));
            self.witness.note(&event, address, is_of_page);
            self.presence.note(&event);
            if !wanted.contains(lines::mask(&event.kind)) {
                continue;
            }
            lines::write(&mut self.log, self.turn.now.wall_s, &event, address);
            if let (EventKind::Connected { .. }, Some(tls)) = (&event.kind, connection.and_then(|it| it.stream.tls())) {
                tls::tell_negotiated(&mut self.log, self.turn.now.wall_s, &event, address, tls);
            }
        }
    }

    /// Whether some peer has so much mail waiting that we should not make more.
    fn peers_are_full(&self) -> bool {
        let shards = self.departures.len() as u16;
        shards > 1 && (0..shards).any(|peer| self.shared.mesh().is_full(ShardId(peer)))
    }

    fn insert(&mut self, stream: Stream, address: Address, listener: u16, phase: Phase) -> usize {
        self.generations = self.generations.wrapping_add(1);
        self.sockets.open += 1;
        self.connections.insert(Connection::new(stream, address, listener, self.generations, phase))
    }

    /// Has the event loop tell of the connection: reading and writing, edge-triggered, once and for all.
    fn register(&mut self, index: usize) -> io::Result<()> {
        let both = Interest::READABLE | Interest::WRITABLE;
        self.connections[index].stream.register(self.poll.registry(), Token(index), both)
    }

    fn connection_of(&mut self, deadline: &Deadline) -> Option<&mut Connection> {
        let connection = self.connections.get_mut(deadline.index as usize);
        connection.filter(|connection| connection.generation == deadline.generation)
    }

    fn warn(&mut self, text: std::fmt::Arguments<'_>) {
        self.log.repeated_line(self.turn.now.wall_s, LogType::Warning, "system calls", text);
    }
}

/// No settings have this number.
const NONE_YET: u64 = u64::MAX;

fn connection_id(index: usize) -> ConnectionId {
    ConnectionId(index as u32)
}

/// The token of wake-ups; connections count from 0, listening sockets downwards from just below it.
pub(crate) const WAKER: Token = Token(usize::MAX);

/// Events taken with one wait: more than are worth a second one, few enough to stay in the cache.
const EVENTS_PER_WAIT: usize = 1024;

/// Pause before looking again whether a peer has worked off its mail. It is busy, so this is soon enough.
const FULL_PEER_PAUSE: Duration = Duration::from_millis(1);
