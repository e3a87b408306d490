//! A short run of what the fuzz target does for hours: histories of a Client with a server made of bytes at random.
//!
//! The same bytes each time, so a failure here fails again.

mod play_any;

use midge_choices::Random;
use play_any::play_any;

#[test]
fn histories_at_random() {
    let mut packets = 0;
    for seed in 0..HISTORIES {
        let mut random = Random::new(seed);
        let length = 20 + random.below(600);
        let data: Vec<u8> = (0..length).map(|_| random.next() as u8).collect();
        let played = std::panic::catch_unwind(|| play_any(&data));
        packets += played.unwrap_or_else(|_| panic!("seed {seed}"));
    }
    assert!(packets > 10 * HISTORIES as usize, "too little happens to say anything: {packets} packets");
}

const HISTORIES: u64 = 10_000;
