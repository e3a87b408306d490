//! A short run of what the fuzz target does for hours: good files with bytes changed.
//!
//! The same bytes each time, so a failure here fails again.

mod read_any;

use midge_choices::Random;
use read_any::read_any;

const FILES: [&[u8]; 4] = [
    VERSION_4,
    include_bytes!("../fixtures/v6-empty.db"),
    include_bytes!("../fixtures/v6-running.db"),
    include_bytes!("../fixtures/v6-ended.db"),
];

/// The configuration, a message, a client with that message in its queue, and a Subscription.
const VERSION_4: &[u8] = b"\0\xB5\0mosquitto db\0\0\0\0\0\0\0\x04\
    \0\x01\0\0\0\x0A\x01\x08\x07\0\0\0\0\0\0\0\
    \0\x02\0\0\0\x25\x07\0\0\0\0\0\0\0\0\x06source\0\x03ada\x07\x5B\0\x01\0\0\0\x01t\x01\0\0\0\0\x02hi\
    \0\x06\0\0\0\x0E\0\x02me\0\x01\0\0\0\0\0\0\0\0\
    \0\x03\0\0\0\x13\0\x02me\x07\0\0\0\0\0\0\0\0\x01\x01\0\x01\x0B\0\
    \0\x05\0\0\0\x08\0\x02me\0\x01#\x01";

#[test]
fn spoilt_files() {
    assert!(FILES.iter().all(|file| read_any(file)));
    let mut random = Random::new(1);
    let mut good = 0;
    for round in 0..10_000 {
        let mut file = FILES[round % FILES.len()].to_vec();
        for _ in 0..random.below(4) {
            spoil(&mut file, &mut random);
        }
        good += usize::from(read_any(&file));
    }
    assert!(good > 3000, "too few are good to say anything: {good}");
}

fn spoil(file: &mut Vec<u8>, random: &mut Random) {
    if file.is_empty() {
        return;
    }
    let at = random.below(file.len());
    match random.below(6) {
        0 => file[at] = random.below(256) as u8,
        1 => file[at] ^= 1 << random.below(8),
        2 => drop(file.remove(at)),
        3 => file.insert(at, random.below(256) as u8),
        4 => file.truncate(at),
        // The version: other rules for all that follows.
        _ => file.get_mut(22).into_iter().for_each(|version| *version = random.below(8) as u8),
    }
}
