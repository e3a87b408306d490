//! A short run of what the fuzz target does for hours: records made of bytes at random. The same bytes each time.

mod recover_any;

use midge_choices::Random;
use recover_any::recover_any;

#[test]
fn records_at_random() {
    let mut records = 0;
    for seed in 0..20_000 {
        let mut random = Random::new(seed);
        let mut data = Vec::new();
        for _ in 0..1 + random.below(6) {
            // Few bytes other than 0 make a record that is whole; the first of each says which it is.
            let content: Vec<u8> =
                (0..random.below(250)).map(|_| if random.one_in(6) { random.below(32) as u8 } else { 0 }).collect();
            data.extend([random.next() as u8, content.len() as u8 + 1, 1 + random.below(30) as u8]);
            data.extend(content);
        }
        let read = std::panic::catch_unwind(|| recover_any(&data));
        records += read.unwrap_or_else(|_| panic!("seed {seed}"));
    }
    assert!(records > 20_000, "too little is read to say anything: {records} records");
}
