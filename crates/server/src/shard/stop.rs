//! The orderly end, with all shards in step: a Will that one shard publishes still reaches the Sessions of another.

use std::thread;
use std::time::{Duration, Instant};

use midge_net::websocket::CloseCode;

use super::Shard;

impl Shard {
    /// Stops accepting and reading, publishes Wills, says goodbye to everybody, closes.
    pub(super) fn stop_in_order(&mut self) {
        self.close_doors();
        self.finish_turn();
        // From here on nobody reads, so no connection moves and no message comes in.
        self.peers.step.wait();
        self.take_arrivals();
        self.take_mail();
        self.broker.publish_wills(&mut self.turn);
        self.finish_turn();
        // All Wills are in the mail.
        self.peers.step.wait();
        self.take_mail();
        for (_, connection) in &mut self.connections {
            connection.stream.set_close_code(CloseCode::GOING_AWAY);
        }
        self.broker.handle_shutdown(&mut self.turn);
        self.note_closes();
        self.finish_turn();
        self.wait_for_log();
        // What came in and nobody reads any more would make the close a reset, which overtakes our last packet.
        let mut buffer = std::mem::take(&mut self.buffer);
        let open: Vec<usize> = self.connections.iter().map(|(index, _)| index).collect();
        open.into_iter().for_each(|index| self.discard_input(index, &mut buffer));
        // What the sockets have taken, the system still sends.
        self.connections.clear();
    }

    /// Everything that was handed over becomes durable, and what waited for that is written.
    fn wait_for_log(&mut self) {
        let begun = Instant::now();
        while self.announce_waiters() && begun.elapsed() < LOG_TIME_MAX {
            self.peers.wake_log();
            self.take_durable();
            thread::sleep(Duration::from_millis(1));
        }
    }
}

/// How long the end waits for a log that has no room: its clients were not told that anything is safe.
const LOG_TIME_MAX: Duration = Duration::from_secs(5);
