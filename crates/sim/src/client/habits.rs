//! What a client is like, for its whole life: fixed by the seed.

use midge_choices::Random;
use midge_codec::Version;

use crate::settings::Settings;
use crate::topics::{self, FILTERS, FIRST_SHARE};

/// See the module.
#[derive(Clone, Debug)]
pub(crate) struct Habits {
    pub(crate) version: Version,
    /// It subscribes to everything at once and is never disturbed.
    pub(crate) is_witness: bool,
    /// Session Expiry Interval that it asks for, in version 5.
    pub(crate) expiry_s: u32,
    pub(crate) receive_maximum: Option<u16>,
    pub(crate) alias_maximum: u16,
    pub(crate) no_local: bool,
    /// Topic Filters that it ever subscribes to.
    pub(crate) filters: Vec<Wanted>,
    pub(crate) will: Option<WillHabit>,
    pub(crate) topics: Vec<&'static str>,
    /// It uses Topic Aliases where it may.
    pub(crate) likes_aliases: bool,
    /// It sends nothing before all it sent is acknowledged.
    pub(crate) inflight_max: usize,
}

/// How it subscribes to a filter.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wanted {
    pub(crate) filter: usize,
    pub(crate) qos: u8,
    /// 0: none.
    pub(crate) identifier: u32,
    pub(crate) retain_as_published: bool,
}

/// The Will that it announces.
#[derive(Clone, Copy, Debug)]
pub(crate) struct WillHabit {
    pub(crate) topic: &'static str,
    pub(crate) qos: u8,
    pub(crate) delay_s: u32,
}

/// A Session Expiry Interval that never ends.
pub(crate) const FOR_EVER_S: u32 = u32::MAX;

impl Habits {
    pub(crate) fn new(settings: &Settings, is_witness: bool, random: &mut Random) -> Habits {
        let version = if is_witness || random.one_in(2) { Version::V5 } else { Version::V311 };
        let v5 = version == Version::V5;
        let joins = !is_witness && settings.has_shares && random.one_in(2);
        let share = joins.then(|| FIRST_SHARE + random.below(FILTERS.len() - FIRST_SHARE));
        let identifies = v5 && random.one_in(2);
        let mut filters = Vec::new();
        for filter in 0..FILTERS.len() {
            let may = match share {
                _ if is_witness => filter == 0,
                Some(share) => filter == share || !topics::is_share(filter) && !topics::reaches_shared(filter),
                None => !topics::is_share(filter),
            };
            if may && (is_witness || topics::is_share(filter) || random.one_in(3)) {
                filters.push(Wanted {
                    filter,
                    // All members of a group subscribe with one QoS, so that it is known what it gets.
                    qos: if is_witness || topics::is_share(filter) { 2 } else { random.below(3) as u8 },
                    identifier: if identifies && random.one_in(2) { filter as u32 + 1 } else { 0 },
                    retain_as_published: v5 && random.one_in(3),
                });
            }
        }
        let will = (!is_witness && settings.has_wills && random.one_in(2)).then(|| WillHabit {
            topic: topics::WILLS[random.below(2)],
            qos: random.below(3) as u8,
            delay_s: if v5 { *random.pick(&[0, 1, 5, 60]) } else { 0 },
        });
        Habits {
            version,
            is_witness,
            expiry_s: if is_witness { FOR_EVER_S } else { *random.pick(&[0, 3, 30, 100_000, FOR_EVER_S, FOR_EVER_S]) },
            receive_maximum: if v5 && !is_witness { *random.pick(&[None, Some(1), Some(3), Some(20)]) } else { None },
            alias_maximum: if v5 { *random.pick(&[0, 1, 10]) } else { 0 },
            no_local: v5 && !is_witness && random.one_in(6),
            filters,
            will,
            topics: topics_of(settings, random),
            likes_aliases: v5 && random.one_in(2),
            inflight_max: *random.pick(&[1, 5, 20]),
        }
    }
}

impl Habits {
    /// Of somebody who comes at the end to see what is retained.
    pub(crate) fn newcomer() -> Habits {
        let filter = FILTERS.iter().position(|filter| *filter == "r/#").unwrap_or(0);
        Habits {
            version: Version::V5,
            is_witness: true,
            expiry_s: FOR_EVER_S,
            receive_maximum: None,
            alias_maximum: 0,
            no_local: false,
            filters: vec![Wanted { filter, qos: 2, identifier: 0, retain_as_published: false }],
            will: None,
            topics: Vec::new(),
            likes_aliases: false,
            inflight_max: 1,
        }
    }
}

/// The topics that it publishes to.
fn topics_of(settings: &Settings, random: &mut Random) -> Vec<&'static str> {
    let mut topics = topics::PLAIN.to_vec();
    if settings.has_retained {
        topics.extend(topics::RETAINED);
        topics.extend(topics::RETAINED);
    }
    if settings.has_shares {
        topics.extend(topics::SHARED);
        topics.extend(topics::SHARED);
    }
    random.shuffle(&mut topics);
    topics.truncate(random.between(1, 6));
    topics
}
