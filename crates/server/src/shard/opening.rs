//! WebSocket's opening handshake, and what browsers want in its place: files.
//!
//! A connection has one request. Until it has come completely its bytes are kept as those of a packet would be, and it must come
//! within the time for a CONNECT.

use std::net::SocketAddr;
use std::sync::Arc;

use midge_broker::{ConnectionEnd, ListenerId};
use midge_net::Address;
use midge_net::websocket::{
    FilePath, ForwardedFor, HandshakeOptions, PlainRequest, Refusal, Request, Upgrade, decode_request,
};

use super::Shard;
use super::connection::{Mark, Phase};
use super::output::Waiting;
use crate::authority::Asker;
use crate::connection_rate::network;
use crate::files::{Portion, Task};
use crate::log::{About, Escaped, LogType};
use crate::options::WebSocketOptions;

impl Shard {
    /// Reads the request at the beginning of `input`. How many bytes it used; `None` when the connection has ended.
    pub(super) fn open(&mut self, index: usize, input: &[u8]) -> Option<usize> {
        let settings = Arc::clone(&self.settings);
        let Some(options) = &settings.door(ListenerId(self.connections[index].listener)).websocket else {
            // A reload has made the listener another one meanwhile.
            self.remove(index);
            return None;
        };
        let wanted = HandshakeOptions { head_length_max: options.head_length_max, origins: &options.origins };
        match decode_request(input, &wanted) {
            Ok(None) => return Some(0),
            Ok(Some((Request::Upgrade(upgrade), length))) => {
                self.believe(index, options, upgrade.forwarded_for);
                self.upgrade(index, &upgrade, &input[length..])?;
            }
            Ok(Some((Request::Plain(request), _))) => {
                self.believe(index, options, request.forwarded_for);
                self.answer_plain(index, options, &request)?;
            }
            Err(refusal) => {
                self.refuse_request(index, refusal);
                return None;
            }
        }
        Some(input.len())
    }

    /// Takes the address that a proxy has seen, where that is one of ours.
    fn believe(&mut self, index: usize, options: &WebSocketOptions, forwarded_for: ForwardedFor) {
        let connection = &mut self.connections[index];
        let Some(ip) = forwarded_for.last else { return };
        let is_trusted = connection.address.ip().is_some_and(|proxy| options.trusts(proxy));
        if is_trusted {
            connection.address = Address::of(SocketAddr::new(ip, 0));
        }
    }

    /// What follows are frames; `early` has come already.
    fn upgrade(&mut self, index: usize, upgrade: &Upgrade<'_>, early: &[u8]) -> Option<()> {
        let mut answer = Vec::new();
        upgrade.append_answer(&mut answer);
        let connection = &mut self.connections[index];
        // The first bytes on a connection: whoever has no room for them reads nothing.
        if !matches!(connection.stream.write(&answer), Ok(count) if count == answer.len()) {
            self.end(index, ConnectionEnd::ClosedByClient);
            return None;
        }
        connection.stream.begin_frames(early);
        connection.phase = Phase::Greeting;
        if !early.is_empty() {
            self.queue_input(index);
        }
        Some(())
    }

    fn answer_plain(&mut self, index: usize, options: &WebSocketOptions, request: &PlainRequest<'_>) -> Option<()> {
        let wall_s = self.turn.now.wall_s;
        let (address, target) = (&self.connections[index].address, Escaped(request.target));
        let about = About::connection("http_request", address);
        self.log.line_about(
            wall_s,
            LogType::Debug,
            &about,
            format_args!("HTTP request from {address} for '{target}'."),
        );
        let (is_head, network) = (request.is_head, network(address));
        let task = match (&options.http_dir, FilePath::of(request.target)) {
            (None, _) => Err(Refusal::UpgradeRequired),
            (Some(_), None) => Err(Refusal::NotFound),
            (Some(folder), Some(path)) => Ok(Task::Open { folder: Arc::clone(folder), path, is_head, network }),
        };
        let refusal = task.and_then(|task| self.hand_in_task(index, task)).err()?;
        self.refuse_request(index, refusal);
        None
    }

    fn hand_in_task(&mut self, index: usize, task: Task) -> Result<(), Refusal> {
        let connection = &mut self.connections[index];
        let (generation, settings_number) = (connection.generation, self.settings_number);
        let asker = Asker { shard: self.id, index, generation, settings_number, turn: None };
        connection.phase = Phase::Answering;
        if self.peers.files.hand_in(&self.peers, asker, task) { Ok(()) } else { Err(Refusal::Busy) }
    }

    /// Says no, and ends the connection when that is written.
    fn refuse_request(&mut self, index: usize, refusal: Refusal) {
        self.tell_refusal(index, refusal);
        self.send_answer(index, refusal.answer());
        self.go_on_answering(index);
    }

    fn tell_refusal(&mut self, index: usize, refusal: Refusal) {
        let connection = &self.connections[index];
        if connection.is_only_a_look() || !self.log.wants_connections() {
            return;
        }
        let address = &connection.address;
        let text = format_args!("Client {} [{address}] disconnected: {refusal}.", address.host());
        // Browsers ask for more than there is.
        let kind = if refusal == Refusal::NotFound { LogType::Debug } else { LogType::Notice };
        let about = About::connection("disconnected", address);
        self.log.repeated_line_about(self.turn.now.wall_s, kind, ("connections without CONNECT", &about), text);
    }

    fn send_answer(&mut self, index: usize, bytes: &[u8]) {
        let connection = &mut self.connections[index];
        connection.phase = Phase::Answering;
        let waiting = Waiting::of(connection);
        connection.backlog_mut().push(bytes);
        let has_failed = connection.write_backlog().is_err();
        self.settle(index, waiting, has_failed);
    }

    /// Sends what has been read of files.
    pub(super) fn take_portions(&mut self, portions: Vec<Portion>) {
        for Portion { asker, result } in portions {
            let connection = self.connections.get_mut(asker.index);
            let Some(connection) = connection.filter(|it| it.generation == asker.generation) else { continue };
            if connection.phase != Phase::Answering {
                continue;
            }
            match result {
                Ok((bytes, download)) => {
                    connection.keep_download(download);
                    self.renew_time(asker.index);
                    self.send_answer(asker.index, &bytes);
                    self.go_on_answering(asker.index);
                }
                Err(refusal) => self.refuse_request(asker.index, refusal),
            }
        }
    }

    /// Lets the time of a connection begin anew: whoever has taken one portion gets as long for the next.
    fn renew_time(&mut self, index: usize) {
        // Its time limits until now are those of another one.
        self.generations = self.generations.wrapping_add(1);
        self.connections[index].generation = self.generations;
        self.greetings.push(self.turn.now.monotonic_ms, index, self.generations);
    }

    /// Where everything is written: has the next portion read, or ends the connection if there is none.
    pub(super) fn go_on_answering(&mut self, index: usize) {
        let connection = &mut self.connections[index];
        let is_written = Waiting::of(connection).is_nothing() && !connection.is(Mark::Broken);
        if connection.phase != Phase::Answering || !is_written {
            return;
        }
        let next = connection.take_download().map(|download| self.hand_in_task(index, Task::GoOn(download)));
        if next != Some(Ok(())) {
            self.linger(index);
        }
    }
}

impl WebSocketOptions {
    /// Whether a proxy at this address is believed.
    fn trusts(&self, proxy: std::net::IpAddr) -> bool {
        self.trusted_proxies.iter().any(|network| network.contains(proxy))
    }
}
