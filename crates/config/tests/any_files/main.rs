//! A short run of what the fuzz target does for hours: a good configuration with lines and bytes changed.
//!
//! The same bytes each time, so a failure here fails again.

mod load_any;

use load_any::load_any;
use midge_choices::Random;
use midge_config::directives;

const GOOD: &str = "listener 1883 127.0.0.1\nallow_anonymous true\nmax_connections 10\nmount_point a/%c/\n\
                    listener 0 /tmp/socket\nprotocol mqtt\nsocket_domain ipv4\n\
                    log_dest stderr\nlog_type all\nmax_queued_messages 100\npersistent_client_expiration 2d\n\
                    connection bridge\naddress one:1883 two\ntopic # both 2 a/ b/\nclientid me\n\
                    include_dir conf.d\n\u{ff}# more\nmax_packet_size 1000\ninclude_dir conf.d\n";

#[test]
fn spoilt_configurations() {
    let names: Vec<&str> = directives().map(|directive| directive.name).collect();
    let mut random = Random::new(1);
    let mut right = 0;
    for _ in 0..10_000 {
        let mut bytes: Vec<u8> = GOOD.chars().map(|char| char as u8).collect();
        for _ in 0..random.below(4) {
            spoil(&mut bytes, &mut random, &names);
        }
        right += usize::from(load_any(&bytes));
    }
    // Few are: of what the good one says, some is not built yet, and it takes luck to spoil just that.
    assert!(right > 50, "too few are right to say anything: {right}");
}

fn spoil(bytes: &mut Vec<u8>, random: &mut Random, names: &[&str]) {
    if bytes.is_empty() {
        return;
    }
    let at = random.below(bytes.len());
    let line = bytes[..at].iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
    let end = bytes[at..].iter().position(|byte| *byte == b'\n').map_or(bytes.len(), |end| at + end + 1);
    match random.below(7) {
        0 => bytes[at] = random.below(256) as u8,
        1 => bytes.insert(at, *b" \t\n#\"0-"[..].get(random.below(8)).unwrap_or(&0)),
        2 => drop(bytes.drain(line..end)),
        3 => drop(bytes.remove(at)),
        4 => {
            let again = bytes[line..end].to_vec();
            let _ = bytes.splice(line..line, again);
        }
        5 => bytes.truncate(at.max(1)),
        _ => {
            let name = names[random.below(names.len())];
            let value = ["", " ", " 0", " 1", " -1", " true", " none", " 99999999999999999999", " a b c", " $SYS/#"];
            let added = format!("{name}{}\n", value[random.below(value.len())]);
            let _ = bytes.splice(line..line, added.into_bytes());
        }
    }
}
