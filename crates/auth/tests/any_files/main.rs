//! A short run of what the fuzz target does for hours: good files with lines and bytes changed.
//!
//! The same bytes each time, so a failure here fails again.

mod read_any;

use midge_choices::Random;
use read_any::{read_any, read_any_token};

const GOOD: &str = "topic read news/#\nuser ada\ntopic a/+/b\ntopic deny a/c\ntopic read $SYS/#\n# comment\nuser two words\n\
                    pattern write up/%c/#\npattern deny up/%u\n\
                    ada:$6$WpE/+o4MAJvybQDd$9rjfYGhZIkOUokYqJyQp7B2Z4DXOELsP1zbFQiSfQ9FcCLdhafkC2f/c9UI0V5QI9Jz3Z4+uOxbA9vH8JC2OwA==\n\
                    bob:$argon2id$v=19$m=64,t=2,p=2$c2FsdHNhbHQ$RT9QoYyo8aXaoVxOADlB9Av9aD5itFUiAOWA7vz7PA4\n";

#[test]
fn spoilt_files() {
    let mut random = Random::new(1);
    let mut right = 0;
    for _ in 0..20_000 {
        // Half of the files are lists without the lines of passwords, or hardly one would be right.
        let end = if random.below(2) == 0 { GOOD.find("ada:").unwrap_or(0) } else { GOOD.len() };
        let mut bytes = GOOD.as_bytes()[..end].to_vec();
        for _ in 0..random.below(4) {
            spoil(&mut bytes, &mut random);
        }
        right += usize::from(read_any(&bytes));
    }
    assert!(right > 2_000, "too few are right to say anything: {right}");
}

#[test]
fn spoilt_keys_and_tokens() {
    const PEM: &[u8] = include_bytes!("../../src/token/testdata/keys.pem");
    const SET: &[u8] = include_bytes!("../../src/token/testdata/keys.jwks");
    const TOKENS: &[u8] = include_bytes!("../../src/token/testdata/tokens");
    const GRANTS: &[u8] = br##"{"publish": ["up/%c"], "subscribe": ["down/#"], "expires_in": 60}"##;
    let mut random = Random::new(1);
    let mut right = 0;
    for _ in 0..2_000 {
        let mut bytes = [PEM, SET, TOKENS, GRANTS][random.below(4)].to_vec();
        for _ in 0..random.below(4) {
            spoil(&mut bytes, &mut random);
        }
        right += usize::from(read_any_token(&bytes));
    }
    assert!(right > 200, "too few are right to say anything: {right}");
}

fn spoil(bytes: &mut Vec<u8>, random: &mut Random) {
    const ADDED: [&str; 12] = [
        "\n",
        "#",
        "+",
        "/",
        "%c",
        "%u",
        ":",
        "$",
        "\0",
        "\ntopic deny #\n",
        "\nuser %c\n",
        "\npattern read %c/%u/#\n",
    ];
    let at = random.below(bytes.len().max(1)).min(bytes.len());
    match random.below(4) {
        0 => bytes.truncate(at),
        1 if at < bytes.len() => drop(bytes.remove(at)),
        2 if at < bytes.len() => bytes[at] = random.below(256) as u8,
        _ => drop(bytes.splice(at..at, ADDED[random.below(ADDED.len())].bytes())),
    }
}
