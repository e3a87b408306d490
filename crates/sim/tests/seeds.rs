//! Worlds of all kinds, and those that once broke a promise.

#[test]
fn two_thousand_worlds_keep_every_promise() {
    (0..2_000).for_each(midge_sim::check);
}
