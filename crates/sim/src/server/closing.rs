//! The end of connections on the server's side.

use super::connection::Phase;
use super::lane::Lane;
use crate::network::How;

impl Lane {
    /// Marks the connections that the broker has asked to close: nothing of theirs is read any more.
    pub(super) fn note_closes(&mut self) {
        for id in &self.turn.closes[self.closes_seen..] {
            if let Some(Some(connection)) = self.connections.get_mut(id.0 as usize) {
                connection.phase = Phase::Ending;
            }
        }
        self.closes_seen = self.turn.closes.len();
    }

    /// Closes what is to be closed, after everything for it was written.
    pub(super) fn close_connections(&mut self) {
        self.note_closes();
        for index in std::mem::take(&mut self.ended) {
            self.close(index, How::Noticed);
        }
        for id in std::mem::take(&mut self.turn.closes) {
            let index = id.0 as usize;
            let Some(Some(connection)) = self.connections.get_mut(index) else { continue };
            if connection.held.is_empty() || connection.is_broken {
                self.let_go(index);
            } else {
                connection.phase = Phase::Lingering;
                self.ground.network.borrow_mut().wire_mut(connection.wire).lane = None;
            }
        }
        self.closes_seen = 0;
    }

    /// Nothing is left to be written to a connection that the broker has ended.
    pub(super) fn let_go(&mut self, index: usize) {
        self.close(index, How::ByServer);
    }

    fn close(&mut self, index: usize, how: How) {
        let Some(connection) = self.connections[index].take() else { return };
        let wire = connection.wire;
        self.say(|| format!("closes connection {wire}"));
        let rest: Vec<u8> = connection.backlog.into();
        let now = self.ground.moment();
        self.ground.network.borrow_mut().server_close(wire, &rest, how, now);
    }
}
