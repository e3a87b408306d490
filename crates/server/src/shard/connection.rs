//! One Network Connection on a shard: a slab entry while it is idle, with buffers only while it needs them.

use std::io;

use midge_net::{Address, Stream};

use super::backlog::Backlog;
use super::obligation::Held;
use crate::files::Download;
use crate::options::SeenByProxy;
use crate::settings::Door;

/// A socket and what the shard remembers of it. Idle connections are many, so this stays small and has no buffer.
pub(super) struct Connection {
    pub(super) stream: Stream,
    pub(super) address: Address,
    kept: Option<Box<Kept>>,
    /// Tells this connection from earlier ones in the same slab entry, and its time limits from those that hold no more.
    pub(super) generation: u32,
    pub(super) listener: u16,
    pub(super) phase: Phase,
    marks: u16,
    pub(super) sent: Sent,
}

/// What was put out for a connection.
#[derive(Clone, Copy, Default)]
pub(super) struct Sent {
    /// PUBLISH packets.
    pub(super) messages: u64,
    /// Bytes of packets.
    pub(super) bytes: u64,
}

/// What is so of a connection, or not; one bit for each.
#[derive(Clone, Copy)]
pub(super) enum Mark {
    /// Stands in the list of those to be read.
    Queued,
    /// The other side has ended its half of the stream: read to the end instead of waiting for more.
    ReadClosed,
    /// A write failed: what has arrived still counts, and then the connection is at its end.
    Broken,
    /// Input of it was handled in this turn.
    Read,
    /// Something was written since immediate acknowledgement was last asked for.
    Written,
    /// The broker was told that the socket takes no more.
    Congested,
    /// Not read for now, because it does not read our answers.
    Held,
    /// Not read for now, because the log has to catch up.
    Parked,
    /// Its certificate, when it is there, was judged by other rules than those in force.
    Suspect,
    /// The proxy in front has seen TLS.
    ProxiedTls,
    /// The proxy in front has seen its certificate.
    ProxiedCertificate,
}

/// How far a connection has come.
///
/// ```text
/// Proxied ──header──▶ Opening ──upgrade──▶ Greeting      (the first two where the listener has a proxy, or WebSocket)
///                        └──▶ Answering ──file sent──▶ Lingering
/// Greeting ──CONNECT──▶ Serving ──close asked or ended──▶ Ending ──rest to be sent──▶ Lingering ──▶ gone
///    ⇅ Authenticating
///     └─────────────────refused or ended────────────────────▲   └───────nothing left───────────────────▲
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Phase {
    /// The header of the proxy in front has not come.
    Proxied,
    /// The opening handshake of WebSocket has not come.
    Opening,
    /// A browser gets its answer. Nothing is read meanwhile.
    Answering,
    /// No CONNECT yet: time and bytes are limited.
    Greeting,
    /// It is being found out who that is. Nothing is read meanwhile.
    Authenticating,
    /// The broker has a Session for it.
    Serving,
    /// The broker has let go of it; it goes at the end of the turn.
    Ending,
    /// Only what is left is written, and input discarded, until the other side closes: closing with unread input would
    /// reset the connection, and the reset would overtake the packet that says why.
    Lingering,
}

impl Phase {
    /// The first one on a listener, where no proxy stands in front or its header was read.
    pub(super) fn behind_proxy(door: &Door) -> Phase {
        if door.websocket.is_some() { Phase::Opening } else { Phase::Greeting }
    }

    /// The broker has no Session for it yet.
    pub(super) fn is_early(self) -> bool {
        use Phase::{Answering, Authenticating, Greeting, Opening, Proxied};
        matches!(self, Proxied | Opening | Answering | Greeting | Authenticating)
    }
}

/// What a connection holds while it needs it.
#[derive(Default)]
struct Kept {
    /// The beginning of a packet that has not come completely.
    input: Vec<u8>,
    /// What the socket has not taken.
    backlog: Backlog,
    /// What waits for the log.
    held: Held,
    /// Until its CONNECT.
    introduction: Option<Introduction>,
    /// The rest of a file that it is sent.
    download: Option<Download>,
}

impl Kept {
    fn is_empty(&self) -> bool {
        let is_served = self.introduction.is_none() && self.download.is_none();
        is_served && self.input.is_empty() && self.backlog.is_empty() && self.held.is_empty()
    }
}

/// What the proxy in front has said of a client beside its address.
pub(super) struct Introduction {
    /// It is the proxy itself, which looks whether we live.
    pub(super) is_check: bool,
    /// Of the certificate that it showed the proxy.
    pub(super) common_name: Option<Box<str>>,
}

impl Connection {
    pub(super) fn new(stream: Stream, address: Address, listener: u16, generation: u32, phase: Phase) -> Connection {
        Connection { stream, address, kept: None, generation, listener, phase, marks: 0, sent: Sent::default() }
    }

    /// Whether it is so.
    #[inline]
    pub(super) fn is(&self, mark: Mark) -> bool {
        self.marks & (1 << mark as u8) != 0
    }

    /// Says whether it is so.
    #[inline]
    pub(super) fn set(&mut self, mark: Mark, is_so: bool) {
        self.marks = self.marks & !(1 << mark as u8) | u16::from(is_so) << mark as u8;
    }

    /// Whether it was so; it is no longer.
    pub(super) fn take(&mut self, mark: Mark) -> bool {
        let was_so = self.is(mark);
        self.set(mark, false);
        was_so
    }

    /// What the proxy in front has seen.
    pub(super) fn seen_by_proxy(&self) -> SeenByProxy {
        SeenByProxy { is_tls: self.is(Mark::ProxiedTls), has_certificate: self.is(Mark::ProxiedCertificate) }
    }

    /// Remembers what the proxy in front has seen.
    pub(super) fn set_seen_by_proxy(&mut self, seen: SeenByProxy) {
        self.set(Mark::ProxiedTls, seen.is_tls);
        self.set(Mark::ProxiedCertificate, seen.has_certificate);
    }

    /// Asks for immediate acknowledgement of what the client sends, if something was written since that was last asked.
    ///
    /// After a write, Linux delays acknowledgements, Nagle's algorithm on the client's side then holds its last segments
    /// back, and a client that closes without having read our answer resets the connection before they have left. It is
    /// asked right after the write that answers input, and after the next read where there was none. Without a write
    /// there is nothing to undo, so a connection that only publishes at QoS 0, or only receives, costs no call.
    #[inline]
    pub(super) fn acknowledge(&mut self) {
        if self.is(Mark::Written) && self.phase == Phase::Serving {
            self.set(Mark::Written, false);
            self.stream.acknowledge_now();
        }
    }

    /// So many PUBLISH packets, and bytes of all packets, are put out.
    #[inline]
    pub(super) fn count_sent(&mut self, (messages, bytes): (u32, usize)) {
        self.sent.messages += u64::from(messages);
        self.sent.bytes += bytes as u64;
    }

    /// Bytes that wait for the rest of their packet.
    pub(super) fn input(&self) -> &[u8] {
        self.kept.as_ref().map_or(&[], |kept| &kept.input)
    }

    /// Bytes that are kept of somebody of whom the broker does not know yet.
    pub(super) fn early_bytes(&self) -> usize {
        if self.phase.is_early() { self.input().len() + self.stream.undecoded() } else { 0 }
    }

    /// Takes those bytes away to be added to.
    pub(super) fn take_input(&mut self) -> Vec<u8> {
        let input = self.kept.as_mut().map(|kept| std::mem::take(&mut kept.input));
        self.release();
        input.unwrap_or_default()
    }

    /// Keeps `rest` in place of what was kept before.
    pub(super) fn keep_input(&mut self, rest: &[u8]) {
        if !rest.is_empty() {
            let input = &mut self.kept.get_or_insert_default().input;
            input.clear();
            input.extend_from_slice(rest);
        } else if self.kept.is_some() {
            self.take_input();
        }
    }

    /// The same for a buffer that is already the connection's own.
    pub(super) fn keep_input_buffer(&mut self, input: Vec<u8>) {
        if !input.is_empty() {
            self.kept.get_or_insert_default().input = input;
        }
    }

    /// What the socket has not taken, if there is anything.
    pub(super) fn backlog(&self) -> Option<&Backlog> {
        self.kept.as_ref().map(|kept| &kept.backlog).filter(|backlog| !backlog.is_empty())
    }

    /// Whether what comes next may be the work of a handshake.
    pub(super) fn is_in_handshake(&self) -> bool {
        matches!(self.phase, Phase::Opening | Phase::Greeting) && self.stream.tls().is_some()
    }

    /// Whether bytes wait for the socket to take more.
    pub(super) fn awaits_output_room(&self) -> bool {
        self.backlog().is_some() || self.stream.unsent() > 0
    }

    /// Remembers what the proxy in front has said.
    pub(super) fn introduce(&mut self, introduction: Introduction) {
        self.kept.get_or_insert_default().introduction = Some(introduction);
    }

    /// The client has said itself who it is.
    pub(super) fn take_introduction(&mut self) -> Option<Introduction> {
        let introduction = self.kept.as_mut()?.introduction.take();
        self.release();
        introduction
    }

    /// Whether nobody has to be told of its end: a proxy in front only looks whether we live.
    pub(super) fn is_only_a_look(&self) -> bool {
        let introduction = self.kept.as_ref().and_then(|kept| kept.introduction.as_ref());
        self.phase == Phase::Proxied || introduction.is_some_and(|introduction| introduction.is_check)
    }

    /// Whether a proxy has looked, and asked nothing.
    pub(super) fn was_only_a_look(&self) -> bool {
        let asks_nothing = matches!(self.phase, Phase::Opening | Phase::Greeting) && self.input().is_empty();
        asks_nothing && self.is_only_a_look()
    }

    /// Keeps the rest of a file for later.
    pub(super) fn keep_download(&mut self, download: Option<Download>) {
        if download.is_some() {
            self.kept.get_or_insert_default().download = download;
        }
    }

    /// Takes the rest of the file.
    pub(super) fn take_download(&mut self) -> Option<Download> {
        let download = self.kept.as_mut()?.download.take();
        self.release();
        download
    }

    /// The backlog, to be added to.
    pub(super) fn backlog_mut(&mut self) -> &mut Backlog {
        &mut self.kept.get_or_insert_default().backlog
    }

    /// What waits for the log, if there is anything.
    pub(super) fn held(&self) -> Option<&Held> {
        self.kept.as_ref().map(|kept| &kept.held).filter(|held| !held.is_empty())
    }

    /// What waits for the log, to be added to.
    pub(super) fn held_mut(&mut self) -> &mut Held {
        &mut self.kept.get_or_insert_default().held
    }

    /// Puts back what still waits for the log.
    pub(super) fn keep_held(&mut self, held: Held) {
        *self.held_mut() = held;
    }

    /// Writes as much of the backlog as the socket takes, behind what its layers have kept.
    pub(super) fn write_backlog(&mut self) -> io::Result<()> {
        self.stream.flush()?;
        let Some(kept) = &mut self.kept else { return Ok(()) };
        let result = kept.backlog.write_to(&mut self.stream);
        self.release();
        result
    }

    /// Forgets the backlog.
    pub(super) fn drop_backlog(&mut self) {
        if let Some(kept) = &mut self.kept {
            (kept.backlog, kept.held, kept.download) = (Backlog::default(), Held::default(), None);
            self.release();
        }
    }

    /// Gives the buffers back when nothing is in them.
    fn release(&mut self) {
        if self.kept.as_ref().is_some_and(|kept| kept.is_empty()) {
            self.kept = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_idle_connection_is_small() {
        // With debug assertions, mio notes beside each socket which event loop it belongs to.
        let bytes_max = if cfg!(debug_assertions) { 88 } else { 64 };
        assert!(size_of::<Connection>() <= bytes_max, "{} bytes", size_of::<Connection>());
    }
}
