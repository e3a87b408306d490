//! Any bytes as a log: a short run of what `cargo xtask fuzz segments` does for longer.

mod inspect_any;
mod open_any;

use inspect_any::inspect_any;
use open_any::open_any;
use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_over_a_good_log(data in prop::collection::vec(any::<u8>(), 0..60)) {
        open_any(&data);
    }

    #[test]
    fn any_bytes_as_a_segment(file in 0..4_u8, data in prop::collection::vec(any::<u8>(), 0..5000)) {
        open_any(&[&[file * 4][..], &data].concat());
    }

    #[test]
    fn a_log_with_any_bits_turned_over_can_be_looked_at(flips in prop::collection::vec(any::<(u8, u16, u8)>(), 0..6)) {
        inspect_any(&flips);
    }
}

#[test]
fn a_log_that_is_left_alone_keeps_all_batches() {
    assert_eq!(open_any(&[1]), 30);
}
