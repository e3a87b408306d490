//! The end of connections on the server's side.

use super::connection::Phase;
use super::lane::Lane;

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
            self.close(index, true);
        }
        for id in std::mem::take(&mut self.turn.closes) {
            self.close(id.0 as usize, false);
        }
        self.closes_seen = 0;
    }

    fn close(&mut self, index: usize, is_noticed: bool) {
        let Some(connection) = self.connections[index].take() else { return };
        let wire = connection.wire;
        self.say(|| format!("closes connection {wire}"));
        let rest: Vec<u8> = connection.backlog.into();
        let now = self.ground.moment();
        self.ground.network.borrow_mut().server_close(wire, &rest, is_noticed, now);
    }
}
