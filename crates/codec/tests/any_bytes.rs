//! A short run of what the fuzz target does for hours: bytes at random, and good packets with bytes changed.
//!
//! The same bytes each time, so a failure here fails again.

mod decode_any;
#[path = "table/notation.rs"]
mod notation;

use decode_any::decode_any;
use midge_choices::Random;

/// Packets to be spoilt, of every type and version, some of them in a row; in the notation of the table.
const SEEDS: [&str; 18] = [
    "10 [ ('MQTT') 04 02 003C ('c1') ]",
    "10 [ ('MQIsdp') 03 CE 003C ('c1') ('w') () ('u') ('p') ]",
    "10 [ ('MQTT') 05 EE 003C [ 11 0000000A 21 0005 26 ('k') () ] ('c1') [ 18 00000005 01 01 26 ('k') () ] \
     ('w/t') ('x') ('u') ('p') ]",
    "20 [ 01 00 ]",
    "20 [ 00 00 [ 21 0005 24 01 13 000A ] ]",
    "30 [ ('a/b') 'hi' ]",
    "3D [ ('a/b') 0007 [] 'payload' ] 40 [ 0007 ]",
    "34 [ ('a/b') 0007 [ 01 01 02 0000003C 23 0004 03 ('t') 09 (00) 26 ('k') ('v') ] 'x' ]",
    "30 [ ('a/b') [ 0B 01 0B 8001 01 01 ] 'hi' ]",
    "40 [ 0007 ] 50 [ 0007 ] 62 [ 0007 ] 70 [ 0007 ]",
    "40 [ 0007 87 [ 1F ('not') ] ]",
    "82 [ 000A ('a/+/#') 01 ]",
    "82 [ 000A [ 0B 01 ] ('$share/g/a') 01 ('#') 2C ]",
    "82 [ 000A ('a') 02 ] A2 [ 000A ('a') ]",
    "90 [ 000A [] 01 87 ] B0 [ 000A [] 00 11 ]",
    "C0 [] D0 [] E0 []",
    "E0 [ 8E [ 11 0000000A 1F ('bye') ] ]",
    "F0 [ 18 [ 15 ('m') 16 ('x') ] ]",
];

#[test]
fn random_bytes() {
    let mut random = Random::new(1);
    for _ in 0..200_000 {
        let len = random.below(64);
        let mut bytes: Vec<u8> = (0..len).map(|_| random.below(256) as u8).collect();
        // A true Remaining Length, or next to nothing would get past the fixed header.
        if bytes.len() >= 2 {
            bytes[1] = (bytes.len() - 2) as u8;
        }
        decode_any(&bytes);
    }
}

#[test]
fn spoilt_packets() {
    let mut random = Random::new(2);
    let mut packets = 0;
    for round in 0..200_000 {
        let mut bytes = notation::bytes(SEEDS[round % SEEDS.len()]);
        for _ in 0..1 + random.below(4) {
            spoil(&mut bytes, &mut random);
        }
        packets += decode_any(&bytes);
    }
    assert!(packets > 100_000, "too few are still packets to say anything: {packets}");
}

#[test]
fn every_seed_is_a_packet() {
    for seed in SEEDS {
        assert!(decode_any(&notation::bytes(seed)) > 0, "{seed}");
    }
}

fn spoil(bytes: &mut Vec<u8>, random: &mut Random) {
    if bytes.is_empty() {
        return;
    }
    let at = random.below(bytes.len());
    match random.below(6) {
        0 => bytes[at] = random.below(256) as u8,
        1 => bytes[at] ^= 1 << random.below(8),
        2 => bytes[at] = *b"\x00\x01\x7f\x80\xff+#/$".get(random.below(9)).unwrap_or(&0),
        3 => bytes.insert(at, random.below(256) as u8),
        4 => drop(bytes.remove(at)),
        // A Remaining Length that fits again.
        _ if bytes.len() >= 2 && bytes.len() < 130 => bytes[1] = (bytes.len() - 2) as u8,
        _ => bytes.truncate(at),
    }
}
