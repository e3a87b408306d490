//! A short run of what the fuzz targets do for hours: bytes at random, and good ones with bytes changed.
//!
//! The same bytes each time, so a failure here fails again.

mod proxy_protocol_any;
mod websocket_any;

use midge_choices::Random;
use proxy_protocol_any::proxy_protocol_any;
use websocket_any::websocket_any;

/// Good bytes to be spoilt; the first one of each only says where to cut.
const WEBSOCKET: [&[u8]; 5] = [
    b"\x08\x82\x85\0\0\0\0hello\x89\x82abcdhi\x02\x81\0\0\0\0a\x80\x81\0\0\0\0b\x88\x82\0\0\0\0\x03\xE8",
    b"\x05\x82\xFE\x00\x03\x01\x02\x03\x04abc\x82\xFF\0\0\0\0\0\0\0\x02\x01\x02\x03\x04ab\x88\x80\0\0\0\0",
    b"\x20GET /mqtt HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
      Sec-WebSocket-Key: 1JaITHdgDZVd/4OE2AzTTA==\r\nSec-WebSocket-Protocol: mqtt\r\nSec-WebSocket-Version: 13\r\n\r\n",
    b"\x30GET /a/%2e%41/../x?y HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 192.0.2.5, [::1]:80\r\nOrigin: null\r\n\r\n",
    b"\x01HEAD //a/b HTTP/1.0\r\n\r\n",
];
const PROXY_PROTOCOL: [&[u8]; 5] = [
    b"PROXY TCP4 192.0.2.5 127.0.0.1 6275 1234\r\n\x10\x0c",
    b"PROXY TCP6 2001:db8::1 ::1 6275 1234\r\n",
    b"PROXY UNKNOWN\r\n",
    b"\r\n\r\n\0\r\nQUIT\n\x21\x11\x00\x2A\xC0\x00\x02\x05\0\0\0\0\x18\x83\0\0\x20\x00\x14\x05\0\0\0\0\x21\x00\x03TLS\
      \x22\x00\x06common\x04\x00\x04noop",
    b"\r\n\r\n\0\r\nQUIT\n\x20\x00\x00\x00",
];

#[test]
fn random_bytes() {
    let mut random = Random::new(1);
    for _ in 0..100_000 {
        let bytes: Vec<u8> = (0..random.below(64)).map(|_| random.below(256) as u8).collect();
        websocket_any(&bytes);
        proxy_protocol_any(&bytes);
    }
}

#[test]
fn spoilt_websocket() {
    let meant = spoil_all(&WEBSOCKET, websocket_any);
    assert!(meant > 100_000, "too little is still good to say anything: {meant}");
}

#[test]
fn spoilt_proxy_protocol() {
    let meant = spoil_all(&PROXY_PROTOCOL, proxy_protocol_any);
    assert!(meant > 5_000, "too little is still good to say anything: {meant}");
}

#[test]
fn every_seed_means_something() {
    assert!(WEBSOCKET.iter().all(|seed| websocket_any(seed) > 0));
    assert!(PROXY_PROTOCOL.iter().all(|seed| proxy_protocol_any(seed) > 0));
}

fn spoil_all(seeds: &[&[u8]], any: fn(&[u8]) -> usize) -> usize {
    let mut random = Random::new(2);
    let mut meant = 0;
    for round in 0..100_000 {
        let mut bytes = seeds[round % seeds.len()].to_vec();
        for _ in 0..1 + random.below(4) {
            spoil(&mut bytes, &mut random);
        }
        meant += any(&bytes);
    }
    meant
}

fn spoil(bytes: &mut Vec<u8>, random: &mut Random) {
    if bytes.is_empty() {
        return;
    }
    let at = random.below(bytes.len());
    match random.below(6) {
        0 => bytes[at] = random.below(256) as u8,
        1 => bytes[at] ^= 1 << random.below(8),
        2 => bytes[at] = *b"\x00\x7e\x7f\x80\xfe\xff /%.:\r\n".get(random.below(13)).unwrap_or(&0),
        3 => bytes.insert(at, random.below(256) as u8),
        4 => drop(bytes.remove(at)),
        _ => bytes.truncate(at),
    }
}
