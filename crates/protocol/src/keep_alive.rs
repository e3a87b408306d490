//! Keep Alive: how long silence may last.

/// Milliseconds without a packet after which the Network Connection counts as failed: one and a half times the Keep
/// Alive in force `[MQTT-3.1.2-22]`. `None` when Keep Alive is 0 and silence may last for ever.
pub const fn keep_alive_limit_ms(keep_alive_s: u16) -> Option<u64> {
    match keep_alive_s {
        0 => None,
        seconds => Some(seconds as u64 * 1500),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_may_last_one_and_a_half_times_the_keep_alive() {
        assert_eq!(keep_alive_limit_ms(0), None);
        assert_eq!(keep_alive_limit_ms(1), Some(1_500));
        assert_eq!(keep_alive_limit_ms(u16::MAX), Some(98_302_500));
    }
}
