//! What must hold for any bytes as a PROXY header; run by the test beside this and by the fuzz target.

use midge_net::proxy_protocol::{Version, decode};

/// Reads `data` in both versions. Nothing may panic, and a header is one only with all of its bytes. Returns how many
/// versions it was a header of.
pub(crate) fn proxy_protocol_any(data: &[u8]) -> usize {
    let versions = [Version::One, Version::Two { length_max: 300 }, Version::Two { length_max: u16::MAX }];
    versions.into_iter().filter(|version| check(*version, data)).count()
}

fn check(version: Version, data: &[u8]) -> bool {
    match decode(version, data) {
        Ok(None) => false,
        Ok(Some(header)) => {
            assert!(header.length <= data.len());
            let alone = &data[..header.length];
            assert_eq!(decode(version, alone), Ok(Some(header)));
            for cut in (0..alone.len()).rev().take(20) {
                assert_eq!(decode(version, &alone[..cut]), Ok(None), "cut to {cut}: {alone:02x?}");
            }
            if let Some(address) = header.source.address() {
                assert!(!address.to_string().is_empty());
            }
            true
        }
        Err(error) => {
            assert!(!error.cause.is_empty());
            false
        }
    }
}
