//! A reload as a shard sees it: it takes what is in force as a whole, at the beginning of a turn.
//!
//! Who came in by a listener that is gone is sent away, and so is who would not be let in any more; nobody else notices. To judge
//! a certificate costs as much as a part of a handshake, so that is done for some clients in each turn.

use std::sync::Arc;

use midge_broker::ids::ListenerId;
use midge_net::tls::Tls;

use super::connection::{Mark, Phase};
use super::{Shard, connection_id};

/// Clients whose encryption is to be judged again: those of some listeners, in the order of their connections.
#[derive(Default)]
pub(super) struct Suspects {
    listeners: Vec<ListenerId>,
    next: usize,
}

impl Suspects {
    /// Begins with the clients of these listeners, beside those that were not looked at yet.
    fn add(&mut self, listeners: impl Iterator<Item = ListenerId>) {
        for listener in listeners {
            self.next = 0;
            if !self.listeners.contains(&listener) {
                self.listeners.push(listener);
            }
        }
    }

    /// Whether some are left.
    pub(super) fn is_busy(&self) -> bool {
        !self.listeners.is_empty()
    }
}

impl Shard {
    /// Takes what is in force, if that is something else by now.
    pub(super) fn look_at_settings(&mut self) {
        let number = self.peers.settings_number();
        let is_new = std::mem::replace(&mut self.settings_number, number) != number;
        if !std::mem::take(&mut self.looks_again) && !is_new {
            return;
        }
        let settings = self.peers.settings();
        self.log.look_at_options();
        self.witness.set_watching(settings.has_console());
        self.route_time.set_wanted(settings.measures_times());
        let watched = self.witness.wanted_events().with(self.presence.wanted_events());
        self.turn.wanted = self.log.wanted_events().with(watched);
        self.greetings.length_ms = u64::from(settings.connect_timeout_s) * 1000;
        if let Some(memory) = &mut self.memory_limit {
            memory.set(settings.memory_limit_bytes);
        }
        if let Some(topics) = &mut self.system_topics {
            topics.set_interval(settings.sys_interval_s, self.clock);
        }
        self.suspects.add(settings.stricter_listeners(&self.settings));
        self.broker.put_in_force(Arc::clone(&settings.broker));
        self.broker.look_at_services(&mut self.turn);
        self.change_doors(settings);
        self.dismiss_all();
        self.broker.renew_identities(&self.settings.authority.renewal(), &mut self.turn);
        self.note_closes();
        self.peers.note_settings(self.id, number);
    }

    /// Somebody was let in by what was in force then. Where that is something else by now, all are looked at once more.
    pub(super) fn note_judged_by(&mut self, settings_number: u64) {
        if settings_number != self.settings_number {
            self.looks_again = true;
            let doors = self.settings.doors.iter().enumerate();
            let demanding = doors.filter(|(_, door)| door.encryption.is_some() || door.proxy.is_some());
            self.suspects.add(demanding.map(|(number, _)| ListenerId(number as u16)));
        }
    }

    /// Sends everybody away whose listener is gone.
    fn dismiss_all(&mut self) {
        let is_gone = |listener| self.settings.door(ListenerId(listener)).of.is_none();
        let gone = self.connections.iter().filter(|(_, connection)| is_gone(connection.listener));
        let gone: Vec<(usize, Phase)> = gone.map(|(index, connection)| (index, connection.phase)).collect();
        for (index, phase) in gone {
            match phase {
                Phase::Serving => self.broker.dismiss(connection_id(index), &mut self.turn),
                Phase::Ending | Phase::Lingering => {}
                _ => self.remove(index),
            }
        }
        self.note_closes();
    }

    /// Judges the encryption of some clients, and what a proxy has seen of it, by what their listener demands now. Who would not be
    /// let in with his, or without, loses his connection.
    pub(super) fn judge_suspects(&mut self) {
        let mut judged = 0;
        while self.suspects.is_busy() && judged < JUDGED_PER_TURN {
            let index = self.suspects.next;
            if index >= self.connections.capacity() {
                self.suspects = Suspects::default();
                return;
            }
            self.suspects.next += 1;
            let Some(connection) = self.connections.get_mut(index) else { continue };
            let listener = ListenerId(connection.listener);
            if !self.suspects.listeners.contains(&listener) {
                continue;
            }
            judged += 1;
            let tls = connection.stream.tls();
            let seen = (connection.phase != Phase::Proxied).then(|| connection.seen_by_proxy());
            match connection.phase {
                // It may show its certificate to who judged by the rules before.
                phase if phase.is_early() && tls.is_some_and(Tls::is_handshaking) => {
                    connection.set(Mark::Suspect, true)
                }
                _ if self.settings.still_lets_in(listener, tls, seen) => {}
                Phase::Serving => self.broker.expel(connection_id(index), &mut self.turn),
                Phase::Ending | Phase::Lingering => {}
                _ => self.remove(index),
            }
        }
        self.note_closes();
    }
}

/// Clients whose certificates are judged again in one turn, at a tenth of a millisecond each.
const JUDGED_PER_TURN: usize = 16;
