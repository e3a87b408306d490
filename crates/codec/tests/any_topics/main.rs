//! A short run of what the fuzz target does for hours: filters and topics put together from what makes a difference.
//!
//! The same texts each time, so a failure here fails again.

mod match_any;

use match_any::match_any;

const PIECES: [&str; 15] =
    ["/", "/", "/", "+", "#", "a", "b", "ab", "$", "$SYS", "$share/g/", "$share/", "\u{0}", "é", " "];

#[test]
fn filters_and_topics() {
    let mut state = 1u64;
    let mut below = |bound: usize| {
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        (state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % bound
    };
    let mut valid = 0;
    for _ in 0..300_000 {
        let filter: String = (0..1 + below(7)).map(|_| PIECES[below(PIECES.len())]).collect();
        // Half of the topics are made from the filter, or few would match.
        let topic: String = match below(2) {
            0 => filter.replace("$share/g/", "").replace('+', "a").replace('#', PIECES[below(PIECES.len())]),
            _ => (0..1 + below(7)).map(|_| PIECES[below(PIECES.len())]).collect(),
        };
        valid += usize::from(match_any(format!("{filter}\n{topic}").as_bytes()));
    }
    assert!(valid > 30_000, "too few are valid to say anything: {valid}");
}
