//! The settings that a shard takes at the beginning of a turn: which services there are to be.

use super::lane::Lane;
use std::sync::Arc;

impl Lane {
    /// Puts in force what the operator wants by now. Sessions of services that are not wanted any more end.
    pub(super) fn look_at_settings(&mut self) {
        let number = self.ground.wanted.borrow().number;
        let gate = &self.gates[usize::from(self.id.0)];
        if gate.settings_number.get() == Some(number) && !std::mem::take(&mut self.looks_again) {
            return;
        }
        self.broker.put_in_force(Arc::new(self.ground.options()));
        self.broker.look_at_services(&mut self.turn);
        self.note_closes();
        self.gates[usize::from(self.id.0)].settings_number.set(Some(number));
    }

    /// By which settings it lets others in now.
    pub(super) fn settings_number(&self) -> u64 {
        self.gates[usize::from(self.id.0)].settings_number.get().unwrap_or_default()
    }

    /// Somebody comes who was let in by these settings. If others are in force here, all are looked at once more.
    pub(super) fn note_judged_by(&mut self, settings_number: u64) {
        self.looks_again |= settings_number != self.settings_number();
    }
}
