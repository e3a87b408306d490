//! Worlds of all kinds, and faults that must be found.

use midge_sim::{How, Mutation};

#[test]
fn two_thousand_worlds_keep_every_promise() {
    (0..2_000).for_each(|seed| midge_sim::check(seed, How::default()));
}

/// Seeds that broke a promise once, with what was wrong then.
#[test]
fn what_was_found_once_stays_mended() {
    let on_disk = How { is_durable: Some(true), ..How::default() };
    // CONNACK left before the end of the Session before was durable.
    midge_sim::check(1_765, on_disk);
    // A run was wanted, its Session ended, and the log was given back before it was read.
    midge_sim::check(113_717, on_disk);
}

#[test]
fn mail_in_the_wrong_order_is_found() {
    is_found(Mutation::ShuffledInbox);
}

#[test]
fn repetitions_that_do_not_say_so_are_found() {
    is_found(Mutation::NoDup);
}

#[test]
fn a_shard_that_sleeps_while_there_is_mail_is_found() {
    is_found(Mutation::Oversleeping);
}

#[track_caller]
fn is_found(mutation: Mutation) {
    let how = How { mutation: Some(mutation), ..IN_MEMORY };
    let found = (0..2_000).any(|seed| midge_sim::run(seed, how).is_err());
    assert!(found, "{mutation:?} goes unnoticed");
}
