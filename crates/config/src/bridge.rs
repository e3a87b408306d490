//! What the lines of one bridge say together, as far as it can be wrong: no bridge works yet.

use crate::report::{Place, Problem};

/// A `connection` and what stands below it.
pub(crate) struct Bridge {
    /// The `connection` line.
    pub(crate) place: Place,
    /// Without a name the line is wrong already.
    pub(crate) is_named: bool,
    pub(crate) has_address: bool,
    pub(crate) has_topic: bool,
    pub(crate) has_psk: bool,
    pub(crate) has_identity: bool,
}

impl Bridge {
    pub(crate) fn new(place: Place, is_named: bool) -> Self {
        Bridge { place, is_named, has_address: false, has_topic: false, has_psk: false, has_identity: false }
    }

    /// What it lacks.
    pub(crate) fn problem(&self) -> Option<Problem> {
        let missing = match self {
            Bridge { is_named: false, .. } => return None,
            Bridge { has_address: false, .. } => "no remote addresses defined",
            Bridge { has_topic: false, .. } => "no topics defined",
            Bridge { has_psk: true, has_identity: false, .. } => "missing bridge_identity",
            Bridge { has_psk: false, has_identity: true, .. } => "missing bridge_psk",
            _ => return None,
        };
        let text = format!("Invalid bridge configuration: {missing}.");
        Some(Problem { text, place: Some(self.place.clone()), hint: None, excerpt: None })
    }
}
